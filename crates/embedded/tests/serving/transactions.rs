//! Transactions of `tifusion-client`: a bank under faults, what is held back and split for them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::future::join_all;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tifusion_client::gc_hold::KeepTime;
use tifusion_client::snapshot::{ScanOptions, SnapshotOptions};
use tifusion_client::split::SplitOptions;
use tifusion_client::txn::{Mutation, NoGuard, TxnBudgets, TxnError, TxnOptions};
use tifusion_client::{Client, ErrorKind, Timestamp};
use tifusion_embedded::{Effect, EmbeddedCluster, Fault, RegionErrorKind, Rpc, When};
use tifusion_proto::pdpb;

use crate::raw::Raw;
use crate::rows::connect;

const ACCOUNTS: u64 = 24;
const EACH: i64 = 100;

fn env(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |value| value.parse().expect("a number"))
}

fn account(number: u64) -> Vec<u8> {
    format!("account{number:02}").into_bytes()
}

fn balance(value: &[u8]) -> i64 {
    i64::from_le_bytes(value.try_into().expect("eight bytes"))
}

/// What became of a transfer, as its client was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Committed(Timestamp),
    NotCommitted,
    Unknown,
}

/// One transfer: its entry in the book, and what its client was told.
#[derive(Debug)]
struct Transfer {
    entry: Vec<u8>,
    told: Told,
}

fn options(chance: &mut StdRng, start_ts: Timestamp) -> TxnOptions {
    TxnOptions {
        start_ts: Some(start_ts),
        label: Some("bank".into()),
        lock_ttl: Duration::from_secs(3),
        // By ranges, by keys.
        max_keys: if chance.random_bool(0.4) { 1 } else { 1_000 },
        batch_bytes: if chance.random_bool(0.3) { 1 } else { 4_096 },
        commit_secondaries_behind: chance.random_bool(0.2),
        budgets: TxnBudgets {
            prewrite: Duration::from_secs(15),
            commit: Duration::from_secs(5),
            settle: Duration::from_secs(5),
            ..TxnBudgets::default()
        },
        ..TxnOptions::default()
    }
}

/// Moves money between two to four accounts and makes an entry in the book about it.
async fn transfer(client: &Client, chance: &mut StdRng, entry: &[u8]) -> Result<Told, TxnError> {
    let start_ts = client.timestamp().await?;
    let mut moves: BTreeMap<u64, i64> = BTreeMap::new();
    for _ in 0..chance.random_range(1..=2) {
        let amount = chance.random_range(1..=9);
        *moves.entry(chance.random_range(0..ACCOUNTS)).or_default() -= amount;
        *moves.entry(chance.random_range(0..ACCOUNTS)).or_default() += amount;
    }
    let keys: Vec<_> = moves.keys().map(|number| account(*number)).collect();
    let snapshot = client.snapshot(start_ts, SnapshotOptions::default());
    let found: BTreeMap<Vec<u8>, i64> = snapshot
        .batch_get(keys)
        .await?
        .into_iter()
        .map(|pair| (pair.key, balance(&pair.value)))
        .collect();
    let mut mutations: Vec<Mutation> = moves
        .iter()
        .map(|(number, change)| {
            let key = account(*number);
            let value = found[&key] + change;
            Mutation::put(key, value.to_le_bytes().to_vec())
        })
        .collect();
    let text = moves.iter().map(|(number, change)| format!("{number}:{change} "));
    mutations.push(Mutation::insert(entry.to_vec(), text.collect::<String>().into_bytes()));
    let mut txn = client.begin(options(chance, start_ts)).await?;
    // In one call or in several, the primary any of them.
    let first = chance.random_range(0..mutations.len());
    mutations.swap(0, first);
    let later = mutations.split_off(chance.random_range(1..=mutations.len()));
    txn.prewrite(mutations).await?;
    txn.prewrite(later).await?;
    match chance.random_range(0..20) {
        0 => {
            drop(txn);
            Ok(Told::NotCommitted)
        }
        1 => {
            txn.rollback().await?;
            Ok(Told::NotCommitted)
        }
        2 => {
            let patience = Duration::from_micros(chance.random_range(0..4_000));
            match tokio::time::timeout(patience, txn.commit(&NoGuard)).await {
                Ok(result) => Ok(Told::Committed(result?.commit_ts)),
                // Its caller went away.
                Err(_) => Ok(Told::Unknown),
            }
        }
        _ => Ok(Told::Committed(txn.commit(&NoGuard).await?.commit_ts)),
    }
}

async fn work(client: Client, name: u64, seed: u64, count: u64) -> Vec<Transfer> {
    let mut chance = StdRng::seed_from_u64(seed);
    let mut told = Vec::new();
    for number in 0..count {
        let entry = format!("book{name:02}-{number:05}").into_bytes();
        let result = transfer(&client, &mut chance, &entry).await;
        told.push(Transfer {
            told: match result {
                Ok(told) => told,
                Err(TxnError::Undetermined { .. }) => Told::Unknown,
                Err(error) => {
                    assert_ne!(error.kind(), ErrorKind::Protocol, "{error}");
                    assert_ne!(error.kind(), ErrorKind::InvalidInput, "{error}");
                    Told::NotCommitted
                }
            },
            entry,
        });
    }
    told
}

/// The sum at a snapshot of now, when it can be read.
async fn sum(client: &Client) -> tifusion_client::Result<i64> {
    let ts = client.timestamp().await?;
    let snapshot = client.snapshot(ts, SnapshotOptions::default());
    let pairs = snapshot.batch_get((0..ACCOUNTS).map(account).collect()).await?;
    assert_eq!(pairs.len() as u64, ACCOUNTS);
    Ok(pairs.iter().map(|pair| balance(&pair.value)).sum())
}

async fn audit(client: Client, stop: Arc<AtomicBool>) -> usize {
    let mut audits = 0;
    while !stop.load(Ordering::Relaxed) {
        if let Ok(sum) = sum(&client).await {
            assert_eq!(sum, ACCOUNTS as i64 * EACH);
            audits += 1;
        }
    }
    audits
}

/// Everything that can go wrong with a call, now and then.
fn add_faults(cluster: &EmbeddedCluster) {
    let writes = Rpc::WRITES.into_iter().chain(Rpc::RESOLVING);
    let calls: Vec<Rpc> = writes.chain([Rpc::Get, Rpc::BatchGet]).collect();
    let mut effects = vec![
        (Effect::DropBefore, 0.02),
        (Effect::DropAfter, 0.04),
        (Effect::Twice, 0.02),
        (Effect::SplitRegion, 0.01),
        (Effect::MergeRegion, 0.01),
        (Effect::TransferLeader, 0.02),
        (Effect::Delay(Duration::from_millis(3)), 0.05),
    ];
    let passing = [
        RegionErrorKind::UndeterminedResult,
        RegionErrorKind::StaleCommand,
        RegionErrorKind::RegionNotFound,
        RegionErrorKind::EpochNotMatch,
        RegionErrorKind::NotLeader,
        RegionErrorKind::KeyNotInRegion,
        RegionErrorKind::MaxTimestampNotSynced,
        RegionErrorKind::ProposalInMergingMode,
        RegionErrorKind::Other,
    ];
    effects.extend(passing.map(|kind| (Effect::RegionError(kind), 0.005)));
    for (effect, chance) in effects {
        let when = When::Probability(chance);
        cluster.faults().add(Fault::new(effect).on(calls.iter().copied()).when(when));
    }
}

/// Stores die and come back, PD hangs, leaders move, until it is stopped.
async fn disturb(cluster: &EmbeddedCluster, seed: u64, stop: &AtomicBool) {
    let mut chance = StdRng::seed_from_u64(seed);
    while !stop.load(Ordering::Relaxed) {
        tokio::time::sleep(Duration::from_millis(chance.random_range(20..200))).await;
        let rest = Duration::from_millis(chance.random_range(10..300));
        match chance.random_range(0..4) {
            0 => {
                let store = chance.random_range(1..=3);
                cluster.kill_store(store).await.unwrap();
                tokio::time::sleep(rest).await;
                cluster.revive_store(store).await.unwrap();
            }
            1 => {
                cluster.kill_pd().await;
                tokio::time::sleep(rest / 2).await;
                cluster.revive_pd().await;
            }
            2 => {
                cluster.freeze_pd();
                tokio::time::sleep(rest).await;
                cluster.thaw_pd();
            }
            _ => cluster.scatter(),
        }
    }
}

/// All of a prefix as it is now.
async fn scan(client: &Client, prefix: &str) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let ts = client.timestamp().await.unwrap();
    let snapshot = client.snapshot(ts, SnapshotOptions::default());
    let end = format!("{prefix}~").into_bytes();
    let pairs = snapshot.scan(prefix.as_bytes(), &end, ScanOptions::default()).collect().await;
    pairs.unwrap().into_iter().map(|pair| (pair.key, pair.value.to_vec())).collect()
}

/// The book and the accounts agree with each other, and with what the clients were told.
async fn check_books(client: &Client, transfers: &[Transfer]) {
    let book = scan(client, "book").await;
    for transfer in transfers {
        let name = String::from_utf8_lossy(&transfer.entry);
        match transfer.told {
            Told::Committed(_) => assert!(book.contains_key(&transfer.entry), "{name} is lost"),
            Told::NotCommitted => assert!(!book.contains_key(&transfer.entry), "{name} is there"),
            Told::Unknown => {}
        }
    }
    let mut expected: BTreeMap<u64, i64> = (0..ACCOUNTS).map(|number| (number, EACH)).collect();
    for entry in book.values() {
        for part in std::str::from_utf8(entry).unwrap().split_whitespace() {
            let (number, change) = part.split_once(':').unwrap();
            *expected.get_mut(&number.parse().unwrap()).unwrap() += change.parse::<i64>().unwrap();
        }
    }
    let accounts = scan(client, "account").await;
    let found: Vec<i64> = accounts.values().map(|value| balance(value)).collect();
    assert_eq!(found, expected.into_values().collect::<Vec<_>>());
}

async fn open(cluster: &EmbeddedCluster) -> Client {
    let client = connect(cluster).await;
    cluster.split_at(&["account08", "account16", "book", "book02"]).unwrap();
    cluster.scatter();
    let mut txn = client.begin(TxnOptions::default()).await.unwrap();
    let put = |number| Mutation::insert(account(number), EACH.to_le_bytes().to_vec());
    txn.prewrite((0..ACCOUNTS).map(put).collect()).await.unwrap();
    txn.commit(&NoGuard).await.unwrap();
    client
}

async fn run(seed: u64, clients: u64, transfers: u64) -> BTreeMap<&'static str, usize> {
    let cluster = Arc::new(EmbeddedCluster::builder().seed(seed).start().await.unwrap());
    let client = open(&cluster).await;
    add_faults(&cluster);
    let stop = Arc::new(AtomicBool::new(false));
    let auditor = tokio::spawn(audit(connect(&cluster).await, Arc::clone(&stop)));
    let disturber = tokio::spawn({
        let (cluster, stop) = (Arc::clone(&cluster), Arc::clone(&stop));
        async move { disturb(&cluster, seed, &stop).await }
    });
    let mut workers = Vec::new();
    let mut others = Vec::new();
    for name in 0..clients {
        // Each with a view of its own.
        let other = connect(&cluster).await;
        others.push(other.clone());
        let seed = seed * 100 + name;
        let work = work(other, name, seed, transfers / clients);
        workers.push(tokio::spawn(work));
    }
    let told: Vec<Transfer> =
        join_all(workers).await.into_iter().flat_map(Result::unwrap).collect();
    stop.store(true, Ordering::Relaxed);
    disturber.await.unwrap();
    cluster.faults().clear();
    let audits = auditor.await.unwrap();
    for other in &others {
        other.idle().await;
    }
    check_books(&client, &told).await;
    client.idle().await;
    assert_eq!(sum(&client).await.unwrap(), ACCOUNTS as i64 * EACH);
    let violations = cluster.verify().await.unwrap();
    assert!(violations.is_empty(), "{violations:?}");
    let mut ends = BTreeMap::from([("audits", audits)]);
    for transfer in told {
        *ends
            .entry(match transfer.told {
                Told::Committed(_) => "committed",
                Told::NotCommitted => "not committed",
                Told::Unknown => "unknown",
            })
            .or_default() += 1;
    }
    ends
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn money_is_neither_made_nor_lost_whatever_goes_wrong() {
    let seed = env("TIFUSION_BANK_SEED", 1);
    let transfers = env("TIFUSION_BANK_TRANSFERS", 240);
    println!("TIFUSION_BANK_SEED={seed} TIFUSION_BANK_TRANSFERS={transfers}");
    let patience = Duration::from_secs(600);
    let ends = tokio::time::timeout(patience, run(seed, 6, transfers)).await.expect("no end");
    println!("{ends:?}");
    assert!(ends["committed"] as u64 > transfers / 10, "{ends:?}");
    assert!(ends["audits"] > 0);
}

#[tokio::test]
async fn a_large_transaction_is_committed_by_regions() {
    let cluster = EmbeddedCluster::builder().seed(3).start().await.unwrap();
    let client = connect(&cluster).await;
    let key = |row: u32| format!("row{row:06}").into_bytes();
    let borders = (1..8).map(|at| key(at * 2_500)).collect();
    let options = SplitOptions {
        scatter_group: Some("row".to_owned()),
        wait: Duration::from_secs(5),
        ..SplitOptions::default()
    };
    let split = client.split_and_scatter(borders, &options).await.unwrap();
    assert_eq!((split.regions.len(), split.scattered), (7, 100));
    assert!(split.scatter_error.is_none());
    assert_eq!(cluster.regions().len(), 8);
    let options = TxnOptions { max_keys: 1_000, ..TxnOptions::default() };
    let mut txn = client.begin(options).await.unwrap();
    let split = Fault::new(Effect::SplitRegion).on([Rpc::ResolveLock]).when(When::Every(3));
    cluster.faults().add(split);
    for batch in 0..10 {
        // The client finds out by epochs that do not match.
        cluster.split_at(&[key(batch * 1_900 + 777)]).unwrap();
        let rows = (0..2_000).map(|at| at * 10 + batch);
        txn.prewrite(rows.map(|row| Mutation::put(key(row), b"value".to_vec())).collect())
            .await
            .unwrap();
    }
    let progress = Arc::clone(txn.progress());
    txn.commit(&NoGuard).await.unwrap();
    assert_eq!(progress.keys_committed(), 20_000);
    assert_eq!(cluster.faults().calls(Rpc::Commit), 1);
    assert!(cluster.regions().len() > 18, "{}", cluster.regions().len());
    assert_eq!(scan(&client, "row").await.len(), 20_000);
    assert!(cluster.verify().await.unwrap().is_empty());
}

async fn barriers(raw: &Raw) -> Vec<u64> {
    let request = pdpb::GetGcStateRequest { header: raw.header(), ..Default::default() };
    let told = raw.pd.clone().get_gc_state(request).await.unwrap().into_inner();
    told.gc_state.unwrap().gc_barriers.iter().map(|barrier| barrier.barrier_ts).collect()
}

#[tokio::test]
async fn garbage_collection_waits_for_who_holds_it() {
    let cluster = EmbeddedCluster::builder().start().await.unwrap();
    let (client, raw) = (connect(&cluster).await, Raw::new(&cluster));
    let start_ts = client.timestamp().await.unwrap();
    let at_once = KeepTime { after: Duration::ZERO, longest: Duration::from_secs(600) };
    let keep = client.keep_snapshot(start_ts, at_once).unwrap();
    while barriers(&raw).await.is_empty() {
        tokio::task::yield_now().await;
    }
    let advance = async || {
        let target = client.timestamp().await.unwrap().version();
        let header = raw.header();
        let request = pdpb::AdvanceTxnSafePointRequest { header, target, ..Default::default() };
        let told = raw.pd.clone().advance_txn_safe_point(request).await.unwrap().into_inner();
        (told.new_txn_safe_point, target)
    };
    let (reached, _) = advance().await;
    assert_eq!(reached, start_ts.version());
    client.check_gc_safe_point(start_ts).await.unwrap();
    keep.release().await;
    assert!(barriers(&raw).await.is_empty());
    let (reached, target) = advance().await;
    assert_eq!(reached, target);
    // What is collected is not kept, and the safe point says so.
    let keep = client.keep_snapshot(start_ts, at_once).unwrap();
    let error = client.check_gc_safe_point(start_ts).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SnapshotTooOld, "{error}");
    keep.release().await;
    client.idle().await;
    assert!(barriers(&raw).await.is_empty());
    // A transaction that began before is refused as well.
    let options = TxnOptions { start_ts: Some(start_ts), ..TxnOptions::default() };
    let mut txn = client.begin(options).await.unwrap();
    txn.prewrite(vec![Mutation::put(b"a".to_vec(), b"b".to_vec())]).await.unwrap();
    let error = txn.commit(&NoGuard).await.unwrap_err();
    assert!(matches!(error, TxnError::SnapshotTooOld { .. }), "{error}");
    assert!(scan(&client, "a").await.is_empty());
}

/// A client in a runtime of its own, which is gone after `life`, with everything it was about to do.
fn live_and_die(pd: Vec<String>, row: &str, life: Duration) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let rows: Vec<_> = (0..12).map(|at| format!("{row}{at:02}").into_bytes()).collect();
    let max_keys = if life.as_micros().is_multiple_of(2) { 1 } else { 1_000 };
    let work = async move {
        let options = TxnOptions {
            max_keys,
            batch_bytes: 1,
            concurrency: 2,
            lock_ttl: Duration::from_secs(1),
            ..TxnOptions::default()
        };
        let client = Client::connect(tifusion_client::ClientOptions::new(pd)).await.unwrap();
        let mut txn = client.begin(options).await.unwrap();
        let whole = async {
            let put = |key: &Vec<u8>| Mutation::put(key.clone(), b"there".to_vec());
            txn.prewrite(rows.iter().map(put).collect()).await.unwrap();
            txn.commit(&NoGuard).await.unwrap();
        };
        let _ = tokio::time::timeout(life, whole).await;
    };
    runtime.block_on(work);
    runtime.shutdown_background();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_dies_leaves_all_or_nothing() {
    let cluster = EmbeddedCluster::builder().seed(4).start().await.unwrap();
    let client = connect(&cluster).await;
    let mut chance = StdRng::seed_from_u64(env("TIFUSION_BANK_SEED", 1));
    cluster.faults().add(Fault::new(Effect::Delay(Duration::from_millis(1))).on(Rpc::WRITES));
    let mut ends = BTreeMap::new();
    // As long as a transaction takes on this machine: lives that end too soon are followed by longer ones.
    let mut most = 40_000_u64;
    for death in 0..60 {
        let row = format!("death{death:03}-");
        cluster.split_at(&[format!("{row}04"), format!("{row}08")]).unwrap();
        let life = Duration::from_micros(chance.random_range(most / 40..most));
        let pd = cluster.pd_addresses();
        let name = row.clone();
        tokio::task::spawn_blocking(move || live_and_die(pd, &name, life)).await.unwrap();
        let there = scan(&client, &row).await.len();
        assert!(there == 0 || there == 12, "{row}: {there} rows are there");
        *ends.entry(there).or_insert(0) += 1;
        most = if there == 0 { (most * 5 / 4).min(5_000_000) } else { most * 4 / 5 };
    }
    println!("{ends:?}");
    assert_eq!(ends.len(), 2, "{ends:?}");
    // Nothing of the dead is in the way of a writer for longer than their locks live.
    cluster.faults().clear();
    let mut txn = client.begin(TxnOptions::default()).await.unwrap();
    let rows = (0..60).flat_map(|death| (0..12).map(move |at| format!("death{death:03}-{at:02}")));
    txn.prewrite(rows.map(|row| Mutation::delete(row.into_bytes())).collect()).await.unwrap();
    txn.commit(&NoGuard).await.unwrap();
    assert!(scan(&client, "death").await.is_empty());
    client.idle().await;
    assert!(cluster.verify().await.unwrap().is_empty());
}
