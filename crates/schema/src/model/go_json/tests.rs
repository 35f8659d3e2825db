use crate::model::{ColumnInfo, DbInfo, SchemaState, TableInfo};
use crate::name_info::NameInfo;

fn table(json: &str) -> TableInfo {
    TableInfo::from_json(json.as_bytes()).unwrap()
}

#[test]
fn missing_keys_and_nulls_leave_zero_values() {
    let missing = table("{}");
    let nulls = table(
        r#"{"id":null,"name":null,"charset":null,"cols":null,"index_info":null,"state":null,
        "pk_is_handle":null,"partition":null,"view":null,"version":null,"fk_info":null,
        "temp_table_type":null,"cache_table_status":null,"ShardRowIDBits":null}"#,
    );
    assert_eq!(missing, nulls);
    assert_eq!(missing, table("null"));
    assert_eq!(missing.state, SchemaState::None);
    assert_eq!(missing.version, 0);
}

#[test]
fn the_last_of_two_equal_keys_wins() {
    assert_eq!(table(r#"{"id":1,"id":2}"#).id, 2);
}

#[test]
fn unknown_keys_are_skipped_and_named_if_they_hold_something() {
    let table = table(
        r#"{"id":1,"future":{"deep":[1,{"x":null}]},"empty":[],"none":null,"off":false,"zero":0,
        "blank":"","obj":{},"on":true,"cols":[{"id":5,"name":{"O":"c","L":"c"},"masking":7,
        "type":{"Tp":3,"Dims":2}}]}"#,
    );
    assert_eq!(table.unknown_fields, ["future", "on"]);
    assert_eq!(table.unknown_fields(), ["future", "on", "cols[c].masking", "cols[c].type.Dims"]);
}

#[test]
fn what_is_not_known_is_not_read_where_rows_would_be_others() {
    let refused = |json: &str| table(json).check_readable().unwrap_err().to_string();
    let deletes = r#"{"state":5,"softdelete_info":{"retention":"1d"}}"#;
    assert!(refused(deletes).contains("softdelete_info"));
    assert!(refused(r#"{"state":5,"is_columnar":true}"#).contains("no rows in TiKV"));
    let indexed = |handle: bool| {
        format!(
            r#"{{"state":5,"is_common_handle":{handle},"index_info":[{{"idx_name":{{"O":"k","L":"k"}},"state":5,
            "is_primary":{handle},"idx_cols":[{{"name":{{"O":"a","L":"a"}},"offset":0,"length":-1,"desc":true}}]}}]}}"#
        )
    };
    let by_rows = table(&indexed(false));
    assert!(by_rows.is_readable());
    assert!(!by_rows.indices[0].is_readable(), "its entries may be in another order");
    assert!(refused(&indexed(true)).contains("desc"));
    assert!(table(r#"{"state":5,"softdelete_info":null,"is_active_active":false}"#).is_readable());
}

#[test]
fn an_error_names_the_path_and_the_place() {
    let error = TableInfo::from_json(br#"{"cols":[{"type":{"Flen":"wide"}}]}"#).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("metadata of a table"), "{text}");
    assert!(text.contains("cols: type: Flen: invalid type"), "{text}");
    assert!(text.contains("column"), "{text}");
}

#[test]
fn what_is_no_json_is_an_error() {
    for bytes in [&b""[..], b"{", b"[]", b"7", b"\xff\xfe", b"{\"id\":1}x", b"{\"id\":1.5}"] {
        assert!(TableInfo::from_json(bytes).is_err(), "{bytes:?}");
        assert!(DbInfo::from_json(bytes).is_err(), "{bytes:?}");
        assert!(NameInfo::from_json(bytes).is_err(), "{bytes:?}");
    }
}

#[test]
fn deep_nesting_is_an_error_not_a_stack_overflow() {
    let deep = format!(r#"{{"future":{}}}"#, "[".repeat(100_000));
    assert!(TableInfo::from_json(deep.as_bytes()).is_err());
    assert!(NameInfo::from_json(deep.as_bytes()).is_err());
}

#[test]
fn numbers_without_a_name_are_kept() {
    let table = table(r#"{"state":77,"temp_table_type":9,"cols":[{"state":5}]}"#);
    assert_eq!(table.state, SchemaState::Other(77));
    assert_eq!(table.state.code(), 77);
    assert_eq!(table.state.to_string(), "unknown (77)");
    assert!(!table.is_readable());
    assert_eq!(table.columns[0].state, SchemaState::Public);
    assert_eq!(table.columns[0].state.to_string(), "public");
}

#[test]
fn a_null_among_structs_is_a_zero_struct() {
    assert_eq!(table(r#"{"cols":[null]}"#).columns, [ColumnInfo::default()]);
}

#[test]
fn flags_beyond_32_bits_are_cut_off() {
    let table = table(r#"{"cols":[{"type":{"Tp":3,"Flag":18446744073709551615}}]}"#);
    assert_eq!(table.columns[0].field_type.flag, u32::MAX);
}
