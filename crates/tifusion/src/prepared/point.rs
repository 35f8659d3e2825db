//! A row by its primary key: one request for its newest value, beside one for the schema's version.
//!
//! TiDB does the same outside of transactions: at the greatest timestamp a store gives what was committed last, so that
//! nobody has to ask PD for the time, and what has been read can't be out of date. A row that is being written is left to
//! the usual way, which waits for its writer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use datafusion::common::ParamValues;
use datafusion::datasource::source_as_provider;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::expr::Placeholder;
use datafusion::logical_expr::{BinaryExpr, Expr, LogicalPlan, Operator, TableScan};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::scalar::ScalarValue;
use futures::stream;
use tifusion_client::Timestamp;
use tifusion_client::snapshot::SnapshotOptions;
use tifusion_codec::datum;
use tifusion_codec::key::{Handle, encode_record_key};
use tifusion_schema::{HandleKind, RowDecoder};

use crate::config::{Config, Isolation};
use crate::error::{Error, Result};
use crate::metrics;
use crate::scan::answer::ScanColumns;
use crate::scan::read::asked_priority;
use crate::session::TidbSession;
use crate::table::TidbTable;

/// How much later than the schema's version a row may come. TiDB's rows can be read by the version before theirs and the
/// one after it, and from one to the next takes its nodes longer; a row that had to be asked for again may be later.
const LATE: Duration = Duration::from_millis(20);

/// A query for one row by the integer that is its primary key.
pub(super) struct PointQuery {
    table: TidbTable,
    key: Key,
    /// Whether the key has no sign.
    is_unsigned: bool,
    decoder: RowDecoder,
    /// The output's columns, and where they are in a row.
    columns: Arc<ScanColumns>,
    offsets: Vec<usize>,
    schema: SchemaRef,
}

/// Which row.
#[derive(Debug, Clone, PartialEq)]
enum Key {
    Parameter(String),
    Constant(ScalarValue),
}

/// The parts of a plan that selects columns of a row by one condition.
struct Parts<'a> {
    output: &'a [Expr],
    condition: &'a Expr,
    scan: &'a TableScan,
}

impl PointQuery {
    /// What `plan` asks for, if it is that, and if nothing says that it is to be read in another way.
    pub(super) fn of(plan: &LogicalPlan, session: &TidbSession, config: &Config) -> Option<Self> {
        let Parts { output, condition, scan } = parts(plan)?;
        let provider = source_as_provider(&scan.source).ok()?;
        let table = provider.downcast_ref::<TidbTable>()?;
        if !is_usual(session, table, config) {
            return None;
        }
        let info = table.info();
        let HandleKind::Int(key_column) = info.handle().ok()? else { return None };
        let (name, key) = key_of(condition)?;
        if name != key_column.name.as_str() || info.partition_info().is_some() {
            return None;
        }
        let names: Vec<&str> = output.iter().map(column_name).collect::<Option<_>>()?;
        let (columns, offsets) = table.point_columns(config, &names)?;
        let decoder = RowDecoder::new(info, table.cluster().system_zone()).ok()?;
        Some(Self {
            table: table.clone(),
            key,
            is_unsigned: key_column.field_type.is_unsigned(),
            decoder,
            columns: Arc::new(columns),
            offsets,
            schema: Arc::clone(plan.schema().inner()),
        })
    }

    /// The row, or none, or why the usual way has to be taken.
    pub(super) async fn read(
        &self,
        session: &TidbSession,
        parameters: &ParamValues,
    ) -> Result<PointRead> {
        let value = match &self.key {
            Key::Constant(value) => value.clone(),
            Key::Parameter(name) => parameters.get_placeholders_with_values(name)?.value,
        };
        let handle = match self.handle(&value) {
            Asked::Row(handle) => handle,
            Asked::None => return Ok(PointRead::Rows(self.rows(None))),
            Asked::Otherwise => return Ok(PointRead::Otherwise),
        };
        self.read_row(session, handle).await
    }

    async fn read_row(&self, session: &TidbSession, handle: Handle) -> Result<PointRead> {
        let (cluster, info) = (self.table.cluster(), self.table.info());
        let config = session.config();
        let (settings, deadline) = (config.settings(), cluster.deadline(&config));
        let options = SnapshotOptions {
            priority: asked_priority(settings.priority),
            deadline,
            label: Some(self.table.label().into()),
            query: Some(cluster.client().query_id()),
            ..SnapshotOptions::default()
        };
        let newest = cluster.client().snapshot(Timestamp::MAX, options);
        let key = encode_record_key(info.id, &handle);
        let row = async { Ok::<_, Error>(newest.batch_get_unlocked(vec![key.clone()]).await?) };
        let is_newest = || cluster.meta().is_newest(self.table.schema_version(), deadline);
        let told = async { Ok::<_, Error>((is_newest().await?, Instant::now())) };
        let (row, (mut is_same, when)) = futures::future::try_join(row, told).await?;
        if is_same && when.elapsed() > LATE {
            is_same = is_newest().await?;
        }
        if !is_same {
            return Ok(PointRead::Outdated);
        }
        let Some(mut pairs) = row else { return Ok(PointRead::Otherwise) };
        metrics::statement("select");
        let row = match pairs.pop().filter(|pair| !pair.value.is_empty()) {
            Some(pair) => Some(self.decode(&handle, &pair.value)?),
            None => None,
        };
        Ok(PointRead::Rows(self.rows(row)))
    }

    /// Which row a value asks for.
    fn handle(&self, value: &ScalarValue) -> Asked {
        if value.is_null() {
            return Asked::None;
        }
        let Some(number) = integer(value) else { return Asked::Otherwise };
        let handle = match self.is_unsigned {
            true => u64::try_from(number).map(u64::cast_signed),
            false => i64::try_from(number),
        };
        // What no value of the column can be is not there.
        handle.map_or(Asked::None, |handle| Asked::Row(Handle::Int(handle)))
    }

    fn decode(&self, handle: &Handle, value: &[u8]) -> Result<RecordBatch> {
        let in_table = |error: tifusion_schema::DecodeRowError| {
            Error::from(error).with_context("table", self.table.label())
        };
        let values = self.decoder.decode(handle, value).map_err(in_table)?;
        let mut datums = Vec::new();
        for offset in &self.offsets {
            let value = values.get(*offset).unwrap_or(&datum::Datum::Null);
            datum::encode_value(&mut datums, value)?;
        }
        let row = self.columns.decode_rows(&Bytes::from(datums))?;
        let (_, columns, _) = row.into_parts();
        let row = RecordBatch::try_new(Arc::clone(&self.schema), columns);
        row.map_err(|error| Error::from(datafusion::error::DataFusionError::from(error)))
    }

    fn rows(&self, row: Option<RecordBatch>) -> SendableRecordBatchStream {
        let rows = stream::iter(row.map(Ok));
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), rows))
    }
}

/// What comes of reading the row that a query without parameters asks for by its key; `None` where it asks for something
/// else, or for what is no row whatever the table is: whether it is that table, nobody has looked yet.
///
/// # Errors
/// When the row or the schema's version can't be read.
pub(crate) async fn row_by_key(
    session: &TidbSession,
    plan: &LogicalPlan,
) -> Result<Option<PointRead>> {
    let Some(query) = PointQuery::of(plan, session, &session.config()) else { return Ok(None) };
    let Key::Constant(value) = &query.key else { return Ok(None) };
    let Asked::Row(handle) = query.handle(value) else { return Ok(None) };
    // Boxed: most statements are something else.
    Box::pin(query.read_row(session, handle)).await.map(Some)
}

/// What came of reading a row by its key.
pub(crate) enum PointRead {
    /// The row, or none.
    Rows(SendableRecordBatchStream),
    /// The schema is no longer what it was.
    Outdated,
    /// The parameter is of another type, or somebody is writing the row.
    Otherwise,
}

/// Which row a parameter asks for.
enum Asked {
    Row(Handle),
    None,
    Otherwise,
}

/// Whether the newest values of the leader are what the session reads of the table.
fn is_usual(session: &TidbSession, table: &TidbTable, config: &Config) -> bool {
    let (cluster, settings) = (table.cluster(), config.settings());
    Arc::ptr_eq(cluster, session.catalog().cluster())
        && cluster.authorizer().is_none()
        && !cluster.client().is_apart()
        && settings.isolation == Isolation::Si
        && settings.stale_read.is_none()
        && !settings.replica_read.is_of_others()
        && table.is_read_from_tikv(settings)
        && table.reading().is_plain()
        && !session.is_planned_by_others()
}

/// The parts of a plan that selects columns of one table's rows by one condition, which is all it does.
fn parts(plan: &LogicalPlan) -> Option<Parts<'_>> {
    let LogicalPlan::Projection(projection) = plan else { return None };
    let LogicalPlan::Filter(filter) = &*projection.input else { return None };
    let mut input = &*filter.input;
    if let LogicalPlan::SubqueryAlias(alias) = input {
        input = &alias.input;
    }
    let LogicalPlan::TableScan(scan) = input else { return None };
    let is_whole = scan.filters.is_empty() && scan.fetch.is_none();
    let (output, condition) = (&projection.expr, &filter.predicate);
    is_whole.then_some(Parts { output, condition, scan })
}

/// The column that a condition compares, and with what.
fn key_of(condition: &Expr) -> Option<(&str, Key)> {
    let Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) = condition else {
        return None;
    };
    let key = |expr: &Expr| match expr {
        Expr::Placeholder(Placeholder { id, .. }) => Some(Key::Parameter(id.clone())),
        Expr::Literal(value, _) => Some(Key::Constant(value.clone())),
        _ => None,
    };
    match (&**left, &**right) {
        (Expr::Column(column), value) | (value, Expr::Column(column)) => {
            Some((column.name.as_str(), key(value)?))
        }
        _ => None,
    }
}

/// The column that an output is.
fn column_name(output: &Expr) -> Option<&str> {
    match output {
        Expr::Column(column) => Some(&column.name),
        Expr::Alias(alias) => column_name(&alias.expr),
        _ => None,
    }
}

/// The integer that a value is, of whatever width.
fn integer(value: &ScalarValue) -> Option<i128> {
    Some(match value {
        ScalarValue::Int8(Some(number)) => (*number).into(),
        ScalarValue::Int16(Some(number)) => (*number).into(),
        ScalarValue::Int32(Some(number)) => (*number).into(),
        ScalarValue::Int64(Some(number)) => (*number).into(),
        ScalarValue::UInt8(Some(number)) => (*number).into(),
        ScalarValue::UInt16(Some(number)) => (*number).into(),
        ScalarValue::UInt32(Some(number)) => (*number).into(),
        ScalarValue::UInt64(Some(number)) => (*number).into(),
        _ => return None,
    })
}
