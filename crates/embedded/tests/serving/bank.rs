//! A bank: transfers between accounts from many sides at once, through clients that know only the protocol,
//! while everything goes wrong. At every timestamp the accounts hold the same sum.

mod client;
mod transfer;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use futures::future::join_all;
use tifusion_client::Client;
use tifusion_client::snapshot::{ScanOptions, SnapshotOptions};
use tifusion_embedded::{
    Effect, EmbeddedCluster, Fault, LeftLock, RegionErrorKind, Rpc, TopologyError, When,
};

use crate::raw::Raw;
use crate::rows::connect;
use client::Outcome;

const ACCOUNTS: u64 = 48;
const START: u64 = 1000;
const WORKERS: u64 = 8;

fn account(number: u64) -> Vec<u8> {
    format!("account{number:02}").into_bytes()
}

/// The sum over all accounts at one timestamp, and how many there are.
async fn audit(client: &Client) -> (u64, usize) {
    let ts = client.timestamp().await.unwrap();
    let snapshot = client.snapshot(ts, SnapshotOptions::default());
    let scan = snapshot.scan(b"account", b"accounu", ScanOptions::default());
    let pairs = scan.collect().await.unwrap();
    let amount = |value: &[u8]| u64::from_be_bytes(value.try_into().unwrap());
    (pairs.iter().map(|pair| amount(&pair.value)).sum(), pairs.len())
}

/// What goes wrong with the transfers: each of them now and then.
fn disturb(cluster: &EmbeddedCluster) {
    let all = || Rpc::WRITES.into_iter().chain(Rpc::RESOLVING).chain([Rpc::Get]);
    let often = [
        RegionErrorKind::NotLeader,
        RegionErrorKind::EpochNotMatch,
        RegionErrorKind::ServerIsBusy,
        RegionErrorKind::StaleCommand,
        RegionErrorKind::MaxTimestampNotSynced,
        RegionErrorKind::UndeterminedResult,
        RegionErrorKind::RegionNotFound,
    ];
    for kind in often {
        let fault = Fault::new(Effect::RegionError(kind)).on(all());
        cluster.faults().add(fault.when(When::Probability(0.005)));
    }
    for (effect, chance) in [
        (Effect::DropBefore, 0.004),
        (Effect::DropAfter, 0.008),
        (Effect::Delay(Duration::from_millis(3)), 0.02),
        (Effect::SplitRegion, 0.004),
        (Effect::MergeRegion, 0.004),
        (Effect::TransferLeader, 0.01),
    ] {
        cluster.faults().add(Fault::new(effect).on(all()).when(When::Probability(chance)));
    }
    for lock in [
        LeftLock::Expired,
        LeftLock::Alive(Duration::from_millis(5)),
        LeftLock::Committed,
        LeftLock::AsyncCommitted,
        LeftLock::Pessimistic,
    ] {
        let fault = Fault::new(Effect::LeaveLock(lock)).on([Rpc::Get, Rpc::Prewrite]);
        cluster.faults().add(fault.when(When::Probability(0.01)));
    }
}

/// Stores die and come back, one at a time, until the work is done.
async fn kill_and_revive(
    cluster: &EmbeddedCluster,
    done: &AtomicBool,
) -> Result<u64, TopologyError> {
    let mut deaths = 0;
    while !done.load(Ordering::Relaxed) {
        let store = deaths % 4 + 1;
        tokio::time::sleep(Duration::from_millis(150)).await;
        cluster.kill_store(store).await?;
        tokio::time::sleep(Duration::from_millis(30)).await;
        cluster.revive_store(store).await?;
        deaths += 1;
    }
    Ok(deaths)
}

/// Reads the sum again and again while the transfers run.
async fn watch(client: &Client, done: &AtomicBool) -> u64 {
    let mut audits = 0;
    while !done.load(Ordering::Relaxed) {
        assert_eq!(audit(client).await, (ACCOUNTS * START, ACCOUNTS as usize));
        audits += 1;
    }
    audits
}

async fn run(transfers: u64, seed: u64, faults: bool) {
    let mut cluster = EmbeddedCluster::builder().seed(seed);
    if faults {
        cluster = cluster.stores(4).churn(Duration::from_millis(40));
    }
    let cluster = cluster.start().await.unwrap();
    let raw = Raw::new(&cluster);
    let accounts: Vec<_> =
        (0..ACCOUNTS).map(|it| (account(it), START.to_be_bytes().to_vec())).collect();
    raw.put_all(&accounts).await;
    cluster.split_at(&[account(12), account(24), account(36)]).unwrap();
    cluster.scatter();
    let client = connect(&cluster).await;
    if faults {
        disturb(&cluster);
    }
    let (done, left) = (AtomicBool::new(false), Arc::new(AtomicU64::new(transfers)));
    let workers = (0..WORKERS).map(|worker| {
        let (raw, left) = (Arc::clone(&raw), Arc::clone(&left));
        tokio::spawn(client::work(raw, seed * 100 + worker, left))
    });
    let work = async {
        let mut told = Vec::new();
        for outcome in join_all(workers).await {
            told.push(outcome.unwrap());
        }
        done.store(true, Ordering::Relaxed);
        told.into_iter().sum::<Outcome>()
    };
    let deaths = async { if faults { kill_and_revive(&cluster, &done).await.unwrap() } else { 0 } };
    let (outcome, audits, deaths) = tokio::join!(work, watch(&client, &done), deaths);
    cluster.faults().clear();
    assert_eq!(audit(&client).await, (ACCOUNTS * START, ACCOUNTS as usize));
    assert_eq!(outcome.committed + outcome.given_up, transfers);
    assert!(outcome.committed > transfers / 4, "{outcome:?}");
    assert!(audits > 0 && (deaths > 0 || !faults), "{audits} audits, {deaths} deaths");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sum_is_right_on_a_calm_cluster() {
    tokio::time::timeout(Duration::from_secs(120), run(400, 1, false)).await.unwrap();
}

/// How many transfers; a long run sets `TIFUSION_BANK_TRANSFERS`.
fn transfers() -> u64 {
    let told = std::env::var("TIFUSION_BANK_TRANSFERS").ok();
    told.and_then(|told| told.parse().ok()).unwrap_or(1200)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sum_is_right_while_everything_goes_wrong() {
    let limit = Duration::from_secs(120 + transfers() / 10);
    tokio::time::timeout(limit, run(transfers(), 2, true)).await.unwrap();
}
