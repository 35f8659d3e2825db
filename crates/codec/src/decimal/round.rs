//! Decimals with another number of digits after the point.

use super::{Decimal, MAX_SCALE, WORD_BASE, WORD_DIGITS, WORDS};

impl Decimal {
    /// The value with `scale` digits after the point, rounded half away from zero (`MyDecimal.Round`
    /// of TiDB); `None` when its digits don't fit nine words then, or `scale` is above
    /// [`MAX_SCALE`].
    #[must_use]
    pub fn rounded(&self, scale: u8) -> Option<Self> {
        if scale == self.frac_digits {
            return Some(*self);
        }
        let (int, frac) = self.split_words();
        let mut digits = Vec::with_capacity(WORDS * usize::from(WORD_DIGITS));
        for word in int.iter().chain(frac) {
            push_digits(&mut digits, *word);
        }
        Self::from_digits(&digits, int.len() * usize::from(WORD_DIGITS), self.negative, scale)
    }

    /// The value of digits, of which `point` are before the point, rounded half away from zero.
    pub(super) fn from_digits(
        digits: &[u8],
        point: usize,
        negative: bool,
        scale: u8,
    ) -> Option<Self> {
        if scale > MAX_SCALE {
            return None;
        }
        let len = point.checked_add(usize::from(scale))?;
        let mut kept: Vec<u8> = digits.iter().copied().take(len).collect();
        kept.resize(len, b'0');
        if digits.get(len).is_some_and(|digit| *digit >= b'5') {
            increment(&mut kept);
        }
        Self::from_ascii_digits(&kept, negative, scale, MAX_SCALE)
    }
}

/// Appends the nine digits of a word.
fn push_digits(digits: &mut Vec<u8>, word: u32) {
    let mut unit = WORD_BASE / 10;
    while unit > 0 {
        // One digit.
        digits.push(b'0' + u8::try_from(word / unit % 10).unwrap_or(0));
        unit /= 10;
    }
}

/// Adds one to a number of ASCII digits.
fn increment(digits: &mut Vec<u8>) {
    for digit in digits.iter_mut().rev() {
        if *digit < b'9' {
            *digit += 1;
            return;
        }
        *digit = b'0';
    }
    digits.insert(0, b'1');
}

/// A text that is a number, as `MyDecimal.FromString` of TiDB reads it where it has nothing to complain
/// about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DecimalText {
    negative: bool,
    digits: Vec<u8>,
    point: usize,
}

impl DecimalText {
    /// Reads `[+-]digits[.digits][e[+-]digits]`, blanks around it; either side of the point may be
    /// empty, not both. `None` for other text, and when digits after the point are beyond nine words.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let body = text.trim_start_matches([' ', '\t']).as_bytes();
        let (negative, body) = match body {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            rest => (false, rest),
        };
        let (int, rest) = split_digits(body)?;
        let (frac, rest) = match rest {
            [b'.', rest @ ..] => split_digits(rest)?,
            rest => (&[][..], rest),
        };
        if int.is_empty() && frac.is_empty() {
            return None;
        }
        let behind = std::str::from_utf8(rest).ok()?;
        let exponent = match behind.strip_prefix(['e', 'E']) {
            Some(exponent) => parse_exponent(exponent.trim())?,
            None if behind.trim().is_empty() => 0,
            None => return None,
        };
        if is_cut(int.len(), frac.len()) {
            return None;
        }
        Self { negative, digits: [int, frac].concat(), point: int.len() }.shifted(exponent)
    }

    /// The number with `scale` digits after the point, rounded half away from zero; `None` when it has
    /// too many digits.
    pub(crate) fn rounded(&self, scale: u8) -> Option<Decimal> {
        if words_of_count(self.point) > WORDS {
            return None;
        }
        Decimal::from_digits(&self.digits, self.point, self.negative, scale)
    }

    /// Moves the point to the right; `None` when digits are lost at the end.
    fn shifted(mut self, by: i64) -> Option<Self> {
        let zeros = self.digits.iter().take_while(|digit| **digit == b'0').count();
        if by == 0 || zeros == self.digits.len() {
            return Some(self);
        }
        while self.digits.last() == Some(&b'0') {
            self.digits.pop();
        }
        self.digits.drain(..zeros);
        let as_i64 = |value: usize| i64::try_from(value).unwrap_or(i64::MAX);
        let point = as_i64(self.point).saturating_sub(as_i64(zeros)).saturating_add(by);
        let int = usize::try_from(point).unwrap_or(0);
        let frac = usize::try_from(as_i64(self.digits.len()).saturating_sub(point)).unwrap_or(0);
        if is_cut(int, frac) {
            return None;
        }
        if point < 0 {
            let missing = usize::try_from(point.unsigned_abs()).unwrap_or(0);
            self.digits.splice(0..0, std::iter::repeat_n(b'0', missing));
        }
        self.point = int;
        Some(self)
    }
}

/// Whether digits after the point, and only those, are beyond nine words.
fn is_cut(int: usize, frac: usize) -> bool {
    let (int, frac) = (words_of_count(int), words_of_count(frac));
    int <= WORDS && int.saturating_add(frac) > WORDS
}

fn words_of_count(digits: usize) -> usize {
    digits.div_ceil(usize::from(WORD_DIGITS))
}

fn parse_exponent(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok())?
}

fn split_digits(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    bytes.split_at_checked(bytes.iter().take_while(|byte| byte.is_ascii_digit()).count())
}
