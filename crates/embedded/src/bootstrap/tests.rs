//! What TiDB wrote for the same statements, and what is refused.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

use std::collections::BTreeMap;

use tifusion_codec::key::{display_key, meta, table_range};
use tifusion_schema::{DbInfo, TableInfo};

use super::*;

mod arrow;
mod catalog;
mod mutated;
mod refused;

const TIDB: &str = include_str!("testdata/tidb.txt");
const TIDB_RANDOM: &str = include_str!("testdata/tidb_random.txt");
const TIDB_OLD_COLLATION: &str = include_str!("testdata/tidb_old_collation.txt");

/// A table of the recorded ones.
#[derive(Debug, Default)]
struct Recorded {
    name: String,
    statements: Vec<String>,
    info: String,
    pairs: BTreeMap<Vec<u8>, Vec<u8>>,
}

fn hex(text: &str) -> Vec<u8> {
    let pairs = text.as_bytes().as_chunks::<2>().0;
    let byte = |pair: &[u8; 2]| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap();
    pairs.iter().map(byte).collect()
}

fn recorded(text: &str) -> Vec<Recorded> {
    let mut tables: Vec<Recorded> = Vec::new();
    for line in text.lines() {
        let (kind, content) = line.split_once('\t').unwrap();
        if kind == "table" {
            tables.push(Recorded { name: content.to_owned(), ..Recorded::default() });
            continue;
        }
        let Some(table) = tables.last_mut() else { continue };
        match kind {
            "sql" => table.statements.push(content.to_owned()),
            "info" => content.clone_into(&mut table.info),
            "kv" => {
                let (key, value) = content.split_once('\t').unwrap();
                table.pairs.insert(hex(key), hex(value));
            }
            "meta" => {}
            other => panic!("{other}"),
        }
    }
    tables
}

fn options(timestamp: u64, new_collation: bool) -> BootstrapOptions {
    BootstrapOptions { new_collation, timestamp }
}

fn new_bootstrap() -> Bootstrap {
    let mut bootstrap = Bootstrap::new(options(470_630_100_089_176_070, true)).unwrap();
    bootstrap.execute("CREATE DATABASE d; USE d").unwrap();
    bootstrap
}

/// Runs a recorded table's statements; what they made, the metadata apart.
fn replay(table: &Recorded, new_collation: bool) -> (String, BTreeMap<Vec<u8>, Vec<u8>>) {
    let info = TableInfo::from_json(table.info.as_bytes()).unwrap();
    let mut bootstrap = Bootstrap::new(options(info.update_ts, new_collation)).unwrap();
    bootstrap.execute("CREATE DATABASE d; USE d").unwrap();
    bootstrap.catch_up_to(info.id - 1);
    let _ = bootstrap.take_pairs();
    for statement in table.statements.iter().filter(|sql| !sql.starts_with("SET ")) {
        bootstrap.execute(statement).unwrap_or_else(|e| panic!("{}: {e}\n{statement}", table.name));
    }
    let mut json = String::new();
    let mut pairs = BTreeMap::new();
    for (key, value) in bootstrap.take_pairs() {
        if key[0] == b't' {
            pairs.insert(key, value);
        } else if meta::decode_hash_field(&key).is_ok_and(|f| f.starts_with(b"Table:")) {
            json = String::from_utf8(value).unwrap();
        }
    }
    (json, pairs)
}

fn check_replay(text: &str, new_collation: bool, least_pairs: usize) {
    let (mut compared, mut differences) = (0, Vec::new());
    for table in recorded(text) {
        let (json, pairs) = replay(&table, new_collation);
        if json != table.info {
            let at = json.bytes().zip(table.info.bytes()).take_while(|(a, b)| a == b).count();
            let near =
                |text: &str| text.chars().skip(at.saturating_sub(60)).take(160).collect::<String>();
            differences.push(format!(
                "{}: {}\n   TiDB: {}",
                table.name,
                near(&json),
                near(&table.info)
            ));
        }
        for (key, value) in &table.pairs {
            compared += 1;
            if pairs.get(key) != Some(value) {
                let got = pairs.get(key).map(|value| value.escape_ascii().to_string());
                let want = value.escape_ascii();
                differences.push(format!(
                    "{}: {} is {got:?}, not {want}",
                    table.name,
                    display_key(key)
                ));
            }
        }
        for key in pairs.keys().filter(|key| !table.pairs.contains_key(*key)) {
            differences.push(format!("{}: {} is too much", table.name, display_key(key)));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    assert!(compared >= least_pairs, "{compared}");
}

#[test]
fn tables_and_rows_are_those_of_tidb_byte_for_byte() {
    check_replay(TIDB, true, 200);
}

/// Text of every collation in keys, prefixes and clustered keys, numbers and times of every size, and
/// rows spread over partitions.
#[test]
fn random_rows_are_those_of_tidb_byte_for_byte() {
    check_replay(TIDB_RANDOM, true, 900);
}

#[test]
fn without_the_new_collations_too() {
    check_replay(TIDB_OLD_COLLATION, false, 12);
}

#[test]
fn a_database_is_written_as_tidb_writes_it() {
    let line = TIDB.lines().find_map(|line| line.strip_prefix("database\t")).unwrap();
    let recorded = DbInfo::from_json(line.as_bytes()).unwrap();
    let json = json::database(recorded.id, &recorded.name, &recorded.charset, &recorded.collate);
    assert_eq!(json, line);
}

#[test]
fn every_described_table_is_read_back_whole() {
    for table in recorded(TIDB) {
        let (json, _) = replay(&table, true);
        let info = TableInfo::from_json(json.as_bytes()).unwrap();
        assert_eq!(json::table(&info), json, "{}", table.name);
        assert!(info.unknown_fields().is_empty());
    }
}
