//! Asks TiDB what its columns store, for the other tests to compare.
//!
//! ```sh
//! set -a; eval "$(tests/playground/run up)"; set +a
//! cargo test -p tifusion-codec --test input -- --ignored
//! ```
//!
//! reads `testdata/input_cases.txt` and writes `testdata/input.txt`.

use std::collections::BTreeMap;
use std::fmt::Write;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Error, Value};

use crate::literal::text;
use crate::stored::LONGEST;

const CASES: &str = include_str!("../../testdata/input_cases.txt");
const OUT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/input.txt");
const HEAD: &str = "\
# What TiDB stores in a column (target TYPE, time zone of the session) for a value (kind, literal): = for the same bytes,
# ! and the number of an error, a length where it is more than 1000 characters. Written by tests/input/record.rs;
# input_cases.txt says how literals read.
";

/// Kinds of values, with the column that holds such ones.
const KINDS: [(&str, &str); 19] = [
    ("int", "BIGINT"),
    ("uint", "BIGINT UNSIGNED"),
    ("f32", "FLOAT"),
    ("f64", "DOUBLE"),
    ("dec(10,2)", "DECIMAL(10,2)"),
    ("dec(20,0)", "DECIMAL(20,0)"),
    ("dec(30,10)", "DECIMAL(30,10)"),
    ("dec(65,30)", "DECIMAL(65,30)"),
    ("text", "LONGTEXT"),
    ("bytes", "LONGBLOB"),
    ("date", "DATE"),
    ("dt0", "DATETIME"),
    ("dt3", "DATETIME(3)"),
    ("dt6", "DATETIME(6)"),
    ("ts0", "TIMESTAMP"),
    ("ts6", "TIMESTAMP(6)"),
    ("time0", "TIME"),
    ("time3", "TIME(3)"),
    ("time6", "TIME(6)"),
];

/// A value in the source table of its kind.
#[derive(Clone)]
struct Source {
    kind: &'static str,
    literal: &'static str,
    id: usize,
}

async fn connect(zone: &str) -> Conn {
    let address =
        std::env::var("TIFUSION_TIDB_ADDR").expect("TIFUSION_TIDB_ADDR says where TiDB is");
    let url = format!("mysql://root@{address}/?prefer_socket=false&max_allowed_packet=33554432");
    let mut conn = Conn::from_url(&url).await.unwrap();
    conn.query_drop(format!("SET time_zone = '{zone}'")).await.unwrap();
    conn
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        write!(out, "{byte:02x}").unwrap();
        out
    })
}

/// The value as SQL has it.
fn sql(source: &Source) -> String {
    let quoted = format!("'{}'", source.literal);
    match source.kind {
        "text" => format!("CONVERT(x'{}' USING utf8mb4)", hex(text(source.literal).as_bytes())),
        "bytes" => format!("x'{}'", source.literal),
        "f64" => format!("CAST({quoted} AS DOUBLE)"),
        "f32" => {
            let value: f32 = source.literal.parse().unwrap();
            format!("CAST('{:e}' AS DOUBLE)", f64::from(value))
        }
        "int" | "uint" => source.literal.to_owned(),
        _ => quoted,
    }
}

/// How a column of a type is read so that nothing is lost.
fn shown(target: &str) -> &'static str {
    let name: String = target.chars().take_while(char::is_ascii_alphabetic).collect();
    match name.as_str() {
        "CHAR" | "VARCHAR" | "TINYTEXT" | "TEXT" | "LONGTEXT" => "LOWER(HEX(v))",
        "BINARY" | "VARBINARY" | "TINYBLOB" | "BLOB" => "LOWER(HEX(v))",
        // A FLOAT as itself is shown with six digits.
        "FLOAT" => "v + 0e0",
        "ENUM" | "SET" | "BIT" => "CAST(v AS UNSIGNED)",
        "JSON" => "CONCAT(JSON_TYPE(v), ' ', v)",
        _ => "v",
    }
}

async fn record(
    conn: &mut Conn,
    reader: &mut Conn,
    target: &str,
    sources: &[Source],
) -> Vec<String> {
    conn.query_drop("DROP TABLE IF EXISTS t").await.unwrap();
    conn.query_drop(format!("CREATE TABLE t (id BIGINT PRIMARY KEY, v {target})")).await.unwrap();
    let mut outcomes: BTreeMap<usize, String> = BTreeMap::new();
    conn.query_drop("BEGIN").await.unwrap();
    for (at, source) in sources.iter().enumerate() {
        let table = source_table(source.kind);
        let insert = format!("INSERT INTO t SELECT {at}, v FROM {table} WHERE id = {}", source.id);
        match conn.query_drop(insert).await {
            Ok(()) => {}
            Err(Error::Server(error)) => {
                outcomes.insert(at, format!("!{}", error.code));
            }
            Err(other) => panic!("{target}: {other}"),
        }
    }
    conn.query_drop("COMMIT").await.unwrap();
    let rows: Vec<(usize, Value)> =
        reader.query(format!("SELECT id, {} FROM t", shown(target))).await.unwrap();
    for (id, value) in rows {
        let stored = match value {
            Value::Bytes(bytes) => String::from_utf8(bytes).unwrap(),
            other => other.as_sql(false),
        };
        let source = &sources[id];
        let is_same = match source.kind {
            "text" => stored.len() > 8 && stored == hex(text(source.literal).as_bytes()),
            "bytes" => stored.len() > 8 && stored == source.literal,
            _ => false,
        };
        let shown = match stored.len() {
            _ if is_same => "=".to_owned(),
            length if length > LONGEST => format!("{length} long"),
            _ => stored,
        };
        outcomes.insert(id, shown);
    }
    sources
        .iter()
        .enumerate()
        .map(|(at, source)| format!("{}\t{}\t{}", source.kind, source.literal, outcomes[&at]))
        .collect()
}

fn source_table(kind: &str) -> String {
    format!("s_{}", kind.replace(['(', ')', ','], "_"))
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "records what the playground's TiDB does"]
async fn record_what_tidb_stores() {
    let mut reader = connect("UTC").await;
    for setup in ["DROP DATABASE IF EXISTS input", "CREATE DATABASE input", "USE input"] {
        reader.query_drop(setup).await.unwrap();
    }
    for (kind, column) in KINDS {
        let table = source_table(kind);
        reader
            .query_drop(format!("CREATE TABLE {table} (id BIGINT PRIMARY KEY, v {column})"))
            .await
            .unwrap();
    }
    let mut groups: BTreeMap<&str, Vec<Source>> = BTreeMap::new();
    let (mut group, mut out) = ("", HEAD.to_owned());
    for (id, line) in CASES.lines().enumerate().filter(|(_, line)| !line.starts_with('#')) {
        let fields: Vec<_> = line.split('\t').collect();
        match fields.as_slice() {
            ["group", name] => group = name,
            ["target", target, zone, names @ ..] => {
                let sources: Vec<_> = names.iter().flat_map(|name| groups[name].clone()).collect();
                let mut conn = connect(zone).await;
                conn.query_drop("USE input").await.unwrap();
                let lines = record(&mut conn, &mut reader, target, &sources).await;
                writeln!(out, "target\t{target}\t{zone}\n{}", lines.join("\n")).unwrap();
            }
            [kind, literal] => {
                let kind = KINDS.iter().find(|(name, _)| name == kind).unwrap().0;
                let source = Source { kind, literal, id };
                let insert =
                    format!("INSERT INTO {} VALUES ({id}, {})", source_table(kind), sql(&source));
                reader.query_drop(insert).await.unwrap_or_else(|e| panic!("{kind} {literal}: {e}"));
                groups.entry(group).or_default().push(source);
            }
            other => panic!("{other:?}"),
        }
    }
    std::fs::write(OUT, out).unwrap();
}
