//! Decimals in chunks: TiDB's struct as it lies in memory.
//!
//! Digits before the point, digits after it, digits to show, sign, a byte each; then nine
//! little-endian words of nine digits. The first word before the point holds the odd digits in its
//! low end, the last word after it in its high end.

use arrow_buffer::i256;

use super::accumulate::{self, Accumulator, Wide};
use super::{Decimal, Inexact, WHAT, WORD_BASE, WORD_DIGITS, WORDS, check_word, pow10, words_of};
use crate::error::{Error, Result};

/// Bytes of a decimal in a chunk.
pub const CHUNK_LEN: usize = 40;

impl Decimal {
    /// Reads a chunk's cell: digits before the point, digits after it, digits to show, sign (a byte
    /// each), then nine little-endian words.
    ///
    /// Digits in the words beyond the two counts are dropped, as TiDB does when it prints one.
    ///
    /// # Errors
    /// [`Error::Malformed`] when a count or a word is out of range.
    pub fn from_chunk(cell: &[u8; CHUNK_LEN]) -> Result<Self> {
        let parts = ChunkParts::new(cell)?;
        let mut out = Self {
            int_digits: parts.int_digits,
            frac_digits: parts.frac_digits,
            result_frac: parts.result_frac,
            negative: parts.negative,
            words: [0; WORDS],
        };
        let words = parts.int.iter().chain(parts.frac);
        for (to, from) in out.words.iter_mut().zip(words) {
            *to = check_word(u32::from_le_bytes(*from))?;
        }
        out.drop_surplus_digits();
        Ok(out)
    }

    /// The chunk's cell of this value.
    #[must_use]
    pub fn to_chunk(&self) -> [u8; CHUNK_LEN] {
        let mut cell = [0; CHUNK_LEN];
        let head = [self.int_digits, self.frac_digits, self.result_frac, u8::from(self.negative)];
        let words = self.words.iter().flat_map(|word| word.to_le_bytes());
        for (to, from) in cell.iter_mut().zip(head.into_iter().chain(words)) {
            *to = from;
        }
        cell
    }
}

/// A chunk's cell `× 10^scale` as the value of a `Decimal128`, exactly.
///
/// This is the path of every cell of a column: it allocates nothing and doesn't build a [`Decimal`].
///
/// # Errors
/// [`Error::Malformed`] when a count or a word is out of range, [`Error::OutOfRange`] when the
/// result has more than 38 digits or digits other than zero would be lost.
#[inline]
pub fn chunk_to_i128(cell: &[u8; CHUNK_LEN], scale: u8) -> Result<i128> {
    match short_to_i128(cell, scale) {
        Some(value) => Ok(value),
        None => long_to_i128(cell, scale),
    }
}

/// The shape of nearly every cell: at most 18 digits before the point, at most nine after it, as many
/// as wanted. `None` for every other cell.
#[inline]
fn short_to_i128(cell: &[u8; CHUNK_LEN], scale: u8) -> Option<i128> {
    let [int_digits, frac_digits, _, negative, words @ ..] = cell;
    if *frac_digits != scale || scale > WORD_DIGITS {
        return None;
    }
    let (words, _) = words.as_chunks::<4>();
    let word = |at: usize| words.get(at).map_or(0, |bytes| u32::from_le_bytes(*bytes));
    // Words that hold more digits than they may are left to the long way.
    let odd = int_digits % WORD_DIGITS;
    let limit = if odd == 0 { WORD_BASE } else { pow10(odd) };
    let (high, low, frac) = match words_of(*int_digits) {
        0 => (0, 0, word(0)),
        1 if word(0) < limit => (0, word(0), word(1)),
        2 if word(0) < limit => (word(0), word(1), word(2)),
        _ => return None,
    };
    if low >= WORD_BASE || frac >= WORD_BASE {
        return None;
    }
    let int = u64::from(high) * u64::from(WORD_BASE) + u64::from(low);
    let frac = if scale == 0 { 0 } else { frac / pow10(WORD_DIGITS - scale) };
    let value = i128::from(int) * i128::from(pow10(scale)) + i128::from(frac);
    Some(if *negative == 0 { value } else { -value })
}

#[inline(never)]
fn long_to_i128(cell: &[u8; CHUNK_LEN], scale: u8) -> Result<i128> {
    let parts = ChunkParts::new(cell)?;
    match parts.accumulate::<u128>(scale).and_then(|v| accumulate::sign_i128(v, parts.negative)) {
        Ok(value) => Ok(value),
        Err(error) => Err(error.into_error(&Decimal::from_chunk(cell)?, scale)),
    }
}

/// A chunk's cell `× 10^scale` as the value of a `Decimal256`, exactly.
///
/// # Errors
/// As [`chunk_to_i128`], with 76 digits.
pub fn chunk_to_i256(cell: &[u8; CHUNK_LEN], scale: u8) -> Result<i256> {
    let parts = ChunkParts::new(cell)?;
    match parts.accumulate::<Wide>(scale).and_then(|v| accumulate::sign_i256(v, parts.negative)) {
        Ok(value) => Ok(value),
        Err(error) => Err(error.into_error(&Decimal::from_chunk(cell)?, scale)),
    }
}

/// A chunk's cell taken apart, counts checked, words not yet.
struct ChunkParts<'a> {
    int_digits: u8,
    frac_digits: u8,
    result_frac: u8,
    negative: bool,
    int: &'a [[u8; 4]],
    frac: &'a [[u8; 4]],
}

impl<'a> ChunkParts<'a> {
    fn new(cell: &'a [u8; CHUNK_LEN]) -> Result<Self> {
        let [int_digits, frac_digits, result_frac, negative, words @ ..] = cell;
        let words = words.as_chunks().0;
        let split = words
            .split_at_checked(words_of(*int_digits))
            .and_then(|(int, rest)| Some((int, rest.split_at_checked(words_of(*frac_digits))?.0)));
        let Some((int, frac)) = split else {
            let reason = format!("{int_digits} + {frac_digits} digits are more than nine words");
            return Err(Error::malformed(WHAT, reason));
        };
        Ok(Self {
            int_digits: *int_digits,
            frac_digits: *frac_digits,
            result_frac: *result_frac,
            negative: *negative != 0,
            int,
            frac,
        })
    }

    fn accumulate<A: Accumulator>(&self, scale: u8) -> Result<A, Inexact> {
        accumulate::accumulate(
            self.int_digits,
            self.int.iter().map(|word| u32::from_le_bytes(*word)),
            self.frac_digits,
            self.frac.iter().map(|word| u32::from_le_bytes(*word)),
            scale,
        )
    }
}
