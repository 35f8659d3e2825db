//! Rows of many types.

use std::sync::Arc;

use arrow_array::types::UInt16Type;
use arrow_array::*;
use arrow_schema::SchemaRef;

pub(crate) const TABLE: &str =
    "CREATE TABLE test.t (id BIGINT PRIMARY KEY, u INT UNSIGNED, f FLOAT, d DOUBLE,
    n DECIMAL(20, 4), s VARCHAR(20), b VARBINARY(10), da DATE, dt DATETIME(6), ts TIMESTAMP(3),
    ti TIME(6), e ENUM('x', 'y'), j JSON, y YEAR, bits BIT(12), KEY ks (s), UNIQUE KEY un (n))";

pub(crate) const COLUMNS: [&str; 15] =
    ["id", "u", "f", "d", "n", "s", "b", "da", "dt", "ts", "ti", "e", "j", "y", "bits"];

/// Rows `first..end` of the table; every seventh has NULLs.
pub(crate) fn rows(schema: SchemaRef, first: i64, end: i64) -> RecordBatch {
    fn all<T>(first: i64, end: i64, value: impl Fn(i64) -> T) -> Vec<Option<T>> {
        (first..end).map(|id| (id % 7 != 0).then(|| value(id))).collect()
    }
    let members = StringArray::from(vec!["x", "y", ""]);
    let keys: UInt16Array = all(first, end, |id| (id % 2) as u16).into();
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values(first..end)),
        Arc::new(UInt32Array::from(all(first, end, |id| u32::MAX - id as u32))),
        Arc::new(Float32Array::from(all(first, end, |id| id as f32 / 3.0))),
        Arc::new(Float64Array::from(all(first, end, |id| id as f64 / -7.0))),
        Arc::new(
            Decimal128Array::from(all(first, end, |id| i128::from(id) * -12_345_678_901))
                .with_precision_and_scale(20, 4)
                .unwrap(),
        ),
        Arc::new(LargeStringArray::from(all(first, end, |id| format!("é{}", id % 50)))),
        Arc::new(LargeBinaryArray::from_iter(all(first, end, |id| [0xff, 0, id as u8]))),
        Arc::new(Date32Array::from(all(first, end, |id| id as i32 * 11))),
        Arc::new(TimestampMicrosecondArray::from(all(first, end, |id| 1_709_210_096_789_012 + id))),
        Arc::new(
            TimestampMicrosecondArray::from(all(first, end, |id| {
                1_709_210_096_789_000 + id * 1000
            }))
            .with_timezone("UTC"),
        ),
        Arc::new(DurationMicrosecondArray::from(all(first, end, |id| id * -3_600_000_001))),
        Arc::new(DictionaryArray::<UInt16Type>::new(keys, Arc::new(members))),
        Arc::new(StringArray::from(all(first, end, |id| format!("{{\"k\": [{id}, null]}}")))),
        Arc::new(UInt16Array::from(all(first, end, |id| 1901 + id as u16 % 200))),
        Arc::new(UInt64Array::from(all(first, end, |id| id as u64 % 4096))),
    ];
    RecordBatch::try_new(schema, columns).unwrap()
}
