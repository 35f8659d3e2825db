//! Of what a user may not read nothing is read.

use datafusion::prelude::col;
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use tifusion::Error;

use super::{Scene, refused};

/// Requests for rows since the last time.
fn requests(snapshotter: &Snapshotter) -> usize {
    let taken = snapshotter.snapshot().into_vec();
    let of_rows = taken.iter().filter(|(key, ..)| {
        let mut labels = key.key().labels();
        key.key().name() == "tifusion_rpc_duration_seconds"
            && labels.any(|label| label.key() == "method" && label.value() == "coprocessor")
    });
    of_rows
        .map(|(.., value)| match value {
            DebugValue::Histogram(values) => values.len(),
            other => panic!("{other:?}"),
        })
        .sum()
}

/// All of it is on this thread, so that nobody else's requests are counted.
#[test]
fn no_store_is_asked_for_rows_that_are_refused() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    metrics::with_local_recorder(&recorder, || runtime.block_on(refusals(&snapshotter)));
}

async fn refusals(snapshotter: &Snapshotter) {
    let Some(mut scene) = Scene::of("authz_unread").await else { return };
    let grants = ["GRANT SELECT ON $a.* TO $user", "GRANT SHOW VIEW ON *.* TO $user"];
    let settings = [("sql.auth.refresh_interval", "0")];
    let user = scene.user("app", &grants, &settings).await;
    let context = user.ours.context();
    let readable = scene.named("SELECT v FROM $a.t");
    user.ours.query(&readable).await;
    assert!(requests(snapshotter) > 0, "requests are counted");
    let frame = context.sql(&scene.named("SELECT id FROM $a.t")).await.unwrap();
    let name = scene.named("tidb.$a.t");
    let built = context.session_context().table(name.as_str()).await.unwrap();
    let built = built.select(vec![col("id")]).unwrap();
    scene.run(&[&format!("REVOKE SELECT ON $a.* FROM '{}'", user.name)]).await;
    for frame in [frame, built] {
        let error = Error::from(frame.collect().await.unwrap_err());
        assert_eq!(refused(&error).code(), 1142);
    }
    scene.run(&[&format!("GRANT SELECT ON $a.* TO '{}'", user.name)]).await;
    for statement in [
        "SELECT * FROM $b.t",
        "SELECT COUNT(*) FROM $b.t",
        "SELECT t.id FROM $a.t t JOIN $b.t o ON o.id = t.id",
        "SELECT id FROM $a.t WHERE v > (SELECT MAX(v) FROM $b.t)",
        "WITH c AS (SELECT id FROM $b.t) SELECT c.id FROM c JOIN $a.t t ON t.id = c.id",
        "SELECT id FROM $a.t UNION ALL SELECT id FROM $b.t",
        "SELECT id FROM $a.invokers",
        "EXPLAIN ANALYZE SELECT id FROM $b.t",
        "EXPLAIN ANALYZE SELECT id FROM $a.invokers",
        "INSERT INTO $a.u SELECT id, v FROM $b.t",
        "INSERT INTO $b.t SELECT id + 100, v FROM $a.t",
        "UPDATE $b.t SET v = 1 WHERE id = 1",
        "DELETE FROM $b.t WHERE v = 100",
        "CREATE TABLE datafusion.public.copied AS SELECT * FROM $b.t",
        "COPY (SELECT * FROM $b.t) TO '/nonexistent/out.csv'",
    ] {
        let statement = scene.named(statement);
        let error = match user.ours.try_query(&statement).await {
            Err(error) => error,
            Ok(rows) => panic!("{rows:?}\n{statement}"),
        };
        let code = refused(&error).code();
        assert!(matches!(code, 1142 | 1345), "{error}\n{statement}");
        assert_eq!(requests(snapshotter), 0, "{statement}");
    }
    let of_forbidden = context.table_statistics(&scene.named("$b"), "t").await.unwrap_err();
    assert_eq!(refused(&of_forbidden).code(), 1142);
    scene.end().await;
}
