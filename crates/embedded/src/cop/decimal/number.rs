//! Decimals taken apart and put together again.

use std::cmp::Ordering;

use tifusion_codec::decimal::{CHUNK_LEN, Decimal};

use super::limbs::{BASE, Limbs, trim};

/// Words of a decimal.
pub(super) const WORDS: usize = 9;
/// Digits of a word.
pub(super) const WORD_DIGITS: usize = 9;
/// Most digits after the point that a result shows.
pub(super) const MAX_FRAC: usize = 30;

/// How well a result fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fit {
    /// It is exact, or as exact as asked for.
    Whole,
    /// Digits after the point were lost.
    Truncated,
    /// It has too many digits before the point.
    Overflow,
}

/// A decimal as a whole number of `BASE^-frac_words`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Parts {
    pub(super) negative: bool,
    /// The digits, without zeros at the front.
    pub(super) limbs: Limbs,
    /// How many of the limbs are after the point; there may be fewer limbs than that.
    pub(super) frac_words: usize,
    /// Digits after the point.
    pub(super) frac: usize,
    /// Digits after the point to show.
    pub(super) shown: usize,
    /// Digits before the point, as stored.
    pub(super) int: usize,
}

pub(super) fn words(digits: usize) -> usize {
    digits.div_ceil(WORD_DIGITS)
}

impl Parts {
    pub(super) fn of(value: &Decimal) -> Self {
        let cell = value.to_chunk();
        let [int, frac, shown, negative, stored @ ..] = cell;
        let (int, frac) = (usize::from(int), usize::from(frac));
        let count = words(int) + words(frac);
        let limbs = stored.as_chunks::<4>().0.iter().take(count);
        Self {
            negative: negative != 0,
            limbs: trim(limbs.map(|word| u64::from(u32::from_le_bytes(*word))).collect()),
            frac_words: words(frac),
            frac,
            shown: usize::from(shown),
            int,
        }
    }

    /// Zero with some digits after the point.
    pub(super) fn zero(frac: usize) -> Self {
        let frac_words = words(frac);
        Self { negative: false, limbs: Vec::new(), frac_words, frac, shown: frac, int: 1 }
    }

    /// The limbs with as many after the point as asked for, which are not fewer than now.
    pub(super) fn aligned(&self, frac_words: usize) -> Limbs {
        let mut limbs = self.limbs.clone();
        if !limbs.is_empty() {
            limbs.resize(limbs.len() + frac_words.saturating_sub(self.frac_words), 0);
        }
        limbs
    }

    /// Words before the point.
    pub(super) fn int_words(&self) -> usize {
        self.limbs.len().saturating_sub(self.frac_words)
    }

    /// The decimal, whose digits may not fit: then those after the point go first.
    pub(super) fn build(mut self) -> (Decimal, Fit) {
        let int_words = self.int_words();
        if int_words > WORDS {
            return (largest(self.negative, WORDS * WORD_DIGITS, 0), Fit::Overflow);
        }
        let mut fit = Fit::Whole;
        if int_words + self.frac_words > WORDS {
            let lost = int_words + self.frac_words - WORDS;
            self.limbs.truncate(self.limbs.len().saturating_sub(lost));
            self.frac_words -= lost;
            self.frac = self.frac.min(self.frac_words * WORD_DIGITS);
            fit = Fit::Truncated;
        }
        (self.assemble(), fit)
    }

    fn assemble(self) -> Decimal {
        let int_words = self.int_words();
        let missing = (int_words + self.frac_words).saturating_sub(self.limbs.len());
        let top = self.limbs.first().copied().filter(|_| int_words > 0);
        let top_digits = top.map_or(0, |top| top.checked_ilog10().map_or(0, |log| log + 1));
        let top_digits = usize::try_from(top_digits).unwrap_or(WORD_DIGITS);
        let int = int_words.saturating_sub(1) * WORD_DIGITS + top_digits;
        let is_zero = self.limbs.iter().all(|limb| *limb == 0);
        let byte = |digits: usize| u8::try_from(digits).unwrap_or(u8::MAX);
        let head =
            [byte(int), byte(self.frac), byte(self.shown), u8::from(self.negative && !is_zero)];
        let limbs = std::iter::repeat_n(0, missing).chain(self.limbs);
        let stored = limbs.flat_map(|limb| u32::try_from(limb).unwrap_or(u32::MAX).to_le_bytes());
        let mut cell = [0; CHUNK_LEN];
        for (to, from) in cell.iter_mut().zip(head.into_iter().chain(stored)) {
            *to = from;
        }
        // The counts are within nine words and each word within its base.
        Decimal::from_chunk(&cell).unwrap_or_default()
    }
}

/// Which of two decimals is greater; digits after the last one that isn't zero don't count.
pub(crate) fn compare(left: &Decimal, right: &Decimal) -> Ordering {
    let (left, right) = (Parts::of(left), Parts::of(right));
    let sign = |parts: &Parts| match (parts.limbs.is_empty(), parts.negative) {
        (true, _) => 0,
        (false, true) => -1,
        (false, false) => 1,
    };
    let frac_words = left.frac_words.max(right.frac_words);
    let magnitude = super::limbs::compare(&left.aligned(frac_words), &right.aligned(frac_words));
    sign(&left).cmp(&sign(&right)).then(if left.negative { magnitude.reverse() } else { magnitude })
}

/// The decimal with the most digits of that many, `frac` of them after the point.
pub(crate) fn largest(negative: bool, precision: usize, frac: usize) -> Decimal {
    let frac = frac.min(MAX_FRAC);
    let int = precision.min(WORDS * WORD_DIGITS).saturating_sub(frac);
    let mut text = String::from(if negative { "-" } else { "" });
    text.extend(std::iter::repeat_n('9', int));
    if frac > 0 {
        text.push('.');
        text.extend(std::iter::repeat_n('9', frac));
    }
    text.parse().unwrap_or_default()
}

/// A signed integer.
pub(crate) fn from_i64(value: i64) -> Decimal {
    Decimal::from_i128(i128::from(value), 0).unwrap_or_default()
}

/// An unsigned integer.
pub(crate) fn from_u64(value: u64) -> Decimal {
    Decimal::from_i128(i128::from(value), 0).unwrap_or_default()
}

/// The shortest decimal that reads as the float; `None` when it is not finite.
pub(crate) fn from_f64(value: f64) -> Option<(Decimal, Fit)> {
    value
        .is_finite()
        .then(|| parse(&value.to_string()))
        .flatten()
        .map(|(number, fit, _)| (number, fit))
}

/// The nearest float.
pub(crate) fn to_f64(value: &Decimal) -> f64 {
    value.to_string().parse().unwrap_or(f64::INFINITY)
}

/// The digits before the point as an integer, and whether there were others.
pub(crate) fn to_i64(value: &Decimal) -> (i64, Fit) {
    let (magnitude, fit) = whole(value);
    let limit = u128::from(i64::MIN.unsigned_abs());
    if value.is_negative() && magnitude <= limit {
        return (i64::try_from(-magnitude.cast_signed()).unwrap_or(i64::MIN), fit);
    }
    match i64::try_from(magnitude) {
        Ok(number) if !value.is_negative() => (number, fit),
        _ if value.is_negative() => (i64::MIN, Fit::Overflow),
        _ => (i64::MAX, Fit::Overflow),
    }
}

/// The digits before the point as an unsigned integer, and whether there were others.
pub(crate) fn to_u64(value: &Decimal) -> (u64, Fit) {
    let (magnitude, fit) = whole(value);
    if value.is_negative() && !value.is_zero() {
        return (0, Fit::Overflow);
    }
    u64::try_from(magnitude).map_or((u64::MAX, Fit::Overflow), |number| (number, fit))
}

/// The digits before the point, capped, and whether there are others behind it.
fn whole(value: &Decimal) -> (u128, Fit) {
    let parts = Parts::of(value);
    let int = parts.int_words();
    let fit = if parts.limbs.iter().skip(int).all(|limb| *limb == 0) {
        Fit::Whole
    } else {
        Fit::Truncated
    };
    if int > 4 {
        return (u128::MAX >> 1, fit);
    }
    (
        parts
            .limbs
            .iter()
            .take(int)
            .fold(0, |sum, limb| sum * u128::from(BASE) + u128::from(*limb)),
        fit,
    )
}

/// Reads the number at the front of a text: `None` when there is none. The last part of the result
/// says whether the text goes on behind the number.
pub(crate) fn parse(text: &str) -> Option<(Decimal, Fit, bool)> {
    let text = text.trim();
    let (negative, body) = match text.as_bytes() {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    let digits = |bytes: &[u8]| bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (int, mut rest) = body.split_at_checked(digits(body))?;
    let mut frac: &[u8] = &[];
    if let [b'.', tail @ ..] = rest {
        (frac, rest) = tail.split_at_checked(digits(tail))?;
    }
    if int.is_empty() && frac.is_empty() {
        return None;
    }
    let mut exponent = 0_i64;
    if let [b'e' | b'E', tail @ ..] = rest {
        let (sign, tail) = match tail {
            [b'-', tail @ ..] => (-1, tail),
            [b'+', tail @ ..] => (1, tail),
            tail => (1, tail),
        };
        let (power, tail) = tail.split_at_checked(digits(tail))?;
        if !power.is_empty() {
            let power = power
                .iter()
                .fold(0_i64, |value, digit| (value * 10 + i64::from(digit - b'0')).min(1_000_000));
            exponent = sign * power;
            rest = tail;
        }
    }
    let (value, fit) = from_digits(negative, &[int, frac].concat(), frac.len(), exponent);
    Some((value, fit, !rest.is_empty()))
}

/// The number of the digits, `frac` of them after the point, times a power of ten.
fn from_digits(negative: bool, digits: &[u8], frac: usize, exponent: i64) -> (Decimal, Fit) {
    let frac = i64::try_from(frac).unwrap_or(i64::MAX) - exponent;
    let mut digits = digits.to_vec();
    let limit = WORDS * WORD_DIGITS;
    // A number that grows gets zeros at its end; more than this overflow anyway.
    let zeros = usize::try_from(-frac).unwrap_or(0).min(2 * limit);
    digits.extend(std::iter::repeat_n(b'0', zeros));
    let mut frac = usize::try_from(frac).unwrap_or(0);
    let mut fit = Fit::Whole;
    if frac > 2 * limit + digits.len() {
        return (Decimal::default(), Fit::Truncated);
    }
    if digits.len() < frac {
        digits.splice(0..0, std::iter::repeat_n(b'0', frac - digits.len()));
    }
    let int = digits.len() - frac;
    let lead = digits.iter().take(int).take_while(|digit| **digit == b'0').count();
    digits.drain(..lead);
    let int = int - lead;
    if words(int) > WORDS {
        return (largest(negative, limit, 0), Fit::Overflow);
    }
    let room = (WORDS - words(int)) * WORD_DIGITS;
    if frac > room {
        digits.truncate(int + room);
        frac = room;
        fit = Fit::Truncated;
    }
    // Words are cut from the point both ways.
    let (before, after) = digits.split_at_checked(int).unwrap_or((&digits, &[]));
    let value = |chunk: &[u8]| chunk.iter().fold(0, |v, digit| v * 10 + u64::from(digit - b'0'));
    let mut limbs: Limbs = before.rchunks(WORD_DIGITS).rev().map(value).collect();
    limbs.extend(after.chunks(WORD_DIGITS).map(|chunk| {
        let unused = u32::try_from(WORD_DIGITS - chunk.len()).unwrap_or(0);
        value(chunk) * 10_u64.pow(unused)
    }));
    let parts =
        Parts { negative, limbs: trim(limbs), frac_words: words(frac), frac, shown: frac, int };
    (parts.assemble(), fit)
}
