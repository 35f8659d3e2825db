//! Arrays, and what has no MySQL type to compare with.

use std::sync::Arc;

use arrow_array::builder::{
    Float64Builder, LargeListBuilder, ListBuilder, StringDictionaryBuilder,
};
use arrow_array::types::{Float32Type, Int8Type};
use arrow_array::{
    Array, BooleanArray, Date64Array, Decimal32Array, Decimal64Array, Decimal128Array,
    DictionaryArray, DurationNanosecondArray, DurationSecondArray, FixedSizeBinaryArray,
    FixedSizeListArray, Float32Array, Float64Array, Int32Array, Int64Array, ListArray, NullArray,
    StringArray, Time32MillisecondArray, Time64NanosecondArray, TimestampNanosecondArray,
    TimestampSecondArray, UInt64Array,
};
use arrow_schema::{DataType, Field, IntervalUnit, TimeUnit};
use tifusion_codec::FieldType;
use tifusion_codec::datum::Datum;
use tifusion_codec::field_type::flag;
use tifusion_codec::input::{ColumnConverter, InputError, InputValue, ValueConverter};
use tifusion_codec::time::Zone;

use crate::stored::shown;
use crate::types::field_type;

fn convert(array: &dyn Array, row: usize, declaration: &str) -> Result<String, InputError> {
    let column = field_type(declaration);
    let converter = ColumnConverter::new(array.data_type(), &column, &Zone::Utc)?;
    converter.convert(array, row).map(|datum| shown(&column, &datum))
}

fn stored(array: &dyn Array, declaration: &str) -> String {
    convert(array, 0, declaration).unwrap_or_else(|error| format!("! {error}"))
}

#[test]
fn booleans_are_numbers() {
    let array = BooleanArray::from(vec![Some(true), Some(false), None]);
    for (declaration, values) in
        [("TINYINT", ["1", "0"]), ("JSON", ["INTEGER 1", "INTEGER 0"]), ("CHAR(1)", ["31", "30"])]
    {
        for (row, value) in values.into_iter().enumerate() {
            assert_eq!(convert(&array, row, declaration).unwrap(), value);
        }
        assert_eq!(convert(&array, 2, declaration).unwrap(), "NULL");
    }
}

#[test]
fn null_is_refused_by_columns_that_have_none() {
    let nulls = NullArray::new(1);
    let strings = StringArray::from(vec![None::<&str>]);
    let mut column = field_type("DATE");
    for array in [&nulls as &dyn Array, &strings] {
        let converter = ColumnConverter::new(array.data_type(), &column, &Zone::Utc).unwrap();
        assert_eq!(converter.convert(array, 0), Ok(Datum::Null));
    }
    column.flag |= flag::NOT_NULL;
    for array in [&nulls as &dyn Array, &strings] {
        let converter = ColumnConverter::new(array.data_type(), &column, &Zone::Utc).unwrap();
        let error = converter.convert(array, 0).unwrap_err();
        assert_eq!(error, InputError::Null { to: "date".to_owned() });
    }
}

#[test]
fn text_and_bytes_are_borrowed() {
    let array = StringArray::from(vec!["abc", "abc  "]);
    let converter =
        ColumnConverter::new(array.data_type(), &field_type("CHAR(4)"), &Zone::Utc).unwrap();
    for row in 0..2 {
        let Ok(Datum::Bytes(std::borrow::Cow::Borrowed(bytes))) = converter.convert(&array, row)
        else {
            panic!("row {row} was copied")
        };
        assert_eq!(bytes, b"abc");
    }
}

#[test]
fn dictionaries_stand_for_their_values() {
    let mut builder = StringDictionaryBuilder::<Int8Type>::new();
    builder.append_value("7");
    builder.append_null();
    builder.append_value("8");
    let array = builder.finish();
    assert_eq!(convert(&array, 0, "INT").unwrap(), "7");
    assert_eq!(convert(&array, 1, "INT").unwrap(), "NULL");
    assert_eq!(convert(&array, 2, "INT").unwrap(), "8");
    let values = Arc::new(StringArray::from(vec![None, Some("x")]));
    let array = DictionaryArray::try_new(Int32Array::from(vec![0, 1]), values).unwrap();
    assert_eq!(convert(&array, 0, "CHAR(1)").unwrap(), "NULL");
    assert_eq!(convert(&array, 1, "CHAR(1)").unwrap(), "78");
}

#[test]
fn decimals_of_any_width_and_scale() {
    let narrow = Decimal32Array::from(vec![12_345]).with_precision_and_scale(5, 2).unwrap();
    assert_eq!(stored(&narrow, "DECIMAL(10,1)"), "123.5");
    let middle = Decimal64Array::from(vec![-5]).with_precision_and_scale(5, 1).unwrap();
    assert_eq!(stored(&middle, "INT"), "-1");
    let wide = |value: i128, scale| {
        Decimal128Array::from(vec![value]).with_precision_and_scale(38, scale).unwrap()
    };
    assert_eq!(stored(&wide(12, -3), "DECIMAL(10,2)"), "12000.00");
    assert_eq!(stored(&wide(12, -38), "DECIMAL(65,0)"), format!("12{}", "0".repeat(38)));
    // More digits than a DECIMAL has are rounded to those of the column, never cut.
    assert_eq!(stored(&wide(5 * 10_i128.pow(36), 38), "DECIMAL(10,1)"), "0.1");
    assert_eq!(stored(&wide(49 * 10_i128.pow(35), 38), "DECIMAL(10,1)"), "0.0");
    assert_eq!(stored(&wide(-(10_i128.pow(37) + 1), 38), "DECIMAL(4,2)"), "-0.10");
}

#[test]
fn moments_are_rounded_once() {
    let nanos = |text: &str| TimestampNanosecondArray::from(vec![text.parse::<i64>().unwrap()]);
    let array = nanos("1709210096499999999");
    assert_eq!(stored(&array, "DATETIME"), "2024-02-29 12:34:56");
    assert_eq!(stored(&array, "DATETIME(6)"), "2024-02-29 12:34:56.500000");
    assert_eq!(stored(&array, "VARCHAR(64)"), hex("2024-02-29 12:34:56.500000"));
    let array = nanos("-1");
    assert_eq!(stored(&array, "DATETIME"), "1970-01-01 00:00:00");
    assert_eq!(stored(&array, "DATETIME(6)"), "1970-01-01 00:00:00.000000");
    assert!(stored(&array, "TIMESTAMP(6)").contains("no valid timestamp(6)"));
    let array = DurationNanosecondArray::from(vec![-1_500, 1_500, 499]);
    assert_eq!(stored(&array, "TIME(6)"), "-00:00:00.000001");
    assert_eq!(convert(&array, 1, "TIME(6)").unwrap(), "00:00:00.000002");
    assert_eq!(convert(&array, 2, "TIME(6)").unwrap(), "00:00:00.000000");
}

#[test]
fn a_moment_just_before_midnight_is_of_its_own_day() {
    // 2023-12-31 23:59:59.999999999 and 1969-12-31 23:59:59.999999999.
    let array = TimestampNanosecondArray::from(vec![1_704_067_199_999_999_999, -1]);
    let converted = |row, declaration| convert(&array, row, declaration).unwrap();
    assert_eq!(
        (converted(0, "DATE"), converted(1, "DATE")),
        ("2023-12-31".into(), "1969-12-31".into())
    );
    assert_eq!((converted(0, "YEAR"), converted(1, "YEAR")), ("2023".into(), "1969".into()));
    // What keeps the time of day rounds it.
    assert_eq!(converted(0, "DATETIME(6)"), "2024-01-01 00:00:00.000000");
}

#[test]
fn lengths_of_time() {
    let array = DurationSecondArray::from(vec![3_020_399, 3_020_400, i64::MAX]);
    assert_eq!(stored(&array, "TIME"), "838:59:59");
    for row in 1..3 {
        for declaration in ["TIME", "VARCHAR(64)", "JSON", "BIGINT", "DOUBLE", "DECIMAL(65,0)"] {
            let error = convert(&array, row, declaration).unwrap_err();
            assert!(matches!(error, InputError::OutOfRange { .. }), "{declaration}: {error}");
        }
    }
    let array = Time32MillisecondArray::from(vec![45_296_789]);
    assert_eq!(stored(&array, "TIME(3)"), "12:34:56.789");
    let array = Time64NanosecondArray::from(vec![86_399_999_999_999]);
    assert_eq!(stored(&array, "TIME(6)"), "24:00:00.000000");
}

#[test]
fn a_date64_with_a_time_of_day_keeps_it() {
    let array = Date64Array::from(vec![1_709_164_800_000, 1_709_210_096_789]);
    for (declaration, date, time) in [
        ("DATE", "2024-02-29", "2024-02-29"),
        ("DATETIME(3)", "2024-02-29 00:00:00.000", "2024-02-29 12:34:56.789"),
        ("BIGINT", "20240229", "20240229123457"),
    ] {
        assert_eq!(convert(&array, 0, declaration).unwrap(), date);
        assert_eq!(convert(&array, 1, declaration).unwrap(), time);
    }
}

#[test]
fn times_beyond_the_calendar_are_refused() {
    let array =
        TimestampSecondArray::from(vec![253_402_300_800, -62_167_219_201, i64::MAX, i64::MIN]);
    for row in 0..array.len() {
        for declaration in
            ["DATE", "DATETIME", "TIMESTAMP", "TIME", "YEAR", "CHAR(64)", "JSON", "BIGINT"]
        {
            assert!(convert(&array, row, declaration).is_err(), "{row} {declaration}");
        }
    }
}

#[test]
fn numbers_that_are_none_are_refused() {
    let array = Float64Array::from(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY]);
    for row in 0..array.len() {
        for declaration in [
            "INT",
            "BIGINT UNSIGNED",
            "FLOAT",
            "DOUBLE",
            "DECIMAL(65,30)",
            "CHAR(64)",
            "TIME",
            "YEAR",
            "JSON",
            "BIT(64)",
        ] {
            let error = convert(&array, row, declaration).unwrap_err();
            assert!(matches!(error, InputError::OutOfRange { .. }), "{declaration}: {error}");
        }
    }
}

/// A store keeps no negative zero; text and JSON do.
#[test]
fn negative_zero() {
    let array = Float64Array::from(vec![-0.0]);
    assert_eq!(stored(&array, "DOUBLE"), "0e0");
    assert_eq!(stored(&array, "FLOAT"), "0e0");
    assert_eq!(stored(&array, "VARCHAR(9)"), hex("-0"));
    assert_eq!(stored(&array, "DECIMAL(3,1)"), "0.0");
    assert_eq!(stored(&array, "INT UNSIGNED"), "0");
}

#[test]
fn vectors() {
    let list = ListArray::from_iter_primitive::<Float32Type, _, _>(vec![
        Some(vec![Some(1.0), Some(2.5)]),
        Some(vec![]),
        None,
        Some(vec![Some(1.0), None]),
        Some(vec![Some(f32::NAN), Some(1.0)]),
    ]);
    assert_eq!(stored(&list, "VECTOR(2)"), "[1,2.5]");
    assert_eq!(convert(&list, 1, "VECTOR").unwrap(), "[]");
    assert_eq!(convert(&list, 2, "VECTOR").unwrap(), "NULL");
    assert_eq!(
        convert(&list, 1, "VECTOR(2)").unwrap_err().to_string(),
        "a vector of 0 dimensions does not fit vector(2)"
    );
    assert!(matches!(convert(&list, 3, "VECTOR"), Err(InputError::Incorrect { .. })));
    assert!(matches!(convert(&list, 4, "VECTOR"), Err(InputError::OutOfRange { .. })));
    let item = Arc::new(Field::new_list_field(DataType::Float32, true));
    let values = Arc::new(Float32Array::from(vec![1.0, 2.0]));
    let fixed = FixedSizeListArray::new(item, 2, values, None);
    assert_eq!(stored(&fixed, "VECTOR(2)"), "[1,2]");
    let mut doubles = LargeListBuilder::new(Float64Builder::new());
    doubles.append_value([Some(0.1), Some(1e39)]);
    doubles.append_value([Some(0.1), Some(3.0)]);
    let doubles = doubles.finish();
    assert!(matches!(convert(&doubles, 0, "VECTOR"), Err(InputError::OutOfRange { .. })));
    assert_eq!(convert(&doubles, 1, "VECTOR").unwrap(), "[0.1,3]");
    let mut ints = ListBuilder::new(arrow_array::builder::Int64Builder::new());
    ints.append_value([Some(1)]);
    assert!(matches!(convert(&ints.finish(), 0, "VECTOR"), Err(InputError::Unsupported { .. })));
}

#[test]
fn bytes_of_a_fixed_size() {
    let array = FixedSizeBinaryArray::try_from_iter([[1_u8, 2], [3, 4]].iter()).unwrap();
    assert_eq!(convert(&array, 1, "BINARY(3)").unwrap(), "030400");
    assert_eq!(convert(&array, 1, "BIT(16)").unwrap(), "772");
}

#[test]
fn pairs_without_a_meaning_are_refused_by_name() {
    let list = DataType::new_list(DataType::Int32, true);
    let floats = DataType::new_list(DataType::Float32, true);
    let interval = DataType::Interval(IntervalUnit::DayTime);
    let fields = DataType::Struct(vec![Field::new("a", DataType::Int32, true)].into());
    let seconds = DataType::Timestamp(TimeUnit::Second, None);
    for (source, declaration) in [
        (&list, "INT"),
        (&list, "JSON"),
        (&floats, "VARCHAR(9)"),
        (&interval, "TIME"),
        (&fields, "JSON"),
        (&DataType::Float64, "DATE"),
        (&DataType::Float32, "TIMESTAMP"),
        (&DataType::UInt32, "TIMESTAMP"),
        (&DataType::Duration(TimeUnit::Second), "DATETIME"),
        (&DataType::Time32(TimeUnit::Second), "YEAR"),
        (&DataType::Int32, "VECTOR"),
        (&DataType::Date32, "VECTOR(3)"),
        (&DataType::Date32, "ENUM('a')"),
        (&seconds, "BIT(8)"),
    ] {
        let column = field_type(declaration);
        let error = ColumnConverter::new(source, &column, &Zone::Utc).unwrap_err();
        let names = InputError::Unsupported { from: source.to_string(), to: column.to_string() };
        assert_eq!(error, names);
    }
    let error = ColumnConverter::new(&list, &field_type("INT"), &Zone::Utc).unwrap_err();
    assert_eq!(error.to_string(), "no conversion from List(Int32) to int");
}

#[test]
fn columns_that_are_not_written_are_refused_by_name() {
    let column = |declaration: &str, change: fn(&mut FieldType)| {
        let mut column = field_type(declaration);
        change(&mut column);
        ColumnConverter::new(&DataType::Utf8, &column, &Zone::Utc).unwrap_err().to_string()
    };
    assert_eq!(
        column("VARCHAR(10)", |column| column.charset = "gbk".to_owned()),
        "columns of type varchar(10) are not written: the character set is not known"
    );
    assert_eq!(
        column("ENUM('a')", |column| column.collate = "gbk_chinese_ci".to_owned()),
        "columns of type enum are not written: the collation is not known"
    );
    assert!(column("INT", |column| column.tp = 255).contains("geometry"));
    assert!(column("BIT(8)", |column| column.flen = 65).contains("1 to 64 bits"));
    assert!(column("DECIMAL(10,2)", |column| column.flen = -1).contains("65 digits"));
}

#[test]
fn an_array_of_another_type_or_length_is_an_error() {
    let converter = ColumnConverter::new(&DataType::Int64, &field_type("INT"), &Zone::Utc).unwrap();
    let other = UInt64Array::from(vec![1]);
    let error = converter.convert(&other, 0).unwrap_err();
    assert_eq!(error.to_string(), "an array of UInt64 where Int64 was planned");
    let error = converter.convert(&Int64Array::from(vec![1]), 1).unwrap_err();
    assert_eq!(error.to_string(), "no value 1 in an array of 1");
}

#[test]
fn errors_tell_what_it_was_and_show_the_start_of_it() {
    let text = "x".repeat(100);
    for (array, declaration, message) in [
        (&Int64Array::from(vec![128]) as &dyn Array, "TINYINT", "128 is out of range of tinyint"),
        (&StringArray::from(vec!["12a"]), "INT UNSIGNED", "\"12a\" is no int unsigned"),
        (
            &StringArray::from(vec![text.as_str()]),
            "VARCHAR(10)",
            &format!("\"{}… is too long for varchar(10)", "x".repeat(63)),
        ),
        (
            &StringArray::from(vec!["c"]),
            "ENUM('a','b')",
            "\"c\" is not among the members of the enum",
        ),
        (&StringArray::from(vec!["2023-02-29"]), "DATE", "\"2023-02-29\" is no valid date"),
        (
            &StringArray::from(vec!["😀"]),
            "CHAR(9) CHARACTER SET utf8",
            "\"😀\" is no text of the character set utf8",
        ),
        (
            &StringArray::from(vec!["{"]),
            "JSON",
            "\"{\" is no JSON document: JSON: a string without an end",
        ),
    ] {
        assert_eq!(convert(array, 0, declaration).unwrap_err().to_string(), message);
    }
    let zone: Zone = "America/New_York".parse().unwrap();
    let array = TimestampSecondArray::from(vec![1_710_037_800]);
    let converter =
        ColumnConverter::new(array.data_type(), &field_type("TIMESTAMP"), &zone).unwrap();
    assert_eq!(
        converter.convert(&array, 0).unwrap_err().to_string(),
        "2024-03-10 02:30:00 does not exist in the time zone America/New_York, so it is no timestamp"
    );
}

/// Without the new collations members are compared by their bytes.
#[test]
fn members_without_the_new_collations() {
    let column = field_type("ENUM('a','b ') COLLATE utf8mb4_general_ci");
    let number = |name, new_collation| {
        let converter = ValueConverter::new(&column, Zone::Utc, new_collation).unwrap();
        converter.convert(&InputValue::Text(name))
    };
    assert_eq!(number("B", true), Ok(Datum::UInt(2)));
    assert!(number("B", false).is_err() && number("a ", false).is_err());
    assert_eq!(number("b ", false), Ok(Datum::UInt(2)));
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}
