//! What the stores evaluate in DataFusion's stead: expressions of DataFusion become expressions of
//! TiKV's coprocessor, without ever changing an answer.
//!
//! The [table](capabilities) says what may be pushed down, `lower` turns expressions into the stores'
//! and `filter` decides what becomes of the filters over a scan. Everything here is pure.

pub(crate) mod blacklist;
mod build;
mod capability;
mod date_range;
pub(crate) mod filter;
pub(crate) mod handles;
mod literal;
pub(crate) mod logical;
pub(crate) mod lower;
pub(crate) mod partial;
pub(crate) mod refusal;
pub(crate) mod scope;
pub(crate) mod sql_text;
mod table;
mod ty;

pub use capability::{Capability, Exactness, Kind};
pub use table::{aggregates, capabilities};

#[cfg(test)]
mod tests;
