use std::collections::BTreeSet;

use proptest::prelude::*;
use tifusion_proto::metapb;

use super::super::range::check_sorted;
use super::super::range::tests::{any_ranges, keys_in};
use super::*;
use crate::clock::TokioClock;
use crate::region::{Buckets, RegionVerId};
use crate::testing::FakeCluster;

const ASC: TaskShape = TaskShape { desc: false, paging_size: 0, ranges_per_task: RANGES_PER_TASK };

fn region(id: u64, start: &[u8], end: &[u8], buckets: Option<Vec<Vec<u8>>>) -> Arc<Region> {
    let peer = metapb::Peer { id, store_id: 1, ..metapb::Peer::default() };
    let buckets = buckets.map(|keys| {
        let keys = keys.into_iter().map(Bytes::from).collect();
        Arc::new(Buckets { version: 1, keys })
    });
    Arc::new(Region {
        ver_id: RegionVerId { id, conf_ver: 1, version: 1 },
        start_key: Bytes::copy_from_slice(start),
        end_key: Bytes::copy_from_slice(end),
        peers: vec![peer],
        leader: peer,
        down_peers: Vec::new(),
        pending_peers: Vec::new(),
        buckets,
    })
}

fn ranges(text: &[(&str, &str)]) -> Vec<KeyRange> {
    text.iter().map(|(a, b)| KeyRange::new((*a).to_owned(), (*b).to_owned())).collect()
}

fn shapes(tasks: &[CopTask]) -> Vec<Vec<KeyRange>> {
    tasks.iter().map(|task| task.ranges.clone()).collect()
}

#[test]
fn a_region_without_buckets_is_one_task() {
    let region = region(1, b"a", b"z", None);
    let tasks = tasks_of_region(&region, ranges(&[("a", "c"), ("d", "e")]), ASC);
    assert_eq!(shapes(&tasks), [ranges(&[("a", "c"), ("d", "e")])]);
}

#[test]
fn buckets_divide_a_region_and_empty_ones_make_no_task() {
    let keys = ["a", "d", "g", "k", "z"].map(|key| key.as_bytes().to_vec()).to_vec();
    let region = region(1, b"a", b"z", Some(keys));
    let asked = ranges(&[("b", "e"), ("f", "g"), ("p", "q")]);
    let tasks = tasks_of_region(&region, asked.clone(), ASC);
    let expected =
        [ranges(&[("b", "d")]), ranges(&[("d", "e"), ("f", "g")]), ranges(&[("p", "q")])];
    assert_eq!(shapes(&tasks), expected);
    let desc = tasks_of_region(&region, asked, TaskShape { desc: true, ..ASC });
    let mut reversed = expected.to_vec();
    reversed.reverse();
    assert_eq!(shapes(&desc), reversed);
}

#[test]
fn a_request_holds_25_000_ranges_at_most() {
    let region = region(1, b"", b"", None);
    let asked: Vec<KeyRange> = (0..60_001_u32)
        .map(|n| KeyRange::new((2 * n).to_be_bytes().to_vec(), (2 * n + 1).to_be_bytes().to_vec()))
        .collect();
    let tasks = tasks_of_region(&region, asked.clone(), ASC);
    let sizes: Vec<_> = tasks.iter().map(|task| task.ranges.len()).collect();
    assert_eq!(sizes, [25_000, 25_000, 10_001]);
    assert_eq!(shapes(&tasks).concat(), asked);
}

/// Start, end, and bucket boundaries.
type Bounds = (Vec<u8>, Vec<u8>, Option<Vec<Vec<u8>>>);

/// Regions that cover all keys, split at `splits`, each with buckets or without.
fn any_regions() -> impl Strategy<Value = Vec<Bounds>> {
    let key = || proptest::collection::vec(0_u8..4, 1..4);
    let splits = proptest::collection::btree_set(key(), 0..6);
    let buckets = proptest::collection::btree_set(key(), 0..6);
    (splits, buckets, any::<bool>()).prop_map(|(splits, inner, with_buckets)| {
        let mut bounds: Vec<Vec<u8>> = vec![vec![]];
        bounds.extend(splits);
        bounds.push(vec![]);
        bounds
            .windows(2)
            .map(|pair| {
                let (start, end) = (pair[0].clone(), pair[1].clone());
                let mut keys = vec![start.clone()];
                let inside = |key: &&Vec<u8>| **key > start && (end.is_empty() || **key < end);
                keys.extend(inner.iter().filter(inside).cloned());
                keys.push(end.clone());
                (start.clone(), end.clone(), with_buckets.then_some(keys))
            })
            .collect()
    })
}

proptest! {
    #[test]
    fn tasks_make_the_whole_and_stay_inside_of_region_and_bucket(
        asked in any_ranges(),
        regions in any_regions(),
        limit in 1_usize..4,
        desc in any::<bool>(),
    ) {
        let shape = TaskShape { desc, paging_size: 0, ranges_per_task: limit };
        let mut left: VecDeque<_> = asked.clone().into();
        let mut tasks = Vec::new();
        for (id, (start, end, buckets)) in regions.iter().enumerate() {
            let region = region(id as u64 + 1, start, end, buckets.clone());
            let ranges = take_below(&mut left, &region.end_key);
            let mut part = tasks_of_region(&region, ranges, shape);
            if desc {
                part.append(&mut tasks);
                tasks = part;
            } else {
                tasks.append(&mut part);
            }
        }
        prop_assert!(left.is_empty());
        let mut in_order = shapes(&tasks);
        if desc {
            in_order.reverse();
        }
        let whole = in_order.concat();
        check_sorted(&whole).unwrap();
        prop_assert_eq!(keys_in(&whole), keys_in(&asked));
        for task in &tasks {
            prop_assert!(!task.ranges.is_empty() && task.ranges.len() <= limit);
            let buckets: Vec<(Bytes, Bytes)> = match &task.region.buckets {
                Some(buckets) => {
                    buckets.keys.windows(2).map(|p| (p[0].clone(), p[1].clone())).collect()
                }
                None => vec![(task.region.start_key.clone(), task.region.end_key.clone())],
            };
            let holds = |(start, end): &(Bytes, Bytes)| {
                let inside: BTreeSet<_> =
                    keys_in(&[KeyRange { start: start.clone(), end: end.clone() }]);
                keys_in(&task.ranges).is_subset(&inside)
            };
            prop_assert!(buckets.iter().any(holds), "{task:?}");
        }
    }
}

async fn source_tasks(
    cluster: &Arc<FakeCluster>,
    asked: &[(&str, &str)],
    desc: bool,
) -> Vec<(u64, Vec<KeyRange>)> {
    let client = cluster.client();
    let shape = TaskShape { desc, ..ASC };
    let source = TaskSource::new(Arc::clone(client.regions()), ranges(asked), shape);
    let mut bo = Backoffer::new(Arc::new(TokioClock), std::time::Duration::from_secs(1));
    let tasks = source.all(&mut bo).await.unwrap();
    tasks.into_iter().map(|task| (task.region.ver_id.id, task.ranges)).collect()
}

#[tokio::test(start_paused = true)]
async fn ranges_are_split_at_region_boundaries_in_both_directions() {
    let cluster = FakeCluster::split_at(&["c", "f", "i", "l"]);
    let asked = [("a", "d"), ("e", "g"), ("j", "k"), ("m", "")];
    let expected = [
        ranges(&[("a", "c")]),
        ranges(&[("c", "d"), ("e", "f")]),
        ranges(&[("f", "g")]),
        ranges(&[("j", "k")]),
        ranges(&[("m", "")]),
    ];
    let asc = source_tasks(&cluster, &asked, false).await;
    assert_eq!(asc.iter().map(|(_, ranges)| ranges.clone()).collect::<Vec<_>>(), expected);
    let mut desc = source_tasks(&cluster, &asked, true).await;
    desc.reverse();
    assert_eq!(desc, asc);
}

#[tokio::test(start_paused = true)]
async fn many_regions_are_listed_in_few_calls_after_the_first_few() {
    let keys: Vec<String> = (0..500).map(|n| format!("k{n:04}")).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let cluster = FakeCluster::split_at(&keys);
    let tasks = source_tasks(&cluster, &[("", "")], false).await;
    assert_eq!(tasks.len(), 501);
    let calls = cluster.state.lock().pd_calls.len();
    assert!(calls <= TASKS_BEFORE_RANGES + 4, "{calls} calls of PD");
}

#[tokio::test(start_paused = true)]
async fn the_first_tasks_cost_one_small_call_each() {
    let cluster = FakeCluster::split_at(&["c", "f", "i", "l"]);
    let client = cluster.client();
    let mut source = TaskSource::new(Arc::clone(client.regions()), ranges(&[("", "")]), ASC);
    let mut bo = Backoffer::new(Arc::new(TokioClock), std::time::Duration::from_secs(1));
    source.next(&mut bo).await.unwrap().unwrap();
    assert_eq!(cluster.state.lock().pd_calls, ["region "]);
}
