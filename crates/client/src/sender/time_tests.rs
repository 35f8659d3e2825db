//! How long a request takes that is not answered, without a statement's deadline.

use std::time::Duration;

use super::*;
use crate::Timestamp;
use crate::error::ErrorKind;
use crate::snapshot::{ScanOptions, SnapshotOptions};
use crate::testing::{Call, Effect, FakeCluster, Fault, refused, row_key, row_keys};

/// The default budget of a request, and what the last try may add.
const BOUND: Duration = Duration::from_secs(22);

/// Reads of keys, from one region and from several.
const READS: [&str; 4] = ["get", "batch_get", "batch_get of one region", "scan"];

async fn read(client: &crate::Client, name: &str) -> Result<usize> {
    let snapshot = client.snapshot(Timestamp::new(u64::MAX - 1), SnapshotOptions::default());
    match name {
        "get" => Ok(snapshot.get(row_key(0).as_bytes()).await?.map_or(0, |_| 1)),
        "batch_get" => Ok(snapshot.batch_get(row_keys(0..30)).await?.len()),
        "batch_get of one region" => Ok(snapshot.batch_get(row_keys(0..5)).await?.len()),
        _ => Ok(snapshot.scan(b"r", b"s", ScanOptions::default()).collect().await?.len()),
    }
}

fn any(_: &Call) -> bool {
    true
}

#[tokio::test(start_paused = true)]
async fn stores_that_say_nothing_are_given_up_within_the_budget() {
    for peers in [vec![1], vec![1, 2, 3]] {
        for name in READS {
            let cluster = FakeCluster::with_rows(30, &[10, 20]);
            for region in &mut cluster.state.lock().regions {
                region.stores.clone_from(&peers);
                region.leader_store = 1;
            }
            let client = cluster.client();
            cluster.add_fault(Fault::once(any, Effect::Silence).times(usize::MAX));
            let error = read(&client, name).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
            let took = cluster.elapsed();
            assert!(took > Duration::from_secs(15) && took < BOUND, "{name}: {took:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn stores_behind_a_firewall_are_given_up_within_the_budget() {
    for name in READS {
        let cluster = FakeCluster::with_rows(30, &[10, 20]);
        let client = cluster.client();
        let connecting = Effect::Delay(Duration::from_secs(5));
        cluster.add_fault(Fault::once(any, connecting).times(usize::MAX));
        cluster.add_fault(Fault::once(any, Effect::Transport(refused)).times(usize::MAX));
        let error = read(&client, name).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
        let took = cluster.elapsed();
        assert!(took > Duration::from_secs(15) && took < BOUND, "{name}: {took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_minute_of_one_store_fails_no_read() {
    for name in READS {
        let cluster = FakeCluster::with_rows(30, &[10, 20]);
        let client = cluster.client();
        let silent = Fault::once(|call| call.store == 2, Effect::Silence);
        cluster.add_fault(silent.times(usize::MAX));
        assert!(read(&client, name).await.unwrap() > 0, "{name}");
        assert!(cluster.elapsed() < BOUND);
    }
}

#[tokio::test(start_paused = true)]
async fn what_settles_a_transaction_is_never_a_follower_s_business() {
    let cluster = FakeCluster::with_rows(1, &[]);
    let client = cluster.client();
    cluster.add_fault(Fault::once(any, Effect::Silence));
    let key = row_key(0).into_bytes();
    let build = |context| {
        StoreRequest::CheckTxnStatus(kvrpcpb::CheckTxnStatusRequest {
            context: Some(context),
            primary_key: key.clone(),
            lock_ts: 5,
            rollback_if_not_exist: true,
            ..kvrpcpb::CheckTxnStatusRequest::default()
        })
    };
    let options = SendOptions::new(client.options().request_timeout);
    let mut bo = client.backoffer(client.options().budgets.request);
    let answer = client.sender().send_to_key(&mut bo, &key, &options, &build).await.unwrap();
    assert!(matches!(answer.response, StoreResponse::CheckTxnStatus(_)));
    let calls = cluster.calls(any);
    assert!(calls.len() > 2, "the others were asked for the leader");
    assert!(calls.iter().all(|call| !call.context.replica_read), "{calls:?}");
    assert_eq!(calls.last().unwrap().store, 1);
}

#[tokio::test(start_paused = true)]
async fn a_store_has_less_time_than_the_client_and_never_none() {
    let cluster = FakeCluster::with_rows(1, &[]);
    let client = cluster.client();
    for (left_us, told_ms) in [(60_000_000, 9_000), (5_000_000, 4_500), (40_000, 36), (900, 1)] {
        cluster.state.lock().calls.clear();
        let deadline = Some(client.clock().now() + Duration::from_micros(left_us));
        let options = SnapshotOptions { deadline, ..SnapshotOptions::default() };
        let snapshot = client.snapshot(Timestamp::new(9), options);
        snapshot.get(row_key(0).as_bytes()).await.unwrap();
        assert_eq!(cluster.calls(any)[0].context.max_execution_duration_ms, told_ms);
    }
}
