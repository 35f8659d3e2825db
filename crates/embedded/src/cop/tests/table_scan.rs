//! Table scans, selections and limits.

use std::borrow::Cow;

use tifusion_codec::datum::{self, Datum};
use tifusion_codec::field_type::{flag, tp};
use tifusion_codec::key::{self, Handle};
use tifusion_codec::time::{CoreTime, TimeKind};
use tifusion_proto::coprocessor::KeyRange;
use tifusion_proto::tipb::{
    ColumnInfo, ExecType, Executor, Limit, ScalarFuncSig as Sig, SelectResponse, Selection,
};

use super::fake::*;
use crate::cop::expr::testing::{bigint, call, column, int};

fn one_to(count: i64) -> FakeRows {
    let mut rows = FakeRows::default();
    for handle in 1..=count {
        rows.put(handle, row_v2(&[(2, Some((handle * 10).to_le_bytes().to_vec()))]));
    }
    rows
}

fn handle_and_int() -> Vec<ColumnInfo> {
    vec![handle_column(1), column_info(2, tp::LONG_LONG, 0)]
}

fn ints(answer: &SelectResponse) -> Vec<(i64, i64)> {
    let pair = |row: &Vec<Datum<'_>>| match row.as_slice() {
        [Datum::Int(a), Datum::Int(b)] => (*a, *b),
        other => panic!("{other:?}"),
    };
    datums(answer, 2).iter().map(pair).collect()
}

fn selection(conditions: Vec<tifusion_proto::tipb::Expr>) -> Executor {
    Executor {
        tp: Some(ExecType::TypeSelection.into()),
        selection: Some(Box::new(Selection { conditions, ..Selection::default() })),
        ..Executor::default()
    }
}

fn limit(rows: u64) -> Executor {
    Executor {
        tp: Some(ExecType::TypeLimit.into()),
        limit: Some(Box::new(Limit { limit: Some(rows), ..Limit::default() })),
        ..Executor::default()
    }
}

#[test]
fn rows_of_both_formats_show_values_nulls_and_defaults() {
    let mut default = Vec::new();
    datum::encode_value(&mut default, &Datum::Float(4.5)).unwrap();
    let mut rows = FakeRows::default();
    rows.put(1, row_v1(&[(2, Datum::Int(10)), (4, Datum::Float(5.25))]));
    rows.put(2, row_v1(&[(4, Datum::Null), (2, Datum::Int(-5))]));
    rows.put(3, row_v1(&[]));
    rows.put(4, row_v2(&[(2, Some(vec![0xfe]))]));
    rows.put(5, row_v2(&[(2, None), (4, None)]));
    let columns = vec![
        column_info(2, tp::LONG_LONG, 0),
        ColumnInfo { default_val: Some(default), ..column_info(4, tp::DOUBLE, 0) },
        handle_column(1),
    ];
    let request = request(&dag(vec![table_scan(columns)], 3), vec![whole_table()]);
    let response = send(&mut rows, &request);
    let answer = answer(&response);
    let expected = [
        vec![Datum::Int(10), Datum::Float(5.25), Datum::Int(1)],
        vec![Datum::Int(-5), Datum::Null, Datum::Int(2)],
        vec![Datum::Null, Datum::Float(4.5), Datum::Int(3)],
        vec![Datum::Int(-2), Datum::Float(4.5), Datum::Int(4)],
        vec![Datum::Null, Datum::Null, Datum::Int(5)],
    ];
    assert_eq!(datums(&answer, 3), expected);
    assert_eq!(answer.output_counts, [5]);
    assert_eq!(response.range, None);
    let scan = response.exec_details_v2.and_then(|details| details.scan_detail_v2).unwrap();
    assert_eq!(scan.processed_versions, 5);
    assert!(scan.processed_versions_size > 5 * 19);
    assert!(!response.can_be_cached, "the request did not ask for it");
}

#[test]
fn a_missing_column_that_cannot_be_null_is_an_error_in_the_answer() {
    let mut rows = FakeRows::default();
    rows.put(1, row_v2(&[]));
    let columns = vec![column_info(2, tp::LONG_LONG, flag::NOT_NULL)];
    let response =
        send(&mut rows, &request(&dag(vec![table_scan(columns)], 1), vec![whole_table()]));
    let answer: SelectResponse = prost::Message::decode(response.data).unwrap();
    let message = answer.error.unwrap().msg.unwrap();
    assert!(message.contains("missing data for NOT NULL column (offset = 0)"), "{message}");
}

#[test]
fn values_of_every_type_come_out_as_their_datums() {
    let stamp = CoreTime::parse("2024-03-31 01:30:00.250000", TimeKind::Timestamp, 6).unwrap();
    let packed = stamp.to_packed().to_le_bytes().to_vec();
    let mut decimal = Vec::new();
    "-12.34"
        .parse::<tifusion_codec::decimal::Decimal>()
        .unwrap()
        .encode(&mut decimal, 6, 2)
        .unwrap();
    let mut double = Vec::new();
    tifusion_codec::number::encode_f64(&mut double, -0.5);
    let row = row_v2(&[
        (1, Some(vec![0xff])),
        (2, Some(vec![0x34, 0x12])),
        (3, Some(double)),
        (4, Some(decimal)),
        (5, Some(b"abc".to_vec())),
        (6, Some(packed)),
        (7, Some((-1_000_000_000_i64).to_le_bytes().to_vec())),
        (8, Some(vec![2])),
        (9, Some(vec![3])),
        (10, Some(vec![0x04, 0x01])),
    ]);
    let mut rows = FakeRows::default();
    rows.put(1, row);
    let member =
        ColumnInfo { elems: vec!["a".to_owned(), "b".to_owned()], ..column_info(8, tp::ENUM, 0) };
    let columns = vec![
        column_info(1, tp::TINY, flag::UNSIGNED),
        column_info(2, tp::SHORT, 0),
        column_info(3, tp::DOUBLE, 0),
        column_info(4, tp::NEW_DECIMAL, 0),
        column_info(5, tp::VARCHAR, 0),
        ColumnInfo { decimal: Some(6), ..column_info(6, tp::TIMESTAMP, 0) },
        column_info(7, tp::DURATION, 0),
        member,
        column_info(9, tp::SET, 0),
        column_info(10, tp::JSON, 0),
    ];
    let mut dag = dag(vec![table_scan(columns)], 10);
    // Back and forth through the zone leaves the stored point in time.
    dag.time_zone_name = Some("Europe/Berlin".to_owned());
    let answer = answer(&send(&mut rows, &request(&dag, vec![whole_table()])));
    let expected = vec![
        Datum::UInt(255),
        Datum::Int(0x1234),
        Datum::Float(-0.5),
        Datum::Decimal("-12.34".parse().unwrap()),
        Datum::Bytes(Cow::Borrowed(b"abc")),
        Datum::UInt(stamp.to_packed()),
        Datum::Duration(-1_000_000_000),
        Datum::UInt(2),
        Datum::UInt(3),
        Datum::Json(4, Cow::Borrowed(&[1])),
    ];
    assert_eq!(datums(&answer, 10), [expected]);
}

#[test]
fn a_common_handle_fills_its_columns_where_the_row_does_not() {
    let mut handle = Vec::new();
    datum::encode_key(&mut handle, &Datum::Bytes(Cow::Borrowed(b"one"))).unwrap();
    datum::encode_key(&mut handle, &Datum::Int(9)).unwrap();
    let mut rows = FakeRows::default();
    let key = key::encode_record_key(TABLE, &Handle::common(handle));
    rows.pairs.insert(key, row_v2(&[(3, Some(vec![7])), (1, Some(b"One".to_vec()))]));
    let columns = vec![
        column_info(3, tp::LONG, 0),
        column_info(2, tp::LONG_LONG, 0),
        column_info(1, tp::VARCHAR, 0),
        column_info(-3, tp::LONG_LONG, 0),
    ];
    let mut scan = table_scan(columns);
    scan.tbl_scan.as_mut().unwrap().primary_column_ids = vec![1, 2];
    let (start, end) = key::record_range(TABLE);
    let request = request(&dag(vec![scan], 4), vec![KeyRange { start, end }]);
    let mut sorted = rows.clone();
    // The row's own ids are sorted in a real row.
    for value in sorted.pairs.values_mut() {
        *value = row_v2(&[(1, Some(b"One".to_vec())), (3, Some(vec![7]))]);
    }
    let answer = answer(&send(&mut sorted, &request));
    let expected =
        vec![Datum::Int(7), Datum::Int(9), Datum::Bytes(Cow::Borrowed(b"One")), Datum::Int(TABLE)];
    assert_eq!(datums(&answer, 4), [expected]);
}

#[test]
fn a_selection_keeps_rows_for_which_no_condition_is_false_or_null() {
    let mut rows = one_to(5);
    rows.put(6, row_v2(&[(2, None)]));
    let above = call(Sig::GtInt, bigint(), vec![column(1, bigint()), int(10)]);
    let odd = call(Sig::NeInt, bigint(), vec![column(0, bigint()), int(4)]);
    let plan = dag(vec![table_scan(handle_and_int()), selection(vec![above, odd])], 2);
    let answer = answer(&send(&mut rows, &request(&plan, vec![whole_table()])));
    assert_eq!(ints(&answer), [(2, 20), (3, 30), (5, 50)]);
    assert_eq!(answer.output_counts, [6]);
}

#[test]
fn a_limit_over_a_scan_reads_no_more_than_it_gives() {
    let mut rows = one_to(100);
    rows.locked = Some(key::encode_record_key(TABLE, &Handle::Int(8)));
    let plan = dag(vec![table_scan(handle_and_int()), limit(7)], 2);
    let answer = answer(&send(&mut rows, &request(&plan, vec![whole_table()])));
    assert_eq!(ints(&answer).len(), 7);
    assert_eq!(answer.output_counts, [7]);
}

#[test]
fn a_lock_in_the_way_is_given_on_without_rows() {
    let mut rows = one_to(10);
    rows.locked = Some(key::encode_record_key(TABLE, &Handle::Int(8)));
    let plan = dag(vec![table_scan(handle_and_int())], 2);
    let response = send(&mut rows, &request(&plan, vec![whole_table()]));
    assert_eq!(response.locked.unwrap().lock_version, 5);
    assert!(response.data.is_empty());
}

#[test]
fn ranges_and_points_are_read_in_order_and_backwards() {
    let mut rows = one_to(40);
    let ranges = vec![handles(2, 5), handles(9, 10), handles(38, 60)];
    let mut scan = table_scan(handle_and_int());
    let plan = dag(vec![scan.clone()], 2);
    let first = answer(&send(&mut rows, &request(&plan, ranges.clone())));
    let keys: Vec<i64> = ints(&first).iter().map(|pair| pair.0).collect();
    assert_eq!(keys, [2, 3, 4, 9, 38, 39, 40]);
    assert_eq!(first.output_counts, [3, 1, 3]);
    scan.tbl_scan.as_mut().unwrap().desc = Some(true);
    let plan = dag(vec![scan], 2);
    let second = answer(&send(&mut rows, &request(&plan, ranges)));
    let keys: Vec<i64> = ints(&second).iter().map(|pair| pair.0).collect();
    assert_eq!(keys, [40, 39, 38, 9, 4, 3, 2]);
    assert_eq!(second.output_counts, [3, 1, 3]);
}

#[test]
fn what_the_cluster_cannot_run_is_refused_by_name() {
    let mut rows = one_to(1);
    let unknown = call(Sig::Sleep, bigint(), vec![int(1)]);
    let plan = dag(vec![table_scan(handle_and_int()), selection(vec![unknown])], 2);
    let response = send(&mut rows, &request(&plan, vec![whole_table()]));
    assert!(response.other_error.contains("Sleep"), "{}", response.other_error);
    let join = Executor { tp: Some(ExecType::TypeJoin.into()), ..Executor::default() };
    let plan = dag(vec![table_scan(handle_and_int()), join], 2);
    let response = send(&mut rows, &request(&plan, vec![whole_table()]));
    assert!(response.other_error.contains("TypeJoin"), "{}", response.other_error);
    let mut plan = dag(vec![table_scan(handle_and_int())], 2);
    plan.time_zone_name = Some("Mars/Base".to_owned());
    let response = send(&mut rows, &request(&plan, vec![whole_table()]));
    assert!(response.other_error.contains("Mars/Base"), "{}", response.other_error);
}

#[test]
fn a_range_beyond_the_region_is_cut_to_it() {
    let mut rows = one_to(10);
    let plan = dag(vec![table_scan(handle_and_int())], 2);
    let request = request(&plan, vec![whole_table()]);
    let region = handles(3, 6);
    let context = crate::cop::CopContext {
        rows: &mut rows,
        region: region.start..region.end,
        data_version: None,
        buckets_version: 0,
    };
    let answer = answer(&crate::cop::run(&request, context));
    assert_eq!(ints(&answer), [(3, 30), (4, 40), (5, 50)]);
}
