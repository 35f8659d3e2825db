//! Parts of dates and times, and differences between them.

use tifusion_codec::time::{CoreTime, MICROS_PER_DAY, MICROS_PER_SECOND, TimeKind};
use tifusion_proto::tipb::ScalarFuncSig as Sig;

use super::call::{Call, Function, Outcome};
use super::date_text::{DAY_NAMES, MONTH_NAMES, format_time};
use super::week::{day_of_year, week, weekday};
use crate::cop::context::mode;
use crate::cop::convert::{self, month_days};
use crate::cop::decimal::{self, Rounding};
use crate::cop::error::EvalError;
use crate::cop::types::TypeExt;
use crate::cop::value::{Span, Value};

/// Days from year 0 to 1970-01-01, as `TO_DAYS` counts them.
const EPOCH_DAYS: i64 = 719_528;
/// The last second that `FROM_UNIXTIME` knows.
const LAST_UNIX_TIME: i64 = 32_536_771_199;
/// `UNIX_TIMESTAMP` of later times is zero.
const LAST_TIMESTAMP: i64 = 32_536_771_199;

/// The function of a signature of this group.
pub(super) fn lookup(sig: Sig) -> Option<Function> {
    of_date(sig).or_else(|| of_span(sig)).or_else(|| others(sig))
}

fn of_date(sig: Sig) -> Option<Function> {
    let one = |run| Some(Function::exact(1, run));
    match sig {
        Sig::Year => one(|call| part_of_zero(call, |time| i64::from(time.year))),
        Sig::DayOfMonth => one(|call| part_of_zero(call, |time| i64::from(time.day))),
        Sig::Month => one(|call| any_part(call, |time| i64::from(time.month))),
        Sig::Quarter => one(|call| any_part(call, |time| i64::from(time.month.div_ceil(3)))),
        Sig::DayOfWeek => one(|call| part(call, |time| Value::Int((weekday(time) + 1) % 7 + 1))),
        Sig::WeekDay => one(|call| part(call, |time| Value::Int(weekday(time)))),
        Sig::DayOfYear => one(|call| part(call, |time| Value::Int(day_of_year(time)))),
        Sig::WeekOfYear => one(|call| part(call, |time| Value::Int(week(time, 3).1))),
        Sig::WeekWithoutMode => one(|call| part(call, |time| Value::Int(week(time, 0).1))),
        Sig::YearWeekWithoutMode => one(|call| part(call, |time| year_week(time, 0))),
        Sig::WeekWithMode => Some(Function::exact(2, |call| {
            with_mode(call, |time, mode| Value::Int(week(time, mode).1))
        })),
        Sig::YearWeekWithMode => Some(Function::exact(2, |call| with_mode(call, year_week))),
        Sig::MonthName => {
            one(|call| part(call, |time| name(&MONTH_NAMES, i64::from(time.month) - 1)))
        }
        Sig::DayName => one(|call| part(call, |time| name(&DAY_NAMES, weekday(time)))),
        Sig::Date => one(|call| {
            part(call, |time| time.with_kind(TimeKind::Date).map_or(Value::Null, Value::Time))
        }),
        Sig::ToDays => one(|call| part(call, |time| Value::Int(day_number(time)))),
        Sig::ToSeconds => one(|call| {
            part(call, |time| Value::Int(day_number(time) * 86_400 + seconds_of_day(time)))
        }),
        Sig::LastDay => one(last_day),
        _ => None,
    }
}

fn of_span(sig: Sig) -> Option<Function> {
    let one = |run| Some(Function::exact(1, run));
    const SECOND: i64 = 1_000_000_000;
    match sig {
        Sig::Hour => one(|call| span_part(call, |nanos| nanos.abs() / SECOND / 3600)),
        Sig::Minute => one(|call| span_part(call, |nanos| nanos.abs() / SECOND / 60 % 60)),
        Sig::Second => one(|call| span_part(call, |nanos| nanos.abs() / SECOND % 60)),
        Sig::MicroSecond => one(|call| span_part(call, |nanos| nanos.abs() % SECOND / 1000)),
        Sig::TimeToSec => one(|call| span_part(call, |nanos| nanos / SECOND)),
        Sig::AddDurationAndDuration => Some(Function::exact(2, |call| spans(call, '+', 1))),
        Sig::SubDurationAndDuration => Some(Function::exact(2, |call| spans(call, '-', -1))),
        Sig::AddDatetimeAndDuration => Some(Function::exact(2, |call| time_and_span(call, '+', 1))),
        Sig::SubDatetimeAndDuration => {
            Some(Function::exact(2, |call| time_and_span(call, '-', -1)))
        }
        Sig::AddTimeDateTimeNull | Sig::AddTimeDurationNull | Sig::AddTimeStringNull => {
            Some(Function::exact(2, |_| Ok(Value::Null)))
        }
        Sig::NullTimeDiff => Some(Function::many(0, |_| Ok(Value::Null))),
        _ => None,
    }
}

fn others(sig: Sig) -> Option<Function> {
    match sig {
        Sig::DateDiff => Some(Function::exact(2, date_diff)),
        Sig::FromDays => Some(Function::exact(1, from_days)),
        Sig::MakeDate => Some(Function::exact(2, make_date)),
        Sig::MakeTime => Some(Function::exact(3, make_time)),
        Sig::PeriodAdd => Some(Function::exact(2, period_add)),
        Sig::PeriodDiff => Some(Function::exact(2, period_diff)),
        Sig::TimestampDiff => Some(Function::exact(3, timestamp_diff)),
        Sig::UnixTimestampInt => Some(Function::exact(1, |call| unix_timestamp(call, false))),
        Sig::UnixTimestampDec => Some(Function::exact(1, |call| unix_timestamp(call, true))),
        Sig::FromUnixTime1Arg => Some(Function::exact(1, from_unix_time)),
        Sig::FromUnixTime2Arg => Some(Function::exact(2, |call| match from_unix_time(call)? {
            Value::Time(time) => formatted(call, time),
            _ => Ok(Value::Null),
        })),
        Sig::DateFormatSig => Some(Function::exact(2, |call| match part(call, Value::Time)? {
            Value::Time(time) => formatted(call, time),
            _ => Ok(Value::Null),
        })),
        _ => None,
    }
}

/// Complains of a time that has no calendar day.
fn invalid(call: &mut Call<'_>, time: CoreTime) -> Outcome {
    call.ctx.invalid_time(EvalError::incorrect_datetime(&time.to_string()))?;
    Ok(Value::Null)
}

/// A part of a time whose month and day are not zero.
fn part(call: &mut Call<'_>, of: impl Fn(CoreTime) -> Value) -> Outcome {
    match call.time(0)? {
        None => Ok(Value::Null),
        Some(time) if time.month == 0 || time.day == 0 => invalid(call, time),
        Some(time) => Ok(of(time)),
    }
}

/// A part of any time but, by the SQL mode, the zero date.
fn part_of_zero(call: &mut Call<'_>, of: fn(CoreTime) -> i64) -> Outcome {
    match call.time(0)? {
        Some(time) if time.is_zero() && call.ctx.mode(mode::NO_ZERO_DATE) => invalid(call, time),
        _ => any_part(call, of),
    }
}

fn any_part(call: &mut Call<'_>, of: fn(CoreTime) -> i64) -> Outcome {
    Ok(call.time(0)?.map_or(Value::Null, |time| Value::Int(of(time))))
}

fn with_mode(call: &mut Call<'_>, of: fn(CoreTime, u8) -> Value) -> Outcome {
    let Some(mode) = call.int(1)? else { return Ok(Value::Null) };
    let [mode, ..] = mode.to_le_bytes();
    part(call, |time| of(time, mode & 7))
}

fn year_week(time: CoreTime, mode: u8) -> Value {
    // The week of a year is in the range 1 to 53 here.
    let (year, week) = week(time, mode | 2);
    Value::Int(year * 100 + week)
}

fn name(names: &[&str], at: i64) -> Value {
    let name = usize::try_from(at).ok().and_then(|at| names.get(at));
    name.map_or(Value::Null, |name| Value::text(*name))
}

/// Days since year 0, which has no leap day to MySQL.
fn day_number(time: CoreTime) -> i64 {
    super::week::days(time) + EPOCH_DAYS + i64::from(time.year == 0 && time.month <= 2)
}

fn seconds_of_day(time: CoreTime) -> i64 {
    convert::clock_of(time).nanos / 1_000_000_000
}

fn last_day(call: &mut Call<'_>) -> Outcome {
    match call.time(0)? {
        None => Ok(Value::Null),
        Some(time) if time.month == 0 => invalid(call, time),
        Some(time) => Ok(Value::Time(CoreTime {
            year: time.year,
            month: time.month,
            day: month_days(time.year, time.month),
            kind: TimeKind::Date,
            ..CoreTime::default()
        })),
    }
}

fn span_part(call: &mut Call<'_>, of: fn(i64) -> i64) -> Outcome {
    Ok(call.duration(0)?.map_or(Value::Null, |span| Value::Int(of(span.nanos))))
}

fn spans(call: &mut Call<'_>, sign: char, factor: i64) -> Outcome {
    let Some((a, b)) = call.duration(0)?.zip(call.duration(1)?) else { return Ok(Value::Null) };
    let nanos = a.nanos.saturating_add(factor * b.nanos);
    if nanos.abs() > tifusion_codec::duration::MAX_NANOS {
        let text = |span: Span| tifusion_codec::duration::to_text(span.nanos, span.fsp);
        let expression = format!("({} {sign} {})", text(a), text(b));
        call.ctx.invalid_time(EvalError::overflow("DURATION", &expression))?;
        return Ok(Value::Null);
    }
    Ok(Value::Duration(Span { nanos, fsp: a.fsp.max(b.fsp) }))
}

fn time_and_span(call: &mut Call<'_>, sign: char, factor: i64) -> Outcome {
    let Some((time, span)) = call.time(0)?.zip(call.duration(1)?) else { return Ok(Value::Null) };
    let fsp = time.fsp.max(span.fsp);
    let moved = time.to_micros().ok().and_then(|micros| {
        let micros = micros.checked_add(factor * span.nanos / 1000)?;
        CoreTime::from_micros(micros, TimeKind::DateTime, fsp).ok()
    });
    if let Some(time) = moved {
        return Ok(Value::Time(time));
    }
    let text = tifusion_codec::duration::to_text(span.nanos, span.fsp);
    let expression = format!("({time} {sign} {text})");
    call.ctx.invalid_time(EvalError::overflow("DATETIME", &expression))?;
    Ok(Value::Null)
}

fn date_diff(call: &mut Call<'_>) -> Outcome {
    let Some((a, b)) = call.time(0)?.zip(call.time(1)?) else { return Ok(Value::Null) };
    if [a, b].iter().any(|time| time.month == 0 || time.day == 0) {
        return Ok(Value::Null);
    }
    Ok(Value::Int(day_number(a) - day_number(b)))
}

/// The date of a day's number; numbers that no date has are the zero date.
fn date_of(number: i64) -> CoreTime {
    let micros = number.saturating_sub(EPOCH_DAYS).checked_mul(MICROS_PER_DAY);
    let zero = CoreTime { kind: TimeKind::Date, ..CoreTime::default() };
    if number < 366 {
        return zero;
    }
    let date = micros.and_then(|micros| CoreTime::from_micros(micros, TimeKind::Date, 0).ok());
    date.unwrap_or(zero)
}

fn from_days(call: &mut Call<'_>) -> Outcome {
    Ok(call.int(0)?.map_or(Value::Null, |days| Value::Time(date_of(days))))
}

fn make_date(call: &mut Call<'_>) -> Outcome {
    let Some((year, day)) = call.int(0)?.zip(call.int(1)?) else { return Ok(Value::Null) };
    if !(1..=366 * 9999).contains(&day) || !(0..=9999).contains(&year) {
        return Ok(Value::Null);
    }
    let year = match year {
        0..70 => year + 2000,
        70..100 => year + 1900,
        _ => year,
    };
    let Ok(first_year) = u16::try_from(year) else { return Ok(Value::Null) };
    let first = CoreTime { year: first_year, month: 1, day: 1, ..CoreTime::default() };
    let date = date_of(day_number(first) + day - 1);
    Ok(if date.is_zero() { Value::Null } else { Value::Time(date) })
}

fn make_time(call: &mut Call<'_>) -> Outcome {
    let (Some(hour), Some(minute), Some(second)) = (call.int(0)?, call.int(1)?, call.real(2)?)
    else {
        return Ok(Value::Null);
    };
    if !(0..=59).contains(&minute) || !(0.0..60.0).contains(&second) {
        return Ok(Value::Null);
    }
    let negative = hour < 0 && !call.is_unsigned(0);
    let hours = if call.is_unsigned(0) { hour.cast_unsigned() } else { hour.unsigned_abs() };
    let nanos = convert::real_to_int((second * 1e9).trunc(), call.ctx)?;
    let total = i64::try_from(hours.min(1000)).unwrap_or(1000) * 3_600_000_000_000
        + minute * 60_000_000_000
        + nanos;
    let total = total.min(tifusion_codec::duration::MAX_NANOS);
    let span = Span { nanos: if negative { -total } else { total }, fsp: 6 };
    convert::round_span(span, call.site.ret.fsp()).map(Value::Duration)
}

/// Months since year 0 of a period `YYYYMM`; two digits of a year are of this century.
fn months_of(period: i64) -> i64 {
    let (year, month) = (period / 100, period % 100);
    let year = match year {
        0..70 => year + 2000,
        70..100 => year + 1900,
        _ => year,
    };
    if period == 0 { 0 } else { year.saturating_mul(12).saturating_add(month - 1) }
}

fn period_of(months: i64) -> i64 {
    let year = match months / 12 {
        year @ 0..70 => year + 2000,
        year @ 70..100 => year + 1900,
        year => year,
    };
    if months == 0 { 0 } else { year.saturating_mul(100).saturating_add(months % 12 + 1) }
}

fn period_add(call: &mut Call<'_>) -> Outcome {
    let Some((period, months)) = call.int(0)?.zip(call.int(1)?) else { return Ok(Value::Null) };
    if period == 0 {
        return Ok(Value::Int(0));
    }
    Ok(Value::Int(period_of(months_of(period).saturating_add(months))))
}

fn period_diff(call: &mut Call<'_>) -> Outcome {
    let pair = call.int(0)?.zip(call.int(1)?);
    Ok(pair.map_or(Value::Null, |(a, b)| Value::Int(months_of(a).saturating_sub(months_of(b)))))
}

/// Whole units from the second argument to the third.
fn timestamp_diff(call: &mut Call<'_>) -> Outcome {
    let unit = call.bytes(0)?.map(|unit| String::from_utf8_lossy(unit).to_uppercase());
    let (Some(unit), Some(from), Some(to)) = (unit, call.time(1)?, call.time(2)?) else {
        return Ok(Value::Null);
    };
    for time in [from, to] {
        if time.month == 0 || time.day == 0 {
            return invalid(call, time);
        }
    }
    let (Ok(start), Ok(end)) = (from.to_micros(), to.to_micros()) else {
        return Ok(Value::Null);
    };
    let micros = end - start;
    let months = || {
        let of = |time: CoreTime| i64::from(time.year) * 12 + i64::from(time.month);
        let rest = |time: CoreTime| (time.day, convert::clock_of(time).nanos);
        let whole = of(to) - of(from);
        // A month that has begun but isn't over doesn't count.
        whole - i64::from(micros > 0 && rest(to) < rest(from))
            + i64::from(micros < 0 && rest(to) > rest(from))
    };
    Ok(Value::Int(match unit.as_str() {
        "MICROSECOND" => micros,
        "SECOND" => micros / MICROS_PER_SECOND,
        "MINUTE" => micros / (60 * MICROS_PER_SECOND),
        "HOUR" => micros / (3600 * MICROS_PER_SECOND),
        "DAY" => micros / MICROS_PER_DAY,
        "WEEK" => micros / (7 * MICROS_PER_DAY),
        "MONTH" => months(),
        "QUARTER" => months() / 3,
        "YEAR" => months() / 12,
        other => return Err(EvalError::other(format!("wrong unit {other} for timestamp_diff"))),
    }))
}

fn unix_timestamp(call: &mut Call<'_>, with_fraction: bool) -> Outcome {
    let Some(time) = call.time(0)? else { return Ok(Value::Null) };
    let micros = time.to_utc_micros(call.ctx.zone).unwrap_or(0);
    let seconds = micros.div_euclid(MICROS_PER_SECOND);
    let micros = if (0..=LAST_TIMESTAMP).contains(&seconds) { micros } else { 0 };
    if !with_fraction {
        return Ok(Value::Int(micros.div_euclid(MICROS_PER_SECOND)));
    }
    let value = tifusion_codec::decimal::Decimal::from_i128(i128::from(micros), 6)?;
    let fsp = call.site.ret.scale().clamp(0, 6);
    Ok(Value::Decimal(decimal::round(&value, fsp, Rounding::Truncate).0))
}

fn from_unix_time(call: &mut Call<'_>) -> Outcome {
    let Some(value) = call.decimal(0)? else { return Ok(Value::Null) };
    let (seconds, _) = decimal::to_i64(&value);
    if value.is_negative() || seconds > LAST_UNIX_TIME {
        return Ok(Value::Null);
    }
    let fsp = call.site.ret.scale();
    let fsp = u8::try_from(fsp).unwrap_or(6).min(6);
    let scaled = decimal::shift(&decimal::round(&value, i32::from(fsp), Rounding::HalfUp).0, 6).0;
    let (micros, _) = decimal::to_i64(&scaled);
    let wall = call.ctx.zone.utc_to_wall_micros(micros);
    Ok(Value::Time(CoreTime::from_micros(wall, TimeKind::DateTime, fsp)?))
}

fn formatted(call: &mut Call<'_>, time: CoreTime) -> Outcome {
    let Some(format) = call.bytes(1)? else { return Ok(Value::Null) };
    Ok(Value::text(format_time(time, &String::from_utf8_lossy(format))))
}
