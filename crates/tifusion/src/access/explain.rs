//! What `EXPLAIN` says of the way to a table's rows.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use tifusion_codec::FieldType;
use tifusion_codec::datum::Datum;
use tifusion_codec::duration;
use tifusion_codec::field_type::tp;
use tifusion_codec::time::{CoreTime, TimeKind};
use tifusion_schema::domain::{self, Value};
use tifusion_schema::{ColumnInfo, Domain, TableInfo};

use super::PhysicalRanges;
use crate::scan::spec::AccessSummary;

/// Most partitions that are named.
const NAMES_SHOWN: usize = 8;

/// Most intervals of one column that are shown.
const INTERVALS_SHOWN: usize = 8;

/// Most characters of a value that are shown.
const VALUE_SHOWN: usize = 40;

/// The way to `tables`, by the `columns` whose `domains` narrow the ranges.
pub(super) fn summary(
    info: &TableInfo,
    tables: &[PhysicalRanges],
    columns: &[i64],
    domains: &BTreeMap<i64, Domain>,
) -> AccessSummary {
    if tables.is_empty() {
        return nothing(info);
    }
    AccessSummary { partitions: partitions(info, tables), ranges: ranges(info, columns, domains) }
}

/// No row can match.
pub(super) fn nothing(info: &TableInfo) -> AccessSummary {
    AccessSummary { partitions: partitions(info, &[]), ranges: Some("[]".to_owned()) }
}

/// `2/12 [p3, p4]`.
fn partitions(info: &TableInfo, tables: &[PhysicalRanges]) -> Option<String> {
    let all: Vec<_> = info.partition_info()?.readable_definitions().collect();
    let mut text = format!("{}/{}", tables.len(), all.len());
    if tables.len() < all.len() && tables.len() <= NAMES_SHOWN {
        let is_read = |id: i64| tables.iter().any(|table| table.physical_id == id);
        let names = all.iter().filter(|definition| is_read(definition.id));
        let names: Vec<&str> = names.map(|definition| definition.name.original.as_str()).collect();
        // Writing to a string can't fail.
        let _ = write!(text, " [{}]", names.join(", "));
    }
    Some(text)
}

/// `[a: [1,1] [3,3], b: (-inf,5]]`; `None` if they are not narrowed, or too many to show.
fn ranges(info: &TableInfo, columns: &[i64], domains: &BTreeMap<i64, Domain>) -> Option<String> {
    let extra = ColumnInfo::extra_handle();
    let mut parts = Vec::new();
    for id in columns {
        let column = info.find_column_by_id(*id).or((*id == extra.id).then_some(&extra))?;
        let domain = domains.get(id)?;
        if domain.intervals().len() > INTERVALS_SHOWN {
            return None;
        }
        let mut intervals: Vec<String> = Vec::new();
        if domain.has_null() {
            intervals.push("NULL".to_owned());
        }
        for interval in domain.intervals() {
            let mut text = String::new();
            let _ = interval
                .write(&mut text, |value, out| out.write_str(&shown(&column.field_type, value)));
            intervals.push(text);
        }
        parts.push(format!("{}: {}", column.name.original, intervals.join(" ")));
    }
    (!parts.is_empty()).then(|| format!("[{}]", parts.join(", ")))
}

/// A value as SQL shows it.
fn shown(field_type: &FieldType, value: &Value) -> String {
    let fsp = u8::try_from(field_type.decimal).unwrap_or(0);
    let time = |packed, kind| CoreTime::from_packed(packed, kind, fsp).to_string();
    match (domain::datum(field_type, value), field_type.tp) {
        (Some(Datum::UInt(packed)), tp::DATE) => time(packed, TimeKind::Date),
        (Some(Datum::UInt(packed)), tp::DATETIME | tp::TIMESTAMP) => {
            time(packed, TimeKind::DateTime)
        }
        (Some(Datum::Duration(nanos)), _) => duration::to_text(nanos, fsp),
        (Some(Datum::Decimal(decimal)), _) => decimal.to_string(),
        (Some(Datum::Bytes(bytes)), _) => {
            let text = String::from_utf8_lossy(&bytes);
            let short: String = text.chars().take(VALUE_SHOWN).collect();
            format!("{short:?}{}", if short.len() < text.len() { "…" } else { "" })
        }
        _ => value.to_string(),
    }
}
