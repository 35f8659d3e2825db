//! Writes that are no statements.

use datafusion::dataframe::DataFrameWriteOptions;
use datafusion::logical_expr::dml::InsertOp;
use datafusion::prelude::{col, lit};
use tifusion::{AccessDenied, Error, Privilege};

use super::{Scene, refused};

fn lacks(error: &Error) -> Privilege {
    match refused(error) {
        AccessDenied::Table { privilege, .. } => *privilege,
        other => panic!("{other}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_are_written_by_who_may_write_the_table() {
    let Some(mut scene) = Scene::of("authz_frames").await else { return };
    let grants = ["GRANT INSERT ON $a.u TO $user", "GRANT SELECT ON $a.t TO $user"];
    let user = scene.user("app", &grants, &[]).await;
    let context = user.ours.context();
    let (u, t, b) = (scene.named("$a.u"), scene.named("$a.t"), scene.named("$b.t"));
    let rows = async |id: i32| {
        let one = context.session_context().sql("SELECT 1 AS one").await.unwrap();
        one.select(vec![lit(id).alias("id"), (col("one") + lit(id)).alias("v")]).unwrap()
    };
    let written = context.table_writer(&u).write(rows(1).await).await.unwrap();
    assert_eq!(written.rows, 1);
    for table in [&t, &b] {
        let error = context.table_writer(table).write(rows(50).await).await.unwrap_err();
        assert_eq!(lacks(&error), if *table == t { Privilege::Insert } else { Privilege::Select });
        let dry = context.table_writer(table).dry_run(true).write(rows(50).await).await;
        refused(&dry.unwrap_err());
    }
    let replace = context.table_writer(&u).replace(true).write(rows(1).await).await.unwrap_err();
    assert_eq!(lacks(&replace), Privilege::Delete);
    let together =
        [(context.table_writer(&u), rows(2).await), (context.table_writer(&t), rows(60).await)];
    let error = context.write_together(together).await.unwrap_err();
    assert_eq!(lacks(&error), Privilege::Insert);
    let by_frame = async |table: &str, op: InsertOp| {
        let name = format!("tidb.{table}");
        let options = DataFrameWriteOptions::new().with_insert_operation(op);
        rows(3).await.write_table(&name, options).await.map(drop).map_err(Error::from)
    };
    assert_eq!(lacks(&by_frame(&t, InsertOp::Append).await.unwrap_err()), Privilege::Insert);
    assert_eq!(lacks(&by_frame(&u, InsertOp::Replace).await.unwrap_err()), Privilege::Delete);
    by_frame(&u, InsertOp::Append).await.unwrap();
    // Rows read by somebody else's session are refused as well.
    let forbidden = context.session_context().table(format!("tidb.{b}").as_str()).await;
    refused(&Error::from(forbidden.unwrap_err()));
    let ids = scene.root.query(&format!("SELECT GROUP_CONCAT(id ORDER BY id) FROM {u}")).await;
    assert_eq!(ids.rows[0][0].plain(), "1,3");
    assert_eq!(scene.root.number(&format!("SELECT COUNT(*) FROM {t}")).await, 2);
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn through_the_sql_port_the_same_is_refused() {
    let Some(mut scene) = Scene::of("authz_port").await else { return };
    let grants = ["GRANT INSERT ON $a.u TO $user", "GRANT SELECT ON $a.* TO $user"];
    let settings = [("write.mode", "sql"), ("sql.auth.refresh_interval", "0")];
    let user = scene.user("app", &grants, &settings).await;
    user.ours.query(&scene.named("INSERT INTO $a.u SELECT id, v FROM $a.t")).await;
    for (statement, lacking) in [
        ("INSERT INTO $a.t VALUES (9, 9, 'z')", Privilege::Insert),
        ("REPLACE INTO $a.u VALUES (1, 9)", Privilege::Delete),
        ("INSERT INTO $a.u SELECT id + 10, v FROM $b.t", Privilege::Select),
    ] {
        let error = user.ours.try_query(&scene.named(statement)).await.unwrap_err();
        assert_eq!(lacks(&error), lacking, "{statement}");
    }
    // These are TiDB's own refusals.
    for statement in ["UPDATE $a.u SET v = 1 WHERE id = 1", "DELETE FROM $a.u WHERE id = 1"] {
        let error = user.ours.try_query(&scene.named(statement)).await.unwrap_err();
        assert_eq!(error.kind(), tifusion::ErrorKind::Security, "{error}");
    }
    assert_eq!(scene.root.number(&scene.named("SELECT COUNT(*) FROM $a.u")).await, 2);
    // The session's database, which the user may not use, is in nobody's way where all names say theirs.
    scene.run(&[&format!("GRANT UPDATE, ALTER ON $a.* TO '{}'", user.name)]).await;
    user.ours.query(&scene.named("UPDATE $a.u SET v = 5 WHERE id = 1")).await;
    user.ours.query(&scene.named("ALTER TABLE $a.u COMMENT = 'x'")).await;
    assert_eq!(scene.root.number(&scene.named("SELECT v FROM $a.u WHERE id = 1")).await, 5);
    let bare = user.ours.try_query("ALTER TABLE u COMMENT = 'x'").await.unwrap_err();
    assert!(bare.to_string().contains("atabase"), "{bare}");
    scene.end().await;
}
