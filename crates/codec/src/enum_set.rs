//! `ENUM`, `SET` and `BIT` values.
//!
//! TiDB keeps an `ENUM` as the member's number counted from one (0 is the empty string of an invalid
//! insert), a `SET` as a mask whose lowest bit is the first member, a `BIT` as an unsigned integer.
//! Chunks carry `ENUM` and `SET` as the number followed by the name, `BIT` as big-endian bytes.

use crate::error::{Error, Result};
use crate::number::decode_u64_le;

/// Most members a `SET` can have.
pub const MAX_SET_MEMBERS: usize = 64;

/// The name of an `ENUM` member: empty for number 0.
///
/// # Errors
/// [`Error::OutOfRange`] for a number above the count of members.
pub fn enum_name<S: AsRef<str>>(elems: &[S], number: u64) -> Result<&str> {
    if number == 0 {
        return Ok("");
    }
    usize::try_from(number - 1).ok().and_then(|index| elems.get(index)).map(S::as_ref).ok_or_else(
        || Error::OutOfRange {
            what: "ENUM",
            value: number.to_string(),
            target: format!("an ENUM of {} members", elems.len()),
        },
    )
}

/// Appends the names of a `SET`'s members, in the order of the definition, joined by commas.
///
/// # Errors
/// [`Error::OutOfRange`] when a bit is set that has no member; `out` is as it was then.
pub fn write_set_names<S: AsRef<str>>(elems: &[S], mask: u64, out: &mut String) -> Result<()> {
    let members = elems.len().min(MAX_SET_MEMBERS);
    let known = if members == MAX_SET_MEMBERS { u64::MAX } else { (1_u64 << members) - 1 };
    if mask & !known != 0 {
        return Err(Error::OutOfRange {
            what: "SET",
            value: mask.to_string(),
            target: format!("a SET of {} members", elems.len()),
        });
    }
    let mut first = true;
    for (index, elem) in elems.iter().take(MAX_SET_MEMBERS).enumerate() {
        if mask >> index & 1 == 1 {
            if !first {
                out.push(',');
            }
            out.push_str(elem.as_ref());
            first = false;
        }
    }
    Ok(())
}

/// The names of a `SET`'s members as text, see [`write_set_names`].
///
/// # Errors
/// As [`write_set_names`].
pub fn set_names<S: AsRef<str>>(elems: &[S], mask: u64) -> Result<String> {
    let mut out = String::new();
    write_set_names(elems, mask, &mut out)?;
    Ok(out)
}

/// Splits a chunk's `ENUM` or `SET` cell into its number and its name.
///
/// The cell is a little-endian `u64` and then the name; an empty cell is number 0.
///
/// # Errors
/// [`Error::Truncated`] when the cell is shorter than the number but not empty.
pub fn split_cell(cell: &[u8]) -> Result<(u64, &[u8])> {
    if cell.is_empty() {
        return Ok((0, cell));
    }
    let mut rest = cell;
    let number = decode_u64_le(&mut rest)?;
    Ok((number, rest))
}

/// The value of a `BIT`: big-endian bytes, leading zeros allowed.
///
/// # Errors
/// [`Error::OutOfRange`] when more than eight bytes are significant.
pub fn bit_to_u64(bytes: &[u8]) -> Result<u64> {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let significant = bytes.len() - zeros;
    if significant > 8 {
        return Err(Error::OutOfRange {
            what: "BIT",
            value: format!("a value of {significant} bytes"),
            target: "64 bits".to_owned(),
        });
    }
    Ok(bytes.iter().skip(zeros).fold(0, |value, byte| value << 8 | u64::from(*byte)))
}

#[cfg(test)]
#[path = "enum_set_tests.rs"]
mod tests;
