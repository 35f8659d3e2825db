//! The first thing a plan does where rights count: is what the user may do still what it was planned with?

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
use futures::{TryStreamExt as _, stream};

use crate::auth::{Rights, ViewName};
use crate::cluster::Cluster;
use crate::error::Error;

/// The root of a plan that was made by the rights of a user. A plan may be kept, and run when they are others: then it
/// fails before its first row, and is to be made again.
#[derive(Debug, Clone)]
pub(crate) struct RightsCheckExec {
    input: Arc<dyn ExecutionPlan>,
    cluster: Arc<Cluster>,
    rights: Arc<Rights>,
    views: Arc<[ViewName]>,
}

impl RightsCheckExec {
    /// `input`, which was planned by `rights`, with these views that others have defined.
    pub(crate) fn new(
        input: Arc<dyn ExecutionPlan>,
        cluster: Arc<Cluster>,
        rights: Arc<Rights>,
        views: Vec<ViewName>,
    ) -> Self {
        Self { input, cluster, rights, views: views.into() }
    }

    /// Refuses to run a plan whose user has other rights by now.
    async fn check(&self) -> Result<(), Error> {
        match self.cluster.authorizer() {
            Some(authorizer) => authorizer.check_unchanged(&self.rights, &self.views).await,
            None => Ok(()),
        }
    }
}

impl DisplayAs for RightsCheckExec {
    fn fmt_as(&self, kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = self.rights.user();
        match kind {
            DisplayFormatType::Default | DisplayFormatType::Verbose => {
                write!(f, "RightsCheckExec: user={user}")
            }
            DisplayFormatType::TreeRender => writeln!(f, "user={user}"),
        }
    }
}

impl ExecutionPlan for RightsCheckExec {
    fn name(&self) -> &'static str {
        "RightsCheckExec"
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
            _ => internal_err!("a check of rights has one child"),
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
        let this = self.clone();
        // Some operators begin when they are told to run, not when they are asked for rows.
        let rows = stream::once(async move {
            this.check().await.map_err(DataFusionError::from)?;
            this.input.execute(partition, context)
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), rows.try_flatten())))
    }
}
