//! The operator that finds, of rows with the same key, the last one.

use std::fmt;
use std::sync::Arc;

use arrow::array::{
    Array as _, ArrayRef, AsArray as _, BooleanArray, LargeBinaryArray, RecordBatch,
};
use arrow::compute::{SortOptions, filter_record_batch, not};
use arrow::datatypes::{Schema, SchemaRef};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result as DataFusionResult, internal_datafusion_err, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{
    EquivalenceProperties, LexRequirement, OrderingRequirements, PhysicalExpr,
    PhysicalSortRequirement,
};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, Distribution, ExecutionPlan,
    ExecutionPlanProperties as _, Partitioning, PlanProperties, ReplaceChildrenOptions,
};
use futures::StreamExt as _;

use super::insert::InsertEncoder;
use super::job::WriteJob;
use super::row_keys_exec::{LOST, PLACE, RowKeysExec};

/// Of the rows of `input` those that no later one has a primary or unique key of: what is left when each row in
/// turn takes the place of all before it that are in its way.
///
/// One that is itself lost to a later row counts as well, for it came before that one: so all keys are looked at
/// before any row goes.
pub(super) fn last_rows(
    job: &Arc<WriteJob>,
    input: Arc<dyn ExecutionPlan>,
    encoder: InsertEncoder,
) -> Arc<dyn ExecutionPlan> {
    let (schema, keys) = (input.schema(), job.target.encoder.distinct_keys());
    if keys == 0 {
        return input;
    }
    let width = schema.fields().len();
    let mut plan: Arc<dyn ExecutionPlan> =
        Arc::new(RowKeysExec::new(Arc::clone(job), input, Arc::new(encoder)));
    for number in 0..keys {
        let rows = (number + 1 == keys).then(|| Arc::clone(&schema));
        plan = Arc::new(LastRowsExec::new(plan, width, width + 2 + number, rows));
    }
    plan
}

/// Marks rows that have the same key as a later one; the last of these operators lets only the others through,
/// without the columns that told.
#[derive(Debug, Clone)]
struct LastRowsExec {
    input: Arc<dyn ExecutionPlan>,
    /// Where the row's place is; behind it whether it is lost.
    place: usize,
    /// Where the key is.
    key: usize,
    /// What the rows were, for the last operator.
    rows: Option<SchemaRef>,
    properties: Arc<PlanProperties>,
}

impl LastRowsExec {
    fn new(
        input: Arc<dyn ExecutionPlan>,
        place: usize,
        key: usize,
        rows: Option<SchemaRef>,
    ) -> Self {
        let schema = rows.clone().unwrap_or_else(|| input.schema());
        let properties = Arc::new(PlanProperties::new(
            EquivalenceProperties::new(schema),
            Partitioning::UnknownPartitioning(1),
            input.pipeline_behavior(),
            input.boundedness(),
        ));
        Self { input, place, key, rows, properties }
    }
}

/// Marks lost rows of batches that follow one another.
#[derive(Debug)]
struct Marker {
    place: usize,
    key: usize,
    rows: Option<SchemaRef>,
    /// The key of the row before.
    before: Option<Vec<u8>>,
}

impl Marker {
    fn mark(&mut self, batch: &RecordBatch) -> DataFusionResult<RecordBatch> {
        let columns = batch.columns();
        let lost = columns.get(self.place + 1).and_then(|lost| lost.as_boolean_opt());
        let keys: Option<&LargeBinaryArray> =
            columns.get(self.key).and_then(|keys| keys.as_binary_opt());
        let (Some(lost), Some(keys)) = (lost, keys) else {
            return Err(internal_datafusion_err!("the columns that tell a row's keys are missing"));
        };
        let mut mark = |row: usize| {
            if keys.is_null(row) {
                return lost.value(row);
            }
            let key = keys.value(row);
            if self.before.as_deref() == Some(key) {
                return true;
            }
            self.before = Some(key.to_vec());
            lost.value(row)
        };
        let lost: BooleanArray = (0..batch.num_rows()).map(|row| Some(mark(row))).collect();
        let Some(rows) = &self.rows else {
            let mut columns: Vec<ArrayRef> = columns.to_vec();
            if let Some(column) = columns.get_mut(self.place + 1) {
                *column = Arc::new(lost);
            }
            return Ok(RecordBatch::try_new(batch.schema(), columns)?);
        };
        let columns = columns.iter().take(self.place).map(Arc::clone).collect();
        let batch = RecordBatch::try_new(Arc::clone(rows), columns)?;
        Ok(filter_record_batch(&batch, &not(&lost)?)?)
    }
}

impl DisplayAs for LastRowsExec {
    fn fmt_as(&self, _kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let schema = self.input.schema();
        let key = schema.fields().get(self.key).map_or("", |key| key.name().as_str());
        write!(f, "TidbLastRowsExec: {key}, drops={}", self.rows.is_some())
    }
}

impl ExecutionPlan for LastRowsExec {
    fn name(&self) -> &'static str {
        "TidbLastRowsExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn required_input_distribution(&self) -> Vec<Distribution> {
        vec![Distribution::SinglePartition]
    }

    /// By key, and the last row first.
    fn required_input_ordering(&self) -> Vec<Option<OrderingRequirements>> {
        let schema: Arc<Schema> = self.input.schema();
        let by = |at: usize, descending| {
            let name = schema.fields().get(at)?.name();
            let options = SortOptions { descending, nulls_first: true };
            let column = Arc::new(Column::new(name, at));
            Some(PhysicalSortRequirement::new(column, Some(options)))
        };
        let order = [by(self.key, false), by(self.place, true)];
        vec![LexRequirement::new(order.into_iter().flatten()).map(OrderingRequirements::new)]
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
                Ok(Arc::new(Self::new(input, self.place, self.key, self.rows.clone())))
            }
            _ => internal_err!("last rows are those of one child"),
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
        let input = self.input.schema();
        let is = |at: usize, name| input.fields().get(at).is_some_and(|it| it.name() == name);
        if !is(self.place, PLACE) || !is(self.place + 1, LOST) {
            return internal_err!("the columns that tell a row's place have moved");
        }
        let mut marker =
            Marker { place: self.place, key: self.key, rows: self.rows.clone(), before: None };
        let batches = self.input.execute(0, context)?.map(move |batch| marker.mark(&batch?));
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), batches)))
    }
}
