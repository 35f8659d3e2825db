use super::super::model::{Model, ver_id};
use super::*;

fn index_of(model: &Model) -> RegionIndex {
    let mut index = RegionIndex::new(100);
    for info in &model.regions {
        index.insert(Region::from_info(info.clone()).unwrap()).unwrap();
    }
    index
}

fn region(model: &Model, key: &str) -> Region {
    Region::from_info(model.regions[model.find(key.as_bytes())].clone()).unwrap()
}

#[test]
fn keys_find_their_region_and_holes_find_none() {
    let model = Model::split_at(["b", "d", "f"]);
    let mut index = RegionIndex::new(100);
    index.insert(region(&model, "b")).unwrap();
    index.insert(region(&model, "f")).unwrap();
    assert_eq!(index.get(b"b").unwrap().start_key, "b");
    assert_eq!(index.get(b"czz").unwrap().start_key, "b");
    assert_eq!(index.get(b"zzz").unwrap().start_key, "f");
    for hole in ["", "a", "d", "ezz"] {
        assert!(index.get(hole.as_bytes()).is_none(), "{hole}");
    }
}

#[test]
fn a_split_replaces_the_parent() {
    let mut model = Model::split_at(["b", "f"]);
    let mut index = index_of(&model);
    model.split(b"d");
    index.insert(region(&model, "b")).unwrap();
    assert_eq!(index.get(b"b").unwrap().end_key, "d");
    assert!(index.get(b"e").is_none(), "the parent is gone");
    assert_eq!(index.len(), 3);
}

#[test]
fn a_merge_replaces_both() {
    let mut model = Model::split_at(["b", "d", "f"]);
    let mut index = index_of(&model);
    model.merge(1, true);
    index.insert(region(&model, "b")).unwrap();
    assert_eq!(index.get(b"b").unwrap().end_key, "f");
    assert_eq!(index.get(b"e").unwrap().start_key, "b");
    assert_eq!(index.len(), 3);
}

#[test]
fn an_older_epoch_never_replaces_a_newer_one() {
    let mut model = Model::split_at(["b", "f"]);
    let before = model.clone();
    model.split(b"d");
    let mut index = index_of(&model);
    // The parent has the id of the right part; it overlaps the left one, which has another id.
    assert!(index.insert(region(&before, "b")).is_none());
    index.remove_version(ver_id(&model.regions[model.find(b"d")]));
    assert!(index.insert(region(&before, "b")).is_none(), "it overlaps the newer left part");
    model.change_peers(0);
    index.insert(region(&model, "a")).unwrap();
    assert!(index.insert(region(&before, "a")).is_none(), "older peers");
    assert_eq!(index.get(b"b").unwrap().end_key, "d");
}

#[test]
fn the_same_epoch_brings_a_new_leader() {
    let model = Model::split_at(["b"]);
    let mut index = index_of(&model);
    let mut again = region(&model, "b");
    again.leader = again.peers[2];
    index.insert(again).unwrap();
    assert_eq!(index.get(b"b").unwrap().leader.store_id, 3);
}

#[test]
fn newer_buckets_stay_when_the_region_is_told_again() {
    let model = Model::split_at(["b"]);
    let mut index = RegionIndex::new(100);
    let buckets = |version| Some(Arc::new(super::super::types::Buckets { version, keys: vec![] }));
    let mut first = region(&model, "b");
    first.buckets = buckets(7);
    index.insert(first.clone()).unwrap();
    index.insert(region(&model, "b")).unwrap();
    assert_eq!(index.get(b"b").unwrap().buckets.as_ref().unwrap().version, 7);
    first.buckets = buckets(8);
    index.insert(first).unwrap();
    assert_eq!(index.get(b"b").unwrap().buckets.as_ref().unwrap().version, 8);
}

#[test]
fn the_least_recently_used_go_first() {
    let model = Model::split_at(["b", "c", "d", "e"]);
    let mut index = RegionIndex::new(3);
    for key in ["a", "b", "c"] {
        index.insert(region(&model, key)).unwrap();
    }
    index.get(b"a").unwrap();
    index.insert(region(&model, "d")).unwrap();
    assert_eq!(index.len(), 3);
    assert!(index.get(b"b").is_none());
    assert!(index.get(b"a").is_some());
    let mut tiny = RegionIndex::new(0);
    tiny.insert(region(&model, "a")).unwrap();
    tiny.insert(region(&model, "b")).unwrap();
    assert_eq!(tiny.len(), 1, "room for one at least");
}

#[test]
fn only_the_named_epoch_is_removed_or_replaced() {
    let mut model = Model::split_at(["b"]);
    let old = ver_id(&model.regions[1]);
    let old_region = region(&model, "b");
    model.change_peers(1);
    let mut index = index_of(&model);
    index.remove_version(old);
    index.replace(old_region);
    let held = index.get(b"b").unwrap();
    assert_eq!(held.ver_id, ver_id(&model.regions[1]));
    index.remove_version(held.ver_id);
    assert!(index.get(b"b").is_none());
}
