//! Numbers: memory-comparable, compact and little-endian.
//!
//! *Memory-comparable* encodings compare like the numbers do when their bytes are compared; keys are
//! made of them. The `_desc` forms compare in the opposite order. *Compact* numbers are the variable
//! length integers of row values (`util/codec/number.go` and `float.go` of TiDB). *Little-endian*
//! numbers are those of chunks, JSON and vectors.
//!
//! A decoder takes its number off the front of `input`; when it fails, `input` stays as it was.

use crate::cursor::take_array;
use crate::error::{Error, Result};

/// Longest encoding of a 64-bit variable length integer, in bytes.
pub const MAX_VARINT_LEN: usize = 10;

const SIGN: u64 = 1 << 63;

fn i64_to_ordered(value: i64) -> u64 {
    value.cast_unsigned() ^ SIGN
}

fn i64_from_ordered(ordered: u64) -> i64 {
    (ordered ^ SIGN).cast_signed()
}

fn f64_to_ordered(value: f64) -> u64 {
    let bits = value.to_bits();
    // TiDB tests `value >= 0`, so that -0.0 keeps its sign bit and encodes as 0.0 does, and a NaN
    // counts as negative.
    if value >= 0.0 { bits | SIGN } else { !bits }
}

fn f64_from_ordered(ordered: u64) -> f64 {
    f64::from_bits(if ordered & SIGN == 0 { !ordered } else { ordered & !SIGN })
}

/// Appends a memory-comparable `u64`: eight bytes, big-endian.
pub fn encode_u64(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(&value.to_be_bytes());
}

/// Appends a memory-comparable `u64` in descending order.
pub fn encode_u64_desc(out: &mut Vec<u8>, value: u64) {
    encode_u64(out, !value);
}

/// Appends a memory-comparable `i64`: big-endian with the sign bit flipped.
pub fn encode_i64(out: &mut Vec<u8>, value: i64) {
    encode_u64(out, i64_to_ordered(value));
}

/// Appends a memory-comparable `i64` in descending order.
pub fn encode_i64_desc(out: &mut Vec<u8>, value: i64) {
    encode_u64_desc(out, i64_to_ordered(value));
}

/// Appends a memory-comparable `f64`. As in TiDB, -0.0 is encoded as 0.0.
pub fn encode_f64(out: &mut Vec<u8>, value: f64) {
    encode_u64(out, f64_to_ordered(value));
}

/// Appends a memory-comparable `f64` in descending order.
pub fn encode_f64_desc(out: &mut Vec<u8>, value: f64) {
    encode_u64_desc(out, f64_to_ordered(value));
}

/// Reads a memory-comparable `u64`.
///
/// # Errors
/// [`Error::Truncated`] when fewer than eight bytes are left.
pub fn decode_u64(input: &mut &[u8]) -> Result<u64> {
    Ok(u64::from_be_bytes(*take_array("u64", input)?))
}

/// Reads a memory-comparable `u64` in descending order.
///
/// # Errors
/// [`Error::Truncated`] when fewer than eight bytes are left.
pub fn decode_u64_desc(input: &mut &[u8]) -> Result<u64> {
    Ok(!decode_u64(input)?)
}

/// Reads a memory-comparable `i64`.
///
/// # Errors
/// [`Error::Truncated`] when fewer than eight bytes are left.
pub fn decode_i64(input: &mut &[u8]) -> Result<i64> {
    Ok(i64_from_ordered(u64::from_be_bytes(*take_array("i64", input)?)))
}

/// Reads a memory-comparable `i64` in descending order.
///
/// # Errors
/// [`Error::Truncated`] when fewer than eight bytes are left.
pub fn decode_i64_desc(input: &mut &[u8]) -> Result<i64> {
    Ok(!decode_i64(input)?)
}

/// Reads a memory-comparable `f64`.
///
/// # Errors
/// [`Error::Truncated`] when fewer than eight bytes are left.
pub fn decode_f64(input: &mut &[u8]) -> Result<f64> {
    Ok(f64_from_ordered(u64::from_be_bytes(*take_array("f64", input)?)))
}

/// Reads a memory-comparable `f64` in descending order.
///
/// # Errors
/// [`Error::Truncated`] when fewer than eight bytes are left.
pub fn decode_f64_desc(input: &mut &[u8]) -> Result<f64> {
    Ok(f64_from_ordered(!u64::from_be_bytes(*take_array("f64", input)?)))
}

/// Appends a variable length `u64`: seven bits a byte, lowest first, the high bit set on all but the
/// last byte.
pub fn encode_uvarint(out: &mut Vec<u8>, mut value: u64) {
    loop {
        let low = (value & 0x7f).to_le_bytes()[0];
        value >>= 7;
        if value == 0 {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}

/// Appends a variable length `i64`: the zigzag form of [`encode_uvarint`].
pub fn encode_varint(out: &mut Vec<u8>, value: i64) {
    encode_uvarint(out, ((value << 1) ^ (value >> 63)).cast_unsigned());
}

/// Reads a variable length `u64`.
///
/// # Errors
/// [`Error::Truncated`] when the input ends inside it, [`Error::Malformed`] when it has more than
/// 64 bits.
pub fn decode_uvarint(input: &mut &[u8]) -> Result<u64> {
    let mut value = 0_u64;
    let mut rest = *input;
    for index in 0..MAX_VARINT_LEN {
        let Some((&byte, tail)) = rest.split_first() else {
            return Err(Error::Truncated { what: "varint", needed: 1, left: 0 });
        };
        rest = tail;
        if index == MAX_VARINT_LEN - 1 && byte > 1 {
            break;
        }
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            *input = rest;
            return Ok(value);
        }
    }
    Err(Error::malformed("varint", "more than 64 bits"))
}

/// Reads a variable length `i64`.
///
/// # Errors
/// As [`decode_uvarint`].
pub fn decode_varint(input: &mut &[u8]) -> Result<i64> {
    let zigzag = decode_uvarint(input)?;
    Ok((zigzag >> 1).cast_signed() ^ -(zigzag & 1).cast_signed())
}

/// Reads a little-endian `u16`.
///
/// # Errors
/// [`Error::Truncated`] when fewer than two bytes are left.
pub fn decode_u16_le(input: &mut &[u8]) -> Result<u16> {
    Ok(u16::from_le_bytes(*take_array("u16", input)?))
}

/// Reads a little-endian `u32`.
///
/// # Errors
/// [`Error::Truncated`] when fewer than four bytes are left.
pub fn decode_u32_le(input: &mut &[u8]) -> Result<u32> {
    Ok(u32::from_le_bytes(*take_array("u32", input)?))
}

/// Reads a little-endian `u64`.
///
/// # Errors
/// [`Error::Truncated`] when fewer than eight bytes are left.
pub fn decode_u64_le(input: &mut &[u8]) -> Result<u64> {
    Ok(u64::from_le_bytes(*take_array("u64", input)?))
}

/// Reads a little-endian `i64`.
///
/// # Errors
/// [`Error::Truncated`] when fewer than eight bytes are left.
pub fn decode_i64_le(input: &mut &[u8]) -> Result<i64> {
    Ok(i64::from_le_bytes(*take_array("i64", input)?))
}

/// Reads a little-endian `f64`.
///
/// # Errors
/// [`Error::Truncated`] when fewer than eight bytes are left.
pub fn decode_f64_le(input: &mut &[u8]) -> Result<f64> {
    Ok(f64::from_le_bytes(*take_array("f64", input)?))
}

#[cfg(test)]
#[path = "number_tests.rs"]
mod tests;
