//! How many vcores executors have left for tasks.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use async_trait::async_trait;
use ballista_core::JobId;
use ballista_core::error::Result;
use ballista_core::serde::protobuf::ExecutorHeartbeat;
use ballista_core::serde::scheduler::{ExecutorData, ExecutorMetadata};
use ballista_scheduler::cluster::memory::InMemoryClusterState;
use ballista_scheduler::cluster::{BoundTask, ClusterState, ClusterStateEventStream, ExecutorSlot};
use ballista_scheduler::config::TaskDistributionPolicy;
use ballista_scheduler::state::execution_graph::ExecutionGraphBox;
use ballista_scheduler::state::task_manager::JobInfoCache;
use tokio::sync::Mutex;

use crate::once::{GIVEN_TWICE, gives_twice};

/// Ballista's own account of executors, in which those get back what tasks took that are not there any more.
///
/// Ballista 55 gives the vcores of a task back by looking the task up in its stage when its end is told
/// (`sum_vcores_for_statuses` in `state/task_manager.rs`). When a stage is put back, because what it reads was lost with an executor,
/// it forgets its running tasks: nothing is found, and the executors that are left have less room each time, until there is none
/// and statements wait without end. So what executors have left is counted here as well, and compared with the tasks
/// that the stages of all jobs know, before tasks are given out.
#[derive(Default)]
pub(crate) struct CountedVcores {
    inner: InMemoryClusterState,
    counts: Mutex<HashMap<String, Count>>,
}

/// Vcores of an executor.
#[derive(Debug, Clone, Copy)]
struct Count {
    all: u32,
    /// As many as `inner` knows to be free.
    free: u32,
}

/// What the running tasks of all jobs take of each executor.
async fn taken(jobs: &HashMap<JobId, JobInfoCache>) -> HashMap<String, u32> {
    let mut taken = HashMap::new();
    for job in jobs.values() {
        add_taken(&mut taken, &*job.execution_graph.read().await);
    }
    taken
}

fn add_taken(taken: &mut HashMap<String, u32>, job: &ExecutionGraphBox) {
    for task in job.running_tasks() {
        let vcores = job.task_vcores(task.stage_id, task.task_id).unwrap_or(1);
        *taken.entry(task.executor_id).or_default() += vcores;
    }
}

/// The jobs that go on: those whose answers would be wrong are ended.
async fn sound(jobs: &HashMap<JobId, JobInfoCache>) -> HashMap<JobId, JobInfoCache> {
    let mut sound = HashMap::with_capacity(jobs.len());
    for (id, job) in jobs {
        if gives_twice(&*job.execution_graph.read().await) {
            let mut graph = job.execution_graph.write().await;
            // Its tasks end by themselves; nobody reads what they give.
            let left = graph.abort_running(GIVEN_TWICE.to_owned()).len();
            tracing::warn!(job = ?id, tasks = left, "{GIVEN_TWICE}");
        } else {
            sound.insert(id.clone(), job.clone());
        }
    }
    sound
}

#[async_trait]
impl ClusterState for CountedVcores {
    async fn init(&self) -> Result<()> {
        self.inner.init().await
    }

    async fn bind_schedulable_tasks(
        &self,
        distribution: TaskDistributionPolicy,
        active_jobs: Arc<HashMap<JobId, JobInfoCache>>,
        executors: Option<HashSet<String>>,
    ) -> Result<Vec<BoundTask>> {
        let mut counts = self.counts.lock().await;
        let active_jobs = Arc::new(sound(&active_jobs).await);
        let taken = taken(&active_jobs).await;
        let (mut forgotten, mut with_room) = (Vec::new(), HashSet::new());
        for (executor, count) in counts.iter_mut() {
            let free = count.all.saturating_sub(taken.get(executor).copied().unwrap_or(0));
            // What came back twice, as the end of a task that is forgotten is told for another of its number, is not there
            // for a third.
            if free > 0 && executors.as_ref().is_none_or(|some| some.contains(executor)) {
                with_room.insert(executor.clone());
            }
            let missing = free.saturating_sub(count.free);
            if missing > 0 {
                tracing::info!(
                    executor,
                    vcores = missing,
                    "tasks that are not there any more give back"
                );
                count.free = free;
                forgotten.push((executor.clone(), missing));
            }
        }
        self.inner.unbind_tasks(forgotten).await?;
        let bound =
            self.inner.bind_schedulable_tasks(distribution, active_jobs, Some(with_room)).await?;
        for (executor, task) in &bound {
            if let Some(count) = counts.get_mut(executor) {
                count.free = count.free.saturating_sub(task.vcores_consumed);
            }
        }
        Ok(bound)
    }

    /// Gives back no more than an executor has: what Ballista finds late may be back already.
    async fn unbind_tasks(&self, executor_slots: Vec<ExecutorSlot>) -> Result<()> {
        let mut counts = self.counts.lock().await;
        let mut given = Vec::with_capacity(executor_slots.len());
        for (executor, vcores) in executor_slots {
            if let Some(count) = counts.get_mut(&executor) {
                let vcores = vcores.min(count.all.saturating_sub(count.free));
                count.free = count.free.saturating_add(vcores);
                given.push((executor, vcores));
            }
        }
        self.inner.unbind_tasks(given).await
    }

    async fn register_executor(
        &self,
        metadata: ExecutorMetadata,
        spec: ExecutorData,
    ) -> Result<()> {
        let mut counts = self.counts.lock().await;
        let count = Count { all: spec.total_vcores, free: spec.available_vcores };
        let executor = metadata.id.clone();
        self.inner.register_executor(metadata, spec).await?;
        counts.insert(executor, count);
        Ok(())
    }

    async fn save_executor_metadata(&self, metadata: ExecutorMetadata) -> Result<()> {
        self.inner.save_executor_metadata(metadata).await
    }

    async fn get_executor_metadata(&self, executor_id: &str) -> Result<ExecutorMetadata> {
        self.inner.get_executor_metadata(executor_id).await
    }

    async fn registered_executor_metadata(&self) -> Vec<ExecutorMetadata> {
        self.inner.registered_executor_metadata().await
    }

    async fn save_executor_heartbeat(&self, heartbeat: ExecutorHeartbeat) -> Result<()> {
        self.inner.save_executor_heartbeat(heartbeat).await
    }

    async fn remove_executor(&self, executor_id: &str) -> Result<()> {
        let mut counts = self.counts.lock().await;
        counts.remove(executor_id);
        self.inner.remove_executor(executor_id).await
    }

    fn executor_heartbeats(&self) -> HashMap<String, ExecutorHeartbeat> {
        self.inner.executor_heartbeats()
    }

    fn get_executor_heartbeat(&self, executor_id: &str) -> Option<ExecutorHeartbeat> {
        self.inner.get_executor_heartbeat(executor_id)
    }

    async fn cluster_state_events(&self) -> Result<ClusterStateEventStream> {
        self.inner.cluster_state_events().await
    }
}

#[cfg(test)]
mod tests {
    use ballista_core::serde::protobuf::{
        ShuffleWritePartition, SuccessfulTask, TaskStatus, job_status, task_status,
    };
    use ballista_core::serde::scheduler::{
        ExecutorOperatingSystemSpecification, ExecutorSpecification,
    };
    use ballista_scheduler::planner::DefaultDistributedPlanner;
    use ballista_scheduler::state::execution_graph::{ExecutionGraph as _, StaticExecutionGraph};
    use datafusion::arrow::array::RecordBatch;
    use datafusion::arrow::datatypes::{DataType, Field, Schema};
    use datafusion::datasource::memory::MemorySourceConfig;
    use datafusion::physical_expr::expressions::col;
    use datafusion::physical_plan::repartition::RepartitionExec;
    use datafusion::physical_plan::{ExecutionPlan, Partitioning};
    use datafusion::prelude::SessionConfig;

    use super::*;

    /// A job whose first stage has eight partitions to read, and runs.
    fn job(id: &str) -> JobInfoCache {
        let schema = Arc::new(Schema::new(vec![Field::new("a", DataType::Int64, true)]));
        let batch = RecordBatch::new_empty(Arc::clone(&schema));
        let rows = vec![vec![batch]; 8];
        let rows = MemorySourceConfig::try_new_exec(&rows, Arc::clone(&schema), None).unwrap();
        let hash = Partitioning::Hash(vec![col("a", &schema).unwrap()], 2);
        let plan: Arc<dyn ExecutionPlan> = Arc::new(RepartitionExec::try_new(rows, hash).unwrap());
        let config = Arc::new(SessionConfig::new());
        let mut planner = DefaultDistributedPlanner::new();
        let (id, name) = (JobId::from(id.to_owned()), id);
        let job = StaticExecutionGraph::new(
            "here",
            &id,
            name,
            "session",
            plan,
            0,
            config,
            &mut planner,
            None,
        );
        let mut job = job.unwrap();
        job.revive();
        JobInfoCache::new(Box::new(job))
    }

    fn metadata(id: &str, vcores: u32) -> ExecutorMetadata {
        ExecutorMetadata {
            id: id.to_owned(),
            host: "localhost".to_owned(),
            port: 1,
            grpc_port: 2,
            specification: ExecutorSpecification::default().with_vcores(vcores),
            os_info: ExecutorOperatingSystemSpecification::default(),
        }
    }

    async fn register(state: &CountedVcores, id: &str, vcores: u32) {
        let metadata = metadata(id, vcores);
        let spec = ExecutorData {
            executor_id: id.to_owned(),
            total_vcores: vcores,
            available_vcores: vcores,
        };
        state.register_executor(metadata, spec).await.unwrap();
    }

    /// Gives out what can be: how many partitions each executor got.
    async fn bind(state: &CountedVcores, jobs: &[(&str, &JobInfoCache)]) -> HashMap<String, usize> {
        let jobs = jobs.iter().map(|(id, job)| (JobId::from((*id).to_owned()), (*job).clone()));
        let policy = TaskDistributionPolicy::RoundRobin;
        let bound = state.bind_schedulable_tasks(policy, Arc::new(jobs.collect()), None).await;
        let mut given = HashMap::new();
        for (executor, task) in bound.unwrap() {
            *given.entry(executor).or_default() += task.global_input_partition_ids.len();
        }
        given
    }

    #[tokio::test]
    async fn a_stage_that_is_put_back_gives_back_what_its_tasks_took() {
        let state = CountedVcores::default();
        register(&state, "a", 4).await;
        let (lost, waiting) = (job("lost"), job("waiting"));
        assert_eq!(bind(&state, &[("lost", &lost)]).await, HashMap::from([("a".to_owned(), 4)]));
        // All of it is taken: neither the rest nor another job has room.
        assert_eq!(bind(&state, &[("lost", &lost), ("waiting", &waiting)]).await, HashMap::new());
        let stage = lost.execution_graph.read().await.running_stages()[0];
        let reasons = HashSet::from(["what it read was lost".to_owned()]);
        lost.execution_graph.write().await.rollback_running_stage(stage, reasons).unwrap();
        // What Ballista gives back then is nothing.
        state.unbind_tasks(vec![("a".to_owned(), 0)]).await.unwrap();
        let given = bind(&state, &[("lost", &lost), ("waiting", &waiting)]).await;
        assert_eq!(given, HashMap::from([("a".to_owned(), 4)]));
    }

    #[tokio::test]
    async fn a_job_that_would_read_output_twice_ends() {
        let state = CountedVcores::default();
        register(&state, "a", 4).await;
        register(&state, "b", 4).await;
        let (lost, sound) = (job("lost"), job("sound"));
        bind(&state, &[("lost", &lost)]).await;
        let mut graph = lost.execution_graph.write().await;
        let stage = graph.running_stages()[0];
        let tasks = graph.running_tasks();
        let done = tasks.iter().find(|task| task.executor_id == "b").unwrap();
        let given = ShuffleWritePartition { num_rows: 7, ..ShuffleWritePartition::default() };
        let successful = SuccessfulTask {
            executor_id: "b".to_owned(),
            partitions: vec![given],
            ..SuccessfulTask::default()
        };
        let told = TaskStatus {
            task_id: u32::try_from(done.task_id).unwrap(),
            job_id: "lost".to_owned(),
            stage_id: u32::try_from(stage).unwrap(),
            status: Some(task_status::Status::Successful(successful)),
            ..TaskStatus::default()
        };
        graph.update_task_status(&metadata("b", 4), vec![told], 4, 4).unwrap();
        assert!(!gives_twice(&graph), "as it should be");
        // What the stage reads was lost with "a": all of its tasks are to run again.
        let reasons = HashSet::from(["a".to_owned()]);
        graph.rollback_running_stage(stage, reasons).unwrap();
        assert!(gives_twice(&graph));
        drop(graph);
        assert!(!bind(&state, &[("lost", &lost), ("sound", &sound)]).await.is_empty());
        let graph = lost.execution_graph.read().await;
        let Some(job_status::Status::Failed(failed)) = &graph.status().status else {
            panic!("{:?}", graph.status());
        };
        assert!(failed.error.contains("run the statement again"), "{}", failed.error);
        assert!(graph.running_tasks().is_empty());
    }

    #[tokio::test]
    async fn an_executor_never_has_more_than_its_own() {
        let state = CountedVcores::default();
        register(&state, "a", 3).await;
        let first = job("first");
        assert_eq!(bind(&state, &[("first", &first)]).await["a"], 3);
        // The job is over; what its tasks took is back before Ballista says so.
        let (second, third) = (job("second"), job("third"));
        assert_eq!(bind(&state, &[("second", &second)]).await["a"], 3);
        // It is no room for others then, however often it comes back.
        for vcores in [3, 9, 9] {
            state.unbind_tasks(vec![("a".to_owned(), vcores), ("b".to_owned(), 1)]).await.unwrap();
            let jobs = [("second", &second), ("third", &third)];
            assert_eq!(bind(&state, &jobs).await, HashMap::new());
        }
        assert_eq!(bind(&state, &[("third", &third)]).await["a"], 3);
        // One that is gone gets nothing.
        state.remove_executor("a").await.unwrap();
        let last = job("last");
        assert_eq!(bind(&state, &[("last", &last)]).await, HashMap::new());
    }
}
