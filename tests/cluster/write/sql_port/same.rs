//! Both ways write the same bytes.

use std::fmt::Write as _;

use super::Scene;
use crate::types::cases::{self, Case};
use crate::write::bytes::{CASES_PER_TABLE, HANDLES, create, fill};

/// TiDB's rows, written by either way, are TiDB's rows.
async fn judge(test: &str, cases: &[Case]) {
    let Some(mut scene) = Scene::at_sql_port(test, &[super::SQL]).await else { return };
    // Text of this character set is not read.
    let cases: Vec<&Case> = cases.iter().filter(|case| case.name != "gbk").collect();
    for (group, cases) in cases.chunks(CASES_PER_TABLE).enumerate() {
        for (handle, columns, key) in HANDLES {
            let name = format!("{group}_{handle}");
            let mut definitions = String::from("g INT, h INT, KEY (g, h)");
            for (at, case) in cases.iter().enumerate() {
                write!(definitions, ", v{at} {} NULL", case.definition).unwrap();
            }
            create(&mut scene, &name, &format!("({columns}{definitions})")).await;
            fill(&mut scene, &name, cases, key).await;
            let (ours, theirs) = (format!("ours_{name}"), format!("theirs_{name}"));
            scene.write(&format!("INSERT INTO \"{ours}\" SELECT * FROM \"{theirs}\"")).await;
            scene.same_pairs(&ours, &theirs).await;
            scene.tidb.run([format!("ADMIN CHECK TABLE `{ours}`")]).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers() {
    let mut cases = [cases::integers(), cases::floats()].concat();
    cases.extend(cases::decimals().into_iter().step_by(3));
    judge("sql_port_numbers", &cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dates_and_times() {
    judge("sql_port_calendar", &cases::calendar()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_and_bytes() {
    judge("sql_port_texts", &[cases::text(), cases::bytes()].concat()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn members_documents_and_vectors() {
    let cases = [cases::members(), cases::json(), cases::vectors()].concat();
    judge("sql_port_others_same", &cases).await;
}

/// Times are points in time, whatever zone the session has.
#[tokio::test(flavor = "multi_thread")]
async fn times_in_zones() {
    let Some(mut scene) = Scene::at_sql_port("sql_port_zones", &[super::SQL]).await else { return };
    let columns = "(id INT PRIMARY KEY, at TIMESTAMP(6) NULL, wall DATETIME, made DATETIME DEFAULT CURRENT_TIMESTAMP)";
    scene
        .tidb
        .run([format!("CREATE TABLE a {columns}"), format!("CREATE TABLE b {columns}")])
        .await;
    for (n, zone) in ["UTC", "+05:30", "America/New_York", "Asia/Kolkata"].into_iter().enumerate() {
        scene.ours.query(&format!("SET tidb.time_zone = '{zone}'")).await;
        for (way, table) in [("sql", "a"), ("bypass", "b")] {
            scene.ours.query(&format!("SET tidb.write.mode = {way}")).await;
            let insert = format!(
                "INSERT INTO {table} (id, at, wall) VALUES ({n}, '2024-07-04 05:06:07.123456', '2024-07-04 05:06:07'), \
                 ({}, '2024-03-10 06:59:59.999999', '0001-01-01 00:00:00')",
                n + 10
            );
            assert_eq!(scene.write(&insert).await, 2);
        }
    }
    let differing =
        "SELECT COUNT(*) FROM a JOIN b USING (id) WHERE NOT (a.at <=> b.at AND a.wall <=> b.wall)";
    assert_eq!(scene.tidb.number(differing).await, 0);
    let late = "SELECT COUNT(*) FROM a JOIN b USING (id) WHERE ABS(TIMESTAMPDIFF(SECOND, a.made, b.made)) > 60";
    assert_eq!(scene.tidb.number(late).await, 0);
    // Half past one, twice: one of them the wall time does not tell.
    scene.ours.query("SET tidb.time_zone = 'America/New_York'").await;
    scene.ours.query("SET tidb.write.mode = sql").await;
    let mut refused = 0;
    for (id, utc) in [(20, "05:30"), (21, "06:30")] {
        let insert = format!(
            "INSERT INTO a (id, at) SELECT {id}, arrow_cast('2024-11-03T{utc}:00Z', 'Timestamp(Microsecond, Some(\"UTC\"))')"
        );
        match scene.try_write(&insert).await {
            Ok(_) => {
                let is_right = format!(
                    "SELECT COUNT(*) FROM a WHERE id = {id} AND at = '2024-11-03 {utc}:00'"
                );
                assert_eq!(scene.tidb.number(&is_right).await, 1);
            }
            Err(error) => {
                assert!(error.to_string().contains("time_zone"), "{error}");
                refused += 1;
            }
        }
    }
    assert_eq!(refused, 1);
}

/// More rows than one statement takes, and rows larger than that.
#[tokio::test(flavor = "multi_thread")]
async fn many_rows_and_large_ones() {
    let Some(mut scene) = Scene::at_sql_port("sql_port_many", &[super::SQL]).await else { return };
    scene.tidb.run(["CREATE TABLE t (id INT PRIMARY KEY, v LONGBLOB, KEY ((id % 7)))"]).await;
    let insert = "INSERT INTO t SELECT value AS id, 'it''s \\' AS v FROM generate_series(1, 3500)";
    assert_eq!(scene.write(insert).await, 3500);
    let analyzed = scene.ours.query("EXPLAIN ANALYZE REPLACE INTO t SELECT value AS id, 'x' AS v FROM generate_series(1, 2500)").await;
    let analyzed = analyzed.rows[0][1].plain();
    assert!(
        analyzed.contains("statements_sent=3") && analyzed.contains("rows_written=5.00 K"),
        "{analyzed}"
    );
    let large = "INSERT INTO t SELECT value AS id, repeat('y', 1500000) AS v FROM generate_series(5001, 5009)";
    assert_eq!(scene.write(large).await, 9);
    assert_eq!(scene.tidb.number("SELECT SUM(LENGTH(v)) FROM t WHERE id > 5000").await, 13_500_000);
    scene.judge("t").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn both_ways_take_turns_at_one_table() {
    let Some(mut scene) = Scene::at_sql_port("sql_port_turns", &[]).await else { return };
    scene
        .tidb
        .run(["CREATE TABLE t (id BIGINT PRIMARY KEY AUTO_INCREMENT, v INT, UNIQUE KEY (v))"])
        .await;
    for (n, way) in ["sql", "bypass", "sql", "bypass"].into_iter().enumerate() {
        scene.ours.query(&format!("SET tidb.write.mode = {way}")).await;
        assert_eq!(scene.write(&format!("INSERT INTO t (v) VALUES ({n}), ({})", n + 10)).await, 2);
    }
    assert_eq!(scene.tidb.number("SELECT COUNT(DISTINCT id) FROM t").await, 8);
    scene.judge("t").await;
}

/// Values of several types in one column of `VALUES`.
#[tokio::test(flavor = "multi_thread")]
async fn each_value_by_itself() {
    let Some(mut scene) = Scene::at_sql_port("sql_port_values", &[super::SQL]).await else {
        return;
    };
    let columns = "(id INT PRIMARY KEY, t VARCHAR(20), n DECIMAL(10, 3), KEY (t))";
    let values = "(7, NULL, NULLIF(NULL, NULL)), (1, '007', 5), (2, 5, '1.25'), (3, 1.50, 1.5), (4, NULL, NULL), (5, TRUE, FALSE), (6, NULLIF(NULL, NULL), 7)";
    for side in ["ours", "theirs"] {
        scene.tidb.run([format!("CREATE TABLE {side}_values {columns}")]).await;
    }
    scene.write(&format!("INSERT INTO ours_values VALUES {values}")).await;
    scene.tidb.run([format!("INSERT INTO theirs_values VALUES {values}")]).await;
    scene.same_pairs("ours_values", "theirs_values").await;
    scene.tidb.run(["ADMIN CHECK TABLE ours_values"]).await;
}
