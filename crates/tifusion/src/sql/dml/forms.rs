//! Rows of `VALUES` whose values go to their columns one by one, as in MySQL.
//!
//! `VALUES` is a relation of its own to DataFusion, which finds one type for each of its columns: '007' beside 5
//! would be 7, and 1.5 beside 1.25 would be 1.50 in a text column. So values that are not of one type stand in
//! columns of their own here, all of them for the same column of the table, each row with its value in one of
//! them and `NULL` in the others.

use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, FunctionArguments, UnaryOperator, Value, Values,
};

use crate::error::{Error, Result};
use crate::table::TidbTable;

/// Types that values of one column may have, at most: each takes a column in every row.
const MOST_FORMS: usize = 64;

/// What is known of a value's type before it is planned.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Form {
    Null,
    Integer,
    /// With so many digits behind the point.
    Decimal(usize),
    /// The same for values of the same type; for others it may differ.
    Other(String),
}

/// Gives values of several types, which go to one of these columns of `table`, a column for each type;
/// `columns` then has the table's column so many times, one behind the other.
///
/// # Errors
/// When there are too many types.
pub(super) fn spread(
    values: &mut Values,
    columns: &mut Vec<usize>,
    table: &TidbTable,
) -> Result<()> {
    // What the count of values is said to be must be what it was.
    if values.rows.iter().any(|row| row.content.len() != columns.len()) {
        return Ok(());
    }
    for at in (0..columns.len()).rev() {
        let Some(offset) = columns.get(at).copied() else { continue };
        let forms: Vec<Form> =
            values.rows.iter().filter_map(|row| row.content.get(at)).map(form).collect();
        let mut distinct: Vec<&Form> = Vec::new();
        for form in forms.iter().filter(|form| **form != Form::Null) {
            if !distinct.contains(&form) {
                distinct.push(form);
            }
            if distinct.len() > MOST_FORMS {
                return Err(too_many(table, offset));
            }
        }
        if distinct.len() <= 1 {
            continue;
        }
        for (row, form) in values.rows.iter_mut().zip(&forms) {
            let value = row.content.remove(at);
            let cells = distinct.iter().map(|of| if *of == form { value.clone() } else { null() });
            row.content.splice(at..at, cells);
        }
        columns.splice(at..=at, std::iter::repeat_n(offset, distinct.len()));
    }
    Ok(())
}

fn null() -> Expr {
    Expr::value(Value::Null)
}

fn too_many(table: &TidbTable, offset: usize) -> Error {
    let column = table.info().columns.get(offset);
    let name = column.map_or("", |column| column.name.as_str());
    Error::unsupported(format!(
        "VALUES with values of more than {MOST_FORMS} types in column '{name}': use several statements"
    ))
}

fn form(expr: &Expr) -> Form {
    match expr {
        Expr::Nested(inner) => form(inner),
        Expr::UnaryOp { op: UnaryOperator::Minus | UnaryOperator::Plus, expr } => form(expr),
        Expr::Value(value) => of_literal(&value.value),
        Expr::Cast { data_type, .. } => Form::Other(format!("CAST {data_type}")),
        Expr::TypedString(typed) => Form::Other(format!("CAST {}", typed.data_type)),
        Expr::Function(function) => match &function.args {
            FunctionArguments::List(list) => {
                let argument = |argument: &FunctionArg| match argument {
                    FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => {
                        format!("{:?}", form(expr))
                    }
                    other => other.to_string(),
                };
                let arguments: Vec<String> = list.args.iter().map(argument).collect();
                Form::Other(format!("{}({})", function.name, arguments.join(",")))
            }
            _ => Form::Other(expr.to_string()),
        },
        Expr::BinaryOp { left, op, right } => {
            Form::Other(format!("{:?} {op} {:?}", form(left), form(right)))
        }
        // One text has one type.
        other => Form::Other(other.to_string()),
    }
}

fn of_literal(value: &Value) -> Form {
    match value {
        Value::Null => Form::Null,
        Value::Number(number, _) if number.bytes().all(|digit| digit.is_ascii_digit()) => {
            Form::Integer
        }
        Value::Number(number, _) if number.contains(['e', 'E']) => Form::Other("float".to_owned()),
        Value::Number(number, _) => {
            Form::Decimal(number.split_once('.').map_or(0, |(_, fraction)| fraction.len()))
        }
        Value::SingleQuotedString(_)
        | Value::DoubleQuotedString(_)
        | Value::EscapedStringLiteral(_)
        | Value::NationalStringLiteral(_) => Form::Other("text".to_owned()),
        Value::HexStringLiteral(_) => Form::Other("bytes".to_owned()),
        Value::Boolean(_) => Form::Other("boolean".to_owned()),
        other => Form::Other(other.to_string()),
    }
}
