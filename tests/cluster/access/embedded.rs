//! The same over the cluster in this process, whose requests and regions a test can count.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use tifusion_codec::key::{Handle, encode_record_key};
use tifusion_embedded::EmbeddedCluster;
use tifusion_testkit::connector::Connector;

use super::shown;

async fn cluster() -> (EmbeddedCluster, Connector) {
    let cluster = EmbeddedCluster::builder().stores(1).start().await.unwrap();
    let statements = [
        "CREATE TABLE test.t (id BIGINT PRIMARY KEY, name VARCHAR(20))",
        "CREATE TABLE test.parts (id BIGINT PRIMARY KEY, name VARCHAR(20)) \
         PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (100), \
         PARTITION p1 VALUES LESS THAN (500), PARTITION p2 VALUES LESS THAN MAXVALUE)",
        "CREATE TABLE test.pairs (name VARCHAR(20), id BIGINT, PRIMARY KEY (name, id))",
    ];
    for statement in statements {
        cluster.execute(statement).await.unwrap();
    }
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(0..1_000));
    let names: ArrayRef =
        Arc::new(StringArray::from_iter_values((0..1_000).map(|id| format!("name {}", id % 10))));
    let batch = RecordBatch::try_from_iter([("id", ids), ("name", names)]).unwrap();
    for table in ["t", "parts"] {
        cluster.load("test", table, &batch).await.unwrap();
    }
    let swapped = batch.project(&[1, 0]).unwrap();
    cluster.load("test", "pairs", &swapped).await.unwrap();
    let connector = Connector::embedded(&cluster, &[("new_collation_enable", "true")]).await;
    connector.use_database("test").await;
    (cluster, connector)
}

async fn rows_and_requests(connector: &Connector, query: &str) -> (usize, usize) {
    let answer = connector.run(query).await.unwrap_or_else(|error| panic!("{error}\n{query}"));
    let rows = answer.batches.iter().map(|batch| batch.num_rows()).sum();
    (rows, answer.metric("requests"))
}

#[tokio::test(flavor = "multi_thread")]
async fn only_regions_with_rows_of_the_filter_are_asked() {
    let (cluster, connector) = cluster().await;
    let table_id = table_id(&connector).await;
    let keys = [100, 200, 300, 400, 500].map(|id| encode_record_key(table_id, &Handle::Int(id)));
    cluster.split_at(&keys).unwrap();
    // The session learns of the split by its first read.
    rows_and_requests(&connector, "SELECT * FROM t").await;
    for (query, rows, requests) in [
        ("SELECT * FROM t", 1_000, 6),
        ("SELECT * FROM t WHERE id = 250", 1, 1),
        ("SELECT * FROM t WHERE id = 2500", 0, 1),
        ("SELECT * FROM t WHERE id IN (1, 2, 150, 151)", 4, 2),
        ("SELECT * FROM t WHERE id >= 199 AND id <= 200", 2, 2),
        ("SELECT * FROM t WHERE id BETWEEN 200 AND 299", 100, 1),
        ("SELECT * FROM t WHERE id < 0", 0, 1),
        ("SELECT * FROM t WHERE id > 5 AND id < 5", 0, 0),
        ("SELECT * FROM t WHERE id >= 500", 500, 1),
        ("SELECT * FROM parts WHERE id = 250", 1, 1),
        ("SELECT * FROM parts WHERE id < 100", 100, 1),
        ("SELECT * FROM parts WHERE id IN (5, 700)", 2, 2),
        ("SELECT * FROM pairs WHERE name = 'name 3' AND id = 13", 1, 1),
        ("SELECT * FROM pairs WHERE name = 'name 3'", 100, 1),
        ("SELECT * FROM pairs WHERE name = 'name 3' AND id > 500", 50, 1),
        ("SELECT * FROM pairs WHERE name IN ('name 3', 'name 4') AND id IN (13, 14, 15)", 2, 1),
    ] {
        assert_eq!(rows_and_requests(&connector, query).await, (rows, requests), "{query}");
    }
    cluster.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_join_of_pruned_tables_and_an_outer_join_keep_their_rows() {
    let (cluster, connector) = cluster().await;
    let plan = connector.explain("SELECT * FROM parts WHERE id > 99 AND id < 300").await;
    assert_eq!(shown(&plan, "partitions="), "1/3 [p1]", "{plan}");
    assert_eq!(shown(&plan, "ranges="), "[id: [100,299]]", "{plan}");
    for (query, rows) in [
        ("SELECT * FROM t JOIN parts ON t.id = parts.id WHERE t.id = 250", 1),
        ("SELECT * FROM t LEFT JOIN parts ON t.id = parts.id AND parts.id = 250", 1_000),
        ("SELECT * FROM t LEFT JOIN parts ON t.id = parts.id WHERE parts.id = 250", 1),
        ("SELECT * FROM t FULL JOIN parts ON t.id = parts.id + 1000 AND t.id = 3", 2_000),
        ("SELECT * FROM t WHERE id IN (SELECT id FROM parts WHERE id > 990)", 9),
        ("SELECT * FROM t WHERE id = (SELECT max(id) FROM parts WHERE id < 100)", 1),
        ("SELECT * FROM t WHERE id > 900 LIMIT 5", 5),
        ("SELECT id FROM t WHERE id = 5 UNION ALL SELECT id FROM parts WHERE id = 5", 2),
    ] {
        assert_eq!(rows_and_requests(&connector, query).await.0, rows, "{query}");
    }
    cluster.shutdown().await;
}

/// The id in the keys of `t`, from what its scan asks for.
async fn table_id(connector: &Connector) -> i64 {
    use datafusion::physical_plan::ExecutionPlan;
    use tifusion::TikvScanExec;

    fn start(plan: &Arc<dyn ExecutionPlan>) -> Option<Vec<u8>> {
        let scan = plan.downcast_ref::<TikvScanExec>();
        let own = scan.map(|scan| scan.requests()[0].ranges[0].0.clone());
        own.or_else(|| plan.children().into_iter().find_map(start))
    }

    let answer = connector.run("SELECT * FROM t").await.unwrap();
    let (table_id, _) =
        tifusion_codec::key::decode_record_key(&start(&answer.plan).unwrap()).unwrap();
    table_id
}
