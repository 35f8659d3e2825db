//! Writing to tables of TiDB: by two-phase commit straight into its stores, as a whole or not at all.
//!
//! ```text
//! rows ─► encode (values cast and checked as TiDB does, defaults, ids, old rows) ─► edits of single keys
//!      ─► sort by key, which spills ─► merge (one mutation a key, duplicates found) ─► prewrite
//!      ─► the tables are still what they were, as of the commit's own timestamp ─► commit
//! ```
//!
//! What a statement wants is a [`command`]; [`node`] carries it through the logical plan, [`plan`] makes
//! the operators. The way over several machines is [`spread`], that through TiDB's SQL port [`sql`]. Before anything is written, [`refuse`] and
//! [`TableEncoder`](tifusion_schema::TableEncoder) turn down whatever this version does not know to the last
//! detail. Old rows are read from their records, not from what queries show of them: their keys must be
//! those in the store.

mod command;
mod commit_exec;
mod counter;
mod default_expr;
mod edit;
mod encode_exec;
mod existing;
mod first_rows_exec;
mod guard;
mod id_service;
mod ids;
mod input_column;
mod insert;
mod job;
mod last_rows_exec;
mod merge;
mod node;
mod options;
mod order;
mod plan;
mod pre_split;
mod refuse;
mod rights;
mod rounds;
mod row_keys_exec;
mod run;
mod sample;
mod sort;
mod source;
mod spread;
mod sql;
mod statistics;
mod target;
mod tispark;
mod txn_error;
mod update;

pub(crate) use command::{OnDuplicate, SqlStatement, WriteKind};
pub use commit_exec::TidbWriteExec;
pub use encode_exec::TidbEncodeExec;
pub(crate) use node::{PlannedWrite, TableWrite, TidbWrite};
pub(crate) use options::WriteOptions;
pub use options::WriteProgress;
pub(crate) use plan::{PlannedBefore, WritePlanner, write_plan};
pub(crate) use refuse::{HINT as SQL_MODE_HINT, check_enabled, check_present};
pub(crate) use rights::check_write;
pub(crate) use source::plan_by_snapshot;
pub use spread::{
    EditFiles, JobFile, TidbSpreadWriteExec, WriteJobs, WritesOnJobs, error_of_job, error_of_task,
};
pub(crate) use spread::{
    EditFilesExec, FramedEditsExec, PrewriteExec, SentKind, SentWrite, spread_plan, told_if_ours,
};
pub use sql::TidbSqlWriteExec;
pub(crate) use target::{RowKeyColumn, WriteTarget, WrittenTable};
pub(crate) use tispark::set as set_tispark_option;
