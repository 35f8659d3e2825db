//! `INSERT IGNORE`: rows whose keys are there are passed over, as TiDB does it.

use tifusion::ErrorKind;
use tifusion_testkit::cluster::Shape;

use super::Scene;

const SHAPES: [(&str, &str); 4] = [
    ("int", "(id INT PRIMARY KEY, u INT UNIQUE, s VARCHAR(9) COLLATE utf8mb4_general_ci, KEY (s))"),
    ("beside", "(id INT PRIMARY KEY NONCLUSTERED, u INT UNIQUE, s VARCHAR(9), UNIQUE KEY (s, u))"),
    (
        "text",
        "(id VARCHAR(9) COLLATE utf8mb4_general_ci PRIMARY KEY CLUSTERED, u INT UNIQUE, s VARCHAR(9))",
    ),
    (
        "parts",
        "(id INT, u INT, s VARCHAR(9), PRIMARY KEY (id), UNIQUE KEY (u, id)) PARTITION BY HASH (id) PARTITIONS 3",
    ),
];

const STATEMENTS: [&str; 7] = [
    "INSERT IGNORE INTO $t VALUES (1, 10, 'a'), (2, NULL, 'b')",
    // The row that is passed over stands in nobody's way: 41 is free for the last one.
    "INSERT IGNORE INTO $t VALUES (1, 11, 'x'), (3, 10, 'y'), (4, 40, 'z'), (4, 41, 'w'), (5, 40, 'v'), (6, 60, 'u'), \
     (7, NULL, 'n'), (8, NULL, 'n'), (9, 41, 'k')",
    "INSERT IGNORE INTO $t (s, id) VALUES ('once', 20), ('twice', 20), ('', 21)",
    "INSERT IGNORE INTO $t SET id = 1, s = 'there'",
    "INSERT IGNORE INTO $t SELECT id, u, s FROM $t",
    "INSERT IGNORE INTO $t (id, u) SELECT u + 100 AS n, 1000 FROM $t WHERE u IS NOT NULL ORDER BY n DESC LIMIT 3",
    "INSERT IGNORE INTO $t (id, u) SELECT 7 AS id, 8 AS u UNION ALL SELECT 77, 78",
];

#[tokio::test(flavor = "multi_thread")]
async fn rows_whose_keys_are_there_are_passed_over_as_in_tidb() {
    let Some(mut scene) = Scene::of(Shape::default(), "write_ignore").await else { return };
    for (name, rest) in SHAPES {
        let [ours, theirs] = ["ours", "theirs"].map(|of| format!("{of}_{name}"));
        let create = |name: &str| format!("CREATE TABLE {name} {rest}");
        scene.tidb.run([create(&ours), create(&theirs)]).await;
        for statement in STATEMENTS {
            let count = scene.write(&statement.replace("$t", &ours)).await;
            scene.tidb.run([statement.replace("$t", &theirs)]).await;
            let of_tidb = scene.tidb.number("SELECT ROW_COUNT()").await;
            assert_eq!(i128::from(count), of_tidb, "{name}: {statement}");
            let all = |name: &str| format!("SELECT * FROM {name} ORDER BY id");
            let of_theirs = scene.tidb.query(&all(&theirs)).await.rows;
            assert_eq!(scene.tidb.query(&all(&ours)).await.rows, of_theirs, "{name}: {statement}");
        }
        scene.judge(&ours).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_rows_and_ids_that_are_given_out() {
    let Some(mut scene) = Scene::of(Shape::default(), "write_ignore_ids").await else { return };
    scene
        .tidb
        .run(["CREATE TABLE t (id BIGINT PRIMARY KEY AUTO_INCREMENT, u INT UNIQUE, v INT NOT NULL, KEY (v))"])
        .await;
    // Every number comes twice, in batches of their own.
    let twice = "INSERT IGNORE INTO t (u, v) SELECT value % 10000 AS u, value AS v FROM generate_series(0, 19999) \
                 ORDER BY v";
    assert_eq!(scene.write(twice).await, 10_000);
    assert_eq!(scene.tidb.number("SELECT COUNT(*) FROM t WHERE u = v").await, 10_000);
    assert_eq!(scene.write(twice).await, 0);
    assert_eq!(
        scene
            .write("INSERT IGNORE INTO t VALUES (NULL, 5, 0), (0, 10000, 1), (77777, 10001, 2)")
            .await,
        2
    );
    scene.tidb.run(["INSERT INTO t (u, v) VALUES (20000, 1)"]).await;
    scene.judge("t").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_else_it_lets_pass_is_refused_with_the_way_out() {
    let Some(mut scene) = Scene::of(Shape::default(), "write_ignore_refused").await else { return };
    scene
        .tidb
        .run(["CREATE TABLE t (id TINYINT PRIMARY KEY, s VARCHAR(3) NOT NULL, e ENUM('a', 'b')) \
             PARTITION BY RANGE (id) (PARTITION p VALUES LESS THAN (100))"])
        .await;
    for statement in [
        "INSERT IGNORE INTO t VALUES (1, 'a', NULL), (1000, 'b', NULL)",
        "INSERT IGNORE INTO t VALUES (1, 'too long', NULL)",
        "INSERT IGNORE INTO t VALUES (1, NULL, NULL)",
        "INSERT IGNORE INTO t VALUES (1, 'a', 'c')",
        "INSERT IGNORE INTO t VALUES ('x', 'a', 'a')",
        "INSERT IGNORE INTO t VALUES (1, 'a', 'a'), (101, 'b', 'b')",
    ] {
        let error = scene.refused(statement).await;
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{statement}: {error}");
        assert!(error.to_string().contains("SET tidb.write.mode = sql"), "{statement}: {error}");
    }
    for (statement, said) in [
        ("INSERT IGNORE INTO t (id) VALUES (1)", "has no default"),
        (
            "INSERT IGNORE INTO t (id, s) SELECT id, s FROM (SELECT value AS id, 'a' AS s, value % 2 AS n FROM generate_series(1, 3)) AS i ORDER BY n",
            "sorted by",
        ),
    ] {
        let error = scene.refused(statement).await;
        assert!(error.to_string().contains(said), "{statement}: {error}");
    }
    assert_eq!(scene.tidb.number("SELECT COUNT(*) FROM t").await, 0);
}
