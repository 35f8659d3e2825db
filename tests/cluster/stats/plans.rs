//! What DataFusion makes of statistics: the order of joins, and the same answers.

use tifusion_testkit::cluster::{Cluster, Shape};
use tifusion_testkit::connector::Connector;
use tifusion_testkit::tidb::Tidb;

use super::{analyze, table_id};

async fn fill(tidb: &mut Tidb) {
    let big: Vec<String> = (0..4000).map(|k| format!("({k}, {}, 'x{k}')", k % 20)).collect();
    let small: Vec<String> = (0..20).map(|k| format!("({k}, 'name {k}')")).collect();
    tidb.run([
        "CREATE TABLE big (id INT PRIMARY KEY, k INT, filler VARCHAR(100))".to_owned(),
        "CREATE TABLE small (k INT PRIMARY KEY, name VARCHAR(20))".to_owned(),
        format!("INSERT INTO big VALUES {}", big.join(", ")),
        format!("INSERT INTO small VALUES {}", small.join(", ")),
    ])
    .await;
}

/// The table that a join reads first, into memory.
fn build_side(plan: &str) -> &'static str {
    assert!(plan.contains("HashJoinExec"), "{plan}");
    let at = |table: &str| plan.find(table).unwrap_or_else(|| panic!("no {table} in\n{plan}"));
    if at(".small,") < at(".big,") { "small" } else { "big" }
}

/// A session that has read the statistics: on a machine that has much else to do, a statement may go
/// on without them.
async fn informed(cluster: &Cluster, database: &str) -> Connector {
    for _ in 0..20 {
        let connector = Connector::connect(cluster, &[]).await;
        connector.use_database(database).await;
        if connector.explain(JOINS[0]).await.matches("stats=v2").count() == 2 {
            return connector;
        }
    }
    panic!("statistics are never read in time")
}

const JOINS: [&str; 2] = [
    "SELECT count(*), max(big.id) FROM big JOIN small ON big.k = small.k",
    "SELECT count(*), max(big.id) FROM small JOIN big ON big.k = small.k",
];

#[tokio::test(flavor = "multi_thread")]
async fn the_small_table_is_the_build_side_once_somebody_counted() {
    let test = "stats_joins";
    let Some(cluster) = Cluster::of(Shape::default(), test) else { return };
    let mut tidb = Tidb::in_database(&cluster.tidb, test).await;
    fill(&mut tidb).await;
    let theirs = tidb.query(JOINS[0]).await.rows;
    let connector = Connector::connect(&cluster, &[]).await;
    connector.use_database(test).await;
    for query in JOINS {
        assert_eq!(connector.query(query).await.rows, theirs, "without statistics: {query}");
    }
    for table in ["big", "small"] {
        analyze(&mut tidb, Shape::default(), 2, table, "").await;
    }
    let connector = informed(&cluster, test).await;
    for query in JOINS {
        let plan = connector.explain(query).await;
        assert_eq!(build_side(&plan), "small", "{plan}");
        assert!(plan.contains("rows≈4000") || plan.contains("rows≈8000"), "{plan}");
        assert!(plan.contains("stats=v2"), "{plan}");
        assert_eq!(connector.query(query).await.rows, theirs, "with statistics: {query}");
    }
    let plain = connector.explain("SELECT filler FROM big LIMIT 3").await;
    assert!(plain.contains("rows≈") && !plain.contains("stats="), "nothing is compared: {plain}");
}

#[tokio::test(flavor = "multi_thread")]
async fn statistics_that_are_out_of_date_change_no_answer() {
    let test = "stats_wrong";
    let Some(cluster) = Cluster::of(Shape::default(), test) else { return };
    let mut tidb = Tidb::in_database(&cluster.tidb, test).await;
    fill(&mut tidb).await;
    analyze(&mut tidb, Shape::default(), 2, "big", "").await;
    let more: Vec<String> =
        (4000..4100).map(|k| format!("({k}, {}, NULL)", 100 - k % 60)).collect();
    tidb.run([format!("INSERT INTO big VALUES {}", more.join(", "))]).await;
    let table = table_id(&mut tidb, test, "big").await;
    let connector = Connector::connect(&cluster, &[]).await;
    connector.use_database(test).await;
    for count in [3, 1_000_000] {
        tidb.run([format!(
            "UPDATE mysql.stats_meta SET count = {count}, version = version + 1 \
             WHERE table_id = {table}"
        )])
        .await;
        for query in [
            "SELECT count(*), min(k), max(k), count(filler) FROM big",
            // 19 and 3999 were the greatest values when the table was analyzed.
            "SELECT k, id FROM big WHERE k >= 19 ORDER BY k DESC, id",
            "SELECT k FROM big WHERE k > 19 ORDER BY k",
            "SELECT id FROM big WHERE id >= 3999 ORDER BY id DESC",
            "SELECT max(id), min(id), count(*) FROM big WHERE id >= 3999",
            "SELECT k, count(*) FROM big WHERE k >= 19 GROUP BY k ORDER BY k",
            "SELECT count(DISTINCT k) FROM big",
            "SELECT count(*) FROM big a JOIN big b ON a.id = b.k WHERE a.id >= 19",
            "SELECT id FROM big ORDER BY id DESC LIMIT 5",
        ] {
            let (ours, theirs) = (connector.query(query).await, tidb.query(query).await);
            assert_eq!(ours.rows, theirs.rows, "{count} rows: {query}");
        }
    }
}
