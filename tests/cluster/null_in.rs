//! `IN` and `NOT IN` over subqueries where either side may be `NULL`, wherever they stand: TiDB has the same rows.

use tifusion_testkit::cluster::{Cluster, Shape};
use tifusion_testkit::compare::{Rules, difference};
use tifusion_testkit::connector::Connector;
use tifusion_testkit::tidb::Tidb;

/// What is looked for: columns that may be `NULL` and that may not, and what is no column.
const ASKED: [&str; 6] = ["t.v", "t.id", "NULLIF(t.id, 2)", "t.v + 1", "5", "NULL"];

/// What it is looked for in: with and without a `NULL`, nothing at all, and what depends on the row.
const VALUES: [&str; 9] = [
    "SELECT ref FROM s",
    "SELECT ref FROM s WHERE ref IS NOT NULL",
    "SELECT kept FROM s",
    "SELECT ref FROM s WHERE kept > 100",
    "SELECT MAX(ref) FROM s GROUP BY kept % 3",
    "SELECT ref FROM s WHERE s.kept > t.flag",
    "SELECT DISTINCT kept FROM s WHERE s.ref = t.v",
    "SELECT s.ref FROM s WHERE s.kept = t.id OR s.kept = 2",
    "SELECT x.ref FROM s x JOIN s y ON x.kept = y.ref WHERE y.kept <> t.flag",
];

/// Where it stands; `?` is the `IN`, `!` the `NOT IN`.
const PLACES: [&str; 9] = [
    "?",
    "!",
    "t.flag = 1 OR ?",
    "t.flag = 1 OR !",
    "NOT (t.flag = 1 OR ?)",
    "NOT (t.flag = 1 AND !)",
    "CASE WHEN ! THEN t.flag = 0 ELSE t.id > 2 END",
    "(?) IS NULL",
    "! AND t.flag = 0 OR (!) IS NOT NULL AND t.id < 4",
];

/// Queries of other forms.
const OTHERS: [&str; 14] = [
    "SELECT flag, COUNT(*) FROM t GROUP BY flag HAVING flag = 7 OR MAX(v) NOT IN (SELECT ref FROM s)",
    "SELECT a.id, b.id FROM t a JOIN t b ON a.flag = b.flag WHERE a.id = 1 OR b.v NOT IN (SELECT ref FROM s)",
    "SELECT a.id, b.id FROM t a JOIN t b ON a.flag = b.flag WHERE a.v + b.v NOT IN (SELECT ref FROM s) OR a.id = b.id",
    "SELECT id FROM t WHERE flag = 1 OR v NOT IN (SELECT v FROM t)",
    "SELECT id FROM t WHERE v NOT IN (SELECT ref FROM s WHERE ref NOT IN (SELECT v + 1 FROM t) OR kept = 1)",
    "SELECT id FROM t WHERE EXISTS (SELECT 1 FROM s WHERE s.kept = t.flag AND s.ref NOT IN (SELECT v FROM t WHERE v IS NOT NULL))",
    "SELECT id FROM t WHERE EXISTS (SELECT 1 FROM s WHERE s.kept = t.flag OR s.kept IN (SELECT id FROM t WHERE id > 7))",
    "SELECT id FROM t WHERE EXISTS (SELECT 1 FROM s WHERE s.kept = t.flag OR s.kept NOT IN (SELECT id FROM t))",
    "SELECT id FROM t WHERE EXISTS (SELECT 1 FROM s WHERE s.kept = t.flag OR EXISTS (SELECT 1 FROM t x WHERE x.id = s.kept + 7))",
    "SELECT id FROM t WHERE EXISTS (SELECT 1 FROM s WHERE s.kept = t.flag OR NOT EXISTS (SELECT 1 FROM t x WHERE x.id = s.kept))",
    "SELECT id FROM t WHERE id IN (SELECT kept FROM s WHERE s.kept = t.flag OR s.ref IN (SELECT v FROM t WHERE v > 5))",
    "SELECT id FROM (SELECT id, v FROM t WHERE flag = 1 OR v NOT IN (SELECT ref FROM s)) q WHERE id > 1",
    "SELECT * FROM marked",
    "SELECT id FROM marked WHERE id NOT IN (SELECT ref FROM s) OR id = 3",
];

/// The rows, as both have them, or what differs.
async fn agree(tidb: &mut Tidb, session: &Connector, query: &str) -> Result<usize, String> {
    let theirs = tidb.query(query).await;
    let told = match session.try_query(query).await {
        Ok(ours) => difference(&ours, &theirs, Rules::default()),
        Err(error) => Some(error.to_string()),
    };
    told.map_or(Ok(theirs.rows.len()), |told| Err(format!("{query}: {told}")))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_be_null_is_told_from_what_is_not_there() {
    let Some(cluster) = Cluster::of(Shape::default(), "null_in") else { return };
    let mut tidb = Tidb::in_database(&cluster.tidb, "null_in").await;
    tidb.run([
        "CREATE TABLE t (id BIGINT PRIMARY KEY, flag BIGINT NOT NULL, v BIGINT)",
        "CREATE TABLE s (ref BIGINT, kept BIGINT NOT NULL)",
        "INSERT INTO t VALUES (1, 0, 1), (2, 1, NULL), (3, 0, 4), (4, 1, 5), (5, 2, 6), (6, 9, NULL)",
        "INSERT INTO s VALUES (1, 1), (NULL, 2), (4, 3), (6, 1), (NULL, 4)",
        "CREATE VIEW marked AS SELECT id FROM t WHERE flag = 1 OR v NOT IN (SELECT ref FROM s)",
    ])
    .await;
    let session = Connector::connect(&cluster, &[]).await;
    session.use_database("null_in").await;
    let (mut found, mut failed) = (0, Vec::new());
    let mut queries: Vec<String> = OTHERS.map(str::to_owned).into();
    for asked in ASKED {
        for values in VALUES {
            for place in PLACES {
                let place = place.replace('?', &format!("{asked} IN ({values})"));
                let place = place.replace('!', &format!("{asked} NOT IN ({values})"));
                queries.push(format!("SELECT id FROM t WHERE {place}"));
            }
        }
    }
    for query in queries {
        match agree(&mut tidb, &session, &query).await {
            Ok(rows) => found += rows,
            Err(told) => failed.push(told),
        }
    }
    assert!(failed.is_empty(), "{} queries:\n{}", failed.len(), failed.join("\n"));
    assert!(found > 900, "{found} rows");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_join_answers_is_refused() {
    let Some(cluster) = Cluster::of(Shape::default(), "null_in_refused") else { return };
    let mut tidb = Tidb::in_database(&cluster.tidb, "null_in_refused").await;
    tidb.run([
        "CREATE TABLE t (id BIGINT PRIMARY KEY, v BIGINT)",
        "CREATE TABLE s (ref BIGINT, kept BIGINT NOT NULL)",
        "INSERT INTO t VALUES (1, 1), (2, NULL)",
        "INSERT INTO s VALUES (1, 1), (NULL, 2)",
    ])
    .await;
    let session = Connector::connect(&cluster, &[]).await;
    session.use_database("null_in_refused").await;
    for query in [
        "SELECT id FROM t WHERE v NOT IN (SELECT MAX(ref) FROM s WHERE s.kept > t.id)",
        "SELECT id FROM t WHERE id = 1 OR v NOT IN (SELECT SUM(ref) OVER () FROM s WHERE s.kept > t.id)",
        "SELECT id FROM t WHERE (SELECT MAX(ref) FROM s) NOT IN (SELECT ref FROM s)",
        "SELECT id FROM t WHERE v NOT IN (SELECT x.ref FROM s x LEFT JOIN s y ON x.ref = y.ref WHERE y.kept > t.id)",
        "SELECT id FROM t WHERE (v IN (SELECT ref FROM s)) NOT IN (SELECT ref = 1 FROM s)",
        "SELECT id FROM t WHERE EXISTS (SELECT 1 FROM s WHERE s.kept = t.id OR s.ref NOT IN (SELECT v FROM t))",
        "SELECT id FROM t WHERE id NOT IN (SELECT kept FROM s WHERE s.kept = t.id OR s.ref NOT IN (SELECT v FROM t))",
        "SELECT id FROM t WHERE id IN (SELECT kept FROM s WHERE NOT (s.kept = t.id AND s.ref IN (SELECT v FROM t)))",
    ] {
        let error = session.try_query(query).await.unwrap_err();
        assert!(error.to_string().contains("may be NULL"), "{query}: {error}");
    }
}
