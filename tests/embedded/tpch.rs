//! TPC-H at scale factor 0.01, against DataFusion over the same data in memory.

use std::sync::Arc;

use arrow::util::pretty::pretty_format_batches;
use datafusion::physical_plan::ExecutionPlan;
use tifusion::TikvScanExec;
use tifusion_embedded::EmbeddedCluster;
use tifusion_testkit::arrow_cells::{self, Clock};
use tifusion_testkit::cell::Rows;
use tifusion_testkit::compare::{Rules, difference};
use tifusion_testkit::connector::Connector;
use tifusion_testkit::tpch;

const SCALE: f64 = 0.01;

#[tokio::test(flavor = "multi_thread")]
async fn all_queries_give_the_answers_of_tables_in_memory() {
    // Small regions, so that the larger tables have several on each store.
    let cluster = EmbeddedCluster::builder().stores(3).region_size(256 << 10);
    let cluster = cluster.start().await.unwrap();
    tpch::load_embedded(&cluster, "tpch", SCALE).await;
    cluster.scatter();
    let connector = Connector::embedded(&cluster, &[]).await;
    connector.use_database("tpch").await;
    let memory = tpch::in_memory(SCALE);
    for number in 1..=tpch::QUERIES {
        let query = tpch::query(number);
        let expected = memory.sql(&query).await.unwrap().collect().await.unwrap();
        assert!(expected.iter().any(|batch| batch.num_rows() > 0), "query {number} finds nothing");
        let columns = expected[0].schema().fields().iter().map(|f| f.name().clone()).collect();
        let theirs = Rows { columns, rows: arrow_cells::rows(&expected, Clock::Wall) };
        let ours = connector.query(&query).await;
        let rules = Rules { ordered: true, exact_numbers: true, rounded: false };
        if let Some(difference) = difference(&ours, &theirs, rules) {
            panic!("query {number}: {difference}\n{}", pretty_format_batches(&expected).unwrap());
        }
    }
    let lines = connector.run("SELECT l_orderkey FROM lineitem").await.unwrap();
    assert_eq!(lines.batches.iter().map(|batch| batch.num_rows()).sum::<usize>(), 60_175);
    assert!(lines.metric("requests") >= 8, "{} requests", lines.metric("requests"));
    for (number, groups) in [(1, 4), (6, 1)] {
        let query = tpch::query(number);
        let plan = connector.explain(&query).await;
        assert!(plan.contains("aggregates=[") && !plan.contains("FilterExec"), "{plan}");
        let answer = connector.run(&query).await.unwrap();
        let (sent, requests) = (sent_rows(&answer.plan), answer.metric("requests"));
        assert!(0 < sent && sent <= groups * requests, "{sent} rows, {requests} requests");
    }
}

/// The rows that stores sent.
fn sent_rows(plan: &Arc<dyn ExecutionPlan>) -> usize {
    let own = match plan.is::<TikvScanExec>() {
        true => plan.metrics().and_then(|metrics| metrics.output_rows()).unwrap_or_default(),
        false => 0,
    };
    own + plan.children().into_iter().map(sent_rows).sum::<usize>()
}
