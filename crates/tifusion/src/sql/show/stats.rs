//! `SHOW STATS`: what TiDB's statistics say of tables.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, UInt32Array};
use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::JoinType;
use datafusion::dataframe::DataFrame;
use datafusion::error::DataFusionError;
use datafusion::prelude::{cast, ident, lit};
use datafusion::sql::sqlparser::ast::Ident;
use tifusion_schema::TableInfo;
use tifusion_schema::model::ci_str::to_lower;

use super::view;
use crate::error::{Error, ErrorKind, Result};
use crate::meta::{Need, SYSTEM_DATABASE, View};
use crate::session::TidbSession;
use crate::sql::missing::no_database;
use crate::sql::{plan, script::parse_one};

/// Tables whose descriptions are read at once.
const AT_ONCE: usize = 128;

/// Whose statistics to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::sql) enum Scope {
    /// `SHOW STATS_META`: those of all databases, as TiDB does.
    All,
    /// `SHOW STATS`: those of the current database.
    Current,
    /// `SHOW STATS FROM database`.
    Of(String),
}

impl Scope {
    /// The scope in the words behind `SHOW STATS`.
    ///
    /// # Errors
    /// When these are not `FROM` and a database.
    pub(in crate::sql) fn of(words: &[Ident]) -> Result<Self> {
        match words {
            [] => Ok(Self::Current),
            [from, database] if ["from", "in"].contains(&&*from.value.to_ascii_lowercase()) => {
                Ok(Self::Of(database.value.clone()))
            }
            _ => Err(Error::invalid(
                "SHOW STATS takes nothing, or FROM and a database; SHOW STATS_META shows all",
            )),
        }
    }
}

/// A row for each table and partition that TiDB has counted.
///
/// # Errors
/// When there is no such database, or the cluster can't be reached.
pub(in crate::sql) async fn stats(session: &TidbSession, scope: &Scope) -> Result<DataFrame> {
    let tables = tables(session, scope).await?;
    let names = session.engine().read_batch(tables)?;
    let columns = "version, table_id, modify_count, count";
    let Some(counted) = statistics(session, "stats_meta", columns).await? else {
        return nothing_counted(names);
    };
    let joined = counted.join(names, JoinType::Inner, &["table_id"], &["physical_id"], None)?;
    let ordered = joined.sort(vec![ident("at").sort(true, false)])?;
    // A timestamp of PD: milliseconds, then 18 bits that count.
    let seconds = cast(ident("version"), DataType::Int64) / lit(1_i64 << 18) / lit(1_000_i64);
    let zone = session.config().settings().time_zone.to_arc();
    let time = cast(seconds, DataType::Timestamp(TimeUnit::Second, Some(zone)));
    Ok(ordered.select(vec![
        ident("Db_name"),
        ident("Table_name"),
        ident("Partition_name"),
        time.alias("Update_time"),
        ident("modify_count").alias("Modify_count"),
        ident("count").alias("Row_count"),
    ])?)
}

/// The result of a cluster that no TiDB has counted anything in.
fn nothing_counted(names: DataFrame) -> Result<DataFrame> {
    let null = |kind: DataType| cast(lit(datafusion::scalar::ScalarValue::Null), kind);
    let none = names.filter(lit(false))?;
    Ok(none.select(vec![
        ident("Db_name"),
        ident("Table_name"),
        ident("Partition_name"),
        null(DataType::Timestamp(TimeUnit::Second, None)).alias("Update_time"),
        null(DataType::Int64).alias("Modify_count"),
        null(DataType::UInt64).alias("Row_count"),
    ])?)
}

/// Columns of one of TiDB's tables of statistics; `None` where it is not there, as on a cluster that
/// no TiDB has run on.
pub(super) async fn statistics(
    session: &TidbSession,
    table: &str,
    columns: &str,
) -> Result<Option<DataFrame>> {
    let catalog = session.connected().catalog();
    let schema = session.catalog().schema_of(SYSTEM_DATABASE);
    let query = format!("SELECT {columns} FROM \"{catalog}\".\"{schema}\".\"{table}\"");
    let statement = parse_one(&session.engine().state(), &query)?;
    match plan::plan(session, statement).await {
        Ok(frame) => Ok(Some(frame)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Tables and partitions by the ids under which they are counted, in the order to show them.
async fn tables(session: &TidbSession, scope: &Scope) -> Result<RecordBatch> {
    let schema = match scope {
        Scope::All => None,
        Scope::Of(schema) => Some(schema.clone()),
        Scope::Current => {
            let state = session.engine().state();
            let defaults = &state.config_options().catalog;
            if to_lower(&defaults.default_catalog) != session.connected().catalog() {
                return Err(Error::invalid(
                    "the current schema is not one of the cluster: SHOW STATS FROM a database",
                ));
            }
            Some(defaults.default_schema.clone())
        }
    };
    let view = match &schema {
        None => view(session, Need::Everything).await?,
        Some(schema) => {
            let name = session.catalog().database_of(schema).unwrap_or_default().to_owned();
            let view = view(session, Need::Tables(std::slice::from_ref(&name))).await?;
            let found = view.names.database(&name).map(|found| found.id);
            let id = found.ok_or_else(|| no_database(schema))?;
            return names(session, &view, Some(id)).await;
        }
    };
    names(session, &view, None).await
}

async fn names(session: &TidbSession, view: &View, only: Option<i64>) -> Result<RecordBatch> {
    let mut rows = Rows::default();
    for database in view.names.databases() {
        if only.is_some_and(|id| id != database.id) {
            continue;
        }
        let mut tables: Vec<_> =
            database.tables.iter().flat_map(|tables| tables.values()).collect();
        tables.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        let ids: Vec<i64> = tables.iter().map(|table| table.id).collect();
        let schema = session.catalog().schema_of(&database.name);
        for (at, table) in tables.iter().enumerate() {
            let ahead = ids.iter().skip(at + 1).take(AT_ONCE).copied().collect::<Vec<_>>();
            let meta = session.catalog().cluster().meta();
            let info = meta.table_and_more(view, database.id, table.id, &ahead).await?;
            if let Some(info) = info {
                rows.add(&schema, &info);
            }
        }
    }
    rows.finish()
}

#[derive(Default)]
struct Rows {
    ids: Vec<i64>,
    databases: Vec<String>,
    tables: Vec<String>,
    partitions: Vec<String>,
}

impl Rows {
    fn add(&mut self, database: &str, info: &TableInfo) {
        let Some(partitioned) = info.partition_info() else {
            return self.push(info.id, database, info, "");
        };
        self.push(info.id, database, info, "global");
        for partition in partitioned.readable_definitions() {
            self.push(partition.id, database, info, &partition.name.original);
        }
    }

    fn push(&mut self, id: i64, database: &str, info: &TableInfo, partition: &str) {
        self.ids.push(id);
        self.databases.push(database.to_owned());
        self.tables.push(info.name.original.clone());
        self.partitions.push(partition.to_owned());
    }

    fn finish(self) -> Result<RecordBatch> {
        let order = (0_u32..).take(self.ids.len()).collect::<Vec<_>>();
        let text = |texts: Vec<String>| Arc::new(StringArray::from(texts)) as ArrayRef;
        let columns = [
            ("physical_id", Arc::new(Int64Array::from(self.ids)) as ArrayRef),
            ("at", Arc::new(UInt32Array::from(order)) as ArrayRef),
            ("Db_name", text(self.databases)),
            ("Table_name", text(self.tables)),
            ("Partition_name", text(self.partitions)),
        ];
        Ok(RecordBatch::try_from_iter(columns).map_err(DataFusionError::from)?)
    }
}
