//! How texts compare.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::error::CopError;

/// A collation that this cluster evaluates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Collation {
    /// Byte for byte; all that counts for `binary`.
    Binary,
    /// By code point, without padding: `utf8mb4_bin` before new collations, `utf8mb4_0900_bin`.
    BinNoPad,
    /// By code point, blanks at the end don't count: `utf8mb4_bin`, `latin1_bin`.
    BinPad,
}

impl Collation {
    /// The collation of a request's number: negative ones are of the new framework, all others compare
    /// by code point.
    ///
    /// # Errors
    /// [`CopError::Other`] for one that this cluster doesn't know.
    pub(crate) fn of(id: i32) -> Result<Self, CopError> {
        match id {
            63 | -63 | 47 => Ok(Self::Binary),
            0.. | -309 => Ok(Self::BinNoPad),
            -46 | -83 | -65 | -47 => Ok(Self::BinPad),
            other => Err(CopError::plan(format!(
                "Unsupported collation: {} ({other})",
                name(other).unwrap_or("unknown")
            ))),
        }
    }

    /// The bytes that compare as the texts do.
    pub(crate) fn sort_key(self, text: &[u8]) -> Cow<'_, [u8]> {
        Cow::Borrowed(match self {
            Self::Binary | Self::BinNoPad => text,
            Self::BinPad => trim_end(text),
        })
    }

    /// Which of two texts comes first.
    pub(crate) fn compare(self, left: &[u8], right: &[u8]) -> Ordering {
        self.sort_key(left).cmp(&self.sort_key(right))
    }
}

fn trim_end(text: &[u8]) -> &[u8] {
    let blanks = text.iter().rev().take_while(|byte| **byte == b' ').count();
    text.get(..text.len() - blanks).unwrap_or(text)
}

fn name(id: i32) -> Option<&'static str> {
    Some(match id {
        -33 => "utf8_general_ci",
        -45 => "utf8mb4_general_ci",
        -192 => "utf8_unicode_ci",
        -224 => "utf8mb4_unicode_ci",
        -255 => "utf8mb4_0900_ai_ci",
        -28 => "gbk_chinese_ci",
        -87 => "gbk_bin",
        -248 => "gb18030_chinese_ci",
        -249 => "gb18030_bin",
        _ => return None,
    })
}
