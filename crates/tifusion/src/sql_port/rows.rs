//! Rows that TiDB answers with, as texts.

use mysql_async::{Row, Value};

/// The rows of a statement; without columns for one that has none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SqlRows {
    /// The columns' names.
    pub(crate) columns: Vec<String>,
    /// The rows.
    pub(crate) rows: Vec<Vec<Option<String>>>,
}

impl SqlRows {
    pub(super) fn new(columns: Vec<String>, rows: Vec<Row>) -> Self {
        let rows = rows.into_iter().map(|row| row.unwrap().into_iter().map(text).collect());
        Self { columns, rows: rows.collect() }
    }

    /// The first cell of the first row.
    pub(crate) fn first(&self) -> Option<&str> {
        self.rows.first()?.first()?.as_deref()
    }

    /// The first cells of all rows but those that are `NULL`.
    pub(crate) fn into_column(self) -> Vec<String> {
        self.rows.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect()
    }
}

/// A value of the text protocol.
fn text(value: Value) -> Option<String> {
    match value {
        Value::NULL => None,
        Value::Bytes(bytes) => Some(match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        }),
        other => Some(other.as_sql(true)),
    }
}
