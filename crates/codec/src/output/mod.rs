//! What the columnar decoders produce: the Arrow type of every output column and how its cells get there.
//!
//! TiDB's type decides how the bytes are read, the Arrow type what becomes of them. Each decoder is
//! made for a list of such pairs and refuses, before it sees a byte, the pairs it can't serve:
//!
//! | MySQL type | Arrow type |
//! |---|---|
//! | `TINYINT` … `BIGINT`, `YEAR` | any `Int8` … `Int64`, `UInt8` … `UInt64`; a value out of its range is an error |
//! | `FLOAT` | `Float32`, `Float64` |
//! | `DOUBLE` | `Float64` |
//! | `DECIMAL` | `Decimal128`, `Decimal256` with a scale of 0 or more; a digit that the scale would cut off is an error |
//! | `DATE` | `Date32` |
//! | `DATETIME` | `Timestamp(µs)` without a zone |
//! | `TIMESTAMP` | `Timestamp(µs)` with a zone; the answer's wall times are UTC's, whatever the zone's name |
//! | `TIME` | `Duration(µs)` |
//! | `CHAR`, `VARCHAR`, `TEXT` | `Utf8`, `LargeUtf8`, `Utf8View`, `Binary`, `LargeBinary`, `BinaryView` |
//! | `BINARY`, `VARBINARY`, `BLOB` | `Binary`, `LargeBinary`, `BinaryView` |
//! | `BIT` | `UInt64` |
//! | `ENUM` | `Dictionary(UInt16, Utf8)` |
//! | `SET`, `JSON` | `Utf8`, `LargeUtf8`, `Utf8View` |
//! | `VECTOR` | `List(Float32)` |
//!
//! Character sets: TiDB keeps the text of every character set but `binary` as UTF-8 (gbk and gb18030
//! are converted at its door, latin1 and ascii are UTF-8 by another name), so a text column is UTF-8
//! whatever its `CHARACTER SET`. TiDB checks that, but not for `latin1` and not under
//! `tidb_skip_utf8_check`: a value that isn't UTF-8 is an error that names column and row, and the
//! column can still be read as `LargeBinary`.

mod target;

use arrow_schema::{DataType, Field};

use crate::field_type::FieldType;

pub(crate) use target::{CellWidth, IntWidth, StringLayout, Target, resolve_columns};

/// What becomes of a date that no calendar has: a zero month or day, or a day its month lacks.
///
/// MySQL and TiDB store such dates under a lax `sql_mode`: `0000-00-00`, `2024-00-10`, `2024-02-31`. The
/// year 0 alone makes none of them: Arrow's calendar has one, and `0000-01-01` prints the same there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ZeroDate {
    /// It becomes NULL; the column must be nullable.
    #[default]
    Null,
    /// It is an error.
    Error,
}

/// Choices that hold for all columns of a decoder.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DecodeOptions {
    /// What becomes of dates that no calendar has.
    pub zero_date: ZeroDate,
}

/// One column of an answer: how its cells are encoded, and the Arrow type they become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputColumn {
    /// TiDB's type of the column or expression.
    pub field_type: FieldType,
    /// The Arrow type to produce.
    pub data_type: DataType,
    /// Whether the Arrow column may hold NULLs.
    pub nullable: bool,
}

impl OutputColumn {
    /// The column that becomes the Arrow field `field`.
    #[must_use]
    pub fn new(field_type: FieldType, field: &Field) -> Self {
        let (data_type, nullable) = (field.data_type().clone(), field.is_nullable());
        Self { field_type, data_type, nullable }
    }
}
