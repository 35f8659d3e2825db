//! The operator that tells the keys of new rows, and their order.

use std::fmt;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, LargeBinaryBuilder, RecordBatch, UInt64Array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result as DataFusionResult, internal_err};
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, OrderingRequirements, PhysicalExpr};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, Distribution, ExecutionPlan,
    ExecutionPlanProperties as _, Partitioning, PlanProperties, ReplaceChildrenOptions,
};
use futures::StreamExt as _;

use super::insert::InsertEncoder;
use super::job::WriteJob;
use crate::error::Result;

/// Names of the columns behind those of the rows; those of keys have the key's number behind theirs.
pub(super) const PLACE: &str = "place";
pub(super) const LOST: &str = "lost";
const KEY: &str = "key";

/// Puts behind each row its place among all, that it is not known to be lost to another, and its keys that no other
/// row may have: `NULL` where it has none.
#[derive(Debug, Clone)]
pub(super) struct RowKeysExec {
    job: Arc<WriteJob>,
    input: Arc<dyn ExecutionPlan>,
    encoder: Arc<InsertEncoder>,
    /// The order that the rows came in, where they have one: no optimizer may take it from them.
    order: Option<OrderingRequirements>,
    properties: Arc<PlanProperties>,
}

impl RowKeysExec {
    /// Tells the keys of the rows of `input`, which `encoder` encodes.
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
        let mut fields: Vec<_> = input.schema().fields().iter().map(Arc::clone).collect();
        fields.push(Arc::new(Field::new(PLACE, DataType::UInt64, false)));
        fields.push(Arc::new(Field::new(LOST, DataType::Boolean, false)));
        for number in 0..job.target.encoder.distinct_keys() {
            let name = format!("{KEY}{number}");
            fields.push(Arc::new(Field::new(name, DataType::LargeBinary, true)));
        }
        let properties = Arc::new(PlanProperties::new(
            EquivalenceProperties::new(Arc::new(Schema::new(fields))),
            Partitioning::UnknownPartitioning(1),
            input.pipeline_behavior(),
            input.boundedness(),
        ));
        Self { job, input, encoder, order, properties }
    }
}

/// A batch with the columns behind it.
fn with_keys(
    job: &WriteJob,
    encoder: &InsertEncoder,
    schema: &SchemaRef,
    before: u64,
    batch: &RecordBatch,
) -> Result<RecordBatch> {
    let mut keys: Vec<LargeBinaryBuilder> =
        (0..job.target.encoder.distinct_keys()).map(|_| LargeBinaryBuilder::new()).collect();
    for row in 0..batch.num_rows() {
        let of_row = encoder.distinct_keys_of(job, batch, row)?;
        for (builder, key) in keys.iter_mut().zip(of_row) {
            builder.append_option(key);
        }
    }
    let places = (before..).take(batch.num_rows());
    let mut columns: Vec<ArrayRef> = batch.columns().to_vec();
    columns.push(Arc::new(UInt64Array::from_iter_values(places)));
    columns.push(Arc::new(BooleanArray::from(vec![false; batch.num_rows()])));
    columns.extend(keys.iter_mut().map(|builder| Arc::new(builder.finish()) as ArrayRef));
    let batch = RecordBatch::try_new(Arc::clone(schema), columns);
    Ok(batch.map_err(DataFusionError::from)?)
}

impl DisplayAs for RowKeysExec {
    fn fmt_as(&self, _kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TidbRowKeysExec: table={}", self.job.target.label())
    }
}

impl ExecutionPlan for RowKeysExec {
    fn name(&self) -> &'static str {
        "TidbRowKeysExec"
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
            _ => internal_err!("keys are told of the rows of one child"),
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
        let (job, encoder) = (Arc::clone(&self.job), Arc::clone(&self.encoder));
        let (schema, mut before) = (self.schema(), 0_u64);
        let batches = self.input.execute(0, context)?.map(move |batch| {
            let batch = batch?;
            let with_keys = with_keys(&job, &encoder, &schema, before, &batch);
            before += batch.num_rows() as u64;
            with_keys.map_err(DataFusionError::from)
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), batches)))
    }
}
