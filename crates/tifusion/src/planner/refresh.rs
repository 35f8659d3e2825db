//! Tables that changed between the resolution of a statement's names and its snapshot.

use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::common::Result as DataFusionResult;
use datafusion::common::tree_node::Transformed;
use datafusion::datasource::{provider_as_source, source_as_provider};
use datafusion::logical_expr::{LogicalPlan, TableScan};

use crate::config::Config;
use crate::error::{Error, ErrorKind, Result};
use crate::meta::{MetaStore, View};
use crate::reading::ViewUse;
use crate::table::TidbTable;
use crate::write::WrittenTable;

/// The table as it is in `view`; `None` if that is how `table` is already.
///
/// # Errors
/// When it is gone or can't be read any more, and when the session's options give its columns other
/// types than those it was planned with.
pub(super) async fn refreshed(
    table: &TidbTable,
    view: &View,
    config: &Config,
) -> Result<Option<TidbTable>> {
    let cluster = table.cluster();
    let same_version = table.schema_version() == view.version();
    let (database, info) = if same_version {
        let (id, name) = table.database_ref();
        ((id, Arc::clone(name)), Arc::clone(table.info()))
    } else {
        let found = view.find(table.database(), table.name());
        let (database, name) =
            found.ok_or_else(|| changed(&table.label(), "was dropped or renamed"))?;
        let info = cluster.meta().table(view, database.id, name.id).await?;
        let info = info.ok_or_else(|| changed(&table.label(), "was dropped or renamed"))?;
        info.check_readable().map_err(tifusion_schema::Error::from)?;
        ((database.id, Arc::clone(&database.name)), info)
    };
    let now = TidbTable::new(Arc::clone(cluster), database, info, view.version(), config)?
        .read(table.reading().clone())?;
    let unchanged = Arc::ptr_eq(now.info(), table.info()) || now.info() == table.info();
    if unchanged && now.schema() == table.schema() {
        return Ok(None);
    }
    if unchanged {
        return Err(Error::new(
            ErrorKind::SchemaChanged,
            format!(
                "the types of {} follow from time_zone, zero_date and show_rowid, which were set \
                 after the statement (or the view in it) was made: make it again",
                table.label()
            ),
        ));
    }
    Ok(Some(now))
}

/// Sees that a view is in `view`, the schema of the statement's snapshot, what the statement was
/// planned with.
///
/// # Errors
/// [`ErrorKind::SchemaChanged`] when it is gone or another.
pub(super) async fn check_view(used: &ViewUse, view: &View, meta: &MetaStore) -> Result<()> {
    if used.schema_version == view.version() {
        return Ok(());
    }
    let now = match view.find(&used.database, used.info.name.as_str()) {
        Some((database, name)) => meta.table(view, database.id, name.id).await?,
        None => None,
    };
    // The names of its columns stand beside its SELECT.
    let is_same = now.is_some_and(|now| {
        let (before, after) = (used.info.public_columns(), now.public_columns());
        let names = before.iter().map(|column| &column.name.original);
        now.view == used.info.view && names.eq(after.iter().map(|column| &column.name.original))
    });
    if is_same {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::SchemaChanged,
        format!(
            "the view {} was changed or dropped since the statement was planned: run it again",
            used.label()
        ),
    ))
}

/// Sees that a table that is written to is in `view`, the schema of the statement's snapshot, what the
/// statement was planned with.
///
/// # Errors
/// [`ErrorKind::SchemaChanged`] when it is gone or another.
pub(super) async fn check_written(table: &WrittenTable, view: &View) -> Result<()> {
    if table.schema_version == view.version() {
        return Ok(());
    }
    let now = match view.find(&table.database.1, table.info.name.as_str()) {
        Some((database, name)) => table.cluster.meta().table(view, database.id, name.id).await?,
        None => None,
    };
    if now.is_some_and(|now| *now == *table.info) {
        return Ok(());
    }
    Err(changed(&table.label(), "was changed"))
}

/// `plan` with each first table in `fresh` replaced by its second.
///
/// # Errors
/// [`ErrorKind::SchemaChanged`] where a column that the plan uses is not what it was.
pub(super) fn replace(
    plan: &LogicalPlan,
    fresh: &[(Arc<dyn TableProvider>, Arc<TidbTable>)],
) -> DataFusionResult<LogicalPlan> {
    let replaced = plan.clone().transform_down_with_subqueries(|node| {
        let LogicalPlan::TableScan(scan) = node else { return Ok(Transformed::no(node)) };
        let provider = source_as_provider(&scan.source)?;
        let found = fresh.iter().find(|(old, _)| Arc::ptr_eq(old, &provider));
        match (provider.downcast_ref::<TidbTable>(), found) {
            (Some(old), Some((_, now))) => {
                Ok(Transformed::yes(LogicalPlan::TableScan(renew(scan, old, now)?)))
            }
            _ => Ok(Transformed::no(LogicalPlan::TableScan(scan))),
        }
    })?;
    Ok(replaced.data)
}

/// The scan over the table as it is now: the same columns, wherever they are.
fn renew(scan: TableScan, old: &TidbTable, now: &Arc<TidbTable>) -> Result<TableScan> {
    let columns = old.schema();
    let used = match &scan.projection {
        Some(projection) => projection.clone(),
        None => (0..columns.fields().len()).collect(),
    };
    let mut projection = Vec::with_capacity(used.len());
    for index in used {
        let field = columns.fields().get(index);
        let name = field.map(|field| field.name().as_str()).unwrap_or_default();
        projection.push(position(old, now, name).ok_or_else(|| column_changed(now, name))?);
    }
    for column in scan.filters.iter().flat_map(|filter| filter.column_refs()) {
        position(old, now, &column.name).ok_or_else(|| column_changed(now, &column.name))?;
    }
    let source = provider_as_source(Arc::clone(now) as Arc<dyn TableProvider>);
    Ok(TableScan { source, projection: Some(projection), ..scan })
}

/// Where the column `name` is in `now`, if it is the same as in `old`: its id and its Arrow field.
fn position(old: &TidbTable, now: &TidbTable, name: &str) -> Option<usize> {
    let (before, after) = (old.schema(), now.schema());
    let at = after.index_of(name).ok()?;
    let id = |table: &TidbTable| table.info().find_column(name).map(|column| column.id);
    let same = after.fields().get(at)? == before.fields().get(before.index_of(name).ok()?)?;
    (same && id(old) == id(now)).then_some(at)
}

fn changed(table: &str, what: &str) -> Error {
    Error::new(
        ErrorKind::SchemaChanged,
        format!("{table} {what} since the statement was planned: run it again"),
    )
}

fn column_changed(now: &TidbTable, column: &str) -> Error {
    changed(&now.label(), &format!("changed (its column {column} is gone or another)"))
}
