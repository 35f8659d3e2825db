//! Rows as TiDB keeps them in record values, format version 2.
//!
//! A version byte `128`, a flag byte (1: large, 2: a checksum follows), two little-endian `u16`
//! counts of columns with a value and of columns that are `NULL`, the ids of the first, ascending,
//! then those of the second, the ends of the values, and the values (`util/rowcodec` of TiDB). Ids
//! take a byte each and ends two; in a large row, one with an id above 255 or with more than 65535
//! bytes of values, four each.
//!
//! A column that is missing has its default; see the schema's `origin_default`.
//!
//! Writing is strict: a value that is not one the column's type can hold is refused, never bent.
//! Rows of the first format are datums in pairs, see [`decode_old_row`]; they are read, never written.

mod builder;
mod old;
mod reader;
mod stored;
mod value;

pub use builder::RowBuilder;
pub use old::{decode_old_row, is_old_row, old_value};
pub use reader::{Cell, RowReader};
pub use stored::check_stored;
pub(crate) use value::{decimal_size, wrong_kind};
pub use value::{decode_value, encode_value};

/// First byte of a row of this format. Rows of the first format start with a datum's flag.
pub const VERSION: u8 = 128;

const FLAG_LARGE: u8 = 1;
const FLAG_CHECKSUM: u8 = 2;
const WHAT: &str = "row";

#[cfg(test)]
mod tests;
