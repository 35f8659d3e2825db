//! What goes wrong in a soak, and when: a function of the seed alone.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tifusion_embedded::{Effect, LeftLock, RegionErrorKind};

/// One disturbance.
#[derive(Debug, Clone)]
pub(crate) enum Disturbance {
    /// The region of this place is cut in its middle.
    Split(usize),
    /// The region of this place takes in the next one.
    Merge(usize),
    /// Another leader.
    Lead(usize),
    /// A peer on another store.
    Move(usize),
    /// All leaders and peers are dealt out anew.
    Scatter,
    /// This store is dead for so long.
    KillStore(u64, Duration),
    /// PD is dead for so long.
    KillPd(Duration),
    /// PD tells regions as they are now for so long.
    FreezePd(Duration),
    /// Old versions go away.
    Gc,
    /// Calls go wrong with this chance for so long.
    Rule(Effect, f64, Duration),
}

/// A disturbance at its time after the beginning.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) at: Duration,
    pub(crate) what: Disturbance,
}

/// Stores, of which one at most is dead at a time: every region keeps two of its three voters.
pub(crate) const STORES: u64 = 4;

/// The disturbances of so long a time.
pub(crate) fn plan(seed: u64, length: Duration) -> Vec<Step> {
    let mut chance = StdRng::seed_from_u64(seed);
    let mut steps = Vec::new();
    let mut at = Duration::ZERO;
    let (mut store_back, mut pd_back, mut gc) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
    while at < length {
        let mut millis =
            |range: std::ops::Range<u64>| Duration::from_millis(chance.random_range(range));
        let (pause, dead, rule) = (millis(20..140), millis(40..500), millis(200..1500));
        let place = chance.random_range(0..1000);
        let what = match chance.random_range(0..100) {
            0..16 => Disturbance::Split(place),
            16..36 => Disturbance::Merge(place),
            36..50 => Disturbance::Lead(place),
            50..60 => Disturbance::Move(place),
            60..63 => Disturbance::Scatter,
            63..72 if at >= store_back => {
                store_back = at + dead + Duration::from_millis(100);
                Disturbance::KillStore(chance.random_range(1..=STORES), dead)
            }
            72..75 if at >= pd_back => {
                pd_back = at + dead + Duration::from_millis(1500);
                Disturbance::KillPd(dead)
            }
            75..78 => Disturbance::FreezePd(dead),
            78..84 if at >= gc => {
                gc = at + Duration::from_secs(2);
                Disturbance::Gc
            }
            _ => {
                let (effect, odds) = effect(&mut chance);
                Disturbance::Rule(effect, odds, rule)
            }
        };
        steps.push(Step { at, what });
        at += pause;
    }
    steps
}

/// A fault, and how often it comes.
fn effect(chance: &mut StdRng) -> (Effect, f64) {
    let odds = chance.random_range(0.01..0.2);
    let kinds: Vec<_> = RegionErrorKind::ALL
        .into_iter()
        .chain([RegionErrorKind::DeadlineExceeded, RegionErrorKind::Other])
        .filter(|kind| {
            // No retry helps.
            !matches!(
                kind,
                RegionErrorKind::RaftEntryTooLarge
                    | RegionErrorKind::FlashbackInProgress
                    | RegionErrorKind::FlashbackNotPrepared
            )
        })
        .collect();
    let wait = Duration::from_millis(chance.random_range(1..60));
    match chance.random_range(0..10) {
        0..4 => {
            let kind = kinds[chance.random_range(0..kinds.len())];
            // After these a client waits for a second and more.
            let slow = matches!(
                kind,
                RegionErrorKind::ServerIsBusy
                    | RegionErrorKind::DiskFull
                    | RegionErrorKind::IsWitness
            );
            (Effect::RegionError(kind), if slow { odds / 20.0 } else { odds })
        }
        4 => (Effect::DropBefore, odds / 4.0),
        5 => (Effect::DropAfter, odds / 4.0),
        6 => (Effect::Delay(wait), odds),
        7 => (Effect::Twice, odds),
        8 => (Effect::SplitRegion, odds / 10.0),
        _ => {
            let locks = [
                LeftLock::Expired,
                LeftLock::Alive(wait),
                LeftLock::Committed,
                LeftLock::AsyncCommitted,
                LeftLock::Pessimistic,
            ];
            (Effect::LeaveLock(locks[chance.random_range(0..locks.len())]), odds / 4.0)
        }
    }
}

#[test]
fn a_seed_is_a_plan_and_the_shortest_soak_has_everything_in_it() {
    let length = Duration::from_secs(25);
    let told = |seed| format!("{:?}", plan(seed, length));
    assert_eq!(told(7), told(7));
    assert_ne!(told(7), told(8));
    let steps = plan(7, length);
    let kinds: std::collections::BTreeSet<_> = steps
        .iter()
        .map(|step| format!("{:?}", step.what).split('(').next().unwrap().to_owned())
        .collect();
    assert_eq!(kinds.len(), 10, "{kinds:?}");
    let mut back = Duration::ZERO;
    for step in &steps {
        if let Disturbance::KillStore(_, dead) = step.what {
            assert!(step.at >= back, "two stores dead at once");
            back = step.at + dead;
        }
    }
}
