//! The first rows in an order.

use tifusion_codec::datum::Datum;
use tifusion_codec::field_type::tp;
use tifusion_proto::coprocessor::Request;
use tifusion_proto::tipb::{ByItem, ColumnInfo, ExecType, Executor, Expr, TopN};

use super::fake::*;
use crate::cop::expr::testing::{bigint, column};

fn rows() -> FakeRows {
    let mut rows = FakeRows::default();
    for (handle, value) in [(1, Some(3_u8)), (2, None), (3, Some(1)), (4, Some(3)), (5, Some(2))] {
        rows.put(handle, row_v2(&[(2, value.map(|value| vec![value]))]));
    }
    rows
}

fn columns() -> Vec<ColumnInfo> {
    vec![handle_column(1), column_info(2, tp::LONG_LONG, 0)]
}

fn by(expr: Expr, descending: bool) -> ByItem {
    ByItem { expr: Some(expr), desc: Some(descending), ..ByItem::default() }
}

fn top_n(limit: u64, order_by: Vec<ByItem>, partition_by: Vec<ByItem>) -> Executor {
    let top_n = TopN { order_by, partition_by, limit: Some(limit), ..TopN::default() };
    Executor {
        tp: Some(ExecType::TypeTopN.into()),
        top_n: Some(Box::new(top_n)),
        ..Executor::default()
    }
}

fn handles_of(rows: &mut FakeRows, request: &Request) -> Vec<i64> {
    let answer = answer(&send(rows, request));
    let handle = |row: &Vec<Datum<'_>>| match row[0] {
        Datum::Int(handle) => handle,
        ref other => panic!("{other:?}"),
    };
    datums(&answer, 1).iter().map(handle).collect()
}

#[test]
fn nulls_come_first_and_last_when_descending() {
    for (limit, descending, expected) in [
        (2, false, vec![2, 3]),
        (3, true, vec![1, 4, 5]),
        (10, true, vec![1, 4, 5, 3, 2]),
        (0, false, vec![]),
    ] {
        let order = vec![by(column(1, bigint()), descending)];
        let plan = dag(vec![table_scan(columns()), top_n(limit, order, vec![])], 1);
        assert_eq!(handles_of(&mut rows(), &request(&plan, vec![whole_table()])), expected);
    }
}

#[test]
fn each_partition_has_its_own_first_rows() {
    let order = vec![by(column(0, bigint()), true)];
    let partition = vec![by(column(1, bigint()), false)];
    let plan = dag(vec![table_scan(columns()), top_n(1, order, partition)], 1);
    assert_eq!(handles_of(&mut rows(), &request(&plan, vec![whole_table()])), [4, 2, 3, 5]);
}

#[test]
fn more_rows_than_a_page_holds_are_left_to_the_client() {
    let order = vec![by(column(1, bigint()), true)];
    let plan = dag(vec![table_scan(columns()), top_n(3, order, vec![])], 1);
    let paged = Request { paging_size: 2, ..request(&plan, vec![whole_table()]) };
    assert_eq!(handles_of(&mut rows(), &paged), [1, 2, 3, 4, 5]);
}
