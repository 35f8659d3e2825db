//! Which partition a row belongs to, and which partitions the rows that a filter leaves are in.

mod crc32;
mod error;
mod expression;
mod image;
mod node;
mod parse;
mod prune;
mod router;

pub use error::PartitionError;
pub use expression::PartitionExpr;
pub use prune::PartitionPruner;
pub use router::PartitionRouter;

#[cfg(test)]
mod prune_tests;
#[cfg(test)]
mod tests;
