//! What can't run on executors.

use tifusion_embedded::EmbeddedCluster;

use super::{config, plain, standalone};

#[tokio::test(flavor = "multi_thread")]
async fn a_scheduler_that_is_not_there_is_named() {
    let cluster = EmbeddedCluster::builder().start().await.unwrap();
    cluster.execute("CREATE TABLE test.t (id BIGINT PRIMARY KEY)").await.unwrap();
    let context = tifusion_ballista::connect(config(&cluster), "df://127.0.0.1:1").await.unwrap();
    // What the session knows by itself needs no scheduler.
    context.sql("SHOW TABLES").await.unwrap().collect().await.unwrap();
    let error = context.sql("SELECT * FROM t").await.unwrap().collect().await.unwrap_err();
    assert!(error.to_string().contains("127.0.0.1:1"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_sent_runs_in_the_session_and_explain_tells() {
    let cluster = EmbeddedCluster::builder().start().await.unwrap();
    let script = "CREATE TABLE test.t (id BIGINT PRIMARY KEY); INSERT INTO test.t VALUES (1), (2)";
    cluster.execute(script).await.unwrap();
    let session = standalone(&cluster).await;
    session.query("CREATE TABLE datafusion.public.mine AS SELECT 1 AS id").await;
    for here in [
        "SELECT t.id FROM t JOIN datafusion.public.mine m ON t.id = m.id",
        "WITH RECURSIVE r (id) AS (SELECT id FROM t WHERE id = 1 UNION ALL \
             SELECT t.id - 1 FROM t JOIN r ON t.id = r.id + 1 WHERE r.id > 1) SELECT id FROM r",
    ] {
        assert_eq!(plain(&session.query(here).await), [["1"]], "{here}");
        let plan = session.explain(here).await;
        assert!(plan.contains("TikvScanExec") && !plan.contains("TikvTasksExec"), "{plan}");
    }
    let plan = session.explain("SELECT id FROM t WHERE id > 1").await;
    assert!(plan.contains("TikvTasksExec: tasks="), "{plan}");
}
