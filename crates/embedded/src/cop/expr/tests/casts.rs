//! Casts: what comes out, and what is warned of.

use tifusion_codec::field_type::{flag as column_flag, tp};
use tifusion_codec::time::{CoreTime, TimeKind};
use tifusion_proto::tipb::{FieldType, ScalarFuncSig as Sig};

use super::super::testing::eval_in;
use super::*;
use crate::cop::context::{EvalContext, flag};
use crate::cop::value::Span;

fn lenient() -> EvalContext {
    EvalContext {
        flags: flag::TRUNCATE_AS_WARNING | flag::OVERFLOW_AS_WARNING,
        ..EvalContext::default()
    }
}

/// The value of a cast, and the number of the first warning.
fn cast(sig: Sig, ret: &FieldType, arg: Arg) -> (Value, Option<i32>) {
    let mut ctx = lenient();
    let value = eval_in(&mut ctx, sig, ret.clone(), &[arg]).unwrap();
    (value, ctx.warnings.first().and_then(|warning| warning.code))
}

fn time_type(code: u8, fsp: i32) -> FieldType {
    FieldType { decimal: Some(fsp), ..plain(code, 0) }
}

fn datetime(text: &str, fsp: u8) -> Value {
    Value::Time(CoreTime::parse(text, TimeKind::DateTime, fsp).unwrap())
}

fn date(text: &str) -> Value {
    Value::Time(CoreTime::parse(text, TimeKind::Date, 0).unwrap())
}

fn span(text: &str, fsp: u8) -> Value {
    Value::Duration(Span { nanos: tifusion_codec::duration::parse(text, 6).unwrap(), fsp })
}

fn decimal_type(precision: i32, scale: i32) -> FieldType {
    FieldType { flen: Some(precision), decimal: Some(scale), ..plain(tp::NEW_DECIMAL, 0) }
}

#[test]
fn to_integers() {
    let int = |value| Value::Int(value);
    for (sig, arg, expected, warning) in [
        (Sig::CastRealAsInt, r(1.5), int(2), None),
        (Sig::CastRealAsInt, r(-1.5), int(-2), None),
        (Sig::CastRealAsInt, r(1e30), int(i64::MAX), Some(1690)),
        (Sig::CastDecimalAsInt, d("1.5"), int(2), None),
        (Sig::CastDecimalAsInt, d("-9.4"), int(-9), None),
        (Sig::CastDecimalAsInt, d("1e20"), int(i64::MAX), Some(1292)),
        (Sig::CastStringAsInt, s(" 12 "), int(12), None),
        (Sig::CastStringAsInt, s("12abc"), int(12), Some(1292)),
        (Sig::CastStringAsInt, s("abc"), int(0), Some(1292)),
        (Sig::CastStringAsInt, s("1.9"), int(1), Some(1292)),
        (Sig::CastStringAsInt, s("-9223372036854775808"), int(i64::MIN), None),
        (Sig::CastStringAsInt, s("9223372036854775808"), int(i64::MIN), Some(1105)),
        (Sig::CastStringAsInt, s("99999999999999999999"), int(-1), Some(1292)),
        (
            Sig::CastTimeAsInt,
            (datetime("2024-01-02 03:04:05.5", 1), time_type(tp::DATETIME, 1)),
            int(20_240_102_030_406),
            None,
        ),
        (Sig::CastTimeAsInt, (date("2024-01-02"), time_type(tp::DATE, 0)), int(20_240_102), None),
        (
            Sig::CastDurationAsInt,
            (span("10:11:12.6", 1), time_type(tp::DURATION, 1)),
            int(101_113),
            None,
        ),
        (Sig::CastIntAsInt, null(), Value::Null, None),
    ] {
        assert_eq!(cast(sig, &bigint(), arg.clone()), (expected, warning), "{sig:?} {arg:?}");
    }
    assert_eq!(cast(Sig::CastStringAsInt, &bigint_unsigned(), s("-1")), (int(-1), Some(1105)));
    assert_eq!(
        cast(Sig::CastRealAsInt, &bigint_unsigned(), r(1.8e19)).0,
        Value::uint(18_000_000_000_000_000_000)
    );
    assert_eq!(cast(Sig::CastRealAsInt, &bigint_unsigned(), r(-1.0)), (int(-1), Some(1690)));
}

#[test]
fn to_floats() {
    let double = plain(tp::DOUBLE, 0);
    for (sig, arg, expected, warning) in [
        (Sig::CastIntAsReal, i(-3), -3.0, None),
        (Sig::CastIntAsReal, u(u64::MAX), 18_446_744_073_709_551_615.0, None),
        (Sig::CastDecimalAsReal, d("1.25"), 1.25, None),
        (Sig::CastStringAsReal, s("1.5e2"), 150.0, None),
        (Sig::CastStringAsReal, s(""), 0.0, None),
        (Sig::CastStringAsReal, s("1.5x"), 1.5, Some(1292)),
        (Sig::CastStringAsReal, s("1e999"), f64::MAX, Some(1292)),
        (
            Sig::CastTimeAsReal,
            (datetime("2024-01-02 03:04:05.5", 1), time_type(tp::DATETIME, 1)),
            20_240_102_030_405.5,
            None,
        ),
        (
            Sig::CastDurationAsReal,
            (span("-10:11:12.5", 1), time_type(tp::DURATION, 1)),
            -101_112.5,
            None,
        ),
    ] {
        let found = cast(sig, &double, arg.clone());
        assert_eq!(found, (Value::Real(expected), warning), "{sig:?} {arg:?}");
    }
    let short = FieldType { flen: Some(4), decimal: Some(1), ..double };
    assert_eq!(cast(Sig::CastStringAsReal, &short, s("12.36")).0, Value::Real(12.4));
    assert_eq!(cast(Sig::CastStringAsReal, &short, s("12345")), (Value::Real(999.9), Some(1690)));
}

#[test]
fn to_decimals() {
    for (sig, ret, arg, expected, warning) in [
        (Sig::CastIntAsDecimal, decimal_type(10, 2), i(7), "7.00", None),
        (Sig::CastIntAsDecimal, decimal_type(2, 0), i(111), "99", Some(1690)),
        (Sig::CastIntAsDecimal, decimal_type(-1, -1), u(u64::MAX), "18446744073709551615", None),
        (Sig::CastRealAsDecimal, decimal_type(10, 2), r(-1.005), "-1.01", Some(1265)),
        (Sig::CastStringAsDecimal, decimal_type(10, 3), s("12.5"), "12.500", None),
        (Sig::CastStringAsDecimal, decimal_type(10, 3), s("x"), "0.000", None),
        (Sig::CastDecimalAsDecimal, decimal_type(5, 2), d("-123456"), "-999.99", Some(1690)),
        (Sig::CastDecimalAsDecimal, decimal_type(5, 1), d("1.05"), "1.1", Some(1265)),
        (
            Sig::CastTimeAsDecimal,
            decimal_type(-1, -1),
            (date("2024-01-02"), time_type(tp::DATE, 0)),
            "20240102",
            None,
        ),
    ] {
        let (value, found) = cast(sig, &ret, arg.clone());
        let Value::Decimal(value) = value else { panic!("{value:?}") };
        assert_eq!((value.to_string().as_str(), found), (expected, warning), "{sig:?} {arg:?}");
    }
}

#[test]
fn to_texts() {
    let unlimited = varchar();
    for (sig, arg, expected) in [
        (Sig::CastIntAsString, i(-5), "-5"),
        (Sig::CastIntAsString, u(u64::MAX), "18446744073709551615"),
        (Sig::CastRealAsString, r(1.5), "1.5"),
        (Sig::CastDecimalAsString, d("1.50"), "1.50"),
        (
            Sig::CastTimeAsString,
            (datetime("2024-01-02 03:04:05", 3), time_type(tp::DATETIME, 3)),
            "2024-01-02 03:04:05.000",
        ),
        (
            Sig::CastDurationAsString,
            (span("-10:11:12.5", 2), time_type(tp::DURATION, 2)),
            "-10:11:12.50",
        ),
        (Sig::CastIntAsString, (Value::Int(0), plain(tp::YEAR, 0)), "0000"),
    ] {
        assert_eq!(cast(sig, &unlimited, arg), (Value::text(expected), None), "{sig:?}");
    }
    let short = FieldType { flen: Some(2), ..varchar() };
    assert_eq!(cast(Sig::CastStringAsString, &short, s("üäö")), (Value::text("üä"), Some(1406)));
    let binary = FieldType {
        flen: Some(4),
        collate: Some(63),
        charset: Some("binary".to_owned()),
        ..plain(tp::STRING, 0)
    };
    assert_eq!(cast(Sig::CastStringAsString, &binary, s("ab")).0, Value::text("ab\0\0"));
}

#[test]
fn to_times() {
    let (dt, day) = (time_type(tp::DATETIME, 0), time_type(tp::DATE, 0));
    for (sig, ret, arg, expected, warning) in [
        (
            Sig::CastStringAsTime,
            &dt,
            s("2024-01-02 03:04:05"),
            datetime("2024-01-02 03:04:05", 0),
            None,
        ),
        (
            Sig::CastStringAsTime,
            &dt,
            s("2024-01-02T03:04:05.6"),
            datetime("2024-01-02 03:04:06", 0),
            None,
        ),
        (
            Sig::CastStringAsTime,
            &dt,
            s("2023-12-31 23:59:59.9"),
            datetime("2024-01-01 00:00:00", 0),
            None,
        ),
        (Sig::CastStringAsTime, &dt, s("20240102030405"), datetime("2024-01-02 03:04:05", 0), None),
        (Sig::CastStringAsTime, &dt, s("240102"), datetime("2024-01-02", 0), None),
        (Sig::CastStringAsTime, &dt, s("70-1-2"), datetime("1970-01-02", 0), None),
        (
            Sig::CastStringAsTime,
            &dt,
            s("2024/01/02 3.4.5"),
            datetime("2024-01-02 03:04:05", 0),
            None,
        ),
        (
            Sig::CastStringAsTime,
            &dt,
            s("2024-01-02T03:04:05+02:00"),
            datetime("2024-01-02 01:04:05", 0),
            None,
        ),
        (Sig::CastStringAsTime, &dt, s("2024-02-30"), Value::Null, Some(1292)),
        (Sig::CastStringAsTime, &dt, s("hello"), Value::Null, Some(1292)),
        (Sig::CastStringAsTime, &dt, s(""), Value::Null, Some(1292)),
        (Sig::CastStringAsTime, &day, s("2024-01-02 03:04:05"), date("2024-01-02"), None),
        (Sig::CastStringAsTime, &day, s("0000-00-00"), date("0000-00-00"), None),
        (Sig::CastIntAsTime, &dt, i(20_240_102), datetime("2024-01-02", 0), None),
        (Sig::CastIntAsTime, &dt, i(240_102_030_405), datetime("2024-01-02 03:04:05", 0), None),
        (Sig::CastIntAsTime, &dt, i(11), Value::Null, Some(1292)),
        (Sig::CastRealAsTime, &dt, r(20_240_102.0), datetime("2024-01-02", 0), None),
        (
            Sig::CastDecimalAsTime,
            &dt,
            d("20240102030405.6"),
            datetime("2024-01-02 03:04:06", 0),
            None,
        ),
    ] {
        assert_eq!(cast(sig, ret, arg.clone()), (expected, warning), "{sig:?} {arg:?}");
    }
    let arg = (datetime("2024-01-02 23:59:59.9", 1), time_type(tp::DATETIME, 1));
    assert_eq!(cast(Sig::CastTimeAsTime, &day, arg).0, date("2024-01-02"));
}

#[test]
fn to_durations() {
    let time = time_type(tp::DURATION, 0);
    let milli = time_type(tp::DURATION, 3);
    for (sig, ret, arg, expected, warning) in [
        (Sig::CastStringAsDuration, &time, s("10:11:12"), span("10:11:12", 0), None),
        (Sig::CastStringAsDuration, &milli, s("-1 10:11:12.3456"), span("-34:11:12.346", 3), None),
        (Sig::CastStringAsDuration, &time, s("101112"), span("10:11:12", 0), None),
        (Sig::CastStringAsDuration, &time, s("2024-01-02 10:11:12"), span("10:11:12", 0), None),
        (Sig::CastStringAsDuration, &time, s("1112"), span("00:11:12", 0), None),
        (Sig::CastStringAsDuration, &time, s("10:70:00"), Value::Null, Some(1292)),
        (Sig::CastStringAsDuration, &time, s("900:00:00"), span("838:59:59", 0), Some(1690)),
        (Sig::CastStringAsDuration, &time, s("abc"), Value::Null, Some(1292)),
        (Sig::CastIntAsDuration, &time, i(-101_112), span("-10:11:12", 0), None),
        (Sig::CastIntAsDuration, &time, i(9_000_000), Value::Null, Some(1690)),
        (Sig::CastDecimalAsDuration, &milli, d("101112.5"), span("10:11:12.5", 3), None),
        (
            Sig::CastTimeAsDuration,
            &time,
            (datetime("2024-01-02 10:11:12.5", 1), time_type(tp::DATETIME, 1)),
            span("10:11:13", 0),
            None,
        ),
    ] {
        assert_eq!(cast(sig, ret, arg.clone()), (expected, warning), "{sig:?} {arg:?}");
    }
}

#[test]
fn without_flags_what_is_cut_is_an_error() {
    assert_eq!(error(Sig::CastStringAsInt, bigint(), &[s("1x")]).code, 1292);
    assert_eq!(error(Sig::CastRealAsInt, bigint(), &[r(1e30)]).code, 1690);
    let short = FieldType { flen: Some(1), ..varchar() };
    assert_eq!(error(Sig::CastStringAsString, short, &[s("ab")]).code, 1406);
}

#[test]
fn members_of_an_enum_are_numbers_and_names() {
    let arg = (Value::Enum(2, "b".into()), plain(tp::ENUM, column_flag::NOT_NULL));
    assert_eq!(cast(Sig::CastStringAsInt, &bigint(), arg.clone()).0, Value::Int(2));
    assert_eq!(cast(Sig::CastStringAsString, &varchar(), arg).0, Value::text("b"));
}
