//! The constraint that a key must not exist.

use super::super::error::{MvccError, Result};
use super::super::versions::Versions;
use super::super::write::{Write, WriteKind};

/// Fails if the key exists, of which `write` is the newest record.
///
/// # Errors
/// [`MvccError::AlreadyExist`], [`MvccError::Engine`].
pub(super) fn check_not_exists(
    versions: &Versions<'_>,
    key: &[u8],
    commit_ts: u64,
    write: &Write,
) -> Result<()> {
    let exists = match write.kind {
        WriteKind::Put => true,
        WriteKind::Delete => false,
        WriteKind::Lock | WriteKind::Rollback => versions.put_at(key, commit_ts)?.is_some(),
    };
    if exists { Err(MvccError::AlreadyExist { key: key.to_vec() }) } else { Ok(()) }
}
