//! Aggregates over comparisons of dates, of which the table has those that no calendar has: the stores leave out what is `NULL` here,
//! and nothing else.

use tifusion_testkit::cell::Rows;
use tifusion_testkit::cluster::{Cluster, Shape};
use tifusion_testkit::connector::{Connector, pushdown_off};
use tifusion_testkit::tidb::Tidb;

/// Leap years and others, at the ends of centuries and of what MySQL has.
const YEARS: [u16; 14] = [0, 1, 4, 100, 400, 1600, 1900, 1995, 1996, 2000, 2001, 2100, 9996, 9999];

/// Every month and day that TiDB takes in those years, with and without a time of day.
async fn fill(tidb: &mut Tidb) {
    tidb.run([
        "SET sql_mode = 'ALLOW_INVALID_DATES'",
        "CREATE TABLE t (id BIGINT PRIMARY KEY AUTO_INCREMENT, d DATE, m DATETIME(6))",
    ])
    .await;
    for year in YEARS {
        let days = (0..=12).flat_map(|month| (0..=31).map(move |day| (month, day)));
        let values: Vec<String> = days
            .map(|(month, day)| {
                let date = format!("{year:04}-{month:02}-{day:02}");
                let time = if day % 3 == 0 { "00:00:00" } else { "23:59:59.999999" };
                format!("('{date}', '{date} {time}')")
            })
            .collect();
        tidb.run([format!("INSERT INTO t (d, m) VALUES {}", values.join(","))]).await;
    }
}

/// Conditions that leave short ranges, long ones and such without an end.
const CONDITIONS: &[&str] = &[
    "d <= DATE '1998-09-02'",
    "d < DATE '0001-01-01'",
    "d >= DATE '0000-01-01'",
    "d > DATE '9999-02-28'",
    "d >= DATE '1995-01-01' AND d < DATE '1996-01-01'",
    "d >= DATE '1995-09-01' AND d < DATE '1995-10-01'",
    "d BETWEEN DATE '1900-02-01' AND DATE '1900-03-01'",
    "d BETWEEN DATE '2000-02-01' AND DATE '2000-03-01'",
    "d BETWEEN DATE '1995-12-30' AND DATE '1996-03-01'",
    "d BETWEEN DATE '0000-01-01' AND DATE '0000-12-31'",
    "d BETWEEN DATE '1600-01-01' AND DATE '2000-12-31'",
    "DATE '1996-02-20' <= d AND DATE '1996-03-10' > d AND d <> DATE '1996-03-01'",
    "d = DATE '1996-02-29'",
    "d IN (DATE '1996-02-29', DATE '1900-02-28')",
    "d NOT IN (DATE '1996-02-29', DATE '1900-02-28')",
    "d <> DATE '1996-02-29'",
    "d = DATE '1996-02-29' OR d > DATE '2001-12-01'",
    "d > DATE '2000-01-01' AND d < DATE '1900-01-01'",
    "m >= TIMESTAMP '1995-01-01 00:00:00' AND m < TIMESTAMP '1996-01-01 00:00:00'",
    "m < TIMESTAMP '1900-03-01 00:00:00'",
    "m = TIMESTAMP '1996-02-28 23:59:59.999999'",
    "m > TIMESTAMP '2000-02-28 12:00:00'",
    "d < DATE '1996-06-06' AND m >= TIMESTAMP '1995-12-31 23:59:59'",
    "date_part('month', d) = 2",
    "NOT (d < DATE '1996-03-01')",
];

#[tokio::test(flavor = "multi_thread")]
async fn the_stores_leave_out_what_is_null_here_and_nothing_else() {
    let test = "pushdown_dates";
    let Some(cluster) = Cluster::of(Shape::default(), test) else { return };
    let mut tidb = Tidb::in_database(&cluster.tidb, test).await;
    fill(&mut tidb).await;
    let pushed = Connector::connect(&cluster, &[]).await;
    let here = Connector::connect(&cluster, pushdown_off()).await;
    let by_sql = Connector::by_sql(&cluster, &[]).await;
    for session in [&pushed, &here, &by_sql] {
        session.use_database(test).await;
    }
    let mut some = 0;
    for condition in CONDITIONS {
        let query = format!(
            "SELECT count(*), sum(id), min(d), max(d), min(m), max(m) FROM t WHERE {condition}"
        );
        let plan = pushed.explain(&query).await;
        assert!(plan.contains("aggregates=["), "{plan}");
        assert!(!plan.contains("superset=[") && !plan.contains("FilterExec"), "{plan}");
        let plan = here.explain(&query).await;
        assert!(!plan.contains("aggregates=[") && !plan.contains(" pushed=["), "{plan}");
        let cells =
            |rows: &Rows| -> Vec<String> { rows.rows[0].iter().map(|cell| cell.plain()).collect() };
        let theirs = cells(&here.query(&query).await);
        assert_eq!(cells(&pushed.query(&query).await), theirs, "{condition}");
        assert_eq!(cells(&by_sql.query(&query).await), theirs, "by SQL: {condition}");
        let counted = format!("SELECT count(*), sum(id) FROM t WHERE {condition}");
        let plan = by_sql.explain(&counted).await;
        assert!(plan.contains("aggregates=[") && !plan.contains("FilterExec"), "{plan}");
        assert_eq!(cells(&by_sql.query(&counted).await), theirs[..2], "by SQL: {condition}");
        some += usize::from(theirs[0] != "0");
    }
    assert_eq!(some, CONDITIONS.len() - 1, "all but one have rows");
}
