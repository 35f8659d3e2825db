//! What must hold of a store's contents between commands: the state invariants of TiDB's TLA+ specification
//! (`DistributedTransaction`), as checks over the engine's columns. They walk over everything.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use super::error::Result;
use super::key::{self, OwnedSpan};
use super::lock::{Lock, LockKind};
use super::storage::Storage;
use super::versions::{Versions, parse_write, walk};
use super::write::{Write, WriteKind};
use crate::engine::{Column, EngineError, Order};

/// An invariant of transactions that the data does not keep, by the names of TiDB's TLA+ specification.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// `UniqueLockOrWrite`: a transaction has a lock on a key besides its record there.
    #[error("txn {start_ts} has both a lock and a record at {commit_ts} on key {key:02x?}")]
    LockAndWrite {
        /// The raw key.
        key: Vec<u8>,
        /// The transaction.
        start_ts: u64,
        /// The record's timestamp.
        commit_ts: u64,
    },
    /// `UniqueWrite`: a transaction has two records on a key.
    #[error("txn {start_ts} has two records on key {key:02x?}")]
    TwoWrites {
        /// The raw key.
        key: Vec<u8>,
        /// The transaction.
        start_ts: u64,
    },
    /// `WriteConsistency`: a lock or record lacks its value.
    #[error("the value that txn {start_ts} wrote to key {key:02x?} is not there")]
    NoValue {
        /// The raw key.
        key: Vec<u8>,
        /// The transaction.
        start_ts: u64,
    },
    /// `WriteConsistency`: a value belongs to no lock or record.
    #[error("a value of txn {start_ts} on key {key:02x?} is nobody's")]
    OrphanValue {
        /// The raw key.
        key: Vec<u8>,
        /// The transaction.
        start_ts: u64,
    },
    /// `CommitConsistency`: a record is not behind its transaction's start, or a rollback not at it.
    #[error("the record of txn {start_ts} at {commit_ts} on key {key:02x?} is misplaced")]
    Misplaced {
        /// The raw key.
        key: Vec<u8>,
        /// The transaction.
        start_ts: u64,
        /// The record's timestamp.
        commit_ts: u64,
    },
    /// `UniqueCommitOrAbort`: a transaction was committed at two timestamps, or committed and rolled back for good.
    #[error("txn {start_ts} ended in two ways: {ends:?}")]
    TwoEnds {
        /// The transaction.
        start_ts: u64,
        /// Its commit timestamps; 0 for rolled back.
        ends: BTreeSet<u64>,
    },
}

/// Everything in a store.
#[derive(Default)]
struct Contents {
    locks: BTreeMap<Vec<u8>, Lock>,
    writes: BTreeMap<Vec<u8>, Vec<(u64, Write)>>,
    values: BTreeSet<(Vec<u8>, u64)>,
}

impl Storage {
    /// The invariants that hold for every key, whatever clients ask for.
    ///
    /// # Errors
    /// [`super::MvccError::Engine`].
    #[cfg(test)]
    pub(crate) fn check_keys(&self) -> Result<Vec<Violation>> {
        Ok(self.contents()?.check_keys())
    }

    /// The invariants that hold for transactions too as long as clients keep to the protocol: one commit timestamp
    /// for all keys, taken after all of them were locked, and none for what was rolled back.
    ///
    /// # Errors
    /// [`super::MvccError::Engine`].
    pub(crate) fn check_invariants(&self) -> Result<Vec<Violation>> {
        // One view for all, so that commands may run meanwhile.
        let contents = self.contents()?;
        let mut violations = contents.check_keys();
        let mut ends: BTreeMap<u64, BTreeSet<u64>> = BTreeMap::new();
        for (commit_ts, write) in contents.writes.values().flatten() {
            if write.kind != WriteKind::Rollback {
                ends.entry(write.start_ts).or_default().insert(*commit_ts);
            } else if write.is_protected() {
                ends.entry(write.start_ts).or_default().insert(0);
            }
            if write.has_overlapped_rollback {
                ends.entry(*commit_ts).or_default().insert(0);
            }
        }
        let two = ends.into_iter().filter(|(_, ends)| ends.len() > 1);
        violations.extend(two.map(|(start_ts, ends)| Violation::TwoEnds { start_ts, ends }));
        Ok(violations)
    }

    fn contents(&self) -> Result<Contents> {
        let view = self.shared.engine.view()?;
        let all = OwnedSpan::of_keys(b"", b"");
        let versions = Versions::new(&*view);
        let locks = versions.locks(&all, 0, |_| true)?.into_iter().collect();
        let mut contents = Contents { locks, ..Contents::default() };
        walk(&*view, Column::Write, &all, Order::Ascending, &mut |key, bytes| {
            let (raw, commit_ts) = version(Column::Write, key)?;
            let write = parse_write(key, bytes)?;
            contents.writes.entry(raw).or_default().push((commit_ts, write));
            Ok(ControlFlow::Continue(()))
        })?;
        walk(&*view, Column::Default, &all, Order::Ascending, &mut |key, _| {
            contents.values.insert(version(Column::Default, key)?);
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(contents)
    }
}

impl Contents {
    fn check_keys(&self) -> Vec<Violation> {
        let mut violations = Vec::new();
        for (key, writes) in &self.writes {
            check_writes(key, writes, self.locks.get(key), &mut violations);
        }
        check_values(self, &mut violations);
        violations
    }
}

fn version(column: Column, key: &[u8]) -> Result<(Vec<u8>, u64), EngineError> {
    let (user, ts) = key::split_version(column, key)?;
    Ok((key::raw(column, user)?, ts))
}

fn check_writes(
    key: &[u8],
    writes: &[(u64, Write)],
    lock: Option<&Lock>,
    violations: &mut Vec<Violation>,
) {
    let mut seen = BTreeSet::new();
    for (commit_ts, write) in writes {
        let (key, start_ts, commit_ts) = (key.to_vec(), write.start_ts, *commit_ts);
        // A late request may take a pessimistic lock after the end of its transaction.
        if lock.is_some_and(|lock| lock.start_ts == start_ts && !lock.is_pessimistic()) {
            violations.push(Violation::LockAndWrite { key: key.clone(), start_ts, commit_ts });
        }
        if !seen.insert(start_ts) {
            violations.push(Violation::TwoWrites { key: key.clone(), start_ts });
        }
        let is_placed = match write.kind {
            WriteKind::Rollback => commit_ts == start_ts,
            WriteKind::Put | WriteKind::Delete | WriteKind::Lock => commit_ts > start_ts,
        };
        if !is_placed {
            violations.push(Violation::Misplaced { key, start_ts, commit_ts });
        }
    }
}

fn check_values(contents: &Contents, violations: &mut Vec<Violation>) {
    let records = contents.writes.iter().flat_map(|(key, writes)| {
        let puts = writes
            .iter()
            .filter(|(_, write)| write.kind == WriteKind::Put && write.short_value.is_none());
        puts.map(move |(_, write)| (key.clone(), write.start_ts))
    });
    let locks = contents.locks.iter().filter_map(|(key, lock)| {
        let has_value = lock.kind == LockKind::Put && lock.short_value.is_none();
        has_value.then(|| (key.clone(), lock.start_ts))
    });
    let wanted: BTreeSet<_> = records.chain(locks).collect();
    for (key, start_ts) in wanted.difference(&contents.values).cloned() {
        violations.push(Violation::NoValue { key, start_ts });
    }
    for (key, start_ts) in contents.values.difference(&wanted).cloned() {
        violations.push(Violation::OrphanValue { key, start_ts });
    }
}
