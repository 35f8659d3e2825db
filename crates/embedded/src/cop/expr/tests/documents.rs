//! Functions of JSON and of vectors.

use tifusion_codec::field_type::tp;
use tifusion_codec::json::{from_text, write_cell_text};
use tifusion_proto::tipb::ScalarFuncSig as Sig;

use super::*;
use crate::cop::json::Json;

fn j(text: &str) -> Arg {
    let (kind, body) = from_text(text).unwrap();
    (Value::Json([&[kind], body.as_slice()].concat().into()), plain(tp::JSON, 0))
}

fn v(elements: &[f32]) -> Arg {
    let mut cell = Vec::new();
    tifusion_codec::vector::encode(&mut cell, elements).unwrap();
    (Value::Vector(cell.into()), plain(tp::TIDB_VECTOR_FLOAT32, 0))
}

#[test]
fn documents_come_back_from_trees_byte_for_byte() {
    for text in [
        "null",
        "true",
        "-1",
        "18446744073709551615",
        "1.5",
        "\"ü\"",
        "[]",
        "{}",
        "[1, \"a\", null, [true, false], {\"k\": 1}]",
        "{\"b\": [1, 2], \"a\": {\"x\": null}, \"\": 3.25}",
    ] {
        let (Value::Json(cell), _) = j(text) else { panic!("JSON") };
        assert_eq!(Json::decode(&cell).unwrap().encode(), cell, "{text}");
    }
    assert!(Json::decode(&[1, 255, 0, 0, 0, 9, 0, 0, 0]).is_err());
}

#[test]
fn documents_have_an_order() {
    let json = plain(tp::JSON, 0);
    for (left, right) in [
        ("null", "1"),
        ("1", "1.5"),
        ("-1", "18446744073709551615"),
        ("5", "\"a\""),
        ("\"a\"", "\"b\""),
        ("\"z\"", "{}"),
        ("{}", "[]"),
        ("[1]", "[1, 2]"),
        ("[9]", "false"),
        ("false", "true"),
    ] {
        check(
            Sig::LtJson,
            &bigint(),
            vec![
                (vec![j(left), j(right)], Value::Int(1)),
                (vec![j(right), j(left)], Value::Int(0)),
            ],
        );
    }
    check(
        Sig::EqJson,
        &bigint(),
        vec![
            (vec![j("1"), j("1.0")], Value::Int(1)),
            (vec![j("{\"a\": 1, \"b\": 2}"), j("{\"b\": 2, \"a\": 1}")], Value::Int(1)),
        ],
    );
    check(Sig::InJson, &bigint(), vec![(vec![j("1"), j("2"), j("1")], Value::Int(1))]);
    check(Sig::IfNullJson, &json, vec![(vec![null(), j("1")], j("1").0)]);
}

#[test]
fn documents_are_looked_into() {
    let json = plain(tp::JSON, 0);
    let document = || j("{\"a\": [1, {\"b\": 2}], \"c d\": \"x\"}");
    for (paths, expected) in [
        (vec!["$.a[0]"], Some("1")),
        (vec!["$.a[1].b"], Some("2")),
        (vec!["$.a[last]"], Some("{\"b\": 2}")),
        (vec!["$.a[last-1]"], Some("1")),
        (vec!["$.\"c d\""], Some("\"x\"")),
        (vec!["$.*"], Some("[[1, {\"b\": 2}], \"x\"]")),
        (vec!["$.a[*]"], Some("[1, {\"b\": 2}]")),
        (vec!["$.a[0]", "$.z"], Some("[1]")),
        (vec!["$.z"], None),
        (vec!["$[0].a[0]"], Some("1")),
    ] {
        let args = std::iter::once(document()).chain(paths.iter().map(|path| s(path))).collect();
        let expected = expected.map_or(Value::Null, |text| j(text).0);
        check(Sig::JsonExtractSig, &json, vec![(args, expected)]);
    }
    assert_eq!(error(Sig::JsonExtractSig, json, &[document(), s("$**.a")]).code, 3143);
    check(
        Sig::JsonLengthSig,
        &bigint(),
        vec![
            (vec![document()], Value::Int(2)),
            (vec![document(), s("$.a")], Value::Int(2)),
            (vec![document(), s("$.q")], Value::Null),
            (vec![j("7")], Value::Int(1)),
        ],
    );
    for (text, name) in [("[]", "ARRAY"), ("1", "INTEGER"), ("null", "NULL"), ("true", "BOOLEAN")] {
        check(Sig::JsonTypeSig, &varchar(), vec![(vec![j(text)], Value::text(name))]);
    }
    check(
        Sig::JsonUnquoteSig,
        &varchar(),
        vec![(vec![s("\"a\\nb\"")], Value::text("a\nb")), (vec![s("abc")], Value::text("abc"))],
    );
    check(
        Sig::JsonValidStringSig,
        &bigint(),
        vec![(vec![s("{}")], Value::Int(1)), (vec![s("{")], Value::Int(0))],
    );
}

#[test]
fn documents_are_made_of_values() {
    let json = plain(tp::JSON, 0);
    let parsed = plain(tp::JSON, 1 << 18);
    check(
        Sig::JsonArraySig,
        &json,
        vec![(vec![j("1"), null(), j("\"a\"")], j("[1, null, \"a\"]").0)],
    );
    check(Sig::JsonObjectSig, &json, vec![(vec![s("k"), j("1")], j("{\"k\": 1}").0)]);
    check(
        Sig::CastIntAsJson,
        &json,
        vec![
            (vec![i(-1)], j("-1").0),
            (vec![(Value::Int(1), plain(tp::TINY, 1 << 19))], j("true").0),
        ],
    );
    check(Sig::CastStringAsJson, &json, vec![(vec![s("[1]")], j("\"[1]\"").0)]);
    check(Sig::CastStringAsJson, &parsed, vec![(vec![s("[1]")], j("[1]").0)]);
    check(Sig::CastDecimalAsJson, &json, vec![(vec![d("1.5")], j("1.5").0)]);
    check(
        Sig::CastJsonAsInt,
        &bigint(),
        vec![
            (vec![j("true")], Value::Int(1)),
            (vec![j("4.5")], Value::Int(5)),
            (vec![j("\"7\"")], Value::Int(7)),
        ],
    );
    check(Sig::CastJsonAsReal, &plain(tp::DOUBLE, 0), vec![(vec![j("\"1.5\"")], Value::Real(1.5))]);
    check(
        Sig::CastJsonAsString,
        &varchar(),
        vec![(vec![j("{\"a\": [1]}")], Value::text("{\"a\": [1]}"))],
    );
    let time = tifusion_codec::time::CoreTime::parse(
        "2024-01-02",
        tifusion_codec::time::TimeKind::Date,
        0,
    )
    .unwrap();
    let Value::Json(cell) =
        eval(Sig::CastTimeAsJson, json, &[(Value::Time(time), plain(tp::DATE, 0))]).unwrap()
    else {
        panic!("JSON")
    };
    let mut text = String::new();
    write_cell_text(&mut text, &cell).unwrap();
    assert_eq!(text, "\"2024-01-02\"");
}

#[test]
fn vectors_are_measured() {
    let double = plain(tp::DOUBLE, 0);
    let real = Value::Real;
    check(Sig::VecDimsSig, &bigint(), vec![(vec![v(&[1.0, 2.0])], Value::Int(2))]);
    check(Sig::VecAsTextSig, &varchar(), vec![(vec![v(&[1.5, -2.0])], Value::text("[1.5,-2]"))]);
    check(Sig::VecL2NormSig, &double, vec![(vec![v(&[3.0, 4.0])], real(5.0))]);
    check(Sig::VecL1DistanceSig, &double, vec![(vec![v(&[0.0, 0.0]), v(&[3.0, 4.0])], real(7.0))]);
    check(Sig::VecL2DistanceSig, &double, vec![(vec![v(&[0.0, 0.0]), v(&[3.0, 4.0])], real(5.0))]);
    check(
        Sig::VecNegativeInnerProductSig,
        &double,
        vec![(vec![v(&[1.0, 2.0]), v(&[3.0, 4.0])], real(-11.0))],
    );
    check(
        Sig::VecCosineDistanceSig,
        &double,
        vec![
            (vec![v(&[1.0, 2.0]), v(&[2.0, 4.0])], real(0.0)),
            (vec![v(&[1.0, 2.0]), v(&[0.0, 0.0])], Value::Null),
        ],
    );
    assert!(eval(Sig::VecL2DistanceSig, double, &[v(&[1.0]), v(&[1.0, 2.0])]).is_err());
    check(
        Sig::LtVectorFloat32,
        &bigint(),
        vec![
            (vec![v(&[1.0]), v(&[1.0, 0.0])], Value::Int(1)),
            (vec![v(&[2.0]), v(&[1.0, 0.0])], Value::Int(0)),
        ],
    );
}
