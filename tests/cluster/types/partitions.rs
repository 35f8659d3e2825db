//! Partitioned tables, read whole.

use tifusion_testkit::cell::Cell;
use tifusion_testkit::cluster::{Cluster, Shape};

use super::Sides;

/// Kinds of partitioning: name, columns, clause.
#[rustfmt::skip]
const KINDS: [(&str, &str, &str); 9] = [
    ("by_range", "id INT, s VARCHAR(9)", "RANGE (id) (PARTITION a VALUES LESS THAN (3), PARTITION b VALUES LESS THAN (6), PARTITION c VALUES LESS THAN MAXVALUE)"),
    ("by_range_columns", "id INT, s VARCHAR(9)", "RANGE COLUMNS (s) (PARTITION a VALUES LESS THAN ('row 4'), PARTITION b VALUES LESS THAN (MAXVALUE))"),
    ("by_range_dates", "id INT, s VARCHAR(9), d DATE DEFAULT '2024-06-01'", "RANGE (YEAR(d)) (PARTITION a VALUES LESS THAN (2024), PARTITION b VALUES LESS THAN (2030))"),
    ("by_interval", "id INT, s VARCHAR(9)", "RANGE (id) INTERVAL (2) FIRST PARTITION LESS THAN (2) LAST PARTITION LESS THAN (12)"),
    ("by_hash", "id INT, s VARCHAR(9)", "HASH (id) PARTITIONS 5"),
    ("by_key", "id INT, s VARCHAR(9)", "KEY (s) PARTITIONS 3"),
    ("by_list", "id INT, s VARCHAR(9)", "LIST (id) (PARTITION a VALUES IN (1, 3, 5, 7, 9), PARTITION b VALUES IN (2, 4, 6, 8), PARTITION c VALUES IN (0, NULL))"),
    ("by_list_default", "id INT, s VARCHAR(9)", "LIST (id) (PARTITION a VALUES IN (1, 2), PARTITION b DEFAULT)"),
    ("by_list_columns", "id INT, s VARCHAR(9)", "LIST COLUMNS (id, s) (PARTITION a VALUES IN ((1, 'row 1'), (2, 'row 2')), PARTITION b DEFAULT)"),
];

#[tokio::test(flavor = "multi_thread")]
async fn all_partitions_are_read() {
    let test = "types_partitions";
    let Some(cluster) = Cluster::of(Shape::default(), test) else { return };
    let mut sides = Sides::of(&cluster, test).await;
    let rows = (1..=9).map(|id| format!("({id}, 'row {id}')")).collect::<Vec<_>>().join(", ");
    for (name, columns, clause) in KINDS {
        for (suffix, key) in [("", ""), ("_keyed", ", PRIMARY KEY (id, s) CLUSTERED")] {
            if !key.is_empty() && name == "by_range_dates" {
                continue;
            }
            let table = format!("{name}{suffix}");
            sides
                .tidb
                .run([
                    format!("CREATE TABLE {table} ({columns}{key}) PARTITION BY {clause}"),
                    format!("INSERT INTO {table} (id, s) VALUES {rows}"),
                ])
                .await;
            sides.agree(&format!("SELECT * FROM {table}"), 9).await;
            sides.agree(&format!("SELECT s FROM {table} WHERE id = 3"), 1).await;
            let counted = sides.agree(&format!("SELECT count(*) AS n FROM {table}"), 1).await;
            assert_eq!(counted.rows, [[Cell::Int(9)]]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn changed_partitions_are_seen() {
    let test = "types_partitions_changed";
    let Some(cluster) = Cluster::of(Shape::default(), test) else { return };
    let mut sides = Sides::of(&cluster, test).await;
    sides
        .tidb
        .run([
            "CREATE TABLE t (id INT, s VARCHAR(9)) PARTITION BY RANGE (id) \
             (PARTITION a VALUES LESS THAN (10), PARTITION b VALUES LESS THAN (20))",
            "INSERT INTO t VALUES (1, 'a'), (2, 'a'), (11, 'b')",
            "CREATE TABLE plain (id INT, s VARCHAR(9))",
            "INSERT INTO plain VALUES (15, 'plain')",
        ])
        .await;
    let steps = [
        ("ALTER TABLE t ADD PARTITION (PARTITION c VALUES LESS THAN (30))", 3),
        ("INSERT INTO t VALUES (21, 'c')", 4),
        ("ALTER TABLE t TRUNCATE PARTITION a", 2),
        ("INSERT INTO t VALUES (3, 'again')", 3),
        ("ALTER TABLE t EXCHANGE PARTITION b WITH TABLE plain", 3),
        ("ALTER TABLE t DROP PARTITION c", 2),
        ("ALTER TABLE t ADD COLUMN n INT DEFAULT 5", 2),
        ("ALTER TABLE t REMOVE PARTITIONING", 2),
    ];
    for (statement, rows) in steps {
        sides.tidb.run([statement]).await;
        let read = sides.agree("SELECT * FROM t", 1).await;
        assert_eq!(read.rows.len(), rows, "after {statement}");
        sides.agree("SELECT * FROM plain", 1).await;
    }
}
