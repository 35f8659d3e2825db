//! The process that begins the transaction, and commits it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use datafusion::execution::TaskContext;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::{ExecutionPlan, Partitioning};
use futures::TryStreamExt as _;
use tifusion_client::txn::{KeySpan, Mutation};
use tifusion_codec::key::table_range;

use super::failure::{LOST, lost};
use super::files_exec::EditFilesExec;
use super::frame::Nonce;
use super::head::heads;
use super::jobs::{JobFile, WriteJobs};
use super::prewrite_exec::PrewriteExec;
use super::rows::{self, FrameFile, Written};
use super::sent::SentWrite;
use crate::error::{Error, ErrorKind, Result};
use crate::write::job::WriteJob;
use crate::write::rounds::WrittenRows;
use crate::write::run::{Prewrites, Writer};
use crate::write::statistics::RowChange;
use crate::write::txn_error::transaction_error;

/// How often it is looked whether executors are there.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);

/// How often in a row an executor may not be there.
const MOST_MISSED: u32 = 3;

/// One run of a write over several machines.
pub(super) struct Driver {
    pub(super) sent: Arc<SentWrite>,
    pub(super) job: Arc<WriteJob>,
    /// The first job.
    pub(super) edits: Arc<dyn ExecutionPlan>,
    pub(super) jobs: Arc<dyn WriteJobs>,
    pub(super) context: Arc<TaskContext>,
}

#[async_trait]
impl Prewrites for Driver {
    async fn prewrite(self, writer: &mut Writer<'_>) -> Result<()> {
        let files = self.jobs.run(Arc::clone(&self.edits), &self.context).await?;
        let client = self.job.target.cluster.client();
        // What the rows were read from must have been there, and this is said before anything is written.
        self.job.snapshot.check(client).await?;
        let files = each_once(files)?;
        let heads = heads(self.jobs.as_ref(), files, &self.context).await?;
        let Some(primary) = heads.iter().find_map(|head| head.first.clone()) else {
            writer.is_done_with(WrittenRows::default());
            return Ok(());
        };
        let frames: Vec<FrameFile> = heads.into_iter().map(|head| head.frame).collect();
        let second = self.second_job(&frames, &primary)?;
        let partitions = second.properties().output_partitioning().partition_count();
        let told = |error| transaction_error(&self.job.target, error);
        let transaction = writer.begin(&self.job).await?;
        transaction.prewrite(vec![primary]).await.map_err(told)?;
        transaction.expect(self.spans()).map_err(told)?;
        let results = tokio::select! {
            results = self.jobs.run(second, &self.context) => results?,
            gone = self.first_gone(&frames) => {
                let message = format!("{LOST} (nobody answers at {gone})");
                return Err(Error::new(ErrorKind::Unavailable, message));
            }
        };
        let written = self.read(each_once(results)?).await?;
        check(&written, partitions, &frames)?;
        let (parts, rows): (Vec<_>, Vec<_>) =
            written.into_iter().map(|written| (written.part, written.rows)).unzip();
        transaction.join(parts);
        let progress = transaction.progress();
        let (keys, bytes) = (progress.keys_prewritten(), progress.bytes_prewritten());
        self.job.progress.prewritten(keys, bytes);
        self.job.tell(false);
        writer.count(keys, bytes);
        writer.is_done_with(sum(rows));
        Ok(())
    }
}

impl Driver {
    /// Reads the frames, brings all edits of a key together, and prewrites them.
    fn second_job(
        &self,
        frames: &[FrameFile],
        primary: &Mutation,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let snapshot = Arc::clone(&self.job.snapshot);
        let files =
            EditFilesExec::new(Arc::clone(&self.jobs) as _, snapshot, rows::files_plan(frames)?);
        let partitions = self.context.session_config().target_partitions().max(1);
        let key = Arc::new(Column::new("key", 0));
        let by_key =
            RepartitionExec::try_new(Arc::new(files), Partitioning::Hash(vec![key], partitions))?;
        let (sent, job) = (Arc::clone(&self.sent), Arc::clone(&self.job));
        Ok(Arc::new(PrewriteExec::new(sent, job, primary.clone(), Arc::new(by_key))))
    }

    /// Where others may lock keys.
    fn spans(&self) -> Vec<KeySpan> {
        let ids = self.job.target.info.physical_ids();
        let span = |id| {
            let (first, last) = table_range(id);
            KeySpan { first, last }
        };
        ids.into_iter().map(span).collect()
    }

    /// An executor that has frames, and does not answer any more. With it are lost its frames, and what it has
    /// made of others: the job can't come to its end, whatever its scheduler still tries.
    async fn first_gone(&self, frames: &[FrameFile]) -> String {
        let mut executors: BTreeMap<&str, (&JobFile, u32)> = BTreeMap::new();
        for FrameFile { file, .. } in frames {
            executors.entry(&file.executor).or_insert((file, 0));
        }
        loop {
            tokio::time::sleep(LOOK_INTERVAL).await;
            for (file, missed) in executors.values_mut() {
                *missed = if self.jobs.is_there(file).await { 0 } else { *missed + 1 };
                if *missed >= MOST_MISSED {
                    return format!("{}:{}", file.host, file.port);
                }
            }
        }
    }

    /// What the partitions of the second job tell.
    async fn read(&self, results: Vec<JobFile>) -> Result<Vec<Written>> {
        let mut written = Vec::with_capacity(results.len());
        for file in results {
            let batches = self.jobs.open(&file, &self.context).await;
            let batches = batches.map_err(|error| lost(&error))?;
            let batches: Vec<_> = batches.try_collect().await.map_err(|error| lost(&error))?;
            written.extend(rows::written_of(&batches)?);
        }
        Ok(written)
    }
}

/// The files of a job's result, each partition of which must be there once.
///
/// # Errors
/// When one is missing, or there twice.
pub(super) fn each_once(files: Vec<JobFile>) -> Result<Vec<JobFile>> {
    let partitions: BTreeSet<usize> = files.iter().map(|file| file.partition).collect();
    let last = partitions.last().map_or(0, |last| last + 1);
    if partitions.len() == files.len() && last == files.len() {
        return Ok(files);
    }
    Err(Error::new(
        ErrorKind::Engine,
        format!(
            "a job has {} files for its {last} partitions: nothing was written, run the statement again",
            files.len()
        ),
    ))
}

/// Whether all that was encoded is prewritten, each frame's edits once.
///
/// # Errors
/// When it is not.
pub(super) fn check(written: &[Written], partitions: usize, frames: &[FrameFile]) -> Result<()> {
    let wrong = |what: String| {
        Err(Error::new(
            ErrorKind::Engine,
            format!("{what}: nothing was written, run the statement again"),
        ))
    };
    if written.len() != partitions {
        return wrong(format!("{} of {partitions} partitions were prewritten", written.len()));
    }
    let mut ended: Vec<&Nonce> =
        written.iter().flat_map(|it| &it.ends).map(|end| &end.nonce).collect();
    let mut expected: Vec<&Nonce> = frames.iter().map(|frame| &frame.nonce).collect();
    ended.sort_unstable();
    expected.sort_unstable();
    if ended != expected {
        let (ended, expected) = (ended.len(), expected.len());
        return wrong(format!(
            "{ended} frames of edits have ended, and not each of {expected} once"
        ));
    }
    let encoded: u64 = written.iter().flat_map(|it| &it.ends).map(|end| end.edits).sum();
    let merged: u64 = written.iter().map(|it| it.edits).sum();
    if encoded != merged {
        return wrong(format!("{encoded} edits were encoded, and {merged} merged"));
    }
    match written.iter().filter(|it| it.rows.has_left_out).count() {
        1 => Ok(()),
        count => wrong(format!("the transaction's primary was merged {count} times")),
    }
}

/// The rows of all partitions.
fn sum(parts: Vec<WrittenRows>) -> WrittenRows {
    let mut all = WrittenRows::default();
    for part in parts {
        all.count += part.count;
        all.keys += part.keys;
        for (table_id, RowChange { more, changed }) in part.changes.by_table() {
            all.changes.add(*table_id, RowChange { more: *more, changed: *changed });
        }
    }
    all
}
