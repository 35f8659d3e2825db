//! Which peer of a region is asked next, for one request: pure.

use std::collections::VecDeque;

use tifusion_proto::metapb;

use crate::region::Region;
use crate::region_error::PeerMark;

/// Attempts on the leader before it is passed over, as TiDB's client counts.
const MAX_LEADER_ATTEMPTS: u32 = 10;

/// What is known about a peer within one request.
#[derive(Debug, Clone)]
struct Candidate {
    peer: metapb::Peer,
    healthy: bool,
    attempts: u32,
    not_leader: bool,
    suspect: bool,
    failed: bool,
}

/// The peer that is asked next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Choice {
    pub(super) peer: metapb::Peer,
    /// The read prefers it, whether it is the leader or not.
    pub(super) preferred: bool,
}

/// The peers of a region as one request has seen them so far.
///
/// Those that the request prefers are asked first, then the leader. Without any, reads go to the leader. When it has failed, the others are asked once each, as if they were the
/// leader: they answer with the leader's name, or are it by now.
#[derive(Debug, Clone)]
pub(super) struct Replicas {
    candidates: Vec<Candidate>,
    /// Ids of those that the request prefers and has not passed over, the best first.
    preferred: VecDeque<u64>,
    /// Nobody but them is asked.
    only_preferred: bool,
    leader_id: u64,
    switches: u32,
    busy_answers: u32,
    probed: bool,
}

impl Replicas {
    pub(super) fn new(region: &Region) -> Self {
        let candidates = region
            .peers
            .iter()
            .filter(|peer| !peer.is_witness)
            .map(|peer| Candidate {
                healthy: region.is_healthy(peer),
                peer: *peer,
                attempts: 0,
                not_leader: false,
                suspect: false,
                failed: false,
            })
            .collect();
        Self {
            candidates,
            preferred: VecDeque::new(),
            only_preferred: false,
            leader_id: region.leader.id,
            switches: 0,
            busy_answers: 0,
            probed: false,
        }
    }

    /// Asks these before the leader.
    pub(super) fn prefer(&mut self, ids: impl IntoIterator<Item = u64>) {
        self.preferred = ids.into_iter().collect();
    }

    /// Asks nobody but these.
    pub(super) fn ask_only(&mut self, ids: impl IntoIterator<Item = u64>) {
        self.prefer(ids);
        self.only_preferred = true;
    }

    /// Whether there is another one that the request prefers besides the one that is asked.
    pub(super) fn prefers_others(&self) -> bool {
        self.preferred.len() > 1
    }

    /// The peer to ask now; `None` when all have been asked in vain.
    pub(super) fn next(&mut self) -> Option<Choice> {
        while let Some(id) = self.preferred.front().copied() {
            if let Some(candidate) = self.find(id)
                && candidate.is_leader_candidate()
            {
                return Some(Choice { peer: candidate.peer, preferred: true });
            }
            self.preferred.pop_front();
        }
        if self.only_preferred {
            return None;
        }
        self.next_for_leader().map(|peer| Choice { peer, preferred: false })
    }

    fn next_for_leader(&mut self) -> Option<metapb::Peer> {
        if let Some(leader) = self.leader().filter(|leader| leader.is_leader_candidate()) {
            return Some(leader.peer);
        }
        let untried = self
            .candidates
            .iter()
            .filter(|c| c.attempts == 0 && !c.failed && c.peer.id != self.leader_id)
            .min_by_key(|c| (!c.healthy, c.peer.role != i32::from(metapb::PeerRole::Voter)));
        if let Some(candidate) = untried {
            return Some(candidate.peer);
        }
        // A leader that was only suspected is asked again when nobody else is left.
        let leader_id = self.leader_id;
        let leader = self.candidates.iter_mut().find(|c| c.peer.id == leader_id && c.suspect)?;
        leader.suspect = false;
        leader.is_leader_candidate().then_some(leader.peer)
    }

    /// Counts an attempt on the peer, and says how many it makes.
    pub(super) fn attempt(&mut self, peer_id: u64) -> u32 {
        self.find(peer_id).map_or(1, |candidate| {
            candidate.attempts = candidate.attempts.saturating_add(1);
            candidate.attempts
        })
    }

    /// Passes the peer over from now on.
    pub(super) fn mark(&mut self, peer_id: u64, mark: PeerMark) {
        if mark == PeerMark::SuspectNotLeader {
            self.probed = true;
        }
        self.preferred.retain(|id| *id != peer_id);
        if let Some(candidate) = self.find(peer_id) {
            match mark {
                PeerMark::Busy => {}
                PeerMark::NotLeader => candidate.not_leader = true,
                PeerMark::SuspectNotLeader => candidate.suspect = true,
                PeerMark::Failed => candidate.failed = true,
            }
        }
    }

    /// Takes the peer for the leader from now on; one that could not be reached stays passed over.
    pub(super) fn switch_leader(&mut self, from: u64, leader_id: u64) {
        self.mark(from, PeerMark::NotLeader);
        self.switches = self.switches.saturating_add(1);
        if self.leader_id != leader_id {
            self.busy_answers = 0;
        }
        self.leader_id = leader_id;
        if let Some(leader) = self.find(leader_id) {
            leader.not_leader = false;
            leader.suspect = false;
            leader.attempts = leader.attempts.min(MAX_LEADER_ATTEMPTS - 1);
        }
    }

    /// Counts a busy answer of the leader without an estimate, and says how many it makes.
    pub(super) fn busy(&mut self) -> u32 {
        self.busy_answers = self.busy_answers.saturating_add(1);
        self.busy_answers
    }

    pub(super) fn busy_answers(&self) -> u32 {
        self.busy_answers
    }

    pub(super) fn probed(&self) -> bool {
        self.probed
    }

    pub(super) fn switches(&self) -> u32 {
        self.switches
    }

    pub(super) fn leader_id(&self) -> u64 {
        self.leader_id
    }

    pub(super) fn leader_tried(&self) -> bool {
        self.leader().is_some_and(|leader| leader.attempts > 0)
    }

    fn leader(&self) -> Option<&Candidate> {
        self.candidates.iter().find(|candidate| candidate.peer.id == self.leader_id)
    }

    fn find(&mut self, peer_id: u64) -> Option<&mut Candidate> {
        self.candidates.iter_mut().find(|candidate| candidate.peer.id == peer_id)
    }
}

impl Candidate {
    fn is_leader_candidate(&self) -> bool {
        !self.failed && !self.not_leader && !self.suspect && self.attempts < MAX_LEADER_ATTEMPTS
    }
}

#[cfg(test)]
#[path = "replica_tests.rs"]
mod tests;
