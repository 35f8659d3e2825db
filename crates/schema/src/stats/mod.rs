//! Statistics of tables, as `ANALYZE` leaves them in `mysql.stats_*`, versions 1 and 2: what they are
//! made of, and how many rows ranges of keys have by them.
//!
//! Everything is compared by keys, memory-comparable datums, of columns and indexes alike: ranges of
//! keys are what a read is made of. What the tables hold of values becomes keys in [`value_key`]
//! (bounds of buckets are text there).
//!
//! [`TableStatistics::estimate`] is the way in. It never fails: without statistics, or with such that
//! contradict themselves, it guesses and says so ([`Origin`]).

mod cm_sketch;
mod distribution;
mod estimate;
mod histogram;
mod murmur3;
mod pseudo;
mod scale;
mod span;
mod table_statistics;
mod top_values;
mod unusable;
pub mod value_key;

pub use cm_sketch::CmSketch;
pub use distribution::{Distribution, StatsVersion, Summary, Values};
pub use estimate::{Estimate, HistogramId, Origin, WhyPseudo};
pub use histogram::{Bucket, Histogram, MOST_BUCKETS};
pub use pseudo::PSEUDO_ROWS;
pub use scale::Scale;
pub use table_statistics::{KeyRange, TableStatistics};
pub use top_values::{MOST_TOP_VALUES, TopValues};
pub use unusable::Unusable;
