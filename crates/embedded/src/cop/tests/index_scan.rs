//! Index scans over every form of entries.

use std::borrow::Cow;

use tifusion_codec::datum::{self, Datum};
use tifusion_codec::field_type::{flag, tp};
use tifusion_codec::key;
use tifusion_codec::number;
use tifusion_proto::coprocessor::KeyRange;
use tifusion_proto::tipb::{ColumnInfo, ExecType, Executor, IndexScan};

use super::fake::*;

const INDEX: i64 = 3;

fn entry_key(datums: &[Datum<'_>]) -> Vec<u8> {
    let mut key = key::index_prefix(TABLE, INDEX);
    datums.iter().for_each(|datum| datum::encode_key(&mut key, datum).unwrap());
    key
}

fn text(text: &str) -> Datum<'_> {
    Datum::Bytes(Cow::Borrowed(text.as_bytes()))
}

fn varchar(id: i64) -> ColumnInfo {
    ColumnInfo { collation: Some(-46), ..column_info(id, tp::VARCHAR, 0) }
}

fn scan(columns: Vec<ColumnInfo>, primary: Vec<i64>) -> Executor {
    let scan = IndexScan {
        table_id: Some(TABLE),
        index_id: Some(INDEX),
        columns,
        primary_column_ids: primary,
        ..IndexScan::default()
    };
    Executor {
        tp: Some(ExecType::TypeIndexScan.into()),
        idx_scan: Some(scan),
        ..Executor::default()
    }
}

fn read(entries: &[(Vec<u8>, Vec<u8>)], scan: Executor) -> Vec<Vec<Datum<'static>>> {
    let mut rows = FakeRows { pairs: entries.iter().cloned().collect(), locked: None };
    let columns = scan.idx_scan.as_ref().unwrap().columns.len();
    let (start, end) = key::index_range(TABLE, INDEX);
    let plan = dag(vec![scan], columns as u32);
    let answer = answer(&send(&mut rows, &request(&plan, vec![KeyRange { start, end }])));
    datums(&answer, columns)
}

fn int_and_handle() -> Vec<ColumnInfo> {
    vec![column_info(2, tp::LONG_LONG, 0), handle_column(1)]
}

#[test]
fn a_handle_is_in_the_key_or_in_the_value_of_a_unique_entry() {
    let entries = [
        (entry_key(&[Datum::Int(5), Datum::Int(-9)]), b"0".to_vec()),
        (entry_key(&[Datum::Int(6)]), 77_i64.to_be_bytes().to_vec()),
        (entry_key(&[Datum::Null, Datum::Int(8)]), vec![0, 125, 1]),
    ];
    let rows = read(&entries, scan(int_and_handle(), vec![]));
    let expected = [
        vec![Datum::Null, Datum::Int(8)],
        vec![Datum::Int(5), Datum::Int(-9)],
        vec![Datum::Int(6), Datum::Int(77)],
    ];
    assert_eq!(rows, expected);
}

#[test]
fn without_a_handle_only_the_columns_are_read() {
    let entries = [(entry_key(&[Datum::Int(5), Datum::Int(-9)]), b"0".to_vec())];
    let rows = read(&entries, scan(vec![column_info(2, tp::LONG_LONG, 0)], vec![]));
    assert_eq!(rows, [[Datum::Int(5)]]);
}

#[test]
fn blanks_that_a_sort_key_lacks_are_counted_in_the_value() {
    // Version 1, non-unique: the handle is in the key, the value restores column 2.
    let mut value = vec![0, 125, 1];
    value.extend(row_v2(&[(2, Some(vec![2]))]));
    let entries = [(entry_key(&[text("ab"), Datum::Int(4)]), value)];
    let rows = read(&entries, scan(vec![varchar(2), handle_column(1)], vec![]));
    assert_eq!(rows, [vec![text("ab  "), Datum::Int(4)]]);
}

#[test]
fn a_text_of_another_collation_is_restored_whole() {
    let mut value = vec![0, 125, 1];
    value.extend(row_v2(&[(2, Some(b"Abc".to_vec()))]));
    let entries = [(entry_key(&[text("\0A\0B\0C"), Datum::Int(4)]), value)];
    let general = ColumnInfo { collation: Some(-45), ..varchar(2) };
    let rows = read(&entries, scan(vec![general, handle_column(1)], vec![]));
    assert_eq!(rows, [vec![text("Abc"), Datum::Int(4)]]);
}

#[test]
fn the_first_version_restores_all_columns_and_has_the_handle_in_its_tail() {
    let mut value = vec![8];
    value.extend(row_v2(&[(2, Some(b"Abc".to_vec()))]));
    value.extend(31_i64.to_be_bytes());
    let entries = [(entry_key(&[text("abc")]), value)];
    let rows = read(&entries, scan(vec![varchar(2), handle_column(1)], vec![]));
    assert_eq!(rows, [vec![text("Abc"), Datum::Int(31)]]);
}

#[test]
fn a_common_handle_is_in_the_value_of_a_unique_entry_else_in_the_key() {
    let mut handle = Vec::new();
    datum::encode_key(&mut handle, &Datum::Int(12)).unwrap();
    let mut value = vec![0, 127];
    value.extend((handle.len() as u16).to_be_bytes());
    value.extend(&handle);
    let entries = [
        (entry_key(&[Datum::Int(1)]), value),
        (entry_key(&[Datum::Int(2), Datum::Int(13)]), vec![0, 125, 1]),
    ];
    let columns = vec![column_info(2, tp::LONG_LONG, 0), column_info(3, tp::LONG_LONG, 0)];
    let rows = read(&entries, scan(columns, vec![3]));
    assert_eq!(rows, [[Datum::Int(1), Datum::Int(12)], [Datum::Int(2), Datum::Int(13)]]);
}

#[test]
fn a_global_index_names_its_partition() {
    let mut value = vec![8, 126];
    number::encode_i64(&mut value, 99);
    value.extend(31_i64.to_be_bytes());
    let entries = [(entry_key(&[Datum::Int(1)]), value)];
    let mut columns = int_and_handle();
    columns.push(column_info(-2, tp::LONG_LONG, flag::NOT_NULL));
    columns.push(column_info(-3, tp::LONG_LONG, flag::NOT_NULL));
    let rows = read(&entries, scan(columns, vec![]));
    assert_eq!(rows, [vec![Datum::Int(1), Datum::Int(31), Datum::Int(99), Datum::Int(99)]]);
    let mut key = entry_key(&[Datum::Int(1)]);
    key.push(126);
    number::encode_i64(&mut key, 98);
    datum::encode_key(&mut key, &Datum::Int(5)).unwrap();
    let mut columns = int_and_handle();
    columns.push(column_info(-3, tp::LONG_LONG, flag::NOT_NULL));
    let rows = read(&[(key, b"0".to_vec())], scan(columns, vec![]));
    assert_eq!(rows, [vec![Datum::Int(1), Datum::Int(5), Datum::Int(98)]]);
}

#[test]
fn broken_values_are_errors() {
    let good = entry_key(&[Datum::Int(1)]);
    for value in [
        vec![200; 12],
        vec![0, 3, 0, 0, 0, 0, 0, 0, 0, 0],
        vec![0, 127, 255, 255, 0, 0, 0, 0, 0, 0, 0],
    ] {
        let mut rows = FakeRows { pairs: [(good.clone(), value)].into(), locked: None };
        let (start, end) = key::index_range(TABLE, INDEX);
        let plan = dag(vec![scan(int_and_handle(), vec![])], 2);
        let response = send(&mut rows, &request(&plan, vec![KeyRange { start, end }]));
        let answer: tifusion_proto::tipb::SelectResponse =
            prost::Message::decode(response.data).unwrap();
        assert!(answer.error.is_some());
    }
}
