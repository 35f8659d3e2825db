//! Literals and names of tables.

use sqlparser::tokenizer::Token;

use super::super::error::{BootstrapError, Result};
use super::ast::{TableName, Value};
use super::cursor::Cursor;

/// `[database.]table`.
pub(super) fn table_name(cursor: &mut Cursor) -> Result<TableName> {
    let first = cursor.name()?;
    if cursor.take_token(&Token::Period) {
        return Ok(TableName { database: Some(first), table: cursor.name()? });
    }
    Ok(TableName { database: None, table: first })
}

/// Reads a literal.
pub(super) fn value(cursor: &mut Cursor) -> Result<Value> {
    for (word, value) in [
        ("NULL", Value::Null),
        ("DEFAULT", Value::Default),
        ("TRUE", Value::Bool(true)),
        ("FALSE", Value::Bool(false)),
    ] {
        if cursor.take(&[word]) {
            return Ok(value);
        }
    }
    let sign = if cursor.take_token(&Token::Minus) { "-" } else { "" };
    if sign.is_empty() {
        cursor.take_token(&Token::Plus);
    }
    let token = cursor.peek().clone();
    let value = match token {
        Token::Number(digits, _) => Value::Number(format!("{sign}{digits}")),
        _ if !sign.is_empty() => return Err(cursor.unexpected("a number")),
        Token::SingleQuotedString(text) | Token::DoubleQuotedString(text) => Value::Text(text),
        Token::HexStringLiteral(digits) => Value::Bytes(hex(&digits)?),
        Token::SingleQuotedByteStringLiteral(digits)
        | Token::DoubleQuotedByteStringLiteral(digits) => Value::Bits(bits(&digits)?),
        _ => return Err(cursor.unsupported("a value other than a literal,")),
    };
    cursor.next();
    Ok(value)
}

/// Bytes of hexadecimal digits; an odd one at the front is a byte of its own, as in `0xfff`.
fn hex(digits: &str) -> Result<Vec<u8>> {
    let even =
        if digits.len().is_multiple_of(2) { digits.to_owned() } else { format!("0{digits}") };
    let byte = |pair: &[u8; 2]| {
        let text = std::str::from_utf8(pair).ok()?;
        u8::from_str_radix(text, 16).ok()
    };
    let bytes: Option<Vec<u8>> = even.as_bytes().as_chunks().0.iter().map(byte).collect();
    bytes.ok_or_else(|| BootstrapError::Syntax(format!("x'{digits}'")))
}

/// Big-endian bytes of binary digits.
fn bits(digits: &str) -> Result<Vec<u8>> {
    let malformed = || BootstrapError::Syntax(format!("b'{digits}'"));
    if digits.len() > 64 || !digits.bytes().all(|byte| matches!(byte, b'0' | b'1')) {
        return Err(malformed());
    }
    let value = if digits.is_empty() { Ok(0) } else { u64::from_str_radix(digits, 2) };
    let value = value.map_err(|_| malformed())?;
    let bytes = value.to_be_bytes();
    let len = digits.len().div_ceil(8);
    Ok(bytes.get(8 - len..).unwrap_or(&bytes).to_vec())
}
