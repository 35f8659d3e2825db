//! Who waits for whom, and whether one more wait would never end.
//!
//! An edge leads from the transaction that waits to the one that holds the key. A wait that would close a circle is
//! refused (TiKV's deadlock detector, which on one of its stores keeps the same graph for all).

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hasher};

use tifusion_proto::deadlock::WaitForEntry;

use super::error::Deadlock;

/// A wait for a key.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Wait {
    key: Vec<u8>,
    resource_group_tag: Vec<u8>,
}

/// The waits of one transaction, by whom it waits for.
type Waits = BTreeMap<u64, Vec<Wait>>;

/// The graph of waits.
#[derive(Debug, Default)]
pub(crate) struct Detector {
    waiting: BTreeMap<u64, Waits>,
}

impl Detector {
    /// Notes that `waiter` waits for `holder` to release `key`.
    ///
    /// # Errors
    /// [`Deadlock`] if `holder` waits for `waiter`, itself or by way of others; then nothing is noted.
    pub(crate) fn wait(
        &mut self,
        waiter: u64,
        holder: u64,
        key: &[u8],
        resource_group_tag: &[u8],
    ) -> Result<(), Deadlock> {
        let wait = Wait { key: key.to_vec(), resource_group_tag: resource_group_tag.to_vec() };
        if let Some(mut wait_chain) = self.path(holder, waiter) {
            let key_hash = wait_chain.last().map_or(0, |last| last.key_hash);
            wait_chain.push(entry(waiter, holder, &wait));
            let key = wait.key;
            return Err(Deadlock { start_ts: waiter, lock_ts: holder, key, key_hash, wait_chain });
        }
        let waits = self.waiting.entry(waiter).or_default().entry(holder).or_default();
        if !waits.contains(&wait) {
            waits.push(wait);
        }
        Ok(())
    }

    /// Forgets that `waiter` waits for `key`.
    pub(crate) fn stop(&mut self, waiter: u64, key: &[u8]) {
        if let Some(waits) = self.waiting.get_mut(&waiter) {
            waits.values_mut().for_each(|waits| waits.retain(|wait| wait.key != key));
            self.sweep(waiter);
        }
    }

    /// Forgets all who wait for `holder` to release `key`.
    pub(crate) fn released(&mut self, holder: u64, key: &[u8]) {
        let waiters: Vec<u64> = self.waiting.keys().copied().collect();
        for waiter in waiters {
            if let Some(waits) =
                self.waiting.get_mut(&waiter).and_then(|waits| waits.get_mut(&holder))
            {
                waits.retain(|wait| wait.key != key);
                self.sweep(waiter);
            }
        }
    }

    fn sweep(&mut self, waiter: u64) {
        if let Some(waits) = self.waiting.get_mut(&waiter) {
            waits.retain(|_, waits| !waits.is_empty());
            if waits.is_empty() {
                self.waiting.remove(&waiter);
            }
        }
    }

    /// The waits by which `from` waits for `to`, itself or by way of others.
    fn path(&self, from: u64, to: u64) -> Option<Vec<WaitForEntry>> {
        // By whom each transaction was reached.
        let mut reached = BTreeMap::from([(from, 0)]);
        let mut open = vec![from];
        while let Some(current) = open.pop() {
            for holder in self.waiting.get(&current).into_iter().flat_map(BTreeMap::keys) {
                if *holder == to {
                    return Some(self.chain(&reached, current, to));
                }
                if !reached.contains_key(holder) {
                    reached.insert(*holder, current);
                    open.push(*holder);
                }
            }
        }
        None
    }

    fn chain(&self, reached: &BTreeMap<u64, u64>, last: u64, to: u64) -> Vec<WaitForEntry> {
        let mut chain = Vec::new();
        let (mut waiter, mut holder) = (last, to);
        while waiter != 0 {
            let waits = self.waiting.get(&waiter).and_then(|waits| waits.get(&holder));
            if let Some(wait) = waits.and_then(|waits| waits.first()) {
                chain.push(entry(waiter, holder, wait));
            }
            holder = waiter;
            waiter = reached.get(&waiter).copied().unwrap_or_default();
        }
        chain.reverse();
        chain
    }

    /// Whether nobody waits.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

fn entry(waiter: u64, holder: u64, wait: &Wait) -> WaitForEntry {
    WaitForEntry {
        txn: waiter,
        wait_for_txn: holder,
        key_hash: key_hash(&wait.key),
        key: wait.key.clone(),
        resource_group_tag: wait.resource_group_tag.clone(),
        wait_time: 0,
    }
}

/// A number that stands for the key. TiKV's is another hash, which only TiDB compares.
fn key_hash(key: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(key);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(deadlock: &Deadlock) -> Vec<(u64, u64)> {
        deadlock.wait_chain.iter().map(|entry| (entry.txn, entry.wait_for_txn)).collect()
    }

    #[test]
    fn a_circle_is_refused_and_named() {
        let mut detector = Detector::default();
        detector.wait(1, 2, b"b", b"").unwrap();
        detector.wait(1, 3, b"c", b"").unwrap();
        detector.wait(2, 4, b"d", b"tag").unwrap();
        let deadlock = detector.wait(4, 1, b"a", b"").unwrap_err();
        assert_eq!(pairs(&deadlock), [(1, 2), (2, 4), (4, 1)]);
        assert_eq!((deadlock.start_ts, deadlock.lock_ts, &deadlock.key[..]), (4, 1, &b"a"[..]));
        assert_eq!(deadlock.key_hash, key_hash(b"d"));
        assert_eq!(deadlock.wait_chain[1].resource_group_tag, b"tag");
        // It was not noted.
        detector.wait(3, 4, b"d", b"").unwrap();
    }

    #[test]
    fn two_that_want_each_others_key() {
        let mut detector = Detector::default();
        detector.wait(1, 2, b"b", b"").unwrap();
        assert_eq!(pairs(&detector.wait(2, 1, b"a", b"").unwrap_err()), [(1, 2), (2, 1)]);
    }

    #[test]
    fn a_wait_that_has_ended_closes_no_circle() {
        let mut detector = Detector::default();
        detector.wait(1, 2, b"b", b"").unwrap();
        detector.wait(1, 2, b"c", b"").unwrap();
        detector.stop(1, b"b");
        assert!(detector.wait(2, 1, b"a", b"").is_err());
        detector.released(2, b"c");
        detector.wait(2, 1, b"a", b"").unwrap();
        detector.released(1, b"a");
        assert!(detector.is_empty());
    }
}
