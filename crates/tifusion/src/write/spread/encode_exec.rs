//! The operator whose partitions are frames of edits.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result as DataFusionResult, internal_err};
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::metrics::MetricsSet;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties,
    ReplaceChildrenOptions,
};
use futures::{StreamExt as _, TryStreamExt as _, stream};

use super::failure::{told, told_if_ours};
use super::frame::{self, FrameEnd, Nonce};
use super::sent::SentWrite;
use crate::cluster::Cluster;
use crate::config::Config;
use crate::error::Result;
use crate::statement::StatementSnapshot;
use crate::write::edit::edit_schema;
use crate::write::encode_exec::TidbEncodeExec;
use crate::write::job::WriteJob;

/// Makes edits of rows as [`TidbEncodeExec`] does, in whatever process, and puts a frame around those of each partition.
/// Run twice it makes other ids.
#[derive(Debug, Clone)]
pub(crate) struct FramedEditsExec {
    sent: Arc<SentWrite>,
    job: Arc<WriteJob>,
    edits: Arc<TidbEncodeExec>,
}

impl FramedEditsExec {
    /// Encodes the rows of `input` for `job`, which is `sent`.
    ///
    /// # Errors
    /// When a column of the input is none for its column in the table.
    pub(super) fn new(
        sent: Arc<SentWrite>,
        job: Arc<WriteJob>,
        input: Arc<dyn ExecutionPlan>,
    ) -> Result<Self> {
        let edits = Arc::new(TidbEncodeExec::new(Arc::clone(&job), input)?);
        Ok(Self { sent, job, edits })
    }

    /// The operator of a write that has arrived.
    ///
    /// # Errors
    /// As [`SentWrite::job`] and [`TidbEncodeExec::new`].
    pub(crate) fn arrived(
        sent: SentWrite,
        cluster: &Arc<Cluster>,
        snapshot: Arc<StatementSnapshot>,
        config: &Config,
        input: Arc<dyn ExecutionPlan>,
    ) -> Result<Self> {
        let job = sent.job(cluster, snapshot, config)?;
        Self::new(Arc::new(sent), job, input)
    }

    /// What is sent of it.
    pub(crate) fn sent(&self) -> &SentWrite {
        &self.sent
    }

    /// What the statement reads.
    pub(crate) fn snapshot(&self) -> &StatementSnapshot {
        &self.job.snapshot
    }
}

impl DisplayAs for FramedEditsExec {
    fn fmt_as(&self, kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.edits.fmt_as(kind, f)
    }
}

impl ExecutionPlan for FramedEditsExec {
    fn name(&self) -> &'static str {
        "TidbEncodeExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.edits.properties()
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.edits.children()
    }

    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> DataFusionResult<TreeNodeRecursion>,
    ) -> DataFusionResult<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        match (children.pop(), children.is_empty()) {
            (Some(input), true) => {
                let (sent, job) = (Arc::clone(&self.sent), Arc::clone(&self.job));
                Ok(Arc::new(Self::new(sent, job, input).map_err(DataFusionError::from)?))
            }
            _ => internal_err!("an encoder of rows has one child"),
        }
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        self.replace_children(
            children,
            ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute),
        )
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> DataFusionResult<SendableRecordBatchStream> {
        let edits = self.edits.execute(partition, context)?;
        let nonce = Nonce::draw(self.job.target.cluster.client().clock().as_ref());
        let begin = frame::begin(&nonce).map_err(|error| told(&error));
        let count = Arc::new(AtomicU64::new(0));
        let counted = {
            let count = Arc::clone(&count);
            edits.map_err(told_if_ours).inspect_ok(move |batch| {
                count.fetch_add(batch.num_rows() as u64, Ordering::Relaxed);
            })
        };
        let end = stream::once(async move {
            let end = FrameEnd { nonce, edits: count.load(Ordering::Relaxed) };
            frame::end(&end).map_err(|error| told(&error))
        });
        let framed = stream::iter([begin]).chain(counted).chain(end);
        Ok(Box::pin(RecordBatchStreamAdapter::new(edit_schema(), framed)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        self.edits.metrics()
    }
}
