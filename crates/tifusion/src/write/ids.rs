//! Row ids, `AUTO_INCREMENT` and `AUTO_RANDOM` numbers of the rows of one statement.
//!
//! They are taken from TiDB's counters some at a time, more each time, and given out to all partitions of the
//! statement.

use std::sync::Arc;

use tifusion_client::QueryId;
use tifusion_codec::FieldType;
use tifusion_codec::datum::Datum;
use tifusion_schema::row_id::{
    Allocator, Batch, NumberedColumn, RowIdError, RowIdPlan, RowIds, Stride,
};
use tokio::sync::Mutex;

use super::counter::Counter;
use super::id_service::Service;
use super::target::WriteTarget;
use crate::error::{Error, ErrorKind, Result};

/// Most ids that are taken at once without a row for each of them, as TiDB's servers do.
const MOST_AHEAD: u64 = 30_000;

/// The ids of a statement.
#[derive(Debug)]
pub(super) struct IdSource {
    target: Arc<WriteTarget>,
    query: QueryId,
    ids: RowIdPlan,
    records: Mutex<Pool>,
    columns: Mutex<Pool>,
}

/// Ids that are taken and not given out.
#[derive(Debug, Clone, Default)]
struct Pool {
    ids: Option<Batch>,
    /// Where the high bits of these come from.
    shard: u64,
    /// How many to take the next time.
    step: u64,
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
}

impl BatchIds {
    /// The next record's id.
    pub(super) fn next_record(&mut self) -> Result<i64> {
        self.records.next().ok_or_else(too_few)
    }

    /// The next id of the numbered column.
    pub(super) fn next_column(&mut self) -> Result<i64> {
        self.columns.next().ok_or_else(too_few)
    }
}

fn too_few() -> Error {
    Error::new(ErrorKind::Engine, "fewer ids were taken than rows need")
}

impl IdSource {
    /// The ids of rows that a statement writes to `target`.
    ///
    /// # Errors
    /// When the table's description says more bits than an id has.
    pub(super) fn new(target: Arc<WriteTarget>, query: QueryId) -> Result<Self> {
        let ids = RowIds::of(&target.info)?;
        Ok(Self { target, query, ids, records: Mutex::default(), columns: Mutex::default() })
    }

    /// The offset of the numbered column.
    pub(super) fn column(&self) -> Option<usize> {
        self.ids.column.as_ref().map(|column| column.offset)
    }

    /// The type that values of the numbered column are converted to; `None` for other columns.
    pub(super) fn input_type(&self, offset: usize) -> Option<FieldType> {
        self.numbered(offset).map(NumberedColumn::input_type)
    }

    fn numbered(&self, offset: usize) -> Option<&NumberedColumn> {
        self.ids.column.as_ref().filter(|column| column.offset == offset)
    }

    /// Takes note of a value that a new row has in the numbered column, or of its lack.
    ///
    /// # Errors
    /// When the row must not bring one, or it is no number.
    pub(super) fn see(
        &self,
        needed: &mut NeededIds,
        value: &Datum<'_>,
        allow_explicit_random: bool,
    ) -> Result<()> {
        let Some(column) = &self.ids.column else { return Ok(()) };
        match column.given(value, allow_explicit_random)? {
            None => needed.columns += 1,
            Some(id) => {
                let before = needed.given.unwrap_or_default();
                needed.given = Some(column.allocator.after_given(before, id));
            }
        }
        Ok(())
    }

    /// The value of the numbered column: the row's own, or the next id.
    ///
    /// # Errors
    /// When the column can't hold the id.
    pub(super) fn value<'a>(&self, value: Datum<'a>, ids: &mut BatchIds) -> Result<Datum<'a>> {
        let Some(column) = &self.ids.column else { return Ok(value) };
        match column.given(&value, true)? {
            Some(_) => Ok(value),
            None => Ok(column.datum(ids.next_column()?)?),
        }
    }

    /// Takes the ids that a batch needs, after what the rows bring along.
    ///
    /// # Errors
    /// When the counter is at its end, is not to be taken from, or can't be reached.
    pub(super) async fn take(&self, needed: NeededIds) -> Result<BatchIds> {
        let mut taken = BatchIds::default();
        if let Some(column) = &self.ids.column {
            let allocator = &column.allocator;
            if let Some(given) = needed.given {
                self.rebase(allocator, given).await?;
            }
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
        allocator: &Allocator,
        count: usize,
    ) -> Result<std::vec::IntoIter<i64>> {
        let mut ids = Vec::with_capacity(count);
        // Held while the counter moves, so that partitions don't race for it.
        let mut pool = pool.lock().await;
        while ids.len() < count {
            match pool.ids.as_mut().and_then(Iterator::next) {
                Some(id) => ids.push(allocator.compose(id, pool.shard)),
                None => {
                    let missing = count.saturating_sub(ids.len()) as u64;
                    *pool = self.refill(allocator, missing, pool.step).await?;
                }
            }
        }
        Ok(ids.into_iter())
    }

    async fn refill(&self, allocator: &Allocator, missing: u64, step: u64) -> Result<Pool> {
        let stride = Stride::default();
        if let Some(service) = Service::of(&self.target, allocator, self.query)? {
            // None ahead: they are to count without gaps.
            let last = service.take(missing).await?;
            let (ids, _) = allocator.take(last, missing, stride)?;
            return Ok(Pool { ids: Some(ids), ..Pool::default() });
        }
        // Fewer, where there are no more.
        let take = |last| match allocator.take(last, missing.max(step), stride) {
            Err(RowIdError::Exhausted { .. }) => allocator.take(last, missing, stride),
            taken => taken,
        };
        let counter = Counter { target: &self.target, allocator, query: self.query };
        let last = counter.advance(|last| Ok(Some(take(last)?.1))).await?;
        let (ids, _) = take(last)?;
        let step = missing.max(step).saturating_mul(2).min(MOST_AHEAD);
        Ok(Pool { ids: Some(ids), shard: shard_of(last), step })
    }

    /// Sees to it that ids up to the count `given` are not given again.
    async fn rebase(&self, allocator: &Allocator, given: i64) -> Result<()> {
        // What was taken before may hold it. Held while the counter moves, so that no partition takes ids of before meanwhile.
        let mut pool = self.columns.lock().await;
        pool.ids = None;
        if let Some(service) = Service::of(&self.target, allocator, self.query)? {
            return service.rebase(given).await;
        }
        let counter = Counter { target: &self.target, allocator, query: self.query };
        let after = |last| {
            let now = allocator.after_given(last, given);
            Ok((now != last).then_some(now))
        };
        counter.advance(after).await?;
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
