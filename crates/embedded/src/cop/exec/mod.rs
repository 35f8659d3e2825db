//! Executors: the steps of a plan, each over the one below.

mod executor;
mod limit;
mod projection;
mod scan;
mod selection;
mod summary;

pub(crate) use executor::{Executor, MAX_BATCH, Progress, Work};
pub(crate) use limit::Limit;
pub(crate) use projection::Projection;
pub(crate) use scan::{PairReader, Scan};
pub(crate) use selection::Selection;
pub(crate) use summary::Watched;
