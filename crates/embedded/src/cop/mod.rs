//! The coprocessor: DAG requests over the rows of a snapshot.
//!
//! [`run`] answers one request for one region as TiKV does: the plan's executors pull batches of rows
//! from a scan, expressions are evaluated by MySQL's rules over values of their own (`NULL`, integers,
//! floats, decimals, texts, times, JSON, vectors), and what this cluster can't evaluate is refused by
//! name before a row is read.

mod collation;
mod context;
mod convert;
mod datum;
mod decimal;
mod encode;
mod error;
mod exec;
mod expr;
mod json;
mod order;
mod plan;
mod request;
mod scan;
mod types;
mod value;

pub(crate) use request::{CopContext, run};

#[cfg(test)]
mod tests;
