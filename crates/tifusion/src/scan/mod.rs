//! Reading a table: what to read is plain data ([`spec`]), how it is spread over DataFusion's
//! partitions a pure function ([`partition`]), the request to the stores ([`dag`]) and the answers'
//! way back ([`answer`], [`stream`]) the rest. [`exec`] is the plan node.

pub(crate) mod answer;
pub(crate) mod dag;
pub(crate) mod estimates;
pub(crate) mod exec;
pub(crate) mod memory;
pub(crate) mod metrics;
mod partial;
pub(crate) mod partition;
pub(crate) mod progress;
pub(crate) mod pushed;
pub(crate) mod reduce;
pub(crate) mod reduction;
pub(crate) mod spec;
pub(crate) mod stream;

#[cfg(test)]
pub(crate) mod tests;

pub use exec::{ScanRequest, TikvScanExec};
pub use progress::ScanProgress;
