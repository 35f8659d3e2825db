//! `AS OF TIMESTAMP` as the parser can read it.
//!
//! In TiDB it stands behind a table's name and alias. The parser knows nothing like it there, but
//! hints, `WITH (…)`: the words are made one, which is taken out of the syntax tree again.

use std::ops::ControlFlow;

use datafusion::sql::parser::{CopyToSource, Statement as DfStatement};
use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, FunctionArguments, ObjectNamePart, TableFactor,
    TableVersion, VisitMut, VisitorMut,
};
use datafusion::sql::sqlparser::dialect::Dialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::{Span, Token, TokenWithSpan, Word};

use super::function;
use crate::error::{Error, Result};

/// The name of the hint, which nobody writes.
const HINT: &str = "AS OF TIMESTAMP";

/// `tokens` with each `AS OF TIMESTAMP expr` behind a table as a hint.
///
/// # Errors
/// When there is no expression behind the words.
pub(crate) fn into_hints(
    tokens: Vec<TokenWithSpan>,
    dialect: &dyn Dialect,
    recursion_limit: usize,
) -> Result<Vec<TokenWithSpan>> {
    let mut out = Vec::with_capacity(tokens.len());
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let Some(from) = behind_words(&tokens, at).filter(|_| !is_version(&out, dialect)) else {
            out.push(token.clone());
            at += 1;
            continue;
        };
        let rest = tokens.get(from..).unwrap_or_default().to_vec();
        let mut parser = Parser::new(dialect)
            .with_recursion_limit(recursion_limit)
            .with_tokens_with_locations(rest);
        parser.parse_expr().map_err(datafusion::error::DataFusionError::from)?;
        let to = from + parser.get_current_index() + 1;
        let wrap = |token: Token| TokenWithSpan { token, span: Span::empty() };
        let hint =
            Word { value: HINT.to_owned(), quote_style: Some('"'), keyword: Keyword::NoKeyword };
        out.push(TokenWithSpan { token: Token::make_keyword("WITH"), span: token.span });
        out.extend([Token::LParen, Token::Word(hint), Token::LParen].map(wrap));
        out.extend(tokens.get(from..to).unwrap_or_default().iter().cloned());
        out.extend([Token::RParen, Token::RParen].map(wrap));
        at = to;
    }
    Ok(out)
}

/// Where the expression begins if the words begin at `at`.
fn behind_words(tokens: &[TokenWithSpan], mut at: usize) -> Option<usize> {
    for (place, word) in ["AS", "OF", "TIMESTAMP"].into_iter().enumerate() {
        if place > 0 {
            at += skipped(tokens.get(at..)?);
        }
        match &tokens.get(at)?.token {
            Token::Word(found)
                if found.quote_style.is_none() && found.value.eq_ignore_ascii_case(word) =>
            {
                at += 1;
            }
            _ => return None,
        }
    }
    Some(at)
}

/// How many tokens there are that mean nothing.
fn skipped(tokens: &[TokenWithSpan]) -> usize {
    tokens.iter().take_while(|token| matches!(token.token, Token::Whitespace(_))).count()
}

/// Whether the words go on from `SYSTEM_TIME` or `TIMESTAMP`, as in dialects that have a form of
/// their own.
fn is_version(before: &[TokenWithSpan], dialect: &dyn Dialect) -> bool {
    let last = before.iter().rev().map(|token| &token.token);
    let last = last.into_iter().find(|token| !matches!(token, Token::Whitespace(_)));
    dialect.supports_table_versioning()
        && matches!(last, Some(Token::Word(word))
            if matches!(word.keyword, Keyword::SYSTEM_TIME | Keyword::TIMESTAMP))
}

/// Takes the hints out of a statement again: each table has its time where other dialects have it.
///
/// # Errors
/// When one stands where no table is.
pub(crate) fn from_hints(statement: &mut DfStatement) -> Result<()> {
    let flow = match statement {
        DfStatement::Statement(statement) => statement.visit(&mut Hints),
        DfStatement::CopyTo(copy) => match &mut copy.source {
            CopyToSource::Query(query) => query.visit(&mut Hints),
            CopyToSource::Relation(_) => ControlFlow::Continue(()),
        },
        DfStatement::Explain(explain) => return from_hints(&mut explain.statement),
        DfStatement::CreateExternalTable(_) | DfStatement::Reset(_) => ControlFlow::Continue(()),
    };
    match flow {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(error),
    }
}

struct Hints;

impl VisitorMut for Hints {
    type Break = Error;

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<Error> {
        if let Err(error) = function::take(factor) {
            return ControlFlow::Break(error);
        }
        let TableFactor::Table { name, with_hints, version, .. } = factor else {
            return ControlFlow::Continue(());
        };
        let Some(place) = with_hints.iter().position(|hint| time_in(hint).is_some()) else {
            return ControlFlow::Continue(());
        };
        let time = time_in(&with_hints.remove(place)).cloned();
        if let Some(time) = time
            && version.replace(TableVersion::TimestampAsOf(time)).is_some()
        {
            return ControlFlow::Break(Error::invalid(format!(
                "{name} has two times to be read at"
            )));
        }
        ControlFlow::Continue(())
    }
}

/// The expression in the hint.
fn time_in(hint: &Expr) -> Option<&Expr> {
    let Expr::Function(function) = hint else { return None };
    let [ObjectNamePart::Identifier(name)] = function.name.0.as_slice() else { return None };
    if name.value != HINT {
        return None;
    }
    match &function.args {
        FunctionArguments::List(list) => match list.args.as_slice() {
            [FunctionArg::Unnamed(FunctionArgExpr::Expr(time))] => Some(time),
            _ => None,
        },
        _ => None,
    }
}
