//! Changes of schema by the session, which the cluster itself carries out.

use tifusion::ErrorKind;
use tifusion_embedded::EmbeddedCluster;
use tifusion_testkit::connector::Connector;

#[tokio::test(flavor = "multi_thread")]
async fn what_the_cluster_can_do_is_there_for_the_next_statement() {
    let cluster = EmbeddedCluster::builder().start().await.unwrap();
    let ours = Connector::embedded(&cluster, &[("write.enable", "true")]).await;
    ours.query("CREATE DATABASE shop").await;
    ours.query("USE shop").await;
    ours.query("CREATE TABLE t (id BIGINT PRIMARY KEY, name VARCHAR(9), KEY (name))").await;
    ours.query("INSERT INTO t VALUES (1, 'one'), (2, 'two')").await;
    assert_eq!(ours.query("SELECT name FROM tidb.shop.t WHERE id = 2").await.rows.len(), 1);
    ours.query("CREATE TABLE tidb.test.u (id BIGINT PRIMARY KEY)").await;
    assert_eq!(ours.query("SELECT * FROM test.u").await.columns, ["id"]);
    let explained = ours.explain("CREATE TABLE v (id BIGINT)").await;
    assert!(explained.contains("CREATE TABLE: by=embedded cluster, database=shop"), "{explained}");
    for statement in [
        "ALTER TABLE t ADD COLUMN v INT",
        "DROP TABLE t",
        "TRUNCATE TABLE t",
        "ANALYZE TABLE t",
        "CREATE INDEX i ON t (id)",
        "CREATE TABLE t (id BIGINT)",
    ] {
        let error = ours.try_query(statement).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{statement}: {error}");
    }
    let error = ours.try_query("DROP TABLE t").await.unwrap_err().to_string();
    assert!(error.contains("DROP"), "{error}");
    assert_eq!(ours.query("SELECT * FROM t").await.rows.len(), 2);
    let reader = Connector::embedded(&cluster, &[]).await;
    let error = reader.try_query("CREATE DATABASE other").await.unwrap_err().to_string();
    assert!(error.contains("tidb.write.enable"), "{error}");
}
