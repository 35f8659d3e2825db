//! MySQL column types as TiDB's metadata and protocol name them.
//!
//! The numbers are MySQL's own (`mysql/type.go` of TiDB, `FieldTypeTp` of TiKV).

use std::fmt;

/// MySQL type codes.
pub mod tp {
    /// `DECIMAL` of MySQL before 5.0; never stored.
    pub const UNSPECIFIED: u8 = 0;
    /// `TINYINT`, `BOOL`.
    pub const TINY: u8 = 1;
    /// `SMALLINT`.
    pub const SHORT: u8 = 2;
    /// `INT`.
    pub const LONG: u8 = 3;
    /// `FLOAT`.
    pub const FLOAT: u8 = 4;
    /// `DOUBLE`.
    pub const DOUBLE: u8 = 5;
    /// The type of `NULL`.
    pub const NULL: u8 = 6;
    /// `TIMESTAMP`.
    pub const TIMESTAMP: u8 = 7;
    /// `BIGINT`.
    pub const LONG_LONG: u8 = 8;
    /// `MEDIUMINT`.
    pub const INT24: u8 = 9;
    /// `DATE`.
    pub const DATE: u8 = 10;
    /// `TIME`.
    pub const DURATION: u8 = 11;
    /// `DATETIME`.
    pub const DATETIME: u8 = 12;
    /// `YEAR`.
    pub const YEAR: u8 = 13;
    /// Internal date type of MySQL; never stored.
    pub const NEW_DATE: u8 = 14;
    /// `VARCHAR`, `VARBINARY`.
    pub const VARCHAR: u8 = 15;
    /// `BIT`.
    pub const BIT: u8 = 16;
    /// `JSON`.
    pub const JSON: u8 = 0xf5;
    /// `DECIMAL`.
    pub const NEW_DECIMAL: u8 = 0xf6;
    /// `ENUM`.
    pub const ENUM: u8 = 0xf7;
    /// `SET`.
    pub const SET: u8 = 0xf8;
    /// `TINYTEXT`, `TINYBLOB`.
    pub const TINY_BLOB: u8 = 0xf9;
    /// `MEDIUMTEXT`, `MEDIUMBLOB`.
    pub const MEDIUM_BLOB: u8 = 0xfa;
    /// `LONGTEXT`, `LONGBLOB`.
    pub const LONG_BLOB: u8 = 0xfb;
    /// `TEXT`, `BLOB`.
    pub const BLOB: u8 = 0xfc;
    /// `VARCHAR` as an expression's type.
    pub const VAR_STRING: u8 = 0xfd;
    /// `CHAR`, `BINARY`.
    pub const STRING: u8 = 0xfe;
    /// `GEOMETRY`.
    pub const GEOMETRY: u8 = 0xff;
    /// `VECTOR` of TiDB.
    pub const TIDB_VECTOR_FLOAT32: u8 = 0xe1;
}

/// MySQL column flags (bits of [`FieldType::flag`]).
pub mod flag {
    /// `NOT NULL`.
    pub const NOT_NULL: u32 = 1;
    /// Part of the primary key.
    pub const PRI_KEY: u32 = 1 << 1;
    /// Part of a unique key.
    pub const UNIQUE_KEY: u32 = 1 << 2;
    /// Part of a non-unique key.
    pub const MULTIPLE_KEY: u32 = 1 << 3;
    /// A `BLOB` or `TEXT`.
    pub const BLOB: u32 = 1 << 4;
    /// `UNSIGNED`.
    pub const UNSIGNED: u32 = 1 << 5;
    /// `ZEROFILL`.
    pub const ZEROFILL: u32 = 1 << 6;
    /// Binary character set.
    pub const BINARY: u32 = 1 << 7;
    /// An `ENUM`.
    pub const ENUM: u32 = 1 << 8;
    /// `AUTO_INCREMENT`.
    pub const AUTO_INCREMENT: u32 = 1 << 9;
    /// A `TIMESTAMP`.
    pub const TIMESTAMP: u32 = 1 << 10;
    /// A `SET`.
    pub const SET: u32 = 1 << 11;
    /// `NOT NULL` without a default.
    pub const NO_DEFAULT_VALUE: u32 = 1 << 12;
    /// `ON UPDATE CURRENT_TIMESTAMP`.
    pub const ON_UPDATE_NOW: u32 = 1 << 13;
    /// A schema change is making it `NOT NULL`: no new `NULL` may come.
    pub const PREVENT_NULL_INSERT: u32 = 1 << 20;
}

/// The type of a column or of an expression's value.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FieldType {
    /// MySQL type code, one of [`tp`].
    pub tp: u8,
    /// Column flags, bits of [`flag`].
    pub flag: u32,
    /// Display length: characters of a string, digits of a decimal, bits of a `BIT`; -1 unspecified.
    pub flen: i64,
    /// Digits after the point: scale of a decimal, fractional seconds of a time; -1 unspecified.
    pub decimal: i64,
    /// Character set by name, empty for none.
    pub charset: String,
    /// Collation by name, empty for none.
    pub collate: String,
    /// Members of an `ENUM` or `SET`.
    pub elems: Vec<String>,
}

impl FieldType {
    /// A type with nothing but its code and flags set.
    #[must_use]
    pub fn new(tp: u8, flag: u32) -> Self {
        Self { tp, flag, flen: -1, decimal: -1, ..Self::default() }
    }

    /// Whether the type is `UNSIGNED`.
    #[must_use]
    pub fn is_unsigned(&self) -> bool {
        self.flag & flag::UNSIGNED != 0
    }

    /// Whether `NULL` is not allowed.
    #[must_use]
    pub fn is_not_null(&self) -> bool {
        self.flag & flag::NOT_NULL != 0
    }

    /// Whether this is a string or blob type of the binary character set.
    #[must_use]
    pub fn is_binary_string(&self) -> bool {
        is_string_tp(self.tp) && self.charset == "binary"
    }

    /// Whether this is a `CHAR`, `VARCHAR`, `TEXT`, `BINARY` or `BLOB` type.
    #[must_use]
    pub fn is_string(&self) -> bool {
        is_string_tp(self.tp)
    }

    /// Whether this is `TINYINT`, `SMALLINT`, `MEDIUMINT`, `INT` or `BIGINT`.
    #[must_use]
    pub fn is_integer(&self) -> bool {
        matches!(self.tp, tp::TINY | tp::SHORT | tp::INT24 | tp::LONG | tp::LONG_LONG)
    }

    /// The name that the type is declared by, which for strings depends on the character set.
    fn declared_name(&self) -> &'static str {
        match (self.tp, self.is_binary_string()) {
            (tp::STRING, true) => "binary",
            (tp::VARCHAR | tp::VAR_STRING, true) => "varbinary",
            (tp::TINY_BLOB, false) => "tinytext",
            (tp::BLOB, false) => "text",
            (tp::MEDIUM_BLOB, false) => "mediumtext",
            (tp::LONG_BLOB, false) => "longtext",
            (code, _) => type_name(code),
        }
    }

    /// The type's MySQL name in lower case, without lengths.
    #[must_use]
    pub fn name(&self) -> &'static str {
        type_name(self.tp)
    }
}

impl fmt::Display for FieldType {
    /// The type as it is declared, in lower case and without its members: `decimal(10,2) unsigned`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.declared_name())?;
        match (self.tp, self.flen, self.decimal) {
            // Of these the numbers are widths to show, or always the same.
            (tp::TINY | tp::SHORT | tp::INT24 | tp::LONG | tp::LONG_LONG | tp::YEAR, ..)
            | (tp::DATE | tp::ENUM | tp::SET | tp::JSON, ..)
            | (tp::TINY_BLOB | tp::BLOB | tp::MEDIUM_BLOB | tp::LONG_BLOB, ..) => {}
            (tp::DATETIME | tp::TIMESTAMP | tp::DURATION, _, ..=0) => {}
            (tp::DATETIME | tp::TIMESTAMP | tp::DURATION, _, fsp) => write!(f, "({fsp})")?,
            (_, ..0, _) => {}
            (tp::NEW_DECIMAL | tp::FLOAT | tp::DOUBLE, length, scale @ 0..) => {
                write!(f, "({length},{scale})")?;
            }
            (tp::FLOAT | tp::DOUBLE, ..) => {}
            (_, length, _) => write!(f, "({length})")?,
        }
        if self.is_unsigned() {
            f.write_str(" unsigned")?;
        }
        Ok(())
    }
}

fn is_string_tp(code: u8) -> bool {
    matches!(
        code,
        tp::VARCHAR
            | tp::VAR_STRING
            | tp::STRING
            | tp::TINY_BLOB
            | tp::BLOB
            | tp::MEDIUM_BLOB
            | tp::LONG_BLOB
    )
}

/// The MySQL name of a type code, `"unknown"` for codes this version doesn't know.
#[must_use]
pub fn type_name(code: u8) -> &'static str {
    match code {
        tp::TINY => "tinyint",
        tp::SHORT => "smallint",
        tp::INT24 => "mediumint",
        tp::LONG => "int",
        tp::LONG_LONG => "bigint",
        tp::FLOAT => "float",
        tp::DOUBLE => "double",
        tp::NULL => "null",
        tp::TIMESTAMP => "timestamp",
        tp::DATE | tp::NEW_DATE => "date",
        tp::DURATION => "time",
        tp::DATETIME => "datetime",
        tp::YEAR => "year",
        tp::VARCHAR | tp::VAR_STRING => "varchar",
        tp::STRING => "char",
        tp::BIT => "bit",
        tp::JSON => "json",
        tp::NEW_DECIMAL => "decimal",
        tp::ENUM => "enum",
        tp::SET => "set",
        tp::TINY_BLOB => "tinyblob",
        tp::BLOB => "blob",
        tp::MEDIUM_BLOB => "mediumblob",
        tp::LONG_BLOB => "longblob",
        tp::GEOMETRY => "geometry",
        tp::TIDB_VECTOR_FLOAT32 => "vector",
        _ => "unknown",
    }
}
