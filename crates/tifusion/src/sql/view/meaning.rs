//! What a view means in TiDB, where that depends on types.
//!
//! Sums and products of integers are computed in 64 bits there, sums of columns in decimals: the plan is
//! made to. What else differs by type is refused by name.

use arrow::datatypes::{DataType, IntervalUnit};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::expr::{AggregateFunction, InSubquery, WindowFunctionDefinition};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    BinaryExpr, Distinct, Expr, ExprSchemable, LogicalPlan, Operator, cast,
};

use super::collation::Collations;
use super::differs;
use crate::error::Result;

/// The plan of a view as TiDB means it.
///
/// # Errors
/// When it has what DataFusion computes differently.
pub(super) fn check(plan: LogicalPlan) -> Result<LogicalPlan> {
    let mut collations = Collations::default();
    let checked = plan.transform_up_with_subqueries(|node| {
        let node = check_node(node, &mut collations)?;
        Ok(Transformed::yes(node))
    })?;
    collations.finish()?;
    Ok(checked.data)
}

fn check_node(
    node: LogicalPlan,
    collations: &mut Collations,
) -> Result<LogicalPlan, DataFusionError> {
    let schema = merge_schema(&node.inputs());
    collations.scan(&node);
    match &node {
        LogicalPlan::Sort(sort) => {
            for key in &sort.expr {
                ordered(&key.expr, &schema, collations)?;
            }
        }
        LogicalPlan::Aggregate(aggregate) => {
            for key in &aggregate.group_expr {
                collations.compare(&key.get_type(&schema)?);
            }
        }
        LogicalPlan::Distinct(Distinct::All(input)) => {
            input.schema().fields().iter().for_each(|field| collations.compare(field.data_type()));
        }
        LogicalPlan::Join(join) => {
            for (left, right) in &join.on {
                let types = (left.get_type(&schema)?, right.get_type(&schema)?);
                comparable((left, &types.0), (right, &types.1), collations)?;
            }
        }
        _ => {}
    }
    let preserver = NamePreserver::new(&node);
    let node = node.map_expressions(|expr| {
        let name = preserver.save(&expr);
        let expr = expr.transform_up(|expr| check_expr(expr, &schema, collations))?;
        Ok(expr.update_data(|expr| name.restore(expr)))
    })?;
    node.data.recompute_schema()
}

/// One expression, whose parts were checked.
fn check_expr(
    expr: Expr,
    schema: &DFSchema,
    collations: &mut Collations,
) -> Result<Transformed<Expr>, DataFusionError> {
    match &expr {
        Expr::Column(column) => collations.use_column(&column.name),
        Expr::BinaryExpr(binary) => return binary_expr(binary.clone(), schema, collations),
        Expr::Negative(inner) if inner.get_type(schema)?.is_integer() => {
            return Ok(Transformed::yes(Expr::Negative(Box::new(wide(inner, schema)?))));
        }
        Expr::Between(between) => {
            for bound in [&between.low, &between.high] {
                compare(&between.expr, bound, schema, collations)?;
            }
        }
        Expr::InList(list) => {
            for item in &list.list {
                compare(&list.expr, item, schema, collations)?;
            }
        }
        Expr::InSubquery(InSubquery { expr, subquery, .. }) => {
            let within = subquery.subquery.schema().field(0).data_type().clone();
            let outside = expr.get_type(schema)?;
            comparable((expr, &outside), (expr, &within), collations)?;
        }
        Expr::Like(like) => compare(&like.expr, &like.pattern, schema, collations)?,
        Expr::Case(case) => {
            for (when, _) in &case.when_then_expr {
                if let Some(operand) = &case.expr {
                    compare(operand, when, schema, collations)?;
                }
            }
        }
        Expr::Cast(given) => {
            let (from, to) = (given.expr.get_type(schema)?, given.field.data_type().clone());
            if !is_same_cast(&from, &to) {
                return Err(differs(&expr, &format!("TiDB makes another {to} of {from}")).into());
            }
        }
        Expr::AggregateFunction(function) => return aggregate(function, schema, collations),
        Expr::WindowFunction(window) => {
            let given = &window.params;
            for key in &given.order_by {
                ordered(&key.expr, schema, collations)?;
            }
            for key in &given.partition_by {
                collations.compare(&key.get_type(schema)?);
            }
            if let WindowFunctionDefinition::AggregateUDF(function) = &window.fun {
                adds(function.name(), &given.args, schema, collations)?;
            }
        }
        Expr::ScalarFunction(function) => {
            for arg in &function.args {
                let is_time = matches!(function.name(), "date_part");
                let given = arg.get_type(schema)?;
                if is_time && class(&given) == Class::Text && !matches!(arg, Expr::Literal(..)) {
                    return Err(differs(&expr, "it is given text, not a time").into());
                }
                if function.name() == "nullif" {
                    collations.compare(&given);
                }
            }
        }
        _ => {}
    }
    Ok(Transformed::no(expr))
}

fn binary_expr(
    binary: BinaryExpr,
    schema: &DFSchema,
    collations: &mut Collations,
) -> Result<Transformed<Expr>, DataFusionError> {
    let BinaryExpr { left, op, right } = &binary;
    let types = (left.get_type(schema)?, right.get_type(schema)?);
    if op.supports_propagation() {
        compare(left, right, schema, collations)?;
        return Ok(Transformed::no(Expr::BinaryExpr(binary)));
    }
    match op {
        Operator::Plus | Operator::Minus | Operator::Multiply | Operator::Modulo => {
            if types.0.is_integer() && types.1.is_integer() {
                let (left, right) = (wide(left, schema)?, wide(right, schema)?);
                let (left, right) = (Box::new(left), Box::new(right));
                return Ok(Transformed::yes(Expr::BinaryExpr(BinaryExpr { left, op: *op, right })));
            }
            let is_number = |ty: &DataType| ty.is_numeric() || *ty == DataType::Null;
            let is_same = match op {
                Operator::Modulo => false,
                _ if is_number(&types.0) && is_number(&types.1) => true,
                Operator::Plus => {
                    moves(&types.0, right, &types.1) || moves(&types.1, left, &types.0)
                }
                Operator::Minus => moves(&types.0, right, &types.1),
                _ => false,
            };
            if !is_same {
                let why = format!("of {} and {}, TiDB computes it differently", types.0, types.1);
                return Err(differs(Expr::BinaryExpr(binary), &why).into());
            }
        }
        Operator::StringConcat => {
            let is_plain = |ty: &DataType| {
                matches!(class(ty), Class::Text | Class::Enum | Class::Null)
                    || ty.is_integer()
                    || ty.is_decimal()
            };
            if !is_plain(&types.0) || !is_plain(&types.1) {
                let why = format!("of {} and {}, TiDB writes it differently", types.0, types.1);
                return Err(differs("CONCAT()", &why).into());
            }
        }
        _ => {}
    }
    Ok(Transformed::no(Expr::BinaryExpr(binary)))
}

/// An integer in the 64 bits that TiDB computes in.
fn wide(expr: &Expr, schema: &DFSchema) -> Result<Expr, DataFusionError> {
    match expr.get_type(schema)? {
        DataType::Int64 => Ok(expr.clone()),
        DataType::UInt64 => {
            Err(differs(expr, "BIGINT UNSIGNED in arithmetic: TiDB's results are unsigned").into())
        }
        _ => Ok(cast(expr.clone(), DataType::Int64)),
    }
}

/// Whether an interval moves a time as it does in TiDB.
fn moves(time: &DataType, interval: &Expr, interval_type: &DataType) -> bool {
    let DataType::Interval(unit) = interval_type else { return false };
    match (time, unit, interval) {
        (DataType::Timestamp(_, None), _, _) => true,
        (DataType::Date32, IntervalUnit::YearMonth, _) => true,
        // A day and a time of day would be a DATETIME in TiDB.
        (DataType::Date32, _, Expr::Literal(ScalarValue::IntervalMonthDayNano(Some(span)), _)) => {
            span.nanoseconds == 0
        }
        _ => false,
    }
}

fn aggregate(
    function: &AggregateFunction,
    schema: &DFSchema,
    collations: &mut Collations,
) -> Result<Transformed<Expr>, DataFusionError> {
    let params = &function.params;
    for key in &params.order_by {
        ordered(&key.expr, schema, collations)?;
    }
    if params.distinct {
        for arg in &params.args {
            collations.compare(&arg.get_type(schema)?);
        }
    }
    adds(function.func.name(), &params.args, schema, collations)?;
    let mut function = function.clone();
    if let ("sum", [arg]) = (function.func.name(), function.params.args.as_mut_slice())
        && arg.get_type(schema)?.is_integer()
    {
        *arg = cast(arg.clone(), DataType::Decimal128(20, 0));
        return Ok(Transformed::yes(Expr::AggregateFunction(function)));
    }
    Ok(Transformed::no(Expr::AggregateFunction(function)))
}

/// Refuses an aggregate of what TiDB adds up, or orders, differently.
fn adds(
    name: &str,
    args: &[Expr],
    schema: &DFSchema,
    collations: &mut Collations,
) -> Result<(), DataFusionError> {
    for arg in args {
        let ty = arg.get_type(schema)?;
        let is_same = match name {
            "count" => true,
            "sum" => ty.is_numeric(),
            "avg" => ty.is_floating(),
            "min" | "max" => {
                ordered(arg, schema, collations)?;
                true
            }
            _ => false,
        };
        if !is_same {
            let why =
                format!("of {ty}, TiDB computes it differently (AVG rounds to four more digits)");
            return Err(differs(format!("{name}()"), &why).into());
        }
    }
    Ok(())
}

/// Refuses an order that TiDB does not have.
fn ordered(
    expr: &Expr,
    schema: &DFSchema,
    collations: &mut Collations,
) -> Result<(), DataFusionError> {
    let ty = expr.get_type(schema)?;
    if class(&ty) == Class::Enum || is_json(expr, schema) {
        return Err(differs(expr, "TiDB orders ENUM and JSON otherwise than their text").into());
    }
    collations.compare(&ty);
    Ok(())
}

fn is_json(expr: &Expr, schema: &DFSchema) -> bool {
    let field = expr.to_field(schema);
    field.is_ok_and(|(_, field)| field.metadata().contains_key("ARROW:extension:name"))
}

fn compare(
    one: &Expr,
    other: &Expr,
    schema: &DFSchema,
    collations: &mut Collations,
) -> Result<(), DataFusionError> {
    if is_json(one, schema) || is_json(other, schema) {
        return Err(differs(one, "TiDB compares JSON otherwise than its text").into());
    }
    let types = (one.get_type(schema)?, other.get_type(schema)?);
    comparable((one, &types.0), (other, &types.1), collations)
}

/// Refuses to compare what TiDB converts otherwise.
fn comparable(
    (one, one_type): (&Expr, &DataType),
    (other, other_type): (&Expr, &DataType),
    collations: &mut Collations,
) -> Result<(), DataFusionError> {
    use Class::{Bool, Duration, Enum, Null, Number, Text, Time};
    collations.compare(one_type);
    collations.compare(other_type);
    let is_literal = |expr: &Expr| matches!(expr, Expr::Literal(..));
    let is_same = match (class(one_type), class(other_type)) {
        (Class::Other, _) | (_, Class::Other) => false,
        (Null, _) | (_, Null) | (Number, Bool) | (Bool, Number) | (Enum, Text) | (Text, Enum) => {
            true
        }
        (Time | Duration, Text) => is_literal(other),
        (Text, Time | Duration) => is_literal(one),
        (one, other) => one == other,
    };
    if is_same {
        return Ok(());
    }
    let why = format!("of {one_type} and {other_type}, TiDB compares them differently");
    Err(differs(format!("a comparison of {one} and {other}"), &why).into())
}

/// What of a type comparisons go by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Null,
    Bool,
    Number,
    Text,
    Enum,
    Bytes,
    Time,
    Duration,
    Other,
}

fn class(ty: &DataType) -> Class {
    match ty {
        DataType::Null => Class::Null,
        DataType::Boolean => Class::Bool,
        ty if ty.is_numeric() => Class::Number,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Class::Text,
        DataType::Dictionary(..) => Class::Enum,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => Class::Bytes,
        DataType::Date32 | DataType::Timestamp(..) => Class::Time,
        DataType::Duration(_) => Class::Duration,
        _ => Class::Other,
    }
}

/// Whether a cast that is written has one result.
fn is_same_cast(from: &DataType, to: &DataType) -> bool {
    use Class::{Null, Number, Text, Time};
    let is_exact = |ty: &DataType| ty.is_integer() || ty.is_decimal();
    match (class(from), class(to)) {
        (Null, _) => true,
        // A number of another kind that does not fit is an error here; only floats are rounded otherwise.
        (Number, Number) => {
            (is_exact(from) && to.is_decimal())
                || (from.is_integer() && to.is_integer())
                || to.is_floating()
        }
        (Number, Text) => is_exact(from),
        (Text, Text) | (Text, Time) => true,
        (Time, Time) => !matches!(from, DataType::Timestamp(_, Some(_))),
        _ => false,
    }
}
