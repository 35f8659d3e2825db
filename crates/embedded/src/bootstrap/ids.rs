//! The greatest ids handed out for a table.

use tifusion_schema::TableInfo;
use tifusion_schema::row_id::{Allocator, Counter, RowIdError, RowIdPlan, Stride};

/// The greatest ids handed out for a table, one of each counter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Allocators {
    row_id: i64,
    increment: i64,
    random: i64,
}

impl Allocators {
    /// Those of a table that was just made.
    pub(super) fn of_new(table: &TableInfo, plan: &RowIdPlan) -> Self {
        let before = |id: i64| id.saturating_sub(1).max(0);
        let mut allocators = Self { random: before(table.auto_rand_id), ..Self::default() };
        let increment = plan.column.as_ref().map(|column| column.allocator.counter());
        let start = before(table.auto_inc_id);
        match increment.filter(|counter| *counter != Counter::Random) {
            Some(counter) => *allocators.last_mut(counter) = start,
            // Without such a column the row ids start there.
            None => allocators.row_id = start,
        }
        allocators
    }

    /// The keys and values in which TiDB keeps them, for those that are in use.
    pub(super) fn pairs(
        &self,
        plan: &RowIdPlan,
        db_id: i64,
        table_id: i64,
    ) -> Vec<(Vec<u8>, Vec<u8>)> {
        let column = plan.column.iter().map(|column| &column.allocator);
        let used = plan.record.iter().chain(column);
        used.filter_map(|allocator| {
            let last = self.last(allocator.counter());
            let key = allocator.keys(db_id, table_id).into_iter().next()?;
            (last != 0).then(|| (key, allocator.format(last)))
        })
        .collect()
    }

    /// The next id, its high bits scattered if the allocator says so.
    ///
    /// # Errors
    /// [`RowIdError::Exhausted`] when there is none left.
    pub(super) fn next(&mut self, allocator: &Allocator) -> Result<i64, RowIdError> {
        let last = self.last_mut(allocator.counter());
        let (mut batch, greatest) = allocator.take(*last, 1, Stride::default())?;
        *last = greatest;
        let id = batch.next().unwrap_or_default();
        Ok(allocator.compose(id, hash(id)))
    }

    /// Notes an id that a row brought along.
    pub(super) fn saw(&mut self, allocator: &Allocator, id: i64) {
        let last = self.last_mut(allocator.counter());
        *last = allocator.after_given(*last, id);
    }

    /// Sets what the store has.
    pub(super) fn set(&mut self, counter: Counter, last: i64) {
        *self.last_mut(counter) = last;
    }

    fn last(&self, counter: Counter) -> i64 {
        match counter {
            Counter::RowId => self.row_id,
            Counter::Increment => self.increment,
            Counter::Random => self.random,
        }
    }

    fn last_mut(&mut self, counter: Counter) -> &mut i64 {
        match counter {
            Counter::RowId => &mut self.row_id,
            Counter::Increment => &mut self.increment,
            Counter::Random => &mut self.random,
        }
    }
}

/// What is scattered: a hash of the id, where TiDB takes chance.
fn hash(id: i64) -> u64 {
    let mut hash = id.cast_unsigned().wrapping_add(0x9e37_79b9_7f4a_7c15);
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

#[cfg(test)]
mod tests {
    use tifusion_schema::row_id::RowIds;

    use super::*;

    #[test]
    fn scattered_bits_leave_the_sign_and_the_count_alone() {
        let table = TableInfo { shard_row_id_bits: 4, ..TableInfo::default() };
        let record = RowIds::of(&table).unwrap().record.unwrap();
        let mut allocators = Allocators::default();
        let ids: Vec<_> = (1..100).map(|_| allocators.next(&record).unwrap()).collect();
        assert!(ids.iter().all(|id| *id > 0));
        assert!(ids.iter().zip(1..).all(|(id, count)| id & ((1 << 59) - 1) == count));
        let shards: std::collections::HashSet<_> = ids.iter().map(|id| id >> 59).collect();
        assert!(shards.len() > 8, "{shards:?}");
    }
}
