//! Tables from MySQL's `CREATE TABLE` text, written as TiDB writes its metadata, and rows loaded into them.
//!
//! [`Bootstrap`] keeps what the metadata says in memory and turns statements and rows into pairs of keys
//! and values, which a store takes in as committed at once. It does no I/O.
//!
//! | module | subject |
//! |---|---|
//! | `sql` | text to statements |
//! | `build` | statements to descriptions of tables |
//! | `json` | descriptions to what TiDB keeps |
//! | `ids` | the greatest ids handed out |
//! | `convert`, `arrow` | literals and Arrow arrays to values |
//! | `load` | rows to pairs |
//! | `catalog` | the state of it all |

mod arrow;
mod build;
mod catalog;
mod convert;
mod error;
mod ids;
mod json;
mod load;
mod sql;
mod stored;

pub use catalog::{Bootstrap, BootstrapOptions};
pub use error::BootstrapError;
pub use load::Pair;

#[cfg(test)]
mod tests;
