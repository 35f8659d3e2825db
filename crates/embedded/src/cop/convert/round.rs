//! Times with fewer digits of a fraction.

use tifusion_codec::time::{CoreTime, TimeKind};

use crate::cop::context::EvalContext;
use crate::cop::error::EvalError;
use crate::cop::value::Span;

/// A time with `fsp` digits of its fraction, rounded half up.
///
/// # Errors
/// When a time that no calendar has would have to change its day.
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
    let whole = CoreTime { micro: 0, ..time };
    let micros = whole.to_micros().map_err(|error| EvalError::from(error.into_error(time)))?;
    Ok(CoreTime::from_micros(micros + 1_000_000, time.kind, fsp)?)
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
