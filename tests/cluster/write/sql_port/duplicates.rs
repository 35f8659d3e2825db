//! `INSERT IGNORE` and `ON DUPLICATE KEY UPDATE`, which are TiDB's to decide row by row.

use tifusion::ErrorKind;

use super::Scene;

const STATEMENTS: [&str; 11] = [
    "INSERT IGNORE INTO $t (id, a, b) VALUES (1, 9, 'x'), (5, 1, 'y'), (6, 6, 'six'), (6, 7, 'z')",
    "INSERT IGNORE INTO $t VALUES (7, 'no number', 'a longer text than fits', 1000)",
    "INSERT IGNORE INTO $t SET id = 8, v = NULL -- a remark",
    "INSERT INTO $t (id, a) VALUES (1, 5), (1, 6), (9, 5) ON DUPLICATE KEY UPDATE a = VALUES(a) + 10, v = a",
    "INSERT INTO $t (id, a, b) VALUES (2, 3, 'one') ON DUPLICATE KEY UPDATE b = CONCAT(VALUES(b), '#'), v = v + 1",
    "INSERT INTO $t (a, b) VALUES (40, 'forty') ON DUPLICATE KEY UPDATE v = 0",
    "INSERT INTO $t (a, b) SELECT a, CONCAT(b, '!') FROM $t WHERE id = 2 ON DUPLICATE KEY UPDATE b = VALUES(b)",
    "INSERT INTO $t SET a = 40 ON DUPLICATE KEY UPDATE v = v + 1, id = id + 100",
    "INSERT INTO $t (a, b) VALUES (40, 'same') ON DUPLICATE KEY UPDATE a = a",
    "INSERT IGNORE INTO $t (a) SELECT a FROM $t",
    "INSERT INTO $t (a, b) VALUES (50, 'last')",
];

#[tokio::test(flavor = "multi_thread")]
async fn rows_in_the_way_are_tidbs_to_decide() {
    let Some(mut scene) = Scene::at_sql_port("sql_port_duplicates", &[]).await else { return };
    for name in ["ours", "theirs"] {
        scene
            .tidb
            .run([
                format!(
                    "CREATE TABLE {name} (id INT PRIMARY KEY AUTO_INCREMENT, a INT UNIQUE, \
                     b VARCHAR(9) COLLATE utf8mb4_general_ci UNIQUE, v TINYINT NOT NULL DEFAULT 5)"
                ),
                format!(
                    "INSERT INTO {name} VALUES (1, 1, 'one', 1), (2, 2, 'two', 2), (3, 3, NULL, 3)"
                ),
            ])
            .await;
    }
    let all = |name: &str| format!("SELECT * FROM {name} ORDER BY id");
    let before = scene.tidb.query(&all("ours")).await.rows;
    let beyond =
        |it: &&&str| ["DUPLICATE", "'no number'", "v = NULL"].iter().any(|what| it.contains(what));
    for statement in STATEMENTS.iter().filter(beyond) {
        let error = scene.refused(&statement.replace("$t", "ours")).await;
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{statement}: {error}");
        assert!(error.to_string().contains("SET tidb.write.mode = sql"), "{statement}: {error}");
    }
    assert_eq!(scene.tidb.query(&all("ours")).await.rows, before);
    scene.ours.query("SET tidb.write.mode = sql").await;
    for statement in STATEMENTS {
        let (count, of_tidb) =
            (scene.write(&statement.replace("$t", "ours")).await, "SELECT ROW_COUNT()");
        scene.tidb.run([statement.replace("$t", "theirs")]).await;
        assert_eq!(i128::from(count), scene.tidb.number(of_tidb).await, "{statement}");
        let theirs = scene.tidb.query(&all("theirs")).await.rows;
        assert_eq!(scene.tidb.query(&all("ours")).await.rows, theirs, "{statement}");
    }
    scene.judge("ours").await;
    for (statement, said) in [
        ("INSERT INTO ours (id) VALUES (1) ON CONFLICT DO NOTHING", "ON CONFLICT"),
        ("INSERT OR IGNORE INTO ours (id) VALUES (1)", "INSERT OR"),
    ] {
        let error = scene.refused(statement).await;
        assert!(error.to_string().contains(said), "{statement}: {error}");
    }
    scene.ours.query("CREATE TABLE datafusion.public.here AS SELECT 100 AS id").await;
    let error =
        scene.refused("INSERT IGNORE INTO ours (id) SELECT id FROM datafusion.public.here").await;
    assert!(error.to_string().contains("is not TiDB's"), "{error}");
    assert!(!error.to_string().contains("bypass"), "{error}");
}
