//! Writing within bounded memory: what does not fit is spilled, however many rows there are.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use datafusion::execution::TaskContext;
use datafusion::execution::memory_pool::{FairSpillPool, MemoryPool};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use futures::TryStreamExt as _;
use tifusion_embedded::EmbeddedCluster;
use tifusion_testkit::connector::Connector;

use super::SETTINGS;

/// Less than the pairs of the larger write take.
const POOL: usize = 12 << 20;

/// How often something was spilled below a plan.
fn spills(plan: &dyn ExecutionPlan) -> usize {
    let own = plan.metrics().and_then(|metrics| metrics.spill_count()).unwrap_or(0);
    own + plan.children().into_iter().map(|child| spills(child.as_ref())).sum::<usize>()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_of_any_size_takes_no_more_memory_than_it_is_given() {
    let cluster = EmbeddedCluster::builder().start().await.unwrap();
    cluster
        .execute(
            "CREATE TABLE test.t (id BIGINT PRIMARY KEY, v BIGINT, pad VARCHAR(250), KEY (v), UNIQUE KEY (pad))",
        )
        .await
        .unwrap();
    let connector = Connector::embedded(&cluster, &SETTINGS).await;
    connector.use_database("test").await;
    for setting in [
        "execution.target_partitions = 2",
        "execution.batch_size = 1024",
        "execution.sort_spill_reservation_bytes = 262144",
    ] {
        connector.query(&format!("SET datafusion.{setting}")).await;
    }
    for (from, to, spilled) in [(1, 2_000, false), (10_001, 50_000, true)] {
        let insert = format!(
            "INSERT INTO t SELECT value AS id, value * 7 % 1000 AS v, lpad(cast(value AS VARCHAR), 200, 'x') AS pad \
             FROM generate_series({from}, {to})"
        );
        let plan = connector.context().sql(&insert).await.unwrap();
        let plan = plan.create_physical_plan().await.unwrap();
        let pool: Arc<dyn MemoryPool> = Arc::new(FairSpillPool::new(POOL));
        let runtime = RuntimeEnvBuilder::new().with_memory_pool(Arc::clone(&pool)).build_arc();
        let state = connector.context().session_context().state();
        let task = TaskContext::from(&state).with_runtime(runtime.unwrap());
        let written = execute_stream(Arc::clone(&plan), Arc::new(task)).unwrap();
        let written = written.try_collect::<Vec<RecordBatch>>();
        let written = tokio::time::timeout(Duration::from_secs(300), written).await;
        assert_eq!(written.expect("no hang").unwrap().len(), 1);
        assert_eq!(pool.reserved(), 0);
        assert_eq!(spills(plan.as_ref()) > 0, spilled, "{from} to {to}");
    }
    let rows = connector.query("SELECT count(*) AS c, count(DISTINCT pad) AS d FROM t").await.rows;
    assert_eq!(rows[0].iter().map(|cell| cell.plain()).collect::<Vec<_>>(), ["42000", "42000"]);
    cluster.shutdown().await;
}
