//! Coprocessor reads: key ranges to tasks, tasks to requests, and their answers as one stream.
//!
//! Pure: the algebra of [`KeyRange`]s, the splitting into [`CopTask`]s. Around it a thin runtime: a
//! driver that begins tasks, a worker for each (or for a batch of regions), a gate that bounds what is under way, a
//! cache of answers, and [`CopStream`], which owns them all but the cache.

mod batch;
mod cache;
mod driver;
mod gate;
mod metrics;
mod range;
mod request;
mod stream;
mod task;
mod worker;

pub use cache::CopCache;
pub use metrics::CopMetrics;
pub use range::KeyRange;
pub use request::{CopRequest, CopResponse, MemoryGauge, TP_DAG};
pub use stream::CopStream;
pub use task::{CopTask, RANGES_PER_TASK, TaskShape, TaskSource, tasks_of_region};

#[cfg(test)]
mod tests;
