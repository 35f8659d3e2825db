use std::sync::Arc;

use bytes::Bytes;
use tifusion_proto::metapb;

use super::*;
use crate::region::{Region, RegionVerId};

/// The region `id`, of the keys from `id` to the next.
fn region(id: u8) -> Arc<Region> {
    let peer = metapb::Peer { id: 1, store_id: 1, ..metapb::Peer::default() };
    Arc::new(Region {
        ver_id: RegionVerId { id: id.into(), conf_ver: 1, version: 1 },
        start_key: Bytes::copy_from_slice(&[id]),
        end_key: Bytes::copy_from_slice(&[id + 1]),
        peers: vec![peer],
        leader: peer,
        down_peers: Vec::new(),
        pending_peers: Vec::new(),
        buckets: None,
    })
}

fn task(id: u8, ranges: &[(u8, u8, u8, u8)]) -> CopTask {
    let range = |(a, b, c, d): &(u8, u8, u8, u8)| KeyRange::new(vec![*a, *b], vec![*c, *d]);
    CopTask {
        region: region(id),
        ranges: ranges.iter().map(range).collect(),
        paging_size: 0,
        page: 0,
        halvings: 0,
    }
}

fn candidate(id: u8, stores: &[u64]) -> Candidate {
    Candidate { task: task(id, &[(id, 0, id, 9)]), stores: stores.to_vec() }
}

fn ids(tasks: &[CopTask]) -> Vec<u64> {
    tasks.iter().map(|task| task.region.ver_id.id).collect()
}

#[test]
fn each_region_goes_to_one_of_its_stores_and_they_have_as_many() {
    for stores in 1..6_u64 {
        for replicas in 1..=stores {
            for turn in [0, 1, u64::MAX] {
                let all = (0..60_u8).map(|id| {
                    let first = u64::from(id) * 7 + u64::from(id) / 3;
                    let of = (0..replicas).map(|n| (first + n) % stores + 10).collect::<Vec<_>>();
                    candidate(id, &of)
                });
                let all: Vec<_> = all.collect();
                let (shares, without) = share_out(all.clone(), turn);
                assert!(without.is_empty());
                let mut seen: Vec<u64> = shares.values().flat_map(|share| ids(share)).collect();
                seen.sort_unstable();
                assert_eq!(seen, (0..60).collect::<Vec<_>>(), "each once");
                for (store, share) in &shares {
                    assert!(ids(share).is_sorted());
                    for id in ids(share) {
                        let of = &all[usize::try_from(id).unwrap()].stores;
                        assert!(of.contains(store), "{id} at {store}");
                    }
                }
                if replicas > 1 {
                    let sizes: Vec<usize> = shares.values().map(Vec::len).collect();
                    let (least, most) = (sizes.iter().min(), sizes.iter().max());
                    assert!(most.unwrap() - least.unwrap() <= 2, "{stores}, {replicas}: {sizes:?}");
                }
            }
        }
    }
}

#[test]
fn who_has_regions_that_nobody_else_has_gets_fewer_of_the_others() {
    let own = (0..6).map(|id| candidate(id, &[1]));
    let shared = (6..12).map(|id| candidate(id, &[1, 2]));
    let (shares, _) = share_out(shared.chain(own).collect(), 0);
    assert_eq!((shares[&1].len(), shares[&2].len()), (6, 6));
    assert_eq!(ids(&shares[&1]), [0, 1, 2, 3, 4, 5]);
}

#[test]
fn the_turn_says_who_is_first() {
    let first = |turn| {
        let (shares, _) = share_out(vec![candidate(0, &[4, 5])], turn);
        *shares.iter().find(|(_, share)| !share.is_empty()).unwrap().0
    };
    let firsts: Vec<u64> = (0..TURNS).map(first).collect();
    assert!(firsts.contains(&4) && firsts.contains(&5), "{firsts:?}");
}

#[test]
fn what_no_store_has_comes_back_apart() {
    let all = vec![candidate(2, &[]), candidate(0, &[]), candidate(1, &[3])];
    let (shares, without) = share_out(all, 0);
    assert_eq!((ids(&without), ids(&shares[&3])), (vec![0, 2], vec![1]));
    assert!(share_out(Vec::new(), 0).0.is_empty());
}

#[test]
fn a_region_that_comes_at_two_epochs_is_in_one_batch_once() {
    let mut later = candidate(1, &[3, 4]);
    let newer = RegionVerId { version: 2, ..later.task.region.ver_id };
    later.task.region = Arc::new(Region { ver_id: newer, ..Region::clone(&later.task.region) });
    let all = vec![candidate(0, &[3, 4]), candidate(1, &[3, 4]), later, candidate(2, &[3, 4])];
    let (shares, without) = share_out(all, 0);
    assert_eq!(shares.values().map(Vec::len).sum::<usize>(), 3);
    assert_eq!(without.iter().map(|task| task.region.ver_id).collect::<Vec<_>>(), [newer]);
}

#[test]
fn buckets_of_a_region_are_asked_for_as_one() {
    let tasks = vec![
        task(1, &[(1, 0, 1, 3)]),
        task(1, &[(1, 3, 1, 5), (1, 7, 1, 8)]),
        task(2, &[(2, 0, 2, 9)]),
    ];
    let regions = by_region(tasks);
    assert_eq!(ids(&regions), [1, 2]);
    let whole = task(1, &[(1, 0, 1, 5), (1, 7, 1, 8)]);
    assert_eq!(regions[0].ranges, whole.ranges);
}

#[test]
fn ranges_that_are_asked_for_anew_are_in_order_and_neighbours_one() {
    let tasks = [
        task(3, &[(3, 0, 4, 0)]),
        task(1, &[(1, 0, 1, 2), (1, 5, 2, 0)]),
        task(2, &[(2, 0, 2, 5)]),
    ];
    let want = [
        KeyRange::new(vec![1, 0], vec![1, 2]),
        KeyRange::new(vec![1, 5], vec![2, 5]),
        KeyRange::new(vec![3, 0], vec![4, 0]),
    ];
    assert_eq!(ranges_of(tasks), want);
}

#[test]
fn a_request_has_no_more_ranges_than_stores_take_and_no_batch_is_of_one_region() {
    let share: Vec<_> = (0..7).map(|id| task(id, &[(id, 0, id, 1), (id, 2, id, 3)])).collect();
    let (several, single) = batches(9, share.clone(), 6);
    let of: Vec<_> = several.iter().map(|batch| (batch.store(), ids(&batch.tasks))).collect();
    assert_eq!(of, [(9, vec![0, 1, 2]), (9, vec![3, 4, 5])]);
    assert_eq!(ids(&single), [6]);
    let (several, single) = batches(9, share, 1);
    assert!(several.is_empty() && single.len() == 7);
}
