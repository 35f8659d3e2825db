//! Rows as they are stored: formats, sizes, columns that came and went.

use tifusion_testkit::cluster::{Cluster, Shape};

use super::Sides;

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_both_formats_are_read() {
    let test = "types_row_formats";
    let Some(cluster) = Cluster::of(Shape::default(), test) else { return };
    let mut sides = Sides::of(&cluster, test).await;
    let columns = "id INT PRIMARY KEY, i BIGINT UNSIGNED, f FLOAT, d DECIMAL(65, 30), s VARCHAR(9), \
                   b BLOB, dt DATETIME(6), ts TIMESTAMP(3) NULL, t TIME(2), y YEAR, e ENUM('x', 'y'), \
                   st SET('p', 'q'), bt BIT(64), j JSON";
    let row = "18446744073709551615, -1.5, 12345678901234567890.000000000000000000000000000001, 'é', \
               x'00ff', '2024-02-29 12:34:56.789012', '2024-11-03 05:30:00.125', '-12:34:56.78', 2155, \
               'y', 'p,q', 18446744073709551615, '{\"a\": [1, 2.5]}'";
    sides.tidb.run([format!("CREATE TABLE t ({columns})")]).await;
    for (id, version) in [(1, 1), (2, 2), (3, 1)] {
        sides
            .tidb
            .run([
                format!("SET tidb_row_format_version = {version}"),
                format!("INSERT INTO t VALUES ({id}, {row})"),
                format!("INSERT INTO t (id) VALUES ({})", id + 10),
            ])
            .await;
    }
    sides.agree("SELECT * FROM t", 6).await;
    sides.tidb.run(["ALTER TABLE t ADD COLUMN more VARCHAR(5) DEFAULT 'more'"]).await;
    sides.agree("SELECT * FROM t", 6).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_many_columns_and_of_large_values_are_read() {
    let test = "types_wide";
    let Some(cluster) = Cluster::of(Shape::default(), test) else { return };
    let mut sides = Sides::of(&cluster, test).await;
    // More than 255 columns and more than 64 KiB make a row "large": wider ids and offsets.
    let columns: Vec<String> = (0..300).map(|n| format!("c{n} VARCHAR(20)")).collect();
    let values: Vec<String> = (0..300).map(|n| format!("'value {n}'")).collect();
    sides
        .tidb
        .run([
            format!("CREATE TABLE wide ({})", columns.join(", ")),
            format!("INSERT INTO wide VALUES ({})", values.join(", ")),
            "INSERT INTO wide (c0, c299) VALUES ('first', 'last')".to_owned(),
            "CREATE TABLE large (id INT, a MEDIUMTEXT, b MEDIUMBLOB, c INT)".to_owned(),
            "INSERT INTO large VALUES (1, REPEAT('a', 1000000), REPEAT(x'00', 70000), 1), \
             (2, '', NULL, 2), (3, REPEAT('é', 65536), x'ff', 3)"
                .to_owned(),
        ])
        .await;
    sides.agree("SELECT * FROM wide", 2).await;
    sides.agree("SELECT c299, c0, c128 FROM wide", 2).await;
    sides.agree("SELECT * FROM large", 3).await;
    sides.agree("SELECT c, id FROM large", 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_that_changed_their_type_are_read() {
    let test = "types_changed";
    let Some(cluster) = Cluster::of(Shape::default(), test) else { return };
    let mut sides = Sides::of(&cluster, test).await;
    sides
        .tidb
        .run([
            "CREATE TABLE t (id INT PRIMARY KEY, v TINYINT)",
            "INSERT INTO t VALUES (1, 5), (2, -7)",
        ])
        .await;
    let steps = [
        ("v INT", "70000"),
        ("v BIGINT", "-5000000000"),
        ("v DECIMAL(30, 5)", "1.5"),
        ("v VARCHAR(40)", "'text'"),
        ("v VARCHAR(80) COLLATE utf8mb4_general_ci", "'longer text'"),
        ("v TEXT", "'long text'"),
    ];
    for ((definition, value), id) in steps.into_iter().zip(3..) {
        sides
            .tidb
            .run([
                format!("ALTER TABLE t MODIFY COLUMN {definition}"),
                format!("INSERT INTO t VALUES ({id}, {value})"),
            ])
            .await;
        sides.agree("SELECT * FROM t", 3).await;
    }
    sides
        .tidb
        .run([
            "ALTER TABLE t CHANGE COLUMN v w MEDIUMTEXT",
            "ALTER TABLE t ADD COLUMN v INT DEFAULT 9 FIRST",
            "ALTER TABLE t DROP COLUMN w",
        ])
        .await;
    sides.agree("SELECT * FROM t", 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_default_that_changed_later_does_not_change_old_rows() {
    let test = "types_defaults_changed";
    let Some(cluster) = Cluster::of(Shape::default(), test) else { return };
    let mut sides = Sides::of(&cluster, test).await;
    sides
        .tidb
        .run([
            "CREATE TABLE t (id INT PRIMARY KEY)",
            "INSERT INTO t VALUES (1)",
            "ALTER TABLE t ADD COLUMN a INT DEFAULT 5, ADD COLUMN b VARCHAR(9) DEFAULT 'x', \
             ADD COLUMN c DATETIME DEFAULT CURRENT_TIMESTAMP, \
             ADD COLUMN d TIMESTAMP DEFAULT CURRENT_TIMESTAMP",
            "INSERT INTO t (id) VALUES (2)",
            "ALTER TABLE t ALTER COLUMN a SET DEFAULT 6, ALTER COLUMN b DROP DEFAULT",
            "INSERT INTO t (id, b) VALUES (3, 'y')",
            "UPDATE t SET id = 10 WHERE id = 1",
        ])
        .await;
    sides.agree("SELECT * FROM t", 3).await;
}
