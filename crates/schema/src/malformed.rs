//! Bytes that are not the metadata they should be.

use serde::Deserialize;

/// Bytes that should be the JSON of a metadata object and are not.
#[derive(Debug, thiserror::Error)]
#[error("malformed metadata of a {object}: {source}")]
pub struct MalformedMetadata {
    /// What it should describe.
    pub object: &'static str,
    /// What the parser met and where.
    pub source: serde_json::Error,
}

/// Parses the JSON of `object`.
pub(crate) fn parse<'de, T: Deserialize<'de>>(
    object: &'static str,
    json: &'de [u8],
) -> Result<T, MalformedMetadata> {
    serde_json::from_slice(json).map_err(|source| MalformedMetadata { object, source })
}
