//! Random commands against a model of each key as a map of records, and random commands of all kinds against the
//! invariants.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::subsequence;
use tifusion_proto::kvrpcpb::{Action, Op, write_conflict::Reason};

use super::*;

const KEYS: [&str; 3] = ["a", "b", "c"];

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
enum End {
    Done,
    /// The keys that others hold.
    Locked(Vec<String>),
    Conflict(Reason),
    Exists,
    LockNotFound,
    Committed,
    /// What `CheckTxnStatus` did, and the commit timestamp or the time to live that it told.
    Status(Action, u64, u64),
    NotFound,
    Mismatch,
    Value(Option<String>),
}

/// A record as the model keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Record {
    Put(u64, String),
    Delete(u64),
    Lock(u64),
    /// Whether it is protected.
    Rollback(bool),
}

#[derive(Debug, Clone)]
struct Held {
    start_ts: u64,
    op: Op,
    value: String,
    primary: String,
}

#[derive(Debug, Clone, Default)]
struct Key {
    lock: Option<Held>,
    records: BTreeMap<u64, Record>,
}

impl Key {
    fn committed(&self, start: u64) -> Option<u64> {
        self.records.iter().find_map(|(commit_ts, record)| match record {
            Record::Put(ts, _) | Record::Delete(ts) | Record::Lock(ts) if *ts == start => {
                Some(*commit_ts)
            }
            _ => None,
        })
    }

    fn is_rolled_back(&self, start: u64) -> bool {
        matches!(self.records.get(&start), Some(Record::Rollback(_)))
    }

    fn at(&self, ts: u64) -> Option<&String> {
        self.records.range(..=ts).rev().find_map(|(_, record)| match record {
            Record::Put(_, value) => Some(Some(value)),
            Record::Delete(_) => Some(None),
            Record::Lock(_) | Record::Rollback(_) => None,
        })?
    }

    /// A rollback that need not stay takes the place of the one before it.
    fn roll_back(&mut self, start: u64, protected: bool, collapse: bool) {
        let before =
            self.records.range(..=start).next_back().map(|(ts, record)| (*ts, record.clone()));
        if let (true, Some((ts, Record::Rollback(false)))) = (collapse, before) {
            self.records.remove(&ts);
        }
        self.records.insert(start, Record::Rollback(protected));
    }
}

#[derive(Debug, Clone, Default)]
struct Model {
    keys: BTreeMap<String, Key>,
}

/// A command; timestamps of starts are even and those of commits odd.
#[derive(Debug, Clone)]
enum Step {
    Prewrite(u64, Vec<(&'static str, Op, String)>),
    Commit(u64, u64, Vec<&'static str>),
    Rollback(u64, Vec<&'static str>),
    /// The key, the transaction, whether its lock has expired, and whether to leave a rollback.
    Status(&'static str, u64, bool, bool),
    Resolve(u64, u64),
    Get(&'static str, u64),
    Gc(u64),
}

impl Model {
    fn key(&mut self, key: &str) -> &mut Key {
        self.keys.entry(key.to_owned()).or_default()
    }

    fn step(&mut self, step: &Step) -> End {
        match step {
            Step::Prewrite(start, mutations) => self.prewrite(*start, mutations),
            Step::Commit(start, commit_ts, keys) => self.commit(*start, *commit_ts, keys),
            Step::Rollback(start, keys) => {
                if keys.iter().any(|key| self.key(key).committed(*start).is_some()) {
                    return End::Committed;
                }
                keys.iter().for_each(|key| self.roll_back(key, *start));
                End::Done
            }
            Step::Status(key, start, expired, leave) => self.status(key, *start, *expired, *leave),
            Step::Resolve(start, commit_ts) => {
                let keys: Vec<&str> =
                    KEYS.into_iter().filter(|key| self.holds(key, *start)).collect();
                if *commit_ts > 0 {
                    return self.commit(*start, *commit_ts, &keys);
                }
                keys.iter().for_each(|key| self.roll_back(key, *start));
                End::Done
            }
            Step::Get(key, ts) => {
                let key_ = self.key(key);
                match &key_.lock {
                    Some(lock) if lock.op != Op::Lock && lock.start_ts <= *ts => {
                        End::Locked(vec![(*key).to_owned()])
                    }
                    _ => End::Value(key_.at(*ts).cloned()),
                }
            }
            Step::Gc(safe_point) => {
                self.keys.values_mut().for_each(|key| gc(key, *safe_point));
                End::Done
            }
        }
    }

    fn holds(&mut self, key: &str, start: u64) -> bool {
        self.key(key).lock.as_ref().is_some_and(|lock| lock.start_ts == start)
    }

    fn prewrite(&mut self, start: u64, mutations: &[(&'static str, Op, String)]) -> End {
        let mut locked = Vec::new();
        let mut new = Vec::new();
        for (name, op, value) in mutations {
            let key = self.key(name);
            let done_before = key.committed(start).is_some();
            match &key.lock {
                Some(lock) if lock.start_ts == start => continue,
                Some(_) if done_before => return End::Done,
                Some(_) => {
                    locked.push((*name).to_owned());
                    continue;
                }
                None => {}
            }
            let newest = key.records.keys().next_back().copied().unwrap_or_default();
            if newest > start {
                return if done_before { End::Done } else { End::Conflict(Reason::Optimistic) };
            }
            if key.is_rolled_back(start) {
                return End::Conflict(Reason::SelfRolledBack);
            }
            if *op == Op::Insert && key.at(u64::MAX).is_some() {
                return End::Exists;
            }
            let primary = mutations[0].0.to_owned();
            let op = if *op == Op::Insert { Op::Put } else { *op };
            new.push((*name, Held { start_ts: start, op, value: value.clone(), primary }));
        }
        if !locked.is_empty() {
            return End::Locked(locked);
        }
        for (name, lock) in new {
            self.key(name).lock = Some(lock);
        }
        End::Done
    }

    fn commit(&mut self, start: u64, commit_ts: u64, keys: &[&str]) -> End {
        for key in keys {
            if !self.holds(key, start) && self.key(key).committed(start).is_none() {
                return End::LockNotFound;
            }
        }
        for name in keys {
            let key = self.key(name);
            let Some(lock) = key.lock.take_if(|lock| lock.start_ts == start) else { continue };
            let record = match lock.op {
                Op::Put => Record::Put(start, lock.value),
                Op::Del => Record::Delete(start),
                _ => Record::Lock(start),
            };
            key.records.insert(commit_ts, record);
        }
        End::Done
    }

    /// Rolls back a lock, or a transaction that never came.
    fn roll_back(&mut self, name: &str, start: u64) {
        let key = self.key(name);
        if let Some(lock) = key.lock.take_if(|lock| lock.start_ts == start) {
            key.roll_back(start, lock.primary == name, true);
        } else if !key.is_rolled_back(start) {
            key.roll_back(start, false, true);
        }
    }

    fn status(&mut self, name: &str, start: u64, expired: bool, leave: bool) -> End {
        if self.holds(name, start) {
            let key = self.key(name);
            if key.lock.as_ref().unwrap().primary != name {
                return End::Mismatch;
            }
            if !expired {
                return End::Status(Action::NoAction, 0, 3000);
            }
            self.roll_back(name, start);
            return End::Status(Action::TtlExpireRollback, 0, 0);
        }
        let key = self.key(name);
        if let Some(commit_ts) = key.committed(start) {
            return End::Status(Action::NoAction, commit_ts, 0);
        }
        if key.is_rolled_back(start) {
            return End::Status(Action::NoAction, 0, 0);
        }
        if !leave {
            return End::NotFound;
        }
        key.roll_back(start, true, false);
        End::Status(Action::LockNotExistRollback, 0, 0)
    }
}

fn gc(key: &mut Key, safe_point: u64) {
    let newest = key.records.range(..=safe_point).rev();
    let decides =
        newest.filter(|(_, record)| matches!(record, Record::Put(..) | Record::Delete(_)));
    let kept =
        decides.take(1).find(|(_, record)| matches!(record, Record::Put(..))).map(|(ts, _)| *ts);
    key.records.retain(|ts, _| *ts > safe_point || Some(*ts) == kept);
}

fn end_of(error: KeyError) -> End {
    if let Some(conflict) = error.conflict {
        End::Conflict(conflict.reason())
    } else if error.already_exist.is_some() {
        End::Exists
    } else if error.txn_lock_not_found.is_some() {
        End::LockNotFound
    } else if error.txn_not_found.is_some() {
        End::NotFound
    } else if error.primary_mismatch.is_some() {
        End::Mismatch
    } else if let Some(lock) = error.locked {
        End::Locked(vec![String::from_utf8(lock.key).unwrap()])
    } else if error.abort.contains("Committed") {
        End::Committed
    } else {
        panic!("{error:?}")
    }
}

/// Runs a step on the store. Timestamps are milliseconds there, so that locks can expire.
fn run(storage: &Storage, step: &Step) -> End {
    match step {
        Step::Prewrite(start, mutations) => {
            let mutations: Vec<_> =
                mutations.iter().map(|(key, op, value)| mutation(*op, key, value)).collect();
            let mut ends = prewrite(storage, ms(*start), &mutations).errors.into_iter().map(end_of);
            ends.try_fold(End::Done, |all, end| match (all, end) {
                (End::Locked(mut all), End::Locked(more)) => {
                    all.extend(more);
                    Ok(End::Locked(all))
                }
                (End::Done, end) => Ok(end),
                mixed => Err(mixed),
            })
            .unwrap()
        }
        Step::Commit(start, commit_ts, keys) => {
            commit(storage, keys, ms(*start), ms(*commit_ts)).map_or(End::Done, end_of)
        }
        Step::Rollback(start, keys) => {
            rollback(storage, keys, ms(*start)).map_or(End::Done, end_of)
        }
        Step::Status(key, start, expired, leave) => {
            let now = if *expired { ms(*start + 3001) } else { ms(*start + 3000) };
            let response = storage.check_txn_status(&CheckTxnStatusRequest {
                rollback_if_not_exist: *leave,
                ..status_request(key, ms(*start), 0, now)
            });
            let (action, commit_ts, ttl) =
                (response.action(), response.commit_version, response.lock_ttl);
            response.error.map_or(End::Status(action, commit_ts >> 18, ttl), end_of)
        }
        Step::Resolve(start, commit_ts) => {
            let request = kvrpcpb::ResolveLockRequest {
                start_version: ms(*start),
                commit_version: ms(*commit_ts),
                ..Default::default()
            };
            storage.resolve_lock(&request).error.map_or(End::Done, end_of)
        }
        Step::Get(key, ts) => match get(storage, key, ms(*ts)) {
            Ok(value) => End::Value(value),
            Err(error) => end_of(*error),
        },
        Step::Gc(safe_point) => {
            storage.gc(ms(*safe_point)).unwrap();
            End::Done
        }
    }
}

fn keys() -> impl Strategy<Value = Vec<&'static str>> {
    subsequence(KEYS.to_vec(), 1..=KEYS.len())
}

/// Few timestamps, so that transactions get into each other's way.
fn start() -> impl Strategy<Value = u64> {
    (1_u64..12).prop_map(|n| 2 * n)
}

fn commit_after(start: u64) -> impl Strategy<Value = u64> {
    (0_u64..6).prop_map(move |n| start + 2 * n + 1)
}

fn op() -> impl Strategy<Value = (Op, String)> {
    let value = prop_oneof!["[x-z]{0,3}", Just(long('l'))];
    (
        prop_oneof![4 => Just(Op::Put), 1 => Just(Op::Insert), 2 => Just(Op::Del), 1 => Just(Op::Lock)],
        value,
    )
}

fn step() -> impl Strategy<Value = Step> {
    let mutations = keys().prop_flat_map(|keys| {
        let count = keys.len();
        (Just(keys), vec(op(), count)).prop_map(|(keys, ops)| {
            keys.into_iter().zip(ops).map(|(key, (op, value))| (key, op, value)).collect()
        })
    });
    let key = || proptest::sample::select(KEYS.to_vec());
    prop_oneof![
        6 => (start(), mutations).prop_map(|(start, mutations)| Step::Prewrite(start, mutations)),
        5 => start().prop_flat_map(|start| (Just(start), commit_after(start), keys()))
            .prop_map(|(start, commit_ts, keys)| Step::Commit(start, commit_ts, keys)),
        2 => (start(), keys()).prop_map(|(start, keys)| Step::Rollback(start, keys)),
        2 => (key(), start(), any::<bool>(), any::<bool>())
            .prop_map(|(key, start, expired, leave)| Step::Status(key, start, expired, leave)),
        1 => start().prop_flat_map(|start| (Just(start), prop_oneof![Just(0), commit_after(start)]))
            .prop_map(|(start, commit_ts)| Step::Resolve(start, commit_ts)),
        4 => (key(), 1_u64..40).prop_map(|(key, ts)| Step::Get(key, ts)),
        1 => (1_u64..12).prop_map(Step::Gc),
    ]
}

/// Commands whose meaning the model has only if they commit where nothing is: another record at the timestamp is
/// replaced, which no client asks for, since timestamps are handed out once.
fn is_fair(model: &mut Model, step: &Step) -> bool {
    let (start, commit_ts) = match step {
        Step::Commit(start, commit_ts, _) | Step::Resolve(start, commit_ts) => (*start, *commit_ts),
        _ => return true,
    };
    commit_ts == 0
        || KEYS
            .iter()
            .all(|key| !model.holds(key, start) || !model.key(key).records.contains_key(&commit_ts))
}

/// The store's keys as the model would keep them.
fn contents(storage: &Storage) -> BTreeMap<String, (Option<u64>, BTreeMap<u64, Record>)> {
    let view = view(storage);
    let versions = super::super::versions::Versions::new(&*view);
    let record = |key: &str, write: Write| match write.kind {
        WriteKind::Put => {
            let start = write.start_ts >> 18;
            Record::Put(
                start,
                String::from_utf8(versions.value_of(key.as_bytes(), write).unwrap()).unwrap(),
            )
        }
        WriteKind::Delete => Record::Delete(write.start_ts >> 18),
        WriteKind::Lock => Record::Lock(write.start_ts >> 18),
        WriteKind::Rollback => Record::Rollback(write.is_protected()),
    };
    let one = |key: &&str| {
        let lock = lock_of(storage, key).map(|lock| lock.start_ts >> 18);
        let records = records(storage, key).into_iter();
        (
            (*key).to_owned(),
            (lock, records.map(|(ts, write)| (ts >> 18, record(key, write))).collect()),
        )
    };
    KEYS.iter().map(one).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn the_store_does_what_the_model_does(steps in vec(step(), 1..60)) {
        let storage = Storage::memory();
        let mut model = Model::default();
        for step in steps {
            if !is_fair(&mut model, &step) {
                continue;
            }
            prop_assert_eq!(run(&storage, &step), model.step(&step), "{:?}", step);
            for (key, (lock, records)) in contents(&storage) {
                let expected = model.key(&key);
                prop_assert_eq!(lock, expected.lock.as_ref().map(|lock| lock.start_ts));
                prop_assert_eq!(&records, &expected.records, "{} after {:?}", key, step);
            }
            prop_assert_eq!(storage.check_keys().unwrap(), []);
        }
    }
}
