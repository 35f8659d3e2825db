use std::collections::HashMap;
use std::time::{Duration, Instant};

use arrow::array::{Array as _, ArrayRef, BooleanArray, Int64Array, RecordBatch, StructArray};
use arrow::datatypes::{DataType, Field};
use datafusion::common::cast::as_boolean_array;
use datafusion::config::ConfigOptions;
use datafusion::functions::core::r#struct;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::ScalarFunctionExpr;
use datafusion::physical_expr::expressions::{
    BinaryExpr, CaseExpr, Column, InListExpr, IsNullExpr, Literal, NotExpr, lit,
};
use tifusion_client::region::Store;
use tifusion_codec::FieldType;
use tifusion_codec::field_type::tp;
use tifusion_proto::{metapb, tipb};

use super::known::{MAX_COMPARED, MAX_COMPARED_FOR_GROUPS, MAX_VALUES};
use super::*;
use crate::config::{CodecFormat, ZeroDate};
use crate::pushdown::blacklist::Blacklist;
use crate::pushdown::lower::Physical;
use crate::pushdown::partial::PartialAggregate;
use crate::pushdown::scope::{Circumstances, Scope};
use crate::scan::keys::PhysicalKeys;
use crate::scan::reduction::Reduction;
use crate::scan::spec::{AccessSummary, KeyRange, RowKeys, Source};

const VALUES: [Option<i64>; 8] =
    [None, Some(-3), Some(0), Some(1), Some(2), Some(3), Some(7), Some(100)];

fn schema() -> SchemaRef {
    let field = |name| Field::new(name, DataType::Int64, true);
    Arc::new(Schema::new(vec![field("a"), field("b")]))
}

/// All pairs of [`VALUES`].
fn rows() -> RecordBatch {
    let pairs = VALUES.iter().flat_map(|a| VALUES.iter().map(move |b| (*a, *b)));
    let (a, b): (Vec<_>, Vec<_>) = pairs.unzip();
    let columns: [ArrayRef; 2] = [Arc::new(Int64Array::from(a)), Arc::new(Int64Array::from(b))];
    RecordBatch::try_new(schema(), columns.into()).unwrap()
}

fn a() -> Physical {
    Arc::new(Column::new("a", 0))
}

fn b() -> Physical {
    Arc::new(Column::new("b", 1))
}

fn binary(left: Physical, operator: Operator, right: Physical) -> Physical {
    Arc::new(BinaryExpr::new(left, operator, right))
}

fn within(expr: Physical, low: i64, high: i64) -> Physical {
    let low = binary(Arc::clone(&expr), Operator::GtEq, lit(low));
    binary(low, Operator::And, binary(expr, Operator::LtEq, lit(high)))
}

fn among(expr: Physical, values: &[i64]) -> Physical {
    let array: ArrayRef = Arc::new(Int64Array::from(values.to_vec()));
    Arc::new(InListExpr::try_new_from_array(expr, array, false, &schema()).unwrap())
}

/// `struct(a, b) IN (…)` as a join of two columns makes it.
fn tuples(pairs: &[(i64, i64)]) -> Physical {
    let (of_a, of_b): (Vec<_>, Vec<_>) = pairs.iter().copied().unzip();
    let fields =
        vec![Field::new("c0", DataType::Int64, true), Field::new("c1", DataType::Int64, true)];
    let columns: Vec<ArrayRef> =
        vec![Arc::new(Int64Array::from(of_a)), Arc::new(Int64Array::from(of_b))];
    let values: ArrayRef = Arc::new(StructArray::new(fields.clone().into(), columns, None));
    let of = Arc::new(Field::new("struct", DataType::Struct(fields.into()), true));
    let options = Arc::new(ConfigOptions::default());
    let needle: Physical =
        Arc::new(ScalarFunctionExpr::new("struct", r#struct(), vec![a(), b()], of, options));
    Arc::new(InListExpr::try_new_from_array(needle, values, false, &schema()).unwrap())
}

/// `CASE a % 2 WHEN 0 THEN … WHEN 1 THEN … ELSE … END`.
fn case(even: Physical, odd: Physical, otherwise: Option<Physical>) -> Physical {
    let route = binary(a(), Operator::Modulo, lit(2_i64));
    let branches = vec![(lit(0_i64), even), (lit(1_i64), odd)];
    Arc::new(CaseExpr::try_new(Some(route), branches, otherwise).unwrap())
}

/// What nobody understands: `(a + b) % 3 = 1`.
fn strange() -> Physical {
    let sum = binary(a(), Operator::Plus, b());
    binary(binary(sum, Operator::Modulo, lit(3_i64)), Operator::Eq, lit(1_i64))
}

/// Filters as joins, sorts and aggregates make them.
fn filters() -> Vec<Physical> {
    let and = |one, other| binary(one, Operator::And, other);
    let or = |one, other| binary(one, Operator::Or, other);
    let null = |expr| Arc::new(IsNullExpr::new(expr)) as Physical;
    let pairs = [(1, 2), (1, 2), (3, 7), (-3, 0)];
    vec![
        lit(true),
        lit(false),
        within(a(), 0, 3),
        and(within(a(), 0, 3), among(a(), &[0, 3, 3, 1])),
        and(within(a(), 0, 3), strange()),
        or(null(a()), and(within(a(), 1, 3), among(a(), &[1, 3]))),
        and(and(within(a(), -3, 3), within(b(), 0, 7)), tuples(&pairs)),
        or(null(b()), tuples(&pairs)),
        case(among(a(), &[2, 100]), within(a(), 1, 3), Some(lit(false))),
        case(among(a(), &[2, 100]), lit(false), Some(lit(true))),
        case(strange(), within(a(), 1, 3), None),
        case(tuples(&pairs), tuples(&[(7, 7)]), Some(lit(false))),
        case(and(within(a(), 0, 2), among(a(), &[2])), and(within(a(), 1, 3), strange()), None),
        or(null(a()), case(among(a(), &[2]), among(a(), &[1]), Some(lit(false)))),
        or(
            binary(a(), Operator::Lt, lit(2_i64)),
            and(binary(a(), Operator::Eq, lit(2_i64)), within(b(), 0, 2)),
        ),
        Arc::new(NotExpr::new(case(among(a(), &[2]), lit(true), Some(lit(false))))),
    ]
}

/// For which rows `expr` is true.
fn holds(expr: &Physical) -> Vec<bool> {
    let rows = rows();
    let values = expr.evaluate(&rows).unwrap().into_array(rows.num_rows()).unwrap();
    let values: &BooleanArray = as_boolean_array(&values).unwrap();
    (0..rows.num_rows()).map(|row| values.is_valid(row) && values.value(row)).collect()
}

#[test]
fn what_is_made_of_a_filter_is_true_where_the_filter_is() {
    for filter in filters() {
        let wanted = holds(&filter);
        for conjunct in weaken::conjuncts(&filter, &schema()).unwrap() {
            for part in std::iter::once(&conjunct).chain(&weaken::for_stores(&conjunct, MAX_VALUES))
            {
                let passed = holds(part);
                let lost = wanted.iter().zip(&passed).any(|(wanted, passed)| *wanted && !passed);
                assert!(!lost, "{filter}: {part}");
            }
        }
        let Some(tuples) = weaken::tuples(&filter) else { continue };
        let mut passed = vec![false; wanted.len()];
        for tuple in tuples {
            let tuple: Vec<_> = tuple.iter().map(holds).collect();
            for (row, passed) in passed.iter_mut().enumerate() {
                *passed |= tuple.iter().all(|comparison| comparison[row]);
            }
        }
        let lost = wanted.iter().zip(&passed).any(|(wanted, passed)| *wanted && !passed);
        assert!(!lost, "{filter}");
    }
}

#[test]
fn filters_come_out_in_terms_of_columns() {
    let text = |filter: &Physical| {
        let conjuncts = weaken::conjuncts(filter, &schema()).unwrap();
        conjuncts.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    };
    assert_eq!(text(&lit(true)), "");
    assert_eq!(text(&tuples(&[(1, 2), (3, 2)])), "a@0 IN (SET) ([1, 3]); b@1 IN (SET) ([2])");
    let spread = case(among(a(), &[2, 2, 4]), among(a(), &[1]), Some(lit(false)));
    assert_eq!(text(&spread), "a@0 IN (SET) ([2, 4]) OR a@0 IN (SET) ([1])");
    assert_eq!(text(&case(among(a(), &[2]), lit(true), Some(lit(false)))), "");
    assert_eq!(weaken::tuples(&tuples(&[(1, 2), (3, 2)])).unwrap().len(), 2);
    assert!(weaken::tuples(&among(a(), &[1])).is_none());
}

#[test]
fn long_lists_stay_here_and_their_bounds_go() {
    let values: Vec<i64> = (0..5_000).collect();
    let long = binary(within(a(), 0, 5_000), Operator::And, among(a(), &values));
    let either = binary(Arc::clone(&long), Operator::Or, within(b(), 1, 2));
    let sent = weaken::for_stores(&either, MAX_VALUES).unwrap().to_string();
    assert!(sent.len() < 200 && sent.contains("a@0 <= 5000") && sent.contains(" OR "), "{sent}");
    assert!(weaken::for_stores(&among(a(), &values), MAX_VALUES).is_none());
    let either = binary(among(a(), &values), Operator::Or, within(b(), 1, 2));
    assert!(weaken::for_stores(&either, MAX_VALUES).is_none());
    let few = among(a(), &[1, 2]);
    assert_eq!(weaken::for_stores(&few, 2).unwrap().to_string(), "a@0 IN (SET) ([1, 2])");
    assert!(weaken::for_stores(&few, 1).is_none());
}

/// Keys of a table whose handle is `a`: one for each value for which the conjuncts may be true.
#[derive(Debug)]
struct OfA;

fn key(value: i64) -> Vec<u8> {
    [b"t\0\0\0\0\0\0\0\x01_r".as_slice(), &(value ^ i64::MIN).to_be_bytes()].concat()
}

impl SourceKeys for OfA {
    fn keys(
        &self,
        conjuncts: &[Arc<dyn PhysicalExpr>],
        _schema: &Schema,
    ) -> Result<Vec<PhysicalKeys>> {
        let rows = rows();
        let of_a = rows.column(0).as_any().downcast_ref::<Int64Array>().unwrap().clone();
        let conjuncts: Vec<_> = conjuncts.iter().map(holds).collect();
        let mut values: Vec<i64> = (0..rows.num_rows())
            .filter(|row| conjuncts.iter().all(|holds| holds[*row]))
            .filter(|row| of_a.is_valid(*row))
            .map(|row| of_a.value(row))
            .collect();
        values.dedup();
        let ranges =
            values.into_iter().map(|value| KeyRange { start: key(value), end: key(value + 1) });
        Ok(vec![PhysicalKeys { physical_id: 1, ranges: ranges.collect() }])
    }
}

/// Keys are the values of a list.
#[derive(Debug)]
struct OfList;

impl SourceKeys for OfList {
    fn keys(
        &self,
        conjuncts: &[Arc<dyn PhysicalExpr>],
        _schema: &Schema,
    ) -> Result<Vec<PhysicalKeys>> {
        let list = conjuncts.iter().find_map(|conjunct| conjunct.downcast_ref::<InListExpr>());
        let Some(list) = list else {
            return Ok(vec![PhysicalKeys { physical_id: 1, ranges: whole().ranges }]);
        };
        let value = |item: &Arc<dyn PhysicalExpr>| match item.downcast_ref::<Literal>() {
            Some(literal) => i64::try_from(literal.value().clone()).unwrap(),
            None => panic!("{item} is no constant"),
        };
        let ranges = list.list().iter().map(value);
        let ranges = ranges.map(|value| KeyRange { start: key(value), end: key(value + 1) });
        Ok(vec![PhysicalKeys { physical_id: 1, ranges: ranges.collect() }])
    }
}

fn pushdown() -> Pushdown {
    let number = FieldType::new(tp::LONG_LONG, 0);
    let circumstances = Circumstances {
        new_collation: true,
        zero_date: ZeroDate::Null,
        is_utc: true,
        blacklist: Arc::new(Blacklist::new(&[], Some(&[]))),
    };
    Pushdown::new(Scope::new([("a", &number), ("b", &number)], circumstances), &[], &schema())
}

fn spec() -> Arc<TableScanSpec> {
    Arc::new(TableScanSpec {
        database: "d".into(),
        table: "t".into(),
        columns: Vec::new(),
        output: vec![0, 1],
        conditions: vec![tipb::Expr::default()],
        source: Source::Table(RowKeys::default()),
        reduction: None,
        access: AccessSummary::default(),
        limit: None,
        order: None,
        start_ts: 1,
        schema_version: 1,
        format: CodecFormat::Chunk,
    })
}

fn whole() -> Segment {
    let ranges = vec![KeyRange { start: key(-1_000), end: key(1_000) }];
    Segment { physical_id: 1, ranges, regions: Some(9) }
}

fn dynamic() -> (Arc<DynamicFilterPhysicalExpr>, DynamicFilters) {
    dynamic_of(Known::default())
}

fn dynamic_of(known: Known) -> (Arc<DynamicFilterPhysicalExpr>, DynamicFilters) {
    dynamic_over(Arc::new(OfA), known)
}

fn dynamic_over(
    keys: Arc<dyn SourceKeys>,
    known: Known,
) -> (Arc<DynamicFilterPhysicalExpr>, DynamicFilters) {
    let filter = Arc::new(DynamicFilterPhysicalExpr::new(vec![a(), b()], lit(true)));
    let as_expr: Arc<dyn PhysicalExpr> = Arc::clone(&filter) as _;
    let filters =
        DynamicFilters::none(keys, Arc::new(known)).with([as_expr, within(a(), 0, 1)], &schema());
    (filter, filters)
}

#[test]
fn a_scan_follows_its_filter() {
    let (filter, filters) = dynamic();
    assert_eq!(filters.to_string(), "(a, b)");
    let narrow = || filters.narrow(&whole(), &spec(), &pushdown()).unwrap();
    let untouched = narrow().unwrap();
    assert_eq!((untouched.segment, untouched.is_own), (whole(), false));
    // The values of the key say all of it: nothing is left for conditions.
    filter.update(among(a(), &[3, 100])).unwrap();
    let narrowed = narrow().unwrap();
    let points = |values: &[i64]| -> Vec<KeyRange> {
        values.iter().map(|at| KeyRange { start: key(*at), end: key(at + 1) }).collect()
    };
    assert_eq!(narrowed.segment.ranges, points(&[3, 100]));
    assert_eq!((narrowed.spec.conditions.len(), narrowed.is_own), (1, false));
    filter.update(binary(within(a(), 3, 100), Operator::And, among(b(), &[1, 2]))).unwrap();
    let narrowed = narrow().unwrap();
    assert_eq!(narrowed.segment.ranges, points(&[3, 7, 100]));
    assert!(narrowed.is_own && narrowed.spec.conditions.len() > 1);
    filter.update(tuples(&[(7, 1), (1, 2)])).unwrap();
    assert_eq!(narrow().unwrap().segment.ranges, points(&[1, 7]));
    filter.update(lit(false)).unwrap();
    assert!(narrow().is_none());
}

#[test]
fn more_ranges_than_pay_are_not_read_one_by_one() {
    // Every other key, so that no two ranges become one.
    let values: Vec<i64> = (0..2_000).map(|at| at * 2 - 1_000).collect();
    let ranges = |rows, values: &[i64]| {
        let known = Known { rows, ..Known::default() };
        let (filter, filters) = dynamic_over(Arc::new(OfList), known);
        filter.update(among(a(), values)).unwrap();
        let narrowed = filters.narrow(&whole(), &spec(), &pushdown()).unwrap().unwrap();
        narrowed.segment.ranges.len()
    };
    let within_whole = 1_000;
    assert_eq!(ranges(None, &values), within_whole);
    assert_eq!(ranges(Some(16_000), &values), within_whole);
    assert_eq!(ranges(Some(15_000), &values), 1, "the table is read as a whole");
    assert_eq!(ranges(Some(1), &values[..1_000]), within_whole, "few enough for any table");
}

#[test]
fn a_list_of_most_values_of_a_column_is_no_condition() {
    let conditions = |distinct: &[(&str, u64)], values: &[i64]| {
        let column = |many| KnownColumn { distinct: Some(many), ..KnownColumn::default() };
        let columns = distinct.iter().map(|(name, many)| ((*name).to_owned(), column(*many)));
        let (filter, filters) =
            dynamic_of(Known { columns: columns.collect(), ..Known::default() });
        filter.update(among(b(), values)).unwrap();
        let narrowed = filters.narrow(&whole(), &spec(), &pushdown()).unwrap().unwrap();
        narrowed.spec.conditions.len()
    };
    let none = spec().conditions.len();
    assert!(conditions(&[], &[1, 2, 3]) > none);
    assert!(conditions(&[("b", 6), ("a", 1)], &[1, 2, 3]) > none);
    assert_eq!(conditions(&[("b", 5)], &[1, 2, 3]), none);
}

#[test]
fn a_bound_that_leaves_nearly_all_rows_is_no_condition() {
    let conditions = |span, nulls, filter: Physical| {
        let column = KnownColumn { span, nulls, distinct: None };
        let columns = HashMap::from([("b".to_owned(), column)]);
        let known = Known { rows: Some(1_000), columns, lists: Lists::Hashed };
        let (dynamic, filters) = dynamic_of(known);
        dynamic.update(filter).unwrap();
        let narrowed = filters.narrow(&whole(), &spec(), &pushdown()).unwrap().unwrap();
        narrowed.spec.conditions.len() - spec().conditions.len()
    };
    let hundred = Some((1, 100));
    for (low, high, expected) in [
        (1, 100, 0),
        (-7, 1_000, 0),
        (10, 91, 0),
        (11, 100, 1),
        (1, 90, 1),
        (11, 90, 2),
        (101, i64::MAX, 1),
        (i64::MIN, 0, 1),
    ] {
        assert_eq!(conditions(hundred, None, within(b(), low, high)), expected, "{low} to {high}");
    }
    // Each of them drops what is NULL; nothing is known of the other column, and of text.
    assert_eq!(conditions(hundred, Some(100), within(b(), 1, 100)), 2);
    assert_eq!(conditions(hundred, Some(0), within(a(), 1, 100)), 2);
    assert_eq!(conditions(None, None, within(b(), 1, 100)), 2);
    // A single value is always worth it.
    assert_eq!(conditions(Some((1, 1)), None, binary(b(), Operator::Eq, lit(1_i64))), 1);
    // What is known may be anything.
    let any = within(b(), i64::MIN, i64::MAX);
    assert_eq!(conditions(Some((i128::MIN, i128::MAX)), None, Arc::clone(&any)), 2);
    assert_eq!(conditions(Some((9, -9)), None, any), 0);
}

#[test]
fn stores_that_compare_one_by_one_get_short_lists_alone() {
    let rows = spec();
    let reduction = Some(Reduction::Aggregate(PartialAggregate::default()));
    let groups = Arc::new(TableScanSpec { reduction, ..TableScanSpec::clone(&rows) });
    let conditions = |lists, spec: &Arc<TableScanSpec>, values: usize| {
        let (filter, filters) = dynamic_of(Known { lists, ..Known::default() });
        let values: Vec<i64> = (0..).take(values).collect();
        filter.update(among(b(), &values)).unwrap();
        let narrowed = filters.narrow(&whole(), spec, &pushdown()).unwrap().unwrap();
        narrowed.spec.conditions.len() - spec.conditions.len()
    };
    let cases = [
        (Lists::Hashed, &rows, MAX_VALUES),
        (Lists::Hashed, &groups, MAX_VALUES),
        (Lists::Compared, &rows, MAX_COMPARED),
        (Lists::Compared, &groups, MAX_COMPARED_FOR_GROUPS),
    ];
    for (lists, spec, most) in cases {
        assert_eq!(conditions(lists, spec, most), 1, "{lists:?}");
        assert_eq!(conditions(lists, spec, most + 1), 0, "{lists:?}");
    }
}

#[test]
fn how_lists_are_looked_through_is_told_by_the_versions_of_all_stores() {
    let store = |version: &str| {
        let told = metapb::Store { version: version.to_owned(), ..metapb::Store::default() };
        Arc::new(Store::from_meta(told, None))
    };
    let lists = |versions: &[&str]| {
        Lists::of(&versions.iter().map(|version| store(version)).collect::<Vec<_>>())
    };
    assert_eq!(lists(&["8.5.2", "v4.0.0"]), Lists::Hashed);
    assert_eq!(lists(&["8.5.2", "3.1.2"]), Lists::Compared);
    assert_eq!(lists(&["8.5.2", ""]), Lists::Compared);
}

#[tokio::test(start_paused = true)]
async fn it_waits_for_those_that_come_soon_and_no_longer_than_it_may() {
    let (filter, filters) = dynamic();
    let second = Duration::from_secs(1);
    let took = async |filters: &DynamicFilters, most, deadline| {
        let began = tokio::time::Instant::now();
        filters.wait(most, deadline).await;
        began.elapsed()
    };
    // Nobody said that it comes soon.
    assert_eq!(took(&filters, second, None).await, Duration::ZERO);
    assert!(filters.awaiting(&BTreeSet::from([u64::MAX])).is_none());
    let ids = BTreeSet::from([filter.expression_id().unwrap()]);
    let awaiting = filters.awaiting(&ids).unwrap();
    assert!(awaiting.awaiting(&ids).is_none());
    let waited = took(&awaiting, second, None).await;
    assert!(waited >= second && waited < 2 * second, "{waited:?}");
    assert_eq!(took(&awaiting, Duration::ZERO, None).await, Duration::ZERO);
    let deadline = Instant::now().checked_sub(second);
    assert_eq!(took(&awaiting, second, deadline).await, Duration::ZERO);
    let complete = Arc::clone(&filter);
    let completes = async move {
        tokio::time::sleep(second / 4).await;
        complete.mark_complete();
    };
    let (waited, ()) = tokio::join!(took(&awaiting, second, None), completes);
    assert!(waited >= second / 4 && waited < second / 2, "{waited:?}");
    assert!(took(&awaiting.cleared(), second, None).await.is_zero());
}
