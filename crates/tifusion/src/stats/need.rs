//! Which statistics a statement needs.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::common::Result as DataFusionResult;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{Distinct, Expr, LogicalPlan};
use tifusion_schema::stats::HistogramId;
use tifusion_schema::{ColumnInfo, IndexInfo, TableInfo};

use crate::access::path::usable_indexes;

/// What is wanted of a table's statistics. Its rows always are.
#[derive(Debug, Clone)]
pub(crate) struct Need {
    /// The table.
    pub(crate) table: Arc<TableInfo>,
    /// Columns and indexes, each with whether the distribution of single values is wanted, not only what is known of
    /// all together.
    pub(crate) histograms: Vec<(HistogramId, bool)>,
    /// Columns of which no more than what is known of all values together is wanted: how wide they are
    /// is part of what a row costs.
    pub(crate) widths: Vec<HistogramId>,
}

impl Need {
    /// What a statement that compares these columns asks of a table: of each column what is known of
    /// all its values, and where an index may serve the filters the distribution of single ones, and the
    /// widths of the other columns.
    pub(crate) fn of_names(table: &Arc<TableInfo>, compared: &ComparedColumns) -> Self {
        let visible = table.columns.iter().filter(|column| column.is_visible());
        let (columns, others): (Vec<&ColumnInfo>, Vec<&ColumnInfo>) =
            visible.partition(|column| compared.all.contains(column.name.as_str()));
        let is_filtered = |index: &&IndexInfo| {
            let first = index.columns.first();
            first.is_some_and(|first| compared.filtered.contains(first.name.as_str()))
        };
        let indexes: Vec<&IndexInfo> = usable_indexes(table).filter(is_filtered).collect();
        // The table's own order is weighed against theirs.
        let clustered = table.primary_index().filter(|_| table.is_common_handle);
        let clustered = clustered.filter(is_filtered).filter(|_| !indexes.is_empty());
        let has_indexes = !indexes.is_empty();
        let indexes = indexes.into_iter().chain(clustered);
        let indexes = indexes.map(|index| (HistogramId::Index(index.id), true));
        // Joined tables are put in order by how many rows pass, whether or not an index finds them; and what one of them
        // has of a number is compared with all that there is of it in the other.
        let columns = columns.into_iter().map(|column| {
            let name = column.name.as_str();
            let joined = column.field_type.is_integer() && compared.joined.contains(name);
            let values = has_indexes || joined || compared.restricted.contains(name);
            (HistogramId::Column(column.id), values)
        });
        let histograms = columns.chain(indexes).collect();
        let widths = others.into_iter().filter(|_| has_indexes);
        let widths = widths.map(|column| HistogramId::Column(column.id)).collect();
        Self { table: Arc::clone(table), histograms, widths }
    }

    /// What is wanted, each with whether its single values are.
    pub(crate) fn wanted(&self) -> impl Iterator<Item = (HistogramId, bool)> {
        let widths = self.widths.iter().map(|id| (*id, false));
        self.histograms.iter().copied().chain(widths)
    }

    /// All that there is.
    pub(crate) fn everything(table: &Arc<TableInfo>) -> Self {
        let columns = table.public_columns();
        let columns = columns.into_iter().map(|column| HistogramId::Column(column.id));
        let indexes = table.indices.iter().filter(|index| index.state.is_public());
        let indexes = indexes.map(|index| HistogramId::Index(index.id));
        let histograms = columns.chain(indexes).map(|id| (id, true)).collect();
        Self { table: Arc::clone(table), histograms, widths: Vec::new() }
    }
}

/// The names of the columns that a plan compares, in whatever table.
#[derive(Debug, Clone, Default)]
pub(crate) struct ComparedColumns {
    /// In filters and joins, or groups by: how many different values those have is what DataFusion goes
    /// by.
    all: HashSet<String>,
    /// In filters and joins, which an index may serve.
    filtered: HashSet<String>,
    /// With constants, where tables are joined.
    restricted: HashSet<String>,
    /// With columns of other tables.
    joined: HashSet<String>,
}

/// What `plan` compares.
pub(crate) fn compared_columns(plan: &LogicalPlan) -> DataFusionResult<ComparedColumns> {
    let mut compared = ComparedColumns::default();
    let (mut restricted, mut joins) = (HashSet::new(), false);
    plan.apply_with_subqueries(|node| {
        let ComparedColumns { all, filtered, joined, .. } = &mut compared;
        match node {
            LogicalPlan::Filter(filter) => {
                filtered.extend(names_in(&filter.predicate));
                restricted.extend(
                    split_conjunction(&filter.predicate).into_iter().filter_map(only_name_in),
                );
            }
            LogicalPlan::TableScan(scan) => {
                filtered.extend(scan.filters.iter().flat_map(names_in));
                let conjuncts = scan.filters.iter().flat_map(split_conjunction);
                restricted.extend(conjuncts.filter_map(only_name_in));
            }
            LogicalPlan::Aggregate(aggregate) => {
                all.extend(aggregate.group_expr.iter().flat_map(names_in));
            }
            LogicalPlan::Distinct(Distinct::On(distinct)) => {
                all.extend(distinct.on_expr.iter().flat_map(names_in));
            }
            LogicalPlan::Join(join) => {
                joins = true;
                let sides = join.on.iter().flat_map(|(left, right)| [left, right]);
                joined.extend(sides.flat_map(names_in));
                filtered.extend(join.filter.iter().flat_map(names_in));
            }
            _ => {}
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    compared.filtered.extend(compared.joined.iter().cloned());
    compared.all.extend(compared.filtered.iter().cloned());
    if joins {
        compared.restricted = restricted;
    }
    Ok(compared)
}

/// The column that `expr` is about, if that is one.
fn only_name_in(expr: &Expr) -> Option<String> {
    let columns = expr.column_refs();
    let mut names = columns.iter().map(|column| &column.name);
    let first = names.next()?;
    names.next().is_none().then(|| first.clone())
}

fn names_in(expr: &Expr) -> Vec<String> {
    expr.column_refs().into_iter().map(|column| column.name.clone()).collect()
}
