//! Executors: the steps of a plan, each over the one below.

mod aggregate;
mod aggregation;
mod executor;
mod limit;
mod projection;
mod scan;
mod selection;
mod summary;
mod top_n;

pub(crate) use aggregation::Aggregator;
pub(crate) use executor::{Executor, MAX_BATCH, Progress, Scanned, Work};
pub(crate) use limit::Limit;
pub(crate) use projection::Projection;
pub(crate) use scan::{PairReader, Scan};
pub(crate) use selection::Selection;
pub(crate) use summary::Watched;
pub(crate) use top_n::{SortKey, TopN};
