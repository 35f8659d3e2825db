//! Clustered keys of other types and of several columns.

use tifusion_testkit::cluster::Shape;

use super::Sides;

/// A table: its name, its columns and key, its rows, predicates that mean the same in TiDB, and how
/// many of them narrow the ranges.
type Table = (&'static str, &'static str, &'static str, &'static [&'static str], usize);

#[rustfmt::skip]
const TABLES: &[Table] = &[
    ("two", "a INT, b BIGINT, v INT, PRIMARY KEY (a, b) CLUSTERED",
        "(1, 1, 1), (1, 2, 2), (1, 9223372036854775807, 3), (2, -9223372036854775808, 4), (2, 5, 5), (-3, 0, 6), (2147483647, 7, 7)",
        &["a = 1", "a = 1 AND b = 2", "a = 1 AND b > 1", "a = 1 AND b >= 9223372036854775807", "a IN (1, 2) AND b IN (2, 5)",
          "a IN (1, 2) AND b <= -9223372036854775808", "a > 1 AND b = 7", "a < 0", "a = 2147483647", "a > 2147483647", "a = 1 AND b = 2 AND v = 3",
          "(a = 1 AND b = 1) OR (a = 2 AND b = 5)", "b = 5"], 12),
    ("dates", "d DATE, n INT, PRIMARY KEY (d, n) CLUSTERED",
        "('2024-01-01', 1), ('2024-01-02', 1), ('2024-01-02', 2), ('1000-01-01', 1), ('9999-12-31', 1), ('0000-00-00', 1), ('2024-02-31', 1)",
        &["d = '2024-01-02'", "d > '2024-03-01'", "d > '0001-01-01' AND d < '2024-01-02'", "d IN ('2024-01-01', '2024-01-02') AND n = 1"], 4),
    ("datetimes", "d DATETIME(3), PRIMARY KEY (d) CLUSTERED",
        "('2024-01-01 00:00:00'), ('2024-01-01 23:59:59.999'), ('2024-01-02 00:00:00'), ('1000-01-01 00:00:00'), ('9999-12-31 23:59:59.999')",
        &["d = '2024-01-01 00:00:00'", "d < '2024-01-02'", "d >= '2024-01-01 23:59:59.999'", "CAST(d AS DATE) = DATE '2024-01-01'", "d > TIMESTAMP '2024-01-01 12:00:00'"], 5),
    ("timestamps", "d TIMESTAMP(6), PRIMARY KEY (d) CLUSTERED",
        "('2024-01-01 00:00:00'), ('2024-01-01 23:59:59.999999'), ('1970-01-01 00:00:01'), ('2038-01-19 03:14:07.999999')",
        &["d = '2024-01-01 00:00:00'", "d < '2024-01-01 23:59:59.999999'", "d >= '2038-01-19 03:14:07.999999'"], 3),
    ("decimals", "n DECIMAL(10, 2), PRIMARY KEY (n) CLUSTERED",
        "(0), (-0.01), (1.25), (99999999.99), (-99999999.99)",
        &["n = 1", "n > 1", "n <= 0", "n < 100000000", "n IN (0, 2)"], 4),
    ("times", "t TIME(3), PRIMARY KEY (t) CLUSTERED",
        "('-838:59:59'), ('-00:00:00.001'), ('00:00:00'), ('12:30:00.5'), ('838:59:59')",
        &["t = '12:30:00.5'", "t < '00:00:00'", "t >= '838:59:59'"], 3),
    ("years", "y YEAR, PRIMARY KEY (y) CLUSTERED", "(1901), (2024), (2155), (0000)",
        &["y = 2024", "y > 2024", "y < 1902", "y > 1901 AND y <= 2024"], 4),
    ("binaries", "b VARBINARY(20), PRIMARY KEY (b) CLUSTERED", "(''), ('a'), ('a '), (x'6100'), (x'ffffffffffffffffff')",
        &["b = x'61'", "b = x'6100'", "b > x'61'", "b <= x'6120'"], 4),
    ("fixed", "b BINARY(4), PRIMARY KEY (b) CLUSTERED", "('a'), ('abcd'), (x'00')",
        &["b = x'61000000'", "b > x'61000000'"], 2),
    ("floats", "f DOUBLE, PRIMARY KEY (f) CLUSTERED", "(0), (1.5), (-1e300)", &["f = 1.5", "f > 0"], 0),
    ("enums", "e ENUM('b', 'a'), PRIMARY KEY (e) CLUSTERED", "('a'), ('b')", &["e = 'a'", "e IN ('a', 'b')"], 0),
    ("bits", "b BIT(8), PRIMARY KEY (b) CLUSTERED", "(0), (5), (255)", &["b = 5", "b > 4"], 0),
];

#[tokio::test(flavor = "multi_thread")]
async fn clustered_keys_of_every_type_give_the_rows_of_tidb() {
    let Some(mut sides) = Sides::of(Shape::default(), "access_keys").await else { return };
    for (name, columns, rows, predicates, narrowing) in TABLES {
        sides
            .tidb
            .run([
                format!("CREATE TABLE {name} ({columns})"),
                format!("INSERT INTO {name} VALUES {rows}"),
            ])
            .await;
        let mut narrowed = 0;
        for predicate in *predicates {
            let query = format!("SELECT * FROM {name} WHERE {predicate}");
            sides.agree(&query).await;
            narrowed += usize::from(sides.ranges(&query).await != "1");
        }
        assert_eq!(narrowed, *narrowing, "of the predicates on {name}");
    }
}

/// Text keys: collation, and the prefix in the key.
const TEXTS: [(&str, &str); 8] = [
    ("utf8mb4_bin", ""),
    ("utf8mb4_bin", "(2)"),
    ("utf8mb4_0900_bin", ""),
    ("utf8mb4_0900_bin", "(2)"),
    ("utf8mb4_general_ci", ""),
    ("utf8mb4_general_ci", "(2)"),
    ("utf8mb4_unicode_ci", ""),
    ("utf8mb4_0900_ai_ci", ""),
];

#[rustfmt::skip]
const TEXT_PREDICATES: [&str; 16] = [
    "s = 'a'", "s = 'A'", "s = 'a '", "s = ''", "s = 'abc'", "s IN ('abc', 'é', 'b\t')", "s > 'a'", "s >= 'a'", "s < 'a!'", "s <= 'a'",
    "s > 'b' AND s < 'b!'", "s >= 'b\t'", "s LIKE 'ab%'", "s LIKE 'é%'", "s <> 'a'", "s BETWEEN 'a' AND 'é'",
];

/// DataFusion compares text as bytes whatever the collation, so the judge is the same condition on an
/// expression, which narrows nothing.
async fn texts(shape: Shape, database: &str) {
    let Some(mut sides) = Sides::of(shape, database).await else { return };
    for (number, (collate, prefix)) in TEXTS.iter().enumerate() {
        let table = format!("t{number}");
        let key = format!("s VARCHAR(20) COLLATE {collate}, PRIMARY KEY (s{prefix}) CLUSTERED");
        sides.tidb.run([format!("CREATE TABLE {table} ({key}, v INT)")]).await;
        for text in ["", "a", "A", "a ", "ab", "abc", "abd", "b", "b ", "b\t", "B", "é", "éa", "😀"]
        {
            // Under some collations some of them are one key.
            let row = format!("INSERT IGNORE INTO {table} VALUES ('{text}', 1)");
            sides.tidb.run([row]).await;
        }
        let mut narrowed = 0;
        for predicate in TEXT_PREDICATES {
            let query = format!("SELECT s FROM {table} WHERE {predicate}");
            let whole = format!(
                "SELECT s FROM {table} WHERE {}",
                predicate.replacen("s ", "(s || '') ", 2)
            );
            assert_eq!(sides.ranges(&whole).await, "1");
            let (mut ours, mut all) =
                (sides.connector.query(&query).await, sides.connector.query(&whole).await);
            ours.rows.sort_by_key(|row| row[0].plain());
            all.rows.sort_by_key(|row| row[0].plain());
            assert_eq!(ours.rows, all.rows, "{query}, {collate}{prefix}");
            narrowed += usize::from(sides.ranges(&query).await != "1");
        }
        assert!(narrowed >= 6, "{narrowed} on {collate}{prefix}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn text_keys_lose_no_row_under_new_collations() {
    texts(Shape::default(), "access_texts").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn text_keys_lose_no_row_under_old_collations() {
    texts(Shape::old_collation(), "access_texts_old").await;
}
