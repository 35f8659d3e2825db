//! Joins whose one side narrows the scan of the other, over keys of all types: rows are TiDB's, and the same
//! with and without it.

use tifusion_testkit::cell::Rows;
use tifusion_testkit::cluster::{Cluster, Shape};
use tifusion_testkit::compare::{Rules, difference};
use tifusion_testkit::connector::Connector;
use tifusion_testkit::tidb::Tidb;

const SPREAD: [&str; 2] = [
    "SET datafusion.execution.target_partitions = 4",
    "SET datafusion.optimizer.hash_join_single_partition_threshold = 0",
];
const COLLECTED: [&str; 2] = [
    "SET datafusion.execution.target_partitions = 3",
    "SET datafusion.optimizer.hash_join_single_partition_threshold = 1000000000",
];

/// A session with dynamic filters and one without, spread alike.
struct Pair {
    with: Connector,
    without: Connector,
}

/// TiDB and sessions, all in one database.
struct Sides {
    tidb: Tidb,
    pairs: Vec<Pair>,
    /// Queries so far.
    asked: std::cell::Cell<usize>,
}

async fn session(cluster: &Cluster, database: &str, statements: &[&str]) -> Connector {
    let session = Connector::connect(cluster, &[]).await;
    session.use_database(database).await;
    for statement in statements {
        session.query(statement).await;
    }
    session
}

impl Sides {
    async fn of(database: &str) -> Option<Self> {
        let cluster = Cluster::of(Shape::default(), database)?;
        let mut tidb = Tidb::in_database(&cluster.tidb, database).await;
        tidb.run(["SET sql_mode = 'ALLOW_INVALID_DATES'"]).await;
        let mut pairs = Vec::new();
        for spread in [SPREAD, COLLECTED] {
            let off = "SET datafusion.optimizer.enable_dynamic_filter_pushdown = false";
            let statements: Vec<&str> = spread.iter().copied().chain([off]).collect();
            pairs.push(Pair {
                with: session(&cluster, database, &spread).await,
                without: session(&cluster, database, &statements).await,
            });
        }
        Some(Self { tidb, pairs, asked: Default::default() })
    }

    /// With and without the filters the rows are the same, in one of the pairs, which take turns.
    async fn same(&self, query: &str) -> Rows {
        let turn = self.asked.replace(self.asked.get() + 1);
        let Pair { with, without } = &self.pairs[turn % self.pairs.len()];
        let (with, without) = (with.query(query).await, without.query(query).await);
        if let Some(difference) = difference(&with, &without, Rules::default()) {
            panic!("with filters and without: {difference}\n{query}");
        }
        with
    }

    /// They are TiDB's too; how many.
    async fn agree(&mut self, query: &str) -> usize {
        let ours = self.same(query).await;
        let theirs = self.tidb.query(query).await;
        if let Some(difference) = difference(&ours, &theirs, Rules::default()) {
            panic!("{difference}\n{query}");
        }
        theirs.rows.len()
    }
}

/// The value number `at` of a column type.
fn value(of: &str, at: i64) -> String {
    let big = 9_223_372_036_854_775_800_u64;
    match of.split(['(', ' ']).next().unwrap() {
        "BIGINT" if of.contains("UNSIGNED") && at % 3 == 0 => (big + at.unsigned_abs()).to_string(),
        "BIGINT" | "INT" | "DOUBLE" if of.contains("UNSIGNED") => at.to_string(),
        "BIGINT" | "INT" | "DOUBLE" => (at * 3 - 20).to_string(),
        "DECIMAL" => format!("{}.{}", at * 3 - 20, if at % 2 == 0 { "00" } else { "50" }),
        "DATE" => format!("'2024-{:02}-{:02}'", at % 12 + 1, at % 28 + 1),
        "DATETIME" | "TIMESTAMP" => {
            let hour = if at % 2 == 0 { 0 } else { 7 };
            format!("'2024-{:02}-{:02} {hour:02}:00:00'", at % 12 + 1, at % 28 + 1)
        }
        "TIME" => format!("'{:02}:30:00'", at - 20),
        "YEAR" => (1990 + at).to_string(),
        _ => format!("'{} {at}'", if at % 2 == 0 { "Key" } else { "key" }),
    }
}

/// A small table and two large ones with keys of these types, with NULLs and values of which the other
/// side has none.
async fn make(tidb: &mut Tidb, (small, large): (&str, &str)) {
    let rows = |of: &str, ats: &mut dyn Iterator<Item = i64>| {
        ats.map(|at| format!("({}, {at})", value(of, at))).collect::<Vec<_>>().join(",")
    };
    let mut of_small = (0..80).step_by(7).chain([14, 21, 200]);
    let small_rows = rows(small, &mut of_small);
    tidb.run([
        "DROP TABLE IF EXISTS s, by_key, plain".to_owned(),
        format!("CREATE TABLE s (k {small}, w INT)"),
        format!("INSERT INTO s VALUES {small_rows}, (NULL, 1), (NULL, 14)"),
        format!("CREATE TABLE by_key (k {large} PRIMARY KEY CLUSTERED, v INT)"),
        format!("INSERT IGNORE INTO by_key VALUES {}", rows(large, &mut (0..60))),
        format!("CREATE TABLE plain (k {large}, v INT)"),
        format!("INSERT INTO plain VALUES {}, (NULL, 3), (NULL, 4)", rows(large, &mut (0..60))),
    ])
    .await;
}

/// Queries of `s` and of `large`.
fn queries(large: &str) -> Vec<String> {
    [
        "SELECT s.w, l.v FROM s JOIN ? l ON s.k = l.k",
        "SELECT s.w, l.v FROM ? l JOIN s ON s.k = l.k WHERE s.w > 10",
        "SELECT s.w, l.v FROM s LEFT JOIN ? l ON s.k = l.k",
        "SELECT s.w, l.v FROM s RIGHT JOIN ? l ON s.k = l.k",
        "SELECT s.w, l.v FROM s JOIN ? l ON s.k = l.k AND s.w = l.v",
        "SELECT s.w, l.v FROM s JOIN ? l ON s.k = l.k AND s.w < l.v",
        "SELECT l.v FROM ? l WHERE l.k IN (SELECT k FROM s)",
        "SELECT l.v FROM ? l WHERE l.k NOT IN (SELECT k FROM s)",
        "SELECT l.v FROM ? l WHERE l.k NOT IN (SELECT k FROM s WHERE k IS NOT NULL)",
        "SELECT s.w FROM s WHERE s.k NOT IN (SELECT k FROM ? l WHERE v > 30)",
        "SELECT s.w FROM s WHERE EXISTS (SELECT 1 FROM ? l WHERE l.k = s.k)",
        "SELECT s.w FROM s WHERE NOT EXISTS (SELECT 1 FROM ? l WHERE l.k = s.k)",
        "SELECT s.w, l.v FROM s JOIN ? l ON s.k = l.k WHERE s.w < 0",
        "SELECT s.w, l.v FROM s LEFT JOIN ? l ON s.k = l.k AND s.w < 0",
        "SELECT s.w, l.c FROM s JOIN (SELECT k, count(*) c FROM ? GROUP BY k) l ON s.k = l.k",
        "SELECT s.w, l.v, m.v FROM s JOIN ? l ON s.k = l.k JOIN ? m ON l.k = m.k",
        "SELECT v FROM ? ORDER BY v DESC LIMIT 5",
        "SELECT min(v), max(v) FROM ?",
    ]
    .map(|query| query.replace('?', large))
    .into()
}

/// Joins on the key, of which `judged` says whether they mean the same in TiDB.
async fn join_all(sides: &mut Sides, types: &[(&str, &str)], judged: bool) {
    for types in types {
        make(&mut sides.tidb, *types).await;
        let mut found = 0;
        for large in ["by_key", "plain"] {
            // Without a key fewer will do.
            for query in queries(large).into_iter().step_by(if large == "plain" { 2 } else { 1 }) {
                found += match judged {
                    true => sides.agree(&query).await,
                    false => sides.same(&query).await.rows.len(),
                };
            }
            let null_safe =
                format!("SELECT s.w, l.v FROM s JOIN {large} l ON s.k IS NOT DISTINCT FROM l.k");
            sides.same(&null_safe).await;
        }
        assert!(found > 100, "{found} rows of {types:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn joins_of_numbers() {
    let Some(mut sides) = Sides::of("joins_numbers").await else { return };
    let types = [
        ("BIGINT", "BIGINT"),
        ("INT", "BIGINT"),
        ("BIGINT UNSIGNED", "BIGINT UNSIGNED"),
        ("BIGINT UNSIGNED", "BIGINT"),
        ("BIGINT", "BIGINT UNSIGNED"),
        ("DECIMAL(12,2)", "DECIMAL(12,2)"),
        ("DECIMAL(12,4)", "DECIMAL(10,2)"),
        ("DECIMAL(12,2)", "INT"),
        ("INT", "DECIMAL(12,2)"),
        ("DOUBLE", "INT"),
        ("YEAR", "YEAR"),
    ];
    join_all(&mut sides, &types, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn joins_of_times() {
    let Some(mut sides) = Sides::of("joins_times").await else { return };
    let types = [
        ("DATE", "DATE"),
        ("DATETIME", "DATETIME"),
        ("DATE", "DATETIME"),
        ("DATETIME", "DATE"),
        ("TIMESTAMP", "TIMESTAMP"),
        ("TIME", "TIME"),
    ];
    join_all(&mut sides, &types, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn joins_of_text() {
    let Some(mut sides) = Sides::of("joins_text").await else { return };
    let alike = [
        ("VARBINARY(20)", "VARBINARY(20)"),
        ("VARCHAR(20) COLLATE utf8mb4_bin", "VARCHAR(20) COLLATE utf8mb4_bin"),
    ];
    join_all(&mut sides, &alike, true).await;
    // DataFusion joins text by its bytes.
    let ci = "VARCHAR(20) COLLATE utf8mb4_general_ci";
    join_all(&mut sides, &[(ci, ci), ("VARCHAR(20) COLLATE utf8mb4_bin", ci)], false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn joins_with_keys_of_several_columns_and_with_partitions() {
    let Some(mut sides) = Sides::of("joins_pairs").await else { return };
    let rows = |ats: std::ops::Range<i64>| {
        ats.map(|at| format!("({}, 'n{}', {at})", at / 8, at % 8)).collect::<Vec<_>>().join(",")
    };
    let scattered =
        (0..20).map(|at| format!("({at}, 'n{}', {at})", at % 8)).collect::<Vec<_>>().join(",");
    sides
        .tidb
        .run([
            "CREATE TABLE s (a INT, b VARBINARY(9), w INT)".to_owned(),
            format!("INSERT INTO s VALUES {scattered}, (3, NULL, 1), (NULL, 'n1', 2)"),
            "CREATE TABLE pairs (a INT, b VARBINARY(9), v INT, PRIMARY KEY (a, b) CLUSTERED)"
                .to_owned(),
            format!("INSERT INTO pairs VALUES {}", rows(0..300)),
            "CREATE TABLE hashed (a INT, b VARBINARY(9), v INT, PRIMARY KEY (v) CLUSTERED) \
             PARTITION BY HASH (v) PARTITIONS 5"
                .to_owned(),
            format!("INSERT INTO hashed VALUES {}", rows(0..300)),
        ])
        .await;
    for query in [
        "SELECT s.w, p.v FROM s JOIN pairs p ON s.a = p.a AND s.b = p.b",
        "SELECT s.w, p.v FROM s JOIN pairs p ON s.a = p.a",
        "SELECT s.w, p.v FROM s JOIN pairs p ON s.b = p.b",
        "SELECT s.w, p.v FROM s LEFT JOIN pairs p ON s.a = p.a AND s.b = p.b",
        "SELECT p.v FROM pairs p WHERE EXISTS (SELECT 1 FROM s WHERE s.a = p.a AND s.b = p.b)",
        "SELECT s.w, h.a FROM s JOIN hashed h ON s.w = h.v",
        "SELECT s.w, h.a FROM s JOIN hashed h ON s.w * 10 = h.v AND s.a * 10 = h.v",
        "SELECT h.v FROM hashed h WHERE h.v IN (SELECT w FROM s WHERE w > 15)",
    ] {
        assert!(sides.agree(query).await > 0, "{query}");
    }
    for pair in &sides.pairs {
        let query = "SELECT s.w, p.v FROM s JOIN pairs p ON s.a = p.a AND s.b = p.b";
        let ranges = pair.with.run(query).await.unwrap().metric("dynamic_ranges");
        assert_eq!(ranges, 20, "{query}");
        // One partition has them all.
        let query = "SELECT s.w, h.a FROM s JOIN hashed h ON s.w = h.v WHERE s.a % 5 = 2";
        let answer = pair.with.run(query).await.unwrap();
        assert_eq!(answer.metric("dynamic_ranges"), 4, "{query}");
        assert_eq!(answer.metric("dynamic_tables_skipped"), 4, "{query}");
    }
}
