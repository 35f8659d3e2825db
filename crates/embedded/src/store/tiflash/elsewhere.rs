//! Rows that a store of TiFlash has not, or that are locked: it reads them as a client of the others.

use tifusion_codec::key::display_key;
use tifusion_proto::{coprocessor, kvrpcpb, metapb};

use crate::state::{State, Write};
use crate::store::check::View;
use crate::store::command::evaluate;

/// Locks that are got past before a read is given up.
const MOST_LOCKS: usize = 1000;

/// The answer to a request over keys of any regions.
///
/// # Errors
/// The words of a lock that stays in the way: of a transaction that lives and can't be pushed, or commits
/// asynchronously, which only its own client settles.
pub(super) fn read(
    mut request: coprocessor::Request,
    state: &State,
) -> Result<coprocessor::Response, String> {
    // All stores share their data, so that one look at all keys is one at each of their regions.
    let everywhere = View {
        region: metapb::Region::default(),
        start: Vec::new(),
        end: Vec::new(),
        data_version: None,
        buckets_version: 0,
    };
    for _ in 0..MOST_LOCKS {
        let answer = evaluate(&request, state, &everywhere);
        let Some(lock) = answer.locked else { return Ok(answer) };
        match settle(&lock, request.start_ts, state) {
            Settled::Gone => {}
            Settled::Pushed => {
                let context = request.context.get_or_insert_default();
                context.resolved_locks.push(lock.lock_version);
            }
            Settled::InTheWay => return Err(format!("key {} is locked", display_key(&lock.key))),
        }
    }
    Err("there are too many locks".to_owned())
}

/// What became of a lock.
enum Settled {
    /// It is a commit now, or nothing.
    Gone,
    /// Its transaction commits later than the read.
    Pushed,
    InTheWay,
}

fn settle(lock: &kvrpcpb::LockInfo, start_ts: u64, state: &State) -> Settled {
    if lock.use_async_commit {
        return Settled::InTheWay;
    }
    // Primary and key may be in any regions.
    let _write = Write::begin(state, Vec::new(), Vec::new(), 0);
    let status = state.storage.check_txn_status(&kvrpcpb::CheckTxnStatusRequest {
        primary_key: lock.primary_lock.clone(),
        lock_ts: lock.lock_version,
        caller_start_ts: start_ts,
        current_ts: state.timestamp(),
        rollback_if_not_exist: true,
        ..kvrpcpb::CheckTxnStatusRequest::default()
    });
    if status.error.is_some() {
        return Settled::InTheWay;
    }
    if status.lock_ttl > 0 {
        return match status.action() {
            kvrpcpb::Action::MinCommitTsPushed => Settled::Pushed,
            _ => Settled::InTheWay,
        };
    }
    let resolved = state.storage.resolve_lock_within(
        &kvrpcpb::ResolveLockRequest {
            start_version: lock.lock_version,
            commit_version: status.commit_version,
            keys: vec![lock.key.clone()],
            ..kvrpcpb::ResolveLockRequest::default()
        },
        b"".as_slice()..b"".as_slice(),
    );
    if resolved.error.is_some() { Settled::InTheWay } else { Settled::Gone }
}
