//! For which calls and how often.

use super::{Call, Effect, Rpc};

/// Which of the matching calls a rule fires on. Calls are counted from 1, per rule.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum When {
    /// On each.
    Always,
    /// On this one only.
    Nth(u64),
    /// On each so-manieth.
    Every(u64),
    /// On the first so many.
    First(u64),
    /// By chance, between 0 and 1, drawn from the cluster's seed and the rule's place.
    Probability(f64),
}

/// A rule: what goes wrong, with which calls, how often. A new one fires on every call to every store;
/// calls to PD only when they are named.
#[derive(Debug, Clone)]
pub struct Fault {
    rpcs: Vec<Rpc>,
    store: Option<u64>,
    region: Option<u64>,
    keys: Option<(Vec<u8>, Vec<u8>)>,
    pub(super) when: When,
    pub(super) effect: Effect,
}

impl Fault {
    /// This effect on every call to every store.
    #[must_use]
    pub fn new(effect: Effect) -> Self {
        let rpcs = Vec::new();
        Self { rpcs, store: None, region: None, keys: None, when: When::Always, effect }
    }

    /// Only on these calls.
    #[must_use]
    pub fn on(mut self, rpcs: impl IntoIterator<Item = Rpc>) -> Self {
        self.rpcs.extend(rpcs);
        self
    }

    /// Only at this store.
    #[must_use]
    pub fn at_store(mut self, id: u64) -> Self {
        self.store = Some(id);
        self
    }

    /// Only on calls that name this region.
    #[must_use]
    pub fn in_region(mut self, id: u64) -> Self {
        self.region = Some(id);
        self
    }

    /// Only on calls that touch a key from `start` up to but not including `end` (empty: unbounded). Raw
    /// keys, as requests to stores have them; calls to PD never match.
    #[must_use]
    pub fn for_keys(mut self, start: &[u8], end: &[u8]) -> Self {
        self.keys = Some((start.to_vec(), end.to_vec()));
        self
    }

    /// How often.
    #[must_use]
    pub fn when(mut self, when: When) -> Self {
        self.when = when;
        self
    }

    pub(super) fn matches(&self, call: Call<'_>) -> bool {
        let named =
            if self.rpcs.is_empty() { !call.rpc.is_pd() } else { self.rpcs.contains(&call.rpc) };
        let keys = self.keys.as_ref().is_none_or(|(start, end)| {
            !call.rpc.is_pd() && begins_before(start, call.end) && begins_before(call.start, end)
        });
        named
            && keys
            && self.store.is_none_or(|store| store == call.store)
            && self.region.is_none_or(|region| region == call.region)
    }
}

fn begins_before(start: &[u8], end: &[u8]) -> bool {
    end.is_empty() || start < end
}
