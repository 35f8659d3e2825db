use std::sync::Arc;

use arrow_array::builder::StringDictionaryBuilder;
use arrow_array::types::{Int8Type, UInt16Type};
use arrow_array::*;

use super::*;

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, a)| (n, a, true)))
        .unwrap()
}

const TABLE: &str = "CREATE TABLE t (id BIGINT PRIMARY KEY, u TINYINT UNSIGNED, f FLOAT, d DOUBLE,
    n DECIMAL(10, 2), s VARCHAR(10), c CHAR(10), b VARBINARY(10), da DATE, dt DATETIME(3), ts TIMESTAMP,
    ti TIME, e ENUM('x', 'y'), j JSON, o BOOL, x INT DEFAULT 7, KEY ks (s), UNIQUE KEY un (n))";

/// A batch and an `INSERT` of the same rows make the same pairs.
#[test]
fn a_batch_is_loaded_as_an_insert_is() {
    let mut dictionary = StringDictionaryBuilder::<UInt16Type>::new();
    dictionary.append_value("y");
    dictionary.append_null();
    let batch = batch(vec![
        ("ID", Arc::new(Int64Array::from(vec![1, -2]))),
        ("u", Arc::new(Int32Array::from(vec![Some(255), None]))),
        ("f", Arc::new(Float64Array::from(vec![Some(0.1), None]))),
        ("d", Arc::new(Float32Array::from(vec![Some(0.5), None]))),
        (
            "n",
            Arc::new(
                Decimal128Array::from(vec![Some(-12345), None])
                    .with_precision_and_scale(15, 2)
                    .unwrap(),
            ),
        ),
        ("s", Arc::new(StringViewArray::from(vec![Some("é "), None]))),
        ("c", Arc::new(StringArray::from(vec![Some("c  "), None]))),
        ("b", Arc::new(BinaryArray::from(vec![Some(&b"\xff\x00"[..]), None]))),
        ("da", Arc::new(Date32Array::from(vec![Some(19782), None]))),
        (
            "dt",
            Arc::new(TimestampNanosecondArray::from(vec![Some(1_709_210_096_789_000_000), None])),
        ),
        (
            "ts",
            Arc::new(
                TimestampSecondArray::from(vec![Some(1_709_210_096), None]).with_timezone("UTC"),
            ),
        ),
        ("ti", Arc::new(DurationMicrosecondArray::from(vec![Some(-45_296_000_000), None]))),
        ("e", Arc::new(dictionary.finish())),
        ("j", Arc::new(LargeStringArray::from(vec![Some("{\"k\": [1, 2]}"), None]))),
        ("o", Arc::new(BooleanArray::from(vec![Some(true), None]))),
    ]);
    let mut loaded = new_bootstrap();
    loaded.execute(TABLE).unwrap();
    let mut inserted = loaded.clone();
    loaded.load("d", "t", &batch).unwrap();
    inserted
        .execute(
            "INSERT INTO t VALUES (1, 255, 0.1, 0.5, -123.45, 'é ', 'c', x'ff00', '2024-02-29',
                '2024-02-29 12:34:56.789', '2024-02-29 12:34:56', '-12:34:56', 'y', '{\"k\": [1, 2]}',
                TRUE, DEFAULT);
            INSERT INTO t (id) VALUES (-2)",
        )
        .unwrap();
    assert_eq!(loaded.take_pairs(), inserted.take_pairs());
}

/// What a query of DataFusion's, or a file, may hold as well.
#[test]
fn narrow_decimals_nulls_and_dictionaries_of_any_key_are_loaded() {
    let mut dictionary = StringDictionaryBuilder::<Int8Type>::new();
    dictionary.append_value("a");
    dictionary.append_value("b");
    dictionary.append_value("a");
    let with_null = StringArray::from(vec![Some("x"), None]);
    let keys = Int32Array::from(vec![0, 1, 0]);
    let nullable = DictionaryArray::try_new(keys, Arc::new(with_null)).unwrap();
    let small = Decimal32Array::from(vec![Some(125), None, Some(-1)]);
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("id", Arc::new(Int16Array::from(vec![1, 2, 3]))),
        ("s", Arc::new(dictionary.finish())),
        ("c", Arc::new(nullable)),
        ("n", Arc::new(small.with_precision_and_scale(5, 2).unwrap())),
        ("d", Arc::new(NullArray::new(3))),
    ];
    let mut loaded = new_bootstrap();
    loaded.execute(TABLE).unwrap();
    let mut inserted = loaded.clone();
    loaded.load("d", "t", &batch(columns)).unwrap();
    let rows = "INSERT INTO t (id, s, c, n) VALUES (1, 'a', 'x', 1.25), (2, 'b', NULL, NULL),
        (3, 'a', 'x', -0.01)";
    inserted.execute(rows).unwrap();
    assert_eq!(loaded.take_pairs(), inserted.take_pairs());
}

#[test]
fn a_value_that_is_refused_is_told_by_table_row_and_column() {
    let mut bootstrap = new_bootstrap();
    bootstrap.execute(TABLE).unwrap();
    let refused = |result: Result<(), BootstrapError>| result.unwrap_err().to_string();
    let ids = || Arc::new(Int64Array::from(vec![1, 2])) as ArrayRef;
    let numbers = Arc::new(Int64Array::from(vec![1, 256])) as ArrayRef;
    let error = refused(bootstrap.load("d", "t", &batch(vec![("id", ids()), ("u", numbers)])));
    assert!(error.starts_with("table t, row 2: ") && error.contains("column u"), "{error}");
    let texts = Arc::new(StringArray::from(vec!["x", "y z"])) as ArrayRef;
    let error = refused(bootstrap.load("d", "t", &batch(vec![("id", ids()), ("e", texts)])));
    assert!(error.starts_with("table t, row 2: ") && error.contains("column e"), "{error}");
    let error =
        refused(bootstrap.execute("INSERT INTO t (id, s) VALUES (1, 'a'), (2, 'far too long')"));
    assert!(error.starts_with("table t, row 2: ") && error.contains("column s"), "{error}");
    let error = refused(bootstrap.execute("INSERT INTO t (id) VALUES (1), (NULL)"));
    assert!(error.starts_with("table t, row 2: ") && error.contains("column id"), "{error}");
}

#[test]
fn what_does_not_fit_is_refused_with_nothing_loaded() {
    let mut bootstrap = new_bootstrap();
    bootstrap.execute(TABLE).unwrap();
    let _ = bootstrap.take_pairs();
    let ids = || -> ArrayRef { Arc::new(Int64Array::from(vec![1, 2])) };
    let decimals = || {
        let array = Decimal128Array::from(vec![1, 10_000_000_000]);
        array.with_precision_and_scale(15, 2).unwrap()
    };
    for (name, array) in [
        ("u", Arc::new(Int64Array::from(vec![1, 256])) as ArrayRef),
        ("u", Arc::new(Int64Array::from(vec![1, -1]))),
        ("u", Arc::new(Float64Array::from(vec![1.0, f64::NAN]))),
        ("u", Arc::new(Date32Array::from(vec![1, 2]))),
        ("n", Arc::new(decimals())),
        ("n", Arc::new(Float64Array::from(vec![1.0, 1e10]))),
        ("s", Arc::new(StringArray::from(vec!["fine", "longer than ten"]))),
        ("s", Arc::new(BinaryArray::from(vec![&b"fine"[..], b"\xff"]))),
        ("dt", Arc::new(TimestampMicrosecondArray::from(vec![1, i64::MAX]))),
        ("dt", Arc::new(Float64Array::from(vec![1.0, 2.0]))),
        ("ts", Arc::new(TimestampSecondArray::from(vec![1, 0]))),
        ("e", Arc::new(StringArray::from(vec!["x", "z"]))),
        ("d", Arc::new(Float64Array::from(vec![1.0, f64::INFINITY]))),
        ("ti", Arc::new(DurationSecondArray::from(vec![1, 3_020_400]))),
        ("nowhere", Arc::new(Int64Array::from(vec![1, 2]))),
        ("ID", Arc::new(Int64Array::from(vec![1, 2]))),
    ] {
        let batch = batch(vec![("id", ids()), (name, array)]);
        let error = bootstrap.load("d", "t", &batch).unwrap_err().to_string();
        assert!(error.contains(name), "{error}");
        assert!(bootstrap.take_pairs().is_empty(), "{name}");
    }
    let twice = batch(vec![("id", Arc::new(Int64Array::from(vec![1, 1])) as ArrayRef)]);
    assert!(bootstrap.load("d", "t", &twice).unwrap_err().to_string().contains("PRIMARY"));
    assert!(bootstrap.load("d", "nowhere", &twice).is_err());
}
