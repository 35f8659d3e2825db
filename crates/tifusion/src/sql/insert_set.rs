//! `INSERT … SET a = 1, b = 2`, which few dialects have: it is read as `INSERT … (a, b) VALUES (1, 2)`.

use datafusion::sql::sqlparser::dialect::Dialect;
use datafusion::sql::sqlparser::tokenizer::{Span, Token, TokenWithSpan};

use super::ddl::leading_word;

/// The tokens of a statement, with columns and values instead of what is set where it is such an `INSERT` or
/// `REPLACE` and the dialect does not know it. What is none of these, or is not understood, stays as it is.
pub(super) fn with_values(tokens: &[TokenWithSpan], dialect: &dyn Dialect) -> Vec<TokenWithSpan> {
    let rewritten = match dialect.supports_insert_set() {
        true => None,
        false => rewritten(tokens),
    };
    rewritten.unwrap_or_else(|| tokens.to_vec())
}

fn rewritten(tokens: &[TokenWithSpan]) -> Option<Vec<TokenWithSpan>> {
    let (start, word) = leading_word(tokens)?;
    if !matches!(word.as_str(), "INSERT" | "REPLACE") {
        return None;
    }
    // Names and words alone stand before it.
    let set = tokens.iter().enumerate().skip(start).find(|(_, token)| match &token.token {
        Token::Word(word) if word.quote_style.is_none() => {
            ["SET", "VALUES", "VALUE", "SELECT", "WITH", "TABLE", "DEFAULT"]
                .iter()
                .any(|end| word.value.eq_ignore_ascii_case(end))
        }
        Token::Word(_) | Token::Whitespace(_) | Token::Period => false,
        _ => true,
    });
    let (set, _) = set.filter(|(_, token)| is_word(token, "SET"))?;
    let (assigned, end) = assignments(tokens, set + 1)?;
    let wrap = |token: Token| TokenWithSpan { token, span: Span::empty() };
    let mut out = tokens.get(..set)?.to_vec();
    out.push(wrap(Token::LParen));
    for (at, (name, _)) in assigned.iter().enumerate() {
        out.extend((at > 0).then(|| wrap(Token::Comma)));
        out.extend_from_slice(name);
    }
    out.extend([Token::RParen, Token::make_keyword("VALUES"), Token::LParen].map(wrap));
    for (at, (_, value)) in assigned.iter().enumerate() {
        out.extend((at > 0).then(|| wrap(Token::Comma)));
        out.extend_from_slice(value);
    }
    out.push(wrap(Token::RParen));
    out.extend_from_slice(tokens.get(end..)?);
    Some(out)
}

/// A name and the value that it is set to.
type Assigned<'a> = (&'a [TokenWithSpan], &'a [TokenWithSpan]);

/// What is set from `start` on, and where that ends.
fn assignments(tokens: &[TokenWithSpan], start: usize) -> Option<(Vec<Assigned<'_>>, usize)> {
    let mut found = Vec::new();
    let (mut from, mut equals, mut depth) = (start, None, 0_usize);
    let mut at = start;
    loop {
        let token = tokens.get(at);
        let ends = depth == 0 && token.is_none_or(is_end);
        let is_next = depth == 0 && token.is_some_and(|token| token.token == Token::Comma);
        if ends || is_next {
            let equals: usize = equals.take()?;
            let (name, value) = (tokens.get(from..equals)?, tokens.get(equals + 1..at)?);
            if [name, value].into_iter().any(is_blank) {
                return None;
            }
            found.push((name, value));
            if ends {
                return Some((found, at));
            }
            from = at + 1;
        }
        match &token?.token {
            Token::LParen | Token::LBracket => depth += 1,
            Token::RParen | Token::RBracket => depth = depth.checked_sub(1)?,
            Token::Eq if depth == 0 && equals.is_none() && !is_next => equals = Some(at),
            _ => {}
        }
        at += 1;
    }
}

/// Whether what is set ends before this token: an alias of the row, or what is done about duplicates.
fn is_end(token: &TokenWithSpan) -> bool {
    token.token == Token::SemiColon
        || ["AS", "ON", "RETURNING"].iter().any(|end| is_word(token, end))
}

fn is_word(token: &TokenWithSpan, word: &str) -> bool {
    matches!(&token.token, Token::Word(found)
        if found.quote_style.is_none() && found.value.eq_ignore_ascii_case(word))
}

fn is_blank(tokens: &[TokenWithSpan]) -> bool {
    tokens.iter().all(|token| matches!(token.token, Token::Whitespace(_)))
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::{GenericDialect, MySqlDialect};

    use super::*;
    use crate::sql::parse::tokens;

    fn read(sql: &str, dialect: &dyn Dialect) -> String {
        let read = with_values(&tokens(dialect, sql).unwrap(), dialect);
        read.iter().map(|token| token.token.to_string()).collect()
    }

    #[test]
    fn what_is_set_becomes_columns_and_values() {
        for (sql, expected) in [
            ("INSERT INTO t SET a=1,b='x, y = z'", "INSERT INTO t ( a,b)VALUES(1,'x, y = z')"),
            (
                "EXPLAIN REPLACE t SET t.a = (b = (1, 2)[1]), \"s\" = DEFAULT;",
                "EXPLAIN REPLACE t ( t.a , \"s\" )VALUES( (b = (1, 2)[1]), DEFAULT);",
            ),
            (
                "INSERT IGNORE INTO d.t SET a = 1 AS n ON DUPLICATE KEY UPDATE a = n.a",
                "INSERT IGNORE INTO d.t ( a )VALUES( 1 )AS n ON DUPLICATE KEY UPDATE a = n.a",
            ),
        ] {
            assert_eq!(read(sql, &GenericDialect {}), expected);
            assert_eq!(read(sql, &MySqlDialect {}), sql);
        }
    }

    #[test]
    fn other_statements_stay_as_they_are() {
        for sql in [
            "INSERT INTO t (a) VALUES (1)",
            "INSERT INTO t SELECT a FROM s WHERE set = 1",
            "INSERT INTO \"set\" VALUES (1)",
            "INSERT INTO t SET",
            "INSERT INTO t SET a",
            "INSERT INTO t SET a = , b = 1",
            "INSERT INTO t SET a = 1)",
            "UPDATE t SET a = 1",
            "SET a = 1",
        ] {
            assert_eq!(read(sql, &GenericDialect {}), sql);
        }
    }
}
