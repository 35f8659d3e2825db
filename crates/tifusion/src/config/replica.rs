//! Which replicas are read from (`replica_read` and the keys below it).

use std::collections::BTreeMap;
use std::fmt;

/// What a replica of a region is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReplicaRole {
    /// A voter that is not the leader.
    Follower,
    /// The leader.
    Leader,
    /// A replica that does not vote.
    Learner,
}

/// Which replicas are read from: those of one of the roles, on a store that has the labels or is on the white
/// list, and not on the black list; the leader where there is none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReplicaRead {
    /// `replica_read`, the role that is asked first at first
    pub roles: Vec<ReplicaRole>,
    /// `replica_read.label`
    pub labels: BTreeMap<String, String>,
    /// `replica_read.address_whitelist`
    pub address_whitelist: Vec<String>,
    /// `replica_read.address_blacklist`
    pub address_blacklist: Vec<String>,
    /// `replica_read.stale`
    pub stale: bool,
}

impl ReplicaRead {
    /// Whether anything but the leader may be asked first.
    pub(crate) fn is_of_others(&self) -> bool {
        self.roles.iter().any(|role| *role != ReplicaRole::Leader)
    }
}

impl fmt::Display for ReplicaRead {
    /// The roles, as `EXPLAIN` shows them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let role = |role: &ReplicaRole| match role {
            ReplicaRole::Follower => "follower",
            ReplicaRole::Leader => "leader",
            ReplicaRole::Learner => "learner",
        };
        f.write_str(&self.roles.iter().map(role).collect::<Vec<_>>().join(", "))
    }
}
