//! Arithmetic of integers that does not wrap around.
//!
//! DataFusion adds, subtracts and multiplies `BIGINT`s modulo 2^64. What is written must not come about so, nor
//! must a filter that says what is deleted: TiDB has an error there. Here such expressions are of decimals
//! instead, which hold all results, and what does not fit its column is refused there.

use arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode as _, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{
    BinaryExpr, Expr, ExprSchemable as _, LogicalPlan, Operator, Values, cast,
};

/// Holds every `BIGINT` and `BIGINT UNSIGNED`.
const WIDE: DataType = DataType::Decimal128(20, 0);

/// The plan of a statement's query with exact arithmetic in what it selects and filters by.
///
/// # Errors
/// When a plan can't be put together again.
pub(super) fn exact(plan: LogicalPlan) -> Result<LogicalPlan> {
    match plan {
        LogicalPlan::Sort(_) | LogicalPlan::Limit(_) | LogicalPlan::SubqueryAlias(_) => {
            let plan = plan.map_children(|child| exact(child).map(Transformed::yes))?;
            plan.data.recompute_schema()
        }
        LogicalPlan::Projection(_) => {
            let plan = plan.map_children(|child| match child {
                LogicalPlan::Filter(_) => expressions(child).map(Transformed::yes),
                // Columns that rows are sorted by are selected below what is written.
                LogicalPlan::Sort(_) | LogicalPlan::Limit(_) | LogicalPlan::Projection(_) => {
                    exact(child).map(Transformed::yes)
                }
                child => Ok(Transformed::no(child)),
            })?;
            expressions(plan.data)
        }
        LogicalPlan::Values(Values { values, .. }) => {
            let nothing = DFSchema::empty();
            let row = |row: Vec<Expr>| row.into_iter().map(|expr| widened(expr, &nothing));
            let rows = values.into_iter().map(|values| row(values).collect::<Result<Vec<_>>>());
            datafusion::logical_expr::LogicalPlanBuilder::values(rows.collect::<Result<_>>()?)?
                .build()
        }
        plan => Ok(plan),
    }
}

/// The same node with its expressions widened, under the names they had.
fn expressions(plan: LogicalPlan) -> Result<LogicalPlan> {
    let [input] = plan.inputs()[..] else { return Ok(plan) };
    let schema = std::sync::Arc::clone(input.schema());
    let names = NamePreserver::new(&plan);
    let plan = plan.map_expressions(|expr| {
        let name = names.save(&expr);
        widened(expr, &schema).map(|expr| Transformed::yes(name.restore(expr)))
    })?;
    plan.data.recompute_schema()
}

fn widened(expr: Expr, schema: &DFSchema) -> Result<Expr> {
    let arguments = |expr: Expr| match expr {
        Expr::ScalarFunction(call) => {
            let args = call.args.into_iter().map(|arg| argument(arg, schema));
            let call = ScalarFunction { args: args.collect::<Result<_>>()?, ..call };
            Ok(Transformed::new(Expr::ScalarFunction(call), true, TreeNodeRecursion::Jump))
        }
        other => Ok(Transformed::no(other)),
    };
    let operators = |expr: Expr| {
        let Expr::BinaryExpr(BinaryExpr { left, op, right }) = expr else {
            return Ok(Transformed::no(expr));
        };
        let is_integer =
            |side: &Expr| side.get_type(schema).is_ok_and(|data_type| data_type.is_integer());
        let wraps = matches!(op, Operator::Plus | Operator::Minus | Operator::Multiply);
        if !wraps || !is_integer(&left) || !is_integer(&right) {
            return Ok(Transformed::no(Expr::BinaryExpr(BinaryExpr { left, op, right })));
        }
        let (left, right) = (cast(*left, WIDE), cast(*right, WIDE));
        Ok(Transformed::yes(Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right)))))
    };
    Ok(expr.transform_down_up(arguments, operators)?.data)
}

/// An argument of a function: an integer stays one, as many functions take nothing else, and fails where it has no room.
fn argument(arg: Expr, schema: &DFSchema) -> Result<Expr> {
    let before = arg.get_type(schema);
    let arg = widened(arg, schema)?;
    match before {
        Ok(before) if before.is_integer() && arg.get_type(schema)? != before => {
            Ok(cast(arg, before))
        }
        _ => Ok(arg),
    }
}
