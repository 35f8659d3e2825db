//! `BIT`, `ENUM` and `SET`.

use std::sync::Arc;

use arrow_array::{
    Array, DictionaryArray, LargeStringArray, StringArray, StringViewArray, UInt16Array,
    UInt64Array,
};
use arrow_schema::DataType;
use tifusion_codec::FieldType;
use tifusion_codec::field_type::tp;

use crate::check::{Column, field_type};
use crate::writer::Cell::{self, Bit, Bytes, Enum, Null, Set};

fn bit() -> Column {
    Column::new(field_type(tp::BIT, 0), DataType::UInt64)
}

fn enumeration(members: &[&str]) -> Column {
    let elems = members.iter().map(ToString::to_string).collect();
    let field_type = FieldType { elems, ..field_type(tp::ENUM, 0) };
    let (key, value) = (Box::new(DataType::UInt16), Box::new(DataType::Utf8));
    Column::new(field_type, DataType::Dictionary(key, value))
}

fn set(members: &[String], data_type: DataType) -> Column {
    let field_type = FieldType { elems: members.to_vec(), ..field_type(tp::SET, 0) };
    Column::new(field_type, data_type)
}

fn dictionary(
    keys: Vec<Option<u16>>,
    values: Vec<&str>,
) -> DictionaryArray<arrow_array::types::UInt16Type> {
    let values = Arc::new(StringArray::from(values));
    DictionaryArray::try_new(UInt16Array::from(keys), values).unwrap()
}

#[test]
fn bits_of_every_length() {
    for len in 1..=8_usize {
        let max = u64::MAX >> (64 - 8 * len);
        let cells = [Bit(0, len), Bit(1, len), Null, Bit(max, len)];
        bit().check(&cells, UInt64Array::from(vec![Some(0), Some(1), None, Some(max)]));
    }
    bit().check(&[], UInt64Array::from(Vec::<u64>::new()));
}

#[test]
fn bits_that_are_more_than_64_are_refused() {
    let cells = [Null, Bytes(vec![1, 0, 0, 0, 0, 0, 0, 0, 0])];
    let error = bit().decode_chunk(&cells).unwrap_err().to_string();
    assert_eq!(error, "column 0 (row 1): BIT: a value of 9 bytes does not fit 64 bits");
}

#[test]
fn members_are_keys_of_a_dictionary_that_never_changes() {
    let column = enumeration(&["red", "green", "blue"]);
    let cells = [Enum(3, "blue".into()), Null, Enum(1, "red".into()), Enum(3, "blue".into())];
    let values = vec!["red", "green", "blue", ""];
    let expected = dictionary(vec![Some(2), None, Some(0), Some(2)], values.clone());
    column.check(&cells, expected);
    column.check(&[], dictionary(vec![], values.clone()));
    column.check(&[Null, Null, Null], dictionary(vec![None; 3], values));
}

#[test]
fn number_zero_is_the_empty_string() {
    let column = enumeration(&["red", "green"]);
    let cells = [Enum(0, String::new()), Enum(2, "green".into())];
    column.check(&cells, dictionary(vec![Some(2), Some(1)], vec!["red", "green", ""]));
    // An empty cell is number zero too.
    let array = column.decode_chunk(&[Bytes(vec![])]).unwrap();
    let expected = dictionary(vec![Some(2)], vec!["red", "green", ""]);
    assert_eq!(array.as_ref(), &expected as &dyn Array);
}

#[test]
fn the_number_counts_not_the_name() {
    let column = enumeration(&["red", "green"]);
    let cells = [Enum(2, "RED".into())];
    column.check(&cells, dictionary(vec![Some(1)], vec!["red", "green", ""]));
}

#[test]
fn the_largest_enum() {
    let members: Vec<String> = (0..65_535).map(|i| i.to_string()).collect();
    let members: Vec<&str> = members.iter().map(String::as_str).collect();
    let column = enumeration(&members);
    let cells = [Enum(65_535, "65534".into()), Enum(0, String::new())];
    let array = column.decode_chunk(&cells).unwrap();
    let array: &DictionaryArray<arrow_array::types::UInt16Type> =
        array.as_any().downcast_ref().unwrap();
    assert_eq!(array.keys(), &UInt16Array::from(vec![65_534, 65_535]));
    assert_eq!(array.values().len(), 65_536);
    let one_more: Vec<&str> = members.iter().copied().chain(["x"]).collect();
    assert!(enumeration(&one_more).chunks().is_err());
}

#[test]
fn a_number_without_a_member_is_refused() {
    for number in [3, 65_536, u64::MAX] {
        let cells = [Null, Enum(1, "red".into()), Enum(number, String::new())];
        let message = format!("ENUM: {number} does not fit an ENUM of 2 members");
        enumeration(&["red", "green"]).refuses(&cells, 2, &message);
    }
}

#[test]
fn a_cell_too_short_for_its_number_is_refused() {
    let cells = [Bytes(vec![1, 0, 0])];
    assert!(enumeration(&["red"]).decode_chunk(&cells).is_err());
    assert!(set(&["a".into()], DataType::Utf8).decode_chunk(&cells).is_err());
}

#[test]
fn sets_are_their_members_with_commas() {
    let members = ["a".to_owned(), "b".to_owned(), "ü".to_owned()];
    let cells: Vec<Cell> = vec![
        Set(0, String::new()),
        Set(1, "a".into()),
        Null,
        Set(0b110, "b,ü".into()),
        Set(0b111, "a,b,ü".into()),
    ];
    let texts = vec![Some(""), Some("a"), None, Some("b,ü"), Some("a,b,ü")];
    set(&members, DataType::Utf8).check(&cells, StringArray::from(texts.clone()));
    set(&members, DataType::LargeUtf8).check(&cells, LargeStringArray::from(texts.clone()));
    set(&members, DataType::Utf8View).check(&cells, StringViewArray::from(texts));
}

#[test]
fn a_set_of_64_members() {
    let members: Vec<String> = (0..64).map(|i| format!("m{i}")).collect();
    let all = members.join(",");
    let column = set(&members, DataType::Utf8);
    let cells = [Set(u64::MAX, all.clone()), Set(1 << 63, "m63".into())];
    column.check(&cells, StringArray::from(vec![all.as_str(), "m63"]));
    let too_many: Vec<String> = (0..65).map(|i| format!("m{i}")).collect();
    assert!(set(&too_many, DataType::Utf8).chunks().is_err());
}

#[test]
fn a_bit_without_a_member_is_refused() {
    let members = ["a".to_owned(), "b".to_owned()];
    let cells = [Set(1, "a".into()), Set(4, String::new())];
    let message = "SET: 4 does not fit a SET of 2 members";
    set(&members, DataType::Utf8).refuses(&cells, 1, message);
}
