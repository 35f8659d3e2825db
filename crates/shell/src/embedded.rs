//! What goes to the cluster in the process instead of the session: statements that make databases,
//! tables and rows there, which TiFusion itself does not do.

use datafusion::sql::sqlparser::dialect::MySqlDialect;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};
use tifusion_embedded::EmbeddedCluster;

use crate::mark::Problem;

/// Runs a statement on the cluster, names without a database being those of `database`.
///
/// # Errors
/// The cluster's own.
pub(crate) async fn execute(
    cluster: &EmbeddedCluster,
    database: Option<&str>,
    sql: &str,
) -> Result<(), Problem> {
    let sql = match database {
        Some(database) => format!("USE `{}`; {sql}", database.replace('`', "``")),
        None => sql.to_owned(),
    };
    cluster.execute(&sql).await.map_err(|error| Problem::of(&error))
}

/// Whether a statement makes a database, a table or rows of the cluster: `CREATE DATABASE`, `CREATE
/// TABLE name (…)`, `INSERT INTO name … VALUES`. Those on names with a catalog in front, and those
/// that take rows from a query, are the session's.
pub(crate) fn is_for_cluster(sql: &str) -> bool {
    let dialect = MySqlDialect {};
    let Ok(tokens) = Tokenizer::new(&dialect, sql).tokenize() else { return false };
    let tokens = tokens.into_iter().filter(|token| !matches!(token, Token::Whitespace(_)));
    let mut words = Words(tokens.collect::<Vec<_>>().into_iter().peekable());
    if words.take("CREATE") {
        if words.take("DATABASE") || words.take("SCHEMA") {
            return true;
        }
        if !words.take("TABLE") {
            return false;
        }
        if words.take("IF") {
            words.take("NOT");
            words.take("EXISTS");
        }
        return words.name_length().is_some_and(|parts| parts <= 2)
            && words.0.next() == Some(Token::LParen)
            && !words.mentions("AS SELECT");
    }
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
    fn statements_that_make_something_in_tidb_are_the_clusters() {
        for sql in [
            "CREATE DATABASE shop",
            "create schema if not exists shop",
            "CREATE TABLE t (id BIGINT PRIMARY KEY)",
            "create table if not exists shop.`t` (id int) PARTITION BY HASH (id) PARTITIONS 4",
            "-- a comment\nCREATE TABLE t (a INT)",
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
            "CREATE TABLE datafusion.public.t (a INT)",
            "CREATE TABLE t AS SELECT 1",
            "CREATE TABLE t (a) AS SELECT 1",
            "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION 'x'",
            "CREATE VIEW v AS SELECT 1",
            "INSERT INTO datafusion.public.t VALUES (1)",
            "INSERT INTO t SELECT * FROM u",
            "INSERT INTO t SELECT * FROM (VALUES (1))",
            "CREATE TABLE 'unclosed",
        ] {
            assert!(!is_for_cluster(sql), "{sql}");
        }
    }
}
