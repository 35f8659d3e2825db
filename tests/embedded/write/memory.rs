//! Writing within bounded memory: what does not fit is spilled, however many rows there are.

use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::execution::TaskContext;
use datafusion::execution::memory_pool::{
    FairSpillPool, GreedyMemoryPool, MemoryConsumer, MemoryPool,
};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use futures::TryStreamExt as _;
use tifusion_embedded::EmbeddedCluster;
use tifusion_testkit::connector::Connector;

use super::SETTINGS;

/// Much less than the pairs of the larger write take.
const POOL: usize = 8 << 20;

/// How often something was spilled below a plan.
fn spills(plan: &dyn ExecutionPlan) -> usize {
    let own = plan.metrics().and_then(|metrics| metrics.spill_count()).unwrap_or(0);
    own + plan.children().into_iter().map(|child| spills(child.as_ref())).sum::<usize>()
}

async fn start() -> (EmbeddedCluster, Connector) {
    let cluster = EmbeddedCluster::builder().start().await.unwrap();
    let table = "CREATE TABLE test.t (id BIGINT PRIMARY KEY, v BIGINT, pad VARCHAR(250), KEY (v))";
    cluster.execute(table).await.unwrap();
    let connector = Connector::embedded(&cluster, &SETTINGS).await;
    connector.use_database("test").await;
    connector.query("SET datafusion.execution.target_partitions = 2").await;
    (cluster, connector)
}

/// Writes rows with ids between these within a pool; how often something was spilled comes back.
async fn write(connector: &Connector, pool: &Arc<dyn MemoryPool>, from: i64, to: i64) -> usize {
    let insert = format!(
        "INSERT INTO t SELECT value AS id, value * 7 % 1000 AS v, lpad(cast(value AS VARCHAR), 60, 'x') AS pad \
         FROM generate_series({from}, {to})"
    );
    let plan = connector.context().sql(&insert).await.unwrap();
    let plan = plan.create_physical_plan().await.unwrap();
    let runtime = RuntimeEnvBuilder::new().with_memory_pool(Arc::clone(pool)).build_arc();
    let state = connector.context().session_context().state();
    let task = TaskContext::from(&state).with_runtime(runtime.unwrap());
    let written = execute_stream(Arc::clone(&plan), Arc::new(task)).unwrap();
    assert_eq!(written.try_collect::<Vec<RecordBatch>>().await.unwrap().len(), 1);
    spills(plan.as_ref())
}

/// How many rows there are, by the table and by the index.
async fn count(connector: &Connector) -> [String; 2] {
    let mut counts = Vec::new();
    for query in
        ["SELECT count(DISTINCT pad) AS c FROM t", "SELECT count(*) AS c FROM t WHERE v >= 0"]
    {
        counts.push(connector.query(query).await.rows[0][0].plain());
        connector.query("SET tidb.plan.use_index_scan_first = true").await;
    }
    counts.try_into().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_of_any_size_takes_no_more_memory_than_it_is_given() {
    let (cluster, connector) = start().await;
    let pool: Arc<dyn MemoryPool> = Arc::new(FairSpillPool::new(POOL));
    assert_eq!(write(&connector, &pool, 1, 2_000).await, 0);
    assert_eq!(pool.reserved(), 0);
    assert!(write(&connector, &pool, 10_001, 210_000).await > 2);
    assert_eq!(pool.reserved(), 0);
    assert_eq!(count(&connector).await, ["202000", "202000"]);
    cluster.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_for_which_others_leave_no_memory_is_done_all_the_same() {
    let (cluster, connector) = start().await;
    let pool: Arc<dyn MemoryPool> = Arc::new(GreedyMemoryPool::new(POOL));
    let others = MemoryConsumer::new("others").register(&pool);
    // What repartitioning the query's rows takes is left.
    others.try_grow(POOL - (2 << 20)).unwrap();
    assert!(write(&connector, &pool, 1, 20_000).await > 0);
    assert_eq!(pool.reserved(), others.size());
    assert_eq!(count(&connector).await, ["20000", "20000"]);
    cluster.shutdown().await;
}
