//! JSON text to TiDB's binary JSON.

use std::collections::BTreeMap;

use super::{node, tp};
use crate::error::{Error, Result};
use crate::number::encode_uvarint;

/// Deepest nesting TiDB accepts: a hundred arrays or objects around a value.
const MAX_TEXT_DEPTH: usize = 101;
/// Bytes of an object's or array's count and size.
const HEADER: usize = 8;

/// A parsed document; TiDB keeps the keys of an object in the order of their bytes.
enum Value {
    Literal(u8),
    Int(i64),
    UInt(u64),
    Double(f64),
    Text(String),
    Array(Vec<Value>),
    Object(BTreeMap<String, Value>),
}

/// The type byte and body of a JSON document, as TiDB makes them of the text on insert: of a key that
/// occurs twice the last value stays, a number is an `i64` if it can be, else a `u64`, else a double.
///
/// # Errors
/// [`Error::Malformed`] when the text is no JSON document, or one TiDB refuses: deeper than 100, a key
/// longer than 65535 bytes, a number beyond a double.
pub fn from_text(text: &str) -> Result<(u8, Vec<u8>)> {
    let mut parser = Parser { rest: text.trim_start_matches(BLANKS) };
    let value = parser.value(1)?;
    if !parser.rest.is_empty() {
        return Err(malformed("more text after the document"));
    }
    let mut body = Vec::with_capacity(text.len());
    let tp = value.write(&mut body)?;
    Ok((tp, body))
}

const BLANKS: [char; 4] = [' ', '\t', '\n', '\r'];

fn malformed(reason: &'static str) -> Error {
    Error::malformed(node::WHAT, reason)
}

struct Parser<'a> {
    rest: &'a str,
}

impl Parser<'_> {
    /// Takes `prefix` and the blanks behind it off the front.
    fn take(&mut self, prefix: &str) -> bool {
        let Some(rest) = self.rest.strip_prefix(prefix) else { return false };
        self.rest = rest.trim_start_matches(BLANKS);
        true
    }

    fn value(&mut self, depth: usize) -> Result<Value> {
        if depth > MAX_TEXT_DEPTH {
            return Err(malformed("nested deeper than 100"));
        }
        match self.rest.as_bytes().first() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => self.text().map(Value::Text),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ if self.take("null") => Ok(Value::Literal(0)),
            _ if self.take("true") => Ok(Value::Literal(1)),
            _ if self.take("false") => Ok(Value::Literal(2)),
            _ => Err(malformed("no value where one is needed")),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value> {
        let mut members = BTreeMap::new();
        self.take("{");
        if self.take("}") {
            return Ok(Value::Object(members));
        }
        loop {
            let key = self.text()?;
            if !self.take(":") {
                return Err(malformed("no colon after a key"));
            }
            members.insert(key, self.value(depth + 1)?);
            if self.take("}") {
                return Ok(Value::Object(members));
            }
            if !self.take(",") {
                return Err(malformed("neither a comma nor the end of an object"));
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<Value> {
        let mut elements = Vec::new();
        self.take("[");
        if self.take("]") {
            return Ok(Value::Array(elements));
        }
        loop {
            elements.push(self.value(depth + 1)?);
            if self.take("]") {
                return Ok(Value::Array(elements));
            }
            if !self.take(",") {
                return Err(malformed("neither a comma nor the end of an array"));
            }
        }
    }

    fn text(&mut self) -> Result<String> {
        let mut escaped = false;
        let end = self.rest.bytes().enumerate().skip(1).find(|(_, byte)| {
            let ends = *byte == b'"' && !escaped;
            escaped = *byte == b'\\' && !escaped;
            ends
        });
        let parts = end.and_then(|(at, _)| self.rest.split_at_checked(at + 1));
        let (quoted, rest) = parts.ok_or_else(|| malformed("a string without an end"))?;
        let text = serde_json::from_str(quoted).map_err(|_| malformed("no such string"))?;
        self.rest = rest.trim_start_matches(BLANKS);
        Ok(text)
    }

    fn number(&mut self) -> Result<Value> {
        let is_part = |c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.' | 'e' | 'E');
        let end = self.rest.find(|c| !is_part(c)).unwrap_or(self.rest.len());
        let (digits, rest) = self.rest.split_at_checked(end).unwrap_or_default();
        self.rest = rest.trim_start_matches(BLANKS);
        if !is_number(digits) {
            return Err(malformed("no such number"));
        }
        if let Ok(value) = digits.parse() {
            return Ok(Value::Int(value));
        }
        if let Ok(value) = digits.parse() {
            return Ok(Value::UInt(value));
        }
        match digits.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(Value::Double(value)),
            _ => Err(malformed("a number beyond a double")),
        }
    }
}

/// Whether JSON has such a number: no leading zeros, digits on both sides of a point.
fn is_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let body = text.strip_prefix('-').unwrap_or(text);
    let (body, exponent) = match body.split_once(['e', 'E']) {
        Some((body, exponent)) => (body, Some(exponent)),
        None => (body, None),
    };
    let (int, frac) = match body.split_once('.') {
        Some((int, frac)) => (int, Some(frac)),
        None => (body, None),
    };
    digits(int)
        && (int == "0" || !int.starts_with('0'))
        && frac.is_none_or(digits)
        && exponent.is_none_or(|text| digits(text.strip_prefix(['+', '-']).unwrap_or(text)))
}

impl Value {
    /// Appends the body; returns the type byte.
    fn write(&self, out: &mut Vec<u8>) -> Result<u8> {
        match self {
            Self::Literal(code) => {
                out.push(*code);
                Ok(tp::LITERAL)
            }
            Self::Int(value) => {
                out.extend_from_slice(&value.to_le_bytes());
                Ok(tp::I64)
            }
            Self::UInt(value) => {
                out.extend_from_slice(&value.to_le_bytes());
                Ok(tp::U64)
            }
            Self::Double(value) => {
                out.extend_from_slice(&value.to_le_bytes());
                Ok(tp::DOUBLE)
            }
            Self::Text(text) => {
                encode_uvarint(out, u64::try_from(text.len()).unwrap_or(u64::MAX));
                out.extend_from_slice(text.as_bytes());
                Ok(tp::STRING)
            }
            Self::Array(elements) => {
                write_container(out, &[], elements)?;
                Ok(tp::ARRAY)
            }
            Self::Object(members) => {
                let keys: Vec<_> = members.keys().map(String::as_str).collect();
                write_container(out, &keys, members.values())?;
                Ok(tp::OBJECT)
            }
        }
    }
}

/// Appends an object or, without keys, an array: head, key entries, value entries, keys, values.
fn write_container<'a>(
    out: &mut Vec<u8>,
    keys: &[&str],
    values: impl IntoIterator<Item = &'a Value, IntoIter: ExactSizeIterator>,
) -> Result<()> {
    let values = values.into_iter();
    let mut entries = Vec::with_capacity(keys.len() * 6 + values.len() * 5);
    let mut tail = Vec::new();
    let start = HEADER + keys.len() * 6 + values.len() * 5;
    let count = le_u32(values.len())?;
    for key in keys {
        let len = u16::try_from(key.len()).map_err(|_| malformed("a key above 65535 bytes"))?;
        entries.extend_from_slice(&le_u32(start + tail.len())?);
        entries.extend_from_slice(&len.to_le_bytes());
        tail.extend_from_slice(key.as_bytes());
    }
    for value in values {
        if let Value::Literal(code) = value {
            entries.extend_from_slice(&[tp::LITERAL, *code, 0, 0, 0]);
            continue;
        }
        let offset = le_u32(start + tail.len())?;
        entries.push(value.write(&mut tail)?);
        entries.extend_from_slice(&offset);
    }
    out.extend_from_slice(&count);
    out.extend_from_slice(&le_u32(start + tail.len())?);
    out.extend_from_slice(&entries);
    out.extend_from_slice(&tail);
    Ok(())
}

fn le_u32(value: usize) -> Result<[u8; 4]> {
    let value = u32::try_from(value).map_err(|_| malformed("a document above 4 GB"))?;
    Ok(value.to_le_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(text: &str) -> String {
        let (tp, body) = from_text(text).unwrap();
        let mut out = String::new();
        super::super::write_text(&mut out, tp, &body).unwrap();
        out
    }

    #[test]
    fn a_document_is_printed_as_it_was_read() {
        for text in [
            "null",
            r#"[1, -2, 3.5, "x\"y", [], {}, true]"#,
            r#"{"a": null, "b": {"c": [false]}}"#,
            "18446744073709551615",
            "-9223372036854775808",
            r#""""#,
        ] {
            assert_eq!(printed(text), text);
        }
        assert_eq!(printed(" {\"b\":1 ,\n\"a\":2,\"b\":3}\t"), r#"{"a": 2, "b": 3}"#);
        assert_eq!(from_text("-0").unwrap(), (tp::I64, vec![0; 8]));
        assert_eq!(from_text("1e0").unwrap().0, tp::DOUBLE);
    }

    #[test]
    fn what_is_no_document_is_refused() {
        for text in [
            "",
            "nul",
            "01",
            "1.",
            ".5",
            "1e",
            "+1",
            "--1",
            "[1,]",
            "{\"a\"}",
            "{a:1}",
            "[1",
            "\"x",
            "1 2",
            "'x'",
            "1e999",
            "\"\\ud800\"",
            "\u{a0}1",
        ] {
            assert!(from_text(text).is_err(), "{text}");
        }
        let deep = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(from_text(&deep(101)).is_ok());
        assert!(from_text(&deep(102)).is_err());
        assert!(from_text(&deep(100_000)).is_err());
        assert!(from_text(&format!("{{\"{}\": 1}}", "k".repeat(65536))).is_err());
    }
}
