//! Metadata that a real TiDB wrote, and what TiDB's own code makes of it.
//!
//! `data/modern` holds the bytes TiDB of June 2025 keeps in its store, table by table, `data/old`
//! what TiDB of April 2021 shows of them. Each `.scan.txt` beside them holds what `ColumnsToProto`
//! and `SetPBColumnsDefaultValue` of 2025 make of the table's columns.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use tifusion_schema::{DbInfo, NameInfo, ScanColumn, ScanOptions, TableInfo};

const FOLDERS: [&str; 2] = ["modern", "old"];

fn data(folder: &str) -> PathBuf {
    Path::new("tests/data").join(folder)
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Name and bytes of every recorded table.
fn tables(folder: &str) -> Vec<(String, Vec<u8>)> {
    let mut tables: Vec<_> = std::fs::read_dir(data(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), read(&path)))
        .filter(|(name, _)| !name.starts_with("db_"))
        .collect();
    tables.sort();
    assert!(tables.len() > 10, "{folder}: {}", tables.len());
    tables
}

#[test]
fn every_recorded_table_is_read_whole() {
    for folder in FOLDERS {
        for (name, json) in tables(folder) {
            let table = TableInfo::from_json(&json).unwrap();
            assert_eq!(table.unknown_fields(), Vec::<String>::new(), "{folder}/{name}");
            table.check_consistent().unwrap();
            assert!(table.state.is_public(), "{folder}/{name}");
            assert!(!table.public_columns().is_empty() || table.is_sequence(), "{folder}/{name}");
        }
    }
}

#[test]
fn the_cheap_name_agrees_with_the_whole_table() {
    for (file, json) in FOLDERS.iter().flat_map(|folder| tables(folder)) {
        let table = TableInfo::from_json(&json).unwrap();
        let name = NameInfo::from_json(&json).unwrap();
        assert_eq!(
            (name.id, &name.name, name.state),
            (table.id, &table.name, table.state),
            "{file}"
        );
        assert_eq!(name.is_view(), table.is_view(), "{file}");
        assert_eq!(name.is_sequence(), table.is_sequence(), "{file}");
    }
}

#[test]
fn databases_are_read() {
    let db = DbInfo::from_json(&read(&data("modern/db_meta_fixture2.json"))).unwrap();
    assert_eq!(db.name.as_str(), "meta_fixture2");
    assert_eq!(db.collate, "utf8mb4_general_ci");
    assert!(db.state.is_public());
    assert!(db.unknown_fields.is_empty());
}

#[test]
fn scan_columns_are_those_of_tidb() {
    let mut compared = 0;
    for folder in FOLDERS {
        for (name, json) in tables(folder) {
            let table = TableInfo::from_json(&json).unwrap();
            if !table.is_base_table() {
                continue;
            }
            let recorded = read(&data(&format!("{folder}/{name}.scan.txt")));
            for section in String::from_utf8(recorded).unwrap().split("# ").skip(1) {
                compared += compare(&table, section);
            }
        }
    }
    assert!(compared > 400, "{compared}");
}

/// Compares the columns of a table with one recorded section; how many there were.
fn compare(table: &TableInfo, section: &str) -> usize {
    let (title, want) = section.split_once('\n').unwrap();
    let none = ScanOptions::default();
    let opts = match title {
        "rows" => ScanOptions { new_collation: true, ..none },
        "index" => ScanOptions { new_collation: true, for_index: true, ..none },
        "tiflash old collation" => ScanOptions { for_tiflash: true, ..none },
        other => panic!("{other}"),
    };
    assert_eq!(want.lines().count(), table.columns.len());
    for (column, want) in table.columns.iter().zip(want.lines()) {
        let made = ScanColumn::new(table, column, opts).unwrap();
        let place = format!("{}.{}, {title}", table.name, column.name);
        assert_eq!(show(&made, title == "rows"), want, "{place}");
    }
    table.columns.len()
}

/// A scan column as the recorded lines have it. Only the columns of rows were given defaults.
fn show(column: &ScanColumn, defaults: bool) -> String {
    let default = match &column.default_val {
        Some(bytes) if defaults => bytes.iter().fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").unwrap();
            hex
        }),
        _ => "-".to_owned(),
    };
    let elems = if column.elems.is_empty() {
        "null".to_owned()
    } else {
        format!("[{}]", column.elems.iter().map(|e| format!("{e:?}")).collect::<Vec<_>>().join(","))
    };
    format!(
        "{} tp={} collation={} len={} decimal={} flag={} pk={} default={default} elems={elems}",
        column.column_id,
        column.tp,
        column.collation,
        column.column_len,
        column.decimal,
        column.flag,
        column.pk_handle
    )
}
