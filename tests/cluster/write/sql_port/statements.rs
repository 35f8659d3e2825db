//! Tables that the other way refuses, and what statements are refused or fail for.

use std::time::Duration;

use datafusion::dataframe::DataFrameWriteOptions;
use tifusion::ErrorKind;
use tifusion::config::WriteMode;

use super::Scene;

#[tokio::test(flavor = "multi_thread")]
async fn tables_that_the_other_way_refuses_are_written() {
    let Some(mut scene) = Scene::at_sql_port("sql_port_refused", &[]).await else { return };
    scene
        .tidb
        .run([
            "SET GLOBAL tidb_enable_check_constraint = ON",
            "CREATE TABLE parent (id INT PRIMARY KEY, v INT)",
            "INSERT INTO parent VALUES (1, 1), (2, 2)",
        ])
        .await;
    for (name, rest, row) in [
        (
            "kept",
            "(id INT PRIMARY KEY, v INT, g INT AS (v + 1) STORED, KEY (g))",
            "(1, 5, DEFAULT)",
        ),
        (
            "virt",
            "(id INT PRIMARY KEY, v INT, g INT AS (v + 1) VIRTUAL, UNIQUE KEY (g))",
            "(1, 5, DEFAULT)",
        ),
        ("expr", "(id INT PRIMARY KEY, v INT, KEY e ((v + 1)))", "(1, 5)"),
        (
            "mv",
            "(id INT PRIMARY KEY, v JSON, KEY e ((CAST(v AS SIGNED ARRAY))))",
            "(1, '[1, 2, 3]')",
        ),
        ("child", "(id INT PRIMARY KEY, v INT, FOREIGN KEY (v) REFERENCES parent (id))", "(1, 2)"),
        ("checked", "(id INT PRIMARY KEY, v INT, CHECK (v > 0))", "(1, 5)"),
        ("gbk", "(id INT PRIMARY KEY, v VARCHAR(9) CHARACTER SET gbk, KEY (v))", "(1, '一 x')"),
        ("ids", "(id INT PRIMARY KEY AUTO_INCREMENT, v INT) AUTO_ID_CACHE 1", "(NULL, 5)"),
        (
            "user",
            "(id INT PRIMARY KEY, v VARCHAR(20) DEFAULT (UPPER(SUBSTRING_INDEX(USER(), '@', 1))))",
            "(1, DEFAULT)",
        ),
    ] {
        scene.tidb.run([format!("CREATE TABLE {name} {rest}")]).await;
        let insert = format!("INSERT INTO {name} VALUES {row}");
        scene.ours.query("SET tidb.write.mode = bypass").await;
        if name != "ids" {
            let error = scene.refused(&insert).await.to_string();
            let way_out =
                error.contains("tidb.write.mode = sql") || error.contains("TiDB's SQL port");
            assert!(way_out, "{name}: {error}");
        }
        scene.ours.query("SET tidb.write.mode = sql").await;
        assert_eq!(scene.write(&insert).await, 1, "{name}");
        assert_eq!(
            scene.tidb.number(&format!("SELECT COUNT(*) FROM {name} WHERE v IS NOT NULL")).await,
            1
        );
        scene.tidb.run([format!("ADMIN CHECK TABLE {name}")]).await;
    }
    assert_eq!(scene.tidb.number("SELECT g FROM kept").await, 6);
    assert_eq!(scene.tidb.number("SELECT COUNT(*) FROM gbk WHERE v = '一 x'").await, 1);
    scene.tidb.run(["ALTER TABLE expr CACHE"]).await;
    assert_eq!(scene.write("UPDATE expr SET v = 7 WHERE id = 1").await, 1);
    for (statement, kind, said) in [
        (
            "INSERT INTO child VALUES (2, 99)",
            ErrorKind::InvalidInput,
            "foreign key constraint fails",
        ),
        (
            "DELETE FROM parent WHERE id = 2",
            ErrorKind::InvalidInput,
            "foreign key constraint fails",
        ),
        ("INSERT INTO checked VALUES (2, -1)", ErrorKind::InvalidInput, "Check constraint"),
        ("INSERT INTO kept VALUES (2, 5, 9)", ErrorKind::InvalidInput, "generated column"),
        ("INSERT INTO virt (id, v) VALUES (2, 5)", ErrorKind::Duplicate, "'6' for key 'virt.g'"),
    ] {
        let error = scene.refused(statement).await;
        assert_eq!(error.kind(), kind, "{statement}: {error}");
        assert!(error.to_string().contains(said), "{statement}: {error}");
    }
    assert_eq!(scene.tidb.number("SELECT COUNT(*) FROM checked").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_is_whole_or_absent() {
    let Some(mut scene) = Scene::at_sql_port("sql_port_whole", &[super::SQL]).await else { return };
    scene
        .tidb
        .run([
            "CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(5), n INT NOT NULL DEFAULT 3, UNIQUE KEY by_v (v))",
            "INSERT INTO t VALUES (2500, 'old', 1)",
        ])
        .await;
    for (statement, kind, said) in [
        // The row is in the third of the statements that TiDB is given.
        (
            "INSERT INTO t (id, v) SELECT value AS id, cast(value AS VARCHAR) AS v FROM generate_series(1, 3000)",
            ErrorKind::Duplicate,
            "'2500' for key 't.PRIMARY'",
        ),
        (
            "INSERT INTO t (id, v) VALUES (1, 'a'), (2, 'a')",
            ErrorKind::Duplicate,
            "'a' for key 't.by_v'",
        ),
        ("INSERT INTO t (id, v) VALUES (1, 'toolong')", ErrorKind::InvalidInput, "column: v"),
        ("INSERT INTO t (id, n) VALUES (1, NULL)", ErrorKind::InvalidInput, "column: n"),
        ("INSERT INTO t VALUES (2147483648, 'a', 1)", ErrorKind::InvalidInput, "column: id"),
        ("INSERT INTO t VALUES (1, 'a')", ErrorKind::InvalidInput, "Column count"),
        ("UPDATE t SET n = NULL WHERE id = 2500", ErrorKind::InvalidInput, "code: 1048"),
        ("UPDATE t SET nosuch = 1 WHERE id = 2500", ErrorKind::NotFound, "code: 1054"),
    ] {
        let error = scene.refused(statement).await;
        assert_eq!(error.kind(), kind, "{statement}: {error}");
        assert!(error.to_string().contains(said), "{statement}: {error}");
        assert_eq!(
            scene.tidb.number("SELECT COUNT(*) * 10 + SUM(n) FROM t").await,
            11,
            "{statement}"
        );
    }
    for (statement, rows) in [
        ("INSERT INTO t (id, v) VALUES (1, 'a'), (2, NULL)", 2),
        ("REPLACE INTO t VALUES (1, 'old', 7)", 3),
        ("REPLACE INTO t (id, v) SELECT 2, NULL", 1),
        ("UPDATE t SET n = n + 1, v = 'x' WHERE id IN (SELECT id FROM t WHERE n = 7)", 1),
        ("DELETE FROM t WHERE v = 'nosuch'", 0),
        ("DELETE FROM t WHERE id < 3 ORDER BY id LIMIT 1", 1),
    ] {
        assert_eq!(scene.write(statement).await, rows, "{statement}");
    }
    scene.judge("t").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn updates_and_deletes_are_tidbs_as_they_were_written() {
    let Some(mut scene) = Scene::at_sql_port("sql_port_passed", &[super::SQL]).await else {
        return;
    };
    scene
        .tidb
        .run([
            "CREATE TABLE t (id INT PRIMARY KEY, name VARCHAR(20) COLLATE utf8mb4_general_ci, v INT)",
            r"INSERT INTO t VALUES (1, 'Anna', 1), (2, 'a\\b', 2), (3, 'id', 3), (4, 'x', 4), (5, 'xy', 5), (6, 'z', 6)",
            "CREATE TABLE s (id INT)",
            "INSERT INTO s VALUES (4)",
        ])
        .await;
    scene.ours.query("CREATE TABLE datafusion.public.m (id BIGINT) AS VALUES (1)").await;
    for (statement, rows) in [
        // A name in quotes is no text, a backslash no escape, and || no OR.
        ("UPDATE t SET v = 10 WHERE \"name\" = 'anna'", 1),
        ("UPDATE t SET v = 20 WHERE name = 'a\\b'", 1),
        ("DELETE FROM t WHERE name = 'nosuch' || 'x'", 0),
        ("UPDATE \"t\" AS o SET v = 5 --5\n + 45 /* WHERE */ WHERE o.name = 'x' || 'y'", 1),
        (
            "DELETE FROM tidb.sql_port_passed.t WHERE id IN (SELECT id FROM tidb.sql_port_passed.s)",
            1,
        ),
        ("DELETE FROM t WHERE \"name\" = 'name'", 0),
    ] {
        assert_eq!(scene.write(statement).await, rows, "{statement}");
    }
    assert_eq!(scene.tidb.number("SELECT SUM(v) FROM t").await, 10 + 20 + 3 + 50 + 6);
    let explained = scene.ours.explain("DELETE FROM t WHERE id = 1 -- all").await;
    for said in [
        "TidbSqlWriteExec: delete, table=sql_port_passed.t, mode=sql, at=root@",
        "statement=DELETE FROM t WHERE id = 1",
    ] {
        assert!(explained.contains(said) && !explained.contains("all"), "{explained}");
    }
    for (statement, said) in [
        ("DELETE FROM t", "WHERE"),
        ("UPDATE t SET v = 1", "WHERE"),
        ("DELETE FROM t WHERE id IN (SELECT id FROM datafusion.public.m)", "m is not TiDB's"),
        ("DELETE FROM t WHERE id IN (SELECT 1 FROM information_schema.tables)", "not TiDB's"),
        ("DELETE FROM t WHERE id = 1 /*! OR 1 = 1 */", "something else"),
        ("DELETE FROM t WHERE v = $$x$$", "something else"),
        ("DELETE FROM t WHERE id = 1 RETURNING id", "RETURNING"),
        (
            "DELETE FROM t WHERE id IN (SELECT id FROM s AS OF TIMESTAMP '2024-01-01 00:00:00')",
            "AS OF",
        ),
        ("DELETE FROM t WHERE id::BIGINT = 1", "code: 1064"),
    ] {
        let error = scene.refused(statement).await.to_string();
        assert!(error.contains(said), "{statement}: {error}");
    }
    scene.ours.query("SET tidb.write.allow_all_rows = true").await;
    assert_eq!(scene.write("DELETE FROM t").await, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_go_either_way() {
    let Some(mut scene) = Scene::at_sql_port("sql_port_frames", &[]).await else { return };
    scene.tidb.run(["CREATE TABLE t (id INT PRIMARY KEY, v INT, g INT AS (v * 2) STORED)"]).await;
    let context = scene.ours.context().clone();
    let rows = context.sql("SELECT 5 AS v, 1 AS id UNION ALL SELECT 6, 2").await.unwrap();
    let writer = || context.table_writer("sql_port_frames.t");
    let error = writer().write(rows.clone()).await.unwrap_err();
    assert!(error.to_string().contains("write.mode = sql"), "{error}");
    let dry = writer().mode(WriteMode::Sql).dry_run(true).write(rows.clone()).await.unwrap();
    assert_eq!(dry.rows, 2);
    assert_eq!(scene.tidb.number("SELECT COUNT(*) FROM t").await, 0);
    assert_eq!(writer().mode(WriteMode::Sql).write(rows.clone()).await.unwrap().rows, 2);
    let again = writer().mode(WriteMode::Sql).write(rows.clone()).await.unwrap_err();
    assert_eq!(again.kind(), ErrorKind::Duplicate, "{again}");
    assert_eq!(
        writer().mode(WriteMode::Sql).replace(true).write(rows.clone()).await.unwrap().rows,
        2
    );
    assert_eq!(scene.tidb.number("SELECT SUM(g) FROM t").await, 22);
    // A frame that is shown is not written.
    scene.ours.query("SET tidb.write.mode = sql").await;
    let explained = scene.ours.explain("INSERT INTO t (id, v) SELECT id + 10, v FROM t").await;
    for said in ["TidbSqlWriteExec: insert, table=sql_port_frames.t, mode=sql", "TikvScanExec"] {
        assert!(explained.contains(said), "{explained}");
    }
    let frame = context.sql("INSERT INTO t (id, v) VALUES (9, 9)").await.unwrap();
    let error = frame.limit(0, Some(1)).unwrap().collect().await.unwrap_err().to_string();
    assert!(error.contains("statement of its own"), "{error}");
    assert_eq!(scene.tidb.number("SELECT COUNT(*) FROM t").await, 2);
}

/// Whatever the way that a write comes by.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_switched_off_is_not_written_by_frames_either() {
    let Some(mut scene) = Scene::at_sql_port("sql_port_off", &[super::SQL]).await else { return };
    scene
        .tidb
        .run(["CREATE TABLE t (id BIGINT PRIMARY KEY, v BIGINT)", "INSERT INTO t VALUES (1, 1)"])
        .await;
    let context = scene.ours.context().clone();
    let insert = async || {
        let rows = context.sql("SELECT 2 AS id, 2 AS v").await.unwrap();
        let written = rows.write_table("tidb.sql_port_off.t", DataFrameWriteOptions::new()).await;
        written.unwrap_err().to_string()
    };
    let now = "SELECT CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)";
    let past = format!("SET tidb.stale_read = {}", scene.tidb.number(now).await);
    // PD's clock may be behind TiDB's, and what is not over by it is none to read at.
    tokio::time::sleep(Duration::from_millis(100)).await;
    for (off, on, said) in [
        ("SET tidb.write.enable = false", "SET tidb.write.enable = true", "writing is off"),
        (past.as_str(), "RESET tidb.stale_read", "reads the past"),
    ] {
        scene.ours.query(off).await;
        let error = insert().await;
        assert!(error.contains(said), "{error}");
        scene.ours.query(on).await;
    }
    // What rows are made of is not replaced by them: another's change in between would be undone.
    let error = scene.ours.try_query("REPLACE INTO t SELECT id, v + 1 FROM t").await.unwrap_err();
    assert!(error.to_string().contains("bypass"), "{error}");
    let error = scene.ours.try_query("UPDATE t SET v = @x WHERE id = 1").await.unwrap_err();
    assert!(error.to_string().contains("@x"), "{error}");
    assert_eq!(scene.tidb.number("SELECT SUM(id * 10 + v) FROM t").await, 11);
}

/// The last of rows with one key is the one that is there, in the order that was asked for.
#[tokio::test(flavor = "multi_thread")]
async fn rows_that_replace_each_other_come_in_their_order() {
    let Some(mut scene) = Scene::at_sql_port("sql_port_order", &[super::SQL]).await else { return };
    scene.tidb.run(["CREATE TABLE t (id INT PRIMARY KEY, v INT)"]).await;
    let rows = "(VALUES (1, 30), (2, 1), (1, 10), (2, 5), (1, 20)) AS s (id, v)";
    scene.ours.query(&format!("REPLACE INTO t SELECT id, v FROM {rows} ORDER BY v")).await;
    assert_eq!(scene.tidb.number("SELECT SUM(id * 1000 + v) FROM t").await, 3035);
    scene.ours.query(&format!("REPLACE INTO t SELECT id, v FROM {rows} ORDER BY v DESC")).await;
    assert_eq!(scene.tidb.number("SELECT SUM(id * 1000 + v) FROM t").await, 3011);
    let unseen = format!("REPLACE INTO t SELECT id, 1 FROM {rows} ORDER BY s.v");
    let error = scene.ours.try_query(&unseen).await.unwrap_err();
    assert!(error.to_string().contains("sorted by what is not written"), "{error}");
}
