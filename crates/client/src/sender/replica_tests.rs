use bytes::Bytes;

use super::*;
use crate::region::RegionVerId;

fn peer(id: u64) -> metapb::Peer {
    metapb::Peer { id, store_id: id, ..metapb::Peer::default() }
}

fn region() -> Region {
    Region {
        ver_id: RegionVerId { id: 1, conf_ver: 1, version: 1 },
        start_key: Bytes::new(),
        end_key: Bytes::new(),
        peers: vec![peer(1), peer(2), peer(3)],
        leader: peer(2),
        down_peers: Vec::new(),
        pending_peers: Vec::new(),
        buckets: None,
    }
}

/// Asks the next peer and passes it over; the order in which all are asked.
fn order(region: &Region) -> Vec<u64> {
    let mut replicas = Replicas::new(region);
    let mut order = Vec::new();
    while let Some(peer) = replicas.next() {
        replicas.attempt(peer.id);
        replicas.mark(peer.id, PeerMark::Failed);
        order.push(peer.id);
    }
    order
}

#[test]
fn the_leader_is_asked_first_then_the_others_once_each() {
    assert_eq!(order(&region()), [2, 1, 3]);
}

#[test]
fn healthy_voters_come_before_the_others_and_witnesses_never() {
    let mut region = region();
    region.down_peers = vec![1];
    region.peers.push(metapb::Peer { is_witness: true, ..peer(4) });
    region.peers.push(metapb::Peer { role: metapb::PeerRole::Learner.into(), ..peer(5) });
    assert_eq!(order(&region), [2, 3, 5, 1]);
}

#[test]
fn the_leader_is_asked_ten_times_at_most() {
    let mut replicas = Replicas::new(&region());
    for _ in 0..10 {
        assert_eq!(replicas.next().unwrap().id, 2);
        replicas.attempt(2);
    }
    assert_eq!(replicas.next().unwrap().id, 1);
}

#[test]
fn a_new_leader_is_asked_next_and_the_old_one_is_not() {
    let mut replicas = Replicas::new(&region());
    replicas.attempt(2);
    replicas.switch_leader(2, 3);
    assert_eq!(replicas.leader_id(), 3);
    assert!(!replicas.leader_tried());
    assert_eq!(replicas.next().unwrap().id, 3);
    replicas.attempt(3);
    replicas.mark(3, PeerMark::Failed);
    assert_eq!(replicas.next().unwrap().id, 1);
    replicas.attempt(1);
    replicas.mark(1, PeerMark::Failed);
    assert_eq!(replicas.next(), None);
}

#[test]
fn a_peer_that_could_not_be_reached_is_not_asked_because_others_call_it_leader() {
    let mut replicas = Replicas::new(&region());
    replicas.attempt(2);
    replicas.mark(2, PeerMark::Failed);
    replicas.attempt(1);
    replicas.switch_leader(1, 2);
    assert_eq!(replicas.next().unwrap().id, 3);
}

#[test]
fn a_suspected_leader_is_asked_again_when_nobody_else_is_left() {
    let mut region = region();
    region.peers.truncate(2);
    let mut replicas = Replicas::new(&region);
    replicas.attempt(2);
    replicas.mark(2, PeerMark::SuspectNotLeader);
    assert!(replicas.probed());
    assert_eq!(replicas.next().unwrap().id, 1);
    replicas.attempt(1);
    replicas.mark(1, PeerMark::NotLeader);
    assert_eq!(replicas.next().unwrap().id, 2);
}

#[test]
fn busy_answers_are_counted_for_one_leader() {
    let mut replicas = Replicas::new(&region());
    assert_eq!(replicas.busy(), 1);
    assert_eq!(replicas.busy(), 2);
    replicas.switch_leader(2, 2);
    assert_eq!(replicas.busy_answers(), 2);
    replicas.switch_leader(2, 3);
    assert_eq!(replicas.busy_answers(), 0);
    assert_eq!(replicas.switches(), 2);
}
