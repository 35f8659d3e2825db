//! Instants in time zones.

use tifusion_testkit::arrow_cells::Clock;
use tifusion_testkit::cell::{Cell, Decimal};
use tifusion_testkit::cluster::{Cluster, Shape};
use tifusion_testkit::compare::{Rules, difference};
use tifusion_testkit::connector::{Answer, Connector};
use tifusion_testkit::tidb::Tidb;

use super::{BY_SQL, LAX, WAYS, cases, fill};

/// Zones off the hour, with summer time of an hour and of half an hour, and on both sides of the
/// date line.
const ZONES: [&str; 9] = [
    "UTC",
    "America/New_York",
    "+05:30",
    "+05:45",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Europe/London",
    "-03:30",
];

#[tokio::test(flavor = "multi_thread")]
async fn instants_are_right_in_every_zone() {
    let test = "types_instants";
    let Some(cluster) = Cluster::of(Shape::default(), test) else { return };
    let mut tidb = Tidb::in_database(&cluster.tidb, test).await;
    tidb.run([LAX]).await;
    for case in cases::instants("UTC") {
        fill(&mut tidb, &case, false).await;
    }
    for zone in ZONES {
        for way in WAYS {
            let settings = [("time_zone", zone), ("coprocess.codec_format", way)];
            let connector = match way {
                BY_SQL => Connector::by_sql(&cluster, &settings[..1]).await,
                _ => Connector::connect(&cluster, &settings).await,
            };
            connector.use_database(test).await;
            for case in cases::instants(zone) {
                let query = format!("SELECT * FROM {}", case.name);
                let answer = connector.run(&query).await.unwrap();
                let field = answer.schema.field_with_name("v").unwrap();
                assert_eq!(*field.data_type(), case.arrow);
                tidb.run([format!("SET time_zone = '{zone}'")]).await;
                check(&mut tidb, &query, &answer, Clock::Wall, zone).await;
                tidb.run(["SET time_zone = '+00:00'"]).await;
                check(&mut tidb, &query, &answer, Clock::Utc, zone).await;
                check_seconds(&mut tidb, &case.name, &answer, zone).await;
            }
        }
    }
}

async fn check(tidb: &mut Tidb, query: &str, answer: &Answer, clock: Clock, zone: &str) {
    let theirs = tidb.query(query).await;
    assert!(theirs.rows.len() > 8);
    if let Some(difference) = difference(&answer.rows(clock), &theirs, Rules::default()) {
        panic!("{difference}\n{query} in {zone}, shown as {clock:?}");
    }
}

/// The seconds since the epoch are TiDB's own.
async fn check_seconds(tidb: &mut Tidb, table: &str, answer: &Answer, zone: &str) {
    let seconds = "CAST(UNIX_TIMESTAMP(v) AS DECIMAL(20, 6))";
    let query = format!("SELECT id, {seconds} FROM {table} WHERE v > '1970-01-01 00:00:00'");
    let theirs = tidb.query(&query).await;
    let mut ours = answer.rows(Clock::Utc);
    ours.rows.retain(|row| row[2] != Cell::Null);
    for row in &mut ours.rows {
        let Cell::DateTime(micros) = row[2] else { panic!("not an instant: {:?}", row[2]) };
        let seconds = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
        *row = vec![row[0].clone(), Cell::Decimal(Decimal::parse(&seconds))];
    }
    assert!(theirs.rows.len() > 3);
    if let Some(difference) = difference(&ours, &theirs, Rules::default()) {
        panic!("{difference}\n{query} in {zone}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn instants_are_compared_and_grouped_as_instants() {
    let test = "types_instants_compared";
    let Some(cluster) = Cluster::of(Shape::default(), test) else { return };
    let mut tidb = Tidb::connect(&cluster.tidb).await;
    tidb.fresh_database(test).await;
    tidb.run([
        "SET time_zone = '+00:00'",
        "CREATE TABLE t (id INT PRIMARY KEY, ts TIMESTAMP NOT NULL)",
        // The same wall clock in New York, an hour apart.
        "INSERT INTO t VALUES (1, '2024-11-03 05:30:00'), (2, '2024-11-03 06:30:00')",
    ])
    .await;
    let connector = Connector::connect(&cluster, &[("time_zone", "America/New_York")]).await;
    connector.use_database(test).await;
    let groups = connector.query("SELECT ts, count(*) FROM t GROUP BY ts").await;
    assert_eq!(groups.rows.len(), 2, "two instants, though one wall clock");
    let order = connector.query("SELECT id FROM t ORDER BY ts DESC").await;
    assert_eq!(order.rows, [[Cell::Int(2)], [Cell::Int(1)]]);
    let later = connector.query("SELECT id FROM t WHERE ts > '2024-11-03T06:00:00Z'").await;
    assert_eq!(later.rows, [[Cell::Int(2)]]);
    let noon = "SELECT id FROM t WHERE ts < '2024-11-03 12:00:00'";
    assert_eq!(connector.query(noon).await.rows.len(), 2, "a literal is in the session's zone");
}
