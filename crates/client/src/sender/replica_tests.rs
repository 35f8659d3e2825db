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
    while let Some(Choice { peer, .. }) = replicas.next() {
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
fn where_nobody_else_may_be_asked_nobody_is() {
    let mut replicas = Replicas::new(&region());
    replicas.ask_only([3, 1]);
    assert_eq!(replicas.next(), Some(Choice { peer: peer(3), preferred: true }));
    replicas.mark(3, PeerMark::Failed);
    assert_eq!(replicas.next(), Some(Choice { peer: peer(1), preferred: true }));
    replicas.switch_leader(1, 2);
    assert_eq!(replicas.next(), None);
}

#[test]
fn the_leader_is_asked_ten_times_at_most() {
    let mut replicas = Replicas::new(&region());
    for _ in 0..10 {
        assert_eq!(replicas.next().unwrap().peer.id, 2);
        replicas.attempt(2);
    }
    assert_eq!(replicas.next().unwrap().peer.id, 1);
}

#[test]
fn a_new_leader_is_asked_next_and_the_old_one_is_not() {
    let mut replicas = Replicas::new(&region());
    replicas.attempt(2);
    replicas.switch_leader(2, 3);
    assert_eq!(replicas.leader_id(), 3);
    assert!(!replicas.leader_tried());
    assert_eq!(replicas.next().unwrap().peer.id, 3);
    replicas.attempt(3);
    replicas.mark(3, PeerMark::Failed);
    assert_eq!(replicas.next().unwrap().peer.id, 1);
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
    assert_eq!(replicas.next().unwrap().peer.id, 3);
}

#[test]
fn a_suspected_leader_is_asked_again_when_nobody_else_is_left() {
    let mut region = region();
    region.peers.truncate(2);
    let mut replicas = Replicas::new(&region);
    replicas.attempt(2);
    replicas.mark(2, PeerMark::SuspectNotLeader);
    assert!(replicas.probed());
    assert_eq!(replicas.next().unwrap().peer.id, 1);
    replicas.attempt(1);
    replicas.mark(1, PeerMark::NotLeader);
    assert_eq!(replicas.next().unwrap().peer.id, 2);
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

#[test]
fn those_that_are_preferred_are_asked_first_and_then_the_leader() {
    let mut replicas = Replicas::new(&region());
    replicas.prefer([3, 1]);
    let mut next = |mark: Option<PeerMark>| {
        let Choice { peer, preferred } = replicas.next().unwrap();
        replicas.attempt(peer.id);
        if let Some(mark) = mark {
            replicas.mark(peer.id, mark);
        }
        (peer.id, preferred, replicas.prefers_others())
    };
    assert_eq!(next(None), (3, true, true));
    assert_eq!(next(Some(PeerMark::Busy)), (3, true, false), "again, until it is passed over");
    assert_eq!(next(Some(PeerMark::Failed)), (1, true, false));
    assert_eq!(next(None), (2, false, false));
    // As the leader they are not asked a second time.
    assert_eq!(next(Some(PeerMark::Failed)), (2, false, false));
    assert_eq!(replicas.next(), None);
}

#[test]
fn a_busy_leader_that_is_preferred_is_asked_again_in_the_end() {
    let mut replicas = Replicas::new(&region());
    replicas.prefer([2, 1]);
    assert_eq!(replicas.next(), Some(Choice { peer: peer(2), preferred: true }));
    replicas.attempt(2);
    replicas.mark(2, PeerMark::Busy);
    assert_eq!(replicas.next(), Some(Choice { peer: peer(1), preferred: true }));
    replicas.attempt(1);
    replicas.mark(1, PeerMark::Busy);
    assert_eq!(replicas.next(), Some(Choice { peer: peer(2), preferred: false }));
}
