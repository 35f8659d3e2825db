//! From words of nine digits to one integer at a scale.

use arrow_buffer::i256;

use super::{Inexact, WORD_BASE, WORD_DIGITS, pow10};

/// Digits of a `Decimal128`.
const DIGITS_128: u8 = 38;
/// Digits of a `Decimal256`.
const DIGITS_256: u8 = 76;
const TEN_POW_38: u128 = 10_u128.pow(38);

/// An unsigned integer that grows by digits at its end.
pub(super) trait Accumulator: Sized {
    const ZERO: Self;
    /// Digits the signed result can hold.
    const DIGITS: u8;

    /// `self × by + digits`; `None` on overflow. `by` is at most 10^9.
    fn append(self, by: u32, digits: u32) -> Option<Self>;
}

impl Accumulator for u128 {
    const ZERO: Self = 0;
    const DIGITS: u8 = DIGITS_128;

    fn append(self, by: u32, digits: u32) -> Option<Self> {
        // Below 2^96 nothing can overflow: no need for the slower checked product.
        if self >> 96 == 0 {
            return Some(self * Self::from(by) + Self::from(digits));
        }
        self.checked_mul(Self::from(by))?.checked_add(Self::from(digits))
    }
}

/// A 256-bit unsigned integer, lowest limb first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wide([u64; 4]);

impl Accumulator for Wide {
    const ZERO: Self = Self([0; 4]);
    const DIGITS: u8 = DIGITS_256;

    fn append(mut self, by: u32, digits: u32) -> Option<Self> {
        let mut carry = u128::from(digits);
        for limb in &mut self.0 {
            let wide = u128::from(*limb) * u128::from(by) + carry;
            #[expect(
                clippy::cast_possible_truncation,
                reason = "the low half stays, the rest goes on"
            )]
            let low = wide as u64;
            *limb = low;
            carry = wide >> 64;
        }
        (carry == 0).then_some(self)
    }
}

/// The digits as one integer with `scale` of them after the point.
///
/// `int` and `frac` are the words that hold `int_digits` and `frac_digits`; digits of their first
/// and last word beyond these counts are ignored.
pub(super) fn accumulate<A: Accumulator>(
    int_digits: u8,
    int: impl Iterator<Item = u32>,
    frac_digits: u8,
    frac: impl Iterator<Item = u32>,
    scale: u8,
) -> Result<A, Inexact> {
    let overflow = Inexact::Overflow { digits: A::DIGITS };
    let mut value = A::ZERO;
    let mut first = pow10(int_digits % WORD_DIGITS);
    for mut word in int {
        check(word)?;
        if first > 1 && word >= first {
            word %= first;
        }
        first = 1;
        value = value.append(WORD_BASE, word).ok_or(overflow)?;
    }
    let mut wanted = scale;
    let mut left = frac_digits;
    for word in frac {
        check(word)?;
        let stored = left.min(WORD_DIGITS);
        left -= stored;
        let kept = wanted.min(stored);
        wanted -= kept;
        if kept == WORD_DIGITS {
            value = value.append(WORD_BASE, word).ok_or(overflow)?;
            continue;
        }
        let unit = pow10(WORD_DIGITS - kept);
        if kept < stored && word % unit >= pow10(WORD_DIGITS - stored) {
            return Err(Inexact::Lost);
        }
        value = value.append(pow10(kept), word / unit).ok_or(overflow)?;
    }
    while wanted > 0 {
        let step = wanted.min(WORD_DIGITS);
        wanted -= step;
        value = value.append(pow10(step), 0).ok_or(overflow)?;
    }
    Ok(value)
}

fn check(word: u32) -> Result<(), Inexact> {
    if word < WORD_BASE { Ok(()) } else { Err(Inexact::Word(word)) }
}

/// The signed value, at most 38 digits.
pub(super) fn sign_i128(magnitude: u128, negative: bool) -> Result<i128, Inexact> {
    if magnitude >= TEN_POW_38 {
        return Err(Inexact::Overflow { digits: DIGITS_128 });
    }
    let value = magnitude.cast_signed();
    Ok(if negative { -value } else { value })
}

/// The signed value, at most 76 digits.
pub(super) fn sign_i256(magnitude: Wide, negative: bool) -> Result<i256, Inexact> {
    let [a, b, c, d] = magnitude.0.map(u128::from);
    let value = i256::from_parts(a | b << 64, (c | d << 64).cast_signed());
    // 10^76 = 10^38 × 10^38 is below 2^255.
    let limit = i256::from_i128(TEN_POW_38.cast_signed());
    let limit = limit.wrapping_mul(limit);
    if value.is_negative() || value >= limit {
        return Err(Inexact::Overflow { digits: DIGITS_256 });
    }
    Ok(if negative { value.wrapping_neg() } else { value })
}
