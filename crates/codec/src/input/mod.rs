//! Values on their way in: what a column stores for a value of another type, as TiDB has it after an
//! `INSERT` in strict SQL mode (`Datum.ConvertTo` and `table.CastValue` of TiDB), or why it refuses it.
//!
//! | Arrow type | stands for |
//! |---|---|
//! | `Null` | `NULL` |
//! | `Boolean`, `Int8` … `Int64` | `BIGINT` |
//! | `UInt8` … `UInt64` | `BIGINT UNSIGNED` |
//! | `Float16`, `Float32` | `FLOAT` |
//! | `Float64` | `DOUBLE` |
//! | `Decimal32` … `Decimal256` | `DECIMAL` of the same precision and scale |
//! | `Utf8`, `LargeUtf8`, `Utf8View` | `VARCHAR` |
//! | `Binary`, `LargeBinary`, `BinaryView`, `FixedSizeBinary` | `VARBINARY` |
//! | `Date32`, `Date64` | `DATE`; a `Date64` with a time of day `DATETIME(3)` |
//! | `Timestamp` without a zone | `DATETIME` with 0, 3 or 6 digits of a second |
//! | `Timestamp` with a zone | `TIMESTAMP`, whatever the zone's name |
//! | `Duration`, `Time32`, `Time64` | `TIME` |
//! | `List`, `LargeList`, `FixedSizeList` of floats | `VECTOR` |
//! | `Dictionary` | its values |
//!
//! Where a value is not refused though a part of it is lost, TiDB does so too (it warns): digits after
//! the point of a decimal or a second are rounded, a `DATE` cuts the time of day off, blanks beyond the
//! length of a `VARCHAR` go.
//!
//! What this refuses and TiDB does not: digits of text that no number but a binary or octal one has,
//! text behind a zero byte, a `TIME` for a date (TiDB takes today's), times for `ENUM`, `SET` and `BIT`,
//! text of `latin1` beyond ASCII, floats that are no integer any more. The tests name each with its
//! reason.

mod decimal;
mod error;
mod float;
mod integer;
mod json;
mod member;
mod number_text;
mod source;
mod span;
mod span_number;
mod span_text;
mod target;
mod text;
mod time;
mod time_number;
mod time_text;
mod value;

use arrow_array::Array;
use arrow_schema::DataType;

pub use error::InputError;
pub use value::{InputValue, Moment};

use crate::datum::Datum;
use crate::field_type::FieldType;
use crate::time::Zone;
use source::{Meaning, Missing};
use target::Target;

/// Converts values to what one column stores.
#[derive(Debug, Clone)]
pub struct ValueConverter {
    field_type: FieldType,
    target: Target,
    zone: Zone,
}

impl ValueConverter {
    /// Plans the conversion to values of a column.
    ///
    /// `zone` is the session's: in it a `TIMESTAMP` is the wall time that text and `DATETIME` say.
    /// Members of `ENUM` and `SET` are compared by the column's collation; `new_collation` says whether
    /// the cluster has the new ones, without which all compare by their bytes.
    ///
    /// # Errors
    /// [`InputError::UnsupportedColumn`] for a type, character set or collation this version does not
    /// write.
    pub fn new(
        field_type: &FieldType,
        zone: Zone,
        new_collation: bool,
    ) -> Result<Self, InputError> {
        let target = Target::new(field_type, new_collation).map_err(|reason| {
            InputError::UnsupportedColumn { to: field_type.to_string(), reason }
        })?;
        Ok(Self { field_type: field_type.clone(), target, zone })
    }

    /// What the column stores for a value, in the form that
    /// [`check_stored`](crate::row::check_stored) takes. It borrows from the value where it can.
    ///
    /// # Errors
    /// [`InputError`] where TiDB refuses the value in strict SQL mode, and in the few cases that the
    /// [module](self) names.
    pub fn convert<'a>(&self, value: &InputValue<'a>) -> Result<Datum<'a>, InputError> {
        if *value == InputValue::Null {
            return self.null();
        }
        self.target
            .convert(value, self.zone)
            .map_err(|refusal| refusal.into_error(value, &self.field_type, self.zone))
    }

    fn null<'a>(&self) -> Result<Datum<'a>, InputError> {
        if self.field_type.is_not_null() {
            return Err(InputError::Null { to: self.field_type.to_string() });
        }
        Ok(Datum::Null)
    }
}

/// Converts the values of Arrow arrays of one type to what one column stores.
#[derive(Debug, Clone)]
pub struct ColumnConverter {
    source: DataType,
    values: ValueConverter,
}

impl ColumnConverter {
    /// Plans the conversion of arrays of type `source` to values of the column `target`, in a session
    /// of the time zone `time_zone` on a cluster with the new collations; see [`ValueConverter::new`].
    ///
    /// # Errors
    /// [`InputError::Unsupported`] for pairs of types that have no meaning, by name of both;
    /// [`InputError::UnsupportedColumn`] as [`ValueConverter::new`].
    pub fn new(
        source: &DataType,
        target: &FieldType,
        time_zone: &Zone,
    ) -> Result<Self, InputError> {
        Self::with(source, ValueConverter::new(target, *time_zone, true)?)
    }

    /// As [`ColumnConverter::new`] with a conversion planned before.
    ///
    /// # Errors
    /// [`InputError::Unsupported`] for pairs of types that have no meaning.
    pub fn with(source: &DataType, values: ValueConverter) -> Result<Self, InputError> {
        let takes = |meaning: Meaning| values.target.takes(meaning);
        if source::meaning(source).is_some_and(takes) {
            return Ok(Self { source: source.clone(), values });
        }
        let (from, to) = (source.to_string(), values.field_type.to_string());
        Err(InputError::Unsupported { from, to })
    }

    /// Whether a row of an array has no value, in an array of dictionary keys or of no type too.
    #[must_use]
    pub fn is_null(array: &dyn Array, row: usize) -> bool {
        matches!(source::value(array, row), Ok(InputValue::Null))
    }

    /// What the column stores for the value of a row, see [`ValueConverter::convert`].
    ///
    /// # Errors
    /// As [`ValueConverter::convert`]; [`InputError::OtherArray`] and [`InputError::NoSuchValue`] for an
    /// array of another type or without such a row.
    pub fn convert<'a>(&self, array: &'a dyn Array, row: usize) -> Result<Datum<'a>, InputError> {
        if *array.data_type() != self.source {
            let (planned, found) = (self.source.to_string(), array.data_type().to_string());
            return Err(InputError::OtherArray { planned, found });
        }
        match source::value(array, row) {
            Ok(value) => self.values.convert(&value),
            Err(Missing::Error(error)) => Err(error),
            Err(Missing::Refused(refusal, shown)) => {
                let values = &self.values;
                Err(refusal.into_error(&shown, &values.field_type, values.zone))
            }
        }
    }
}
