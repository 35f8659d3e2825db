//! Which statistics a statement needs.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::common::Result as DataFusionResult;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::logical_expr::{Distinct, Expr, LogicalPlan};
use tifusion_schema::TableInfo;
use tifusion_schema::stats::HistogramId;

/// What is wanted of a table's statistics. Its rows always are.
#[derive(Debug, Clone)]
pub(crate) struct Need {
    /// The table.
    pub(crate) table: Arc<TableInfo>,
    /// Columns and indexes.
    pub(crate) histograms: Vec<HistogramId>,
    /// Whether the distribution of single values is wanted, not only what is known of all together.
    pub(crate) values: bool,
}

impl Need {
    /// What a join or a filter that compares columns of these names asks of a table.
    pub(crate) fn of_names(table: &Arc<TableInfo>, names: &HashSet<String>) -> Self {
        let columns = table
            .columns
            .iter()
            .filter(|column| column.is_visible() && names.contains(column.name.as_str()));
        let histograms = columns.map(|column| HistogramId::Column(column.id)).collect();
        Self { table: Arc::clone(table), histograms, values: false }
    }

    /// All that there is.
    pub(crate) fn everything(table: &Arc<TableInfo>) -> Self {
        let columns = table.public_columns();
        let columns = columns.into_iter().map(|column| HistogramId::Column(column.id));
        let indexes = table.indices.iter().filter(|index| index.state.is_public());
        let indexes = indexes.map(|index| HistogramId::Index(index.id));
        let histograms = columns.chain(indexes).collect();
        Self { table: Arc::clone(table), histograms, values: true }
    }
}

/// The names of the columns that a plan compares or groups by, in whatever table: how many different
/// values those have is what DataFusion goes by.
pub(crate) fn compared_columns(plan: &LogicalPlan) -> DataFusionResult<HashSet<String>> {
    let mut names = HashSet::new();
    plan.apply_with_subqueries(|node| {
        let mut add = |expr: &Expr| {
            names.extend(expr.column_refs().into_iter().map(|column| column.name.clone()));
        };
        match node {
            LogicalPlan::Filter(filter) => add(&filter.predicate),
            LogicalPlan::TableScan(scan) => scan.filters.iter().for_each(add),
            LogicalPlan::Aggregate(aggregate) => aggregate.group_expr.iter().for_each(add),
            LogicalPlan::Distinct(Distinct::On(distinct)) => distinct.on_expr.iter().for_each(add),
            LogicalPlan::Join(join) => {
                for (left, right) in &join.on {
                    add(left);
                    add(right);
                }
                join.filter.iter().for_each(add);
            }
            _ => {}
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(names)
}
