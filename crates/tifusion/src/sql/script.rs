//! Scripts to statements: what may be TiDB's is told by its tokens, for DataFusion's parser does not know all of
//! it; the rest is DataFusion's parser's.

use datafusion::execution::session_state::SessionState;
use datafusion::sql::parser::Statement as DfStatement;
use datafusion::sql::sqlparser::dialect::{Dialect, dialect_from_str};
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use super::Parsed;
use super::ddl::{SchemaStatement, Shape, leading_word};
use super::insert_set;
use super::parse::{statements, tokens};
use super::source::{Comments, Source, SqlText};
use crate::error::{Error, Result};

/// The statements of a script, in the dialect of the session.
///
/// # Errors
/// When it can't be parsed.
pub(super) fn parse(state: &SessionState, script: &str) -> Result<Vec<Parsed>> {
    let options = &state.config_options().sql_parser;
    let dialect = dialect_of(state)?;
    let recursion_limit = options.recursion_limit.get();
    let parser = ScriptParser { source: Source::new(script), dialect: &*dialect, recursion_limit };
    parser.parse(&tokens(&*dialect, script)?)
}

/// The one statement of a text, as DataFusion's parser has it.
///
/// # Errors
/// When it can't be parsed, or is not one.
pub(super) fn parse_one(state: &SessionState, text: &str) -> Result<DfStatement> {
    let dialect = dialect_of(state)?;
    let recursion_limit = state.config_options().sql_parser.recursion_limit.get();
    let read = insert_set::with_values(&tokens(&*dialect, text)?, &*dialect);
    let mut statements = statements(&*dialect, read, recursion_limit)?;
    match (statements.pop(), statements.is_empty()) {
        (Some(statement), true) => Ok(statement),
        _ => Err(Error::invalid(format!("not one statement: {text}"))),
    }
}

fn dialect_of(state: &SessionState) -> Result<Box<dyn Dialect>> {
    let name = state.config_options().sql_parser.dialect;
    dialect_from_str(name).ok_or_else(|| Error::invalid(format!("unknown SQL dialect {name}")))
}

struct ScriptParser<'a> {
    source: Source<'a>,
    dialect: &'a dyn Dialect,
    recursion_limit: usize,
}

impl ScriptParser<'_> {
    fn parse(&self, tokens: &[TokenWithSpan]) -> Result<Vec<Parsed>> {
        let (mut parsed, mut others) = (Vec::new(), Vec::new());
        for part in tokens.split_inclusive(|token| token.token == Token::SemiColon) {
            let part_tokens = without_end(part);
            match Shape::of(part_tokens) {
                None => others.push(part),
                Some(shape) => {
                    self.parse_others(&mut others, &mut parsed)?;
                    parsed
                        .push(Parsed::Schema(Box::new(self.schema_statement(shape, part_tokens))));
                }
            }
        }
        self.parse_others(&mut others, &mut parsed)?;
        Ok(parsed)
    }

    /// Parses statements that are not of TiDB's alone, together: one may have semicolons within.
    fn parse_others(
        &self,
        parts: &mut Vec<&[TokenWithSpan]>,
        parsed: &mut Vec<Parsed>,
    ) -> Result<()> {
        let parts = std::mem::take(parts);
        if parts.is_empty() {
            return Ok(());
        }
        let read: Vec<TokenWithSpan> =
            parts.iter().flat_map(|part| insert_set::with_values(part, self.dialect)).collect();
        let statements = statements(self.dialect, read, self.recursion_limit)?;
        let texts =
            parts.iter().map(|part| without_end(part)).filter(|part| is_more_than_blank(part));
        let texts: Vec<_> = texts.collect();
        let are_alone = texts.len() == statements.len();
        for (at, statement) in statements.into_iter().enumerate() {
            let text = texts.get(at).filter(|_| are_alone).and_then(|tokens| self.changing(tokens));
            parsed.push(Parsed::Engine(Box::new(statement), text));
        }
        Ok(())
    }

    /// The text of an `UPDATE`, a `DELETE`, or an `INSERT` of those forms that TiDB may be given.
    fn changing(&self, tokens: &[TokenWithSpan]) -> Option<SqlText> {
        let (start, word) = leading_word(tokens)?;
        let changes = match word.as_str() {
            "DELETE" | "UPDATE" => true,
            // Others may be long, and are made anew.
            "INSERT" => tokens.iter().any(|token| says_what_to_do_with_duplicates(&token.token)),
            _ => false,
        };
        let tokens = tokens.get(start..).filter(|_| changes)?;
        self.source.text(tokens, self.dialect, Comments::None)
    }

    fn schema_statement(&self, shape: Shape, tokens: &[TokenWithSpan]) -> SchemaStatement {
        let statement = tokens.get(shape.start..).unwrap_or_default();
        let text = self.source.text(statement, self.dialect, Comments::OfTidb);
        let written = tokens.iter().map(|token| token.token.to_string()).collect::<String>();
        let engine = statements(self.dialect, tokens.to_vec(), self.recursion_limit).ok();
        let engine = engine.filter(|all| all.len() == 1).and_then(|mut all| all.pop());
        SchemaStatement { shape, text, written: written.trim().to_owned(), engine }
    }
}

fn says_what_to_do_with_duplicates(token: &Token) -> bool {
    matches!(token, Token::Word(word) if word.quote_style.is_none()
        && ["IGNORE", "DUPLICATE"].iter().any(|it| word.value.eq_ignore_ascii_case(it)))
}

fn without_end(part: &[TokenWithSpan]) -> &[TokenWithSpan] {
    match part.split_last() {
        Some((last, rest)) if last.token == Token::SemiColon => rest,
        _ => part,
    }
}

fn is_more_than_blank(tokens: &[TokenWithSpan]) -> bool {
    tokens.iter().any(|token| !matches!(token.token, Token::Whitespace(_)))
}
