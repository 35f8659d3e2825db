//! Keys as regions have them.

use crate::bytes;
use crate::error::{Error, Result};

/// A key as PD's region boundaries have it: its memory-comparable encoding. The empty key, which
/// means no bound, stays empty.
#[must_use]
pub fn region_key(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    if !raw.is_empty() {
        bytes::encode_bytes(&mut out, raw);
    }
    out
}

/// The key behind a region's boundary, the inverse of [`region_key`].
///
/// # Errors
/// [`Error::Malformed`] or [`Error::Truncated`] when the boundary is not such an encoding.
pub fn from_region_key(encoded: &[u8]) -> Result<Vec<u8>> {
    if encoded.is_empty() {
        return Ok(Vec::new());
    }
    let mut rest = encoded;
    let raw = bytes::decode_bytes(&mut rest)?;
    if !rest.is_empty() {
        return Err(Error::malformed("region key", format!("{} bytes too many", rest.len())));
    }
    Ok(raw)
}
