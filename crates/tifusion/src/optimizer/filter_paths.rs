//! Gives scans those dynamic filters that speak of their columns.
//!
//! DataFusion 55.2 looks the columns of filters up by their names on the way down (its issues 25244, 25262 to 25264 and 25296, mended
//! after it): of two tables in a join that both have an `id`, the first is narrowed by filters of the second, and rows are lost. So each
//! filter that has reached a scan is followed again from the node that makes it, by the places of its columns, and scans keep what
//! arrives so. Whoever makes one that a file holds by mistake makes another one that nobody holds.
//!
//! Nor are rows lost by the filter of several least and greatest values, which DataFusion 55.2 makes of those alone that are of bare
//! columns (its issue 24816, mended after it) and have been found (25147): rows that another of them needs are left out by it.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{TreeNode as _, TreeNodeRecursion};
use datafusion::common::{JoinType, Result};
use datafusion::physical_expr::expressions::{Column, DynamicFilterPhysicalExpr, lit};
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::buffer::BufferExec;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::joins::HashJoinExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::physical_plan::union::UnionExec;

use super::below::{columns, inlined, renumbered};
use super::{Plan, replaced};
use crate::TikvScanExec;
use crate::pushdown::lower::Physical;
use crate::scan::dynamic::dynamic_parts;

/// Has each scan keep the filters that are its own.
pub(super) fn optimize(plan: Plan, _config: &ConfigOptions) -> Result<Plan> {
    let (mut held, mut arrived, mut partial) = (BTreeSet::new(), Vec::new(), BTreeSet::new());
    plan.apply(|node| {
        let scan = node.downcast_ref::<TikvScanExec>();
        held.extend(scan.into_iter().flat_map(TikvScanExec::dynamic_filter_ids));
        for filter in node.dynamic_expressions_produced() {
            if is_of_several(node) {
                partial.extend(filter.expression_id());
                continue;
            }
            let Some(input) = narrowed_input(node) else { continue };
            let of: Vec<Physical> = filter.children().into_iter().map(Arc::clone).collect();
            let mut leaves = Vec::new();
            follow(input, of, &mut leaves)?;
            for (leaf, of) in leaves {
                arrived.push((leaf, Arc::clone(&filter).with_new_children(of)?));
            }
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    let mut astray = astray(&plan, &arrived)?;
    astray.append(&mut partial);
    if held.is_empty() && astray.is_empty() {
        return Ok(plan);
    }
    held.retain(|id| !astray.contains(id));
    let is_among = |ids: &BTreeSet<u64>, filter: &Physical| {
        filter.expression_id().is_some_and(|id| ids.contains(&id))
    };
    replaced(plan, |node| {
        if let Some(scan) = node.downcast_ref::<TikvScanExec>() {
            // Those of the nearest nodes first, as DataFusion gives them.
            let own = arrived.iter().rev().filter(|(leaf, _)| *leaf == identity(node));
            let own = own.map(|(_, filter)| filter).filter(|filter| is_among(&held, filter));
            let scan = scan.with_dynamic_filters(own.map(Arc::clone).collect());
            return Ok(scan.map(|scan| Arc::new(scan) as Plan));
        }
        let makes_one = node.dynamic_expressions_produced().iter().any(|it| is_among(&astray, it));
        // What it made so far is never told anything, and leaves all rows.
        makes_one.then(|| with_another(node)).transpose()
    })
}

/// Whether a node's filter is one of several least and greatest values.
fn is_of_several(node: &Plan) -> bool {
    node.downcast_ref::<AggregateExec>().is_some_and(|aggregate| aggregate.aggr_expr().len() > 1)
}

/// The same node, with a filter that nobody holds yet.
fn with_another(node: &Plan) -> Result<Plan> {
    let Some(aggregate) = node.downcast_ref::<AggregateExec>() else {
        return Arc::clone(node).reset_state();
    };
    // Its filter outlives its state.
    let Some(filter) = node.dynamic_expressions_produced().into_iter().next() else {
        return Ok(Arc::clone(node));
    };
    let of = filter.children().into_iter().map(Arc::clone).collect();
    let another = Arc::new(DynamicFilterPhysicalExpr::new(of, lit(true)));
    Ok(Arc::new(aggregate.clone().with_dynamic_filter_expr(another)?))
}

/// The ids of filters that another leaf than a scan of ours, a file say, holds of columns that are not its own: of such a leaf
/// nothing is taken back.
fn astray(plan: &Plan, arrived: &[(Identity, Physical)]) -> Result<BTreeSet<u64>> {
    let mut astray = BTreeSet::new();
    plan.apply(|node| {
        if !node.children().is_empty() || node.is::<TikvScanExec>() {
            return Ok(TreeNodeRecursion::Continue);
        }
        node.apply_expressions(&mut |expr| {
            for part in dynamic_parts(expr) {
                // A file has no two columns of a name, and may count them otherwise than its output does.
                let is_own = arrived.iter().any(|(leaf, filter)| {
                    *leaf == identity(node)
                        && filter.expression_id() == part.expression_id()
                        && names(filter) == names(&part)
                });
                astray.extend(part.expression_id().filter(|_| !is_own));
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(astray)
}

/// The names of the columns that each part of a filter speaks of.
fn names(filter: &Physical) -> Vec<BTreeSet<String>> {
    let of_one = |part| collect_columns(part).iter().map(|it| it.name().to_owned()).collect();
    filter.children().into_iter().map(of_one).collect()
}

/// What tells a node of a plan from all others.
type Identity = *const ();

fn identity(node: &Plan) -> Identity {
    Arc::as_ptr(node).cast()
}

/// The input that a node's own filter narrows: that in which a join looks for partners, and what is sorted or grouped.
fn narrowed_input(node: &Plan) -> Option<&Plan> {
    match node.downcast_ref::<HashJoinExec>() {
        Some(join) => Some(join.right()),
        None => node.children().into_iter().next(),
    }
}

/// The leaves that a filter of `exprs`, over the output of `node`, narrows, by nodes whose output is the same whether rows are left
/// out before or after them; and what the expressions are there.
fn follow(
    node: &Plan,
    exprs: Vec<Physical>,
    leaves: &mut Vec<(Identity, Vec<Physical>)>,
) -> Result<()> {
    if node.children().is_empty() {
        leaves.push((identity(node), exprs));
        return Ok(());
    }
    if node.fetch().is_some() {
        return Ok(());
    }
    if let Some(projection) = node.downcast_ref::<ProjectionExec>() {
        let of = projection.expr().iter().map(|output| Arc::clone(&output.expr)).collect();
        return follow(projection.input(), inlined(exprs, &of)?, leaves);
    }
    if let Some(filter) = node.downcast_ref::<FilterExec>() {
        let exprs = match filter.projection() {
            Some(places) => inlined(exprs, &columns(places, filter.input()))?,
            None => exprs,
        };
        return follow(filter.input(), exprs, leaves);
    }
    if let Some(join) = node.downcast_ref::<HashJoinExec>() {
        return match below_join(join, &exprs)? {
            Some((side, exprs)) => follow(side, exprs, leaves),
            None => Ok(()),
        };
    }
    if let Some(aggregate) = node.downcast_ref::<AggregateExec>() {
        return match below_aggregate(aggregate, &exprs)? {
            Some(exprs) => follow(aggregate.input(), exprs, leaves),
            None => Ok(()),
        };
    }
    let hands_on = node.is::<CoalescePartitionsExec>()
        || node.is::<RepartitionExec>()
        || node.is::<CooperativeExec>()
        || node.is::<BufferExec>()
        || node.is::<SortExec>()
        || node.is::<SortPreservingMergeExec>()
        || node.is::<UnionExec>();
    for input in node.children().into_iter().filter(|_| hands_on) {
        follow(input, exprs.clone(), leaves)?;
    }
    Ok(())
}

/// The side of a join that all columns of `exprs` are of, and the expressions over it; `None` if they are of both, or if that
/// side's rows come out without a partner changed.
fn below_join<'a>(
    join: &'a HashJoinExec,
    exprs: &[Physical],
) -> Result<Option<(&'a Plan, Vec<Physical>)>> {
    use JoinType::{
        Full, Inner, Left, LeftAnti, LeftMark, LeftSemi, Right, RightAnti, RightMark, RightSemi,
    };
    let (left, right) = (join.left(), join.right());
    let left_columns = left.schema().fields().len();
    // The first column of the right side, in the order of both.
    let right_from = match join.join_type() {
        Inner | Left | Right | Full | LeftSemi | LeftAnti | LeftMark => left_columns,
        RightSemi | RightAnti | RightMark => 0,
    };
    let (keeps_left, keeps_right) = match join.join_type() {
        Inner => (true, true),
        Left | LeftSemi | LeftAnti | LeftMark => (true, false),
        Right | RightSemi | RightAnti | RightMark => (false, true),
        Full => (false, false),
    };
    // Of a column of the output, in the order of both.
    let place = |column: &Column| match join.projection.as_ref() {
        Some(places) => places.get(column.index()).copied(),
        None => Some(column.index()),
    };
    let all = exprs.iter().flat_map(collect_columns);
    let Some(places) = all.map(|column| place(&column)).collect::<Option<Vec<usize>>>() else {
        return Ok(None);
    };
    let is_left = keeps_left && places.iter().all(|place| *place < left_columns);
    let right_columns = right_from..right_from + right.schema().fields().len();
    let is_right = keeps_right && places.iter().all(|place| right_columns.contains(place));
    let (side, first) = match (is_left, is_right) {
        (true, false) => (left, 0),
        (false, true) => (right, right_from),
        _ => return Ok(None),
    };
    let schema = side.schema();
    let moved = |column: &Column| {
        let place = place(column)?.checked_sub(first)?;
        Some(Column::new(schema.fields().get(place)?.name(), place))
    };
    let exprs = exprs.iter().map(|expr| renumbered(expr, moved));
    Ok(Some((side, exprs.collect::<Result<_>>()?)))
}

/// What `exprs` are of the rows that are grouped; `None` if they are not of the keys of groups alone.
fn below_aggregate(aggregate: &AggregateExec, exprs: &[Physical]) -> Result<Option<Vec<Physical>>> {
    let keys = aggregate.group_expr();
    let is_of_keys = |column: &Column| column.index() < keys.expr().len();
    // A group of all rows is there without any, and a limited number of groups is another one of fewer rows.
    let is_plain = keys.is_single() && !keys.is_empty() && aggregate.limit_options().is_none();
    if !is_plain || !exprs.iter().flat_map(collect_columns).all(|column| is_of_keys(&column)) {
        return Ok(None);
    }
    let of = keys.expr().iter().map(|(key, _)| Arc::clone(key)).collect();
    inlined(exprs.to_vec(), &of).map(Some)
}
