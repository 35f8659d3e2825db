//! Splitting regions before much is written to them, and spreading them over the stores.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use tifusion_proto::kvrpcpb;

use crate::backoff::{BackoffKind, Backoffer};
use crate::client::Client;
use crate::error::{ClientError, ErrorKind, Result};
use crate::lock::key_error;
use crate::query::QueryId;
use crate::sender::{KeyGroup, Priority, SendOptions, Sent};
use crate::transport::{StoreRequest, StoreResponse};

/// Keys of one request.
const KEYS_PER_REQUEST: usize = 256;

/// Regions under way at once.
const CONCURRENCY: usize = 16;

/// Regions that PD is asked to scatter in one call.
const REGIONS_PER_CALL: usize = 512;

/// How regions are split and scattered.
#[derive(Debug, Clone)]
pub struct SplitOptions {
    /// Name of a group whose regions are to lie apart from each other (a table, say); `None` leaves them
    /// where they are. Default none.
    pub scatter_group: Option<String>,
    /// Longest wait until the scattered regions have arrived. Default 0: they move behind the caller.
    pub wait: Duration,
    /// When the statement ends.
    pub deadline: Option<Instant>,
    /// The statement that they are split for.
    pub query: Option<QueryId>,
    /// Time for retries. Default 20 s.
    pub budget: Duration,
}

impl Default for SplitOptions {
    fn default() -> Self {
        Self {
            scatter_group: None,
            wait: Duration::ZERO,
            deadline: None,
            query: None,
            budget: Duration::from_secs(20),
        }
    }
}

/// What came of a split.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Split {
    /// Ids of the regions that begin at the keys now. None when the stores split nothing on request, as
    /// some doubles of TiKV.
    pub regions: Vec<u64>,
    /// The share of them, in percent, that PD spreads; 0 when it was not asked to.
    pub scattered: u64,
    /// What kept PD from spreading them all, or from saying that they have arrived.
    pub scatter_error: Option<ClientError>,
}

impl Client {
    /// Makes regions begin at each of the raw `keys`, and spreads them over the stores if asked to. Keys at
    /// which a region begins already are left alone.
    ///
    /// # Errors
    /// When a region cannot be located or split within the budget. That regions could not be scattered is
    /// told in the result: the cluster will see to them in its own time.
    pub async fn split_and_scatter(
        &self,
        keys: Vec<Vec<u8>>,
        options: &SplitOptions,
    ) -> Result<Split> {
        let query = Some(options.query.unwrap_or_else(|| self.query_id()));
        let mut bo =
            self.backoffer(options.budget).with_deadline(options.deadline).with_query(query);
        self.split(&mut bo, keys.clone()).await?;
        let regions = self.beginning_at(&mut bo, keys).await?;
        let mut split = Split { regions, ..Split::default() };
        if let Some(group) = &options.scatter_group
            && !split.regions.is_empty()
        {
            match self.scatter(&mut bo, &split.regions, group, options).await {
                Ok(scattered) => split.scattered = scattered,
                Err(error) => split.scatter_error = Some(error),
            }
        }
        Ok(split)
    }

    async fn split(&self, bo: &mut Backoffer, mut keys: Vec<Vec<u8>>) -> Result<()> {
        keys.retain(|key| !key.is_empty());
        while !keys.is_empty() {
            let mut groups = self.sender().group_keys(bo, keys, KEYS_PER_REQUEST).await?;
            for group in &mut groups {
                let start = group.region.start_key.clone();
                group.keys.retain(|key| *key != start);
            }
            let (now, later) = one_per_region(groups);
            let requests = now.into_iter().map(|group| {
                let mut bo = bo.fork();
                async move {
                    let result = self.split_region(&mut bo, &group).await;
                    (group.keys, result)
                }
            });
            let mut answers = futures::stream::iter(requests).buffer_unordered(CONCURRENCY);
            let mut again = later;
            let mut wait = None;
            while let Some((asked, result)) = answers.next().await {
                if let Err(cause) = result? {
                    again.extend(asked);
                    wait = Some(cause);
                }
            }
            drop(answers);
            if let Some(cause) = wait {
                bo.backoff(BackoffKind::RegionMiss, cause).await?;
            }
            keys = again;
        }
        Ok(())
    }

    /// Ids of the regions that begin at keys.
    async fn beginning_at(&self, bo: &mut Backoffer, keys: Vec<Vec<u8>>) -> Result<Vec<u64>> {
        let mut ids = BTreeSet::new();
        for key in keys {
            let region = self.regions().locate_key(bo, &key).await?;
            if *region.start_key == *key {
                ids.insert(region.ver_id.id);
            }
        }
        Ok(ids.into_iter().collect())
    }

    /// Splits one region. The inner error says that the region has changed.
    async fn split_region(&self, bo: &mut Backoffer, group: &KeyGroup) -> Result<Result<()>> {
        let mut options = SendOptions::new(self.options().request_timeout);
        options.priority = Priority::Normal;
        let build = |context: kvrpcpb::Context| {
            StoreRequest::SplitRegion(kvrpcpb::SplitRegionRequest {
                context: Some(context),
                split_keys: group.keys.clone(),
                ..kvrpcpb::SplitRegionRequest::default()
            })
        };
        let answer = match self.sender().send(bo, &group.region, &options, &build).await? {
            Sent::Answer(answer) => answer,
            Sent::Rebuild { cause } | Sent::OutOfTime { cause, .. } => return Ok(Err(cause)),
        };
        let StoreResponse::SplitRegion(response) = answer.response else {
            return Err(ClientError::of_another_command());
        };
        if let Some(error) = response.errors.first() {
            return Err(key_error(error, "splitting a region")
                .with_region(group.region.ver_id.id)
                .with_store(answer.store_id, answer.address));
        }
        // What cannot be taken in is asked of PD when it is needed.
        if let Err(error) = self.regions().install(&response.regions, answer.store_id) {
            tracing::warn!(%error, "a store describes regions that cannot be");
        }
        Ok(Ok(()))
    }

    async fn scatter(
        &self,
        bo: &mut Backoffer,
        ids: &[u64],
        group: &str,
        options: &SplitOptions,
    ) -> Result<u64> {
        let mut percent = 100;
        for part in ids.chunks(REGIONS_PER_CALL) {
            percent = self.pd().scatter_regions(bo, part, group).await?.min(percent);
        }
        let mut bo = self.backoffer(options.wait).with_deadline(options.deadline);
        if !options.wait.is_zero() {
            for id in ids {
                while self.pd().is_scattering(&mut bo, *id).await? {
                    let message = "regions are still on their way";
                    let cause = ClientError::new(ErrorKind::Unavailable, message).with_region(*id);
                    bo.backoff(BackoffKind::RegionMiss, cause).await?;
                }
            }
        }
        Ok(percent)
    }
}

/// One group of each region to be sent now, and the keys of the others: a region that is split has to be
/// located anew.
fn one_per_region(groups: Vec<KeyGroup>) -> (Vec<KeyGroup>, Vec<Vec<u8>>) {
    let mut seen = BTreeSet::new();
    let mut later = Vec::new();
    let mut now = Vec::new();
    for group in groups {
        if group.keys.is_empty() {
            continue;
        }
        if seen.insert(group.region.ver_id) {
            now.push(group);
        } else {
            later.extend(group.keys);
        }
    }
    (now, later)
}

#[cfg(test)]
#[path = "split_tests.rs"]
mod tests;
