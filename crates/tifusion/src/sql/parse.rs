//! Text to statements.

use datafusion::error::DataFusionError;
use datafusion::sql::parser::{DFParserBuilder, Statement};
use datafusion::sql::sqlparser::dialect::{Dialect, MySqlDialect};
use datafusion::sql::sqlparser::parser::ParserError;
use datafusion::sql::sqlparser::tokenizer::{TokenWithSpan, Tokenizer};

use super::as_of::words;
use super::keywords;
use super::parens;
use crate::error::{Error, Result};

/// The statement that a view is.
///
/// # Errors
/// When it can't be parsed, or is not one.
pub(super) fn parse_view(select: &str, recursion_limit: usize) -> Result<Statement> {
    let dialect = MySqlDialect {};
    let tokens = parens::without_lone(tokens(&dialect, select)?, &dialect, recursion_limit);
    let mut statements = statements(&dialect, tokens, recursion_limit)?;
    match (statements.pop(), statements.is_empty()) {
        (Some(statement), true) => Ok(statement),
        _ => Err(Error::unsupported(format!("a view that is not one statement: {select}"))),
    }
}

/// The tokens of a script.
///
/// # Errors
/// When a text or comment does not end.
pub(super) fn tokens(dialect: &dyn Dialect, script: &str) -> Result<Vec<TokenWithSpan>> {
    let tokens = Tokenizer::new(dialect, script).tokenize_with_location();
    Ok(tokens.map_err(|error| DataFusionError::from(ParserError::from(error)))?)
}

/// The statements that tokens are.
///
/// # Errors
/// When they can't be parsed.
pub(super) fn statements(
    dialect: &dyn Dialect,
    tokens: Vec<TokenWithSpan>,
    recursion_limit: usize,
) -> Result<Vec<Statement>> {
    let tokens = words::into_hints(tokens, dialect, recursion_limit)?;
    let mut statements = DFParserBuilder::new(tokens)
        .with_dialect(dialect)
        .with_recursion_limit(recursion_limit)
        .build()?
        .parse_statements()?;
    for statement in &mut statements {
        keywords::release(statement);
        words::from_hints(statement)?;
    }
    Ok(statements.into())
}
