#![allow(clippy::cast_possible_truncation)]

use proptest::prelude::*;
use tifusion_codec::key::region_key;
use tifusion_proto::metapb;

use super::*;

fn store(id: u64, tiflash: bool) -> metapb::Store {
    let label = metapb::StoreLabel { key: "engine".to_owned(), value: "tiflash".to_owned() };
    let labels = tiflash.then_some(label).into_iter().collect();
    metapb::Store { id, address: format!("s{id}:1"), labels, ..metapb::Store::default() }
}

fn three_stores() -> Topology {
    Topology::bootstrap((1..=3).map(|id| store(id, false)))
}

fn key(text: &str) -> Vec<u8> {
    region_key(text.as_bytes())
}

/// Regions cover all keys in order; ids, epochs and peers make sense.
fn check(topology: &Topology) {
    let regions: Vec<_> = topology.regions().collect();
    assert_eq!(regions[0].meta.start_key, b"");
    assert_eq!(regions.last().unwrap().meta.end_key, b"");
    for pair in regions.windows(2) {
        assert_eq!(pair[0].meta.end_key, pair[1].meta.start_key);
        assert!(pair[0].meta.start_key < pair[1].meta.start_key);
    }
    let mut peers: Vec<u64> =
        regions.iter().flat_map(|it| it.meta.peers.iter().map(|peer| peer.id)).collect();
    let count = peers.len();
    peers.sort_unstable();
    peers.dedup();
    assert_eq!(peers.len(), count, "a peer id twice");
    for region in regions {
        assert_eq!(topology.region(region.meta.id).unwrap(), region);
        if let Some(leader) = region.leader {
            let peer = region.leader_peer().unwrap();
            assert_eq!(peer.id, leader);
            assert!(topology.is_alive(peer.store_id));
            assert_eq!(peer.role(), metapb::PeerRole::Voter);
        }
    }
}

#[test]
fn a_new_cluster_is_one_region_on_three_stores_with_learners_on_tiflash() {
    let stores = (1..=5).map(|id| store(id, id == 5));
    let topology = Topology::bootstrap(stores);
    check(&topology);
    let region = topology.region_of(b"any").unwrap();
    let peers: Vec<_> = region.meta.peers.iter().map(|it| (it.store_id, it.role)).collect();
    assert_eq!(peers, [(1, 0), (2, 0), (3, 0), (5, 1)]);
    assert_eq!(region.leader_peer().unwrap().store_id, 1);
    assert!(topology.region_before(b"any").is_none());
    assert!(topology.region_after(region.meta.id).is_none());
}

#[test]
fn a_split_leaves_the_id_to_the_right_part_and_raises_all_versions() {
    let mut topology = three_stores();
    let id = topology.region_of(b"").unwrap().meta.id;
    let new = topology.split(&[key("m"), key("c"), key("m")]).unwrap();
    check(&topology);
    assert_eq!(new.len(), 2);
    let told: Vec<_> = topology.regions().map(|it| (it.meta.id, it.epoch().version)).collect();
    assert_eq!(told[2], (id, 3));
    assert_eq!(told.iter().map(|it| it.1).collect::<Vec<_>>(), [3, 3, 3]);
    assert_eq!([told[1].0, told[2].0], new[..]);
    assert!(topology.split(&[key("m")]).unwrap().is_empty());
    assert_eq!(topology.split(&[key("d"), b"raw".to_vec()]), Err(TopologyError::BadKey));
    assert_eq!(topology.regions().count(), 3);
}

#[test]
fn one_call_splits_several_regions() {
    let mut topology = three_stores();
    topology.split(&[key("m")]).unwrap();
    let new = topology.split(&[key("a"), key("b"), key("x")]).unwrap();
    check(&topology);
    assert_eq!(topology.regions().count(), 5);
    let starts: Vec<_> =
        new.iter().map(|id| topology.region(*id).unwrap().meta.start_key.clone()).collect();
    assert_eq!(starts, [key("a"), key("b"), key("x")]);
}

#[test]
fn a_merge_keeps_the_target_on_either_side() {
    for into_left in [true, false] {
        let mut topology = three_stores();
        topology.split(&[key("g"), key("p")]).unwrap();
        let ids: Vec<_> = topology.regions().map(|it| it.meta.id).collect();
        let (source, target) = if into_left { (ids[1], ids[0]) } else { (ids[1], ids[2]) };
        topology.merge(source, target).unwrap();
        check(&topology);
        assert!(topology.region(source).is_none());
        let merged = topology.region(target).unwrap();
        assert_eq!(merged.epoch().version, 5);
        assert!(merged.holds(&key("h")));
        let far = topology.merge(source, target).unwrap_err();
        assert_eq!(far, TopologyError::UnknownRegion(source));
    }
    let mut topology = three_stores();
    topology.split(&[key("g"), key("p")]).unwrap();
    let ids: Vec<_> = topology.regions().map(|it| it.meta.id).collect();
    assert_eq!(topology.merge(ids[0], ids[2]), Err(TopologyError::NotNeighbours(ids[0], ids[2])));
    assert_eq!(topology.merge(ids[0], ids[0]), Err(TopologyError::NotNeighbours(ids[0], ids[0])));
}

#[test]
fn lookups_go_both_ways() {
    let mut topology = three_stores();
    topology.split(&[key("g"), key("p")]).unwrap();
    let ids: Vec<_> = topology.regions().map(|it| it.meta.id).collect();
    assert_eq!(topology.region_of(&key("g")).unwrap().meta.id, ids[1]);
    assert_eq!(topology.region_of(&key("f")).unwrap().meta.id, ids[0]);
    assert_eq!(topology.region_before(&key("g")).unwrap().meta.id, ids[0]);
    assert_eq!(topology.region_after(ids[0]).unwrap().meta.id, ids[1]);
    let within = |start: &str, end: &str| {
        let end = if end.is_empty() { Vec::new() } else { key(end) };
        topology.regions_in(&key(start), &end).map(|it| it.meta.id).collect::<Vec<_>>()
    };
    assert_eq!(within("a", "g"), ids[..1]);
    assert_eq!(within("a", "h"), ids[..2]);
    assert_eq!(within("h", ""), ids[1..]);
}

#[test]
fn a_late_request_is_told_of_all_parts() {
    let mut topology = three_stores();
    let id = topology.region_of(b"").unwrap().meta.id;
    topology.split(&[key("c"), key("m")]).unwrap();
    let region = topology.region(id).unwrap();
    let told = topology.with_siblings(region, 1);
    assert_eq!(told.len(), 3);
    assert_eq!(told[0].id, id);
    assert_eq!(told[2].start_key, b"");
    assert_eq!(topology.with_siblings(region, 9).len(), 1);
}

#[test]
fn leaders_move_away_from_dead_stores_while_most_voters_live() {
    let mut topology = three_stores();
    let id = topology.region_of(b"").unwrap().meta.id;
    let term = topology.region(id).unwrap().term;
    topology.set_alive(1, false).unwrap();
    check(&topology);
    assert_eq!(topology.region(id).unwrap().leader_peer().unwrap().store_id, 2);
    assert_eq!(topology.region(id).unwrap().term, term + 1);
    assert_eq!(topology.transfer_leader(id, 1), Err(TopologyError::StoreDown(1)));
    topology.set_alive(2, false).unwrap();
    assert_eq!(topology.region(id).unwrap().leader, None);
    topology.set_alive(1, true).unwrap();
    check(&topology);
    assert!(topology.region(id).unwrap().leader.is_some());
    assert_eq!(topology.set_alive(9, true), Err(TopologyError::UnknownStore(9)));
}

#[test]
fn peers_move_to_new_stores_and_away_from_removed_ones() {
    let mut topology = three_stores();
    let id = topology.region_of(b"").unwrap().meta.id;
    let new = topology.alloc_id();
    topology.add_store(store(new, false));
    topology.move_peer(id, 1, new).unwrap();
    check(&topology);
    let region = topology.region(id).unwrap();
    assert_eq!(region.epoch().conf_ver, 3);
    assert_eq!(region.leader_peer().unwrap().store_id, new);
    assert_eq!(
        topology.move_peer(id, 2, new),
        Err(TopologyError::PeerExists { region: id, store: new })
    );
    topology.remove_store(2).unwrap();
    check(&topology);
    let stores: Vec<_> =
        topology.region(id).unwrap().meta.peers.iter().map(|peer| peer.store_id).collect();
    assert_eq!(stores, [new, 1, 3]);
    for gone in [1, 3] {
        topology.remove_store(gone).unwrap();
        check(&topology);
    }
    assert_eq!(topology.remove_store(new), Err(TopologyError::LastStore(new)));
    assert_eq!(topology.remove_store(3), Err(TopologyError::UnknownStore(3)));
}

#[test]
fn scattering_deals_leaders_out() {
    let mut topology = three_stores();
    topology.split(&[key("b"), key("c"), key("d"), key("e"), key("f")]).unwrap();
    let ids: Vec<_> = topology.regions().map(|it| it.meta.id).collect();
    topology.scatter(&ids, |_| 0);
    check(&topology);
    let led =
        |store| topology.regions().filter(|it| it.leader_peer().unwrap().store_id == store).count();
    assert_eq!([led(1), led(2), led(3)], [2, 2, 2]);
}

#[test]
fn data_versions_stand_only_while_nothing_is_written() {
    let mut topology = three_stores();
    topology.split(&[key("m")]).unwrap();
    let ids: Vec<_> = topology.regions().map(|it| it.meta.id).collect();
    let before = topology.data_version(ids[0]).unwrap();
    let other = topology.data_version(ids[1]).unwrap();
    let write = topology.begin_write(key("a"), key("b"));
    assert_eq!(topology.data_version(ids[0]), None);
    assert_eq!(topology.data_version(ids[1]), Some(other));
    topology.split(&[key("aa")]).unwrap();
    assert_eq!(topology.data_version(ids[0]), None);
    topology.end_write(write, 10);
    assert!(topology.data_version(ids[0]).unwrap() > before);
    assert_eq!(topology.data_version(ids[1]), Some(other));
    assert_eq!(topology.region_of(&key("a")).unwrap().written, 10);
}

/// What is known of a region's size is never too little, or a region that has to be split would not be looked at.
#[test]
fn the_size_of_a_region_is_bounded_over_writes_splits_and_merges() {
    let mut topology = three_stores();
    let write = topology.begin_write(key("a"), key("z"));
    topology.end_write(write, 100);
    let bound =
        |topology: &Topology, name: &str| topology.region_of(&key(name)).unwrap().size_bound();
    topology.split(&[key("m")]).unwrap();
    assert_eq!(
        (bound(&topology, "a"), bound(&topology, "n")),
        (100, 100),
        "either may have it all"
    );
    let part = |start: Vec<u8>, bytes| Part { start, bytes };
    topology.set_sizes(&[part(vec![], 30), part(key("m"), 70)], b"");
    let ids: Vec<_> = topology.regions().map(|it| it.meta.id).collect();
    for id in &ids {
        topology.region_mut(*id).unwrap().written = 0;
    }
    assert_eq!((bound(&topology, "a"), bound(&topology, "n")), (30, 70));
    let write = topology.begin_write(key("b"), key("c"));
    topology.end_write(write, 5);
    assert_eq!((bound(&topology, "a"), bound(&topology, "n")), (35, 70));
    topology.set_sizes(&[part(vec![], 1), part(key("k"), 1)], b"");
    assert_eq!((bound(&topology, "a"), bound(&topology, "n")), (35, 70), "of other borders");
    topology.merge(ids[0], ids[1]).unwrap();
    assert_eq!(bound(&topology, "a"), 105);
}

#[test]
fn buckets_have_versions_that_grow() {
    let mut topology = three_stores();
    let id = topology.region_of(b"").unwrap().meta.id;
    let epoch = topology.region(id).unwrap().epoch();
    topology.set_buckets(id, epoch, &[key("d"), key("h")]);
    let first = topology.region(id).unwrap().buckets.clone().unwrap();
    assert_eq!(first.keys, [vec![], key("d"), key("h"), vec![]]);
    topology.set_buckets(id, epoch, &[key("d"), key("h")]);
    assert_eq!(topology.region(id).unwrap().buckets.as_ref().unwrap().version, first.version);
    topology.split(&[key("f")]).unwrap();
    topology.set_buckets(id, epoch, &[key("d")]);
    assert_eq!(topology.region(id).unwrap().buckets, None, "the epoch is another one");
    let epoch = topology.region(id).unwrap().epoch();
    topology.set_buckets(id, epoch, &[key("d"), key("h")]);
    let second = topology.region(id).unwrap().buckets.clone().unwrap();
    assert_eq!(second.keys, [key("f"), key("h"), vec![]]);
    assert!(second.version > first.version);
}

#[test]
fn what_is_saved_comes_back() {
    let mut topology = three_stores();
    topology.split(&[key("g"), key("p")]).unwrap();
    topology.set_alive(1, false).unwrap();
    let restored = Topology::restore(topology.save()).unwrap();
    check(&restored);
    assert_eq!(restored.regions().count(), 3);
    for (old, new) in topology.regions().zip(restored.regions()) {
        assert_eq!(old.meta, new.meta);
        assert!(new.data_version > old.data_version && new.term > old.term);
    }
    let mut hole = topology.save();
    hole.regions.remove(1);
    assert!(Topology::restore(hole).is_none());
}

proptest! {
    #[test]
    fn any_history_keeps_the_invariants(
        steps in prop::collection::vec((0_u8..8, any::<u8>(), any::<u8>()), 1..60),
    ) {
        let mut topology = three_stores();
        let fourth = topology.alloc_id();
        topology.add_store(store(fourth, false));
        for (step, a, b) in steps {
            let ids: Vec<_> = topology.regions().map(|it| it.meta.id).collect();
            let id = ids[usize::from(a) % ids.len()];
            let before: u64 = topology.regions().map(|it| it.epoch().version).max().unwrap();
            let stores = [1, 2, 3, fourth];
            let on = stores[usize::from(b) % 4];
            match step {
                0 | 1 => {
                    topology.split(&[region_key(&[a]), region_key(&[b])]).unwrap();
                }
                2 => {
                    let next = topology.region_after(id).map(|it| it.meta.id);
                    if let Some(next) = next {
                        topology.merge(id, next).unwrap();
                    }
                }
                3 => { let _ = topology.transfer_leader(id, on); }
                4 => { let _ = topology.move_peer(id, stores[usize::from(a) % 4], on); }
                5 => topology.set_alive(on, a % 2 == 0).unwrap(),
                6 => topology.scatter(&ids, |count| usize::from(b) % count.max(1)),
                _ => topology.rotate_leader(id).unwrap(),
            }
            check(&topology);
            let after: u64 = topology.regions().map(|it| it.epoch().version).max().unwrap();
            prop_assert!(after >= before, "versions only grow");
        }
    }
}
