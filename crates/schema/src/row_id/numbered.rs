//! The column that is numbered.

use tifusion_codec::FieldType;
use tifusion_codec::datum::Datum;
use tifusion_codec::field_type::{flag, tp};
use tifusion_codec::row::check_stored;

use super::allocator::Allocator;
use super::error::RowIdError;
use crate::model::ColumnInfo;

/// How a column is numbered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Numbering {
    /// `AUTO_INCREMENT`.
    Increment,
    /// `AUTO_RANDOM`.
    Random,
}

/// A column whose values are handed out where rows bring none.
#[derive(Debug, Clone, PartialEq)]
pub struct NumberedColumn {
    /// Where it is in the table's list of columns.
    pub offset: usize,
    /// How it is numbered.
    pub numbering: Numbering,
    /// Where its ids come from.
    pub allocator: Allocator,
    name: String,
    field_type: FieldType,
}

impl NumberedColumn {
    pub(super) fn new(
        offset: usize,
        column: &ColumnInfo,
        numbering: Numbering,
        allocator: Allocator,
    ) -> Self {
        let name = column.name.original.clone();
        Self { offset, numbering, allocator, name, field_type: column.field_type.clone() }
    }

    /// The type to convert input to before [`NumberedColumn::given`]: that of the column, but `NULL`
    /// passes, for it asks for an id.
    #[must_use]
    pub fn input_type(&self) -> FieldType {
        let nullable = self.field_type.flag & !flag::NOT_NULL;
        FieldType { flag: nullable, ..self.field_type.clone() }
    }

    /// The id that a row brings along with a value of the column, after its conversion; `None` for
    /// `NULL` and 0, for which one is handed out (without `NO_AUTO_VALUE_ON_ZERO`, as is the default).
    ///
    /// The allocator is to hear of it: [`Allocator::after_given`].
    ///
    /// # Errors
    /// [`RowIdError::ExplicitRandom`] for an `AUTO_RANDOM` column, unless `allow_explicit_random`, the
    /// session's `allow_auto_random_explicit_insert`, says that rows may. [`RowIdError::NoNumber`] and
    /// [`RowIdError::OutOfRange`] for a value that is no id.
    pub fn given(
        &self,
        value: &Datum<'_>,
        allow_explicit_random: bool,
    ) -> Result<Option<i64>, RowIdError> {
        let id = match value {
            Datum::Null | Datum::Int(0) | Datum::UInt(0) => return Ok(None),
            Datum::Int(id) => *id,
            Datum::UInt(id) => id.cast_signed(),
            Datum::Float(value) => self.whole(*value)?,
            other => {
                return Err(RowIdError::NoNumber { column: self.name.clone(), kind: other.kind() });
            }
        };
        if id == 0 {
            return Ok(None);
        }
        if self.numbering == Numbering::Random && !allow_explicit_random {
            return Err(RowIdError::ExplicitRandom { column: self.name.clone() });
        }
        Ok(Some(id))
    }

    /// The value of the column for an id that was handed out, its scattered bits composed.
    ///
    /// # Errors
    /// [`RowIdError::OutOfRange`] if the column can't hold it: a smaller type may end before the
    /// allocator does.
    pub fn datum(&self, id: i64) -> Result<Datum<'static>, RowIdError> {
        let datum = match self.field_type.tp {
            tp::FLOAT | tp::DOUBLE => Datum::Float(self.float(id)),
            _ if self.field_type.is_unsigned() => Datum::UInt(id.cast_unsigned()),
            _ => Datum::Int(id),
        };
        check_stored(&self.field_type, &datum).map_err(|_| self.out_of_range(id.into()))?;
        Ok(datum)
    }

    #[expect(clippy::cast_precision_loss, reason = "a column of floats has no more digits")]
    fn float(&self, id: i64) -> f64 {
        if self.field_type.tp == tp::FLOAT { f64::from(id as f32) } else { id as f64 }
    }

    /// A float rounded half away from zero.
    fn whole(&self, value: f64) -> Result<i64, RowIdError> {
        const LIMIT: f64 = 9_223_372_036_854_775_808.0;
        let rounded = value.round();
        if !(-LIMIT..LIMIT).contains(&rounded) {
            let id = if rounded < 0.0 { i128::MIN } else { i128::MAX };
            return Err(self.out_of_range(id));
        }
        #[expect(clippy::cast_possible_truncation, reason = "the range was checked")]
        let id = rounded as i64;
        Ok(id)
    }

    fn out_of_range(&self, id: i128) -> RowIdError {
        let to = self.field_type.to_string();
        RowIdError::OutOfRange { column: self.name.clone(), id, to }
    }
}
