//! One of TiDB's counters of ids: a key of the metadata with the greatest number that was taken.
//!
//! Ids are taken by adding to it in a transaction of its own, as TiDB's servers do, so that no id is given
//! twice; what a statement that fails has taken is lost, as in TiDB.

use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tifusion_client::txn::{CommitGuard, Mutation, TxnError, TxnOptions};
use tifusion_client::{QueryId, Timestamp};
use tifusion_codec::key::meta;
use tifusion_schema::row_id::Allocator;

use super::target::WriteTarget;
use super::txn_error::transaction_error;
use crate::error::{Error, ErrorKind, Result};

/// How often another writer of the same counter may come first.
const MOST_CONFLICTS: u32 = 30;

/// Longest wait before another try.
const LONGEST_WAIT: Duration = Duration::from_millis(500);

/// A counter of a table's ids.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counter<'a> {
    pub(super) target: &'a Arc<WriteTarget>,
    pub(super) allocator: &'a Allocator,
    /// The statement whose rows the ids are for.
    pub(super) query: QueryId,
}

/// What came of one try to move a counter.
enum Moved {
    /// It was here, and is where it was to go.
    From(i64),
    /// Somebody else was first, or it is not known who was.
    Not,
}

impl Counter<'_> {
    /// Moves the counter to where `next` says, if anywhere; where it was comes back.
    ///
    /// # Errors
    /// Those of `next`, and what kept the cluster from it.
    pub(super) async fn advance(
        self,
        next: impl Fn(i64) -> Result<Option<i64>> + Send + Sync,
    ) -> Result<i64> {
        for attempt in 1..=MOST_CONFLICTS {
            if let Moved::From(last) = self.try_advance(&next).await? {
                return Ok(last);
            }
            tokio::time::sleep(self.pause(attempt)).await;
        }
        Err(Error::new(
            ErrorKind::Conflict,
            format!(
                "others take ids of {} all the time: nothing was written, run it again",
                self.target.label()
            ),
        ))
    }

    async fn try_advance(
        self,
        next: impl Fn(i64) -> Result<Option<i64>> + Send + Sync,
    ) -> Result<Moved> {
        let client = self.target.cluster.client();
        let keys = self.allocator.keys(self.target.database_id, self.target.info.id);
        let start_ts = client.timestamp().await?;
        let snapshot = self.target.snapshot(start_ts, self.query, None);
        let mut values = Vec::with_capacity(keys.len());
        for key in &keys {
            values.push(snapshot.get(key).await?.filter(|value| !value.is_empty()));
        }
        let values: Vec<_> = values.iter().map(Option::as_deref).collect();
        let reading = self.allocator.read(&values)?;
        let last = reading.last;
        let Some(now) = next(last)? else { return Ok(Moved::From(last)) };
        let options = TxnOptions {
            start_ts: Some(start_ts),
            label: Some(format!("the ids of {}", self.target.label()).into()),
            query: Some(self.query),
            ..TxnOptions::default()
        };
        let mut transaction = client.begin(options).await?;
        let places = reading.places.into_iter().filter_map(|place| keys.get(place));
        let puts =
            places.map(|key| Mutation::put(key.clone(), self.allocator.format(now))).collect();
        let guard = TableIsThere { target: Arc::clone(self.target), query: self.query };
        let done = match transaction.prewrite(puts).await {
            Ok(()) => transaction.commit(&guard).await.map(|_| ()),
            Err(error) => {
                drop(transaction.rollback().await);
                Err(error)
            }
        };
        match done {
            Ok(()) => Ok(Moved::From(last)),
            Err(error) if is_to_be_tried_again(&error) => Ok(Moved::Not),
            Err(error) => Err(transaction_error(self.target, error)),
        }
    }

    /// The wait before another try: longer each time, and another one for each writer.
    fn pause(self, attempt: u32) -> Duration {
        let now = self.target.cluster.client().clock().now();
        let spread = u64::from(now.elapsed().subsec_nanos()) % 8;
        let wait = Duration::from_millis(u64::from(attempt) * (4 + spread));
        wait.min(LONGEST_WAIT)
    }
}

/// Whether the counter is to be looked at again: others were first, or it is not known who was. What may have
/// been taken without being known is lost.
fn is_to_be_tried_again(error: &TxnError) -> bool {
    matches!(
        error,
        TxnError::Conflict { .. }
            | TxnError::RolledBack { .. }
            | TxnError::Undetermined { .. }
            | TxnError::Aborted { retryable: true, .. }
    )
}

/// Allows a counter to move while its table is there.
#[derive(Debug)]
struct TableIsThere {
    target: Arc<WriteTarget>,
    query: QueryId,
}

#[async_trait]
impl CommitGuard for TableIsThere {
    async fn allow(&self, commit_ts: Timestamp) -> Result<(), Box<dyn StdError + Send + Sync>> {
        let target = &self.target;
        let key = meta::table_key(target.database_id, target.info.id);
        let table = target.snapshot(commit_ts, self.query, None).get(&key).await?;
        match table {
            Some(_) => Ok(()),
            None => Err(Error::new(
                ErrorKind::SchemaChanged,
                format!(
                    "{} was dropped while it was written to: nothing was written",
                    target.label()
                ),
            )
            .into()),
        }
    }
}
