//! What is measured is what the table says.

use std::collections::BTreeMap;

use futures::StreamExt as _;
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use tifusion_proto::errorpb;

use super::*;
use crate::cop::{CopRequest, KeyRange};
use crate::options::CopCacheOptions;
use crate::sender::ReadEngine;
use crate::testing::{BatchFault, Effect, FakeCluster, FakeLock, Fault, refused, reset, row_key};
use crate::txn::{Mutation, NoGuard, TxnOptions};

/// Runs `work` with a recorder of its own.
fn measured<F: Future<Output = ()>>(work: impl FnOnce(Snapshotter) -> F) {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    ::metrics::with_local_recorder(&recorder, || runtime.block_on(work(snapshotter)));
}

/// What was measured since the last time: name and values of labels, in the order of the table's labels.
fn taken(snapshotter: &Snapshotter) -> BTreeMap<(&'static str, Vec<String>), DebugValue> {
    let mut taken = BTreeMap::new();
    for (key, _, _, value) in snapshotter.snapshot().into_vec() {
        let (key, name) = (key.key(), key.key().name());
        let known = TABLE.iter().find(|metric| metric.name == name);
        let known = known.unwrap_or_else(|| panic!("{name} is not in the table"));
        let kind = match value {
            DebugValue::Counter(_) => Counter,
            DebugValue::Gauge(_) => Gauge,
            DebugValue::Histogram(_) => Histogram,
        };
        assert_eq!(kind, known.kind, "{name}");
        let mut labels: BTreeMap<_, _> =
            key.labels().map(|label| (label.key(), label.value().to_owned())).collect();
        let values = known.labels.iter().map(|label| labels.remove(label).unwrap()).collect();
        assert!(labels.is_empty(), "{name} has {labels:?} too");
        taken.insert((known.name, values), value);
    }
    taken
}

/// What was counted since the last time that it was taken; a gauge's change.
fn count(
    taken: &BTreeMap<(&'static str, Vec<String>), DebugValue>,
    name: &'static str,
    labels: &[&str],
) -> i64 {
    match taken.get(&(name, labels.iter().map(|label| (*label).to_owned()).collect())) {
        Some(DebugValue::Counter(count)) => (*count).try_into().unwrap(),
        Some(DebugValue::Histogram(values)) => values.len().try_into().unwrap(),
        Some(DebugValue::Gauge(value)) => format!("{:.0}", value.into_inner()).parse().unwrap(),
        None => 0,
    }
}

async fn read_all(client: &crate::Client, at: crate::Timestamp) {
    let ranges = vec![KeyRange::new("r".to_owned(), "s".to_owned())];
    let mut read = client.coprocessor(CopRequest::new(bytes::Bytes::new(), at, ranges)).unwrap();
    while let Some(answer) = read.next().await {
        answer.unwrap();
    }
}

#[test]
fn a_read_and_its_troubles_are_measured() {
    measured(|snapshotter| async move {
        let cluster = FakeCluster::with_rows(6, &[2, 4]);
        cluster.state.lock().process_time = Duration::from_millis(50);
        let options = CopCacheOptions { capacity: 1 << 20, ..CopCacheOptions::default() };
        let client = cluster.client_with(|client| client.cop_cache = options);
        read_all(&client, cluster.now()).await;
        let first = taken(&snapshotter);
        for store in ["store1:20160", "store2:20160", "store3:20160"] {
            assert_eq!(count(&first, name::RPC, &["coprocessor", store, "ok"]), 1);
            assert!(count(&first, name::SENT, &["coprocessor", store]) > 20);
            assert!(count(&first, name::RECEIVED, &["coprocessor", store]) > 10);
        }
        assert_eq!(count(&first, name::CACHE, &["miss"]), 3);
        assert_eq!(count(&first, name::REGIONS, &[]), 3);
        assert!(!first.keys().any(|(name, _)| *name == name::RETRIES), "{first:?}");

        let error = errorpb::Error {
            epoch_not_match: Some(errorpb::EpochNotMatch::default()),
            ..errorpb::Error::default()
        };
        cluster.add_fault(Fault::once(|_| true, Effect::region(error)));
        cluster.add_fault(Fault::once(|_| true, Effect::Transport(refused)).after(1));
        let lock = FakeLock::put(&row_key(0), FakeCluster::before(60_000), "new");
        cluster.state.lock().lock(&row_key(0), lock);
        read_all(&client, cluster.now()).await;
        client.idle().await;
        let second = taken(&snapshotter);
        assert_eq!(count(&second, name::RETRIES, &["region_error", "epoch_not_match"]), 1);
        assert_eq!(count(&second, name::RETRIES, &["transport", "connect"]), 1);
        assert_eq!(count(&second, name::RETRIES, &["lock", "read"]), 1);
        assert!(count(&second, name::CACHE, &["hit"]) >= 1);
        drop(client);
        let last = taken(&snapshotter);
        let regions = [&first, &second, &last].map(|taken| count(taken, name::REGIONS, &[]));
        assert_eq!(regions.iter().sum::<i64>(), 0, "{regions:?}");
    });
}

#[test]
fn a_batch_is_one_call_until_its_last_answer() {
    measured(|snapshotter| async move {
        let cluster = FakeCluster::with_tiflash(40, &[10, 20, 30]);
        let client = cluster.client();
        let read = async || {
            let ranges = vec![KeyRange::new("r".to_owned(), "s".to_owned())];
            let request = CopRequest::new(bytes::Bytes::new(), cluster.now(), ranges);
            let request = CopRequest { engine: ReadEngine::TiFlash, batch: true, ..request };
            let answers = client.coprocessor(request).unwrap();
            answers.for_each(|answer| async { drop(answer.unwrap()) }).await;
        };
        read().await;
        let first = taken(&snapshotter);
        for store in ["store4:3930", "store5:3930"] {
            assert_eq!(count(&first, name::RPC, &["batch_coprocessor", store, "ok"]), 1);
            assert!(count(&first, name::SENT, &["batch_coprocessor", store]) > 40);
            assert!(count(&first, name::RECEIVED, &["batch_coprocessor", store]) > 20 * 6);
        }
        cluster.state.lock().batch_faults.push_back(BatchFault::Break(1, reset));
        read().await;
        let second = taken(&snapshotter);
        let calls = |outcome| {
            ["store4:3930", "store5:3930"]
                .map(|store| count(&second, name::RPC, &["batch_coprocessor", store, outcome]))
                .iter()
                .sum::<i64>()
        };
        assert_eq!((calls("ok"), calls("unavailable")), (2, 1));
        assert_eq!(count(&second, name::RETRIES, &["transport", "unavailable"]), 1);
    });
}

#[test]
fn transactions_are_counted_once_by_how_they_ended() {
    measured(|snapshotter| async move {
        let cluster = FakeCluster::with_rows(0, &[]);
        let client = cluster.client();
        let begin = || client.begin(TxnOptions::default());
        let put = |row: usize| vec![Mutation::put(row_key(row).into_bytes(), b"v".to_vec())];

        let mut txn = begin().await.unwrap();
        txn.prewrite(put(1)).await.unwrap();
        txn.commit(&NoGuard).await.unwrap();

        let mut txn = begin().await.unwrap();
        let later = client.timestamp().await.unwrap();
        cluster.state.lock().put(row_key(2).as_bytes(), later.version(), b"other");
        txn.prewrite(put(2)).await.unwrap_err();
        txn.rollback().await.unwrap();

        let mut txn = begin().await.unwrap();
        txn.prewrite(put(3)).await.unwrap();
        txn.rollback().await.unwrap();

        let mut txn = begin().await.unwrap();
        txn.prewrite([put(4), put(4)].concat()).await.unwrap_err();
        drop(txn);

        let mut txn = begin().await.unwrap();
        txn.prewrite(put(5)).await.unwrap();
        drop(txn);
        client.idle().await;

        let taken = taken(&snapshotter);
        for outcome in ["committed", "conflicted", "rolled_back", "refused", "abandoned"] {
            assert_eq!(count(&taken, name::TRANSACTIONS, &[outcome]), 1, "{outcome}");
        }
        let ended = taken.keys().filter(|(name, _)| *name == name::TRANSACTIONS);
        assert_eq!(ended.count(), 5);
    });
}

#[test]
fn the_table_names_each_once_as_prometheus_would() {
    for (index, metric) in TABLE.iter().enumerate() {
        assert!(TABLE[..index].iter().all(|other| other.name != metric.name), "{}", metric.name);
        let total = metric.name.ends_with("_total");
        assert_eq!(total, metric.kind == Counter, "{}", metric.name);
        let unit = metric.name.trim_end_matches("_total");
        assert_eq!(unit.ends_with("_seconds"), metric.unit == Unit::Seconds, "{}", metric.name);
        assert_eq!(unit.ends_with("_bytes"), metric.unit == Unit::Bytes, "{}", metric.name);
        assert!(metric.name.starts_with("tifusion_") && metric.help.ends_with('.'));
    }
}
