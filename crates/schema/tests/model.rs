//! What recorded tables say, field by field, and how the lookups read them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use tifusion_schema::model::state::{
    ReferOption, TableCacheStatus, TempTableType, ViewCheckOption,
};
use tifusion_schema::model::value::DefaultLiteral;
use tifusion_schema::model::{ColumnInfo, PartitionType};
use tifusion_schema::readable::NotReadableReason;
use tifusion_schema::{HandleKind, ScanColumn, ScanOptions, TableInfo, TypeOptions, column_type};

macro_rules! recorded {
    ($name:literal) => {
        TableInfo::from_json(include_bytes!(concat!("data/modern/", $name, ".json"))).unwrap()
    };
}

fn names(columns: &[&ColumnInfo]) -> Vec<String> {
    columns.iter().map(|column| column.name.original.clone()).collect()
}

#[test]
fn a_clustered_integer_key_is_the_handle() {
    let table = recorded!("all_types");
    let HandleKind::Int(column) = table.handle().unwrap() else { panic!() };
    assert_eq!(column.name.as_str(), "id");
    assert_eq!(names(&table.primary_key_columns().unwrap()), ["id"]);
    assert!(table.primary_index().is_none());
    assert_eq!(table.physical_ids(), [table.id]);
    assert_eq!(table.comment, "every type");
    assert_eq!(table.find_column("C_VARCHAR").unwrap().comment, "a text");
    assert!(table.common_handle_column_ids().unwrap().is_empty());
}

#[test]
fn a_clustered_key_of_other_types_is_a_common_handle() {
    let table = recorded!("common_handle");
    let HandleKind::Common(index) = table.handle().unwrap() else { panic!() };
    assert!(index.primary && index.unique && index.has_prefix() && index.is_readable());
    assert_eq!(table.common_handle_version, 1);
    assert_eq!(names(&table.primary_key_columns().unwrap()), ["a", "b"]);
    assert_eq!(table.common_handle_column_ids().unwrap(), [1, 2]);
    assert_eq!(table.common_handle_prefix_column_ids().unwrap(), [1]);
    assert_eq!(index.columns[0].prefix_length(), Some(10));
    assert_eq!(index.columns[1].prefix_length(), None);
}

#[test]
fn other_tables_have_a_row_id() {
    let table = recorded!("rowid_nonclustered");
    assert_eq!(table.handle().unwrap(), HandleKind::RowId);
    assert_eq!(names(&table.primary_key_columns().unwrap()), ["a"]);
    assert_eq!((table.shard_row_id_bits, table.pre_split_regions), (4, 2));
    let table = recorded!("no_pk");
    assert_eq!(table.handle().unwrap(), HandleKind::RowId);
    assert!(table.primary_key_columns().unwrap().is_empty());
    assert_eq!(table.auto_id_cache, 100);
    let index = table.find_index("K").unwrap();
    assert!(index.invisible && !index.unique);
    let columns = table.index_columns(index).unwrap();
    assert_eq!(columns.iter().map(|(_, c)| c.name.as_str()).collect::<Vec<_>>(), ["b", "a"]);
}

#[test]
fn the_row_id_is_scanned_as_the_handle() {
    let table = recorded!("no_pk");
    let column = ColumnInfo::extra_handle();
    assert!(column.is_extra_handle() && !table.columns.iter().any(ColumnInfo::is_extra_handle));
    let opts = ScanOptions { new_collation: true, ..ScanOptions::default() };
    let scan = ScanColumn::new(&table, &column, opts).unwrap();
    // As TiDB's NewExtraHandleColInfo: a BIGINT NOT NULL PRIMARY KEY.
    let want = ScanColumn {
        column_id: -1,
        tp: 8,
        collation: -63,
        column_len: 20,
        decimal: 0,
        flag: 3,
        pk_handle: true,
        ..ScanColumn::default()
    };
    assert_eq!(scan, want);
}

#[test]
fn auto_ids_are_described() {
    let table = recorded!("auto_random_pk");
    assert_eq!((table.auto_random_bits, table.auto_random_range_bits), (6, 64));
    let table = recorded!("auto_inc");
    assert!(table.has_separate_auto_increment());
    assert_eq!(table.auto_inc_id, 500);
    assert!(!recorded!("parent").has_separate_auto_increment());
    let renamed = recorded!("renamed");
    assert_ne!(renamed.auto_id_schema_id, 0);
}

#[test]
fn hidden_columns_serve_expression_indexes_only() {
    let table = recorded!("computed");
    assert_eq!(names(&table.public_columns()), ["id", "j", "a", "v_sum", "s_sum"]);
    assert_eq!(table.columns.len(), 8);
    let find = |name| table.find_column(name).unwrap();
    assert!(find("v_sum").is_virtual_generated());
    assert!(find("s_sum").is_generated() && !find("s_sum").is_virtual_generated());
    assert_eq!(find("s_sum").generated_expr, "`a` * 2");
    assert_eq!(find("v_sum").dependences.0, ["a"]);
    assert!(table.find_column("_V$_kexpr_0").is_none());
    let multi_valued = table.find_index("kmv").unwrap();
    assert!(multi_valued.multi_valued);
    let (_, hidden) = table.index_columns(multi_valued).unwrap()[0];
    assert!(hidden.hidden && hidden.is_array);
}

#[test]
fn partitions_of_every_kind() {
    let range = recorded!("p_range");
    let partition = range.partition_info().unwrap();
    assert_eq!((partition.partition_type, partition.expr.as_str()), (PartitionType::Range, "`id`"));
    let bounds: Vec<_> = partition.definitions.iter().map(|d| d.less_than.concat()).collect();
    assert_eq!(bounds, ["10", "20", "MAXVALUE"]);
    assert_eq!(partition.find("P1").unwrap().comment, "second");
    assert_eq!(range.physical_ids().len(), 3);
    assert!(!range.physical_ids().contains(&range.id));
    assert!(!partition.is_changing());

    let columns = recorded!("p_range_columns");
    let partition = columns.partition_info().unwrap();
    assert_eq!(partition.columns.iter().map(|c| c.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(partition.definitions[0].less_than, ["'m'", "'2024-01-01'"]);

    let hash = recorded!("p_hash");
    let partition = hash.partition_info().unwrap();
    assert_eq!((partition.partition_type, partition.num), (PartitionType::Hash, 4));
    assert_eq!(partition.expr, "(`id`+1)");

    let key = recorded!("p_key");
    assert_eq!(key.partition_info().unwrap().partition_type, PartitionType::Key);
    assert!(key.partition_info().unwrap().is_empty_columns);

    let list = recorded!("p_list");
    let partition = list.partition_info().unwrap();
    assert_eq!(partition.partition_type, PartitionType::List);
    assert_eq!(partition.definitions[0].in_values, [["1"], ["2"], ["NULL"]]);
    assert_eq!(partition.definitions[2].in_values, [["DEFAULT"]]);

    let columns = recorded!("p_list_columns");
    let definitions = &columns.partition_info().unwrap().definitions;
    assert_eq!(definitions[0].in_values, [["'x'", "1"], ["'y'", "2"]]);

    let month = recorded!("p_month");
    assert_eq!(month.partition_info().unwrap().expr, "YEAR(`ts`)");
    assert!(recorded!("p_global").find_index("gb").unwrap().global);
}

#[test]
fn constraints_and_options_are_kept() {
    let child = recorded!("child");
    let key = &child.foreign_keys[0];
    assert_eq!((key.ref_table.as_str(), key.version), ("parent", 1));
    assert_eq!((key.on_delete, key.on_update), (ReferOption::Cascade, ReferOption::SetNull));
    let checked = recorded!("checked");
    let enforced: Vec<_> = checked.constraints.iter().map(|check| check.enforced).collect();
    assert_eq!(enforced, [true, false]);
    assert_eq!(checked.constraints[0].expr, "`a` < `b`");
    let ttl = recorded!("expiring").ttl.unwrap();
    assert_eq!((ttl.column.as_str(), ttl.interval_expr.as_str(), ttl.enable), ("t", "3", false));
    let policy = recorded!("placed").placement_policy.unwrap();
    assert_eq!(policy.name.as_str(), "meta_fixture_policy");
}

#[test]
fn what_has_no_rows_in_the_store_says_why() {
    let reason = |table: &TableInfo| table.check_readable().unwrap_err().reason;
    let view = recorded!("v_join");
    assert_eq!(reason(&view), NotReadableReason::View);
    let info = view.view.as_ref().unwrap();
    assert!(info.select.starts_with("SELECT `a`.`id` AS `pid`"), "{}", info.select);
    assert_eq!(info.check_option, ViewCheckOption::Cascaded);
    assert_eq!(info.definer.as_ref().unwrap().username, "root");
    assert_eq!(names(&view.public_columns()), ["pid", "Cid"]);

    let sequence = recorded!("seq");
    assert_eq!(reason(&sequence), NotReadableReason::Sequence);
    let info = sequence.sequence.as_ref().unwrap();
    assert_eq!((info.start, info.increment, info.cache_value), (5, 2, 100));

    let temporary = recorded!("gtemp");
    assert_eq!(temporary.temp_table_type, TempTableType::Global);
    assert_eq!(reason(&temporary), NotReadableReason::GlobalTemporary);
    assert_eq!(
        temporary.check_readable().unwrap_err().to_string(),
        "table gtemp can't be read: it is a global temporary table, whose rows live in the TiDB \
         session that wrote them"
    );

    let cached = recorded!("cached");
    assert_eq!(cached.cache_status, TableCacheStatus::Enable);
    assert!(cached.is_readable());
}

#[test]
fn names_are_found_in_any_case() {
    let table = recorded!("mixed_case");
    assert_eq!(table.name.as_str(), "Mixed Case ü");
    assert_eq!(table.find_column("SÉLECT").unwrap().name.as_str(), "Sélect");
    assert!(table.find_column("Id").is_some());
}

#[test]
fn defaults_of_added_columns_are_kept() {
    let table = recorded!("added_columns");
    let origin = |name| table.find_column(name).unwrap().origin_default.clone();
    assert_eq!(origin("d_tiny"), Some(DefaultLiteral::Text("-7".into())));
    assert_eq!(origin("d_int_null"), None);
    let bits = table.find_column("d_bit64").unwrap().origin_default_bit.clone().unwrap();
    assert_eq!(bits.0, [0xff; 8]);
    // One column was dropped before these: ids are not offsets.
    assert_eq!(table.columns[1].id, 3);
    assert_eq!(table.max_column_id, 57);
}

#[test]
fn every_column_of_every_type_has_its_arrow_type() {
    let table = recorded!("all_types");
    let opts = TypeOptions { time_zone: "Europe/Berlin".into(), ..TypeOptions::default() };
    let types: Vec<_> = table
        .public_columns()
        .into_iter()
        .map(|column| {
            let made = column_type(&table, column, &opts);
            assert_eq!(made.unsupported(), None);
            let nullable = if made.field().is_nullable() { "" } else { " not null" };
            format!("{} {}{nullable}", column.name, made.field().data_type())
        })
        .collect();
    let want = include_str!("data/modern/all_types.arrow.txt");
    assert_eq!(types, want.lines().collect::<Vec<_>>());
}
