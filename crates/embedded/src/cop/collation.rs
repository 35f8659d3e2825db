//! How texts compare.

use std::borrow::Cow;
use std::cmp::Ordering;

use tifusion_codec::collation as codec;

use super::error::{CopError, EvalError};

/// A collation that this cluster evaluates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Collation {
    /// Byte for byte, in patterns too: `binary`.
    Binary,
    /// By the weights of characters. Without new collations, and in `utf8mb4_0900_bin`, these are the
    /// code points.
    Weights(codec::Collation),
}

impl Collation {
    /// The collation of a request's number: negative ones are of the new framework, all others compare
    /// by code point.
    ///
    /// # Errors
    /// [`CopError::Other`] for one that this cluster doesn't know.
    pub(crate) fn of(id: i32) -> Result<Self, CopError> {
        Ok(Self::Weights(match id {
            63 | -63 | 47 => return Ok(Self::Binary),
            0.. | -309 => codec::Collation::Binary,
            -46 | -83 | -65 | -47 => codec::Collation::PaddedBinary,
            -33 | -45 => codec::Collation::GeneralCi,
            -192 | -224 => codec::Collation::UnicodeCi,
            -255 => codec::Collation::Unicode0900AiCi,
            other => {
                return Err(CopError::plan(format!(
                    "Unsupported collation: {} ({other})",
                    name(other).unwrap_or("unknown")
                )));
            }
        }))
    }

    /// The bytes that compare as the texts do.
    ///
    /// # Errors
    /// For bytes that are no text, where characters have weights.
    pub(crate) fn sort_key(self, text: &[u8]) -> Result<Cow<'_, [u8]>, EvalError> {
        match self {
            Self::Binary | Self::Weights(codec::Collation::Binary) => Ok(Cow::Borrowed(text)),
            Self::Weights(codec::Collation::PaddedBinary) => Ok(Cow::Borrowed(trim_end(text))),
            Self::Weights(collation) => {
                let mut key = Vec::with_capacity(text.len() * 2);
                collation.sort_key(&mut key, text)?;
                Ok(Cow::Owned(key))
            }
        }
    }

    /// Which of two texts comes first.
    ///
    /// # Errors
    /// As [`Collation::sort_key`].
    pub(crate) fn compare(self, left: &[u8], right: &[u8]) -> Result<Ordering, EvalError> {
        Ok(self.sort_key(left)?.cmp(&self.sort_key(right)?))
    }

    /// Whether letters of both cases have one weight.
    pub(crate) fn ignores_case(self) -> bool {
        matches!(self, Self::Weights(collation) if !collation.is_binary())
    }

    /// Whether two characters of a pattern and a text are the same; bytes that are none are when equal.
    pub(crate) fn same_character(self, left: &[u8], right: &[u8]) -> bool {
        if left == right {
            return true;
        }
        let Self::Weights(collation) = self else { return false };
        if collation.is_binary() {
            return false;
        }
        let weights = |bytes: &[u8]| {
            let character = std::str::from_utf8(bytes).ok()?.chars().next()?;
            let mut weights = Vec::new();
            collation.push_weights(&mut weights, character);
            Some(weights)
        };
        weights(left).zip(weights(right)).is_some_and(|(left, right)| left == right)
    }
}

fn trim_end(text: &[u8]) -> &[u8] {
    let blanks = text.iter().rev().take_while(|byte| **byte == b' ').count();
    text.get(..text.len() - blanks).unwrap_or(text)
}

fn name(id: i32) -> Option<&'static str> {
    Some(match id {
        -28 => "gbk_chinese_ci",
        -87 => "gbk_bin",
        -248 => "gb18030_chinese_ci",
        -249 => "gb18030_bin",
        _ => return None,
    })
}
