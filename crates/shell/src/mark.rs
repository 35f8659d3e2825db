//! Errors as they are shown: what, where in the SQL, where in the cluster, why.

use std::error::Error as StdError;
use std::fmt::Write as _;
use std::io::{self, Write as _};

use datafusion::common::Span;

/// What is told of an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    told: Box<Told>,
    /// Whether whoever reads our output has gone, as `head` does.
    pub(crate) is_broken_pipe: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Told {
    /// A word for what sort of error it is.
    kind: Option<String>,
    message: String,
    span: Option<Span>,
    /// Pairs of what and which.
    context: Vec<(String, String)>,
    causes: Vec<String>,
}

impl Problem {
    /// An error that has no more to say than its words.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        let told = Told { message: message.into(), ..Told::default() };
        Self { told: Box::new(told), is_broken_pipe: false }
    }

    /// What an error and its causes say.
    pub(crate) fn of(error: &(dyn StdError + 'static)) -> Self {
        let mut problem = Self::new(error.to_string());
        problem.look_at(error);
        let mut next = error.source();
        while let Some(cause) = next {
            problem.look_at(cause);
            problem.because(cause.to_string());
            next = cause.source();
        }
        problem
    }

    /// Adds where it happened.
    pub(crate) fn with(mut self, what: &str, which: impl Into<String>) -> Self {
        self.told.context.push((what.to_owned(), which.into()));
        self
    }

    /// Notes that whoever reads has gone, where that is `true`.
    pub(crate) fn or_broken_pipe(mut self, gone: bool) -> Self {
        self.is_broken_pipe |= gone;
        self
    }

    fn look_at(&mut self, error: &(dyn StdError + 'static)) {
        let io = error.downcast_ref::<io::Error>();
        self.is_broken_pipe |= io.is_some_and(|io| io.kind() == io::ErrorKind::BrokenPipe);
    }

    /// Adds a cause, unless it was said already.
    fn because(&mut self, cause: String) {
        let Told { message, causes, .. } = &mut *self.told;
        if !message.contains(&cause) && !causes.iter().any(|earlier| earlier.contains(&cause)) {
            causes.push(cause);
        }
    }
}

impl From<tifusion_ballista::Error> for Problem {
    fn from(error: tifusion_ballista::Error) -> Self {
        match error {
            tifusion_ballista::Error::Tidb(error) => Self::from(error),
            error => Self::of(&error),
        }
    }
}

impl From<tifusion::Error> for Problem {
    fn from(error: tifusion::Error) -> Self {
        let mut problem = Self::of(&error);
        let told = &mut problem.told;
        error.message().clone_into(&mut told.message);
        told.kind = Some(format!("{:?}", error.kind()));
        told.span = error.span();
        let context = error.context().iter();
        told.context = context.map(|(what, which)| ((*what).to_owned(), which.clone())).collect();
        problem
    }
}

impl From<datafusion::error::DataFusionError> for Problem {
    fn from(error: datafusion::error::DataFusionError) -> Self {
        // TiFusion's error tells only the causes that its own words don't.
        let is_broken_pipe = Self::of(&error).is_broken_pipe;
        Self { is_broken_pipe, ..tifusion::Error::from(error).into() }
    }
}

impl From<datafusion::arrow::error::ArrowError> for Problem {
    fn from(error: datafusion::arrow::error::ArrowError) -> Self {
        Self::of(&error)
    }
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        Self::of(&error)
    }
}

/// The SQL that a problem is in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source<'a> {
    /// The statement.
    pub(crate) sql: &'a str,
    /// The file that it is in.
    pub(crate) file: Option<&'a str>,
    /// The line that it begins on there, from one.
    pub(crate) line: u64,
}

/// Writes a problem that is in no SQL to standard error.
pub(crate) fn tell(problem: &Problem) {
    write_out(&report(problem, None));
}

/// Writes a problem in a statement to standard error.
pub(crate) fn tell_in(problem: &Problem, source: Source<'_>) {
    write_out(&report(problem, Some(source)));
}

fn write_out(text: &str) {
    // There is nobody left to tell when this fails.
    let _ = io::stderr().write_all(text.as_bytes());
}

/// The whole report of a problem, several lines.
fn report(problem: &Problem, source: Option<Source<'_>>) -> String {
    let told = &problem.told;
    let mut text = String::from("error");
    if let Some(kind) = &told.kind {
        let _ = write!(text, " ({kind})");
    }
    let marked = told.span.zip(source).and_then(|(span, source)| mark(source, span));
    let _ = writeln!(text, ": {}", words(&told.message, marked.is_some()));
    if let Some(marked) = marked {
        text.push_str(&marked);
    } else if let Some(Source { file: Some(file), line, .. }) = source {
        let _ = writeln!(text, "  --> {file}:{line}");
    }
    for (what, which) in &told.context {
        let _ = writeln!(text, "  {what}: {which}");
    }
    for cause in &told.causes {
        let _ = writeln!(text, "  because: {cause}");
    }
    text
}

/// A message; without the place at its end where that is marked, for it counts from the statement.
fn words(message: &str, marked: bool) -> &str {
    match message.rsplit_once(" at Line: ") {
        Some((words, _)) if marked => words,
        _ => message,
    }
}

/// The line of the statement that `span` begins in, with carets beneath it; `None` if it has no such
/// line.
fn mark(source: Source<'_>, span: Span) -> Option<String> {
    let at = usize::try_from(span.start.line.checked_sub(1)?).ok()?;
    let column = usize::try_from(span.start.column.checked_sub(1)?).ok()?;
    let line = source.sql.lines().nth(at)?;
    let letters = line.chars().count();
    let end = if span.end.line == span.start.line { span.end.column } else { 0 };
    let width = usize::try_from(end.saturating_sub(span.start.column)).ok()?;
    // What is missing at the end is marked behind it.
    let column = column.min(letters);
    let width = width.clamp(1, (letters - column).max(1));
    let number = source.line + span.start.line - 1;
    let place = match source.file {
        Some(file) => format!("{file}:{number}:{}", column + 1),
        None => format!("line {number}, column {}", column + 1),
    };
    let margin = " ".repeat(number.to_string().len());
    // Tabs before the place stay, so that the carets stand beneath it.
    let indent: String =
        line.chars().take(column).map(|letter| if letter == '\t' { '\t' } else { ' ' }).collect();
    let carets = "^".repeat(width);
    Some(format!(
        "{margin} --> {place}\n{margin} |\n{number} | {line}\n{margin} | {indent}{carets}\n"
    ))
}

#[cfg(test)]
mod tests {
    use datafusion::common::Location;

    use super::*;

    fn span(start: (u64, u64), end: (u64, u64)) -> Span {
        let place = |(line, column)| Location { line, column };
        Span::new(place(start), place(end))
    }

    fn source(sql: &str) -> Source<'_> {
        Source { sql, file: None, line: 1 }
    }

    #[test]
    fn a_name_is_marked_on_its_line() {
        let sql = "SELECT *\n  FROM absent\n WHERE a = 1";
        let expected = "  --> line 2, column 8\n  |\n2 |   FROM absent\n  |        ^^^^^^\n";
        assert_eq!(mark(source(sql), span((2, 8), (2, 14))).unwrap(), expected);
    }

    #[test]
    fn lines_are_those_of_the_file() {
        let source = Source { sql: "SELEC 1", file: Some("a.sql"), line: 120 };
        let expected = "    --> a.sql:120:1\n    |\n120 | SELEC 1\n    | ^\n";
        assert_eq!(mark(source, span((1, 1), (1, 1))).unwrap(), expected);
    }

    #[test]
    fn what_is_missing_is_marked_behind_the_end() {
        let carets = |sql, span| {
            let marked = mark(source(sql), span).unwrap();
            marked.lines().last().unwrap().to_owned()
        };
        assert_eq!(carets("SELECT", span((1, 7), (1, 7))), "  |       ^");
        assert_eq!(carets("SELECT", span((1, 99), (1, 120))), "  |       ^");
        // A span over several lines is marked where it begins.
        assert_eq!(carets("(SELECT\n1)", span((1, 2), (2, 1))), "  |  ^");
        assert_eq!(carets("SELECT größe, x", span((1, 15), (1, 16))), "  |               ^");
        assert_eq!(carets("\tSELECT x", span((1, 9), (1, 10))), "  | \t       ^");
        assert_eq!(mark(source("SELECT"), span((2, 1), (2, 1))), None);
        assert_eq!(mark(source("SELECT"), span((0, 0), (0, 0))), None);
    }

    #[test]
    fn a_report_has_kind_place_context_and_causes_each_on_its_line() {
        let cause = io::Error::other("connection refused");
        let error = tifusion::Error::new(tifusion::ErrorKind::Unavailable, "no answer")
            .with_context("region", "7")
            .with_context("store", "3")
            .with_source(cause);
        assert_eq!(
            report(&error.into(), None),
            "error (Unavailable): no answer\n  region: 7\n  store: 3\n  because: connection refused\n"
        );
    }

    #[test]
    fn a_mistake_of_the_parser_loses_its_own_words_for_the_place() {
        let error = datafusion::error::DataFusionError::SQL(
            Box::new(datafusion::sql::sqlparser::parser::ParserError::ParserError(
                "Expected: an SQL statement, found: SELEC at Line: 1, Column: 1".to_owned(),
            )),
            None,
        );
        let shown = report(&error.into(), Some(source("SELEC 1")));
        let expected = "error (InvalidInput): sql parser error: Expected: an SQL statement, found: \
                        SELEC\n  --> line 1, column 1\n  |\n1 | SELEC 1\n  | ^\n";
        assert_eq!(shown, expected);
    }

    #[test]
    fn a_file_is_named_where_no_place_is_known() {
        let source = Source { sql: "SELECT 1", file: Some("a.sql"), line: 3 };
        assert_eq!(report(&Problem::new("no"), Some(source)), "error: no\n  --> a.sql:3\n");
    }
}
