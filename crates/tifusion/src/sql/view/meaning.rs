//! What a view means in TiDB, where that depends on types.
//!
//! Sums and products of integers are computed in 64 bits there, sums of columns in decimals: the plan is
//! made to. What else differs by type is refused by name.

use arrow::datatypes::{DataType, Field, IntervalUnit};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::expr::{
    AggregateFunction, InSubquery, ScalarFunction, WindowFunctionDefinition,
};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    BinaryExpr, Distinct, Expr, ExprSchemable, LogicalPlan, Operator, cast, lit, when,
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
                by_columns(&key.expr, &sort.input)?;
                ordered(&key.expr, &schema, collations)?;
            }
        }
        LogicalPlan::Aggregate(aggregate) => {
            for key in &aggregate.group_expr {
                equal(key, &schema, collations)?;
            }
        }
        LogicalPlan::Distinct(Distinct::All(input)) => distinct(input, collations)?,
        LogicalPlan::Union(union) => {
            for (at, field) in union.schema.fields().iter().enumerate() {
                let types = union.inputs.iter().filter_map(|input| input.schema().fields().get(at));
                let types: Vec<_> = types.map(|field| field.data_type().clone()).collect();
                one_type(field.name(), &types)?;
            }
        }
        LogicalPlan::Join(join) => {
            for (left, right) in &join.on {
                compare(left, right, &schema, collations)?;
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
        Expr::Column(column) | Expr::OuterReferenceColumn(_, column) => {
            collations.use_column(&column.name);
        }
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
            for field in subquery.subquery.schema().fields() {
                no_json(field)?;
            }
            equal(expr, schema, collations)?;
            let within = subquery.subquery.schema().field(0).data_type().clone();
            let outside = expr.get_type(schema)?;
            comparable((expr, &outside), (expr, &within), collations)?;
        }
        Expr::Like(like) => compare(&like.expr, &like.pattern, schema, collations)?,
        Expr::Case(case) => {
            let results = case.when_then_expr.iter().map(|(_, then)| &**then);
            one_of(&expr, results.chain(case.else_expr.as_deref()), schema)?;
            for (when, _) in &case.when_then_expr {
                if let Some(operand) = &case.expr {
                    compare(operand, when, schema, collations)?;
                }
            }
        }
        Expr::Cast(given) => {
            let (from, to) = (given.expr.get_type(schema)?, given.field.data_type().clone());
            if class(&to) == Class::Text {
                collations.spell(&from);
            }
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
                equal(key, schema, collations)?;
            }
            if let WindowFunctionDefinition::AggregateUDF(function) = &window.fun {
                adds(function.name(), &given.args, schema, collations)?;
                let mut window = window.clone();
                if sum_of_integers(function.name(), &mut window.params.args, schema)? {
                    return Ok(Transformed::yes(Expr::WindowFunction(window)));
                }
            }
        }
        Expr::ScalarFunction(function) => scalar(&expr, function, schema, collations)?,
        _ => {}
    }
    Ok(Transformed::no(expr))
}

/// Refuses a function of what TiDB takes otherwise.
fn scalar(
    expr: &Expr,
    function: &ScalarFunction,
    schema: &DFSchema,
    collations: &mut Collations,
) -> Result<(), DataFusionError> {
    if matches!(function.name(), "nullif" | "coalesce") {
        one_of(expr, function.args.iter(), schema)?;
    }
    if let ("nullif", [one, other]) = (function.name(), function.args.as_slice()) {
        compare(one, other, schema, collations)?;
    }
    if let (true, [text, ..]) = (OF_TEXT.contains(&function.name()), function.args.as_slice()) {
        let ty = text.get_type(schema)?;
        if !is_spelt_alike(&ty) && class(&ty) != Class::Bytes {
            return Err(differs(expr, &format!("of {ty}, TiDB writes it differently")).into());
        }
        collations.spell(&ty);
    }
    for arg in function.args.iter().filter(|_| function.name() == "date_part") {
        let is_time = class(&arg.get_type(schema)?) == Class::Time;
        if !is_time && !matches!(arg, Expr::Literal(..)) {
            return Err(differs(expr, "it is given no date, nor a date and a time").into());
        }
    }
    Ok(())
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
            numbers(format!("{left} {op} {right}"), &[types.0.clone(), types.1.clone()])?;
            if [&types.0, &types.1].contains(&&DataType::Float32) {
                return Err(differs(format!("{left} {op} {right}"), SINGLE).into());
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
            if matches!(types.0, DataType::Interval(_)) || matches!(types.1, DataType::Interval(_))
            {
                return Ok(Transformed::yes(within_years(Expr::BinaryExpr(binary), schema)?));
            }
        }
        Operator::StringConcat => {
            if !is_spelt_alike(&types.0) || !is_spelt_alike(&types.1) {
                let why = format!("of {} and {}, TiDB writes it differently", types.0, types.1);
                return Err(differs("CONCAT()", &why).into());
            }
            collations.spell(&types.0);
            collations.spell(&types.1);
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

/// A time that was moved, or `NULL` where TiDB has none: before the year 0 and behind the year 9999.
fn within_years(moved: Expr, schema: &DFSchema) -> Result<Expr, DataFusionError> {
    let ty = moved.get_type(schema)?;
    let bound = |text: &str| {
        Ok::<_, DataFusionError>(lit(ScalarValue::try_from_string(text.to_owned(), &ty)?))
    };
    let (first, last) = match ty {
        DataType::Date32 => (bound("0000-01-01")?, bound("9999-12-31")?),
        _ => (bound("0000-01-01 00:00:00")?, bound("9999-12-31 23:59:59.999999")?),
    };
    when(moved.clone().between(first, last), moved).end()
}

/// Refuses an order by an expression with a name that is another column of the tables too: TiDB takes that one, and DataFusion what
/// is selected under the name.
fn by_columns(key: &Expr, sorted: &LogicalPlan) -> Result<(), DataFusionError> {
    let (false, LogicalPlan::Projection(selected)) = (matches!(key, Expr::Column(_)), sorted)
    else {
        return Ok(());
    };
    for column in key.column_refs().into_iter().filter(|column| column.relation.is_none()) {
        let is_other = selected.expr.iter().any(|expr| match expr {
            Expr::Alias(alias) if alias.name == column.name => {
                !matches!(&*alias.expr, Expr::Column(of) if of.name == column.name)
            }
            _ => false,
        });
        let of_tables = selected.input.schema().fields();
        if is_other && of_tables.iter().any(|field| *field.name() == column.name) {
            let why = format!("{} is the column of a table there", column.name);
            return Err(differs(format!("ORDER BY {key}"), &why).into());
        }
    }
    Ok(())
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
            equal(arg, schema, collations)?;
        }
    }
    adds(function.func.name(), &params.args, schema, collations)?;
    let mut function = function.clone();
    let name = function.func.name().to_owned();
    let is_other = sum_of_integers(&name, &mut function.params.args, schema)?;
    let function = Expr::AggregateFunction(function);
    Ok(if is_other { Transformed::yes(function) } else { Transformed::no(function) })
}

/// Has a sum of integers be one of decimals, as in TiDB; whether it is one.
fn sum_of_integers(
    name: &str,
    args: &mut [Expr],
    schema: &DFSchema,
) -> Result<bool, DataFusionError> {
    let ("sum", [arg]) = (name, args) else { return Ok(false) };
    if !arg.get_type(schema)?.is_integer() {
        return Ok(false);
    }
    *arg = cast(arg.clone(), DataType::Decimal128(20, 0));
    Ok(true)
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
    collations.order(&ty);
    Ok(())
}

/// Refuses values that TiDB takes for equal otherwise, where equal ones are made one.
fn equal(
    expr: &Expr,
    schema: &DFSchema,
    collations: &mut Collations,
) -> Result<(), DataFusionError> {
    let (_, field) = expr.to_field(schema)?;
    no_json(&field)?;
    collations.compare(field.data_type());
    Ok(())
}

fn distinct(input: &LogicalPlan, collations: &mut Collations) -> Result<(), DataFusionError> {
    if let LogicalPlan::Union(union) = input {
        for input in &union.inputs {
            distinct(input, collations)?;
        }
    }
    for field in input.schema().fields() {
        no_json(field)?;
        collations.compare(field.data_type());
    }
    Ok(())
}

fn no_json(field: &Field) -> Result<(), DataFusionError> {
    if !field.metadata().contains_key(EXTENSION) {
        return Ok(());
    }
    Err(differs(field.name(), "TiDB compares JSON otherwise than its text").into())
}

/// Refuses a choice of values that become one type here, and another in TiDB.
fn one_of<'a>(
    what: &Expr,
    values: impl Iterator<Item = &'a Expr>,
    schema: &DFSchema,
) -> Result<(), DataFusionError> {
    let mut types = Vec::new();
    for value in values {
        if is_json(value, schema) {
            return Err(differs(what, "JSON would be text from here on").into());
        }
        types.push(value.get_type(schema)?);
    }
    one_type(what, &types)
}

/// Refuses values of types that are made one type here, and another in TiDB: text beside something else, and floats beside other numbers.
fn one_type(what: impl std::fmt::Display, types: &[DataType]) -> Result<(), DataFusionError> {
    let classes = || types.iter().map(class).filter(|class| *class != Class::Null);
    let is_text = |class: &Class| matches!(class, Class::Text | Class::Enum);
    if classes().any(|class| is_text(&class)) && !classes().all(|class| is_text(&class)) {
        return Err(differs(what, "of text and something else, TiDB makes text").into());
    }
    numbers(what, types)
}

/// Refuses floats beside other numbers: with decimals DataFusion makes them decimals.
fn numbers(what: impl std::fmt::Display, types: &[DataType]) -> Result<(), DataFusionError> {
    let numbers = || types.iter().filter(|ty| ty.is_numeric());
    let Some(float) = numbers().find(|ty| ty.is_floating()) else { return Ok(()) };
    let Some(other) = numbers().find(|ty| *ty != float) else { return Ok(()) };
    let why = format!("of {float} and {other}, TiDB makes both DOUBLE");
    Err(differs(what, &why).into())
}

/// Functions of text, which take other values by how they are written.
const OF_TEXT: [&str; 10] = [
    "btrim",
    "char_length",
    "character_length",
    "ltrim",
    "octet_length",
    "replace",
    "reverse",
    "rtrim",
    "substr",
    "trim",
];

/// Whether a value is written as TiDB writes it.
fn is_spelt_alike(ty: &DataType) -> bool {
    matches!(class(ty), Class::Text | Class::Enum | Class::Null)
        || ty.is_integer()
        || ty.is_decimal()
}

const SINGLE: &str = "TiDB computes FLOAT in doubles, DataFusion in single precision";

const EXTENSION: &str = "ARROW:extension:name";

fn is_json(expr: &Expr, schema: &DFSchema) -> bool {
    let field = expr.to_field(schema);
    field.is_ok_and(|(_, field)| field.metadata().contains_key(EXTENSION))
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
    let what = || format!("a comparison of {one} and {other}");
    numbers(what(), &[one_type.clone(), other_type.clone()])?;
    if [one_type, other_type].contains(&&DataType::Float32) {
        return Err(differs(what(), SINGLE).into());
    }
    if (*one_type == DataType::Date32 && !is_day(other))
        || (*other_type == DataType::Date32 && !is_day(one))
    {
        return Err(differs(what(), "TiDB compares the time of day too").into());
    }
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
    Err(differs(what(), &why).into())
}

/// Whether it is no text, or text of a date alone.
fn is_day(expr: &Expr) -> bool {
    let Expr::Literal(value, _) = expr else { return true };
    let Some(Some(text)) = value.try_as_str() else { return true };
    text.len() <= 10 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
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

#[cfg(test)]
mod tests;
