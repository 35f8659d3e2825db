//! What may stand behind a table's name and DataFusion's planner would pass over in silence.

use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::common::{Result, TableReference, plan_err};
use datafusion::datasource::{provider_as_source, source_as_provider};
use datafusion::logical_expr::planner::{
    PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning,
};
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder, TableScan};
use datafusion::sql::sqlparser::ast::{Expr, Ident, ObjectName, TableFactor};

use crate::config::TidbOptions;
use crate::error::Error;
use crate::table::TidbTable;

/// Plans `PARTITION (…)` behind the name of a table of TiDB; refuses it, `AS OF TIMESTAMP` and
/// `TABLESAMPLE` where they would mean nothing.
///
/// `AS OF TIMESTAMP` itself is done before names are resolved: it decides which tables there are.
#[derive(Debug)]
pub(crate) struct TableFactors;

impl RelationPlanner for TableFactors {
    fn plan_relation(
        &self,
        mut relation: TableFactor,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<RelationPlanning> {
        if take_row_id(&mut relation) {
            return with_row_id(relation, context);
        }
        let TableFactor::Table { name, alias, args: None, version, partitions, sample, .. } =
            &mut relation
        else {
            return Ok(RelationPlanning::Original(Box::new(relation)));
        };
        if sample.is_some() {
            return Err(
                Error::unsupported(format!("TABLESAMPLE of {name} is not available")).into()
            );
        }
        if partitions.is_empty() && version.is_none() {
            return Ok(RelationPlanning::Original(Box::new(relation)));
        }
        let (name, alias) = (name.clone(), alias.take());
        let partitions = std::mem::take(partitions);
        let is_past = version.take().is_some();
        let plan = context.plan(relation)?;
        let plan = match plan {
            LogicalPlan::TableScan(scan) => read_so(scan, &name, is_past, partitions, context)?,
            // A view of TiDB is read as of a time by its tables.
            plan if partitions.is_empty() && matches!(plan, LogicalPlan::SubqueryAlias(_)) => plan,
            _ => return Err(not_ours(&name, is_past)),
        };
        Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(plan, alias))))
    }
}

/// The hint by which a statement that writes asks for the row ids of the table that it writes to.
const ROW_ID_HINT: &str = "tifusion: row id";

/// Asks for the row ids of this table where it stands.
pub(crate) fn show_row_id(relation: &mut TableFactor) {
    if let TableFactor::Table { with_hints, .. } = relation {
        with_hints.push(Expr::Identifier(Ident::with_quote('"', ROW_ID_HINT)));
    }
}

/// Takes that out again; whether it was there.
fn take_row_id(relation: &mut TableFactor) -> bool {
    let TableFactor::Table { with_hints, .. } = relation else { return false };
    let before = with_hints.len();
    with_hints.retain(|hint| !matches!(hint, Expr::Identifier(hint) if hint.value == ROW_ID_HINT));
    with_hints.len() < before
}

/// The scan of a table with its row ids.
fn with_row_id(
    mut relation: TableFactor,
    context: &mut dyn RelationPlannerContext,
) -> Result<RelationPlanning> {
    let alias = match &mut relation {
        TableFactor::Table { alias, .. } => alias.take(),
        _ => None,
    };
    let name = relation.to_string();
    let LogicalPlan::TableScan(scan) = context.plan(relation)? else {
        return plan_err!("{name} is no table to write to");
    };
    let provider = source_as_provider(&scan.source)?;
    let Some(table) = provider.downcast_ref::<TidbTable>() else {
        return plan_err!("{name} is no table to write to");
    };
    let own = format!("{} with row ids", table.label());
    let options = context.context_provider().options();
    let config = TidbOptions::config_of(options).unwrap_or_default();
    let table: Arc<dyn TableProvider> = Arc::new(table.read_row_ids(&config)?);
    let plan =
        LogicalPlanBuilder::scan(TableReference::bare(own), provider_as_source(table), None)?
            .alias(scan.table_name)?
            .build()?;
    Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(plan, alias))))
}

/// The scan of the table's `partitions`.
fn read_so(
    scan: TableScan,
    name: &ObjectName,
    is_past: bool,
    partitions: Vec<Ident>,
    context: &dyn RelationPlannerContext,
) -> Result<LogicalPlan> {
    let provider = source_as_provider(&scan.source)?;
    let Some(table) = provider.downcast_ref::<TidbTable>() else {
        return Err(not_ours(name, is_past));
    };
    if is_past && table.reading().as_of.is_none() {
        return plan_err!(
            "AS OF TIMESTAMP {name}: such a statement is one for TidbContext::sql, which finds the \
             tables as they were then"
        );
    }
    if partitions.is_empty() {
        return Ok(LogicalPlan::TableScan(scan));
    }
    // A scan is told apart from another by its name alone, so this one has one of its own.
    let names: Vec<String> = partitions.into_iter().map(|ident| ident.value).collect();
    let own = format!("{} PARTITION ({})", table.label(), names.join(", "));
    let options = context.context_provider().options();
    let config = TidbOptions::config_of(options).unwrap_or_default();
    let table: Arc<dyn TableProvider> = Arc::new(table.read_partitions(names, &config)?);
    LogicalPlanBuilder::scan(TableReference::bare(own), provider_as_source(table), None)?
        .alias(scan.table_name)?
        .build()
}

/// Neither has a meaning for what is no table of TiDB.
fn not_ours(name: &ObjectName, is_past: bool) -> datafusion::error::DataFusionError {
    Error::invalid(if is_past {
        format!("{name} is no table of TiDB: it can't be read AS OF a TIMESTAMP")
    } else {
        format!("PARTITION () clause on non partitioned table {name}")
    })
    .into()
}
