//! Changes of schema.

use tifusion::ErrorKind;
use tifusion_testkit::cluster::{Cluster, Shape};
use tifusion_testkit::connector::Connector;

use super::Scene;

async fn cells(scene: &Scene, query: &str) -> Vec<Vec<String>> {
    let rows = scene.ours.query(query).await.rows;
    rows.iter().map(|row| row.iter().map(|cell| cell.plain()).collect()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_there_for_the_next_statement() {
    let Some(mut scene) = Scene::at_sql_port("sql_port_ddl", &[]).await else { return };
    let ours = scene.ours.clone();
    let run = async |sql: &str| Box::pin(ours.query(sql)).await;
    run("CREATE TABLE t (id BIGINT PRIMARY KEY /*T![auto_rand] AUTO_RANDOM(3) */, v INT) -- rows")
        .await;
    scene.write("INSERT INTO t (v) VALUES (1), (2), (3)").await;
    run("ALTER TABLE t ADD COLUMN s VARCHAR(9) DEFAULT 'it''s', ADD KEY by_v (v)").await;
    assert_eq!(cells(&scene, "SELECT v, s FROM t WHERE v = 2").await, [["2", "it's"]]);
    scene.write("INSERT INTO t (v, s) VALUES (4, 'new')").await;
    run("CREATE UNIQUE INDEX by_both ON sql_port_ddl.t (v, s)").await;
    assert!(scene.ours.explain("SELECT v FROM t WHERE v = 2 AND s = 'a'").await.contains("by_"));
    run("RENAME TABLE t TO u").await;
    assert!(scene.ours.try_query("SELECT * FROM t").await.is_err());
    scene.judge("u").await;
    run("CREATE VIEW w AS SELECT v FROM u WHERE v > 2").await;
    assert_eq!(cells(&scene, "SELECT COUNT(*) FROM w").await, [["2"]]);
    run("DROP VIEW w").await;
    run("TRUNCATE TABLE tidb.sql_port_ddl.u").await;
    assert_eq!(cells(&scene, "SELECT COUNT(*) FROM u").await, [["0"]]);
    scene.write("INSERT INTO u (v) VALUES (1)").await;
    run("DROP INDEX by_both ON u").await;
    scene.judge("u").await;
    run("DROP DATABASE IF EXISTS sql_port_made").await;
    run("CREATE DATABASE sql_port_made").await;
    run("CREATE TABLE sql_port_made.t (id INT PRIMARY KEY) PARTITION BY HASH (id) PARTITIONS 3")
        .await;
    run("USE sql_port_made").await;
    assert_eq!(scene.write("INSERT INTO t VALUES (1), (2)").await, 2);
    run("DROP TABLE t").await;
    assert!(scene.ours.try_query("SELECT * FROM t").await.is_err());
    run("DROP SCHEMA tidb.sql_port_made").await;
    let error = scene.ours.try_query("USE sql_port_made").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    // What names no database is not looked for in that of another name.
    for change in
        ["DROP TABLE IF EXISTS sql_port_ddl.nosuch, u", "RENAME TABLE sql_port_ddl.u TO v"]
    {
        let error = scene.ours.try_query(change).await.unwrap_err();
        assert!(
            error.to_string().contains("Unknown database 'sql_port_made'"),
            "{change}: {error}"
        );
    }
    assert_eq!(scene.tidb.number("SELECT COUNT(*) FROM sql_port_ddl.u").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_are_analyzed_and_split() {
    let Some(mut scene) = Scene::at_sql_port("sql_port_admin", &[]).await else { return };
    scene.tidb.run(["CREATE TABLE t (id INT PRIMARY KEY, v INT, KEY (v))"]).await;
    let insert = "INSERT INTO t SELECT value AS id, value % 10 AS v FROM generate_series(1, 500)";
    assert_eq!(scene.write(insert).await, 500);
    scene.ours.query("ANALYZE TABLE t").await;
    let known = scene.ours.context().table_statistics("sql_port_admin", "t").await.unwrap();
    assert_eq!(known.statistics().rows, Some(500));
    let split = scene.ours.query("SPLIT TABLE t BETWEEN (0) AND (100000) REGIONS 4").await;
    assert_eq!(split.columns, ["TOTAL_SPLIT_REGION", "SCATTER_FINISH_RATIO"]);
    // How many it were, the playground's store does not tell.
    assert_eq!(split.rows.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_tidbs_to_do_stays_where_it_is() {
    let Some(mut scene) = Scene::at_sql_port("sql_port_others", &[]).await else { return };
    scene.tidb.run(["CREATE TABLE t (id INT PRIMARY KEY)"]).await;
    for statement in [
        "CREATE TABLE datafusion.public.m (id BIGINT) AS VALUES (1), (2)",
        "CREATE VIEW datafusion.public.w AS SELECT id FROM datafusion.public.m",
        "CREATE SCHEMA datafusion.other",
        "DROP VIEW datafusion.public.w",
        "DROP TABLE datafusion.public.m",
    ] {
        scene.ours.query(statement).await;
    }
    for (statement, said) in [
        ("CREATE TABLE m AS SELECT 1 AS id", "TiDB itself"),
        ("CREATE EXTERNAL TABLE m STORED AS CSV LOCATION '/tmp/x.csv'", "TiDB itself"),
        ("DROP TABLE t, datafusion.public.m", "a statement for each"),
        ("EXPLAIN ANALYZE DROP TABLE t", "would carry it out"),
        ("CREATE TABLE t (id INT)", "code: 1050, statement: CREATE TABLE"),
        ("ALTER TABLE nosuch ADD COLUMN v INT", "code: 1146"),
        ("ALTER TABLE t ADD COLUMN", "code: 1064"),
        ("CREATE TABLE x (id INT) /*! AUTO_INCREMENT=100000 */", "which TiDB would run"),
        ("CREATE TABLE datafusion.public.x (a NOTHING BUT WORDS)", "sql parser"),
    ] {
        let error = scene.ours.try_query(statement).await.unwrap_err().to_string();
        assert!(error.contains(said), "{statement}: {error}");
    }
    let explained = scene.ours.explain("ALTER TABLE tidb.sql_port_others.t ADD COLUMN v INT").await;
    for said in [
        "ALTER TABLE: by=TiDB's SQL port, root@",
        "database=sql_port_others",
        "\n  ALTER TABLE sql_port_others.t ADD",
    ] {
        assert!(explained.contains(said), "{explained}");
    }
    assert_eq!(scene.ours.query("SELECT * FROM t").await.columns, ["id"]);
    scene.ours.query("SET tidb.write.enable = false").await;
    let error = scene.ours.try_query("DROP TABLE t").await.unwrap_err().to_string();
    assert!(error.contains("tidb.write.enable"), "{error}");
    scene.ours.query("SET tidb.write.enable = true").await;
    scene.ours.query("SET tidb.statement.timeout = '1ms'").await;
    let error = scene.ours.try_query("DROP TABLE t").await.unwrap_err();
    assert!(error.to_string().contains("statement.timeout"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn quotes_mean_what_they_mean_in_the_session() {
    let Some(mut scene) = Scene::at_sql_port("sql_port_quotes", &[]).await else { return };
    scene.ours.query("CREATE TABLE \"a b\" (\"x\" INT COMMENT 'a\\n')").await;
    let comment = scene.ours.query("SHOW CREATE TABLE \"a b\"").await.rows[0][1].plain();
    assert!(comment.contains(r"a\\n"), "{comment}");
    scene.ours.query("SET datafusion.sql_parser.dialect = 'mysql'").await;
    scene.ours.query("CREATE TABLE c (id INT, x VARCHAR(9) DEFAULT \"it's\")").await;
    assert_eq!(scene.write("INSERT INTO c (id) VALUES (1)").await, 1);
    assert_eq!(scene.tidb.number("SELECT COUNT(*) FROM c WHERE x = 'it''s'").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_address_the_way_out_is_named() {
    let Some(cluster) = Cluster::of(Shape::default(), "sql_port_nowhere") else { return };
    let ours = Connector::connect(&cluster, &[("write.enable", "true"), super::SQL]).await;
    for statement in
        ["CREATE TABLE nosuch (id INT)", "ANALYZE TABLE nosuch", "DROP DATABASE nosuch"]
    {
        let error = ours.try_query(statement).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
        assert!(error.to_string().contains("tidb.addr"), "{error}");
    }
}
