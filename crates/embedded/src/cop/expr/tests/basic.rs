//! Comparisons, logic, control and patterns.

use tifusion_codec::field_type::tp;
use tifusion_codec::time::{CoreTime, TimeKind};
use tifusion_proto::tipb::{FieldType, ScalarFuncSig as Sig};

use super::*;
use crate::cop::value::Span;

fn t() -> Value {
    Value::Int(1)
}

fn f() -> Value {
    Value::Int(0)
}

fn time(text: &str) -> Arg {
    let time = CoreTime::parse(text, TimeKind::DateTime, 6).unwrap();
    (Value::Time(time), plain(tp::DATETIME, 0))
}

#[test]
fn integers_compare_by_their_signs() {
    check(
        Sig::LtInt,
        &bigint(),
        vec![
            (vec![i(-1), i(1)], t()),
            (vec![i(-1), u(u64::MAX)], t()),
            (vec![u(u64::MAX), i(-1)], f()),
            (vec![u(1), u(u64::MAX)], t()),
            (vec![i(1), null()], Value::Null),
        ],
    );
    check(Sig::GeInt, &bigint(), vec![(vec![u(1 << 63), i(i64::MAX)], t())]);
    check(Sig::EqInt, &bigint(), vec![(vec![i(-1), u(u64::MAX)], f())]);
}

#[test]
fn values_of_other_kinds_compare_too() {
    check(Sig::LeReal, &bigint(), vec![(vec![r(1.5), r(1.5)], t()), (vec![r(2.0), r(1.0)], f())]);
    check(Sig::NeDecimal, &bigint(), vec![(vec![d("1.0"), d("1.00")], f())]);
    check(
        Sig::GtTime,
        &bigint(),
        vec![(vec![time("2024-01-01 00:00:00.5"), time("2024-01-01 00:00:00")], t())],
    );
    let span = |nanos| (Value::Duration(Span { nanos, fsp: 0 }), plain(tp::DURATION, 0));
    check(Sig::LtDuration, &bigint(), vec![(vec![span(-1), span(0)], t())]);
    check(
        Sig::NullEqInt,
        &bigint(),
        vec![
            (vec![null(), null()], t()),
            (vec![null(), i(1)], f()),
            (vec![i(1), i(1)], t()),
            (vec![i(1), i(2)], f()),
        ],
    );
}

#[test]
fn texts_compare_by_the_collation_of_the_result() {
    let with = |collate| FieldType { collate: Some(collate), ..bigint() };
    // Old collations and binary know no padding, new ones do.
    for (collate, expected) in [(46, f()), (63, f()), (-63, f()), (-46, t()), (-309, f())] {
        check(Sig::EqString, &with(collate), vec![(vec![s("a "), s("a")], expected)]);
    }
    check(
        Sig::LtString,
        &with(-46),
        vec![(vec![s("A"), s("a")], t()), (vec![s("ab"), s("b")], t())],
    );
}

#[test]
fn texts_of_one_weight_are_equal() {
    let with = |collate| FieldType { collate: Some(collate), ..bigint() };
    // general_ci, unicode_ci, 0900_ai_ci: the last one counts blanks, the first has one weight a letter.
    for (collate, left, right, expected) in [
        (-45, "a ", "Ä", t()),
        (-45, "ß", "ss", f()),
        (-224, "ß", "SS", t()),
        (-255, "ß", "SS", t()),
        (-255, "a ", "A", f()),
        (-45, "a", "b", f()),
    ] {
        check(Sig::EqString, &with(collate), vec![(vec![s(left), s(right)], expected)]);
    }
    let args = vec![s("GRÜN"), s("%gr_n"), i(92)];
    check(Sig::LikeSig, &with(-45), vec![(args.clone(), t())]);
    check(Sig::LikeSig, &with(45), vec![(args, f())]);
    check(Sig::InString, &with(-45), vec![(vec![s("a"), s("b"), s("A")], t())]);
}

#[test]
fn a_collation_this_cluster_does_not_know_is_refused_by_name() {
    use super::super::{Expression, testing};
    let ret = FieldType { collate: Some(-28), ..bigint() };
    let expr = testing::call(Sig::EqString, ret, vec![testing::text("a"), testing::text("b")]);
    let error = Expression::build(&expr, 0, &crate::cop::context::EvalContext::default());
    let message = format!("{:?}", error.unwrap_err());
    assert!(message.contains("gbk_chinese_ci"), "{message}");
}

#[test]
fn in_knows_three_answers() {
    check(
        Sig::InInt,
        &bigint(),
        vec![
            (vec![i(1), i(2), i(1)], t()),
            (vec![i(1), i(2), null()], Value::Null),
            (vec![null(), i(2)], Value::Null),
            (vec![i(1), i(2)], f()),
            (vec![i(-1), u(u64::MAX)], f()),
        ],
    );
    let padded = FieldType { collate: Some(-46), ..bigint() };
    check(Sig::InString, &padded, vec![(vec![s("a"), s("b"), s("a  ")], t())]);
    check(Sig::InDecimal, &bigint(), vec![(vec![d("1.10"), d("1.1")], t())]);
}

#[test]
fn greatest_and_least_are_null_with_a_null() {
    check(
        Sig::GreatestInt,
        &bigint(),
        vec![(vec![i(1), i(3), i(2)], Value::Int(3)), (vec![i(1), null()], Value::Null)],
    );
    check(Sig::LeastReal, &plain(tp::DOUBLE, 0), vec![(vec![r(1.0), r(-3.5)], Value::Real(-3.5))]);
}

#[test]
fn logic_is_three_valued() {
    let n = Value::Null;
    check(
        Sig::LogicalAnd,
        &bigint(),
        vec![(vec![i(1), i(2)], t()), (vec![i(0), null()], f()), (vec![null(), i(1)], n.clone())],
    );
    check(
        Sig::LogicalOr,
        &bigint(),
        vec![(vec![i(0), i(0)], f()), (vec![i(2), null()], t()), (vec![null(), i(0)], n.clone())],
    );
    check(Sig::LogicalXor, &bigint(), vec![(vec![i(5), i(0)], t()), (vec![i(5), i(7)], f())]);
    check(Sig::UnaryNotDecimal, &bigint(), vec![(vec![d("0.00")], t()), (vec![d("0.1")], f())]);
    check(Sig::UnaryNotInt, &bigint(), vec![(vec![null()], n.clone())]);
    check(Sig::IntIsTrue, &bigint(), vec![(vec![null()], f()), (vec![i(2)], t())]);
    check(Sig::IntIsTrueWithNull, &bigint(), vec![(vec![null()], n.clone())]);
    check(Sig::RealIsFalse, &bigint(), vec![(vec![null()], f()), (vec![r(0.0)], t())]);
    check(Sig::DecimalIsFalseWithNull, &bigint(), vec![(vec![null()], n)]);
    check(Sig::StringIsNull, &bigint(), vec![(vec![null()], t()), (vec![s("")], f())]);
}

#[test]
fn bits_have_no_sign() {
    check(Sig::BitAndSig, &bigint(), vec![(vec![i(-1), i(6)], Value::Int(6))]);
    check(Sig::BitOrSig, &bigint(), vec![(vec![i(1), i(6)], Value::Int(7))]);
    check(Sig::BitXorSig, &bigint(), vec![(vec![i(3), i(6)], Value::Int(5))]);
    check(Sig::BitNegSig, &bigint(), vec![(vec![i(0)], Value::Int(-1))]);
    check(Sig::BitCount, &bigint(), vec![(vec![i(-1)], Value::Int(64))]);
    check(
        Sig::LeftShift,
        &bigint(),
        vec![
            (vec![i(3), i(2)], Value::Int(12)),
            (vec![i(1), i(64)], f()),
            (vec![i(1), i(-1)], f()),
        ],
    );
    check(Sig::RightShift, &bigint(), vec![(vec![i(-1), i(63)], t())]);
}

#[test]
fn control_takes_the_value_of_the_branch() {
    check(Sig::IfNullInt, &bigint(), vec![(vec![null(), i(2)], Value::Int(2))]);
    check(
        Sig::CoalesceString,
        &varchar(),
        vec![(vec![null(), s("x"), s("y")], Value::text("x")), (vec![null()], Value::Null)],
    );
    check(
        Sig::IfReal,
        &plain(tp::DOUBLE, 0),
        vec![
            (vec![i(2), r(1.0), r(2.0)], Value::Real(1.0)),
            (vec![null(), r(1.0), r(2.0)], Value::Real(2.0)),
        ],
    );
    check(
        Sig::CaseWhenInt,
        &bigint(),
        vec![
            (vec![i(0), i(1), i(1), i(2), i(3)], Value::Int(2)),
            (vec![null(), i(1), i(3)], Value::Int(3)),
            (vec![i(0), i(1)], Value::Null),
        ],
    );
}

#[test]
fn an_error_in_a_branch_that_is_not_taken_is_an_error() {
    use super::super::{Expression, testing};
    let overflow =
        testing::call(Sig::PlusInt, bigint(), vec![testing::int(i64::MAX), testing::int(1)]);
    let expr =
        testing::call(Sig::IfInt, bigint(), vec![testing::int(1), testing::int(5), overflow]);
    let mut ctx = crate::cop::context::EvalContext::default();
    let expression = Expression::build(&expr, 0, &ctx).unwrap();
    assert!(expression.eval(&vec![], &mut ctx).unwrap_err().is_overflow());
}

#[test]
fn like_matches_wildcards_and_escapes() {
    let binary = FieldType { collate: Some(63), ..bigint() };
    for (target, pattern, escape, expected) in [
        ("hello", "%HELLO%", '\\', 0),
        ("Hello, World", "Hello, %", '\\', 1),
        ("test", "te%st", '\\', 1),
        ("test", "_%_%_%_", '\\', 1),
        ("test", "_%_%_%_%_", '\\', 0),
        ("C:", "%\\", '\\', 0),
        ("C:\\", "%\\", '\\', 1),
        ("C:\\", "%\\\\", '\\', 1),
        ("C:\\\\", "C:\\\\", '\\', 0),
        ("C:\\Programs\\", "%Pr_g%", '\\', 1),
        ("a%b", "a\\%b", '\\', 1),
        ("axb", "a\\%b", '\\', 0),
        ("a_b", "a+_b", '+', 1),
        ("", "%", '\\', 1),
        ("", "_", '\\', 0),
        ("", "", '\\', 1),
        ("aXXbXXc", "a%b%c", '\\', 1),
        ("aaab", "%ab", '\\', 1),
    ] {
        let args = vec![s(target), s(pattern), i(i64::from(u32::from(escape)))];
        check(Sig::LikeSig, &binary, vec![(args, Value::Int(expected))]);
    }
    // A character of two bytes is one to `_`, except by bytes.
    for (collate, expected) in [(63, f()), (46, t()), (-46, t())] {
        let ret = FieldType { collate: Some(collate), ..bigint() };
        check(Sig::LikeSig, &ret, vec![(vec![s("ü"), s("_"), i(92)], expected)]);
    }
    check(Sig::LikeSig, &binary, vec![(vec![null(), s("_"), i(92)], Value::Null)]);
}

#[test]
fn regular_expressions_match_by_collation_and_match_type() {
    let with = |collate| FieldType { collate: Some(collate), ..bigint() };
    check(
        Sig::RegexpUtf8Sig,
        &with(-46),
        vec![
            (vec![s("Grün"), s("^gr")], f()),
            (vec![s("Grün"), s("n$")], t()),
            (vec![null(), s("a")], Value::Null),
        ],
    );
    check(Sig::RegexpUtf8Sig, &with(-45), vec![(vec![s("Grün"), s("^gr")], t())]);
    check(
        Sig::RegexpLikeSig,
        &with(-45),
        vec![
            (vec![s("Grün"), s("^gr"), s("c")], f()),
            (vec![s("a\nb"), s("a.b"), s("s")], t()),
            (vec![s("a\nb"), s("^b"), s("m")], t()),
        ],
    );
    for args in [vec![s("a"), s("")], vec![s("a"), s("(")], vec![s("a"), s("a"), s("x")]] {
        assert_eq!(error(Sig::RegexpLikeSig, with(-46), &args).code, 1139);
    }
}
