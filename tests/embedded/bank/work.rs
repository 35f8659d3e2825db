//! Clients that carry out transfers, each with a memory of what it was told.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tifusion_client::{Client, ClientOptions};
use tifusion_embedded::EmbeddedCluster;
use tokio::sync::watch;

use super::locks::Locks;
use super::table::{ACCOUNTS, BankTable, Move, PER_PARTITION};
use super::txn::{Kind, Life, Txn, Verdict};
use super::wire::Wire;
use crate::raw::Raw;

/// Of so many transfers one has a client that dies.
const DEATHS: u32 = 40;

/// A transfer and what its client was told of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Transfer {
    /// Its number, from 1.
    pub(crate) seq: i64,
    pub(crate) moved: Move,
    pub(crate) kind: Kind,
    pub(crate) died: bool,
    pub(crate) verdict: Verdict,
}

/// What clients and readers share.
#[derive(Debug)]
pub(crate) struct Bank {
    pub(crate) table: BankTable,
    raw: Arc<Raw>,
    wire: Wire,
    client: Client,
    next: AtomicI64,
    /// Whether transfers leave rows that tell of them.
    keeps_book: bool,
    /// Transfers that are committed.
    committed: watch::Sender<u64>,
}

impl Bank {
    pub(crate) async fn open(cluster: &EmbeddedCluster, keeps_book: bool) -> Arc<Self> {
        let raw = Raw::new(cluster);
        Arc::new(Self {
            table: BankTable::make(cluster).await,
            wire: Wire::new(&raw),
            raw,
            client: Client::connect(ClientOptions::new(cluster.pd_addresses())).await.unwrap(),
            next: AtomicI64::new(1),
            keeps_book,
            committed: watch::Sender::new(0),
        })
    }

    /// How many transfers are committed, as it grows.
    pub(crate) fn progress(&self) -> watch::Receiver<u64> {
        self.committed.subscribe()
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    pub(crate) fn raw(&self) -> &Raw {
        &self.raw
    }

    /// Looks after locks on behalf of a transaction that began then.
    pub(crate) fn locks(&self, caller: u64) -> Locks<'_> {
        Locks { raw: &self.raw, client: &self.client, caller }
    }

    /// Transfers until `enough` says so; each with what came of it.
    pub(crate) async fn work(
        self: Arc<Self>,
        seed: u64,
        enough: impl Fn(u64) -> bool,
    ) -> Vec<Transfer> {
        let mut chance = StdRng::seed_from_u64(seed);
        let mut told = Vec::new();
        while !enough(*self.committed.borrow()) {
            let transfer = self.transfer(&mut chance).await;
            if transfer.verdict == Verdict::Committed {
                self.committed.send_modify(|committed| *committed += 1);
            }
            told.push(transfer);
        }
        told
    }

    async fn transfer(&self, chance: &mut StdRng) -> Transfer {
        let kind = Kind::ALL[chance.random_range(0..Kind::ALL.len())];
        let from = chance.random_range(0..ACCOUNTS);
        // One phase needs both in one region.
        let (first, count) = match kind {
            Kind::OnePhase => (from / PER_PARTITION * PER_PARTITION, PER_PARTITION),
            _ => (0, ACCOUNTS),
        };
        let to = first + (from - first + chance.random_range(1..count)) % count;
        let wanted = Move { from, to, amount: chance.random_range(1..50) };
        let seq = self.next.fetch_add(1, Ordering::Relaxed);
        let died = chance.random_ratio(1, DEATHS);
        let life = match died {
            true => Life::of(chance.random_range(0..8), chance.random()),
            false => Life::long(),
        };
        let (moved, verdict) = self.try_transfer(seq, wanted, kind, life).await;
        Transfer { seq, moved, kind, died, verdict }
    }

    async fn try_transfer(
        &self,
        seq: i64,
        wanted: Move,
        kind: Kind,
        life: Life,
    ) -> (Move, Verdict) {
        let start = self.client.timestamp().await.unwrap().version();
        let txn = Txn { raw: &self.raw, wire: &self.wire, client: &self.client, kind, start, life };
        let rows = [wanted.from, wanted.to].map(|account| self.table.account(account, 0).key);
        if !txn.begin(&rows).await {
            return (wanted, Verdict::Aborted);
        }
        let (from, to) = tokio::join!(txn.read(&rows[0]), txn.read(&rows[1]));
        let (Some(from), Some(to)) = (from, to) else { return (wanted, Verdict::Aborted) };
        let (from, to) = (self.table.balance(&from), self.table.balance(&to));
        let moved = Move { amount: wanted.amount.min(from), ..wanted };
        if moved.amount == 0 {
            txn.give_up(&rows).await;
            return (moved, Verdict::Aborted);
        }
        let seq = self.keeps_book.then_some(seq);
        let mutations = self.table.mutations(moved, (from, to), seq);
        (moved, txn.commit(&mutations, &rows).await)
    }
}
