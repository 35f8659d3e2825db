//! What goes to the cluster in the process: changes of its schema, by way of the session, and rows of literals
//! directly.

use async_trait::async_trait;
use datafusion::sql::sqlparser::dialect::MySqlDialect;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};
use tifusion::{Error, ErrorKind, Result, SchemaChanger};
use tifusion_embedded::{EmbeddedCluster, Statements};

use crate::mark::Problem;

/// Changes of schema that the cluster in the process carries out.
#[derive(Debug)]
pub(crate) struct EmbeddedSchema(pub(crate) Statements);

#[async_trait]
impl SchemaChanger for EmbeddedSchema {
    fn name(&self) -> &str {
        "the cluster in this process"
    }

    async fn change(&self, database: Option<&str>, statement: &str) -> Result<()> {
        let changed = self.0.execute(database, statement).await;
        changed.map_err(|error| {
            Error::new(ErrorKind::Unsupported, error.to_string())
                .with_context("by", "the cluster in this process")
        })
    }
}

/// Runs a statement on the cluster, names without a database being those of `database`.
///
/// # Errors
/// The cluster's own.
pub(crate) async fn execute(
    cluster: &EmbeddedCluster,
    database: Option<&str>,
    sql: &str,
) -> std::result::Result<(), Problem> {
    cluster.statements().execute(database, sql).await.map_err(|error| Problem::of(&error))
}

/// Whether a statement makes rows of the cluster: `INSERT INTO name … VALUES`. Those on names with a catalog in
/// front, and those that take rows from a query, are the session's.
pub(crate) fn is_for_cluster(sql: &str) -> bool {
    let dialect = MySqlDialect {};
    let Ok(tokens) = Tokenizer::new(&dialect, sql).tokenize() else { return false };
    let tokens = tokens.into_iter().filter(|token| !matches!(token, Token::Whitespace(_)));
    let mut words = Words(tokens.collect::<Vec<_>>().into_iter().peekable());
    if words.take("INSERT") {
        words.take("INTO");
        let of_cluster = words.name_length().is_some_and(|parts| parts <= 2);
        return of_cluster && words.mentions("VALUES");
    }
    false
}

struct Words<I: Iterator<Item = Token>>(std::iter::Peekable<I>);

impl<I: Iterator<Item = Token> + Clone> Words<I> {
    /// Goes past `word` if it is the next.
    fn take(&mut self, word: &str) -> bool {
        self.0.next_if(|token| is_word(token, word)).is_some()
    }

    /// Goes past a name, and tells how many parts it has.
    fn name_length(&mut self) -> Option<usize> {
        let mut parts = 0;
        loop {
            self.0.next_if(|token| matches!(token, Token::Word(_)))?;
            parts += 1;
            if self.0.next_if_eq(&Token::Period).is_none() {
                return Some(parts);
            }
        }
    }

    /// Whether these words come next to each other further on, outside of all brackets.
    fn mentions(&mut self, words: &str) -> bool {
        let mut depth = 0_i32;
        let outside = self.0.clone().filter(move |token| {
            depth += match token {
                Token::LParen => 1,
                Token::RParen => -1,
                _ => 0,
            };
            depth <= 0
        });
        let outside: Vec<Token> = outside.collect();
        let words: Vec<&str> = words.split(' ').collect();
        let is_here = |tokens: &[Token]| tokens.iter().zip(&words).all(|(t, w)| is_word(t, w));
        outside.windows(words.len()).any(is_here)
    }
}

fn is_word(token: &Token, word: &str) -> bool {
    matches!(token, Token::Word(found) if found.quote_style.is_none()
        && found.value.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_literals_are_the_clusters() {
        for sql in [
            "-- a comment\nINSERT INTO t (a) VALUES (1)",
            "INSERT INTO t VALUES (1, 'SELECT')",
            "insert shop.t (a, b) values (1, 2), (3, 4)",
        ] {
            assert!(is_for_cluster(sql), "{sql}");
        }
    }

    #[test]
    fn everything_else_is_the_sessions() {
        for sql in [
            "SELECT 1",
            "USE shop",
            "",
            "CREATE DATABASE shop",
            "CREATE TABLE t (id BIGINT PRIMARY KEY)",
            "CREATE TABLE datafusion.public.t (a INT)",
            "CREATE TABLE t AS SELECT 1",
            "CREATE TABLE t (a) AS SELECT 1",
            "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION 'x'",
            "CREATE VIEW v AS SELECT 1",
            "INSERT INTO datafusion.public.t VALUES (1)",
            "INSERT INTO t SELECT * FROM u",
            "INSERT INTO t SELECT * FROM (VALUES (1))",
            "INSERT INTO t VALUES ('unclosed",
        ] {
            assert!(!is_for_cluster(sql), "{sql}");
        }
    }
}
