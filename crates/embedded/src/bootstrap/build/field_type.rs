//! Data types as columns have them.

use tifusion_codec::FieldType;
use tifusion_codec::decimal::{MAX_PRECISION, MAX_SCALE};
use tifusion_codec::field_type::{flag, tp};
use tifusion_codec::vector::MAX_DIMENSIONS;

use super::super::error::{BootstrapError, Result};
use super::super::sql::TypeDef;
use super::charset::{Charset, resolve};

/// The longest `CHAR` and `BINARY`.
const MAX_CHAR: u64 = 255;
/// The most bytes of a row, by which `VARCHAR` is bounded.
const MAX_VARCHAR: u64 = 65535;

/// The type of a column, with the flags that follow from the type alone.
pub(super) fn build(def: &TypeDef, table: Charset) -> Result<FieldType> {
    let refuse = |what: &str| BootstrapError::Invalid(format!("{}: {what}", def.name));
    let field_type = match def.name.as_str() {
        "tinyint" | "smallint" | "mediumint" | "int" | "bigint" => integer(def),
        "bool" => Ok(plain(tp::TINY, 0, 1, 0)),
        "float" | "double" => float(def),
        "decimal" => decimal(def),
        "bit" => {
            let bits = def.length.unwrap_or(1);
            if !(1..=64).contains(&bits) {
                return Err(refuse("1 to 64 bits"));
            }
            Ok(plain(tp::BIT, flag::UNSIGNED, length(bits), 0))
        }
        "year" => Ok(plain(tp::YEAR, flag::UNSIGNED | flag::ZEROFILL, 4, 0)),
        "date" => Ok(plain(tp::DATE, flag::BINARY, 10, 0)),
        "datetime" => time(def, tp::DATETIME, 19),
        "timestamp" => time(def, tp::TIMESTAMP, 19),
        "time" => time(def, tp::DURATION, 10),
        "json" => Ok(plain(tp::JSON, flag::BINARY, i64::from(u32::MAX), 0)),
        "vector" => vector(def),
        "enum" | "set" => members(def, table),
        _ => text(def, table),
    }?;
    let is_number = matches!(
        def.name.as_str(),
        "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "float" | "double" | "decimal"
    );
    if (def.unsigned || def.zerofill) && !is_number {
        return Err(refuse("UNSIGNED is of numbers"));
    }
    let has_characters = field_type.is_string() || matches!(field_type.tp, tp::ENUM | tp::SET);
    if (def.charset.is_some() || def.collate.is_some() || def.binary) && !has_characters {
        return Err(refuse("it has no character set"));
    }
    Ok(field_type)
}

fn plain(code: u8, flag: u32, flen: i64, decimal: i64) -> FieldType {
    FieldType {
        flen,
        decimal,
        charset: Charset::BINARY.charset.to_owned(),
        collate: Charset::BINARY.collate.to_owned(),
        ..FieldType::new(code, flag)
    }
}

fn length(length: u64) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

/// `UNSIGNED` and `ZEROFILL`, which implies it.
fn sign_flags(def: &TypeDef) -> u32 {
    let zerofill = if def.zerofill { flag::ZEROFILL | flag::UNSIGNED } else { 0 };
    zerofill | if def.unsigned { flag::UNSIGNED } else { 0 }
}

fn integer(def: &TypeDef) -> Result<FieldType> {
    let (code, signed, unsigned) = match def.name.as_str() {
        "tinyint" => (tp::TINY, 4, 3),
        "smallint" => (tp::SHORT, 6, 5),
        "mediumint" => (tp::INT24, 9, 8),
        "int" => (tp::LONG, 11, 10),
        _ => (tp::LONG_LONG, 20, 20),
    };
    let flags = sign_flags(def);
    let width = if flags & flag::UNSIGNED == 0 { signed } else { unsigned };
    if def.scale.is_some() || def.length.is_some_and(|width| width > 255) {
        return Err(BootstrapError::Invalid(format!("{}: such a width", def.name)));
    }
    Ok(plain(code, flags, def.length.map_or(width, length), 0))
}

fn float(def: &TypeDef) -> Result<FieldType> {
    let is_double = def.name == "double";
    let flags = sign_flags(def);
    let refuse = |what: &str| Err(BootstrapError::Invalid(format!("{}: {what}", def.name)));
    match (def.length, def.scale) {
        (Some(digits), Some(scale)) => {
            if digits > 255 || scale > u64::from(MAX_SCALE) || scale > digits {
                return refuse("such a precision and scale");
            }
            let code = if is_double { tp::DOUBLE } else { tp::FLOAT };
            Ok(plain(code, flags, length(digits), length(scale)))
        }
        // `FLOAT(p)` names bits: more than 24 need a double.
        (Some(25..=53), None) if !is_double => Ok(plain(tp::DOUBLE, flags, 22, -1)),
        (None | Some(0..=24), None) if !is_double => Ok(plain(tp::FLOAT, flags, 12, -1)),
        (None, None) => Ok(plain(tp::DOUBLE, flags, 22, -1)),
        _ => refuse("such a precision"),
    }
}

fn decimal(def: &TypeDef) -> Result<FieldType> {
    let (precision, scale) = (def.length.unwrap_or(10), def.scale.unwrap_or(0));
    // A precision of 0 is one that is not given.
    let precision = if precision == 0 { 10 } else { precision };
    if precision > MAX_PRECISION.into() || scale > MAX_SCALE.into() || scale > precision {
        let text = format!(
            "decimal({precision}, {scale}): up to {MAX_PRECISION} digits, {MAX_SCALE} of them after the point"
        );
        return Err(BootstrapError::Invalid(text));
    }
    Ok(plain(tp::NEW_DECIMAL, sign_flags(def), length(precision), length(scale)))
}

fn time(def: &TypeDef, code: u8, width: i64) -> Result<FieldType> {
    let fsp = def.length.unwrap_or(0);
    if fsp > 6 || def.scale.is_some() {
        return Err(BootstrapError::Invalid(format!("{}: up to 6 fraction digits", def.name)));
    }
    let fsp = length(fsp);
    let width = if fsp == 0 { width } else { width + 1 + fsp };
    Ok(plain(code, flag::BINARY, width, fsp))
}

fn vector(def: &TypeDef) -> Result<FieldType> {
    let most = u64::try_from(MAX_DIMENSIONS).unwrap_or(u64::MAX);
    if def.length.is_some_and(|dimensions| dimensions > most) || def.scale.is_some() {
        return Err(BootstrapError::Invalid(format!("vector: up to {MAX_DIMENSIONS} dimensions")));
    }
    Ok(plain(tp::TIDB_VECTOR_FLOAT32, flag::BINARY, def.length.map_or(-1, length), 0))
}

/// The character set of a column, from its own words, else from the table's.
fn charset_of(def: &TypeDef, table: Charset) -> Result<Charset> {
    let resolved = resolve(def.charset.as_deref(), def.collate.as_deref())?.unwrap_or(table);
    if !def.binary || def.collate.is_some() {
        return Ok(resolved);
    }
    resolve(None, Some(&format!("{}_bin", resolved.charset))).map(|found| found.unwrap_or(resolved))
}

fn members(def: &TypeDef, table: Charset) -> Result<FieldType> {
    let is_set = def.name == "set";
    let Charset { charset, collate } = charset_of(def, table)?;
    if charset == "binary" {
        return Err(BootstrapError::Unsupported(format!("{} of binary members", def.name)));
    }
    let most = if is_set { 64 } else { 65535 };
    let elems: Vec<_> =
        def.elems.iter().map(|elem| elem.trim_end_matches(' ').to_owned()).collect();
    if elems.is_empty() || elems.len() > most {
        return Err(BootstrapError::Invalid(format!("{}: 1 to {most} members", def.name)));
    }
    if is_set && elems.iter().any(|elem| elem.contains(',')) {
        return Err(BootstrapError::Invalid("set: a comma in a member".to_owned()));
    }
    check_distinct(&elems, collate)?;
    let lengths = elems.iter().map(|elem| elem.chars().count());
    let flen =
        if is_set { lengths.sum::<usize>() + elems.len() - 1 } else { lengths.max().unwrap_or(0) };
    Ok(FieldType {
        flen: i64::try_from(flen).unwrap_or(i64::MAX),
        decimal: 0,
        charset: charset.to_owned(),
        collate: collate.to_owned(),
        elems,
        ..FieldType::new(if is_set { tp::SET } else { tp::ENUM }, 0)
    })
}

fn check_distinct(elems: &[String], collate: &str) -> Result<()> {
    let collation = tifusion_codec::collation::Collation::by_name(collate)
        .map_err(|error| BootstrapError::Unsupported(error.to_string()))?;
    let mut keys = std::collections::HashSet::new();
    for elem in elems {
        let mut key = Vec::new();
        collation
            .sort_key(&mut key, elem.as_bytes())
            .map_err(|error| BootstrapError::Invalid(error.to_string()))?;
        if !keys.insert(key) {
            return Err(BootstrapError::Invalid(format!("member {elem:?} twice")));
        }
    }
    Ok(())
}

fn text(def: &TypeDef, table: Charset) -> Result<FieldType> {
    let is_bytes = matches!(
        def.name.as_str(),
        "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob"
    );
    if is_bytes && (def.charset.is_some() || def.collate.is_some()) {
        return Err(BootstrapError::Invalid(format!("{}: it has no character set", def.name)));
    }
    let Charset { charset, collate } =
        if is_bytes { Charset::BINARY } else { charset_of(def, table)? };
    let missing = || BootstrapError::Syntax(format!("{}: a length expected", def.name));
    let (code, flen) = match def.name.as_str() {
        "char" | "binary" => (tp::STRING, bounded(def, def.length.unwrap_or(1), MAX_CHAR)?),
        "varchar" | "varbinary" => {
            let most = match charset {
                "utf8mb4" => MAX_VARCHAR / 4,
                "utf8" => MAX_VARCHAR / 3,
                _ => MAX_VARCHAR,
            };
            (tp::VARCHAR, bounded(def, def.length.ok_or_else(missing)?, most)?)
        }
        "tinytext" | "tinyblob" => (tp::TINY_BLOB, 255),
        "text" | "blob" => blob(def, charset)?,
        "mediumtext" | "mediumblob" => (tp::MEDIUM_BLOB, 16_777_215),
        "longtext" | "longblob" => (tp::LONG_BLOB, i64::from(u32::MAX)),
        other => return Err(BootstrapError::Unsupported(format!("data type {other:?}"))),
    };
    let flags = if charset == "binary" { flag::BINARY } else { 0 };
    Ok(FieldType {
        flen,
        decimal: 0,
        charset: charset.to_owned(),
        collate: collate.to_owned(),
        ..FieldType::new(code, flags)
    })
}

fn bounded(def: &TypeDef, value: u64, most: u64) -> Result<i64> {
    if value > most || def.scale.is_some() {
        return Err(BootstrapError::Invalid(format!("{}: up to {most} characters", def.name)));
    }
    Ok(length(value))
}

/// `TEXT(n)` and `BLOB(n)`: the smallest that holds `n` characters.
fn blob(def: &TypeDef, charset: &str) -> Result<(u8, i64)> {
    let Some(characters) = def.length else { return Ok((tp::BLOB, 65535)) };
    let width = match charset {
        "utf8mb4" => 4,
        "utf8" => 3,
        _ => 1,
    };
    let bytes = characters.saturating_mul(width);
    Ok(match bytes {
        0..=255 => (tp::TINY_BLOB, 255),
        256..=65535 => (tp::BLOB, 65535),
        65536..=16_777_215 => (tp::MEDIUM_BLOB, 16_777_215),
        _ if bytes <= u32::MAX.into() => (tp::LONG_BLOB, i64::from(u32::MAX)),
        _ => return Err(BootstrapError::Invalid(format!("{}: such a length", def.name))),
    })
}
