//! Reads of TiFlash by batches: all regions of a store in one request.
//!
//! [`divide`] finds out who is asked for what; a [`BatchWorker`] carries one batch through.
//!
//! **No row comes twice.** The answers of a batch do not say which regions they are of, so that after the first one
//! that was handed on nothing of the batch can be asked for again. A worker therefore keeps the answers until the store
//! has said that they are whole, as long as they are not large. A batch that ends before that is asked for again, its
//! answers dropped. Once they are too large to be kept they are handed on as they come, and what goes wrong then is an
//! error of the read.

mod balance;
mod divide;
mod worker;

pub(super) use divide::{Division, divide};
pub(super) use worker::BatchWorker;
