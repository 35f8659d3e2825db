//! Region errors in every phase.

use tifusion_proto::errorpb;

use super::*;
use crate::testing::{Call, Effect, Fault, healing_region_errors};

const PHASES: [&str; 5] =
    ["prewrite", "commit", "txn_heart_beat", "batch_rollback", "resolve_lock"];

struct No;

#[async_trait::async_trait]
impl CommitGuard for No {
    async fn allow(&self, _: Timestamp) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        Err("no".into())
    }
}

async fn run(client: &Client, phase: &str) -> Result<Committed, TxnError> {
    // A large one commits by regions.
    let max_keys = if phase == "resolve_lock" { 2 } else { 1000 };
    let mut txn = client.begin(TxnOptions { max_keys, ..TxnOptions::default() }).await.unwrap();
    txn.prewrite(puts(0..6)).await?;
    if phase == "txn_heart_beat" {
        tokio::time::sleep(std::time::Duration::from_secs(31)).await;
    }
    match phase {
        "batch_rollback" => txn.commit(&No).await,
        _ => txn.commit(&NoGuard).await,
    }
}

fn set_up(phase: &'static str, error: errorpb::Error, times: usize) -> Arc<FakeCluster> {
    let cluster = FakeCluster::split_at(&[&row_key(3)]);
    let matches = move |call: &Call| call.command == phase;
    cluster.add_fault(Fault::once(matches, Effect::region(error)).times(times));
    cluster
}

#[tokio::test(start_paused = true)]
async fn errors_that_pass_cost_time_only() {
    for phase in PHASES {
        for times in [1, 3] {
            for error in healing_region_errors() {
                let name = format!("{phase}: {times} × {error:?}");
                let cluster = set_up(phase, error, times);
                let client = cluster.client();
                let result = run(&client, phase).await;
                assert!(cluster.all_fired(), "{name}");
                assert_clean(&cluster);
                let there = match phase {
                    "batch_rollback" => {
                        assert!(matches!(result, Err(TxnError::Refused { .. })), "{name}");
                        false
                    }
                    _ => {
                        let committed = result.unwrap_or_else(|error| panic!("{name}: {error}"));
                        assert!(matches!(committed.secondaries, Secondaries::Done), "{name}");
                        true
                    }
                };
                for row in 0..6 {
                    assert_eq!(value(&client, row).await.is_some(), there, "{name}");
                }
            }
        }
    }
}

fn lasting() -> Vec<errorpb::Error> {
    let error = errorpb::Error::default;
    vec![
        errorpb::Error { raft_entry_too_large: Some(Default::default()), ..error() },
        errorpb::Error { flashback_in_progress: Some(Default::default()), ..error() },
        errorpb::Error { flashback_not_prepared: Some(Default::default()), ..error() },
        errorpb::Error { message: "invalid max_ts update".to_owned(), ..error() },
    ]
}

#[tokio::test(start_paused = true)]
async fn errors_that_last_end_it_before_the_commit() {
    for phase in ["prewrite", "commit"] {
        for error in lasting() {
            let name = format!("{phase}: {error:?}");
            let cluster = set_up(phase, error, usize::MAX);
            let client = cluster.client();
            let error = run(&client, phase).await.unwrap_err();
            assert!(matches!(error, TxnError::Client(_)), "{name}: {error}");
            assert_eq!(error.kind(), crate::ErrorKind::Refused, "{name}: {error}");
            assert_clean(&cluster);
            assert_eq!(value(&client, 0).await, None, "{name}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn errors_that_last_after_the_commit_leave_locks_to_others() {
    for max_keys in [2, 1000] {
        for error in lasting() {
            let cluster = FakeCluster::split_at(&[&row_key(3)]);
            let client = cluster.client();
            let options = TxnOptions { max_keys, ..TxnOptions::default() };
            let mut txn = client.begin(options).await.unwrap();
            txn.prewrite(puts(0..6)).await.unwrap();
            // The region without the primary.
            let second = |call: &Call| {
                matches!(call.command, "commit" | "resolve_lock") && call.region() != 10
            };
            cluster.add_fault(Fault::once(second, Effect::region(error)).times(usize::MAX));
            let committed = txn.commit(&NoGuard).await.unwrap();
            assert!(matches!(committed.secondaries, Secondaries::Left(_)), "{committed:?}");
            cluster.state.lock().faults.clear();
            for row in 0..6 {
                assert_eq!(value(&client, row).await, Some(format!("v{row}")));
            }
            client.idle().await;
            assert_clean(&cluster);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn regions_split_merge_and_move_in_every_phase() {
    for phase in ["prewrite", "commit", "batch_rollback", "resolve_lock"] {
        for after in 0..3 {
            let cluster = FakeCluster::split_at(&[&row_key(3)]);
            let client = cluster.client();
            let change = Effect::Change(Box::new(move |state| match after {
                0 => {
                    state.split(row_key(1).as_bytes());
                    state.split(row_key(5).as_bytes());
                }
                1 => state.merge_right(row_key(0).as_bytes()),
                _ => {
                    state.transfer_leader(row_key(0).as_bytes(), 3);
                    state.transfer_leader(row_key(5).as_bytes(), 1);
                }
            }));
            let fault = Fault::once(move |call| call.command == phase, change);
            cluster.add_fault(fault.after(after.min(1)));
            let result = run(&client, phase).await;
            assert!(cluster.all_fired(), "{phase} {after}");
            assert_clean(&cluster);
            let there = phase != "batch_rollback";
            assert_eq!(result.is_ok(), there, "{phase} {after}");
            for row in 0..6 {
                assert_eq!(value(&client, row).await.is_some(), there, "{phase} {after}");
            }
        }
    }
}
