//! The values inside a JSON body, each read within its bounds.

use super::tp;
use crate::cursor::{take, take_array};
use crate::error::{Error, Result};
use crate::number::{decode_u16_le, decode_u32_le, decode_uvarint};

pub(super) const WHAT: &str = "JSON";

/// Bytes of an object's or array's count and size.
const HEADER: usize = 8;
/// Bytes of a key entry: offset and length.
const KEY_ENTRY: usize = 6;
/// Bytes of a value entry: type and offset.
const VALUE_ENTRY: usize = 5;

/// Takes a JSON value (type byte and body) off the front of `input`; returns its type and body.
///
/// Bodies of objects and arrays are measured, not looked into.
///
/// # Errors
/// [`Error::Truncated`] when the input ends inside it, [`Error::Malformed`] on an unknown type or an
/// impossible size.
pub fn take_value<'a>(input: &mut &'a [u8]) -> Result<(u8, &'a [u8])> {
    let mut rest = *input;
    let [tp] = *take_array(WHAT, &mut rest)?;
    let len = body_len(tp, rest)?;
    let body = take(WHAT, &mut rest, len)?;
    *input = rest;
    Ok((tp, body))
}

/// Length of the body that starts at the front of `bytes`; it may be longer than `bytes`.
pub(super) fn body_len(tp: u8, bytes: &[u8]) -> Result<usize> {
    let mut rest = bytes;
    match tp {
        tp::LITERAL => Ok(1),
        tp::I64 | tp::U64 | tp::DOUBLE | tp::DATE | tp::DATETIME | tp::TIMESTAMP => Ok(8),
        tp::DURATION => Ok(12),
        tp::STRING => counted_len(bytes, rest),
        tp::OPAQUE => {
            take(WHAT, &mut rest, 1)?;
            counted_len(bytes, rest)
        }
        tp::OBJECT | tp::ARRAY => {
            decode_u32_le(&mut rest)?;
            let size = to_usize(decode_u32_le(&mut rest)?);
            if size < HEADER {
                return Err(Error::malformed(WHAT, format!("size {size} of an object or array")));
            }
            Ok(size)
        }
        _ => Err(unknown_type(tp)),
    }
}

/// Length of `all` up to the end of the count at the front of `rest` and what it counts.
fn counted_len(all: &[u8], mut rest: &[u8]) -> Result<usize> {
    let count = decode_uvarint(&mut rest)?;
    let head = all.len() - rest.len();
    Ok(usize::try_from(count).unwrap_or(usize::MAX).saturating_add(head))
}

pub(super) fn unknown_type(tp: u8) -> Error {
    Error::malformed(WHAT, format!("unknown type {tp:#04x}"))
}

/// A string's or opaque value's counted bytes.
pub(super) fn counted_bytes<'a>(input: &mut &'a [u8]) -> Result<&'a [u8]> {
    let count = usize::try_from(decode_uvarint(input)?).unwrap_or(usize::MAX);
    take(WHAT, input, count)
}

/// An object or array: its body and its tables of entries.
#[derive(Debug, Clone, Copy)]
pub(super) struct Container<'a> {
    body: &'a [u8],
    keys: &'a [[u8; KEY_ENTRY]],
    values: &'a [[u8; VALUE_ENTRY]],
}

impl<'a> Container<'a> {
    pub(super) fn object(body: &'a [u8]) -> Result<Self> {
        Self::new(body, true)
    }

    pub(super) fn array(body: &'a [u8]) -> Result<Self> {
        Self::new(body, false)
    }

    fn new(body: &'a [u8], has_keys: bool) -> Result<Self> {
        let mut rest = body;
        let count = to_usize(decode_u32_le(&mut rest)?);
        let size = to_usize(decode_u32_le(&mut rest)?);
        // The size is checked when a value is taken out of its container; a whole cell may say less.
        let body = body.get(..size).unwrap_or(body);
        let key_bytes = if has_keys { count.saturating_mul(KEY_ENTRY) } else { 0 };
        let keys = take(WHAT, &mut rest, key_bytes)?.as_chunks().0;
        let values = take(WHAT, &mut rest, count.saturating_mul(VALUE_ENTRY))?.as_chunks().0;
        Ok(Self { body, keys, values })
    }

    /// The keys in stored order, none for an array.
    pub(super) fn keys(self) -> impl Iterator<Item = Result<&'a [u8]>> {
        self.keys.iter().map(move |entry| {
            let mut rest = entry.as_slice();
            let offset = decode_u32_le(&mut rest)?;
            let len = usize::from(decode_u16_le(&mut rest)?);
            take(WHAT, &mut self.at(offset)?, len)
        })
    }

    /// Type and body of each value in stored order.
    pub(super) fn values(self) -> impl Iterator<Item = Result<(u8, &'a [u8])>> {
        self.values.iter().map(move |entry| {
            let (tp, rest) = entry.split_first().unwrap_or((&0, &[]));
            if *tp == tp::LITERAL {
                return Ok((*tp, rest));
            }
            let mut at = self.at(decode_u32_le(&mut { rest })?)?;
            let len = body_len(*tp, at)?;
            Ok((*tp, take(WHAT, &mut at, len)?))
        })
    }

    fn at(self, offset: u32) -> Result<&'a [u8]> {
        self.body.get(to_usize(offset)..).ok_or_else(|| {
            let len = self.body.len();
            Error::malformed(WHAT, format!("offset {offset} in a value of {len} bytes"))
        })
    }
}

fn to_usize(value: u32) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}
