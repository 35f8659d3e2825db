//! Partitions that a filter leaves out, beside those that TiDB leaves out.

use std::collections::BTreeSet;

use tifusion_testkit::cluster::Shape;

use super::{Sides, shown};

/// A partitioned table: its name, columns, partitioning, rows, and predicates.
type Table = (&'static str, &'static str, &'static str, &'static str, &'static [&'static str]);

#[rustfmt::skip]
const TABLES: &[Table] = &[
    ("by_range", "id INT, v INT", "RANGE (id) (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN (20), PARTITION p2 VALUES LESS THAN (30), PARTITION p3 VALUES LESS THAN MAXVALUE)",
        "(1, 1), (9, 1), (10, 2), (19, 2), (20, 3), (29, 3), (30, 4), (1000, 4), (NULL, 0), (-5, 5)",
        &["id = 10", "id < 10", "id <= 10", "id > 19", "id >= 30", "id BETWEEN 9 AND 10", "id IN (1, 25)", "id IN (1, 25) AND id < 20", "id > 5 AND id < 8",
          "id = 5 OR id = 35", "id IS NULL", "id IS NOT NULL", "id <> 15", "id > 100 AND id < 50", "NOT (id >= 20)", "10 > id", "v = 1", "id = 10 AND v = 2", "id > 28.5"]),
    ("by_unsigned", "id BIGINT UNSIGNED, v INT", "RANGE (id) (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN (9223372036854775808), PARTITION p2 VALUES LESS THAN (18446744073709551615), PARTITION p3 VALUES LESS THAN MAXVALUE)",
        "(0, 1), (9223372036854775807, 1), (9223372036854775808, 2), (18446744073709551615, 3), (NULL, 4)",
        &["id = 18446744073709551615", "id >= 9223372036854775808", "id < 9223372036854775808", "id < 0"]),
    ("by_year", "d DATE, v INT", "RANGE (YEAR(d)) (PARTITION p0 VALUES LESS THAN (2022), PARTITION p1 VALUES LESS THAN (2023), PARTITION p2 VALUES LESS THAN (2024), PARTITION p3 VALUES LESS THAN MAXVALUE)",
        "('2021-12-31', 1), ('2022-01-01', 2), ('2022-12-31', 2), ('2023-06-01', 3), ('2024-01-01', 4), (NULL, 0), ('1000-01-01', 1), ('9999-12-31', 4)",
        &["d = '2022-06-01'", "d < '2022-06-01'", "d < '2023-06-01' AND d > '2022-06-01'", "d >= '2024-01-01'", "d BETWEEN '2022-02-01' AND '2022-03-01'", "d IN ('2021-01-01', '2023-01-01')", "d > '2023-05-05' OR d = '2021-05-05'"]),
    ("by_year_of_datetime", "d DATETIME, v INT", "RANGE (YEAR(d)) (PARTITION p0 VALUES LESS THAN (2022), PARTITION p1 VALUES LESS THAN (2023), PARTITION p2 VALUES LESS THAN (2024), PARTITION p3 VALUES LESS THAN MAXVALUE)",
        "('2021-12-31 23:59:59', 1), ('2022-01-01 00:00:00', 2), ('2022-12-31 23:59:59', 2), ('2023-06-01 12:00:00', 3), ('2024-01-01 00:00:00', 4), (NULL, 0)",
        &["d = '2022-06-01 10:00:00'", "d < '2022-06-01'", "d >= '2023-01-01 00:00:00'", "d > '2021-12-31 23:59:59'", "d BETWEEN '2022-02-01' AND '2022-03-01 12:00:00'", "d IN ('2021-01-01', '2023-01-01')"]),
    ("by_days", "d DATETIME, v INT", "RANGE (TO_DAYS(d)) (PARTITION p0 VALUES LESS THAN (TO_DAYS('2024-01-01')), PARTITION p1 VALUES LESS THAN (TO_DAYS('2024-02-01')), PARTITION p2 VALUES LESS THAN (TO_DAYS('2024-03-01')), PARTITION p3 VALUES LESS THAN MAXVALUE)",
        "('2023-12-31 23:59:59', 1), ('2024-01-01 00:00:00', 2), ('2024-01-31 23:59:59', 2), ('2024-02-29 00:00:00', 3), ('2025-01-01 00:00:00', 4), (NULL, 0)",
        &["d = '2024-01-15 10:00:00'", "d < '2024-01-31 12:00:00'", "d >= '2024-02-01'", "d > '2024-01-10' AND d < '2024-01-20'", "CAST(d AS DATE) = '2024-02-29'"]),
    ("by_unix_time", "ts TIMESTAMP NULL, v INT", "RANGE (UNIX_TIMESTAMP(ts)) (PARTITION p0 VALUES LESS THAN (UNIX_TIMESTAMP('2024-01-01 00:00:00')), PARTITION p1 VALUES LESS THAN (UNIX_TIMESTAMP('2024-02-01 00:00:00')), PARTITION p2 VALUES LESS THAN MAXVALUE)",
        "('2023-12-31 23:59:59', 1), ('2024-01-01 00:00:00', 2), ('2024-01-31 23:59:59', 2), ('2024-02-01 00:00:00', 3), (NULL, 0)",
        &["ts = '2024-01-15 10:00:00'", "ts < '2024-01-31 12:00:00'", "ts >= '2024-02-01 00:00:00'", "ts BETWEEN '2024-01-10 00:00:00' AND '2024-01-20 00:00:00'"]),
    ("by_range_columns", "d DATETIME, v INT", "RANGE COLUMNS (d) (PARTITION p0 VALUES LESS THAN ('2024-01-01'), PARTITION p1 VALUES LESS THAN ('2024-02-01 12:00:00'), PARTITION p2 VALUES LESS THAN (MAXVALUE))",
        "('2023-12-31 23:59:59', 1), ('2024-01-01 00:00:00', 2), ('2024-02-01 11:59:59', 2), ('2024-02-01 12:00:00', 3), (NULL, 0)",
        &["d = '2024-01-15 10:00:00'", "d < '2024-01-01'", "d >= '2024-02-01 12:00:00'", "d > '2024-01-10' AND d < '2024-01-20'", "d IN ('2023-01-01', '2025-01-01')"]),
    ("by_pairs", "a INT, b VARCHAR(10), v INT", "RANGE COLUMNS (a, b) (PARTITION p0 VALUES LESS THAN (5, 'm'), PARTITION p1 VALUES LESS THAN (10, 'm'), PARTITION p2 VALUES LESS THAN (10, MAXVALUE), PARTITION p3 VALUES LESS THAN (MAXVALUE, MAXVALUE))",
        "(1, 'z', 1), (5, 'a', 1), (5, 'n', 2), (10, 'a', 2), (10, 'n', 3), (11, 'a', 4), (NULL, 'a', 0)",
        &["a = 5", "a = 5 AND b = 'a'", "a = 5 AND b = 'n'", "a = 10 AND b > 'm'", "a < 5", "a > 10", "a IN (1, 11)", "a = 10"]),
    ("by_text", "s VARCHAR(10) COLLATE utf8mb4_bin, v INT", "RANGE COLUMNS (s) (PARTITION p0 VALUES LESS THAN ('f'), PARTITION p1 VALUES LESS THAN ('p'), PARTITION p2 VALUES LESS THAN (MAXVALUE))",
        "('apple', 1), ('f', 2), ('grape', 2), ('p', 3), ('zebra', 3), (NULL, 0)",
        &["s = 'grape'", "s < 'b'", "s >= 'p'", "s IN ('apple', 'grape')", "s LIKE 'gr%'"]),
    ("by_hash", "id INT, v INT", "HASH (id) PARTITIONS 5",
        "(0, 0), (1, 1), (-1, 1), (7, 2), (12, 2), (100, 3), (NULL, 9)",
        &["id = 7", "id = -1", "id IN (1, 6, 11)", "id IS NULL", "id BETWEEN 1 AND 2", "id > 5", "id = 7 OR id = 8", "id > 11 AND id < 14"]),
    ("by_hash_of_year", "d DATE, v INT", "HASH (YEAR(d)) PARTITIONS 4",
        "('2021-12-31', 1), ('2022-01-01', 2), ('2023-06-01', 3), (NULL, 0)",
        &["d = '2022-01-01'", "d IN ('2021-12-31', '2023-06-01')"]),
    ("by_key", "a INT, s VARCHAR(10), v INT", "KEY (a, s) PARTITIONS 4",
        "(1, 'x', 1), (2, 'y', 2), (3, 'z', 3), (1, 'Y', 4), (NULL, NULL, 0)",
        &["a = 1 AND s = 'x'", "a = 2 AND s IN ('y', 'z')", "a = 1", "a IN (1, 2) AND s = 'Y'"]),
    ("by_list", "id INT, v INT", "LIST (id) (PARTITION p0 VALUES IN (1, 3, 5), PARTITION p1 VALUES IN (2, 4, NULL), PARTITION p2 VALUES IN (100, 200))",
        "(1, 1), (3, 1), (2, 2), (4, 2), (100, 3), (NULL, 2)",
        &["id = 3", "id IN (2, 100)", "id > 50", "id < 3", "id IS NULL", "id = 77", "id BETWEEN 3 AND 5", "id = 1 OR id = 5"]),
    ("by_list_default", "id INT, v INT", "LIST (id) (PARTITION p0 VALUES IN (1, 3, 5), PARTITION p1 VALUES IN (2, 4), PARTITION p2 DEFAULT)",
        "(1, 1), (2, 2), (77, 3), (NULL, 3)", &["id = 3", "id = 77", "id IN (1, 2)", "id > 2", "id IS NULL"]),
    ("by_list_columns", "id INT, s VARCHAR(10), v INT", "LIST COLUMNS (id, s) (PARTITION p0 VALUES IN ((1, 'a'), (2, 'a')), PARTITION p1 VALUES IN ((1, 'b'), (3, 'c')), PARTITION p2 VALUES IN ((NULL, NULL)))",
        "(1, 'a', 1), (2, 'a', 1), (1, 'b', 2), (3, 'c', 2), (NULL, NULL, 3)",
        &["id = 1 AND s = 'a'", "s = 'b'", "id = 2", "id IN (2, 3)", "id > 2", "id IS NULL"]),
    ("by_sum", "id INT, v INT", "RANGE (id * 2 + 1) (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN (20), PARTITION p2 VALUES LESS THAN MAXVALUE)",
        "(1, 1), (5, 2), (9, 2), (10, 3), (NULL, 0)", &["id = 5", "id IN (1, 10)"]),
];

/// Names behind each `partition:` of TiDB's plan, `None` if all are read.
async fn of_tidb(sides: &mut Sides, query: &str) -> Option<BTreeSet<String>> {
    let rows = sides.tidb.query(&format!("EXPLAIN {query}")).await.rows;
    let plan: String = rows.iter().flatten().map(|cell| cell.plain() + "\n").collect();
    let mut names = BTreeSet::new();
    for found in plan.split("partition:").skip(1) {
        let end = found.find(|c: char| !(c.is_alphanumeric() || "_,".contains(c)));
        names.extend(found[..end.unwrap_or(found.len())].split(',').map(str::to_owned));
    }
    names.remove("dual");
    names.remove("");
    // A plan without a word of partitions reads none: TableDual.
    assert!(!names.is_empty() || plan.contains("Dual") || plan.contains("dual"), "{plan}");
    (!names.contains("all")).then_some(names)
}

/// The partitions that TiFusion reads, `None` if all.
async fn of_ours(sides: &Sides, query: &str) -> Option<BTreeSet<String>> {
    let plan = sides.connector.explain(query).await;
    if plan.contains("EmptyExec") {
        return Some(BTreeSet::new());
    }
    let shown = shown(&plan, "partitions=");
    let (_, names) = shown.split_once('[')?;
    let names = names.trim_end_matches(']').split(", ").filter(|name| !name.is_empty());
    Some(names.map(str::to_owned).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_partitions_are_read_than_tidb_reads_and_no_row_is_lost() {
    let Some(mut sides) = Sides::of(Shape::default(), "access_partitions").await else { return };
    let mut too_many = Vec::new();
    for (name, columns, partitioning, rows, predicates) in TABLES {
        sides
            .tidb
            .run([
                format!("CREATE TABLE {name} ({columns}) PARTITION BY {partitioning}"),
                format!("INSERT INTO {name} VALUES {rows}"),
                format!("ANALYZE TABLE {name}"),
            ])
            .await;
        for predicate in *predicates {
            let query = format!("SELECT * FROM {name} WHERE {predicate}");
            sides.agree(&query).await;
            let ours = of_ours(&sides, &query).await;
            let Some(theirs) = of_tidb(&mut sides, &query).await else { continue };
            if ours.as_ref().is_none_or(|ours| !ours.is_subset(&theirs)) {
                too_many.push(format!("{ours:?}, by TiDB {theirs:?}: {query}"));
            }
        }
    }
    assert!(too_many.is_empty(), "{}", too_many.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_and_ranges_of_the_key_go_together() {
    let Some(mut sides) = Sides::of(Shape::default(), "access_both").await else { return };
    sides
        .tidb
        .run([
            "CREATE TABLE t (id BIGINT, v INT, PRIMARY KEY (id) CLUSTERED) \
             PARTITION BY HASH (id) PARTITIONS 4",
            "INSERT INTO t VALUES (1, 1), (2, 2), (3, 3), (4, 4), (5, 5), (9, 9)",
            "CREATE TABLE plain (d DATE, id INT, PRIMARY KEY (d, id) CLUSTERED) \
             PARTITION BY RANGE COLUMNS (d) (PARTITION a VALUES LESS THAN ('2024-01-01'), \
             PARTITION b VALUES LESS THAN (MAXVALUE))",
            "INSERT INTO plain VALUES ('2023-05-05', 1), ('2024-05-05', 1), ('2024-05-05', 2)",
        ])
        .await;
    sides.run("SELECT count(v) FROM t").await;
    for (query, partitions, requests) in [
        ("SELECT * FROM t WHERE id = 5", "1/4 [p1]", 1),
        ("SELECT * FROM t WHERE id IN (1, 5, 9)", "1/4 [p1]", 1),
        ("SELECT * FROM t WHERE id > 3", "4/4", 4),
        ("SELECT * FROM plain WHERE d = '2024-05-05' AND id = 2", "1/2 [b]", 1),
    ] {
        assert!(sides.agree(query).await > 0);
        let plan = sides.connector.explain(query).await;
        assert_eq!(shown(&plan, "partitions="), partitions, "{plan}");
        assert_eq!(sides.run(query).await.metric("requests"), requests, "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_pruned_follows_changes_of_the_partitions() {
    let Some(mut sides) = Sides::of(Shape::default(), "access_changed").await else { return };
    sides
        .tidb
        .run([
            "CREATE TABLE t (id INT, s VARCHAR(9)) PARTITION BY RANGE (id) \
             (PARTITION a VALUES LESS THAN (10), PARTITION b VALUES LESS THAN (20))",
            "INSERT INTO t VALUES (1, 'a'), (2, 'a'), (11, 'b'), (15, 'b')",
        ])
        .await;
    for (statement, partitions) in [
        ("ALTER TABLE t ADD PARTITION (PARTITION c VALUES LESS THAN (30))", "1/3 [b]"),
        (
            "ALTER TABLE t REORGANIZE PARTITION b INTO \
             (PARTITION b1 VALUES LESS THAN (15), PARTITION b2 VALUES LESS THAN (20))",
            "1/4 [b2]",
        ),
        ("ALTER TABLE t DROP PARTITION a", "1/3 [b2]"),
        ("ALTER TABLE t PARTITION BY HASH (id) PARTITIONS 3", "1/3 [p0]"),
        ("ALTER TABLE t TRUNCATE PARTITION p1", "1/3 [p0]"),
    ] {
        sides.tidb.run([statement]).await;
        let query = "SELECT * FROM t WHERE id = 15";
        assert_eq!(sides.agree(query).await, 1, "after {statement}");
        let plan = sides.connector.explain(query).await;
        assert_eq!(shown(&plan, "partitions="), partitions, "after {statement}");
    }
}
