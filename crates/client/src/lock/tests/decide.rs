//! The rules as tables.

use std::time::Duration;

use tifusion_proto::kvrpcpb::{self, Action, Op};

use super::super::decision::*;
use super::super::info::Lock;
use super::super::secondaries::{Secondaries, SecondariesVerdict};
use super::super::status::{AsyncCommit, Fate, PrimaryLock, TxnStatus};
use crate::error::ErrorKind;
use crate::timestamp::Timestamp;

fn ts(ms: u64) -> Timestamp {
    Timestamp::from_parts(ms, 0).unwrap()
}

/// A lock of the transaction of millisecond 1000, alive until 4000.
fn lock() -> Lock {
    Lock {
        key: b"k".to_vec(),
        primary: b"p".to_vec(),
        txn: ts(1000),
        ttl_ms: 3000,
        txn_size: 2,
        is_pessimistic: false,
        for_update_ts: Timestamp::ZERO,
        is_txn_file: false,
    }
}

const CALLER_MS: u64 = 2000;

fn caller() -> Timestamp {
    ts(CALLER_MS)
}

fn question(now_ms: u64) -> StatusQuestion {
    StatusQuestion {
        current_ts: ts(now_ms),
        rollback_if_not_exist: false,
        force_sync_commit: false,
    }
}

fn after(lock: &Lock, now_ms: u64, status: TxnStatus) -> Step {
    after_status(lock, caller(), question(now_ms), status).unwrap()
}

fn finish(verdict: Verdict, cleanup: Cleanup, fate: Option<Fate>) -> Step {
    Step::Finish(Outcome { verdict, cleanup, fate })
}

fn keys(fate: Fate) -> Cleanup {
    Cleanup::Keys { keys: vec![b"k".to_vec()], fate }
}

fn alive(ttl_ms: u64, pushed: bool) -> TxnStatus {
    TxnStatus::Locked(PrimaryLock { ttl_ms, pushed, async_commit: None })
}

fn async_commit() -> AsyncCommit {
    AsyncCommit { secondaries: vec![b"k".to_vec(), b"l".to_vec()], min_commit_ts: ts(1500) }
}

fn alive_async(ttl_ms: u64) -> TxnStatus {
    TxnStatus::Locked(PrimaryLock { ttl_ms, pushed: false, async_commit: Some(async_commit()) })
}

#[test]
fn the_first_step() {
    let later = Lock { txn: ts(CALLER_MS + 1), ..lock() };
    let ignore = finish(Verdict::Ignore, Cleanup::None, None);
    assert_eq!(begin(&later, caller(), ts(3000), None), ignore);
    assert_eq!(begin(&lock(), caller(), ts(3000), None), Step::CheckStatus(question(3000)));
    let immediate = Lock { ttl_ms: 0, ..lock() };
    let whatever_its_age = StatusQuestion { current_ts: Timestamp::MAX, ..question(0) };
    assert_eq!(begin(&immediate, caller(), ts(3000), None), Step::CheckStatus(whatever_its_age));
    let known = Some(Fate::RolledBack);
    let outcome = finish(Verdict::Ignore, keys(Fate::RolledBack), known);
    assert_eq!(begin(&lock(), caller(), ts(3000), known), outcome);
}

#[test]
fn locks_of_ended_transactions() {
    let before = Fate::Committed(ts(CALLER_MS));
    let after_caller = Fate::Committed(ts(CALLER_MS + 1));
    for (fate, verdict) in [
        (before, Verdict::ReadThrough),
        (after_caller, Verdict::Ignore),
        (Fate::RolledBack, Verdict::Ignore),
    ] {
        let step = after(&lock(), 3000, TxnStatus::Ended(fate));
        assert_eq!(step, finish(verdict, keys(fate), Some(fate)));
        // Many keys in the region: one pass over it.
        let large = Lock { txn_size: 512, ..lock() };
        let step = after(&large, 3000, TxnStatus::Ended(fate));
        assert_eq!(step, finish(verdict, Cleanup::Region { fate }, Some(fate)));
        // The question has settled the primary already.
        let primary = Lock { key: b"p".to_vec(), ..lock() };
        let step = after(&primary, 3000, TxnStatus::Ended(fate));
        assert_eq!(step, finish(verdict, Cleanup::None, Some(fate)));
        let pessimistic = Lock { is_pessimistic: true, ..lock() };
        let step = after(&pessimistic, 3000, TxnStatus::Ended(fate));
        assert_eq!(step, finish(verdict, Cleanup::PessimisticKey, Some(fate)));
    }
}

#[test]
fn locks_of_live_transactions() {
    let wait = |ms| finish(Verdict::Wait(Duration::from_millis(ms)), Cleanup::None, None);
    assert_eq!(after(&lock(), 3000, alive(3000, false)), wait(1000));
    // The primary's time to live counts: heartbeats prolong it.
    assert_eq!(after(&lock(), 3000, alive(9000, false)), wait(7000));
    // The store says it lives although its time has just passed here.
    assert_eq!(after(&lock(), 5000, alive(3000, false)), wait(1));
    let ignore = finish(Verdict::Ignore, Cleanup::None, None);
    assert_eq!(after(&lock(), 3000, alive(3000, true)), ignore);
    let pessimistic = Lock { is_pessimistic: true, ..lock() };
    assert_eq!(after(&pessimistic, 3000, alive(3000, false)), wait(1000));
}

#[test]
fn locks_of_async_commit_transactions() {
    let wait = finish(Verdict::Wait(Duration::from_secs(1)), Cleanup::None, None);
    assert_eq!(after(&lock(), 3000, alive_async(3000)), wait);
    assert_eq!(after(&lock(), 4000, alive_async(3000)), Step::CheckSecondaries(async_commit()));
    assert_eq!(after(&lock(), 3000, alive_async(0)), Step::CheckSecondaries(async_commit()));

    let fate = Fate::Committed(ts(1800));
    let ended = SecondariesVerdict::Ended { fate, locked: vec![b"k".to_vec()] };
    let all = Cleanup::Keys { keys: vec![b"k".to_vec(), b"p".to_vec()], fate };
    let step = after_secondaries(&lock(), caller(), ts(9000), ended);
    assert_eq!(step, finish(Verdict::ReadThrough, all, Some(fate)));

    let step = after_secondaries(&lock(), caller(), ts(9000), SecondariesVerdict::FellBack);
    let forced = StatusQuestion { force_sync_commit: true, ..question(9000) };
    assert_eq!(step, Step::CheckStatus(forced));
}

#[test]
fn a_transaction_without_a_trace_gets_its_time_before_it_is_rolled_back() {
    assert_eq!(after(&lock(), 3000, TxnStatus::NotFound), Step::WaitForPrimary);
    let rollback = StatusQuestion { rollback_if_not_exist: true, ..question(4000) };
    assert_eq!(after(&lock(), 4000, TxnStatus::NotFound), Step::CheckStatus(rollback));
    let again = after_status(&lock(), caller(), rollback, TxnStatus::NotFound).unwrap();
    assert_eq!(again, Step::WaitForPrimary);
    let pessimistic = Lock { is_pessimistic: true, ..lock() };
    let wait = finish(Verdict::Wait(Duration::from_secs(1)), Cleanup::None, None);
    assert_eq!(after(&pessimistic, 3000, TxnStatus::NotFound), wait);
    assert_eq!(ask_again(&lock(), ts(5000)), Step::CheckStatus(question(5000)));
}

#[test]
fn no_trace_is_no_rollback() {
    // Taken for one, it would throw away the writes of a transaction that goes on.
    for status in [TxnStatus::NoTrace, TxnStatus::PessimisticLockGone] {
        assert_eq!(after(&lock(), 9000, status.clone()), Step::WaitForPrimary);
        let pessimistic = Lock { is_pessimistic: true, txn_size: 9999, ..lock() };
        let only_its_key = finish(Verdict::Retry, Cleanup::PessimisticKey, None);
        assert_eq!(after(&pessimistic, 9000, status), only_its_key);
    }
}

#[test]
fn a_changed_primary_leaves_only_pessimistic_locks_behind() {
    let pessimistic = Lock { is_pessimistic: true, ..lock() };
    let only_its_key = finish(Verdict::Retry, Cleanup::PessimisticKey, None);
    assert_eq!(after(&pessimistic, 3000, TxnStatus::PrimaryMismatch), only_its_key);
    let error =
        after_status(&lock(), caller(), question(3000), TxnStatus::PrimaryMismatch).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol);
}

#[test]
fn answers_about_a_transaction() {
    let response = kvrpcpb::CheckTxnStatusResponse::default;
    let with =
        |action: Action| kvrpcpb::CheckTxnStatusResponse { action: action.into(), ..response() };
    let rolled_back = TxnStatus::Ended(Fate::RolledBack);
    let committed = kvrpcpb::CheckTxnStatusResponse { commit_version: 9, ..response() };
    let table = [
        (committed, TxnStatus::Ended(Fate::Committed(Timestamp::new(9)))),
        (with(Action::NoAction), rolled_back.clone()),
        (with(Action::LockNotExistRollback), rolled_back.clone()),
        (with(Action::TtlExpireRollback), rolled_back),
        (with(Action::TtlExpirePessimisticRollback), TxnStatus::PessimisticLockGone),
        (with(Action::LockNotExistDoNothing), TxnStatus::NoTrace),
        (
            kvrpcpb::CheckTxnStatusResponse { lock_ttl: 3000, ..with(Action::MinCommitTsPushed) },
            alive(3000, true),
        ),
        (kvrpcpb::CheckTxnStatusResponse { lock_ttl: 3000, ..response() }, alive(3000, false)),
        // A lock without a time to live still is one.
        (
            kvrpcpb::CheckTxnStatusResponse { lock_info: Some(Default::default()), ..response() },
            alive(0, false),
        ),
    ];
    for (response, status) in table {
        assert_eq!(TxnStatus::from_response(response, false).unwrap(), status);
    }
}

#[test]
fn unknown_answers_about_a_transaction_decide_nothing() {
    let response = kvrpcpb::CheckTxnStatusResponse { action: 77, ..Default::default() };
    let error = TxnStatus::from_response(response, false).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol);
    let abort = kvrpcpb::KeyError { abort: "no".to_owned(), ..Default::default() };
    let response = kvrpcpb::CheckTxnStatusResponse { error: Some(abort), ..Default::default() };
    let error = TxnStatus::from_response(response, false).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
}

#[test]
fn async_commit_is_seen_unless_the_question_ignores_it() {
    let lock = kvrpcpb::LockInfo {
        use_async_commit: true,
        secondaries: async_commit().secondaries,
        min_commit_ts: async_commit().min_commit_ts.version(),
        ..Default::default()
    };
    let response = kvrpcpb::CheckTxnStatusResponse {
        lock_ttl: 3000,
        lock_info: Some(lock),
        ..Default::default()
    };
    assert_eq!(TxnStatus::from_response(response.clone(), false).unwrap(), alive_async(3000));
    assert_eq!(TxnStatus::from_response(response, true).unwrap(), alive(3000, false));
}

fn secondary(key: &str, min_commit_ms: u64) -> kvrpcpb::LockInfo {
    kvrpcpb::LockInfo {
        key: key.as_bytes().to_vec(),
        primary_lock: b"p".to_vec(),
        lock_version: ts(1000).version(),
        use_async_commit: true,
        min_commit_ts: ts(min_commit_ms).version(),
        ..Default::default()
    }
}

fn locks(locks: Vec<kvrpcpb::LockInfo>) -> kvrpcpb::CheckSecondaryLocksResponse {
    kvrpcpb::CheckSecondaryLocksResponse { locks, ..Default::default() }
}

fn missing(commit_ms: u64) -> kvrpcpb::CheckSecondaryLocksResponse {
    let commit_ts = if commit_ms == 0 { 0 } else { ts(commit_ms).version() };
    kvrpcpb::CheckSecondaryLocksResponse { commit_ts, ..Default::default() }
}

/// The verdict over answers about one key each, in both orders.
fn verdict(
    answers: Vec<kvrpcpb::CheckSecondaryLocksResponse>,
) -> crate::Result<SecondariesVerdict> {
    let fold = |answers: Vec<kvrpcpb::CheckSecondaryLocksResponse>| {
        let mut secondaries = Secondaries::new(ts(1000), &async_commit());
        for answer in answers {
            secondaries.add(1, answer)?;
        }
        secondaries.verdict()
    };
    let mut backwards = answers.clone();
    backwards.reverse();
    let (one, mut other) = (fold(answers), fold(backwards));
    if let Ok(SecondariesVerdict::Ended { locked, .. }) = &mut other {
        locked.reverse();
    }
    assert_eq!(one.as_ref().ok(), other.as_ref().ok(), "the order of answers must not matter");
    one
}

fn ended(fate: Fate, locked: &[&str]) -> SecondariesVerdict {
    let locked = locked.iter().map(|key| key.as_bytes().to_vec()).collect();
    SecondariesVerdict::Ended { fate, locked }
}

#[test]
fn secondaries_decide_together() {
    let all = verdict(vec![locks(vec![secondary("k", 1600)]), locks(vec![secondary("l", 1700)])]);
    assert_eq!(all.unwrap(), ended(Fate::Committed(ts(1700)), &["k", "l"]));
    let lower = verdict(vec![locks(vec![secondary("k", 1200)])]);
    assert_eq!(lower.unwrap(), ended(Fate::Committed(ts(1500)), &["k"]));
    let one_missing = verdict(vec![locks(vec![secondary("k", 1600)]), missing(0)]);
    assert_eq!(one_missing.unwrap(), ended(Fate::RolledBack, &["k"]));
    let one_committed = verdict(vec![locks(vec![secondary("k", 1600)]), missing(1650)]);
    assert_eq!(one_committed.unwrap(), ended(Fate::Committed(ts(1650)), &["k"]));
    let mut plain = secondary("l", 0);
    plain.use_async_commit = false;
    let fell_back = verdict(vec![locks(vec![secondary("k", 1600)]), locks(vec![plain])]);
    assert_eq!(fell_back.unwrap(), SecondariesVerdict::FellBack);
}

#[test]
fn secondaries_that_contradict_decide_nothing() {
    for answers in [
        vec![missing(0), missing(1650)],
        vec![missing(1650), missing(1651)],
        vec![missing(1400)],
        vec![locks(vec![secondary("k", 1700)]), missing(1650)],
        vec![locks(vec![kvrpcpb::LockInfo { lock_version: 5, ..secondary("k", 1600) }])],
    ] {
        assert_eq!(verdict(answers).unwrap_err().kind(), ErrorKind::Protocol);
    }
}

#[test]
fn a_shared_lock_is_read_from_its_inside() {
    let inner = |version| kvrpcpb::LockInfo {
        lock_version: version,
        primary_lock: b"p".to_vec(),
        lock_type: Op::PessimisticLock.into(),
        ..Default::default()
    };
    let wrapper = kvrpcpb::LockInfo {
        key: b"k".to_vec(),
        lock_type: Op::SharedLock.into(),
        // Not to be looked at.
        lock_version: 999,
        primary_lock: b"wrong".to_vec(),
        shared_lock_infos: vec![inner(5), inner(6)],
        ..Default::default()
    };
    let locks = Lock::from_info(wrapper.clone()).unwrap();
    let seen: Vec<_> =
        locks.iter().map(|l| (l.txn.version(), l.key.as_slice(), l.is_pessimistic)).collect();
    assert_eq!(seen, [(5, &b"k"[..], true), (6, &b"k"[..], true)]);
    let empty = kvrpcpb::LockInfo { shared_lock_infos: vec![], ..wrapper.clone() };
    assert_eq!(Lock::from_info(empty).unwrap(), []);
    let nested = kvrpcpb::LockInfo { shared_lock_infos: vec![wrapper.clone()], ..wrapper };
    assert_eq!(Lock::from_info(nested).unwrap_err().kind(), ErrorKind::Protocol);
    assert_eq!(Lock::from_info(Default::default()).unwrap_err().kind(), ErrorKind::Protocol);
}

fn for_write(lock: &Lock, status: TxnStatus) -> Step {
    after_status(lock, Caller::Write, question(2000), status).unwrap()
}

#[test]
fn a_writer_passes_by_no_lock() {
    // Nor by one of a later transaction, nor by one whose commit was pushed.
    let later = Lock { txn: ts(CALLER_MS + 1), ..lock() };
    assert_eq!(begin(&later, Caller::Write, ts(3000), None), Step::CheckStatus(question(3000)));
    let wait = finish(Verdict::Wait(Duration::from_secs(2)), Cleanup::None, None);
    for pushed in [false, true] {
        assert_eq!(for_write(&lock(), alive(3000, pushed)), wait);
    }
}

#[test]
fn a_writer_tries_again_when_a_lock_has_got_its_fate() {
    for fate in [Fate::RolledBack, Fate::Committed(ts(1500)), Fate::Committed(ts(9000))] {
        let again = finish(Verdict::Retry, keys(fate), Some(fate));
        assert_eq!(for_write(&lock(), TxnStatus::Ended(fate)), again);
        assert_eq!(begin(&lock(), Caller::Write, ts(3000), Some(fate)), again);
        let ended = SecondariesVerdict::Ended { fate, locked: vec![b"k".to_vec()] };
        let all = Cleanup::Keys { keys: vec![b"k".to_vec(), b"p".to_vec()], fate };
        let step = after_secondaries(&lock(), Caller::Write, ts(3000), ended);
        assert_eq!(step, finish(Verdict::Retry, all, Some(fate)));
    }
    let pessimistic = Lock { is_pessimistic: true, ..lock() };
    let gone = finish(Verdict::Retry, Cleanup::PessimisticKey, None);
    assert_eq!(for_write(&pessimistic, TxnStatus::PessimisticLockGone), gone);
    // Nobody is asked to commit after a writer.
    assert_eq!(Caller::Write.start_ts(), Timestamp::ZERO);
    assert_eq!(Caller::from(ts(7)).start_ts(), ts(7));
}
