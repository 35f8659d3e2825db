//! A TiKV-compatible cluster inside the process: PD, several stores and their coprocessors, served over real
//! gRPC sockets on loopback, so that a client talks to it exactly as to the real thing.
//!
//! What it is for: the quick start, examples and tests that need only Rust, and faults on request. What it is
//! not: replicated. All stores serve one set of data; a region's peers only say who may answer for it.
//!
//! # A table and its rows
//!
//! ```
//! use std::sync::Arc;
//!
//! use arrow_array::{Int64Array, RecordBatch, StringArray};
//! use tifusion_embedded::EmbeddedCluster;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let cluster = EmbeddedCluster::builder().stores(3).start().await?;
//! cluster.execute("CREATE TABLE test.t (id BIGINT PRIMARY KEY, name VARCHAR(20), KEY (name))").await?;
//! let ids = Arc::new(Int64Array::from(vec![1, 2]));
//! let names = Arc::new(StringArray::from(vec![Some("one"), None]));
//! let batch = RecordBatch::try_from_iter_with_nullable([
//!     ("id", ids as _, false),
//!     ("name", names as _, true),
//! ])?;
//! cluster.load("test", "t", &batch).await?;
//! assert!(cluster.load("test", "t", &batch).await.is_err(), "the keys are there already");
//! println!("connect a client to PD at {:?}", cluster.pd_addresses());
//! cluster.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! # What it does
//!
//! | | |
//! |---|---|
//! | [`EmbeddedCluster::builder`] | stores, TiFlash stores, sizes of regions and buckets, a folder that survives a kill, TLS |
//! | [`EmbeddedCluster::execute`], [`EmbeddedCluster::load`] | databases and tables from MySQL's statements, rows from Arrow |
//! | ids without gaps | tables with `AUTO_ID_CACHE 1` have TiDB's auto id service, which PD's etcd names, on PD's address |
//! | [`EmbeddedCluster::split_at`], [`EmbeddedCluster::merge`], [`EmbeddedCluster::transfer_leader`], ... | regions change on request; they split by themselves when they grow, and all the time with [`EmbeddedClusterBuilder::churn`] |
//! | [`EmbeddedCluster::kill_store`], [`EmbeddedCluster::kill_pd`] | servers die, and come back |
//! | [`EmbeddedCluster::isolate_store`], [`EmbeddedClusterBuilder::advertise`] | stores that clients reach only through others, addresses that they do not reach |
//! | [`EmbeddedCluster::freeze_pd`] | PD tells regions as they were |
//! | [`EmbeddedCluster::verify`] | whether the data keeps the invariants of transactions |
//! | [`EmbeddedCluster::faults`] | what goes wrong: which calls ([`Rpc`], keys, stores), when ([`When`]), how ([`Effect`]) |
//! | [`bootstrap`] | the pairs of keys and values behind statements and rows, without a cluster |
//!
//! Transactions follow TiKV: locks, async and one-phase commits, pessimistic locks that wait, deadlocks, garbage
//! collection. The coprocessor runs DAG requests; an expression that it doesn't know is an error by name, never a
//! wrong answer.

pub mod bootstrap;
mod catalog;
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

pub use catalog::LoadError;
pub use cluster::{
    ClusterError, EmbeddedCluster, EmbeddedClusterBuilder, RegionInfo, ServerTls, ServerTlsError,
    Statements, StoreInfo, TlsVersions,
};
pub use fault::{Damage, Effect, Fault, FaultId, Faults, LeftLock, RegionErrorKind, Rpc, When};
pub use mvcc::Violation;
pub use topology::TopologyError;
