//! The text of statements, as it was written.

use datafusion::sql::sqlparser::dialect::Dialect;
use datafusion::sql::sqlparser::tokenizer::{Location, Span, Token, TokenWithSpan, Whitespace};

use crate::sql_port::SqlMode;

/// How a comment begins that MySQL's parser does not take for one.
const EXECUTED_COMMENT: &str = "/*!";

/// A script, in which places are found.
#[derive(Debug)]
pub(super) struct Source<'a> {
    text: &'a str,
    /// Where lines begin.
    lines: Vec<usize>,
}

/// A statement's text for TiDB, without what only the session understands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SqlText {
    pieces: Vec<Piece>,
    /// How it is to be read.
    pub(crate) mode: SqlMode,
    /// The first part of it that TiDB would read as something else: a comment that it runs, an operator that begins
    /// one.
    pub(crate) misread: Option<String>,
    /// Whether there is a comment in it that TiDB runs; its end is not known then.
    pub(crate) runs_comment: bool,
}

/// A token's text.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Piece {
    text: String,
    /// What it means, if it is a name.
    name: Option<String>,
}

impl Piece {
    fn is_name(&self) -> bool {
        self.name.is_some()
    }
}

/// Which comments a text keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comments {
    /// Those that mean something to TiDB alone: `/*T! … */`.
    OfTidb,
    /// None: the session took all of them for comments.
    None,
}

impl<'a> Source<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let breaks = text.match_indices('\n').map(|(at, _)| at + 1);
        Self { text, lines: std::iter::once(0).chain(breaks).collect() }
    }

    fn offset(&self, location: Location) -> Option<usize> {
        let line = usize::try_from(location.line).ok()?.checked_sub(1)?;
        let column = usize::try_from(location.column).ok()?.checked_sub(1)?;
        let start = *self.lines.get(line)?;
        let rest = self.text.get(start..)?;
        let within = rest.char_indices().map(|(at, _)| at).chain([rest.len()]).nth(column)?;
        Some(start + within)
    }

    fn slice(&self, span: Span) -> Option<&'a str> {
        self.text.get(self.offset(span.start)?..self.offset(span.end)?)
    }

    /// The text of tokens that stand next to one another, in a script of this dialect; `None` where it is not
    /// found.
    pub(super) fn text(
        &self,
        tokens: &[TokenWithSpan],
        dialect: &dyn Dialect,
        comments: Comments,
    ) -> Option<SqlText> {
        let mode = SqlMode {
            ansi_quotes: dialect.is_delimited_identifier_start('"'),
            no_backslash_escapes: !dialect.supports_string_literal_backslash_escape(),
        };
        let (first, last) = (tokens.first()?, tokens.last()?);
        let whole = self.text.get(self.offset(first.span.start)?..self.offset(last.span.end)?)?;
        if whole.contains(EXECUTED_COMMENT) {
            // The tokens of such a comment don't say where they stand.
            let pieces = vec![Piece { text: whole.to_owned(), name: None }];
            let misread = Some(format!("the comment {EXECUTED_COMMENT} … */"));
            return Some(SqlText { pieces, mode, misread, runs_comment: true });
        }
        let piece = |token: &TokenWithSpan| {
            let text = match &token.token {
                Token::Whitespace(Whitespace::MultiLineComment(comment))
                    if comments == Comments::OfTidb && comment.starts_with("T!") =>
                {
                    self.slice(token.span)?
                }
                Token::Whitespace(
                    Whitespace::MultiLineComment(_) | Whitespace::SingleLineComment { .. },
                ) => "\n",
                _ => self.slice(token.span)?,
            };
            let name = match &token.token {
                Token::Word(word) => Some(word.value.clone()),
                _ => None,
            };
            Some(Piece { text: text.to_owned(), name })
        };
        let pieces = tokens.iter().map(piece).collect::<Option<Vec<_>>>()?;
        let misread = tokens.iter().find(|token| is_misread(&token.token));
        let misread = misread.map(|token| token.token.to_string());
        Some(SqlText { pieces, mode, misread, runs_comment: false })
    }
}

/// Whether TiDB takes a token for something else: `#` begins a comment there, and it knows no other quotes than
/// simple and double ones.
fn is_misread(token: &Token) -> bool {
    match token {
        // A variable of the session is none of TiDB's.
        Token::Word(word) if word.quote_style.is_none() && word.value.starts_with('@') => {
            !word.value.starts_with("@@")
        }
        Token::Word(word) => !matches!(word.quote_style, None | Some('"' | '`')),
        Token::SingleQuotedString(_)
        | Token::DoubleQuotedString(_)
        | Token::NationalStringLiteral(_)
        | Token::HexStringLiteral(_)
        | Token::Number(..)
        | Token::Whitespace(_) => false,
        // Operators, and literals of other dialects.
        other => other.to_string().contains(['#', '\'', '"', '$', '\\']),
    }
}

impl SqlText {
    /// The text as TiDB takes it: `catalog`, of which TiDB does not know, is taken off names of so many parts and
    /// more.
    pub(crate) fn for_tidb(&self, catalog: &str, parts: usize) -> String {
        let (mut out, mut at) = (String::new(), 0);
        while let Some(piece) = self.pieces.get(at) {
            if self.begins_with_catalog(at, catalog, parts) {
                at += 2;
                continue;
            }
            out.push_str(&piece.text);
            at += 1;
        }
        out.trim().to_owned()
    }

    /// Whether a name of so many parts and more begins with the catalog's.
    pub(crate) fn names_catalog(&self, catalog: &str, parts: usize) -> bool {
        (0..self.pieces.len()).any(|at| self.begins_with_catalog(at, catalog, parts))
    }

    fn begins_with_catalog(&self, at: usize, catalog: &str, parts: usize) -> bool {
        let piece = |at: usize| self.pieces.get(at);
        let is_catalog = |piece: &Piece| {
            piece.name.as_ref().is_some_and(|name| name.eq_ignore_ascii_case(catalog))
        };
        let is_period = |at: usize| piece(at).is_some_and(|piece| piece.text == ".");
        let is_name = |at: usize| piece(at).is_some_and(Piece::is_name);
        piece(at).is_some_and(is_catalog)
            && !at.checked_sub(1).is_some_and(is_period)
            && (1..parts).all(|part| is_period(at + 2 * part - 1) && is_name(at + 2 * part))
    }
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::{GenericDialect, MySqlDialect};
    use datafusion::sql::sqlparser::tokenizer::Tokenizer;

    use super::*;

    fn text(sql: &str, dialect: &dyn Dialect, comments: Comments) -> SqlText {
        let tokens = Tokenizer::new(dialect, sql).tokenize_with_location().unwrap();
        Source::new(sql).text(&tokens, dialect, comments).unwrap()
    }

    #[test]
    fn a_text_is_what_was_written_but_for_comments_and_the_catalog() {
        let generic = GenericDialect {};
        for (written, expected) in [
            ("DELETE FROM t\r\nWHERE a = 'tidb.x.y'", "DELETE FROM t\r\nWHERE a = 'tidb.x.y'"),
            (
                "DELETE FROM tidb.shop.t WHERE tidb.shop.t.a = 1",
                "DELETE FROM shop.t WHERE shop.t.a = 1",
            ),
            ("UPDATE tidb.t SET ä = 'é' -- 5\n+ 1", "UPDATE tidb.t SET ä = 'é' \n+ 1"),
            ("UPDATE t SET a = 1 --1", "UPDATE t SET a = 1"),
            ("UPDATE \"Tidb\".`s`.t SET a = /* b */ 2", "UPDATE `s`.t SET a = \n 2"),
            ("DELETE FROM x.tidb.s.t", "DELETE FROM x.tidb.s.t"),
        ] {
            let text = text(written, &generic, Comments::None);
            assert_eq!(text.for_tidb("tidb", 3), expected);
        }
    }

    #[test]
    fn tidbs_own_comments_stay_in_what_changes_the_schema() {
        let sql = "CREATE TABLE t (id INT PRIMARY KEY /*T![clustered_index] CLUSTERED */) -- end";
        let kept = text(sql, &MySqlDialect {}, Comments::OfTidb).for_tidb("tidb", 3);
        assert_eq!(kept, sql.strip_suffix(" -- end").unwrap());
    }

    #[test]
    fn the_dialect_says_what_quotes_mean() {
        let mode = text("SELECT 1", &GenericDialect {}, Comments::None).mode;
        assert_eq!(mode, SqlMode { ansi_quotes: true, no_backslash_escapes: true });
        assert_eq!(text("SELECT 1", &MySqlDialect {}, Comments::None).mode, SqlMode::default());
    }

    #[test]
    fn what_tidb_would_take_for_something_else_is_told() {
        let misread = |sql| text(sql, &GenericDialect {}, Comments::None).misread;
        for sql in [
            "DELETE FROM t WHERE v = 1 /*! OR 1 */",
            "DELETE FROM t WHERE v = 1 # 2 AND id = 3",
            "DELETE FROM t WHERE v = E'a'",
            "DELETE FROM t WHERE v = $$a$$",
            "DELETE FROM t WHERE v = $1",
            "DELETE FROM t WHERE v = @c",
        ] {
            assert!(misread(sql).is_some(), "{sql}");
        }
        let sql = "DELETE FROM `t` WHERE \"v#\" = '#$\"' AND x'00' = 1.5e3 AND a->>'$.b' <> c -- #";
        assert_eq!(misread(sql), None);
        let mysql = text("DELETE FROM t WHERE v = \"#\" # 2", &MySqlDialect {}, Comments::None);
        assert_eq!(
            (mysql.misread.clone(), mysql.for_tidb("tidb", 3)),
            (None, "DELETE FROM t WHERE v = \"#\"".to_owned())
        );
    }
}
