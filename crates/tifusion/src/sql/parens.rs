//! Parentheses around a table alone, as TiDB writes `FROM a, b` of a view: `FROM (a) JOIN b`.

use datafusion::sql::sqlparser::dialect::Dialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

/// `tokens` without such parentheses, which the parser takes in few dialects.
pub(super) fn without_lone(
    tokens: Vec<TokenWithSpan>,
    dialect: &dyn Dialect,
    recursion_limit: usize,
) -> Vec<TokenWithSpan> {
    let mut dropped = vec![false; tokens.len()];
    let mut expects_table = false;
    for (at, token) in tokens.iter().enumerate() {
        match &token.token {
            Token::Whitespace(_) => continue,
            Token::LParen if expects_table => {
                let rest = tokens.get(at + 1..).unwrap_or_default();
                if let Some(length) = lone_table(rest, dialect, recursion_limit) {
                    for place in [at, at + 1 + length] {
                        if let Some(dropped) = dropped.get_mut(place) {
                            *dropped = true;
                        }
                    }
                }
            }
            Token::Word(word) if word.quote_style.is_none() => {
                expects_table = matches!(word.keyword, Keyword::FROM | Keyword::JOIN);
            }
            _ => expects_table = false,
        }
    }
    let kept = tokens.into_iter().zip(dropped).filter(|(_, dropped)| !dropped);
    kept.map(|(token, _)| token).collect()
}

/// How many tokens a table takes up to the parenthesis behind it; `None` if there is more.
fn lone_table(
    tokens: &[TokenWithSpan],
    dialect: &dyn Dialect,
    recursion_limit: usize,
) -> Option<usize> {
    let first = tokens.iter().find(|token| !matches!(token.token, Token::Whitespace(_)))?;
    let Token::Word(word) = &first.token else { return None };
    if matches!(word.keyword, Keyword::SELECT | Keyword::WITH | Keyword::VALUES | Keyword::TABLE) {
        return None;
    }
    let mut parser = Parser::new(dialect)
        .with_recursion_limit(recursion_limit)
        .with_tokens_with_locations(tokens.to_vec());
    parser.parse_table_factor().ok()?;
    parser.consume_token(&Token::RParen).then(|| parser.get_current_index())
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::MySqlDialect;
    use datafusion::sql::sqlparser::tokenizer::Tokenizer;

    use super::*;

    #[test]
    fn tables_alone_lose_their_parentheses_and_nothing_else_does() {
        for (text, expected) in [
            ("SELECT 1 FROM (`a`) JOIN `b`", "SELECT 1 FROM `a` JOIN `b`"),
            ("SELECT 1 FROM ( `d`.`a` AS `x` ) JOIN b", "SELECT 1 FROM  `d`.`a` AS `x`  JOIN b"),
            ("SELECT 1 FROM ((`a`) JOIN `b`) JOIN `c`", "SELECT 1 FROM (`a` JOIN `b`) JOIN `c`"),
            (
                "SELECT 1 FROM (a PARTITION(p0) AS x) JOIN b",
                "SELECT 1 FROM a PARTITION(p0) AS x JOIN b",
            ),
            ("SELECT 1 FROM a JOIN (b JOIN c)", "SELECT 1 FROM a JOIN (b JOIN c)"),
            ("SELECT 1 FROM (SELECT a) AS x", "SELECT 1 FROM (SELECT a) AS x"),
            (
                "SELECT (a), f((b)) FROM x WHERE a IN (b)",
                "SELECT (a), f((b)) FROM x WHERE a IN (b)",
            ),
            ("SELECT 1 FROM (a", "SELECT 1 FROM (a"),
        ] {
            let dialect = MySqlDialect {};
            let tokens = Tokenizer::new(&dialect, text).tokenize_with_location().unwrap();
            let tokens = without_lone(tokens, &dialect, 50);
            let text: String = tokens.iter().map(|token| token.token.to_string()).collect();
            assert_eq!(text, expected);
        }
    }
}
