//! Every error of this crate in one type.

use crate::arrow_type::UnsupportedColumn;
use crate::default_value::DefaultValueError;
use crate::inconsistent::InconsistentTable;
use crate::malformed::MalformedMetadata;
use crate::readable::NotReadable;

/// Every error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Bytes that are not the metadata they should be.
    #[error(transparent)]
    Malformed(#[from] MalformedMetadata),
    /// A table whose description contradicts itself.
    #[error(transparent)]
    Inconsistent(#[from] InconsistentTable),
    /// A table that can't be read.
    #[error(transparent)]
    NotReadable(#[from] NotReadable),
    /// A column that can't be read.
    #[error(transparent)]
    UnsupportedColumn(#[from] UnsupportedColumn),
    /// A column whose default can't be encoded.
    #[error(transparent)]
    DefaultValue(#[from] DefaultValueError),
}
