//! Ids of rows: no one is given twice, whoever gives them.

use std::collections::BTreeSet;

use tifusion_testkit::cluster::Shape;

use super::Scene;

#[tokio::test(flavor = "multi_thread")]
async fn tidb_and_this_never_give_the_same_id() {
    let Some(mut scene) = Scene::of(Shape::default(), "write_ids").await else { return };
    for (name, rest) in [
        ("counted", "(id BIGINT PRIMARY KEY CLUSTERED AUTO_INCREMENT, v INT)"),
        ("counted_u", "(id BIGINT UNSIGNED PRIMARY KEY CLUSTERED AUTO_INCREMENT, v INT)"),
        ("beside", "(id INT PRIMARY KEY NONCLUSTERED AUTO_INCREMENT, v INT)"),
        ("random", "(id BIGINT PRIMARY KEY CLUSTERED AUTO_RANDOM(3), v INT)"),
        ("random_54", "(id BIGINT UNSIGNED PRIMARY KEY CLUSTERED AUTO_RANDOM(4, 54), v INT)"),
        ("plain", "(v INT, KEY (v))"),
        ("sharded", "(v INT, KEY (v)) SHARD_ROW_ID_BITS = 4"),
        ("cached", "(id BIGINT PRIMARY KEY CLUSTERED AUTO_INCREMENT, v INT) AUTO_ID_CACHE 3"),
    ] {
        scene.tidb.run([format!("CREATE TABLE {name} {rest}")]).await;
        for round in 0..6 {
            let rows = format!("INSERT INTO {name} (v) VALUES ({round}), ({round}), ({round})");
            scene.write(&rows).await;
            scene.tidb.run([rows]).await;
        }
        let has_column = !matches!(name, "plain" | "sharded");
        let id = if has_column { "id" } else { "_tidb_rowid" };
        if has_column && !name.starts_with("random") {
            // Given, and to be passed over by both.
            scene.write(&format!("INSERT INTO {name} VALUES (100000, 7), (0, 8), (NULL, 9)")).await;
            scene.tidb.run([format!("INSERT INTO {name} (v) VALUES (10), (11)")]).await;
            scene.write(&format!("UPDATE {name} SET id = 200000 WHERE v = 7")).await;
            scene.write(&format!("INSERT INTO {name} (v) VALUES (12)")).await;
            scene.tidb.run([format!("INSERT INTO {name} (v) VALUES (13)")]).await;
        }
        let ids = scene.tidb.query(&format!("SELECT {id} FROM {name}")).await.rows;
        let distinct: BTreeSet<String> = ids.iter().map(|row| row[0].plain()).collect();
        assert_eq!(distinct.len(), ids.len(), "{name}");
        assert!(ids.len() >= 36, "{name}");
        scene.judge(name).await;
    }
    let error = scene.refused("INSERT INTO random VALUES (5, 5)").await.to_string();
    assert!(error.contains("AUTO_RANDOM"), "{error}");
    scene.ours.query("SET tidb.write.allow_auto_random_explicit_insert = true").await;
    scene.write("INSERT INTO random VALUES (5000, 5), (8070450532247932832, 6)").await;
    scene.write("INSERT INTO random (v) VALUES (6)").await;
    scene.tidb.run(["INSERT INTO random (v) VALUES (7)"]).await;
    scene.judge("random").await;
}

async fn ids(scene: &mut Scene, table: &str) -> Vec<String> {
    let all = scene.tidb.query(&format!("SELECT id FROM {table} ORDER BY id")).await;
    all.rows.iter().map(|row| row[0].plain()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_of_the_auto_id_service_count_without_gaps() {
    let test = "write_served_ids";
    let Some(mut scene) = Scene::of(Shape::default(), test).await else { return };
    for (name, rest) in [
        ("clustered", "(id BIGINT PRIMARY KEY CLUSTERED AUTO_INCREMENT, v INT)"),
        ("beside", "(id INT UNSIGNED PRIMARY KEY NONCLUSTERED AUTO_INCREMENT, v INT, KEY (v))"),
        ("great", "(id BIGINT UNSIGNED PRIMARY KEY CLUSTERED AUTO_INCREMENT, v INT)"),
    ] {
        scene.tidb.run([format!("CREATE TABLE {name} {rest} AUTO_ID_CACHE 1")]).await;
        for round in 0..5 {
            let rows = format!("INSERT INTO {name} (v) VALUES ({round}), ({round}), ({round})");
            scene.write(&rows).await;
            scene.tidb.run([rows]).await;
        }
        scene.write(&format!("INSERT INTO {name} SELECT 0, v FROM {name} WHERE v = 1")).await;
        let counted: Vec<String> = (1..=36).map(|id| id.to_string()).collect();
        assert_eq!(ids(&mut scene, name).await, counted, "{name}");
        // Given, and passed over by both.
        scene.write(&format!("INSERT INTO {name} VALUES (100, 7), (NULL, 8)")).await;
        scene.tidb.run([format!("INSERT INTO {name} (v) VALUES (9)")]).await;
        scene.write(&format!("UPDATE {name} SET id = 200 WHERE v = 7")).await;
        scene.tidb.run([format!("INSERT INTO {name} (v) VALUES (10)")]).await;
        scene.write(&format!("REPLACE INTO {name} (v) VALUES (11)")).await;
        let last = ["101", "102", "200", "201", "202"];
        assert_eq!(ids(&mut scene, name).await[36..], last, "{name}");
        scene.judge(name).await;
    }
    let most = "INSERT INTO great VALUES (18446744073709551614, 1)";
    scene.write(most).await;
    let error = scene.refused("INSERT INTO great (v) VALUES (1)").await.to_string();
    assert!(error.contains("auto id service") && error.contains("great"), "{error}");
    // Whose counter TiDB goes on with depends on its version.
    let other = format!("{test}_other");
    scene.tidb.run([format!("CREATE DATABASE IF NOT EXISTS {other}")]).await;
    scene.tidb.run([format!("RENAME TABLE clustered TO {other}.clustered")]).await;
    let error = scene.refused(&format!("INSERT INTO {other}.clustered (v) VALUES (1)")).await;
    assert!(error.to_string().contains("renamed into another database"), "{error}");
    assert!(error.to_string().contains("write.mode"), "{error}");
    scene.tidb.run([format!("DROP DATABASE {other}")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn times_of_the_statement_are_put_where_they_belong() {
    let test = "write_times";
    let settings = [("time_zone", "Asia/Kolkata")];
    let Some(mut scene) = Scene::with(Shape::default(), test, &settings).await else { return };
    scene
        .tidb
        .run([
            "SET time_zone = '+05:30'",
            "CREATE TABLE t (id INT PRIMARY KEY, ts TIMESTAMP(3) DEFAULT CURRENT_TIMESTAMP(3), \
             dt DATETIME DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, \
             d DATE DEFAULT '2024-02-29', v INT)",
        ])
        .await;
    scene.write("INSERT INTO t (id, v) VALUES (1, 1)").await;
    scene
        .write("INSERT INTO t VALUES (2, '2024-01-01 00:00:00', '2024-01-01 00:00:00', NULL, 2)")
        .await;
    let recent = "ABS(TIMESTAMPDIFF(SECOND, ts, NOW(3))) < 60 AND ABS(TIMESTAMPDIFF(SECOND, dt, NOW())) < 60";
    let of = |recent: &str| {
        format!("SELECT COUNT(*) FROM t WHERE id = 1 AND {recent} AND d = '2024-02-29'")
    };
    assert_eq!(scene.tidb.number(&of(recent)).await, 1);
    assert_eq!(
        scene.tidb.number("SELECT COUNT(*) FROM t WHERE ts = '2024-01-01 00:00:00'").await,
        1
    );
    scene.write("UPDATE t SET v = 2 WHERE id = 2").await;
    assert_eq!(
        scene.tidb.number("SELECT COUNT(*) FROM t WHERE dt = '2024-01-01 00:00:00'").await,
        1
    );
    scene.write("UPDATE t SET v = 3 WHERE id = 2").await;
    let stamped = "SELECT COUNT(*) FROM t WHERE id = 2 AND ABS(TIMESTAMPDIFF(SECOND, dt, NOW())) < 60 \
                   AND ts = '2024-01-01 00:00:00'";
    assert_eq!(scene.tidb.number(stamped).await, 1);
    scene.judge("t").await;
}
