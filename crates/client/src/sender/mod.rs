//! Sends one request to one region: which peer, what its context says, and what is done about region
//! errors and lost answers, until there is an answer or the ranges have to be located anew.
//!
//! The decisions are [`region_error::classify`](crate::region_error::classify) and its sibling for
//! transport errors; this module carries them out.

mod attempt;
mod batch;
mod command;
mod engine;
mod exchange;
mod forward;
mod keys;
mod load;
mod options;
mod react;
mod replica;
mod replica_read;
mod transport_error;

use std::sync::Arc;

pub(crate) use batch::{AfterBatch, BatchCall, BatchFailure, BatchRegions};
pub use engine::ReadEngine;
pub use keys::{BuildForKeys, KeyAnswers, KeyGroup};
pub use options::{Isolation, Priority, SendOptions, SendStats};
pub use replica_read::{ReplicaRead, ReplicaRole};
use tifusion_proto::kvrpcpb;

use self::batch::NoBatches;
use self::forward::Detours;
use self::load::StoreLoads;
use crate::backoff::{BackoffKind, Backoffer};
use crate::error::{ClientError, Result};
use crate::options::RequestTags;
use crate::region::{Region, RegionCache};
use crate::transport::{StoreRequest, StoreResponse, StoreTransport};

/// Makes the request of one attempt around its context.
pub type BuildRequest<'a> = dyn Fn(kvrpcpb::Context) -> StoreRequest + Send + Sync + 'a;

/// What came of a request.
#[derive(Debug)]
pub enum Sent {
    /// An answer without a region error.
    Answer(Box<Answer>),
    /// The regions have changed: the cache is updated, the wait is over, and the caller locates what
    /// it wants anew.
    Rebuild {
        /// What made it necessary.
        cause: ClientError,
    },
    /// The store (or each of them) ran out of the time a request is given: the caller asks for less,
    /// or again after a wait.
    OutOfTime {
        /// The wait before asking again: longer when the store has said that it is overloaded than
        /// when it said nothing.
        backoff: BackoffKind,
        /// The last answer.
        cause: ClientError,
    },
}

/// An answer and where it came from.
#[derive(Debug)]
pub struct Answer {
    /// The answer; its region error is taken out.
    pub response: StoreResponse,
    /// The region.
    pub region_id: u64,
    /// The store.
    pub store_id: u64,
    /// Its address.
    pub address: String,
    /// Attempts it took.
    pub attempts: u32,
}

/// Sends requests to regions; clones share everything.
#[derive(Debug, Clone)]
pub struct Sender {
    regions: Arc<RegionCache>,
    transport: Arc<dyn StoreTransport>,
    /// Ways around stores that cannot be reached, when there shall be any.
    detours: Option<Arc<Detours>>,
    tags: Arc<RequestTags>,
    loads: Arc<StoreLoads>,
    /// Stores that take regions one by one.
    no_batches: Arc<NoBatches>,
}

impl Sender {
    /// A sender over these parts, whose requests are tagged so.
    #[must_use]
    pub fn new(
        regions: Arc<RegionCache>,
        transport: Arc<dyn StoreTransport>,
        tags: RequestTags,
    ) -> Self {
        Self {
            regions,
            transport,
            detours: None,
            tags: Arc::new(tags),
            loads: Arc::default(),
            no_batches: Arc::default(),
        }
    }

    /// Whether stores that cannot be reached are asked through others.
    #[must_use]
    pub fn with_forwarding(self, on: bool) -> Self {
        Self { detours: on.then(Arc::default), ..self }
    }

    /// The region cache.
    #[must_use]
    pub fn regions(&self) -> &Arc<RegionCache> {
        &self.regions
    }

    /// Sends what `build` makes to `region`. An answer that was lost is asked for again, but for the
    /// commit of a primary.
    ///
    /// # Errors
    /// When no retry can help, `bo`'s budget is spent or its deadline has passed. The error names
    /// region, store, address, attempts and time, and the table when `options` has a label.
    /// [`ErrorKind::Undetermined`](crate::ErrorKind::Undetermined) when the answer to the commit of a primary was lost: it may have taken
    /// effect, or yet take effect. With any other error it has not.
    pub async fn send(
        &self,
        bo: &mut Backoffer,
        region: &Arc<Region>,
        options: &SendOptions,
        build: &BuildRequest<'_>,
    ) -> Result<Sent> {
        exchange::Exchange::new(self, region, options, build).run(bo).await
    }

    /// Sends what `build` makes to the region of `key`, wherever that is by then.
    ///
    /// # Errors
    /// As [`Sender::send`].
    pub async fn send_to_key(
        &self,
        bo: &mut Backoffer,
        key: &[u8],
        options: &SendOptions,
        build: &BuildRequest<'_>,
    ) -> Result<Answer> {
        loop {
            let region = self.regions.locate_key(bo, key).await?;
            match self.send(bo, &region, options, build).await? {
                Sent::Answer(answer) => return Ok(*answer),
                Sent::Rebuild { .. } => {}
                Sent::OutOfTime { backoff, cause } => bo.backoff(backoff, cause).await?,
            }
        }
    }
}

#[cfg(test)]
mod commit_tests;
#[cfg(test)]
mod replica_read_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod time_tests;
