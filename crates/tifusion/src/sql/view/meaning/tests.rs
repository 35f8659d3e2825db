//! What of a view's types is refused, and what is not.

use std::collections::HashMap;

use arrow::datatypes::{Field, TimeUnit};
use datafusion::execution::context::SessionContext;

use super::*;

/// The schema of the columns that the tests speak of.
fn schema() -> DFSchema {
    let field = |name, ty| Field::new(name, ty, true);
    let json = HashMap::from([(EXTENSION.to_owned(), "arrow.json".to_owned())]);
    let fields = vec![
        field("i", DataType::Int32),
        field("f", DataType::Float32),
        field("g", DataType::Float64),
        field("dec", DataType::Decimal128(10, 2)),
        field("day", DataType::Date32),
        field("at", DataType::Timestamp(TimeUnit::Microsecond, None)),
        field("span", DataType::Duration(TimeUnit::Microsecond)),
        field("j", DataType::Utf8).with_metadata(json),
    ];
    DFSchema::from_unqualified_fields(fields.into(), HashMap::new()).unwrap()
}

fn checked(sql: &str) -> Result<(), DataFusionError> {
    let context = SessionContext::new();
    let mut state = context.state();
    state.config_mut().options_mut().sql_parser.parse_float_as_decimal = true;
    let expr = state.create_logical_expr(sql, &schema())?;
    let mut collations = Collations::default();
    expr.transform_up(|expr| check_expr(expr, &schema(), &mut collations))?;
    Ok(())
}

#[test]
fn what_types_make_something_else_is_refused_by_name() {
    for (sql, named) in [
        ("g > 1.5", "DOUBLE"),
        ("g = dec", "DOUBLE"),
        ("g + 1.5", "DOUBLE"),
        ("g BETWEEN 1.5 AND 2.5", "DOUBLE"),
        ("g IN (1.5)", "DOUBLE"),
        ("CASE WHEN i > 1 THEN g ELSE 1.5 END", "DOUBLE"),
        ("coalesce(g, 1.5)", "DOUBLE"),
        ("nullif(g, 1.5)", "DOUBLE"),
        ("f + f", "single precision"),
        ("f = f", "single precision"),
        ("date_part('hour', span)", "no date"),
        ("day = '2024-03-01 01:00:00'", "time of day"),
        ("day BETWEEN '2024-03-01' AND '2024-03-01 12:00'", "time of day"),
        ("day IN ('2024-03-01 12:00')", "time of day"),
        ("count(DISTINCT j)", "JSON"),
        ("nullif(j, 'x')", "JSON"),
        ("coalesce(j, 'x')", "JSON"),
    ] {
        let error = checked(sql).unwrap_err().to_string();
        assert!(error.contains(named), "{sql}: {error}");
    }
}

#[test]
fn what_is_the_same_is_taken() {
    for sql in [
        "g > g",
        "g + CAST(i AS DOUBLE)",
        "CAST(f AS DOUBLE) * g",
        "dec > 1.5",
        "coalesce(i, 0)",
        "date_part('hour', at)",
        "day >= '2024-03-01'",
        "count(j)",
    ] {
        checked(sql).unwrap();
    }
}

#[test]
fn columns_of_outer_queries_count_as_used() {
    let mut collations = Collations::default();
    let field = Field::new("nick", DataType::Utf8, true);
    let outer = Expr::OuterReferenceColumn(field.into(), "nick".into());
    check_expr(outer, &schema(), &mut collations).unwrap();
    assert!(collations.uses("nick"));
}

#[test]
fn json_is_not_what_equal_rows_go_by() {
    let mut collations = Collations::default();
    let key = datafusion::prelude::col("j");
    let error = equal(&key, &schema(), &mut collations).unwrap_err().to_string();
    assert!(error.contains("JSON"), "{error}");
    equal(&datafusion::prelude::col("i"), &schema(), &mut collations).unwrap();
}
