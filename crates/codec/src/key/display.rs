//! Keys for people.

use std::fmt::Write;

use super::{Handle, KeyHead, decode_head, meta};

/// Bytes of a key that are shown in hexadecimal; of a longer key the rest is counted.
const SHOWN: usize = 48;

/// A key for an error message: `t45_r-12`, `t45_i1_03800000…`, `mDBs:DB:1`; other keys and the parts
/// that are no numbers in hexadecimal, `(empty)` for the empty key.
#[must_use]
pub fn display_key(key: &[u8]) -> String {
    if key.is_empty() {
        return "(empty)".to_owned();
    }
    table_key(key).or_else(|| meta::display(key)).unwrap_or_else(|| {
        let mut out = String::new();
        push_hex(&mut out, key);
        out
    })
}

fn table_key(key: &[u8]) -> Option<String> {
    let mut rest = key;
    let mut out = String::new();
    // Writing to a string can't fail.
    match decode_head(&mut rest) {
        Ok(KeyHead::Record { table_id }) => {
            let _ = write!(out, "t{table_id}_r");
            match Handle::decode(rest) {
                Ok(Handle::Int(value)) => {
                    let _ = write!(out, "{value}");
                }
                _ => push_hex(&mut out, rest),
            }
        }
        Ok(KeyHead::Index { table_id, index_id }) => {
            let _ = write!(out, "t{table_id}_i{index_id}_");
            push_hex(&mut out, rest);
        }
        Err(_) => {
            let (b't', id) = key.split_first()? else { return None };
            let id = <[u8; 8]>::try_from(id).ok()?;
            let table_id = crate::number::decode_i64(&mut id.as_slice()).ok()?;
            let _ = write!(out, "t{table_id}");
        }
    }
    Some(out)
}

fn push_hex(out: &mut String, bytes: &[u8]) {
    for byte in bytes.iter().take(SHOWN) {
        let _ = write!(out, "{byte:02x}");
    }
    if let Some(more) = bytes.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        let _ = write!(out, "… ({more} bytes more)");
    }
}
