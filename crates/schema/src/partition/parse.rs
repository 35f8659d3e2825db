//! SQL text to partitioning expressions and literals.

use tifusion_codec::field_type::FieldType;

use super::error::PartitionError;
use super::node::{ColumnRef, Function, Node, Operator};

/// Deepest nesting that is read.
const MAX_DEPTH: usize = 50;
/// Most operators and operands that are read: a long sum nests as deep as it is long.
const MAX_NODES: usize = 1000;

type Columns<'a> = &'a dyn Fn(&str) -> Option<(usize, FieldType)>;

/// An expression of `+ - * DIV % MOD`, functions, columns and literals.
pub(super) fn parse(text: &str, columns: Columns<'_>) -> Result<Node, PartitionError> {
    let mut parser = Parser { text, rest: text, columns, depth: 0, nodes: 0 };
    parser.skip_blanks();
    let node = parser.sum()?;
    if !parser.rest.is_empty() {
        return Err(parser.unsupported("what follows the expression"));
    }
    Ok(node)
}

/// A literal of a `LIST COLUMNS` or `RANGE COLUMNS` partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Literal {
    Null,
    MaxValue,
    Default,
    /// A number's digits or a string's content.
    Text(String),
}

/// Reads `NULL`, `MAXVALUE`, `DEFAULT`, a number or a string.
pub(super) fn literal(text: &str) -> Result<Literal, PartitionError> {
    let body = text.trim_ascii();
    let is = |word: &str| body.eq_ignore_ascii_case(word);
    if is("NULL") {
        return Ok(Literal::Null);
    }
    if is("MAXVALUE") || is("(MAXVALUE)") {
        return Ok(Literal::MaxValue);
    }
    if is("DEFAULT") {
        return Ok(Literal::Default);
    }
    if let Some((content, "")) = quoted(body) {
        return Ok(Literal::Text(content));
    }
    let digits = body.strip_prefix('-').unwrap_or(body);
    let is_number = !digits.is_empty()
        && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        && digits.bytes().filter(|byte| *byte == b'.').count() <= 1;
    if is_number {
        return Ok(Literal::Text(body.to_owned()));
    }
    Err(PartitionError::Unsupported { text: text.to_owned(), reason: "such a literal".to_owned() })
}

/// Takes a string in single or double quotes off the front of `text`; its content and the rest.
fn quoted(text: &str) -> Option<(String, &str)> {
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    let mut content = String::new();
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => content.push(match chars.next()?.1 {
                '0' => '\0',
                'b' => '\u{8}',
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'Z' => '\u{1a}',
                other => other,
            }),
            c if c == quote && chars.peek().is_some_and(|(_, next)| *next == quote) => {
                content.push(quote);
                chars.next();
            }
            c if c == quote => return Some((content, text.get(at + 1..)?)),
            c => content.push(c),
        }
    }
    None
}

struct Parser<'a> {
    text: &'a str,
    rest: &'a str,
    columns: Columns<'a>,
    depth: usize,
    nodes: usize,
}

impl Parser<'_> {
    fn unsupported(&self, reason: &str) -> PartitionError {
        PartitionError::Unsupported { text: self.text.to_owned(), reason: reason.to_owned() }
    }

    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_ascii_start();
    }

    fn take(&mut self, symbol: &str) -> bool {
        let Some(rest) = self.rest.strip_prefix(symbol) else { return false };
        self.rest = rest;
        self.skip_blanks();
        true
    }

    /// The letters, digits and underscores at the front.
    fn peek_word(&self) -> &str {
        let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
        let end = self.rest.find(|c| !is_part(c)).unwrap_or(self.rest.len());
        self.rest.get(..end).unwrap_or_default()
    }

    fn take_word(&mut self, word: &str) -> bool {
        let found = self.peek_word();
        if !found.eq_ignore_ascii_case(word) {
            return false;
        }
        self.rest = self.rest.get(found.len()..).unwrap_or_default();
        self.skip_blanks();
        true
    }

    fn sum(&mut self) -> Result<Node, PartitionError> {
        let mut left = self.product()?;
        loop {
            let operator = if self.take("+") {
                Operator::Plus
            } else if self.take("-") {
                Operator::Minus
            } else {
                return Ok(left);
            };
            left = Node::Binary(operator, Box::new(left), Box::new(self.product()?));
        }
    }

    fn product(&mut self) -> Result<Node, PartitionError> {
        let mut left = self.unary()?;
        loop {
            let operator = if self.take("*") {
                Operator::Times
            } else if self.take("%") || self.take_word("MOD") {
                Operator::Mod
            } else if self.take_word("DIV") {
                Operator::Div
            } else {
                return Ok(left);
            };
            left = Node::Binary(operator, Box::new(left), Box::new(self.unary()?));
        }
    }

    fn unary(&mut self) -> Result<Node, PartitionError> {
        self.depth += 1;
        self.nodes += 1;
        if self.depth > MAX_DEPTH || self.nodes > MAX_NODES {
            return Err(self.unsupported("nesting that deep"));
        }
        let node =
            if self.take("-") { Node::Minus(Box::new(self.unary()?)) } else { self.primary()? };
        self.depth -= 1;
        Ok(node)
    }

    fn primary(&mut self) -> Result<Node, PartitionError> {
        if self.take("(") {
            let inner = self.sum()?;
            self.close()?;
            return Ok(Node::Paren(Box::new(inner)));
        }
        if let Some((content, rest)) = quoted(self.rest) {
            let len = self.rest.len() - rest.len();
            self.rest = self.rest.get(len..).unwrap_or_default();
            self.skip_blanks();
            return Ok(Node::Text(content));
        }
        if let Some(rest) = self.rest.strip_prefix('`') {
            let (name, rest) =
                backquoted(rest).ok_or_else(|| self.unsupported("a name without end"))?;
            let len = self.rest.len() - rest;
            self.rest = self.rest.get(len..).unwrap_or_default();
            self.skip_blanks();
            return self.column(name);
        }
        let word = self.peek_word().to_owned();
        self.rest = self.rest.get(word.len()..).unwrap_or_default();
        self.skip_blanks();
        if word.starts_with(|c: char| c.is_ascii_digit()) {
            // Up to 64 bits, whichever sign follows from what is around.
            let value = word.parse::<u64>().map_err(|_| self.unsupported("such a number"))?;
            return Ok(Node::Number(value.into()));
        }
        if word.is_empty() {
            return Err(self.unsupported("such an expression"));
        }
        if !self.take("(") {
            return self.column(word);
        }
        self.call(&word)
    }

    fn call(&mut self, name: &str) -> Result<Node, PartitionError> {
        let mut arguments = vec![self.sum()?];
        while self.take(",") {
            arguments.push(self.sum()?);
        }
        self.close()?;
        if name.eq_ignore_ascii_case("MOD")
            && let [left, right] = arguments.as_slice()
        {
            let (left, right) = (Box::new(left.clone()), Box::new(right.clone()));
            return Ok(Node::Binary(Operator::Mod, left, right));
        }
        let function =
            Function::by_name(name).ok_or_else(|| self.unsupported(&format!("function {name}")))?;
        Ok(Node::Call(function, arguments))
    }

    fn close(&mut self) -> Result<(), PartitionError> {
        if self.take(")") { Ok(()) } else { Err(self.unsupported("no closing parenthesis")) }
    }

    fn column(&self, name: String) -> Result<Node, PartitionError> {
        let found = (self.columns)(&name);
        let (offset, field_type) =
            found.ok_or_else(|| self.unsupported(&format!("there is no column {name}")))?;
        Ok(Node::Column(ColumnRef { name, offset, field_type }))
    }
}

/// A name up to its closing backquote, and how many bytes follow.
fn backquoted(text: &str) -> Option<(String, usize)> {
    let mut name = String::new();
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if c != '`' {
            name.push(c);
        } else if chars.peek().is_some_and(|(_, next)| *next == '`') {
            name.push('`');
            chars.next();
        } else {
            return Some((name, text.len() - at - 1));
        }
    }
    None
}
