//! Fewer or more digits after the point.

use tifusion_codec::decimal::Decimal;

use super::limbs::{self, Limbs, trim};
use super::number::{Fit, MAX_FRAC, Parts, WORD_DIGITS, words};

/// What happens to digits that go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rounding {
    /// Half away from zero. TiKV calls it half even, which it isn't.
    HalfUp,
    /// They just go.
    Truncate,
}

/// The number with `frac` digits after the point; with fewer than none, that many before it are zero.
pub(crate) fn round(value: &Decimal, frac: i32, rounding: Rounding) -> (Decimal, Fit) {
    let parts = Parts::of(value);
    let target = usize::try_from(frac).unwrap_or(0).min(MAX_FRAC);
    let frac = if frac > 0 { i32::try_from(target).unwrap_or(0) } else { frac };
    if frac >= 0 && target >= parts.frac {
        let limbs = parts.aligned(words(target).max(parts.frac_words));
        let frac_words = words(target).max(parts.frac_words);
        return Parts { limbs, frac_words, frac: target, shown: target, ..parts }.build();
    }
    // Cut to a whole number of the last digit that stays, then shift back.
    let kept_words_digits = parts.frac_words * WORD_DIGITS;
    let drop = i64::try_from(kept_words_digits).unwrap_or(0) - i64::from(frac);
    let (mut kept, first_dropped) = drop_digits(&parts.limbs, usize::try_from(drop).unwrap_or(0));
    if rounding == Rounding::HalfUp && first_dropped >= 5 {
        kept = limbs::add(&kept, &[1]);
    }
    let back = if frac >= 0 {
        words(target) * WORD_DIGITS - target
    } else {
        usize::try_from(-i64::from(frac)).unwrap_or(0)
    };
    let limbs = append_zeros(&kept, back);
    let frac_words = words(target);
    Parts { limbs, frac_words, frac: target, shown: target, ..parts }.build()
}

/// The number without its last digits, and the first digit that went.
fn drop_digits(limbs: &[u64], digits: usize) -> (Limbs, u64) {
    let (whole, part) = (digits / WORD_DIGITS, digits % WORD_DIGITS);
    if whole > limbs.len() {
        return (Vec::new(), 0);
    }
    let (kept, gone) = limbs.split_at_checked(limbs.len() - whole).unwrap_or((limbs, &[]));
    if part == 0 {
        let first = gone.first().map_or(0, |limb| limb / 100_000_000);
        return (kept.to_vec(), first);
    }
    let unit = 10_u64.pow(u32::try_from(part).unwrap_or(0));
    let last = kept.last().copied().unwrap_or(0);
    let quotient = limbs::divide(kept, &[unit]).map(|(quotient, _)| quotient).unwrap_or_default();
    (quotient, last % unit / (unit / 10))
}

fn append_zeros(limbs: &[u64], digits: usize) -> Limbs {
    if limbs.is_empty() {
        return Vec::new();
    }
    let unit = 10_u64.pow(u32::try_from(digits % WORD_DIGITS).unwrap_or(0));
    let mut out = limbs::multiply(limbs, &[unit]);
    out.resize(out.len() + digits / WORD_DIGITS, 0);
    out
}

/// The least whole number that is not less.
pub(crate) fn ceiling(value: &Decimal) -> (Decimal, Fit) {
    away(value, !value.is_negative())
}

/// The greatest whole number that is not more.
pub(crate) fn floor(value: &Decimal) -> (Decimal, Fit) {
    away(value, value.is_negative())
}

/// Digits after the point go; if there were any but zeros, one more in size when `outwards`.
fn away(value: &Decimal, outwards: bool) -> (Decimal, Fit) {
    let parts = Parts::of(value);
    let int = parts.int_words();
    let has_frac = parts.limbs.iter().skip(int).any(|limb| *limb != 0);
    let mut limbs: Limbs = parts.limbs.iter().take(int).copied().collect();
    if has_frac && outwards {
        limbs = limbs::add(&limbs, &[1]);
    }
    Parts { limbs: trim(limbs), frac_words: 0, frac: 0, shown: 0, ..parts }.build()
}

/// The number times ten to the power of `by`.
pub(crate) fn shift(value: &Decimal, by: i32) -> (Decimal, Fit) {
    let text = format!("{value}e{by}");
    super::number::parse(&text)
        .map_or((Decimal::default(), Fit::Whole), |(value, fit, _)| (value, fit))
}
