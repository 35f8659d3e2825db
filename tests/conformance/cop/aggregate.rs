//! Aggregation, hashed and streamed.

use tifusion_proto::tipb::{ExecType, Expr, ExprType, FieldType};

use super::{Question, Table, dag};
use crate::harness::group::{Group, cases, group_tests};
use crate::harness::script::Script;

group_tests!();

fn group() -> Group {
    Group {
        name: "cop_aggregate",
        cases: cases![
            counts,
            sums,
            averages,
            least_and_greatest,
            firsts,
            bits,
            by_a_number,
            by_a_text,
            by_two_columns,
            over_no_rows,
            streamed,
            over_a_selection,
        ],
    }
}

/// A function with its type, and the types of the columns that it tells.
struct Function {
    name: &'static str,
    expr: Expr,
    told: Vec<FieldType>,
}

fn count(argument: Expr) -> Function {
    let expr = dag::aggregate(ExprType::Count, dag::bigint(), vec![argument]);
    Function { name: "count", expr, told: vec![dag::bigint()] }
}

/// A sum, whose type is DOUBLE for floats and DECIMAL else.
fn sum(argument: Expr) -> Function {
    let ty = sum_type(&argument);
    let expr = dag::aggregate(ExprType::Sum, ty.clone(), vec![argument]);
    Function { name: "sum", expr, told: vec![ty] }
}

/// An average's parts: the count and the sum.
fn average(argument: Expr) -> Function {
    let ty = sum_type(&argument);
    let expr = dag::aggregate(ExprType::Avg, ty.clone(), vec![argument]);
    Function { name: "avg", expr, told: vec![dag::bigint(), ty] }
}

fn sum_type(argument: &Expr) -> FieldType {
    let ty = argument.field_type.clone().expect("a type");
    match ty.tp {
        Some(4 | 5) => dag::double(),
        Some(0xf6) => dag::decimal(65, ty.decimal.unwrap_or_default()),
        _ => dag::decimal(65, 0),
    }
}

fn same_type(name: &'static str, kind: ExprType, argument: Expr) -> Function {
    let ty = argument.field_type.clone().expect("a type");
    let expr = dag::aggregate(kind, ty.clone(), vec![argument]);
    Function { name, expr, told: vec![ty] }
}

fn bit(name: &'static str, kind: ExprType, argument: Expr) -> Function {
    let expr = dag::aggregate(kind, dag::ubigint(), vec![argument]);
    Function { name, expr, told: vec![dag::ubigint()] }
}

/// Asks for functions over the whole table or over groups.
async fn ask(s: &mut Script, t: &Table, what: &str, functions: Vec<Function>, group_by: Vec<Expr>) {
    let mut types: Vec<_> = functions.iter().flat_map(|function| function.told.clone()).collect();
    types.extend(group_by.iter().map(|expr| expr.field_type.clone().expect("a type")));
    let exprs = functions.into_iter().map(|function| function.expr).collect();
    let aggregation = dag::aggregation(ExecType::TypeAggregation, exprs, group_by);
    let plan = dag::plan(vec![t.scan(), aggregation], types.len());
    s.ask(what, Question::new(plan, t.all(), types).unordered()).await;
}

async fn counts(s: &mut Script) {
    let t = Table::of(s, "nums").await;
    for name in ["id", "i", "f", "n", "g"] {
        ask(s, &t, name, vec![count(t.col(name))], vec![]).await;
    }
    ask(s, &t, "rows", vec![count(dag::int(1))], vec![]).await;
}

async fn sums(s: &mut Script) {
    let t = Table::of(s, "nums").await;
    // Functions of integers take decimals: TiDB casts them.
    for name in ["f", "d", "n", "m"] {
        ask(s, &t, name, vec![sum(t.col(name))], vec![]).await;
    }
}

async fn averages(s: &mut Script) {
    let t = Table::of(s, "nums").await;
    for name in ["f", "d", "n", "m"] {
        let function = average(t.col(name));
        let types = function.told.clone();
        let aggregation = dag::aggregation(ExecType::TypeAggregation, vec![function.expr], vec![]);
        let plan = dag::plan(vec![t.scan(), aggregation], types.len());
        let question = Question::new(plan, t.all(), types);
        s.ask_tikv(name, question, "dies of an average's two columns").await;
    }
}

async fn least_and_greatest(s: &mut Script) {
    let columns = [
        ("nums", vec!["i", "u", "f", "d", "n", "y", "m"]),
        ("texts", vec!["s", "c", "b", "k"]),
        ("dates", vec!["d", "dt", "ts", "t"]),
    ];
    for (table, columns) in columns {
        let t = Table::of(s, table).await;
        for name in columns {
            let both = vec![
                same_type("min", ExprType::Min, t.col(name)),
                same_type("max", ExprType::Max, t.col(name)),
            ];
            ask(s, &t, &format!("{table} {name}"), both, vec![]).await;
        }
    }
}

async fn firsts(s: &mut Script) {
    let t = Table::of(s, "nums").await;
    for name in ["i", "u", "d", "n", "g"] {
        let first = vec![same_type("first", ExprType::First, t.col(name))];
        ask(s, &t, name, first, vec![t.col("g")]).await;
    }
}

async fn bits(s: &mut Script) {
    let t = Table::of(s, "nums").await;
    let kinds =
        [("and", ExprType::AggBitAnd), ("or", ExprType::AggBitOr), ("xor", ExprType::AggBitXor)];
    for (name, kind) in kinds {
        for column in ["u", "i"] {
            let function = bit(name, kind, t.col(column));
            let what = format!("{} {column}", function.name);
            ask(s, &t, &what, vec![function], vec![t.col("g")]).await;
        }
    }
}

async fn by_a_number(s: &mut Script) {
    let t = Table::of(s, "nums").await;
    for name in ["g", "i", "y", "n"] {
        let functions = vec![count(dag::int(1)), sum(t.col("n"))];
        ask(s, &t, name, functions, vec![t.col(name)]).await;
    }
}

async fn by_a_text(s: &mut Script) {
    let t = Table::of(s, "texts").await;
    for name in ["s", "b"] {
        let functions = vec![count(t.col("k")), same_type("max", ExprType::Max, t.col("k"))];
        ask(s, &t, name, functions, vec![t.col(name)]).await;
    }
}

async fn by_two_columns(s: &mut Script) {
    let t = Table::of(s, "nums").await;
    ask(s, &t, "g, y", vec![count(dag::int(1))], vec![t.col("g"), t.col("y")]).await;
}

async fn over_no_rows(s: &mut Script) {
    let t = Table::of(s, "nums").await;
    let functions =
        || vec![count(dag::int(1)), sum(t.col("n")), same_type("min", ExprType::Min, t.col("i"))];
    for group_by in [vec![], vec![t.col("g")]] {
        let mut types: Vec<_> = functions().iter().flat_map(|it| it.told.clone()).collect();
        types.extend(group_by.iter().map(|expr| expr.field_type.clone().expect("a type")));
        let exprs = functions().into_iter().map(|function| function.expr).collect();
        let aggregation = dag::aggregation(ExecType::TypeAggregation, exprs, group_by);
        let none = dag::selection(vec![dag::int(0)]);
        let plan = dag::plan(vec![t.scan(), none, aggregation], types.len());
        s.ask("nothing", Question::new(plan, t.all(), types)).await;
    }
}

async fn streamed(s: &mut Script) {
    let t = Table::of(s, "nums").await;
    let (id, scan) = dag::index_scan(&t.info, "kg", t.info.id);
    let columns = scan.idx_scan.as_ref().expect("a scan").columns.clone();
    let (g, n) = (dag::type_of(&columns[0]), dag::type_of(&columns[1]));
    let functions = [count(dag::int(1)), sum(dag::column(1, n.clone()))];
    let mut types: Vec<_> = functions.iter().flat_map(|it| it.told.clone()).collect();
    types.push(g.clone());
    let exprs = functions.into_iter().map(|function| function.expr).collect();
    let group_by = vec![dag::column(0, g)];
    let aggregation = dag::aggregation(ExecType::TypeStreamAgg, exprs, group_by);
    let plan = dag::plan(vec![scan, aggregation], types.len());
    let ranges = vec![super::range(tifusion_codec::key::index_range(t.info.id, id))];
    s.ask("by the index", Question::new(plan.clone(), ranges.clone(), types.clone())).await;
    s.ask("in chunks", Question::new(plan, ranges, types).in_chunks()).await;
}

async fn over_a_selection(s: &mut Script) {
    let t = Table::of(s, "nums").await;
    let positive = dag::call(
        tifusion_proto::tipb::ScalarFuncSig::GtInt,
        dag::bigint(),
        vec![t.col("i"), dag::int(0)],
    );
    let functions = [count(dag::int(1)), sum(t.col("d"))];
    let mut types: Vec<_> = functions.iter().flat_map(|it| it.told.clone()).collect();
    types.push(t.types()[t.place("g")].clone());
    let exprs = functions.into_iter().map(|function| function.expr).collect();
    let aggregation = dag::aggregation(ExecType::TypeAggregation, exprs, vec![t.col("g")]);
    let plan = dag::plan(vec![t.scan(), dag::selection(vec![positive]), aggregation], types.len());
    s.ask("positive", Question::new(plan, t.all(), types).unordered()).await;
}
