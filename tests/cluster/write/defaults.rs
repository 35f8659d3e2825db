//! Defaults that are expressions.

use std::collections::HashMap;

use tifusion_testkit::cluster::Shape;

use super::Scene;

#[tokio::test(flavor = "multi_thread")]
async fn expressions_that_are_known_are_computed_for_each_row() {
    let Some(mut scene) = Scene::of(Shape::default(), "write_defaults").await else { return };
    scene
        .tidb
        .run([
            "SET time_zone = '+00:00'",
            "CREATE TABLE t (id INT PRIMARY KEY, v INT, \
             a VARCHAR(36) NOT NULL DEFAULT (UUID()), \
             b DOUBLE DEFAULT (RAND()), \
             c VARCHAR(20) DEFAULT (DATE_FORMAT(NOW(), '%Y-%m-%d %H:%i:%s')), \
             dotted VARCHAR(20) DEFAULT (DATE_FORMAT(NOW(), '%Y-%m-%d %H.%i.%s')), \
             m VARCHAR(10) DEFAULT (DATE_FORMAT(NOW(), '%Y-%m')), \
             d DATE DEFAULT (CURRENT_DATE()), \
             day DATE DEFAULT (DATE_FORMAT(NOW(), '%Y-%m-%d')), \
             j JSON DEFAULT (JSON_OBJECT()), \
             k JSON DEFAULT (JSON_ARRAY()), \
             x VARCHAR(32) DEFAULT (REPLACE(UPPER(UUID()), '-', '')), \
             z VARCHAR(32) DEFAULT (REPLACE(CONVERT(UPPER(UUID()) USING utf8mb4), '-', '')), \
             y VARBINARY(16) DEFAULT (UUID_TO_BIN(UUID())), \
             s DATE DEFAULT (STR_TO_DATE('1980-01-02', '%Y-%m-%d')), \
             UNIQUE KEY (a), UNIQUE KEY (x), UNIQUE KEY (y), KEY (d, b))",
        ])
        .await;
    for (statement, count) in [
        (
            "INSERT INTO t (id, v) SELECT value AS id, value AS v FROM generate_series(1, 9000)",
            9000,
        ),
        ("INSERT INTO t (v, id) VALUES (1, 10001), (2, 10002)", 2),
        ("REPLACE INTO t (id) VALUES (1), (10003)", 3),
        ("INSERT IGNORE INTO t (id) VALUES (1), (10004), (10004)", 1),
        ("INSERT INTO t (id, a, j) VALUES (10005, DEFAULT, DEFAULT)", 1),
        ("INSERT INTO t (id, b, c) VALUES (10006, NULL, 'given')", 1),
    ] {
        assert_eq!(scene.write(statement).await, count, "{statement}");
    }
    let frame = scene
        .ours
        .context()
        .sql("SELECT 10007 AS id, 7 AS v UNION ALL SELECT 10007, 8")
        .await
        .unwrap();
    let table = format!("{}.t", scene.database);
    scene.ours.context().table_writer(&table).deduplicate(true).write(frame).await.unwrap();
    scene.tidb.run(["INSERT INTO t (id) VALUES (20000)"]).await;
    let count = 9008;
    let recent = "ABS(TIMESTAMPDIFF(SECOND, $, NOW())) < 600";
    let questions: HashMap<&str, String> = HashMap::from([
        ("rows", "TRUE".to_owned()),
        ("uuid", "a REGEXP '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'".to_owned()),
        ("rand", "b >= 0 AND b < 1 OR id = 10006".to_owned()),
        ("time", format!("{} OR c = 'given'", recent.replace('$', "c"))),
        ("dotted", recent.replace('$', "REPLACE(dotted, '.', ':')")),
        ("month", "m BETWEEN DATE_FORMAT(NOW() - INTERVAL 1 HOUR, '%Y-%m') AND DATE_FORMAT(NOW(), '%Y-%m')".to_owned()),
        ("days", "d BETWEEN CURDATE() - INTERVAL 1 DAY AND CURDATE() AND day BETWEEN CURDATE() - INTERVAL 1 DAY AND CURDATE()".to_owned()),
        ("documents", "j = JSON_OBJECT() AND k = JSON_ARRAY()".to_owned()),
        ("digits", "x REGEXP '^[0-9A-F]{32}$' AND z REGEXP '^[0-9A-F]{32}$'".to_owned()),
        ("bytes", "LENGTH(y) = 16".to_owned()),
        ("constant", "s = '1980-01-02'".to_owned()),
    ]);
    for (what, condition) in questions {
        let question = format!("SELECT COUNT(*) FROM t WHERE {condition}");
        assert_eq!(scene.tidb.number(&question).await, count, "{what}: {condition}");
    }
    for distinct in ["a", "x", "z", "y", "LOWER(HEX(y))"] {
        let question = format!("SELECT COUNT(DISTINCT {distinct}) FROM t");
        assert_eq!(scene.tidb.number(&question).await, count, "{distinct}");
    }
    // Draws of 53 bits each.
    assert!(scene.tidb.number("SELECT COUNT(DISTINCT b) FROM t").await > count - 5);
    scene.judge("t").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn others_are_refused_where_the_column_is_left_out() {
    let Some(mut scene) = Scene::of(Shape::default(), "write_defaults_refused").await else {
        return;
    };
    for (name, of_type, default) in [
        ("who", "VARCHAR(20)", "UPPER(SUBSTRING_INDEX(USER(), '@', 1))"),
        ("document", "JSON", "JSON_OBJECT('a', 1)"),
        ("quoted", "JSON", "JSON_QUOTE('a')"),
        ("seeded", "DOUBLE", "RAND(1)"),
        ("swapped", "BINARY(16)", "UUID_TO_BIN(UUID(), 1)"),
        ("short", "DATE", "STR_TO_DATE('80-1-2', '%y-%m-%d')"),
    ] {
        scene
            .tidb
            .run([format!(
                "CREATE TABLE {name} (id INT PRIMARY KEY, v {of_type} DEFAULT ({default}))"
            )])
            .await;
        let error = scene.refused(&format!("INSERT INTO {name} (id) VALUES (1)")).await.to_string();
        assert!(error.contains("its default is an expression"), "{name}: {error}");
        assert!(error.contains("SET tidb.write.mode = sql"), "{name}: {error}");
        assert_eq!(scene.write(&format!("INSERT INTO {name} (id, v) VALUES (1, NULL)")).await, 1);
        assert_eq!(scene.tidb.number(&format!("SELECT COUNT(*) FROM {name}")).await, 1);
    }
}
