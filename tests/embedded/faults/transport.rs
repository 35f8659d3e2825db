//! Connections that break, calls that fail or take long, regions that change and locks in the way.

use std::time::Duration;

use tifusion_embedded::{Effect, EmbeddedCluster, LeftLock, When};
use tonic::Code;

use super::{at_all_times, run_all};
use crate::tables::Read;

async fn start(seed: u64) -> EmbeddedCluster {
    EmbeddedCluster::builder().stores(4).seed(seed).start().await.unwrap()
}

/// Statuses that a client gets over, whoever made them.
const PASSING: [Code; 6] = [
    Code::Unavailable,
    Code::Cancelled,
    Code::Internal,
    Code::Unknown,
    Code::Aborted,
    Code::DeadlineExceeded,
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_calls_and_changed_regions_cost_time_only() {
    let cluster = start(31).await;
    let status = |code| Effect::Status { code: i32::from(code), message: "injected".to_owned() };
    let mut effects = vec![
        Effect::DropBefore,
        Effect::DropAfter,
        Effect::Delay(Duration::from_millis(40)),
        Effect::SplitRegion,
        Effect::MergeRegion,
        Effect::TransferLeader,
        Effect::Twice,
    ];
    effects.extend(PASSING.map(status));
    let count = effects.len();
    let told = run_all(&cluster, effects, |effect, way| {
        // A store that is out of time again and again is asked for less, and then no more.
        let late = i32::from(Code::DeadlineExceeded);
        let is_late = matches!(effect, Effect::Status { code, .. } if *code == late);
        let mut whens = at_all_times(way, if is_late { 0.05 } else { 0.2 });
        if !is_late && way != Read::Select {
            whens.push(When::Every(2));
        }
        whens
    })
    .await;
    assert_eq!(told.len(), count * (3 * 5 + 2) - 3);
    for told in told {
        told.must_be_right();
        let sure = !told.case.what.contains("Probability");
        assert!(told.fired > 0 || !sure, "{:?} never fired", told.case);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn locks_of_every_state_are_looked_after() {
    let cluster = start(32).await;
    let locks = [
        LeftLock::Expired,
        LeftLock::Alive(Duration::from_millis(400)),
        LeftLock::Committed,
        LeftLock::AsyncCommitted,
        LeftLock::Pessimistic,
    ];
    let effects = locks.map(Effect::LeaveLock);
    for told in run_all(&cluster, effects, |_, way| at_all_times(way, 0.4)).await {
        told.must_be_right();
        // A lock is younger than the snapshot that it comes into: the next one meets it.
        let Some(answer) = &told.after else { continue };
        let (met, what) = (answer.metric("locks"), &told.case.what);
        if what.contains("Pessimistic") {
            assert_eq!(met, 0, "{what} stops no reader");
        } else {
            assert!(met > 0 || told.fired == 0, "{what} under {:?} was not met", told.case.way);
        }
    }
    let violations = cluster.verify().await.unwrap();
    assert_eq!(violations, []);
}
