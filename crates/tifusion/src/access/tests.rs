use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, AsArray as _, Date32Array, Decimal128Array, Int64Array, LargeStringArray,
    RecordBatch, TimestampMicrosecondArray, UInt64Array,
};
use arrow::datatypes::{Schema, SchemaRef};
use datafusion::common::{DFSchema, Result as DataFusionResult};
use datafusion::logical_expr::execution_props::ExecutionProps;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use datafusion::physical_expr::{create_physical_expr, split_conjunction};
use datafusion::physical_plan::PhysicalExpr;
use datafusion::prelude::SessionContext;
use proptest::prelude::*;
use proptest::sample::select;
use tifusion_codec::FieldType;
use tifusion_codec::datum::Datum;
use tifusion_codec::field_type::{flag, tp};
use tifusion_codec::time::{CoreTime, TimeKind};
use tifusion_schema::domain::{self, Value};
use tifusion_schema::model::state::{PartitionType, SchemaState};
use tifusion_schema::model::{CiStr, IndexColumn, PartitionDefinition};
use tifusion_schema::{
    ColumnInfo, IndexInfo, PartitionInfo, TableEncoder, TableInfo, TypeOptions, arrow_field,
};

use super::*;

/// Names of the columns, all of which may be part of a key.
pub(super) const COLUMNS: [&str; 6] = ["id", "u", "s", "d", "dt", "n"];
pub(super) const S: usize = 2;
pub(super) const D: usize = 3;
pub(super) const DT: usize = 4;

pub(super) const COLLATIONS: [&str; 4] =
    ["utf8mb4_bin", "utf8mb4_0900_bin", "utf8mb4_general_ci", "utf8mb4_0900_ai_ci"];

/// Columns of a primary key, and of how many characters the key holds the text among them.
pub(super) type Key = (&'static [usize], i64);

/// Clustered keys; one of an integer alone is the handle itself.
pub(super) const KEYS: [Key; 8] = [
    (&[0], -1),
    (&[1], -1),
    (&[2, 0], -1),
    (&[2, 1], 2),
    (&[3, 2], -1),
    (&[4], -1),
    (&[5, 3, 0], -1),
    (&[1, 5], -1),
];

/// Kinds of partitioning.
pub(super) const PARTITIONINGS: usize = 8;

fn field_types(collate: &str) -> [FieldType; 6] {
    let text = FieldType {
        flen: 20,
        charset: "utf8mb4".to_owned(),
        collate: collate.to_owned(),
        ..FieldType::new(tp::VARCHAR, 0)
    };
    let binary = |field_type: FieldType| FieldType {
        charset: "binary".to_owned(),
        collate: "binary".to_owned(),
        ..field_type
    };
    [
        binary(FieldType { flen: 20, ..FieldType::new(tp::LONG_LONG, 0) }),
        binary(FieldType { flen: 20, ..FieldType::new(tp::LONG_LONG, flag::UNSIGNED) }),
        text,
        binary(FieldType { flen: 10, ..FieldType::new(tp::DATE, 0) }),
        binary(FieldType { flen: 26, decimal: 6, ..FieldType::new(tp::DATETIME, 0) }),
        binary(FieldType { flen: 10, decimal: 2, ..FieldType::new(tp::NEW_DECIMAL, 0) }),
    ]
}

pub(super) fn table((key, prefix): Key, collate: &str, partitioning: usize) -> TableInfo {
    let is_handle = matches!(key, [0 | 1]);
    let columns = field_types(collate).into_iter().enumerate().map(|(at, mut field_type)| {
        if key.contains(&at) {
            field_type.flag |= flag::PRI_KEY;
        }
        ColumnInfo {
            id: i64::try_from(at).unwrap() + 1,
            name: CiStr::new(COLUMNS[at]),
            offset: at,
            field_type,
            state: SchemaState::Public,
            version: 2,
            ..ColumnInfo::default()
        }
    });
    let parts = key.iter().map(|at| IndexColumn {
        name: CiStr::new(COLUMNS[*at]),
        offset: *at,
        length: if *at == S { prefix } else { -1 },
        ..IndexColumn::default()
    });
    let primary = IndexInfo {
        id: 1,
        columns: parts.collect(),
        state: SchemaState::Public,
        index_type: tifusion_schema::model::state::IndexType::Btree,
        unique: true,
        primary: true,
        ..IndexInfo::default()
    };
    TableInfo {
        id: 100,
        name: CiStr::new("t"),
        columns: columns.collect(),
        indices: if is_handle { vec![] } else { vec![primary] },
        state: SchemaState::Public,
        pk_is_handle: is_handle,
        is_common_handle: !is_handle,
        common_handle_version: u16::from(!is_handle),
        partition: partition(partitioning),
        version: 5,
        ..TableInfo::default()
    }
}

fn partition(kind: usize) -> Option<PartitionInfo> {
    let definition = |id: i64, less_than: &[&str], in_values: &[&str]| PartitionDefinition {
        id,
        name: CiStr::new(format!("p{id}")),
        less_than: less_than.iter().map(|&text| text.to_owned()).collect(),
        in_values: in_values.iter().map(|&text| vec![text.to_owned()]).collect(),
        ..PartitionDefinition::default()
    };
    let ranges = |bounds: &[&str]| -> Vec<PartitionDefinition> {
        bounds.iter().zip(1..).map(|(bound, id)| definition(id, &[bound], &[])).collect()
    };
    let three = || (1..4).map(|id| definition(id, &[], &[])).collect::<Vec<_>>();
    let (partition_type, expr, columns, definitions) = match kind {
        0 => return None,
        1 => (PartitionType::Range, "`id`", vec![], ranges(&["0", "2", "3", "MAXVALUE"])),
        2 => {
            (PartitionType::Range, "`u`", vec![], ranges(&["2", "9223372036854775808", "MAXVALUE"]))
        }
        3 => (
            PartitionType::Range,
            "TO_DAYS(`dt`)",
            vec![],
            ranges(&["739251", "739252", "MAXVALUE"]),
        ),
        4 => (PartitionType::Hash, "`id`", vec![], three()),
        5 => (PartitionType::Key, "", vec!["s", "d"], three()),
        6 => (
            PartitionType::Range,
            "",
            vec!["d"],
            ranges(&["'2024-01-01'", "'2024-01-02'", "MAXVALUE"]),
        ),
        _ => (
            PartitionType::List,
            "",
            vec!["s"],
            vec![definition(1, &[], &["'a'", "'ab'"]), definition(2, &[], &["DEFAULT"])],
        ),
    };
    Some(PartitionInfo {
        partition_type,
        expr: expr.to_owned(),
        columns: columns.into_iter().map(CiStr::new).collect(),
        enable: true,
        definitions,
        ..PartitionInfo::default()
    })
}

pub(super) fn schema_of(table: &TableInfo) -> SchemaRef {
    let options = TypeOptions::default();
    let fields = table.columns.iter().map(|column| arrow_field(column, &options).unwrap());
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// The conjuncts of SQL text, as DataFusion gives them to a scan; or before it simplified them.
pub(super) fn conjuncts(
    schema: &SchemaRef,
    sql: &str,
    simplified: bool,
) -> DataFusionResult<Vec<Arc<dyn PhysicalExpr>>> {
    let schema = Arc::new(DFSchema::try_from(Arc::clone(schema))?);
    let expr = SessionContext::new().parse_sql_expr(sql, &schema)?;
    let context = SimplifyContext::builder().with_schema(Arc::clone(&schema)).build();
    let simplifier = ExprSimplifier::new(context);
    let mut expr = simplifier.coerce(expr, &schema)?;
    if simplified {
        expr = simplifier.simplify(expr)?;
    }
    let context = PhysicalPlanningContext::default();
    let expr = create_physical_expr(&expr, &schema, &ExecutionProps::new(), &context)?;
    Ok(split_conjunction(&expr).into_iter().map(Arc::clone).collect())
}

fn access(table: &TableInfo, new_collation: Option<bool>, sql: &str) -> TableAccess {
    let schema = schema_of(table);
    let ids: Vec<i64> = table.columns.iter().map(|column| column.id).collect();
    let filtered =
        FilteredTable { info: table, schema: &schema, column_ids: &ids, new_collation, only: None };
    let conjuncts = conjuncts(&schema, sql, true).unwrap_or_else(|error| panic!("{sql}: {error}"));
    filtered.access(&conjuncts).unwrap()
}

fn shown(table: &TableInfo, sql: &str) -> String {
    let AccessSummary { partitions, ranges, .. } = access(table, Some(true), sql).summary;
    let parts = [partitions, ranges];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

#[test]
fn filters_are_shown_as_the_values_of_the_key_they_leave() {
    let by = |key: usize, sql: &str| shown(&table(KEYS[key], "utf8mb4_bin", 0), sql);
    for (key, sql, want) in [
        (0, "id = 5", "[id: [5,5]]"),
        (0, "5 = id", "[id: [5,5]]"),
        (0, "id > 5 AND id <= 7", "[id: [6,7]]"),
        (0, "id BETWEEN 5 AND 7", "[id: [5,7]]"),
        (0, "id IN (3, 1, 2, 9)", "[id: [1,3] [9,9]]"),
        (0, "id NOT IN (3, 5)", "[id: (-inf,2] [4,4] [6,+inf)]"),
        (0, "id <> 3", "[id: (-inf,2] [4,+inf)]"),
        (0, "NOT (id < 3 OR id > 8)", "[id: [3,8]]"),
        (0, "id = 1 OR id = 2 OR (id > 7 AND s = 'x')", "[id: [1,2] [8,+inf)]"),
        (0, "id = 1 OR s = 'x'", ""),
        (0, "id > 5.5", "[id: [6,+inf)]"),
        (0, "id = 5.5", "[]"),
        (0, "id >= 5.0 AND id < 6.5", "[id: [5,6]]"),
        (0, "id = 1 AND id = 2", "[]"),
        (0, "id > 9 AND id < 3", "[]"),
        (0, "id = NULL", "[]"),
        (0, "id >= 9223372036854775807", "[id: [9223372036854775807,+inf)]"),
        (0, "id > 9223372036854775807", "[]"),
        (0, "id <= 18446744073709551615", ""),
        (0, "id < -9223372036854775807", "[id: (-inf,-9223372036854775808]]"),
        (0, "s = 'x'", ""),
        (1, "u > 18446744073709551614", "[u: [18446744073709551615,+inf)]"),
        (
            1,
            "u >= 9223372036854775807 AND u < 9223372036854775809",
            "[u: [9223372036854775807,9223372036854775808]]",
        ),
        (1, "u < 0", "[]"),
        (1, "u >= 0", ""),
        (1, "u > -1", ""),
        (1, "u = -1", "[]"),
        (2, "s = 'x' AND id > 3", "[s: [\"x\",\"x\"], id: [4,+inf)]"),
        (2, "s IN ('x', 'y') AND id = 3", "[s: [\"x\",\"x\"] [\"y\",\"y\"], id: [3,3]]"),
        (2, "s >= 'x' AND id = 3", "[s: [\"x\",+inf)]"),
        (2, "s LIKE 'xy%'", "[s: [\"xy\",\"xz\")]"),
        (2, "s LIKE '%xy'", ""),
        (2, "id = 3", ""),
        (3, "s = 'xyz' AND u = 3", "[s: [\"xyz\",\"xyz\"], u: [3,3]]"),
        (4, "d = '2024-01-01'", "[d: [2024-01-01,2024-01-01]]"),
        (4, "d > DATE '2024-01-01'", "[d: [2024-01-02,+inf)]"),
        (4, "d >= TIMESTAMP '2024-01-01 12:00:00'", "[d: [2024-01-02,+inf)]"),
        (4, "d IS NULL", ""),
        (5, "dt < '2024-01-01'", "[dt: (-inf,2023-12-31 23:59:59.999999]]"),
        (
            5,
            "CAST(dt AS DATE) = DATE '2024-01-01'",
            "[dt: [2024-01-01 00:00:00.000000,2024-01-01 23:59:59.999999]]",
        ),
        (
            6,
            "n = CAST(1.5 AS DECIMAL(10, 2)) AND d = '2024-01-01'",
            "[n: [1.50,1.50], d: [2024-01-01,2024-01-01]]",
        ),
        (6, "n > 1", "[n: [1.01,+inf)]"),
    ] {
        assert_eq!(by(key, sql), want, "{sql}");
    }
}

#[test]
fn partitions_are_counted_and_named() {
    for (partitioning, sql, want) in [
        (1, "id = 2", "1/4 [p3] [id: [2,2]]"),
        (1, "id > 1", "2/4 [p3, p4] [id: [2,+inf)]"),
        (1, "s = 'x'", "4/4"),
        (1, "id = 2 AND id = 3", "0/4 [] []"),
        (2, "u >= 9223372036854775808", "1/3 [p3]"),
        (3, "dt >= '2024-01-02'", "1/3 [p3]"),
        (3, "dt < '2024-01-01'", "1/3 [p1]"),
        (4, "id IN (3, 6)", "1/3 [p1] [id: [3,3] [6,6]]"),
        (5, "s = 'a'", "3/3"),
        (6, "d BETWEEN '2024-01-01' AND '2024-01-01'", "1/3 [p2]"),
        (6, "d IS NULL", "3/3"),
        (7, "s IN ('ab', 'a')", "1/2 [p1]"),
        (7, "s = 'b'", "1/2 [p2]"),
    ] {
        assert_eq!(shown(&table(KEYS[0], "utf8mb4_bin", partitioning), sql), want, "{sql}");
    }
}

#[test]
fn text_is_left_alone_where_the_collations_are_not_known() {
    let text = table(KEYS[2], "utf8mb4_bin", 7);
    let known = access(&text, Some(true), "s = 'a'");
    assert_eq!(known.summary.partitions.as_deref(), Some("1/2 [p1]"));
    let unknown = access(&text, None, "s = 'a'");
    assert_eq!(unknown.summary.partitions.as_deref(), Some("2/2"));
    assert_eq!(unknown.summary.ranges, None);
    let narrowed = access(&table(KEYS[7], "utf8mb4_bin", 0), None, "u = 1 AND s = 'a'");
    assert!(narrowed.summary.ranges.is_some());
}

#[test]
fn long_lists_and_long_chains_are_looked_at() {
    let table = table(KEYS[0], "utf8mb4_bin", 0);
    let numbers =
        |between: &str| (0..3000).map(|n| format!("{}", n * 2)).collect::<Vec<_>>().join(between);
    let among = access(&table, Some(true), &format!("id IN ({})", numbers(", ")));
    assert_eq!((among.tables[0].ranges.len(), among.summary.ranges), (3000, None));
    let schema = schema_of(&table);
    let chain = (0..2000).map(|n| format!("id = {n}")).collect::<Vec<_>>();
    let context = SessionContext::new();
    let df_schema = DFSchema::try_from(Arc::clone(&schema)).unwrap();
    let terms = chain.iter().map(|sql| {
        let expr = context.parse_sql_expr(sql, &df_schema).unwrap();
        context.create_physical_expr(expr, &df_schema).unwrap()
    });
    let chain = terms
        .reduce(|one, other| {
            use datafusion::logical_expr::Operator;
            use datafusion::physical_expr::expressions::BinaryExpr;
            Arc::new(BinaryExpr::new(one, Operator::Or, other))
        })
        .unwrap();
    let Restriction::Columns(columns) = filter::all_of(&[chain], &schema) else { panic!() };
    assert_eq!(columns[&0].intervals().len(), 1);
}

/// Constants to compare each column with, as SQL.
const CONSTANTS: [&[&str]; 6] = [
    &[
        "0",
        "1",
        "2",
        "-1",
        "2.5",
        "1e0",
        "-9223372036854775808",
        "9223372036854775807",
        "9223372036854775808",
        "'2'",
        "NULL",
    ],
    &[
        "0",
        "1",
        "2",
        "-1",
        "0.5",
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "NULL",
    ],
    &["''", "'a'", "'A'", "'a '", "'ab'", "'abc'", "'b'", "'é'", "'a\t'", "NULL"],
    &[
        "'2024-01-01'",
        "DATE '2024-01-02'",
        "TIMESTAMP '2024-01-01 12:00:00'",
        "'0001-01-01'",
        "'9999-12-31'",
        "NULL",
    ],
    &[
        "'2024-01-01'",
        "TIMESTAMP '2024-01-01 12:00:00'",
        "DATE '2024-01-02'",
        "'2024-01-01 23:59:59.999999'",
        "NULL",
    ],
    &["0", "1", "1.50", "-1.01", "2.255", "99999999.99", "100000000", "NULL"],
];

fn leaf() -> impl Strategy<Value = String> {
    let parts = (0..6_usize, any::<[prop::sample::Index; 3]>(), 0..14_usize);
    parts.prop_map(|(column, constants, template)| {
        let name = COLUMNS[column];
        let [a, b, c] = constants.map(|at| CONSTANTS[column][at.index(CONSTANTS[column].len())]);
        match template {
            0 => format!("{name} = {a}"),
            1 => format!("{name} <> {a}"),
            2 => format!("{name} < {a}"),
            3 => format!("{a} >= {name}"),
            4 => format!("{name} > {a}"),
            5 => format!("{a} <= {name}"),
            6 => format!("{name} IN ({a}, {b}, {c})"),
            7 => format!("{name} NOT IN ({a}, {b})"),
            8 => format!("{name} BETWEEN {a} AND {b}"),
            9 => format!("{name} IS NULL"),
            10 => format!("{name} IS NOT NULL"),
            11 => format!("{name} IS DISTINCT FROM {a}"),
            12 if column == S => "s LIKE 'a%'".to_owned(),
            12 if column == DT => "CAST(dt AS DATE) >= DATE '2024-01-01'".to_owned(),
            12 => format!("{name} NOT BETWEEN {a} AND {b}"),
            _ => format!("{name} IS NOT DISTINCT FROM {a}"),
        }
    })
}

pub(super) fn predicate() -> impl Strategy<Value = String> {
    leaf().prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} AND {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} OR {b})")),
            inner.prop_map(|a| format!("NOT ({a})")),
        ]
    })
}

/// Values of a row; `Err` is a date that no calendar has.
pub(super) type Row = [Result<Option<Value>, u64>; 6];

pub(super) fn row() -> impl Strategy<Value = Row> {
    let numbers = |numbers: &[i128]| select(numbers.to_vec()).prop_map(Value::Number);
    let id = numbers(&[i64::MIN.into(), -1, 0, 1, 2, 3, i64::MAX.into()]);
    let half = i128::from(i64::MAX);
    let u = numbers(&[0, 1, 2, 3, half, half + 1, u64::MAX.into()]);
    let texts = ["", "a", "A", "a ", "a  ", "ab", "aB", "abc", "abd", "b", "é", "a\t", "a\u{1}"];
    let s = select(texts.to_vec()).prop_map(|text| Value::Bytes(text.as_bytes().to_vec()));
    let day = 19_723;
    let d = numbers(&[-719_162, day - 1, day, day + 1, day + 2, 2_932_896]);
    let (second, start) = (1_000_000, day * 86_400_000_000);
    let dt = numbers(&[
        start - 1,
        start,
        start + 43_200 * second,
        start + 86_400 * second - 1,
        start + 86_400 * second,
    ]);
    let n = numbers(&[-9_999_999_999, -101, -100, 0, 100, 101, 150, 225, 226, 9_999_999_999]);
    let impossible = |kind, text| CoreTime::parse(text, kind, 0).unwrap().to_packed();
    let no_day = impossible(TimeKind::Date, "2024-01-00");
    let zero = select(vec![0, no_day]);
    let maybe = |value: BoxedStrategy<Value>| {
        (value, 0..8_u8).prop_map(|(value, null)| Ok((null > 0).then_some(value)))
    };
    let date = |value: BoxedStrategy<Value>, zero: BoxedStrategy<u64>| {
        (value, zero, 0..8_u8).prop_map(|(value, zero, kind)| match kind {
            0 => Ok(None),
            1 => Err(zero),
            _ => Ok(Some(value)),
        })
    };
    (
        maybe(id.boxed()),
        maybe(u.boxed()),
        maybe(s.boxed()),
        date(d.boxed(), zero.clone().boxed()),
        date(dt.boxed(), zero.boxed()),
        maybe(n.boxed()),
    )
        .prop_map(|(id, u, s, d, dt, n)| [id, u, s, d, dt, n])
}

/// What Arrow has of a column.
pub(super) fn array(at: usize, rows: &[Row]) -> ArrayRef {
    let number = |row: &Row| match &row[at] {
        Ok(Some(Value::Number(number))) => Some(*number),
        _ => None,
    };
    let numbers = rows.iter().map(number);
    let small = || rows.iter().map(number).map(|n| n.map(|n| i64::try_from(n).unwrap()));
    match at {
        0 => Arc::new(small().collect::<Int64Array>()),
        1 => {
            let unsigned = numbers.map(|n| n.map(|n| u64::try_from(n).unwrap()));
            Arc::new(unsigned.collect::<UInt64Array>())
        }
        S => {
            let texts = rows.iter().map(|row| match &row[S] {
                Ok(Some(Value::Bytes(text))) => Some(String::from_utf8(text.clone()).unwrap()),
                _ => None,
            });
            Arc::new(texts.collect::<LargeStringArray>())
        }
        D => {
            let days = small().map(|n| n.map(|n| i32::try_from(n).unwrap()));
            Arc::new(days.collect::<Date32Array>())
        }
        DT => Arc::new(small().collect::<TimestampMicrosecondArray>()),
        _ => {
            let decimals = numbers.collect::<Decimal128Array>();
            Arc::new(decimals.with_precision_and_scale(10, 2).unwrap())
        }
    }
}

pub(super) fn datums(table: &TableInfo, row: &Row) -> Vec<Datum<'static>> {
    let datum = |(column, value): (&ColumnInfo, &Result<Option<Value>, u64>)| match value {
        Ok(None) => Datum::Null,
        Ok(Some(value)) => domain::datum(&column.field_type, value).unwrap().into_owned(),
        Err(packed) => Datum::UInt(*packed),
    };
    table.columns.iter().zip(row).map(datum).collect()
}

/// Which rows meet all conjuncts; `None` if DataFusion can't tell.
pub(super) fn meets(
    schema: &SchemaRef,
    conjuncts: &[Arc<dyn PhysicalExpr>],
    rows: &[Row],
) -> Option<Vec<bool>> {
    let columns = (0..6).map(|at| array(at, rows)).collect();
    let batch = RecordBatch::try_new(Arc::clone(schema), columns).unwrap();
    let mut meets = vec![true; rows.len()];
    for conjunct in conjuncts {
        let values = conjunct.evaluate(&batch).ok()?.into_array(rows.len()).unwrap();
        for (meets, value) in meets.iter_mut().zip(values.as_boolean()) {
            *meets &= value == Some(true);
        }
    }
    Some(meets)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn every_row_that_meets_a_filter_is_in_its_ranges(
        key in 0..KEYS.len(),
        collation in 0..COLLATIONS.len(),
        partitioning in 0..PARTITIONINGS,
        sql in predicate(),
        simplified in any::<bool>(),
        mut rows in proptest::collection::vec(row(), 1..40),
    ) {
        let table = table(KEYS[key], COLLATIONS[collation], partitioning);
        rows.retain(|row| KEYS[key].0.iter().all(|at| !matches!(row[*at], Ok(None))));
        let schema = schema_of(&table);
        // What DataFusion can't compare is no filter.
        let Ok(conjuncts) = conjuncts(&schema, &sql, simplified) else { return Ok(()) };
        let Some(meets) = meets(&schema, &conjuncts, &rows) else { return Ok(()) };
        let ids: Vec<i64> = table.columns.iter().map(|column| column.id).collect();
        let filtered = FilteredTable {
            info: &table,
            schema: &schema,
            column_ids: &ids,
            new_collation: Some(true),
            only: None,
        };
        let access = filtered.access(&conjuncts).unwrap();
        let ranges: BTreeMap<i64, &Vec<KeyRange>> =
            access.tables.iter().map(|table| (table.physical_id, &table.ranges)).collect();
        for ranges in ranges.values() {
            let pairs = ranges.iter().zip(ranges.iter().skip(1));
            prop_assert!(ranges.iter().all(|range| range.start < range.end));
            prop_assert!(pairs.into_iter().all(|(one, next)| one.end <= next.start));
        }
        let encoder = TableEncoder::new(&table, true).unwrap();
        for (row, meets) in rows.iter().zip(meets) {
            // A row without a partition is in no table.
            let Ok(encoded) = encoder.encode(&datums(&table, row), None) else { continue };
            let is_read = ranges.get(&encoded.physical_id).is_some_and(|ranges| {
                ranges.iter().any(|range| range.start <= encoded.key && encoded.key < range.end)
            });
            prop_assert!(is_read || !meets, "{row:?} meets {sql}, in {:?}", access.summary);
        }
    }
}
