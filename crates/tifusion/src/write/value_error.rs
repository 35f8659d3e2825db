//! Which row and column a value was refused for.

use tifusion_codec::input::InputError;

use super::target::WriteTarget;
use crate::error::{Error, ErrorKind};

/// A column that a value was meant for.
#[derive(Debug, Clone, Copy)]
pub(super) struct ColumnPlace<'a> {
    pub(super) target: &'a WriteTarget,
    pub(super) column: &'a str,
}

/// The refusal of a value, or (without a row) of all values of a type.
pub(super) fn value_error(place: ColumnPlace<'_>, row: Option<usize>, error: InputError) -> Error {
    let told = Error::new(ErrorKind::InvalidInput, error.to_string())
        .with_context("table", place.target.label())
        .with_context("column", place.column);
    let told = match row {
        Some(row) => told.with_context("row of the batch", row.saturating_add(1).to_string()),
        None => told,
    };
    told.with_source(error)
}
