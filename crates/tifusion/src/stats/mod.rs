//! Statistics of tables: read from `mysql.stats_*` as far as they are needed, kept while they hold.
//!
//! Rows are counted for every table of a statement; what is known of columns is read when the
//! statement compares them or an index is weighed against the table, and the distribution of single
//! values when somebody asks. A statement
//! waits a bounded time for all this, and goes on without what could not be read: a warning, and
//! guesses. A cluster that has no such tables is one without statistics, and that is no news.

mod analyzed;
mod cache;
mod need;
mod row_counts;
mod statement;
mod system_table;
mod tables;

use std::fmt;
use std::time::{Duration, Instant};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use parking_lot::Mutex;
use tifusion_codec::time::Zone;
use tifusion_schema::TableInfo;
use tifusion_schema::stats::{Distribution, HistogramId, TableStatistics};

use crate::error::Result;
use crate::meta::{MetaStore, View};
use cache::Cache;
use tables::{Head, SharedReader, StatsTables, ValuesOf};

pub use analyzed::AnalyzedTable;
pub(crate) use need::{Need, compared_columns};
pub(crate) use row_counts::RowCounts;
pub(crate) use statement::StatementStatistics;

/// How long a statement waits for statistics.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1);
/// How long nobody tries again after that failed.
const PAUSE: Duration = Duration::from_secs(10);
/// Partitions that are counted one by one where the table as a whole is not.
const MOST_PARTITIONS: usize = 1024;
/// Columns and indexes whose single values are read at once.
const READS_AT_ONCE: usize = 8;

/// The statistics of a cluster.
pub(crate) struct StatisticsStore {
    reader: SharedReader,
    cache: Cache,
    /// Nobody tries before then.
    paused_until: Mutex<Option<Instant>>,
}

impl fmt::Debug for StatisticsStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StatisticsStore").finish_non_exhaustive()
    }
}

/// When it is, and what else reading statistics depends on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Circumstances {
    /// Now.
    pub(crate) now: Instant,
    /// The zone of the TiDB servers, in which `TIMESTAMP`s are taken to be kept.
    pub(crate) zone: Zone,
    /// How long to wait.
    pub(crate) patience: Duration,
}

impl StatisticsStore {
    /// Statistics that `reader` reads.
    pub(crate) fn new(reader: SharedReader) -> Self {
        Self { reader, cache: Cache::new(), paused_until: Mutex::new(None) }
    }

    /// The statistics of tables, one for each of `needs` in their order, as far as they can be had.
    pub(crate) async fn load(
        &self,
        meta: &MetaStore,
        view: &View,
        needs: &[Need],
        at: Circumstances,
    ) -> Vec<TableStatistics> {
        let is_paused = self.paused_until.lock().is_some_and(|until| at.now < until);
        if !is_paused {
            let reading = tokio::time::timeout(at.patience, self.refresh(meta, view, needs, at));
            let failure = match reading.await {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(error.to_string()),
                Err(_) => Some(format!("they were not there after {:?}", at.patience)),
            };
            if let Some(reason) = &failure {
                tracing::warn!(reason, "statistics can't be read: plans go by guesses");
            }
            let pause = failure.and_then(|_| at.now.checked_add(PAUSE));
            *self.paused_until.lock() = pause;
        }
        needs.iter().map(|need| self.cache.statistics(&need.table)).collect()
    }

    async fn refresh(
        &self,
        meta: &MetaStore,
        view: &View,
        needs: &[Need],
        at: Circumstances,
    ) -> Result<()> {
        let tables = StatsTables::open(meta, &*self.reader, view).await?;
        let Some(tables) = tables else { return Ok(()) };
        self.count(&tables, needs.iter().map(|need| need.table.id).collect(), at.now).await?;
        self.count(&tables, self.partitions_to_count(needs), at.now).await?;
        self.describe(&tables, needs, at).await
    }

    /// The partitions of tables that are not counted as a whole.
    fn partitions_to_count(&self, needs: &[Need]) -> Vec<i64> {
        let mut partitions = Vec::new();
        for need in needs {
            let count = self.cache.count(need.table.id);
            if need.table.partition_info().is_some() && count.is_none_or(|count| count.rows == 0) {
                let ids = need.table.physical_ids();
                partitions.extend(ids.into_iter().take(MOST_PARTITIONS));
            }
        }
        partitions
    }

    /// Looks at the counts of those of `ids` that are not fresh.
    async fn count(&self, tables: &StatsTables<'_>, ids: Vec<i64>, now: Instant) -> Result<()> {
        let mut stale = self.cache.stale(ids, now);
        stale.sort_unstable();
        stale.dedup();
        if stale.is_empty() {
            return Ok(());
        }
        let counts = tables.counts(&stale).await?;
        for id in stale {
            self.cache.put_count(id, counts.get(&id).copied(), now);
        }
        Ok(())
    }

    /// Reads what is needed of columns and indexes and not known.
    async fn describe(
        &self,
        tables: &StatsTables<'_>,
        needs: &[Need],
        at: Circumstances,
    ) -> Result<()> {
        let mut wanted = Vec::new();
        for need in needs {
            let table_id = need.table.id;
            let parts = need.wanted();
            let parts = parts.filter(|(id, values)| self.cache.must_read(table_id, *id, *values));
            wanted.extend(parts.map(|(id, _)| (table_id, id)));
        }
        // A table that is joined with itself is wanted twice.
        wanted.sort_unstable();
        wanted.dedup();
        if wanted.is_empty() {
            return Ok(());
        }
        let heads = tables.heads(&wanted).await?;
        let mut reads = Vec::with_capacity(wanted.len());
        for need in needs {
            let table_id = need.table.id;
            for part in need.wanted().filter(|(id, _)| wanted.contains(&(table_id, *id))) {
                let head = heads.get(&(table_id, part.0)).cloned();
                reads.push(self.describe_one(tables, &need.table, part, head, at));
            }
        }
        stream::iter(reads).buffer_unordered(READS_AT_ONCE).try_collect::<()>().await
    }

    async fn describe_one(
        &self,
        tables: &StatsTables<'_>,
        table: &TableInfo,
        (id, wants_values): (HistogramId, bool),
        head: Option<Head>,
        at: Circumstances,
    ) -> Result<()> {
        let Some(Head { summary, sketch }) = head else {
            self.cache.put_part(table.id, id, None, false);
            return Ok(());
        };
        if let Some(known) = self.cache.unchanged(table.id, id, summary.changed_at) {
            let distribution = Distribution { summary, values: known.values.clone() };
            self.cache.put_part(table.id, id, Some(distribution.into()), true);
            return Ok(());
        }
        let mut values = None;
        if wants_values && summary.version.is_some() {
            let sketch = sketch.unwrap_or_else(|reason| {
                warn(table.name.as_str(), id, &reason);
                None
            });
            let of = ValuesOf { table, table_id: table.id, id, zone: at.zone };
            let (read, unusable) = tables.values(of, sketch).await?;
            for reason in &unusable {
                warn(table.name.as_str(), id, reason);
            }
            // What is left of statistics without a part of them would be taken for the whole.
            values = unusable.is_empty().then_some(read);
        }
        let distribution = Distribution { summary, values };
        self.cache.put_part(table.id, id, Some(distribution.into()), wants_values);
        Ok(())
    }
}

fn warn(table: &str, id: HistogramId, reason: &tifusion_schema::stats::Unusable) {
    tracing::warn!(table, ?id, %reason, "statistics can't be used: plans go by guesses");
}
