//! Chunks and rows that are not what they should be.

use arrow_array::{Array, Int64Array};
use arrow_schema::DataType;
use tifusion_codec::Error;
use tifusion_codec::field_type::tp;

use crate::check::{Column, field_type};
use crate::writer::Cell::{Int, Null, Time};
use crate::writer::{Form, chunk, rows};

fn bigint() -> Column {
    Column::new(field_type(tp::LONG_LONG, 0), DataType::Int64)
}

fn varchar() -> Column {
    Column::new(field_type(tp::VARCHAR, 0), DataType::LargeUtf8)
}

fn chunk_error(column: &Column, data: Vec<u8>) -> String {
    column.chunks().unwrap().decode(&data.into()).unwrap_err().to_string()
}

fn rows_error(column: &Column, data: Vec<u8>) -> String {
    column.rows().unwrap().decode(&data.into()).unwrap_err().to_string()
}

#[test]
fn a_chunk_by_hand() {
    // Three rows, one NULL, bits 101, cells 1, garbage, -1.
    let mut data = vec![3, 0, 0, 0, 1, 0, 0, 0, 0b101];
    data.extend_from_slice(&1_i64.to_le_bytes());
    data.extend_from_slice(&[0xaa; 8]);
    data.extend_from_slice(&(-1_i64).to_le_bytes());
    let batch = bigint().chunks().unwrap().decode(&data.into()).unwrap();
    assert_eq!(batch.column(0).as_ref(), &Int64Array::from(vec![Some(1), None, Some(-1)]));
}

#[test]
fn rows_by_hand() {
    // VARINT 1 (zigzag 2), NULL, INT -1.
    let data = [8, 2, 0, 3, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    let batch = bigint().rows().unwrap().decode(&data.to_vec().into()).unwrap();
    assert_eq!(batch.column(0).as_ref(), &Int64Array::from(vec![Some(1), None, Some(-1)]));
}

#[test]
fn bits_of_the_bitmap_behind_the_last_row_don_t_matter() {
    let mut data = vec![1, 0, 0, 0, 1, 0, 0, 0, 0b1111_1110];
    data.extend_from_slice(&[0; 8]);
    let batch = bigint().chunks().unwrap().decode(&data.into()).unwrap();
    assert_eq!(batch.column(0).null_count(), 1);
}

#[test]
fn a_chunk_cut_short_is_refused_wherever_it_is_cut() {
    let cells = vec![Int(1), Null, Int(3)];
    let whole = chunk(&[(tp::LONG_LONG, cells)]);
    for len in 1..whole.len() {
        assert!(bigint().chunks().unwrap().decode(&whole[..len].to_vec().into()).is_err(), "{len}");
    }
    let whole = chunk(&[(tp::VARCHAR, vec!["a".into(), Null, "bc".into()])]);
    for len in 1..whole.len() {
        assert!(
            varchar().chunks().unwrap().decode(&whole[..len].to_vec().into()).is_err(),
            "{len}"
        );
    }
}

#[test]
fn rows_cut_short_are_refused_wherever_they_are_cut() {
    for form in [Form::Comparable, Form::Compact] {
        let whole = rows(&[(tp::VARCHAR, vec!["abcdefghij".into()])], form);
        for len in 1..whole.len() {
            let error = varchar().rows().unwrap().decode(&whole[..len].to_vec().into());
            assert!(error.is_err(), "{len}");
        }
    }
}

#[test]
fn bytes_after_the_last_column_are_refused() {
    let mut data = chunk(&[(tp::LONG_LONG, vec![Int(1)])]);
    data.push(0);
    assert_eq!(chunk_error(&bigint(), data), "chunk: 1 bytes after the last column");
}

#[test]
fn more_nulls_than_rows_are_refused() {
    let mut data = vec![1, 0, 0, 0, 2, 0, 0, 0, 0];
    data.extend_from_slice(&[0; 8]);
    assert!(chunk_error(&bigint(), data).ends_with("chunk column: 2 NULLs in 1 rows"));
}

#[test]
fn a_count_of_nulls_that_the_bitmap_belies_is_refused() {
    let mut data = vec![3, 0, 0, 0, 1, 0, 0, 0, 0b001];
    data.extend_from_slice(&[0; 24]);
    assert!(chunk_error(&bigint(), data).ends_with("1 NULLs, but 2 in the bitmap"));
}

#[test]
fn counts_that_claim_more_than_there_is_are_refused() {
    for null_count in [0_u32, 1, u32::MAX] {
        let mut data = u32::MAX.to_le_bytes().to_vec();
        data.extend_from_slice(&null_count.to_le_bytes());
        data.extend_from_slice(&[0; 64]);
        for column in [bigint(), varchar()] {
            let error = column.chunks().unwrap().decode(&data.clone().into()).unwrap_err();
            let Error::Column { source, .. } = error else { panic!("{error:?}") };
            assert!(matches!(*source, Error::Truncated { .. }), "{source:?}");
        }
    }
}

fn varchar_with_offsets(offsets: &[i64], data: &[u8]) -> Vec<u8> {
    let mut out = (offsets.len() as u32 - 1).to_le_bytes().to_vec();
    out.extend_from_slice(&[0; 4]);
    out.extend(offsets.iter().flat_map(|offset| offset.to_le_bytes()));
    out.extend_from_slice(data);
    out
}

#[test]
fn offsets_that_don_t_rise_from_zero_are_refused() {
    for offsets in [
        &[1_i64, 2][..],
        &[-1, 2],
        &[0, -1],
        &[0, 2, 1],
        &[0, -1, 1],
        &[0, i64::MIN, 1],
        &[0, i64::MAX, i64::MIN, 2],
        &[i64::MIN, 2],
        &[5],
    ] {
        let error = chunk_error(&varchar(), varchar_with_offsets(offsets, b"ab"));
        assert!(error.ends_with("offsets don't rise from 0"), "{offsets:?}: {error}");
    }
}

#[test]
fn offsets_beyond_the_data_are_refused() {
    for end in [3, 1 << 40, i64::MAX] {
        let data = varchar_with_offsets(&[0, end], b"ab");
        let error = varchar().chunks().unwrap().decode(&data.into()).unwrap_err();
        let Error::Column { source, .. } = error else { panic!("{error:?}") };
        assert!(matches!(*source, Error::Truncated { left: 2, .. }), "{source:?}");
    }
}

#[test]
fn a_null_in_a_not_null_column_is_refused() {
    let cells = [Int(1), Int(2), Null];
    bigint().not_null().refuses(&cells, 2, "column: NULL in a NOT NULL column");
}

#[test]
fn a_datum_of_another_type_is_refused() {
    let reason = |column: &Column, data: Vec<u8>| rows_error(column, data);
    let bytes = rows(&[(tp::VARCHAR, vec!["a".into()])], Form::Compact);
    let expected = "column 0 (row 0): datum: bytes in a column of integers";
    assert_eq!(reason(&bigint(), bytes), expected);
    let ints = rows(&[(tp::LONG_LONG, vec![Null, Int(1)])], Form::Compact);
    let expected = "column 0 (row 1): datum: signed integer in a column of strings";
    assert_eq!(reason(&varchar(), ints.clone()), expected);
    for (code, data_type, name) in [
        (tp::DATE, DataType::Date32, "dates"),
        (tp::NEW_DECIMAL, DataType::Decimal128(10, 2), "decimals"),
        (tp::NEW_DECIMAL, DataType::Decimal256(10, 2), "decimals"),
        (tp::DOUBLE, DataType::Float64, "floats"),
        (tp::FLOAT, DataType::Float32, "floats"),
        (tp::BIT, DataType::UInt64, "bits"),
        (tp::JSON, DataType::Utf8, "JSON"),
        (tp::SET, DataType::Utf8, "SETs"),
    ] {
        let column = Column::new(field_type(code, 0), data_type);
        let expected = format!("column 0 (row 1): datum: signed integer in a column of {name}");
        assert_eq!(reason(&column, ints.clone()), expected);
    }
    let time = rows(&[(tp::DATE, vec![Time([2024, 1, 1, 0, 0, 0, 0])])], Form::Compact);
    let column = Column::new(field_type(tp::DOUBLE, 0), DataType::Float64);
    let expected = "column 0 (row 0): datum: unsigned integer in a column of floats";
    assert_eq!(reason(&column, time), expected);
}

#[test]
fn an_unknown_flag_is_refused() {
    for flag in [11, 19, 21, 99, 250, 255] {
        assert!(rows_error(&bigint(), vec![flag, 0, 0]).starts_with("column 0 (row 0): "));
    }
}
