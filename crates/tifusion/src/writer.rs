//! Writing frames to tables, with options.

use std::fmt;
use std::sync::Arc;

use arrow::array::AsArray as _;
use arrow::datatypes::UInt64Type;
use datafusion::common::TableReference;
use datafusion::dataframe::DataFrame;

use crate::config::WriteMode;
use crate::error::{Error, ErrorKind, Result};
use crate::session::TidbSession;
use crate::sql::dml::target::Target;
use crate::table::TidbTable;
use crate::write::{OnDuplicate, TidbWrite, WriteKind, WriteOptions, check_enabled};

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

    /// Whether everything is done but the writing: values are cast and checked, ids taken, keys compared with
    /// each other and (to replace) with the table. The summary says how many rows would have changed.
    pub fn dry_run(mut self, dry_run: bool) -> Self {
        self.options.dry_run = dry_run;
        self
    }

    /// Bytes of keys and values that a region shall take when a large write splits regions before it writes, so
    /// that it does not go to one store; `None` to split none. Default 96 MiB.
    pub fn bytes_per_region(mut self, bytes: Option<u64>) -> Self {
        self.options.bytes_per_region = bytes;
        self
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
        let table = self.find().await?;
        let config = self.session.config();
        let mode = self.options.mode.unwrap_or(config.settings().write_mode);
        check_enabled(&config, mode, table.database(), table.info())?;
        let names = frame.schema().fields().iter().map(|field| field.name().as_str());
        let columns = table.written_columns(names)?;
        let kind = WriteKind::Insert { columns, on_duplicate: self.on_duplicate };
        let (state, input) = frame.into_parts();
        let options = self.options;
        let table = Arc::new(table.written());
        let plan = TidbWrite { table, kind, input, options }.into_plan();
        let batches = DataFrame::new(state, plan).collect().await?;
        let count = batches.first().and_then(|batch| {
            let counts = batch.columns().first()?.as_primitive_opt::<UInt64Type>()?;
            counts.values().first().copied()
        });
        let rows = count.ok_or_else(|| Error::new(ErrorKind::Engine, "a write gave no count"))?;
        Ok(WriteSummary { rows })
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
