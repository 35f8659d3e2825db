//! The planner of sessions: what reads tables of TiDB goes to the scheduler, and so does what writes them.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use ballista_core::extension::SessionConfigExt as _;
use ballista_core::planner::scans_only_information_schema;
use datafusion::catalog::Session;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::listing::ListingTable;
use datafusion::datasource::source_as_provider;
use datafusion::error::Result;
use datafusion::execution::context::QueryPlanner;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{DefaultPhysicalPlanner, PhysicalPlanner as _};
use datafusion_proto::logical_plan::{AsLogicalPlan as _, LogicalExtensionCodec};
use datafusion_proto::physical_plan::AsExecutionPlan as _;
use datafusion_proto::protobuf::{LogicalPlanNode, PhysicalPlanNode};
use tifusion::distribute::{EditFiles, JobFile, PlanCodec, WriteJobs, plan_of_little, shared_out};
use tifusion::{StatementSnapshot, TidbTable};

use crate::codec::{TidbLogicalCodec, TidbPhysicalCodec};
use crate::files::ExecutorFiles;
use crate::job_exec::JobExec;
use crate::jobs;

/// Plans what a TidbContext's planner has pinned to a snapshot: on the cluster, if there is a table to read there.
#[derive(Debug)]
pub(crate) struct RemotePlanner {
    scheduler: String,
    codec: OnceLock<PlanCodec>,
}

impl RemotePlanner {
    /// For the scheduler at this URL (`http://…`).
    pub(crate) fn new(scheduler: String) -> Self {
        Self { scheduler, codec: OnceLock::new() }
    }

    /// The codec of the session, which is there only when its planner is.
    pub(crate) fn bind(&self, codec: PlanCodec) {
        drop(self.codec.set(codec));
    }

    fn physical_codec(&self) -> tifusion::Result<TidbPhysicalCodec> {
        let codec = self.codec.get().cloned();
        codec
            .map(TidbPhysicalCodec::new)
            .ok_or_else(|| tifusion::Error::unsupported("a session plans before it is connected"))
    }

    fn codec(&self, session: &dyn Session) -> Arc<dyn LogicalExtensionCodec> {
        let snapshot = session.config().get_extension::<StatementSnapshot>();
        match (self.codec.get(), snapshot) {
            (Some(codec), Some(snapshot)) => {
                Arc::new(TidbLogicalCodec::of_statement(codec.clone(), snapshot))
            }
            _ => session.config().ballista_logical_extension_codec(),
        }
    }
}

#[async_trait]
impl QueryPlanner for RemotePlanner {
    async fn create_physical_plan(
        &self,
        plan: &LogicalPlan,
        session: &dyn Session,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let here = DefaultPhysicalPlanner::default();
        if !is_for_the_cluster(plan)? {
            return here.create_physical_plan(plan, session).await;
        }
        if let Some(little) = plan_of_little(plan, session).await? {
            return Ok(little);
        }
        let codec = self.codec(session);
        // What describes a session is its own.
        let is_mixed = scans_only_information_schema(plan).is_err();
        if is_mixed || !can_be_sent(plan, session, codec.as_ref()) {
            return here.create_physical_plan(plan, session).await;
        }
        let config = session.config().ballista_config();
        let (scheduler, session_id) = (self.scheduler.clone(), session.session_id().to_owned());
        Ok(Arc::new(JobExec::new(scheduler, config, plan.clone(), codec, session_id)))
    }
}

/// Bytes of a stack that suffice for a plan of a hundred nodes, in a program that is not optimized.
const STACK_LEFT: usize = 8 << 20;

/// Bytes of the stack that is taken where there are less.
const STACK_MORE: usize = 16 << 20;

/// Whether a plan arrives as it was sent. What does not (tables in the session's memory, some shapes of subqueries) runs
/// where it is.
fn can_be_sent(
    plan: &LogicalPlan,
    session: &dyn Session,
    codec: &dyn LogicalExtensionCodec,
) -> bool {
    let context = session.task_ctx();
    // DataFusion's messages are read by recursion, each step of which takes much of a stack.
    let arrived = stacker::maybe_grow(STACK_LEFT, STACK_MORE, || {
        LogicalPlanNode::try_from_logical_plan(plan, codec)
            .and_then(|message| message.try_into_logical_plan(&context, codec))
    });
    if let Err(error) = &arrived {
        tracing::warn!(%error, "a query can't be sent, and runs in this process, not on Ballista");
    }
    arrived.is_ok()
}

/// Whether a plan reads what is worth several machines: a table of TiDB, or files. What a session answers by itself
/// (`SHOW`, values, tables in its memory) is nothing to a scheduler, and recursion, whose rounds share memory, stays.
fn is_for_the_cluster(plan: &LogicalPlan) -> Result<bool> {
    let (mut reads, mut recurs) = (false, false);
    plan.apply_with_subqueries(|node| {
        match node {
            LogicalPlan::RecursiveQuery(_) => recurs = true,
            LogicalPlan::TableScan(scan) => {
                let provider = source_as_provider(&scan.source);
                reads |= provider.is_ok_and(|it| it.is::<TidbTable>() || it.is::<ListingTable>());
            }
            _ => {}
        }
        Ok(if recurs { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    if recurs {
        tracing::info!("a recursive query runs in this process, not on Ballista");
    }
    Ok(reads && !recurs)
}

#[async_trait]
impl EditFiles for RemotePlanner {
    async fn open(
        &self,
        file: &JobFile,
        context: &TaskContext,
    ) -> Result<SendableRecordBatchStream> {
        ExecutorFiles.open(file, context).await
    }

    async fn is_there(&self, file: &JobFile) -> bool {
        ExecutorFiles.is_there(file).await
    }
}

/// Writes are planned here, for it is here that their tables' descriptions and the transaction's timestamp are known.
#[async_trait]
impl WriteJobs for RemotePlanner {
    async fn plan(
        &self,
        plan: &LogicalPlan,
        session: &dyn Session,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        if !is_for_the_cluster(plan)? || plan_of_little(plan, session).await?.is_some() {
            return Ok(None);
        }
        let plan = DefaultPhysicalPlanner::default().create_physical_plan(plan, session).await?;
        Ok(Some(shared_out(plan)?))
    }

    fn check(&self, plan: &Arc<dyn ExecutionPlan>, session: &dyn Session) -> Result<()> {
        let codec = self.physical_codec()?;
        let message = PhysicalPlanNode::try_from_physical_plan(Arc::clone(plan), &codec)?;
        message.try_into_physical_plan(&session.task_ctx(), &codec).map(drop)
    }

    async fn run(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        context: &TaskContext,
    ) -> tifusion::Result<Vec<JobFile>> {
        let message = PhysicalPlanNode::try_from_physical_plan(plan, &self.physical_codec()?)?;
        let mut bytes = Vec::new();
        message.try_encode(&mut bytes)?;
        jobs::run(&self.scheduler, bytes, context).await
    }
}
