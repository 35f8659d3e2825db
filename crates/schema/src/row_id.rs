//! Where row ids, `AUTO_INCREMENT` and `AUTO_RANDOM` numbers come from.
//!
//! TiDB keeps a counter for each in its metadata: the greatest number that was ever taken, as decimal text. A
//! server takes a range by adding to it (`pkg/meta/autoid` of TiDB).

use tifusion_codec::Error;
use tifusion_codec::field_type::flag;
use tifusion_codec::key::meta;

use crate::model::{ColumnInfo, TableInfo};

/// The counters that rows of a table need.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RowIds {
    /// That of `_tidb_rowid`, where rows have one.
    pub record: Option<IdAllocator>,
    /// The offset of the numbered column, and its counter.
    pub column: Option<(usize, IdAllocator)>,
}

/// A counter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdAllocator {
    kind: IdKind,
    /// High bits that are scattered.
    shard_bits: u64,
    /// Bits that count.
    counting_bits: u64,
    is_unsigned: bool,
    is_served: bool,
}

/// What a counter counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IdKind {
    /// `_tidb_rowid`, and `AUTO_INCREMENT` unless it has a counter of its own.
    Row,
    /// `AUTO_INCREMENT` where it has.
    Increment,
    /// `AUTO_RANDOM`.
    Random,
}

/// Bits of an id, its sign among them.
const ID_BITS: u64 = 64;

impl RowIds {
    /// Those of a table.
    #[must_use]
    pub fn of(table: &TableInfo) -> Self {
        let has_row_id = !table.pk_is_handle && !table.is_common_handle;
        let record = has_row_id.then(|| IdAllocator {
            kind: IdKind::Row,
            shard_bits: table.shard_row_id_bits,
            counting_bits: (ID_BITS - 1).saturating_sub(table.shard_row_id_bits),
            is_unsigned: false,
            is_served: false,
        });
        let column = table.columns.iter().enumerate().find_map(|(offset, column)| {
            IdAllocator::of_column(table, column).map(|allocator| (offset, allocator))
        });
        Self { record, column }
    }
}

impl IdAllocator {
    fn of_column(table: &TableInfo, column: &ColumnInfo) -> Option<Self> {
        let is_unsigned = column.has_flag(flag::UNSIGNED);
        if column.has_flag(flag::AUTO_INCREMENT) {
            let is_served = table.has_separate_auto_increment();
            let kind = if is_served { IdKind::Increment } else { IdKind::Row };
            let counting_bits = ID_BITS - 1;
            return Some(Self { kind, shard_bits: 0, counting_bits, is_unsigned, is_served });
        }
        if table.auto_random_bits == 0 || !column.is_primary_key() {
            return None;
        }
        let range = match table.auto_random_range_bits {
            0 => ID_BITS,
            bits => bits,
        };
        Some(Self {
            kind: IdKind::Random,
            shard_bits: table.auto_random_bits,
            counting_bits: range
                .saturating_sub(table.auto_random_bits)
                .saturating_sub(u64::from(!is_unsigned)),
            is_unsigned,
            is_served: false,
        })
    }

    /// What it counts.
    #[must_use]
    pub fn kind(&self) -> IdKind {
        self.kind
    }

    /// Whether TiDB's servers hand its numbers out by a service of theirs (`AUTO_ID_CACHE 1`), and the counter
    /// in the metadata is only what that has put by: nobody else may take from it.
    #[must_use]
    pub fn is_served(&self) -> bool {
        self.is_served
    }

    /// Whether the numbered column is unsigned.
    #[must_use]
    pub fn is_unsigned(&self) -> bool {
        self.is_unsigned
    }

    /// The counter's key in the metadata.
    #[must_use]
    pub fn key(&self, database_id: i64, table_id: i64) -> Vec<u8> {
        match self.kind {
            IdKind::Row => meta::auto_table_id_key(database_id, table_id),
            IdKind::Increment => meta::auto_increment_id_key(database_id, table_id),
            IdKind::Random => meta::auto_random_id_key(database_id, table_id),
        }
    }

    /// The greatest number taken, from the counter's value.
    ///
    /// # Errors
    /// [`Error::Malformed`] if it is no number.
    pub fn parse(&self, value: &[u8]) -> Result<i64, Error> {
        let text = std::str::from_utf8(value).ok();
        let number = text.and_then(|text| text.parse().ok());
        number.ok_or_else(|| Error::malformed("a counter of ids", "it is no number"))
    }

    /// The counter's value for the greatest number taken.
    #[must_use]
    pub fn format(&self, last: i64) -> Vec<u8> {
        last.to_string().into_bytes()
    }

    /// The greatest number that it can count to.
    #[must_use]
    pub fn most(&self) -> i64 {
        if self.counting_bits >= ID_BITS - 1 {
            return i64::MAX;
        }
        (1_i64 << self.counting_bits) - 1
    }

    /// The part that counts of a number that a row brought along, which the counter must not give again; `None`
    /// for one that it never gives.
    #[must_use]
    pub fn counted(&self, given: i64) -> Option<i64> {
        match self.kind {
            IdKind::Random => Some(given & self.most()),
            IdKind::Row | IdKind::Increment => (given > 0).then_some(given),
        }
    }

    /// The id of a count, with its high bits taken from `shard`.
    #[must_use]
    pub fn compose(&self, count: i64, shard: u64) -> i64 {
        if self.shard_bits == 0 || self.shard_bits >= ID_BITS {
            return count;
        }
        let shard = shard & ((1 << self.shard_bits) - 1);
        shard
            .checked_shl(u32::try_from(self.counting_bits).unwrap_or(u32::MAX))
            .unwrap_or(0)
            .cast_signed()
            | count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(json: &str) -> TableInfo {
        TableInfo::from_json(json.as_bytes()).unwrap()
    }

    #[test]
    fn scattered_bits_leave_the_sign_and_the_count_alone() {
        let ids = RowIds::of(&table(r#"{"id": 7, "ShardRowIDBits": 4}"#));
        let record = ids.record.unwrap();
        assert_eq!((ids.column, record.most()), (None, (1 << 59) - 1));
        for shard in 0..100 {
            let id = record.compose(shard + 5, shard.cast_unsigned());
            assert!(id > 0 && id & record.most() == shard + 5);
            assert_eq!(id >> 59, shard % 16);
        }
        assert_eq!(record.key(1, 7), meta::auto_table_id_key(1, 7));
        assert_eq!(record.parse(b"41"), Ok(41));
        assert!(record.parse(b"x").is_err());
        assert_eq!(record.format(42), b"42");
    }

    #[test]
    fn numbered_columns_have_the_counter_that_tidb_takes_from() {
        const COLUMN: &str = r#""pk_is_handle": true, "version": 5, "cols": [{"id": 1, "offset": 0,
            "name": {"O": "id", "L": "id"}, "state": 5, "type": {"Tp": 8, "Flag": FLAGS}}]"#;
        let of = |flags: u32, more: &str| {
            let column = COLUMN.replace("FLAGS", &flags.to_string());
            let ids = RowIds::of(&table(&format!(r#"{{"id": 7, {column}{more}}}"#)));
            assert_eq!(ids.record, None);
            ids.column.map(|(offset, allocator)| {
                assert_eq!(offset, 0);
                allocator
            })
        };
        let primary = flag::PRI_KEY | flag::NOT_NULL;
        assert_eq!(of(primary, ""), None);
        let shared = of(primary | flag::AUTO_INCREMENT, "").unwrap();
        assert_eq!(
            (shared.kind(), shared.is_served(), shared.most()),
            (IdKind::Row, false, i64::MAX)
        );
        assert_eq!((shared.counted(9), shared.counted(-9)), (Some(9), None));
        let served = of(primary | flag::AUTO_INCREMENT, r#", "auto_id_cache": 1"#).unwrap();
        assert_eq!((served.kind(), served.is_served()), (IdKind::Increment, true));
        let random = of(primary, r#", "auto_random_bits": 5"#).unwrap();
        assert_eq!((random.kind(), random.most()), (IdKind::Random, (1 << 58) - 1));
        assert_eq!(random.counted((3 << 58) | 12), Some(12));
        let narrow = of(
            primary | flag::UNSIGNED,
            r#", "auto_random_bits": 3, "auto_random_range_bits": 54"#,
        );
        assert_eq!(narrow.unwrap().most(), (1 << 51) - 1);
    }
}
