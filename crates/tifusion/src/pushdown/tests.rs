//! Lowering, on expressions as DataFusion makes them; the table, and its page in the documentation.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::logical_expr::execution_props::ExecutionProps;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{Expr, cast, lit, not, when};
use datafusion::physical_expr::create_physical_expr;
use datafusion::prelude::ident;
use tifusion_codec::FieldType;
use tifusion_codec::field_type::{flag, tp};
use tifusion_proto::tipb::{self, ExprType, ScalarFuncSig};

use super::blacklist::Blacklist;
use super::build::size;
use super::filter::Filters;
use super::scope::{Circumstances, Scope};
use super::table::is_for_tiflash;
use super::{Capability, Exactness, aggregates, capabilities};
use crate::config::ZeroDate;

mod aggregate;

const MICROS: TimeUnit = TimeUnit::Microsecond;

fn text(collation: &str) -> FieldType {
    let mut field_type = FieldType::new(tp::VARCHAR, 0);
    field_type.charset = "utf8mb4".to_owned();
    field_type.collate = collation.to_owned();
    field_type
}

fn columns() -> Vec<(&'static str, FieldType, DataType)> {
    let number = |code| FieldType::new(code, 0);
    let gbk = FieldType { charset: "gbk".to_owned(), ..text("gbk_bin") };
    vec![
        ("tiny", number(tp::TINY), DataType::Int8),
        ("int", number(tp::LONG), DataType::Int32),
        ("big", number(tp::LONG_LONG), DataType::Int64),
        ("ubig", FieldType::new(tp::LONG_LONG, flag::UNSIGNED), DataType::UInt64),
        ("x", number(tp::DOUBLE), DataType::Float64),
        ("s", text("utf8mb4_general_ci"), DataType::LargeUtf8),
        ("gbk", gbk, DataType::LargeUtf8),
        ("day", number(tp::DATE), DataType::Date32),
        ("moment", number(tp::DATETIME), DataType::Timestamp(MICROS, None)),
        ("doc", number(tp::JSON), DataType::Utf8),
    ]
}

fn circumstances() -> Circumstances {
    Circumstances {
        new_collation: true,
        zero_date: ZeroDate::Null,
        is_utc: true,
        blacklist: Arc::new(Blacklist::new(&[], Some(&[]))),
    }
}

fn decide_in(circumstances: Circumstances, filter: &Expr) -> Filters {
    let columns = columns();
    let named = columns.iter().map(|(name, field_type, _)| (*name, field_type));
    let scope = Scope::new(named, circumstances);
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, _, data_type)| Field::new(*name, data_type.clone(), true))
        .collect();
    let schema = Arc::new(Schema::new(fields));
    let df_schema = DFSchema::try_from(Arc::clone(&schema)).unwrap();
    let context = PhysicalPlanningContext::default();
    let physical =
        create_physical_expr(filter, &df_schema, &ExecutionProps::new(), &context).unwrap();
    Filters::new(&[physical], &scope, &schema)
}

fn decide(filter: &Expr) -> Filters {
    decide_in(circumstances(), filter)
}

fn only(filters: &Filters) -> &tipb::Expr {
    assert_eq!(filters.conditions.len(), 1, "{filters:?}");
    &filters.conditions[0]
}

fn reason(filters: &Filters) -> String {
    assert!(filters.conditions.is_empty() && filters.refused.len() == 1, "{filters:?}");
    filters.refused[0].to_string()
}

fn day(text: &str) -> Expr {
    let days = ScalarValue::Utf8(Some(text.to_owned())).cast_to(&DataType::Date32).unwrap();
    Expr::Literal(days, None)
}

#[test]
fn a_comparison_has_its_column_and_its_constant() {
    let filters = decide(&ident("int").gt(lit(7_i32)));
    let condition = only(&filters);
    assert_eq!(condition.sig(), ScalarFuncSig::GtInt);
    let [column, constant] = condition.children.as_slice() else { panic!("{condition:?}") };
    assert_eq!(
        (column.tp(), column.val()),
        (ExprType::ColumnRef, [0x80, 0, 0, 0, 0, 0, 0, 1].as_slice())
    );
    assert_eq!(
        (constant.tp(), constant.val()),
        (ExprType::Int64, [0x80, 0, 0, 0, 0, 0, 0, 7].as_slice())
    );
    assert_eq!(filters.exact, ["int > 7"]);
}

#[test]
fn texts_compare_by_bytes_whatever_their_collation_and_patterns_by_characters() {
    for (new_collation, sign) in [(true, -1), (false, 1)] {
        let collation = |filter: &Expr| {
            let filters = decide_in(Circumstances { new_collation, ..circumstances() }, filter);
            only(&filters).field_type.as_ref().unwrap().collate() * sign
        };
        let value = || lit(ScalarValue::LargeUtf8(Some("a".to_owned())));
        assert_eq!(collation(&ident("s").eq(value())), 63);
        assert_eq!(collation(&ident("s").lt(value())), 63);
        assert_eq!(collation(&ident("s").in_list(vec![value()], false)), 63);
        assert_eq!(collation(&ident("s").like(value())), 46);
    }
    assert!(reason(&decide(&ident("gbk").eq(ident("gbk")))).contains("character set"));
}

#[test]
fn a_pattern_with_a_backslash_stays() {
    let pattern = lit(ScalarValue::LargeUtf8(Some("a\\%".to_owned())));
    assert!(reason(&decide(&ident("s").like(pattern))).contains("without a backslash"));
}

#[test]
fn integers_are_computed_with_where_they_can_not_overflow() {
    let wide = |name: &str| cast(ident(name), DataType::Int64);
    assert_eq!(decide(&(wide("int") + wide("tiny")).gt(lit(1_i64))).exact.len(), 1);
    assert_eq!(decide(&(wide("int") * wide("int")).gt(lit(1_i64))).exact.len(), 1);
    for overflowing in [
        (ident("big") + lit(1_i64)).gt(lit(1_i64)),
        (ident("int") + ident("int")).gt(lit(1_i32)),
        (wide("int") * wide("int") * lit(4_i64)).gt(lit(1_i64)),
        (-ident("big")).gt(lit(1_i64)),
        (ident("big") / lit(-1_i64)).gt(lit(1_i64)),
    ] {
        assert!(reason(&decide(&overflowing)).contains("exclude overflow"), "{overflowing}");
    }
    for dividing in [wide("int") / wide("tiny"), wide("int") % lit(0_i64)] {
        assert!(reason(&decide(&dividing.gt(lit(1_i64)))).contains("divisor of zero"));
    }
    assert_eq!(decide(&(ident("big") / lit(2_i64)).gt(lit(1_i64))).exact.len(), 1);
}

#[test]
fn floats_that_may_overflow_and_zeros_that_may_meet_stay() {
    assert!(reason(&decide(&(ident("x") + lit(1.0)).gt(lit(1.0)))).contains("DOUBLE column"));
    assert_eq!(decide(&ident("x").gt(lit(0.0))).exact.len(), 1);
    assert_eq!(decide(&ident("x").lt_eq(lit(0.0))).exact.len(), 1);
    assert_eq!(decide(&ident("x").gt_eq(lit(0.0))).superset.len(), 1);
    assert_eq!(decide(&ident("x").eq(lit(0.0))).superset.len(), 1);
    assert_eq!(decide(&ident("x").eq(lit(0.5))).exact.len(), 1);
    for less in [ident("x").lt(lit(0.0)), ident("x").not_eq(lit(0.0)), not(ident("x").eq(lit(0.0)))]
    {
        assert!(reason(&decide(&less)).contains("-0.0"), "{less}");
    }
    assert!(reason(&decide(&ident("x").lt(lit(f64::NAN)))).contains("no such float"));
}

#[test]
fn a_comparison_of_a_date_keeps_too_much_and_elsewhere_the_calendar_is_asked() {
    let filters = decide(&ident("day").lt(day("2024-01-01")));
    assert_eq!((filters.superset.len(), size(only(&filters)).0), (1, 3));
    let filters = decide(&ident("day").is_null());
    assert_eq!(filters.exact.len(), 1);
    assert_eq!(only(&filters).children[0].sig(), ScalarFuncSig::CaseWhenTime);
    let filters = decide(&not(ident("day").lt(day("2024-01-01"))));
    assert_eq!(filters.exact.len(), 1);
    let with_errors = Circumstances { zero_date: ZeroDate::Error, ..circumstances() };
    let filters = decide_in(with_errors, &ident("day").lt(day("2024-01-01")));
    assert!(reason(&filters).contains("zero_date = error"));
}

#[test]
fn an_or_needs_both_sides_and_an_and_does_not() {
    let (good, bad) = (ident("int").gt(lit(7_i32)), ident("doc").eq(lit("{}")));
    let filters = decide(&good.clone().and(bad.clone()));
    assert_eq!((filters.exact.len(), filters.refused.len()), (1, 1));
    let filters = decide(&good.clone().and(bad.clone()).or(ident("tiny").lt(lit(1_i8))));
    assert_eq!((filters.superset.len(), filters.refused.len()), (1, 1));
    assert!(reason(&decide(&good.clone().or(bad.clone()))).contains("JSON is its text here"));
    assert!(reason(&decide(&not(good.and(bad)))).contains("JSON"));
}

#[test]
fn branches_of_both_signs_share_their_bits_or_stay() {
    let narrow = when(ident("int").gt(lit(1_i32)), cast(ident("int"), DataType::Int64))
        .otherwise(cast(ident("tiny"), DataType::Int64))
        .unwrap();
    let filters = decide(&narrow.lt(lit(0_i64)));
    assert_eq!(only(&filters).children[0].sig(), ScalarFuncSig::CaseWhenInt);
    let flag = only(&filters).children[0].field_type.as_ref().unwrap().flag();
    assert_eq!(flag & flag::UNSIGNED, 0);
}

#[test]
fn long_chains_are_flat_and_deep_nesting_stays() {
    let chain = (1..5000_i32)
        .fold(ident("int").eq(lit(0_i32)), |chain, value| chain.or(ident("int").eq(lit(value))));
    let filters = decide(&chain);
    assert!(size(only(&filters)).1 < 20);
    let deep = (0..200_i32).fold(ident("int").eq(lit(0_i32)), |deep, value| {
        not(deep.and(ident("int").eq(lit(value))))
    });
    assert!(reason(&decide(&deep)).contains("too large"));
}

#[test]
fn what_the_cluster_forbids_stays() {
    let blacklist = Blacklist::new(&[], Some(&["<".to_owned()]));
    let circumstances = Circumstances { blacklist: Arc::new(blacklist), ..circumstances() };
    let filters = decide_in(circumstances, &ident("int").lt(lit(7_i32)));
    assert!(reason(&filters).contains("mysql.expr_pushdown_blacklist"));
}

#[test]
fn a_time_constant_is_packed() {
    let moment = Expr::Literal(ScalarValue::TimestampMicrosecond(Some(0), None), None);
    let filters = decide(&ident("moment").eq(moment));
    let constant = &only(&filters).children[1];
    // 1970-01-01: (1970 * 13 + 1) << 5 | 1, then 17 bits of the clock and 24 of the fraction.
    let packed = ((((1970_u64 * 13 + 1) << 5) | 1) << 17) << 24;
    assert_eq!(
        (constant.tp(), constant.val()),
        (ExprType::MysqlTime, packed.to_be_bytes().as_slice())
    );
    let late = Expr::Literal(ScalarValue::TimestampMicrosecond(Some(i64::MAX), None), None);
    assert!(reason(&decide(&ident("moment").lt(late))).contains("beyond"));
}

#[test]
fn rows_of_the_table_are_unique_and_say_why_not() {
    let mut seen = BTreeSet::new();
    for row in capabilities().chain(aggregates()) {
        let is_aggregate = aggregates().any(|other| std::ptr::eq(other, row));
        let key = (row.name(), row.operand().to_string(), is_aggregate);
        assert!(seen.insert(key), "{row:?}");
        let is_never = row.exactness() == Exactness::Never;
        assert_eq!(is_never, row.signature().is_none(), "{row:?}");
        assert!(!is_never || !row.note().is_empty(), "{row:?}");
        assert!(row.exactness() != Exactness::Superset || !row.note().is_empty(), "{row:?}");
    }
}

fn line(page: &mut String, row: &Capability) {
    let name = row.name().replace('|', "\\|");
    let signature = row.signature().map(|name| format!("`{name}`")).unwrap_or_default();
    let (operand, exactness) = (row.operand(), row.exactness());
    let (note, tidb) = (row.note(), row.tidb_name());
    let tiflash = if is_for_tiflash(row) { "yes" } else { "" };
    writeln!(
        page,
        "| `{name}` | {operand} | {exactness} | {tiflash} | {note} | {signature} | `{tidb}` |"
    )
    .unwrap();
}

/// `docs/pushdown.md`.
fn page() -> String {
    let mut page = String::from(
        "# What is pushed down\n\n\
         Generated from the table in `crates/tifusion/src/pushdown`: `TIFUSION_WRITE_DOCS=1 cargo test \
         --workspace --lib pushdown` writes it again.\n\n\
         *exact*: the store has DataFusion's value for every row, `NULL` included. *superset*: as a \
         condition it keeps every row that DataFusion would and perhaps more, which DataFusion filters \
         again. *never*: it stays here. Comparisons and functions compute with what DataFusion's own \
         coercion makes of their operands; an expression is pushed down when all of it is. `EXPLAIN` \
         shows it (`pushed`, `superset`, `not pushed`).\n\n\
         The names in the last column are those of `plan.unsupported_pushdown_exprs` and of TiDB's \
         `mysql.expr_pushdown_blacklist`, which is read on connecting. `SET \
         tidb.plan.unsupported_pushdown_exprs = '*'` turns all of it off.\n\n\
         TiFlash is another program than TiKV: of an expression that is read from its replicas it gets what says \
         so below, made of columns and constants of those kinds.\n\n\
         | expression | of | pushed | TiFlash | when, or why not | TiKV's function | TiDB's name |\n\
         |---|---|---|---|---|---|---|\n",
    );
    capabilities().for_each(|row| line(&mut page, row));
    page.push_str(
        "\n# Aggregates, groups and orders\n\n\
         The stores send partial states of groups of rows, or the first rows in an order of each region; \
         DataFusion makes the answer of them. That is where nothing but exact conditions is between the \
         scan and the aggregate, all of the aggregate's functions and keys are pushed down, and no other \
         limit ends it early. `FILTER (WHERE …)` is a `CASE` there. `EXPLAIN` shows it (`aggregates`, \
         `groups`, `top_n`). `SET tidb.plan.allow_agg_pushdown = 'false'` turns aggregates off.\n\n\
         | aggregate | of | pushed | TiFlash | when, or why not | TiKV's | TiDB's name |\n\
         |---|---|---|---|---|---|---|\n",
    );
    aggregates().for_each(|row| line(&mut page, row));
    page
}

#[test]
fn the_page_in_the_documentation_is_current() {
    let path = "../../docs/pushdown.md";
    let page = page();
    if std::env::var_os("TIFUSION_WRITE_DOCS").is_some() {
        std::fs::write(path, &page).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(written == page, "docs/pushdown.md is not what the table says: see its first lines");
}
