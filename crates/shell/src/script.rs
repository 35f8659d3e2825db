//! Where statements begin and end.

use datafusion::sql::sqlparser::dialect::Dialect;
use datafusion::sql::sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer};

/// A statement of a script, without its semicolon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Piece {
    /// Its text.
    pub(crate) text: String,
    /// The line of the script that it begins on, from one.
    pub(crate) line: u64,
}

/// The statements of a script, empty ones left out. What can't be taken apart, for want of a closing
/// quote for example, is the last one.
pub(crate) fn split(script: &str, dialect: &dyn Dialect) -> Vec<Piece> {
    let (tokens, _) = tokens(script, dialect);
    let lines: Vec<&str> = script.split_inclusive('\n').collect();
    let offset = |location: Location| offset(&lines, location).unwrap_or(script.len());
    let mut pieces = Vec::new();
    let mut begin = None;
    for TokenWithSpan { token, span } in &tokens {
        match token {
            Token::Whitespace(_) | Token::EOF => {}
            Token::SemiColon => {
                let end = Some(offset(span.start));
                pieces.extend(begin.take().and_then(|begin| piece(script, begin, end, &offset)));
            }
            _ => begin = begin.or(Some(span.start)),
        }
    }
    // Where there are no more tokens there may be more text.
    let rest = tokens.last().map_or(Location { line: 1, column: 1 }, |last| last.span.end);
    let unread = script.get(offset(rest)..).is_some_and(|rest| !rest.trim().is_empty());
    let begin = begin.or(unread.then_some(rest));
    pieces.extend(begin.and_then(|begin| piece(script, begin, None, &offset)));
    pieces
}

fn piece(
    script: &str,
    begin: Location,
    end: Option<usize>,
    offset: &impl Fn(Location) -> usize,
) -> Option<Piece> {
    let text = script.get(offset(begin)..end.unwrap_or(script.len()))?;
    let blank: String = text.chars().take_while(|letter| letter.is_whitespace()).collect();
    let skipped = u64::try_from(blank.matches('\n').count()).unwrap_or_default();
    Some(Piece { text: text.trim().to_owned(), line: begin.line + skipped })
}

/// Whether `input` is whole: a command that begins with a backslash, nothing, or statements of which
/// the last has its semicolon.
pub(crate) fn is_complete(input: &str, dialect: &dyn Dialect) -> bool {
    if input.trim().is_empty() || input.trim_start().starts_with('\\') {
        return true;
    }
    let (tokens, all) = tokens(input, dialect);
    let is_content =
        |token: &&TokenWithSpan| !matches!(token.token, Token::Whitespace(_) | Token::EOF);
    let last = tokens.iter().rev().find(is_content);
    all && last.is_some_and(|last| last.token == Token::SemiColon)
}

/// The tokens of a text, and whether these are all.
fn tokens(text: &str, dialect: &dyn Dialect) -> (Vec<TokenWithSpan>, bool) {
    let mut tokens = Vec::new();
    let all = Tokenizer::new(dialect, text).tokenize_with_location_into_buf(&mut tokens);
    (tokens, all.is_ok())
}

/// The byte of a script at a line and column, both counted from one, columns in characters.
fn offset(lines: &[&str], location: Location) -> Option<usize> {
    let line = usize::try_from(location.line.checked_sub(1)?).ok()?;
    let column = usize::try_from(location.column.checked_sub(1)?).ok()?;
    let before: usize = lines.iter().take(line).map(|line| line.len()).sum();
    let text = lines.get(line)?;
    let within = text.char_indices().nth(column).map_or(text.len(), |(at, _)| at);
    Some(before + within)
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::GenericDialect;

    use super::*;

    fn split_all(script: &str) -> Vec<(u64, String)> {
        split(script, &GenericDialect {}).into_iter().map(|p| (p.line, p.text)).collect()
    }

    fn one(line: u64, text: &str) -> (u64, String) {
        (line, text.to_owned())
    }

    #[test]
    fn statements_end_at_semicolons_that_are_not_quoted_or_commented() {
        let script =
            "-- first; not yet\nSELECT ';', \";\", `;` /* ; */;\n\n;; SELECT\n 'ä;';SELECT 3";
        let expected =
            [one(2, "SELECT ';', \";\", `;` /* ; */"), one(4, "SELECT\n 'ä;'"), one(5, "SELECT 3")];
        assert_eq!(split_all(script), expected);
        for nothing in ["", "  \n", ";", "-- only a comment", "/* x */ ;"] {
            assert_eq!(split_all(nothing), [], "{nothing:?}");
        }
    }

    #[test]
    fn what_is_not_closed_is_the_last_statement() {
        assert_eq!(
            split_all("SELECT 1;\nSELECT 'a; b"),
            [one(1, "SELECT 1"), one(2, "SELECT 'a; b")]
        );
        assert_eq!(split_all("'never"), [one(1, "'never")]);
        assert_eq!(split_all("SELECT 1; /* never"), [one(1, "SELECT 1"), one(1, "/* never")]);
    }

    #[test]
    fn input_is_complete_with_its_semicolon() {
        let complete = |text: &str| is_complete(text, &GenericDialect {});
        for text in ["SELECT 1;", "SELECT\n1; -- that's it", "\\d", "  ", "SELECT ';';", ";"] {
            assert!(complete(text), "{text:?}");
        }
        for text in ["SELECT 1", "SELECT ';", "SELECT 1; SELECT", "SELECT 1 /* ;", "-- ;"] {
            assert!(!complete(text), "{text:?}");
        }
    }
}
