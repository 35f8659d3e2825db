//! The operator that reads frames of edits.

use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result as DataFusionResult, internal_err};
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan,
    ExecutionPlanProperties as _, Partitioning, PlanProperties, ReplaceChildrenOptions,
};
use futures::{TryStreamExt as _, stream};

use super::failure::{lost, told};
use super::frame::{self, FrameReader};
use super::jobs::EditFiles;
use super::rows::{self, FrameFile};
use crate::error::Result;
use crate::statement::StatementSnapshot;
use crate::write::edit::edit_schema;

/// Reads the frames that its input names. Edits come as they are, each frame's end behind them: whoever merges
/// them counts.
///
/// A frame that can't be read, or is another one, is an error that nobody tries to mend: made anew it would hold
/// other ids.
#[derive(Debug, Clone)]
pub(crate) struct EditFilesExec {
    files: Arc<dyn EditFiles>,
    snapshot: Arc<StatementSnapshot>,
    input: Arc<dyn ExecutionPlan>,
    properties: Arc<PlanProperties>,
}

impl EditFilesExec {
    /// Reads those that `input` names, by `files`.
    pub(crate) fn new(
        files: Arc<dyn EditFiles>,
        snapshot: Arc<StatementSnapshot>,
        input: Arc<dyn ExecutionPlan>,
    ) -> Self {
        let properties = Arc::new(PlanProperties::new(
            EquivalenceProperties::new(edit_schema()),
            Partitioning::UnknownPartitioning(input.output_partitioning().partition_count()),
            input.pipeline_behavior(),
            input.boundedness(),
        ));
        Self { files, snapshot, input, properties }
    }

    /// What the statement reads.
    pub(crate) fn snapshot(&self) -> &StatementSnapshot {
        &self.snapshot
    }
}

/// A frame that is being read.
struct Reading {
    batches: SendableRecordBatchStream,
    /// Until the frame has ended.
    reader: Option<FrameReader>,
}

impl Reading {
    async fn open(
        files: &dyn EditFiles,
        FrameFile { file, nonce }: FrameFile,
        context: &TaskContext,
    ) -> Result<Self> {
        let batches = files.open(&file, context).await.map_err(|error| lost(&error))?;
        Ok(Self { batches, reader: Some(FrameReader::new(nonce)) })
    }

    /// The next edits; behind the last ones the frame's end.
    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        let Some(reader) = &mut self.reader else { return Ok(None) };
        if let Some(batch) = self.batches.try_next().await.map_err(|error| lost(&error))? {
            return reader.read(batch).map(Some);
        }
        match self.reader.take() {
            Some(reader) => frame::end(&reader.finish()?).map(Some),
            None => Ok(None),
        }
    }
}

impl DisplayAs for EditFilesExec {
    fn fmt_as(&self, _kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TidbEditFilesExec: files={}", self.input.output_partitioning().partition_count())
    }
}

impl ExecutionPlan for EditFilesExec {
    fn name(&self) -> &'static str {
        "TidbEditFilesExec"
    }

    fn schema(&self) -> SchemaRef {
        edit_schema()
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
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
                let (files, snapshot) = (Arc::clone(&self.files), Arc::clone(&self.snapshot));
                Ok(Arc::new(Self::new(files, snapshot, input)))
            }
            _ => internal_err!("files of edits are named by one child"),
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
        let named = self.input.execute(partition, Arc::clone(&context))?;
        let files = Arc::clone(&self.files);
        let edits = stream::once(async move {
            let named: Vec<RecordBatch> = named.try_collect().await?;
            let named = rows::files_of(&named).map_err(|error| told(&error))?;
            let named = named.into_iter().map(Ok::<_, DataFusionError>);
            Ok::<_, DataFusionError>(stream::iter(named))
        });
        let edits = edits.try_flatten().and_then(move |file| {
            let (files, context) = (Arc::clone(&files), Arc::clone(&context));
            async move {
                let reading = Reading::open(files.as_ref(), file, &context).await;
                let reading = reading.map_err(|error| told(&error))?;
                Ok(stream::try_unfold(reading, async |mut reading| {
                    let next = reading.next().await.map_err(|error| told(&error))?;
                    Ok(next.map(|batch| (batch, reading)))
                }))
            }
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(edit_schema(), edits.try_flatten())))
    }
}
