//! The operator that passes over rows whose keys are there already.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use arrow::array::{BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result as DataFusionResult, internal_err};
use datafusion::error::DataFusionError;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, OrderingRequirements, PhysicalExpr};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, Distribution, ExecutionPlan,
    ExecutionPlanProperties as _, Partitioning, PlanProperties, ReplaceChildrenOptions,
};
use futures::{TryStreamExt as _, stream};

use super::insert::InsertEncoder;
use super::job::WriteJob;
use crate::error::Result;

/// Bytes that a set takes for a key beside the key itself, about.
const BYTES_BESIDE: usize = 64;

/// Lets those rows through that have no primary or unique key of a row of the table, nor of one that was let through
/// before. The keys of those are kept in memory, as far as the pool allows.
#[derive(Debug, Clone)]
pub(super) struct FirstRowsExec {
    job: Arc<WriteJob>,
    input: Arc<dyn ExecutionPlan>,
    encoder: Arc<InsertEncoder>,
    /// The order that the rows came in, where they have one: no optimizer may take it from them.
    order: Option<OrderingRequirements>,
    properties: Arc<PlanProperties>,
}

impl FirstRowsExec {
    /// Of the rows of `input`, which `encoder` encodes, those that come first.
    pub(super) fn new(
        job: Arc<WriteJob>,
        input: Arc<dyn ExecutionPlan>,
        encoder: Arc<InsertEncoder>,
    ) -> Self {
        let order = input.output_ordering().map(|order| OrderingRequirements::from(order.clone()));
        Self::with(job, input, encoder, order)
    }

    fn with(
        job: Arc<WriteJob>,
        input: Arc<dyn ExecutionPlan>,
        encoder: Arc<InsertEncoder>,
        order: Option<OrderingRequirements>,
    ) -> Self {
        let properties = Arc::new(PlanProperties::new(
            EquivalenceProperties::new(input.schema()),
            Partitioning::UnknownPartitioning(1),
            input.pipeline_behavior(),
            input.boundedness(),
        ));
        Self { job, input, encoder, order, properties }
    }
}

/// The keys of rows that were let through.
struct Seen {
    keys: HashSet<Vec<u8>>,
    memory: MemoryReservation,
}

impl Seen {
    /// The rows of a batch that come first.
    async fn first_of(
        &mut self,
        job: &WriteJob,
        encoder: &InsertEncoder,
        batch: &RecordBatch,
    ) -> Result<RecordBatch> {
        let mut keys = Vec::with_capacity(batch.num_rows());
        for row in 0..batch.num_rows() {
            let of_row = encoder.distinct_keys_of(job, batch, row);
            let of_row = of_row.map_err(|error| encoder.told(error))?;
            keys.push(of_row.into_iter().flatten().collect::<Vec<_>>());
        }
        let there = job.read(keys.iter().flatten().cloned().collect()).await?;
        let mut kept = Vec::with_capacity(keys.len());
        for of_row in keys {
            let is_there = |key| there.contains_key(key) || self.keys.contains(key);
            let is_first = !of_row.iter().any(is_there);
            kept.push(is_first);
            if is_first {
                let bytes = of_row.iter().map(|key| key.len() + BYTES_BESIDE).sum();
                self.memory.try_grow(bytes)?;
                self.keys.extend(of_row);
            }
        }
        let kept = filter_record_batch(batch, &BooleanArray::from(kept));
        Ok(kept.map_err(DataFusionError::from)?)
    }
}

impl DisplayAs for FirstRowsExec {
    fn fmt_as(&self, _kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TidbFirstRowsExec: table={}", self.job.target.label())
    }
}

impl ExecutionPlan for FirstRowsExec {
    fn name(&self) -> &'static str {
        "TidbFirstRowsExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn required_input_distribution(&self) -> Vec<Distribution> {
        vec![Distribution::SinglePartition]
    }

    fn required_input_ordering(&self) -> Vec<Option<OrderingRequirements>> {
        vec![self.order.clone()]
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
                let (job, encoder) = (Arc::clone(&self.job), Arc::clone(&self.encoder));
                Ok(Arc::new(Self::with(job, input, encoder, self.order.clone())))
            }
            _ => internal_err!("first rows are those of one child"),
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
        if partition != 0 || self.input.output_partitioning().partition_count() != 1 {
            return internal_err!("rows have an order in one partition only");
        }
        let memory = MemoryConsumer::new("TidbFirstRowsExec").register(context.memory_pool());
        let seen = Seen { keys: HashSet::new(), memory };
        let (job, encoder) = (Arc::clone(&self.job), Arc::clone(&self.encoder));
        let rows = self.input.execute(0, context)?;
        let first = stream::try_unfold((rows, seen), move |(mut rows, mut seen)| {
            let (job, encoder) = (Arc::clone(&job), Arc::clone(&encoder));
            async move {
                let Some(batch) = rows.try_next().await? else { return Ok(None) };
                let first = seen.first_of(&job, &encoder, &batch).await;
                Ok(Some((first.map_err(DataFusionError::from)?, (rows, seen))))
            }
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), first)))
    }
}
