//! `DECIMAL` values in both of TiDB's forms.
//!
//! A [`Decimal`] is nine words of nine digits each, as `MyDecimal` of TiDB and TiKV
//! (`types/mydecimal.go`): at most 81 digits, of which a column can have 65, with at most 30 after
//! the point. Chunks carry that struct; datums and rows carry MySQL's binary form, which is shorter
//! and memory-comparable for one precision and scale.
//!
//! The conversions to Arrow's integers are exact: they fail rather than round.

mod accumulate;
mod binary;
mod chunk;
mod round;
mod text;

use arrow_buffer::i256;

use crate::error::{Error, Result};
use accumulate::{Accumulator, Wide};
pub use chunk::{CHUNK_LEN, chunk_to_i128, chunk_to_i256};
pub(crate) use round::DecimalText;

/// Most digits of a `DECIMAL` column.
pub const MAX_PRECISION: u8 = 65;
/// Most digits after the point of a `DECIMAL` column.
pub const MAX_SCALE: u8 = 30;

const WORDS: usize = 9;
const WORD_DIGITS: u8 = 9;
const WORD_BASE: u32 = 1_000_000_000;
const WHAT: &str = "decimal";

/// A decimal number with the digits before and after the point it is stored with.
///
/// Two are equal when they print the same: `1.0` and `1.00` differ.
#[derive(Debug, Clone, Copy, Default)]
pub struct Decimal {
    /// Digits before the point; their words come first, the first one holding the odd digits.
    int_digits: u8,
    /// Digits after the point; their words follow, the last one filled up with zeros.
    frac_digits: u8,
    /// Digits after the point that an expression's result shows.
    result_frac: u8,
    negative: bool,
    words: [u32; WORDS],
}

impl Decimal {
    /// The value `unscaled × 10^-scale`, with `scale` digits after the point.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] when `scale` is above [`MAX_SCALE`].
    pub fn from_i128(unscaled: i128, scale: u8) -> Result<Self> {
        let magnitude = unscaled.unsigned_abs();
        Self::from_unscaled_digits(&magnitude.to_string(), unscaled < 0, scale)
    }

    /// The value `unscaled × 10^-scale`, with `scale` digits after the point.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] when `scale` is above [`MAX_SCALE`] or the digits don't fit nine words.
    pub fn from_i256(unscaled: i256, scale: u8) -> Result<Self> {
        let text = unscaled.to_string();
        let digits = text.strip_prefix('-');
        Self::from_unscaled_digits(digits.unwrap_or(&text), digits.is_some(), scale)
    }

    /// `self × 10^scale`, exactly.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] when the result has more than 38 digits or digits other than zero would
    /// be lost.
    pub fn to_i128(&self, scale: u8) -> Result<i128> {
        self.accumulate::<u128>(scale)
            .and_then(|value| accumulate::sign_i128(value, self.negative))
            .map_err(|error| error.into_error(self, scale))
    }

    /// `self × 10^scale`, exactly.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] when the result has more than 76 digits or digits other than zero would
    /// be lost.
    pub fn to_i256(&self, scale: u8) -> Result<i256> {
        self.accumulate::<Wide>(scale)
            .and_then(|value| accumulate::sign_i256(value, self.negative))
            .map_err(|error| error.into_error(self, scale))
    }

    /// Digits before the point without leading zeros, plus digits after it; at least 1.
    #[must_use]
    pub fn precision(&self) -> u8 {
        (self.significant_int_digits() + self.frac_digits).max(1)
    }

    /// Digits before the point without leading zeros.
    pub(crate) fn int_digits(&self) -> u8 {
        self.significant_int_digits()
    }

    /// Digits after the point, as stored.
    #[must_use]
    pub fn scale(&self) -> u8 {
        self.frac_digits
    }

    /// Digits after the point that the result of an expression shows; 0 to 255 as stored.
    #[must_use]
    pub fn result_scale(&self) -> u8 {
        self.result_frac
    }

    /// Whether the value has a minus sign.
    #[must_use]
    pub fn is_negative(&self) -> bool {
        self.negative
    }

    /// Whether every digit is zero.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    fn accumulate<A: Accumulator>(&self, scale: u8) -> Result<A, Inexact> {
        let (int, frac) = self.split_words();
        accumulate::accumulate(
            self.int_digits,
            int.iter().copied(),
            self.frac_digits,
            frac.iter().copied(),
            scale,
        )
    }

    /// The words before the point and those after it.
    fn split_words(&self) -> (&[u32], &[u32]) {
        let (int, rest) =
            self.words.split_at_checked(words_of(self.int_digits)).unwrap_or_default();
        let (frac, _) = rest.split_at_checked(words_of(self.frac_digits)).unwrap_or_default();
        (int, frac)
    }

    fn significant_int_digits(&self) -> u8 {
        let mut digits = self.int_digits;
        for word in self.split_words().0 {
            let stored = match digits % WORD_DIGITS {
                0 => digits.min(WORD_DIGITS),
                odd => odd,
            };
            if *word != 0 {
                return digits - stored + u8::try_from(word.ilog10() + 1).unwrap_or(stored);
            }
            digits -= stored;
        }
        0
    }

    /// Zeroes digits that the counts say aren't there.
    fn drop_surplus_digits(&mut self) {
        let lead = pow10(self.int_digits % WORD_DIGITS);
        let last = (words_of(self.int_digits) + words_of(self.frac_digits)).checked_sub(1);
        if lead > 1
            && let Some(word) = self.words.first_mut()
        {
            *word %= lead;
        }
        let odd = self.frac_digits % WORD_DIGITS;
        if odd > 0
            && let Some(word) = last.and_then(|last| self.words.get_mut(last))
        {
            *word -= *word % pow10(WORD_DIGITS - odd);
        }
    }
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Self) -> bool {
        let (int, frac) = self.split_words();
        let (other_int, other_frac) = other.split_words();
        let zeros = |words: &[u32]| words.iter().take_while(|word| **word == 0).count();
        self.negative == other.negative
            && self.frac_digits == other.frac_digits
            && frac == other_frac
            && int.get(zeros(int)..) == other_int.get(zeros(other_int)..)
    }
}

impl Eq for Decimal {}

/// Takes a decimal datum's body off the front of `input`: the value `× 10^scale` of a `Decimal128`.
///
/// # Errors
/// As [`Decimal::decode`] and [`Decimal::to_i128`].
pub fn decode_to_i128(input: &mut &[u8], scale: u8) -> Result<i128> {
    let mut rest = *input;
    let value = Decimal::decode(&mut rest)?.to_i128(scale)?;
    *input = rest;
    Ok(value)
}

/// Takes a decimal datum's body off the front of `input`: the value `× 10^scale` of a `Decimal256`.
///
/// # Errors
/// As [`Decimal::decode`] and [`Decimal::to_i256`].
pub fn decode_to_i256(input: &mut &[u8], scale: u8) -> Result<i256> {
    let mut rest = *input;
    let value = Decimal::decode(&mut rest)?.to_i256(scale)?;
    *input = rest;
    Ok(value)
}

/// Why a decimal is not an integer of the wanted width and scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Inexact {
    /// A word of more than nine digits.
    Word(u32),
    /// Too many digits for the integer.
    Overflow {
        /// Digits the integer can hold.
        digits: u8,
    },
    /// Digits other than zero beyond the scale.
    Lost,
}

impl Inexact {
    #[cold]
    fn into_error(self, value: &Decimal, scale: u8) -> Error {
        let target = match self {
            Self::Word(word) => return word_error(word),
            Self::Overflow { digits } => {
                format!("{digits} digits, {scale} of them after the point")
            }
            Self::Lost => format!("{scale} digits after the point"),
        };
        Error::OutOfRange { what: WHAT, value: value.to_string(), target }
    }
}

/// Words that hold `digits`.
fn words_of(digits: u8) -> usize {
    usize::from(digits.div_ceil(WORD_DIGITS))
}

/// `10^exponent` for 0 to 9; `10^9` above.
fn pow10(exponent: u8) -> u32 {
    const TABLE: [u32; 9] = [1, 10, 100, 1000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];
    TABLE.get(usize::from(exponent)).copied().unwrap_or(WORD_BASE)
}

fn check_word(word: u32) -> Result<u32> {
    if word < WORD_BASE { Ok(word) } else { Err(word_error(word)) }
}

fn word_error(word: u32) -> Error {
    Error::malformed(WHAT, format!("word {word} has more than nine digits"))
}

#[cfg(test)]
mod tests;
