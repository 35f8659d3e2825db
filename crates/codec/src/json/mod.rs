//! TiDB's binary JSON as text.
//!
//! A value is a type byte and a body, little-endian (`types/json_binary.go` of TiDB):
//!
//! * object: `u32` count, `u32` size of the whole body, per key `u32` offset and `u16` length, per
//!   value a type byte and `u32` offset, then the keys and values; array: the same without keys.
//!   Offsets count from the body's start; a literal stands in place of its offset;
//! * literal: one byte; integers and doubles: eight bytes; string: variable length count, then UTF-8;
//! * opaque: a MySQL type code, then as a string; times: the core bits of [`crate::time`]; duration:
//!   `i64` nanoseconds and `u32` fraction digits.
//!
//! [`write_text`] prints what `BinaryJSON.String` of TiDB prints. Hostile bytes can't make it loop,
//! recurse or write without end: depth is bounded, and so is the text, by a multiple of the body.

mod encode;
mod node;
mod text;

pub use encode::from_text;
pub use node::take_value;
pub use text::{write_cell_text, write_text};

/// Type bytes of JSON values.
pub mod tp {
    /// Object.
    pub const OBJECT: u8 = 0x01;
    /// Array.
    pub const ARRAY: u8 = 0x03;
    /// `null`, `true` or `false`.
    pub const LITERAL: u8 = 0x04;
    /// Signed integer.
    pub const I64: u8 = 0x09;
    /// Unsigned integer.
    pub const U64: u8 = 0x0a;
    /// Double.
    pub const DOUBLE: u8 = 0x0b;
    /// String.
    pub const STRING: u8 = 0x0c;
    /// Bytes with a MySQL type code.
    pub const OPAQUE: u8 = 0x0d;
    /// `DATE`.
    pub const DATE: u8 = 0x0e;
    /// `DATETIME`.
    pub const DATETIME: u8 = 0x0f;
    /// `TIMESTAMP`.
    pub const TIMESTAMP: u8 = 0x10;
    /// `TIME`.
    pub const DURATION: u8 = 0x11;
}

/// Deepest nesting that is read. TiDB refuses documents deeper than 100 at its door.
pub const MAX_DEPTH: usize = 256;

/// Checks that a type byte and body are one value, down to its last part.
///
/// # Errors
/// As [`take_value`] and [`write_text`].
pub fn check_value(tp: u8, body: &[u8]) -> crate::Result<()> {
    let len = node::body_len(tp, body)?;
    if len != body.len() {
        let reason = format!("a value of {len} bytes in {}", body.len());
        return Err(crate::Error::malformed(node::WHAT, reason));
    }
    write_text(&mut String::new(), tp, body)
}

#[cfg(test)]
mod tests;
