//! What is not worth several machines runs in the session.

use std::time::{Duration, Instant};

use tifusion_embedded::EmbeddedCluster;
use tifusion_testkit::connector::Connector;

use super::tpch::loaded;
use super::{EVERYTHING, config, plain};

/// The plan of a statement as soon as it has this: what is known of tables may come late to a machine with much else to do.
async fn explained(session: &Connector, statement: &str, operator: &str) -> String {
    let began = Instant::now();
    loop {
        let plan = session.try_query(&format!("EXPLAIN {statement}")).await;
        let plan = plan.map(|rows| plain(&rows).concat().join("\n"));
        match plan {
            Ok(plan) if plan.contains(operator) => return plan,
            plan if began.elapsed() > Duration::from_secs(60) => panic!("{statement}: {plan:?}"),
            _ => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

/// A session whose scheduler is not there.
async fn alone(cluster: &EmbeddedCluster) -> Connector {
    let mut config = config(cluster);
    config.remove(EVERYTHING.0);
    let context = tifusion_ballista::connect(config, "df://127.0.0.1:1").await.unwrap();
    let session = Connector::of(context);
    session.use_database("tpch").await;
    session
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_finds_few_rows_needs_no_scheduler() {
    let cluster = loaded().await;
    let session = alone(&cluster).await;
    for (query, rows) in [
        ("SELECT o_orderkey FROM orders WHERE o_orderkey = 7", 1),
        ("SELECT l_linenumber FROM lineitem LIMIT 10", 10),
        (
            "SELECT n_name, COUNT(*) FROM nation JOIN region ON n_regionkey = r_regionkey GROUP BY n_name",
            25,
        ),
        ("SELECT n_name FROM nation WHERE n_nationkey = (SELECT MAX(r_regionkey) FROM region)", 1),
        ("SELECT o_orderkey FROM orders WHERE o_orderkey BETWEEN 1 AND 7 AND o_totalprice > 0", 7),
        ("SELECT n_name, r_name FROM nation, region", 125),
    ] {
        let plan = explained(&session, query, "TikvScanExec").await;
        assert!(!plan.contains("TikvTasksExec"), "{query}: {plan}");
        assert_eq!(session.query(query).await.rows.len(), rows, "{query}");
    }
    // All of a table, however few rows come of it; a part of one and all of another; all as soon as it is asked for.
    for query in [
        "SELECT COUNT(*) FROM lineitem",
        "SELECT COUNT(*) FROM nation, orders WHERE n_nationkey = o_custkey",
        "SELECT n_name FROM nation WHERE n_nationkey IN (SELECT l_suppkey FROM lineitem)",
        "SELECT COUNT(*) FROM customer a, customer b WHERE a.c_acctbal < b.c_acctbal",
    ] {
        let error = session.try_query(query).await.unwrap_err();
        assert!(error.to_string().contains("127.0.0.1:1"), "{query}: {error}");
    }
    session.query("SET tidb.plan.distribute_min_rows = 0").await;
    let error = session.try_query("SELECT COUNT(*) FROM nation").await.unwrap_err();
    assert!(error.to_string().contains("127.0.0.1:1"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_of_few_rows_needs_no_scheduler() {
    let cluster = loaded().await;
    cluster
        .execute("CREATE TABLE tpch.copy (k BIGINT PRIMARY KEY, price DECIMAL(15,2))")
        .await
        .unwrap();
    let session = alone(&cluster).await;
    for write in [
        "INSERT INTO copy SELECT o_orderkey, o_totalprice FROM orders WHERE o_orderkey IN (1, 2, 3)",
        "UPDATE orders SET o_totalprice = 1.5 WHERE o_orderkey = 1",
        "DELETE FROM orders WHERE o_orderkey = 2",
    ] {
        let plan = explained(&session, write, "TidbWriteExec").await;
        assert!(!plan.contains("TidbSpread"), "{write}: {plan}");
        session.query(write).await;
    }
    let left = session
        .query("SELECT o_orderkey FROM orders WHERE o_orderkey BETWEEN 1 AND 3 ORDER BY 1")
        .await;
    assert_eq!(plain(&left), [["1"], ["3"]]);
    assert_eq!(
        plain(&session.query("SELECT k FROM copy WHERE k IN (1, 2, 3) ORDER BY k").await),
        [["1"], ["2"], ["3"]]
    );
    let all = "INSERT INTO copy SELECT o_orderkey + 100000, o_totalprice FROM orders";
    assert!(session.explain(all).await.contains("TidbSpreadWriteExec"));
    assert!(session.try_query(all).await.unwrap_err().to_string().contains("127.0.0.1:1"));
    assert_eq!(cluster.verify().await.unwrap(), []);
}
