//! PD's members and their leader.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use parking_lot::Mutex;
use tifusion_proto::pdpb;
use tifusion_proto::pdpb::pd_client::PdClient as GrpcPd;
use tonic::transport::Channel;

use super::discovery::{Found, Round};
use super::endpoint;
use super::failure::Failure;
use crate::clock::Clock;
use crate::error::{ErrorKind, Result};
use crate::options::{AddressMap, ClientOptions};
use crate::transport::{Channels, Limit};

/// When the cluster is met for the first time, how long the other endpoints may take to tell that
/// they belong to it too, once the leader is found.
const GRACE: Duration = Duration::from_secs(1);

/// Who this client says it is.
const CALLER: &str = "tifusion";

/// The member that leads, as far as is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Leader {
    pub(super) address: Arc<str>,
    /// Grows with each discovery.
    pub(super) generation: u64,
}

/// All that is known of the members, and the way to them.
#[derive(Debug)]
pub(super) struct Members {
    channels: Arc<Channels>,
    clock: Arc<dyn Clock>,
    max_message_size: usize,
    configured: Vec<String>,
    address_map: Option<Arc<dyn AddressMap>>,
    state: Mutex<State>,
    /// Held while the leader is looked for.
    discovery: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    cluster_id: Option<u64>,
    /// Client addresses that members advertised last.
    advertised: Vec<String>,
    leader: Option<Leader>,
    generation: u64,
    /// Rounds of discovery that ended, and how the last one failed.
    rounds: u64,
    failure: Option<Failure>,
}

impl Members {
    /// The members of the options, none of them asked yet.
    pub(super) fn new(
        options: &ClientOptions,
        channels: Arc<Channels>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        Ok(Self {
            configured: endpoint::parse_all(&options.pd_endpoints, channels.is_secure())?,
            channels,
            clock,
            max_message_size: options.max_message_size,
            address_map: options.address_map.clone(),
            state: Mutex::default(),
            discovery: tokio::sync::Mutex::default(),
        })
    }

    /// The cluster's id; 0 until a member was reached.
    pub(super) fn cluster_id(&self) -> u64 {
        self.state.lock().cluster_id.unwrap_or(0)
    }

    /// What every request carries.
    pub(super) fn header(&self) -> pdpb::RequestHeader {
        pdpb::RequestHeader {
            cluster_id: self.cluster_id(),
            caller_id: CALLER.to_owned(),
            ..pdpb::RequestHeader::default()
        }
    }

    /// A gRPC client of the member at `address`.
    pub(super) fn client(&self, address: &str) -> Result<GrpcPd<Channel>, Failure> {
        Ok(GrpcPd::new(self.channel(address)?).max_decoding_message_size(self.max_message_size))
    }

    /// A connection to the member at `address`.
    pub(super) fn channel(&self, address: &str) -> Result<Channel, Failure> {
        self.channels.get(address).map_err(Failure::from_transport)
    }

    /// Closes all connections.
    #[cfg(test)]
    pub(super) fn disconnect_all(&self) {
        for address in &self.configured {
            self.channels.disconnect(address);
        }
    }

    /// Forgets the leader of this generation: a call to it failed.
    pub(super) fn suspect(&self, generation: u64) {
        let mut state = self.state.lock();
        if state.leader.as_ref().is_some_and(|leader| leader.generation == generation) {
            state.leader = None;
        }
    }

    /// The leader, looked for among all members when none is known. Many who look at once share one
    /// round and its failure.
    pub(super) async fn leader(&self, timeout: Duration) -> Result<Leader, Failure> {
        let seen = {
            let state = self.state.lock();
            if let Some(leader) = &state.leader {
                return Ok(leader.clone());
            }
            state.rounds
        };
        let _turn = self.discovery.lock().await;
        let (cluster_id, targets) = {
            let state = self.state.lock();
            match (&state.leader, &state.failure) {
                (Some(leader), _) => return Ok(leader.clone()),
                (None, Some(failure)) if state.rounds != seen => return Err(failure.clone()),
                _ => {}
            }
            let mut targets = state.advertised.clone();
            targets.extend(self.configured.clone());
            (state.cluster_id, targets)
        };
        let found = self.discover(cluster_id, targets, timeout).await;
        let mut state = self.state.lock();
        state.rounds += 1;
        match found {
            Ok(found) => {
                state.generation += 1;
                let leader = Leader { address: found.leader.into(), generation: state.generation };
                tracing::debug!(address = %leader.address, "PD leader found");
                state.cluster_id = Some(found.cluster_id);
                state.advertised = found.advertised;
                state.leader = Some(leader.clone());
                state.failure = None;
                Ok(leader)
            }
            Err(failure) => {
                state.failure = Some(failure.clone());
                Err(failure)
            }
        }
    }

    /// Asks all members at once. The leader is the one that says so itself; a leader named by others
    /// is asked too.
    async fn discover(
        &self,
        cluster_id: Option<u64>,
        targets: Vec<String>,
        timeout: Duration,
    ) -> Result<Found, Failure> {
        let mut round = Round::new(cluster_id);
        let mut pending = FuturesUnordered::new();
        for address in targets {
            if round.ask(&address) {
                pending.push(self.get_members(address, timeout));
            }
        }
        let mut grace = pin!(self.clock.sleep(Duration::ZERO));
        loop {
            let next = tokio::select! {
                biased;
                next = pending.next() => next,
                () = &mut grace, if round.has_leader() => None,
            };
            let Some((address, answer)) = next else { break };
            let was_found = round.has_leader();
            let answer = answer.and_then(|answer| round.check_cluster(answer));
            match answer {
                Err(failure) if cluster_id.is_none() && failure.kind == ErrorKind::InvalidInput => {
                    return Err(failure.at(&address));
                }
                Err(failure) => round.note(failure.at(&address)),
                Ok(answer) => {
                    let reached = |member: &pdpb::Member| self.addresses_of(member);
                    for other in round.take_in(&address, &answer, reached) {
                        pending.push(self.get_members(other, timeout));
                    }
                }
            }
            if round.has_leader() && !was_found {
                // Known clusters need no second opinion.
                let wait = if cluster_id.is_some() { Duration::ZERO } else { GRACE };
                grace.set(self.clock.sleep(wait));
            }
        }
        round.finish()
    }

    /// The endpoints of the options.
    pub(super) fn configured(&self) -> &[String] {
        &self.configured
    }

    /// What the member at `address` says of all of them.
    pub(super) async fn get_members(
        &self,
        address: String,
        timeout: Duration,
    ) -> (String, Result<pdpb::GetMembersResponse, Failure>) {
        let limit = Limit::new(&*self.clock, &address, timeout);
        let answer = async {
            let mut client = self.client(&address)?;
            let request = pdpb::GetMembersRequest { header: Some(self.header()) };
            let answer = client.get_members(limit.request(request));
            limit.run(answer).await.map_err(Failure::from_transport)
        };
        let answer = answer.await;
        (address, answer)
    }

    /// The addresses of a member's advertised URLs, as reached from here.
    pub(super) fn addresses_of(&self, member: &pdpb::Member) -> Vec<String> {
        let parsed = member.client_urls.iter().filter_map(|url| endpoint::parse(url).ok());
        let usable = parsed.filter(|url| self.channels.is_secure() || !url.secure);
        usable
            .map(|url| {
                let mapped = self.address_map.as_ref().and_then(|map| map.map(&url.address));
                mapped.unwrap_or(url.address)
            })
            .collect()
    }
}
