//! One request per region for a set of keys.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use tifusion_proto::kvrpcpb;

use super::{Answer, SendOptions, Sender, Sent};
use crate::backoff::{BackoffKind, Backoffer};
use crate::error::{ClientError, Result};
use crate::region::Region;
use crate::transport::StoreRequest;

/// Requests of one round under way at once.
const CONCURRENCY: usize = 16;

/// Keys of one region.
#[derive(Debug, Clone)]
pub struct KeyGroup {
    /// The region.
    pub region: Arc<Region>,
    /// Its keys.
    pub keys: Vec<Vec<u8>>,
}

/// What a round of requests brought.
#[derive(Debug, Default)]
pub struct KeyAnswers {
    /// Keys that were asked for together, and the answer.
    pub answers: Vec<(Vec<Vec<u8>>, Answer)>,
    /// Keys whose regions have changed: they are asked for again in another round.
    pub again: Vec<Vec<u8>>,
}

/// Makes a request for some keys around its context.
pub type BuildForKeys<'a> = dyn Fn(&[Vec<u8>], kvrpcpb::Context) -> StoreRequest + Send + Sync + 'a;

impl Sender {
    /// Sorts `keys`, drops those that are there twice, and puts them into groups of at most `limit`
    /// by region.
    ///
    /// # Errors
    /// When a region cannot be located.
    pub async fn group_keys(
        &self,
        bo: &mut Backoffer,
        mut keys: Vec<Vec<u8>>,
        limit: usize,
    ) -> Result<Vec<KeyGroup>> {
        keys.sort_unstable();
        keys.dedup();
        let mut groups: Vec<KeyGroup> = Vec::new();
        for key in keys {
            match groups.last_mut() {
                Some(group) if group.region.contains(&key) && group.keys.len() < limit => {
                    group.keys.push(key);
                }
                Some(group) if group.region.contains(&key) => {
                    let region = Arc::clone(&group.region);
                    groups.push(KeyGroup { region, keys: vec![key] });
                }
                _ => {
                    let region = self.regions.locate_key(bo, &key).await?;
                    groups.push(KeyGroup { region, keys: vec![key] });
                }
            }
        }
        Ok(groups)
    }

    /// One round: every group of `keys` is sent once, in parallel. When `again` is not empty, the
    /// wait for it is over.
    ///
    /// # Errors
    /// As [`Sender::send`]; the first error ends the round.
    pub async fn send_to_keys(
        &self,
        bo: &mut Backoffer,
        keys: Vec<Vec<u8>>,
        limit: usize,
        options: &SendOptions,
        build: &BuildForKeys<'_>,
    ) -> Result<KeyAnswers> {
        let mut groups = self.group_keys(bo, keys, limit).await?;
        let mut round = KeyAnswers::default();
        // The usual case, one region, waits on the caller's own budget.
        if groups.len() == 1
            && let Some(group) = groups.pop()
        {
            let sent = self.send_group(bo, &group, options, build).await?;
            if let Some((backoff, cause)) = round.take(group, sent, false) {
                bo.backoff(backoff, cause).await?;
            }
            return Ok(round);
        }
        let requests: Vec<_> = groups
            .into_iter()
            .map(|group| {
                let mut bo = bo.fork();
                async move {
                    let before = bo.remaining();
                    let sent = self.send_group(&mut bo, &group, options, build).await?;
                    Ok((group, sent, before.saturating_sub(bo.remaining())))
                }
            })
            .collect();
        let mut answers = futures::stream::iter(requests).buffer_unordered(CONCURRENCY);
        let (mut wait, mut spent) = (None, Duration::ZERO);
        while let Some(answer) = answers.next().await {
            let (group, sent, by_group) = answer?;
            wait = round.take(group, sent, true).or(wait);
            spent = spent.max(by_group);
        }
        drop(answers);
        // They went side by side.
        bo.charge(spent);
        if let Some((backoff, cause)) = wait {
            bo.backoff(backoff, cause).await?;
        }
        Ok(round)
    }

    async fn send_group(
        &self,
        bo: &mut Backoffer,
        group: &KeyGroup,
        options: &SendOptions,
        build: &BuildForKeys<'_>,
    ) -> Result<Sent> {
        self.send(bo, &group.region, options, &|context| build(&group.keys, context)).await
    }
}

impl KeyAnswers {
    /// Takes in what came of one group. The cause comes back when the caller has to wait for it:
    /// always after time ran out, and after changed regions when the request ran on a fork, whose
    /// waits the caller's budget has not seen.
    fn take(
        &mut self,
        group: KeyGroup,
        sent: Sent,
        forked: bool,
    ) -> Option<(BackoffKind, ClientError)> {
        match sent {
            Sent::Answer(answer) => {
                self.answers.push((group.keys, *answer));
                None
            }
            Sent::Rebuild { cause } => {
                self.again.extend(group.keys);
                forked.then_some((BackoffKind::RegionMiss, cause))
            }
            Sent::OutOfTime { backoff, cause } => {
                self.again.extend(group.keys);
                Some((backoff, cause))
            }
        }
    }
}
