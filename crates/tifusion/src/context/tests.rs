use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;

use arrow::array::{ArrayRef, AsArray as _, RecordBatch};
use arrow::util::display::array_value_to_string;
use arrow::util::pretty::pretty_format_batches;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::SessionContext;
use serde_json::json;
use tifusion_codec::key::meta;

use crate::error::{Error, ErrorKind, Result};
use crate::meta::DiskCache;
use crate::meta::fake::{FakeMeta, table, view};
use crate::testing::{context, context_with_disk};
use crate::{TidbContext, TikvScanExec};

fn fresh() -> (Arc<FakeMeta>, TidbContext) {
    let meta = FakeMeta::new();
    let context = context(&meta, &[]);
    (meta, context)
}

async fn rows(context: &TidbContext, sql: &str) -> Result<Vec<Vec<String>>> {
    let batches = context.sql(sql).await?.collect().await?;
    Ok(to_rows(&batches))
}

fn to_rows(batches: &[RecordBatch]) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for batch in batches {
        for row in 0..batch.num_rows() {
            let cell = |column: &ArrayRef| array_value_to_string(column, row).unwrap();
            rows.push(batch.columns().iter().map(cell).collect());
        }
    }
    rows
}

async fn error(context: &TidbContext, sql: &str) -> Error {
    match rows(context, sql).await {
        Err(error) => error,
        Ok(rows) => panic!("{sql} gave {rows:?}"),
    }
}

async fn columns(context: &TidbContext, sql: &str) -> Vec<String> {
    let frame = context.sql(sql).await.unwrap();
    frame.schema().fields().iter().map(|field| field.name().clone()).collect()
}

/// The start timestamps of all scans in a plan.
fn snapshots(plan: &Arc<dyn ExecutionPlan>) -> Vec<u64> {
    let mut found: Vec<u64> = plan.children().into_iter().flat_map(snapshots).collect();
    found.extend(plan.downcast_ref::<TikvScanExec>().map(TikvScanExec::start_ts));
    found
}

async fn planned(context: &TidbContext, sql: &str) -> Result<Vec<u64>> {
    let frame = context.sql(sql).await?;
    Ok(snapshots(&frame.create_physical_plan().await?))
}

#[tokio::test]
async fn show_and_use() {
    let (meta, context) = fresh();
    meta.change(json!({"type": 21, "schema_id": 2, "table_id": 201}), |meta| {
        meta.put(meta::table_key(2, 201), &view(201, "Newest"));
    });
    assert_eq!(rows(&context, "SHOW DATABASES").await.unwrap(), [["Shop"], ["test"]]);
    assert_eq!(rows(&context, "SHOW SCHEMAS LIKE 's%'").await.unwrap(), [["Shop"]]);
    assert_eq!(rows(&context, "SHOW TABLES").await.unwrap(), [["t"]]);
    assert_eq!(columns(&context, "SHOW TABLES").await, ["Tables_in_test"]);
    assert_eq!(rows(&context, "USE shop").await.unwrap(), Vec::<Vec<String>>::new());
    let full = rows(&context, "SHOW FULL TABLES").await.unwrap();
    assert_eq!(full, [["Newest", "VIEW"], ["Orders", "BASE TABLE"]]);
    let some = rows(&context, "SHOW TABLES FROM SHOP LIKE 'ord%'").await.unwrap();
    assert_eq!(some, [["Orders"]]);
    assert_eq!(rows(&context, "SHOW TABLES IN tidb.test").await.unwrap(), [["t"]]);
    let described = rows(&context, "SHOW COLUMNS FROM test.T LIKE 'user%'").await.unwrap();
    assert_eq!(described[0][0], "UserId");
    assert_eq!(rows(&context, "DESCRIBE orders").await.unwrap().len(), 1);
    for sql in ["USE nope", "SHOW TABLES FROM nope"] {
        let error = error(&context, sql).await;
        assert_eq!(error.kind(), ErrorKind::NotFound, "{sql}");
        assert!(error.to_string().contains("SHOW DATABASES"), "{error}");
    }
    let error = error(&context, "SHOW TABLES WHERE a = 1").await;
    assert!(error.to_string().contains("LIKE"), "{error}");
}

#[tokio::test]
async fn other_catalogs_can_be_used_and_shown() {
    let (_meta, context) = fresh();
    rows(&context, "CREATE TABLE datafusion.public.m AS VALUES (1)").await.unwrap();
    rows(&context, "USE datafusion.public").await.unwrap();
    assert_eq!(rows(&context, "SELECT * FROM m").await.unwrap(), [["1"]]);
    let shown = rows(&context, "SHOW TABLES").await.unwrap();
    assert!(shown.iter().any(|row| row[..3] == ["datafusion", "public", "m"]), "{shown:?}");
    rows(&context, "USE test").await.unwrap();
    assert_eq!(rows(&context, "SHOW TABLES").await.unwrap(), [["t"]]);
    assert_eq!(error(&context, "USE datafusion.nope").await.kind(), ErrorKind::NotFound);
    assert_eq!(error(&context, "USE nope.public").await.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn names_resolve_without_regard_to_case() {
    let (_meta, context) = fresh();
    let sql = r#"SELECT userid, "USERID", t.UserId, T.userid AS x FROM test.t"#;
    context.sql(r#"SELECT userid, "USERID" AS a FROM TIDB.Test.T"#).await.unwrap();
    assert!(context.sql(sql).await.is_err(), "a name twice in one result is DataFusion's error");
    let sql = r#"SELECT userid, "USERID" AS a, t.UserId AS b FROM TEST.T ORDER BY USERID"#;
    assert_eq!(columns(&context, sql).await, ["UserId", "a", "b"]);
    context.sql("SELECT orders.ID FROM shop.orders JOIN t ON t.userid = orders.id").await.unwrap();
}

#[tokio::test]
async fn names_that_are_not_there_are_said() {
    let (_meta, context) = fresh();
    for (sql, words) in [
        ("SELECT * FROM nope.t", "no database nope"),
        ("SELECT * FROM shop.nope", "no table nope in database shop"),
        ("SELECT * FROM t, missing", "no table missing in database test"),
    ] {
        let error = error(&context, sql).await;
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
        assert!(error.to_string().contains(words), "{error}");
    }
    let error = error(&context, "SELECT nope FROM t").await;
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains("nope"), "{error}");
}

#[tokio::test]
async fn one_statement_at_a_time() {
    let (_meta, context) = fresh();
    for sql in ["", ";", "SELECT 1; SELECT 2", "SELEC 1"] {
        let error = context.sql(sql).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{sql}: {error}");
    }
    let script = context.parse("SELECT 1; SELECT ';'; USE shop").unwrap();
    assert_eq!(script.len(), 3);
    assert_eq!(script[1].to_string(), "SELECT ';'");
}

#[tokio::test]
async fn each_execution_has_one_snapshot_of_its_own() {
    let (_meta, context) = fresh();
    let sql = "SELECT count(*) FROM t a JOIN shop.orders b ON a.id = b.id \
               WHERE a.id > (SELECT max(id) FROM t)";
    let frame = context.sql(sql).await.unwrap();
    let first = snapshots(&frame.clone().create_physical_plan().await.unwrap());
    let second = snapshots(&frame.create_physical_plan().await.unwrap());
    for taken in [&first, &second] {
        assert_eq!(taken.len(), 3);
        assert!(taken.iter().all(|ts| *ts == taken[0]), "{taken:?}");
    }
    assert!(second[0] > first[0]);
    assert_eq!(planned(&context, "EXPLAIN SELECT * FROM t").await.unwrap().len(), 0);
    let explained = rows(&context, "EXPLAIN SELECT id FROM t").await.unwrap();
    assert!(explained.iter().flatten().any(|text| text.contains("start_ts")), "{explained:?}");
}

#[tokio::test]
async fn prepared_statements_and_views_have_a_snapshot_per_execution() {
    let (_meta, context) = fresh();
    rows(&context, "PREPARE p(BIGINT) AS SELECT id FROM t WHERE userid = $1").await.unwrap();
    let first = planned(&context, "EXECUTE p(1)").await.unwrap();
    let second = planned(&context, "EXECUTE p(1)").await.unwrap();
    assert!(first.len() == 1 && second[0] > first[0]);
    rows(&context, "CREATE VIEW datafusion.public.v AS SELECT userid FROM t").await.unwrap();
    let sql = "SELECT * FROM datafusion.public.v, t";
    let taken = planned(&context, sql).await.unwrap();
    assert!(taken.len() == 2 && taken[0] == taken[1] && taken[0] > second[0], "{taken:?}");
}

#[tokio::test]
async fn a_frame_used_as_a_table_shares_the_statements_snapshot() {
    let (_meta, context) = fresh();
    let frame = context.sql("SELECT id FROM t").await.unwrap();
    context.session_context().register_table("datafusion.public.f", frame.into_view()).unwrap();
    let sql = "SELECT * FROM datafusion.public.f JOIN t USING (id)";
    let taken = planned(&context, sql).await.unwrap();
    assert!(taken.len() == 2 && taken[0] == taken[1], "{taken:?}");
}

#[tokio::test]
async fn statements_without_tidb_ask_nothing_of_it() {
    let (meta, context) = fresh();
    meta.broken.store(true, SeqCst);
    assert_eq!(rows(&context, "SELECT 1 + 1").await.unwrap(), [["2"]]);
    rows(&context, "CREATE TABLE datafusion.public.m AS VALUES (1)").await.unwrap();
    rows(&context, "SET tidb.request.isolation.level = 'RC'").await.unwrap();
    rows(&context, "SHOW tidb.request.isolation.level").await.unwrap();
    assert_eq!(error(&context, "SELECT * FROM t").await.kind(), ErrorKind::Unavailable);
}

fn add_column(meta: &FakeMeta) {
    meta.change(json!({"type": 5, "schema_id": 1, "table_id": 100}), |meta| {
        let columns = [(3, "early", 8), (1, "id", 8), (2, "UserId", 8)];
        meta.put(meta::table_key(1, 100), &table(100, "t", &columns));
    });
}

#[tokio::test]
async fn a_column_added_meanwhile_does_not_disturb() {
    let (meta, context) = fresh();
    let frame = context.sql("SELECT userid FROM t WHERE id = 1").await.unwrap();
    let before = frame.clone().create_physical_plan().await.unwrap().schema();
    add_column(&meta);
    let after = frame.create_physical_plan().await.unwrap();
    assert_eq!(after.schema(), before);
    let text = datafusion::physical_plan::displayable(after.as_ref()).indent(true).to_string();
    assert!(text.contains("UserId") && !text.contains("early"), "{text}");
    assert_eq!(columns(&context, "SELECT * FROM t").await, ["early", "id", "UserId"]);
}

#[tokio::test]
async fn changes_that_matter_are_an_error_and_the_next_statement_knows_them() {
    type Change = fn(&FakeMeta);
    let changes: [(&str, Change); 4] = [
        ("dropped column", |meta| {
            meta.put(meta::table_key(1, 100), &table(100, "t", &[(1, "id", 8)]));
        }),
        ("another type", |meta| {
            let columns = [(1, "id", 8), (2, "UserId", 5)];
            meta.put(meta::table_key(1, 100), &table(100, "t", &columns));
        }),
        ("another column of that name", |meta| {
            let columns = [(1, "id", 8), (9, "UserId", 8)];
            meta.put(meta::table_key(1, 100), &table(100, "t", &columns));
        }),
        ("dropped table", |meta| meta.delete(meta::table_key(1, 100))),
    ];
    for (what, change) in changes {
        let (meta, context) = fresh();
        let frame = context.sql("SELECT userid FROM t").await.unwrap();
        meta.change(json!({"type": 6, "schema_id": 1, "table_id": 100}), change);
        let error = Error::from(frame.create_physical_plan().await.unwrap_err());
        assert_eq!(error.kind(), ErrorKind::SchemaChanged, "{what}: {error}");
        assert!(error.to_string().contains("test.t") && error.to_string().contains("again"));
        if what != "dropped table" {
            context.sql("SELECT id FROM t").await.unwrap().create_physical_plan().await.unwrap();
        }
    }
}

/// Changes a table's column behind a statement's back, when the planner asks for its snapshot.
#[tokio::test]
async fn execute_plans_again_when_a_table_changed() {
    let (meta, context) = fresh();
    let statement = context.parse("SELECT userid FROM t").unwrap().remove(0);
    let at = meta.timestamps.load(SeqCst) + 1;
    meta.on_timestamp(at + 1, |meta| {
        meta.change(json!({"type": 12, "schema_id": 1, "table_id": 100}), |meta| {
            let columns = [(1, "id", 8), (2, "UserId", 5)];
            meta.put(meta::table_key(1, 100), &table(100, "t", &columns));
        });
    });
    let frame = context.run(statement.clone()).await.unwrap();
    assert_eq!(meta.timestamps.load(SeqCst), at, "planned on one timestamp");
    let error = Error::from(frame.execute_stream().await.err().unwrap());
    assert_eq!(error.kind(), ErrorKind::SchemaChanged);

    let now = meta.timestamps.load(SeqCst);
    meta.on_timestamp(now + 1, |meta| {
        meta.change(json!({"type": 12, "schema_id": 1, "table_id": 100}), |meta| {
            let columns = [(1, "id", 8), (2, "UserId", 8)];
            meta.put(meta::table_key(1, 100), &table(100, "t", &columns));
        });
    });
    let rows = context.execute(statement).await.unwrap();
    assert_eq!(*rows.schema().field(0).data_type(), arrow::datatypes::DataType::Int64);
}

#[tokio::test]
async fn a_truncated_table_is_read_under_its_new_id() {
    let (meta, context) = fresh();
    let frame = context.sql("SELECT userid FROM t").await.unwrap();
    let diff = json!({"type": 11, "schema_id": 1, "table_id": 105, "old_table_id": 100});
    meta.change(diff, |meta| {
        meta.delete(meta::table_key(1, 100));
        let columns = [(1, "id", 8), (2, "UserId", 8)];
        meta.put(meta::table_key(1, 105), &table(105, "t", &columns));
    });
    let plan = frame.create_physical_plan().await.unwrap();
    let requests: Vec<_> = scans(&plan).iter().flat_map(TikvScanExec::requests).collect();
    let (start, _) = tifusion_codec::key::int_handle_range(105, i64::MIN, i64::MAX);
    assert_eq!(requests[0].ranges[0].0, start);
}

fn scans(plan: &Arc<dyn ExecutionPlan>) -> Vec<TikvScanExec> {
    let mut found: Vec<_> = plan.children().into_iter().flat_map(scans).collect();
    found.extend(plan.downcast_ref::<TikvScanExec>().cloned());
    found
}

#[tokio::test]
async fn other_sessions_are_refused() {
    let (_meta, context) = fresh();
    let provider = context.session_context().table_provider("tidb.test.t").await.unwrap();
    let plain = SessionContext::new();
    plain.register_table("t", Arc::clone(&provider)).unwrap();
    let frame = plain.sql("SELECT * FROM t").await.unwrap();
    let error = frame.create_physical_plan().await.unwrap_err().to_string();
    assert!(error.contains("TidbContext"), "{error}");

    let (_, other) = fresh();
    other.session_context().register_table("datafusion.public.foreign", provider).unwrap();
    let error = planned(&other, "SELECT * FROM datafusion.public.foreign").await.unwrap_err();
    assert!(error.to_string().contains("another TidbContext"), "{error}");
}

#[tokio::test]
async fn the_session_itself_finds_tables_of_now() {
    let (meta, context) = fresh();
    let session = context.session_context();
    let plan = session.sql("SELECT id FROM t").await.unwrap().create_physical_plan().await.unwrap();
    assert_eq!(snapshots(&plan).len(), 1);
    add_column(&meta);
    let frame = session.sql("SELECT * FROM tidb.test.t").await.unwrap();
    assert_eq!(frame.schema().fields().len(), 3);
    meta.change(json!({"type": 1, "schema_id": 3}), |meta| {
        meta.put(meta::database_key(3), &crate::meta::fake::database(3, "late"));
        meta.put(meta::table_key(3, 300), &table(300, "l", &[(1, "id", 8)]));
    });
    session.sql("SELECT * FROM late.l").await.unwrap();
    assert!(session.sql("SELECT * FROM later.l").await.is_err());
    session.sql("SET tidb.show_rowid = true").await.unwrap();
    let frame = session.sql("SELECT * FROM late.l").await.unwrap();
    assert_eq!(frame.schema().fields()[1].name(), "_tidb_rowid");
}

#[tokio::test]
async fn information_schema_lists_the_cluster() {
    let (meta, context) = fresh();
    meta.put(meta::table_key(1, 110), &view(110, "v"));
    let sql = "SELECT table_schema, table_name, table_type FROM information_schema.tables \
               WHERE table_catalog = 'tidb' AND table_schema <> 'information_schema' ORDER BY 1, 2";
    let expected =
        [["Shop", "Orders", "BASE TABLE"], ["test", "t", "BASE TABLE"], ["test", "v", "VIEW"]];
    assert_eq!(rows(&context, sql).await.unwrap(), expected);
    let fields = "SELECT table_name, column_name FROM information_schema.columns \
                  WHERE table_catalog = 'tidb' AND table_schema = 'test' ORDER BY 1, 2";
    let found = rows(&context, fields).await.unwrap();
    assert_eq!(found, [["t", "UserId"], ["t", "id"], ["v", "x"]]);

    // The session without our statements: the planner reads the names.
    let (meta, context) = fresh();
    meta.put(meta::table_key(1, 110), &view(110, "v"));
    let frame = context.session_context().sql(sql).await.unwrap();
    assert_eq!(to_rows(&frame.collect().await.unwrap()), expected);
    let schemata = "SELECT schema_name FROM information_schema.schemata \
                    WHERE catalog_name = 'tidb' ORDER BY 1";
    let found = rows(&context, schemata).await.unwrap();
    assert!(found.iter().any(|row| row[0] == "Shop"), "{found:?}");
}

#[tokio::test]
async fn listing_does_not_load_tables() {
    let (meta, context) = fresh();
    for id in 1000..1100 {
        meta.put(meta::table_key(2, id), &table(id, &format!("many{id}"), &[(1, "id", 8)]));
    }
    rows(&context, "SHOW TABLES FROM shop").await.unwrap();
    let gets = meta.gets.load(SeqCst);
    let sql = "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'Shop'";
    assert_eq!(rows(&context, sql).await.unwrap(), [["101"]]);
    assert!(meta.gets.load(SeqCst) - gets < 10);
}

#[tokio::test]
async fn columns_of_all_tables_are_read_many_tables_at_a_time() {
    let (meta, context) = fresh();
    for id in 1000..1300 {
        meta.put(meta::table_key(2, id), &table(id, &format!("many{id}"), &[(1, "id", 8)]));
    }
    let gets = meta.gets.load(SeqCst);
    let sql = "SELECT count(*), count(DISTINCT table_name) FROM information_schema.columns \
               WHERE table_schema = 'Shop'";
    assert_eq!(rows(&context, sql).await.unwrap(), [["301", "301"]]);
    let gets = meta.gets.load(SeqCst) - gets;
    assert!(gets < 20, "{gets} reads");
}

#[tokio::test]
async fn names_on_disk_that_are_not_the_clusters_are_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let disk = || Some(DiskCache::new(folder.path(), 7));
    let meta = FakeMeta::new();
    let context = context_with_disk(&meta, &[], disk());
    context.sql("SELECT * FROM t").await.unwrap();

    let other = FakeMeta::new();
    other.put(meta::table_key(1, 100), &table(100, "another", &[(1, "id", 8)]));
    let context = context_with_disk(&other, &[], disk());
    let error = error(&context, "SELECT * FROM t").await;
    assert_eq!(error.kind(), ErrorKind::Data);
    assert!(error.to_string().contains("catalog.cache_dir"), "{error}");
}

#[tokio::test]
async fn nothing_is_written_to_the_cluster() {
    let (_meta, context) = fresh();
    for sql in [
        "CREATE TABLE x AS VALUES (1)",
        "CREATE TABLE shop.x (a INT)",
        "CREATE VIEW x AS SELECT 1",
        "CREATE EXTERNAL TABLE x STORED AS CSV LOCATION '/tmp/x.csv'",
        "CREATE EXTERNAL TABLE tidb.shop.x STORED AS CSV LOCATION '/tmp/x.csv'",
        "DROP TABLE t",
        "DROP TABLE IF EXISTS t",
        "CREATE SCHEMA x",
        "DROP SCHEMA test",
        "CREATE DATABASE x",
        "ALTER TABLE t ADD COLUMN c INT",
        "CREATE INDEX i ON t (id)",
        "RENAME TABLE t TO u",
        "TRUNCATE TABLE t",
        "ANALYZE TABLE t",
        "EXPLAIN DROP TABLE t",
    ] {
        let error = error(&context, sql).await;
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{sql}: {error}");
        let said = ["in TiDB itself", "tidb.addr"];
        assert!(said.iter().any(|said| error.to_string().contains(said)), "{sql}: {error}");
    }
    for sql in [
        "INSERT INTO t VALUES (1, 2)",
        "REPLACE INTO t VALUES (1, 2)",
        "DELETE FROM t",
        "DELETE FROM t WHERE id = 1",
        "UPDATE t SET id = 1",
        "EXPLAIN DELETE FROM t WHERE id = 1",
    ] {
        let error = error(&context, sql).await;
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{sql}: {error}");
        assert!(error.to_string().contains("tidb.write.enable"), "{sql}: {error}");
    }
    let session = context.session_context();
    for sql in ["CREATE TABLE x AS VALUES (1)", "INSERT INTO t VALUES (1, 2)", "DELETE FROM t"] {
        let error = match session.sql(sql).await {
            Ok(frame) => Error::from(frame.collect().await.unwrap_err()),
            Err(error) => Error::from(error),
        };
        let error = error.to_string();
        let said = ["in TiDB itself", "tidb.write.enable", "TidbContext::sql"];
        assert!(said.iter().any(|said| error.contains(said)), "{sql}: {error}");
    }
}

#[tokio::test]
async fn tables_of_the_session_go_beside_the_cluster() {
    let (_meta, context) = fresh();
    for sql in [
        "CREATE TABLE datafusion.public.m (id BIGINT) AS VALUES (1), (2)",
        "INSERT INTO datafusion.public.m VALUES (3)",
        "CREATE VIEW datafusion.public.w AS SELECT id + 1 AS id FROM datafusion.public.m",
    ] {
        rows(&context, sql).await.unwrap();
    }
    let sum = rows(&context, "SELECT sum(id) FROM datafusion.public.w").await.unwrap();
    assert_eq!(sum, [["9"]]);
    let sql = "SELECT t.userid FROM t JOIN datafusion.public.m ON m.ID = t.id";
    assert_eq!(planned(&context, sql).await.unwrap().len(), 1);
    rows(&context, "DROP VIEW datafusion.public.w").await.unwrap();
}

#[tokio::test]
async fn parquet_files_are_tables_too() {
    let (_meta, context) = fresh();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("m.parquet");
    let copy = format!("COPY (SELECT 7 AS id) TO '{}' STORED AS PARQUET", file.display());
    rows(&context, &copy).await.unwrap();
    let create = format!(
        "CREATE EXTERNAL TABLE datafusion.public.p STORED AS PARQUET LOCATION '{}'",
        file.display()
    );
    rows(&context, &create).await.unwrap();
    assert_eq!(rows(&context, "SELECT ID FROM datafusion.public.p").await.unwrap(), [["7"]]);
    let sql = "SELECT count(*) FROM t JOIN datafusion.public.p USING (id)";
    assert_eq!(planned(&context, sql).await.unwrap().len(), 1);
}

async fn zones(context: &TidbContext) -> [String; 2] {
    let ours = rows(context, "SHOW tidb.time_zone").await.unwrap();
    let theirs = rows(context, "SHOW datafusion.execution.time_zone").await.unwrap();
    [ours[0][1].clone(), theirs[0][1].clone()]
}

#[tokio::test]
async fn both_time_zones_are_the_same_whichever_is_set() {
    let (_meta, context) = fresh();
    for (sql, zone) in [
        ("SELECT 1", "UTC"),
        ("SET tidb.time_zone = 'asia/kolkata'", "Asia/Kolkata"),
        ("SET datafusion.execution.time_zone = '+5:45'", "+05:45"),
        ("SET TIME ZONE 'Europe/Paris'", "Europe/Paris"),
        ("SET timezone = '+01:00'", "+01:00"),
        ("RESET tidb.time_zone", "UTC"),
        ("SET tidb.time_zone = '+02:00'", "+02:00"),
        ("RESET datafusion.execution.time_zone", "UTC"),
    ] {
        rows(&context, sql).await.unwrap();
        assert_eq!(zones(&context).await, [zone, zone], "{sql}");
    }
    for sql in ["SET tidb.time_zone = 'x'", "SET datafusion.execution.time_zone = 'x'"] {
        let error = error(&context, sql).await;
        assert!(error.to_string().contains("Asia/Kolkata"), "{sql}: {error}");
        assert_eq!(zones(&context).await, ["UTC", "UTC"], "{sql}");
    }
}

#[tokio::test]
async fn a_frame_does_not_outlive_the_options_its_types_follow_from() {
    let (meta, context) = fresh();
    meta.put(meta::table_key(1, 111), &table(111, "times", &[(1, "at", 7)]));
    let frame = context.sql("SELECT at FROM times").await.unwrap();
    let view = "CREATE VIEW datafusion.public.v AS SELECT at FROM times";
    rows(&context, view).await.unwrap();
    assert!(format!("{:?}", frame.schema()).contains("UTC"));
    rows(&context, "SET tidb.time_zone = '+05:30'").await.unwrap();
    // The frame carries the session as it was.
    frame.create_physical_plan().await.unwrap();
    let frame = context.sql("SELECT at FROM times").await.unwrap();
    assert!(format!("{:?}", frame.schema()).contains("+05:30"));
    let error = planned(&context, "SELECT * FROM datafusion.public.v").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SchemaChanged);
    assert!(error.to_string().contains("time_zone"), "{error}");
}

#[tokio::test]
async fn options_are_set_shown_and_reset() {
    let (_meta, context) = fresh();
    let show = "SHOW tidb.request.isolation.level";
    assert_eq!(rows(&context, show).await.unwrap()[0][1], "SI");
    rows(&context, "SET tidb.request.isolation.level = 'rc'").await.unwrap();
    assert_eq!(rows(&context, show).await.unwrap()[0][1], "RC");
    rows(&context, "RESET tidb.request.isolation.level").await.unwrap();
    assert_eq!(rows(&context, show).await.unwrap()[0][1], "SI");
    rows(&context, "SET tidb.table.scan_concurrency = 8").await.unwrap();
    assert_eq!(context.config().settings().scan_concurrency, 8);
    let all = rows(&context, "SHOW ALL").await.unwrap();
    assert!(all.iter().any(|row| row[0] == "tidb.table.scan_concurrency" && row[1] == "8"));
    for (sql, words) in [
        ("SET tidb.pd.addresses = 'x:1'", "fixed when connecting"),
        ("SET tidb.request.isolation = 'RC'", "did you mean"),
        ("SET tidb.table.scan_concurrency = 'many'", "a whole number"),
        ("SET tidb.stale_read = 'soon'", "a whole number"),
        ("RESET tidb.nope", "did you mean"),
    ] {
        let error = error(&context, sql).await;
        assert!(error.to_string().contains(words), "{sql}: {error}");
    }
}

#[tokio::test]
async fn database_prefixes_are_part_of_the_name() {
    let meta = FakeMeta::new();
    let context = context(&meta, &[("db_prefix", "ti_")]);
    assert_eq!(rows(&context, "SHOW DATABASES").await.unwrap(), [["ti_Shop"], ["ti_test"]]);
    context.sql("SELECT * FROM ti_shop.orders").await.unwrap();
    context.sql("SELECT * FROM t").await.unwrap();
    rows(&context, "USE TI_SHOP").await.unwrap();
    context.sql("SELECT * FROM orders").await.unwrap();
    assert_eq!(error(&context, "SELECT * FROM shop.orders").await.kind(), ErrorKind::NotFound);
    assert_eq!(error(&context, "USE shop").await.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn the_catalog_can_have_another_name() {
    let meta = FakeMeta::new();
    let context = context(&meta, &[("spark.sql.catalog.Prod.pd.addresses", "x:1")]);
    context.sql("SELECT * FROM prod.test.t").await.unwrap();
    context.sql("SELECT * FROM t").await.unwrap();
    assert!(context.sql("SELECT * FROM tidb.test.t").await.is_err());
}

#[tokio::test]
async fn the_version_is_a_function() {
    let (_meta, context) = fresh();
    let version = rows(&context, "SELECT ti_version()").await.unwrap();
    assert!(version[0][0].starts_with("TiFusion "), "{version:?}");
}

#[tokio::test]
async fn batches_of_shows_can_be_printed() {
    let (_meta, context) = fresh();
    let batches = context.sql("SHOW DATABASES").await.unwrap().collect().await.unwrap();
    assert_eq!(batches[0].column(0).as_string::<i32>().value(0), "Shop");
    pretty_format_batches(&batches).unwrap();
}

#[tokio::test]
async fn names_that_are_not_there_have_a_place_in_the_statement() {
    let (_meta, context) = fresh();
    rows(&context, "SET datafusion.sql_parser.collect_spans = true").await.unwrap();
    for (sql, line, column) in [
        ("SELECT id\nFROM absent", 2, 6),
        ("SELECT id, nme FROM t", 1, 12),
        ("SELECT 1 FROM t WHERE\n t.nme = 1", 2, 2),
        ("SELECT FROM FROM t", 1, 13),
    ] {
        let error = error(&context, sql).await;
        let start = error.span().map(|span| (span.start.line, span.start.column));
        assert_eq!(start, Some((line, column)), "{sql}: {error}");
    }
    assert!(error(&context, "USE nope").await.span().is_none());
}

#[tokio::test]
async fn a_table_is_shown_as_it_was_made() {
    let (meta, context) = fresh();
    let expected = "CREATE TABLE `t` (\n  `id` bigint DEFAULT NULL,\n  `UserId` bigint DEFAULT NULL\n) \
                    ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin";
    assert_eq!(rows(&context, "SHOW CREATE TABLE T").await.unwrap(), [["t", expected]]);
    let stats = rows(&context, "SHOW STATS").await.unwrap();
    assert!(stats.is_empty(), "no TiDB has counted anything: {stats:?}");
    assert!(rows(&context, "SHOW INDEX FROM t").await.unwrap().is_empty());
    meta.put_text(meta::auto_table_id_key(1, 100), "many");
    let error = error(&context, "SHOW CREATE TABLE t").await;
    assert_eq!(error.kind(), ErrorKind::Data, "{error}");
    rows(&context, "CREATE VIEW datafusion.public.v AS SELECT 1 AS one").await.unwrap();
    rows(&context, "SHOW CREATE TABLE datafusion.public.v").await.unwrap();
}
