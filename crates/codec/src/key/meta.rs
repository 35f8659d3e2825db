//! Keys of TiDB's metadata.
//!
//! TiDB keeps strings and hashes in ordinary keys: `m`, the memory-comparable name, a type as a
//! `u64`, and for a hash the memory-comparable field (`structure/type.go` and `meta/meta.go` of
//! TiDB). Values are text: decimal numbers or JSON.

use super::prefix_range;
use crate::bytes;
use crate::error::{Error, Result};
use crate::number;

const PREFIX: u8 = b'm';
const STRING_DATA: u64 = b's' as u64;
const HASH_DATA: u64 = b'h' as u64;
const WHAT: &str = "meta key";

/// A decoded meta key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MetaKey {
    /// A string, by its name.
    String(Vec<u8>),
    /// A field of a hash.
    Hash {
        /// The hash's name.
        name: Vec<u8>,
        /// The field's name.
        field: Vec<u8>,
    },
}

/// Key of a string.
#[must_use]
pub fn string_key(name: &[u8]) -> Vec<u8> {
    prefixed(name, STRING_DATA)
}

/// Key of a field of a hash.
#[must_use]
pub fn hash_key(name: &[u8], field: &[u8]) -> Vec<u8> {
    let mut key = prefixed(name, HASH_DATA);
    bytes::encode_bytes(&mut key, field);
    key
}

/// All fields of a hash.
#[must_use]
pub fn hash_range(name: &[u8]) -> (Vec<u8>, Vec<u8>) {
    prefix_range(prefixed(name, HASH_DATA))
}

fn prefixed(name: &[u8], tp: u64) -> Vec<u8> {
    let mut key = Vec::with_capacity(1 + bytes::encoded_len(name.len()) + 8);
    key.push(PREFIX);
    bytes::encode_bytes(&mut key, name);
    number::encode_u64(&mut key, tp);
    key
}

/// Key of the schema version, a decimal number.
#[must_use]
pub fn schema_version_key() -> Vec<u8> {
    string_key(b"SchemaVersionKey")
}

/// Key of the diff that made schema `version`, JSON.
#[must_use]
pub fn schema_diff_key(version: i64) -> Vec<u8> {
    string_key(format!("Diff:{version}").as_bytes())
}

/// Key of the version TiDB bootstrapped the cluster to, a decimal number.
#[must_use]
pub fn bootstrap_key() -> Vec<u8> {
    string_key(b"BootstrapKey")
}

/// Key of the greatest id in use, a decimal number.
#[must_use]
pub fn next_global_id_key() -> Vec<u8> {
    string_key(b"NextGlobalID")
}

/// All databases: fields `DB:{id}`, values `DBInfo` as JSON.
#[must_use]
pub fn databases_range() -> (Vec<u8>, Vec<u8>) {
    hash_range(b"DBs")
}

/// Key of one database.
#[must_use]
pub fn database_key(db_id: i64) -> Vec<u8> {
    hash_key(b"DBs", database_name(db_id).as_bytes())
}

/// All fields of a database: `Table:{id}` with a `TableInfo` as JSON, and the allocators of ids
/// (`TID:`, `IID:`, `TARID:`, `SID:`, `SequenceCycle:`), see [`parse_table_field`].
#[must_use]
pub fn database_fields_range(db_id: i64) -> (Vec<u8>, Vec<u8>) {
    hash_range(database_name(db_id).as_bytes())
}

/// The tables of a database: fields `Table:{id}`, values `TableInfo` as JSON.
#[must_use]
pub fn database_tables_range(db_id: i64) -> (Vec<u8>, Vec<u8>) {
    // Within the hash the fields sort as bytes; `Table:` is less than one group, so what follows it
    // in the same group keeps the order, and `Table;` is the first field after all of them.
    let name = database_name(db_id);
    (hash_key(name.as_bytes(), b"Table:"), hash_key(name.as_bytes(), b"Table;"))
}

/// Key of one table's `TableInfo`.
#[must_use]
pub fn table_key(db_id: i64, table_id: i64) -> Vec<u8> {
    hash_key(database_name(db_id).as_bytes(), format!("Table:{table_id}").as_bytes())
}

/// Key of the greatest `_tidb_rowid` handed out for a table (and `AUTO_INCREMENT` value, but for
/// tables with a separate allocator), a decimal number.
#[must_use]
pub fn auto_table_id_key(db_id: i64, table_id: i64) -> Vec<u8> {
    hash_key(database_name(db_id).as_bytes(), format!("TID:{table_id}").as_bytes())
}

/// Key of the greatest `AUTO_INCREMENT` value handed out for a table that has an allocator of its own
/// for them, a decimal number.
#[must_use]
pub fn auto_increment_id_key(db_id: i64, table_id: i64) -> Vec<u8> {
    hash_key(database_name(db_id).as_bytes(), format!("IID:{table_id}").as_bytes())
}

/// Key of the greatest number that `AUTO_RANDOM` handed out for a table, without the scattered bits, a
/// decimal number.
#[must_use]
pub fn auto_random_id_key(db_id: i64, table_id: i64) -> Vec<u8> {
    hash_key(database_name(db_id).as_bytes(), format!("TARID:{table_id}").as_bytes())
}

fn database_name(db_id: i64) -> String {
    format!("DB:{db_id}")
}

/// Takes a meta key apart.
///
/// # Errors
/// [`Error::Malformed`] or [`Error::Truncated`] when the key is not one of a string or hash field.
pub fn decode(key: &[u8]) -> Result<MetaKey> {
    let Some((&PREFIX, mut rest)) = key.split_first() else {
        return Err(Error::malformed(WHAT, "it does not start with m"));
    };
    let name = bytes::decode_bytes(&mut rest)?;
    let decoded = match number::decode_u64(&mut rest)? {
        STRING_DATA => MetaKey::String(name),
        HASH_DATA => MetaKey::Hash { name, field: bytes::decode_bytes(&mut rest)? },
        other => return Err(Error::malformed(WHAT, format!("type {other}"))),
    };
    if !rest.is_empty() {
        return Err(Error::malformed(WHAT, format!("{} bytes too many", rest.len())));
    }
    Ok(decoded)
}

/// The field of a hash field's key.
///
/// # Errors
/// [`Error::Malformed`] or [`Error::Truncated`] when the key is not one of a hash field.
pub fn decode_hash_field(key: &[u8]) -> Result<Vec<u8>> {
    match decode(key)? {
        MetaKey::Hash { field, .. } => Ok(field),
        MetaKey::String(_) => Err(Error::malformed(WHAT, "it is a string's")),
    }
}

/// The table id of a field `Table:{id}`; `None` for other fields.
#[must_use]
pub fn parse_table_field(field: &[u8]) -> Option<i64> {
    parse_id(field, "Table:")
}

/// The database id of a field or name `DB:{id}`; `None` for others.
#[must_use]
pub fn parse_database_field(field: &[u8]) -> Option<i64> {
    parse_id(field, "DB:")
}

fn parse_id(field: &[u8], prefix: &str) -> Option<i64> {
    let digits = std::str::from_utf8(field).ok()?.strip_prefix(prefix)?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

/// A meta key for people; `None` when it is none.
pub(super) fn display(key: &[u8]) -> Option<String> {
    match decode(key).ok()? {
        MetaKey::String(name) => Some(format!("m{}", name.escape_ascii())),
        MetaKey::Hash { name, field } => {
            Some(format!("m{}:{}", name.escape_ascii(), field.escape_ascii()))
        }
    }
}
