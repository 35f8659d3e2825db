//! Which replicas a read asks first: pure.

use std::collections::{BTreeMap, BTreeSet};

use crate::region::Store;

/// What a peer of a region is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReplicaRole {
    /// The leader.
    Leader,
    /// Another voter.
    Follower,
    /// A peer that does not vote.
    Learner,
}

/// The replicas that a read asks, as TiSpark has it: those of one of the roles, on a store that has the labels
/// or is on the list of addresses, and not on the other list. Where there is none, or none that answers, the
/// leader is asked, whatever store it is on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplicaRead {
    /// Roles in the order in which they are asked.
    pub roles: Vec<ReplicaRole>,
    /// Labels that a store must have all of, keys in lower case.
    pub labels: BTreeMap<String, String>,
    /// Addresses of stores that need no labels.
    pub allowed: BTreeSet<String>,
    /// Addresses of stores that are not asked.
    pub denied: BTreeSet<String>,
    /// Replicas answer from what they have, if they say that this is all up to the read's timestamp, without
    /// asking the leader. For reads of the past only: of now a replica hardly ever has all.
    pub stale: bool,
}

impl Default for ReplicaRead {
    /// The leader alone.
    fn default() -> Self {
        Self {
            roles: vec![ReplicaRole::Leader],
            labels: BTreeMap::new(),
            allowed: BTreeSet::new(),
            denied: BTreeSet::new(),
            stale: false,
        }
    }
}

impl ReplicaRead {
    /// Whether nobody but the leader is asked, as if nothing was said.
    #[must_use]
    pub fn is_of_leader(&self) -> bool {
        !self.stale && self.roles.iter().all(|role| *role == ReplicaRole::Leader)
    }

    /// The place of a peer among those that are asked, the least first; `None` for one that is not.
    pub(super) fn rank(&self, role: ReplicaRole, store: &Store) -> Option<usize> {
        let has_labels =
            self.labels.iter().all(|(key, value)| store.labels.get(key) == Some(value));
        let named = |list: &BTreeSet<String>| {
            list.contains(&store.address) || list.contains(&store.advertised)
        };
        if named(&self.denied) || !(has_labels || named(&self.allowed)) {
            return None;
        }
        self.roles.iter().position(|asked| *asked == role)
    }
}

#[cfg(test)]
mod tests {
    use super::ReplicaRole::{Follower, Leader, Learner};
    use super::*;
    use crate::region::StoreState;

    fn store(address: &str, zone: &str) -> Store {
        let zone = ("zone".to_owned(), zone.to_owned());
        Store {
            address: format!("outside-{address}"),
            advertised: address.to_owned(),
            labels: [zone, ("disk".to_owned(), "ssd".to_owned())].into(),
            state: StoreState::Up,
            ..Store::tombstone(1)
        }
    }

    fn strings(all: &[&str]) -> BTreeSet<String> {
        all.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn roles_are_asked_in_their_order() {
        let read = ReplicaRead { roles: vec![Learner, Leader], ..ReplicaRead::default() };
        let store = store("a:1", "eu");
        assert_eq!(read.rank(Learner, &store), Some(0));
        assert_eq!(read.rank(Leader, &store), Some(1));
        assert_eq!(read.rank(Follower, &store), None);
        assert!(!read.is_of_leader() && ReplicaRead::default().is_of_leader());
    }

    /// The rule of TiSpark: `matchRoles && (matchLabels || inWhitelist) && notInBlacklist`.
    #[test]
    fn labels_and_lists_are_what_tispark_makes_of_them() {
        let labels = |zone: &str| BTreeMap::from([("zone".to_owned(), zone.to_owned())]);
        let none = BTreeMap::new();
        for (labels, allowed, denied, taken) in [
            (&none, &[][..], &[][..], true),
            (&none, &["b:1"][..], &[][..], true),
            (&none, &["a:1"], &["a:1"], false),
            (&none, &[], &["outside-a:1"], false),
            (&none, &[], &["b:1"], true),
            (&labels("eu"), &[], &[], true),
            (&labels("us"), &[], &[], false),
            (&labels("us"), &["a:1"], &[], true),
            (&labels("us"), &["outside-a:1"], &[], true),
            (&labels("us"), &["b:1"], &[], false),
            (&labels("eu"), &["a:1"], &["a:1"], false),
        ] {
            let read = ReplicaRead {
                roles: vec![Follower],
                labels: labels.clone(),
                allowed: strings(allowed),
                denied: strings(denied),
                stale: false,
            };
            let rank = read.rank(Follower, &store("a:1", "eu"));
            assert_eq!(rank.is_some(), taken, "{read:?}");
        }
    }
}
