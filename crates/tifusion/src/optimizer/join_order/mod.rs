//! The order in which tables are joined.
//!
//! DataFusion joins tables in the order in which the statement names them, and chooses no more than which side of each join is
//! built. Where TiDB's statistics tell of all tables what is expected of them, other orders are tried here: what is built first
//! tells the scans that come after which of their rows are needed, and those that find such rows by their keys read
//! no others. The statement's order stays unless another is expected to take much less, so that guesses change nothing.

mod build;
mod cost;
mod group;
mod search;
mod tree;

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult as _, TreeNode as _};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};

use super::Plan;
use super::below::renumbered;
use cost::Costs;
use group::Group;

/// Fewest tables for which there is an order to choose: which of two is built is DataFusion's choice.
const FEWEST: usize = 3;

/// Most tables for which orders are tried.
const MOST: usize = 20;

/// The part of the cost of the statement's order which another may have at most.
const GAIN: f64 = 0.75;

/// Puts the tables of inner joins in the order that is expected to take least.
pub(super) fn optimize(plan: Plan, config: &ConfigOptions) -> Result<Plan> {
    if !config.optimizer.join_reordering {
        return Ok(plan);
    }
    reordered(plan)
}

fn reordered(plan: Plan) -> Result<Plan> {
    if let Some((output, joins)) = computed_of_joins(&plan)? {
        return match in_best_order(&joins)? {
            Some(joins) => Ok(Arc::new(ProjectionExec::try_new(output, joins)?)),
            None => plan.map_children(|joins| below_joins(joins).map(Transformed::yes)).data(),
        };
    }
    match in_best_order(&plan)? {
        Some(plan) => Ok(plan),
        None if group::first_join(&plan).is_some() => below_joins(plan),
        None => plan.map_children(|child| reordered(child).map(Transformed::yes)).data(),
    }
}

/// The joins that begin at `plan` in the order that takes least; `None` if that is the statement's.
fn in_best_order(plan: &Plan) -> Result<Option<Plan>> {
    let Some(mut group) = Group::of(plan)? else { return Ok(None) };
    let Some(best) = best_order(&group)? else { return Ok(None) };
    for leaf in &mut group.leaves {
        leaf.plan = reordered(Arc::clone(&leaf.plan))?;
    }
    build::plan(group, &best, &plan.schema()).map(Some)
}

/// Puts what the joins of a group join in its order, and leaves theirs.
fn below_joins(plan: Plan) -> Result<Plan> {
    match group::first_join(&plan) {
        Some(_) => plan.map_children(|child| below_joins(child).map(Transformed::yes)).data(),
        None => reordered(plan),
    }
}

/// What a projection computes of joins, over those of their columns that it needs, and the joins with these alone; `None` for
/// what is no such projection.
fn computed_of_joins(plan: &Plan) -> Result<Option<(Vec<ProjectionExpr>, Plan)>> {
    let Some(projection) = plan.downcast_ref::<ProjectionExec>() else { return Ok(None) };
    let joins = projection.input();
    if group::first_join(plan).is_some() || group::first_join(joins).is_none() {
        return Ok(None);
    }
    let exprs = projection.expr();
    let columns = exprs.iter().flat_map(|output| collect_columns(&output.expr));
    let needed: BTreeSet<usize> = columns.map(|column| column.index()).collect();
    let schema = joins.schema();
    let column = |place: &usize| {
        let name = schema.fields().get(*place)?.name();
        let expr = Arc::new(Column::new(name, *place));
        Some(ProjectionExpr { expr, alias: name.clone() })
    };
    let columns: Vec<ProjectionExpr> = needed.iter().filter_map(column).collect();
    let moved = |column: &Column| {
        let place = needed.iter().position(|it| *it == column.index())?;
        Some(Column::new(column.name(), place))
    };
    let exprs = exprs.iter().map(|output| {
        let expr = renumbered(&output.expr, moved)?;
        Ok(ProjectionExpr { expr, alias: output.alias.clone() })
    });
    let joins = ProjectionExec::try_new(columns, Arc::clone(joins))?;
    Ok(Some((exprs.collect::<Result<_>>()?, Arc::new(joins))))
}

/// The order that takes much less than the statement's; `None` if there is none, or if nobody can tell.
fn best_order(group: &Group) -> Result<Option<tree::Tree>> {
    if !(FEWEST..=MOST).contains(&group.leaves.len()) {
        return Ok(None);
    }
    let Some(costs) = Costs::of(group)? else { return Ok(None) };
    let stated = costs.of_tree(&group.stated);
    let best = search::best(&costs).filter(|best| best.cost < stated * GAIN);
    if let Some(best) = &best {
        tracing::debug!(order = ?best.tree, cost = best.cost, stated, "tables are joined in another order");
    }
    Ok(best.map(|best| best.tree))
}
