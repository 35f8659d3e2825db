//! One allocator: its key, its number, its bits.

use tifusion_codec::field_type::flag;
use tifusion_codec::key::meta;

use super::batch::{Batch, Stride};
use super::error::RowIdError;
use crate::model::{ColumnInfo, TableInfo};

/// Bits of a row id.
const ROW_ID_BITS: u64 = 64;
/// Most bits that can be scattered.
const MOST_SHARD_BITS: u64 = 15;
/// Ids that a TiDB server takes at once where the table does not say.
const DEFAULT_STEP: u64 = 30_000;
/// Ids that TiDB's auto id service takes at once.
const SERVICE_STEP: u64 = 4000;

/// Which number of a table's metadata it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Counter {
    /// `_tidb_rowid`, and `AUTO_INCREMENT` unless that has its own (`TID`).
    RowId,
    /// `AUTO_INCREMENT` where it has its own (`IID`).
    Increment,
    /// `AUTO_RANDOM` (`TARID`).
    Random,
}

/// Where ids come from, and what they may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allocator {
    counter: Counter,
    is_unsigned: bool,
    shard_bits: u64,
    counting_bits: u64,
    most: u64,
    step: u64,
    has_service: bool,
    /// The database that the table was made in, if it was renamed into another one.
    first_db_id: Option<i64>,
}

/// What the metadata says about an allocator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// The greatest id handed out, 0 for none; an unsigned one as the same bits.
    pub last: i64,
    /// Which of [`Allocator::keys`] a greater one is to be written to.
    pub places: Vec<usize>,
}

impl Allocator {
    pub(super) fn of_records(table: &TableInfo) -> Result<Self, RowIdError> {
        let mut records = Self::new(table, Counter::RowId, false);
        records.shard(table.shard_row_id_bits, ROW_ID_BITS, true)?;
        if table.shard_row_id_bits > 0 {
            // Rows of a time with more scattered bits are still there.
            let bits = table.max_shard_row_id_bits.max(table.shard_row_id_bits);
            let mut widest = records.clone();
            widest.shard(bits, ROW_ID_BITS, true)?;
            records.most = widest.most;
        }
        // The number is the one that an AUTO_INCREMENT column of the table has.
        let is_unsigned = |column: &ColumnInfo| {
            column.has_flag(flag::AUTO_INCREMENT) && column.has_flag(flag::UNSIGNED)
        };
        records.is_unsigned = table.columns.iter().any(is_unsigned);
        Ok(records)
    }

    pub(super) fn of_increment(table: &TableInfo, column: &ColumnInfo) -> Self {
        let has_service = table.has_separate_auto_increment();
        let counter = if has_service { Counter::Increment } else { Counter::RowId };
        let increment = Self::new(table, counter, column.has_flag(flag::UNSIGNED));
        let step = if has_service { SERVICE_STEP } else { increment.step };
        Self { has_service, step, ..increment }
    }

    pub(super) fn of_random(table: &TableInfo, column: &ColumnInfo) -> Result<Self, RowIdError> {
        let is_unsigned = column.has_flag(flag::UNSIGNED);
        let mut random = Self::new(table, Counter::Random, is_unsigned);
        let range = match table.auto_random_range_bits {
            0 => ROW_ID_BITS,
            bits => bits,
        };
        random.shard(table.auto_random_bits, range, !is_unsigned)?;
        Ok(random)
    }

    fn new(table: &TableInfo, counter: Counter, is_unsigned: bool) -> Self {
        // TiDB never hands out the last number of the type.
        let most = if is_unsigned { u64::MAX } else { i64::MAX.cast_unsigned() } - 1;
        let is_own_step = counter != Counter::RowId || !table.has_separate_auto_increment();
        let step = match u64::try_from(table.auto_id_cache) {
            Ok(step @ 1..) if is_own_step => step,
            _ => DEFAULT_STEP,
        };
        Self {
            counter,
            is_unsigned,
            shard_bits: 0,
            counting_bits: if is_unsigned { 64 } else { 63 },
            most,
            step,
            has_service: false,
            first_db_id: (table.auto_id_schema_id != 0).then_some(table.auto_id_schema_id),
        }
    }

    /// Scatters bits behind the sign (`ShardIDFormat` of TiDB).
    fn shard(
        &mut self,
        shard_bits: u64,
        range_bits: u64,
        is_signed: bool,
    ) -> Result<(), RowIdError> {
        if shard_bits == 0 {
            return Ok(());
        }
        let counting = range_bits
            .checked_sub(shard_bits)
            .and_then(|bits| bits.checked_sub(is_signed.into()))
            .filter(|bits| *bits > 0);
        self.counting_bits = counting
            .filter(|_| range_bits <= ROW_ID_BITS && shard_bits <= MOST_SHARD_BITS)
            .ok_or(RowIdError::Bits { shard_bits, range_bits })?;
        self.shard_bits = shard_bits;
        self.most = (1 << self.counting_bits) - 1;
        Ok(())
    }

    /// Which number of the metadata it is. Two allocators of a table may be one.
    #[must_use]
    pub fn counter(&self) -> Counter {
        self.counter
    }

    /// Whether the number is unsigned, so that one in the metadata may look negative.
    #[must_use]
    pub fn is_unsigned(&self) -> bool {
        self.is_unsigned
    }

    /// The greatest id, scattered bits left out, that is ever handed out.
    #[must_use]
    pub fn most(&self) -> u64 {
        self.most
    }

    /// Bits that are scattered, 0 for none.
    #[must_use]
    pub fn shard_bits(&self) -> u64 {
        self.shard_bits
    }

    /// Ids that TiDB takes at once.
    #[must_use]
    pub fn step(&self) -> u64 {
        self.step
    }

    /// Whether TiDB leaves the allocator to its auto id service, so that ids count without gaps over all
    /// of its servers. The service keeps ids in memory and notices when others raise the number: ids
    /// taken from the metadata are unique, but not in the service's order.
    #[must_use]
    pub fn has_service(&self) -> bool {
        self.has_service
    }

    /// The keys of the metadata that may hold the number, of a table in the database `db_id`.
    ///
    /// There are two for a table that was renamed into another database: by version, TiDB goes on
    /// counting under the first database or copies the number to the new one. See
    /// [`Allocator::read`].
    #[must_use]
    pub fn keys(&self, db_id: i64, table_id: i64) -> Vec<Vec<u8>> {
        let databases = std::iter::once(db_id).chain(self.first_db_id.filter(|id| *id != db_id));
        databases
            .map(|db_id| match self.counter {
                Counter::RowId => meta::auto_table_id_key(db_id, table_id),
                Counter::Increment => meta::auto_increment_id_key(db_id, table_id),
                Counter::Random => meta::auto_random_id_key(db_id, table_id),
            })
            .collect()
    }

    /// The greatest number among the values under [`Allocator::keys`], and where a greater one belongs:
    /// wherever there was one, so that whichever key counts has it; without any, under the first key.
    ///
    /// # Errors
    /// [`RowIdError::Malformed`] when one is no number.
    pub fn read(&self, values: &[Option<&[u8]>]) -> Result<Reading, RowIdError> {
        let mut reading = Reading { last: 0, places: Vec::new() };
        for (place, value) in values.iter().enumerate() {
            let Some(value) = value else { continue };
            reading.last = self.greater(reading.last, self.parse(value)?);
            reading.places.push(place);
        }
        if reading.places.is_empty() {
            reading.places.push(0);
        }
        Ok(reading)
    }

    /// The number in a value of the metadata.
    ///
    /// # Errors
    /// [`RowIdError::Malformed`] when it is none.
    pub fn parse(&self, value: &[u8]) -> Result<i64, RowIdError> {
        let number = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
        number.ok_or_else(|| RowIdError::Malformed { value: value.escape_ascii().to_string() })
    }

    /// The value of the metadata for a number.
    #[must_use]
    pub fn format(&self, last: i64) -> Vec<u8> {
        last.to_string().into_bytes()
    }

    /// Takes `count` ids behind the greatest one handed out; returns them and the number to write.
    ///
    /// `stride` counts for `AUTO_INCREMENT` and `AUTO_RANDOM`; row ids follow one another.
    ///
    /// # Errors
    /// [`RowIdError::Exhausted`] when there are not so many left.
    pub fn take(&self, last: i64, count: u64, stride: Stride) -> Result<(Batch, i64), RowIdError> {
        let last = self.number(last);
        let first = stride.first_behind(last);
        let exhausted = || RowIdError::Exhausted { last, wanted: count, most: self.most };
        let Some(steps) = count.checked_sub(1) else {
            return Ok((Batch::new(0, stride, 0), self.bits(last)));
        };
        let end = first + i128::from(steps) * stride.increment();
        if end > i128::from(self.most) {
            return Err(exhausted());
        }
        let first = u64::try_from(first).map_err(|_| exhausted())?;
        Ok((Batch::new(first, stride, count), self.bits(end)))
    }

    /// The number to write after a row brought along an id of its own, so that it is not handed out.
    #[must_use]
    pub fn after_given(&self, last: i64, id: i64) -> i64 {
        if self.shard_bits == 0 {
            return self.greater(last, id);
        }
        // None of those handed out is negative. TiDB lets those of an unsigned column be, too, whose
        // highest bit is a scattered one: it may hand them out once more.
        let is_other = id < 0 && !self.is_unsigned;
        if is_other { last } else { self.greater(last, id & self.counting_mask()) }
    }

    /// An id with its high bits scattered: the lowest bits of `shard`. TiDB takes random ones, the same
    /// for the rows of a transaction.
    #[must_use]
    pub fn compose(&self, id: i64, shard: u64) -> i64 {
        if self.shard_bits == 0 {
            return id;
        }
        let shard = shard & ((1 << self.shard_bits) - 1);
        (shard << self.counting_bits).cast_signed() | id
    }

    fn counting_mask(&self) -> i64 {
        // At most 63 bits count where some are scattered.
        ((1_u64 << self.counting_bits.min(63)) - 1).cast_signed()
    }

    fn greater(&self, a: i64, b: i64) -> i64 {
        if self.number(b) > self.number(a) { b } else { a }
    }

    fn number(&self, bits: i64) -> i128 {
        if self.is_unsigned { bits.cast_unsigned().into() } else { bits.into() }
    }

    /// The bits of a number of the allocator's range.
    fn bits(&self, number: i128) -> i64 {
        let unsigned = || u64::try_from(number).unwrap_or(u64::MAX).cast_signed();
        if self.is_unsigned { unsigned() } else { i64::try_from(number).unwrap_or(i64::MAX) }
    }
}
