//! Reading a table: what to read is plain data ([`spec`]), how it is spread over DataFusion's
//! partitions a pure function ([`partition`]), the request to the stores ([`dag`]) and the answers'
//! way back ([`answer`], [`stream`]) the rest. Rows are read by their keys, or through indexes, whose
//! entries ([`entries`]) hold the columns or tell the rows ([`lookup`]). [`exec`] is the plan node. What
//! other operators find out while it runs narrows it further ([`dynamic`]), or has it take another way
//! ([`other_ways`]). One that a plan has more than once is read once ([`shared`]).

pub(crate) mod answer;
pub(crate) mod dag;
pub(crate) mod dynamic;
mod effort;
pub(crate) mod entries;
pub(crate) mod estimates;
pub(crate) mod exec;
pub(crate) mod expected;
mod first_rows;
pub(crate) mod keys;
mod lookup;
pub(crate) mod memory;
pub(crate) mod metrics;
pub(crate) mod order;
pub(crate) mod other_ways;
mod partial;
pub(crate) mod partition;
pub(crate) mod progress;
pub(crate) mod pushed;
pub(crate) mod read;
pub(crate) mod reduce;
pub(crate) mod reduction;
pub(crate) mod sent;
pub(crate) mod shared;
pub(crate) mod spec;
pub(crate) mod sql;
pub(crate) mod stream;

#[cfg(test)]
pub(crate) mod tests;

pub use exec::{ScanRequest, TikvScanExec};
pub use progress::ScanProgress;
