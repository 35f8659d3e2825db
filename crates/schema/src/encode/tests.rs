use serde_json::json;
use tifusion_codec::FieldType;
use tifusion_codec::datum::Datum;
use tifusion_codec::field_type::{flag, tp};

use super::*;
use crate::model::{CiStr, ColumnInfo, IndexInfo, SchemaState, TableInfo};

/// `CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(10), KEY kv (v))`.
const TABLE: &str = r#"{"id":7,"name":{"O":"t","L":"t"},"state":5,"version":5,"pk_is_handle":true,
    "cols":[{"id":1,"name":{"O":"id","L":"id"},"offset":0,"state":5,"version":2,
        "type":{"Tp":3,"Flag":3,"Flen":11,"Decimal":0,"Charset":"binary","Collate":"binary"}},
      {"id":2,"name":{"O":"v","L":"v"},"offset":1,"state":5,"version":2,
        "type":{"Tp":15,"Flag":8,"Flen":10,"Decimal":0,"Charset":"utf8mb4","Collate":"utf8mb4_bin"}}],
    "index_info":[{"id":1,"idx_name":{"O":"kv","L":"kv"},"state":5,"index_type":1,
        "idx_cols":[{"name":{"O":"v","L":"v"},"offset":1,"length":-1}]}]}"#;

/// The table with one member of one of its objects set.
fn encoder_with(
    object: &str,
    key: &str,
    value: serde_json::Value,
) -> Result<TableEncoder, NotWritable> {
    let mut table: serde_json::Value = serde_json::from_str(TABLE).unwrap();
    let object = table.pointer_mut(object).and_then(serde_json::Value::as_object_mut).unwrap();
    object.insert(key.to_owned(), value);
    TableEncoder::new(&TableInfo::from_json(table.to_string().as_bytes()).unwrap(), true)
}

#[test]
fn a_row_is_one_record_and_an_entry_for_each_index() {
    let encoder = encoder_with("", "comment", "".into()).unwrap();
    assert!(!encoder.needs_row_id());
    let row =
        encoder.encode(&[Datum::Int(3), Datum::Bytes(b"x ".as_slice().into())], None).unwrap();
    assert_eq!((row.physical_id, row.entries.len()), (7, 1));
    assert_eq!(row.value, b"\x80\0\x01\0\0\0\x02\x02\0x ");
    assert!(!row.entries[0].is_distinct);
    // NULL without a default is left out.
    let row = encoder.encode(&[Datum::Int(3), Datum::Null], None).unwrap();
    assert_eq!(row.value, b"\x80\0\0\0\0\0");
}

#[test]
fn tables_that_are_not_known_to_the_last_detail_are_refused_by_name() {
    const COLUMN: &str = "/cols/1";
    const INDEX: &str = "/index_info/0";
    for (object, key, value, named) in [
        ("", "news", json!(1), "news"),
        (COLUMN, "news", json!({"a": 1}), "news"),
        (INDEX, "news", json!(true), "news"),
        ("/index_info/0/idx_cols/0", "news", json!(true), "news"),
        ("", "version", json!(6), "version"),
        ("", "common_handle_version", json!(2), "common handle"),
        ("", "state", json!(2), "write only"),
        ("", "mode", json!(1), "Import"),
        ("", "temp_table_type", json!(1), "temporary"),
        ("", "cache_table_status", json!(1), "cache"),
        ("", "is_columnar", json!(true), "TiFlash"),
        ("", "Lock", json!({"Tp": 1, "State": 2, "Sessions": [{"ServerID": "x"}]}), "LOCK"),
        ("", "exchange_partition_info", json!({"exchange_partition_id": 1}), "exchange"),
        (COLUMN, "version", json!(3), "column"),
        (COLUMN, "state", json!(2), "column v"),
        (COLUMN, "generated_expr_string", json!("`id`"), "column v"),
        (COLUMN, "hidden", json!(true), "column v"),
        ("/cols/1/type", "Flag", json!(1 << 20), "column v"),
        (COLUMN, "change_state_info", json!({"relative_col_offset": 1}), "column v"),
        (INDEX, "state", json!(3), "index kv"),
        (INDEX, "backfill_state", json!(1), "index kv"),
        (INDEX, "mv_index", json!(true), "index kv"),
        (INDEX, "condition_expr_string", json!("`id` > 1"), "index kv"),
        (INDEX, "vector_index", json!({}), "index kv"),
        (INDEX, "global_index_version", json!(1), "index kv"),
        (INDEX, "index_type", json!(4), "index kv"),
    ] {
        match encoder_with(object, key, value) {
            Ok(_) => panic!("accepted: {object} {key}"),
            Err(error) => {
                let error = error.to_string();
                assert!(error.contains(named), "{object} {key}: {error}");
            }
        }
    }
}

fn keyed(code: u8, collate: &str) -> TableInfo {
    let field_type = FieldType {
        flen: 10,
        charset: collate.split('_').next().unwrap_or_default().to_owned(),
        collate: collate.to_owned(),
        ..FieldType::new(code, flag::NOT_NULL)
    };
    let column = ColumnInfo {
        id: 1,
        name: CiStr::new("c"),
        state: SchemaState::Public,
        field_type,
        ..ColumnInfo::default()
    };
    let index = IndexInfo {
        id: 1,
        name: CiStr::new("k"),
        state: SchemaState::Public,
        columns: vec![crate::model::IndexColumn {
            name: CiStr::new("c"),
            length: -1,
            ..Default::default()
        }],
        ..IndexInfo::default()
    };
    TableInfo {
        state: SchemaState::Public,
        columns: vec![column],
        indices: vec![index],
        ..TableInfo::default()
    }
}

#[test]
fn keys_of_unknown_types_and_collations_are_refused_by_name() {
    assert!(TableEncoder::new(&keyed(tp::VARCHAR, "utf8mb4_bin"), true).is_ok());
    for (code, collate, named) in [
        (tp::VARCHAR, "gbk_chinese_ci", "gbk"),
        (tp::VARCHAR, "utf8mb4_zh_pinyin_tidb_as_cs", "pinyin"),
        (tp::JSON, "binary", "json"),
        (tp::TIDB_VECTOR_FLOAT32, "binary", "vector"),
    ] {
        let error = TableEncoder::new(&keyed(code, collate), true).unwrap_err().to_string();
        assert!(error.contains("column c") && error.contains(named), "{error}");
    }
}

#[test]
fn rows_are_refused_by_name() {
    let encoder = TableEncoder::new(&keyed(tp::VARCHAR, "utf8mb4_bin"), true).unwrap();
    assert!(encoder.needs_row_id());
    let text = |text: &'static str| Datum::Bytes(text.as_bytes().into());
    assert!(encoder.encode(&[text("fine")], Some(1)).is_ok());
    for (values, row_id, named) in [
        (vec![], Some(1), "0 values"),
        (vec![text("a"), text("b")], Some(1), "2 values"),
        (vec![Datum::Null], Some(1), "column c"),
        (vec![text("longer than ten")], Some(1), "column c"),
        (vec![Datum::Int(1)], Some(1), "column c"),
        (vec![text("a")], None, "row id"),
    ] {
        let error = encoder.encode(&values, row_id).unwrap_err().to_string();
        assert!(error.contains(named), "{error}");
    }
}
