//! Columns.

use tifusion_codec::FieldType;
use tifusion_codec::field_type::{flag, tp};
use tifusion_codec::time::{CoreTime, TimeKind, Zone};

use super::{Surroundings, Words, quote};
use crate::collation::DEFAULT_COLLATION;
use crate::model::value::DefaultLiteral;
use crate::model::{ColumnInfo, TableInfo};

/// `AUTO_RANDOM`'s range when none is given, in bits.
const DEFAULT_RANGE_BITS: u64 = 64;

/// A column's line.
pub(super) fn definition(
    table: &TableInfo,
    column: &ColumnInfo,
    around: &Surroundings<'_>,
) -> Words {
    let field_type = &column.field_type;
    let mut line = format!("  {} {}", quote::name(&column.name.original), type_of(column)?);
    if has_charset(field_type) {
        line.push_str(&charset(table, field_type));
    }
    if column.is_generated() {
        let kind = if column.generated_stored { "STORED" } else { "VIRTUAL" };
        line.push_str(&format!(" GENERATED ALWAYS AS ({}) {kind}", column.generated_expr));
    }
    if column.has_flag(flag::AUTO_INCREMENT) {
        line.push_str(" NOT NULL AUTO_INCREMENT");
    } else {
        if column.has_flag(flag::NOT_NULL) {
            line.push_str(" NOT NULL");
        }
        if !column.has_flag(flag::NO_DEFAULT_VALUE) && !column.is_generated() {
            line.push_str(&default(column, around)?);
        }
        if column.has_flag(flag::ON_UPDATE_NOW) {
            line.push_str(" ON UPDATE CURRENT_TIMESTAMP");
            line.push_str(&fraction(field_type));
        }
    }
    if is_auto_random(table, column) {
        let (bits, range) = (table.auto_random_bits, table.auto_random_range_bits);
        line.push_str(&match range {
            0 | DEFAULT_RANGE_BITS => format!(" /*T![auto_rand] AUTO_RANDOM({bits}) */"),
            _ => format!(" /*T![auto_rand] AUTO_RANDOM({bits}, {range}) */"),
        });
    }
    if !column.comment.is_empty() {
        line.push_str(&format!(" COMMENT {}", quote::text(&column.comment)));
    }
    Ok(line)
}

/// Whether the column's values are drawn at random: the clustered key of a table with such bits.
fn is_auto_random(table: &TableInfo, column: &ColumnInfo) -> bool {
    if table.auto_random_bits == 0 {
        return false;
    }
    if table.pk_is_handle {
        return column.is_primary_key();
    }
    let key = table.primary_index().filter(|_| table.is_common_handle);
    key.and_then(|key| key.columns.first()).is_some_and(|first| first.offset == column.offset)
}

/// The type with its length, `unsigned` and `zerofill`.
pub(super) fn type_of(column: &ColumnInfo) -> Words {
    let field_type = &column.field_type;
    let unknown = || format!("the type of column {}", column.name);
    let name = type_name(field_type).ok_or_else(unknown)?;
    let mut text = format!("{name}{}", length(field_type));
    let takes_sign = !matches!(field_type.tp, tp::BIT | tp::YEAR);
    if field_type.is_unsigned() && takes_sign {
        text.push_str(" unsigned");
    }
    if column.has_flag(flag::ZEROFILL) && field_type.tp != tp::YEAR {
        text.push_str(" zerofill");
    }
    Ok(text)
}

fn type_name(field_type: &FieldType) -> Option<&'static str> {
    let binary = field_type.charset == "binary";
    Some(match (field_type.tp, binary) {
        (tp::VARCHAR | tp::VAR_STRING, true) => "varbinary",
        (tp::STRING, true) => "binary",
        (tp::TINY_BLOB, true) => "tinyblob",
        (tp::BLOB, true) => "blob",
        (tp::MEDIUM_BLOB, true) => "mediumblob",
        (tp::LONG_BLOB, true) => "longblob",
        (tp::TINY_BLOB, false) => "tinytext",
        (tp::BLOB, false) => "text",
        (tp::MEDIUM_BLOB, false) => "mediumtext",
        (tp::LONG_BLOB, false) => "longtext",
        (tp::TIDB_VECTOR_FLOAT32, _) => "vector",
        (tp::NULL | tp::UNSPECIFIED | tp::NEW_DATE | tp::GEOMETRY, _) => return None,
        _ => match field_type.name() {
            "unknown" => return None,
            name => name,
        },
    })
}

/// What stands in brackets behind a type's name (`FieldType.CompactStr`).
fn length(field_type: &FieldType) -> String {
    let (default_flen, default_decimal) = defaults(field_type.tp);
    let or = |value: i64, default: i64| if value == -1 { default } else { value };
    let flen = or(field_type.flen, default_flen);
    let decimal = or(field_type.decimal, default_decimal);
    let has_fraction = field_type.decimal > 0 && field_type.decimal != default_decimal;
    let zerofill = field_type.flag & flag::ZEROFILL != 0;
    match field_type.tp {
        tp::ENUM | tp::SET => {
            let members: Vec<_> = field_type.elems.iter().map(|elem| quote::text(elem)).collect();
            format!("({})", members.join(","))
        }
        tp::TIMESTAMP | tp::DATETIME | tp::DURATION if has_fraction => format!("({decimal})"),
        tp::FLOAT | tp::DOUBLE if has_fraction => format!("({flen},{decimal})"),
        tp::NEW_DECIMAL => format!("({flen},{decimal})"),
        tp::BIT | tp::VARCHAR | tp::STRING | tp::VAR_STRING => format!("({flen})"),
        // TINYINT(1) may have been a BOOL, and keeps saying so.
        tp::TINY if zerofill || flen == 1 => format!("({flen})"),
        tp::SHORT | tp::INT24 | tp::LONG | tp::LONG_LONG if zerofill => format!("({flen})"),
        tp::YEAR => format!("({})", field_type.flen),
        tp::TIDB_VECTOR_FLOAT32 if field_type.flen != -1 => format!("({})", field_type.flen),
        _ => String::new(),
    }
}

/// Length and fraction digits that a type has when none are given.
fn defaults(code: u8) -> (i64, i64) {
    match code {
        tp::BIT | tp::STRING => (1, 0),
        tp::TINY => (4, 0),
        tp::SHORT => (6, 0),
        tp::INT24 => (9, 0),
        tp::LONG => (11, 0),
        tp::LONG_LONG => (20, 0),
        tp::DOUBLE => (22, -1),
        tp::FLOAT => (12, -1),
        tp::NEW_DECIMAL => (10, 0),
        tp::VARCHAR | tp::VAR_STRING => (5, 0),
        _ => (-1, 0),
    }
}

fn has_charset(field_type: &FieldType) -> bool {
    match field_type.tp {
        tp::ENUM | tp::SET => true,
        _ => field_type.is_string() && field_type.flag & flag::BINARY == 0,
    }
}

/// Character set and collation where they are not those of the table.
fn charset(table: &TableInfo, field_type: &FieldType) -> String {
    let mut text = String::new();
    if field_type.charset != table_charset(table) {
        text.push_str(&format!(" CHARACTER SET {}", field_type.charset));
    }
    let is_tables = field_type.collate == table_collation(table);
    let is_default = default_collation(&field_type.charset).is_none_or(|c| c == field_type.collate);
    if !(is_tables && is_default) {
        text.push_str(&format!(" COLLATE {}", field_type.collate));
    }
    text
}

/// The table's character set, that of TiDB where it has none.
pub(super) fn table_charset(table: &TableInfo) -> &str {
    if table.charset.is_empty() { "utf8mb4" } else { &table.charset }
}

/// The table's collation, that of its character set where it has none.
pub(super) fn table_collation(table: &TableInfo) -> &str {
    if !table.collate.is_empty() {
        return &table.collate;
    }
    default_collation(table_charset(table)).unwrap_or_default()
}

/// The collation that TiDB gives a character set, of those that it has.
fn default_collation(charset: &str) -> Option<&'static str> {
    Some(match charset {
        "utf8mb4" => DEFAULT_COLLATION,
        "utf8" => "utf8_bin",
        "ascii" => "ascii_bin",
        "latin1" => "latin1_bin",
        "binary" => "binary",
        "gbk" => "gbk_chinese_ci",
        "gb18030" => "gb18030_chinese_ci",
        _ => return None,
    })
}

fn default(column: &ColumnInfo, around: &Surroundings<'_>) -> Words {
    let field_type = &column.field_type;
    if field_type.tp == tp::BIT
        && let Some(bytes) = &column.default_bit
    {
        return Ok(format!(" DEFAULT {}", bit_literal(&bytes.0)));
    }
    let text = match &column.default {
        None if column.has_flag(flag::NOT_NULL) => return Ok(String::new()),
        None if field_type.tp == tp::TIMESTAMP => return Ok(" NULL DEFAULT NULL".to_owned()),
        None => return Ok(" DEFAULT NULL".to_owned()),
        Some(DefaultLiteral::Text(text)) => text.clone(),
        // Larger ones would be worded in powers of ten.
        Some(DefaultLiteral::Number(number)) if number.abs() < 1e6 && number.fract() == 0.0 => {
            number.to_string()
        }
        Some(_) => return Err(format!("the default of column {}", column.name)),
    };
    if text == "CURRENT_TIMESTAMP" {
        return Ok(format!(" DEFAULT {text}{}", fraction(field_type)));
    }
    if text == "CURRENT_DATE" {
        return Ok(format!(" DEFAULT ({text}{})", fraction(field_type)));
    }
    if column.default_is_expr {
        return Ok(format!(" DEFAULT ({text})"));
    }
    if field_type.tp == tp::BIT {
        return Ok(format!(" DEFAULT {}", bit_literal(text.as_bytes())));
    }
    if field_type.tp == tp::TIMESTAMP && text != "0000-00-00 00:00:00" {
        let shown = timestamp(column, &text, around);
        let shown = shown.ok_or_else(|| format!("the default {text} of column {}", column.name))?;
        return Ok(format!(" DEFAULT '{shown}'"));
    }
    Ok(format!(" DEFAULT {}", quote::text(&text)))
}

/// A default as the session's clocks show it.
fn timestamp(column: &ColumnInfo, text: &str, around: &Surroundings<'_>) -> Option<String> {
    let zone = if column.version == 0 { around.system_zone? } else { Zone::Utc };
    let fsp = u8::try_from(column.field_type.decimal).unwrap_or_default();
    let kept = CoreTime::parse(text, TimeKind::Timestamp, fsp).ok()?;
    let wall = around.zone.utc_to_wall_micros(kept.to_utc_micros(zone).ok()?);
    Some(CoreTime::from_micros(wall, TimeKind::Timestamp, fsp).ok()?.to_string())
}

/// `(3)` for fractions of a second, nothing for none.
fn fraction(field_type: &FieldType) -> String {
    if field_type.decimal > 0 { format!("({})", field_type.decimal) } else { String::new() }
}

/// `b'101'`, without leading zeros.
fn bit_literal(bytes: &[u8]) -> String {
    let digits: String = bytes.iter().map(|byte| format!("{byte:08b}")).collect();
    let digits = digits.trim_start_matches('0');
    format!("b'{}'", if digits.is_empty() { "0" } else { digits })
}
