//! Selections: comparisons of every type, and what is left of the rows.

use tifusion_proto::tipb::ScalarFuncSig::{self, *};
use tifusion_proto::tipb::{Expr, ExprType};

use super::dag::{self, bigint, call, int, number, real, string, uint};
use super::{Question, Table};
use crate::harness::group::{Group, cases, group_tests};
use crate::harness::script::Script;

group_tests!();

fn group() -> Group {
    Group {
        name: "cop_select",
        cases: cases![
            integers,
            signs,
            reals,
            decimals,
            texts_by_bytes,
            texts_without_case,
            times,
            durations,
            lists,
            combinations,
            documents,
            over_an_index,
        ],
    }
}

/// The first columns of the rows that each condition leaves.
async fn rows(s: &mut Script, t: &Table, conditions: Vec<(String, Vec<Expr>)>) {
    for (what, conditions) in conditions {
        let plan = dag::plan(vec![t.scan(), dag::selection(conditions)], 1);
        s.ask(&what, Question::new(plan, t.all(), t.types()[..1].to_vec())).await;
    }
}

/// One condition per comparison.
fn compared(sigs: &[ScalarFuncSig], a: &Expr, b: &Expr) -> Vec<(String, Vec<Expr>)> {
    let condition = |sig: &ScalarFuncSig| {
        let expr = call(*sig, bigint(), vec![a.clone(), b.clone()]);
        (sig.as_str_name().to_owned(), vec![expr])
    };
    sigs.iter().map(condition).collect()
}

async fn integers(s: &mut Script) {
    let t = Table::of(s, "nums").await;
    let sigs = [LtInt, LeInt, GtInt, GeInt, EqInt, NeInt, NullEqInt];
    rows(s, &t, compared(&sigs, &t.col("i"), &int(7))).await;
    rows(s, &t, compared(&[EqInt, NullEqInt], &t.col("i"), &dag::null())).await;
}

async fn signs(s: &mut Script) {
    let t = Table::of(s, "nums").await;
    let sigs = [LtInt, GtInt, EqInt];
    rows(s, &t, compared(&sigs, &t.col("u"), &int(-1))).await;
    rows(s, &t, compared(&sigs, &t.col("i"), &uint(7))).await;
    rows(s, &t, compared(&sigs, &t.col("i"), &t.col("u"))).await;
    rows(s, &t, compared(&sigs, &t.col("u"), &uint(u64::MAX))).await;
}

async fn reals(s: &mut Script) {
    let t = Table::of(s, "nums").await;
    let sigs = [LtReal, LeReal, GtReal, GeReal, EqReal, NeReal, NullEqReal];
    rows(s, &t, compared(&sigs, &t.col("d"), &real(2.5))).await;
    rows(s, &t, compared(&sigs, &t.col("f"), &real(0.1))).await;
}

async fn decimals(s: &mut Script) {
    let t = Table::of(s, "nums").await;
    let sigs = [LtDecimal, LeDecimal, GtDecimal, GeDecimal, EqDecimal, NeDecimal, NullEqDecimal];
    rows(s, &t, compared(&sigs, &t.col("n"), &number("2.50"))).await;
    rows(s, &t, compared(&sigs, &t.col("m"), &number("1"))).await;
}

async fn texts_by_bytes(s: &mut Script) {
    let t = Table::of(s, "texts").await;
    let sigs = [LtString, LeString, GtString, GeString, EqString, NeString, NullEqString];
    rows(s, &t, compared(&sigs, &t.col("s"), &string("abc"))).await;
    rows(s, &t, compared(&sigs, &t.col("b"), &string("a"))).await;
}

/// A comparison whose arguments have the collation of its first.
async fn texts_without_case(s: &mut Script) {
    let t = Table::of(s, "texts").await;
    let mut constant = string("abc");
    constant.field_type = Some(dag::text_of(dag::GENERAL_CI));
    let sigs = [LtString, LeString, GtString, GeString, EqString, NeString, NullEqString];
    let mut conditions = compared(&sigs, &t.col("c"), &constant);
    for (_, exprs) in &mut conditions {
        let ty = exprs[0].field_type.as_mut().expect("a type");
        ty.collate = Some(dag::GENERAL_CI);
        ty.charset = Some("utf8mb4".to_owned());
    }
    rows(s, &t, conditions).await;
}

async fn times(s: &mut Script) {
    let t = Table::of(s, "dates").await;
    let sigs = [LtTime, LeTime, GtTime, GeTime, EqTime, NeTime, NullEqTime];
    // The constant's bits: year and month, day, hour, minute, second, microsecond.
    let packed = |year: u64, month: u64, day: u64| ((year * 13 + month) << 5 | day) << 41;
    let constant = |value: u64, ty| {
        let mut val = Vec::new();
        tifusion_codec::number::encode_u64(&mut val, value);
        Expr {
            tp: Some(ExprType::MysqlTime.into()),
            val: Some(val),
            field_type: Some(ty),
            ..Expr::default()
        }
    };
    rows(s, &t, compared(&sigs, &t.col("d"), &constant(packed(2024, 2, 29), dag::date()))).await;
    rows(s, &t, compared(&sigs, &t.col("dt"), &constant(packed(2024, 10, 27), dag::datetime(0))))
        .await;
    rows(s, &t, compared(&sigs, &t.col("d"), &t.col("dt"))).await;
}

async fn durations(s: &mut Script) {
    let t = Table::of(s, "dates").await;
    let sigs = [LtDuration, LeDuration, GtDuration, GeDuration, EqDuration, NeDuration];
    let mut val = Vec::new();
    tifusion_codec::number::encode_i64(&mut val, 45_296_789_000_000);
    let constant = Expr {
        tp: Some(ExprType::MysqlDuration.into()),
        val: Some(val),
        field_type: Some(dag::duration(3)),
        ..Expr::default()
    };
    rows(s, &t, compared(&sigs, &t.col("t"), &constant)).await;
}

async fn lists(s: &mut Script) {
    let t = Table::of(s, "nums").await;
    let list = |sig, column: &str, values: Vec<Expr>| {
        let children = [vec![t.col(column)], values].concat();
        (format!("{column} in {}", children.len() - 1), vec![call(sig, bigint(), children)])
    };
    let conditions = vec![
        list(InInt, "i", vec![int(7), int(0), int(99)]),
        list(InInt, "i", vec![int(7), dag::null()]),
        list(InInt, "u", vec![uint(u64::MAX), int(1)]),
        list(InReal, "d", vec![real(2.5), real(0.1)]),
        list(InDecimal, "n", vec![number("2.5"), number("0"), number("99.9999")]),
    ];
    rows(s, &t, conditions).await;
    let t = Table::of(s, "texts").await;
    let children = vec![t.col("s"), string("abc"), string("")];
    let conditions = vec![("s in 2".to_owned(), vec![call(InString, bigint(), children)])];
    rows(s, &t, conditions).await;
}

async fn combinations(s: &mut Script) {
    let t = Table::of(s, "nums").await;
    let more = |value| call(GtInt, bigint(), vec![t.col("i"), int(value)]);
    let is_null = || call(IntIsNull, bigint(), vec![t.col("g")]);
    let not = |expr| call(UnaryNotInt, bigint(), vec![expr]);
    let conditions = vec![
        ("two".to_owned(), vec![more(0), is_null()]),
        ("and".to_owned(), vec![call(LogicalAnd, bigint(), vec![more(0), is_null()])]),
        ("or".to_owned(), vec![call(LogicalOr, bigint(), vec![more(50), is_null()])]),
        ("not".to_owned(), vec![not(more(0))]),
        ("not null".to_owned(), vec![not(is_null())]),
        ("a number".to_owned(), vec![t.col("i")]),
        ("nothing".to_owned(), vec![dag::null()]),
        ("a constant".to_owned(), vec![int(1)]),
    ];
    rows(s, &t, conditions).await;
}

async fn documents(s: &mut Script) {
    let t = Table::of(s, "texts").await;
    let a = call(JsonExtractSig, dag::json(), vec![t.col("j"), string("$.a")]);
    let one = call(CastIntAsJson, dag::json(), vec![int(1)]);
    let conditions = vec![
        ("equal".to_owned(), vec![call(EqJson, bigint(), vec![a, one.clone()])]),
        ("less".to_owned(), vec![call(LtJson, bigint(), vec![t.col("j"), one])]),
    ];
    rows(s, &t, conditions).await;
}

async fn over_an_index(s: &mut Script) {
    let t = Table::of(s, "nums").await;
    let (id, scan) = dag::index_scan(&t.info, "kg", t.info.id);
    let columns = scan.idx_scan.as_ref().expect("a scan").columns.clone();
    let types: Vec<_> = columns.iter().map(dag::type_of).collect();
    let negative = call(LtDecimal, bigint(), vec![dag::column(1, types[1].clone()), number("0")]);
    let plan = dag::plan(vec![scan, dag::selection(vec![negative])], types.len());
    let ranges = vec![super::range(tifusion_codec::key::index_range(t.info.id, id))];
    s.ask("kg", Question::new(plan, ranges, types)).await;
}
