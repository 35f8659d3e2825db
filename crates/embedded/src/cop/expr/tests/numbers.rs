//! Mathematical functions.

use std::f64::consts::PI;

use tifusion_codec::field_type::tp;
use tifusion_proto::tipb::ScalarFuncSig as Sig;

use super::*;

fn real(value: f64) -> Value {
    Value::Real(value)
}

#[test]
fn signs_and_absolute_values() {
    let decimal = plain(tp::NEW_DECIMAL, 0);
    check(Sig::AbsInt, &bigint(), vec![(vec![i(-3)], Value::Int(3)), (vec![null()], Value::Null)]);
    assert_eq!(error(Sig::AbsInt, bigint(), &[i(i64::MIN)]).code, 1690);
    check(Sig::AbsUInt, &bigint(), vec![(vec![u(u64::MAX)], Value::uint(u64::MAX))]);
    check(Sig::AbsDecimal, &decimal, vec![(vec![d("-1.50")], d("1.50").0)]);
    check(Sig::AbsReal, &plain(tp::DOUBLE, 0), vec![(vec![r(-1.5)], real(1.5))]);
    check(
        Sig::Sign,
        &bigint(),
        vec![(vec![r(-0.1)], Value::Int(-1)), (vec![r(0.0)], Value::Int(0))],
    );
}

#[test]
fn floors_and_ceilings() {
    let decimal = plain(tp::NEW_DECIMAL, 0);
    let double = plain(tp::DOUBLE, 0);
    check(Sig::CeilReal, &double, vec![(vec![r(1.1)], real(2.0)), (vec![r(-1.9)], real(-1.0))]);
    check(Sig::FloorReal, &double, vec![(vec![r(-1.1)], real(-2.0))]);
    check(Sig::CeilDecToInt, &bigint(), vec![(vec![d("1.01")], Value::Int(2))]);
    check(Sig::FloorDecToInt, &bigint(), vec![(vec![d("-1.01")], Value::Int(-2))]);
    assert_eq!(error(Sig::CeilDecToInt, bigint(), &[d("1e19")]).code, 1690);
    check(Sig::CeilDecToDec, &decimal, vec![(vec![d("1e19")], d("10000000000000000000").0)]);
    check(Sig::FloorIntToDec, &decimal, vec![(vec![u(u64::MAX)], d("18446744073709551615").0)]);
    check(Sig::FloorIntToInt, &bigint(), vec![(vec![i(-7)], Value::Int(-7))]);
}

#[test]
fn rounding_of_floats_goes_to_even_and_of_decimals_away_from_zero() {
    let decimal = plain(tp::NEW_DECIMAL, 0);
    let double = plain(tp::DOUBLE, 0);
    check(
        Sig::RoundReal,
        &double,
        vec![(vec![r(2.5)], real(2.0)), (vec![r(-3.5)], real(-4.0)), (vec![r(1.4)], real(1.0))],
    );
    check(Sig::RoundDec, &decimal, vec![(vec![d("2.5")], d("3").0), (vec![d("-2.5")], d("-3").0)]);
    check(Sig::RoundInt, &bigint(), vec![(vec![i(5)], Value::Int(5))]);
    check(
        Sig::RoundWithFracReal,
        &double,
        vec![(vec![r(1.298), i(1)], real(1.3)), (vec![r(23.298), i(-1)], real(20.0))],
    );
    check(
        Sig::RoundWithFracInt,
        &bigint(),
        vec![
            (vec![i(23), i(-1)], Value::Int(20)),
            (vec![i(-27), i(-1)], Value::Int(-30)),
            (vec![i(23), i(5)], Value::Int(23)),
        ],
    );
    check(
        Sig::RoundWithFracDec,
        &decimal,
        vec![(vec![d("150.257"), i(1)], d("150.3").0), (vec![d("153.257"), i(-1)], d("150").0)],
    );
}

#[test]
fn truncation_cuts() {
    let decimal = plain(tp::NEW_DECIMAL, 0);
    check(
        Sig::TruncateInt,
        &bigint(),
        vec![
            (vec![i(1028), i(-2)], Value::Int(1000)),
            (vec![i(-1028), i(-2)], Value::Int(-1000)),
            (vec![i(1028), i(-19)], Value::Int(0)),
            (vec![i(1028), u(u64::MAX)], Value::Int(1028)),
        ],
    );
    check(
        Sig::TruncateReal,
        &plain(tp::DOUBLE, 0),
        vec![
            (vec![r(-1.23), i(1)], real(-1.2)),
            (vec![r(129.0), i(-1)], real(120.0)),
            (vec![r(1.5), i(-400)], real(0.0)),
        ],
    );
    check(Sig::TruncateDecimal, &decimal, vec![(vec![d("-1.29"), i(1)], d("-1.2").0)]);
}

#[test]
fn what_has_no_value_is_null_and_what_is_too_large_fails() {
    let double = plain(tp::DOUBLE, 0);
    for (sig, argument, expected) in [
        (Sig::Sqrt, 4.0, real(2.0)),
        (Sig::Sqrt, -1.0, Value::Null),
        (Sig::Log1Arg, 1.0, real(0.0)),
        (Sig::Log1Arg, 0.0, Value::Null),
        (Sig::Log2, 8.0, real(3.0)),
        (Sig::Log2, -1.0, Value::Null),
        (Sig::Log10, 1000.0, real(3.0)),
        (Sig::Exp, 0.0, real(1.0)),
        (Sig::Asin, 2.0, Value::Null),
        (Sig::Acos, 1.0, real(0.0)),
        (Sig::Atan1Arg, 0.0, real(0.0)),
        (Sig::Cos, 0.0, real(1.0)),
        (Sig::Sin, 0.0, real(0.0)),
        (Sig::Degrees, PI, real(180.0)),
        (Sig::Radians, 180.0, real(PI)),
    ] {
        check(sig, &double, vec![(vec![r(argument)], expected)]);
    }
    check(
        Sig::Log2Args,
        &double,
        vec![(vec![r(2.0), r(8.0)], real(3.0)), (vec![r(1.0), r(8.0)], Value::Null)],
    );
    check(Sig::Pow, &double, vec![(vec![r(2.0), r(-1.0)], real(0.5))]);
    check(Sig::Pi, &double, vec![(vec![], real(PI))]);
    for (sig, args) in
        [(Sig::Exp, vec![r(1e5)]), (Sig::Cot, vec![r(0.0)]), (Sig::Pow, vec![r(2.0), r(1e9)])]
    {
        assert_eq!(error(sig, double.clone(), &args).code, 1690);
    }
    check(
        Sig::Crc32,
        &bigint(),
        vec![(vec![s("MySQL")], Value::Int(3_259_397_556)), (vec![s("")], Value::Int(0))],
    );
}
