//! A TiKV-compatible cluster inside the process: PD, several stores and their coprocessors, served over real
//! gRPC sockets on loopback, so that a client talks to it exactly as to the real thing.
//!
//! What it is for: the quick start, examples and tests that need only Rust, and faults on request. What it is
//! not: replicated. All stores serve one set of data; a region's peers say only who may answer for it.

pub mod bootstrap;
mod cluster;
mod cop;
mod engine;
mod fault;
mod gc;
mod mvcc;
mod net;
mod oracle;
mod pd;
mod state;
mod store;
mod topology;

pub use cluster::{
    ClusterError, EmbeddedCluster, EmbeddedClusterBuilder, RegionInfo, ServerTls, StoreInfo,
};
pub use fault::{Effect, Fault, FaultId, Faults, LeftLock, RegionErrorKind, Rpc, When};
pub use topology::TopologyError;
