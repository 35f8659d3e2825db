//! MySQL's binary form of a decimal, behind precision and scale: the body of a decimal datum.
//!
//! Digits before the point in words of nine, the odd ones first; digits after it likewise, the odd
//! ones last. A word of nine is four bytes, big-endian; fewer digits take fewer bytes. The bytes of
//! a negative value are inverted, then the first bit of all is flipped: equal precision and scale
//! compare by bytes (`MyDecimal.WriteBin`/`FromBin` and `util/codec/decimal.go` of TiDB).

use super::{Decimal, MAX_SCALE, WHAT, WORD_BASE, WORD_DIGITS, WORDS, pow10, words_of};
use crate::cursor::{take, take_array};
use crate::error::{Error, Result};

/// Most digits nine words hold.
const MAX_DIGITS: u8 = 81;

/// Bytes of `digits` digits, 0 to 9, of one word.
fn bytes_of(digits: u8) -> usize {
    match digits {
        0 => 0,
        1 | 2 => 1,
        3 | 4 => 2,
        5 | 6 => 3,
        _ => 4,
    }
}

/// How a precision and scale are cut into words.
#[derive(Debug, Clone, Copy)]
struct Layout {
    int_digits: u8,
    frac_digits: u8,
}

impl Layout {
    fn new(precision: u8, scale: u8) -> Result<Self> {
        let layout = Self { int_digits: precision.saturating_sub(scale), frac_digits: scale };
        let words = words_of(layout.int_digits) + words_of(layout.frac_digits);
        if precision == 0
            || precision > MAX_DIGITS
            || scale > precision
            || scale > MAX_SCALE
            || words > WORDS
        {
            return Err(Error::malformed(WHAT, format!("precision {precision}, scale {scale}")));
        }
        Ok(layout)
    }

    fn int_bytes(self) -> usize {
        usize::from(self.int_digits / WORD_DIGITS) * 4 + bytes_of(self.int_digits % WORD_DIGITS)
    }

    fn frac_bytes(self) -> usize {
        usize::from(self.frac_digits / WORD_DIGITS) * 4 + bytes_of(self.frac_digits % WORD_DIGITS)
    }

    /// Digits of each word, first to last.
    fn words(self) -> impl Iterator<Item = (u8, Side)> {
        let lead = self.int_digits % WORD_DIGITS;
        let trail = self.frac_digits % WORD_DIGITS;
        let full = |digits: u8, side| {
            std::iter::repeat_n((WORD_DIGITS, side), usize::from(digits / WORD_DIGITS))
        };
        (lead > 0)
            .then_some((lead, Side::Int))
            .into_iter()
            .chain(full(self.int_digits, Side::Int))
            .chain(full(self.frac_digits, Side::Frac))
            .chain((trail > 0).then_some((trail, Side::Frac)))
    }
}

/// Which side of the point a word is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Int,
    Frac,
}

impl Decimal {
    /// Reads the body of a decimal datum: precision, scale, then MySQL's binary form.
    ///
    /// # Errors
    /// [`Error::Truncated`] when the input ends inside it, [`Error::Malformed`] on an impossible
    /// precision or scale or a word with too many digits.
    pub fn decode(input: &mut &[u8]) -> Result<Self> {
        let mut rest = *input;
        let [precision, scale] = *take_array(WHAT, &mut rest)?;
        let layout = Layout::new(precision, scale)?;
        let body = take(WHAT, &mut rest, layout.int_bytes() + layout.frac_bytes())?;
        let positive = body.first().is_some_and(|byte| byte & 0x80 != 0);
        let invert = if positive { 0 } else { 0xff };
        let mut flip = 0x80;
        let mut body = body.iter().map(|byte| byte ^ invert ^ std::mem::take(&mut flip));

        let mut out = Self {
            int_digits: layout.int_digits,
            frac_digits: scale,
            result_frac: scale,
            negative: !positive,
            words: [0; WORDS],
        };
        for ((digits, side), to) in layout.words().zip(&mut out.words) {
            let word = body
                .by_ref()
                .take(bytes_of(digits))
                .fold(0_u32, |word, byte| word << 8 | u32::from(byte));
            if word >= pow10(digits) {
                let reason = format!("word {word} has more than {digits} digits");
                return Err(Error::malformed(WHAT, reason));
            }
            *to = match side {
                Side::Int => word,
                Side::Frac => word * pow10(WORD_DIGITS - digits),
            };
        }
        *input = rest;
        Ok(out)
    }

    /// Takes the body of a decimal datum off the front of `input` without reading its digits.
    ///
    /// # Errors
    /// As [`Decimal::decode`], but for the digits.
    pub fn skip<'a>(input: &mut &'a [u8]) -> Result<&'a [u8]> {
        let mut head = *input;
        let [precision, scale] = *take_array(WHAT, &mut head)?;
        let layout = Layout::new(precision, scale)?;
        take(WHAT, input, 2 + layout.int_bytes() + layout.frac_bytes())
    }

    /// Appends the body of a decimal datum with the given precision and scale.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] when digits other than zero don't fit, [`Error::Malformed`] on a
    /// precision or scale that no decimal has. `out` is as it was then.
    pub fn encode(&self, out: &mut Vec<u8>, precision: u8, scale: u8) -> Result<()> {
        let layout = Layout::new(precision, scale)?;
        let words = self.rearrange(layout).ok_or_else(|| Error::OutOfRange {
            what: WHAT,
            value: self.to_string(),
            target: format!("DECIMAL({precision}, {scale})"),
        })?;
        let invert = if self.negative && !self.is_zero() { 0xff } else { 0 };
        let mut flip = 0x80;
        out.extend_from_slice(&[precision, scale]);
        for ((digits, side), word) in layout.words().zip(words) {
            let word = match side {
                Side::Int => word,
                Side::Frac => word / pow10(WORD_DIGITS - digits),
            };
            let bytes = word.to_be_bytes();
            for byte in bytes.iter().skip(4 - bytes_of(digits)) {
                out.push(byte ^ invert ^ std::mem::take(&mut flip));
            }
        }
        Ok(())
    }

    /// The words as another layout has them; `None` when a digit other than zero would be lost.
    fn rearrange(&self, layout: Layout) -> Option<[u32; WORDS]> {
        let (int, frac) = self.split_words();
        let mut words = [0; WORDS];
        let (int_to, rest) = words.split_at_mut_checked(words_of(layout.int_digits))?;
        let (frac_to, _) = rest.split_at_mut_checked(words_of(layout.frac_digits))?;

        let mut from = int.iter().rev();
        for (to, word) in int_to.iter_mut().rev().zip(&mut from) {
            *to = *word;
        }
        let lead = pow10(layout.int_digits % WORD_DIGITS);
        let lead_fits = int_to.first().is_none_or(|first| lead == 1 || *first < lead);

        let mut from_frac = frac.iter();
        for (to, word) in frac_to.iter_mut().zip(&mut from_frac) {
            *to = *word;
        }
        let odd = layout.frac_digits % WORD_DIGITS;
        let unit = if odd == 0 { 1 } else { pow10(WORD_DIGITS - odd) };
        let trail_fits = frac_to.last().is_none_or(|last| last % unit == 0);

        let rest_is_zero = from.chain(from_frac).all(|word| *word == 0);
        (lead_fits && trail_fits && rest_is_zero).then_some(words)
    }
}

// A word of nine digits times one is below 2^32, so the products above can't overflow.
const _: () = assert!(WORD_BASE < u32::MAX);
