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
    for said in ["TidbWriteExec: insert, table=write_once.t", "TidbEncodeExec", "TikvScanExec"] {
        assert!(explained.contains(said), "{explained}");
    }
    assert_eq!(scene.tidb.number("SELECT COUNT(*) FROM t").await, 2);
    let analyzed = scene.ours.query("EXPLAIN ANALYZE INSERT INTO t (id) VALUES (8)").await;
    for said in ["rows_written=1", "spill_count=0"] {
        assert!(analyzed.rows[0][1].plain().contains(said), "{analyzed:?}");
    }
    assert_eq!(scene.tidb.number("SELECT COUNT(*) FROM t").await, 3);
    scene.judge("t").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_tables_are_written_to_together_or_not_at_all() {
    let Some(mut scene) = scene("write_together").await else { return };
    scene
        .tidb
        .run([
            "CREATE TABLE items (id INT PRIMARY KEY, of_t BIGINT, KEY (of_t)) PARTITION BY HASH (id) PARTITIONS 3",
            "CREATE TABLE log (at INT, said VARCHAR(20))",
        ])
        .await;
    let context = scene.ours.context().clone();
    let frame = |sql: &'static str| {
        let context = context.clone();
        async move { context.sql(sql).await.unwrap() }
    };
    let writer = |table: &str| context.table_writer(table);
    let told = Arc::new(AtomicU64::new(0));
    let heard = Arc::clone(&told);
    let items = writer("items").on_progress(move |progress| {
        if progress.is_committed {
            heard.store(progress.keys_prewritten, Ordering::Relaxed);
        }
    });
    let summaries = context
        .write_together([
            (
                writer("t").replace(true),
                frame("SELECT id, 'again' AS name FROM t UNION ALL SELECT 2, 'two'").await,
            ),
            (
                items,
                frame("SELECT value AS id, value % 2 + 1 AS of_t FROM generate_series(1, 50)")
                    .await,
            ),
            (writer("log"), frame("SELECT id AS at, name AS said FROM t WHERE id < 0").await),
        ])
        .await
        .unwrap();
    let rows: Vec<u64> = summaries.iter().map(|summary| summary.rows).collect();
    assert_eq!((rows, told.load(Ordering::Relaxed)), (vec![3, 50, 0], 100));
    for table in ["t", "items"] {
        scene.judge(table).await;
    }
    let before = scene.tidb.query("SELECT * FROM t ORDER BY id").await;
    // What can't be written to the last one is not written to the first one either.
    for (items, log, said) in [
        ("SELECT 51 AS id UNION ALL SELECT 7", "SELECT 1 AS at", "items.PRIMARY"),
        ("SELECT 51 AS id", "SELECT 1 AS at, 'much longer than it may be' AS said", "said"),
        ("SELECT 51 AS id, 1 AS nosuch", "SELECT 1 AS at", "nosuch"),
    ] {
        let writes = [
            (writer("t"), frame("SELECT 3 AS id, 'three' AS name").await),
            (writer("items"), frame(items).await),
            (writer("log"), frame(log).await),
        ];
        let error = context.write_together(writes).await.unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
    // Nor when the definition of any of them changes on the way.
    let altered = {
        let address = scene.cluster.tidb.clone();
        let done = Arc::new(AtomicU64::new(0));
        writer("log").on_progress(move |progress| {
            if progress.rows_encoded > 0 && done.fetch_add(1, Ordering::Relaxed) == 0 {
                let address = address.clone();
                let alter = async move {
                    let mut tidb = tifusion_testkit::tidb::Tidb::connect(&address).await;
                    tidb.run(["ALTER TABLE write_together.items ADD COLUMN more INT"]).await;
                };
                tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(alter));
            }
        })
    };
    let writes = [
        (writer("items"), frame("SELECT 51 AS id").await),
        (altered, frame("SELECT 1 AS at").await),
    ];
    let error = context.write_together(writes).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SchemaChanged, "{error}");
    let one = || async { (writer("log"), frame("SELECT 1 AS at").await) };
    let error = context.write_together([one().await, one().await]).await.unwrap_err().to_string();
    assert!(error.contains("twice in one transaction"), "{error}");
    let dry = (writer("items").dry_run(true), frame("SELECT 51 AS id").await);
    let error = context.write_together([one().await, dry]).await.unwrap_err().to_string();
    assert!(error.contains("dry run"), "{error}");
    assert!(context.write_together([]).await.unwrap().is_empty());
    let after = scene.tidb.query("SELECT * FROM t ORDER BY id").await;
    assert_eq!(after.rows, before.rows);
    assert_eq!(scene.tidb.number("SELECT COUNT(*) FROM items WHERE id = 51").await, 0);
    assert_eq!(scene.tidb.number("SELECT COUNT(*) FROM log").await, 0);
    scene.judge("items").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_rows_with_the_same_key_the_last_one_is_written() {
    let Some(mut scene) = scene("write_last").await else { return };
    let context = scene.ours.context().clone();
    const SHAPES: [&str; 4] = [
        "(id INT PRIMARY KEY, u VARCHAR(9) COLLATE utf8mb4_general_ci UNIQUE, w INT, n INT, UNIQUE KEY (w, u), KEY (n))",
        "(id INT, u VARCHAR(9) COLLATE utf8mb4_general_ci UNIQUE, w INT UNIQUE, n INT, PRIMARY KEY (id, w) CLUSTERED)",
        "(id INT, u VARCHAR(9) COLLATE utf8mb4_general_ci, w INT UNIQUE, n INT, PRIMARY KEY (id) NONCLUSTERED)",
        "(id INT, u VARCHAR(9), w INT, n INT, PRIMARY KEY (id), UNIQUE KEY (w, id)) PARTITION BY HASH (id) PARTITIONS 3",
    ];
    // Keys that come again and again, some of them equal by their collation only, and NULLs.
    let mut random = 7_u64;
    let mut next = |below: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (random >> 33) % below
    };
    let rows: Vec<String> = (0..400)
        .map(|n| {
            let letter = ["'a", "'A", "'b", "'ä"][usize::try_from(next(4)).unwrap()];
            let u = if next(5) == 0 { "NULL".to_owned() } else { format!("{letter}{}'", next(60)) };
            format!("({}, {u}, {}, {n})", next(150), next(150))
        })
        .collect();
    let rows = rows.join(", ");
    for (at, shape) in SHAPES.into_iter().enumerate() {
        let (ours, theirs) = (format!("ours_{at}"), format!("theirs_{at}"));
        let replace = format!("REPLACE INTO {theirs} VALUES {rows}");
        let create = |table: &str| format!("CREATE TABLE {table} {shape}");
        scene.tidb.run([create(&ours), create(&theirs), replace]).await;
        let sorted = format!("SELECT * FROM (VALUES {rows}) AS v (id, u, w, n) ORDER BY n");
        let frame = context.sql(&sorted).await.unwrap();
        let error = context.table_writer(&ours).write(frame.clone()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Duplicate, "{error}");
        let written = context.table_writer(&ours).deduplicate(true).write(frame.clone()).await;
        let count = scene.tidb.number(&format!("SELECT COUNT(*) FROM {theirs}")).await;
        assert_eq!(i128::from(written.unwrap().rows), count, "{shape}");
        let all = format!("SELECT * FROM {theirs} ORDER BY n");
        let of_theirs = scene.tidb.query(&all).await.rows;
        let of_ours = scene.tidb.query(&all.replace(&theirs, &ours)).await.rows;
        assert_eq!(of_ours, of_theirs, "{shape}");
        scene.judge(&ours).await;
        // What is in the table is another matter.
        let again = context.table_writer(&ours).deduplicate(true);
        let error = again.write(frame.clone()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Duplicate, "{error}");
        context.table_writer(&ours).deduplicate(true).replace(true).write(frame).await.unwrap();
        let of_ours = scene.tidb.query(&all.replace(&theirs, &ours)).await.rows;
        assert_eq!(of_ours, of_theirs, "{shape}");
        scene.judge(&ours).await;
    }
    // An order that nobody can see is none.
    let unseen =
        "SELECT id, w FROM (VALUES (1, 'new', 2), (1, 'old', 1)) AS v (id, w, n) ORDER BY n";
    let frame = context.sql(unseen).await.unwrap();
    let error = context.table_writer("ours_0").deduplicate(true).write(frame).await.unwrap_err();
    assert!(error.to_string().contains("sorted by what is not written"), "{error}");
    // Ids that rows are yet to get are nobody else's.
    scene.tidb.run(["CREATE TABLE ids (id BIGINT PRIMARY KEY AUTO_INCREMENT, n INT UNIQUE)"]).await;
    let frame = context
        .sql("SELECT * FROM (VALUES (NULL, 1), (7, 2), (NULL, 3), (7, 4), (NULL, 1)) AS v (id, n)")
        .await
        .unwrap();
    let written = context.table_writer("ids").deduplicate(true).write(frame).await.unwrap();
    assert_eq!(written.rows, 3);
    assert_eq!(scene.tidb.number("SELECT SUM(n) FROM ids").await, 8);
    scene.judge("ids").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tidbs_count_of_rows_is_brought_up_to_date_if_asked() {
    let Some(mut scene) = Scene::of(Shape::default(), "write_counted").await else { return };
    // Rows that TiDB writes itself are counted when it gets to it: there are none.
    scene
        .tidb
        .run([
            "CREATE TABLE t (id BIGINT PRIMARY KEY, name VARCHAR(20) UNIQUE)",
            "CREATE TABLE parts (id INT PRIMARY KEY, n INT) PARTITION BY HASH (id) PARTITIONS 3",
        ])
        .await;
    let context = scene.ours.context().clone();
    let frame = |sql: &'static str| {
        let context = context.clone();
        async move { context.sql(sql).await.unwrap() }
    };
    let meta = |table: &str| {
        format!(
            "SELECT count, modify_count FROM mysql.stats_meta WHERE table_id IN \
             (SELECT TIDB_TABLE_ID FROM information_schema.tables \
              WHERE TABLE_SCHEMA = 'write_counted' AND TABLE_NAME = '{table}')"
        )
    };
    let parts = "SELECT SUM(count), SUM(modify_count) FROM mysql.stats_meta WHERE table_id IN \
                 (SELECT TIDB_PARTITION_ID FROM information_schema.partitions \
                  WHERE TABLE_SCHEMA = 'write_counted' AND TABLE_NAME = 'parts')";
    // TiDB begins to count some time after a table is there.
    for (query, count) in [(meta("t"), 1), (meta("parts"), 1), (parts.to_owned(), 3)] {
        let query = query.replace("SUM(count), SUM(modify_count)", "table_id");
        let begun = std::time::Instant::now();
        while scene.tidb.query(&query).await.rows.len() < count {
            assert!(begun.elapsed().as_secs() < 60, "TiDB does not count: {query}");
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    }
    let before = scene.tidb.query(&meta("t")).await.rows;
    let new = "SELECT value AS id, 'n' || value AS name FROM generate_series(11, 20)";
    context.table_writer("t").write(frame(new).await).await.unwrap();
    assert_eq!(scene.tidb.query(&meta("t")).await.rows, before, "it was not asked for");
    let counting = |table: &str| context.table_writer(table).update_statistics(true);
    let replaced = "SELECT value AS id, 'm' || value AS name FROM generate_series(16, 25)";
    counting("t").replace(true).write(frame(replaced).await).await.unwrap();
    let number = |row: &[tifusion_testkit::cell::Cell], at: usize| -> i128 {
        row[at].plain().parse().unwrap()
    };
    let after = scene.tidb.query(&meta("t")).await.rows;
    let grown = [0, 1].map(|at| number(&after[0], at) - number(&before[0], at));
    assert_eq!(grown, [5, 15], "five more, and five that made way for another");
    let rows = "SELECT value AS id, value AS n FROM generate_series(1, 100)";
    counting("parts").write(frame(rows).await).await.unwrap();
    let all = scene.tidb.query(&meta("parts")).await.rows;
    let of_parts = scene.tidb.query(parts).await.rows;
    assert_eq!([0, 1].map(|at| number(&all[0], at)), [100, 100]);
    assert_eq!([0, 1].map(|at| number(&of_parts[0], at)), [100, 100]);
    scene.tidb.run(["ADMIN CHECK TABLE mysql.stats_meta"]).await;
    scene.judge("parts").await;
}
