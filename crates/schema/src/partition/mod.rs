//! Which partition a row belongs to.

mod crc32;
mod error;
mod expression;
mod node;
mod parse;
mod router;

pub use error::PartitionError;
pub use expression::PartitionExpr;
pub use router::PartitionRouter;

#[cfg(test)]
mod tests;
