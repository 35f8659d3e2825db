//! Sums, products and quotients.

use std::cmp::Ordering;

use tifusion_codec::decimal::Decimal;

use super::limbs::{self, BASE};
use super::number::{Fit, MAX_FRAC, Parts, WORD_DIGITS, WORDS, words};

/// Digits after the point that a product keeps at most.
const MAX_PRODUCT_FRAC: usize = 31;

/// The sum.
pub(crate) fn add(left: &Decimal, right: &Decimal) -> (Decimal, Fit) {
    let (left, right) = (Parts::of(left), Parts::of(right));
    sum(&left, &right, left.negative == right.negative)
}

/// The difference.
pub(crate) fn subtract(left: &Decimal, right: &Decimal) -> (Decimal, Fit) {
    let (left, mut right) = (Parts::of(left), Parts::of(right));
    right.negative = !right.negative;
    sum(&left, &right, left.negative == right.negative)
}

fn sum(left: &Parts, right: &Parts, same_sign: bool) -> (Decimal, Fit) {
    let frac_words = left.frac_words.max(right.frac_words);
    let (a, b) = (left.aligned(frac_words), right.aligned(frac_words));
    let shown = left.shown.max(right.shown);
    let (limbs, negative) = if same_sign {
        (limbs::add(&a, &b), left.negative)
    } else {
        match limbs::compare(&a, &b) {
            // Equal numbers leave a zero without a fraction, but show what they showed.
            Ordering::Equal => {
                return Parts { shown, ..Parts::zero(0) }.build();
            }
            Ordering::Greater => (limbs::subtract(&a, &b), left.negative),
            Ordering::Less => (limbs::subtract(&b, &a), right.negative),
        }
    };
    let frac = left.frac.max(right.frac);
    Parts { negative, limbs, frac_words, frac, shown, int: 0 }.build()
}

/// The product. Too many words lose digits after the point of the factors before they multiply.
pub(crate) fn multiply(left: &Decimal, right: &Decimal) -> (Decimal, Fit) {
    let (left, right) = (Parts::of(left), Parts::of(right));
    let frac = (left.frac + right.frac).min(MAX_PRODUCT_FRAC);
    let shown = (left.shown + right.shown).min(MAX_FRAC);
    let frac_words = left.frac_words + right.frac_words;
    let limbs = limbs::multiply(&left.limbs, &right.limbs);
    if limbs.is_empty() {
        return Parts { shown, ..Parts::zero(frac) }.build();
    }
    let negative = left.negative != right.negative;
    let mut product = Parts { negative, limbs, frac_words, frac, shown, int: 0 };
    // More words after the point than the digits that are kept need.
    let surplus = frac_words.saturating_sub(words(frac));
    product.limbs.truncate(product.limbs.len().saturating_sub(surplus));
    product.frac_words -= surplus;
    cut_last_word(&mut product);
    product.build()
}

/// Zeroes the digits of the last word that lie behind the fraction.
fn cut_last_word(parts: &mut Parts) {
    let unused = (parts.frac_words * WORD_DIGITS).saturating_sub(parts.frac);
    if unused > 0
        && let Some(last) = parts.limbs.last_mut()
    {
        let unit = 10_u64.pow(u32::try_from(unused % WORD_DIGITS).unwrap_or(0));
        *last -= *last % unit;
    }
}

/// The quotient with `more` digits after the point beyond the dividend's; `None` by zero.
pub(crate) fn divide(left: &Decimal, right: &Decimal, more: u8) -> Option<(Decimal, Fit)> {
    let (left, right) = (Parts::of(left), Parts::of(right));
    if right.limbs.is_empty() {
        return None;
    }
    let more = usize::from(more);
    let shown = (left.shown + more).min(MAX_FRAC);
    if left.limbs.is_empty() {
        return Some((Parts { shown, ..Parts::zero(shown) }.build().0, Fit::Whole));
    }
    let padding =
        left.frac_words * WORD_DIGITS - left.frac + right.frac_words * WORD_DIGITS - right.frac;
    let more = more.saturating_sub(padding);
    let digits = (left.frac_words + right.frac_words) * WORD_DIGITS + more;
    let mut frac_words = words(digits.min(usize::from(u8::MAX)));
    // As MySQL counts: the quotient has this many words before the point, or one less.
    let int = int_digits(&left) - int_digits(&right)
        + i64::from(left.limbs.first() >= right.limbs.first());
    let int_words = words(usize::try_from(int).unwrap_or(0));
    let mut fit = Fit::Whole;
    if int_words > WORDS {
        fit = Fit::Overflow;
        frac_words = 0;
    } else if int_words + frac_words > WORDS {
        fit = Fit::Truncated;
        frac_words = WORDS - int_words;
    }
    let scaled = |limbs: &[u64], words: usize| {
        limbs.iter().copied().chain(std::iter::repeat_n(0, words)).collect::<Vec<_>>()
    };
    let dividend = scaled(&left.limbs, frac_words + right.frac_words);
    let divisor = scaled(&right.limbs, left.frac_words);
    let (limbs, _) = limbs::divide(&dividend, &divisor)?;
    let negative = left.negative != right.negative;
    let frac = frac_words * WORD_DIGITS;
    let (value, build_fit) = Parts { negative, limbs, frac_words, frac, shown, int: 0 }.build();
    Some((value, if fit == Fit::Whole { build_fit } else { fit }))
}

/// Digits before the point without zeros at the front, less the zeros right after it.
fn int_digits(parts: &Parts) -> i64 {
    let top = parts.limbs.first().copied().unwrap_or(0).min(BASE - 1);
    let top = top.checked_ilog10().map_or(0, |log| i64::from(log) + 1);
    let others = i64::try_from(parts.limbs.len().saturating_sub(1)).unwrap_or(0);
    let frac = i64::try_from(parts.frac_words).unwrap_or(0);
    let digits = i64::try_from(WORD_DIGITS).unwrap_or(0);
    top + (others - frac) * digits
}

/// The remainder with the dividend's sign; `None` by zero.
pub(crate) fn remainder(left: &Decimal, right: &Decimal) -> Option<(Decimal, Fit)> {
    let (left, right) = (Parts::of(left), Parts::of(right));
    let frac_words = left.frac_words.max(right.frac_words);
    let shown = left.shown.max(right.shown);
    let (_, limbs) = limbs::divide(&left.aligned(frac_words), &right.aligned(frac_words))?;
    if left.limbs.is_empty() {
        return Some(Parts { shown, ..Parts::zero(0) }.build());
    }
    let frac = left.frac.max(right.frac);
    Some(Parts { negative: left.negative, limbs, frac_words, frac, shown, int: 0 }.build())
}

/// The number with the other sign; zero has none.
pub(crate) fn negate(value: &Decimal) -> Decimal {
    let mut parts = Parts::of(value);
    parts.negative = !parts.negative;
    parts.build().0
}
