//! Aggregates of a scan's rows: the stores make the partial states.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::physical_plan::ExecutionPlan as _;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};

use super::below::{Below, over};
use super::{Plan, replaced};
use crate::TikvScanExec;
use crate::pushdown::lower::{AggregateCall, Grouping, Physical};
use crate::pushdown::refusal::{Reason, Refusal};

/// Has the stores aggregate what they scan; what comes of several regions is put together here.
pub(super) fn optimize(plan: Plan, _config: &ConfigOptions) -> Result<Plan> {
    replaced(plan, |node| node.downcast_ref::<AggregateExec>().map_or(Ok(None), rewritten))
}

/// What takes the place of an aggregate over a scan; `None` for itself.
fn rewritten(aggregate: &AggregateExec) -> Result<Option<Plan>> {
    match aggregate.mode() {
        AggregateMode::Partial => {}
        AggregateMode::Single | AggregateMode::SinglePartitioned => {
            return in_two_steps(aggregate);
        }
        _ => return Ok(None),
    }
    let Some(below) = Below::find(aggregate.input(), exprs_of(aggregate))? else { return Ok(None) };
    if !below.scan.is_plain() || !below.scan.allows_aggregates() {
        return Ok(None);
    }
    match pushed(aggregate, &below) {
        Ok(scan) => Ok(Some(Arc::new(scan?))),
        Err(refusal) => {
            let input = below.above(below.scan.refusing(refusal))?;
            let plan = AggregateExec::clone(aggregate);
            Ok(Some(over(Arc::new(plan), input)?))
        }
    }
}

/// An aggregate in one step as one in two, if the stores can do the first.
fn in_two_steps(aggregate: &AggregateExec) -> Result<Option<Plan>> {
    let partial = AggregateExec::try_new(
        AggregateMode::Partial,
        aggregate.group_expr().clone(),
        aggregate.aggr_expr().to_vec(),
        aggregate.filter_expr().to_vec(),
        Arc::clone(aggregate.input()),
        aggregate.input_schema(),
    )?
    .with_limit_options(aggregate.limit_options());
    let Some(scan) = rewritten(&partial)?.filter(|plan| plan.is::<TikvScanExec>()) else {
        return Ok(None);
    };
    let made = AggregateExec::try_new(
        AggregateMode::Final,
        aggregate.group_expr().as_final(),
        partial.aggr_expr().to_vec(),
        vec![None; partial.aggr_expr().len()],
        scan,
        aggregate.input_schema(),
    )?;
    Ok(Some(Arc::new(made.with_limit_options(aggregate.limit_options()))))
}

/// All expressions of an aggregate: its keys, then each function's arguments and filter.
fn exprs_of(aggregate: &AggregateExec) -> Vec<Physical> {
    let keys = aggregate.group_expr().input_exprs().into_iter();
    let calls = aggregate.aggr_expr().iter().zip(aggregate.filter_expr());
    let calls = calls.flat_map(|(function, filter)| {
        function.expressions().into_iter().chain(filter.as_ref().map(Arc::clone))
    });
    keys.chain(calls).collect()
}

/// The scan of the partial states.
fn pushed(aggregate: &AggregateExec, below: &Below<'_>) -> Result<Result<TikvScanExec>, Refusal> {
    let refuse = |why| Refusal { expr: "aggregates".to_owned(), reason: Reason::Special(why) };
    if aggregate.group_expr().has_grouping_set() {
        return Err(refuse("the stores have no grouping sets"));
    }
    if aggregate.limit_options().is_some() {
        return Err(refuse("a few groups are enough, which the first rows may have"));
    }
    let mut exprs = below.exprs.iter().map(Arc::clone);
    let keys: Vec<Physical> = exprs.by_ref().take(aggregate.group_expr().expr().len()).collect();
    let functions = aggregate.aggr_expr().iter().zip(aggregate.filter_expr());
    let calls: Vec<AggregateCall> = functions
        .map(|(function, filter)| AggregateCall {
            function: Arc::clone(function),
            args: exprs.by_ref().take(function.expressions().len()).collect(),
            filter: filter.as_ref().and_then(|_| exprs.next()),
        })
        .collect();
    if keys.is_empty() && calls.is_empty() {
        return Err(refuse("there is nothing to send"));
    }
    if below.scan.has_groups_of_one(&keys) {
        return Err(refuse("nearly every row is a group of its own"));
    }
    let states = aggregate.schema();
    let grouping = Grouping { keys: &keys, calls: &calls, states: &states };
    let partial = below.scan.partial(grouping)?;
    let scan = below.scan.filtered(&below.filters)?;
    Ok(scan.aggregated(partial, &states).map_err(Into::into))
}
