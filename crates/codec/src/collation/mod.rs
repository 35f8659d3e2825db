//! Sort keys of text: what index keys hold in place of text under TiDB's new collations, so that they
//! compare by bytes as the text does by its collation (`util/collate` of TiDB).
//!
//! Without the new collations, and for bytes, the text is its own key.

mod weights;

use crate::error::{Error, Result};
use crate::field_type::FieldType;

/// The weight of every character above U+FFFF where only those below have weights.
const BEYOND_PLANE_0: u16 = 0xfffd;

/// How text becomes a sort key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Collation {
    /// `binary`, `utf8mb4_0900_bin`, and every collation of a cluster without the new ones: the bytes.
    Binary,
    /// `utf8mb4_bin`, `utf8_bin`, `ascii_bin`, `latin1_bin`: the bytes without trailing blanks.
    PaddedBinary,
    /// `utf8mb4_general_ci`, `utf8_general_ci`: one weight of two bytes for each character.
    GeneralCi,
    /// `utf8mb4_unicode_ci`, `utf8_unicode_ci`: the weights of Unicode 4.0.
    UnicodeCi,
    /// `utf8mb4_0900_ai_ci`: the weights of Unicode 9.0, blanks count.
    Unicode0900AiCi,
}

impl Collation {
    /// The collation of this name under the new collations.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a name whose keys this version can't make.
    pub fn by_name(name: &str) -> Result<Self> {
        match name {
            "binary" | "utf8mb4_0900_bin" => Ok(Self::Binary),
            "utf8mb4_bin" | "utf8_bin" | "ascii_bin" | "latin1_bin" => Ok(Self::PaddedBinary),
            "utf8mb4_general_ci" | "utf8_general_ci" => Ok(Self::GeneralCi),
            "utf8mb4_unicode_ci" | "utf8_unicode_ci" => Ok(Self::UnicodeCi),
            "utf8mb4_0900_ai_ci" => Ok(Self::Unicode0900AiCi),
            other => Err(Error::unsupported("sort key", format!("collation {other:?}"))),
        }
    }

    /// The collation that keys of a column go by; [`Collation::Binary`] if it is no text.
    ///
    /// # Errors
    /// As [`Collation::by_name`].
    pub fn of(field_type: &FieldType, new_collation: bool) -> Result<Self> {
        if !new_collation || !field_type.is_string() {
            return Ok(Self::Binary);
        }
        Self::by_name(&field_type.collate)
    }

    /// Appends the sort key of `text`.
    ///
    /// # Errors
    /// [`Error::Malformed`] when the text is not UTF-8 and its key goes by characters.
    pub fn sort_key(self, out: &mut Vec<u8>, text: &[u8]) -> Result<()> {
        match self {
            Self::Binary => out.extend_from_slice(text),
            Self::PaddedBinary => out.extend_from_slice(trim_blanks(text)),
            Self::GeneralCi | Self::UnicodeCi => {
                utf8(trim_blanks(text))?.chars().for_each(|c| self.push_weights(out, c));
            }
            Self::Unicode0900AiCi => utf8(text)?.chars().for_each(|c| self.push_weights(out, c)),
        }
        Ok(())
    }

    /// Appends the weights of a character, two bytes each; its UTF-8 for a binary collation.
    pub fn push_weights(self, out: &mut Vec<u8>, c: char) {
        let code = u32::from(c);
        match self {
            Self::Binary | Self::PaddedBinary => {
                out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            }
            Self::GeneralCi | Self::UnicodeCi if code > 0xffff => {
                weights::push_weight(out, BEYOND_PLANE_0);
            }
            Self::GeneralCi => weights::GENERAL_CI.push(out, code),
            Self::UnicodeCi => weights::UCA_0400.push(out, code),
            Self::Unicode0900AiCi if code >= weights::UCA_0900_END => {
                weights::push_implicit(out, weights::IMPLICIT_BASE, code);
            }
            Self::Unicode0900AiCi => weights::UCA_0900.push(out, code),
        }
    }

    /// Whether text is its own key, but for trailing blanks (`IsBinCollation` of TiDB).
    #[must_use]
    pub fn is_binary(self) -> bool {
        matches!(self, Self::Binary | Self::PaddedBinary)
    }
}

/// Text without the blanks at its end.
pub(crate) fn trim_blanks(text: &[u8]) -> &[u8] {
    let blanks = text.iter().rev().take_while(|byte| **byte == b' ').count();
    text.get(..text.len() - blanks).unwrap_or_default()
}

fn utf8(text: &[u8]) -> Result<&str> {
    std::str::from_utf8(text).map_err(|_| Error::malformed("sort key", "the text is not UTF-8"))
}

#[cfg(test)]
mod tests;
