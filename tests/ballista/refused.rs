//! What can't run on executors says so.

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
async fn a_table_in_the_sessions_memory_is_named_where_it_is_joined() {
    let cluster = EmbeddedCluster::builder().start().await.unwrap();
    cluster.execute("CREATE TABLE test.t (id BIGINT PRIMARY KEY)").await.unwrap();
    let session = standalone(&cluster).await;
    session.query("CREATE TABLE datafusion.public.mine AS SELECT 1 AS id").await;
    let alone = session.query("SELECT id FROM datafusion.public.mine").await;
    assert_eq!(plain(&alone), [["1"]]);
    let joined = "SELECT * FROM t JOIN datafusion.public.mine m ON t.id = m.id";
    let error = session.try_query(joined).await.unwrap_err().to_string();
    assert!(error.contains("datafusion.public.mine can't be read on Ballista"), "{error}");
}
