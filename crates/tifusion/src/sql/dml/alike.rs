//! Rows of `VALUES` whose values of one column are of one type.
//!
//! `VALUES` is a relation of its own to DataFusion, which finds one type for each of its columns: '007' beside 5
//! would be 7, and 1.5 beside 1.25 would be 1.50 in a text column. In MySQL each value goes to its column by
//! itself. What makes no difference is let through here, the rest is refused.

use std::collections::BTreeSet;

use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, FunctionArguments, UnaryOperator, Value, Values,
};
use tifusion_codec::field_type::tp;

use crate::error::{Error, Result};
use crate::table::TidbTable;

/// What is known of a value's type before it is planned.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Form {
    Null,
    Integer,
    /// With so many digits behind the point.
    Decimal(usize),
    /// The same for values of the same type; for others it may differ.
    Other(String),
}

/// Whether each column of `values`, which go to these columns of `table`, has values of one type.
///
/// # Errors
/// When that can't be told.
pub(super) fn check(values: &Values, columns: &[usize], table: &TidbTable) -> Result<()> {
    for (at, offset) in columns.iter().enumerate() {
        let column = table.info().columns.get(*offset);
        let cells = values.rows.iter().filter_map(|row| row.content.get(at));
        let mut forms: BTreeSet<Form> = cells.map(form).collect();
        forms.remove(&Form::Null);
        let is_number = column.is_some_and(|column| is_number(column.field_type.tp));
        let are_numbers = forms.iter().all(|form| matches!(form, Form::Integer | Form::Decimal(_)));
        if forms.len() <= 1 || (is_number && are_numbers) {
            continue;
        }
        let name = column.map_or("", |column| column.name.as_str());
        return Err(Error::unsupported(format!(
            "VALUES with values of several types in one column: write those of '{name}' alike in all rows, or use \
             several statements"
        )));
    }
    Ok(())
}

/// Whether numbers of all scales have the same meaning in a column.
fn is_number(column: u8) -> bool {
    const NUMBERS: [u8; 9] = [
        tp::TINY,
        tp::SHORT,
        tp::INT24,
        tp::LONG,
        tp::LONG_LONG,
        tp::FLOAT,
        tp::DOUBLE,
        tp::NEW_DECIMAL,
        tp::YEAR,
    ];
    NUMBERS.contains(&column)
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
