//! A TiKV-compatible cluster inside the process: PD, several stores and their coprocessors, served over real
//! gRPC sockets on loopback, so that a client talks to it exactly as to the real thing.
//!
//! What it is for: the quick start, examples and tests that need only Rust, and faults on request. What it is
//! not: replicated. All stores serve one set of data; a region's peers say only who may answer for it.

pub mod bootstrap;
mod cop;
mod engine;
mod fault;
mod mvcc;
mod pd;
mod store;
mod topology;
