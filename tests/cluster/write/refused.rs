//! Tables that are not written to, by name, and stay as they are.

use tifusion::ErrorKind;
use tifusion_testkit::cluster::Shape;

use super::Scene;

#[tokio::test(flavor = "multi_thread")]
async fn tables_that_are_not_fully_known_are_refused_by_name() {
    let Some(mut scene) = Scene::of(Shape::default(), "write_refused").await else { return };
    scene
        .tidb
        .run(["SET GLOBAL tidb_enable_check_constraint = ON", "SET tidb_enable_global_index = ON"])
        .await;
    for (name, rest, reason) in [
        ("kept", "(id INT PRIMARY KEY, v INT, g INT AS (v + 1) STORED)", "generated"),
        ("virt", "(id INT PRIMARY KEY, v INT, g INT AS (v + 1) VIRTUAL)", "generated"),
        ("expr", "(id INT PRIMARY KEY, v INT, KEY e ((v + 1)))", "generated"),
        ("mv", "(id INT PRIMARY KEY, v JSON, KEY e ((CAST(v AS SIGNED ARRAY))))", "generated"),
        ("parent", "(id INT PRIMARY KEY, v INT)", "foreign key of write_refused.child"),
        (
            "child",
            "(id INT PRIMARY KEY, v INT, FOREIGN KEY (v) REFERENCES parent (id))",
            "foreign key",
        ),
        ("checked", "(id INT PRIMARY KEY, v INT, CHECK (v > 0))", "check constraint"),
        ("temp", "(id INT PRIMARY KEY, v INT)", "temporary"),
        (
            "everywhere",
            "(id INT, v INT, UNIQUE KEY g (v) GLOBAL) PARTITION BY HASH (id) PARTITIONS 2",
            "global",
        ),
        (
            "by_week",
            "(id INT, d DATE) PARTITION BY RANGE (YEARWEEK(d)) (PARTITION p VALUES LESS THAN MAXVALUE)",
            "`d`",
        ),
    ] {
        let (create, rest) = match name {
            "temp" => ("CREATE GLOBAL TEMPORARY TABLE", format!("{rest} ON COMMIT DELETE ROWS")),
            _ => ("CREATE TABLE", rest.to_owned()),
        };
        scene.tidb.run([format!("{create} {name} {rest}")]).await;
        if name == "parent" {
            continue;
        }
        let error = scene.refused(&format!("INSERT INTO {name} (id) VALUES (1)")).await;
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{name}: {error}");
        assert!(error.to_string().contains(reason), "{name}: {error}");
        if name != "temp" {
            assert_eq!(scene.tidb.query(&format!("SELECT * FROM {name}")).await.rows.len(), 0);
        }
    }
    let error = scene.refused("INSERT INTO parent (id) VALUES (1)").await.to_string();
    assert!(error.contains("write_refused.child"), "{error}");
    scene.tidb.run(["CREATE TABLE cached (id INT PRIMARY KEY)", "ALTER TABLE cached CACHE"]).await;
    let error = scene.refused("INSERT INTO cached VALUES (1)").await.to_string();
    assert!(error.contains("cache"), "{error}");
    scene
        .tidb
        .run(["CREATE TABLE foreign_text (id INT PRIMARY KEY, v VARCHAR(9) CHARACTER SET gbk)"])
        .await;
    let error = scene.refused("INSERT INTO foreign_text VALUES (1, 'x')").await.to_string();
    assert!(error.contains("character set"), "{error}");
    scene.tidb.run(["CREATE SEQUENCE numbers", "CREATE VIEW seen AS SELECT 1 AS id"]).await;
    for (name, said) in [("numbers", "sequence"), ("seen", "view")] {
        let error = scene.refused(&format!("INSERT INTO {name} VALUES (1)")).await.to_string();
        assert!(error.contains(said), "{name}: {error}");
    }
    let error =
        scene.refused("INSERT INTO mysql.tidb (variable_name) VALUES ('x')").await.to_string();
    assert!(error.contains("itself"), "{error}");
}
