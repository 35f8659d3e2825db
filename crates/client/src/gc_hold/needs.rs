//! Which snapshots are needed, since when and until when: pure.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::timestamp::Timestamp;

/// The snapshots that somebody needs.
#[derive(Debug, Default)]
pub(super) struct Needs {
    all: BTreeMap<u64, Need>,
    next_id: u64,
    /// Somebody looks after them.
    is_attended: bool,
    /// What PD was told, or is being told.
    told: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy)]
struct Need {
    ts: Timestamp,
    /// `None`: never.
    from: Option<Instant>,
    /// `None`: without an end.
    until: Option<Instant>,
}

/// What is to be held at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    /// The oldest snapshot whose time has come and has not passed.
    pub(super) oldest: Option<Timestamp>,
    /// When that may be another one.
    pub(super) next: Option<Instant>,
}

impl Needs {
    pub(super) fn add(
        &mut self,
        ts: Timestamp,
        from: Option<Instant>,
        until: Option<Instant>,
    ) -> u64 {
        let id = self.next_id;
        self.next_id = id.wrapping_add(1);
        self.all.insert(id, Need { ts, from, until });
        id
    }

    pub(super) fn remove(&mut self, id: u64) {
        self.all.remove(&id);
    }

    /// Nothing at or before `ts` can be held any more.
    pub(super) fn give_up(&mut self, ts: Timestamp) {
        for need in self.all.values_mut().filter(|need| need.ts <= ts) {
            need.from = None;
        }
    }

    /// Whether somebody has to begin to look after them, which is whoever asks.
    pub(super) fn begin(&mut self) -> bool {
        !std::mem::replace(&mut self.is_attended, true)
    }

    /// Whoever looked after them can't any more.
    pub(super) fn abandon(&mut self) {
        self.is_attended = false;
    }

    /// Whether there is nothing to look after any more, so that whoever did ends.
    pub(super) fn end(&mut self) -> bool {
        let ends = self.all.is_empty() && self.told.is_none();
        self.is_attended = !ends;
        ends
    }

    pub(super) fn told(&mut self, ts: Option<Timestamp>) {
        self.told = ts;
    }

    /// Whether PD still has a hold because of somebody who needed `ts`.
    pub(super) fn is_told_for(&self, ts: Timestamp) -> bool {
        let others = self.all.values().any(|need| need.ts <= ts && need.from.is_some());
        !others && self.told.is_some_and(|told| told <= ts)
    }

    pub(super) fn step(&self, now: Instant) -> Step {
        let mut step = Step { oldest: None, next: None };
        for need in self.all.values() {
            let Some(from) = need.from else { continue };
            if need.until.is_some_and(|until| until <= now) {
                continue;
            }
            let change = if from > now { Some(from) } else { need.until };
            step.next = step.next.into_iter().chain(change).min();
            if from <= now {
                step.oldest = step.oldest.into_iter().chain([need.ts]).min();
            }
        }
        step
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_oldest_whose_time_has_come_counts() {
        let began = Instant::now();
        let at = |seconds| began + Duration::from_secs(seconds);
        let mut needs = Needs::default();
        let none = Step { oldest: None, next: None };
        assert_eq!(needs.step(at(0)), none);
        let young = needs.add(Timestamp::new(9), Some(at(5)), Some(at(100)));
        needs.add(Timestamp::new(4), Some(at(10)), Some(at(20)));
        needs.add(Timestamp::new(1), None, None);
        let step = |seconds| needs.step(at(seconds));
        assert_eq!(step(0), Step { oldest: None, next: Some(at(5)) });
        assert_eq!(step(5), Step { oldest: Some(Timestamp::new(9)), next: Some(at(10)) });
        assert_eq!(step(10), Step { oldest: Some(Timestamp::new(4)), next: Some(at(20)) });
        assert_eq!(step(20), Step { oldest: Some(Timestamp::new(9)), next: Some(at(100)) });
        assert_eq!(step(100), none);
        needs.remove(young);
        assert_eq!(needs.step(at(10)).oldest, Some(Timestamp::new(4)));
        needs.give_up(Timestamp::new(4));
        assert_eq!(needs.step(at(10)), none);
    }

    #[test]
    fn whoever_is_done_waits_only_for_a_hold_of_his_own() {
        let now = Instant::now();
        let mut needs = Needs::default();
        let (one, two) = (Timestamp::new(1), Timestamp::new(2));
        let first = needs.add(one, Some(now), None);
        assert!(needs.begin() && !needs.begin());
        needs.told(Some(one));
        assert!(!needs.is_told_for(two), "another one needs it");
        needs.remove(first);
        assert!(needs.is_told_for(two) && needs.is_told_for(one));
        assert!(!needs.end(), "PD has to forget it");
        needs.told(None);
        assert!(!needs.is_told_for(one));
        assert!(needs.end() && needs.begin());
    }
}
