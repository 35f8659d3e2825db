//! Byte strings: memory-comparable and compact.
//!
//! *Memory-comparable*: groups of eight bytes, the last one padded with zeros, each followed by a
//! marker `0xff - padding`; a string whose length is a multiple of eight ends in an empty group.
//! The `_desc` form has every bit flipped. *Compact*: a variable length integer with the length,
//! then the bytes (`util/codec/bytes.go` of TiDB).

use crate::cursor::{take, take_array};
use crate::error::{Error, Result};
use crate::number;

/// Bytes of a group of the memory-comparable encoding, without its marker.
const GROUP: usize = 8;
/// Marker of a group without padding.
const FULL: u8 = 0xff;

/// Length of the memory-comparable encoding of `len` bytes.
#[must_use]
pub fn encoded_len(len: usize) -> usize {
    (len / GROUP).saturating_add(1).saturating_mul(GROUP + 1)
}

/// Appends the memory-comparable encoding of `data`.
pub fn encode_bytes(out: &mut Vec<u8>, data: &[u8]) {
    out.reserve(encoded_len(data.len()));
    let (groups, rest) = data.as_chunks::<GROUP>();
    for group in groups {
        out.extend_from_slice(group);
        out.push(FULL);
    }
    out.extend_from_slice(rest);
    let mut marker = FULL;
    for _ in rest.len()..GROUP {
        out.push(0);
        marker -= 1;
    }
    out.push(marker);
}

/// Appends the memory-comparable encoding of `data` in descending order.
pub fn encode_bytes_desc(out: &mut Vec<u8>, data: &[u8]) {
    let start = out.len();
    encode_bytes(out, data);
    for byte in out.iter_mut().skip(start) {
        *byte = !*byte;
    }
}

/// Reads a memory-comparable byte string.
///
/// # Errors
/// [`Error::Truncated`] when the input ends inside it, [`Error::Malformed`] on a bad marker or
/// padding.
pub fn decode_bytes(input: &mut &[u8]) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    decode_bytes_into(input, &mut out)?;
    Ok(out)
}

/// Reads a memory-comparable byte string in descending order.
///
/// # Errors
/// As [`decode_bytes`].
pub fn decode_bytes_desc(input: &mut &[u8]) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    walk_groups::<FULL>(input, |part| out.extend_from_slice(part))?;
    for byte in &mut out {
        *byte = !*byte;
    }
    Ok(out)
}

/// Reads a memory-comparable byte string and appends it to `out`.
///
/// # Errors
/// As [`decode_bytes`]; `out` may have grown by a part of the string then.
pub fn decode_bytes_into(input: &mut &[u8], out: &mut Vec<u8>) -> Result<()> {
    walk_groups::<0>(input, |part| out.extend_from_slice(part))
}

/// Skips a memory-comparable byte string and returns it in encoded form.
///
/// # Errors
/// As [`decode_bytes`].
pub fn skip_bytes<'a>(input: &mut &'a [u8]) -> Result<&'a [u8]> {
    let start = *input;
    walk_groups::<0>(input, |_| ())?;
    let len = start.len() - input.len();
    take("bytes", &mut { start }, len)
}

/// Walks over the groups of a memory-comparable string, each byte of which is xor-ed with `FLIP`.
fn walk_groups<const FLIP: u8>(input: &mut &[u8], mut each: impl FnMut(&[u8])) -> Result<()> {
    let mut rest = *input;
    loop {
        let group: &[u8; GROUP] = take_array("bytes", &mut rest)?;
        let marker = take_array::<1>("bytes", &mut rest)?[0] ^ FLIP;
        if marker == FULL {
            each(group);
            continue;
        }
        let Some((part, padding)) =
            GROUP.checked_sub(usize::from(FULL - marker)).and_then(|n| group.split_at_checked(n))
        else {
            return Err(Error::malformed("bytes", format!("group marker {marker:#04x}")));
        };
        if padding.iter().any(|byte| *byte != FLIP) {
            return Err(Error::malformed("bytes", "padding of the last group is not zero"));
        }
        each(part);
        *input = rest;
        return Ok(());
    }
}

/// Appends a compact byte string.
pub fn encode_compact_bytes(out: &mut Vec<u8>, data: &[u8]) {
    out.reserve(data.len().saturating_add(number::MAX_VARINT_LEN));
    // A slice is never longer than isize::MAX.
    number::encode_varint(out, i64::try_from(data.len()).unwrap_or(i64::MAX));
    out.extend_from_slice(data);
}

/// Reads a compact byte string, borrowed from the input.
///
/// # Errors
/// [`Error::Truncated`] when the input ends inside it, [`Error::Malformed`] when the length is
/// negative or no number.
pub fn decode_compact_bytes<'a>(input: &mut &'a [u8]) -> Result<&'a [u8]> {
    let mut rest = *input;
    let len = number::decode_varint(&mut rest)?;
    if len < 0 {
        return Err(Error::malformed("compact bytes", format!("length {len}")));
    }
    let data = take("compact bytes", &mut rest, usize::try_from(len).unwrap_or(usize::MAX))?;
    *input = rest;
    Ok(data)
}

#[cfg(test)]
#[path = "bytes_tests.rs"]
mod tests;
