//! Keys as the engine orders them: memory-comparable, a version's timestamp behind it in descending order, so that
//! a key's newest version comes first (TiKV's `txn_types::Key`).

use tifusion_codec::{bytes, number};

use crate::engine::{Column, EngineError, Span};

/// Bits of a timestamp that count within its millisecond.
const LOGICAL_BITS: u32 = 18;
/// Length of a version's timestamp.
const TS_LEN: usize = 8;

/// The milliseconds of a timestamp.
pub(crate) fn physical(ts: u64) -> u64 {
    ts >> LOGICAL_BITS
}

/// The engine's key of `raw` where there is one entry per key: the lock column.
pub(crate) fn encoded(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes::encoded_len(raw.len()).saturating_add(TS_LEN + 1));
    bytes::encode_bytes(&mut out, raw);
    out
}

/// The engine's key of the version of `raw` at `ts`.
pub(crate) fn versioned(raw: &[u8], ts: u64) -> Vec<u8> {
    let mut out = encoded(raw);
    number::encode_u64_desc(&mut out, ts);
    out
}

/// The raw key behind an encoded one, and its timestamp if it is a version's.
///
/// # Errors
/// [`EngineError::Corrupted`] when it is no such key.
pub(crate) fn raw(column: Column, key: &[u8]) -> Result<Vec<u8>, EngineError> {
    let mut rest = key;
    bytes::decode_bytes(&mut rest).map_err(|error| corrupted(column, key, &error))
}

/// Cuts a version's key into the encoded key and the timestamp.
///
/// # Errors
/// [`EngineError::Corrupted`] when it is too short.
pub(crate) fn split_version(column: Column, key: &[u8]) -> Result<(&[u8], u64), EngineError> {
    let cut = key.len().saturating_sub(TS_LEN);
    let (user, mut ts) = key.split_at_checked(cut).unwrap_or((key, &[]));
    let ts = number::decode_u64_desc(&mut ts).map_err(|error| corrupted(column, key, &error))?;
    Ok((user, ts))
}

/// What is stored under `key` is wrong.
pub(crate) fn corrupted(column: Column, key: &[u8], reason: &dyn std::fmt::Display) -> EngineError {
    EngineError::Corrupted { column, key: key.to_vec(), reason: reason.to_string() }
}

/// A range of the engine's keys that owns its ends.
#[derive(Debug, Clone)]
pub(crate) struct OwnedSpan {
    start: Vec<u8>,
    end: Option<Vec<u8>>,
}

impl OwnedSpan {
    /// Everything under the raw keys from `start` to before `end`; an empty `end` is the end of all keys.
    pub(crate) fn of_keys(start: &[u8], end: &[u8]) -> Self {
        // An empty start encodes to a group of zeros, before which there is nothing.
        Self { start: encoded(start), end: (!end.is_empty()).then(|| encoded(end)) }
    }

    /// The versions of one key at or before `ts`.
    pub(crate) fn of_versions(raw: &[u8], ts: u64) -> Self {
        let mut end = versioned(raw, 0);
        end.push(0);
        Self { start: versioned(raw, ts), end: Some(end) }
    }

    /// The same range without the keys before the engine's key `start`.
    pub(crate) fn from(mut self, start: Vec<u8>) -> Self {
        self.start = start;
        self
    }

    /// The range for a walk.
    pub(crate) fn as_span(&self) -> Span<'_> {
        Span { start: &self.start, end: self.end.as_deref() }
    }
}
