//! Numbers at the front of texts.

use crate::cop::context::EvalContext;
use crate::cop::error::{EvalError, code};

/// The part of the bytes that is text.
///
/// # Errors
/// When there are other bytes and the flags say that this fails.
pub(crate) fn valid_prefix<'a>(
    bytes: &'a [u8],
    ctx: &mut EvalContext,
) -> Result<&'a str, EvalError> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text),
        Err(error) => {
            ctx.truncated(EvalError::new(code::TRUNCATED, "Data Truncated"))?;
            let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
            Ok(std::str::from_utf8(valid).unwrap_or_default())
        }
    }
}

/// The longest front part of a text that is a number, `0` when there is none. An empty text is fine
/// in a cast.
///
/// # Errors
/// When the text goes on and the flags say that this fails.
pub(crate) fn float_prefix<'a>(
    text: &'a str,
    in_cast: bool,
    ctx: &mut EvalContext,
) -> Result<&'a str, EvalError> {
    if in_cast && text.is_empty() {
        return Ok("0");
    }
    let len = float_len(text);
    if len == 0 || len < text.len() {
        ctx.truncated(EvalError::truncated_wrong_value("INTEGER", text))?;
    }
    Ok(if len == 0 { "0" } else { text.get(..len).unwrap_or("0") })
}

/// Bytes of the number at the front: sign, digits, point, digits, exponent.
fn float_len(text: &str) -> usize {
    let (mut saw_dot, mut saw_digit, mut valid) = (false, false, 0);
    let mut exponent: Option<usize> = None;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'+' | b'-' if at != 0 && exponent.is_none_or(|e| at != e + 1) => break,
            b'+' | b'-' => {}
            b'.' if saw_dot || exponent.is_some() => break,
            b'.' => {
                saw_dot = true;
                if saw_digit {
                    valid = at + 1;
                }
            }
            b'e' | b'E' if !saw_digit || exponent.is_some() => break,
            b'e' | b'E' => exponent = Some(at),
            b'0'..=b'9' => {
                saw_digit = true;
                valid = at + 1;
            }
            _ => break,
        }
    }
    valid
}

/// The float at the front of a text; one out of range is the greatest or least there is.
///
/// # Errors
/// When the text goes on behind the number, or it is out of range, and the flags say that this fails.
pub(crate) fn to_real(
    bytes: &[u8],
    in_cast: bool,
    ctx: &mut EvalContext,
) -> Result<f64, EvalError> {
    let text = valid_prefix(bytes, ctx)?.trim();
    let number = float_prefix(text, in_cast, ctx)?;
    let value: f64 =
        number.parse().map_err(|_| EvalError::other(format!("Parse '{number}' to float err")))?;
    if value.is_infinite() {
        ctx.truncated(EvalError::truncated_wrong_value("DOUBLE", number))?;
        return Ok(if value < 0.0 { f64::MIN } else { f64::MAX });
    }
    Ok(value)
}
