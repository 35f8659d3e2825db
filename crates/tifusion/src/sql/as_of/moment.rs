//! The time behind `AS OF TIMESTAMP`, as TiDB computes it.
//!
//! It is a wall time in the session's zone, rounded to milliseconds, in which the timestamp is the
//! first one. `NOW()` is the cluster's clock, not this machine's.

use chrono::{DateTime, Days, Months, NaiveDateTime, TimeDelta};
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, DateTimeField, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments,
    Interval, UnaryOperator, Value,
};
use tifusion_client::Timestamp;
use tifusion_codec::time::{CoreTime, TimeKind, Zone};

use crate::error::{Error, Result};

/// What time it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    /// The cluster's time.
    pub(super) now: Timestamp,
    /// The session's zone.
    pub(super) zone: Zone,
}

/// The timestamp that `expr` is.
///
/// # Errors
/// When it is no time, or written with what this does not know.
pub(super) fn timestamp(expr: &Expr, clock: Clock) -> Result<Timestamp> {
    let wall = wall(expr, clock)?.and_utc().timestamp_micros();
    let utc = clock.zone.wall_to_utc_micros(wall).map_err(|error| no_time(expr, &error))?;
    let millis = utc.saturating_add(500).div_euclid(1000);
    let timestamp = u64::try_from(millis).ok().and_then(|ms| Timestamp::from_parts(ms, 0));
    timestamp.ok_or_else(|| no_time(expr, &"before 1970"))
}

/// The wall time that `expr` is.
fn wall(expr: &Expr, clock: Clock) -> Result<NaiveDateTime> {
    match expr {
        Expr::Nested(inner) => wall(inner, clock),
        Expr::Value(value) => literal(expr, &value.value),
        Expr::TypedString(typed) => literal(expr, &typed.value.value),
        Expr::Function(function) => called(expr, function, clock),
        Expr::BinaryOp { left, op: BinaryOperator::Plus, right } => match (&**left, &**right) {
            (time, Expr::Interval(interval)) | (Expr::Interval(interval), time) => {
                shifted(expr, wall(time, clock)?, interval, 1)
            }
            _ => Err(unknown(expr)),
        },
        Expr::BinaryOp { left, op: BinaryOperator::Minus, right } => match &**right {
            Expr::Interval(interval) => shifted(expr, wall(left, clock)?, interval, -1),
            _ => Err(unknown(expr)),
        },
        _ => Err(unknown(expr)),
    }
}

fn literal(expr: &Expr, value: &Value) -> Result<NaiveDateTime> {
    match value {
        Value::SingleQuotedString(text) | Value::DoubleQuotedString(text) => {
            let time = CoreTime::parse(text, TimeKind::DateTime, 6);
            let time = time.map_err(|error| no_time(expr, &error))?;
            let micros = time.to_micros().map_err(|error| no_time(expr, &error))?;
            wall_of_micros(micros).ok_or_else(|| unknown(expr))
        }
        Value::Null => Err(Error::invalid("as of timestamp cannot be NULL")),
        _ => Err(unknown(expr)),
    }
}

fn wall_of_micros(micros: i64) -> Option<NaiveDateTime> {
    DateTime::from_timestamp_micros(micros).map(|time| time.naive_utc())
}

/// The value of a function.
fn called(expr: &Expr, function: &Function, clock: Clock) -> Result<NaiveDateTime> {
    let args = arguments(&function.args).ok_or_else(|| unknown(expr))?;
    let name = function.name.to_string().to_ascii_uppercase();
    match (name.as_str(), args.as_slice()) {
        ("NOW" | "CURRENT_TIMESTAMP" | "LOCALTIME" | "LOCALTIMESTAMP" | "SYSDATE", digits) => {
            now(expr, digits, clock, clock.zone)
        }
        ("UTC_TIMESTAMP", digits) => now(expr, digits, clock, Zone::Utc),
        ("CURDATE" | "CURRENT_DATE", []) => {
            let midnight = now(expr, &[], clock, clock.zone)?.date().and_hms_opt(0, 0, 0);
            midnight.ok_or_else(|| unknown(expr))
        }
        ("TIMESTAMP", [time]) => wall(time, clock),
        ("DATE_ADD" | "ADDDATE", [time, Expr::Interval(interval)]) => {
            shifted(expr, wall(time, clock)?, interval, 1)
        }
        ("DATE_SUB" | "SUBDATE", [time, Expr::Interval(interval)]) => {
            shifted(expr, wall(time, clock)?, interval, -1)
        }
        ("TIDB_BOUNDED_STALENESS", _) => Err(Error::unsupported(
            "TIDB_BOUNDED_STALENESS is not available: give AS OF TIMESTAMP one time",
        )),
        _ => Err(unknown(expr)),
    }
}

fn arguments(args: &FunctionArguments) -> Option<Vec<&Expr>> {
    match args {
        FunctionArguments::None => Some(Vec::new()),
        FunctionArguments::Subquery(_) => None,
        FunctionArguments::List(list) => {
            let args = list.args.iter().map(|arg| match arg {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr),
                _ => None,
            });
            args.collect()
        }
    }
}

/// `NOW(digits)`: whole seconds unless digits are asked for.
fn now(expr: &Expr, digits: &[&Expr], clock: Clock, zone: Zone) -> Result<NaiveDateTime> {
    let digits = match digits {
        [] => 0,
        [digits] => number(digits)
            .and_then(|digits| u32::try_from(digits).ok())
            .filter(|digits| *digits <= 6)
            .ok_or_else(|| unknown(expr))?,
        _ => return Err(unknown(expr)),
    };
    let utc = i64::try_from(clock.now.physical_ms()).ok().and_then(|ms| ms.checked_mul(1000));
    let wall = zone.utc_to_wall_micros(utc.ok_or_else(|| unknown(expr))?);
    let unit = 10_i64.pow(6 - digits);
    wall_of_micros(wall - wall.rem_euclid(unit)).ok_or_else(|| unknown(expr))
}

/// `time ± interval`.
fn shifted(
    expr: &Expr,
    time: NaiveDateTime,
    interval: &Interval,
    sign: i64,
) -> Result<NaiveDateTime> {
    let field = interval
        .leading_field
        .as_ref()
        .filter(|_| interval.last_field.is_none() && interval.leading_precision.is_none());
    let count = number(&interval.value).and_then(|count| count.checked_mul(sign));
    let (Some(field), Some(count)) = (field, count) else { return Err(unknown(expr)) };
    let moved = match field {
        DateTimeField::Year | DateTimeField::Years => by_months(time, count, 12),
        DateTimeField::Quarter => by_months(time, count, 3),
        DateTimeField::Month | DateTimeField::Months => by_months(time, count, 1),
        DateTimeField::Week(None) | DateTimeField::Weeks => by_days(time, count, 7),
        DateTimeField::Day | DateTimeField::Days => by_days(time, count, 1),
        DateTimeField::Hour | DateTimeField::Hours => by_micros(time, count, 3_600_000_000),
        DateTimeField::Minute | DateTimeField::Minutes => by_micros(time, count, 60_000_000),
        DateTimeField::Second | DateTimeField::Seconds => by_micros(time, count, 1_000_000),
        DateTimeField::Microsecond | DateTimeField::Microseconds => by_micros(time, count, 1),
        _ => return Err(unknown(expr)),
    };
    moved.ok_or_else(|| no_time(expr, &"out of the calendar"))
}

fn by_months(time: NaiveDateTime, count: i64, months: i64) -> Option<NaiveDateTime> {
    let count = count.checked_mul(months)?;
    let months = Months::new(u32::try_from(count.unsigned_abs()).ok()?);
    if count < 0 { time.checked_sub_months(months) } else { time.checked_add_months(months) }
}

fn by_days(time: NaiveDateTime, count: i64, days: i64) -> Option<NaiveDateTime> {
    let count = count.checked_mul(days)?;
    let days = Days::new(count.unsigned_abs());
    if count < 0 { time.checked_sub_days(days) } else { time.checked_add_days(days) }
}

fn by_micros(time: NaiveDateTime, count: i64, micros: i64) -> Option<NaiveDateTime> {
    time.checked_add_signed(TimeDelta::microseconds(count.checked_mul(micros)?))
}

/// A whole number, perhaps in quotes, perhaps below zero.
fn number(expr: &Expr) -> Option<i64> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::Number(text, _) | Value::SingleQuotedString(text) => text.trim().parse().ok(),
            _ => None,
        },
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => number(expr)?.checked_neg(),
        _ => None,
    }
}

fn no_time(expr: &Expr, why: &dyn std::fmt::Display) -> Error {
    Error::invalid(format!("AS OF TIMESTAMP {expr}: no time to read at: {why}"))
}

fn unknown(expr: &Expr) -> Error {
    Error::unsupported(format!(
        "AS OF TIMESTAMP {expr}: expected a time in quotes, NOW(), or one of them plus or minus an \
         INTERVAL of whole units"
    ))
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::{Dialect, GenericDialect, MySqlDialect};
    use datafusion::sql::sqlparser::parser::Parser;

    use super::*;

    /// 2024-07-01 10:20:30.987 UTC.
    const NOW: u64 = 1_719_829_230_987;

    fn millis(text: &str, zone: &str) -> Result<u64> {
        let clock =
            Clock { now: Timestamp::from_parts(NOW, 77).unwrap(), zone: zone.parse().unwrap() };
        let dialects: [&dyn Dialect; 2] = [&GenericDialect {}, &MySqlDialect {}];
        let [one, other] = dialects.map(|dialect| {
            let expr = Parser::new(dialect).try_with_sql(text).unwrap().parse_expr().unwrap();
            timestamp(&expr, clock)
        });
        let (one, other) = (one?, other?);
        assert_eq!(one, other, "{text}");
        assert_eq!(one.logical(), 0);
        Ok(one.physical_ms())
    }

    #[test]
    fn times_are_what_tidb_makes_of_them() {
        let second = NOW - 987;
        for (text, zone, expected) in [
            ("'2024-07-01 10:20:30.987'", "UTC", NOW),
            ("'2024-07-01 10:20:30.9874'", "UTC", NOW),
            ("'2024-07-01 10:20:30.9875'", "UTC", NOW + 1),
            ("TIMESTAMP '2024-07-01 12:20:30.987'", "Europe/Berlin", NOW),
            ("TIMESTAMP('2024-07-01 15:50:30')", "Asia/Kolkata", second),
            ("('2024-07-01')", "UTC", second - 37_230_000),
            ("NOW()", "UTC", second),
            ("now(3)", "Asia/Kolkata", NOW),
            ("CURRENT_TIMESTAMP", "UTC", second),
            ("CURRENT_TIMESTAMP(2)", "UTC", NOW - 7),
            ("UTC_TIMESTAMP()", "+02:00", second - 7_200_000),
            ("CURDATE()", "UTC", second - 37_230_000),
            ("NOW() - INTERVAL 10 SECOND", "UTC", second - 10_000),
            ("NOW() - INTERVAL '10' SECOND", "UTC", second - 10_000),
            ("TIMESTAMP(NOW() - INTERVAL 2 MINUTE)", "UTC", second - 120_000),
            ("INTERVAL -1 DAY + NOW()", "UTC", second - 86_400_000),
            ("DATE_SUB(NOW(), INTERVAL 1 HOUR)", "UTC", second - 3_600_000),
            ("DATE_ADD('2024-03-31', INTERVAL -1 MONTH)", "UTC", 1_709_164_800_000),
            ("NOW() - INTERVAL 1 YEAR", "UTC", second - 366 * 86_400_000),
        ] {
            assert_eq!(millis(text, zone).unwrap(), expected, "{text} in {zone}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused_by_name() {
        for (text, named) in [
            ("NULL", "cannot be NULL"),
            ("'yesterday'", "yesterday"),
            ("'2024-02-30'", "2024-02-30"),
            ("'1969-12-31 23:59:59'", "before 1970"),
            ("5", "AS OF TIMESTAMP 5"),
            ("NOW(7)", "NOW(7)"),
            ("NOW() - INTERVAL 1.5 SECOND", "1.5"),
            ("f(1)", "f(1)"),
            ("a", "AS OF TIMESTAMP a"),
            ("TIDB_BOUNDED_STALENESS('2024-01-01', NOW())", "TIDB_BOUNDED_STALENESS"),
        ] {
            let error = millis(text, "UTC").unwrap_err().to_string();
            assert!(error.contains(named), "{text}: {error}");
        }
    }
}
