//! Arithmetic: ranges, divisions by zero, digits after the point.

use tifusion_codec::field_type::tp;
use tifusion_proto::tipb::ScalarFuncSig as Sig;

use super::super::testing::eval_in;
use super::*;
use crate::cop::context::{EvalContext, flag, mode};

#[test]
fn integers_add_up_within_their_ranges() {
    check(
        Sig::PlusInt,
        &bigint(),
        vec![
            (vec![i(1), i(-3)], Value::Int(-2)),
            (vec![i(-3), u(5)], Value::Int(2)),
            (vec![u(u64::MAX - 1), i(1)], Value::uint(u64::MAX)),
            (vec![null(), i(1)], Value::Null),
        ],
    );
    let found = error(Sig::PlusInt, bigint(), &[i(i64::MAX), i(1)]);
    assert_eq!(found.code, 1690);
    assert_eq!(found.message, "BIGINT value is out of range in '(9223372036854775807 + 1)'");
    let found = error(Sig::PlusInt, bigint_unsigned(), &[u(1), i(-2)]);
    assert_eq!(found.message, "BIGINT UNSIGNED value is out of range in '(1 + -2)'");
    check(Sig::MinusInt, &bigint(), vec![(vec![u(5), i(-1)], Value::Int(6))]);
    assert_eq!(error(Sig::MinusInt, bigint(), &[u(1), u(2)]).code, 1690);
    check(Sig::MultiplyInt, &bigint(), vec![(vec![i(-4), i(5)], Value::Int(-20))]);
    assert_eq!(error(Sig::MultiplyInt, bigint(), &[i(i64::MAX), i(2)]).code, 1690);
    assert_eq!(error(Sig::UnaryMinusInt, bigint(), &[i(i64::MIN)]).code, 1690);
    check(Sig::UnaryMinusInt, &bigint(), vec![(vec![u(1 << 63)], Value::Int(i64::MIN))]);
    assert_eq!(error(Sig::UnaryMinusInt, bigint(), &[u((1 << 63) + 1)]).code, 1690);
}

#[test]
fn whole_quotients_and_remainders_are_null_by_zero() {
    check(
        Sig::IntDivideInt,
        &bigint(),
        vec![
            (vec![i(-7), i(2)], Value::Int(-3)),
            (vec![i(-2), u(3)], Value::Int(0)),
            (vec![i(1), i(0)], Value::Null),
        ],
    );
    assert_eq!(error(Sig::IntDivideInt, bigint(), &[i(i64::MIN), i(-1)]).code, 1690);
    assert_eq!(error(Sig::IntDivideInt, bigint(), &[i(-4), u(3)]).code, 1690);
    check(
        Sig::ModInt,
        &bigint(),
        vec![
            (vec![i(-13), i(11)], Value::Int(-2)),
            (vec![i(13), i(-11)], Value::Int(2)),
            (vec![i(-13), u(11)], Value::Int(-2)),
            (vec![u(13), i(-11)], Value::Int(2)),
            (vec![i(1), i(0)], Value::Null),
        ],
    );
    check(Sig::ModReal, &plain(tp::DOUBLE, 0), vec![(vec![r(-1.5), r(1.0)], Value::Real(-0.5))]);
}

#[test]
fn floats_beyond_their_range_are_errors() {
    let double = plain(tp::DOUBLE, 0);
    check(Sig::PlusReal, &double, vec![(vec![r(1.5), r(2.0)], Value::Real(3.5))]);
    assert_eq!(error(Sig::MultiplyReal, double.clone(), &[r(1e200), r(1e200)]).code, 1690);
    assert_eq!(error(Sig::PlusReal, double, &[r(f64::MAX), r(f64::MAX)]).code, 1690);
}

#[test]
fn decimals_keep_their_digits() {
    let decimal = plain(tp::NEW_DECIMAL, 0);
    check(Sig::PlusDecimal, &decimal, vec![(vec![d("1.1"), d("2.25")], d("3.35").0)]);
    check(Sig::MinusDecimal, &decimal, vec![(vec![d("1.1"), d("2.25")], d("-1.15").0)]);
    check(Sig::MultiplyDecimal, &decimal, vec![(vec![d("1.1"), d("2.25")], d("2.475").0)]);
    check(Sig::ModDecimal, &decimal, vec![(vec![d("7.5"), d("2")], d("1.5").0)]);
    check(Sig::UnaryMinusDecimal, &decimal, vec![(vec![d("1.1")], d("-1.1").0)]);
    let Value::Decimal(third) = eval(Sig::DivideDecimal, decimal, &[d("1"), d("3")]).unwrap()
    else {
        panic!("a decimal")
    };
    assert_eq!((third.to_string().as_str(), third.result_scale()), ("0.333333333", 4));
    check(
        Sig::IntDivideDecimal,
        &bigint(),
        vec![
            (vec![d("11.01"), d("1.1")], Value::Int(10)),
            (vec![d("-11.01"), d("1.1")], Value::Int(-10)),
        ],
    );
    assert_eq!(error(Sig::IntDivideDecimal, bigint(), &[d("1e20"), d("1")]).code, 1690);
}

#[test]
fn a_division_by_zero_warns_or_fails_by_statement_and_mode() {
    let double = plain(tp::DOUBLE, 0);
    for (flags, sql_mode, fails, warns) in [
        (0, 0, false, 1),
        (flag::IN_INSERT, 0, false, 0),
        (flag::IN_INSERT, mode::DIVISION_BY_ZERO, false, 1),
        (flag::IN_INSERT, mode::DIVISION_BY_ZERO | mode::STRICT, true, 0),
        (
            flag::IN_INSERT | flag::DIVISION_AS_WARNING,
            mode::DIVISION_BY_ZERO | mode::STRICT,
            false,
            1,
        ),
    ] {
        let mut ctx = EvalContext { flags, sql_mode, ..EvalContext::default() };
        let found = eval_in(&mut ctx, Sig::DivideReal, double.clone(), &[r(1.0), r(0.0)]);
        match found {
            Ok(value) => assert!(!fails && value.is_null()),
            Err(error) => assert!(fails && error.code == 1365),
        }
        assert_eq!(ctx.warning_count, warns);
    }
    let mut ctx = EvalContext::default();
    let decimal = plain(tp::NEW_DECIMAL, 0);
    let found = eval_in(&mut ctx, Sig::DivideDecimal, decimal, &[d("1"), d("0.0")]).unwrap();
    assert!(found.is_null());
    assert_eq!(ctx.warnings[0].code, Some(1365));
}
