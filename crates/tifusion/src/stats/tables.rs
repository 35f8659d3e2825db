//! `mysql.stats_*`: what is in them, read and decoded.

use std::collections::HashMap;
use std::sync::Arc;

use tifusion_codec::datum::Datum;
use tifusion_codec::field_type::tp;
use tifusion_codec::time::Zone;
use tifusion_schema::TableInfo;
use tifusion_schema::stats::value_key::{bound_key, top_value_key};
use tifusion_schema::stats::{
    Bucket, CmSketch, Histogram, HistogramId, MOST_BUCKETS, MOST_TOP_VALUES, Scale, StatsVersion,
    Summary, TopValues, Unusable, Values,
};

use super::system_table::{SystemRow, SystemTable, bytes, count, number};
use crate::error::Result;
use crate::meta::{MetaReader, MetaStore, ReadAt, SYSTEM_DATABASE, View};

/// What tells the histograms of a table apart.
const ID: [&str; 3] = ["table_id", "is_index", "hist_id"];

/// A row of `mysql.stats_meta`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Count {
    /// When it last changed.
    pub(super) version: u64,
    /// Rows.
    pub(super) rows: u64,
    /// Rows that came, went or changed since `ANALYZE`.
    pub(super) modified: u64,
}

/// A row of `mysql.stats_histograms`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Head {
    /// What it says.
    pub(super) summary: Summary,
    /// The sketch of version 1, or why it can't be used.
    pub(super) sketch: Result<Option<CmSketch>, Unusable>,
}

/// The tables of statistics.
pub(super) struct StatsTables<'a> {
    reader: &'a dyn MetaReader,
    at: ReadAt,
    meta: SystemTable,
    histograms: SystemTable,
    buckets: SystemTable,
    /// TiDB before 3.1 has none.
    top: Option<SystemTable>,
}

impl<'a> StatsTables<'a> {
    /// The tables as of `view`; `None` in a cluster without them.
    pub(super) async fn open(
        store: &MetaStore,
        reader: &'a dyn MetaReader,
        view: &View,
    ) -> Result<Option<Self>> {
        let meta = open(store, view, "stats_meta").await?;
        let histograms = open(store, view, "stats_histograms").await?;
        let buckets = open(store, view, "stats_buckets").await?;
        let top = open(store, view, "stats_top_n").await?;
        let (Some(meta), Some(histograms), Some(buckets)) = (meta, histograms, buckets) else {
            return Ok(None);
        };
        Ok(Some(Self { reader, at: view.at, meta, histograms, buckets, top }))
    }

    /// The counts of tables and partitions.
    pub(super) async fn counts(&self, table_ids: &[i64]) -> Result<HashMap<i64, Count>> {
        let wanted: Vec<Vec<i64>> = table_ids.iter().map(|id| vec![*id]).collect();
        let rows = self.meta.rows(self.reader, self.at, &["table_id"], &wanted, 1).await?;
        let mut counts = HashMap::with_capacity(rows.len());
        for row in &rows {
            let values = row.values(&["table_id", "version", "count", "modify_count"])?;
            let [id, version, rows, modified] = values.as_slice() else { continue };
            let read = Count {
                version: count(version.as_ref()),
                rows: count(rows.as_ref()),
                modified: count(modified.as_ref()),
            };
            if let Some(id) = number(id.as_ref()) {
                counts.insert(id, read);
            }
        }
        Ok(counts)
    }

    /// What is known of columns and indexes altogether, of each `(table or partition, which)`.
    pub(super) async fn heads(
        &self,
        wanted: &[(i64, HistogramId)],
    ) -> Result<HashMap<(i64, HistogramId), Head>> {
        let keys: Vec<Vec<i64>> = wanted.iter().map(|(table, id)| key(*table, *id)).collect();
        let rows = self.histograms.rows(self.reader, self.at, &ID, &keys, 1).await?;
        let mut heads = HashMap::with_capacity(rows.len());
        for row in &rows {
            if let Some((key, head)) = head_of(row)? {
                heads.insert(key, head);
            }
        }
        Ok(heads)
    }

    /// How the values of one column or index are distributed.
    ///
    /// What can't be used is left out, and said in the second result.
    pub(super) async fn values(
        &self,
        of: ValuesOf<'_>,
        sketch: Option<CmSketch>,
    ) -> Result<(Values, Vec<Unusable>)> {
        let mut unusable = Vec::new();
        let mut or_default = |error: Unusable| unusable.push(error);
        let wanted = [key(of.table_id, of.id)];
        let (reader, at) = (self.reader, self.at);
        let rows = self.buckets.rows(reader, at, &ID, &wanted, MOST_BUCKETS).await?;
        let histogram = of.histogram(&rows)?.unwrap_or_else(|error| {
            or_default(error);
            Histogram::default()
        });
        let rows = match &self.top {
            Some(top) => top.rows(reader, at, &ID, &wanted, MOST_TOP_VALUES).await?,
            None => Vec::new(),
        };
        let top = of.top(&rows)?.unwrap_or_else(|error| {
            or_default(error);
            TopValues::default()
        });
        Ok((Values { histogram, top, sketch }, unusable))
    }
}

async fn open(store: &MetaStore, view: &View, name: &str) -> Result<Option<SystemTable>> {
    let Some((database, found)) = view.find(SYSTEM_DATABASE, name) else { return Ok(None) };
    let info = store.table(view, database.id, found.id).await?;
    Ok(info.map(SystemTable::new))
}

fn key(table_id: i64, id: HistogramId) -> Vec<i64> {
    match id {
        HistogramId::Column(id) => vec![table_id, 0, id],
        HistogramId::Index(id) => vec![table_id, 1, id],
    }
}

fn head_of(row: &SystemRow) -> Result<Option<((i64, HistogramId), Head)>> {
    let mut values = row
        .values(&[
            "table_id",
            "is_index",
            "hist_id",
            "version",
            "distinct_count",
            "null_count",
            "tot_col_size",
            "stats_ver",
            "correlation",
            "cm_sketch",
        ])?
        .into_iter();
    let mut next = || values.next().flatten();
    let (table_id, is_index, id) = (next(), next(), next());
    let (Some(table_id), Some(id)) = (number(table_id.as_ref()), number(id.as_ref())) else {
        return Ok(None);
    };
    let is_index = number(is_index.as_ref()) == Some(1);
    let id = if is_index { HistogramId::Index(id) } else { HistogramId::Column(id) };
    let (changed_at, ndv, null_count, total_size) = (next(), next(), next(), next());
    let version = number(next().as_ref()).unwrap_or(0);
    let correlation = match next() {
        Some(Datum::Float(correlation)) if correlation.is_finite() => correlation,
        _ => 0.0,
    };
    let blob = bytes(next()).unwrap_or_default();
    let (version, known) = match StatsVersion::of(version) {
        Ok(version) => (version, Ok(())),
        Err(error) => (None, Err(error)),
    };
    // Only version 1 asks its sketch; TiDB of 2021 writes one with version 2 too.
    let sketch = known.and_then(|()| match version {
        Some(StatsVersion::V1) => CmSketch::decode(&blob),
        _ => Ok(None),
    });
    let summary = Summary {
        version,
        changed_at: count(changed_at.as_ref()),
        ndv: count(ndv.as_ref()),
        null_count: count(null_count.as_ref()),
        total_size: count(total_size.as_ref()),
        correlation,
    };
    Ok(Some(((table_id, id), Head { summary, sketch })))
}

/// Whose values they are.
#[derive(Debug, Clone, Copy)]
pub(super) struct ValuesOf<'a> {
    /// The table that it belongs to.
    pub(super) table: &'a TableInfo,
    /// The table or partition that the statistics are of.
    pub(super) table_id: i64,
    /// The column or index.
    pub(super) id: HistogramId,
    /// The zone of the TiDB servers.
    pub(super) zone: Zone,
}

impl ValuesOf<'_> {
    /// The key of a bound of a bucket.
    fn bound(&self, bound: Option<Vec<u8>>) -> Result<Vec<u8>, Unusable> {
        let bound = bound.unwrap_or_default();
        match self.id {
            HistogramId::Index(_) => Ok(bound),
            HistogramId::Column(id) => match self.table.find_column_by_id(id) {
                Some(column) => bound_key(&column.field_type, &bound, self.zone),
                None => Ok(bound),
            },
        }
    }

    fn top_value(&self, value: Option<Vec<u8>>) -> Result<Vec<u8>, Unusable> {
        let value = value.unwrap_or_default();
        match self.id {
            HistogramId::Index(_) => Ok(value),
            HistogramId::Column(id) => match self.table.find_column_by_id(id) {
                Some(column) => top_value_key(&column.field_type, &value),
                None => Ok(value),
            },
        }
    }

    /// What the integers in the keys are.
    fn scales(&self) -> Vec<Scale> {
        let scale = |code: u8| match code {
            tp::DATE | tp::DATETIME | tp::TIMESTAMP => Scale::Time,
            _ => Scale::Plain,
        };
        match self.id {
            HistogramId::Column(id) => {
                let column = self.table.find_column_by_id(id);
                column.map(|column| scale(column.field_type.tp)).into_iter().collect()
            }
            HistogramId::Index(id) => {
                let index = self.table.find_index_by_id(id);
                let columns = index.and_then(|index| self.table.index_columns(index).ok());
                let columns = columns.unwrap_or_default().into_iter();
                columns.map(|(_, column)| scale(column.field_type.tp)).collect()
            }
        }
    }

    fn histogram(&self, rows: &[SystemRow]) -> Result<Result<Histogram, Unusable>> {
        let mut buckets = Vec::with_capacity(rows.len());
        for row in rows {
            let columns = ["bucket_id", "count", "repeats", "ndv", "lower_bound", "upper_bound"];
            let mut values = row.values(&columns)?.into_iter();
            let mut next = || values.next().flatten();
            let bucket_id = number(next().as_ref()).unwrap_or(0);
            let (rows, repeats, ndv) = (next(), next(), next());
            let bounds =
                self.bound(bytes(next())).and_then(|low| Ok((low, self.bound(bytes(next()))?)));
            let (lower, upper) = match bounds {
                Ok(bounds) => bounds,
                Err(error) => return Ok(Err(error)),
            };
            if number(rows.as_ref()).is_none_or(|rows| rows < 0) {
                let number = usize::try_from(bucket_id).unwrap_or(0);
                let reason = "counts less than nothing";
                return Ok(Err(Unusable::Bucket { bucket: number, reason }));
            }
            let [rows, repeats, ndv] = [rows, repeats, ndv].map(|value| count(value.as_ref()));
            buckets.push((bucket_id, Bucket { lower, upper, rows, repeats, ndv }));
        }
        buckets.sort_by_key(|(id, _)| *id);
        let buckets = buckets.into_iter().map(|(_, bucket)| bucket).collect();
        Ok(Histogram::new(buckets, self.scales()))
    }

    fn top(&self, rows: &[SystemRow]) -> Result<Result<TopValues, Unusable>> {
        let mut top = Vec::with_capacity(rows.len());
        for row in rows {
            let mut values = row.values(&["value", "count"])?.into_iter();
            let value = self.top_value(bytes(values.next().flatten()));
            match value {
                Ok(value) => top.push((value, count(values.next().flatten().as_ref()))),
                Err(error) => return Ok(Err(error)),
            }
        }
        Ok(TopValues::new(top))
    }
}

/// Their reader, to be kept.
pub(super) type SharedReader = Arc<dyn MetaReader>;
