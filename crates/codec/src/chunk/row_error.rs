//! An error together with the row it happened in.

use arrow_schema::ArrowError;

use crate::error::Error;

/// A result whose error knows its row.
pub(crate) type RowResult<T> = Result<T, RowError>;

/// Why a column's cells could not become an array.
#[derive(Debug)]
pub(crate) struct RowError {
    /// Row in the chunk, counted from zero; zero when all rows are concerned.
    pub(crate) row: usize,
    /// What is wrong there.
    pub(crate) error: Error,
}

impl RowError {
    /// For `map_err`: the error, in `row`.
    pub(crate) fn at(row: usize) -> impl Fn(Error) -> Self {
        move |error| Self { row, error }
    }

    /// For `map_err`: Arrow's refusal of the arrays made for `what`.
    pub(crate) fn arrow(what: &'static str) -> impl Fn(ArrowError) -> Self {
        move |error| Self { row: 0, error: Error::Arrow { what, message: error.to_string() } }
    }

    /// The error with the column it happened in.
    pub(crate) fn in_column(self, column: usize) -> Error {
        self.error.in_column(column, self.row)
    }
}
