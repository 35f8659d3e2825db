//! Writing frames to tables, with options.

use std::fmt;
use std::sync::Arc;

use arrow::array::AsArray as _;
use arrow::datatypes::UInt64Type;
use datafusion::common::TableReference;
use datafusion::dataframe::DataFrame;
use datafusion::execution::session_state::SessionState;

use crate::config::WriteMode;
use crate::error::{Error, ErrorKind, Result};
use crate::session::TidbSession;
use crate::sql::dml::target::Target;
use crate::table::TidbTable;
use crate::write::{
    OnDuplicate, TableWrite, TidbWrite, WriteKind, WriteOptions, check_enabled, set_tispark_option,
};

pub use crate::write::WriteProgress;

/// Writes the rows of a frame to a table, in one transaction. Made by
/// [`TidbContext::table_writer`](crate::TidbContext::table_writer).
///
/// ```no_run
/// # async fn example(ctx: tifusion::TidbContext) -> Result<(), Box<dyn std::error::Error>> {
/// let rows = ctx.session_context().read_parquet("orders.parquet", Default::default()).await?;
/// let summary = ctx
///     .table_writer("shop.orders")
///     .replace(true)
///     .on_progress(|progress| eprintln!("{} rows", progress.rows_encoded))
///     .write(rows)
///     .await?;
/// println!("{} rows changed", summary.rows);
/// # Ok(())
/// # }
/// ```
#[must_use]
#[derive(Clone)]
pub struct TableWriter {
    session: TidbSession,
    table: String,
    on_duplicate: OnDuplicate,
    options: WriteOptions,
}

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct WriteSummary {
    /// Rows of the table that were changed: new ones, and those that made way for them.
    pub rows: u64,
}

impl fmt::Debug for TableWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TableWriter")
            .field("table", &self.table)
            .field("on_duplicate", &self.on_duplicate)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl TableWriter {
    pub(crate) fn new(session: TidbSession, table: &str) -> Self {
        let (on_duplicate, options) = (OnDuplicate::Fail, WriteOptions::default());
        Self { session, table: table.to_owned(), on_duplicate, options }
    }

    /// Whether rows of the table with the same primary or unique key as a new one make way for it. Otherwise
    /// (the default) they are an error that names the key.
    pub fn replace(mut self, replace: bool) -> Self {
        self.on_duplicate = if replace { OnDuplicate::Replace } else { OnDuplicate::Fail };
        self
    }

    /// Which way the rows are written, whatever the session's `write.mode`: through TiDB's SQL port go those of
    /// tables that the other way refuses.
    pub fn mode(mut self, mode: WriteMode) -> Self {
        self.options.mode = Some(mode);
        self
    }

    /// Whether, of rows of the frame with the same primary or unique key, the last one is written: what is left is
    /// what would be if each row in turn replaced those before it that are in its way. Which one is the last says the
    /// order of the frame, where it is sorted, else it may be any. Otherwise (the default) such rows are an error
    /// that names the key.
    pub fn deduplicate(mut self, deduplicate: bool) -> Self {
        self.options.deduplicate = deduplicate;
        self
    }

    /// Whether everything is done but the writing: values are cast and checked, ids taken, keys compared with
    /// each other and (to replace) with the table. The summary says how many rows would have changed.
    pub fn dry_run(mut self, dry_run: bool) -> Self {
        self.options.dry_run = dry_run;
        self
    }

    /// Whether TiDB's count of the table's rows (`mysql.stats_meta`), by which it decides when to analyze the table
    /// again, is brought up to date when the rows are committed. That is a transaction of its own: when it does not
    /// succeed the rows are there all the same, and the log says so. Default false.
    pub fn update_statistics(mut self, update: bool) -> Self {
        self.options.update_statistics = update;
        self
    }

    /// Bytes of keys and values that a region shall take when a large write splits regions before it writes, so
    /// that it does not go to one store; `None` to split none. Default 96 MiB.
    pub fn bytes_per_region(mut self, bytes: Option<u64>) -> Self {
        let split = &mut self.options.split;
        split.is_on = bytes.is_some();
        split.bytes = bytes.unwrap_or(split.bytes);
        self
    }

    /// Sets an option by the name that it has in TiSpark, in any case: `replace`, `deduplicate`,
    /// `enableUpdateTableStatistics`, `rowFormatVersion` (2 alone), and for the regions that a large write splits
    /// off beforehand `enableRegionSplit`, `regionSplitNum`, `regionSplitUsingSize`, `bytesPerRegion`,
    /// `regionSplitKeys`, `minRegionSplitNum`, `maxRegionSplitNum` (at most 4096), `regionSplitThreshold` (rows),
    /// `scatterWaitMS`. What is not set is as this writer has it by default, which is not always TiSpark's.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] with the reason for an option of TiSpark's that has no meaning here,
    /// [`ErrorKind::InvalidInput`] for one that neither has, and for a value that is none of the option's.
    pub fn option(mut self, name: &str, value: &str) -> Result<Self> {
        set_tispark_option(&mut self.options, &mut self.on_duplicate, name, value)?;
        Ok(self)
    }

    /// Calls `progress` now and then while rows are written, and once at the end.
    pub fn on_progress(mut self, progress: impl Fn(WriteProgress) + Send + Sync + 'static) -> Self {
        self.options.progress = Some(Arc::new(progress));
        self
    }

    /// Writes the rows of `frame`. Its columns are those of the table by their names, in whatever case;
    /// columns of the table that it does not have get their defaults.
    ///
    /// # Errors
    /// When writing is off, the table is not there or not written to, a column of the frame is none of the
    /// table's, or a value is not one of its column's; nothing was written then. [`ErrorKind::Duplicate`]
    /// and [`ErrorKind::Conflict`] as their names say. [`ErrorKind::Undetermined`] when it is not known
    /// whether all was written or nothing.
    pub async fn write(self, frame: DataFrame) -> Result<WriteSummary> {
        let summaries = write_together(vec![(self, frame)]).await?;
        summaries.into_iter().next().ok_or_else(no_count)
    }

    async fn planned(self, frame: DataFrame) -> Result<(SessionState, TableWrite)> {
        let table = self.find().await?;
        let config = self.session.config();
        let mode = self.options.mode.unwrap_or(config.settings().write_mode);
        check_enabled(&config, mode, table.database(), table.info())?;
        let names = frame.schema().fields().iter().map(|field| field.name().as_str());
        let columns = table.written_columns(names)?;
        let kind = WriteKind::Insert { columns, on_duplicate: self.on_duplicate };
        let (state, input) = frame.into_parts();
        let table = Arc::new(table.written());
        let options = WriteOptions { mode: Some(mode), ..self.options };
        Ok((state, TableWrite { table, kind, input, options }))
    }

    async fn find(&self) -> Result<Arc<TidbTable>> {
        let state = self.session.engine().state();
        let reference = TableReference::parse_str(&self.table);
        let target = Target::find(&self.session, &state, &reference).await?;
        target.map(|target| target.table).ok_or_else(|| {
            Error::new(ErrorKind::NotFound, format!("{} is no table of TiDB", self.table))
        })
    }
}

/// Writes frames to tables in one transaction: see
/// [`TidbContext::write_together`](crate::TidbContext::write_together).
pub(crate) async fn write_together(
    writes: Vec<(TableWriter, DataFrame)>,
) -> Result<Vec<WriteSummary>> {
    let (mut state, mut tables) = (None, Vec::<TableWrite>::with_capacity(writes.len()));
    for (writer, frame) in writes {
        let (of_frame, write) = writer.planned(frame).await?;
        check_beside(&write, &tables)?;
        state.get_or_insert(of_frame);
        tables.push(write);
    }
    let count = tables.len();
    let Some(state) = state else { return Ok(Vec::new()) };
    let batches = DataFrame::new(state, TidbWrite::new(tables).into_plan()).collect().await?;
    let counts = batches.iter().filter_map(|batch| {
        let counts = batch.columns().first()?.as_primitive_opt::<UInt64Type>()?;
        Some(counts.values().iter().copied())
    });
    let summaries: Vec<_> = counts.flatten().map(|rows| WriteSummary { rows }).collect();
    if summaries.len() != count {
        return Err(no_count());
    }
    Ok(summaries)
}

/// Refuses what can't be done in the transaction of these other writes.
fn check_beside(write: &TableWrite, others: &[TableWrite]) -> Result<()> {
    let Some(first) = others.first() else { return Ok(()) };
    let label = write.table.label();
    if others.iter().any(|other| other.table.info.id == write.table.info.id) {
        return Err(Error::invalid(format!(
            "{label} is written to twice in one transaction: give it the union of both frames"
        )));
    }
    if first.options.dry_run != write.options.dry_run {
        return Err(Error::invalid(format!(
            "a dry run is one of all tables: {label} is written to otherwise than {}",
            first.table.label()
        )));
    }
    Ok(())
}

fn no_count() -> Error {
    Error::new(ErrorKind::Engine, "a write gave no count")
}
