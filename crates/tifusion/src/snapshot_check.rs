//! The last thing a statement does: was its snapshot there to the end?

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, internal_err};
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties,
    ReplaceChildrenOptions,
};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use tifusion_client::Client;

use crate::config::Settings;
use crate::error::Error;
use crate::keep::keep_snapshot;
use crate::statement::StatementSnapshot;

/// The root of a statement's plan. It keeps garbage collection away from the snapshot while rows are taken. A scan that is read to its end checks its snapshot itself; those
/// that a `LIMIT` or a join ended early are caught here, behind the last row of the whole statement.
#[derive(Debug, Clone)]
pub(crate) struct SnapshotCheckExec {
    input: Arc<dyn ExecutionPlan>,
    client: Client,
    snapshot: Arc<StatementSnapshot>,
    settings: Arc<Settings>,
}

impl SnapshotCheckExec {
    /// Keeps `snapshot` while the rows of `input` are read, and checks it behind them.
    pub(crate) fn new(
        input: Arc<dyn ExecutionPlan>,
        client: Client,
        snapshot: Arc<StatementSnapshot>,
        settings: Arc<Settings>,
    ) -> Self {
        Self { input, client, snapshot, settings }
    }
}

impl DisplayAs for SnapshotCheckExec {
    fn fmt_as(&self, kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start_ts = self.snapshot.start_ts().version();
        let query = self.snapshot.query();
        match kind {
            DisplayFormatType::Default | DisplayFormatType::Verbose => {
                write!(f, "SnapshotCheckExec: start_ts={start_ts}, query={query}")
            }
            DisplayFormatType::TreeRender => {
                writeln!(f, "start_ts={start_ts}")?;
                writeln!(f, "query={query}")
            }
        }
    }
}

impl ExecutionPlan for SnapshotCheckExec {
    fn name(&self) -> &'static str {
        "SnapshotCheckExec"
    }

    fn schema(&self) -> SchemaRef {
        self.input.schema()
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match (children.pop(), children.is_empty()) {
            (Some(input), true) => Ok(Arc::new(Self { input, ..Self::clone(&self) })),
            _ => internal_err!("a check of the snapshot has one child"),
        }
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.replace_children(
            children,
            ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute),
        )
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let rows = self.input.execute(partition, context)?;
        let (client, snapshot) = (self.client.clone(), Arc::clone(&self.snapshot));
        // TiDB looks at the snapshot of what it reads itself.
        if client.is_apart() {
            return Ok(rows);
        }
        let keep = keep_snapshot(&client, &snapshot, &self.settings)?;
        let check = stream::once(async move {
            let checked = snapshot.check(&client).await;
            keep.release().await;
            checked.map_err(|error| {
                DataFusionError::from(Error::from(error).of_query(snapshot.query()))
            })
        });
        let check = check.try_filter_map(|()| async { Ok(None) });
        let checked = RecordBatchStreamAdapter::new(self.schema(), rows.chain(check));
        Ok(Box::pin(checked))
    }
}
