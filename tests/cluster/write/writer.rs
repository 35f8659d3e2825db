//! Frames into tables.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use datafusion::dataframe::DataFrameWriteOptions;
use datafusion::logical_expr::dml::InsertOp;
use tifusion::{Error, ErrorKind};
use tifusion_testkit::cluster::Shape;

use super::Scene;

async fn scene(test: &str) -> Option<Scene> {
    let mut scene = Scene::of(Shape::default(), test).await?;
    scene
        .tidb
        .run([
            "CREATE TABLE t (id BIGINT PRIMARY KEY, Name VARCHAR(20), n DECIMAL(10, 2) DEFAULT 1.5, UNIQUE KEY (Name))",
            "INSERT INTO t VALUES (1, 'one', 1)",
        ])
        .await;
    Some(scene)
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_are_matched_by_name_and_the_rest_has_defaults() {
    let Some(mut scene) = scene("write_frames").await else { return };
    let context = scene.ours.context().clone();
    let frame = |sql: &'static str| {
        let context = context.clone();
        async move { context.sql(sql).await.unwrap() }
    };
    let rows = frame("SELECT * FROM (VALUES ('two', 2), ('three', 3)) AS v (name, id)").await;
    let told = Arc::new(AtomicU64::new(0));
    let heard = Arc::clone(&told);
    let summary = context
        .table_writer("write_frames.t")
        .on_progress(move |progress| {
            if progress.is_committed {
                heard.store(progress.keys_prewritten, Ordering::Relaxed);
            }
        })
        .write(rows.clone())
        .await
        .unwrap();
    assert_eq!((summary.rows, told.load(Ordering::Relaxed)), (2, 4));
    let again = context.table_writer("t").write(rows.clone()).await.unwrap_err();
    assert_eq!(again.kind(), ErrorKind::Duplicate, "{again}");
    let dry = context.table_writer("t").replace(true).dry_run(true).write(rows.clone()).await;
    // A row in the place of itself counts once, as in MySQL.
    assert_eq!(dry.unwrap().rows, 2);
    scene.judge("t").await;
    assert_eq!(context.table_writer("t").replace(true).write(rows).await.unwrap().rows, 2);
    let wrong = frame("SELECT 5 AS id, 'x' AS nosuch").await;
    let error = context.table_writer("t").write(wrong).await.unwrap_err().to_string();
    assert!(error.contains("nosuch"), "{error}");
    let error =
        context.table_writer("datafusion.public.t").write(frame("SELECT 1 AS id").await).await;
    assert_eq!(error.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(scene.tidb.number("SELECT COUNT(*) FROM t WHERE n = 1.5").await, 2);
    scene.judge("t").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_write_themselves() {
    let Some(mut scene) = scene("write_table").await else { return };
    let context = scene.ours.context().clone();
    let options = || DataFrameWriteOptions::new();
    let frame = context
        .sql("SELECT id + 10 AS id, Name || '!' AS Name, n FROM t WHERE id = 1")
        .await
        .unwrap();
    frame.clone().write_table("tidb.write_table.t", options()).await.unwrap();
    let error = frame.clone().write_table("tidb.write_table.t", options()).await.unwrap_err();
    assert_eq!(Error::from(error).kind(), ErrorKind::Duplicate);
    let replace = options().with_insert_operation(InsertOp::Replace);
    frame.clone().write_table("tidb.write_table.t", replace).await.unwrap();
    let overwrite = options().with_insert_operation(InsertOp::Overwrite);
    let error = frame.write_table("tidb.write_table.t", overwrite).await.unwrap_err();
    assert!(error.to_string().contains("REPLACE"), "{error}");
    assert_eq!(scene.tidb.number("SELECT COUNT(*) FROM t").await, 2);
    // By name, whatever their order.
    let swapped = context.sql("SELECT 2.5 AS n, 'swapped' AS name, 50 AS ID").await.unwrap();
    swapped.write_table("tidb.write_table.t", options()).await.unwrap();
    assert_eq!(
        scene
            .tidb
            .number("SELECT COUNT(*) FROM t WHERE id = 50 AND name = 'swapped' AND n = 2.5")
            .await,
        1
    );
    let other = context.sql("SELECT 1 AS id, 'x' AS other").await.unwrap();
    let error = other.write_table("tidb.write_table.t", options()).await.unwrap_err().to_string();
    assert!(error.contains("other"), "{error}");
    // DataFusion's own planner would take a column that is left out for NULL, and lose filters.
    let session = context.session_context();
    for (sql, said) in [
        ("INSERT INTO tidb.write_table.t (id) VALUES (3)", "TidbContext::sql"),
        ("INSERT INTO tidb.write_table.t VALUES (3.7, 'x', 1)", "cast by DataFusion"),
        ("DELETE FROM tidb.write_table.t WHERE id IN (SELECT 1)", "TidbContext::sql"),
        ("UPDATE tidb.write_table.t SET id = 4", "TidbContext::sql"),
    ] {
        let error = session.sql(sql).await.unwrap().collect().await.unwrap_err().to_string();
        assert!(error.contains(said), "{sql}: {error}");
    }
    scene.judge("t").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_writes_once() {
    let Some(mut scene) = scene("write_once").await else { return };
    let context = scene.ours.context().clone();
    let frame = context.sql("INSERT INTO t (id) VALUES (7)").await.unwrap();
    let task = Arc::new(frame.task_ctx());
    let plan = frame.create_physical_plan().await.unwrap();
    let run = || datafusion::physical_plan::collect(Arc::clone(&plan), Arc::clone(&task));
    run().await.unwrap();
    let error = run().await.unwrap_err().to_string();
    assert!(error.contains("plan the statement anew"), "{error}");
    // Nor as a part of another statement, whose timestamp it would share.
    let insert = |id: u32| {
        let context = context.clone();
        async move { context.sql(&format!("INSERT INTO t (id) VALUES ({id})")).await.unwrap() }
    };
    let both = insert(20).await.union(insert(21).await).unwrap();
    let view = insert(22).await.into_view();
    let in_view = context.session_context().read_table(view).unwrap();
    for frame in [both, in_view, insert(23).await.limit(0, Some(1)).unwrap()] {
        let error = frame.collect().await.unwrap_err().to_string();
        assert!(error.contains("statement of its own"), "{error}");
    }
    let error = scene.refused("PREPARE p AS INSERT INTO t (id) VALUES (24)").await.to_string();
    assert!(error.contains("PREPARE"), "{error}");
    let explained = scene.ours.explain("INSERT INTO t (id) SELECT id + 100 FROM t").await;
    for said in
        ["TidbWriteExec: insert, table=write_once.t", "SortExec", "TidbEncodeExec", "TikvScanExec"]
    {
        assert!(explained.contains(said), "{explained}");
    }
    assert_eq!(scene.tidb.number("SELECT COUNT(*) FROM t").await, 2);
    let analyzed = scene.ours.query("EXPLAIN ANALYZE INSERT INTO t (id) VALUES (8)").await;
    assert!(analyzed.rows[0][1].plain().contains("rows_written=1"), "{analyzed:?}");
    assert_eq!(scene.tidb.number("SELECT COUNT(*) FROM t").await, 3);
    scene.judge("t").await;
}
