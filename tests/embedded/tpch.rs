//! TPC-H at scale factor 0.01: the answers of DataFusion over the same data in memory, the plans of
//! `tests/tpch/golden`, and no more rows from the stores than are told there.

use std::sync::Arc;

use arrow::util::pretty::pretty_format_batches;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::SessionContext;
use tifusion::TikvScanExec;
use tifusion_codec::key::table_prefix;
use tifusion_embedded::EmbeddedCluster;
use tifusion_testkit::arrow_cells::{self, Clock};
use tifusion_testkit::cell::Rows;
use tifusion_testkit::cluster::repository;
use tifusion_testkit::compare::{Rules, difference};
use tifusion_testkit::connector::Connector;
use tifusion_testkit::{statistics, tpch};

const SCALE: f64 = 0.01;

const TABLES: [&str; 8] =
    ["customer", "lineitem", "nation", "orders", "part", "partsupp", "region", "supplier"];

/// Queries that read more or fewer rows by how early a filter comes that is made while they run: of
/// these the golden file has the plan alone.
const ROWS_DEPEND_ON_TIME: &[usize] = &[];

/// The tables, each in regions of its own, the larger ones in several; with statistics.
async fn loaded() -> EmbeddedCluster {
    let cluster = EmbeddedCluster::builder().stores(3).start().await.unwrap();
    tpch::load_embedded(&cluster, "tpch", SCALE).await;
    for (table, halvings) in TABLES.map(|table| match table {
        "lineitem" => (table, 3),
        "orders" | "partsupp" | "customer" => (table, 1),
        _ => (table, 0),
    }) {
        let id = cluster.table_info("tpch", table).unwrap().id;
        let (start, end) = (table_prefix(id), table_prefix(id + 1));
        cluster.split_at(&[&start, &end]).unwrap();
        for _ in 0..halvings {
            let mut regions = vec![cluster.region_of(&start).unwrap()];
            while regions.last().unwrap().end_key < cluster.region_of(&end).unwrap().start_key {
                let next = regions.last().unwrap().end_key.clone();
                let all = cluster.regions();
                regions.push(all.into_iter().find(|region| region.start_key == next).unwrap());
            }
            for region in regions {
                assert!(cluster.split_region(region.id).unwrap());
            }
        }
    }
    cluster.scatter();
    statistics::analyze_embedded(&cluster, "tpch", &TABLES).await;
    cluster
}

#[tokio::test(flavor = "multi_thread")]
async fn all_queries_give_the_answers_of_tables_in_memory_by_the_plans_that_are_known() {
    let cluster = loaded().await;
    // Neither plans nor what is read depends on the machine.
    let patient = [("plan.dynamic_filter_wait", "60s")];
    let connector = Connector::embedded(&cluster, &patient).await;
    connector.use_database("tpch").await;
    connector.query("SET datafusion.execution.target_partitions = 4").await;
    let memory = tpch::in_memory(SCALE);
    let mut changed = Vec::new();
    for number in 1..=tpch::QUERIES {
        let plan = informed_plan(&connector, number).await;
        let rows_received = answer(&connector, &memory, number).await;
        let mut golden = plan_alone(&plan);
        if !ROWS_DEPEND_ON_TIME.contains(&number) {
            golden += &format!("\nrows from the stores: {rows_received}\n");
        }
        changed.extend(differs(number, &golden));
    }
    assert!(
        changed.is_empty(),
        "{} plans changed; TIFUSION_WRITE_GOLDEN=1 writes them anew\n{}",
        changed.len(),
        changed.join("\n")
    );
    let lines = connector.run("SELECT l_orderkey FROM lineitem").await.unwrap();
    assert_eq!(lines.batches.iter().map(|batch| batch.num_rows()).sum::<usize>(), 60_175);
    assert_eq!(lines.metric("rows_received"), 60_175);
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

/// A query's plan by statistics: on a machine that has much else to do, a statement may go on without
/// them.
async fn informed_plan(connector: &Connector, number: usize) -> String {
    for _ in 0..20 {
        let plan = connector.explain(&tpch::query(number)).await;
        let mut scans = plan.lines().filter(|line| line.contains("TikvScanExec"));
        if scans.all(|scan| scan.contains("stats=v2")) {
            return plan;
        }
    }
    panic!("statistics are never read in time")
}

/// Compares the answer with that of memory. Returns how many rows came from the stores.
async fn answer(connector: &Connector, memory: &SessionContext, number: usize) -> usize {
    let query = tpch::query(number);
    let expected = memory.sql(&query).await.unwrap().collect().await.unwrap();
    assert!(expected.iter().any(|batch| batch.num_rows() > 0), "query {number} finds nothing");
    let columns = expected[0].schema().fields().iter().map(|f| f.name().clone()).collect();
    let theirs = Rows { columns, rows: arrow_cells::rows(&expected, Clock::Wall) };
    let answer = connector.run(&query).await.unwrap();
    let rules = Rules { ordered: true, exact_numbers: true, ..Rules::default() };
    if let Some(difference) = difference(&answer.rows(Clock::Wall), &theirs, rules) {
        panic!("query {number}: {difference}\n{}", pretty_format_batches(&expected).unwrap());
    }
    answer.metric("rows_received")
}

/// The physical plan of an `EXPLAIN`, without what is another each time.
fn plan_alone(explained: &str) -> String {
    let physical = explained.split_once("physical_plan\n").unwrap().1;
    let line = |line: &str| {
        let told: Vec<&str> = line.split(", ").collect();
        let is_steady = |word: &&&str| {
            !["start_ts=", "query=", "regions="].iter().any(|it| word.starts_with(it))
        };
        told.iter().filter(is_steady).copied().collect::<Vec<_>>().join(", ")
    };
    physical.lines().map(|it| line(it) + "\n").collect()
}

/// How a plan differs from the one that is known; nothing if it doesn't, or is to be known from now on.
fn differs(number: usize, golden: &str) -> Option<String> {
    let path = repository().join(format!("tests/tpch/golden/q{number:02}.txt"));
    if std::env::var_os("TIFUSION_WRITE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, golden).unwrap();
        return None;
    }
    let known = std::fs::read_to_string(&path).unwrap_or_default();
    if known == golden {
        return None;
    }
    let (old, new): (Vec<_>, Vec<_>) = (known.lines().collect(), golden.lines().collect());
    let pairs = old.iter().zip(&new);
    let same = pairs.take_while(|(old, new)| old == new).count();
    let pairs = old[same..].iter().rev().zip(new[same..].iter().rev());
    let tail = pairs.take_while(|(old, new)| old == new).count();
    let mut shown = format!("query {number}, from line {}:\n", same + 1);
    for (sign, lines) in [("-", &old[same..old.len() - tail]), ("+", &new[same..new.len() - tail])]
    {
        for line in lines {
            shown += &format!("{sign} {line}\n");
        }
    }
    Some(shown)
}

#[test]
fn what_differs_each_time_is_left_out() {
    let explained = "logical_plan\nx\nphysical_plan\n  TikvScanExec: table=a.b, columns=[c, d], regions=3, ranges=1, start_ts=7, query=8\n";
    assert_eq!(plan_alone(explained), "  TikvScanExec: table=a.b, columns=[c, d], ranges=1\n");
}
