#![allow(clippy::result_large_err)]

use super::*;
use crate::topology::Topology;

/// Regions ..g, g..p, p.. on stores 1 to 3; store 4 is a TiFlash store. Leaders on store 1.
fn topology() -> Topology {
    let label = metapb::StoreLabel { key: "engine".to_owned(), value: "tiflash".to_owned() };
    let mut topology = Topology::bootstrap((1..=4).map(|id| metapb::Store {
        id,
        labels: (id == 4).then(|| label.clone()).into_iter().collect(),
        ..metapb::Store::default()
    }));
    topology.split(&[region_key(b"g"), region_key(b"p")]).unwrap();
    topology
}

/// A good request for the region that holds `key`, to the store.
fn context(topology: &Topology, key: &[u8], store: u64) -> kvrpcpb::Context {
    let region = topology.region_of(&region_key(key)).unwrap();
    kvrpcpb::Context {
        region_id: region.meta.id,
        region_epoch: region.meta.region_epoch,
        peer: region.peer_on(store),
        ..kvrpcpb::Context::default()
    }
}

fn check(
    topology: &Topology,
    store: u64,
    context: &kvrpcpb::Context,
    access: Access,
    touched: &Touched,
) -> Result<View, errorpb::Error> {
    let checker = Checker { topology, store, safe_ts: 100, newest_ts: 200 };
    checker.check(context, access, touched).map_err(|error| *error)
}

fn key(key: &str) -> Touched {
    Touched::Keys(vec![key.as_bytes().to_vec()])
}

const READ: Access = Access::Read(Some(50));

#[test]
fn a_good_request_sees_its_region() {
    let topology = topology();
    let view = check(&topology, 1, &context(&topology, b"h", 1), READ, &key("h")).unwrap();
    assert_eq!((view.start.as_slice(), view.end.as_slice()), (&b"g"[..], &b"p"[..]));
    assert_eq!((view.data_version.is_some(), view.buckets_version), (true, 0));
}

#[test]
fn the_first_thing_wrong_is_told() {
    let topology = topology();
    // Wrong in every way; each step puts one thing right.
    let mut wrong = context(&topology, b"h", 2);
    let right = wrong.clone();
    wrong.region_id = 999;
    wrong.peer = Some(metapb::Peer { id: 999, store_id: 9, ..metapb::Peer::default() });
    wrong.term = 1;
    wrong.region_epoch = Some(metapb::RegionEpoch { conf_ver: 1, version: 1 });
    let tell = |wrong: &kvrpcpb::Context| {
        check(&topology, 2, wrong, Access::Write, &key("z")).unwrap_err()
    };
    let told = tell(&wrong).store_not_match.unwrap();
    assert_eq!((told.request_store_id, told.actual_store_id), (9, 2));
    wrong.peer = Some(metapb::Peer { id: 999, store_id: 2, ..metapb::Peer::default() });
    assert_eq!(tell(&wrong).region_not_found.unwrap().region_id, 999);
    wrong.region_id = right.region_id;
    let told = tell(&wrong).mismatch_peer_id.unwrap();
    assert_eq!((told.request_peer_id, told.store_peer_id), (999, right.peer.unwrap().id));
    wrong.peer = right.peer;
    let leader = tell(&wrong).not_leader.unwrap().leader.unwrap();
    assert_eq!(leader.store_id, 1);
    let tell = |wrong: &kvrpcpb::Context| {
        let peer = topology.region(right.region_id).unwrap().peer_on(1);
        let wrong = kvrpcpb::Context { peer, ..wrong.clone() };
        check(&topology, 1, &wrong, Access::Write, &key("z")).unwrap_err()
    };
    assert!(tell(&wrong).stale_command.is_some());
    wrong.term = 0;
    let told = tell(&wrong).epoch_not_match.unwrap();
    assert_eq!(told.current_regions[0].id, right.region_id);
    wrong.region_epoch = None;
    assert!(tell(&wrong).message.contains("missing epoch"));
    wrong.region_epoch = right.region_epoch;
    let told = tell(&wrong).key_not_in_region.unwrap();
    assert_eq!((told.key, told.start_key), (region_key(b"z"), region_key(b"g")));
}

#[test]
fn followers_read_on_request_and_never_write() {
    let topology = topology();
    let mut ask = context(&topology, b"h", 2);
    assert!(check(&topology, 2, &ask, READ, &key("h")).unwrap_err().not_leader.is_some());
    ask.replica_read = true;
    check(&topology, 2, &ask, READ, &key("h")).unwrap();
    assert!(check(&topology, 2, &ask, Access::Write, &key("h")).unwrap_err().not_leader.is_some());
    ask.replica_read = false;
    ask.stale_read = true;
    check(&topology, 2, &ask, Access::Read(Some(100)), &key("h")).unwrap();
    let late = check(&topology, 2, &ask, Access::Read(Some(101)), &key("h")).unwrap_err();
    assert_eq!(late.data_is_not_ready.unwrap().safe_ts, 100);
}

#[test]
fn a_timestamp_of_the_far_future_is_refused() {
    let topology = topology();
    let ask = context(&topology, b"h", 1);
    check(&topology, 1, &ask, Access::Read(Some(u64::MAX)), &key("h")).unwrap();
    let far = 200 + (61_000 << 18);
    let error = check(&topology, 1, &ask, Access::Read(Some(far)), &key("h")).unwrap_err();
    assert!(error.message.starts_with("invalid max_ts update"), "{error:?}");
}

#[test]
fn outdated_buckets_are_refused_when_named() {
    let mut topology = topology();
    let mut ask = context(&topology, b"h", 1);
    topology.set_buckets(ask.region_id, ask.region_epoch.unwrap(), &[region_key(b"k")]);
    let view = check(&topology, 1, &ask, READ, &key("h")).unwrap();
    ask.buckets_version = view.buckets_version;
    check(&topology, 1, &ask, READ, &key("h")).unwrap();
    ask.buckets_version -= 1;
    let error = check(&topology, 1, &ask, READ, &key("h")).unwrap_err();
    assert_eq!(error.bucket_version_not_match.unwrap().keys.len(), 3);
}

#[test]
fn keys_and_ranges_stay_in_the_region() {
    let topology = topology();
    let ask = context(&topology, b"h", 1);
    let bytes = |text: &str| text.as_bytes().to_vec();
    let ranges = |start, end| Touched::Ranges(vec![(bytes(start), bytes(end))]);
    for (touched, good) in [
        (key("g"), true),
        (key("p"), false),
        (key("f"), false),
        (ranges("g", "p"), true),
        (ranges("h", "i"), true),
        (ranges("f", "h"), false),
        (ranges("h", "q"), false),
        (ranges("h", ""), false),
        (Touched::From(bytes("h"), bytes("z")), true),
        (Touched::From(bytes("p"), bytes("z")), true),
        (Touched::From(bytes("f"), bytes("h")), false),
        (Touched::From(bytes("q"), bytes("z")), false),
        (Touched::Until(bytes("a"), bytes("p")), true),
        (Touched::Until(bytes("a"), bytes("g")), true),
        (Touched::Until(bytes("a"), bytes("f")), false),
        (Touched::Until(bytes("a"), bytes("q")), false),
        (Touched::Until(bytes("a"), bytes("")), false),
        (Touched::Region, true),
    ] {
        let told = check(&topology, 1, &ask, READ, &touched);
        assert_eq!(told.is_ok(), good, "{touched:?}: {told:?}");
        if let Err(error) = told {
            assert!(error.key_not_in_region.is_some());
        }
    }
    let last = context(&topology, b"x", 1);
    check(&topology, 1, &last, READ, &ranges("q", "")).unwrap();
    check(&topology, 1, &last, READ, &Touched::Until(bytes("a"), bytes(""))).unwrap();
}

#[test]
fn a_learner_answers_for_its_replica() {
    let topology = topology();
    let checker = Checker { topology: &topology, store: 4, safe_ts: 100, newest_ts: 200 };
    let region = topology.region_of(&region_key(b"h")).unwrap();
    let epoch = region.meta.region_epoch;
    checker.check_replica(region.meta.id, epoch.as_ref(), &key("h")).unwrap();
    let old = metapb::RegionEpoch { conf_ver: 1, version: 1 };
    let error = checker.check_replica(region.meta.id, Some(&old), &key("h")).unwrap_err();
    assert!(error.epoch_not_match.is_some());
    let error = checker.check_replica(77, epoch.as_ref(), &key("h")).unwrap_err();
    assert!(error.region_not_found.is_some());
}

#[test]
fn every_injected_error_has_its_field_and_no_other() {
    use crate::fault::RegionErrorKind;
    let topology = topology();
    let region = topology.region_of(&region_key(b"h")).unwrap().meta.id;
    let set = |error: &errorpb::Error| {
        // One bit per field, by the numbers of the protocol.
        let mut bare = error.clone();
        bare.message.clear();
        prost::Message::encode_to_vec(&bare)
    };
    for (number, kind) in (2_u8..).zip(RegionErrorKind::ALL) {
        let error = region_error::injected(kind, &topology, 1, region, b"h");
        let bytes = set(&error);
        let tag = prost::encoding::decode_key(&mut bytes.as_slice()).unwrap().0;
        assert_eq!(tag, u32::from(number), "{kind}");
        assert!(!error.message.is_empty());
    }
}
