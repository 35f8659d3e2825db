//! Locks, versions and the transaction commands that change them, by TiKV's rules.
//!
//! Shared locks and pipelined transactions are refused; the rest of what a client of transactions can ask is here,
//! one method of [`Storage`] per command. Keys come and go raw, as the client sends them.

mod commands;
mod concurrency;
mod deadlock;
mod error;
mod invariants;
mod key;
mod lock;
mod reader;
mod rows;
mod scan;
mod storage;
mod txn;
mod versions;
mod write;

pub use invariants::Violation;
pub(crate) use {
    commands::Ingest,
    error::MvccError,
    reader::{ReadOptions, Reader},
    rows::{Blocked, Rows},
    storage::Storage,
};

#[cfg(test)]
mod tests;
