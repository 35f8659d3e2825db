#![allow(clippy::cast_possible_truncation)]

use std::time::Duration;

use bytes::Bytes;
use tifusion_proto::errorpb;

use super::*;
use crate::error::ErrorKind;
use crate::snapshot::{Snapshot, SnapshotOptions};
use crate::testing::{Call, Effect, FakeCluster, Fault, refused, reset, row_key, status};
use crate::transport::{StatusCode, TransportError};
use crate::{Client, Timestamp};

fn snapshot(client: &Client) -> Snapshot {
    let options = SnapshotOptions { label: Some("test.t".into()), ..SnapshotOptions::default() };
    client.snapshot(Timestamp::new(u64::MAX - 1), options)
}

fn is_get(call: &Call) -> bool {
    call.command == "get"
}

async fn get(client: &Client) -> Result<Option<Bytes>> {
    snapshot(client).get(row_key(0).as_bytes()).await
}

fn stores_asked(cluster: &FakeCluster) -> Vec<u64> {
    cluster.calls(is_get).iter().map(|call| call.store).collect()
}

fn busy(reason: &str) -> errorpb::Error {
    errorpb::Error {
        server_is_busy: Some(errorpb::ServerIsBusy {
            reason: reason.to_owned(),
            ..errorpb::ServerIsBusy::default()
        }),
        ..errorpb::Error::default()
    }
}

#[tokio::test(start_paused = true)]
async fn every_command_says_who_asks_and_who_pays() {
    let cluster = FakeCluster::with_rows(20, &[10]);
    let client = cluster.client_with(|options| {
        options.tags.source = "reports".to_owned();
        options.tags.resource_group = "analytics".to_owned();
    });
    let mut txn = client.begin(crate::txn::TxnOptions::default()).await.unwrap();
    let put = |row| crate::txn::Mutation::put(row_key(row).into_bytes(), b"x".to_vec());
    txn.prewrite(vec![put(1), put(11)]).await.unwrap();
    txn.commit(&crate::txn::NoGuard).await.unwrap();
    get(&client).await.unwrap();
    snapshot(&client)
        .scan(b"r", b"s", crate::snapshot::ScanOptions::default())
        .collect()
        .await
        .unwrap();
    let calls = cluster.calls(|_| true);
    let commands: std::collections::BTreeSet<_> = calls.iter().map(|call| call.command).collect();
    assert!(commands.len() >= 4, "{commands:?}");
    for call in calls {
        let group = call.context.resource_control_context.unwrap().resource_group_name;
        assert_eq!((&*call.context.request_source, &*group), ("reports", "analytics"));
    }
    // The default group has no name.
    let cluster = FakeCluster::with_rows(1, &[]);
    get(&cluster.client()).await.unwrap();
    let context = &cluster.calls(is_get)[0].context;
    assert_eq!(context.request_source, "tifusion");
    assert_eq!(context.resource_control_context, None);
}

#[tokio::test(start_paused = true)]
async fn the_context_names_region_peer_and_statement() {
    let cluster = FakeCluster::with_rows(1, &[]);
    let client = cluster.client();
    let query = client.query_id();
    let options = SnapshotOptions {
        isolation: Isolation::Rc,
        priority: Priority::High,
        not_fill_cache: true,
        query: Some(query),
        ..SnapshotOptions::default()
    };
    cluster.add_fault(Fault::once(is_get, Effect::region(busy(""))));
    client.snapshot(Timestamp::new(9), options).get(row_key(0).as_bytes()).await.unwrap();
    let calls = cluster.calls(is_get);
    let context = &calls[0].context;
    assert_eq!((context.region_id, context.peer.unwrap().store_id), (2, 1));
    assert_eq!(context.region_epoch.unwrap().version, 1);
    assert_eq!(context.isolation_level(), kvrpcpb::IsolationLevel::Rc);
    assert_eq!(context.priority(), kvrpcpb::CommandPri::High);
    assert_eq!(context.request_source, "tifusion");
    let source = context.source_stmt.as_ref().unwrap();
    assert_eq!((source.connection_id, &*source.session_alias), (query.number(), "tifusion"));
    assert_eq!((context.task_id, context.cluster_id), (query.number(), 7));
    assert_eq!(context.max_execution_duration_ms, 9_000, "less than the client waits");
    assert!(context.not_fill_cache && !context.replica_read && !context.stale_read);
    assert_eq!(calls.iter().map(|c| c.context.is_retry_request).collect::<Vec<_>>(), [false, true]);
}

#[tokio::test(start_paused = true)]
async fn a_dead_store_is_passed_over_and_its_address_is_looked_up_again() {
    let cluster = FakeCluster::with_rows(1, &[]);
    let client = cluster.client();
    get(&client).await.unwrap().unwrap();
    {
        let mut state = cluster.state.lock();
        state.stores.get_mut(&1).unwrap().is_down = true;
        state.transfer_leader(b"r", 3);
        state.calls.clear();
        state.pd_calls.clear();
    }
    get(&client).await.unwrap().unwrap();
    // Store 2 is no leader, but it knows who is.
    assert_eq!(stores_asked(&cluster), [1, 2, 3]);
    {
        let mut state = cluster.state.lock();
        assert_eq!(state.disconnects, ["store1:20160"]);
        state.calls.clear();
    }
    get(&client).await.unwrap().unwrap();
    assert_eq!(stores_asked(&cluster), [3], "the new leader is remembered");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_has_moved_is_found_at_its_new_address() {
    let cluster = FakeCluster::with_rows(1, &[]);
    let client = cluster.client();
    get(&client).await.unwrap().unwrap();
    cluster.state.lock().stores.get_mut(&1).unwrap().address = "moved:20160".to_owned();
    get(&client).await.unwrap().unwrap();
    let moved = cluster.calls(|call| is_get(call) && call.store == 1);
    assert_eq!(moved.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_asked_for_again() {
    for error in [refused as fn(&str) -> TransportError, reset] {
        let cluster = FakeCluster::with_rows(1, &[]);
        let client = cluster.client();
        cluster.add_fault(Fault::once(is_get, Effect::Transport(error)));
        assert_eq!(get(&client).await.unwrap().unwrap(), "v0");
        assert!(cluster.all_fired());
        assert_eq!(cluster.state.lock().disconnects, ["store1:20160"]);
        // The store's failure is waited out, then a follower names the leader, which has failed:
        // the region is located anew.
        assert_eq!(stores_asked(&cluster)[0], 1);
        assert_eq!(*stores_asked(&cluster).last().unwrap(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_stays_silent_is_answered_for_by_a_follower() {
    let cluster = FakeCluster::with_rows(1, &[]);
    let client = cluster.client();
    cluster.add_fault(Fault::once(is_get, Effect::Silence));
    assert_eq!(get(&client).await.unwrap().unwrap(), "v0");
    let calls = cluster.calls(is_get);
    assert_eq!(calls.iter().map(|call| call.store).collect::<Vec<_>>(), [1, 2]);
    assert!(!calls[0].context.replica_read && calls[1].context.replica_read);
    assert_eq!(calls[1].at, Duration::from_secs(10), "after the request's timeout, without a wait");
    assert!(cluster.state.lock().disconnects.is_empty(), "slow is not dead");
    // The leader stays the leader.
    get(&client).await.unwrap().unwrap();
    assert_eq!(*stores_asked(&cluster).last().unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_ran_out_of_time_is_answered_for_by_a_follower() {
    let cluster = FakeCluster::with_rows(1, &[]);
    let client = cluster.client();
    let error = busy("deadline is exceeded");
    cluster.add_fault(Fault::once(is_get, Effect::region(error)));
    assert_eq!(get(&client).await.unwrap().unwrap(), "v0");
    assert_eq!(stores_asked(&cluster), [1, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_busy_leader_is_waited_for_and_suspected_after_the_second_time() {
    let cluster = FakeCluster::with_rows(1, &[]);
    let client = cluster.client();
    cluster.add_fault(Fault::once(is_get, Effect::region(busy("busy"))).times(2));
    assert_eq!(get(&client).await.unwrap().unwrap(), "v0");
    // The follower names the same leader, which is asked again.
    assert_eq!(stores_asked(&cluster), [1, 1, 2, 1]);
    let waits: Vec<_> =
        cluster.calls(is_get).windows(2).map(|pair| pair[1].at - pair[0].at).collect();
    assert!(waits[0] >= Duration::from_secs(1) && waits[1] >= Duration::from_secs(2), "{waits:?}");
    assert_eq!(waits[2], Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_busy_leader_that_has_lost_its_place_is_found_out() {
    let cluster = FakeCluster::with_rows(1, &[]);
    let client = cluster.client();
    get(&client).await.unwrap();
    cluster.state.lock().transfer_leader(b"r", 3);
    cluster.state.lock().calls.clear();
    let on_old = |call: &Call| is_get(call) && call.store == 1;
    cluster.add_fault(Fault::once(on_old, Effect::region(busy("wedged"))).times(100));
    assert_eq!(get(&client).await.unwrap().unwrap(), "v0");
    assert_eq!(stores_asked(&cluster), [1, 1, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn tiflash_and_buried_stores_are_never_asked() {
    let cluster = FakeCluster::with_rows(1, &[]);
    {
        let mut state = cluster.state.lock();
        state.stores.get_mut(&2).unwrap().is_tiflash = true;
        state.stores.remove(&3);
        state.stores.get_mut(&1).unwrap().is_down = true;
    }
    let client = cluster.client_with(|options| {
        options.budgets.request = Duration::from_secs(2);
    });
    let error = get(&client).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
    let asked = cluster.calls(is_get);
    assert!(asked.len() > 1, "it was tried again");
    assert!(cluster.calls(|call| call.store == 2).is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_error_in_the_end_names_region_store_table_attempts_and_time() {
    let cluster = FakeCluster::with_rows(1, &[]);
    cluster.state.lock().regions[0].stores = vec![1];
    let client = cluster.client();
    let error = busy("never");
    cluster.add_fault(Fault::once(is_get, Effect::region(error)).times(usize::MAX));
    let deadline = client.clock().now() + Duration::from_secs(30);
    let options = SnapshotOptions {
        label: Some("test.t".into()),
        deadline: Some(deadline),
        ..SnapshotOptions::default()
    };
    let error = client.snapshot(Timestamp::new(9), options).get(b"r").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
    assert!(client.clock().now() <= deadline);
    let context = error.context();
    assert_eq!(context.region, Some(2));
    assert_eq!(context.store, Some(1));
    assert_eq!(context.address.as_deref(), Some("store1:20160"));
    assert_eq!(context.table.as_deref(), Some("test.t"));
    assert!(context.attempts.unwrap() > 3, "{error}");
    assert!(context.elapsed.unwrap() > Duration::from_secs(10), "{error}");
    assert!(error.to_string().contains("server_is_busy: never"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_deadline_cuts_a_request_short() {
    let cluster = FakeCluster::with_rows(1, &[]);
    let client = cluster.client();
    cluster.add_fault(Fault::once(is_get, Effect::Silence).times(usize::MAX));
    let deadline = client.clock().now() + Duration::from_secs(3);
    let options = SnapshotOptions { deadline: Some(deadline), ..SnapshotOptions::default() };
    let error = client.snapshot(Timestamp::new(9), options).get(b"r").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
    assert_eq!(client.clock().now(), deadline);
    assert_eq!(error.context().region, Some(2));
    assert_eq!(cluster.calls(is_get)[0].timeout, Duration::from_secs(3));
}

#[tokio::test(start_paused = true)]
async fn answers_that_no_retry_can_change_are_reported_at_once() {
    let unimplemented: fn(&str) -> TransportError =
        |address| status(address, StatusCode::Unimplemented, "unknown method");
    let cases = [
        (Effect::Transport(unimplemented), ErrorKind::Refused, "unknown method", 1),
        (
            Effect::Transport(|address| TransportError::Security {
                address: address.to_owned(),
                message: "certificate expired".to_owned(),
            }),
            ErrorKind::Security,
            "certificate expired",
            8,
        ),
        (
            Effect::region(errorpb::Error {
                flashback_in_progress: Some(errorpb::FlashbackInProgress::default()),
                ..errorpb::Error::default()
            }),
            ErrorKind::Refused,
            "FLASHBACK",
            1,
        ),
    ];
    for (effect, kind, words, attempts) in cases {
        let cluster = FakeCluster::with_rows(1, &[]);
        let client = cluster.client();
        cluster.add_fault(Fault::once(is_get, effect).times(usize::MAX));
        let error = get(&client).await.unwrap_err();
        assert_eq!(error.kind(), kind);
        assert!(error.to_string().contains(words), "{error}");
        assert_eq!(error.context().store, Some(1));
        assert_eq!(error.context().attempts, Some(attempts));
        assert_eq!(cluster.calls(is_get).len(), attempts as usize);
    }
}

#[tokio::test(start_paused = true)]
async fn a_certificate_that_is_replaced_in_time_heals() {
    let cluster = FakeCluster::with_rows(1, &[]);
    let client = cluster.client();
    let expired = Effect::Transport(|address| TransportError::Security {
        address: address.to_owned(),
        message: "certificate expired".to_owned(),
    });
    cluster.add_fault(Fault::once(is_get, expired).times(5));
    assert_eq!(get(&client).await.unwrap().unwrap(), "v0");
}

#[tokio::test(start_paused = true)]
async fn keys_of_a_round_are_grouped_by_region_and_size() {
    let cluster = FakeCluster::split_at(&["c", "f"]);
    let client = cluster.client();
    let keys = ["d", "a", "b", "e", "a", "g", "d1"].map(|key| key.as_bytes().to_vec()).to_vec();
    let mut bo = client.backoffer(Duration::from_secs(1));
    let groups = client.sender().group_keys(&mut bo, keys, 2).await.unwrap();
    let groups: Vec<Vec<String>> = groups
        .into_iter()
        .map(|group| group.keys.into_iter().map(|k| String::from_utf8(k).unwrap()).collect())
        .collect();
    assert_eq!(groups, [vec!["a", "b"], vec!["d", "d1"], vec!["e"], vec!["g"]]);
}
