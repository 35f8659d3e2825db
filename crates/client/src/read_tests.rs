//! Every region error × every read: what is sent next, after which wait, and that the answer is
//! complete and exact.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt as _;
use tifusion_proto::{errorpb, metapb};

use crate::cop::{CopRequest, KeyRange};
use crate::error::{ErrorKind, Result};
use crate::snapshot::{ScanOptions, SnapshotOptions};
use crate::testing::{Call, Effect, FakeCluster, Fault, decode_rows, row_key, row_keys};
use crate::{Client, Timestamp};

const COMMANDS: [&str; 4] = ["coprocessor", "get", "batch_get", "scan"];

/// Rows 0..30 in three regions of ten, led by stores 1, 2 and 3; the one in the middle has the fault.
fn cluster() -> Arc<FakeCluster> {
    FakeCluster::with_rows(30, &[10, 20])
}

fn middle(cluster: &FakeCluster) -> u64 {
    cluster.state.lock().region_of(row_key(15).as_bytes()).id
}

/// Reads, and the keys it got.
async fn read(client: &Client, command: &str) -> Result<Vec<Vec<u8>>> {
    let options = SnapshotOptions { label: Some("db.t".into()), ..SnapshotOptions::default() };
    let snapshot = client.snapshot(Timestamp::new(100), options);
    let keys = |pairs: Vec<crate::snapshot::Pair>| pairs.into_iter().map(|p| p.key).collect();
    match command {
        "get" => {
            let key = row_key(15).into_bytes();
            Ok(snapshot.get(&key).await?.map(|_| key).into_iter().collect())
        }
        "batch_get" => snapshot.batch_get(row_keys(5..25)).await.map(keys),
        "scan" => {
            let scan = ScanOptions { batch: 4, ..ScanOptions::default() };
            snapshot.scan(b"r", b"s", scan).collect().await.map(keys)
        }
        _ => {
            let range = KeyRange::new(&b"r"[..], &b"s"[..]);
            let mut request = CopRequest::new(Bytes::new(), Timestamp::new(100), vec![range]);
            request.label = Some("db.t".into());
            let answers: Vec<_> = client.coprocessor(request)?.try_collect().await?;
            let mut rows: Vec<_> =
                answers.iter().flat_map(|answer| decode_rows(&answer.data)).collect();
            rows.sort_unstable();
            Ok(rows)
        }
    }
}

fn expected(command: &str) -> Vec<Vec<u8>> {
    match command {
        "get" => row_keys(15..16),
        "batch_get" => row_keys(5..25),
        _ => row_keys(0..30),
    }
}

/// The next request for the region after the error.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Next {
    /// The same store, without asking PD.
    Same,
    /// Another store.
    Other,
    /// This one.
    Store(u64),
    /// PD is asked where the region is.
    Relocated,
    /// No request: the error is reported.
    Fatal,
}

struct Case {
    error: errorpb::Error,
    next: Next,
    /// The least wait, in milliseconds.
    wait: u64,
}

fn case(error: errorpb::Error, next: Next, wait: u64) -> Case {
    Case { error, next, wait }
}

fn busy(reason: &str) -> errorpb::Error {
    let busy = errorpb::ServerIsBusy { reason: reason.to_owned(), ..Default::default() };
    errorpb::Error { server_is_busy: Some(busy), ..Default::default() }
}

fn message(message: &str) -> errorpb::Error {
    errorpb::Error { message: message.to_owned(), ..Default::default() }
}

/// All of facts' table; `region` is the faulty one, `limited` whether the request's own time limit is
/// a short one.
fn cases(region: u64, limited: bool) -> Vec<Case> {
    let error = errorpb::Error::default;
    let peer = metapb::Peer { id: region * 100 + 3, store_id: 3, ..Default::default() };
    let leader = errorpb::NotLeader { region_id: region, leader: Some(peer) };
    let older = metapb::Region {
        id: region,
        region_epoch: Some(metapb::RegionEpoch { conf_ver: 0, version: 0 }),
        ..Default::default()
    };
    let behind = errorpb::EpochNotMatch { current_regions: vec![older] };
    let out_of_time = if limited { (Next::Other, 0) } else { (Next::Same, 1000) };
    vec![
        case(errorpb::Error { not_leader: Some(leader), ..error() }, Next::Store(3), 0),
        case(errorpb::Error { not_leader: Some(Default::default()), ..error() }, Next::Other, 2),
        case(
            errorpb::Error { region_not_found: Some(Default::default()), ..error() },
            Next::Relocated,
            2,
        ),
        case(
            errorpb::Error { key_not_in_region: Some(Default::default()), ..error() },
            Next::Relocated,
            2,
        ),
        case(
            errorpb::Error { epoch_not_match: Some(Default::default()), ..error() },
            Next::Relocated,
            2,
        ),
        case(errorpb::Error { epoch_not_match: Some(behind), ..error() }, Next::Same, 2),
        case(busy("busy"), Next::Same, 1000),
        case(errorpb::Error { stale_command: Some(Default::default()), ..error() }, Next::Same, 2),
        case(
            errorpb::Error { store_not_match: Some(Default::default()), ..error() },
            Next::Relocated,
            2,
        ),
        case(
            errorpb::Error { raft_entry_too_large: Some(Default::default()), ..error() },
            Next::Fatal,
            0,
        ),
        case(
            errorpb::Error { max_timestamp_not_synced: Some(Default::default()), ..error() },
            Next::Same,
            2,
        ),
        case(
            errorpb::Error { read_index_not_ready: Some(Default::default()), ..error() },
            Next::Same,
            2,
        ),
        case(
            errorpb::Error { proposal_in_merging_mode: Some(Default::default()), ..error() },
            Next::Same,
            2,
        ),
        case(
            errorpb::Error { data_is_not_ready: Some(Default::default()), ..error() },
            Next::Same,
            2,
        ),
        case(
            errorpb::Error { region_not_initialized: Some(Default::default()), ..error() },
            Next::Same,
            2,
        ),
        case(errorpb::Error { disk_full: Some(Default::default()), ..error() }, Next::Same, 500),
        case(
            errorpb::Error { recovery_in_progress: Some(Default::default()), ..error() },
            Next::Relocated,
            50,
        ),
        case(
            errorpb::Error { flashback_in_progress: Some(Default::default()), ..error() },
            Next::Fatal,
            0,
        ),
        case(
            errorpb::Error { flashback_not_prepared: Some(Default::default()), ..error() },
            Next::Fatal,
            0,
        ),
        case(
            errorpb::Error { is_witness: Some(Default::default()), ..error() },
            Next::Relocated,
            500,
        ),
        case(
            errorpb::Error { mismatch_peer_id: Some(Default::default()), ..error() },
            Next::Relocated,
            2,
        ),
        case(
            errorpb::Error { bucket_version_not_match: Some(Default::default()), ..error() },
            Next::Same,
            2,
        ),
        case(
            errorpb::Error { undetermined_result: Some(Default::default()), ..error() },
            Next::Same,
            2,
        ),
        case(message("Deadline is exceeded"), out_of_time.0, out_of_time.1),
        case(busy("deadline is exceeded"), out_of_time.0, out_of_time.1),
        case(message("invalid max_ts update: 1"), Next::Fatal, 0),
        case(message("something new"), Next::Other, 0),
    ]
}

#[tokio::test(start_paused = true)]
async fn every_region_error_in_every_read_is_met_as_the_table_says() {
    for command in COMMANDS {
        let limited = command != "coprocessor";
        let mut kinds = 0;
        for case in cases(middle(&cluster()), limited) {
            check(command, &case).await;
            kinds += 1;
        }
        assert_eq!(kinds, 27);
    }
}

async fn check(command: &'static str, case: &Case) {
    let what = format!("{command} {:?}", case.error);
    let cluster = cluster();
    let client = cluster.client();
    // Everything is known before.
    assert_eq!(read(&client, command).await.unwrap(), expected(command), "{what}");
    {
        let mut state = cluster.state.lock();
        state.calls.clear();
        state.pd_calls.clear();
    }
    let region = middle(&cluster);
    let on_middle = move |call: &Call| call.command == command && call.region() == region;
    cluster.add_fault(Fault::once(on_middle, Effect::region(case.error.clone())));
    let result = read(&client, command).await;
    assert!(cluster.all_fired(), "{what}: the fault was not met");
    let calls = cluster.calls(on_middle);
    let located = |call: &String| call.starts_with("region") || call.starts_with("scan");
    let relocated = cluster.state.lock().pd_calls.iter().any(located);
    if case.next == Next::Fatal {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused, "{what}");
        let context = error.context();
        assert_eq!((context.region, context.store), (Some(region), Some(2)), "{what}");
        assert_eq!(context.address.as_deref(), Some("store2:20160"));
        assert_eq!(context.table.as_deref(), Some("db.t"), "{what}");
        assert_eq!(calls.len(), 1, "{what}: not sent again");
        return;
    }
    assert_eq!(result.unwrap(), expected(command), "{what}");
    let (first, next) = (&calls[0], &calls[1]);
    assert_eq!(first.store, 2, "{what}");
    match case.next {
        Next::Same => assert!(next.store == 2 && !relocated, "{what}"),
        // In the end, when nobody can serve it, PD is asked.
        Next::Other => assert_ne!(next.store, 2, "{what}"),
        Next::Store(store) => assert_eq!(next.store, store, "{what}"),
        Next::Relocated => assert!(relocated, "{what}"),
        Next::Fatal => unreachable!(),
    }
    let waited = next.at - first.at;
    let least = Duration::from_millis(case.wait);
    assert!(
        waited >= least && waited <= least * 3 + Duration::from_millis(1),
        "{what}: {waited:?}"
    );
    assert_eq!(
        next.context.is_retry_request,
        !matches!(case.next, Next::Relocated) && !rebuilt(case)
    );
}

/// Whether the caller located its ranges anew, so that the next request is a new one.
fn rebuilt(case: &Case) -> bool {
    case.error.bucket_version_not_match.is_some()
        || case.error.undetermined_result.is_some()
        || case.wait == 1000
            && case.error.server_is_busy.as_ref().is_none_or(|b| b.reason != "busy")
}

#[tokio::test(start_paused = true)]
async fn store_not_match_closes_the_connection_and_looks_the_store_up() {
    let cluster = cluster();
    let client = cluster.client();
    let error = errorpb::Error { store_not_match: Some(Default::default()), ..Default::default() };
    cluster.add_fault(Fault::once(|call| call.store == 2, Effect::region(error)));
    assert_eq!(read(&client, "get").await.unwrap(), expected("get"));
    let state = cluster.state.lock();
    assert_eq!(state.disconnects, ["store2:20160"]);
    assert_eq!(state.pd_calls.iter().filter(|call| *call == "store 2").count(), 2);
}

#[tokio::test(start_paused = true)]
async fn two_errors_in_a_row_heal_in_every_read() {
    let errors = crate::testing::healing_region_errors();
    for command in COMMANDS {
        for (index, first) in errors.iter().enumerate() {
            // Each error with two others, so that all meet each other in time.
            for offset in [1, 7] {
                let second = &errors[(index + offset) % errors.len()];
                let cluster = cluster();
                let client = cluster.client();
                let region = middle(&cluster);
                let on_middle =
                    move |call: &Call| call.command == command && call.region() == region;
                cluster.add_fault(Fault::once(on_middle, Effect::region(first.clone())));
                let again = Fault::once(on_middle, Effect::region(second.clone())).after(1);
                cluster.add_fault(again);
                let rows = read(&client, command).await.unwrap();
                assert_eq!(rows, expected(command), "{command} {first:?} {second:?}");
                assert!(cluster.all_fired(), "{command} {first:?} {second:?}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn real_changes_of_the_topology_heal_in_every_read() {
    type Change = fn(&mut crate::testing::State);
    let changes: [(&str, Change); 4] = [
        ("split", |state| {
            for row in [12, 15, 18] {
                state.split(row_key(row).as_bytes());
            }
        }),
        ("merge", |state| state.merge_right(row_key(15).as_bytes())),
        ("move", |state| state.transfer_leader(row_key(15).as_bytes(), 3)),
        ("split and move", |state| {
            state.split(row_key(15).as_bytes());
            state.transfer_leader(row_key(15).as_bytes(), 1);
            state.transfer_leader(row_key(14).as_bytes(), 3);
        }),
    ];
    for command in COMMANDS {
        for (name, change) in changes {
            let cluster = cluster();
            let client = cluster.client();
            read(&client, command).await.unwrap();
            let region = middle(&cluster);
            let on_middle = move |call: &Call| call.command == command && call.region() == region;
            cluster.add_fault(Fault::once(on_middle, Effect::Change(Box::new(change))));
            assert_eq!(
                read(&client, command).await.unwrap(),
                expected(command),
                "{command} {name}"
            );
            assert!(cluster.all_fired(), "{command} {name}");
            // And with what was learnt.
            assert_eq!(
                read(&client, command).await.unwrap(),
                expected(command),
                "{command} {name}"
            );
        }
    }
}
