//! Any topology, changing at any time, in any mode: complete and exact.

use proptest::prelude::*;

use super::*;
use crate::testing::{Effect, Fault, healing_region_errors, row_key, row_keys};

const ROWS: usize = 40;

/// What happens to one call.
#[derive(Debug, Clone)]
enum Event {
    Split(usize),
    Merge(usize),
    Move(usize, u64),
    Error(usize),
    Lost,
}

fn any_event() -> impl Strategy<Value = Event> {
    let row = 0..ROWS;
    prop_oneof![
        row.clone().prop_map(Event::Split),
        row.clone().prop_map(Event::Merge),
        (row, 1_u64..=3).prop_map(|(row, store)| Event::Move(row, store)),
        (0..healing_region_errors().len()).prop_map(Event::Error),
        Just(Event::Lost),
    ]
}

fn fault(event: Event, after: usize) -> Fault {
    let change = |change: Box<dyn FnMut(&mut crate::testing::State) + Send>| Effect::Change(change);
    let effect = match event {
        Event::Split(row) => change(Box::new(move |state| state.split(row_key(row).as_bytes()))),
        Event::Merge(row) => change(Box::new(move |state| {
            let last = state.region_of(row_key(row).as_bytes()).end.is_empty();
            if !last {
                state.merge_right(row_key(row).as_bytes());
            }
        })),
        Event::Move(row, store) => change(Box::new(move |state| {
            state.transfer_leader(row_key(row).as_bytes(), store);
        })),
        Event::Error(index) => Effect::region(healing_region_errors().swap_remove(index)),
        Event::Lost => Effect::Transport(crate::testing::reset),
    };
    Fault::once(is_cop, effect).after(after)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn no_row_is_lost_or_doubled(
        splits in proptest::collection::btree_set(1..ROWS, 0..6),
        events in proptest::collection::vec((any_event(), 0_usize..12), 0..8),
        paging_size in prop_oneof![Just(0_u64), 1_u64..6],
        concurrency in 1_usize..6,
        keep_order in any::<bool>(),
        down in any::<bool>(),
        limit in prop_oneof![Just(1_usize), Just(300), Just(1 << 20)],
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let rows = runtime.block_on(async {
            let splits: Vec<usize> = splits.into_iter().collect();
            let cluster = FakeCluster::with_rows(ROWS, &splits);
            let client = cluster.client();
            for (event, after) in events {
                cluster.add_fault(fault(event, after));
            }
            let base = CopRequest {
                paging_size,
                concurrency,
                keep_order,
                max_in_flight_bytes: limit,
                ..request()
            };
            let request = if down { desc(base) } else { base };
            rows(&client, request).await.unwrap()
        });
        let mut rows = rows;
        if !keep_order {
            rows.sort_unstable();
        } else if down {
            rows.reverse();
        }
        prop_assert_eq!(rows, row_keys(0..ROWS));
    }
}
