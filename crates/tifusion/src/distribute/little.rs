//! What is not worth several machines.

use std::sync::Arc;

use datafusion::catalog::Session;
use datafusion::common::Result as DataFusionResult;
use datafusion::common::tree_node::{TreeNode as _, TreeNodeRecursion};
use datafusion::datasource::source_as_provider;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::joins::{CrossJoinExec, NestedLoopJoinExec};
use datafusion::physical_planner::{DefaultPhysicalPlanner, PhysicalPlanner as _};

use crate::allowance::{Allowance, TooMuch};
use crate::config::TidbOptions;
use crate::table::TidbTable;

/// Pairs of rows that joins without keys may look at, for each row that may be read.
const PAIRS: f64 = 100.0;

/// The operators that give the rows of a plan, or explain it, in this process, if the scans of its tables, all of them
/// TiDB's, are expected to read fewer rows than `plan.distribute_min_rows`: as many as there are in the keys that they ask
/// for, by the keys' number or by the statistics, or as they are limited to. `None` for others, and where nobody knows.
///
/// # Errors
/// When the plan can't be made here.
pub async fn plan_of_little(
    plan: &LogicalPlan,
    session: &dyn Session,
) -> DataFusionResult<Option<Arc<dyn ExecutionPlan>>> {
    let Some(state) = session.as_any().downcast_ref::<SessionState>() else { return Ok(None) };
    let config = TidbOptions::config_of(state.config_options()).unwrap_or_default();
    let most = config.settings().distribute_min_rows;
    if most == 0 || !reads_stores_alone(plan)? {
        return Ok(None);
    }
    let (explained, planner) = (explained(plan), DefaultPhysicalPlanner::default());
    let mut allowed = state.clone();
    let allowance = Arc::new(Allowance::below(most));
    allowed.config_mut().set_extension(Arc::clone(&allowance));
    let planned = match planner.create_physical_plan(explained.unwrap_or(plan), &allowed).await {
        Err(error) if TooMuch::is_why(&error) => return Ok(None),
        planned => planned?,
    };
    if pairs(&planned, allowance.taken())? > as_f64(most) * PAIRS {
        return Ok(None);
    }
    match explained {
        // What fails in what is explained is a part of the explanation, and nothing has.
        Some(_) => planner.create_physical_plan(plan, session).await.map(Some),
        None => Ok(Some(planned)),
    }
}

/// Most pairs of rows that the joins without keys of a plan look at, which reads so many rows.
fn pairs(plan: &Arc<dyn ExecutionPlan>, rows: u64) -> DataFusionResult<f64> {
    let mut sides = 1;
    plan.apply(|node| {
        let is_pairing = node.is::<CrossJoinExec>() || node.is::<NestedLoopJoinExec>();
        sides += i32::from(is_pairing);
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok((as_f64(rows) / f64::from(sides)).powi(sides))
}

#[expect(clippy::cast_precision_loss, reason = "a bound needs no more than 53 bits")]
fn as_f64(rows: u64) -> f64 {
    rows as f64
}

/// What a plan explains.
fn explained(plan: &LogicalPlan) -> Option<&LogicalPlan> {
    match plan {
        LogicalPlan::Explain(explain) => Some(&explain.plan),
        LogicalPlan::Analyze(analyze) => Some(&analyze.input),
        _ => None,
    }
}

/// Whether all tables of a plan are read from the stores, and nothing is written: to files, say, which are those of
/// executors.
fn reads_stores_alone(plan: &LogicalPlan) -> DataFusionResult<bool> {
    let mut is_so = true;
    plan.apply_with_subqueries(|node| {
        match node {
            LogicalPlan::TableScan(scan) => {
                let provider = source_as_provider(&scan.source)?;
                let table = provider.downcast_ref::<TidbTable>();
                is_so &= table.is_some_and(|table| table.cluster().read_port().is_none());
            }
            LogicalPlan::Copy(_) | LogicalPlan::Dml(_) | LogicalPlan::Ddl(_) => is_so = false,
            _ => {}
        }
        Ok(if is_so { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
    })?;
    Ok(is_so)
}
