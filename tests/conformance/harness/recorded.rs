//! Tables and all that TiDB wrote for them, in the format of `crates/embedded/src/bootstrap/testdata`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use tifusion_schema::TableInfo;

/// A table that a database wrote.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Recorded {
    /// Its name.
    pub(crate) name: String,
    /// What made it.
    pub(crate) statements: Vec<String>,
    /// Its description, JSON.
    pub(crate) info: String,
    /// Its rows and index entries.
    pub(crate) pairs: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Recorded {
    /// Its description.
    pub(crate) fn table_info(&self) -> TableInfo {
        TableInfo::from_json(self.info.as_bytes()).expect("a table's description")
    }

    /// The ids that the keys begin with: the table's and its partitions'.
    pub(crate) fn ids(&self) -> Vec<i64> {
        let info = self.table_info();
        let partitions = info.partition.iter().flat_map(|partition| &partition.definitions);
        [info.id].into_iter().chain(partitions.map(|partition| partition.id)).collect()
    }

    /// The table with ids that do not depend on what was made before it: 1 for itself, 2 and so on for its partitions;
    /// and without the time at which it was made.
    pub(crate) fn normalised(&self) -> (serde_json::Value, BTreeMap<Vec<u8>, Vec<u8>>) {
        let ids = self.ids();
        let place = |id: i64| ids.iter().position(|known| *known == id).map(|place| place + 1);
        let mut info: serde_json::Value = serde_json::from_str(&self.info).expect("JSON");
        info["id"] = 1.into();
        info["update_timestamp"] = 0.into();
        let definitions = info.pointer_mut("/partition/definitions");
        for definition in definitions.and_then(|it| it.as_array_mut()).into_iter().flatten() {
            definition["id"] = place(definition["id"].as_i64().expect("an id")).into();
        }
        let key = |key: &Vec<u8>| {
            let id = tifusion_codec::number::decode_i64(&mut &key[1..]).expect("a table's key");
            (place(id), key[9..].to_vec())
        };
        let mut pairs = BTreeMap::new();
        for (full, value) in &self.pairs {
            let (place, rest) = key(full);
            let place = u8::try_from(place.expect("a key of this table")).expect("a small number");
            pairs.insert([vec![place], rest].concat(), without_ids(value, &ids[1..]));
        }
        (info, pairs)
    }
}

/// A value with its partitions by their places: entries of global indexes name them.
fn without_ids(value: &[u8], partitions: &[i64]) -> Vec<u8> {
    let mut value = value.to_vec();
    for (place, id) in (1_i64..).zip(partitions) {
        let (mut known, mut told) = (Vec::new(), Vec::new());
        tifusion_codec::number::encode_i64(&mut known, *id);
        tifusion_codec::number::encode_i64(&mut told, place);
        let found = value.windows(known.len()).position(|window| window == known);
        if let Some(at) = found {
            value.splice(at..at + known.len(), told);
        }
    }
    value
}

/// Tables as they are recorded.
pub(crate) fn parse(text: &str) -> Vec<Recorded> {
    let mut tables: Vec<Recorded> = Vec::new();
    for line in text.lines() {
        let (kind, content) = line.split_once('\t').expect("a kind and its content");
        if kind == "table" {
            tables.push(Recorded { name: content.to_owned(), ..Recorded::default() });
            continue;
        }
        let Some(table) = tables.last_mut() else { continue };
        match kind {
            "sql" => table.statements.push(content.to_owned()),
            "info" => content.clone_into(&mut table.info),
            "kv" => {
                let (key, value) = content.split_once('\t').expect("a key and its value");
                table.pairs.insert(from_hex(key), from_hex(value));
            }
            _ => {}
        }
    }
    tables
}

/// Tables to be recorded.
pub(crate) fn print(tables: &[Recorded]) -> String {
    let mut text = String::new();
    for table in tables {
        let _ = writeln!(text, "table\t{}", table.name);
        for statement in &table.statements {
            let _ = writeln!(text, "sql\t{statement}");
        }
        let _ = writeln!(text, "info\t{}", table.info);
        for (key, value) in &table.pairs {
            let _ = writeln!(text, "kv\t{}\t{}", to_hex(key), to_hex(value));
        }
    }
    text
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &str) -> Vec<u8> {
    let pairs = text.as_bytes().as_chunks::<2>().0;
    let digits = |pair: &[u8; 2]| str::from_utf8(pair).expect("digits").to_owned();
    pairs.iter().map(|pair| u8::from_str_radix(&digits(pair), 16).expect("hexadecimal")).collect()
}

/// The statements of `tables.sql`, by table.
pub(crate) fn statements() -> Vec<(String, Vec<String>)> {
    let text = include_str!("../tables.sql");
    let tables = text.split("\n\n").map(|table| table.lines().map(str::to_owned).collect());
    tables
        .map(|statements: Vec<String>| {
            let name = statements[0].split_whitespace().nth(2).expect("CREATE TABLE name");
            (name.to_owned(), statements)
        })
        .collect()
}
