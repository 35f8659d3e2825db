//! Row ids, `AUTO_INCREMENT` and `AUTO_RANDOM`: taken from TiDB's own counters, some at a time.
//!
//! A counter is one key of the metadata. Ids are taken by adding to it in a transaction of its own, as TiDB's
//! servers do, so that no id is given twice; what a statement that fails has taken is lost, as in TiDB.

use std::error::Error as StdError;
use std::sync::Arc;

use async_trait::async_trait;
use tifusion_client::Timestamp;
use tifusion_client::snapshot::SnapshotOptions;
use tifusion_client::txn::{Assertion, CommitGuard, Mutation, MutationOp, TxnError, TxnOptions};
use tifusion_codec::datum::Datum;
use tifusion_codec::key::meta;
use tifusion_schema::row_id::{IdAllocator, IdKind, RowIds};

use super::target::WriteTarget;
use crate::error::{Error, ErrorKind, Result};

/// How often another writer of the same counter may come first.
const MOST_CONFLICTS: u32 = 30;

/// The counters of a table.
#[derive(Debug)]
pub(super) struct IdSource {
    target: Arc<WriteTarget>,
    ids: RowIds,
}

/// How many ids a batch needs, and the greatest that it brings along.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct NeededIds {
    /// Ids of records.
    pub(super) records: usize,
    /// Ids of the numbered column.
    pub(super) columns: usize,
    /// The greatest number that a row has in the numbered column.
    given: Option<i64>,
}

impl NeededIds {
    /// Takes note of a value that a row has in the numbered column.
    pub(super) fn see(&mut self, value: &Datum<'_>) {
        let number = match value {
            Datum::Int(number) => *number,
            Datum::UInt(number) => i64::try_from(*number).unwrap_or(i64::MAX),
            // A float column may be numbered too.
            _ => return,
        };
        self.given = self.given.max(Some(number));
    }
}

/// The ids of a batch.
#[derive(Debug, Default)]
pub(super) struct BatchIds {
    records: Taken,
    columns: Taken,
}

#[derive(Debug, Default)]
struct Taken {
    ids: std::vec::IntoIter<i64>,
    is_unsigned: bool,
}

impl BatchIds {
    /// The next record's id.
    pub(super) fn next_record(&mut self) -> Result<i64> {
        self.records.ids.next().ok_or_else(too_few)
    }

    /// The next value of the numbered column.
    pub(super) fn next_column(&mut self) -> Result<Datum<'static>> {
        let id = self.columns.ids.next().ok_or_else(too_few)?;
        Ok(match self.columns.is_unsigned {
            true => Datum::UInt(id.cast_unsigned()),
            false => Datum::Int(id),
        })
    }
}

fn too_few() -> Error {
    Error::new(ErrorKind::Engine, "fewer ids were taken than rows need")
}

impl IdSource {
    /// The counters of `target`.
    pub(super) fn new(target: Arc<WriteTarget>) -> Self {
        let ids = RowIds::of(&target.info);
        Self { target, ids }
    }

    /// Whether the numbered column is an `AUTO_RANDOM` one.
    pub(super) fn is_random(&self) -> bool {
        self.ids.column.as_ref().is_some_and(|(_, allocator)| allocator.kind() == IdKind::Random)
    }

    /// The offset of the numbered column.
    pub(super) fn column(&self) -> Option<usize> {
        self.ids.column.as_ref().map(|(offset, _)| *offset)
    }

    /// Takes the ids that a batch needs, after what the rows bring along.
    ///
    /// # Errors
    /// When the counter is at its end or can't be reached.
    pub(super) async fn take(&self, needed: NeededIds) -> Result<BatchIds> {
        let mut taken = BatchIds::default();
        if let Some((_, allocator)) = &self.ids.column {
            if let Some(given) = needed.given {
                self.rebase(allocator, given).await?;
            }
            taken.columns = self.take_from(allocator, needed.columns).await?;
        }
        if let Some(allocator) = &self.ids.record {
            taken.records = self.take_from(allocator, needed.records).await?;
        }
        Ok(taken)
    }

    async fn take_from(&self, allocator: &IdAllocator, count: usize) -> Result<Taken> {
        if count == 0 {
            return Ok(Taken::default());
        }
        self.check_ours(allocator)?;
        let step = i64::try_from(count).unwrap_or(i64::MAX);
        let most = allocator.most();
        let table = self.target.label();
        let last = self
            .advance(allocator, |last| {
                let next = last.checked_add(step).filter(|next| *next <= most);
                next.map(Some).ok_or_else(|| {
                    Error::new(ErrorKind::Refused, format!("no ids are left for rows of {table}"))
                })
            })
            .await?;
        let first = last.saturating_add(1);
        let seed = shard_seed(first);
        let ids: Vec<i64> =
            (first..=last.saturating_add(step)).map(|id| allocator.compose(id, seed)).collect();
        Ok(Taken { ids: ids.into_iter(), is_unsigned: allocator.is_unsigned() })
    }

    /// Sees to it that ids up to `given` are not given again.
    async fn rebase(&self, allocator: &IdAllocator, given: i64) -> Result<()> {
        self.check_ours(allocator)?;
        if let Some(counted) = allocator.counted(given) {
            self.advance(allocator, |last| Ok((counted > last).then_some(counted))).await?;
        }
        Ok(())
    }

    /// Refuses a counter that others keep in their memory.
    fn check_ours(&self, allocator: &IdAllocator) -> Result<()> {
        if !allocator.is_served() {
            return Ok(());
        }
        Err(Error::unsupported(format!(
            "ids of {} come from a service of TiDB's servers (AUTO_ID_CACHE 1), which this version does not \
             ask: write to it through TiDB's SQL port",
            self.target.label()
        )))
    }

    /// Moves a counter to where `next` says, if anywhere; where it was comes back.
    async fn advance(
        &self,
        allocator: &IdAllocator,
        next: impl Fn(i64) -> Result<Option<i64>> + Send,
    ) -> Result<i64> {
        let client = self.target.cluster.client();
        let key = self.counter_key(allocator);
        for _ in 0..MOST_CONFLICTS {
            let start_ts = client.timestamp().await?;
            let snapshot = self.target.snapshot(start_ts, SnapshotOptions::default());
            let before = snapshot.get(&key).await?.filter(|value| !value.is_empty());
            let last = before.as_deref().map_or(Ok(0), |value| allocator.parse(value))?;
            let Some(now) = next(last)? else { return Ok(last) };
            let options = TxnOptions {
                start_ts: Some(start_ts),
                label: Some(format!("the ids of {}", self.target.label()).into()),
                ..TxnOptions::default()
            };
            let mut transaction = client.begin(options).await?;
            let value = allocator.format(now);
            let put = Mutation {
                op: MutationOp::Put,
                key: key.clone(),
                value,
                assertion: Assertion::None,
            };
            let guard = TableIsThere { target: Arc::clone(&self.target) };
            let done = match transaction.prewrite(vec![put]).await {
                Ok(()) => transaction.commit(&guard).await.map(|_| ()),
                Err(error) => {
                    drop(transaction.rollback().await);
                    Err(error)
                }
            };
            match done {
                Ok(()) => return Ok(last),
                // Whoever was first has taken other ids.
                Err(error) if is_to_be_tried_again(&error) => {}
                Err(error) => return Err(super::txn_error::transaction_error(&self.target, error)),
            }
        }
        Err(Error::new(
            ErrorKind::Conflict,
            format!(
                "others take ids of {} all the time: nothing was written, run it again",
                self.target.label()
            ),
        ))
    }

    fn counter_key(&self, allocator: &IdAllocator) -> Vec<u8> {
        let of = match self.target.info.auto_id_schema_id {
            0 => self.target.database_id,
            elsewhere => elsewhere,
        };
        allocator.key(of, self.target.info.id)
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

/// Which shard a batch of ids goes to: any will do, if not always the same.
fn shard_seed(first: i64) -> u64 {
    let mut hash = first.cast_unsigned().wrapping_add(0x9e37_79b9_7f4a_7c15);
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

/// Allows a counter to move while its table is there.
#[derive(Debug)]
struct TableIsThere {
    target: Arc<WriteTarget>,
}

#[async_trait]
impl CommitGuard for TableIsThere {
    async fn allow(&self, commit_ts: Timestamp) -> Result<(), Box<dyn StdError + Send + Sync>> {
        let target = &self.target;
        let key = meta::table_key(target.database_id, target.info.id);
        let table = target.snapshot(commit_ts, SnapshotOptions::default()).get(&key).await?;
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
