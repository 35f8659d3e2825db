//! Apache DataFusion SQL directly on TiDB's storage.
//!
//! ```text
//! SQL -> sql (names, SHOW, USE) -> DataFusion's planner <- catalog <- meta: TiDB's metadata
//!          |                                                            |
//!          v                                                            v
//!     planner: one timestamp, one schema version per execution      client: PD, TiKV
//!          |                                                            ^
//!          v                                                            |
//!     TidbTable -> TikvScanExec: region tasks -> coprocessor answers ---+
//!                      |
//!                      v
//!                  codec: answers to RecordBatches -> DataFusion
//! ```
//!
//! [`TidbContext::connect`] is the way in:
//!
//! ```no_run
//! use std::collections::HashMap;
//! use tifusion::TidbContext;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let config = HashMap::from([("pd.addresses".to_owned(), "127.0.0.1:2379".to_owned())]);
//! let ctx = TidbContext::connect(config).await?;
//! ctx.session_context().register_parquet("visits", "visits.parquet", Default::default()).await?;
//! let sql = "SELECT c.name, count(*) FROM tidb.shop.customers c
//!            JOIN datafusion.public.visits v ON v.customer = c.id GROUP BY c.name";
//! ctx.sql(sql).await?.show().await?;
//! # Ok(())
//! # }
//! ```

mod access;
mod allowance;
mod auth;
mod catalog;
mod cluster;
pub mod config;
mod context;
pub mod display;
pub mod distribute;
pub mod doctor;
pub mod error;
mod functions;
mod keep;
mod meta;
pub mod metrics;
mod optimizer;
mod planned;
mod planner;
mod prepared;
pub mod pushdown;
mod reading;
mod rights_check;
mod scan;
mod schema_changer;
mod session;
mod snapshot_check;
mod sql;
mod sql_port;
mod statement;
mod stats;
mod table;
#[cfg(test)]
mod testing;
mod variables;
mod write;
mod writer;

pub use auth::{AccessDenied, Privilege};
pub use catalog::TidbCatalog;
pub use context::TidbContext;
pub use error::{Error, ErrorKind, Result, RetrySafety};
pub use planned::PlannedStatement;
pub use prepared::PreparedQuery;
pub use scan::{ScanProgress, ScanRequest, TikvScanExec};
pub use schema_changer::SchemaChanger;
pub use sql::Statement;
pub use statement::StatementSnapshot;
pub use stats::AnalyzedTable;
pub use table::{ROW_ID_COLUMN, TidbTable};
pub use tifusion_client::Timestamp;
pub use tifusion_schema::stats as statistics;
pub use write::{TidbEncodeExec, TidbSpreadWriteExec, TidbSqlWriteExec, TidbWriteExec};
pub use writer::{TableWriter, WriteProgress, WriteSummary};
