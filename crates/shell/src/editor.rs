//! What the line editor asks while a line is typed: colours, hints, words to complete, and whether the
//! input is whole.

use std::borrow::Cow;

use datafusion::catalog::CatalogProvider as _;
use datafusion::config::Dialect as DialectName;
use datafusion::sql::sqlparser::dialect::{GenericDialect, dialect_from_str};
use datafusion_cli::helper::CliHelper;
use rustyline::completion::{Completer, Pair};
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::Hinter;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Context, Helper, Result};
use tifusion::TidbContext;

use crate::script;

/// Words that begin statements and join their parts.
const KEYWORDS: &[&str] = &[
    "ANALYZE",
    "AND",
    "AS",
    "ASC",
    "BETWEEN",
    "BY",
    "CASE",
    "CAST",
    "COLUMNS",
    "COPY",
    "COUNT(",
    "CREATE",
    "CROSS",
    "DATABASES",
    "DESC",
    "DESCRIBE",
    "DISTINCT",
    "DROP",
    "ELSE",
    "END",
    "EXCEPT",
    "EXISTS",
    "EXPLAIN",
    "EXTERNAL",
    "FALSE",
    "FROM",
    "FULL",
    "GROUP",
    "HAVING",
    "IN",
    "INDEXES",
    "INNER",
    "INSERT",
    "INTERSECT",
    "INTERVAL",
    "INTO",
    "IS",
    "JOIN",
    "LEFT",
    "LIKE",
    "LIMIT",
    "LOCATION",
    "NOT",
    "NULL",
    "OFFSET",
    "ON",
    "OR",
    "ORDER",
    "OUTER",
    "OVER",
    "PARTITION",
    "RESET",
    "RIGHT",
    "SELECT",
    "SET",
    "SHOW",
    "STATS",
    "STORED",
    "TABLE",
    "TABLES",
    "THEN",
    "TRUE",
    "UNION",
    "USE",
    "USING",
    "VALUES",
    "VIEW",
    "WHEN",
    "WHERE",
    "WITH",
];

/// The editor's helper: datafusion-cli's, but for what is whole, which statements of TiDB may be that
/// datafusion-cli's would not let pass.
pub(crate) struct ShellHelper {
    inner: CliHelper,
    dialect: DialectName,
    context: TidbContext,
}

impl ShellHelper {
    /// A helper that completes the names of a session.
    pub(crate) fn new(dialect: DialectName, color: bool, context: TidbContext) -> Self {
        Self { inner: CliHelper::new(&dialect, color), dialect, context }
    }

    /// The names of databases and of the current one's tables, as statements last read them.
    fn names(&self) -> Vec<String> {
        let state = self.context.session_context().state_ref();
        let schema = state.read().config_options().catalog.default_schema.clone();
        let catalog = self.context.catalog();
        let mut names = catalog.schema(&schema).map(|s| s.table_names()).unwrap_or_default();
        names.extend(catalog.schema_names());
        names
    }

    /// Goes on in another dialect.
    pub(crate) fn set_dialect(&mut self, dialect: DialectName) {
        self.inner.set_dialect(&dialect);
        self.dialect = dialect;
    }

    /// Shows the first hint again.
    pub(crate) fn reset_hint(&self) {
        self.inner.reset_hint();
    }
}

/// The words that `line` may go on with at `at`, and where the word begun there begins.
fn complete(line: &str, at: usize, names: &[String]) -> (usize, Vec<String>) {
    let typed = line.get(..at).unwrap_or(line);
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
    let word: &str = match typed.rfind(|letter| !is_part(letter)) {
        Some(before) => {
            typed.get(before..).map_or("", |rest| rest.trim_start_matches(|l| !is_part(l)))
        }
        None => typed,
    };
    let begin = typed.len() - word.len();
    if word.is_empty() {
        return (begin, Vec::new());
    }
    let is_begun = |candidate: &str| {
        candidate.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word))
    };
    let is_lower = !word.chars().any(char::is_uppercase);
    let keywords = KEYWORDS
        .iter()
        .filter(|keyword| is_begun(keyword))
        .map(|keyword| if is_lower { keyword.to_lowercase() } else { (*keyword).to_owned() });
    let names = names.iter().filter(|name| is_begun(name)).cloned();
    let mut all: Vec<String> = names.chain(keywords).collect();
    all.dedup();
    (begin, all)
}

impl Completer for ShellHelper {
    type Candidate = Pair;

    fn complete(&self, line: &str, at: usize, context: &Context<'_>) -> Result<(usize, Vec<Pair>)> {
        // Files behind LOCATION.
        let files = self.inner.complete(line, at, context)?;
        if !files.1.is_empty() {
            return Ok(files);
        }
        let (begin, words) = complete(line, at, &self.names());
        let pair = |word: String| Pair { display: word.clone(), replacement: word };
        Ok((begin, words.into_iter().map(pair).collect()))
    }
}

impl Highlighter for ShellHelper {
    fn highlight<'l>(&self, line: &'l str, at: usize) -> Cow<'l, str> {
        self.inner.highlight(line, at)
    }

    fn highlight_char(&self, line: &str, at: usize, kind: CmdKind) -> bool {
        self.inner.highlight_char(line, at, kind)
    }

    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        self.inner.highlight_hint(hint)
    }
}

impl Hinter for ShellHelper {
    type Hint = String;

    fn hint(&self, line: &str, at: usize, context: &Context<'_>) -> Option<String> {
        self.inner.hint(line, at, context)
    }
}

impl Validator for ShellHelper {
    fn validate(&self, context: &mut ValidationContext<'_>) -> Result<ValidationResult> {
        let dialect = dialect_from_str(self.dialect).unwrap_or_else(|| Box::new(GenericDialect {}));
        self.reset_hint();
        Ok(match script::is_complete(context.input(), &*dialect) {
            true => ValidationResult::Valid(None),
            false => ValidationResult::Incomplete,
        })
    }
}

impl Helper for ShellHelper {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_completed_from_names_and_keywords() {
        let names = ["orders".to_owned(), "Order_Items".to_owned(), "shop".to_owned()];
        let at_end = |line: &str| complete(line, line.len(), &names);
        let expected = vec!["orders".to_owned(), "Order_Items".into(), "order".into()];
        assert_eq!(at_end("SELECT * FROM ord"), (14, expected));
        assert_eq!(at_end("SELECT * FROM shop.Order_"), (19, vec!["Order_Items".to_owned()]));
        assert_eq!(at_end("SEL"), (0, vec!["SELECT".to_owned()]));
        assert_eq!(at_end("sel"), (0, vec!["select".to_owned()]));
        assert_eq!(at_end("SELECT "), (7, vec![]));
        assert_eq!(at_end("größe"), (0, vec![]));
        assert_eq!(complete("sel FROM", 3, &names), (0, vec!["select".to_owned()]));
        assert_eq!(complete("", 0, &names), (0, vec![]));
    }
}
