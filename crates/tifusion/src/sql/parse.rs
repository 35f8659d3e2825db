//! Text to statements.

use datafusion::error::DataFusionError;
use datafusion::sql::parser::{DFParserBuilder, Statement};
use datafusion::sql::sqlparser::dialect::{Dialect, MySqlDialect};
use datafusion::sql::sqlparser::parser::ParserError;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};

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
/// When a text or comment does not end, or a hexadecimal literal has half a byte.
pub(super) fn tokens(dialect: &dyn Dialect, script: &str) -> Result<Vec<TokenWithSpan>> {
    let tokens = Tokenizer::new(dialect, script).tokenize_with_location();
    let tokens = tokens.map_err(|error| DataFusionError::from(ParserError::from(error)))?;
    match tokens.iter().find_map(half_a_byte) {
        Some(digits) => Err(Error::invalid(format!(
            "x'{digits}' has an odd number of digits, and a byte has two: write x'0{digits}' or 0x{digits}"
        ))),
        None => Ok(tokens),
    }
}

/// The digits of a literal in quotes that TiDB takes for no literal. `0x7D0`, which the tokenizer makes the same token
/// of, is one there.
fn half_a_byte(token: &TokenWithSpan) -> Option<&str> {
    let Token::HexStringLiteral(digits) = &token.token else { return None };
    let (start, end) = (token.span.start, token.span.end);
    let width = end.column.saturating_sub(start.column);
    let is_number = start.line == end.line && width == digits.len() as u64 + 2;
    (!digits.len().is_multiple_of(2) && !is_number).then_some(digits)
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

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::GenericDialect;

    use super::*;

    #[test]
    fn half_a_byte_is_refused_in_quotes_alone() {
        let dialects: [&dyn Dialect; 2] = [&GenericDialect {}, &MySqlDialect {}];
        for dialect in dialects {
            for sql in ["SELECT x'07D0', 0x7D0, 0x07D0, x'', 'x7', \"x7\"", "SELECT 'é', 0x1"] {
                tokens(dialect, sql).unwrap();
            }
            for sql in ["SELECT x'7D0'", "SELECT 'é',\n X'1'", "SELECT 1 /*! , x'7D0' */"] {
                assert!(tokens(dialect, sql).is_err(), "{sql}");
            }
        }
    }
}
