//! The operator that prewrites edits of a transaction of another process.

use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result as DataFusionResult, internal_err};
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::{
    Count, ExecutionPlanMetricsSet, MetricBuilder, MetricsSet,
};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan,
    ExecutionPlanProperties as _, Partitioning, PlanProperties, ReplaceChildrenOptions,
};
use futures::{StreamExt as _, stream};
use parking_lot::Mutex;
use tifusion_client::txn::{Mutation, Part};

use super::failure::{lost, told};
use super::frame::{FrameEnd, Sifted, sift};
use super::rows::{self, Written};
use super::sent::SentWrite;
use crate::cluster::Cluster;
use crate::config::Config;
use crate::error::{Error, ErrorKind, Result};
use crate::statement::StatementSnapshot;
use crate::write::edit::edit_schema;
use crate::write::job::WriteJob;
use crate::write::rounds::RoundMaker;
use crate::write::run::options_of;
use crate::write::sort::SortRoom;
use crate::write::txn_error::transaction_error;

/// Sorts the edits of each partition by their keys, merges them, and prewrites them. All edits of a key must be in one
/// partition. A row for each partition tells what it has done.
///
/// Run again, a partition prewrites the same mutations: they depend on its edits alone, not on their order.
#[derive(Debug, Clone)]
pub(crate) struct PrewriteExec {
    sent: Arc<SentWrite>,
    job: Arc<WriteJob>,
    /// It is prewritten already.
    primary: Mutation,
    input: Arc<dyn ExecutionPlan>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl PrewriteExec {
    /// Prewrites the edits of `input` for `job`, which is `sent`, without `primary`.
    pub(super) fn new(
        sent: Arc<SentWrite>,
        job: Arc<WriteJob>,
        primary: Mutation,
        input: Arc<dyn ExecutionPlan>,
    ) -> Self {
        let properties = Arc::new(PlanProperties::new(
            EquivalenceProperties::new(rows::schema()),
            Partitioning::UnknownPartitioning(input.output_partitioning().partition_count()),
            EmissionType::Final,
            Boundedness::Bounded,
        ));
        let metrics = ExecutionPlanMetricsSet::new();
        Self { sent, job, primary, input, properties, metrics }
    }

    /// The operator of a write that has arrived.
    ///
    /// # Errors
    /// As [`SentWrite::job`].
    pub(crate) fn arrived(
        sent: SentWrite,
        primary: Mutation,
        (cluster, snapshot): (&Arc<Cluster>, Arc<StatementSnapshot>),
        config: &Config,
        input: Arc<dyn ExecutionPlan>,
    ) -> Result<Self> {
        let job = sent.job(cluster, snapshot, config)?;
        Ok(Self::new(Arc::new(sent), job, primary, input))
    }

    /// What is sent of it.
    pub(crate) fn sent(&self) -> (&SentWrite, &Mutation) {
        (&self.sent, &self.primary)
    }

    /// What the statement reads.
    pub(crate) fn snapshot(&self) -> &StatementSnapshot {
        &self.job.snapshot
    }
}

/// What has come into a partition.
#[derive(Debug, Default)]
struct Come {
    edits: u64,
    ends: Vec<FrameEnd>,
    /// Why no more came.
    broken: Option<DataFusionError>,
}

impl Come {
    /// The edits of a batch.
    fn take(&mut self, batch: DataFusionResult<RecordBatch>) -> DataFusionResult<RecordBatch> {
        let batch = batch.map_err(|error| {
            let shown = DataFusionError::Execution(error.strip_backtrace());
            self.broken.get_or_insert(error);
            shown
        })?;
        let Sifted { edits, begins, ends } = sift(batch).map_err(DataFusionError::from)?;
        if !begins.is_empty() {
            return internal_err!("the beginning of a frame where only edits and ends may be");
        }
        self.edits += edits.num_rows() as u64;
        self.ends.extend(ends.into_iter().map(|(end, _)| end));
        Ok(edits)
    }
}

/// One run of a partition.
struct Run {
    job: Arc<WriteJob>,
    primary: Mutation,
    room: SortRoom,
    keys: Count,
}

impl Run {
    async fn run(self, input: SendableRecordBatchStream) -> DataFusionResult<RecordBatch> {
        let come = Arc::new(Mutex::new(Come::default()));
        let edits = {
            let come = Arc::clone(&come);
            input.map(move |batch| come.lock().take(batch))
        };
        let edits = Box::pin(RecordBatchStreamAdapter::new(edit_schema(), edits));
        let query = self.job.snapshot.query();
        let prewritten = self.prewrite(edits).await;
        let mut come = come.lock();
        // What came from others is lost with an executor, which had frames, too: to make it anew is in vain.
        if let Some(broken) = come.broken.take() {
            return Err(told(&lost(&broken).of_query(query)));
        }
        let written = prewritten.and_then(|written| {
            let (edits, ends) = (come.edits, std::mem::take(&mut come.ends));
            rows::written_batch(&Written { edits, ends, ..written })
        });
        written.map_err(|error| told(&error.of_query(query)))
    }

    async fn prewrite(self, edits: SendableRecordBatchStream) -> Result<Written> {
        let Self { job, primary, room, keys } = self;
        let left_out = Some(primary.clone());
        let (maker, mut rounds) = RoundMaker::start(&job, edits, room, left_out);
        // The first round is there when all edits are sorted: not before is anything written.
        let part = match rounds.next().await {
            None => Part::default(),
            Some(first) => {
                let options = options_of(&job, job.target.label());
                let client = job.target.cluster.client();
                let participant = client.take_part(options, primary.key).await?;
                let rounds = stream::iter([first]).chain(rounds);
                let part = participant.prewrite_all(rounds).await;
                part.map_err(|error| transaction_error(&job.target, error))?
            }
        };
        let rows = maker.finish().await?;
        if rows.keys != part.keys {
            return Err(Error::new(
                ErrorKind::Engine,
                format!("{} keys were made of rows, and {} prewritten", rows.keys, part.keys),
            ));
        }
        keys.add(usize::try_from(part.keys).unwrap_or(usize::MAX));
        let (table, query) = (job.target.label(), job.snapshot.query().number());
        tracing::info!(%table, query, keys = part.keys, "a part of a transaction is prewritten");
        Ok(Written { rows, part, ..Written::default() })
    }
}

impl DisplayAs for PrewriteExec {
    fn fmt_as(&self, _kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TidbPrewriteExec: table={}", self.job.target.label())
    }
}

impl ExecutionPlan for PrewriteExec {
    fn name(&self) -> &'static str {
        "TidbPrewriteExec"
    }

    fn schema(&self) -> SchemaRef {
        rows::schema()
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
                let (sent, job) = (Arc::clone(&self.sent), Arc::clone(&self.job));
                Ok(Arc::new(Self::new(sent, job, self.primary.clone(), input)))
            }
            _ => internal_err!("a part of a transaction has one child"),
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
        let edits = self.input.execute(partition, Arc::clone(&context))?;
        let run = Run {
            job: Arc::clone(&self.job),
            primary: self.primary.clone(),
            room: SortRoom::new(&context, &self.metrics),
            keys: MetricBuilder::new(&self.metrics).counter("keys_prewritten", partition),
        };
        let told = stream::once(run.run(edits));
        Ok(Box::pin(RecordBatchStreamAdapter::new(rows::schema(), told)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}
