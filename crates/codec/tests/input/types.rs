//! Columns by their declarations.

use tifusion_codec::FieldType;
use tifusion_codec::field_type::{flag, tp};

/// The type that TiDB makes of a declaration.
pub(crate) fn field_type(declaration: &str) -> FieldType {
    let end = declaration.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(declaration.len());
    let (name, rest) = declaration.split_at(end);
    let (arguments, options) = match rest.strip_prefix('(') {
        Some(rest) => rest.split_once(')').unwrap(),
        None => ("", rest),
    };
    let numbers: Vec<i64> = arguments.split(',').filter_map(|part| part.parse().ok()).collect();
    let number = |at: usize, default: i64| numbers.get(at).copied().unwrap_or(default);
    let option = |word: &str| options.split_once(word).map(|(_, rest)| rest.trim().to_owned());
    let (code, flen, decimal) = match name {
        "TINYINT" => (tp::TINY, 4, 0),
        "SMALLINT" => (tp::SHORT, 6, 0),
        "MEDIUMINT" => (tp::INT24, 9, 0),
        "INT" => (tp::LONG, 11, 0),
        "BIGINT" => (tp::LONG_LONG, 20, 0),
        "FLOAT" => (tp::FLOAT, number(0, 12), number(1, -1)),
        "DOUBLE" => (tp::DOUBLE, number(0, 22), number(1, -1)),
        "DECIMAL" => (tp::NEW_DECIMAL, number(0, 10), number(1, 0)),
        "CHAR" | "BINARY" => (tp::STRING, number(0, 1), 0),
        "VARCHAR" | "VARBINARY" => (tp::VARCHAR, number(0, 0), 0),
        "TINYTEXT" | "TINYBLOB" => (tp::TINY_BLOB, 255, 0),
        "TEXT" | "BLOB" => (tp::BLOB, 65535, 0),
        "LONGTEXT" | "LONGBLOB" => (tp::LONG_BLOB, 4_294_967_295, 0),
        "DATE" => (tp::DATE, 10, 0),
        "DATETIME" => (tp::DATETIME, 19, number(0, 0)),
        "TIMESTAMP" => (tp::TIMESTAMP, 19, number(0, 0)),
        "TIME" => (tp::DURATION, 10, number(0, 0)),
        "YEAR" => (tp::YEAR, 4, 0),
        "ENUM" => (tp::ENUM, -1, 0),
        "SET" => (tp::SET, -1, 0),
        "BIT" => (tp::BIT, number(0, 1), 0),
        "JSON" => (tp::JSON, -1, 0),
        "VECTOR" => (tp::TIDB_VECTOR_FLOAT32, number(0, -1), 0),
        other => panic!("{other}"),
    };
    let is_text =
        name.ends_with("CHAR") || name.ends_with("TEXT") || matches!(name, "ENUM" | "SET");
    let collate = option("COLLATE");
    let charset = match (option("CHARACTER SET"), is_text) {
        (Some(charset), _) => charset,
        (None, true) => "utf8mb4".to_owned(),
        (None, false) => "binary".to_owned(),
    };
    let default = if is_text { format!("{charset}_bin") } else { charset.clone() };
    let members = matches!(code, tp::ENUM | tp::SET).then(|| {
        arguments.split(',').map(|name| name.trim_matches('\'').to_owned()).collect::<Vec<_>>()
    });
    FieldType {
        flen,
        decimal,
        collate: collate.unwrap_or(default),
        charset,
        elems: members.unwrap_or_default(),
        ..FieldType::new(code, if options.contains("UNSIGNED") { flag::UNSIGNED } else { 0 })
    }
}
