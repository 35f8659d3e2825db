use tifusion_codec::field_type::flag;

use super::*;

fn column(code: u8, flags: u32, flen: i64, decimal: i64) -> ColumnInfo {
    let mut field_type = FieldType::new(code, flags);
    (field_type.flen, field_type.decimal) = (flen, decimal);
    ColumnInfo { name: "c".into(), field_type, ..ColumnInfo::default() }
}

fn type_of(code: u8, flags: u32) -> DataType {
    arrow_field(&column(code, flags, -1, -1), &TypeOptions::default()).unwrap().data_type().clone()
}

#[test]
fn integers_keep_their_width_and_sign() {
    for (code, signed, unsigned) in [
        (tp::TINY, DataType::Int8, DataType::UInt8),
        (tp::SHORT, DataType::Int16, DataType::UInt16),
        (tp::INT24, DataType::Int32, DataType::UInt32),
        (tp::LONG, DataType::Int32, DataType::UInt32),
        (tp::LONG_LONG, DataType::Int64, DataType::UInt64),
    ] {
        assert_eq!(type_of(code, 0), signed);
        assert_eq!(type_of(code, flag::UNSIGNED), unsigned);
    }
}

#[test]
fn scalars_have_the_types_of_the_design() {
    for (code, want) in [
        (tp::FLOAT, DataType::Float32),
        (tp::DOUBLE, DataType::Float64),
        (tp::DATE, DataType::Date32),
        (tp::DATETIME, DataType::Timestamp(TimeUnit::Microsecond, None)),
        (tp::DURATION, DataType::Duration(TimeUnit::Microsecond)),
        (tp::YEAR, DataType::UInt16),
        (tp::BIT, DataType::UInt64),
        (tp::SET, DataType::Utf8),
        (tp::JSON, DataType::Utf8),
        (tp::ENUM, DataType::Dictionary(Box::new(DataType::UInt16), Box::new(DataType::Utf8))),
        (tp::TIDB_VECTOR_FLOAT32, DataType::new_list(DataType::Float32, true)),
    ] {
        assert_eq!(type_of(code, 0), want, "type {code}");
        assert_eq!(type_of(code, flag::UNSIGNED), want, "type {code} unsigned");
    }
}

#[test]
fn a_timestamp_is_in_the_sessions_zone() {
    let opts = TypeOptions { time_zone: Arc::from("Asia/Kathmandu"), ..TypeOptions::default() };
    let field = arrow_field(&column(tp::TIMESTAMP, 0, 19, 0), &opts).unwrap();
    let zone = Some(Arc::from("Asia/Kathmandu"));
    assert_eq!(field.data_type(), &DataType::Timestamp(TimeUnit::Microsecond, zone));
}

#[test]
fn decimals_take_the_narrowest_arrow_type() {
    let decimal = |precision, scale| {
        let column = column(tp::NEW_DECIMAL, 0, precision, scale);
        arrow_field(&column, &TypeOptions::default()).map(|field| field.data_type().clone())
    };
    assert_eq!(decimal(10, 2), Ok(DataType::Decimal128(10, 2)));
    assert_eq!(decimal(38, 30), Ok(DataType::Decimal128(38, 30)));
    assert_eq!(decimal(39, 0), Ok(DataType::Decimal256(39, 0)));
    assert_eq!(decimal(65, 30), Ok(DataType::Decimal256(65, 30)));
    assert_eq!(decimal(-1, -1), Ok(DataType::Decimal128(10, 0)));
    for (precision, scale) in [(66, 0), (65, 31), (2, 3), (300, 0), (i64::MAX, i64::MAX)] {
        let refused = decimal(precision, scale).unwrap_err();
        assert_eq!(refused.reason, UnsupportedReason::Decimal { precision, scale });
    }
}

#[test]
fn strings_follow_charset_and_option() {
    for code in [
        tp::VARCHAR,
        tp::VAR_STRING,
        tp::STRING,
        tp::TINY_BLOB,
        tp::BLOB,
        tp::MEDIUM_BLOB,
        tp::LONG_BLOB,
    ] {
        for (charset, views, want) in [
            ("utf8mb4", false, DataType::LargeUtf8),
            ("utf8mb4", true, DataType::Utf8View),
            ("gbk", false, DataType::LargeUtf8),
            ("latin1", true, DataType::Utf8View),
            ("binary", false, DataType::LargeBinary),
            ("binary", true, DataType::BinaryView),
        ] {
            let mut column = column(code, 0, 10, 0);
            column.field_type.charset = charset.to_owned();
            let opts = TypeOptions { string_views: views, ..TypeOptions::default() };
            let field = arrow_field(&column, &opts).unwrap();
            assert_eq!(field.data_type(), &want, "type {code} {charset}");
        }
    }
}

#[test]
fn not_null_columns_are_not_nullable_but_for_dates_that_may_be_zero() {
    let nullable = |code, zero_date_null| {
        let opts = TypeOptions { zero_date_null, ..TypeOptions::default() };
        arrow_field(&column(code, flag::NOT_NULL, 10, 0), &opts).unwrap().is_nullable()
    };
    for code in [tp::LONG, tp::VARCHAR, tp::DURATION, tp::YEAR, tp::ENUM, tp::JSON, tp::NEW_DECIMAL]
    {
        assert!(!nullable(code, true), "type {code}");
        assert!(!nullable(code, false), "type {code}");
    }
    for code in [tp::DATE, tp::DATETIME, tp::TIMESTAMP] {
        assert!(nullable(code, true), "type {code}");
        assert!(!nullable(code, false), "type {code}");
    }
    let opts = TypeOptions { zero_date_null: false, ..TypeOptions::default() };
    assert!(arrow_field(&column(tp::DATE, 0, 10, 0), &opts).unwrap().is_nullable());
}

#[test]
fn json_carries_arrows_extension_name() {
    let field = arrow_field(&column(tp::JSON, 0, -1, 0), &TypeOptions::default()).unwrap();
    assert_eq!(field.metadata()[EXTENSION_TYPE_NAME_KEY], "arrow.json");
    assert_eq!(field.metadata()[EXTENSION_TYPE_METADATA_KEY], "");
    assert!(
        arrow_field(&column(tp::SET, 0, -1, 0), &TypeOptions::default())
            .unwrap()
            .metadata()
            .is_empty()
    );
}

#[test]
fn other_types_are_refused_by_name_and_code() {
    for (code, name) in
        [(tp::GEOMETRY, "geometry"), (tp::NULL, "null"), (tp::NEW_DATE, "date"), (99, "unknown")]
    {
        let refused = arrow_field(&column(code, 0, -1, -1), &TypeOptions::default()).unwrap_err();
        assert_eq!(refused.code, code);
        assert_eq!(refused.type_name, name);
        assert_eq!(refused.reason, UnsupportedReason::Type);
    }
    let refused = arrow_field(&column(tp::GEOMETRY, 0, -1, -1), &TypeOptions::default());
    assert_eq!(
        refused.unwrap_err().in_table("shapes").to_string(),
        "column shapes.c of type geometry (code 255) can't be read: this version has no Arrow \
         type for it; leave it out of the query"
    );
}

#[test]
fn a_refused_column_keeps_its_place_by_a_placeholder() {
    let table = TableInfo { name: "shapes".into(), ..TableInfo::default() };
    let made = column_type(&table, &column(tp::GEOMETRY, 0, -1, -1), &TypeOptions::default());
    assert_eq!(made.field().data_type(), &DataType::Null);
    assert!(made.field().metadata()[UNSUPPORTED_KEY].contains("shapes.c of type geometry"));
    assert_eq!(made.unsupported().unwrap().table.as_deref(), Some("shapes"));
    let fine = column_type(&table, &column(tp::LONG, 0, 11, 0), &TypeOptions::default());
    assert_eq!(fine.field().data_type(), &DataType::Int32);
    assert_eq!(fine.unsupported(), None);
}

#[test]
fn a_virtual_generated_column_has_a_type_but_is_not_in_the_rows() {
    let table = TableInfo { name: "t".into(), ..TableInfo::default() };
    let mut column = column(tp::LONG, 0, 11, 0);
    column.generated_expr = "`a` + 1".to_owned();
    let opts = TypeOptions::default();
    assert!(arrow_field(&column, &opts).is_ok());
    let made = column_type(&table, &column, &opts);
    assert_eq!(made.unsupported().unwrap().reason, UnsupportedReason::VirtualGenerated);
    column.generated_stored = true;
    assert_eq!(column_type(&table, &column, &opts).unsupported(), None);
}

#[test]
fn the_column_of_a_multi_valued_index_is_refused() {
    let column = ColumnInfo { is_array: true, ..column(tp::VARCHAR, 0, 20, 0) };
    let refused = arrow_field(&column, &TypeOptions::default()).unwrap_err();
    assert_eq!(refused.reason, UnsupportedReason::Array);
}
