//! What `EXPLAIN` and the metrics tell of filters.

use tifusion_embedded::EmbeddedCluster;
use tifusion_testkit::cell::Cell;
use tifusion_testkit::cluster::{Cluster, Shape};
use tifusion_testkit::connector::Connector;

use super::Sides;

async fn sides() -> (EmbeddedCluster, Sides) {
    let cluster = EmbeddedCluster::builder().start().await.unwrap();
    let sides = Sides::embedded(&cluster).await;
    (cluster, sides)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exact_filter_is_evaluated_by_the_stores_alone() {
    let (_cluster, sides) = sides().await;
    let query = "SELECT id FROM edges WHERE i_int > 6 AND s = 'a'";
    let plan = sides.on.explain(query).await;
    assert!(!plan.contains("FilterExec"), "{plan}");
    assert!(plan.contains("pushed=[i_int > 6, s = a]"), "{plan}");
    // What only the condition needs is not sent.
    assert!(plan.contains("columns=[id]"), "{plan}");
    let answer = sides.on.run(query).await.unwrap();
    let rows: usize = answer.batches.iter().map(|batch| batch.num_rows()).sum();
    let off = sides.off.run(query).await.unwrap();
    assert!(rows > 0 && rows == off.batches.iter().map(|batch| batch.num_rows()).sum::<usize>());
    let scanned = |answer: &tifusion_testkit::connector::Answer| answer.metric("bytes");
    assert!(scanned(&answer) < scanned(&off) / 2, "{} {}", scanned(&answer), scanned(&off));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_pushed_is_told_with_its_reason() {
    let (_cluster, sides) = sides().await;
    let plan = sides.on.explain("SELECT id FROM edges WHERE upper(s) = 'A' AND i_int > 6").await;
    assert!(plan.contains("FilterExec: upper(s@"), "{plan}");
    assert!(plan.contains("pushed=[i_int > 6]"), "{plan}");
    assert!(plan.contains("not pushed: [upper(s) (upper of text: "), "{plan}");
    let plan = sides.on.explain("SELECT id FROM edges WHERE d_day < DATE '2020-01-01'").await;
    assert!(
        plan.contains("superset=[d_day < 2020-01-01]") && plan.contains("FilterExec"),
        "{plan}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_counted_under_a_filter() {
    let (_cluster, sides) = sides().await;
    for (filter, at_least) in [("i_int > 6", 1), ("i_int > 6 AND s LIKE '%a%'", 1), ("id < 0", 0)] {
        let query = format!("SELECT count(*) FROM edges WHERE {filter}");
        let on = sides.on.query(&query).await;
        assert_eq!(on.rows, sides.off.query(&query).await.rows, "{query}");
        assert!(matches!(on.rows[0][0], Cell::Int(count) if count >= at_least), "{query}");
        let plan = sides.on.explain(&query).await;
        assert!(plan.contains("aggregates=[count(*)]") && !plan.contains("FilterExec"), "{plan}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_is_pushed_below_exact_filters_only() {
    let (_cluster, sides) = sides().await;
    let plan = sides.on.explain("SELECT id FROM edges WHERE i_int > 0 LIMIT 3").await;
    assert!(plan.contains("limit=3"), "{plan}");
    let plan =
        sides.on.explain("SELECT id FROM edges WHERE d_day > DATE '2000-01-01' LIMIT 3").await;
    assert!(!plan.contains("limit=3"), "{plan}");
    // A filter above a limit is none below it.
    let query = "SELECT count(*) FROM (SELECT * FROM edges LIMIT 5) WHERE i_int > 0 OR i_int <= 0 OR i_int IS NULL";
    assert_eq!(sides.on.query(query).await.rows, [[Cell::Int(5)]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_can_be_forbidden_in_the_session() {
    let (cluster, _) = sides().await;
    let settings = [("plan.unsupported_pushdown_exprs", "LIKE, <")];
    let connector = Connector::embedded(&cluster, &settings).await;
    connector.use_database("test").await;
    let query = "SELECT id FROM edges WHERE i_int < 6 AND s LIKE 'a%' AND i_int > 0";
    let plan = connector.explain(query).await;
    assert!(plan.contains("pushed=[i_int > 0]"), "{plan}");
    assert!(plan.contains("lt is in plan.unsupported_pushdown_exprs"), "{plan}");
    assert!(plan.contains("like is in plan.unsupported_pushdown_exprs"), "{plan}");
    connector.query("SET tidb.plan.unsupported_pushdown_exprs = ''").await;
    let plan = connector.explain(query).await;
    assert!(!plan.contains("not pushed"), "{plan}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tidbs_blacklist_is_obeyed_and_old_collations_compare_bytes() {
    let test = "pushdown_blacklist";
    let Some(cluster) = Cluster::of(Shape::old_collation(), test) else { return };
    let (sides, mut tidb) = Sides::playground(&cluster, test).await;
    for filter in ["s_pad = 'a'", "name_ci IN ('a', 'ß')", "s LIKE '_'", "reverse(s) = 'ba'"] {
        let query = format!("SELECT id FROM edges WHERE {filter}");
        assert_eq!(
            sides.on.query(&query).await.rows.len(),
            sides.off.query(&query).await.rows.len()
        );
        assert!(sides.on.explain(&query).await.contains("pushed=["), "{query}");
    }
    tidb.run([
        "INSERT INTO mysql.expr_pushdown_blacklist VALUES ('REVERSE', 'tikv,tiflash', 'a test')",
        "INSERT INTO mysql.expr_pushdown_blacklist VALUES ('like', 'tiflash', 'another store')",
    ])
    .await;
    let connector = Connector::connect(&cluster, &[]).await;
    connector.use_database(test).await;
    tidb.run(["DELETE FROM mysql.expr_pushdown_blacklist"]).await;
    let query = "SELECT id FROM edges WHERE reverse(s) = 'ba' AND s LIKE '_b'";
    let plan = connector.explain(query).await;
    assert!(plan.contains("reverse is in mysql.expr_pushdown_blacklist"), "{plan}");
    assert!(plan.contains("pushed=[s LIKE _b]"), "{plan}");
}
