//! Parts of plans on their way between processes: what a plan codec needs of this crate.
//!
//! A statement over several machines is planned twice. The session that it is given to resolves its names, takes its
//! snapshot, checks the user's rights, and holds back garbage collection until the last row is there; what it sends is
//! the logical plan, with each table of TiDB ([`PlanCodec::encode_table`]) pinned to that snapshot. The scheduler
//! ([`sent_plans`]) looks the tables up at the snapshot, and makes the plan that runs, in which a scan is a
//! [`TikvTasksExec`]: what it reads stands apart, in rows of an input, so that a scheduler that has never heard of TiDB
//! can share them out. Executors get the scan with their rows ([`PlanCodec::encode_plan`]), and read regions with
//! a client of their own.
//!
//! A write is begun and committed by the session; where rows are encoded, and keys are prewritten, by executors, that is
//! [`WriteJobs`]' to run, and the session's configuration has [`WritesOnJobs`].
//!
//! The bytes begin with [`PlanCodec::MAGIC`] and a version; another version, another cluster, or what makes no sense is
//! an error that says so. No password and no key is in them: each process connects by its own configuration.

mod arrow_schema;
mod codec;
mod field_types;
mod little;
mod planner;
mod reduction;
mod scan;
mod segments;
mod sent_table;
mod source;
mod tasks_exec;
mod write;

use std::error::Error as StdError;

pub use codec::PlanCodec;
#[doc(hidden)]
pub use codec::check;
pub use little::plan_of_little;
pub use planner::{sent_plans, shared_out};
pub use tasks_exec::TikvTasksExec;

use crate::error::{Error, ErrorKind, Result};
pub use crate::write::{EditFiles, JobFile, WriteJobs, WritesOnJobs, error_of_job, error_of_task};

/// A size or a place, as messages have them.
fn wide(size: usize) -> u64 {
    u64::try_from(size).unwrap_or(u64::MAX)
}

/// The reverse.
fn size(wide: u64) -> Result<usize> {
    usize::try_from(wide).map_err(|_| malformed_part("size"))
}

/// A part that is missing or makes no sense.
fn malformed_part(what: &str) -> Error {
    Error::new(
        ErrorKind::Data,
        format!("a part of a plan of another process has a malformed {what}"),
    )
}

/// The same, with what is wrong with it.
fn malformed(what: &str, error: impl StdError + Send + Sync + 'static) -> Error {
    malformed_part(what).with_source(error)
}

#[cfg(test)]
mod tests;
