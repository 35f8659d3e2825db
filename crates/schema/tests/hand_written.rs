//! Metadata no recorded table shows: of very old versions, of newer ones, and contradictory.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use tifusion_schema::TableInfo;
use tifusion_schema::inconsistent::Inconsistency;
use tifusion_schema::model::index::ColumnarIndex;
use tifusion_schema::model::state::TableMode;
use tifusion_schema::readable::NotReadableReason;

fn table(json: &str) -> TableInfo {
    TableInfo::from_json(json.as_bytes()).unwrap()
}

/// A table as TiDB 2.0 wrote it: no versions, upper-case character sets, plain partition names.
const OF_2018: &str = r#"{"id":41,"name":{"O":"Users","L":"users"},"charset":"UTF8","collate":"UTF8_BIN",
    "cols":[
    {"id":1,"name":{"O":"id","L":"id"},"offset":0,"origin_default":null,"default":null,"type":
      {"Tp":3,"Flag":3,"Flen":11,"Decimal":0,"Charset":"binary","Collate":"binary","Elems":null},
      "state":5,"comment":"","generated_expr_string":"","generated_stored":false,"dependences":null},
    {"id":2,"name":{"O":"nick","L":"nick"},"offset":1,"origin_default":null,"default":null,"type":
      {"Tp":15,"Flag":0,"Flen":20,"Decimal":-1,"Charset":"UTF8","Collate":"UTF8_BIN","Elems":null},
      "state":5},
    {"id":3,"name":{"O":"late","L":"late"},"offset":2,"type":
      {"Tp":15,"Flag":0,"Flen":20,"Decimal":-1,"Charset":"utf8","Collate":"utf8_general_ci"},
      "state":5,"version":2},
    {"id":4,"name":{"O":"raw","L":"raw"},"offset":3,"type":
      {"Tp":252,"Flag":128,"Flen":65535,"Decimal":-1,"Charset":"BINARY","Collate":"BINARY"},
      "state":5}],
    "index_info":null,"fk_info":null,"state":5,"pk_is_handle":true,"comment":"","auto_inc_id":0,
    "max_col_id":3,"max_idx_id":0,"update_timestamp":398765,"ShardRowIDBits":0,
    "partition":{"type":1,"expr":"`id`","columns":null,"enable":false,"definitions":[
      {"id":42,"name":"P0","less_than":["10"]}]}}"#;

#[test]
fn a_table_of_2018_is_brought_up_to_date() {
    let table = table(OF_2018);
    assert_eq!((table.charset.as_str(), table.collate.as_str()), ("utf8mb4", "utf8mb4_bin"));
    let charset = |name| {
        let column = table.find_column(name).unwrap();
        (column.field_type.charset.as_str(), column.field_type.collate.as_str())
    };
    assert_eq!(charset("nick"), ("utf8mb4", "utf8mb4_bin"));
    assert_eq!(charset("late"), ("utf8", "utf8_general_ci"));
    assert_eq!(charset("raw"), ("binary", "binary"));
    assert!(table.find_column("raw").unwrap().field_type.is_binary_string());
    assert!(table.unknown_fields().is_empty());
    table.check_consistent().unwrap();
}

#[test]
fn partitions_never_put_into_force_do_not_count() {
    let mut table = table(OF_2018);
    assert!(table.partition_info().is_none());
    assert_eq!(table.physical_ids(), [41]);
    table.partition.as_mut().unwrap().enable = true;
    assert_eq!(table.physical_ids(), [42]);
    assert_eq!(table.partition_info().unwrap().find("p0").unwrap().name.as_str(), "P0");
}

#[test]
fn later_versions_keep_their_charsets() {
    let json = |version: u16| {
        format!(
            r#"{{"version":{version},"charset":"UTF8","collate":"UTF8_BIN","cols":[{{"version":0,
            "type":{{"Tp":15,"Charset":"utf8","Collate":"utf8_bin"}}}}]}}"#
        )
    };
    let charsets = |version| {
        let table = table(&json(version));
        (table.charset, table.columns[0].field_type.charset.clone())
    };
    assert_eq!(charsets(1), ("utf8mb4".to_owned(), "utf8mb4".to_owned()));
    assert_eq!(charsets(2), ("utf8".to_owned(), "utf8".to_owned()));
    assert_eq!(charsets(3), ("UTF8".to_owned(), "utf8".to_owned()));
}

#[test]
fn a_partial_index_is_not_taken_for_a_whole_one() {
    for key in ["condition_expr_string", "partial_condition_expr_string"] {
        let json = format!(
            r#"{{"index_info":[{{"idx_name":{{"O":"k","L":"k"}},"state":5,"{key}":"`a` > 5",
            "affect_column":[{{"name":{{"O":"a","L":"a"}},"offset":0,"length":-1}}]}}]}}"#
        );
        let table = table(&json);
        let index = table.find_index("k").unwrap();
        assert!(index.is_partial() && !index.is_readable());
        assert_eq!(index.condition, "`a` > 5");
        assert!(table.unknown_fields().is_empty());
    }
}

#[test]
fn indexes_of_tiflash_have_no_entries_in_tikv() {
    for key in ["vector_index", "inverted_index", "full_text_index", "hybrid_index"] {
        let json = format!(r#"{{"index_info":[{{"state":5,"{key}":{{"dimension":3}}}}]}}"#);
        let table = table(&json);
        assert!(table.indices[0].is_columnar() && !table.indices[0].is_readable(), "{key}");
    }
    let table = table(
        r#"{"index_info":[{"state":5,"vector_index":{}},{"state":5,"vector_index":null},
        {"state":5,"index_type":4}]}"#,
    );
    assert_eq!(table.indices[0].vector, Some(ColumnarIndex));
    assert!(table.indices[1].is_readable());
    assert!(!table.indices[2].is_readable());
}

#[test]
fn a_table_under_import_or_unknown_is_not_read() {
    let reason = |json| table(json).check_readable().map_err(|error| error.reason);
    assert_eq!(reason(r#"{"state":5}"#), Ok(()));
    assert_eq!(
        reason(r#"{"state":5,"mode":1}"#),
        Err(NotReadableReason::Mode { mode: TableMode::Import })
    );
    assert_eq!(
        reason(r#"{"state":5,"temp_table_type":2}"#),
        Err(NotReadableReason::LocalTemporary)
    );
    assert_eq!(
        reason(r#"{"state":5,"temp_table_type":9}"#),
        Err(NotReadableReason::GlobalTemporary)
    );
}

#[test]
fn contradictions_are_named() {
    let contradiction = |json| table(json).check_consistent().unwrap_err().reason;
    assert_eq!(
        contradiction(r#"{"pk_is_handle":true,"cols":[{"type":{"Flag":0}}]}"#),
        Inconsistency::NoHandleColumn
    );
    assert_eq!(
        contradiction(r#"{"is_common_handle":true,"index_info":[{"is_primary":true,"state":2}]}"#),
        Inconsistency::NoPrimaryIndex
    );
    let json = r#"{"name":"t","id":7,"index_info":[{"idx_name":"k","idx_cols":[{"name":"b","offset":1}]}],
        "cols":[{"name":"a"}]}"#;
    let error = table(json).check_consistent().unwrap_err();
    assert_eq!(
        error.to_string(),
        "inconsistent metadata of table t (id 7): index k names column b at offset 1, which the \
         table does not have"
    );
    assert_eq!(
        contradiction(
            r#"{"cols":[{"name":"a","state":5},{"name":"b","state":5},{"name":"A","state":5}]}"#
        ),
        Inconsistency::DuplicateColumn { column: "a".to_owned() }
    );
}

#[test]
fn an_index_column_is_found_by_name_when_its_offset_is_off() {
    let table = table(
        r#"{"index_info":[{"idx_cols":[{"name":"b","offset":0}]}],"cols":[{"name":"a"},{"name":"b"}]}"#,
    );
    let columns = table.index_columns(&table.indices[0]).unwrap();
    assert_eq!(columns[0].1.name.as_str(), "b");
}

#[test]
fn tiflash_replicas_count_when_they_are_whole() {
    let table = table(
        r#"{"id":5,"tiflash_replica":{"Count":1,"LocationLabels":[],"Available":false,
        "AvailablePartitionIDs":[8]}}"#,
    );
    let replica = table.tiflash_replica.as_ref().unwrap();
    assert!(replica.is_available(8) && !replica.is_available(5));
    assert!(table.unknown_fields().is_empty());
}
