//! Text to statements.

use datafusion::execution::session_state::SessionState;
use datafusion::sql::parser::{DFParserBuilder, Statement};
use datafusion::sql::sqlparser::dialect::dialect_from_str;

use super::keywords;
use crate::error::{Error, Result};

/// The statements of a script, in the dialect of the session.
///
/// # Errors
/// When it can't be parsed.
pub(super) fn parse(state: &SessionState, script: &str) -> Result<Vec<Statement>> {
    let options = &state.config_options().sql_parser;
    let dialect = dialect_from_str(options.dialect)
        .ok_or_else(|| Error::invalid(format!("unknown SQL dialect {}", options.dialect)))?;
    let mut statements = DFParserBuilder::new(script)
        .with_dialect(dialect.as_ref())
        .with_recursion_limit(options.recursion_limit.get())
        .build()?
        .parse_statements()?;
    statements.iter_mut().for_each(keywords::release);
    Ok(statements.into())
}
