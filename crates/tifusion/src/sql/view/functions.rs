//! The functions of TiDB that have an equal in DataFusion.

use datafusion::sql::sqlparser::ast::helpers::attached_token::AttachedToken;
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, CaseWhen, CastKind, DataType, DateTimeField, Expr, ExtractSyntax, Function,
    FunctionArg, FunctionArgExpr, FunctionArguments, Ident, ObjectName, Value,
};

use super::differs;
use crate::error::Result;

/// Those whose names, and what they do with what they are given, are the same. AVG and SUM are by
/// the types of what they add.
const SAME: [&str; 19] = [
    "abs",
    "avg",
    "char_length",
    "character_length",
    "coalesce",
    "count",
    "dense_rank",
    "ltrim",
    "max",
    "min",
    "nullif",
    "octet_length",
    "rank",
    "replace",
    "reverse",
    "row_number",
    "rtrim",
    "sum",
    "trim",
];

/// Those that are something else in DataFusion.
const OTHERS: [&str; 16] = [
    "adddate",
    "concat",
    "date_add",
    "date_sub",
    "day",
    "dayofmonth",
    "hour",
    "if",
    "ifnull",
    "length",
    "minute",
    "month",
    "quarter",
    "subdate",
    "year",
    "date",
];

/// Refuses a function that is not known to be the same.
pub(super) fn check(function: &Function) -> Result<()> {
    let name = name_of(function);
    // DataFusion puts the new text between all characters where the old one is empty.
    if name == "replace"
        && !arguments(&function.args).is_some_and(|args| args.get(1).is_some_and(is_some_text))
    {
        return Err(differs("REPLACE()", "of what is no constant, or empty"));
    }
    let is_known = SAME.contains(&name.as_str()) || OTHERS.contains(&name.as_str());
    if is_known && function.filter.is_none() && function.null_treatment.is_none() {
        return Ok(());
    }
    Err(differs(
        format!("{}()", function.name),
        "the function is not known to be the same in DataFusion",
    ))
}

/// Whether it is a text that is not empty.
fn is_some_text(expr: &Expr) -> bool {
    match expr {
        Expr::Prefixed { value, .. } => is_some_text(value),
        Expr::Value(value) => {
            matches!(&value.value, Value::SingleQuotedString(text) if !text.is_empty())
        }
        _ => false,
    }
}

fn name_of(function: &Function) -> String {
    function.name.to_string().to_ascii_lowercase()
}

/// The function in DataFusion's words, if those are others.
///
/// # Errors
/// When it is given what DataFusion's own is not.
pub(super) fn in_datafusion(function: &mut Function) -> Result<Option<Expr>> {
    let name = name_of(function);
    if !OTHERS.contains(&name.as_str()) {
        return Ok(None);
    }
    let args = arguments(&function.args);
    let args = args.filter(|_| function.over.is_none()).unwrap_or_default();
    let by = |subtract| if subtract { BinaryOperator::Minus } else { BinaryOperator::Plus };
    Ok(Some(match (name.as_str(), args.as_slice()) {
        ("concat", [first, rest @ ..]) => {
            let join =
                |left, right: &Expr| binary(left, BinaryOperator::StringConcat, right.clone());
            Expr::Nested(Box::new(rest.iter().fold(first.clone(), join)))
        }
        ("date_add" | "adddate" | "date_sub" | "subdate", [time, interval @ Expr::Interval(_)]) => {
            let op = by(matches!(name.as_str(), "date_sub" | "subdate"));
            Expr::Nested(Box::new(binary(time.clone(), op, interval.clone())))
        }
        ("if", [condition, yes, no]) => Expr::Case {
            case_token: AttachedToken::empty(),
            end_token: AttachedToken::empty(),
            operand: None,
            conditions: vec![CaseWhen { condition: condition.clone(), result: yes.clone() }],
            else_result: Some(Box::new(no.clone())),
        },
        ("ifnull", [_, _]) => renamed(function, "coalesce"),
        ("length", [_]) => renamed(function, "octet_length"),
        ("date", [time]) => Expr::Cast {
            kind: CastKind::Cast,
            expr: Box::new(time.clone()),
            data_type: DataType::Date,
            array: false,
            format: None,
        },
        ("year", [time]) => part(DateTimeField::Year, time),
        ("quarter", [time]) => part(DateTimeField::Quarter, time),
        ("month", [time]) => part(DateTimeField::Month, time),
        ("day" | "dayofmonth", [time]) => part(DateTimeField::Day, time),
        ("hour", [time]) => part(DateTimeField::Hour, time),
        ("minute", [time]) => part(DateTimeField::Minute, time),
        _ => {
            return Err(differs(
                Expr::Function(function.clone()),
                "the function is not known to be the same in DataFusion",
            ));
        }
    }))
}

fn renamed(function: &Function, name: &str) -> Expr {
    Expr::Function(Function { name: ObjectName::from(vec![Ident::new(name)]), ..function.clone() })
}

fn binary(left: Expr, op: BinaryOperator, right: Expr) -> Expr {
    Expr::BinaryOp { left: Box::new(left), op, right: Box::new(right) }
}

fn part(field: DateTimeField, time: &Expr) -> Expr {
    Expr::Extract { field, syntax: ExtractSyntax::From, expr: Box::new(time.clone()) }
}

/// The plain arguments.
fn arguments(args: &FunctionArguments) -> Option<Vec<Expr>> {
    let FunctionArguments::List(list) = args else { return None };
    let args = list.args.iter().map(|arg| match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr.clone()),
        _ => None,
    });
    args.collect()
}
