//! One round of looking for PD's leader: who was asked, what they said, what follows. No I/O.

use tifusion_proto::pdpb;

use super::failure::{Failure, check_header};

/// What one round of discovery found.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) leader: String,
    pub(super) cluster_id: u64,
    pub(super) advertised: Vec<String>,
}

/// One round of discovery under way.
#[derive(Debug, Default)]
pub(super) struct Round {
    cluster_id: Option<u64>,
    asked: Vec<String>,
    failures: Vec<Failure>,
    advertised: Vec<String>,
    leader: Option<String>,
}

impl Round {
    /// A round in this cluster; `None`: in whichever the first answer comes from.
    pub(super) fn new(cluster_id: Option<u64>) -> Self {
        Self { cluster_id, ..Self::default() }
    }

    /// Whether a member said of itself that it leads.
    pub(super) fn has_leader(&self) -> bool {
        self.leader.is_some()
    }

    /// Notes why a member was of no help.
    pub(super) fn note(&mut self, failure: Failure) {
        self.failures.push(failure);
    }

    /// Whether `address` has yet to be asked; notes that it is.
    pub(super) fn ask(&mut self, address: &str) -> bool {
        let new = !self.asked.iter().any(|asked| asked == address);
        if new {
            self.asked.push(address.to_owned());
        }
        new
    }

    /// Refuses an answer with an error in it, or of another cluster.
    pub(super) fn check_cluster(
        &mut self,
        answer: pdpb::GetMembersResponse,
    ) -> Result<pdpb::GetMembersResponse, Failure> {
        self.cluster_id = Some(check_header(answer.header.as_ref(), self.cluster_id)?);
        Ok(answer)
    }

    /// Takes in one member's answer; returns the addresses of the leader it names that have yet to
    /// be asked. `reached` tells a member's addresses as reached from here.
    pub(super) fn take_in(
        &mut self,
        address: &str,
        answer: &pdpb::GetMembersResponse,
        reached: impl Fn(&pdpb::Member) -> Vec<String>,
    ) -> Vec<String> {
        let told: Vec<String> = answer.members.iter().flat_map(&reached).collect();
        for other in told {
            if !self.advertised.contains(&other) {
                self.advertised.push(other);
            }
        }
        let Some(leader) = answer.leader.as_ref().filter(|leader| leader.member_id != 0) else {
            self.failures.push(Failure::passing("it knows no leader").at(address));
            return Vec::new();
        };
        let addresses = reached(leader);
        // An only member is the leader by whatever address it was reached.
        if answer.members.len() == 1 || addresses.iter().any(|of_leader| of_leader == address) {
            self.leader.get_or_insert_with(|| address.to_owned());
            return Vec::new();
        }
        if addresses.is_empty() {
            let urls = leader.client_urls.join(", ");
            let why = format!("it names a leader without a usable address ({urls})");
            self.failures.push(Failure::passing(why).at(address));
        }
        addresses.into_iter().filter(|of_leader| self.ask(of_leader)).collect()
    }

    /// What the round found, or why it found nothing.
    pub(super) fn finish(self) -> Result<Found, Failure> {
        match (self.leader, self.cluster_id) {
            (Some(leader), Some(cluster_id)) => {
                Ok(Found { leader, cluster_id, advertised: self.advertised })
            }
            _ if self.failures.is_empty() => {
                let asked = self.asked.join(", ");
                let why = format!("the members at {asked} name each other as leader");
                Err(Failure::of_all(&[Failure::passing(why)]))
            }
            _ => Err(Failure::of_all(&self.failures)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    fn member(id: u64) -> pdpb::Member {
        pdpb::Member {
            member_id: id,
            client_urls: vec![format!("m{id}:1")],
            ..pdpb::Member::default()
        }
    }

    fn answer(cluster_id: u64, leader: Option<u64>) -> pdpb::GetMembersResponse {
        pdpb::GetMembersResponse {
            header: Some(pdpb::ResponseHeader { cluster_id, error: None }),
            members: (1..=3).map(member).collect(),
            leader: leader.map(member),
            ..pdpb::GetMembersResponse::default()
        }
    }

    fn reached(member: &pdpb::Member) -> Vec<String> {
        member.client_urls.clone()
    }

    #[test]
    fn a_leader_is_believed_when_it_says_so_itself() {
        let mut round = Round::new(None);
        assert!(round.ask("m1:1"));
        assert!(!round.ask("m1:1"));
        let told = round.check_cluster(answer(7, Some(3))).unwrap();
        assert_eq!(round.take_in("m1:1", &told, reached), ["m3:1"]);
        assert!(!round.has_leader());
        assert!(round.take_in("m3:1", &told, reached).is_empty());
        assert!(round.has_leader());
        let found = round.finish().unwrap();
        assert_eq!((found.leader.as_str(), found.cluster_id), ("m3:1", 7));
        assert_eq!(found.advertised, ["m1:1", "m2:1", "m3:1"]);
    }

    #[test]
    fn members_that_name_each_other_are_no_leaders() {
        let mut round = Round::new(Some(7));
        for (address, leader) in [("m1:1", 2), ("m2:1", 1)] {
            round.ask(address);
            round.take_in(address, &answer(7, Some(leader)), reached);
        }
        let failure = round.finish().unwrap_err();
        assert!(failure.retry && failure.message.contains("m1:1, m2:1"), "{failure:?}");
    }

    #[test]
    fn a_leader_nobody_can_reach_is_named() {
        let mut round = Round::new(Some(7));
        let told = answer(7, Some(2));
        assert!(round.take_in("m1:1", &told, |_| Vec::new()).is_empty());
        round.take_in("m3:1", &answer(7, None), reached);
        let failure = round.finish().unwrap_err();
        assert!(failure.message.contains("without a usable address (m2:1)"), "{failure:?}");
        assert!(failure.message.contains("PD at m3:1: it knows no leader"), "{failure:?}");
    }

    #[test]
    fn every_answer_must_be_of_one_cluster() {
        let mut round = Round::new(None);
        round.check_cluster(answer(7, None)).unwrap();
        let failure = round.check_cluster(answer(8, None)).unwrap_err();
        assert_eq!(failure.kind, ErrorKind::InvalidInput);
        assert!(Round::new(Some(7)).check_cluster(answer(8, None)).is_err());
    }
}
