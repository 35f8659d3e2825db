use super::*;
use crate::clock::testing::ManualClock;

const ALL: [BackoffKind; 13] = [
    BackoffKind::RegionMiss,
    BackoffKind::RegionScheduling,
    BackoffKind::ServerBusy,
    BackoffKind::StoreRpc,
    BackoffKind::PdRpc,
    BackoffKind::TxnLock,
    BackoffKind::TxnLockFast,
    BackoffKind::DiskFull,
    BackoffKind::RecoveryInProgress,
    BackoffKind::IsWitness,
    BackoffKind::StaleCommand,
    BackoffKind::MaxTsNotSynced,
    BackoffKind::RegionNotInitialized,
];

fn cause() -> ClientError {
    ClientError::new(ErrorKind::Unavailable, "store is busy").with_region(7).with_key(b"k")
}

fn backoffer(budget_ms: u64) -> (Arc<ManualClock>, Backoffer) {
    let clock = Arc::new(ManualClock::default());
    let bo = Backoffer::new(Arc::clone(&clock) as Arc<dyn Clock>, Duration::from_millis(budget_ms));
    (clock, bo)
}

fn millis(durations: &[Duration]) -> Vec<u128> {
    durations.iter().map(Duration::as_millis).collect()
}

#[test]
fn waits_without_jitter_double_up_to_the_cap() {
    let waits: Vec<_> = (0..12)
        .map(|attempt| BackoffKind::RegionMiss.delay(attempt, |_| panic!("no jitter")).as_millis())
        .collect();
    assert_eq!(waits, [2, 4, 8, 16, 32, 64, 128, 256, 500, 500, 500, 500]);
}

#[test]
fn waits_with_jitter_stay_in_the_upper_half() {
    for kind in [BackoffKind::ServerBusy, BackoffKind::PdRpc, BackoffKind::TxnLockFast] {
        for attempt in 0..10 {
            let shortest = kind.delay(attempt, |_| 0);
            let longest = kind.delay(attempt, |bound| bound);
            assert_eq!(shortest * 2, longest, "{kind:?} {attempt}");
            assert_eq!(kind.delay(attempt, |_| u64::MAX), longest, "a bad source of chance");
        }
    }
    assert_eq!(BackoffKind::ServerBusy.delay(0, |bound| bound).as_millis(), 2_000);
    assert_eq!(BackoffKind::ServerBusy.delay(9, |bound| bound).as_millis(), 10_000);
    assert_eq!(BackoffKind::PdRpc.delay(0, |bound| bound).as_millis(), 500);
}

#[test]
fn waits_never_overflow_nor_shrink() {
    for kind in ALL {
        let mut last = Duration::ZERO;
        for attempt in [0, 1, 5, 31, 63, 64, 65, u32::MAX] {
            let wait = kind.delay(attempt, |bound| bound);
            assert!(wait >= last, "{kind:?} {attempt}");
            last = wait;
        }
        assert!(last <= Duration::from_secs(10));
    }
}

#[tokio::test]
async fn sleeps_and_counts_per_kind() {
    let (clock, mut bo) = backoffer(60_000);
    for kind in [BackoffKind::RegionMiss, BackoffKind::StoreRpc, BackoffKind::RegionMiss] {
        bo.backoff(kind, cause()).await.unwrap();
    }
    assert_eq!(millis(&clock.sleeps()), [2, 100, 4]);
    assert_eq!(bo.attempts(), 3);
    assert_eq!(bo.slept().as_millis(), 106);
    assert_eq!(bo.elapsed().as_millis(), 106);
    assert_eq!(bo.remaining().as_millis(), 60_000 - 106);
}

#[tokio::test]
async fn a_cap_shortens_one_wait_only() {
    let (clock, mut bo) = backoffer(60_000);
    let cap = Duration::from_millis(30);
    bo.backoff_at_most(BackoffKind::StoreRpc, cap, cause()).await.unwrap();
    bo.backoff(BackoffKind::StoreRpc, cause()).await.unwrap();
    assert_eq!(millis(&clock.sleeps()), [30, 200]);
}

#[tokio::test]
async fn a_spent_budget_is_an_error_that_keeps_its_cause() {
    let (clock, mut bo) = backoffer(1_000);
    let error = loop {
        if let Err(error) = bo.backoff(BackoffKind::StoreRpc, cause()).await {
            break error;
        }
    };
    // The last wait is cut to what is left, so that one more try happens at the very end.
    assert_eq!(millis(&clock.sleeps()), [100, 200, 400, 300]);
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
    assert_eq!(error.retry(), cause().retry());
    assert_eq!(error.context().region, Some(7));
    assert_eq!(error.context().attempts, Some(4));
    assert_eq!(error.context().elapsed, Some(Duration::from_secs(1)));
    let text = error.to_string();
    assert!(text.contains("store is busy") && text.contains("region 7"), "{text}");
    let source = std::error::Error::source(&error).unwrap();
    assert_eq!(source.to_string(), cause().to_string());
}

#[tokio::test]
async fn an_unknown_outcome_stays_unknown() {
    let (_clock, mut bo) = backoffer(0);
    let cause = ClientError::new(ErrorKind::Undetermined, "commit lost");
    let error = bo.backoff(BackoffKind::StoreRpc, cause).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Undetermined);
    assert_eq!(error.retry(), crate::error::RetrySafety::Unknown);
}

#[tokio::test]
async fn a_busy_server_does_not_eat_the_budget_until_ten_minutes() {
    let (_clock, mut bo) = backoffer(20_000);
    let mut waits = 0;
    while bo.backoff(BackoffKind::ServerBusy, cause()).await.is_ok() {
        waits += 1;
    }
    // 2 + 4 + 8 + 10 × 59 = 604 s
    assert_eq!(waits, 62);
    assert_eq!(bo.slept().as_secs(), 604);
    assert_eq!(bo.remaining(), Duration::from_secs(20));
    bo.backoff(BackoffKind::RegionMiss, cause()).await.unwrap();
}

#[tokio::test]
async fn a_wait_that_would_pass_the_deadline_is_not_slept() {
    let (clock, bo) = backoffer(60_000);
    let deadline = clock.now() + Duration::from_millis(250);
    let mut bo = bo.with_deadline(Some(deadline));
    bo.backoff(BackoffKind::StoreRpc, cause()).await.unwrap();
    let error = bo.backoff(BackoffKind::StoreRpc, cause()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
    assert_eq!(millis(&clock.sleeps()), [100]);
    assert!(bo.check_deadline().is_ok());
    assert_eq!(bo.bounded_timeout(Duration::from_secs(9)), Duration::from_millis(150));
    clock.advance(Duration::from_millis(150));
    assert_eq!(bo.check_deadline().unwrap_err().kind(), ErrorKind::DeadlineExceeded);
    assert_eq!(bo.bounded_timeout(Duration::from_secs(9)), Duration::ZERO);
}

#[tokio::test]
async fn a_fork_has_the_rest_of_the_budget_and_its_own_counters() {
    let (clock, bo) = backoffer(1_000);
    let deadline = clock.now() + Duration::from_secs(30);
    let mut bo = bo.with_deadline(Some(deadline));
    bo.backoff(BackoffKind::StoreRpc, cause()).await.unwrap();
    let mut fork = bo.fork();
    assert_eq!(fork.remaining().as_millis(), 900);
    assert_eq!(fork.attempts(), 0);
    assert_eq!(fork.deadline(), Some(deadline));
    fork.backoff(BackoffKind::StoreRpc, cause()).await.unwrap();
    assert_eq!(millis(&clock.sleeps()), [100, 100]);
    assert_eq!(bo.remaining().as_millis(), 900, "a fork does not spend its parent's budget");
}

#[tokio::test]
async fn waiting_in_line_is_bounded_and_counts_until_it_was_of_use() {
    let (clock, mut bo) = backoffer(1_000);
    let work = async {
        clock.advance(Duration::from_millis(300));
        "done"
    };
    assert_eq!(bo.wait("a lookup", work).await.unwrap(), "done");
    assert_eq!(bo.remaining().as_millis(), 700);
    assert_eq!(bo.slept(), Duration::ZERO);
    bo.moved_on();
    assert_eq!(bo.remaining().as_millis(), 1_000);
    let work = async { clock.advance(Duration::from_millis(300)) };
    bo.wait("a lookup", work).await.unwrap();
    let error = bo.wait("a lookup", std::future::pending::<()>()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
    assert!(error.to_string().contains("a lookup"), "{error}");
    assert_eq!(bo.remaining(), Duration::ZERO);
    assert_eq!(bo.elapsed().as_millis(), 1_300);
}
