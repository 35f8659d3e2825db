//! `CHAR`, `VARCHAR`, `TEXT` and their binary siblings.

use arrow_array::{
    Array, BinaryArray, BinaryViewArray, LargeBinaryArray, LargeStringArray, StringArray,
    StringViewArray,
};
use arrow_schema::DataType;
use tifusion_codec::FieldType;
use tifusion_codec::field_type::{flag, tp};

use crate::check::{Column, field_type, shifted};
use crate::writer::Cell::{Bytes, Null};
use crate::writer::{Form, chunk, write_column};

const STRING_TYPES: [u8; 7] = [
    tp::VARCHAR,
    tp::VAR_STRING,
    tp::STRING,
    tp::TINY_BLOB,
    tp::BLOB,
    tp::MEDIUM_BLOB,
    tp::LONG_BLOB,
];

fn text_type(code: u8) -> FieldType {
    FieldType { charset: "utf8mb4".into(), ..field_type(code, 0) }
}

fn binary_type(code: u8) -> FieldType {
    FieldType { charset: "binary".into(), ..field_type(code, flag::BINARY) }
}

fn varchar(data_type: DataType) -> Column {
    Column::new(text_type(tp::VARCHAR), data_type)
}

fn texts() -> Vec<Option<&'static str>> {
    let long = "a string that is longer than the twelve bytes that a view keeps";
    vec![Some("a"), Some(""), None, Some("ü"), Some("你好"), Some("🦀🦀"), Some(long), Some("")]
}

fn cells(texts: &[Option<&str>]) -> Vec<crate::writer::Cell> {
    texts.iter().map(|text| text.map_or(Null, Into::into)).collect()
}

#[test]
fn text_of_every_type_and_layout() {
    for code in STRING_TYPES {
        let column = |data_type| Column::new(text_type(code), data_type);
        let cells = cells(&texts());
        column(DataType::LargeUtf8).check(&cells, LargeStringArray::from(texts()));
        column(DataType::Utf8View).check(&cells, StringViewArray::from(texts()));
        column(DataType::Utf8).check(&cells, StringArray::from(texts()));
    }
}

#[test]
fn bytes_of_every_type_and_layout() {
    let values: Vec<Option<&[u8]>> =
        vec![Some(b"\xff\xfe"), None, Some(b""), Some(b"\0\0"), Some(b"12345678"), Some(b"text")];
    let cells: Vec<_> = values.iter().map(|v| v.map_or(Null, |v| Bytes(v.into()))).collect();
    for code in STRING_TYPES {
        let column = |data_type| Column::new(binary_type(code), data_type);
        column(DataType::LargeBinary).check(&cells, LargeBinaryArray::from(values.clone()));
        column(DataType::BinaryView).check(&cells, BinaryViewArray::from(values.clone()));
        column(DataType::Binary).check(&cells, BinaryArray::from(values.clone()));
    }
}

#[test]
fn no_rows_only_empty_ones_and_only_nulls() {
    for texts in [vec![], vec![Some(""); 9], vec![None; 9]] {
        let cells = cells(&texts);
        varchar(DataType::LargeUtf8).check(&cells, LargeStringArray::from(texts.clone()));
        varchar(DataType::Utf8View).check(&cells, StringViewArray::from(texts.clone()));
        varchar(DataType::Utf8).check(&cells, StringArray::from(texts.clone()));
    }
}

#[test]
fn text_of_any_character_set_is_utf8() {
    for charset in ["utf8mb4", "utf8", "latin1", "ascii", "gbk", "gb18030", ""] {
        let field_type = FieldType { charset: charset.into(), ..field_type(tp::VARCHAR, 0) };
        let column = Column::new(field_type, DataType::LargeUtf8);
        column.check(&["ü 你".into()], LargeStringArray::from(vec!["ü 你"]));
    }
}

#[test]
fn bytes_that_are_not_utf8_are_refused_in_their_row() {
    for data_type in [DataType::LargeUtf8, DataType::Utf8View, DataType::Utf8] {
        let cells = ["good".into(), Null, Bytes(b"ab\xe4".to_vec()), "good".into()];
        varchar(data_type).refuses(&cells, 2, "text: not UTF-8 from byte 2 on");
    }
}

#[test]
fn a_character_split_between_two_rows_is_refused() {
    let cells = [Bytes(b"\xc3".to_vec()), Bytes(b"\xbc".to_vec())];
    varchar(DataType::LargeUtf8).refuses(&cells, 0, "text: not UTF-8 from byte 0 on");
}

#[test]
fn text_that_is_not_utf8_can_be_read_as_bytes() {
    let cells = [Bytes(b"\xe4".to_vec())];
    varchar(DataType::LargeBinary).check(&cells, LargeBinaryArray::from(vec![&b"\xe4"[..]]));
}

#[test]
fn text_is_borrowed_from_the_chunk() {
    let data = shifted(&chunk(&[(tp::VARCHAR, cells(&texts()))]), 3);
    let batch = varchar(DataType::LargeUtf8).chunks().unwrap().decode(&data).unwrap();
    let array = batch.column(0).to_data();
    assert!(data.as_ptr_range().contains(&array.buffers()[1].as_ptr()));
    let nulls = array.nulls().unwrap().buffer().as_ptr();
    assert!(data.as_ptr_range().contains(&nulls));
}

#[test]
fn a_null_s_bytes_that_are_not_utf8_disappear() {
    let mut data = Vec::new();
    write_column(&mut data, tp::VARCHAR, &cells(&[Some("a"), None, Some("b")]), b"\xff\xff");
    let batch = varchar(DataType::LargeUtf8).chunks().unwrap().decode(&data.into()).unwrap();
    let array = batch.column(0).to_data();
    assert_eq!(array.buffers()[1].as_slice(), b"ab");
}

#[test]
fn a_long_string_in_both_datum_forms() {
    let long = "0123456789".repeat(1000);
    let expected = LargeStringArray::from(vec![long.as_str()]);
    for form in [Form::Comparable, Form::Compact] {
        let array = varchar(DataType::LargeUtf8).decode_rows(&[long.as_str().into()], form);
        assert_eq!(array.unwrap().as_ref(), &expected);
    }
}
