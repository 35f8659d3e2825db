//! Partitions.

use super::{Words, quote};
use crate::model::partition::PartitionDefinition;
use crate::model::{PartitionInfo, PartitionType};

/// `PARTITION BY …`, on lines of its own.
pub(super) fn partitioning(info: &PartitionInfo) -> Words {
    let columns = quote::names(info.columns.iter().map(|column| column.original.as_str()));
    let by = match info.partition_type {
        PartitionType::Hash => format!("HASH ({})", info.expr),
        // `KEY ()` goes by the primary key, whose columns are noted all the same.
        PartitionType::Key if info.is_empty_columns => "KEY ()".to_owned(),
        PartitionType::Key => format!("KEY ({columns})"),
        PartitionType::Range | PartitionType::List if info.columns.is_empty() => {
            format!("{} ({})", info.partition_type, info.expr)
        }
        PartitionType::Range | PartitionType::List => {
            format!("{} COLUMNS({columns})", info.partition_type)
        }
        other => return Err(format!("partitions by {other}")),
    };
    let counted = matches!(info.partition_type, PartitionType::Hash | PartitionType::Key);
    if counted && info.definitions.iter().enumerate().all(is_plain) {
        return Ok(format!("\nPARTITION BY {by} PARTITIONS {}", info.num));
    }
    let definitions: Vec<_> =
        info.definitions.iter().map(|it| definition(info.partition_type, it)).collect();
    Ok(format!("\nPARTITION BY {by}\n({})", definitions.join(",\n ")))
}

/// Whether it is as if only the number of partitions had been given.
fn is_plain((at, definition): (usize, &PartitionDefinition)) -> bool {
    definition.name.original == format!("p{at}")
        && definition.comment.is_empty()
        && definition.placement_policy.is_none()
}

fn definition(kind: PartitionType, definition: &PartitionDefinition) -> String {
    let mut text = format!("PARTITION {}", quote::name(&definition.name.original));
    match kind {
        PartitionType::Range => {
            text.push_str(&format!(" VALUES LESS THAN ({})", values(&definition.less_than)));
        }
        PartitionType::List => text.push_str(&in_values(&definition.in_values)),
        _ => {}
    }
    if !definition.comment.is_empty() {
        text.push_str(&format!(" COMMENT {}", quote::text(&definition.comment)));
    }
    if let Some(policy) = &definition.placement_policy {
        let policy = quote::name(&policy.name.original);
        text.push_str(&format!(" /*T![placement] PLACEMENT POLICY={policy} */"));
    }
    text
}

fn in_values(all: &[Vec<String>]) -> String {
    if let [only] = all
        && matches!(only.as_slice(), [value] if value == "DEFAULT")
    {
        return " DEFAULT".to_owned();
    }
    let tuples = all.iter().map(|tuple| match tuple.as_slice() {
        [one] => printable(one),
        more => format!("({})", values(more)),
    });
    format!(" VALUES IN ({})", tuples.collect::<Vec<_>>().join(","))
}

fn values(all: &[String]) -> String {
    all.iter().map(|value| printable(value)).collect::<Vec<_>>().join(",")
}

/// A value of the metadata, its control characters escaped.
fn printable(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for letter in value.chars() {
        match letter {
            '\0' => out.push_str("\\0"),
            '\u{7}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\u{1a}' => out.push_str("\\Z"),
            other if other.is_control() => return hex(value),
            other => out.push(other),
        }
    }
    out
}

/// A text as a number that is read as that text.
fn hex(value: &str) -> String {
    let inner = value.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')).unwrap_or(value);
    let digits: String = inner.bytes().map(|byte| format!("{byte:02x}")).collect();
    format!("0x{digits}")
}
