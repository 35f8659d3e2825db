//! What a column has in new rows that leave it out.

use tifusion_codec::datum::Datum;
use tifusion_codec::field_type::{flag, tp};
use tifusion_codec::input::{InputValue, ValueConverter};
use tifusion_codec::time::{CoreTime, InvalidTime, TimeKind, Zone};

use crate::default_value::{DefaultValueError, DefaultValueReason, timed_datum};
use crate::model::ColumnInfo;
use crate::model::value::DefaultLiteral;

/// What TiDB's metadata has for the time of the statement.
const CURRENT_TIMESTAMP: &str = "CURRENT_TIMESTAMP";
/// What it has for the day of the statement.
const CURRENT_DATE: &str = "CURRENT_DATE";

/// What a column has in new rows that leave it out.
///
/// A column that is numbered gets its next id instead: ask [`RowIds`](crate::row_id::RowIds) first.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum ColumnDefault {
    /// This value.
    Value(Datum<'static>),
    /// The time of the statement, see [`current_time`].
    CurrentTimestamp,
    /// The day of the statement, see [`current_time`].
    CurrentDate,
    /// `NULL`.
    Null,
    /// Nothing: strict mode refuses such rows (error 1364).
    Required,
}

impl ColumnDefault {
    /// What the column has in rows that leave it out, in a strict session (`GetColDefaultValue` and
    /// `CheckNoDefaultValueForInsert` of TiDB).
    ///
    /// `new_collation` says whether the cluster has the new collations, by which names of members are
    /// compared; `system_zone` is the zone of the TiDB servers (`mysql.tidb`, `system_tz`), which a
    /// `TIMESTAMP` of column version 0 needs.
    ///
    /// # Errors
    /// [`DefaultValueError`] if the default is not a value of the column's type, or an expression that
    /// TiDB would have to evaluate.
    pub fn of(
        column: &ColumnInfo,
        new_collation: bool,
        system_zone: Option<Zone>,
    ) -> Result<Self, DefaultValueError> {
        if column.default_is_expr {
            return Err(refuse(column, DefaultValueReason::Expression));
        }
        match default_literal(column) {
            None => Ok(of_nothing(column)),
            Some(literal) => of_literal(column, &literal, new_collation, system_zone)
                .map_err(|reason| refuse(column, reason)),
        }
    }
}

/// The value of `CURRENT_TIMESTAMP` for a column, a default or that of `ON UPDATE`: its fraction is cut,
/// and a `DATETIME` or `DATE` has the wall time of the session's zone. `now` is in microseconds since
/// 1970 in UTC.
///
/// # Errors
/// [`tifusion_codec::Error`] when no calendar has the time.
pub fn current_time(
    column: &ColumnInfo,
    now: i64,
    zone: Zone,
) -> Result<Datum<'static>, tifusion_codec::Error> {
    let kind = match column.field_type.tp {
        tp::TIMESTAMP => TimeKind::Timestamp,
        tp::DATE => TimeKind::Date,
        _ => TimeKind::DateTime,
    };
    let fsp = u8::try_from(column.field_type.decimal).unwrap_or(0).min(6);
    let unit = 10_i64.pow(u32::from(6 - fsp));
    let cut = now.div_euclid(unit).saturating_mul(unit);
    let shown = if kind == TimeKind::Timestamp { cut } else { zone.utc_to_wall_micros(cut) };
    let time = CoreTime::from_micros(shown, TimeKind::DateTime, fsp)?;
    let time = time.with_kind(kind).map_err(|error| error.into_error(time))?;
    Ok(Datum::UInt(time.to_packed()))
}

/// Whether an update that does not set the column sets it to [`current_time`]
/// (`ON UPDATE CURRENT_TIMESTAMP`).
#[must_use]
pub fn is_set_on_update(column: &ColumnInfo) -> bool {
    column.has_flag(flag::ON_UPDATE_NOW)
}

fn refuse(column: &ColumnInfo, reason: DefaultValueReason) -> DefaultValueError {
    DefaultValueError {
        column: column.name.original.clone(),
        type_name: column.field_type.name(),
        value: column.default.as_ref().map(ToString::to_string).unwrap_or_default(),
        reason,
    }
}

/// The default as a value that a row could bring; the text of a `BIT` is garbled.
fn default_literal(column: &ColumnInfo) -> Option<Literal<'_>> {
    match (&column.default_bit, &column.default) {
        (Some(bytes), _) if column.field_type.tp == tp::BIT => Some(Literal::Bytes(&bytes.0)),
        (_, Some(literal)) => Some(Literal::Other(literal)),
        (_, None) => None,
    }
}

enum Literal<'a> {
    Bytes(&'a [u8]),
    Other(&'a DefaultLiteral),
}

fn of_nothing(column: &ColumnInfo) -> ColumnDefault {
    let is_enum = column.field_type.tp == tp::ENUM;
    match (column.has_flag(flag::NOT_NULL), column.has_flag(flag::NO_DEFAULT_VALUE)) {
        // An ENUM that is NOT NULL has its first member.
        (true, _) if is_enum && !column.field_type.elems.is_empty() => {
            ColumnDefault::Value(Datum::UInt(1))
        }
        (true, _) => ColumnDefault::Required,
        // A column whose default was dropped needs a value, even if that may be NULL.
        (false, true) if !is_enum => ColumnDefault::Required,
        (false, _) => ColumnDefault::Null,
    }
}

fn of_literal(
    column: &ColumnInfo,
    literal: &Literal<'_>,
    new_collation: bool,
    system_zone: Option<Zone>,
) -> Result<ColumnDefault, DefaultValueReason> {
    let is_time = matches!(column.field_type.tp, tp::DATE | tp::DATETIME | tp::TIMESTAMP);
    let text;
    let value = match literal {
        Literal::Bytes(bytes) => InputValue::Bytes(bytes),
        Literal::Other(DefaultLiteral::Text(default)) => {
            if is_time {
                return of_time(column, default, system_zone);
            }
            text = default.as_str();
            InputValue::Text(text)
        }
        Literal::Other(_) if is_time => return Err(DefaultValueReason::Unsupported),
        Literal::Other(DefaultLiteral::Number(number)) => InputValue::Float64(*number),
        Literal::Other(DefaultLiteral::Bool(value)) => InputValue::Int((*value).into()),
        Literal::Other(DefaultLiteral::Other) => return Err(DefaultValueReason::Unsupported),
    };
    let converter = ValueConverter::new(&column.field_type, Zone::Utc, new_collation)?;
    Ok(ColumnDefault::Value(converter.convert(&value)?.into_owned()))
}

fn of_time(
    column: &ColumnInfo,
    text: &str,
    system_zone: Option<Zone>,
) -> Result<ColumnDefault, DefaultValueReason> {
    if text.eq_ignore_ascii_case(CURRENT_TIMESTAMP) {
        return Ok(ColumnDefault::CurrentTimestamp);
    }
    if text.eq_ignore_ascii_case(CURRENT_DATE) {
        return Ok(ColumnDefault::CurrentDate);
    }
    let datum = timed_datum(column, text, system_zone)?;
    // The zero time is a default that TiDB takes in any mode; other times have to be on the calendar.
    if let Datum::UInt(packed) = datum {
        let time = CoreTime::from_packed(packed, TimeKind::DateTime, 6);
        match time.to_micros() {
            Ok(_) | Err(InvalidTime::Zero) => {}
            Err(error) => return Err(error.into_error(time).into()),
        }
    }
    Ok(ColumnDefault::Value(datum))
}

#[cfg(test)]
#[path = "column_default_tests.rs"]
mod tests;
