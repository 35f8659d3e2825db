//! The value that a new row has in a column that it leaves out.

use tifusion_codec::datum::Datum;
use tifusion_codec::enum_set::bit_to_u64;
use tifusion_codec::field_type::{flag, tp};

use crate::default_value::{DefaultValueError, DefaultValueReason, datum_of_text};
use crate::model::ColumnInfo;
use crate::model::value::DefaultLiteral;

/// What a new row has in a column that it leaves out.
#[derive(Debug, Clone, PartialEq)]
pub enum ColumnDefault {
    /// This.
    Value(Datum<'static>),
    /// `NULL`.
    Null,
    /// The time of the statement, with so many digits of a second.
    CurrentTimestamp {
        /// The digits.
        fsp: u8,
    },
    /// Nothing: the row must not leave the column out (TiDB's error 1364).
    Required,
    /// What an expression says, which this version does not evaluate.
    Expression(String),
}

impl ColumnDefault {
    /// That of `column`.
    ///
    /// # Errors
    /// [`DefaultValueError`] if the metadata's default is not a value of the column's type.
    pub fn of(column: &ColumnInfo) -> Result<Self, DefaultValueError> {
        let refuse = |reason| DefaultValueError {
            column: column.name.original.clone(),
            type_name: column.field_type.name(),
            value: column.default.as_ref().map(ToString::to_string).unwrap_or_default(),
            reason,
        };
        if let (Some(bytes), tp::BIT) = (&column.default_bit, column.field_type.tp) {
            let bits = bit_to_u64(&bytes.0).map_err(|error| refuse(error.into()))?;
            return Ok(Self::Value(Datum::UInt(bits)));
        }
        let literal = match &column.default {
            None if column.has_flag(flag::NOT_NULL) => return Ok(Self::Required),
            None => return Ok(Self::Null),
            Some(literal) => literal,
        };
        if column.default_is_expr {
            return Ok(Self::Expression(literal.to_string()));
        }
        let DefaultLiteral::Text(text) = literal else {
            return Err(refuse(DefaultValueReason::Unsupported));
        };
        if text.to_ascii_uppercase().starts_with("CURRENT_TIMESTAMP") {
            let fsp = u8::try_from(column.field_type.decimal).unwrap_or(0);
            return Ok(Self::CurrentTimestamp { fsp });
        }
        if text.eq_ignore_ascii_case("CURRENT_DATE") {
            return Ok(Self::CurrentTimestamp { fsp: 0 });
        }
        if column.field_type.tp == tp::TIMESTAMP && column.version == 0 && !text.starts_with("0000")
        {
            // Kept in the zone of the TiDB servers then.
            return Err(refuse(DefaultValueReason::UnknownZone));
        }
        let value = datum_of_text(&column.field_type, text).map_err(refuse)?;
        Ok(Self::Value(value.into_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_told_from_what_is_null() {
        let of = |more: &str| {
            let json =
                format!(r#"{{"id": 1, "name": {{"O": "c", "L": "c"}}, "state": 5, {more}}}"#);
            let column: ColumnInfo = serde_json::from_str(&json).unwrap();
            ColumnDefault::of(&column)
        };
        let int = |flags: u32| format!(r#""type": {{"Tp": 3, "Flag": {flags}, "Flen": 11}}"#);
        assert_eq!(of(&int(0)), Ok(ColumnDefault::Null));
        assert_eq!(of(&int(flag::NOT_NULL)), Ok(ColumnDefault::Required));
        let seven = of(&format!(r#""default": "7", {}"#, int(0)));
        assert_eq!(seven, Ok(ColumnDefault::Value(Datum::Int(7))));
        assert!(of(&format!(r#""default": "x", {}"#, int(0))).is_err());
        let time = r#""type": {"Tp": 12, "Decimal": 3}, "default": "CURRENT_TIMESTAMP(3)""#;
        assert_eq!(of(time), Ok(ColumnDefault::CurrentTimestamp { fsp: 3 }));
        let expression = format!(r#""default": "rand()", "default_is_expr": true, {}"#, int(0));
        assert_eq!(of(&expression), Ok(ColumnDefault::Expression("rand()".to_owned())));
    }
}
