//! Numbers as text.

use super::error::Refusal;

/// Digits before the point, a sign counted, from which on TiDB looks at nothing but the exponent.
const MAX_WHOLE: i64 = 21;

/// A text that is a number: sign, digits with a point among them, exponent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FloatText<'a> {
    text: &'a str,
    signed: bool,
    negative: bool,
    int: &'a [u8],
    frac: &'a [u8],
    exponent: Option<&'a str>,
}

impl<'a> FloatText<'a> {
    /// Reads a text with nothing but blanks around the number.
    pub(super) fn parse(text: &'a str) -> Result<Self, Refusal> {
        Self::of(text.trim()).ok_or(Refusal::Incorrect)
    }

    fn of(text: &'a str) -> Option<Self> {
        let (sign, rest) = match text.as_bytes() {
            [sign @ (b'+' | b'-'), rest @ ..] => (Some(sign), rest),
            rest => (None, rest),
        };
        let (int, rest) = split_digits(rest)?;
        let (frac, rest) = match rest {
            [b'.', rest @ ..] => split_digits(rest)?,
            rest => (&[][..], rest),
        };
        if int.is_empty() && frac.is_empty() {
            return None;
        }
        let exponent = match rest {
            [] => None,
            [b'e' | b'E', rest @ ..] => {
                let digits = rest.strip_prefix(b"-").or(rest.strip_prefix(b"+")).unwrap_or(rest);
                let (digits, behind) = split_digits(digits)?;
                if digits.is_empty() || !behind.is_empty() {
                    return None;
                }
                Some(std::str::from_utf8(rest).ok()?)
            }
            _ => return None,
        };
        let (signed, negative) = (sign.is_some(), sign == Some(&b'-'));
        Some(Self { text, signed, negative, int, frac, exponent })
    }

    pub(super) fn to_signed(self) -> Result<i64, Refusal> {
        let magnitude = self.magnitude()?;
        let value = if self.negative { -magnitude } else { magnitude };
        i64::try_from(value).map_err(|_| Refusal::OutOfRange)
    }

    /// A number below zero may round to zero.
    pub(super) fn to_unsigned(self) -> Result<u64, Refusal> {
        match self.magnitude()? {
            0 => Ok(0),
            _ if self.negative => Err(Refusal::OutOfRange),
            value => u64::try_from(value).map_err(|_| Refusal::OutOfRange),
        }
    }

    pub(super) fn to_float(self) -> Result<f64, Refusal> {
        match self.text.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(value),
            _ => Err(Refusal::OutOfRange),
        }
    }

    /// The number without its sign, rounded half up.
    fn magnitude(self) -> Result<i128, Refusal> {
        let exponent: i64 = match self.exponent {
            None => 0,
            Some(text) => text.parse().map_err(|_| Refusal::OutOfRange)?,
        };
        let whole = i64::try_from(self.int.len()).unwrap_or(i64::MAX).saturating_add(exponent);
        let is_huge = self.exponent.is_some()
            && exponent >= 0
            && whole.saturating_add(self.signed.into()) > MAX_WHOLE;
        if is_huge {
            return Err(Refusal::OutOfRange);
        }
        let Ok(whole) = usize::try_from(whole) else { return Ok(0) };
        let mut digits = self.int.iter().chain(self.frac);
        let mut value = 0_i128;
        for _ in 0..whole {
            let digit = digits.next().map_or(0, |digit| i128::from(digit - b'0'));
            value = value
                .checked_mul(10)
                .and_then(|value| value.checked_add(digit))
                .ok_or(Refusal::OutOfRange)?;
        }
        let round = digits.next().is_some_and(|digit| *digit >= b'5');
        value.checked_add(round.into()).ok_or(Refusal::OutOfRange)
    }
}

/// Digits at the front, and what is behind them.
fn split_digits(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    bytes.split_at_checked(bytes.iter().take_while(|byte| byte.is_ascii_digit()).count())
}

/// Bytes as the text that a number or a time is read from.
pub(super) fn of_bytes(bytes: &[u8]) -> Result<&str, Refusal> {
    std::str::from_utf8(bytes).map_err(|_| Refusal::Incorrect)
}
