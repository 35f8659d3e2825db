//! Reads that ask other replicas than the leader.
#![allow(clippy::cast_possible_truncation)]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use tifusion_proto::errorpb;

use super::ReplicaRole::{Follower, Leader, Learner};
use super::*;
use crate::cop::{CopRequest, KeyRange};
use crate::snapshot::SnapshotOptions;
use crate::testing::{
    Call, Effect, FakeCluster, FakeLock, Fault, decode_rows, refused, row_key, row_keys,
};
use crate::{Client, Timestamp};

const TS: Timestamp = Timestamp::new(100);

fn of(roles: &[ReplicaRole]) -> ReplicaRead {
    ReplicaRead { roles: roles.to_vec(), ..ReplicaRead::default() }
}

fn stale(roles: &[ReplicaRole]) -> ReplicaRead {
    ReplicaRead { stale: true, ..of(roles) }
}

fn is_cop(call: &Call) -> bool {
    call.command == "coprocessor"
}

/// Thirty rows in six regions led by stores 1, 2, 3, 1, 2, 3.
fn cluster() -> Arc<FakeCluster> {
    FakeCluster::with_rows(30, &[5, 10, 15, 20, 25])
}

/// Reads all rows, and checks them.
async fn read(client: &Client, replica: &ReplicaRead) {
    let ranges = vec![KeyRange::new("r".to_owned(), "s".to_owned())];
    let request = CopRequest {
        replica: Arc::new(replica.clone()),
        keep_order: true,
        ..CopRequest::new(Bytes::new(), TS, ranges)
    };
    let mut stream = client.coprocessor(request).unwrap();
    let mut rows = Vec::new();
    while let Some(answer) = stream.next().await {
        rows.extend(decode_rows(&answer.unwrap().data));
    }
    assert_eq!(rows, row_keys(0..30));
}

/// The calls since the last time: store, whether it led the region, and the two flags.
fn asked(cluster: &FakeCluster) -> Vec<(u64, bool, bool, bool)> {
    let mut state = cluster.state.lock();
    let calls = std::mem::take(&mut state.calls);
    let leads = |call: &Call| {
        let region = state.regions.iter().find(|region| region.id == call.region());
        region.is_some_and(|region| region.leader_store == call.store)
    };
    let calls = calls.iter().filter(|call| is_cop(call));
    calls
        .map(|call| (call.store, leads(call), call.context.replica_read, call.context.stale_read))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn the_role_that_comes_first_is_asked() {
    let cluster = cluster();
    let client = cluster.client();
    for (replica, leads) in [
        (of(&[Leader]), true),
        (of(&[Leader, Follower]), true),
        (of(&[Follower]), false),
        (of(&[Follower, Leader]), false),
        (of(&[Learner, Follower]), false),
        // There is none: the leader is.
        (of(&[Learner]), true),
    ] {
        read(&client, &replica).await;
        let asked = asked(&cluster);
        assert_eq!(asked.len(), 6, "{replica:?}: {asked:?}");
        for (_, led, by_index, of_past) in asked {
            assert_eq!((led, by_index, of_past), (leads, !leads, false), "{replica:?}");
        }
    }
    // All followers take their part.
    let mut stores = BTreeMap::new();
    for _ in 0..30 {
        read(&client, &of(&[Follower])).await;
        for (store, ..) in asked(&cluster) {
            *stores.entry(store).or_insert(0) += 1;
        }
    }
    assert!(
        stores.len() == 3 && stores.values().all(|count| (30..90).contains(count)),
        "{stores:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn labels_and_addresses_say_which_stores_are_asked() {
    let cluster = cluster();
    let client = cluster.client();
    let addresses = |ids: &[u64]| -> BTreeSet<String> {
        ids.iter().map(|id| format!("store{id}:20160")).collect()
    };
    let zone = |zone: &str| BTreeMap::from([("zone".to_owned(), zone.to_owned())]);
    let any = of(&[Follower, Leader]);
    for (replica, stores) in [
        (ReplicaRead { labels: zone("z2"), ..any.clone() }, vec![2]),
        (ReplicaRead { denied: addresses(&[1, 3]), ..any.clone() }, vec![2]),
        (ReplicaRead { labels: zone("z2"), allowed: addresses(&[3]), ..any.clone() }, vec![2, 3]),
        // Nobody is left: the leaders are asked.
        (ReplicaRead { labels: zone("z9"), ..any.clone() }, vec![1, 2, 3]),
        (ReplicaRead { denied: addresses(&[1, 2, 3]), ..any.clone() }, vec![1, 2, 3]),
    ] {
        let mut seen = BTreeSet::new();
        for _ in 0..8 {
            read(&client, &replica).await;
            seen.extend(asked(&cluster).into_iter().map(|(store, ..)| store));
        }
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), stores, "{replica:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_replica_that_does_not_answer_is_passed_over_and_left_alone_for_a_while() {
    let cluster = cluster();
    let client = cluster.client();
    let follower = of(&[Follower]);
    cluster.add_fault(
        Fault::once(|call| is_cop(call) && call.store == 2, Effect::Transport(refused))
            .times(usize::MAX),
    );
    // Where store 2 leads it is no follower.
    for _ in 0..5 {
        read(&client, &follower).await;
    }
    let calls = asked(&cluster);
    let in_vain = calls.iter().filter(|(store, ..)| *store == 2).count();
    assert!((1..=4).contains(&in_vain), "{in_vain} of {calls:?}");
    assert!(calls.iter().all(|(_, leads, by_index, _)| leads != by_index), "{calls:?}");
}

#[tokio::test(start_paused = true)]
async fn region_errors_of_replicas_heal() {
    for error in crate::testing::healing_region_errors() {
        for replica in [of(&[Follower]), of(&[Leader, Follower]), of(&[Follower, Leader, Learner])]
        {
            let cluster = cluster();
            let client = cluster.client();
            let effect = || Effect::region(error.clone());
            cluster.add_fault(Fault::once(is_cop, effect()).times(2));
            cluster.add_fault(Fault::once(|call| call.region() == 2, effect()).times(3));
            read(&client, &replica).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_a_busy_replica() {
    let cluster = cluster();
    let client = cluster.client();
    let busy = errorpb::Error {
        server_is_busy: Some(errorpb::ServerIsBusy::default()),
        ..errorpb::Error::default()
    };
    cluster.add_fault(
        Fault::once(|call| is_cop(call) && call.store == 3, Effect::region(busy)).times(usize::MAX),
    );
    for replica in [of(&[Follower]), of(&[Leader, Follower])] {
        let mut calls = Vec::new();
        // Which of them is asked first is left to chance.
        for _ in 0..50 {
            tokio::time::sleep(Duration::from_secs(60)).await;
            let before = cluster.elapsed();
            read(&client, &replica).await;
            assert!(cluster.elapsed() - before < Duration::from_millis(100), "{replica:?}");
            calls = asked(&cluster);
            if calls.iter().any(|(store, ..)| *store == 3) {
                break;
            }
        }
        assert!(calls.iter().any(|(store, ..)| *store == 3), "{calls:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn replicas_answer_from_what_they_have_or_the_leader_does() {
    let cluster = cluster();
    let client = cluster.client();
    for roles in [&[Follower][..], &[Leader, Follower], &[Follower, Leader]] {
        cluster.state.lock().safe_ts = TS.version();
        read(&client, &stale(roles)).await;
        let calls = asked(&cluster);
        let leads = roles[0] == Leader;
        assert_eq!(calls.len(), 6);
        assert!(
            calls.iter().all(|call| (call.1, call.2, call.3) == (leads, false, true)),
            "{calls:?}"
        );

        cluster.state.lock().safe_ts = TS.version() - 1;
        read(&client, &stale(roles)).await;
        let calls = asked(&cluster);
        let (in_vain, answered): (Vec<_>, Vec<_>) = calls.into_iter().partition(|call| call.3);
        assert_eq!((in_vain.len(), answered.len()), (6, 6));
        assert!(answered.iter().all(|call| (call.1, call.2) == (true, false)), "{answered:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_lock_ends_reading_from_what_replicas_have() {
    let cluster = cluster();
    cluster.state.lock().safe_ts = TS.version();
    let client = cluster.client();
    let lock = FakeLock::put(&row_key(7), Timestamp::new(50), "new");
    cluster.state.lock().lock(&row_key(7), lock);
    read(&client, &stale(&[Follower])).await;
    let calls = asked(&cluster);
    let met = calls.iter().position(|(.., past)| !past).unwrap();
    assert!(calls[met].2, "a follower is asked, once it has heard from the leader: {calls:?}");
}

#[tokio::test(start_paused = true)]
async fn single_keys_are_read_from_replicas_too() {
    let cluster = cluster();
    let client = cluster.client();
    let options =
        SnapshotOptions { replica: Arc::new(of(&[Follower])), ..SnapshotOptions::default() };
    let snapshot = client.snapshot(TS, options);
    assert!(snapshot.get(&row_keys(0..1)[0]).await.unwrap().is_some());
    assert_eq!(snapshot.batch_get(row_keys(0..30)).await.unwrap().len(), 30);
    let calls = cluster.calls(|call| matches!(call.command, "get" | "batch_get"));
    assert!(calls.len() >= 7 && calls.iter().all(|call| call.context.replica_read), "{calls:?}");
}

/// The calls to the first store, which is busy for a while, second by second.
async fn calls_to_a_busy_store(
    regions: usize,
    statements: usize,
    busy_for: Duration,
) -> Vec<usize> {
    let splits: Vec<usize> = (1..regions).collect();
    let cluster = FakeCluster::with_rows(regions, &splits);
    for region in &mut cluster.state.lock().regions {
        region.leader_store = 1;
    }
    let busy = errorpb::Error {
        server_is_busy: Some(errorpb::ServerIsBusy::default()),
        ..errorpb::Error::default()
    };
    cluster.state.lock().latency = Duration::from_millis(20);
    cluster.add_fault(
        Fault::once(move |call| is_cop(call) && call.at < busy_for, Effect::region(busy))
            .times(usize::MAX),
    );
    let client = cluster.client();
    let read = async || {
        let ranges = vec![KeyRange::new("r".to_owned(), "s".to_owned())];
        let request = CopRequest { concurrency: 64, ..CopRequest::new(Bytes::new(), TS, ranges) };
        let stream = client.coprocessor(request).unwrap();
        let answers: Vec<_> = stream.collect().await;
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), regions);
    };
    futures::future::join_all((0..statements).map(|_| read())).await;
    let mut seconds = vec![0; busy_for.as_secs() as usize];
    for call in cluster.calls(|call| is_cop(call) && call.at < busy_for) {
        seconds[call.at.as_secs() as usize] += 1;
    }
    seconds
}

#[tokio::test(start_paused = true)]
async fn a_busy_store_gets_less_from_all_statements_together() {
    for statements in [1, 40] {
        let seconds = calls_to_a_busy_store(80, statements, Duration::from_secs(30)).await;
        // Alone, each task in flight would ask again and again: some five times.
        let (later, last): (usize, usize) = (seconds[5..].iter().sum(), seconds[20..].iter().sum());
        assert!(later <= 80 && last <= 25, "{statements} statements: {seconds:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_busy_for_good_is_given_up() {
    let cluster = cluster();
    let busy = errorpb::Error {
        server_is_busy: Some(errorpb::ServerIsBusy::default()),
        ..errorpb::Error::default()
    };
    let fault = Fault::once(|call| is_cop(call) && call.store == 1, Effect::region(busy));
    cluster.add_fault(fault.times(usize::MAX));
    let client = cluster.client();
    let read = async || {
        let ranges = vec![KeyRange::new("r".to_owned(), "s".to_owned())];
        let request = CopRequest::new(Bytes::new(), TS, ranges);
        let answers: Vec<_> = client.coprocessor(request).unwrap().collect().await;
        answers.into_iter().find_map(Result::err).unwrap()
    };
    for error in futures::future::join_all((0..30).map(|_| read())).await {
        assert_eq!(error.kind(), crate::ErrorKind::DeadlineExceeded, "{error}");
    }
    assert!(cluster.elapsed() < Duration::from_secs(1400), "{:?}", cluster.elapsed());
}
