//! Keys of tables, indexes and metadata.
//!
//! `t{table id}_r{handle}` is a row, `t{table id}_i{index id}{values}` an index entry, both ids
//! memory-comparable (`tablecodec/tablecodec.go` of TiDB). A partition has a table id of its own.
//! Ranges are half-open.

mod display;
pub mod meta;
mod region;

pub use display::display_key;
pub use region::{from_region_key, region_key};

use crate::cursor::take_array;
use crate::datum::{self, Datum};
use crate::error::{Error, Result};
use crate::number;

const TABLE: u8 = b't';
const RECORD_SEPARATOR: [u8; 2] = *b"_r";
const INDEX_SEPARATOR: [u8; 2] = *b"_i";
/// Bytes of `t{table id}_r`.
const RECORD_PREFIX_LEN: usize = 11;
/// Bytes of an integer handle.
const INT_HANDLE_LEN: usize = 8;
/// Fewest bytes of a common handle: TiDB fills shorter ones up, so that none looks like an integer.
const MIN_COMMON_HANDLE_LEN: usize = 9;

/// What names a row within its table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Handle {
    /// An integer primary key, or `_tidb_rowid`.
    Int(i64),
    /// Memory-comparable datums of a clustered primary key, at least nine bytes; see
    /// [`Handle::common`].
    Common(Vec<u8>),
}

impl Handle {
    /// A common handle of memory-comparable datums; short ones are filled up with zeros as TiDB does.
    #[must_use]
    pub fn common(mut datums: Vec<u8>) -> Self {
        if datums.len() < MIN_COMMON_HANDLE_LEN {
            datums.resize(MIN_COMMON_HANDLE_LEN, 0);
        }
        Self::Common(datums)
    }

    /// Appends the handle as the end of a record key has it.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Int(value) => number::encode_i64(out, *value),
            Self::Common(datums) => out.extend_from_slice(datums),
        }
    }

    /// Appends the handle as the end of a non-unique index key has it: an integer as a datum.
    pub fn encode_in_index(&self, out: &mut Vec<u8>) {
        if matches!(self, Self::Int(_)) {
            out.push(datum::flag::INT);
        }
        self.encode(out);
    }

    /// Reads the handle at the end of a record key: eight bytes are an integer, anything else is a
    /// common handle.
    ///
    /// # Errors
    /// [`Error::Malformed`] when it is empty or a common handle that is not made of datums.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        if bytes.is_empty() {
            return Err(Error::malformed("record key", "no handle"));
        }
        if bytes.len() == INT_HANDLE_LEN {
            return number::decode_i64(&mut { bytes }).map(Self::Int);
        }
        let mut rest = bytes;
        // A zero is where the filling starts: a primary key has no NULL.
        while rest.first().is_some_and(|flag| *flag != datum::flag::NIL) {
            datum::skip_one(&mut rest)?;
        }
        Ok(Self::common(bytes.to_vec()))
    }

    /// The values of a common handle; the number of an integer handle.
    ///
    /// # Errors
    /// [`Error::Malformed`] or [`Error::Truncated`] when a common handle is not made of datums.
    pub fn datums(&self) -> Result<Vec<Datum<'_>>> {
        match self {
            Self::Int(value) => Ok(vec![Datum::Int(*value)]),
            Self::Common(bytes) => {
                let mut rest = bytes.as_slice();
                let mut datums = Vec::new();
                while rest.first().is_some_and(|flag| *flag != datum::flag::NIL) {
                    datums.push(datum::decode_one(&mut rest)?);
                }
                Ok(datums)
            }
        }
    }
}

/// What the head of a table's key says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyHead {
    /// A row; a handle follows.
    Record {
        /// Id of the table or partition.
        table_id: i64,
    },
    /// An index entry; datums follow.
    Index {
        /// Id of the table or partition.
        table_id: i64,
        /// Id of the index within the table.
        index_id: i64,
    },
}

/// `t{table_id}`: the start of all keys of a table.
#[must_use]
pub fn table_prefix(table_id: i64) -> Vec<u8> {
    let mut key = Vec::with_capacity(RECORD_PREFIX_LEN + MIN_COMMON_HANDLE_LEN);
    key.push(TABLE);
    number::encode_i64(&mut key, table_id);
    key
}

/// `t{table_id}_r`: the start of all rows of a table.
#[must_use]
pub fn record_prefix(table_id: i64) -> Vec<u8> {
    let mut key = table_prefix(table_id);
    key.extend_from_slice(&RECORD_SEPARATOR);
    key
}

/// `t{table_id}_i{index_id}`: the start of all entries of an index.
#[must_use]
pub fn index_prefix(table_id: i64, index_id: i64) -> Vec<u8> {
    let mut key = table_prefix(table_id);
    key.extend_from_slice(&INDEX_SEPARATOR);
    number::encode_i64(&mut key, index_id);
    key
}

/// Key of a row.
#[must_use]
pub fn encode_record_key(table_id: i64, handle: &Handle) -> Vec<u8> {
    let mut key = record_prefix(table_id);
    handle.encode(&mut key);
    key
}

/// Table id and handle of a row's key.
///
/// # Errors
/// [`Error::Malformed`] or [`Error::Truncated`] when the key is not a row's.
pub fn decode_record_key(key: &[u8]) -> Result<(i64, Handle)> {
    let mut rest = key;
    match decode_head(&mut rest)? {
        KeyHead::Record { table_id } => Ok((table_id, Handle::decode(rest)?)),
        KeyHead::Index { .. } => Err(Error::malformed("record key", "it is an index key")),
    }
}

/// Table id, index id and encoded values (for a non-unique index with the handle behind them) of an
/// index entry's key.
///
/// # Errors
/// [`Error::Malformed`] or [`Error::Truncated`] when the key is not an index entry's.
pub fn decode_index_key(key: &[u8]) -> Result<(i64, i64, &[u8])> {
    let mut rest = key;
    match decode_head(&mut rest)? {
        KeyHead::Index { table_id, index_id } => Ok((table_id, index_id, rest)),
        KeyHead::Record { .. } => Err(Error::malformed("index key", "it is a record key")),
    }
}

/// Takes the head off a table's key: `t{table id}_r` or `t{table id}_i{index id}`.
///
/// # Errors
/// [`Error::Malformed`] or [`Error::Truncated`] when the key starts otherwise. `key` stays as it was
/// then.
pub fn decode_head(key: &mut &[u8]) -> Result<KeyHead> {
    const WHAT: &str = "table key";
    let mut rest = *key;
    if *take_array(WHAT, &mut rest)? != [TABLE] {
        return Err(Error::malformed(WHAT, "it does not start with t"));
    }
    let table_id = number::decode_i64(&mut rest)?;
    let head = match *take_array(WHAT, &mut rest)? {
        RECORD_SEPARATOR => KeyHead::Record { table_id },
        INDEX_SEPARATOR => KeyHead::Index { table_id, index_id: number::decode_i64(&mut rest)? },
        _ => return Err(Error::malformed(WHAT, "neither _r nor _i after the table id")),
    };
    *key = rest;
    Ok(head)
}

/// All rows of a table, whatever its handles are.
///
/// TiDB sends a little less: from the least to the greatest integer, or from the first to the last
/// datum flag; see [`int_handle_range`].
#[must_use]
pub fn record_range(table_id: i64) -> (Vec<u8>, Vec<u8>) {
    prefix_range(record_prefix(table_id))
}

/// The rows whose integer handle is `first` to `last`, both included, as TiDB sends them: a full scan
/// is `i64::MIN` to `i64::MAX`.
#[must_use]
pub fn int_handle_range(table_id: i64, first: i64, last: i64) -> (Vec<u8>, Vec<u8>) {
    let mut end = record_prefix(table_id);
    let mut handle = Vec::with_capacity(INT_HANDLE_LEN);
    number::encode_i64(&mut handle, last);
    // Of the handle, not of the key: after i64::MAX nothing carries into the separator.
    end.extend_from_slice(&prefix_next(&handle));
    (encode_record_key(table_id, &Handle::Int(first)), end)
}

/// All entries of an index.
#[must_use]
pub fn index_range(table_id: i64, index_id: i64) -> (Vec<u8>, Vec<u8>) {
    prefix_range(index_prefix(table_id, index_id))
}

/// All keys of a table, rows and index entries.
#[must_use]
pub fn table_range(table_id: i64) -> (Vec<u8>, Vec<u8>) {
    prefix_range(table_prefix(table_id))
}

/// All keys that start with `prefix`.
#[must_use]
pub fn prefix_range(prefix: Vec<u8>) -> (Vec<u8>, Vec<u8>) {
    let end = prefix_next(&prefix);
    (prefix, end)
}

/// The key after every key that starts with `key`, of the same length: the bytes plus one as a
/// number. When all bytes are `0xff` there is none, and a zero byte is appended, as in TiDB's
/// `Key.PrefixNext`.
#[must_use]
pub fn prefix_next(key: &[u8]) -> Vec<u8> {
    let mut next = key.to_vec();
    for byte in next.iter_mut().rev() {
        *byte = byte.wrapping_add(1);
        if *byte != 0 {
            return next;
        }
    }
    let mut next = key.to_vec();
    next.push(0);
    next
}

#[cfg(test)]
mod tests;
