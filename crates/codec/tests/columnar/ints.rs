//! Integers and `YEAR`.

use arrow_array::{
    Int8Array, Int16Array, Int32Array, Int64Array, UInt8Array, UInt16Array, UInt32Array,
    UInt64Array,
};
use arrow_schema::DataType;
use tifusion_codec::field_type::{flag, tp};

use crate::check::{Column, field_type};
use crate::writer::Cell::{Int, Null, UInt};
use crate::writer::{Form, rows};

fn signed(code: u8, data_type: DataType) -> Column {
    Column::new(field_type(code, 0), data_type)
}

fn unsigned(code: u8, data_type: DataType) -> Column {
    Column::new(field_type(code, flag::UNSIGNED), data_type)
}

macro_rules! extremes {
    ($name:ident, $column:expr, $cell:ident, $wide:ty, $native:ty, $array:ty) => {
        #[test]
        fn $name() {
            let values = [Some(<$native>::MIN), None, Some(0), Some(1), Some(<$native>::MAX)];
            let cell = |value: &Option<$native>| value.map_or(Null, |v| $cell(<$wide>::from(v)));
            let cells: Vec<_> = values.iter().map(cell).collect();
            $column.check(&cells, <$array>::from(values.to_vec()));
            $column.check(&[], <$array>::from(Vec::<$native>::new()));
            $column.check(&[Null, Null, Null], <$array>::from(vec![None; 3]));
        }
    };
}

extremes!(tinyint, signed(tp::TINY, DataType::Int8), Int, i64, i8, Int8Array);
extremes!(smallint, signed(tp::SHORT, DataType::Int16), Int, i64, i16, Int16Array);
extremes!(mediumint, signed(tp::INT24, DataType::Int32), Int, i64, i32, Int32Array);
extremes!(int, signed(tp::LONG, DataType::Int32), Int, i64, i32, Int32Array);
extremes!(bigint, signed(tp::LONG_LONG, DataType::Int64), Int, i64, i64, Int64Array);
extremes!(tinyint_unsigned, unsigned(tp::TINY, DataType::UInt8), UInt, u64, u8, UInt8Array);
extremes!(smallint_unsigned, unsigned(tp::SHORT, DataType::UInt16), UInt, u64, u16, UInt16Array);
extremes!(mediumint_unsigned, unsigned(tp::INT24, DataType::UInt32), UInt, u64, u32, UInt32Array);
extremes!(int_unsigned, unsigned(tp::LONG, DataType::UInt32), UInt, u64, u32, UInt32Array);
extremes!(bigint_unsigned, unsigned(tp::LONG_LONG, DataType::UInt64), UInt, u64, u64, UInt64Array);

#[test]
fn a_year_is_a_signed_integer_in_chunks_and_rows() {
    let cells = [Int(0), Int(1901), Null, Int(2155)];
    let expected = UInt16Array::from(vec![Some(0), Some(1901), None, Some(2155)]);
    signed(tp::YEAR, DataType::UInt16).check(&cells, expected);
}

#[test]
fn an_aggregate_may_be_read_as_a_wider_or_narrower_type() {
    let cells = [Int(-128), Int(127)];
    signed(tp::LONG_LONG, DataType::Int8).check(&cells, Int8Array::from(vec![-128, 127]));
    signed(tp::TINY, DataType::Int64).check(&cells, Int64Array::from(vec![-128, 127]));
    let cells = [UInt(0), UInt(i64::MAX as u64)];
    unsigned(tp::LONG_LONG, DataType::Int64).check(&cells, Int64Array::from(vec![0, i64::MAX]));
    let cells = [Int(0), Int(i64::MAX)];
    let expected = UInt64Array::from(vec![0, i64::MAX as u64]);
    signed(tp::LONG_LONG, DataType::UInt64).check(&cells, expected);
}

#[test]
fn a_value_beyond_the_arrow_type_is_refused_in_its_row() {
    let refused = |column: Column, value: crate::writer::Cell, message: &str| {
        column.refuses(&[Null, Int(0), value], 2, &format!("integer: {message}"));
    };
    refused(signed(tp::TINY, DataType::Int8), Int(128), "128 does not fit Int8");
    refused(signed(tp::TINY, DataType::Int8), Int(-129), "-129 does not fit Int8");
    refused(signed(tp::SHORT, DataType::Int16), Int(1 << 15), "32768 does not fit Int16");
    refused(signed(tp::LONG, DataType::Int32), Int(1 << 31), "2147483648 does not fit Int32");
    refused(signed(tp::LONG, DataType::Int32), Int(1 << 32), "4294967296 does not fit Int32");
    refused(signed(tp::YEAR, DataType::UInt16), Int(-1), "-1 does not fit UInt16");
    refused(signed(tp::LONG_LONG, DataType::UInt64), Int(-1), "-1 does not fit UInt64");
    refused(unsigned(tp::TINY, DataType::UInt8), UInt(256), "256 does not fit UInt8");
    refused(unsigned(tp::LONG, DataType::UInt32), UInt(1 << 32), "4294967296 does not fit UInt32");
    let max = format!("{} does not fit", u64::MAX);
    refused(unsigned(tp::TINY, DataType::Int8), UInt(u64::MAX), &format!("{max} Int8"));
    refused(unsigned(tp::LONG_LONG, DataType::Int64), UInt(u64::MAX), &format!("{max} Int64"));
}

#[test]
fn the_column_says_whether_a_datum_is_unsigned() {
    // A store may write an unsigned handle as a signed datum; its own readers keep the bits.
    let data = rows(&[(tp::LONG_LONG, vec![Int(-1), UInt(u64::MAX)])], Form::Compact);
    let decode = |column: Column| column.rows().unwrap().decode(&data.clone().into()).unwrap();
    let batch = decode(unsigned(tp::LONG_LONG, DataType::UInt64));
    assert_eq!(batch.column(0).as_ref(), &UInt64Array::from(vec![u64::MAX; 2]));
    let batch = decode(signed(tp::LONG_LONG, DataType::Int64));
    assert_eq!(batch.column(0).as_ref(), &Int64Array::from(vec![-1; 2]));
}

#[test]
fn an_aligned_bigint_is_borrowed_and_others_are_copied() {
    use arrow_array::Array;
    let cells: Vec<_> = (0..100).map(Int).collect();
    let data = crate::writer::chunk(&[(tp::LONG_LONG, cells)]);
    for shift in 0..8 {
        let bytes = crate::check::shifted(&data, shift);
        let range = bytes.as_ptr_range();
        let batch = signed(tp::LONG_LONG, DataType::Int64).chunks().unwrap().decode(&bytes);
        let values = batch.unwrap().column(0).to_data().buffers()[0].as_ptr();
        assert_eq!(range.contains(&values), shift == 0, "shifted by {shift}");
    }
}
