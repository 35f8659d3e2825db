//! Ids of rows: `_tidb_rowid`, `AUTO_INCREMENT` and `AUTO_RANDOM`.

use tifusion_codec::field_type::flag;
use tifusion_codec::key::meta;
use tifusion_schema::TableInfo;

use super::error::{BootstrapError, Result};

/// The greatest ids handed out for a table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Allocators {
    /// `_tidb_rowid`, and `AUTO_INCREMENT` unless it has an allocator of its own.
    pub(super) row_id: i64,
    /// `AUTO_INCREMENT` where it has.
    pub(super) increment: i64,
    /// `AUTO_RANDOM`, without the scattered bits.
    pub(super) random: i64,
}

impl Allocators {
    /// The allocators of a table that was just made.
    pub(super) fn of_new(table: &TableInfo) -> Self {
        let before = |id: i64| id.saturating_sub(1).max(0);
        let mut allocators = Self { random: before(table.auto_rand_id), ..Self::default() };
        *allocators.increment_mut(table) = before(table.auto_inc_id);
        allocators
    }

    /// The keys and values in which TiDB keeps them, for those that are in use.
    pub(super) fn pairs(&self, db_id: i64, table_id: i64) -> Vec<(Vec<u8>, Vec<u8>)> {
        [
            (meta::auto_table_id_key(db_id, table_id), self.row_id),
            (meta::auto_increment_id_key(db_id, table_id), self.increment),
            (meta::auto_random_id_key(db_id, table_id), self.random),
        ]
        .into_iter()
        .filter(|(_, id)| *id != 0)
        .map(|(key, id)| (key, id.to_string().into_bytes()))
        .collect()
    }

    fn increment_mut(&mut self, table: &TableInfo) -> &mut i64 {
        if table.has_separate_auto_increment() { &mut self.increment } else { &mut self.row_id }
    }

    /// The next `AUTO_INCREMENT` value.
    pub(super) fn next_increment(&mut self, table: &TableInfo) -> Result<i64> {
        next(self.increment_mut(table), i64::MAX, table)
    }

    /// Notes an `AUTO_INCREMENT` value that a row brought along.
    pub(super) fn saw_increment(&mut self, table: &TableInfo, id: i64) {
        let last = self.increment_mut(table);
        *last = id.max(*last);
    }

    /// The next `_tidb_rowid`, its high bits scattered if the table says so.
    pub(super) fn next_row_id(&mut self, table: &TableInfo) -> Result<i64> {
        let format = ShardFormat::new(table.shard_row_id_bits, 64, true);
        let id = next(&mut self.row_id, format.most(), table)?;
        Ok(format.compose(id))
    }

    /// The next `AUTO_RANDOM` value.
    pub(super) fn next_random(&mut self, table: &TableInfo) -> Result<i64> {
        let format = ShardFormat::of_random(table);
        let id = next(&mut self.random, format.most(), table)?;
        Ok(format.compose(id))
    }

    /// Notes an `AUTO_RANDOM` value that a row brought along.
    pub(super) fn saw_random(&mut self, table: &TableInfo, id: i64) {
        let id = id & ShardFormat::of_random(table).most();
        self.random = id.max(self.random);
    }
}

fn next(last: &mut i64, most: i64, table: &TableInfo) -> Result<i64> {
    let id = last.checked_add(1).filter(|id| *id <= most);
    *last = id.ok_or_else(|| {
        BootstrapError::Invalid(format!("table {}: no row id is left", table.name))
    })?;
    Ok(*last)
}

/// Which bits of an id count and which are scattered (`ShardIDFormat` of TiDB).
#[derive(Debug, Clone, Copy)]
struct ShardFormat {
    shard_bits: u64,
    counting_bits: u64,
}

impl ShardFormat {
    fn new(shard_bits: u64, range_bits: u64, is_signed: bool) -> Self {
        let counting_bits = range_bits.saturating_sub(shard_bits + u64::from(is_signed));
        Self { shard_bits, counting_bits }
    }

    fn of_random(table: &TableInfo) -> Self {
        let is_signed =
            !table.columns.iter().any(|c| c.is_primary_key() && c.has_flag(flag::UNSIGNED));
        let range =
            if table.auto_random_range_bits == 0 { 64 } else { table.auto_random_range_bits };
        Self::new(table.auto_random_bits, range, is_signed)
    }

    /// The greatest number that counts.
    fn most(self) -> i64 {
        if self.counting_bits >= 63 { i64::MAX } else { (1 << self.counting_bits) - 1 }
    }

    /// The id with its high bits scattered by a hash of the rest; TiDB takes random ones.
    fn compose(self, id: i64) -> i64 {
        if self.shard_bits == 0 {
            return id;
        }
        let mut hash = id.cast_unsigned().wrapping_add(0x9e37_79b9_7f4a_7c15);
        hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let shard = (hash ^ (hash >> 31)) & ((1 << self.shard_bits) - 1);
        (shard << self.counting_bits).cast_signed() | id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scattered_bits_leave_the_sign_and_the_count_alone() {
        let format = ShardFormat::new(4, 64, true);
        assert_eq!(format.most(), (1 << 59) - 1);
        let ids: Vec<_> = (1..100).map(|id| format.compose(id)).collect();
        assert!(ids.iter().all(|id| *id > 0));
        assert!(ids.iter().zip(1..).all(|(id, count)| id & format.most() == count));
        let shards: std::collections::HashSet<_> = ids.iter().map(|id| id >> 59).collect();
        assert!(shards.len() > 8, "{shards:?}");
        assert_eq!(ShardFormat::new(0, 64, true).compose(7), 7);
        assert_eq!(ShardFormat::new(3, 54, false).most(), (1 << 51) - 1);
    }

    #[test]
    fn an_allocator_ends_where_its_bits_do() {
        let table = TableInfo::default();
        let mut last = 6;
        assert_eq!(next(&mut last, 7, &table), Ok(7));
        assert!(next(&mut last, 7, &table).is_err());
        assert_eq!(last, 7);
    }
}
