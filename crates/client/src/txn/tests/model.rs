//! A store of two keys that only has what decides about a transaction, and a driver that lets everything
//! happen that can happen.

use std::collections::BTreeMap;

use crate::lock::status::{Fate, TxnStatus};
use crate::txn::engine::CommitReply;
use crate::{ClientError, ErrorKind, Timestamp};

/// All ways that a run can take, one after the other.
#[derive(Debug, Default)]
pub(super) struct Choices {
    /// What was chosen, and out of how many.
    taken: Vec<(usize, usize)>,
    at: usize,
}

impl Choices {
    /// One of `options` things.
    pub(super) fn choose(&mut self, options: usize) -> usize {
        if self.at == self.taken.len() {
            self.taken.push((0, options));
        }
        let (chosen, of) = self.taken[self.at];
        assert_eq!(of, options, "a run is not the same again: {:?}", self.taken);
        self.at += 1;
        chosen
    }

    pub(super) fn flip(&mut self) -> bool {
        self.choose(2) == 1
    }

    /// Goes to the next way; `false` when there is none.
    pub(super) fn advance(&mut self) -> bool {
        self.at = 0;
        while let Some((chosen, of)) = self.taken.pop() {
            if chosen + 1 < of {
                self.taken.push((chosen + 1, of));
                return true;
            }
        }
        false
    }

    pub(super) fn script(&self) -> Vec<usize> {
        self.taken.iter().map(|(chosen, _)| *chosen).collect()
    }
}

/// What a key has of the transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Nothing,
    Locked { min_commit_ts: u64 },
    Committed(u64),
    RolledBack,
}

/// The two keys.
#[derive(Debug, Clone)]
pub(super) struct Store {
    pub(super) primary: Key,
    pub(super) secondary: Key,
    /// Commits of the primary that were sent, of which nobody knows whether they will arrive.
    pub(super) on_their_way: Vec<u64>,
}

impl Store {
    pub(super) fn new() -> Self {
        Self { primary: Key::Nothing, secondary: Key::Nothing, on_their_way: Vec::new() }
    }

    pub(super) fn prewrite(key: &mut Key, start_ts: u64) -> bool {
        match *key {
            Key::Nothing => {
                *key = Key::Locked { min_commit_ts: start_ts + 1 };
                true
            }
            Key::Locked { .. } => true,
            Key::Committed(_) | Key::RolledBack => false,
        }
    }

    /// As TiKV commits a primary.
    pub(super) fn commit(&mut self, commit_ts: u64) -> CommitReply {
        match self.primary {
            Key::Locked { min_commit_ts } if min_commit_ts > commit_ts => {
                CommitReply::Expired { min_commit_ts: Timestamp::new(min_commit_ts) }
            }
            Key::Locked { .. } => {
                assert!(
                    matches!(self.secondary, Key::Locked { .. }),
                    "the primary is committed while the secondary is {:?}",
                    self.secondary
                );
                self.primary = Key::Committed(commit_ts);
                CommitReply::Done
            }
            Key::Committed(_) => CommitReply::Done,
            Key::Nothing | Key::RolledBack => {
                CommitReply::Refused(ClientError::new(ErrorKind::Protocol, "lock not found"))
            }
        }
    }

    /// As TiKV answers somebody for whom all locks have expired.
    pub(super) fn settle(&mut self) -> TxnStatus {
        match self.primary {
            Key::Committed(ts) => TxnStatus::Ended(Fate::Committed(Timestamp::new(ts))),
            Key::Nothing | Key::Locked { .. } | Key::RolledBack => {
                self.primary = Key::RolledBack;
                TxnStatus::Ended(Fate::RolledBack)
            }
        }
    }

    pub(super) fn rollback_primary(&mut self) -> Result<(), ClientError> {
        if let Key::Committed(_) = self.primary {
            return Err(ClientError::new(ErrorKind::Refused, "committed"));
        }
        self.primary = Key::RolledBack;
        Ok(())
    }

    /// What the primary can still become: commits that are on their way arrive, or do not.
    pub(super) fn possible_ends(&self) -> Vec<Key> {
        let mut ends = vec![self.primary];
        for commit_ts in &self.on_their_way {
            let mut later = self.clone();
            // The atomicity of that one was checked when it was sent.
            later.secondary = Key::Locked { min_commit_ts: 0 };
            let _ = later.commit(*commit_ts);
            ends.push(later.primary);
        }
        ends
    }

    /// Gives the secondary its fate, which must be that of the primary, now and for ever.
    pub(super) fn finish(&mut self, fate: Fate, applied: bool) {
        for end in self.possible_ends() {
            match fate {
                Fate::Committed(ts) => assert_eq!(end, Key::Committed(ts.version())),
                Fate::RolledBack => {
                    assert!(!matches!(end, Key::Committed(_)), "rolled back, but {self:?}");
                }
            }
        }
        if applied {
            self.secondary = match fate {
                Fate::Committed(ts) => Key::Committed(ts.version()),
                Fate::RolledBack => Key::RolledBack,
            };
        }
    }
}

/// How often each end came up.
#[derive(Debug, Default)]
pub(super) struct Tally(BTreeMap<&'static str, usize>);

impl Tally {
    pub(super) fn count(&mut self, end: &'static str) {
        *self.0.entry(end).or_default() += 1;
    }

    pub(super) fn of(&self, end: &str) -> usize {
        self.0.get(end).copied().unwrap_or(0)
    }

    pub(super) fn total(&self) -> usize {
        self.0.values().sum()
    }
}
