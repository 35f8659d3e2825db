//! Comments whose content counts.

use super::super::error::{BootstrapError, Result};

/// Features of `/*T![feature] … */` that are known; TiDB skips those it doesn't know, which would be
/// silent here.
const FEATURES: [&str; 8] = [
    "auto_id_cache",
    "auto_rand",
    "auto_rand_base",
    "clustered_index",
    "global_index",
    "pre_split",
    "shard_row_id_bits",
    "force_inc",
];

/// The text with the content of `/*! … */`, `/*T! … */` and `/*T![feature] … */` in place of the
/// comment.
///
/// # Errors
/// [`BootstrapError::Unsupported`] for a feature that is not known.
pub(super) fn open_special(text: &str) -> Result<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut is_open = false;
    while let Some(c) = rest.chars().next() {
        let len = match c {
            '\'' | '"' | '`' => quoted_len(rest, c),
            '*' if is_open && rest.starts_with("*/") => {
                is_open = false;
                rest = rest.get(2..).unwrap_or_default();
                out.push(' ');
                continue;
            }
            '/' => match special_head(rest)? {
                Some(head) => {
                    is_open = true;
                    rest = rest.get(head..).unwrap_or_default();
                    out.push(' ');
                    continue;
                }
                None if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
                None => 1,
            },
            c => c.len_utf8(),
        };
        let (head, tail) = rest.split_at_checked(len).unwrap_or((rest, ""));
        out.push_str(head);
        rest = tail;
    }
    Ok(out)
}

/// Bytes of a string or name in quotes, to the end if it has none.
fn quoted_len(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        if escaped {
            escaped = false;
        } else if c == '\\' && quote != '`' {
            escaped = true;
        } else if c == quote {
            return at + 1;
        }
    }
    text.len()
}

/// Bytes of the head of a comment whose content counts.
fn special_head(text: &str) -> Result<Option<usize>> {
    if let Some(rest) = text.strip_prefix("/*T!") {
        let Some(rest) = rest.strip_prefix('[') else { return Ok(Some("/*T!".len())) };
        let Some((features, _)) = rest.split_once(']') else {
            return Err(BootstrapError::Syntax("a comment's feature without an end".to_owned()));
        };
        let unknown = features.split(',').find(|feature| !FEATURES.contains(feature));
        if let Some(feature) = unknown {
            return Err(BootstrapError::Unsupported(format!("feature {feature:?}")));
        }
        return Ok(Some("/*T![]".len() + features.len()));
    }
    let Some(rest) = text.strip_prefix("/*!") else { return Ok(None) };
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    Ok(Some("/*!".len() + digits))
}
