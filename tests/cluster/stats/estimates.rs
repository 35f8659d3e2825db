//! Estimates are near TiDB's.

use std::time::{Duration, Instant};

use tifusion::AnalyzedTable;
use tifusion::statistics::{HistogramId, KeyRange};
use tifusion_codec::datum::{self, Datum};
use tifusion_codec::key::prefix_next;
use tifusion_codec::time::{CoreTime, TimeKind};
use tifusion_testkit::cell::Cell;
use tifusion_testkit::cluster::{Cluster, Shape};
use tifusion_testkit::tidb::Tidb;

use super::{analyze, statistics, table_id};

/// How long TiDB may take to load statistics.
const PATIENCE: Duration = Duration::from_secs(30);

/// A value of a key, or what stands at the ends of ranges.
#[derive(Clone, Copy)]
enum Value<'a> {
    Int(i64),
    Text(&'a str),
    Date(&'a str),
}

use Value::{Date, Int, Text};

fn key(values: &[Value<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    for value in values {
        let datum = match value {
            Int(number) => Datum::Int(*number),
            Text(text) => Datum::Bytes(text.as_bytes().into()),
            Date(text) => {
                Datum::UInt(CoreTime::parse(text, TimeKind::Date, 0).unwrap().to_packed())
            }
        };
        datum::encode_key(&mut out, &datum).unwrap();
    }
    out
}

fn equal(values: &[Value<'_>]) -> KeyRange {
    (key(values), prefix_next(&key(values)))
}

fn from(values: &[Value<'_>]) -> KeyRange {
    (key(values), vec![datum::flag::MAX])
}

fn below(value: Value<'_>) -> KeyRange {
    (vec![datum::flag::NIL + 1], key(&[value]))
}

/// How near an estimate must be.
#[derive(Debug, Clone, Copy)]
enum Near {
    /// TiDB's own number, of which `EXPLAIN` shows two digits: it is counted, or a plain average.
    Same,
    /// Half to twice as much, and two rows more or less: both take values to be spread evenly within a
    /// bucket and differ in what they add at its ends, and here a range has the rows of one value at
    /// least.
    Twice,
}

use Near::{Same, Twice};

type Case<'a> = (&'a str, HistogramId, Vec<KeyRange>, Near);

fn cases(table: &AnalyzedTable) -> Vec<Case<'static>> {
    let column = |name: &str| table.column(name).unwrap();
    let index = |name: &str| table.index(name).unwrap();
    let null = vec![(vec![datum::flag::NIL], vec![datum::flag::NIL + 1])];
    let not_null = vec![(vec![datum::flag::NIL + 1], vec![])];
    let between = |from: Value<'_>, to: Value<'_>| vec![(key(&[from]), prefix_next(&key(&[to])))];
    let some = vec![equal(&[Int(1)]), equal(&[Int(2)]), equal(&[Int(3)])];
    vec![
        ("a = 3", column("a"), vec![equal(&[Int(3)])], Same),
        ("a = 3", index("ia"), vec![equal(&[Int(3)])], Same),
        ("a = 500", index("ia"), vec![equal(&[Int(500)])], Twice),
        ("a IS NULL", column("a"), null.clone(), Same),
        ("a IS NULL", index("ia"), null, Same),
        ("a IS NOT NULL", column("a"), not_null, Same),
        ("a IN (1, 2, 3)", index("ia"), some, Same),
        ("a BETWEEN 100 AND 300", column("a"), between(Int(100), Int(300)), Twice),
        ("a BETWEEN 100 AND 300", index("ia"), between(Int(100), Int(300)), Twice),
        ("a < 100", column("a"), vec![below(Int(100))], Twice),
        ("a > 990", index("ia"), vec![from(&[Int(991)])], Twice),
        ("a > 5000", index("ia"), vec![from(&[Int(5001)])], Twice),
        ("a = 3 AND b = 9", index("ab"), vec![equal(&[Int(3), Int(9)])], Twice),
        ("b = 7", column("b"), vec![equal(&[Int(7)])], Same),
        ("b < 25", column("b"), vec![below(Int(25))], Twice),
        ("s = 'user-007'", column("s"), vec![equal(&[Text("user-007")])], Twice),
        ("s >= 'user-090'", column("s"), vec![from(&[Text("user-090")])], Twice),
        ("d = '2024-03-03'", column("d"), vec![equal(&[Date("2024-03-03")])], Twice),
        ("d < '2024-07-01'", column("d"), vec![below(Date("2024-07-01"))], Twice),
        ("id = 5", column("id"), vec![equal(&[Int(5)])], Same),
        ("id < 100", column("id"), vec![below(Int(100))], Twice),
    ]
}

async fn fill(tidb: &mut Tidb) {
    let row = |k: i64| {
        let a = match k {
            k if k % 10 == 0 => "NULL".to_owned(),
            k if k % 3 == 0 => (k % 7).to_string(),
            k => k.to_string(),
        };
        let (b, s, month, day) = (k % 50, k % 100, k % 12 + 1, k % 28 + 1);
        format!("({k}, {a}, {b}, 'user-{s:03}', '2024-{month:02}-{day:02}')")
    };
    let rows: Vec<String> = (1..=1000).map(row).collect();
    tidb.run([
        "CREATE TABLE e (id INT PRIMARY KEY, a INT, b INT, s VARCHAR(20), d DATE, \
         KEY ab (a, b), KEY ia (a))"
            .to_owned(),
        format!("INSERT INTO e VALUES {}", rows.join(", ")),
    ])
    .await;
}

/// The rows that TiDB expects of a query.
async fn expected(tidb: &mut Tidb, query: &str) -> f64 {
    let plan = tidb.query(&format!("EXPLAIN {query}")).await;
    match &plan.rows[0][1] {
        Cell::Text(number) => number.parse().unwrap(),
        Cell::Float(number) => *number,
        other => panic!("{other:?}"),
    }
}

async fn judge(test: &str, shape: Shape, version: u8) {
    let Some(cluster) = Cluster::of(shape, test) else { return };
    let mut tidb = Tidb::in_database(&cluster.tidb, test).await;
    fill(&mut tidb).await;
    analyze(&mut tidb, shape, version, "e", "").await;
    let table = statistics(&cluster, test, "e").await;
    let our_rows = table.statistics().counted_rows().unwrap() as f64;
    for (predicate, id, ranges, near) in cases(&table) {
        let query = format!("SELECT * FROM e WHERE {predicate}");
        let estimate = table.estimate(id, &ranges);
        assert!(!estimate.origin.is_pseudo(), "{predicate}: {estimate:?}");
        let ours = estimate.rows / our_rows * 1000.0;
        let is_near = |theirs: f64| match near {
            Same => (ours - theirs).abs() < 0.6,
            Twice => ours <= theirs * 2.0 + 2.0 && theirs <= ours * 2.0 + 2.0,
        };
        // TiDB loads the statistics of a column when it first needs them, some seconds later.
        let begun = Instant::now();
        loop {
            let all = expected(&mut tidb, "SELECT * FROM e").await;
            let theirs = expected(&mut tidb, &query).await / all * 1000.0;
            if is_near(theirs) {
                break;
            }
            let waited = begun.elapsed();
            assert!(waited < PATIENCE, "{predicate} by {id:?}: {ours} for TiDB's {theirs}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn estimates_by_version_2_are_near_those_of_tidb() {
    judge("stats_estimates_v2", Shape::default(), 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn estimates_by_version_1_are_near_those_of_tidb() {
    judge("stats_estimates_v1", Shape::default(), 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn estimates_on_an_old_tidb_are_near_its_own() {
    judge("stats_estimates_old", Shape::old_generation(), 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_came_after_analyze_are_expected_where_new_ones_go() {
    let test = "stats_stale";
    let Some(cluster) = Cluster::of(Shape::default(), test) else { return };
    let mut tidb = Tidb::in_database(&cluster.tidb, test).await;
    fill(&mut tidb).await;
    analyze(&mut tidb, Shape::default(), 2, "e", "").await;
    let newest = vec![from(&[Int(1001)])];
    let before = statistics(&cluster, test, "e").await;
    let id = before.column("id").unwrap();
    let before = before.estimate(id, &newest).rows;
    let table = table_id(&mut tidb, test, "e").await;
    let version = "version = version + 1";
    tidb.run([format!(
        "UPDATE mysql.stats_meta SET count = 2000, modify_count = 1000, {version} \
         WHERE table_id = {table}"
    )])
    .await;
    let after = statistics(&cluster, test, "e").await.estimate(id, &newest).rows;
    assert!(before <= 1.0 && (200.0..=1000.0).contains(&after), "{before}, then {after}");
}
