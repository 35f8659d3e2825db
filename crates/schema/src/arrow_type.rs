//! Which Arrow type a column has.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_schema::extension::{EXTENSION_TYPE_METADATA_KEY, EXTENSION_TYPE_NAME_KEY};
use arrow_schema::{DECIMAL128_MAX_PRECISION, DataType, Field, TimeUnit};
use tifusion_codec::FieldType;
use tifusion_codec::field_type::tp;

use crate::model::{ColumnInfo, TableInfo};

/// Name of Arrow's extension type for JSON text.
pub const JSON_EXTENSION_NAME: &str = "arrow.json";

/// Key of a placeholder field's metadata: why its column can't be read.
pub const UNSUPPORTED_KEY: &str = "tifusion:unsupported";

/// Choices that decide about Arrow types.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeOptions {
    /// The zone `TIMESTAMP` is shown in, an IANA name or an offset.
    pub time_zone: Arc<str>,
    /// Whether zero dates become `NULL`, which makes every date column nullable; else they are
    /// errors.
    pub zero_date_null: bool,
    /// Whether strings are views (`Utf8View`, `BinaryView`), else large (`LargeUtf8`,
    /// `LargeBinary`).
    pub string_views: bool,
}

impl Default for TypeOptions {
    fn default() -> Self {
        Self { time_zone: Arc::from("UTC"), zero_date_null: true, string_views: false }
    }
}

/// A column that can't be read, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "column {}{column} of type {type_name} (code {code}) can't be read: {reason}; leave it out of the query",
    table.as_ref().map(|table| format!("{table}.")).unwrap_or_default()
)]
pub struct UnsupportedColumn {
    /// The table's name, where known.
    pub table: Option<String>,
    /// The column's name.
    pub column: String,
    /// The name of its MySQL type.
    pub type_name: &'static str,
    /// The code of its MySQL type.
    pub code: u8,
    /// The reason.
    pub reason: UnsupportedReason,
}

impl UnsupportedColumn {
    fn new(column: &ColumnInfo, reason: UnsupportedReason) -> Self {
        Self {
            table: None,
            column: column.name.original.clone(),
            type_name: column.field_type.name(),
            code: column.field_type.tp,
            reason,
        }
    }

    /// The same with the table's name.
    #[must_use]
    pub fn in_table(mut self, table: &str) -> Self {
        self.table = Some(table.to_owned());
        self
    }
}

/// The reason in [`UnsupportedColumn`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnsupportedReason {
    /// This version has no Arrow type for it.
    #[error("this version has no Arrow type for it")]
    Type,
    /// A decimal of a precision and scale that MySQL doesn't have.
    #[error("DECIMAL({precision}, {scale}) is beyond MySQL's limits")]
    Decimal {
        /// Digits in all.
        precision: i64,
        /// Digits after the point.
        scale: i64,
    },
    /// The elements of a multi-valued index.
    #[error("it holds the elements of a multi-valued index")]
    Array,
    /// Computed at every read, which only TiDB does.
    #[error("it is a virtual generated column, which the store does not hold")]
    VirtualGenerated,
}

/// What a read can make of a column.
#[derive(Debug, Clone, PartialEq)]
pub enum ColumnType {
    /// It can be read as this field.
    Supported(Field),
    /// It can't be read.
    Unsupported {
        /// A field that keeps its place in the table's schema: of Arrow's `Null` type, with the
        /// reason in its metadata.
        placeholder: Field,
        /// Why; to be returned when the column is selected.
        reason: UnsupportedColumn,
    },
}

impl ColumnType {
    /// The field that stands for the column in the table's schema.
    #[must_use]
    pub fn field(&self) -> &Field {
        match self {
            Self::Supported(field) | Self::Unsupported { placeholder: field, .. } => field,
        }
    }

    /// Why the column can't be read, `None` if it can.
    #[must_use]
    pub fn unsupported(&self) -> Option<&UnsupportedColumn> {
        match self {
            Self::Supported(_) => None,
            Self::Unsupported { reason, .. } => Some(reason),
        }
    }
}

/// What a read from the rows can make of a column. Unlike [`arrow_field`] it refuses virtual
/// generated columns: the store holds none and would return `NULL`s.
#[must_use]
pub fn column_type(table: &TableInfo, column: &ColumnInfo, opts: &TypeOptions) -> ColumnType {
    let field = if column.is_virtual_generated() {
        Err(UnsupportedColumn::new(column, UnsupportedReason::VirtualGenerated))
    } else {
        arrow_field(column, opts)
    };
    match field {
        Ok(field) => ColumnType::Supported(field),
        Err(reason) => {
            let reason = reason.in_table(&table.name.original);
            let metadata = HashMap::from([(UNSUPPORTED_KEY.to_owned(), reason.to_string())]);
            let placeholder =
                Field::new(&column.name.original, DataType::Null, true).with_metadata(metadata);
            ColumnType::Unsupported { placeholder, reason }
        }
    }
}

/// The Arrow field of a column, by its type alone.
///
/// A `NOT NULL` column is not nullable, but for dates and times when zero dates become `NULL`.
///
/// # Errors
/// [`UnsupportedColumn`] for a type without an Arrow type here.
pub fn arrow_field(column: &ColumnInfo, opts: &TypeOptions) -> Result<Field, UnsupportedColumn> {
    if column.is_array {
        return Err(UnsupportedColumn::new(column, UnsupportedReason::Array));
    }
    let field_type = &column.field_type;
    let data_type =
        arrow_type(field_type, opts).map_err(|reason| UnsupportedColumn::new(column, reason))?;
    let field = Field::new(&column.name.original, data_type, is_nullable(field_type, opts));
    Ok(if field_type.tp == tp::JSON { field.with_metadata(json_metadata()) } else { field })
}

/// Whether a value of this type may be `NULL` in Arrow.
#[must_use]
pub fn is_nullable(field_type: &FieldType, opts: &TypeOptions) -> bool {
    let is_date = matches!(field_type.tp, tp::DATE | tp::DATETIME | tp::TIMESTAMP);
    !field_type.is_not_null() || (is_date && opts.zero_date_null)
}

/// The Arrow type of a MySQL type, of a column or of an expression.
///
/// # Errors
/// [`UnsupportedReason`] for a type without an Arrow type here.
pub fn arrow_type(
    field_type: &FieldType,
    opts: &TypeOptions,
) -> Result<DataType, UnsupportedReason> {
    let unsigned = field_type.is_unsigned();
    Ok(match field_type.tp {
        tp::TINY if unsigned => DataType::UInt8,
        tp::TINY => DataType::Int8,
        tp::SHORT if unsigned => DataType::UInt16,
        tp::SHORT => DataType::Int16,
        tp::INT24 | tp::LONG if unsigned => DataType::UInt32,
        tp::INT24 | tp::LONG => DataType::Int32,
        tp::LONG_LONG if unsigned => DataType::UInt64,
        tp::LONG_LONG => DataType::Int64,
        tp::FLOAT => DataType::Float32,
        tp::DOUBLE => DataType::Float64,
        tp::NEW_DECIMAL => decimal_type(field_type)?,
        tp::DATE => DataType::Date32,
        tp::DATETIME => DataType::Timestamp(TimeUnit::Microsecond, None),
        tp::TIMESTAMP => {
            DataType::Timestamp(TimeUnit::Microsecond, Some(Arc::clone(&opts.time_zone)))
        }
        tp::DURATION => DataType::Duration(TimeUnit::Microsecond),
        tp::YEAR => DataType::UInt16,
        tp::BIT => DataType::UInt64,
        tp::ENUM => DataType::Dictionary(Box::new(DataType::UInt16), Box::new(DataType::Utf8)),
        tp::SET | tp::JSON => DataType::Utf8,
        tp::TIDB_VECTOR_FLOAT32 => DataType::new_list(DataType::Float32, true),
        _ if field_type.is_string() => {
            string_type(field_type.is_binary_string(), opts.string_views)
        }
        _ => return Err(UnsupportedReason::Type),
    })
}

fn string_type(binary: bool, views: bool) -> DataType {
    match (binary, views) {
        (false, false) => DataType::LargeUtf8,
        (false, true) => DataType::Utf8View,
        (true, false) => DataType::LargeBinary,
        (true, true) => DataType::BinaryView,
    }
}

/// `DECIMAL(p, s)`; without a length it is `DECIMAL(10, 0)`.
fn decimal_type(field_type: &FieldType) -> Result<DataType, UnsupportedReason> {
    let precision = if field_type.flen <= 0 { 10 } else { field_type.flen };
    let scale = field_type.decimal.max(0);
    let refused = UnsupportedReason::Decimal { precision, scale };
    let (Ok(p), Ok(s)) = (u8::try_from(precision), i8::try_from(scale)) else {
        return Err(refused);
    };
    if precision > 65 || scale > 30 || scale > precision {
        return Err(refused);
    }
    Ok(if p <= DECIMAL128_MAX_PRECISION {
        DataType::Decimal128(p, s)
    } else {
        DataType::Decimal256(p, s)
    })
}

fn json_metadata() -> HashMap<String, String> {
    HashMap::from([
        (EXTENSION_TYPE_NAME_KEY.to_owned(), JSON_EXTENSION_NAME.to_owned()),
        (EXTENSION_TYPE_METADATA_KEY.to_owned(), String::new()),
    ])
}

#[cfg(test)]
#[path = "arrow_type_tests.rs"]
mod tests;
