//! `CHAR`, `VARCHAR`, `TEXT`, and `BINARY`, `VARBINARY`, `BLOB`.

use std::borrow::Cow;

use super::error::Refusal;
use super::span_number;
use super::time::Wall;
use super::value::InputValue;
use crate::collation::trim_blanks;
use crate::duration;
use crate::field_type::{FieldType, tp};
use crate::time::Zone;

/// A column of text or bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct TextTarget {
    charset: Charset,
    form: Form,
    length: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Charset {
    Binary,
    Utf8mb4,
    /// At most three bytes a character.
    Utf8mb3,
    Ascii,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Trailing blanks go; a binary one is filled up with zero bytes.
    Char,
    Varchar,
    /// Its length counts bytes, whatever the character set.
    Blob,
}

impl TextTarget {
    pub(super) fn new(field_type: &FieldType) -> Result<Self, &'static str> {
        let charset = match field_type.charset.as_str() {
            "binary" => Charset::Binary,
            "utf8mb4" => Charset::Utf8mb4,
            "utf8" | "utf8mb3" => Charset::Utf8mb3,
            // TiDB takes latin1 for UTF-8 in some places and not in others; ASCII is the same in all.
            "ascii" | "latin1" => Charset::Ascii,
            _ => return Err("the character set is not known"),
        };
        let form = match field_type.tp {
            tp::STRING => Form::Char,
            tp::VARCHAR | tp::VAR_STRING => Form::Varchar,
            _ => Form::Blob,
        };
        Ok(Self { charset, form, length: usize::try_from(field_type.flen).ok() })
    }

    pub(super) fn convert<'a>(
        self,
        value: &InputValue<'a>,
        zone: Zone,
    ) -> Result<Cow<'a, [u8]>, Refusal> {
        let bytes = match value {
            InputValue::Bytes(bytes) => Cow::Borrowed(*bytes),
            InputValue::Text(text) => Cow::Borrowed(text.as_bytes()),
            other => Cow::Owned(to_text(other, zone)?.into_bytes()),
        };
        if self.charset == Charset::Binary {
            return self.binary(bytes);
        }
        self.check_charset(&bytes)?;
        let length = self.kept(&bytes)?;
        Ok(match bytes {
            Cow::Borrowed(bytes) => Cow::Borrowed(bytes.get(..length).unwrap_or(bytes)),
            Cow::Owned(mut bytes) => {
                bytes.truncate(length);
                Cow::Owned(bytes)
            }
        })
    }

    fn binary(self, bytes: Cow<'_, [u8]>) -> Result<Cow<'_, [u8]>, Refusal> {
        let Some(length) = self.length else { return Ok(bytes) };
        if bytes.len() > length {
            return Err(Refusal::TooLong);
        }
        if self.form != Form::Char || bytes.len() == length {
            return Ok(bytes);
        }
        let mut bytes = bytes.into_owned();
        bytes.resize(length, 0);
        Ok(Cow::Owned(bytes))
    }

    fn check_charset(self, bytes: &[u8]) -> Result<(), Refusal> {
        let is_known = match self.charset {
            Charset::Binary => true,
            Charset::Ascii => bytes.is_ascii(),
            Charset::Utf8mb4 => std::str::from_utf8(bytes).is_ok(),
            // Four bytes begin with 0xF0 or more.
            Charset::Utf8mb3 => {
                std::str::from_utf8(bytes).is_ok() && !bytes.iter().any(|byte| *byte >= 0xf0)
            }
        };
        if is_known { Ok(()) } else { Err(Refusal::InvalidText) }
    }

    /// Bytes of the text that stay: blanks beyond the column's length may go.
    fn kept(self, bytes: &[u8]) -> Result<usize, Refusal> {
        let limit = self.length.unwrap_or(usize::MAX);
        let mut kept = bytes;
        if self.form == Form::Blob && bytes.len() > limit {
            return Err(Refusal::TooLong);
        }
        if self.form != Form::Blob && bytes.len() > limit {
            let mut starts = bytes.iter().enumerate().filter(|(_, byte)| **byte & 0xc0 != 0x80);
            if let Some((end, _)) = starts.nth(limit) {
                let (start, surplus) = bytes.split_at_checked(end).unwrap_or((bytes, &[]));
                if !surplus.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')) {
                    return Err(Refusal::TooLong);
                }
                kept = start;
            }
        }
        Ok(if self.form == Form::Char { trim_blanks(kept).len() } else { kept.len() })
    }
}

/// The text that TiDB makes of a value which is none.
fn to_text(value: &InputValue<'_>, zone: Zone) -> Result<String, Refusal> {
    Ok(match value {
        InputValue::Int(value) => value.to_string(),
        InputValue::UInt(value) => value.to_string(),
        InputValue::Float32(value) if value.is_finite() => value.to_string(),
        InputValue::Float64(value) if value.is_finite() => value.to_string(),
        InputValue::Float32(_) | InputValue::Float64(_) => return Err(Refusal::OutOfRange),
        InputValue::Decimal(value) => value.to_string(),
        InputValue::Duration(moment) => {
            duration::to_text(span_number::nanos(*moment, moment.fsp)?, moment.fsp)
        }
        other => Wall::of(other, zone)?.ok_or(Refusal::Unsupported)?.time.to_string(),
    })
}
