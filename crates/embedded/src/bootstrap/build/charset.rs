//! Character sets and collations.

use super::super::error::{BootstrapError, Result};

/// A character set and one of its collations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Charset {
    pub(crate) charset: &'static str,
    pub(crate) collate: &'static str,
}

impl Charset {
    /// What columns without characters have.
    pub(crate) const BINARY: Self = Self { charset: "binary", collate: "binary" };
    /// What databases have when nothing is said.
    pub(crate) const DEFAULT: Self = Self { charset: "utf8mb4", collate: "utf8mb4_bin" };
}

/// The character sets and collations whose text is stored and compared here; the first collation of each
/// set is its default.
const KNOWN: [Charset; 11] = [
    Charset::BINARY,
    Charset::DEFAULT,
    Charset { charset: "utf8mb4", collate: "utf8mb4_general_ci" },
    Charset { charset: "utf8mb4", collate: "utf8mb4_unicode_ci" },
    Charset { charset: "utf8mb4", collate: "utf8mb4_0900_ai_ci" },
    Charset { charset: "utf8mb4", collate: "utf8mb4_0900_bin" },
    Charset { charset: "utf8", collate: "utf8_bin" },
    Charset { charset: "utf8", collate: "utf8_general_ci" },
    Charset { charset: "utf8", collate: "utf8_unicode_ci" },
    Charset { charset: "ascii", collate: "ascii_bin" },
    Charset { charset: "latin1", collate: "latin1_bin" },
];

/// The character set and collation of these names; `None` if neither is given.
///
/// # Errors
/// [`BootstrapError::Unsupported`] for names that are not known, [`BootstrapError::Invalid`] for a
/// collation of another set.
pub(crate) fn resolve(charset: Option<&str>, collate: Option<&str>) -> Result<Option<Charset>> {
    let charset = charset.map(|name| if name == "utf8mb3" { "utf8" } else { name });
    if let Some(name) = collate {
        let name = name.replacen("utf8mb3_", "utf8_", 1);
        let found = KNOWN.iter().find(|known| known.collate == name).copied();
        let found =
            found.ok_or_else(|| BootstrapError::Unsupported(format!("collation {name:?}")))?;
        if charset.is_some_and(|charset| charset != found.charset) {
            let charset = charset.unwrap_or_default();
            let text = format!("collation {name:?} is not one of character set {charset:?}");
            return Err(BootstrapError::Invalid(text));
        }
        return Ok(Some(found));
    }
    let Some(name) = charset else { return Ok(None) };
    let found = KNOWN.iter().find(|known| known.charset == name).copied();
    found.map(Some).ok_or_else(|| BootstrapError::Unsupported(format!("character set {name:?}")))
}
