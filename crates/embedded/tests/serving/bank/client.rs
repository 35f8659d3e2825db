//! Workers that carry out transfers.

use std::iter::Sum;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use super::transfer::{Kind, Transfer};
use super::{ACCOUNTS, account};
use crate::raw::Raw;

/// How the transfers of a worker ended.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Outcome {
    pub(crate) committed: u64,
    /// Conflicts with other transfers.
    pub(crate) given_up: u64,
}

impl Sum for Outcome {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, one| Self {
            committed: sum.committed + one.committed,
            given_up: sum.given_up + one.given_up,
        })
    }
}

/// Takes transfers from the heap until it is empty.
pub(crate) async fn work(raw: Arc<Raw>, seed: u64, left: Arc<AtomicU64>) -> Outcome {
    let mut chance = StdRng::seed_from_u64(seed);
    let mut outcome = Outcome::default();
    let take = |left: u64| left.checked_sub(1);
    while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok() {
        let from = chance.random_range(0..ACCOUNTS);
        let to = (from + chance.random_range(1..ACCOUNTS)) % ACCOUNTS;
        let kind = Kind::ALL[chance.random_range(0..Kind::ALL.len())];
        let transfer = Transfer {
            raw: &raw,
            from: account(from),
            to: account(to),
            amount: chance.random_range(1..50),
            start: raw.timestamp().await,
            kind,
        };
        match transfer.run().await {
            Some(()) => outcome.committed += 1,
            None => outcome.given_up += 1,
        }
    }
    outcome
}
