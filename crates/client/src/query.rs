//! The name of a statement on its way through the cluster.

use std::fmt;

use crate::clock::Clock;

/// Names one statement in this process's errors, plans, spans and logs, and to the stores.
///
/// Requests carry it where TiDB's carry the id of a connection (`source_stmt.connection_id`): TiKV writes it
/// to its log of slow queries, beside the alias `tifusion` that tells it from a connection of TiDB's. It is
/// also their `task_id`, by which a store's read pool shares its time among statements. It is in no label
/// of a metric (`request_source`, `resource_group_tag`), for those live for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct QueryId(u64);

/// The largest one: what reads JSON reads it to the last digit.
const LARGEST: u64 = (1 << 53) - 1;

impl QueryId {
    /// Another one than all others, as far as chance is to be trusted with that. Never 0, which stands for
    /// no id on the wire.
    pub(crate) fn new(clock: &dyn Clock) -> Self {
        Self(clock.random(LARGEST - 1) + 1)
    }

    /// The one with this number, which another process has made; `None` if there is none.
    #[must_use]
    pub fn of(number: u64) -> Option<Self> {
        (1..=LARGEST).contains(&number).then_some(Self(number))
    }

    /// As requests carry it.
    #[must_use]
    pub fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for QueryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
#[path = "query_tests.rs"]
mod tests;
