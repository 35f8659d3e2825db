//! `AS OF TIMESTAMP` and `PARTITION (…)` behind the names of tables.

use std::time::Duration;

use futures::TryStreamExt as _;
use tifusion::ErrorKind;
use tifusion_testkit::arrow_cells::{Clock, rows};
use tifusion_testkit::cell::{Cell, days_of, micros_of};
use tifusion_testkit::cluster::{Cluster, Shape};
use tifusion_testkit::compare::{Rules, difference};
use tifusion_testkit::connector::Connector;
use tifusion_testkit::tidb::Tidb;

async fn connect(test: &str) -> Option<(Tidb, Connector)> {
    let cluster = Cluster::of(Shape::default(), test)?;
    let tidb = Tidb::in_database(&cluster.tidb, test).await;
    let connector = Connector::connect(&cluster, &[]).await;
    connector.use_database(test).await;
    Some((tidb, connector))
}

/// A time after all that was done so far and before all that comes.
async fn moment(tidb: &mut Tidb) -> String {
    tokio::time::sleep(Duration::from_millis(60)).await;
    let now = tidb.query("SELECT CAST(NOW(3) AS CHAR)").await.rows[0][0].plain();
    tokio::time::sleep(Duration::from_millis(60)).await;
    now
}

/// The same answer and the same columns as TiDB's.
async fn same(tidb: &mut Tidb, connector: &Connector, query: &str) {
    let theirs = tidb.query(query).await;
    let ours = connector.query(query).await;
    assert_eq!(ours.columns, theirs.columns, "{query}");
    let rules = Rules { exact_numbers: true, ..Rules::default() };
    if let Some(difference) = difference(&ours, &theirs, rules) {
        panic!("{difference}\n{query}");
    }
}

/// Milliseconds since the epoch of a moment.
fn millis(at: &str) -> i64 {
    let (day, time) = at.split_once(' ').unwrap();
    days_of(day) * 86_400_000 + micros_of(time) / 1000
}

/// One of [`QUERIES`] without its time.
fn without_time(query: &str) -> String {
    let plain =
        [" AS OF TIMESTAMP TIMESTAMP('{at}')", " AS OF TIMESTAMP '{at}' + INTERVAL 0 SECOND"]
            .iter()
            .fold(query.to_owned(), |query, time| query.replace(time, ""));
    plain.replace(" AS OF TIMESTAMP '{at}'", "")
}

const QUERIES: &[&str] = &[
    "SELECT * FROM t AS OF TIMESTAMP '{at}'",
    "SELECT x.id FROM T AS x AS OF TIMESTAMP '{at}' WHERE x.id > 1",
    "SELECT x.id FROM t x AS OF TIMESTAMP TIMESTAMP('{at}') WHERE X.id < 3",
    "SELECT t.id, u.n FROM t AS OF TIMESTAMP '{at}' JOIN u AS OF TIMESTAMP '{at}' ON t.id = u.id",
    "SELECT t.id, u.n FROM t AS OF TIMESTAMP '{at}', u AS OF TIMESTAMP '{at}' WHERE t.id = u.id",
    "SELECT count(*) AS c FROM t AS OF TIMESTAMP '{at}' \
     WHERE id IN (SELECT id FROM u AS OF TIMESTAMP '{at}')",
    "WITH t AS (SELECT id FROM t AS OF TIMESTAMP '{at}') SELECT sum(id) AS s FROM t",
    "SELECT id FROM t AS OF TIMESTAMP '{at}' UNION ALL SELECT n FROM u AS OF TIMESTAMP '{at}'",
    "SELECT x.id FROM (SELECT id FROM t AS OF TIMESTAMP '{at}' + INTERVAL 0 SECOND) AS x",
    "SELECT id FROM t PARTITION (p0) AS OF TIMESTAMP '{at}'",
    "SELECT * FROM both_of AS OF TIMESTAMP '{at}'",
];

#[tokio::test(flavor = "multi_thread")]
async fn the_past_is_what_it_is_to_tidb() {
    let Some((mut tidb, connector)) = connect("as_of_past").await else { return };
    let mut moments = Vec::new();
    tidb.run([
        "CREATE TABLE t (id INT PRIMARY KEY, a INT) PARTITION BY RANGE (id) \
         (PARTITION p0 VALUES LESS THAN (2), PARTITION p1 VALUES LESS THAN MAXVALUE)",
        "CREATE TABLE u (id INT PRIMARY KEY, n INT)",
        "CREATE VIEW both_of AS SELECT t.id, u.n FROM t JOIN u ON t.id = u.id",
        "INSERT INTO t VALUES (1, 10), (2, 20), (3, 30)",
        "INSERT INTO u VALUES (1, 7), (3, 9)",
    ])
    .await;
    for changes in [
        vec![],
        vec!["UPDATE t SET a = a + 1", "DELETE FROM t WHERE id = 2", "INSERT INTO u VALUES (2, 8)"],
        vec!["ALTER TABLE t ADD COLUMN c VARCHAR(9) DEFAULT 'new' FIRST"],
        vec!["ALTER TABLE t DROP COLUMN a", "INSERT INTO t VALUES ('x', 4)"],
        vec!["CREATE OR REPLACE VIEW both_of AS SELECT n, id FROM u"],
        vec!["TRUNCATE TABLE t", "RENAME TABLE u TO v, t TO u"],
        vec!["DROP TABLE u", "DROP TABLE v", "CREATE TABLE t (z DATETIME)"],
    ] {
        tidb.run(changes).await;
        moments.push(moment(&mut tidb).await);
    }
    for at in moments.iter().take(5).rev().chain(&moments) {
        for query in QUERIES {
            let query = query.replace("{at}", at);
            match tidb.try_query(&query).await {
                Ok(_) => same(&mut tidb, &connector, &query).await,
                Err(_) => drop(connector.try_query(&query).await.unwrap_err()),
            }
        }
    }
    // A session that reads the past.
    for at in &moments {
        connector.query(&format!("SET tidb.stale_read = {}", millis(at))).await;
        for query in QUERIES {
            let plain = without_time(query);
            match tidb.try_query(&query.replace("{at}", at)).await {
                Ok(theirs) => {
                    let ours = connector.query(&plain).await;
                    assert_eq!(ours.columns, theirs.columns, "{plain} at {at}");
                    let rules = Rules { exact_numbers: true, ..Rules::default() };
                    let found = difference(&ours, &theirs, rules);
                    assert!(found.is_none(), "{}: {plain} at {at}", found.unwrap_or_default());
                }
                Err(_) => drop(connector.try_query(&plain).await.unwrap_err()),
            }
        }
    }
    connector.query("RESET tidb.stale_read").await;
    let first = &moments[0];
    let count = connector.query(&QUERIES[5].replace("{at}", first)).await;
    assert_eq!(count.rows, [[Cell::Int(2)]], "TiDB does not answer for itself alone");
    // The names of now are as they were.
    assert_eq!(connector.query("SELECT * FROM t").await.columns, ["z"]);
    let plan = connector.explain(&QUERIES[3].replace("{at}", first)).await;
    let start_ts = millis(first) << 18;
    assert_eq!(plan.matches(&format!("start_ts={start_ts}")).count(), 2, "{plan}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_past_in_frames_prepared_statements_and_zones() {
    let Some((mut tidb, connector)) = connect("as_of_frames").await else { return };
    tidb.run(["CREATE TABLE t (id INT PRIMARY KEY)", "INSERT INTO t VALUES (1)"]).await;
    let at = moment(&mut tidb).await;
    tidb.run(["INSERT INTO t VALUES (2)", "ALTER TABLE t ADD COLUMN b INT"]).await;
    let query = format!("SELECT * FROM t AS OF TIMESTAMP '{at}'");
    let context = connector.context();
    let statement = context.parse(&query).unwrap().remove(0);
    let prepared = context.prepare(statement).await.unwrap();
    let batches: Vec<_> = prepared.execute().unwrap().try_collect().await.unwrap();
    assert_eq!(rows(&batches, Clock::Wall), [[Cell::Int(1)]]);
    let frame = context.sql(&query).await.unwrap();
    tidb.run(["INSERT INTO t (id) VALUES (3)"]).await;
    assert_eq!(rows(&frame.clone().collect().await.unwrap(), Clock::Wall), [[Cell::Int(1)]]);
    // A frame of the past is no part of a statement of now.
    let now = context.sql("SELECT id AS other FROM t").await.unwrap();
    let both = frame.join(now, datafusion::common::JoinType::Inner, &["id"], &["other"], None);
    let error = tifusion::Error::from(both.unwrap().collect().await.unwrap_err());
    assert!(error.to_string().contains("can not set different time in the as of"), "{error}");

    connector.query("SET tidb.time_zone = 'Asia/Kolkata'").await;
    let wall = tidb.query(&format!("SELECT CONVERT_TZ('{at}', '+00:00', '+05:30')")).await;
    let query = format!("SELECT id FROM t AS OF TIMESTAMP '{}'", wall.rows[0][0].plain());
    assert_eq!(connector.query(&query).await.rows, [[Cell::Int(1)]], "{query}");
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let ago = "SELECT count(*) FROM t AS OF TIMESTAMP NOW() - INTERVAL 0 SECOND";
    assert_eq!(connector.query(ago).await.rows, [[Cell::Int(3)]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn times_that_can_not_be_read_are_refused_by_name() {
    let Some((mut tidb, connector)) = connect("as_of_refused").await else { return };
    tidb.run(["CREATE TABLE t (id INT)", "CREATE TABLE u (id INT)"]).await;
    let at = moment(&mut tidb).await;
    let session = connector.context().session_context();
    session.sql("CREATE TABLE datafusion.public.mine AS SELECT 1 AS x").await.unwrap();
    for (query, named) in [
        ("SELECT * FROM t AS OF TIMESTAMP '{at}', u", "can not set different time in the as of: u"),
        (
            "SELECT * FROM t AS OF TIMESTAMP '{at}' WHERE id IN (SELECT id FROM u)",
            "can not set different time in the as of: u",
        ),
        (
            "SELECT * FROM t AS OF TIMESTAMP '{at}', u AS OF TIMESTAMP '{at}' - INTERVAL 1 SECOND",
            "can not set different time in the as of",
        ),
        ("SELECT * FROM t AS OF TIMESTAMP NOW() + INTERVAL 1 HOUR", "future"),
        ("SELECT * FROM t AS OF TIMESTAMP NULL", "NULL"),
        ("SELECT * FROM t AS OF TIMESTAMP 'soon'", "soon"),
        ("SELECT * FROM t AS OF TIMESTAMP (SELECT 1)", "expected a time"),
        ("SELECT * FROM t AS OF TIMESTAMP TIDB_BOUNDED_STALENESS('{at}', '{at}')", "STALENESS"),
        ("SELECT * FROM t AS OF TIMESTAMP", "Expected"),
        (
            "WITH c AS (SELECT * FROM t) SELECT * FROM c AS OF TIMESTAMP '{at}'",
            "c is a common table expression",
        ),
        ("SELECT * FROM datafusion.public.mine AS OF TIMESTAMP '{at}'", "is no table of TiDB"),
        ("SELECT * FROM information_schema.tables AS OF TIMESTAMP '{at}'", "information_schema"),
        ("SELECT * FROM gone AS OF TIMESTAMP '{at}'", "gone"),
    ] {
        let query = query.replace("{at}", &at);
        let error = connector.try_query(&query).await.unwrap_err();
        assert!(error.to_string().contains(named), "{query}: {error}");
    }
    let query = "SELECT * FROM t AS OF TIMESTAMP '2020-01-01'";
    tidb.try_query(query).await.unwrap_err();
    let error = connector.try_query(query).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::SnapshotTooOld | ErrorKind::NotFound), "{error}");
    let before_t = "SELECT * FROM t AS OF TIMESTAMP NOW() - INTERVAL 60 MINUTE";
    connector.try_query(before_t).await.unwrap_err();
    // Tables of the session stand beside those of the past.
    let query = format!("SELECT x FROM datafusion.public.mine, t AS OF TIMESTAMP '{at}'");
    assert!(connector.query(&query).await.rows.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_that_are_named_are_those_of_tidb() {
    let Some((mut tidb, connector)) = connect("as_of_partitions").await else { return };
    tidb.run([
        "CREATE TABLE r (id INT PRIMARY KEY, a INT) PARTITION BY RANGE (id) \
         (PARTITION P0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN (20), \
         PARTITION `p 2` VALUES LESS THAN MAXVALUE)",
        "CREATE TABLE h (id INT, a INT) PARTITION BY HASH (id) PARTITIONS 4",
        "CREATE TABLE l (id INT, a INT) PARTITION BY LIST (id) \
         (PARTITION few VALUES IN (1, 2, 3), PARTITION more VALUES IN (11, 12, 25, 30))",
        "CREATE TABLE plain (id INT)",
        "INSERT INTO r VALUES (1, 1), (5, 2), (11, 3), (12, 4), (25, 5), (30, 6)",
        "INSERT INTO h SELECT * FROM r",
        "INSERT INTO l SELECT * FROM r WHERE id <> 5",
    ])
    .await;
    for query in [
        "SELECT * FROM r PARTITION (p0)",
        "SELECT * FROM r PARTITION (P1, p0)",
        "SELECT x.id FROM r PARTITION (`p 2`) AS x WHERE x.id > 25",
        "SELECT id FROM r PARTITION (p0) WHERE id > 15",
        "SELECT id FROM r PARTITION (p0, p1) WHERE id IN (1, 11, 25)",
        "SELECT count(*) AS c, sum(a) AS s FROM h PARTITION (p1)",
        "SELECT id FROM h PARTITION (p1, p3) WHERE id = 5",
        "SELECT id FROM h PARTITION (p2) WHERE id = 5",
        "SELECT id FROM l PARTITION (more) WHERE a > 3",
        "SELECT (SELECT count(*) FROM r PARTITION (p0)) AS a, \
         (SELECT count(*) FROM r PARTITION (`p 2`)) AS b, (SELECT count(*) FROM r) AS c",
        "SELECT (SELECT sum(a) FROM r PARTITION (p0)) + (SELECT sum(a) FROM r PARTITION (p1)) AS s",
        "SELECT id FROM r PARTITION (p0) UNION SELECT id FROM r PARTITION (p1)",
        "SELECT x.id, y.id AS other FROM r PARTITION (p0) x JOIN r PARTITION (p1) y ON x.a + 2 = y.a",
        "WITH c AS (SELECT id FROM r PARTITION (p1)) SELECT max(id) AS m FROM c",
        "SELECT r.id FROM r PARTITION (p1) WHERE EXISTS (SELECT 1 FROM h PARTITION (p3) WHERE h.id = r.id)",
    ] {
        same(&mut tidb, &connector, query).await;
    }
    let plan = connector.explain("SELECT id FROM r PARTITION (p0, p1) x WHERE id = 11").await;
    assert!(plan.contains("partitions=1/3 [p1]"), "{plan}");
    assert!(plan.contains("PARTITION (p0, p1)"), "{plan}");
    for (query, named, in_tidb) in [
        ("SELECT * FROM r PARTITION (p0, p7)", "its partitions are P0, p1, p 2", "1735"),
        (
            "SELECT * FROM plain PARTITION (p0)",
            "PARTITION () clause on non partitioned table",
            "1747",
        ),
    ] {
        let error = connector.try_query(query).await.unwrap_err();
        assert!(error.to_string().contains(named), "{query}: {error}");
        let theirs = tidb.try_query(query).await.unwrap_err().to_string();
        assert!(theirs.contains(in_tidb), "{query}: {theirs}");
    }
    for (query, named) in [
        ("WITH c AS (SELECT id FROM r) SELECT * FROM c PARTITION (p0)", "non partitioned table c"),
        ("SELECT * FROM r TABLESAMPLE (10 PERCENT)", "TABLESAMPLE"),
    ] {
        let error = connector.try_query(query).await.unwrap_err();
        assert!(error.to_string().contains(named), "{query}: {error}");
    }
    let frame = connector.context().sql("SELECT count(*) FROM r PARTITION (p0)").await.unwrap();
    tidb.run(["ALTER TABLE r DROP PARTITION p1", "INSERT INTO r VALUES (3, 0)"]).await;
    assert_eq!(rows(&frame.clone().collect().await.unwrap(), Clock::Wall), [[Cell::Int(3)]]);
    tidb.run(["ALTER TABLE r DROP PARTITION p0"]).await;
    let error = tifusion::Error::from(frame.collect().await.unwrap_err());
    assert!(error.to_string().contains("Unknown partition 'p0'"), "{error}");
}
