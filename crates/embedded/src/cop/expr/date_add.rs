//! `DATE_ADD` and `DATE_SUB` of times that are no texts.

use tifusion_codec::decimal::Decimal;
use tifusion_codec::time::{CoreTime, MICROS_PER_DAY, MICROS_PER_SECOND, TimeKind};
use tifusion_proto::tipb::ScalarFuncSig as Sig;

use super::call::{Call, Function, Outcome};
use super::cast::retype;
use crate::cop::context::EvalContext;
use crate::cop::convert::month_days;
use crate::cop::decimal::{self, Rounding};
use crate::cop::error::{EvalError, code};
use crate::cop::types::TypeExt;
use crate::cop::value::Value;

/// The function of a signature of this group.
pub(super) fn lookup(sig: Sig) -> Option<Function> {
    Some(match sig {
        Sig::AddDateDatetimeString
        | Sig::AddDateDatetimeInt
        | Sig::AddDateDatetimeReal
        | Sig::AddDateDatetimeDecimal => Function::exact(3, |call| add(call, 1)),
        Sig::SubDateDatetimeString
        | Sig::SubDateDatetimeInt
        | Sig::SubDateDatetimeReal
        | Sig::SubDateDatetimeDecimal => Function::exact(3, |call| add(call, -1)),
        _ => return None,
    })
}

/// How far a time moves: by months, and then by the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Interval {
    months: i64,
    micros: i64,
}

/// Whether a unit has a part smaller than a day, so that a date becomes a time.
fn is_clock_unit(unit: &str) -> bool {
    ["MICROSECOND", "SECOND", "MINUTE", "HOUR"].iter().any(|part| unit.contains(part))
}

fn add(call: &mut Call<'_>, factor: i64) -> Outcome {
    let unit = call.bytes(2)?.map(|unit| String::from_utf8_lossy(unit).to_uppercase());
    let (Some(time), Some(unit)) = (call.time(0)?, unit) else { return Ok(Value::Null) };
    if call.arg(1).is_null() {
        return Ok(Value::Null);
    }
    let unsigned = call.is_unsigned(1);
    let interval = interval(call.arg(1), unsigned, &unit, call.ctx)?;
    let fsp = u8::try_from(call.site.ret.scale()).ok().filter(|fsp| *fsp <= 6);
    let moved = interval.and_then(|interval| moved(time, interval, factor, is_clock_unit(&unit)));
    match moved {
        Some(time) => {
            let fsp = if time.kind == TimeKind::Date { 0 } else { fsp.unwrap_or(time.fsp) };
            Ok(Value::Time(CoreTime { fsp, ..time }))
        }
        None => {
            call.ctx.invalid_time(EvalError::datetime_overflow())?;
            Ok(Value::Null)
        }
    }
}

/// The time after the interval; `None` when no calendar has it.
fn moved(time: CoreTime, interval: Interval, factor: i64, by_clock: bool) -> Option<CoreTime> {
    let kind = match time.kind {
        TimeKind::Date if !by_clock => TimeKind::Date,
        _ => TimeKind::DateTime,
    };
    let time = retype(time, kind).ok()?;
    let micros = time.to_micros().ok()?.checked_add(interval.micros.checked_mul(factor)?)?;
    let mut time = CoreTime::from_micros(micros, kind, time.fsp).ok()?;
    if interval.months != 0 {
        let of = i64::from(time.year) * 12 + i64::from(time.month) - 1;
        let months = of.checked_add(interval.months.checked_mul(factor)?)?;
        time.year = u16::try_from(months.div_euclid(12)).ok().filter(|year| *year <= 9999)?;
        time.month = u8::try_from(months.rem_euclid(12) + 1).ok()?;
        time.day = time.day.min(month_days(time.year, time.month));
    }
    Some(time)
}

/// Microseconds of a unit of the clock or of days, or months of one of months.
fn unit_size(unit: &str) -> Option<Interval> {
    let micros = |micros| Some(Interval { micros, months: 0 });
    let months = |months| Some(Interval { micros: 0, months });
    match unit {
        "MICROSECOND" => micros(1),
        "SECOND" => micros(MICROS_PER_SECOND),
        "MINUTE" => micros(60 * MICROS_PER_SECOND),
        "HOUR" => micros(3600 * MICROS_PER_SECOND),
        "DAY" => micros(MICROS_PER_DAY),
        "WEEK" => micros(7 * MICROS_PER_DAY),
        "MONTH" => months(1),
        "QUARTER" => months(3),
        "YEAR" => months(12),
        _ => None,
    }
}

/// The interval of a number or text in a unit; `None` when it is too long.
fn interval(
    value: &Value,
    unsigned: bool,
    unit: &str,
    ctx: &mut EvalContext,
) -> Result<Option<Interval>, EvalError> {
    let Some(size) = unit_size(unit) else { return compound(value, unit).map(Some) };
    let number = match value {
        Value::Int(number) if unsigned => decimal::from_u64(number.cast_unsigned()),
        Value::Int(number) => decimal::from_i64(*number),
        Value::Decimal(number) => *number,
        Value::Real(number) => decimal::from_f64(*number).map(|found| found.0).unwrap_or_default(),
        Value::Bytes(text) => number_of(&String::from_utf8_lossy(text), unit, ctx)?,
        other => return Err(EvalError::other(format!("an interval of {}", other.kind()))),
    };
    if unit == "SECOND" {
        let micros = decimal::shift(&number, 6).0;
        let (micros, fit) = decimal::to_i64(&micros);
        let fits = fit != decimal::Fit::Overflow;
        return Ok(fits.then_some(Interval { micros, months: 0 }));
    }
    let (whole, fit) = decimal::to_i64(&decimal::round(&number, 0, Rounding::HalfUp).0);
    let times = |part: i64| part.checked_mul(whole).filter(|_| fit != decimal::Fit::Overflow);
    let interval = times(size.micros).zip(times(size.months));
    Ok(interval.map(|(micros, months)| Interval { months, micros }))
}

/// The number at the front of a text, whole but for seconds.
fn number_of(text: &str, unit: &str, ctx: &mut EvalContext) -> Result<Decimal, EvalError> {
    let found = decimal::parse(text);
    if found.as_ref().is_none_or(|(_, _, rest)| *rest) {
        ctx.truncated(EvalError::new(
            code::WRONG_VALUE,
            format!("Truncated incorrect DECIMAL value: '{text}'"),
        ))?;
    }
    let number = found.map(|(number, _, _)| number).unwrap_or_default();
    let is_whole = unit != "SECOND";
    Ok(if is_whole { decimal::round(&number, 0, Rounding::Truncate).0 } else { number })
}

/// Units of several parts, `DAY_HOUR` and so on: a text with anything between its numbers, of which the
/// last is the smallest part.
fn compound(value: &Value, unit: &str) -> Result<Interval, EvalError> {
    let unknown = || EvalError::other(format!("unknown interval unit {unit}"));
    let text = match value {
        Value::Bytes(text) => String::from_utf8_lossy(text).into_owned(),
        Value::Int(number) => number.to_string(),
        Value::Decimal(number) => number.to_string(),
        Value::Real(number) => number.to_string(),
        other => return Err(EvalError::other(format!("an interval of {}", other.kind()))),
    };
    const PARTS: [&str; 5] = ["DAY", "HOUR", "MINUTE", "SECOND", "MICROSECOND"];
    let (first, last) = unit.split_once('_').ok_or_else(unknown)?;
    let parts: Vec<&str> = if unit == "YEAR_MONTH" {
        vec!["YEAR", "MONTH"]
    } else {
        let at = |name: &str| PARTS.iter().position(|part| *part == name).ok_or_else(unknown);
        PARTS.get(at(first)?..=at(last)?).ok_or_else(unknown)?.to_vec()
    };
    let negative = text.trim_start().starts_with('-');
    let groups: Vec<&str> =
        text.split(|c: char| !c.is_ascii_digit()).filter(|group| !group.is_empty()).collect();
    let mut total = Interval::default();
    for (part, group) in parts.iter().rev().zip(groups.iter().rev()) {
        let size = unit_size(part).ok_or_else(unknown)?;
        // A fraction of seconds has six digits.
        let padded =
            if *part == "MICROSECOND" { format!("{group:0<6}") } else { (*group).to_owned() };
        let number: i64 = padded.parse().unwrap_or(i64::MAX);
        total.months = total.months.saturating_add(size.months.saturating_mul(number));
        total.micros = total.micros.saturating_add(size.micros.saturating_mul(number));
    }
    let sign = if negative { -1 } else { 1 };
    Ok(Interval {
        months: total.months.saturating_mul(sign),
        micros: total.micros.saturating_mul(sign),
    })
}
