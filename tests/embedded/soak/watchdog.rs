//! What everybody is at, so that a hang says what hangs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Longest that one thing may take: the longest budget of a retry is 40 s, and a store that says it is busy is
/// waited for beyond it.
const PATIENCE: Duration = Duration::from_secs(150);

/// Things under way, by number.
type UnderWay = BTreeMap<u64, (String, Instant)>;

/// Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Watchdog {
    state: Arc<Mutex<(u64, UnderWay)>>,
}

/// A thing under way until it is dropped.
struct Watched {
    state: Arc<Mutex<(u64, UnderWay)>>,
    number: u64,
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.state.lock().1.remove(&self.number);
    }
}

impl Watchdog {
    /// A watchdog that ends the process with what hangs and `last_words` when something takes too long.
    pub(crate) fn start(last_words: String) -> Self {
        let dog = Self::default();
        let watching = Arc::downgrade(&dog.state);
        std::thread::spawn(move || {
            while let Some(state) = watching.upgrade() {
                let late = late(&state.lock().1, Instant::now());
                if !late.is_empty() {
                    eprintln!("soak: these hang:\n{}\n{last_words}", late.join("\n"));
                    std::process::exit(101);
                }
                drop(state);
                std::thread::sleep(Duration::from_secs(1));
            }
        });
        dog
    }

    /// Does something by this name.
    pub(crate) async fn watch<T>(
        &self,
        what: impl Into<String>,
        doing: impl Future<Output = T>,
    ) -> T {
        let number = {
            let mut state = self.state.lock();
            state.0 += 1;
            let number = state.0;
            state.1.insert(number, (what.into(), Instant::now()));
            number
        };
        let _watched = Watched { state: Arc::clone(&self.state), number };
        doing.await
    }
}

/// Everything under way when something has been for too long, the oldest first.
fn late(under_way: &UnderWay, now: Instant) -> Vec<String> {
    let age = |since: &Instant| now.saturating_duration_since(*since);
    if under_way.values().all(|(_, since)| age(since) < PATIENCE) {
        return Vec::new();
    }
    let mut all: Vec<_> = under_way.values().map(|(what, since)| (age(since), what)).collect();
    all.sort_by_key(|(age, _)| std::cmp::Reverse(*age));
    all.into_iter().map(|(age, what)| format!("{age:?}: {what}")).collect()
}

#[test]
fn what_hangs_is_named() {
    let now = Instant::now();
    let mut under_way = UnderWay::new();
    under_way.insert(1, ("a fresh read".to_owned(), now));
    assert!(late(&under_way, now).is_empty());
    let later = now + PATIENCE;
    under_way.insert(2, ("a later read".to_owned(), later));
    let told = late(&under_way, later);
    assert_eq!(told.len(), 2);
    assert!(told[0].ends_with("a fresh read"), "{told:?}");
}

#[tokio::test]
async fn what_is_done_is_forgotten() {
    let dog = Watchdog::default();
    let inner = dog.clone();
    dog.watch("outer", async move {
        assert_eq!(inner.state.lock().1.len(), 1);
    })
    .await;
    assert!(dog.state.lock().1.is_empty());
}
