//! JSON values as text.

use std::fmt::Write;

use super::node::{self, Container, WHAT, counted_bytes, take_value};
use super::{MAX_DEPTH, tp};
use crate::cursor::take_array;
use crate::duration;
use crate::error::{Error, Result};
use crate::number::{decode_f64_le, decode_i64_le, decode_u32_le, decode_u64_le};
use crate::time::{CoreTime, MAX_FSP, TimeKind};

/// Bytes of text that one byte of a body makes at most: a control character becomes `\u0001`.
const TEXT_PER_BYTE: usize = 6;
/// Bytes of text beyond that, for the smallest bodies.
const TEXT_EXTRA: usize = 64;

/// Appends the text of a JSON value whose type byte is `tp`, exactly as TiDB prints it:
/// `{"a": 1, "b": [1.0, "x"]}`, keys in stored order.
///
/// # Errors
/// [`Error::Truncated`] or [`Error::Malformed`] when the body is no value of that type, when it is
/// nested deeper than [`MAX_DEPTH`] or when overlapping values make it longer than any honest body
/// could. `out` is as it was then.
pub fn write_text(out: &mut String, tp: u8, body: &[u8]) -> Result<()> {
    let start = out.len();
    let limit = body.len().saturating_mul(TEXT_PER_BYTE).saturating_add(TEXT_EXTRA);
    let mut writer = Writer { out, limit: start.saturating_add(limit) };
    let written = writer.value(tp, body, 0);
    if written.is_err() {
        out.truncate(start);
    }
    written
}

/// Appends the text of a chunk's, row's or datum's JSON cell: type byte, then body.
///
/// # Errors
/// As [`write_text`].
pub fn write_cell_text(out: &mut String, cell: &[u8]) -> Result<()> {
    let (tp, body) = take_value(&mut { cell })?;
    write_text(out, tp, body)
}

struct Writer<'a> {
    out: &'a mut String,
    /// Length that the text must not pass.
    limit: usize,
}

impl Writer<'_> {
    fn value(&mut self, tp: u8, body: &[u8], depth: usize) -> Result<()> {
        let mut rest = body;
        match tp {
            tp::OBJECT => self.object(body, depth)?,
            tp::ARRAY => self.array(body, depth)?,
            tp::LITERAL => self.out.push_str(literal(*take_array::<1>(WHAT, &mut rest)?)?),
            tp::I64 => self.display(decode_i64_le(&mut rest)?),
            tp::U64 => self.display(decode_u64_le(&mut rest)?),
            tp::DOUBLE => self.double(decode_f64_le(&mut rest)?)?,
            tp::STRING => self.string(counted_bytes(&mut rest)?),
            tp::OPAQUE => {
                let [code] = *take_array(WHAT, &mut rest)?;
                self.opaque(code, counted_bytes(&mut rest)?);
            }
            tp::DATE => self.time(decode_u64_le(&mut rest)?, TimeKind::Date),
            tp::DATETIME => self.time(decode_u64_le(&mut rest)?, TimeKind::DateTime),
            tp::TIMESTAMP => self.time(decode_u64_le(&mut rest)?, TimeKind::Timestamp),
            tp::DURATION => {
                let nanos = decode_i64_le(&mut rest)?;
                decode_u32_le(&mut rest)?;
                self.out.push('"');
                duration::write_text(self.out, nanos, MAX_FSP);
                self.out.push('"');
            }
            _ => return Err(node::unknown_type(tp)),
        }
        self.check_limit()
    }

    fn object(&mut self, body: &[u8], depth: usize) -> Result<()> {
        check_depth(depth)?;
        let object = Container::object(body)?;
        self.out.push('{');
        for (index, (key, value)) in object.keys().zip(object.values()).enumerate() {
            let (tp, body) = value?;
            if index > 0 {
                self.out.push_str(", ");
            }
            self.string(key?);
            self.check_limit()?;
            self.out.push_str(": ");
            self.value(tp, body, depth + 1)?;
        }
        self.out.push('}');
        Ok(())
    }

    fn array(&mut self, body: &[u8], depth: usize) -> Result<()> {
        check_depth(depth)?;
        self.out.push('[');
        for (index, value) in Container::array(body)?.values().enumerate() {
            let (tp, body) = value?;
            if index > 0 {
                self.out.push_str(", ");
            }
            self.value(tp, body, depth + 1)?;
        }
        self.out.push(']');
        Ok(())
    }

    fn display(&mut self, value: impl std::fmt::Display) {
        // Writing to a string can't fail.
        let _ = write!(self.out, "{value}");
    }

    /// The shortest digits that read back, with an exponent below 1e-15 and from 1e15 on, else with
    /// at least one digit after the point.
    fn double(&mut self, value: f64) -> Result<()> {
        if !value.is_finite() {
            return Err(Error::malformed(WHAT, format!("the number {value}")));
        }
        let magnitude = value.abs();
        if magnitude != 0.0 && !(1e-15..1e15).contains(&magnitude) {
            let _ = write!(self.out, "{value:e}");
            return Ok(());
        }
        let start = self.out.len();
        self.display(value);
        if !self.out.get(start..).is_some_and(|text| text.contains('.')) {
            self.out.push_str(".0");
        }
        Ok(())
    }

    fn time(&mut self, bits: u64, kind: TimeKind) {
        let time = CoreTime { kind, fsp: MAX_FSP, ..CoreTime::from_core_bits(bits) };
        let _ = write!(self.out, "\"{time}\"");
    }

    fn opaque(&mut self, code: u8, data: &[u8]) {
        let _ = write!(self.out, "\"base64:type{code}:");
        write_base64(self.out, data);
        self.out.push('"');
    }

    /// A quoted string. Each byte that is not UTF-8 becomes `\ufffd`, as in Go.
    fn string(&mut self, data: &[u8]) {
        self.out.push('"');
        for chunk in data.utf8_chunks() {
            self.escaped(chunk.valid());
            for _ in chunk.invalid() {
                self.out.push_str("\\ufffd");
            }
        }
        self.out.push('"');
    }

    fn escaped(&mut self, text: &str) {
        let mut rest = text;
        while let Some(at) = rest.bytes().position(may_need_escape) {
            let (plain, tail) = rest.split_at_checked(at).unwrap_or((rest, ""));
            self.out.push_str(plain);
            let mut chars = tail.chars();
            match chars.next() {
                Some('"') => self.out.push_str("\\\""),
                Some('\\') => self.out.push_str("\\\\"),
                Some('\n') => self.out.push_str("\\n"),
                Some('\r') => self.out.push_str("\\r"),
                Some('\t') => self.out.push_str("\\t"),
                Some('\u{8}') => self.out.push_str("\\b"),
                Some('\u{c}') => self.out.push_str("\\f"),
                Some(c @ ('\0'..='\u{1f}' | '\u{2028}' | '\u{2029}')) => {
                    let _ = write!(self.out, "\\u{:04x}", u32::from(c));
                }
                Some(c) => self.out.push(c),
                None => {}
            }
            rest = chars.as_str();
        }
        self.out.push_str(rest);
    }

    fn check_limit(&self) -> Result<()> {
        if self.out.len() > self.limit {
            return Err(Error::malformed(WHAT, "values overlap"));
        }
        Ok(())
    }
}

/// Control characters, quote and backslash, and the first byte of the two separators that JavaScript
/// minds, U+2028 and U+2029.
fn may_need_escape(byte: u8) -> bool {
    matches!(byte, 0..=0x1f | b'"' | b'\\' | 0xe2)
}

fn literal([byte]: [u8; 1]) -> Result<&'static str> {
    match byte {
        0 => Ok("null"),
        1 => Ok("true"),
        2 => Ok("false"),
        _ => Err(Error::malformed(WHAT, format!("literal {byte}"))),
    }
}

fn check_depth(depth: usize) -> Result<()> {
    if depth >= MAX_DEPTH {
        return Err(Error::malformed(WHAT, format!("nested deeper than {MAX_DEPTH}")));
    }
    Ok(())
}

/// Standard base64 with padding.
fn write_base64(out: &mut String, data: &[u8]) {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for chunk in data.chunks(3) {
        let bits = chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte))
            << (8 * (3 - chunk.len()));
        for index in 0..4 {
            if index > chunk.len() {
                out.push('=');
                continue;
            }
            let sextet = bits >> (18 - 6 * index) & 0x3f;
            let letter = usize::try_from(sextet).ok().and_then(|at| ALPHABET.get(at));
            out.push(char::from(letter.copied().unwrap_or(b'=')));
        }
    }
}
