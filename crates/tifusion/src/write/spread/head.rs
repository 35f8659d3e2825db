//! What the driver looks at of the frames before anything is written: their nonces, and the first mutation.

use datafusion::error::DataFusionError;
use datafusion::execution::TaskContext;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use tifusion_client::txn::Mutation;

use super::failure::lost;
use super::frame::{Nonce, Sifted, sift};
use super::jobs::{EditFiles, JobFile};
use super::rows::FrameFile;
use crate::error::{Error, ErrorKind, Result};
use crate::write::edit::EditReader;
use crate::write::merge::Merger;

/// Frames that are opened at once.
const AT_ONCE: usize = 16;

/// The beginning of a frame.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) frame: FrameFile,
    /// What its first row does to the first key that it changes; `None` for a frame without edits.
    ///
    /// That is what all rows together do to that key. A new row's first edit is its record, which none but it may have;
    /// a row that is taken away, or changed within its key, has its record for its first edit, or its first
    /// two: others have another record. Whoever merges the edits sees to it.
    pub(super) first: Option<Mutation>,
}

/// The beginnings of all frames, in the order of the files.
///
/// # Errors
/// When one can't be read; nothing was written then.
pub(super) async fn heads(
    files: &dyn EditFiles,
    of_job: Vec<JobFile>,
    context: &TaskContext,
) -> Result<Vec<Head>> {
    stream::iter(of_job)
        .map(|file| head(files, file, context))
        .buffered(AT_ONCE)
        .try_collect()
        .await
}

async fn head(files: &dyn EditFiles, file: JobFile, context: &TaskContext) -> Result<Head> {
    let mut batches = files.open(&file, context).await.map_err(|error| lost(&error))?;
    let mut nonce: Option<Nonce> = None;
    let mut found: Vec<arrow::array::RecordBatch> = Vec::new();
    let mut rows = 0;
    while rows < 2
        && let Some(batch) = batches.try_next().await.map_err(|error| lost(&error))?
    {
        let Sifted { edits, begins, ends } = sift(batch)?;
        nonce = nonce.or_else(|| begins.into_iter().next().map(|(nonce, _)| nonce));
        rows += edits.num_rows();
        found.push(edits);
        if !ends.is_empty() {
            break;
        }
    }
    let nonce = nonce.ok_or_else(|| {
        Error::new(ErrorKind::Engine, "a file of edits has no beginning: nothing was written")
    })?;
    let first = match found.first() {
        None => None,
        Some(batch) => {
            let schema = batch.schema();
            let all = arrow::compute::concat_batches(&schema, &found);
            first_mutation(&EditReader::new(&all.map_err(DataFusionError::from)?)?)?
        }
    };
    Ok(Head { frame: FrameFile { file, nonce }, first })
}

/// What the first edits do to the key of the first.
pub(super) fn first_mutation(edits: &EditReader) -> Result<Option<Mutation>> {
    let mut merger = Merger::default();
    let unmerged = |_| Error::new(ErrorKind::Engine, "the first edits of a frame do not merge");
    for at in 0..edits.len().min(2) {
        let edit = edits.edit(at)?;
        if edits.key(0) == Some(edit.key) {
            merger.push(edit).map_err(unmerged)?;
        }
    }
    Ok(merger.finish().map_err(unmerged)?.map(|merged| merged.mutation))
}
