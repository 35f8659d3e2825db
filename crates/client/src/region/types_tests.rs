use super::*;

fn peer(id: u64, store_id: u64) -> metapb::Peer {
    metapb::Peer { id, store_id, ..metapb::Peer::default() }
}

fn info() -> RegionInfo {
    RegionInfo {
        region: metapb::Region {
            id: 4,
            start_key: b"b".to_vec(),
            end_key: b"d".to_vec(),
            region_epoch: Some(metapb::RegionEpoch { conf_ver: 2, version: 3 }),
            peers: vec![peer(11, 1), peer(12, 2), peer(13, 3)],
            ..metapb::Region::default()
        },
        leader: Some(peer(12, 2)),
        ..RegionInfo::default()
    }
}

#[test]
fn a_region_knows_its_keys_and_its_context() {
    let mut described = info();
    described.buckets = Some(BucketInfo { version: 9, keys: vec![b"c".to_vec()] });
    let region = Region::from_info(described).unwrap();
    assert!(region.contains(b"b") && region.contains(b"czz"));
    assert!(!region.contains(b"a") && !region.contains(b"d"));
    let context = region.context(&region.leader);
    assert_eq!(context.region_id, 4);
    assert_eq!(context.region_epoch.unwrap(), metapb::RegionEpoch { conf_ver: 2, version: 3 });
    assert_eq!(context.peer.unwrap().store_id, 2);
    assert_eq!(context.buckets_version, 9);
    assert_eq!(region.peer_on_store(3).unwrap().id, 13);
    assert!(region.peer_on_store(9).is_none());
    assert_eq!(region.ver_id.to_string(), "4 (conf_ver 2, version 3)");
}

#[test]
fn an_unbounded_region_holds_every_later_key() {
    let mut described = info();
    described.region.end_key.clear();
    let region = Region::from_info(described).unwrap();
    assert!(region.contains(&[0xff; 40]));
}

#[test]
fn without_a_leader_the_first_healthy_voter_is_guessed() {
    let mut described = info();
    described.leader = None;
    assert_eq!(Region::from_info(described.clone()).unwrap().leader.id, 11);
    described.down_peers = vec![11];
    assert_eq!(Region::from_info(described.clone()).unwrap().leader.id, 12);
    described.pending_peers = vec![12];
    assert_eq!(Region::from_info(described.clone()).unwrap().leader.id, 13);
    described.region.peers[2].set_role(metapb::PeerRole::Learner);
    assert_eq!(Region::from_info(described.clone()).unwrap().leader.id, 11, "a sick voter at last");
    described.region.peers[0].is_witness = true;
    assert_eq!(Region::from_info(described).unwrap().leader.id, 12);
}

#[test]
fn a_leader_that_is_no_peer_is_not_believed() {
    let mut described = info();
    described.leader = Some(peer(99, 9));
    assert_eq!(Region::from_info(described.clone()).unwrap().leader.id, 11);
    described.leader = Some(peer(0, 0));
    assert_eq!(Region::from_info(described).unwrap().leader.id, 11);
}

#[test]
fn malformed_regions_are_refused() {
    type Spoil = fn(&mut metapb::Region);
    let cases: [(Spoil, &str); 5] = [
        (|region| region.id = 0, "id"),
        (|region| region.region_epoch = None, "epoch"),
        (|region| region.peers.clear(), "peer"),
        (|region| region.end_key = b"a".to_vec(), "ends before"),
        (|region| region.end_key = b"b".to_vec(), "ends before"),
    ];
    for (spoil, word) in cases {
        let mut described = info();
        spoil(&mut described.region);
        let error = Region::from_info(described).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol);
        assert!(error.to_string().contains(word), "{error}");
    }
}

#[test]
fn buckets_are_cut_to_the_region_and_put_in_order() {
    let keys = ["a", "b", "cc", "c", "c", "d", "e"].map(|key| key.as_bytes().to_vec()).to_vec();
    let told = BucketInfo { version: 5, keys };
    let bounded = Buckets::new(told.clone(), &Bytes::from_static(b"b"), &Bytes::from_static(b"d"));
    assert_eq!(bounded.version, 5);
    assert_eq!(bounded.keys, ["b", "c", "cc", "d"].map(Bytes::from));
    let open = Buckets::new(told, &Bytes::new(), &Bytes::new());
    assert_eq!(open.keys, ["", "a", "b", "c", "cc", "d", "e", ""].map(Bytes::from));
}
