//! Faults on request: rules that say for which calls, how often, and what goes wrong.

mod effect;
mod kind;
mod rule;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

pub use effect::{Damage, Effect, LeftLock};
pub use kind::{RegionErrorKind, Rpc};
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
pub use rule::{Fault, When};

/// The name of a rule, to ask after it or remove it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FaultId(u64);

/// The rules of a cluster; clones share them.
#[derive(Clone, Default)]
pub struct Faults {
    inner: Arc<Mutex<Rules>>,
}

#[derive(Default)]
struct Rules {
    seed: u64,
    next: u64,
    active: Vec<Active>,
    /// How often rules fired that are gone.
    past: HashMap<FaultId, u64>,
    calls: HashMap<Rpc, u64>,
    under_way: HashMap<Rpc, u64>,
}

/// A call to a store from its arrival to its end, be it that the client hung up.
#[derive(Debug)]
pub(crate) struct UnderWay {
    faults: Faults,
    rpc: Rpc,
}

struct Active {
    id: FaultId,
    fault: Fault,
    chance: StdRng,
    matched: u64,
    fired: u64,
}

/// A call as rules see it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call<'a> {
    pub(crate) rpc: Rpc,
    /// 0 for PD.
    pub(crate) store: u64,
    /// 0 for PD.
    pub(crate) region: u64,
    /// The raw keys it touches, from the first up to but not including the end; empty is unbounded.
    pub(crate) start: &'a [u8],
    pub(crate) end: &'a [u8],
}

impl Faults {
    /// No rules; those with a probability draw from `seed`.
    pub(crate) fn seeded(seed: u64) -> Self {
        let rules = Rules { seed, ..Rules::default() };
        Self { inner: Arc::new(Mutex::new(rules)) }
    }

    /// Adds a rule, after those that are there: all rules that fire on a call have their effect, in order,
    /// until one answers it.
    pub fn add(&self, fault: Fault) -> FaultId {
        let mut rules = self.inner.lock();
        rules.next += 1;
        let id = FaultId(rules.next);
        let chance = StdRng::seed_from_u64(rules.seed.wrapping_add(rules.next));
        rules.active.push(Active { id, fault, chance, matched: 0, fired: 0 });
        id
    }

    /// Removes a rule; one that is gone already stays gone.
    pub fn remove(&self, id: FaultId) {
        let mut rules = self.inner.lock();
        if let Some(at) = rules.active.iter().position(|active| active.id == id) {
            let gone = rules.active.remove(at);
            rules.past.insert(id, gone.fired);
        }
    }

    /// Removes all rules.
    pub fn clear(&self) {
        let mut rules = self.inner.lock();
        let gone: Vec<_> = rules.active.drain(..).map(|it| (it.id, it.fired)).collect();
        rules.past.extend(gone);
    }

    /// How often a rule has fired, removed ones included.
    #[must_use]
    pub fn fired(&self, id: FaultId) -> u64 {
        let rules = self.inner.lock();
        let active = rules.active.iter().find(|active| active.id == id);
        active.map_or_else(|| rules.past.get(&id).copied().unwrap_or(0), |active| active.fired)
    }

    /// How many calls of a kind arrived, those that faults kept from being served included.
    #[must_use]
    pub fn calls(&self, rpc: Rpc) -> u64 {
        self.inner.lock().calls.get(&rpc).copied().unwrap_or(0)
    }

    /// How many calls of a kind a store has begun and not ended.
    #[must_use]
    pub fn under_way(&self, rpc: Rpc) -> u64 {
        self.inner.lock().under_way.get(&rpc).copied().unwrap_or(0)
    }

    /// Counts the call as under way until the guard is dropped.
    pub(crate) fn begin(&self, rpc: Rpc) -> UnderWay {
        *self.inner.lock().under_way.entry(rpc).or_default() += 1;
        UnderWay { faults: self.clone(), rpc }
    }

    /// Counts the call and tells what goes wrong with it.
    pub(crate) fn judge(&self, call: Call<'_>) -> Vec<Effect> {
        let mut rules = self.inner.lock();
        *rules.calls.entry(call.rpc).or_default() += 1;
        let fires = |active: &mut Active| active.fires(call).then(|| active.fault.effect.clone());
        rules.active.iter_mut().filter_map(fires).collect()
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if let Some(count) = self.faults.inner.lock().under_way.get_mut(&self.rpc) {
            *count = count.saturating_sub(1);
        }
    }
}

impl Active {
    fn fires(&mut self, call: Call<'_>) -> bool {
        if !self.fault.matches(call) {
            return false;
        }
        self.matched += 1;
        let fires = match self.fault.when {
            When::Always => true,
            When::Nth(n) => self.matched == n,
            When::Every(n) => n > 0 && self.matched.is_multiple_of(n),
            When::First(n) => self.matched <= n,
            When::Probability(p) => self.chance.random_bool(p.clamp(0.0, 1.0)),
        };
        self.fired += u64::from(fires);
        fires
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rules = self.inner.lock();
        let told = rules.active.iter().map(|it| (it.id, &it.fault, it.fired)).collect::<Vec<_>>();
        f.debug_struct("Faults").field("rules", &told).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
