//! Types of columns and expressions, as requests name them.

use tifusion_codec::field_type::{flag, tp, type_name};
use tifusion_proto::tipb::{ColumnInfo, FieldType};

use super::error::CopError;

/// What kind of value a type evaluates to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum EvalType {
    /// Integers, `BIT` and `YEAR`.
    Int,
    /// `FLOAT` and `DOUBLE`.
    Real,
    /// `DECIMAL`.
    Decimal,
    /// Texts and byte strings.
    Bytes,
    /// `DATE`, `DATETIME` and `TIMESTAMP`.
    Time,
    /// `TIME`.
    Duration,
    /// `JSON`.
    Json,
    /// `ENUM`.
    Enum,
    /// `VECTOR`.
    Vector,
}

/// What requests say about a type, read in one place.
pub(crate) trait TypeExt {
    /// MySQL's code of the type, 0 when out of range.
    fn code(&self) -> u8;
    /// MySQL's column flags.
    fn flags(&self) -> u32;
    /// Digits after the point or of the fraction; -1 unspecified.
    fn scale(&self) -> i32;
    /// Characters or digits; -1 unspecified.
    fn length(&self) -> i32;
    /// The collation's number, negated when new collations are on.
    fn collation_id(&self) -> i32;

    /// Whether the type is `UNSIGNED`.
    fn is_unsigned(&self) -> bool {
        self.flags() & flag::UNSIGNED != 0
    }

    /// Whether integers of this type are JSON's booleans.
    fn is_boolean(&self) -> bool {
        self.flags() & IS_BOOLEAN != 0
    }

    /// Whether texts parse into JSON instead of becoming one.
    fn parses_to_json(&self) -> bool {
        self.flags() & PARSE_TO_JSON != 0
    }

    /// The kind of value; `None` for types that nothing is computed with, as `SET`.
    fn eval_type(&self) -> Option<EvalType> {
        eval_type(self.code())
    }

    /// Digits of the fraction of a time.
    fn fsp(&self) -> u8 {
        u8::try_from(self.scale()).map_or(0, |fsp| fsp.min(6))
    }
}

/// Flag of TiDB's: a text is parsed when it becomes JSON.
const PARSE_TO_JSON: u32 = 1 << 18;
/// Flag of TiDB's: an integer is a boolean.
const IS_BOOLEAN: u32 = 1 << 19;

impl TypeExt for FieldType {
    fn code(&self) -> u8 {
        u8::try_from(self.tp.unwrap_or_default()).unwrap_or_default()
    }
    fn flags(&self) -> u32 {
        self.flag.unwrap_or_default()
    }
    fn scale(&self) -> i32 {
        self.decimal.unwrap_or_default()
    }
    fn length(&self) -> i32 {
        self.flen.unwrap_or_default()
    }
    fn collation_id(&self) -> i32 {
        self.collate.unwrap_or_default()
    }
}

/// The type of a scanned column.
pub(crate) fn of_column(column: &ColumnInfo) -> FieldType {
    FieldType {
        tp: column.tp,
        flag: column.flag.map(i32::cast_unsigned),
        flen: column.column_len,
        decimal: column.decimal,
        collate: column.collation,
        charset: None,
        elems: column.elems.clone(),
        array: column.array,
    }
}

/// A type with nothing but a code and flags.
pub(crate) fn plain(code: u8, flags: u32) -> FieldType {
    FieldType {
        tp: Some(i32::from(code)),
        flag: Some(flags),
        flen: Some(-1),
        decimal: Some(-1),
        ..FieldType::default()
    }
}

fn eval_type(code: u8) -> Option<EvalType> {
    Some(match code {
        tp::TINY | tp::SHORT | tp::INT24 | tp::LONG | tp::LONG_LONG | tp::BIT | tp::YEAR => {
            EvalType::Int
        }
        tp::FLOAT | tp::DOUBLE => EvalType::Real,
        tp::NEW_DECIMAL => EvalType::Decimal,
        tp::TIMESTAMP | tp::DATE | tp::DATETIME => EvalType::Time,
        tp::DURATION => EvalType::Duration,
        tp::JSON => EvalType::Json,
        tp::TIDB_VECTOR_FLOAT32 => EvalType::Vector,
        tp::VARCHAR
        | tp::TINY_BLOB
        | tp::MEDIUM_BLOB
        | tp::LONG_BLOB
        | tp::BLOB
        | tp::VAR_STRING
        | tp::STRING
        | tp::NULL => EvalType::Bytes,
        tp::ENUM => EvalType::Enum,
        _ => return None,
    })
}

/// The kind of value of a type that something is computed with.
///
/// # Errors
/// [`CopError::Other`] for types that nothing is computed with.
pub(crate) fn require_eval_type(field_type: &FieldType) -> Result<EvalType, CopError> {
    field_type.eval_type().ok_or_else(|| {
        CopError::plan(format!("Unsupported type: {}", type_name(field_type.code())))
    })
}
