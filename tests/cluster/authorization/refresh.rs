//! Rights that come and go.

use std::time::Duration;

use datafusion::prelude::{col, lit};
use futures::TryStreamExt as _;
use tifusion::{Error, ErrorKind};

use super::{Scene, User, refused};

/// Rights are read for every statement.
const ALWAYS: (&str, &str) = ("sql.auth.refresh_interval", "0");

impl User {
    async fn reads(&self, query: &str) -> Result<usize, Error> {
        Ok(self.ours.try_query(query).await?.rows.len())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_made_before_a_right_was_revoked_does_not_keep_it() {
    let Some(mut scene) = Scene::of("authz_revoke").await else { return };
    let user = scene.user("app", &["GRANT SELECT ON $a.* TO $user"], &[ALWAYS]).await;
    let (table, view) = (scene.named("$a.t"), scene.named("$a.definers"));
    let context = user.ours.context();
    let frame = context.sql(&format!("SELECT id FROM {table}")).await.unwrap();
    let name = format!("tidb.{table}");
    let built = context.session_context().table(name.as_str()).await.unwrap();
    let built = built.filter(col("id").gt(lit(0))).unwrap();
    let of_view = context.sql(&format!("SELECT id FROM {view}")).await.unwrap();
    context.sql(&format!("PREPARE kept AS SELECT id FROM {table}")).await.unwrap();
    context
        .sql(&format!("CREATE VIEW datafusion.public.around AS SELECT id FROM {table}"))
        .await
        .unwrap();
    let again = async || {
        let mut kinds = Vec::new();
        for frame in [&frame, &built, &of_view] {
            kinds.push(frame.clone().collect().await.map(drop).map_err(Error::from));
        }
        for statement in ["EXECUTE kept", "SELECT * FROM datafusion.public.around"] {
            kinds.push(user.ours.try_query(statement).await.map(drop));
        }
        kinds
    };
    assert!(again().await.iter().all(Result::is_ok), "{:?}", again().await);
    scene.run(&[&format!("REVOKE SELECT ON $a.* FROM '{}'", user.name)]).await;
    for result in again().await {
        assert_eq!(refused(&result.unwrap_err()).code(), 1142);
    }
    scene.run(&[&format!("GRANT SELECT ON $a.* TO '{}'", user.name)]).await;
    assert!(again().await.iter().all(Result::is_ok), "{:?}", again().await);
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_was_kept_does_not_run_with_other_rights() {
    let Some(mut scene) = Scene::of("authz_kept").await else { return };
    let grants = ["GRANT SELECT, INSERT ON $a.* TO $user"];
    let user = scene.user("app", &grants, &[ALWAYS]).await;
    let context = user.ours.context();
    let prepared = async |statement: &str| {
        let statement = context.parse(&scene.named(statement)).unwrap().remove(0);
        context.prepare(statement).await.unwrap()
    };
    let run = async |planned: tifusion::PlannedStatement| -> Result<usize, Error> {
        let batches: Vec<_> = planned.execute()?.try_collect().await.map_err(Error::from)?;
        Ok(batches.iter().map(|batch| batch.num_rows()).sum())
    };
    assert_eq!(run(prepared("SELECT id FROM $a.t").await).await.unwrap(), 2);
    let read = prepared("SELECT id FROM $a.t").await;
    let of_view = prepared("SELECT id FROM $a.definers").await;
    let write = prepared("INSERT INTO $a.u VALUES ($n, 1)").await;
    let revoke = scene.named(&format!("REVOKE SELECT, INSERT ON $a.* FROM '{}'", user.name));
    scene.root.run([revoke]).await;
    for planned in [read, of_view, write] {
        let error = run(planned).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Security, "{error}");
        assert!(error.to_string().contains("run it again"), "{error}");
    }
    assert_eq!(scene.root.number(&scene.named("SELECT COUNT(*) FROM $a.u")).await, 0);
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_is_seen_to_be_gone_after_the_interval() {
    let Some(mut scene) = Scene::of("authz_interval").await else { return };
    let settings = [("sql.auth.refresh_interval", "1s")];
    let user = scene.user("app", &["GRANT SELECT ON $a.* TO $user"], &settings).await;
    let query = scene.named("SELECT id FROM $a.t");
    assert_eq!(user.reads(&query).await.unwrap(), 2);
    scene.run(&[&format!("REVOKE SELECT ON $a.* FROM '{}'", user.name)]).await;
    tokio::time::sleep(Duration::from_millis(1001)).await;
    assert_eq!(refused(&user.reads(&query).await.unwrap_err()).code(), 1142);
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_count_while_they_are_granted_and_active() {
    let Some(mut scene) = Scene::of("authz_roles").await else { return };
    let grants = [
        "CREATE ROLE IF NOT EXISTS authz_reader",
        "GRANT SELECT ON $a.* TO authz_reader",
        "GRANT authz_reader TO $user",
    ];
    let user = scene.user("app", &grants, &[ALWAYS]).await;
    let query = scene.named("SELECT id FROM $a.t");
    assert_eq!(refused(&user.reads(&query).await.unwrap_err()).code(), 1142);
    let name = user.name.clone();
    scene.run(&[&format!("SET DEFAULT ROLE authz_reader TO '{name}'")]).await;
    assert_eq!(user.reads(&query).await.unwrap(), 2);
    scene.run(&["REVOKE SELECT ON $a.* FROM authz_reader"]).await;
    assert!(user.reads(&query).await.is_err());
    scene.run(&["GRANT SELECT ON $a.t TO authz_reader"]).await;
    assert_eq!(user.reads(&query).await.unwrap(), 2);
    scene.run(&[&format!("REVOKE authz_reader FROM '{name}'")]).await;
    assert!(user.reads(&query).await.is_err());
    scene.run(&["DROP ROLE authz_reader"]).await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_of_who_lost_the_right_is_refused_as_in_tidb() {
    let Some(mut scene) = Scene::of("authz_definer").await else { return };
    let definer = scene.make_user("definer", &["GRANT SELECT ON $b.t TO $user"]).await;
    let made = format!(
        "CREATE DEFINER = '{definer}' SQL SECURITY DEFINER VIEW $a.theirs AS SELECT id FROM $b.t"
    );
    scene.run(&[&made]).await;
    let mut user = scene.user("app", &["GRANT SELECT ON $a.theirs TO $user"], &[ALWAYS]).await;
    let query = scene.named("SELECT id FROM $a.theirs");
    assert_eq!(user.reads(&query).await.unwrap(), 2);
    assert_eq!(user.tidb.query(&query).await.rows.len(), 2);
    scene.run(&[&format!("REVOKE SELECT ON $b.t FROM '{definer}'")]).await;
    assert!(user.tidb.try_query(&query).await.is_err());
    let error = user.reads(&query).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Security, "{error}");
    assert!(error.to_string().contains("1356"), "{error}");
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rights_that_cannot_be_read_are_none() {
    let Some(mut scene) = Scene::of("authz_unknown").await else { return };
    let user = scene.user("app", &["GRANT SELECT ON $a.* TO $user"], &[ALWAYS]).await;
    let query = scene.named("SELECT id FROM $a.t");
    assert_eq!(user.reads(&query).await.unwrap(), 2);
    scene.run(&[&format!("DROP USER '{}'", user.name)]).await;
    let error = user.reads(&query).await.unwrap_err();
    assert!(
        error.to_string().contains("can't be read from TiDB, so nothing is allowed"),
        "{error}"
    );
    let error = user.ours.try_query("SHOW DATABASES").await.unwrap_err();
    assert!(error.to_string().contains("nothing is allowed"), "{error}");
    scene.end().await;
}
