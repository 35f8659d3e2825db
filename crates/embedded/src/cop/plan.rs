//! From a request's plan to executors.

use std::ops::Range;

use tifusion_proto::coprocessor::KeyRange;
use tifusion_proto::tipb::{self, ByItem, DagRequest, ExecType, FieldType};

use super::context::EvalContext;
use super::error::CopError;
use super::exec::{
    Aggregator, Executor, Limit, PairReader, Projection, Scan, Selection, SortKey, TopN, Watched,
};
use super::expr::Expression;
use super::scan::{IndexReader, RangeScanner, TableReader};

/// What executors are built from besides the plan itself.
pub(crate) struct Source<'a> {
    /// The ranges to scan.
    pub(crate) ranges: &'a [KeyRange],
    /// The part of the key space that the region has; an empty end is its end.
    pub(crate) region: Range<Vec<u8>>,
    /// How to evaluate.
    pub(crate) eval: &'a EvalContext,
    /// Rows of a page, when the request is paged.
    pub(crate) page: Option<usize>,
    /// Whether executors count what they do.
    pub(crate) watch: bool,
}

/// Builds the executors of a request, the last one outermost.
///
/// # Errors
/// [`CopError::Other`] for what this cluster can't run, by name.
pub(crate) fn build(
    request: &DagRequest,
    source: &Source<'_>,
) -> Result<Box<dyn Executor>, CopError> {
    let executors = list(request)?;
    let mut steps = executors.iter();
    let first = steps.next().ok_or_else(|| CopError::plan("No executors"))?;
    let mut top = watch(source, first, scan(first, source)?);
    let mut over_scan = true;
    for (at, step) in steps.enumerate() {
        if step.parent_idx.is_some_and(|parent| parent != 0)
            && step.parent_idx != u32::try_from(at + 2).ok()
        {
            return Err(CopError::plan("a plan that is not a line of executors"));
        }
        let next = add(step, top, source, over_scan)?;
        top = watch(source, step, next);
        over_scan = false;
    }
    Ok(top)
}

fn watch(
    source: &Source<'_>,
    step: &tipb::Executor,
    inner: Box<dyn Executor>,
) -> Box<dyn Executor> {
    if source.watch { Box::new(Watched::new(inner, step.executor_id.clone())) } else { inner }
}

/// The executors as a list, the scan first; a tree is taken apart from its root.
fn list(request: &DagRequest) -> Result<Vec<tipb::Executor>, CopError> {
    let Some(root) = &request.root_executor else { return Ok(request.executors.clone()) };
    let mut line = Vec::new();
    let mut at = Some(root.clone());
    while let Some(mut executor) = at {
        at = take_child(&mut executor).map(|child| *child);
        line.push(executor);
    }
    line.reverse();
    Ok(line)
}

fn take_child(executor: &mut tipb::Executor) -> Option<Box<tipb::Executor>> {
    match executor.tp() {
        ExecType::TypeSelection => executor.selection.as_mut()?.child.take(),
        ExecType::TypeProjection => executor.projection.as_mut()?.child.take(),
        ExecType::TypeAggregation | ExecType::TypeStreamAgg => {
            executor.aggregation.as_mut()?.child.take()
        }
        ExecType::TypeTopN => executor.top_n.as_mut()?.child.take(),
        ExecType::TypeLimit => executor.limit.as_mut()?.child.take(),
        _ => None,
    }
}

fn scan(step: &tipb::Executor, source: &Source<'_>) -> Result<Box<dyn Executor>, CopError> {
    let ranges = |descending: bool, accept_points: bool| {
        RangeScanner::new(source.ranges, source.region.clone(), descending, accept_points)
    };
    match step.tp() {
        ExecType::TypeTableScan => {
            let scan = step.tbl_scan.as_ref().ok_or_else(|| missing(step))?;
            if !scan.pushed_down_filter_conditions.is_empty() {
                return Err(CopError::plan("conditions inside of a table scan"));
            }
            let reader =
                TableReader::new(&scan.columns, &scan.primary_column_ids, source.eval.zone)?;
            let ranges = ranges(scan.desc(), scan.primary_column_ids.is_empty())?;
            Ok(Box::new(Scan::new(ranges, PairReader::Table(reader))))
        }
        ExecType::TypeIndexScan => {
            let scan = step.idx_scan.as_ref().ok_or_else(|| missing(step))?;
            let reader =
                IndexReader::new(&scan.columns, &scan.primary_column_ids, source.eval.zone)?;
            let ranges = ranges(scan.desc(), scan.unique())?;
            Ok(Box::new(Scan::new(ranges, PairReader::Index(reader))))
        }
        other => Err(CopError::plan(format!("Unexpected first executor {other:?}"))),
    }
}

fn add(
    step: &tipb::Executor,
    child: Box<dyn Executor>,
    source: &Source<'_>,
    over_scan: bool,
) -> Result<Box<dyn Executor>, CopError> {
    let eval = source.eval;
    let columns = child.schema().len();
    match step.tp() {
        ExecType::TypeSelection => {
            let selection = step.selection.as_ref().ok_or_else(|| missing(step))?;
            refuse_rpn(!selection.rpn_conditions.is_empty())?;
            let conditions = Expression::build_all(&selection.conditions, columns, eval)?;
            Ok(Box::new(Selection::new(child, conditions)))
        }
        ExecType::TypeProjection => {
            let projection = step.projection.as_ref().ok_or_else(|| missing(step))?;
            refuse_rpn(!projection.rpn_exprs.is_empty())?;
            let exprs = Expression::build_all(&projection.exprs, columns, eval)?;
            Ok(Box::new(Projection::new(child, exprs)))
        }
        ExecType::TypeLimit => {
            let limit = step.limit.as_ref().ok_or_else(|| missing(step))?;
            if !limit.truncate_key_expr.is_empty() {
                return Err(CopError::plan("a limit with truncate keys"));
            }
            let rows = usize::try_from(limit.limit()).unwrap_or(usize::MAX);
            if !limit.partition_by.is_empty() {
                let partition_by = sort_keys(&limit.partition_by, child.schema(), eval)?;
                return Ok(Box::new(TopN::new(child, partition_by, Vec::new(), rows)));
            }
            Ok(Box::new(Limit::new(child, rows, over_scan)))
        }
        ExecType::TypeAggregation | ExecType::TypeStreamAgg => {
            let plan = step.aggregation.as_ref().ok_or_else(|| missing(step))?;
            refuse_rpn(!plan.rpn_group_by.is_empty() || !plan.rpn_agg_func.is_empty())?;
            let is_streamed = step.tp() == ExecType::TypeStreamAgg;
            Ok(Box::new(Aggregator::new(child, plan, is_streamed, source.page, source.eval)?))
        }
        ExecType::TypeTopN => {
            let top_n = step.top_n.as_ref().ok_or_else(|| missing(step))?;
            let rows = usize::try_from(top_n.limit()).unwrap_or(usize::MAX);
            let partition_by = sort_keys(&top_n.partition_by, child.schema(), eval)?;
            let order_by = sort_keys(&top_n.order_by, child.schema(), eval)?;
            Ok(Box::new(TopN::new(child, partition_by, order_by, rows)))
        }
        other => Err(CopError::plan(format!("{other:?} executor not implemented"))),
    }
}

fn sort_keys(
    items: &[ByItem],
    schema: &[FieldType],
    eval: &EvalContext,
) -> Result<Vec<SortKey>, CopError> {
    let key = |item: &ByItem| {
        refuse_rpn(item.rpn_expr.is_some())?;
        let expr = item.expr.as_ref().ok_or_else(|| CopError::plan("an order by nothing"))?;
        SortKey::new(Expression::build(expr, schema.len(), eval)?, item.desc(), schema)
    };
    items.iter().map(key).collect()
}

fn refuse_rpn(is_rpn: bool) -> Result<(), CopError> {
    if is_rpn { Err(CopError::plan("expressions in reverse Polish notation")) } else { Ok(()) }
}

fn missing(step: &tipb::Executor) -> CopError {
    CopError::plan(format!("an executor {:?} without its plan", step.tp()))
}
