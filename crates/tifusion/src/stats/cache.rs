//! Statistics that were read, kept while they hold.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lru::LruCache;
use parking_lot::Mutex;
use tifusion_schema::TableInfo;
use tifusion_schema::stats::{Distribution, HistogramId, TableStatistics};

use super::tables::Count;

/// How long counts are believed before they are looked at again.
const FRESH: Duration = Duration::from_secs(5);
/// Bytes of statistics that are kept.
const MOST_BYTES: usize = 64 * 1024 * 1024;
/// Of a table's entry besides its distributions.
const ENTRY_BYTES: usize = 256;

/// Statistics by the id of their table or partition.
#[derive(Debug)]
pub(super) struct Cache {
    tables: Mutex<LruCache<i64, Known>>,
    most_bytes: usize,
}

/// What is known of a table or partition.
#[derive(Debug, Clone)]
struct Known {
    /// When its count was last looked at.
    checked_at: Instant,
    /// `None` if it is not in `mysql.stats_meta`.
    count: Option<Count>,
    parts: BTreeMap<HistogramId, Part>,
}

/// What is known of one of its columns or indexes.
#[derive(Debug, Clone)]
struct Part {
    /// The version of the table's statistics when it was read.
    version: u64,
    /// `None` if there are no statistics of it.
    distribution: Option<Arc<Distribution>>,
    /// Whether the distribution of single values was looked at.
    has_values: bool,
}

impl Known {
    fn size(&self) -> usize {
        let of = |part: &Part| part.distribution.as_ref().map_or(0, |known| known.size());
        ENTRY_BYTES + self.parts.values().map(|part| ENTRY_BYTES + of(part)).sum::<usize>()
    }
}

impl Cache {
    /// An empty cache.
    pub(super) fn new() -> Self {
        Self::with_bytes(MOST_BYTES)
    }

    fn with_bytes(most_bytes: usize) -> Self {
        Self { tables: Mutex::new(LruCache::unbounded()), most_bytes }
    }

    /// Those of `ids` whose counts have to be looked at (again).
    pub(super) fn stale(&self, ids: impl IntoIterator<Item = i64>, now: Instant) -> Vec<i64> {
        let tables = self.tables.lock();
        let is_stale = |id: &i64| {
            let known = tables.peek(id);
            known.is_none_or(|known| now.saturating_duration_since(known.checked_at) >= FRESH)
        };
        ids.into_iter().filter(is_stale).collect()
    }

    /// Takes the count of a table or partition.
    pub(super) fn put_count(&self, id: i64, count: Option<Count>, now: Instant) {
        let mut tables = self.tables.lock();
        let known = tables.get_or_insert_mut(id, || Known {
            checked_at: now,
            count,
            parts: BTreeMap::new(),
        });
        (known.checked_at, known.count) = (now, count);
        if count.is_none() {
            known.parts.clear();
        }
        self.trim(&mut tables);
    }

    /// The count of a table or partition.
    pub(super) fn count(&self, id: i64) -> Option<Count> {
        self.tables.lock().get(&id)?.count
    }

    /// Whether a column or an index must be looked at: for the first time, or because the table's
    /// statistics changed, or because its single values were not needed until now.
    pub(super) fn must_read(&self, id: i64, part: HistogramId, values: bool) -> bool {
        let tables = self.tables.lock();
        let Some(Known { count: Some(count), parts, .. }) = tables.peek(&id) else { return false };
        parts.get(&part).is_none_or(|part| {
            part.version != count.version
                || (values && !part.has_values && part.distribution.is_some())
        })
    }

    /// The distribution that is known of a column or an index with its single values, if it is the one
    /// that was made or changed at `changed_at`.
    pub(super) fn unchanged(
        &self,
        id: i64,
        part: HistogramId,
        changed_at: u64,
    ) -> Option<Arc<Distribution>> {
        let tables = self.tables.lock();
        let part = tables.peek(&id)?.parts.get(&part).filter(|part| part.has_values)?;
        part.distribution.clone().filter(|known| known.summary.changed_at == changed_at)
    }

    /// Takes what was read of a column or an index.
    pub(super) fn put_part(
        &self,
        id: i64,
        part: HistogramId,
        distribution: Option<Arc<Distribution>>,
        has_values: bool,
    ) {
        let mut tables = self.tables.lock();
        let Some(known) = tables.get_mut(&id) else { return };
        let version = known.count.map_or(0, |count| count.version);
        known.parts.insert(part, Part { version, distribution, has_values });
        self.trim(&mut tables);
    }

    /// All that is known of a table: a partitioned one of which only the partitions were counted has
    /// the sum of their rows.
    pub(super) fn statistics(&self, table: &TableInfo) -> TableStatistics {
        let mut tables = self.tables.lock();
        let mut statistics = TableStatistics::unknown();
        if let Some(known) = tables.get(&table.id) {
            statistics = known.statistics();
        }
        if table.partition_info().is_none() || statistics.counted_rows().is_some() {
            return statistics;
        }
        let counts: Option<Vec<Count>> =
            table.physical_ids().iter().map(|id| tables.get(id)?.count).collect();
        if let Some(counts) = counts {
            let sum = |of: fn(&Count) -> u64| counts.iter().map(of).fold(0, u64::saturating_add);
            statistics.rows = Some(sum(|count| count.rows));
            statistics.modified = sum(|count| count.modified);
        }
        statistics
    }

    fn trim(&self, tables: &mut LruCache<i64, Known>) {
        let mut bytes: usize = tables.iter().map(|(_, known)| known.size()).sum();
        while bytes > self.most_bytes {
            let Some((_, known)) = tables.pop_lru() else { return };
            bytes = bytes.saturating_sub(known.size());
        }
    }
}

impl Known {
    fn statistics(&self) -> TableStatistics {
        let parts = self.parts.iter();
        let parts = parts.filter_map(|(id, part)| Some((*id, part.distribution.clone()?)));
        TableStatistics {
            rows: self.count.map(|count| count.rows),
            modified: self.count.map_or(0, |count| count.modified),
            version: self.count.map_or(0, |count| count.version),
            distributions: parts.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use tifusion_schema::stats::{StatsVersion, Summary, Values};

    use super::*;

    const PART: HistogramId = HistogramId::Column(1);

    fn count(version: u64, rows: u64) -> Option<Count> {
        Some(Count { version, rows, modified: 0 })
    }

    fn distribution(changed_at: u64) -> Arc<Distribution> {
        let summary = Summary {
            version: Some(StatsVersion::V2),
            changed_at,
            ndv: 1,
            null_count: 0,
            total_size: 0,
            correlation: 0.0,
        };
        Arc::new(Distribution { summary, values: Some(Values::default()) })
    }

    #[test]
    fn counts_are_believed_for_a_while() {
        let cache = Cache::new();
        let now = Instant::now();
        assert_eq!(cache.stale([1, 2], now), [1, 2]);
        cache.put_count(1, count(5, 10), now);
        cache.put_count(2, None, now);
        assert!(cache.stale([1, 2], now).is_empty());
        assert_eq!(cache.stale([1, 2, 3], now + FRESH), [1, 2, 3]);
        assert_eq!((cache.count(1), cache.count(2)), (count(5, 10), None));
    }

    #[test]
    fn a_part_is_read_again_when_the_table_changed_or_more_is_wanted() {
        let cache = Cache::new();
        let now = Instant::now();
        assert!(!cache.must_read(1, PART, false), "of an unknown table there is nothing");
        cache.put_count(1, count(5, 10), now);
        assert!(cache.must_read(1, PART, false));
        cache.put_part(1, PART, Some(distribution(3)), false);
        assert!(!cache.must_read(1, PART, false));
        assert!(cache.must_read(1, PART, true));
        assert_eq!(cache.unchanged(1, PART, 3), None, "its values were not read");
        cache.put_part(1, PART, Some(distribution(3)), true);
        assert!(!cache.must_read(1, PART, true));
        assert!(cache.unchanged(1, PART, 3).is_some() && cache.unchanged(1, PART, 4).is_none());
        cache.put_count(1, count(6, 11), now);
        assert!(cache.must_read(1, PART, false), "it may have changed");
        cache.put_part(1, PART, None, false);
        assert!(!cache.must_read(1, PART, true), "nobody analyzed it");
        cache.put_count(1, None, now);
        assert!(!cache.must_read(1, PART, true));
    }

    #[test]
    fn the_least_used_goes_when_there_is_too_much() {
        let cache = Cache::with_bytes(4 * ENTRY_BYTES);
        let now = Instant::now();
        for id in 1..=4 {
            cache.put_count(id, count(1, 1), now);
        }
        assert!(cache.count(1).is_some());
        cache.put_count(5, count(1, 1), now);
        assert_eq!(cache.stale(1..=5, now), [2]);
    }
}
