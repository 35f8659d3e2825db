//! The other way of writing: statements to TiDB's SQL port, in one transaction there.
//!
//! For tables that this version does not know to the last detail: TiDB computes generated columns, keeps foreign
//! keys and checks, and fills every kind of index itself. Rows of a query are cast and checked as in the first way,
//! and sent as `INSERT`s of many rows; `UPDATE` and `DELETE` are sent as they were written, so that one engine
//! decides which rows they change.

mod exec;
mod job;
mod literal;
mod rows;
mod run;

pub use exec::TidbSqlWriteExec;
pub(super) use exec::plan;
