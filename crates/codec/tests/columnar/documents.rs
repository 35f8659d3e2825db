//! `JSON` and `VECTOR`.

use std::sync::Arc;

use arrow_array::builder::{Float32Builder, ListBuilder};
use arrow_array::{LargeStringArray, ListArray, StringArray, StringViewArray};
use arrow_schema::{DataType, Field};
use tifusion_codec::field_type::tp;

use crate::check::{Column, field_type};
use crate::writer::Cell::{self, Bytes, Json, Null, Vector};

fn json(data_type: DataType) -> Column {
    Column::new(field_type(tp::JSON, 0), data_type)
}

fn vector() -> Column {
    let item = Field::new("item", DataType::Float32, true);
    Column::new(field_type(tp::TIDB_VECTOR_FLOAT32, 0), DataType::List(Arc::new(item)))
}

fn object_a_1() -> Cell {
    // One entry; 28 bytes; key at 19 of one byte; an int64 at 20.
    let mut body = vec![1, 0, 0, 0, 28, 0, 0, 0, 19, 0, 0, 0, 1, 0, 9, 20, 0, 0, 0, b'a'];
    body.extend_from_slice(&1_i64.to_le_bytes());
    Json(1, body)
}

#[test]
fn json_is_the_text_that_tidb_prints() {
    let cells = [
        Json(4, vec![0]),
        Json(4, vec![1]),
        Null,
        Json(9, (-5_i64).to_le_bytes().to_vec()),
        Json(10, u64::MAX.to_le_bytes().to_vec()),
        Json(12, b"\x03a\"b".to_vec()),
        object_a_1(),
    ];
    let max = u64::MAX.to_string();
    let texts = vec![
        Some("null"),
        Some("true"),
        None,
        Some("-5"),
        Some(max.as_str()),
        Some("\"a\\\"b\""),
        Some("{\"a\": 1}"),
    ];
    json(DataType::Utf8).check(&cells, StringArray::from(texts.clone()));
    json(DataType::LargeUtf8).check(&cells, LargeStringArray::from(texts.clone()));
    json(DataType::Utf8View).check(&cells, StringViewArray::from(texts));
    json(DataType::Utf8).check(&[], StringArray::from(Vec::<&str>::new()));
}

#[test]
fn a_cell_that_is_no_json_is_refused() {
    for cell in [vec![], vec![0x77], vec![9, 1, 2], vec![1, 1, 0, 0, 0, 28, 0, 0, 0]] {
        let error = json(DataType::Utf8).decode_chunk(&[Null, Bytes(cell)]).unwrap_err();
        assert!(error.to_string().starts_with("column 0 (row 1): "), "{error}");
    }
}

fn lists(values: &[Option<&[f32]>]) -> ListArray {
    let mut builder = ListBuilder::new(Float32Builder::new());
    for value in values {
        match value {
            Some(elements) => builder.append_value(elements.iter().map(|e| Some(*e))),
            None => builder.append_null(),
        }
    }
    builder.finish()
}

#[test]
fn vectors_are_lists() {
    let values: [Option<&[f32]>; 4] = [Some(&[1.0, -2.5, 3e38]), None, Some(&[]), Some(&[0.1])];
    let cell = |value: &Option<&[f32]>| value.map_or(Null, |value| Vector(value.to_vec()));
    let cells: Vec<_> = values.iter().map(cell).collect();
    vector().check(&cells, lists(&values));
    vector().check(&[], lists(&[]));
    vector().check(&[Null, Null], lists(&[None, None]));
}

#[test]
fn an_empty_vector_cell_has_no_elements() {
    let array = vector().decode_chunk(&[Bytes(vec![])]).unwrap();
    assert_eq!(array.as_ref(), &lists(&[Some(&[])]));
}

#[test]
fn items_that_are_never_null_may_be_declared_so() {
    let item = Arc::new(Field::new("element", DataType::Float32, false));
    let column = Column { data_type: DataType::List(item.clone()), ..vector() };
    let array = column.decode_chunk(&[Vector(vec![1.0])]).unwrap();
    assert_eq!(*array.data_type(), DataType::List(item));
}

#[test]
fn a_vector_whose_count_and_bytes_differ_is_refused() {
    for cell in [vec![1, 0], vec![2, 0, 0, 0, 0, 0, 0, 0], vec![0, 0, 0, 0, 1], vec![0xff; 8]] {
        let error = vector().decode_chunk(&[Vector(vec![1.0]), Bytes(cell)]).unwrap_err();
        assert!(error.to_string().starts_with("column 0 (row 1): "), "{error}");
    }
}
