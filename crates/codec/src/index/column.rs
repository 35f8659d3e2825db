//! A column of an index or of a clustered primary key.

use std::borrow::Cow;

use crate::collation::{Collation, trim_blanks};
use crate::datum::{self, Datum};
use crate::error::{Error, Result};
use crate::field_type::{FieldType, tp};
use crate::row::{decimal_size, wrong_kind};

const WHAT: &str = "index key";

/// How the values of a column get into keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyColumn {
    /// The column's id.
    pub id: i64,
    field_type: FieldType,
    /// Characters (bytes, if binary or ASCII) that the key holds; `None` for all.
    prefix: Option<usize>,
    collation: Collation,
    needs_restoring: bool,
}

impl KeyColumn {
    /// A column of which keys hold the first `prefix` characters, or all if `None`, in a cluster with
    /// or without the new collations.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a type that no key can hold, or a collation whose keys this version
    /// can't make.
    pub fn new(
        id: i64,
        field_type: &FieldType,
        prefix: Option<u64>,
        new_collation: bool,
    ) -> Result<Self> {
        let is_known = match field_type.tp {
            tp::TINY | tp::SHORT | tp::INT24 | tp::LONG | tp::LONG_LONG | tp::YEAR => true,
            tp::FLOAT | tp::DOUBLE | tp::NEW_DECIMAL | tp::BIT | tp::ENUM | tp::SET => true,
            tp::DATE | tp::DATETIME | tp::TIMESTAMP | tp::DURATION => true,
            _ => field_type.is_string(),
        };
        if !is_known {
            return Err(Error::unsupported(WHAT, format!("type {}", field_type.name())));
        }
        if field_type.is_string()
            && !matches!(
                field_type.charset.as_str(),
                "utf8mb4" | "utf8" | "utf8mb3" | "ascii" | "latin1" | "binary"
            )
        {
            let name = format!("character set {:?}", field_type.charset);
            return Err(Error::unsupported(WHAT, name));
        }
        let prefix = prefix.map(usize::try_from).transpose().map_err(|_| Error::OutOfRange {
            what: WHAT,
            value: "the length of a prefix".to_owned(),
            target: "memory".to_owned(),
        })?;
        let collation = Collation::of(field_type, new_collation)?;
        let needs_restoring = new_collation && needs_restoring(field_type);
        Ok(Self { id, field_type: field_type.clone(), prefix, collation, needs_restoring })
    }

    /// The column's type.
    #[must_use]
    pub fn field_type(&self) -> &FieldType {
        &self.field_type
    }

    /// Characters of the prefix that keys hold, `None` if they hold all.
    #[must_use]
    pub fn prefix(&self) -> Option<usize> {
        self.prefix
    }

    /// Whether a value can't be made of its key, so that index values and rows must hold it too:
    /// text whose key is weights, and `VARCHAR` whose trailing blanks the key lacks
    /// (`NeedRestoredData` of TiDB).
    #[must_use]
    pub fn needs_restoring(&self) -> bool {
        self.needs_restoring
    }

    /// How text becomes what keys hold of it.
    #[must_use]
    pub fn collation(&self) -> Collation {
        self.collation
    }

    /// Whether what the key lacks of a value is its trailing blanks at most.
    #[must_use]
    pub fn lacks_only_blanks(&self) -> bool {
        self.collation.is_binary()
    }

    /// The part of a value that keys hold.
    #[must_use]
    pub fn cut<'a>(&self, value: &'a Datum<'_>) -> Datum<'a> {
        cut(&self.field_type, self.prefix, value)
    }

    /// As [`KeyColumn::cut`], for the longer of this column's prefix and another's of the same column
    /// (`TryTruncateRestoredData` of TiDB).
    #[must_use]
    pub fn cut_to_longer<'a>(&self, other: &Self, value: &'a Datum<'_>) -> Datum<'a> {
        let prefix = self.prefix.and_then(|own| other.prefix.map(|other| own.max(other)));
        cut(&self.field_type, prefix, value)
    }

    /// Appends the datum of a value, cut before, as keys have it.
    ///
    /// # Errors
    /// [`Error::Malformed`] for another kind of value than the column has, [`Error::OutOfRange`] for a
    /// decimal that doesn't fit. `out` may have grown by a part of the datum then.
    pub fn encode(&self, out: &mut Vec<u8>, value: &Datum<'_>) -> Result<()> {
        match (self.field_type.tp, value) {
            (_, Datum::Null) => {}
            (tp::TINY | tp::SHORT | tp::INT24 | tp::LONG | tp::LONG_LONG, Datum::Int(_))
                if !self.field_type.is_unsigned() => {}
            (tp::TINY | tp::SHORT | tp::INT24 | tp::LONG | tp::LONG_LONG, Datum::UInt(_))
                if self.field_type.is_unsigned() => {}
            (tp::YEAR, Datum::Int(_))
            | (tp::FLOAT | tp::DOUBLE, Datum::Float(_))
            | (
                tp::DATE | tp::DATETIME | tp::TIMESTAMP | tp::BIT | tp::ENUM | tp::SET,
                Datum::UInt(_),
            )
            | (tp::DURATION, Datum::Duration(_)) => {}
            (tp::NEW_DECIMAL, Datum::Decimal(value)) => {
                let (precision, scale) = decimal_size(&self.field_type)?;
                return datum::encode_decimal(out, value, precision, scale);
            }
            (_, Datum::Bytes(text)) if self.field_type.is_string() => {
                let key = match self.collation {
                    Collation::Binary => Cow::Borrowed(text.as_ref()),
                    Collation::PaddedBinary => Cow::Borrowed(trim_blanks(text)),
                    collation => {
                        let mut key = Vec::with_capacity(text.len() * 2);
                        collation.sort_key(&mut key, text)?;
                        Cow::Owned(key)
                    }
                };
                return datum::encode_key(out, &Datum::Bytes(key));
            }
            _ => return Err(wrong_kind(&self.field_type, value)),
        }
        datum::encode_key(out, value)
    }
}

/// `NeedRestoredData` of TiDB under the new collations.
fn needs_restoring(field_type: &FieldType) -> bool {
    let collate = field_type.collate.as_str();
    let is_bin =
        matches!(collate, "ascii_bin" | "latin1_bin" | "utf8_bin" | "utf8mb4_bin" | "binary");
    field_type.is_string()
        && collate != "binary"
        && collate != "utf8mb4_0900_bin"
        && (!is_bin || matches!(field_type.tp, tp::VARCHAR | tp::VAR_STRING))
}

fn cut<'a>(field_type: &FieldType, prefix: Option<usize>, value: &'a Datum<'_>) -> Datum<'a> {
    let Datum::Bytes(text) = value else { return borrowed(value) };
    let Some(prefix) = prefix else { return borrowed(value) };
    let by_bytes = matches!(field_type.charset.as_str(), "binary" | "ascii");
    let end = if by_bytes {
        prefix.min(text.len())
    } else {
        // Where the character after the prefix starts; continuation bytes are 10xxxxxx.
        let mut starts = text.iter().enumerate().filter(|(_, byte)| **byte & 0xc0 != 0x80);
        starts.nth(prefix).map_or(text.len(), |(at, _)| at)
    };
    Datum::Bytes(Cow::Borrowed(text.get(..end).unwrap_or(text)))
}

fn borrowed<'a>(value: &'a Datum<'_>) -> Datum<'a> {
    match value {
        Datum::Bytes(bytes) => Datum::Bytes(Cow::Borrowed(bytes)),
        Datum::Json(tp, body) => Datum::Json(*tp, Cow::Borrowed(body)),
        Datum::VectorFloat32(bytes) => Datum::VectorFloat32(Cow::Borrowed(bytes)),
        Datum::Null => Datum::Null,
        Datum::Int(value) => Datum::Int(*value),
        Datum::UInt(value) => Datum::UInt(*value),
        Datum::Float(value) => Datum::Float(*value),
        Datum::Decimal(value) => Datum::Decimal(*value),
        Datum::Duration(value) => Datum::Duration(*value),
        Datum::MinNotNull => Datum::MinNotNull,
        Datum::Max => Datum::Max,
    }
}
