//! A cursor over tokens.

use sqlparser::dialect::MySqlDialect;
use sqlparser::tokenizer::{Token, Tokenizer, Word};

use super::super::error::{BootstrapError, Result};
use super::comments::open_special;

/// The tokens of a text, without blanks and comments.
pub(super) struct Cursor {
    tokens: Vec<Token>,
    at: usize,
}

impl Cursor {
    /// # Errors
    /// [`BootstrapError::Syntax`] when the text has no tokens of MySQL.
    pub(super) fn new(text: &str) -> Result<Self> {
        let text = open_special(text)?;
        let tokens = Tokenizer::new(&MySqlDialect {}, &text)
            .tokenize()
            .map_err(|error| BootstrapError::Syntax(error.to_string()))?;
        let is_blank = |token: &Token| matches!(token, Token::Whitespace(_));
        Ok(Self { tokens: tokens.into_iter().filter(|token| !is_blank(token)).collect(), at: 0 })
    }

    pub(super) fn peek(&self) -> &Token {
        self.tokens.get(self.at).unwrap_or(&Token::EOF)
    }

    pub(super) fn next(&mut self) -> Token {
        let token = self.peek().clone();
        self.at += 1;
        token
    }

    pub(super) fn is_end(&self) -> bool {
        *self.peek() == Token::EOF
    }

    /// The error that names what comes next.
    pub(super) fn unexpected(&self, wanted: &str) -> BootstrapError {
        let found = match self.peek() {
            Token::EOF => "the end".to_owned(),
            token => format!("{:?}", token.to_string().chars().take(64).collect::<String>()),
        };
        BootstrapError::Syntax(format!("{wanted} expected, {found} found"))
    }

    /// The error for something known to MySQL or TiDB but not here.
    pub(super) fn unsupported(&self, what: &str) -> BootstrapError {
        let found: String = self.peek().to_string().chars().take(64).collect();
        BootstrapError::Unsupported(format!("{what} {found:?}"))
    }

    /// Whether these words come next, in any case and without quotes.
    pub(super) fn is(&self, words: &[&str]) -> bool {
        words.iter().enumerate().all(|(offset, word)| {
            matches!(
                self.tokens.get(self.at + offset),
                Some(Token::Word(Word { value, quote_style: None, .. }))
                    if value.eq_ignore_ascii_case(word)
            )
        })
    }

    /// Takes these words if they come next.
    pub(super) fn take(&mut self, words: &[&str]) -> bool {
        let found = self.is(words);
        if found {
            self.at += words.len();
        }
        found
    }

    /// # Errors
    /// [`BootstrapError::Syntax`] unless these words come next.
    pub(super) fn expect(&mut self, words: &[&str]) -> Result<()> {
        if self.take(words) { Ok(()) } else { Err(self.unexpected(&words.join(" "))) }
    }

    /// Takes a token if it comes next.
    pub(super) fn take_token(&mut self, token: &Token) -> bool {
        let found = self.peek() == token;
        if found {
            self.at += 1;
        }
        found
    }

    /// # Errors
    /// [`BootstrapError::Syntax`] unless the token comes next.
    pub(super) fn expect_token(&mut self, token: &Token) -> Result<()> {
        if self.take_token(token) { Ok(()) } else { Err(self.unexpected(&token.to_string())) }
    }

    /// A name, in backquotes or not.
    pub(super) fn name(&mut self) -> Result<String> {
        match self.peek() {
            Token::Word(Word { value, quote_style: None | Some('`'), .. }) => {
                // The tokenizer leaves doubled backquotes as they are when told not to unescape.
                let name = value.clone();
                self.at += 1;
                Ok(name)
            }
            _ => Err(self.unexpected("a name")),
        }
    }

    /// A word without quotes, in lower case.
    pub(super) fn word(&mut self) -> Result<String> {
        match self.peek() {
            Token::Word(Word { value, quote_style: None, .. }) => {
                let word = value.to_ascii_lowercase();
                self.at += 1;
                Ok(word)
            }
            _ => Err(self.unexpected("a word")),
        }
    }

    /// A string, as it is meant.
    pub(super) fn text(&mut self) -> Result<String> {
        match self.peek() {
            Token::SingleQuotedString(text) | Token::DoubleQuotedString(text) => {
                let text = text.clone();
                self.at += 1;
                Ok(text)
            }
            _ => Err(self.unexpected("a string")),
        }
    }

    /// A name or a string: character sets and collations are written as either.
    pub(super) fn name_or_text(&mut self) -> Result<String> {
        match self.peek() {
            Token::Word(_) => self.name(),
            _ => self.text(),
        }
    }

    /// A whole number without sign.
    pub(super) fn number(&mut self) -> Result<u64> {
        let value = match self.peek() {
            Token::Number(digits, _) => digits.parse().ok(),
            _ => None,
        };
        let value = value.ok_or_else(|| self.unexpected("a whole number"))?;
        self.at += 1;
        Ok(value)
    }

    /// A whole number in parentheses.
    pub(super) fn number_in_parens(&mut self) -> Result<u64> {
        self.expect_token(&Token::LParen)?;
        let number = self.number()?;
        self.expect_token(&Token::RParen)?;
        Ok(number)
    }

    /// What stands between parentheses, separated by commas.
    pub(super) fn list<T>(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<T>,
    ) -> Result<Vec<T>> {
        self.expect_token(&Token::LParen)?;
        let mut items = vec![item(self)?];
        while self.take_token(&Token::Comma) {
            items.push(item(self)?);
        }
        self.expect_token(&Token::RParen)?;
        Ok(items)
    }

    /// The SQL text up to a comma or parenthesis that belongs to what is around.
    pub(super) fn expression(&mut self) -> Result<String> {
        let mut text = String::new();
        let mut depth = 0_usize;
        loop {
            match self.peek() {
                Token::EOF => return Err(self.unexpected("the end of an expression")),
                Token::Comma | Token::RParen if depth == 0 => break,
                Token::LParen => depth += 1,
                Token::RParen => depth -= 1,
                _ => {}
            }
            let token = self.next();
            match token {
                Token::SingleQuotedString(content) | Token::DoubleQuotedString(content) => {
                    text.push_str(&quote(&content));
                }
                token => text.push_str(&token.to_string()),
            }
            text.push(' ');
        }
        let text = text.trim_ascii_end().to_owned();
        if text.is_empty() { Err(self.unexpected("an expression")) } else { Ok(text) }
    }
}

/// A string in single quotes.
fn quote(content: &str) -> String {
    format!("'{}'", content.replace('\\', "\\\\").replace('\'', "''"))
}
