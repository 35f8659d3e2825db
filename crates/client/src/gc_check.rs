//! Whether garbage collection may have taken something from a snapshot.
//!
//! TiDB's collector announces a new safe point in PD, waits 100 s, and only then drops what is before it; and it
//! keeps what was replaced for ten minutes at the least. So of a snapshot that was just taken, what PD said a
//! moment ago is enough, and PD, which reads several keys of its store to say it, is spared most questions.

use std::time::{Duration, Instant, SystemTime};

use parking_lot::Mutex;

use crate::timestamp::Timestamp;

/// How long what PD said is enough: a tenth of the time that TiDB waits for others to hear of it.
const RECENT: Duration = Duration::from_secs(10);

/// How old the snapshot may be for that: a sixtieth of the least that TiDB lets old versions live.
const YOUNG: Duration = Duration::from_secs(10);

/// What PD said last of the safe point of transactions.
#[derive(Debug, Default)]
pub(crate) struct LastSafePoint(Mutex<Option<Said>>);

#[derive(Debug, Clone, Copy)]
struct Said {
    asked: Instant,
    /// The same by the clock on the wall: the other one stands still while a machine sleeps, and garbage is collected meanwhile.
    on_the_wall: SystemTime,
    safe_point: Timestamp,
}

impl LastSafePoint {
    /// Whether the snapshot at `start_ts`, which was of now at `taken`, is surely whole at `now`, without a question
    /// to PD.
    pub(crate) fn spares(&self, start_ts: Timestamp, taken: Instant, now: Instant) -> bool {
        let is_within =
            |since: Instant, most| now.checked_duration_since(since).is_some_and(|age| age <= most);
        is_within(taken, YOUNG)
            && self.0.lock().is_some_and(|said| {
                let age = SystemTime::now().duration_since(said.on_the_wall);
                is_within(said.asked, RECENT)
                    && age.is_ok_and(|age| age <= RECENT)
                    && start_ts >= said.safe_point
            })
    }

    /// Keeps what PD said when it was asked at `asked`.
    pub(crate) fn learn(&self, asked: Instant, on_the_wall: SystemTime, safe_point: Timestamp) {
        let mut last = self.0.lock();
        // Answers may overtake each other.
        if last.is_none_or(|known| known.asked < asked) {
            *last = Some(Said { asked, on_the_wall, safe_point });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn only_a_young_snapshot_behind_a_recent_safe_point_spares_the_question() {
        let last = LastSafePoint::default();
        let begin = Instant::now();
        let ts = Timestamp::new;
        assert!(!last.spares(ts(50), begin, begin), "nobody asked yet");
        last.learn(begin, SystemTime::now(), ts(40));
        assert!(last.spares(ts(50), begin, begin));
        assert!(last.spares(ts(40), begin, begin + RECENT));
        assert!(!last.spares(ts(39), begin, begin), "PD is asked, and says by how much");
        assert!(!last.spares(ts(50), begin + SECOND, begin + RECENT + SECOND), "long ago");
        last.learn(begin + 3 * SECOND, SystemTime::now(), ts(45));
        assert!(last.spares(ts(50), begin + 2 * SECOND, begin + RECENT + SECOND));
        assert!(!last.spares(ts(50), begin, begin + YOUNG + SECOND), "no snapshot of now any more");
    }

    #[test]
    fn a_machine_that_slept_asks() {
        let last = LastSafePoint::default();
        let begin = Instant::now();
        last.learn(begin, SystemTime::now() - RECENT - SECOND, Timestamp::new(40));
        assert!(
            !last.spares(Timestamp::new(50), begin, begin),
            "the answer is older than it seems"
        );
        last.learn(begin + SECOND, SystemTime::now() + 60 * SECOND, Timestamp::new(40));
        assert!(
            !last.spares(Timestamp::new(50), begin, begin + SECOND),
            "a clock that was set back"
        );
    }

    #[test]
    fn an_answer_that_was_overtaken_is_forgotten() {
        let last = LastSafePoint::default();
        let begin = Instant::now();
        last.learn(begin + SECOND, SystemTime::now(), Timestamp::new(60));
        last.learn(begin, SystemTime::now(), Timestamp::new(40));
        assert!(!last.spares(Timestamp::new(50), begin + SECOND, begin + SECOND));
    }
}
