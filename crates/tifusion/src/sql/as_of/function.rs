//! `tidb_as_of('database.table', time)`: what `AS OF TIMESTAMP` says, as a table function, for those whose SQL is made by
//! programs that know functions alone.

use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, ObjectName, ObjectNamePart, TableFactor, TableVersion,
    Value,
};
use datafusion::sql::sqlparser::dialect::MySqlDialect;
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::Token;

use crate::error::{Error, Result};

/// The function's name.
const NAME: &str = "tidb_as_of";

/// Puts the table in the place of the function, with its time; does nothing to anything else.
///
/// # Errors
/// When its arguments are no table and time.
pub(super) fn take(factor: &mut TableFactor) -> Result<()> {
    let TableFactor::Table { name, args, version, .. } = factor else { return Ok(()) };
    let (true, Some(given)) = (is_ours(name), &args) else { return Ok(()) };
    let plain = |arg: &FunctionArg| match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr.clone()),
        _ => None,
    };
    let given: Option<Vec<Expr>> = given.args.iter().map(plain).collect();
    let Some([table, time]) = given.as_deref() else { return Err(expected()) };
    let table = table_name(table).ok_or_else(expected)?;
    *version = Some(TableVersion::TimestampAsOf(time.clone()));
    *name = table;
    *args = None;
    Ok(())
}

fn is_ours(name: &ObjectName) -> bool {
    matches!(name.0.as_slice(), [ObjectNamePart::Identifier(ident)]
        if ident.value.eq_ignore_ascii_case(NAME))
}

/// The name in quotes.
fn table_name(expr: &Expr) -> Option<ObjectName> {
    let Expr::Value(value) = expr else { return None };
    let (Value::SingleQuotedString(text) | Value::DoubleQuotedString(text)) = &value.value else {
        return None;
    };
    let mut parser = Parser::new(&MySqlDialect {}).try_with_sql(text).ok()?;
    let name = parser.parse_object_name(false).ok()?;
    (parser.peek_token().token == Token::EOF).then_some(name)
}

fn expected() -> Error {
    Error::invalid(
        "tidb_as_of takes the name of a table in quotes and a time, as in \
         tidb_as_of('shop.orders', '2026-01-01 00:00:00')",
    )
}
