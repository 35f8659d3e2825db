//! Writes over several machines: one transaction, whose rows are encoded and whose keys are prewritten by many, and
//! which one process begins and commits, the *driver*: the session that the statement was given to.
//!
//! ```text
//! first job    rows ─► edits, ids included ─► frames in files of the executors      nothing is written yet
//! driver       looks at each frame's beginning; prewrites the primary, and keeps it alive
//! second job   frames ─► by key ─► sorted, merged ─► prewritten ─► what each partition has done
//! driver       compares that with the frames; the tables are what they were at commit_ts; commits the primary
//! ```
//!
//! Ids are not the same when rows are encoded twice, and of two prewrites of a key a store keeps the first. So what is
//! prewritten must be the same however often a task runs. That is why there are two jobs: whoever carries out
//! jobs runs tasks again whose results are lost, but only those of the same job. The second one has the frames'
//! files for its leaves, and nothing to make them anew from: a file that is lost is an error, which ends the job,
//! and the driver rolls back. Each frame has a *nonce*, drawn when it was made; the driver has read it, and a reader
//! refuses another one.
//!
//! The driver commits if each frame has come to its end in exactly one partition, all its edits were merged,
//! the primary was among them and is what the driver took it for, and all that was merged is prewritten. Whoever else
//! still runs a part of it then can only prewrite what is committed already, which stores take for done.

mod driver;
mod encode_exec;
mod exec;
mod failure;
mod files_exec;
mod frame;
mod head;
mod jobs;
mod plan;
mod prewrite_exec;
mod rows;
mod sent;

pub(crate) use encode_exec::FramedEditsExec;
pub use exec::TidbSpreadWriteExec;
pub(crate) use failure::told_if_ours;
pub use failure::{error_of_job, error_of_task};
pub(crate) use files_exec::EditFilesExec;
pub use jobs::{EditFiles, JobFile, WriteJobs, WritesOnJobs};
pub(crate) use plan::spread_plan;
pub(crate) use prewrite_exec::PrewriteExec;
pub(crate) use sent::{SentKind, SentWrite};

#[cfg(test)]
mod tests;
