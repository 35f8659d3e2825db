//! Rows in the order of a key, which nobody sorts: the order is TiDB's.

use tifusion_testkit::cell::Cell;
use tifusion_testkit::cluster::{Cluster, Shape};
use tifusion_testkit::compare::{Rules, difference};
use tifusion_testkit::connector::Connector;
use tifusion_testkit::tidb::Tidb;

struct Sides {
    cluster: std::sync::Arc<Cluster>,
    tidb: Tidb,
    session: Connector,
}

impl Sides {
    async fn of(database: &str) -> Option<Self> {
        let cluster = Cluster::of(Shape::default(), database)?;
        let mut tidb = Tidb::in_database(&cluster.tidb, database).await;
        tidb.run(["SET sql_mode = 'ALLOW_INVALID_DATES'"]).await;
        let session = Connector::connect(&cluster, &[]).await;
        session.use_database(database).await;
        Some(Self { cluster, tidb, session })
    }

    /// The rows come in TiDB's order.
    async fn agree(&mut self, query: &str) -> usize {
        let theirs = self.tidb.query(query).await;
        let ours = self.session.query(query).await;
        let rules = Rules { ordered: true, ..Rules::default() };
        if let Some(difference) = difference(&ours, &theirs, rules) {
            panic!("{difference}\n{query}");
        }
        theirs.rows.len()
    }

    /// The same, and nothing is sorted.
    async fn reads(&mut self, query: &str) {
        let plan = self.session.explain(query).await;
        assert!(!plan.contains("SortExec") && plan.contains("keep_order="), "{query}\n{plan}");
        assert!(!plan.contains("BufferExec"), "{query}\n{plan}");
        assert!(self.agree(query).await > 0, "{query}");
    }

    async fn sorts(&self, query: &str) {
        let plan = self.session.explain(query).await;
        assert!(plan.contains("SortExec") && !plan.contains("keep_order="), "{query}\n{plan}");
    }

    /// All of `table` in the order of `key`, whole and in part, up and down.
    async fn up_and_down(&mut self, table: &str, key: &[&str]) {
        for direction in ["", " DESC"] {
            let order: Vec<String> =
                key.iter().map(|column| format!("{column}{direction}")).collect();
            let order = order.join(", ");
            for limit in ["", " LIMIT 1", " LIMIT 3", " LIMIT 4 OFFSET 2", " LIMIT 100000"] {
                self.reads(&format!("SELECT * FROM {table} ORDER BY {order}{limit}")).await;
                self.reads(&format!(
                    "SELECT {} FROM {table} ORDER BY {order}{limit}",
                    key.join(",")
                ))
                .await;
            }
            self.reads(&format!("SELECT v FROM {table} ORDER BY {order}, v LIMIT 3")).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn integer_handles() {
    let Some(mut sides) = Sides::of("order_integers").await else { return };
    sides
        .tidb
        .run([
            "CREATE TABLE signed (id BIGINT PRIMARY KEY, v INT)",
            "INSERT INTO signed VALUES (-9223372036854775808, 1), (-5, 2), (0, 3), (3, 4), (7, 5), \
             (9223372036854775807, 6)",
            "CREATE TABLE big (id BIGINT UNSIGNED PRIMARY KEY, v INT)",
            "INSERT INTO big VALUES (0, 1), (1, 2), (9223372036854775807, 3), (9223372036854775808, 4), \
             (9223372036854775809, 5), (18446744073709551615, 6)",
            "CREATE TABLE tiny (id TINYINT UNSIGNED PRIMARY KEY, v INT)",
            "INSERT INTO tiny VALUES (0, 1), (127, 2), (128, 3), (255, 4)",
        ])
        .await;
    for table in ["signed", "big", "tiny"] {
        sides.up_and_down(table, &["id"]).await;
    }
    for query in [
        "SELECT id FROM big WHERE id > 1 ORDER BY id LIMIT 3",
        "SELECT id FROM big WHERE id <= 9223372036854775808 ORDER BY id DESC LIMIT 3",
        "SELECT id FROM big WHERE id IN (1, 9223372036854775809, 18446744073709551615) ORDER BY id DESC",
        "SELECT id FROM signed WHERE id BETWEEN -5 AND 7 AND v <> 3 ORDER BY id DESC LIMIT 2",
        "SELECT v FROM signed WHERE v > 2 ORDER BY id LIMIT 2 OFFSET 1",
        "SELECT v + 1 FROM signed ORDER BY id DESC",
        "SELECT a.id FROM (SELECT id FROM signed ORDER BY id LIMIT 4) a ORDER BY a.id DESC LIMIT 2",
    ] {
        assert!(sides.agree(query).await > 0, "{query}");
    }
    sides.sorts("SELECT * FROM signed ORDER BY v").await;
    sides.sorts("SELECT * FROM signed ORDER BY v, id").await;
    sides.sorts("SELECT * FROM signed ORDER BY -id").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_ids() {
    let Some(mut sides) = Sides::of("order_row_ids").await else { return };
    sides
        .tidb
        .run(["CREATE TABLE t (v INT)", "INSERT INTO t VALUES (9), (4), (7), (1), (3)"])
        .await;
    sides.session.query("SET tidb.show_rowid = true").await;
    for order in ["_tidb_rowid", "_tidb_rowid DESC"] {
        for limit in ["", " LIMIT 2", " LIMIT 2 OFFSET 1"] {
            sides.reads(&format!("SELECT v, _tidb_rowid FROM t ORDER BY {order}{limit}")).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn handles_of_columns() {
    let Some(mut sides) = Sides::of("order_columns").await else { return };
    for (table, columns, key, rows) in [
        (
            "numbers",
            "a INT, b DECIMAL(10,2)",
            &["a", "b"][..],
            "(1, -2.5, 1), (1, 0, 2), (1, 3.25, 3), (-1, 9, 4), (-1, -9, 5), (0, 0.01, 6), (2, 100, 7)",
        ),
        (
            "bytes",
            "a VARBINARY(20), b SMALLINT UNSIGNED",
            &["a", "b"],
            "('', 3, 1), ('a', 2, 2), ('a', 1, 3), ('a ', 0, 4), ('B', 9, 5), (x'ff', 1, 6), (x'00', 1, 7), \
          ('aaaaaaaa', 1, 8), ('aaaaaaaaa', 1, 9)",
        ),
        (
            "moments",
            "a TIMESTAMP(6)",
            &["a"],
            "('2024-03-31 01:30:00.5', 1), ('2024-03-31 01:30:00.25', 2), ('1971-01-01', 3), ('2030-10-27', 4)",
        ),
        (
            "spans",
            "a TIME(3), b YEAR",
            &["a", "b"],
            "('-12:30:00', 2001, 1), ('12:30:00.5', 1999, 2), ('12:30:00.5', 2020, 3), ('00:00:00', 1990, 4)",
        ),
    ] {
        let primary = key.join(", ");
        sides
            .tidb
            .run([
                format!(
                    "CREATE TABLE {table} ({columns}, v INT, PRIMARY KEY ({primary}) CLUSTERED)"
                ),
                format!("INSERT INTO {table} VALUES {rows}"),
            ])
            .await;
        if table == "moments" {
            // What is no moment would be NULL here, which comes last unless one says otherwise.
            sides.sorts("SELECT a, v FROM moments ORDER BY a").await;
            assert_eq!(sides.agree("SELECT a, v FROM moments ORDER BY a").await, 4);
            continue;
        }
        sides.up_and_down(table, key).await;
        if key.len() > 1 {
            sides.reads(&format!("SELECT a FROM {table} ORDER BY a LIMIT 3")).await;
            sides.sorts(&format!("SELECT a FROM {table} ORDER BY b")).await;
            sides.sorts(&format!("SELECT a FROM {table} ORDER BY a, b DESC")).await;
            sides.agree(&format!("SELECT a, b FROM {table} ORDER BY b, a DESC LIMIT 3")).await;
        }
    }
    let plan = sides.session.explain("SELECT a, v FROM moments ORDER BY a NULLS FIRST").await;
    assert!(plan.contains("keep_order=asc"), "{plan}");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_are_ordered_otherwise_are_sorted() {
    let Some(mut sides) = Sides::of("order_others").await else { return };
    for (table, column, rows) in [
        ("ci", "a VARCHAR(20) COLLATE utf8mb4_general_ci", "('b', 1), ('A', 2), ('a2', 3)"),
        (
            "padded",
            "a VARCHAR(20) COLLATE utf8mb4_bin",
            "('b', 1), ('a ', 2), (CONCAT('a', x'09'), 3)",
        ),
        (
            "days",
            "a DATE",
            "('2024-02-01', 1), ('2024-02-00', 2), ('0000-00-00', 3), ('1999-01-01', 4)",
        ),
        ("times", "a DATETIME", "('2024-02-01', 1), ('2024-02-31', 2), ('0000-00-00', 3)"),
        ("floats", "a DOUBLE", "(1.5, 1), (0, 2), (-3, 3)"),
        ("words", "a ENUM('z', 'b', 'a')", "('a', 1), ('z', 2), ('b', 3)"),
        ("parts", "a VARBINARY(20)", "('abc', 1), ('ab', 2), ('b', 3)"),
    ] {
        let key = if table == "parts" { "a(2), v" } else { "a" };
        sides
            .tidb
            .run([
                format!("CREATE TABLE {table} ({column}, v INT, PRIMARY KEY ({key}) CLUSTERED)"),
                format!("INSERT INTO {table} VALUES {rows}"),
            ])
            .await;
        for order in ["a", "a DESC", "a NULLS FIRST", "a DESC NULLS LAST"] {
            sides.sorts(&format!("SELECT a, v FROM {table} ORDER BY {order}")).await;
            sides.sorts(&format!("SELECT a, v FROM {table} ORDER BY {order} LIMIT 2")).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_are_merged() {
    let Some(mut sides) = Sides::of("order_partitions").await else { return };
    let rows = (0..60).map(|at| format!("({}, {at})", at * 7 % 60)).collect::<Vec<_>>().join(",");
    for (table, partitions) in [
        ("hashed", "PARTITION BY HASH (id) PARTITIONS 5"),
        (
            "ranged",
            "PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN (30), \
             PARTITION p2 VALUES LESS THAN MAXVALUE)",
        ),
    ] {
        sides
            .tidb
            .run([
                format!("CREATE TABLE {table} (id INT PRIMARY KEY, v INT) {partitions}"),
                format!("INSERT INTO {table} VALUES {rows}"),
            ])
            .await;
        for target in [2, 4] {
            sides
                .session
                .query(&format!("SET datafusion.execution.target_partitions = {target}"))
                .await;
            sides.up_and_down(table, &["id"]).await;
            sides
                .reads(&format!("SELECT v FROM {table} WHERE id > 20 ORDER BY id LIMIT 7 OFFSET 5"))
                .await;
        }
        // One partition has nothing to merge it with others.
        sides.session.query("SET datafusion.execution.target_partitions = 1").await;
        sides.agree(&format!("SELECT id, v FROM {table} ORDER BY id DESC LIMIT 5")).await;
    }
}

/// The second column's numbers of an answer.
fn numbers(rows: &[Vec<Cell>]) -> Vec<i128> {
    let number = |row: &Vec<Cell>| match row[1] {
        Cell::Int(number) => number,
        ref other => panic!("{other:?}"),
    };
    rows.iter().map(number).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_of_an_index_are_in_order_up_to_where_two_keys_are_null() {
    let Some(mut sides) = Sides::of("order_entries").await else { return };
    sides
        .tidb
        .run([
            "SET sql_mode = ''",
            "CREATE TABLE entries (id INT PRIMARY KEY, ts TIMESTAMP NULL, b INT NOT NULL, c INT, \
             KEY k (ts, b), KEY kc (c, b))",
            "INSERT INTO entries VALUES (1, NULL, 5, NULL), (2, '0000-00-00', 1, 3), \
             (3, '2024-01-01', 2, NULL), (4, NULL, 0, 3), (5, '0000-00-00', 7, -1)",
        ])
        .await;
    for (query, want, in_order) in [
        ("SELECT ts, b FROM entries ORDER BY ts NULLS FIRST, b", &[0, 1, 5, 7, 2][..], false),
        ("SELECT ts, b FROM entries ORDER BY ts DESC NULLS LAST, b DESC", &[2, 7, 5, 1, 0], false),
        // What is NULL and what becomes NULL is read last or first.
        ("SELECT ts, b FROM entries ORDER BY ts", &[2, 0, 5, 1, 7], true),
        ("SELECT ts, b FROM entries ORDER BY ts DESC", &[7, 1, 5, 0, 2], true),
        ("SELECT c, b FROM entries ORDER BY c NULLS FIRST, b", &[2, 5, 7, 0, 1], true),
        ("SELECT c, b FROM entries ORDER BY c DESC NULLS LAST, b DESC", &[1, 0, 7, 5, 2], true),
        ("SELECT c, b FROM entries ORDER BY c, b", &[7, 0, 1, 2, 5], true),
        ("SELECT c, b FROM entries ORDER BY c DESC, b DESC", &[5, 2, 1, 0, 7], true),
        ("SELECT c, b FROM entries ORDER BY c, b DESC", &[7, 1, 0, 5, 2], false),
    ] {
        assert_eq!(numbers(&sides.session.query(query).await.rows), want, "{query}");
        let plan = sides.session.explain(query).await;
        assert_eq!(plan.contains("keep_order="), in_order, "{plan}");
        let first = format!("{query} LIMIT 2");
        assert_eq!(numbers(&sides.session.query(&first).await.rows), want[..2], "{first}");
    }
}

/// A session that goes by an index wherever there is one.
async fn by_indexes(sides: &Sides, database: &str, settings: &[(&str, &str)]) -> Connector {
    let settings = [&[("plan.use_index_scan_first", "true")][..], settings].concat();
    let session = Connector::connect(&sides.cluster, &settings).await;
    session.use_database(database).await;
    session
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_by_an_index_are_in_its_order_up_and_down_with_nulls_at_either_end() {
    let Some(mut sides) = Sides::of("order_lookups").await else { return };
    let value = |at: i64, every: i64| match at % every {
        0 => "NULL".to_owned(),
        rest => (at * 37 % 101 - rest).to_string(),
    };
    let rows = (1..400).map(|at| {
        let (k, m) = (value(at, 9), value(at, 13));
        format!("({at}, {k}, {m}, '{}', {}, 'pad {at}')", at * 7 % 5, at * 31 % 400)
    });
    let rows = rows.collect::<Vec<_>>().join(",");
    for (table, key, more) in [
        ("numbered", "id INT PRIMARY KEY", ""),
        ("named", "id INT, PRIMARY KEY (id, u) CLUSTERED", ""),
        ("heap", "id INT", ""),
        ("parts", "id INT", "PARTITION BY HASH (id) PARTITIONS 3"),
    ] {
        let columns =
            "k INT, m INT, name VARCHAR(20) COLLATE utf8mb4_bin, u INT NOT NULL, pad VARCHAR(40)";
        let (id, primary) = key.split_once(", ").unwrap_or((key, ""));
        let keys = "KEY by_k (k, m), KEY by_name (name, k), KEY by_u (u)";
        let primary = if primary.is_empty() { String::new() } else { format!("{primary}, ") };
        sides
            .tidb
            .run([
                format!("CREATE TABLE {table} ({id}, {columns}, {primary}{keys}) {more}"),
                format!("INSERT INTO {table} VALUES {rows}"),
            ])
            .await;
        let sessions = [
            by_indexes(&sides, "order_lookups", &[]).await,
            by_indexes(
                &sides,
                "order_lookups",
                &[("index.scan_batch_size", "7"), ("index.scan_concurrency", "3")],
            )
            .await,
        ];
        for session in sessions {
            sides.session = session;
            for (order, judged) in [
                ("k NULLS FIRST, m NULLS FIRST, id", false),
                ("k NULLS FIRST", true),
                ("k NULLS LAST", true),
                ("k DESC NULLS FIRST", true),
                ("k DESC NULLS LAST", true),
                ("k DESC NULLS LAST, m DESC NULLS LAST", true),
                ("k NULLS LAST, m NULLS FIRST", true),
                ("u", true),
                ("u DESC", true),
            ] {
                for (filter, limit) in [
                    ("", " LIMIT 5"),
                    ("", " LIMIT 45 OFFSET 3"),
                    ("", " LIMIT 9000"),
                    ("WHERE k > 20", ""),
                    ("WHERE k > 20 AND pad <> 'pad 31'", " LIMIT 10"),
                    ("WHERE u BETWEEN 50 AND 200", ""),
                    ("WHERE k IS NULL", " LIMIT 4"),
                    ("WHERE k IN (3, 5, 40, 41, 60)", ""),
                ] {
                    // What is equal may be in any order: only the keys are looked at.
                    let query =
                        format!("SELECT k, m, u FROM {table} {filter} ORDER BY {order}{limit}");
                    sides.in_order(&query, order, judged).await;
                }
            }
            for (query, in_order) in [
                ("SELECT * FROM ? ORDER BY k NULLS FIRST LIMIT 5", true),
                ("SELECT * FROM ? ORDER BY k LIMIT 5", true),
                ("SELECT * FROM ? ORDER BY k DESC LIMIT 5", true),
                ("SELECT pad FROM ? ORDER BY k DESC LIMIT 5", true),
                ("SELECT pad, k + 1 FROM ? ORDER BY k DESC LIMIT 5", true),
                ("SELECT * FROM ? ORDER BY u DESC LIMIT 5", true),
                ("SELECT * FROM ? WHERE name = '3' ORDER BY k LIMIT 5", true),
                ("SELECT * FROM ? WHERE name = '3' ORDER BY k", true),
                ("SELECT * FROM ? WHERE name IN ('3', '1') ORDER BY k", false),
                ("SELECT * FROM ? ORDER BY name LIMIT 5", false),
                ("SELECT * FROM ? WHERE k > 5 ORDER BY k, m DESC", false),
                ("SELECT * FROM ? WHERE k > 5 ORDER BY k, pad", false),
                ("SELECT * FROM ? ORDER BY k, u LIMIT 5", false),
            ] {
                let query = query.replace('?', table);
                let plan = sides.session.explain(&query).await;
                let is_in_order = plan.contains("keep_order=") && !plan.contains("SortExec");
                assert_eq!(is_in_order, in_order, "{query}\n{plan}");
                assert!(!in_order || plan.contains("access=lookup"), "{query}\n{plan}");
            }
        }
    }
}

impl Sides {
    /// The keys come in the order that TiDB has them in, which has `NULL`s where its SQL says.
    async fn in_order(&mut self, query: &str, order: &str, judged: bool) {
        let ours = self.session.query(query).await;
        let by_nulls = |part: &str| {
            let (key, rest) = part.trim().split_once(' ').unwrap_or((part.trim(), ""));
            let first = if rest.contains("NULLS FIRST") { "DESC" } else { "ASC" };
            let direction = if rest.contains("DESC") { "DESC" } else { "ASC" };
            match rest.contains("NULLS") {
                true => format!("({key} IS NULL) {first}, {key} {direction}"),
                false => format!("{key} {direction}"),
            }
        };
        let theirs = order.split(',').map(by_nulls).collect::<Vec<_>>().join(", ");
        let (before, _) = query.split_once("ORDER BY").expect("an order");
        let limit = query.rsplit_once(order).map_or("", |(_, limit)| limit);
        let theirs = self.tidb.query(&format!("{before} ORDER BY {theirs}{limit}")).await;
        assert_eq!(ours.rows.len(), theirs.rows.len(), "{query}");
        if !judged {
            return;
        }
        let columns: Vec<usize> = order
            .split(',')
            .filter_map(|part| {
                ["k", "m", "u"].iter().position(|key| part.trim().split(' ').next() == Some(key))
            })
            .collect();
        for (at, (ours, theirs)) in ours.rows.iter().zip(&theirs.rows).enumerate() {
            for column in &columns {
                let (ours, theirs) = (&ours[*column], &theirs[*column]);
                assert_eq!(ours.to_string(), theirs.to_string(), "row {at} of {query}");
            }
        }
    }
}
