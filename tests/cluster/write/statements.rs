//! What statements do, beside what TiDB does by the same statements.

use tifusion::ErrorKind;
use tifusion_testkit::cluster::Shape;

use super::Scene;

/// Both run the same statements on a table each; then the tables must be the same.
async fn alike(scene: &mut Scene, table: &str, statements: &[&str]) {
    for statement in statements {
        scene.write(&statement.replace("$t", &format!("ours_{table}"))).await;
        scene.tidb.run([statement.replace("$t", &format!("theirs_{table}"))]).await;
    }
    scene.same_pairs(&format!("ours_{table}"), &format!("theirs_{table}")).await;
    scene.judge(&format!("ours_{table}")).await;
}

async fn create(scene: &mut Scene, table: &str, rest: &str) {
    let create = |of: &str| format!("CREATE TABLE {of}_{table} {rest}");
    scene.tidb.run([create("ours"), create("theirs")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_come_change_and_go_as_in_tidb() {
    let Some(mut scene) = Scene::of(Shape::default(), "write_statements").await else { return };
    const SHAPES: [(&str, &str); 4] = [
        (
            "int",
            "(id INT PRIMARY KEY, u INT UNIQUE, s VARCHAR(20) COLLATE utf8mb4_general_ci, n DECIMAL(10, 2) DEFAULT 1.5, KEY (s), KEY (n, s(3)))",
        ),
        (
            "common",
            "(id INT, u INT UNIQUE, s VARCHAR(20) COLLATE utf8mb4_general_ci, n DECIMAL(10, 2) DEFAULT 1.5, PRIMARY KEY (id) NONCLUSTERED, KEY (s), KEY (n, s(3)))",
        ),
        (
            "text",
            "(id VARCHAR(9), u INT UNIQUE, s VARCHAR(20) COLLATE utf8mb4_general_ci, n DECIMAL(10, 2) DEFAULT 1.5, PRIMARY KEY (id) CLUSTERED, KEY (s), KEY (n, s(3)))",
        ),
        (
            "parts",
            "(id INT, u INT, s VARCHAR(20) COLLATE utf8mb4_general_ci, n DECIMAL(10, 2) DEFAULT 1.5, PRIMARY KEY (id), UNIQUE KEY (u, id), KEY (s), KEY (n, s(3))) PARTITION BY HASH (id) PARTITIONS 3",
        ),
    ];
    for (name, rest) in SHAPES {
        create(&mut scene, name, rest).await;
        alike(&mut scene, name, &[
            "INSERT INTO $t VALUES (1, 10, 'Anna', 2.25), (2, 20, 'anna ', 12345678.90), (3, NULL, NULL, NULL)",
            "INSERT INTO $t (s, id) VALUES ('béa', 4), ('Zoë', 5)",
            "INSERT INTO $t (id, n, u) VALUES (6, DEFAULT, 60)",
            "INSERT INTO $t SET id = 7, s = 'seven', u = 70",
            "UPDATE $t SET n = n + 1, s = 'changed' WHERE id IN (1, 3)",
            "UPDATE $t SET u = u WHERE id = 2",
            "UPDATE $t SET u = NULL, n = NULL WHERE s = 'seven'",
            "REPLACE INTO $t VALUES (1, 60, 'takes two', 0)",
            "REPLACE $t SET s = concat('n', 'ew'), $t.id = (8)",
            "DELETE FROM $t WHERE id = 5",
        ])
        .await;
        // A query gives batches, and takes row ids for some more rows than it has: they are TiDB's in no order.
        if name != "common" {
            let union = "INSERT INTO $t (id, s) SELECT 16, '007' UNION ALL SELECT 17, 5";
            alike(&mut scene, name, &[union]).await;
        }
        // Keys that move, and values that change places.
        alike(
            &mut scene,
            name,
            &["UPDATE $t SET id = 15 WHERE id = 4", "DELETE FROM $t WHERE s IS NULL"],
        )
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_are_tidbs() {
    let Some(mut scene) = Scene::of(Shape::default(), "write_counts").await else { return };
    scene.tidb.run(["CREATE TABLE t (id INT PRIMARY KEY, u INT UNIQUE, v INT)"]).await;
    for (statement, rows) in [
        ("INSERT INTO t VALUES (1, 1, 1), (2, 2, 2), (3, 3, 3)", 3),
        ("UPDATE t SET v = 2 WHERE id < 3", 1),
        ("UPDATE t SET v = 7 WHERE id > 100", 0),
        ("REPLACE INTO t VALUES (1, 2, 0)", 3),
        ("REPLACE INTO t VALUES (9, 9, 9)", 1),
        ("REPLACE INTO t VALUES (9, 9, 9)", 1),
        ("DELETE FROM t WHERE id >= 3", 2),
        ("INSERT INTO t SELECT id + 10, u + 10, v FROM t", 1),
    ] {
        assert_eq!(scene.write(statement).await, rows, "{statement}");
    }
    scene.judge("t").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_there_is_named_and_nothing_is_written() {
    let Some(mut scene) = Scene::of(Shape::default(), "write_duplicates").await else { return };
    scene
        .tidb
        .run([
            "CREATE TABLE t (id INT PRIMARY KEY, u VARCHAR(9) COLLATE utf8mb4_general_ci, UNIQUE KEY by_u (u))",
            "INSERT INTO t VALUES (1, 'a'), (2, 'b')",
        ])
        .await;
    for (statement, named) in [
        ("INSERT INTO t VALUES (3, 'c'), (1, 'd')", "t.PRIMARY"),
        ("INSERT INTO t VALUES (3, 'A ')", "t.by_u"),
        ("INSERT INTO t VALUES (3, 'x'), (4, 'X')", "t.by_u"),
        ("INSERT INTO t VALUES (3, 'x'), (3, 'y')", "t.PRIMARY"),
        ("REPLACE INTO t VALUES (3, 'x'), (3, 'y')", "t.PRIMARY"),
        ("UPDATE t SET u = 'a' WHERE id = 2", "t.by_u"),
        ("UPDATE t SET id = 1 WHERE id = 2", "t.PRIMARY"),
    ] {
        let error = scene.refused(statement).await;
        assert_eq!(error.kind(), ErrorKind::Duplicate, "{error}");
        assert!(error.to_string().contains(named), "{error}");
    }
    let rows = scene.tidb.query("SELECT * FROM t").await.rows;
    assert_eq!(rows.len(), 2);
    scene.judge("t").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_for_wrongly_is_refused_with_what_to_do() {
    let Some(mut scene) = Scene::of(Shape::default(), "write_wrong").await else { return };
    scene
        .tidb
        .run([
            "CREATE TABLE t (id INT PRIMARY KEY, v INT NOT NULL, s VARCHAR(3))",
            "INSERT INTO t VALUES (1, 1, 'a')",
            "CREATE VIEW w AS SELECT id FROM t",
        ])
        .await;
    for (statement, said) in [
        ("DELETE FROM t", "WHERE"),
        ("UPDATE t SET v = 2", "WHERE"),
        ("TRUNCATE TABLE t", "TRUNCATE"),
        ("INSERT INTO t VALUES (2, 2, 'b'), (3, '3x', 'c')", "v"),
        ("INSERT INTO t VALUES (2, 2, 'b'), (3, '3', 1234)", "s"),
        ("INSERT INTO t VALUES (2, 2, 'b'), (3, '3', 4, 5)", "Inconsistent data length"),
        ("INSERT INTO t (id, v) VALUES (2, 2, 'b'), (3, '3', 4)", "and there are 3 values"),
        ("INSERT INTO t (id) VALUES (2)", "v"),
        ("INSERT INTO t VALUES (2, NULL, 'b')", "NULL"),
        ("INSERT INTO t VALUES (2, 2)", "Column count"),
        ("INSERT INTO t (id, nosuch) VALUES (2, 2)", "nosuch"),
        ("INSERT INTO t (id, id) VALUES (2, 2)", "twice"),
        ("INSERT INTO t VALUES (2, 2, 'toolong')", "s"),
        ("INSERT INTO t VALUES (2147483648, 2, 'b')", "id"),
        ("INSERT INTO t VALUES ('2x', 2, 'b')", "id"),
        ("INSERT INTO t VALUES (2, 2, 'b') ON DUPLICATE KEY UPDATE v = 1", "DUPLICATE"),
        ("INSERT INTO t VALUES (2, 2, 'b') ON CONFLICT DO NOTHING", "CONFLICT"),
        ("INSERT INTO nosuch VALUES (1)", "nosuch"),
        ("INSERT INTO w VALUES (1)", "view"),
        ("UPDATE t SET v = 2, id = v WHERE id = 1", "MySQL"),
        ("UPDATE t SET v = 2, v = 3 WHERE id = 1", "twice"),
        ("DELETE FROM t USING t WHERE id = 1", "DELETE"),
    ] {
        let error = scene.refused(statement).await.to_string();
        assert!(error.contains(said), "{statement}: {error}");
    }
    assert_eq!(scene.tidb.query("SELECT * FROM t").await.rows.len(), 1);
    let off = tifusion_testkit::connector::Connector::connect(&scene.cluster, &[]).await;
    off.use_database("write_wrong").await;
    let error = off.try_query("DELETE FROM t WHERE id = 1").await.unwrap_err().to_string();
    assert!(error.contains("tidb.write.enable"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_are_whole_where_datafusion_would_lose_them() {
    let Some(mut scene) = Scene::of(Shape::default(), "write_filters").await else { return };
    scene
        .tidb
        .run([
            "CREATE TABLE t (id INT PRIMARY KEY, v INT, KEY (v))",
            "CREATE TABLE s (v INT)",
            "INSERT INTO t VALUES (1, 1), (2, 2), (3, 3), (4, 4)",
            "INSERT INTO s VALUES (2), (3)",
        ])
        .await;
    assert_eq!(scene.write("DELETE FROM t WHERE false").await, 0);
    assert_eq!(scene.write("DELETE FROM t WHERE id > 2 AND v IN (SELECT v FROM s)").await, 1);
    assert_eq!(scene.write("UPDATE t SET v = 9 WHERE id > 1 AND v IN (SELECT v FROM s)").await, 1);
    assert_eq!(
        scene.write("UPDATE t SET v = (SELECT max(v) FROM s) WHERE EXISTS (SELECT 1 FROM s WHERE s.v = t.id)").await,
        1
    );
    scene.ours.query("SET tidb.write.allow_all_rows = true").await;
    assert_eq!(scene.write("DELETE FROM t ORDER BY id DESC LIMIT 1").await, 1);
    assert_eq!(scene.tidb.query("SELECT id FROM t").await.rows.len(), 2);
    scene.judge("t").await;
    assert_eq!(scene.write("DELETE FROM t").await, 2);
    scene.judge("t").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_keep_their_digits_and_do_not_wrap_around() {
    let Some(mut scene) = Scene::of(Shape::default(), "write_digits").await else { return };
    scene
        .tidb
        .run([
            "CREATE TABLE t (id BIGINT PRIMARY KEY, d DECIMAL(40, 3), v BIGINT)",
            "INSERT INTO t VALUES (9007199254740992, 1, 1), (9007199254740993, 2, 9223372036854775807)",
        ])
        .await;
    for row in [
        "(1, 123456789012345678901, 9007199254740993)",
        "(2, 12345678901234567890123456789.125, -9223372036854775808)",
        "(3, 0.5, 2.5)",
        "(4, -1.0005, 1E3)",
    ] {
        scene.write(&format!("INSERT INTO t VALUES {row}")).await;
    }
    let several = "INSERT INTO t VALUES (5, 1, 9007199254740993), (6, -2.5, 1.25), (7, NULL, -3)";
    assert_eq!(scene.write(several).await, 3);
    let of_tidb =
        "SELECT COUNT(*) FROM t WHERE (id, d, v) IN ((5, 1, 9007199254740993), (6, -2.5, 1))";
    assert_eq!(scene.tidb.number(of_tidb).await, 2);
    let of_tidb = "SELECT COUNT(*) FROM t WHERE (id, d, v) IN ((1, 123456789012345678901, 9007199254740993), \
                   (2, 12345678901234567890123456789.125, -9223372036854775808), (3, 0.5, 3), (4, -1.001, 1000))";
    assert_eq!(scene.tidb.number(of_tidb).await, 4);
    let error =
        scene.refused("UPDATE t SET v = v + 1 WHERE id = 9007199254740993").await.to_string();
    assert!(error.contains("out of range"), "{error}");
    let error = scene
        .refused("INSERT INTO t SELECT id + 10, d, v * 2 FROM t WHERE id = 9007199254740993")
        .await;
    assert!(error.to_string().contains("out of range"), "{error}");
    assert_eq!(scene.write("UPDATE t SET v = v - 1 WHERE v + 1 > 9223372036854775807").await, 1);
    assert_eq!(scene.write("DELETE FROM t WHERE id = 9007199254740993.0").await, 1);
    assert_eq!(scene.tidb.number("SELECT COUNT(*) FROM t WHERE id = 9007199254740992").await, 1);
    scene.judge("t").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_do_not_wrap_around_wherever_they_are_computed() {
    let Some(mut scene) = Scene::of(Shape::default(), "write_wide").await else { return };
    scene
        .tidb
        .run([
            "CREATE TABLE src (id INT PRIMARY KEY, a TINYINT, b TINYINT, c INT, x BIGINT)",
            "INSERT INTO src VALUES (1, 100, 100, 100000, 9000000000000000000), \
             (2, -128, 5, -100000, 9000000000000000000), (3, NULL, 1, 7, NULL)",
        ])
        .await;
    create(&mut scene, "wide", "(id BIGINT PRIMARY KEY, v DECIMAL(30))").await;
    alike(&mut scene, "wide", &[
        "INSERT INTO $t SELECT id, c * c FROM src",
        "INSERT INTO $t SELECT 100 + a, SUM(c * c) FROM src WHERE a > 0 GROUP BY a",
        "INSERT INTO $t SELECT 300, SUM(x) FROM src",
        "INSERT INTO $t SELECT 301, MAX(-a) FROM src",
        "INSERT INTO $t SELECT DISTINCT 310 + id, a + b FROM src",
        "INSERT INTO $t SELECT 320 + q.id, q.v FROM (SELECT id, a + b AS v FROM src) q",
        "INSERT INTO $t SELECT 330 + q.id, q.v * 2 FROM (SELECT id, c * c AS v FROM src) q WHERE q.v > 100",
        "INSERT INTO $t SELECT 340 + id, a + b FROM src WHERE id = 1 UNION ALL SELECT 340 + id, c FROM src WHERE id = 2",
        "INSERT INTO $t SELECT 350 + id, -a FROM src",
        "INSERT INTO $t SELECT 360 + id, SUM(x) OVER (ORDER BY id) FROM src",
        "INSERT INTO $t SELECT 370 + s.id, r.c FROM src s JOIN src r ON s.a * 2 = r.a + r.b",
        "INSERT INTO $t SELECT 380 + id, c FROM src WHERE a + b IN (SELECT a * 2 FROM src)",
        "UPDATE $t SET v = -v WHERE id = 1",
        "UPDATE $t SET v = v + 1 WHERE v IN (SELECT a + b FROM src)",
        "DELETE FROM $t WHERE v > (SELECT SUM(x) FROM src)",
        "DELETE FROM $t WHERE id < 100 AND v < (SELECT SUM(c * c) FROM src)",
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_value_goes_to_its_column_by_itself() {
    let Some(mut scene) = Scene::of(Shape::default(), "write_values").await else { return };
    create(
        &mut scene,
        "mixed",
        "(id INT PRIMARY KEY, s VARCHAR(40), b BIGINT, d DECIMAL(40, 30), f DOUBLE, y VARBINARY(40), \
         w DATETIME(3), KEY (s), UNIQUE KEY (b))",
    )
    .await;
    alike(&mut scene, "mixed", &[
        "INSERT INTO $t (id, s) VALUES (1, '007'), (2, 5), ('3', NULL), (4.4, 1.5), (5, 1.25), (6, 1e3), \
         (7, -0.50), (8, TRUE), (9, 18446744073709551615), (10, 12345678901234567890123), (11, 1 + 1)",
        "INSERT INTO $t (b, id) VALUES ('12', 21), (13, 22), (14.5, 23), (NULL, 24), ('15.5', 25), (-9223372036854775808, 26), \
         (9007199254740993, 27), ('9007199254740995', 28), (TRUE, 29), (2e1, 30)",
        "INSERT INTO $t (id, d) VALUES (31, 9999999999), (32, 0.000000000000000000000000000001), (33, '1e-3'), (34, 2.5e0)",
        "INSERT INTO $t (id, f) VALUES (41, 0.1), (42, 1e300), (43, '1e-300'), (44, 12345678901234567890), (45, -7)",
        "INSERT INTO $t (id, y) VALUES (51, x'00ff'), (52, 'text'), (53, 12), (54, 0.10), (55, x''), (56, NULL)",
        "INSERT INTO $t (id, w) VALUES (61, '2024-02-29 12:34:56.7896'), (62, 20240229123456), (63, DATE '2024-02-29'), \
         (64, TIMESTAMP '2024-02-29 01:02:03'), (65, 20240229123456.789)",
        "REPLACE INTO $t (id, s, b) VALUES (1, 8, '12'), (2, '008', 13), ('4', NULL, NULL)",
        "UPDATE $t SET f = 25e-2, s = 1e2 WHERE id = 41 OR f > 1.5e299",
    ])
    .await;
    // In parentheses, which TiDB does not take here.
    scene.write("INSERT INTO ours_mixed (id, s) ((VALUES (71, 'x'), (72, 7), (73, 1.50)))").await;
    scene
        .tidb
        .run(["INSERT INTO theirs_mixed (id, s) VALUES (71, 'x'), (72, 7), (73, 1.50)"])
        .await;
    scene.same_pairs("ours_mixed", "theirs_mixed").await;
    create(&mut scene, "ids", "(id BIGINT AUTO_INCREMENT PRIMARY KEY, s CHAR(5) NOT NULL)").await;
    alike(&mut scene, "ids", &["INSERT INTO $t (id, s) VALUES (7, 1), ('9', '1'), (11.2, TRUE)"])
        .await;
    let error = scene.refused("INSERT INTO ours_ids (s) VALUES (1), ('a'), (NULL)").await;
    assert!(error.to_string().contains("NULL"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn dates_of_zeros_are_not_taken_for_null() {
    let Some(mut scene) = Scene::of(Shape::default(), "write_zero_dates").await else { return };
    scene
        .tidb
        .run([
            "SET sql_mode = 'ALLOW_INVALID_DATES'",
            "CREATE TABLE t (id INT PRIMARY KEY, d DATE, e DATE, v INT, KEY (d))",
            "INSERT INTO t VALUES (1, '0000-00-00', '2024-01-01', 1), (2, NULL, '2024-01-01', 2)",
        ])
        .await;
    for statement in ["DELETE FROM t WHERE d IS NULL", "UPDATE t SET e = d WHERE id = 1"] {
        let error = scene.refused(statement).await.to_string();
        assert!(error.contains("d"), "{error}");
    }
    assert_eq!(scene.tidb.number("SELECT COUNT(*) FROM t WHERE e = '2024-01-01'").await, 2);
    // Its old entry goes with it.
    assert_eq!(scene.write("UPDATE t SET v = 5, d = '2024-02-29' WHERE id = 1").await, 1);
    scene.judge("t").await;
    scene.tidb.run(["UPDATE t SET d = '0000-00-00' WHERE id = 1"]).await;
    assert_eq!(scene.write("DELETE FROM t WHERE id = 1").await, 1);
    scene.judge("t").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_ids_are_shown_of_the_table_that_is_written_to_and_of_no_other() {
    let Some(mut scene) = Scene::of(Shape::default(), "write_row_ids").await else { return };
    scene
        .tidb
        .run([
            "CREATE TABLE t (x INT, y INT)",
            "CREATE TABLE a (x INT)",
            "CREATE TABLE b (x INT)",
            "INSERT INTO t VALUES (1, 1), (2, 2), (3, 3)",
            "INSERT INTO a VALUES (1), (2)",
            "INSERT INTO b VALUES (2), (1)",
        ])
        .await;
    let statement =
        "DELETE FROM t WHERE x IN (SELECT a.x FROM a NATURAL JOIN b) AND y IN (SELECT * FROM a)";
    assert_eq!(scene.write(statement).await, 2);
    assert_eq!(scene.write("UPDATE t AS o SET y = o.x + 1 WHERE o.x = 3").await, 1);
    assert_eq!(scene.tidb.number("SELECT y FROM t").await, 4);
    let error = scene.refused("DELETE FROM t AS o (y, x) WHERE o.x = 4").await.to_string();
    assert!(error.contains("one table"), "{error}");
    scene.judge("t").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_rows_again_are_duplicates_wherever_their_keys_lie() {
    let Some(mut scene) = Scene::of(Shape::many_regions(), "write_again").await else { return };
    scene.tidb.run(["CREATE TABLE t (id INT PRIMARY KEY, v INT, pad VARCHAR(200), KEY (v))"]).await;
    let insert = "INSERT INTO t SELECT value AS id, value % 7 AS v, repeat('x', 200) AS pad \
                  FROM generate_series(1, 4000)";
    assert_eq!(scene.write(insert).await, 4000);
    for _ in 0..3 {
        let error = scene.refused(insert).await;
        assert_eq!(error.kind(), ErrorKind::Duplicate, "{error}");
    }
    scene.judge("t").await;
}

/// What DataFusion would tell otherwise, or of another time, is refused or computed as TiDB does.
#[tokio::test(flavor = "multi_thread")]
async fn what_would_be_told_otherwise_is_not_written() {
    let Some(mut scene) = Scene::of(Shape::default(), "write_otherwise").await else { return };
    scene
        .tidb
        .run([
            "CREATE TABLE t (id BIGINT PRIMARY KEY, flag BIGINT NOT NULL, v BIGINT)",
            "CREATE TABLE s (ref BIGINT, kept BIGINT NOT NULL)",
            "CREATE VIEW seen AS SELECT ref FROM s",
            "INSERT INTO t VALUES (1, 0, 9223372036854775807), (5, 0, 1)",
            "INSERT INTO s VALUES (1, 1), (NULL, 2)",
        ])
        .await;
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    let past = scene.tidb.query("SELECT CAST(NOW(3) AS CHAR)").await.rows[0][0].plain();
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    for (write, said) in [
        (
            "DELETE FROM t WHERE id NOT IN (SELECT MAX(ref) FROM s WHERE s.kept > t.flag)",
            "may be NULL",
        ),
        // DataFusion has no IN over a subquery but in conditions.
        (
            "UPDATE t SET v = CASE WHEN id IN (SELECT ref FROM s) THEN 1 ELSE 2 END WHERE id = 5",
            "InSubquery",
        ),
        (
            "INSERT INTO t SELECT kept + 100, kept NOT IN (SELECT ref FROM s), 1 FROM s",
            "InSubquery",
        ),
        (
            &format!("DELETE FROM t WHERE id IN (SELECT ref FROM seen AS OF TIMESTAMP '{past}')"),
            "AS OF",
        ),
        (
            &format!("DELETE FROM t WHERE id IN (SELECT ref FROM s AS OF TIMESTAMP '{past}')"),
            "AS OF",
        ),
        // Rows that are sorted are computed with the same numbers.
        ("UPDATE t SET v = v + 1 WHERE id = 1 ORDER BY id", "v"),
        ("UPDATE t SET v = v + 1 WHERE id < 5 ORDER BY id DESC LIMIT 1", "v"),
        ("INSERT INTO t SELECT id + 10, flag, v * 2 FROM t ORDER BY v", "v"),
    ] {
        let error = scene.ours.try_query(write).await.unwrap_err();
        assert!(error.to_string().contains(said), "{write}: {error}");
    }
    assert_eq!(
        scene.tidb.number("SELECT COUNT(*) FROM t WHERE v IN (1, 9223372036854775807)").await,
        2
    );
    // These mean what they say.
    for (write, rows) in [
        // An IN that is NULL is a mark that is false in DataFusion; an anti join is asked of columns, and of whole tables.
        ("DELETE FROM t WHERE flag = 1 OR id NOT IN (SELECT ref FROM s)", 0),
        ("DELETE FROM t WHERE NULLIF(flag, 0) NOT IN (SELECT kept FROM s)", 0),
        ("DELETE FROM t WHERE 5 NOT IN (SELECT ref FROM s)", 0),
        ("DELETE FROM t WHERE id NOT IN (SELECT ref FROM s WHERE s.kept > t.flag)", 0),
        ("DELETE FROM t WHERE NOT (flag = 1 OR id IN (SELECT ref FROM s))", 0),
        ("DELETE FROM t WHERE id NOT IN (SELECT ref FROM s)", 0),
        ("DELETE FROM t WHERE v NOT IN (SELECT ref FROM s)", 0),
        ("DELETE FROM t WHERE flag = 1 OR id NOT IN (SELECT kept FROM s)", 1),
        (
            "DELETE FROM t WHERE COALESCE(v, 0) NOT IN (SELECT COALESCE(ref, 9223372036854775807) FROM s)",
            0,
        ),
        // An integer stays one for a function.
        ("UPDATE t SET v = LENGTH(SUBSTR('abc', flag + 2)) + 1 WHERE id = 1 ORDER BY v", 1),
        ("UPDATE t SET v = 7 WHERE flag = 1 OR id IN (SELECT ref FROM s)", 1),
        ("UPDATE t SET v = v + 1 WHERE id = 1 ORDER BY id LIMIT 3", 1),
    ] {
        assert_eq!(scene.write(write).await, rows, "{write}");
    }
    assert_eq!(scene.tidb.number("SELECT SUM(id * 10 + v) FROM t").await, 18);
    scene.judge("t").await;
}
