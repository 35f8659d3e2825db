//! Threads that move money between accounts by every kind of transaction, some of which die halfway, while another
//! keeps counting it. The sum never changes.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use tifusion_proto::kvrpcpb::prewrite_request::PessimisticAction;
use tifusion_proto::kvrpcpb::{
    Action, CheckSecondaryLocksRequest, Context, LockInfo, Op, PessimisticLockRequest,
    ResolveLockRequest, ScanRequest,
};

use super::*;

const ACCOUNTS: usize = 6;
const MONEY: u64 = 100;
/// Milliseconds, of which each timestamp takes one: some locks expire while their transaction runs.
const TTL: u64 = 12;
/// Transfers that each thread tries.
const TRIES: usize = 250;
/// Of all of them so many are seen through at least: others undo most where threads are often stopped halfway.
const SEEN_THROUGH: usize = 20;

/// A store, a clock, and the protocol of a client.
struct Bank {
    storage: Storage,
    clock: AtomicU64,
}

/// How a transaction commits.
#[derive(Debug, Clone, Copy)]
enum Way {
    TwoPhase,
    Pessimistic,
    Async,
    OnePhase,
}

/// What a reader may pass.
#[derive(Default)]
struct Passed(Vec<u64>);

impl Bank {
    fn tso(&self) -> u64 {
        ms(self.clock.fetch_add(1, Ordering::SeqCst) + 1)
    }

    /// Finds out about the transaction of a lock and removes the lock if it has ended; tells whether a reader at
    /// `caller` may pass the lock.
    fn resolve(&self, lock: &LockInfo, caller: u64) -> bool {
        let now = self.tso();
        let request = CheckTxnStatusRequest {
            primary_key: lock.primary_lock.clone(),
            lock_ts: lock.lock_version,
            caller_start_ts: caller,
            current_ts: now,
            rollback_if_not_exist: now >> 18 > (lock.lock_version >> 18) + lock.lock_ttl,
            resolving_pessimistic_lock: lock.lock_type() == Op::PessimisticLock,
            verify_is_primary: true,
            ..CheckTxnStatusRequest::default()
        };
        let status = self.storage.check_txn_status(&request);
        if let Some(error) = status.error {
            // The primary has not been locked yet.
            assert!(error.txn_not_found.is_some(), "{error:?}");
            return false;
        }
        if status.lock_ttl > 0 {
            let primary = status.lock_info.clone().unwrap();
            let expired = now >> 18 > (primary.lock_version >> 18) + primary.lock_ttl;
            if primary.use_async_commit && expired {
                self.resolve_async(&primary, now);
            }
            return status.action() == Action::MinCommitTsPushed;
        }
        if !matches!(
            status.action(),
            Action::TtlExpirePessimisticRollback | Action::LockNotExistDoNothing
        ) {
            self.end(lock.lock_version, status.commit_version, vec![lock.key.clone()]);
        }
        false
    }

    fn resolve_async(&self, primary: &LockInfo, now: u64) {
        let start = primary.lock_version;
        let request = CheckSecondaryLocksRequest {
            keys: primary.secondaries.clone(),
            start_version: start,
            ..CheckSecondaryLocksRequest::default()
        };
        let response = self.storage.check_secondary_locks(&request);
        let all = response.locks.len() == primary.secondaries.len();
        if response.locks.iter().any(|lock| !lock.use_async_commit) {
            let forced = CheckTxnStatusRequest {
                force_sync_commit: true,
                ..status_request(std::str::from_utf8(&primary.key).unwrap(), start, 0, now)
            };
            self.storage.check_txn_status(&forced);
            return;
        }
        let least = response.locks.iter().map(|lock| lock.min_commit_ts).max().unwrap_or_default();
        let commit_ts = if all { least.max(primary.min_commit_ts) } else { response.commit_ts };
        let keys = primary.secondaries.iter().cloned().chain([primary.key.clone()]);
        self.end(start, commit_ts, keys.collect());
    }

    fn end(&self, start_version: u64, commit_version: u64, keys: Vec<Vec<u8>>) {
        let request =
            ResolveLockRequest { start_version, commit_version, keys, ..Default::default() };
        assert_eq!(self.storage.resolve_lock(&request).error, None);
    }

    /// All accounts as of `ts`.
    fn read(&self, ts: u64) -> BTreeMap<String, u64> {
        let mut passed = Passed::default();
        loop {
            let context = Context { resolved_locks: passed.0.clone(), ..Context::default() };
            let request = ScanRequest {
                context: Some(context),
                limit: 99,
                version: ts,
                ..ScanRequest::default()
            };
            let response = self.storage.scan(&request);
            let locks: Vec<_> =
                response.pairs.iter().filter_map(|pair| pair.error.clone()?.locked).collect();
            if locks.is_empty() {
                let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
                let pairs = response.pairs.iter();
                return pairs
                    .map(|pair| (text(&pair.key), text(&pair.value).parse().unwrap()))
                    .collect();
            }
            for lock in locks {
                if self.resolve(&lock, ts) {
                    passed.0.push(lock.lock_version);
                }
            }
            thread::yield_now();
        }
    }

    fn count(&self) {
        let accounts = self.read(self.tso());
        assert_eq!(
            (accounts.len(), accounts.values().sum()),
            (ACCOUNTS, ACCOUNTS as u64 * MONEY),
            "{accounts:?}"
        );
    }

    /// Moves money, or gives up; tells whether it has seen the transfer through. `dies_after` steps the client is gone.
    fn transfer(&self, from: &str, to: &str, way: Way, dies_after: usize) -> bool {
        let start = self.tso();
        let mut for_update = 0;
        let accounts = if let Way::Pessimistic = way {
            for_update = self.tso();
            if !self.lock(&[from, to], start, for_update) {
                return false;
            }
            self.read_own(&[from, to])
        } else {
            self.read(start)
        };
        let Some(rest) = accounts[from].checked_sub(7) else { return false };
        let gets = (accounts[to] + 7).to_string();
        let mutations = [put(from, &rest.to_string()), put(to, &gets)];
        let mut request = match way {
            Way::TwoPhase | Way::Pessimistic => prewrite_request(start, &mutations),
            Way::Async => async_request(start, &mutations),
            Way::OnePhase => one_pc_request(start, &mutations),
        };
        request.lock_ttl = TTL;
        request.min_commit_ts = start + 1;
        if let Way::Pessimistic = way {
            request.for_update_ts = for_update;
            request.pessimistic_actions = vec![PessimisticAction::DoPessimisticCheck.into(); 2];
        }
        self.finish(&request, way, dies_after)
    }

    fn finish(&self, request: &PrewriteRequest, way: Way, dies_after: usize) -> bool {
        let start = request.start_version;
        let keys: Vec<String> = request
            .mutations
            .iter()
            .map(|key| String::from_utf8(key.key.clone()).unwrap())
            .collect();
        // Each key in a request of its own, as if they were in two regions, unless one phase is to do.
        let split = if let Way::OnePhase = way { 2 } else { 1 };
        let mut least = 0;
        for (n, mutations) in request.mutations.chunks(split).enumerate() {
            if n >= dies_after {
                return false;
            }
            let mut part = PrewriteRequest { mutations: mutations.to_vec(), ..request.clone() };
            part.pessimistic_actions.truncate(mutations.len());
            let Some(response) = self.prewrite(&part) else {
                self.end(start, 0, keys.iter().map(|key| key.as_bytes().to_vec()).collect());
                return false;
            };
            if response.one_pc_commit_ts > 0 {
                return true;
            }
            least = least.max(response.min_commit_ts);
        }
        for (n, key) in keys.iter().enumerate() {
            if 2 + n >= dies_after {
                return false;
            }
            let is_async = matches!(way, Way::Async);
            if !is_async && n == 0 {
                least = self.tso();
            }
            let error = commit(&self.storage, &[key], start, least);
            if let Some(error) = error {
                // Rolled back by others, or pushed by a reader: only the primary of two phases can be.
                assert!(!is_async && n == 0, "{error:?}");
                assert!(
                    error.txn_lock_not_found.is_some() || error.commit_ts_expired.is_some(),
                    "{error:?}"
                );
                self.end_unless_committed(start, &keys);
                return false;
            }
        }
        true
    }

    fn end_unless_committed(&self, start: u64, keys: &[String]) {
        let keys = keys.iter().map(|key| key.as_bytes().to_vec()).collect();
        self.end(start, 0, keys);
    }

    fn prewrite(&self, request: &PrewriteRequest) -> Option<PrewriteResponse> {
        for _ in 0..20 {
            let response = self.storage.prewrite(request);
            if response.errors.is_empty() {
                return Some(response);
            }
            for error in &response.errors {
                self.resolve(error.locked.as_ref()?, 0);
            }
        }
        None
    }

    fn lock(&self, keys: &[&str], start: u64, for_update_ts: u64) -> bool {
        let request = PessimisticLockRequest {
            mutations: keys.iter().map(|key| mutation(Op::PessimisticLock, key, "")).collect(),
            primary_lock: keys[0].into(),
            start_version: start,
            for_update_ts,
            lock_ttl: TTL,
            wait_timeout: -1,
            ..PessimisticLockRequest::default()
        };
        for _ in 0..20 {
            match self.storage.pessimistic_lock(&request).errors.first() {
                None => return true,
                Some(KeyError { locked: Some(lock), .. }) => {
                    self.resolve(lock, 0);
                }
                Some(_) => return false,
            }
        }
        false
    }

    /// The accounts that this transaction has locked, whatever they hold now.
    fn read_own(&self, keys: &[&str]) -> BTreeMap<String, u64> {
        let reader = self.storage.reader(super::super::ReadOptions {
            ts: u64::MAX,
            isolation: kvrpcpb::IsolationLevel::Rc,
            ..Default::default()
        });
        let value = |key: &str| {
            let entry = reader.entry(key.as_bytes(), false).unwrap().unwrap();
            String::from_utf8(entry.value).unwrap().parse().unwrap()
        };
        keys.iter().map(|key| ((*key).to_owned(), value(key))).collect()
    }
}

#[test]
fn the_sum_of_all_accounts_never_changes() {
    let bank = Bank { storage: Storage::memory(), clock: AtomicU64::new(100) };
    let names: Vec<String> = (0..ACCOUNTS).map(|n| format!("account{n}")).collect();
    let pairs =
        names.iter().map(|name| (name.clone().into_bytes(), MONEY.to_string().into_bytes()));
    must_ingest(&bank.storage, pairs, ms(50));
    let done = AtomicBool::new(false);
    let seen_through: usize = thread::scope(|scope| {
        let (bank, names, done) = (&bank, &names, &done);
        let workers: Vec<_> = (0..4)
            .map(|seed| {
                scope.spawn(move || {
                    let mut random = StdRng::seed_from_u64(seed);
                    let mut seen_through = 0;
                    for _ in 0..TRIES {
                        let two: Vec<&String> = names.choose_multiple(&mut random, 2).collect();
                        let ways = [Way::TwoPhase, Way::Pessimistic, Way::Async, Way::OnePhase];
                        let way = *ways.choose(&mut random).unwrap();
                        // One in four dies on the way.
                        let dies_after =
                            if random.random_ratio(1, 4) { random.random_range(0..4) } else { 9 };
                        seen_through += usize::from(bank.transfer(two[0], two[1], way, dies_after));
                    }
                    seen_through
                })
            })
            .collect();
        let auditor = scope.spawn(move || {
            while !done.load(Ordering::SeqCst) {
                bank.count();
            }
        });
        let results: Vec<_> = workers.into_iter().map(thread::ScopedJoinHandle::join).collect();
        done.store(true, Ordering::SeqCst);
        auditor.join().unwrap();
        results.into_iter().map(Result::unwrap).sum()
    });
    bank.count();
    assert_eq!(bank.storage.check_invariants().unwrap(), []);
    assert!(seen_through >= SEEN_THROUGH, "only {seen_through} transfers");
}
