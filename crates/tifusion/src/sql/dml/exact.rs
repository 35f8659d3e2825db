//! Arithmetic of integers that does not wrap around.
//!
//! DataFusion adds, subtracts, multiplies and sums integers modulo their width. What is written must not come about so, nor
//! must a filter that says what is deleted: TiDB has an error there, or a wider type. Here such expressions are of decimals
//! instead, which hold all results, and what does not fit its column is refused there.

use arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode as _, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr::{
    AggregateFunction, ScalarFunction, WindowFunction, WindowFunctionDefinition,
};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    BinaryExpr, Expr, ExprSchemable as _, LogicalPlan, LogicalPlanBuilder, Operator, Union, Values,
    cast,
};

/// Holds every `BIGINT` and `BIGINT UNSIGNED`.
const WIDE: DataType = DataType::Decimal128(20, 0);

/// The plan of a statement's query with exact arithmetic.
///
/// # Errors
/// When a plan can't be put together again.
pub(super) fn exact(plan: LogicalPlan) -> Result<LogicalPlan> {
    // Each round has the types of the first one.
    if matches!(plan, LogicalPlan::RecursiveQuery(_)) {
        return Ok(plan);
    }
    let plan = plan.map_children(|child| exact(child).map(Transformed::yes))?.data;
    let plan = plan.map_subqueries(|subquery| exact(subquery).map(Transformed::yes))?.data;
    match plan {
        LogicalPlan::Values(Values { values, .. }) => {
            let nothing = DFSchema::empty();
            let row = |row: Vec<Expr>| row.into_iter().map(|expr| widened(expr, &nothing));
            let rows = values.into_iter().map(|values| row(values).collect::<Result<Vec<_>>>());
            LogicalPlanBuilder::values(rows.collect::<Result<_>>()?)?.build()
        }
        LogicalPlan::Projection(_)
        | LogicalPlan::Filter(_)
        | LogicalPlan::Join(_)
        | LogicalPlan::Aggregate(_)
        | LogicalPlan::Window(_)
        | LogicalPlan::Sort(_)
        | LogicalPlan::Distinct(_) => expressions(plan),
        LogicalPlan::Union(Union { inputs, .. }) => {
            Union::try_new_with_loose_types(inputs).map(LogicalPlan::Union)
        }
        plan => plan.recompute_schema(),
    }
}

/// The same node with its expressions widened, under the names they had.
fn expressions(plan: LogicalPlan) -> Result<LogicalPlan> {
    let schema = merge_schema(&plan.inputs());
    let names = NamePreserver::new(&plan);
    let plan = plan.map_expressions(|expr| {
        let name = names.save(&expr);
        widened(expr, &schema).map(|expr| Transformed::yes(name.restore(expr)))
    })?;
    plan.data.recompute_schema()
}

fn widened(expr: Expr, schema: &DFSchema) -> Result<Expr> {
    Ok(expr.transform_down_up(|expr| arguments(expr, schema), |expr| operators(expr, schema))?.data)
}

/// Functions, whose arguments are looked at by themselves.
fn arguments(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let all = |name: &str, args: Vec<Expr>| -> Result<Vec<Expr>> {
        args.into_iter().map(|arg| argument(name, arg, schema)).collect()
    };
    let known = match expr {
        Expr::ScalarFunction(ScalarFunction { func, args }) => {
            let args = all(func.name(), args)?;
            Expr::ScalarFunction(ScalarFunction { func, args })
        }
        Expr::AggregateFunction(AggregateFunction { func, mut params }) => {
            params.args = all(func.name(), params.args)?;
            Expr::AggregateFunction(AggregateFunction { func, params })
        }
        Expr::WindowFunction(window) => {
            let WindowFunction { fun, mut params } = *window;
            let name = match &fun {
                WindowFunctionDefinition::AggregateUDF(function) => function.name(),
                WindowFunctionDefinition::WindowUDF(function) => function.name(),
            };
            params.args = all(name, params.args)?;
            Expr::WindowFunction(Box::new(WindowFunction { fun, params }))
        }
        other => return Ok(Transformed::no(other)),
    };
    Ok(Transformed::new(known, true, TreeNodeRecursion::Jump))
}

/// An argument of a function: an integer stays one, as many functions take nothing else, and fails where it has no room.
fn argument(function: &str, arg: Expr, schema: &DFSchema) -> Result<Expr> {
    let before = arg.get_type(schema);
    let arg = widened(arg, schema)?;
    let Ok(before) = before else { return Ok(arg) };
    if !before.is_integer() {
        return Ok(arg);
    }
    let is_wide = arg.get_type(schema)? != before;
    Ok(match function {
        "sum" if !is_wide => cast(arg, WIDE),
        "sum" | "min" | "max" | "count" => arg,
        _ if is_wide => cast(arg, before),
        _ => arg,
    })
}

fn operators(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let is_integer =
        |side: &Expr| side.get_type(schema).is_ok_and(|data_type| data_type.is_integer());
    Ok(match expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right })
            if matches!(op, Operator::Plus | Operator::Minus | Operator::Multiply)
                && is_integer(&left)
                && is_integer(&right) =>
        {
            let (left, right) = (cast(*left, WIDE), cast(*right, WIDE));
            Transformed::yes(Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right))))
        }
        // The least number has no opposite.
        Expr::Negative(inner) if !matches!(*inner, Expr::Literal(..)) && is_integer(&inner) => {
            Transformed::yes(Expr::Negative(Box::new(cast(*inner, WIDE))))
        }
        other => Transformed::no(other),
    })
}
