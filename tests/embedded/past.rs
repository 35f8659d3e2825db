//! `AS OF TIMESTAMP` and `PARTITION (…)` over an embedded cluster.

use std::time::Duration;

use tifusion_embedded::EmbeddedCluster;
use tifusion_testkit::cell::Cell;
use tifusion_testkit::connector::Connector;

#[tokio::test(flavor = "multi_thread")]
async fn the_past_and_its_partitions_are_read() {
    let cluster = EmbeddedCluster::builder().stores(3).start().await.unwrap();
    cluster
        .execute(
            "CREATE TABLE test.t (id INT PRIMARY KEY) PARTITION BY RANGE (id) \
             (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN MAXVALUE);
             INSERT INTO test.t VALUES (1), (2), (11);",
        )
        .await
        .unwrap();
    let connector = Connector::embedded(&cluster, &[]).await;
    connector.use_database("test").await;
    let pause = Duration::from_millis(60);
    tokio::time::sleep(pause).await;
    let now = connector.query("SELECT to_char(now(), '%Y-%m-%d %H:%M:%S%.3f')").await;
    let at = now.rows[0][0].plain();
    tokio::time::sleep(pause).await;
    cluster
        .execute(
            "INSERT INTO test.t VALUES (3), (12); CREATE TABLE test.later (id INT PRIMARY KEY);",
        )
        .await
        .unwrap();
    for (query, count) in [
        ("SELECT count(*) FROM t", 5),
        ("SELECT count(*) FROM t AS OF TIMESTAMP '{at}'", 3),
        ("SELECT count(*) FROM t PARTITION (p0)", 3),
        ("SELECT count(*) FROM t PARTITION (p0) AS x AS OF TIMESTAMP '{at}' WHERE x.id > 1", 1),
        ("SELECT count(*) FROM t PARTITION (P1) AS OF TIMESTAMP '{at}'", 1),
    ] {
        let query = query.replace("{at}", &at);
        assert_eq!(connector.query(&query).await.rows, [[Cell::Int(count)]], "{query}");
    }
    let before = format!("SELECT * FROM later AS OF TIMESTAMP '{at}'");
    let error = connector.try_query(&before).await.unwrap_err();
    assert!(error.to_string().contains("there is no table later"), "{error}");
    let plan = connector.explain("SELECT id FROM t PARTITION (p1) WHERE id > 11").await;
    assert!(plan.contains("partitions=1/2 [p1]"), "{plan}");
}
