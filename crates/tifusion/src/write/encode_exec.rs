//! The operator that makes edits of rows.

use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result as DataFusionResult, internal_err};
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricBuilder, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan,
    ExecutionPlanProperties as _, Partitioning, PlanProperties, ReplaceChildrenOptions,
};
use futures::{TryStreamExt as _, stream};

use super::command::WriteKind;
use super::edit::{EditBatches, edit_schema};
use super::insert::InsertEncoder;
use super::job::WriteJob;
use super::update::{DeleteEncoder, UpdateEncoder};
use crate::error::{Error, ErrorKind, Result};

/// Makes of each row what changes in the store: its record and the entries of its indexes. The edits have
/// the order of the rows; [`TidbWriteExec`](super::TidbWriteExec) sorts them by their keys.
#[derive(Debug, Clone)]
pub struct TidbEncodeExec {
    job: Arc<WriteJob>,
    input: Arc<dyn ExecutionPlan>,
    encoder: Arc<Encoder>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

/// The way from rows to edits.
#[derive(Debug)]
enum Encoder {
    Insert(InsertEncoder),
    Update(UpdateEncoder),
    Delete(DeleteEncoder),
}

impl Encoder {
    fn new(job: &WriteJob, schema: &SchemaRef) -> Result<Self> {
        Ok(match &job.kind {
            WriteKind::Insert { columns, on_duplicate } => {
                Self::Insert(InsertEncoder::new(job, schema, columns, *on_duplicate)?)
            }
            WriteKind::Update { columns } => {
                Self::Update(UpdateEncoder::new(job, schema, columns)?)
            }
            WriteKind::Delete => Self::Delete(DeleteEncoder::new(job, schema)?),
            WriteKind::Statement(statement) => {
                let message = format!("{} is for TiDB to run, and has no rows", statement.what);
                return Err(Error::new(ErrorKind::Engine, message));
            }
        })
    }

    async fn encode(&self, job: &WriteJob, batch: &RecordBatch) -> Result<EditBatches> {
        match self {
            Self::Insert(encoder) => encoder.encode(job, batch).await,
            Self::Update(encoder) => encoder.encode(job, batch).await,
            Self::Delete(encoder) => encoder.encode(job, batch).await,
        }
    }
}

impl TidbEncodeExec {
    /// Encodes the rows of `input` for `job`.
    ///
    /// # Errors
    /// When a column of the input is none for its column in the table.
    pub(super) fn new(job: Arc<WriteJob>, input: Arc<dyn ExecutionPlan>) -> Result<Self> {
        let encoder = Arc::new(Encoder::new(&job, &input.schema())?);
        Ok(Self::with_encoder(job, input, encoder))
    }

    fn with_encoder(
        job: Arc<WriteJob>,
        input: Arc<dyn ExecutionPlan>,
        encoder: Arc<Encoder>,
    ) -> Self {
        let properties = Arc::new(PlanProperties::new(
            EquivalenceProperties::new(edit_schema()),
            Partitioning::UnknownPartitioning(input.output_partitioning().partition_count()),
            input.pipeline_behavior(),
            input.boundedness(),
        ));
        Self { job, input, encoder, properties, metrics: ExecutionPlanMetricsSet::new() }
    }
}

impl DisplayAs for TidbEncodeExec {
    fn fmt_as(&self, kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let indexes = self.job.target.info.indices.len();
        match kind {
            DisplayFormatType::Default | DisplayFormatType::Verbose => {
                write!(f, "TidbEncodeExec: table={}, indexes={indexes}", self.job.target.label())
            }
            DisplayFormatType::TreeRender => writeln!(f, "table={}", self.job.target.label()),
        }
    }
}

impl ExecutionPlan for TidbEncodeExec {
    fn name(&self) -> &'static str {
        "TidbEncodeExec"
    }

    fn schema(&self) -> SchemaRef {
        edit_schema()
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
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
                let (job, encoder) = (Arc::clone(&self.job), Arc::clone(&self.encoder));
                Ok(Arc::new(Self::with_encoder(job, input, encoder)))
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
        let rows = self.input.execute(partition, context)?;
        let (job, encoder) = (Arc::clone(&self.job), Arc::clone(&self.encoder));
        let encoded = MetricBuilder::new(&self.metrics).counter("rows_encoded", partition);
        let batches = rows.and_then(move |batch| {
            let (job, encoder, encoded) = (Arc::clone(&job), Arc::clone(&encoder), encoded.clone());
            async move {
                let edits = encoder.encode(&job, &batch).await.map_err(DataFusionError::from)?;
                encoded.add(batch.num_rows());
                job.progress.encoded(batch.num_rows());
                job.tell(false);
                let batches = edits.finish().map_err(DataFusionError::from)?;
                for edits in &batches {
                    job.see(edits).map_err(DataFusionError::from)?;
                }
                Ok(stream::iter(batches.into_iter().map(Ok)))
            }
        });
        let edits = RecordBatchStreamAdapter::new(edit_schema(), batches.try_flatten());
        Ok(Box::pin(edits))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}
