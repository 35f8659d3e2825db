//! Row ids, `AUTO_INCREMENT` and `AUTO_RANDOM` numbers of the rows of one statement.
//!
//! They are taken from TiDB's counters some at a time, more each time, and given out to all partitions of the
//! statement.

use std::sync::Arc;

use tifusion_codec::datum::Datum;
use tifusion_codec::field_type::tp;
use tifusion_schema::row_id::{IdAllocator, IdKind, RowIds};
use tokio::sync::Mutex;

use super::counter::Counter;
use super::target::WriteTarget;
use crate::error::{Error, ErrorKind, Result};

/// Most ids that are taken at once without a row for each of them, as TiDB's servers do.
const MOST_AHEAD: usize = 30_000;

/// The ids of a statement.
#[derive(Debug)]
pub(super) struct IdSource {
    target: Arc<WriteTarget>,
    ids: RowIds,
    records: Mutex<Pool>,
    columns: Mutex<Pool>,
}

/// Ids that are taken and not given out.
#[derive(Debug, Clone, Copy, Default)]
struct Pool {
    /// The next one.
    next: i64,
    /// How many there are.
    left: i64,
    /// Where the high bits of these come from.
    shard: u64,
    /// How many to take the next time.
    step: usize,
}

/// How many ids a batch needs, and the greatest count that it brings along.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct NeededIds {
    /// Ids of records.
    pub(super) records: usize,
    /// Ids of the numbered column.
    pub(super) columns: usize,
    given: Option<i64>,
}

/// The ids of a batch.
#[derive(Debug, Default)]
pub(super) struct BatchIds {
    records: std::vec::IntoIter<i64>,
    columns: std::vec::IntoIter<i64>,
    is_unsigned: bool,
}

impl BatchIds {
    /// The next record's id.
    pub(super) fn next_record(&mut self) -> Result<i64> {
        self.records.next().ok_or_else(too_few)
    }

    /// The next value of the numbered column.
    pub(super) fn next_column(&mut self) -> Result<Datum<'static>> {
        let id = self.columns.next().ok_or_else(too_few)?;
        Ok(match self.is_unsigned {
            true => Datum::UInt(id.cast_unsigned()),
            false => Datum::Int(id),
        })
    }
}

fn too_few() -> Error {
    Error::new(ErrorKind::Engine, "fewer ids were taken than rows need")
}

impl IdSource {
    /// The ids of rows of `target`.
    pub(super) fn new(target: Arc<WriteTarget>) -> Self {
        let ids = RowIds::of(&target.info);
        Self { target, ids, records: Mutex::default(), columns: Mutex::default() }
    }

    /// Whether the numbered column is an `AUTO_RANDOM` one.
    pub(super) fn is_random(&self) -> bool {
        self.ids.column.as_ref().is_some_and(|(_, allocator)| allocator.kind() == IdKind::Random)
    }

    /// The offset of the numbered column.
    pub(super) fn column(&self) -> Option<usize> {
        self.ids.column.as_ref().map(|(offset, _)| *offset)
    }

    /// Takes note of a value that a row has in the numbered column.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] for one that this version can't keep from being given again.
    pub(super) fn see(&self, needed: &mut NeededIds, value: &Datum<'_>) -> Result<()> {
        let Some((_, allocator)) = &self.ids.column else { return Ok(()) };
        let number = match value {
            Datum::Int(number) => Some(*number),
            Datum::UInt(number) => i64::try_from(*number).ok(),
            _ => None,
        };
        let number = number.ok_or_else(|| {
            Error::unsupported(format!(
                "a number beyond 2^63 for the numbered column of {}, where this version does not count",
                self.target.label()
            ))
        })?;
        needed.given = needed.given.max(allocator.counted(number));
        Ok(())
    }

    /// Takes the ids that a batch needs, after what the rows bring along.
    ///
    /// # Errors
    /// When the counter is at its end, is not to be taken from, or can't be reached.
    pub(super) async fn take(&self, needed: NeededIds) -> Result<BatchIds> {
        let mut taken = BatchIds::default();
        if let Some((offset, allocator)) = &self.ids.column {
            if needed.given.is_some() || needed.columns > 0 {
                self.check(*offset, allocator)?;
            }
            if let Some(given) = needed.given {
                self.rebase(allocator, given).await?;
            }
            taken.is_unsigned = allocator.is_unsigned();
            taken.columns = self.take_from(&self.columns, allocator, needed.columns).await?;
        }
        if let Some(allocator) = &self.ids.record {
            taken.records = self.take_from(&self.records, allocator, needed.records).await?;
        }
        Ok(taken)
    }

    async fn take_from(
        &self,
        pool: &Mutex<Pool>,
        allocator: &IdAllocator,
        count: usize,
    ) -> Result<std::vec::IntoIter<i64>> {
        let mut ids = Vec::with_capacity(count);
        // Held while the counter moves, so that partitions don't race for it.
        let mut pool = pool.lock().await;
        while ids.len() < count {
            if pool.left == 0 {
                let missing = count - ids.len();
                *pool = self.refill(allocator, missing, pool.step).await?;
            }
            ids.push(allocator.compose(pool.next, pool.shard));
            pool.next += 1;
            pool.left -= 1;
        }
        Ok(ids.into_iter())
    }

    async fn refill(&self, allocator: &IdAllocator, missing: usize, step: usize) -> Result<Pool> {
        let count = i64::try_from(missing.max(step)).unwrap_or(i64::MAX);
        let (most, table) = (allocator.most(), self.target.label());
        let counter = Counter { target: &self.target, allocator };
        let last = counter
            .advance(|last| {
                let next = last.checked_add(count).filter(|next| *next < most);
                next.map(Some).ok_or_else(|| {
                    Error::new(ErrorKind::Refused, format!("no ids are left for rows of {table}"))
                })
            })
            .await?;
        let next = last.saturating_add(1);
        let step = missing.max(step).saturating_mul(2).min(MOST_AHEAD);
        Ok(Pool { next, left: count, shard: shard_of(next), step })
    }

    /// Sees to it that ids up to the count `given` are not given again.
    async fn rebase(&self, allocator: &IdAllocator, given: i64) -> Result<()> {
        let mut pool = self.columns.lock().await;
        if pool.left > 0 && given < pool.next.saturating_add(pool.left) {
            let passed = given.saturating_sub(pool.next).saturating_add(1).clamp(0, pool.left);
            pool.next = pool.next.saturating_add(passed);
            pool.left -= passed;
            return Ok(());
        }
        pool.left = 0;
        let counter = Counter { target: &self.target, allocator };
        counter.advance(|last| Ok((given > last).then_some(given))).await?;
        Ok(())
    }

    /// Refuses a counter that others keep in their memory, and one of floats.
    fn check(&self, offset: usize, allocator: &IdAllocator) -> Result<()> {
        let label = self.target.label();
        if allocator.is_served() {
            return Err(Error::unsupported(format!(
                "ids of {label} come from a service of TiDB's servers (AUTO_ID_CACHE 1), which this \
                 version does not ask: write to it through TiDB's SQL port"
            )));
        }
        let column = self.target.info.columns.get(offset);
        if column.is_some_and(|column| matches!(column.field_type.tp, tp::FLOAT | tp::DOUBLE)) {
            return Err(Error::unsupported(format!(
                "the numbered column of {label} is one of floats: write to it through TiDB's SQL port"
            )));
        }
        Ok(())
    }
}

/// Which shard a range of ids goes to: any will do, if not always the same.
fn shard_of(first: i64) -> u64 {
    let mut hash = first.cast_unsigned().wrapping_add(0x9e37_79b9_7f4a_7c15);
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}
