//! Decoders as a whole: several columns, several chunks, and what they are made of.

use std::sync::Arc;

use arrow_array::{Int64Array, LargeStringArray, RecordBatch};
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use bytes::Bytes;
use tifusion_codec::chunk::ChunkDecoder;
use tifusion_codec::field_type::tp;
use tifusion_codec::output::{DecodeOptions, OutputColumn};
use tifusion_codec::rows::RowsDecoder;
use tifusion_codec::{Error, FieldType};

use crate::check::{Column, field_type};
use crate::writer::Cell::{self, Int, Null};
use crate::writer::{Form, chunk, rows};

fn schema() -> Arc<Schema> {
    Arc::new(Schema::new(vec![
        Field::new("id", DataType::Int64, false),
        Field::new("name", DataType::LargeUtf8, true),
        Field::new("n", DataType::Int64, true),
    ]))
}

fn columns() -> Vec<OutputColumn> {
    let types = [tp::LONG_LONG, tp::VARCHAR, tp::LONG_LONG];
    let column = |(code, field): (u8, &Arc<Field>)| OutputColumn::new(field_type(code, 0), field);
    types.into_iter().zip(schema().fields()).map(column).collect()
}

fn decoders() -> (ChunkDecoder, RowsDecoder) {
    let options = DecodeOptions::default();
    let chunks = ChunkDecoder::new(schema(), columns(), options.clone()).unwrap();
    (chunks, RowsDecoder::new(schema(), columns(), options).unwrap())
}

fn values() -> [(u8, Vec<Cell>); 3] {
    [
        (tp::LONG_LONG, vec![Int(1), Int(2), Int(3)]),
        (tp::VARCHAR, vec!["one".into(), Null, "three".into()]),
        (tp::LONG_LONG, vec![Null, Null, Int(-3)]),
    ]
}

fn batch() -> RecordBatch {
    let names = LargeStringArray::from(vec![Some("one"), None, Some("three")]);
    let n = Int64Array::from(vec![None, None, Some(-3)]);
    let ids = Int64Array::from(vec![1, 2, 3]);
    RecordBatch::try_new(schema(), vec![Arc::new(ids), Arc::new(names), Arc::new(n)]).unwrap()
}

#[test]
fn columns_follow_one_another() {
    let (chunks, datums) = decoders();
    assert_eq!(chunks.decode(&chunk(&values()).into()).unwrap(), batch());
    for form in [Form::Comparable, Form::Compact] {
        assert_eq!(datums.decode(&rows(&values(), form).into()).unwrap(), batch());
    }
    assert_eq!(chunks.schema(), &schema());
    assert_eq!(datums.schema(), &schema());
}

#[test]
fn no_bytes_are_no_rows() {
    let (chunks, datums) = decoders();
    let empty = RecordBatch::new_empty(schema());
    assert_eq!(chunks.decode(&Bytes::new()).unwrap(), empty);
    assert_eq!(datums.decode(&Bytes::new()).unwrap(), empty);
    let no_rows = [(tp::LONG_LONG, vec![]), (tp::VARCHAR, vec![]), (tp::LONG_LONG, vec![])];
    assert_eq!(chunks.decode(&chunk(&no_rows).into()).unwrap(), empty);
}

#[test]
fn each_chunk_of_an_answer_is_a_batch() {
    let (chunks, datums) = decoders();
    let answer = vec![Bytes::from(chunk(&values())); 3];
    assert_eq!(chunks.decode_all(&answer).unwrap(), vec![batch(); 3]);
    let answer = vec![Bytes::from(rows(&values(), Form::Compact)); 3];
    assert_eq!(datums.decode_all(&answer).unwrap(), vec![batch(); 3]);
    assert!(chunks.decode_all(&[Bytes::from_static(b"x")]).is_err());
}

#[test]
fn an_error_names_its_column() {
    let (chunks, datums) = decoders();
    let mut values = values();
    values[1].1[2] = Cell::Bytes(vec![0xff]);
    let place = |error: Error| match error {
        Error::Column { column, row, .. } => (column, row),
        other => panic!("{other:?}"),
    };
    assert_eq!(place(chunks.decode(&chunk(&values).into()).unwrap_err()), (1, 2));
    let data = rows(&values, Form::Compact);
    assert_eq!(place(datums.decode(&data.into()).unwrap_err()), (1, 2));
}

#[test]
fn columns_of_different_length_are_refused() {
    let mut values = values();
    values[2].1.pop();
    let error = decoders().0.decode(&chunk(&values).into()).unwrap_err().to_string();
    assert_eq!(error, "column 2 (row 0): chunk column: 2 rows, 3 in column 0");
}

#[test]
fn a_chunk_s_two_runs_of_columns_are_refused() {
    let mut data = chunk(&values());
    data.extend(chunk(&values()));
    assert!(decoders().0.decode(&data.into()).is_err());
}

#[test]
fn a_row_that_lacks_a_column_is_refused() {
    let mut data = rows(&values(), Form::Compact);
    data.push(0);
    let error = decoders().1.decode(&data.into()).unwrap_err().to_string();
    assert!(error.starts_with("column 1 (row 3): "), "{error}");
}

#[test]
fn columns_and_schema_have_to_agree() {
    let make = |columns| ChunkDecoder::new(schema(), columns, DecodeOptions::default());
    let message = |columns| make(columns).unwrap_err().to_string();
    let mut fewer = columns();
    fewer.pop();
    assert_eq!(message(fewer), "output columns: 2 columns, 3 fields");
    let mut other_type = columns();
    other_type[1].data_type = DataType::Utf8;
    assert_eq!(message(other_type), "output columns: column 1 and field name differ");
    let mut other_null = columns();
    other_null[0].nullable = true;
    assert_eq!(message(other_null), "output columns: column 0 and field id differ");
    let none = ChunkDecoder::new(Arc::new(Schema::empty()), vec![], DecodeOptions::default());
    let none = none.unwrap_err().to_string();
    assert_eq!(none, "output columns: at least one is needed to know the number of rows");
}

fn refused(field_type: FieldType, data_type: DataType) -> String {
    let column = Column::new(field_type, data_type);
    let error = column.chunks().unwrap_err();
    assert_eq!(error, column.rows().unwrap_err());
    assert!(matches!(error, Error::UnsupportedType { .. }), "{error:?}");
    error.to_string()
}

#[test]
fn pairs_that_can_t_be_served_are_refused_by_name() {
    let message = refused(field_type(tp::GEOMETRY, 0), DataType::LargeBinary);
    assert_eq!(message, "MySQL type 255 (geometry) cannot be read as LargeBinary");
    let micros =
        |zone: Option<&str>| DataType::Timestamp(TimeUnit::Microsecond, zone.map(Into::into));
    let nanos = DataType::Timestamp(TimeUnit::Nanosecond, None);
    let binary = FieldType { charset: "binary".into(), ..field_type(tp::BLOB, 0) };
    let dictionary = |key, value| DataType::Dictionary(Box::new(key), Box::new(value));
    let list = DataType::List(Arc::new(Field::new("item", DataType::Float64, true)));
    for (field_type, data_type) in [
        (field_type(tp::LONG, 0), DataType::Float64),
        (field_type(tp::LONG, 0), DataType::Utf8),
        (field_type(tp::FLOAT, 0), DataType::Float16),
        (field_type(tp::DOUBLE, 0), DataType::Float32),
        (field_type(tp::NEW_DECIMAL, 0), DataType::Float64),
        (field_type(tp::NEW_DECIMAL, 0), DataType::Decimal128(0, 0)),
        (field_type(tp::NEW_DECIMAL, 0), DataType::Decimal128(39, 0)),
        (field_type(tp::NEW_DECIMAL, 0), DataType::Decimal128(5, 6)),
        (field_type(tp::NEW_DECIMAL, 0), DataType::Decimal128(5, -1)),
        (field_type(tp::NEW_DECIMAL, 0), DataType::Decimal256(77, 0)),
        (field_type(tp::DATE, 0), DataType::Date64),
        (field_type(tp::DATETIME, 0), micros(Some("UTC"))),
        (field_type(tp::DATETIME, 0), nanos),
        (field_type(tp::TIMESTAMP, 0), micros(None)),
        (field_type(tp::DURATION, 0), DataType::Duration(TimeUnit::Nanosecond)),
        (field_type(tp::YEAR, 0), DataType::Date32),
        (binary, DataType::LargeUtf8),
        (field_type(tp::BIT, 0), DataType::LargeBinary),
        (field_type(tp::ENUM, 0), DataType::Utf8),
        (field_type(tp::ENUM, 0), dictionary(DataType::Int32, DataType::Utf8)),
        (field_type(tp::ENUM, 0), dictionary(DataType::UInt16, DataType::LargeUtf8)),
        (field_type(tp::SET, 0), DataType::UInt64),
        (field_type(tp::JSON, 0), DataType::LargeBinary),
        (field_type(tp::TIDB_VECTOR_FLOAT32, 0), list),
        (field_type(tp::NULL, 0), DataType::Null),
        (field_type(0xaa, 0), DataType::Int64),
    ] {
        refused(field_type, data_type);
    }
}
