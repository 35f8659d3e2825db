//! Any history of writes, locks and regions, read at any of its times: with the cache as without it.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::options::CopCacheOptions;
use crate::testing::{FakeLock, State, TxnEnd, row_key};

const ROWS: usize = 12;

/// A step of the history. Transactions begin and commit at the time that their step has.
#[derive(Debug, Clone)]
enum Step {
    Put(usize),
    Lock(usize),
    Settle { commits: bool },
    Split(usize),
    Merge(usize),
    Move(usize, u64),
    Peers(usize),
    Read { back: u64, paging_size: u64, from: usize, down: bool },
}

fn any_step() -> impl Strategy<Value = Step> {
    let row = || 0..ROWS;
    let paging = prop_oneof![Just(0_u64), Just(2), Just(3)];
    let read = (0..6_u64, paging, prop_oneof![3 => Just(0), 1 => row()], any::<bool>());
    prop_oneof![
        2 => row().prop_map(Step::Put),
        2 => row().prop_map(Step::Lock),
        2 => any::<bool>().prop_map(|commits| Step::Settle { commits }),
        1 => row().prop_map(Step::Split),
        1 => row().prop_map(Step::Merge),
        1 => (row(), 1_u64..=3).prop_map(|(row, store)| Step::Move(row, store)),
        1 => row().prop_map(Step::Peers),
        10 => read.prop_map(|(back, paging_size, from, down)| {
            Step::Read { back, paging_size, from, down }
        }),
    ]
}

/// A key that only the write at `ts` has: answers show keys, not values.
fn key(row: usize, ts: u64) -> String {
    format!("{}-{ts}", row_key(row))
}

/// The locks of the history that are not settled yet.
type Open = Vec<(String, u64)>;

fn change(state: &mut State, step: &Step, now: u64, open: &mut Open) {
    match *step {
        Step::Put(row) => state.put(key(row, now).as_bytes(), now, b"v"),
        Step::Lock(row) => {
            let start_ts = Timestamp::new(now);
            let key = key(row, now);
            // It lives on, and every reader that meets it pushes it or waits for its end.
            let lock = FakeLock { ttl_ms: 1, ..FakeLock::put(&key, start_ts, "v") };
            state.lock(&key, lock);
            open.push((key, now));
        }
        Step::Settle { commits } => {
            if let Some((key, start_ts)) = open.pop() {
                let end = if commits { TxnEnd::Committed(now) } else { TxnEnd::RolledBack };
                // A reader may have rolled it back already.
                if state.lock_of(key.as_bytes(), start_ts).is_some() {
                    state.finish(key.as_bytes(), start_ts, end);
                }
            }
        }
        Step::Split(row) => state.split(row_key(row).as_bytes()),
        Step::Merge(row) => {
            if !state.region_of(row_key(row).as_bytes()).end.is_empty() {
                state.merge_right(row_key(row).as_bytes());
            }
        }
        Step::Move(row, store) => state.transfer_leader(row_key(row).as_bytes(), store),
        Step::Peers(row) => state.region_of(row_key(row).as_bytes()).conf_ver += 1,
        Step::Read { .. } => {}
    }
}

async fn replay(steps: &[Step]) -> u64 {
    let cluster = FakeCluster::with_rows(ROWS, &[4, 8]);
    cluster.state.lock().process_time = Duration::from_millis(5);
    let plain = cluster.client();
    let cached = cluster.client_with(|options| {
        options.cop_cache = CopCacheOptions { capacity: 1 << 20, ..CopCacheOptions::default() };
    });
    let (mut now, mut open, mut hits) = (10, Open::new(), 0);
    for step in steps {
        now += 1;
        change(&mut cluster.state.lock(), step, now, &mut open);
        let Step::Read { back, paging_size, from, down } = *step else { continue };
        let from = row_key(from);
        let base = CopRequest {
            start_ts: Timestamp::new(now - back),
            paging_size,
            ..request_over(&[(&from, "s")])
        };
        let ask = || if down { desc(base.clone()) } else { base.clone() };
        let mut stream = cached.coprocessor(ask()).unwrap();
        let metrics = Arc::clone(stream.metrics());
        let mut got = Vec::new();
        while let Some(answer) = stream.next().await {
            got.extend(decode_rows(&answer.unwrap().data));
        }
        got.sort_unstable();
        // The cached read goes first: what it does about locks must not be done for it.
        let expected = sorted_rows(&plain, ask()).await.unwrap();
        assert_eq!(got, expected, "step {now} of {steps:?}");
        hits += metrics.cache_hits();
    }
    hits
}

fn run(steps: &[Step]) -> u64 {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(replay(steps))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn the_cache_changes_no_answer(steps in proptest::collection::vec(any_step(), 1..40)) {
        run(&steps);
    }
}

#[test]
fn the_random_reads_do_hit() {
    let read = |back| Step::Read { back, paging_size: 0, from: 0, down: false };
    assert_eq!(run(&[read(0), Step::Put(5), read(0), read(0), read(3)]), 2 + 3 + 2);
}
