//! What each endpoint of PD says, for whoever looks for what is wrong.

use std::sync::Arc;
use std::time::Duration;

use tifusion_proto::pdpb;

use super::failure::{Failure, check_header};
use super::members::Members;
use crate::clock::Clock;
use crate::error::Result;
use crate::options::ClientOptions;
use crate::transport::Channels;

/// An endpoint of the options.
#[derive(Debug)]
#[non_exhaustive]
pub struct PdEndpoint {
    /// Its address.
    pub address: String,
    /// What it said, or why it said nothing.
    pub answer: Result<EndpointAnswer>,
}

/// What an endpoint said.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EndpointAnswer {
    /// Id of the cluster that it belongs to.
    pub cluster_id: u64,
    /// The leader that it knows of.
    pub leader: Option<PdMember>,
    /// All members.
    pub members: Vec<PdMember>,
    /// Time that the answer took, that of connecting included.
    pub time: Duration,
}

/// A member of PD.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PdMember {
    /// Its name.
    pub name: String,
    /// The addresses by which it is reached from here.
    pub addresses: Vec<String>,
    /// Its version; empty where it does not say.
    pub version: String,
}

/// Asks all endpoints of the options at once, each for the time that one answer of PD may take.
///
/// # Errors
/// When an endpoint is malformed, or TLS cannot be set up.
pub async fn probe(options: &ClientOptions, clock: Arc<dyn Clock>) -> Result<Vec<PdEndpoint>> {
    let channels = Arc::new(Channels::new(options, Arc::clone(&clock))?);
    let members = Members::new(options, channels, Arc::clone(&clock))?;
    let asked = members.configured().iter().map(|address| async {
        let began = clock.now();
        let (address, answer) = members.get_members(address.clone(), options.pd_timeout).await;
        let time = clock.now().saturating_duration_since(began);
        let answer = answer.and_then(|answer| read(&members, answer, time));
        let answer = answer.map_err(|failure| failure.at(&address).into_error());
        PdEndpoint { address, answer }
    });
    Ok(futures::future::join_all(asked).await)
}

fn read(
    members: &Members,
    answer: pdpb::GetMembersResponse,
    time: Duration,
) -> Result<EndpointAnswer, Failure> {
    let cluster_id = check_header(answer.header.as_ref(), None)?;
    let member = |member: pdpb::Member| PdMember {
        addresses: members.addresses_of(&member),
        name: member.name,
        version: member.binary_version,
    };
    let leader = answer.leader.filter(|leader| leader.member_id != 0).map(member);
    let members = answer.members.into_iter().map(member).collect();
    Ok(EndpointAnswer { cluster_id, leader, members, time })
}
