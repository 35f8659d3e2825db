//! Locks, versions and the transaction commands that change them, by TiKV's rules.
//!
//! Shared locks and pipelined transactions are refused; the rest of what a client of transactions can ask is here,
//! one method of [`Storage`] per command. Keys come and go raw, as the client sends them.

#![allow(dead_code, reason = "the store's service, the coprocessor and the bulk load call it")]

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

#[allow(unused_imports, reason = "the coprocessor and the store read through them")]
pub(crate) use {
    commands::WaitGuard,
    error::MvccError,
    invariants::Violation,
    reader::{ReadOptions, Reader},
    rows::{Blocked, Rows},
    storage::Storage,
};

#[cfg(test)]
mod tests;
