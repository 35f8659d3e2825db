//! Index entries.
//!
//! A key is `t{table id}_i{index id}` and the memory-comparable datums of the indexed values, text as
//! its sort key; behind them the handle, unless the index is unique and no value is `NULL`. What of the
//! values and of the handle the key does not tell is in the value, of which there are three forms; see
//! [`IndexValue`] (`tablecodec/tablecodec.go` of TiDB).

mod column;
mod key;
mod restored;
mod value;

pub use column::KeyColumn;
pub use key::{encode_common_handle, encode_index_key};
pub use restored::{restored_version0, restored_version1};
pub use value::{IndexValue, IndexValueForm};

#[cfg(test)]
mod tests;
