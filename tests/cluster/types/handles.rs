//! Primary keys of every kind, from which rows must be put together again.

use tifusion_testkit::cluster::{Cluster, Shape};

use super::Sides;

/// A clustered key: its name, its columns, and rows of it that differ in the key.
pub(crate) type Key = (&'static str, &'static str, &'static [&'static str]);

/// Keys of one column `k` and of several.
#[rustfmt::skip]
pub(crate) const KEYS: &[Key] = &[
    ("k_tinyint", "k TINYINT, PRIMARY KEY (k)", &["-128", "-1", "0", "127"]),
    ("k_int_u", "k INT UNSIGNED, PRIMARY KEY (k)", &["0", "2147483648", "4294967295"]),
    ("k_bigint", "k BIGINT, PRIMARY KEY (k)", &["-9223372036854775808", "-1", "0", "1", "9223372036854775807"]),
    ("k_bigint_u", "k BIGINT UNSIGNED, PRIMARY KEY (k)", &["0", "1", "9223372036854775807", "9223372036854775808", "18446744073709551615"]),
    ("k_year", "k YEAR, PRIMARY KEY (k)", &["1901", "2155", "0"]),
    ("k_float", "k FLOAT, PRIMARY KEY (k)", &["-1.5", "0", "3.25", "0.1"]),
    ("k_double", "k DOUBLE, PRIMARY KEY (k)", &["-1.5e300", "0", "5e-324", "0.1"]),
    ("k_decimal", "k DECIMAL(20, 5), PRIMARY KEY (k)", &["-99999999999.99999", "0", "1.5", "123456789012345.67891"]),
    ("k_decimal_65", "k DECIMAL(65, 30), PRIMARY KEY (k)", &["-1e-30", "99999999999999999999999999999999999.999999999999999999999999999999", "0"]),
    ("k_date", "k DATE, PRIMARY KEY (k)", &["'1000-01-01'", "'2024-02-29'", "'9999-12-31'", "'0000-00-00'"]),
    ("k_datetime", "k DATETIME(6), PRIMARY KEY (k)", &["'1000-01-01 00:00:00'", "'2024-02-29 12:34:56.789012'", "'9999-12-31 23:59:59.999999'"]),
    ("k_timestamp", "k TIMESTAMP(3), PRIMARY KEY (k)", &["'1970-01-01 00:00:01'", "'2024-11-03 05:30:00.125'", "'2038-01-19 03:14:07.999'"]),
    ("k_time", "k TIME(3), PRIMARY KEY (k)", &["'-838:59:59'", "'-00:00:00.001'", "'00:00:00'", "'838:59:59'"]),
    ("k_bit", "k BIT(64), PRIMARY KEY (k)", &["0", "1", "18446744073709551615"]),
    ("k_enum", "k ENUM('b', 'a', 'c'), PRIMARY KEY (k)", &["'a'", "'b'", "'c'"]),
    ("k_set", "k SET('b', 'a', 'c'), PRIMARY KEY (k)", &["''", "'a'", "'a,b,c'"]),
    ("k_char", "k CHAR(8), PRIMARY KEY (k)", &["''", "'a'", "'éa'", "'日本'"]),
    ("k_varchar", "k VARCHAR(20), PRIMARY KEY (k)", &["''", "'a'", "'b '", "'eight888'", "'nine99999'", "'😀'"]),
    ("k_varchar_unpadded", "k VARCHAR(20) COLLATE utf8mb4_0900_bin, PRIMARY KEY (k)", &["''", "'a'", "'a '", "'a  '", "'😀'"]),
    ("k_varchar_general", "k VARCHAR(20) COLLATE utf8mb4_general_ci, PRIMARY KEY (k)", &["'Anna'", "'béa '", "'ß'", "'Z'", "''"]),
    ("k_varchar_unicode", "k VARCHAR(20) COLLATE utf8mb4_unicode_ci, PRIMARY KEY (k)", &["'Anna'", "'Straße '", "'日本'", "''"]),
    ("k_varchar_0900", "k VARCHAR(20) COLLATE utf8mb4_0900_ai_ci, PRIMARY KEY (k)", &["'Anna'", "'Straße '", "'日本'", "''"]),
    ("k_ascii", "k VARCHAR(20) CHARACTER SET ascii, PRIMARY KEY (k)", &["'Anna'", "'bob'"]),
    ("k_gbk", "k VARCHAR(20) CHARACTER SET gbk, PRIMARY KEY (k)", &["'一二三'", "'abc'", "''"]),
    ("k_binary", "k BINARY(4), PRIMARY KEY (k)", &["x'00'", "x'00ff'", "'abcd'"]),
    ("k_varbinary", "k VARBINARY(20), PRIMARY KEY (k)", &["x'00'", "x'0000'", "x'ffffffffffffffffff'", "''"]),
    ("k_prefix", "k VARCHAR(40), PRIMARY KEY (k(3))", &["'abcdef'", "'abd'", "'ab'", "''", "'日本語日本語'"]),
    ("k_prefix_ci", "k VARCHAR(40) COLLATE utf8mb4_general_ci, PRIMARY KEY (k(2))", &["'Abcdef'", "'bCD'", "'x'"]),
    ("k_prefix_blob", "k BLOB, PRIMARY KEY (k(2))", &["x'000102'", "x'ff'", "''"]),
    ("k_two", "k INT, l VARCHAR(10), PRIMARY KEY (k, l)", &["1, 'a'", "1, 'b'", "2, ''", "-1, 'é'"]),
    ("k_two_swapped", "k INT, l VARCHAR(10) COLLATE utf8mb4_general_ci, PRIMARY KEY (l, k)", &["1, 'A'", "2, 'a'", "3, 'é '"]),
    ("k_three", "k DECIMAL(10, 2), l DATETIME(3), m BIGINT UNSIGNED, PRIMARY KEY (m, k, l)",
        &["1.25, '2024-01-01 00:00:00.125', 18446744073709551615", "-1.25, '2024-01-01', 0", "-1.25, '2024-01-02', 0"]),
    ("k_mixed", "k VARCHAR(10), l INT, m VARCHAR(40) COLLATE utf8mb4_unicode_ci, PRIMARY KEY (m(4), l, k)",
        &["'a', 1, 'Straße lang'", "'b', 1, 'STRASSE'", "'', -5, ''"]),
];

#[tokio::test(flavor = "multi_thread")]
async fn clustered_keys_are_read_from_the_key_and_from_restored_data() {
    keys("types_clustered", "CLUSTERED", Shape::default(), &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_beside_the_rows_do_not_disturb() {
    keys("types_nonclustered", "NONCLUSTERED", Shape::default(), &[]).await;
}

/// Reads a table of each key but those in `unknown`.
pub(super) async fn keys(test: &str, clustered: &str, shape: Shape, unknown: &[&str]) {
    let Some(cluster) = Cluster::of(shape, test) else { return };
    let mut sides = Sides::of(&cluster, test).await;
    for (name, columns, values) in KEYS.iter().filter(|(name, _, _)| !unknown.contains(name)) {
        sides
            .tidb
            .run([
                format!("CREATE TABLE {name} (head INT, {columns} {clustered}, tail VARCHAR(9))"),
                format!("ALTER TABLE {name} ADD COLUMN added INT NOT NULL DEFAULT 7 AFTER head"),
            ])
            .await;
        let rows = values.iter().zip(1..).map(|(key, n)| format!("({n}, {n}, {key}, 'row {n}')"));
        let rows = rows.collect::<Vec<_>>().join(", ");
        sides.tidb.run([format!("INSERT INTO {name} VALUES {rows}")]).await;
        let all = values.len();
        sides.agree(&format!("SELECT * FROM {name}"), all).await;
        sides.agree(&format!("SELECT k FROM {name}"), all).await;
        sides.agree(&format!("SELECT tail, k, head FROM {name}"), all).await;
        sides.agree(&format!("SELECT tail FROM {name}"), all).await;
        let counted = sides.agree(&format!("SELECT count(*) AS n FROM {name}"), 1).await;
        assert_eq!(counted.rows[0][0].plain(), all.to_string());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_of_every_make_are_read() {
    let test = "types_makes";
    let Some(cluster) = Cluster::of(Shape::default(), test) else { return };
    let mut sides = Sides::of(&cluster, test).await;
    let values = "(s) VALUES ('a'), ('b'), ('é'), (NULL)";
    let makes = [
        ("no_key", "s VARCHAR(9)", ""),
        ("sharded", "s VARCHAR(9)", "SHARD_ROW_ID_BITS = 4 PRE_SPLIT_REGIONS = 2"),
        ("counted", "id BIGINT AUTO_INCREMENT PRIMARY KEY CLUSTERED, s VARCHAR(9)", ""),
        ("scattered", "id BIGINT AUTO_RANDOM(5) PRIMARY KEY CLUSTERED, s VARCHAR(9)", ""),
        ("indexed", "s VARCHAR(9), KEY a (s), UNIQUE KEY b (s), KEY c ((UPPER(s)))", ""),
        (
            "computed",
            "s VARCHAR(9), up VARCHAR(9) AS (UPPER(s)) STORED, n INT AS (LENGTH(s) + 1) STORED",
            "",
        ),
        ("invisible", "s VARCHAR(9), KEY a (s) INVISIBLE", "COMMENT = 'x'"),
        ("checked", "s VARCHAR(9), CHECK (s <> 'z')", ""),
        ("cached", "s VARCHAR(9)", ""),
        (
            "expiring",
            "s VARCHAR(9), at DATETIME DEFAULT '2024-01-01 00:00:00'",
            "TTL = `at` + INTERVAL 100 YEAR TTL_ENABLE = 'OFF'",
        ),
        ("compressed", "s VARCHAR(9)", "COMPRESSION = 'zlib' ROW_FORMAT = COMPRESSED"),
    ];
    for (name, columns, options) in makes {
        sides
            .tidb
            .run([
                format!("CREATE TABLE {name} ({columns}) {options}"),
                format!("INSERT INTO {name} {values}"),
            ])
            .await;
        if name == "cached" {
            sides.tidb.run(["ALTER TABLE cached CACHE"]).await;
        }
        sides.agree(&format!("SELECT * FROM {name}"), 4).await;
        sides.agree(&format!("SELECT s FROM {name}"), 4).await;
        sides.agree(&format!("SELECT count(*) AS n FROM {name}"), 1).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn row_ids_are_shown_when_asked() {
    let test = "types_row_ids";
    let Some(cluster) = Cluster::of(Shape::default(), test) else { return };
    let mut sides = Sides::of(&cluster, test).await;
    sides
        .tidb
        .run([
            "CREATE TABLE t (s VARCHAR(9))",
            "INSERT INTO t VALUES ('a'), ('b')",
            "CREATE TABLE keyed (id INT PRIMARY KEY NONCLUSTERED)",
            "INSERT INTO keyed VALUES (100), (200)",
            "CREATE TABLE clustered (id INT PRIMARY KEY CLUSTERED)",
            "INSERT INTO clustered VALUES (5)",
        ])
        .await;
    sides.agree("SELECT * FROM t", 2).await;
    assert!(sides.connectors[0].try_query("SELECT _tidb_rowid FROM t").await.is_err());
    for connector in &mut sides.connectors {
        connector.query("SET tidb.show_rowid = true").await;
    }
    for query in [
        "SELECT s, _tidb_rowid FROM t",
        "SELECT _tidb_rowid FROM keyed",
        "SELECT id, _tidb_rowid FROM keyed WHERE _tidb_rowid > 1",
        "SELECT * FROM clustered",
    ] {
        sides.agree(query, 1).await;
    }
    let shown = sides.connectors[0].query("SELECT * FROM t").await;
    assert_eq!(shown.columns, ["s", "_tidb_rowid"]);
    assert!(sides.connectors[0].try_query("SELECT _tidb_rowid FROM clustered").await.is_err());
}
