//! Functions of dates and times.

use tifusion_codec::field_type::tp;
use tifusion_codec::time::{CoreTime, TimeKind, Zone};
use tifusion_proto::tipb::{FieldType, ScalarFuncSig as Sig};

use super::super::testing::eval_in;
use super::*;
use crate::cop::context::{EvalContext, mode};
use crate::cop::value::Span;

fn time(text: &str) -> Arg {
    let fsp = text.split_once('.').map_or(0, |(_, digits)| digits.len() as u8);
    let time = CoreTime::parse(text, TimeKind::DateTime, fsp).unwrap();
    (Value::Time(time), FieldType { decimal: Some(i32::from(fsp)), ..plain(tp::DATETIME, 0) })
}

fn date(text: &str) -> Arg {
    (Value::Time(CoreTime::parse(text, TimeKind::Date, 0).unwrap()), plain(tp::DATE, 0))
}

fn span(text: &str) -> Arg {
    let fsp = text.split_once('.').map_or(0, |(_, digits)| digits.len() as u8);
    let nanos = tifusion_codec::duration::parse(text, 6).unwrap();
    (Value::Duration(Span { nanos, fsp }), plain(tp::DURATION, 0))
}

fn int(value: i64) -> Value {
    Value::Int(value)
}

fn datetime_type() -> FieldType {
    FieldType { decimal: Some(0), ..plain(tp::DATETIME, 0) }
}

#[test]
fn parts_of_dates() {
    for (sig, text, expected) in [
        (Sig::Year, "2024-02-29 01:02:03", 2024),
        (Sig::Year, "0000-00-00", 0),
        (Sig::Month, "2024-02-29", 2),
        (Sig::DayOfMonth, "2024-02-29", 29),
        (Sig::Quarter, "2024-04-01", 2),
        (Sig::Quarter, "0000-00-00", 0),
        (Sig::DayOfWeek, "2024-03-31", 1),
        (Sig::DayOfWeek, "2024-04-01", 2),
        (Sig::WeekDay, "2024-04-01", 0),
        (Sig::WeekDay, "2024-03-31", 6),
        (Sig::DayOfYear, "2024-12-31", 366),
        (Sig::WeekOfYear, "2008-02-20", 8),
        (Sig::WeekOfYear, "2000-01-01", 52),
        (Sig::WeekWithoutMode, "2000-01-01", 0),
        (Sig::WeekWithoutMode, "2008-12-31", 52),
        (Sig::YearWeekWithoutMode, "1987-01-01", 198_652),
        (Sig::ToDays, "2007-10-07", 733_321),
        (Sig::ToDays, "0000-01-01", 1),
        (Sig::ToSeconds, "2009-11-29 13:43:32", 63_426_721_412),
    ] {
        check(sig, &bigint(), vec![(vec![time(text)], int(expected))]);
    }
    for (text, mode, expected) in [
        ("2000-01-01", 0, 0),
        ("2000-01-01", 1, 0),
        ("2000-01-01", 2, 52),
        ("2000-01-01", 3, 52),
        ("2000-01-01", 4, 0),
        ("2000-01-01", 5, 0),
        ("2000-01-01", 6, 52),
        ("2000-01-01", 7, 52),
        ("2008-12-31", 0, 52),
        ("2008-12-31", 1, 53),
        ("2008-12-31", 2, 52),
        ("2008-12-31", 3, 1),
        ("2008-12-31", 4, 53),
        ("2008-12-31", 5, 52),
        ("2008-12-31", 6, 53),
        ("2008-12-31", 7, 52),
    ] {
        check(Sig::WeekWithMode, &bigint(), vec![(vec![time(text), i(mode)], int(expected))]);
    }
    check(Sig::MonthName, &varchar(), vec![(vec![time("2008-02-03")], Value::text("February"))]);
    check(Sig::DayName, &varchar(), vec![(vec![time("2007-02-03")], Value::text("Saturday"))]);
    check(
        Sig::Date,
        &plain(tp::DATE, 0),
        vec![(vec![time("2024-02-29 10:00:00")], date("2024-02-29").0)],
    );
    check(
        Sig::LastDay,
        &plain(tp::DATE, 0),
        vec![(vec![time("2004-02-05")], date("2004-02-29").0)],
    );
}

#[test]
fn a_date_without_a_day_is_null_with_a_warning() {
    for sig in [Sig::DayOfWeek, Sig::ToDays, Sig::DayOfYear, Sig::WeekOfYear] {
        let mut ctx = EvalContext::default();
        assert!(eval_in(&mut ctx, sig, bigint(), &[time("2024-01-00")]).unwrap().is_null());
        assert_eq!(ctx.warnings[0].code, Some(1292));
    }
    let mut ctx = EvalContext { sql_mode: mode::NO_ZERO_DATE, ..EvalContext::default() };
    assert!(eval_in(&mut ctx, Sig::Year, bigint(), &[time("0000-00-00")]).unwrap().is_null());
    assert_eq!(ctx.warning_count, 1);
}

#[test]
fn parts_of_durations() {
    for (sig, expected) in [
        (Sig::Hour, 272),
        (Sig::Minute, 59),
        (Sig::Second, 57),
        (Sig::MicroSecond, 500_000),
        (Sig::TimeToSec, -982_797),
    ] {
        check(sig, &bigint(), vec![(vec![span("-272:59:57.5")], int(expected))]);
    }
    check(
        Sig::AddDurationAndDuration,
        &plain(tp::DURATION, 0),
        vec![(vec![span("01:00:00"), span("00:30:00.5")], span("01:30:00.5").0)],
    );
    let mut ctx = EvalContext::default();
    let args = [span("838:00:00"), span("-01:00:00")];
    let found = eval_in(&mut ctx, Sig::SubDurationAndDuration, plain(tp::DURATION, 0), &args);
    assert!(found.unwrap().is_null());
    assert_eq!(ctx.warnings[0].code, Some(1690));
    check(
        Sig::AddDatetimeAndDuration,
        &datetime_type(),
        vec![(vec![time("2024-12-31 23:00:00"), span("01:30:00")], time("2025-01-01 00:30:00").0)],
    );
}

#[test]
fn dates_from_numbers() {
    let day = plain(tp::DATE, 0);
    check(
        Sig::FromDays,
        &day,
        vec![(vec![i(730_669)], date("2000-07-03").0), (vec![i(365)], date("0000-00-00").0)],
    );
    check(
        Sig::MakeDate,
        &day,
        vec![
            (vec![i(2011), i(32)], date("2011-02-01").0),
            (vec![i(71), i(1)], date("1971-01-01").0),
            (vec![i(2011), i(0)], Value::Null),
            (vec![i(9999), i(366)], Value::Null),
        ],
    );
    check(
        Sig::MakeTime,
        &FieldType { decimal: Some(1), ..plain(tp::DURATION, 0) },
        vec![
            (vec![i(-12), i(15), r(30.5)], span("-12:15:30.5").0),
            (vec![i(12), i(60), r(0.0)], Value::Null),
        ],
    );
    check(
        Sig::PeriodAdd,
        &bigint(),
        vec![
            (vec![i(200_801), i(2)], int(200_803)),
            (vec![i(9912), i(1)], int(200_001)),
            (vec![i(0), i(1)], int(0)),
        ],
    );
    check(Sig::PeriodDiff, &bigint(), vec![(vec![i(200_802), i(200_703)], int(11))]);
}

#[test]
fn differences() {
    check(
        Sig::DateDiff,
        &bigint(),
        vec![
            (vec![time("2007-12-31 23:59:59"), time("2007-12-30")], int(1)),
            (vec![time("2010-11-30"), time("2010-12-31")], int(-31)),
            (vec![time("0000-00-00"), time("2010-12-31")], Value::Null),
        ],
    );
    for (unit, from, to, expected) in [
        ("MONTH", "2003-02-01", "2003-05-01", 3),
        ("YEAR", "2002-05-01", "2001-01-01", -1),
        ("MINUTE", "2003-02-01", "2003-05-01 12:05:55", 128_885),
        ("DAY", "2024-02-28 12:00:00", "2024-03-01", 1),
        ("MONTH", "2024-01-31", "2024-02-29", 0),
        ("QUARTER", "2024-01-01", "2024-12-31", 3),
        ("WEEK", "2024-01-01", "2024-01-16", 2),
    ] {
        check(
            Sig::TimestampDiff,
            &bigint(),
            vec![(vec![s(unit), time(from), time(to)], int(expected))],
        );
    }
}

#[test]
fn intervals_move_times() {
    let ret = datetime_type();
    for (from, value, unit, expected) in [
        ("2024-01-31", i(1), "MONTH", "2024-02-29"),
        ("2024-02-29", i(-1), "YEAR", "2023-02-28"),
        ("2024-01-01", i(1), "QUARTER", "2024-04-01"),
        ("2024-01-01", i(-1), "SECOND", "2023-12-31 23:59:59"),
        ("2024-01-01", i(2), "WEEK", "2024-01-15"),
        ("2024-01-01", d("1.5"), "DAY", "2024-01-03"),
        ("2024-01-01 10:00:00", s("1:30"), "MINUTE_SECOND", "2024-01-01 10:01:30"),
        ("2024-01-01 10:00:00", s("-1 2"), "DAY_HOUR", "2023-12-31 08:00:00"),
        ("2024-01-01", s("1-1"), "YEAR_MONTH", "2025-02-01"),
    ] {
        let found = eval(Sig::AddDateDatetimeInt, ret.clone(), &[time(from), value, s(unit)]);
        assert_eq!(found.unwrap(), time(expected).0, "{from} {unit}");
    }
    let args = [date("2024-01-01"), i(1), s("DAY")];
    let day = plain(tp::DATE, 0);
    assert_eq!(eval(Sig::SubDateDatetimeInt, day, &args).unwrap(), date("2023-12-31").0);
    let args = [date("2024-01-01"), i(1), s("HOUR")];
    assert_eq!(
        eval(Sig::AddDateDatetimeInt, ret.clone(), &args).unwrap(),
        time("2024-01-01 01:00:00").0
    );
    let mut ctx = EvalContext::default();
    let args = [time("9999-12-31"), i(1), s("DAY")];
    assert!(eval_in(&mut ctx, Sig::AddDateDatetimeInt, ret, &args).unwrap().is_null());
    assert_eq!(ctx.warnings[0].code, Some(1441));
}

#[test]
fn unix_times_are_in_the_zone() {
    let zone = Zone::Fixed(2 * 3600);
    let mut ctx = EvalContext { zone, ..EvalContext::default() };
    let args = [time("1970-01-01 02:00:10")];
    assert_eq!(eval_in(&mut ctx, Sig::UnixTimestampInt, bigint(), &args).unwrap(), int(10));
    let ret = FieldType { decimal: Some(2), ..plain(tp::NEW_DECIMAL, 0) };
    let args = [time("1970-01-01 02:00:10.25")];
    assert_eq!(eval_in(&mut ctx, Sig::UnixTimestampDec, ret, &args).unwrap(), d("10.25").0);
    let args = [time("1970-01-01 00:00:00")];
    assert_eq!(eval_in(&mut ctx, Sig::UnixTimestampInt, bigint(), &args).unwrap(), int(0));
    let found = eval_in(&mut ctx, Sig::FromUnixTime1Arg, datetime_type(), &[d("10")]);
    assert_eq!(found.unwrap(), time("1970-01-01 02:00:10").0);
    let found = eval_in(&mut ctx, Sig::FromUnixTime1Arg, datetime_type(), &[d("-1")]);
    assert!(found.unwrap().is_null());
}

#[test]
fn formats() {
    let from = time("2010-01-07 23:12:34.12345");
    for (format, expected) in [
        (
            "%b %M %m %c %D %d %e %j %k %h %i %p %r %T %s %f %U %u %V %v %a %W %w %X %x %Y %y %%",
            "Jan January 01 1 7th 07 7 007 23 11 12 PM 11:12:34 PM 23:12:34 34 123450 01 01 01 01 Thu Thursday 4 2010 2010 2010 10 %",
        ),
        ("abc%", "abc%"),
        ("%q", "q"),
    ] {
        check(
            Sig::DateFormatSig,
            &varchar(),
            vec![(vec![from.clone(), s(format)], Value::text(expected))],
        );
    }
}
