//! Times with fewer digits of a fraction.

use tifusion_codec::time::{CoreTime, TimeKind};

use crate::cop::context::EvalContext;
use crate::cop::error::EvalError;
use crate::cop::value::Span;

/// A time with `fsp` digits of its fraction, rounded half up. A time that no calendar has and that would have to change
/// its day becomes the zero time (TiKV's `round_components`).
///
/// # Errors
/// When it leaves the calendar's last year.
pub(crate) fn round_time(
    time: CoreTime,
    fsp: u8,
    _ctx: &mut EvalContext,
) -> Result<CoreTime, EvalError> {
    let fsp = fsp.min(6);
    if time.kind == TimeKind::Date || time.is_zero() {
        return Ok(CoreTime { fsp: if time.kind == TimeKind::Date { 0 } else { fsp }, ..time });
    }
    let unit = 10_u32.pow(u32::from(6 - fsp));
    let kept = (time.micro + unit / 2) / unit * unit;
    if kept < 1_000_000 {
        return Ok(CoreTime { micro: kept, fsp, ..time });
    }
    let whole = CoreTime { micro: 0, fsp, ..time };
    match (time.hour, time.minute, time.second) {
        (_, _, ..59) => return Ok(CoreTime { second: time.second + 1, ..whole }),
        (_, ..59, _) => return Ok(CoreTime { minute: time.minute + 1, second: 0, ..whole }),
        (..23, ..) => return Ok(CoreTime { hour: time.hour + 1, minute: 0, second: 0, ..whole }),
        _ => {}
    }
    let Ok(micros) = whole.to_micros() else {
        return Ok(CoreTime { kind: time.kind, fsp, ..CoreTime::default() });
    };
    CoreTime::from_micros(micros + 1_000_000, time.kind, fsp)
        .map_err(|_| EvalError::incorrect_datetime(&time.to_string()))
}

/// A `TIME` with `fsp` digits of its fraction, rounded half away from zero.
///
/// # Errors
/// When it leaves the range of its type.
pub(crate) fn round_span(span: Span, fsp: u8) -> Result<Span, EvalError> {
    let fsp = fsp.min(6);
    let unit = 10_i64.pow(u32::from(9 - fsp));
    let magnitude = span.nanos.saturating_abs().saturating_add(unit / 2) / unit * unit;
    if magnitude > tifusion_codec::duration::MAX_NANOS {
        let text = tifusion_codec::duration::to_text(span.nanos, span.fsp);
        return Err(EvalError::overflow("TIME", &text));
    }
    Ok(Span { nanos: if span.nanos < 0 { -magnitude } else { magnitude }, fsp })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Year, month, day; hour, minute, second; microsecond.
    type Parts = ((u16, u8, u8), (u8, u8, u8), u32);

    fn rounded(
        ((year, month, day), (hour, minute, second), micro): Parts,
    ) -> Result<String, EvalError> {
        let kind = TimeKind::DateTime;
        let time = CoreTime { year, month, day, hour, minute, second, micro, kind, fsp: 6 };
        round_time(time, 0, &mut EvalContext::default()).map(|time| time.to_string())
    }

    #[test]
    fn a_carry_goes_as_far_as_it_must() {
        for (time, expected) in [
            (((2024, 1, 2), (3, 4, 5), 499_999), "2024-01-02 03:04:05"),
            (((2024, 1, 2), (3, 4, 5), 500_000), "2024-01-02 03:04:06"),
            (((2024, 1, 2), (3, 4, 59), 500_000), "2024-01-02 03:05:00"),
            (((2024, 1, 2), (3, 59, 59), 500_000), "2024-01-02 04:00:00"),
            (((2024, 12, 31), (23, 59, 59), 500_000), "2025-01-01 00:00:00"),
            (((2024, 2, 31), (3, 59, 59), 500_000), "2024-02-31 04:00:00"),
            (((2024, 2, 31), (23, 59, 59), 500_000), "0000-00-00 00:00:00"),
        ] {
            assert_eq!(rounded(time).unwrap(), expected, "{time:?}");
        }
    }

    #[test]
    fn behind_the_last_year_there_is_an_error_of_mysql_s() {
        let error = rounded(((9999, 12, 31), (23, 59, 59), 999_999)).unwrap_err();
        assert_eq!((error.code, error.message.contains("9999-12-31")), (1292, true));
    }
}
