//! Functions of texts.

use tifusion_proto::tipb::{FieldType, ScalarFuncSig as Sig};

use super::*;

fn text(value: &str) -> Value {
    Value::text(value)
}

fn int(value: i64) -> Value {
    Value::Int(value)
}

#[test]
fn lengths_are_of_bytes_or_characters() {
    check(Sig::Length, &bigint(), vec![(vec![s("über")], int(5)), (vec![null()], Value::Null)]);
    check(Sig::BitLength, &bigint(), vec![(vec![s("ab")], int(16))]);
    check(Sig::CharLengthUtf8, &bigint(), vec![(vec![s("über")], int(4))]);
    check(Sig::Ascii, &bigint(), vec![(vec![s("2a")], int(50)), (vec![s("")], int(0))]);
}

#[test]
fn texts_are_joined_and_changed() {
    let t = varchar();
    check(
        Sig::Concat,
        &t,
        vec![(vec![s("a"), s("b")], text("ab")), (vec![s("a"), null()], Value::Null)],
    );
    check(
        Sig::ConcatWs,
        &t,
        vec![
            (vec![s(","), s("a"), null(), s("b")], text("a,b")),
            (vec![null(), s("a")], Value::Null),
        ],
    );
    check(Sig::UpperUtf8, &t, vec![(vec![s("straße ü")], text("STRAßE Ü"))]);
    check(Sig::LowerUtf8, &t, vec![(vec![s("ÀBC")], text("àbc"))]);
    check(Sig::Upper, &t, vec![(vec![s("abc")], text("abc"))]);
    check(Sig::ReverseUtf8, &t, vec![(vec![s("aü")], text("üa"))]);
    check(Sig::LTrim, &t, vec![(vec![s("  a ")], text("a "))]);
    check(Sig::RTrim, &t, vec![(vec![s(" a  ")], text(" a"))]);
    check(Sig::Trim1Arg, &t, vec![(vec![s(" a ")], text("a"))]);
    check(Sig::Trim2Args, &t, vec![(vec![s("xxaxx"), s("x")], text("a"))]);
    check(
        Sig::Trim3Args,
        &t,
        vec![
            (vec![s("xxaxx"), s("x"), i(2)], text("axx")),
            (vec![s("xxaxx"), s("x"), i(3)], text("xxa")),
        ],
    );
    check(
        Sig::Replace,
        &t,
        vec![
            (vec![s("www.mysql.com"), s("w"), s("Ww")], text("WwWwWw.mysql.com")),
            (vec![s("abc"), s(""), s("d")], text("abc")),
        ],
    );
}

#[test]
fn texts_are_filled_up_and_spelled_in_digits() {
    let t = varchar();
    check(
        Sig::Repeat,
        &t,
        vec![(vec![s("ab"), i(2)], text("abab")), (vec![s("a"), i(-1)], text(""))],
    );
    check(
        Sig::Space,
        &t,
        vec![(vec![i(2)], text("  ")), (vec![i(-1)], text("")), (vec![i(16_777_217)], Value::Null)],
    );
    check(
        Sig::LpadUtf8,
        &t,
        vec![
            (vec![s("hi"), i(4), s("??")], text("??hi")),
            (vec![s("hi"), i(1), s("??")], text("h")),
            (vec![s("hi"), i(-1), s("?")], Value::Null),
            (vec![s("hi"), i(5), s("")], Value::Null),
        ],
    );
    check(Sig::RpadUtf8, &t, vec![(vec![s("hi"), i(5), s("ab")], text("hiaba"))]);
    check(
        Sig::HexIntArg,
        &t,
        vec![(vec![i(255)], text("FF")), (vec![i(-1)], text("FFFFFFFFFFFFFFFF"))],
    );
    check(Sig::HexStrArg, &t, vec![(vec![s("aü")], text("61C3BC"))]);
    check(
        Sig::UnHex,
        &t,
        vec![
            (vec![s("4D7953")], text("MyS")),
            (vec![s("1")], text("\u{1}")),
            (vec![s("g1")], Value::Null),
        ],
    );
    check(Sig::Bin, &t, vec![(vec![i(10)], text("1010"))]);
    check(Sig::OctInt, &t, vec![(vec![i(8)], text("10"))]);
}

#[test]
fn parts_are_taken_from_either_end() {
    let t = varchar();
    check(
        Sig::LeftUtf8,
        &t,
        vec![(vec![s("über"), i(2)], text("üb")), (vec![s("a"), i(-1)], text(""))],
    );
    check(
        Sig::RightUtf8,
        &t,
        vec![(vec![s("grün"), i(2)], text("ün")), (vec![s("a"), u(u64::MAX)], text("a"))],
    );
    check(Sig::Left, &t, vec![(vec![s("abc"), i(5)], text("abc"))]);
    check(
        Sig::Substring2ArgsUtf8,
        &t,
        vec![
            (vec![s("Quadratisch"), i(5)], text("ratisch")),
            (vec![s("Sakila"), i(-3)], text("ila")),
            (vec![s("Sakila"), i(0)], text("")),
            (vec![s("Sakila"), i(7)], text("")),
            (vec![s("Sakila"), i(-7)], text("")),
        ],
    );
    check(
        Sig::Substring3ArgsUtf8,
        &t,
        vec![
            (vec![s("Quadratisch"), i(5), i(6)], text("ratisc")),
            (vec![s("Sakila"), i(-5), i(3)], text("aki")),
            (vec![s("Sakila"), i(2), i(-1)], text("")),
            (vec![s("Sakila"), i(2), u(u64::MAX)], text("akila")),
        ],
    );
    check(
        Sig::SubstringIndex,
        &t,
        vec![
            (vec![s("www.mysql.com"), s("."), i(2)], text("www.mysql")),
            (vec![s("www.mysql.com"), s("."), i(-2)], text("mysql.com")),
            (vec![s("www.mysql.com"), s("."), i(9)], text("www.mysql.com")),
            (vec![s("www.mysql.com"), s("."), i(0)], text("")),
        ],
    );
    check(
        Sig::InsertUtf8,
        &t,
        vec![
            (vec![s("Quadratic"), i(3), i(4), s("What")], text("QuWhattic")),
            (vec![s("Quadratic"), i(-1), i(4), s("What")], text("Quadratic")),
            (vec![s("Quadratic"), i(3), i(100), s("What")], text("QuWhat")),
        ],
    );
}

#[test]
fn texts_are_found_in_others() {
    let ret = FieldType { collate: Some(-46), ..bigint() };
    check(
        Sig::Locate2ArgsUtf8,
        &ret,
        vec![
            (vec![s("bar"), s("foobarbar")], int(4)),
            (vec![s("x"), s("foobar")], int(0)),
            (vec![s(""), s("foo")], int(1)),
        ],
    );
    check(
        Sig::Locate3ArgsUtf8,
        &ret,
        vec![
            (vec![s("bar"), s("foobarbar"), i(5)], int(7)),
            (vec![s("bar"), s("foobarbar"), i(0)], int(0)),
        ],
    );
    check(Sig::InstrUtf8, &ret, vec![(vec![s("grün"), s("n")], int(4))]);
    check(
        Sig::FindInSet,
        &ret,
        vec![
            (vec![s("b"), s("a,b,c")], int(2)),
            (vec![s("d"), s("a,b,c")], int(0)),
            (vec![s(""), s("")], int(0)),
        ],
    );
    check(
        Sig::Strcmp,
        &ret,
        vec![(vec![s("a"), s("b")], int(-1)), (vec![s("a "), s("a")], int(0))],
    );
    check(
        Sig::Elt,
        &varchar(),
        vec![
            (vec![i(2), s("a"), s("b")], text("b")),
            (vec![i(0), s("a")], Value::Null),
            (vec![i(3), s("a"), s("b")], Value::Null),
        ],
    );
    check(
        Sig::FieldString,
        &ret,
        vec![(vec![s("b"), s("a"), s("b")], int(2)), (vec![null(), s("a")], int(0))],
    );
    check(Sig::FieldInt, &bigint(), vec![(vec![i(3), i(1), i(3)], int(2))]);
}
