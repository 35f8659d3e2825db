//! Keys and indexes.

use std::collections::HashSet;

use tifusion_codec::field_type::{flag, tp};
use tifusion_schema::ColumnInfo;
use tifusion_schema::model::index::UNSPECIFIED_LENGTH;
use tifusion_schema::model::state::IndexType;
use tifusion_schema::model::{CiStr, IndexColumn, IndexInfo, SchemaState, ci_str::to_lower};

use super::super::error::{BootstrapError, Result};
use super::super::sql::{KeyDef, KeyKind, KeyPart};

/// The name of the primary key's index.
const PRIMARY: &str = "PRIMARY";
/// The most bytes of a key.
const MAX_KEY_BYTES: i64 = 3072;

/// The names of keys, those without one named after their first column.
pub(super) fn names(keys: &[KeyDef]) -> Result<Vec<String>> {
    let mut taken = HashSet::new();
    for key in keys.iter().filter(|key| key.kind != KeyKind::Primary) {
        let Some(name) = &key.name else { continue };
        if to_lower(name) == "primary" || !taken.insert(to_lower(name)) {
            return Err(BootstrapError::Invalid(format!("key name {name:?}")));
        }
    }
    let mut names = Vec::new();
    for key in keys {
        names.push(match (&key.name, key.kind, key.columns.first()) {
            (_, KeyKind::Primary, _) | (None, _, None) => PRIMARY.to_owned(),
            (Some(name), ..) => name.clone(),
            (None, _, Some(part)) => {
                let mut candidate = part.column.clone();
                let mut number = 2;
                while to_lower(&candidate) == "primary" || taken.contains(&to_lower(&candidate)) {
                    candidate = format!("{}_{number}", part.column);
                    number += 1;
                }
                taken.insert(to_lower(&candidate));
                candidate
            }
        });
    }
    Ok(names)
}

/// The index of a key.
pub(super) fn build(
    id: i64,
    name: String,
    key: &KeyDef,
    columns: &[ColumnInfo],
) -> Result<IndexInfo> {
    let index_columns = key.columns.iter().map(|part| build_part(part, columns));
    let index_columns: Vec<_> = index_columns.collect::<Result<_>>()?;
    let mut seen = HashSet::new();
    if let Some(twice) = index_columns.iter().find(|part| !seen.insert(part.offset)) {
        let text = format!("key {name}: column {} twice", twice.name);
        return Err(BootstrapError::Invalid(text));
    }
    let bytes: i64 = index_columns.iter().map(|part| key_bytes(part, columns)).sum();
    if bytes > MAX_KEY_BYTES {
        let text = format!("key {name}: {bytes} bytes, {MAX_KEY_BYTES} at most");
        return Err(BootstrapError::Invalid(text));
    }
    Ok(IndexInfo {
        id,
        name: CiStr::new(name),
        columns: index_columns,
        state: SchemaState::Public,
        comment: key.comment.clone(),
        index_type: if key.is_hash { IndexType::Hash } else { IndexType::Btree },
        unique: key.kind != KeyKind::Index,
        primary: key.kind == KeyKind::Primary,
        invisible: key.invisible,
        global: key.global,
        ..IndexInfo::default()
    })
}

fn build_part(part: &KeyPart, columns: &[ColumnInfo]) -> Result<IndexColumn> {
    let found = columns.iter().find(|column| column.name.matches(&part.column));
    let column = found
        .ok_or_else(|| BootstrapError::Invalid(format!("there is no column {:?}", part.column)))?;
    let refuse = |what: &str| {
        Err(BootstrapError::Invalid(format!("key over column {}: {what}", column.name)))
    };
    let field_type = &column.field_type;
    let is_blob = field_type.is_string() && !matches!(field_type.tp, tp::VARCHAR | tp::STRING);
    let length = part.length.map(|length| i64::try_from(length).unwrap_or(i64::MAX));
    match (length, field_type.tp) {
        (_, tp::JSON | tp::TIDB_VECTOR_FLOAT32) => return refuse("its type is in no key"),
        (None, _) if is_blob => return refuse("a length is needed"),
        (Some(0), _) => return refuse("a length of 0"),
        (Some(_), _) if !field_type.is_string() => return refuse("a length of no string"),
        (Some(length), _) if !is_blob && length > field_type.flen => {
            return refuse("a length beyond the column's");
        }
        _ => {}
    }
    // All of the column is no prefix.
    let length = length.filter(|length| is_blob || *length < field_type.flen);
    Ok(IndexColumn {
        name: column.name.clone(),
        offset: column.offset,
        length: length.unwrap_or(UNSPECIFIED_LENGTH),
        ..IndexColumn::default()
    })
}

/// The most bytes a column takes in a key, as TiDB counts.
fn key_bytes(part: &IndexColumn, columns: &[ColumnInfo]) -> i64 {
    let Some(column) = columns.get(part.offset) else { return 0 };
    let field_type = &column.field_type;
    if !field_type.is_string() {
        return 8;
    }
    let characters = if part.length >= 0 { part.length } else { field_type.flen };
    let width = match field_type.charset.as_str() {
        "utf8mb4" => 4,
        "utf8" => 3,
        _ => 1,
    };
    characters.saturating_mul(width)
}

/// Sets the flags by which columns tell that keys start with them.
pub(super) fn set_flags(index: &IndexInfo, columns: &mut [ColumnInfo]) {
    if index.primary {
        return;
    }
    let Some(column) = index.columns.first().and_then(|part| columns.get_mut(part.offset)) else {
        return;
    };
    let is_alone = index.columns.len() == 1;
    column.field_type.flag |=
        if index.unique && is_alone { flag::UNIQUE_KEY } else { flag::MULTIPLE_KEY };
}
