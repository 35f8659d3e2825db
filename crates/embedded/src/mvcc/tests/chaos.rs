//! Commands of every kind by clients that keep to no protocol but one: a commit timestamp is a new one. Whatever
//! they ask for, the invariants of single keys hold, a repeated request gets the same answer, and what a snapshot
//! has shown it shows forever.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use tifusion_proto::kvrpcpb::prewrite_request::PessimisticAction;
use tifusion_proto::kvrpcpb::{
    CheckSecondaryLocksRequest, CleanupRequest, Op, PessimisticLockRequest,
    PessimisticLockWakeUpMode, PessimisticRollbackRequest, ResolveLockRequest, TxnHeartBeatRequest,
};

use super::*;

const KEYS: [&str; 3] = ["a", "b", "c"];

/// How a prewrite commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    TwoPhase,
    Async,
    OnePhase,
}

#[derive(Debug, Clone)]
enum Action {
    Begin,
    /// With a bound on the commit timestamp that may be too low, and by a pessimistic transaction or not.
    Prewrite(Way, bool, bool, Vec<(&'static str, Op, bool)>),
    Lock(Vec<&'static str>, bool, bool),
    GiveBack(Vec<&'static str>),
    Commit(Vec<&'static str>),
    Rollback(Vec<&'static str>),
    Cleanup(&'static str),
    Status(&'static str, bool, bool, bool),
    Secondaries(Vec<&'static str>),
    Resolve(bool),
    HeartBeat(&'static str),
    Read(&'static str),
    Gc,
}

fn action() -> impl Strategy<Value = Action> {
    let keys = || subsequence(KEYS.to_vec(), 1..=KEYS.len());
    let key = || select(KEYS.to_vec());
    let way = select(vec![Way::TwoPhase, Way::Async, Way::OnePhase]);
    let op = || select(vec![Op::Put, Op::Put, Op::Put, Op::Del, Op::Lock, Op::Insert]);
    let mutations = keys().prop_flat_map(move |keys| {
        let count = keys.len();
        (Just(keys), vec((op(), any::<bool>()), count)).prop_map(|(keys, ops)| {
            keys.into_iter().zip(ops).map(|(key, (op, long))| (key, op, long)).collect()
        })
    });
    prop_oneof![
        3 => Just(Action::Begin),
        8 => (way, any::<bool>(), any::<bool>(), mutations)
            .prop_map(|(way, bound, pessimistic, keys)| Action::Prewrite(way, bound, pessimistic, keys)),
        3 => (keys(), any::<bool>(), any::<bool>()).prop_map(|(keys, force, values)| Action::Lock(keys, force, values)),
        1 => keys().prop_map(Action::GiveBack),
        5 => keys().prop_map(Action::Commit),
        1 => keys().prop_map(Action::Rollback),
        2 => key().prop_map(Action::Cleanup),
        2 => (key(), any::<bool>(), any::<bool>(), any::<bool>())
            .prop_map(|(key, leave, force_sync, resolving)| Action::Status(key, leave, force_sync, resolving)),
        2 => keys().prop_map(Action::Secondaries),
        2 => any::<bool>().prop_map(Action::Resolve),
        1 => key().prop_map(Action::HeartBeat),
        5 => key().prop_map(Action::Read),
        1 => Just(Action::Gc),
    ]
}

/// A store and what its clients know.
struct World {
    storage: Storage,
    /// The newest timestamp handed out.
    now: u64,
    reads: BTreeMap<(&'static str, u64), Option<String>>,
}

impl World {
    fn next_ts(&mut self) -> u64 {
        self.now += 1;
        self.now
    }

    /// Runs an action of the transaction that began at `start`, twice if it is a request that may be repeated.
    fn run(&mut self, start: u64, action: &Action) {
        let storage = self.storage.clone();
        let bytes =
            |keys: &[&str]| keys.iter().map(|key| key.as_bytes().to_vec()).collect::<Vec<_>>();
        match action {
            Action::Begin => {}
            Action::Prewrite(way, bound, pessimistic, keys) => {
                let request = self.prewrite_request(start, *way, *bound, *pessimistic, keys);
                let first = storage.prewrite(&request);
                assert_eq!(first.region_error, None);
                // No timestamp that is handed out from now on is one at which the store has committed.
                self.now = self.now.max(first.one_pc_commit_ts);
                if first.errors.is_empty() {
                    assert_eq!(storage.prewrite(&request), first, "repeated");
                }
            }
            // Who has committed a key takes no new locks with newer timestamps.
            Action::Lock(keys, ..)
                if keys.iter().any(|key| has_committed(&storage, key, start)) => {}
            Action::Lock(keys, force, values) => {
                let request = self.lock_request(start, keys, *force, *values);
                let first = storage.pessimistic_lock(&request);
                if first.errors.is_empty() {
                    assert_eq!(storage.pessimistic_lock(&request), first, "repeated");
                }
            }
            Action::GiveBack(keys) => {
                let request = PessimisticRollbackRequest {
                    start_version: start,
                    for_update_ts: self.now,
                    keys: bytes(keys),
                    ..Default::default()
                };
                twice(|| storage.pessimistic_rollback(&request));
            }
            Action::Commit(keys) => {
                let commit_ts = self.next_ts();
                // A pessimistic lock is removed without a trace that a repeated request could find.
                let pessimistic = keys.iter().filter_map(|key| lock_of(&storage, key));
                if pessimistic.filter(|lock| lock.is_pessimistic()).count() > 0 {
                    commit(&storage, keys, start, commit_ts);
                } else {
                    twice(|| commit(&storage, keys, start, commit_ts));
                }
            }
            Action::Rollback(keys) => twice(|| rollback(&storage, keys, start)),
            Action::Cleanup(key) => {
                let request = CleanupRequest {
                    key: (*key).into(),
                    start_version: start,
                    ..Default::default()
                };
                twice(|| storage.cleanup(&request));
            }
            Action::Status(key, leave, force_sync, resolving) => {
                let request = CheckTxnStatusRequest {
                    rollback_if_not_exist: *leave,
                    force_sync_commit: *force_sync,
                    resolving_pessimistic_lock: *resolving,
                    ..status_request(key, start, self.now, self.now)
                };
                storage.check_txn_status(&request);
            }
            Action::Secondaries(keys) => {
                let request = CheckSecondaryLocksRequest {
                    keys: bytes(keys),
                    start_version: start,
                    ..Default::default()
                };
                twice(|| storage.check_secondary_locks(&request));
            }
            Action::Resolve(commits) => {
                let commit_version = if *commits { self.next_ts() } else { 0 };
                let request = ResolveLockRequest {
                    start_version: start,
                    commit_version,
                    ..Default::default()
                };
                twice(|| storage.resolve_lock(&request));
            }
            Action::HeartBeat(key) => {
                let request = TxnHeartBeatRequest {
                    primary_lock: (*key).into(),
                    start_version: start,
                    advise_lock_ttl: 5000,
                    ..Default::default()
                };
                twice(|| storage.txn_heart_beat(&request));
            }
            Action::Read(key) => {
                let ts = self.now;
                if let Ok(value) = get(&storage, key, ts) {
                    self.reads.insert((*key, ts), value);
                }
            }
            Action::Gc => {
                let safe_point = self.now / 2;
                storage.gc(safe_point).unwrap();
                self.reads.retain(|(_, ts), _| *ts >= safe_point);
            }
        }
    }

    fn prewrite_request(
        &self,
        start: u64,
        way: Way,
        bound: bool,
        pessimistic: bool,
        keys: &[(&'static str, Op, bool)],
    ) -> PrewriteRequest {
        let value = |key: &str, is_long: bool| {
            format!("{start}{key}") + &if is_long { long('l') } else { String::new() }
        };
        let mutations: Vec<_> =
            keys.iter().map(|(key, op, long)| mutation(*op, key, &value(key, *long))).collect();
        let mut request = match way {
            Way::TwoPhase => prewrite_request(start, &mutations),
            Way::Async => async_request(start, &mutations),
            Way::OnePhase => one_pc_request(start, &mutations),
        };
        request.max_commit_ts = if bound { start + 3 } else { 0 };
        if pessimistic {
            request.for_update_ts = self.now;
            request.pessimistic_actions =
                vec![PessimisticAction::DoPessimisticCheck.into(); keys.len()];
        }
        request
    }

    fn lock_request(
        &self,
        start: u64,
        keys: &[&str],
        force: bool,
        values: bool,
    ) -> PessimisticLockRequest {
        let keys = if force { &keys[..1] } else { keys };
        let mut request = PessimisticLockRequest {
            mutations: keys.iter().map(|key| mutation(Op::PessimisticLock, key, "")).collect(),
            primary_lock: keys[0].into(),
            start_version: start,
            for_update_ts: start + (self.now - start) / 2,
            lock_ttl: 3000,
            return_values: values,
            ..PessimisticLockRequest::default()
        };
        if force {
            request.set_wake_up_mode(PessimisticLockWakeUpMode::WakeUpModeForceLock);
        }
        request
    }

    fn check(&self) {
        assert_eq!(self.storage.check_keys().unwrap(), []);
        for ((key, ts), value) in &self.reads {
            match get(&self.storage, key, *ts) {
                Ok(again) => assert_eq!(&again, value, "{key} at {ts}"),
                Err(error) => assert!(error.locked.is_some(), "{error:?}"),
            }
        }
    }
}

fn has_committed(storage: &Storage, key: &str, start: u64) -> bool {
    let records = outline(storage, key);
    records.iter().any(|(kind, start_ts, _)| *start_ts == start && *kind != WriteKind::Rollback)
}

fn twice<T: PartialEq + std::fmt::Debug>(run: impl Fn() -> T) {
    let first = run();
    assert_eq!(run(), first, "repeated");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn invariants_answers_and_snapshots_hold(actions in vec((0_usize..4, action()), 1..80)) {
        let mut world = World { storage: Storage::memory(), now: 1, reads: BTreeMap::new() };
        // Four transactions at a time, each of which gives way to a new one now and then.
        let mut running = [1; 4];
        for (place, action) in actions {
            if matches!(action, Action::Begin) {
                running[place] = world.next_ts();
            }
            world.run(running[place], &action);
            world.check();
        }
    }
}
