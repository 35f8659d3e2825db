//! Decimals as text.

use std::fmt;
use std::str::FromStr;

use super::{Decimal, MAX_SCALE, WHAT, WORD_DIGITS, WORDS, words_of};
use crate::error::{Error, Result};

/// Largest exponent of a literal; beyond it the value can't fit anyway.
const MAX_EXPONENT: i32 = 200;

impl fmt::Display for Decimal {
    /// All digits after the point that are stored, at least one before it: `-0.50`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write;

        let mut text = String::with_capacity(2 + WORDS * usize::from(WORD_DIGITS));
        let (int, frac) = self.split_words();
        if self.negative {
            text.push('-');
        }
        let mut int = int.iter().skip_while(|word| **word == 0);
        write!(text, "{}", int.next().copied().unwrap_or(0))?;
        for word in int {
            write!(text, "{word:09}")?;
        }
        if self.frac_digits > 0 {
            text.push('.');
            let end = text.len() + usize::from(self.frac_digits);
            for word in frac {
                write!(text, "{word:09}")?;
            }
            text.truncate(end);
        }
        f.write_str(&text)
    }
}

impl FromStr for Decimal {
    type Err = Error;

    /// Reads `[+-]digits[.digits][e[+-]digits]`; either side of the point may be empty, not both.
    ///
    /// # Errors
    /// [`Error::Malformed`] for other text, [`Error::OutOfRange`] when the digits don't fit.
    fn from_str(text: &str) -> Result<Self> {
        let malformed = || Error::malformed(WHAT, format!("{:?} is no decimal number", head(text)));
        let body = text.trim_ascii();
        let (negative, body) = match body.as_bytes() {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            rest => (false, rest),
        };
        let mut parts = body.splitn(2, |byte| matches!(byte, b'e' | b'E'));
        let number = parts.next().unwrap_or_default();
        let exponent = match parts.next() {
            None => 0,
            Some(digits) => parse_exponent(digits).ok_or_else(malformed)?,
        };
        let mut parts = number.splitn(2, |byte| *byte == b'.');
        let int = parts.next().unwrap_or_default();
        let frac = parts.next().unwrap_or_default();
        let is_number = |part: &[u8]| part.iter().all(u8::is_ascii_digit);
        if int.len() + frac.len() == 0 || !is_number(int) || !is_number(frac) {
            return Err(malformed());
        }
        let mut digits = [int, frac].concat();
        let mut scale = i32::try_from(frac.len()).unwrap_or(i32::MAX).saturating_sub(exponent);
        while scale < 0 && digits.len() <= usize::from(u8::MAX) {
            digits.push(b'0');
            scale += 1;
        }
        let scale = u8::try_from(scale).map_err(|_| too_long(text))?;
        Self::from_ascii_digits(&digits, negative, scale, MAX_SCALE).ok_or_else(|| too_long(text))
    }
}

/// The exponent of a literal, clamped; `None` when it is no number.
fn parse_exponent(digits: &[u8]) -> Option<i32> {
    let (negative, digits) = match digits {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    if digits.is_empty() {
        return None;
    }
    let mut value = 0_i32;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        value = (value * 10 + i32::from(digit - b'0')).min(MAX_EXPONENT);
    }
    Some(if negative { -value } else { value })
}

fn too_long(text: &str) -> Error {
    Error::OutOfRange {
        what: WHAT,
        value: head(text),
        target: format!("81 digits, {MAX_SCALE} of them after the point"),
    }
}

/// The start of a text for an error message.
fn head(text: &str) -> String {
    text.chars().take(100).collect()
}

impl Decimal {
    /// The value of decimal digits, of which `scale` are after the point.
    pub(super) fn from_unscaled_digits(digits: &str, negative: bool, scale: u8) -> Result<Self> {
        if scale > MAX_SCALE {
            return Err(too_long(&format!("{digits}e-{scale}")));
        }
        Self::from_ascii_digits(digits.as_bytes(), negative, scale, MAX_SCALE)
            .ok_or_else(|| too_long(&format!("{digits}e-{scale}")))
    }

    /// The value of an integer `× 10^-scale` whose digits after the point may be more than a column can
    /// have, as those of other systems are: it has to be [`rounded`](Self::rounded) before it is written.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] when the digits don't fit nine words.
    pub(crate) fn from_integer_text(integer: &str, scale: u8) -> Result<Self> {
        let digits = integer.strip_prefix('-');
        let (negative, digits) = (digits.is_some(), digits.unwrap_or(integer));
        Self::from_ascii_digits(digits.as_bytes(), negative, scale, u8::MAX)
            .ok_or_else(|| too_long(&format!("{integer}e-{scale}")))
    }

    /// As [`Decimal::from_unscaled_digits`] with at most `most` digits after the point, beyond which
    /// there may be zeros; `None` when the digits don't fit.
    pub(super) fn from_ascii_digits(
        digits: &[u8],
        negative: bool,
        scale: u8,
        most: u8,
    ) -> Option<Self> {
        let point = digits.len().checked_sub(usize::from(scale));
        let (int, frac) = digits.split_at_checked(point.unwrap_or(0))?;
        let missing = usize::from(scale) - frac.len();
        let start = int.iter().take_while(|digit| **digit == b'0').count();
        let int = int.get(start..)?;
        let (mut frac_digits, mut frac_end) = (usize::from(scale), frac.len());
        while frac_digits > usize::from(most) {
            match frac.get(..frac_end)?.last() {
                Some(b'0') => frac_end -= 1,
                Some(_) => return None,
                None => {}
            }
            frac_digits -= 1;
        }
        let frac = frac.get(..frac_end)?;

        let mut out = Self {
            int_digits: u8::try_from(int.len()).ok()?,
            frac_digits: u8::try_from(frac_digits).ok()?,
            ..Self::default()
        };
        out.result_frac = out.frac_digits;
        let (int_to, rest) = out.words.split_at_mut_checked(words_of(out.int_digits))?;
        let (frac_to, _) = rest.split_at_mut_checked(words_of(out.frac_digits))?;
        for (word, chunk) in int_to.iter_mut().rev().zip(int.rchunks(usize::from(WORD_DIGITS))) {
            *word = word_of(chunk.iter().copied());
        }
        let zeros = std::iter::repeat_n(b'0', missing);
        let mut frac = zeros.chain(frac.iter().copied()).chain(std::iter::repeat(b'0'));
        for word in frac_to {
            *word = word_of(frac.by_ref().take(usize::from(WORD_DIGITS)));
        }
        out.negative = negative && !out.is_zero();
        Some(out)
    }
}

fn word_of(digits: impl Iterator<Item = u8>) -> u32 {
    digits.fold(0, |word, digit| word * 10 + u32::from(digit.saturating_sub(b'0')))
}
