//! Every aggregate over the edges of every type, without groups and with groups by each kind of column:
//! everything on, everything off, and TiDB.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::StreamExt as _;
use tifusion_embedded::EmbeddedCluster;
use tifusion_testkit::arrow_cells::Clock;
use tifusion_testkit::cluster::{Cluster, Shape};
use tifusion_testkit::compare::{Rules, difference};
use tifusion_testkit::differences::to_tidb;
use tifusion_testkit::edges::{COLUMNS, FIRST_ODD_ID};
use tifusion_testkit::tidb::Tidb;
use tokio::sync::Mutex;

use super::{Sides, answer};

/// Aggregates that go together: where one of a family is pushed down, the others are.
const FAMILIES: &[(&str, &[&str])] = &[
    ("counted", &["count($)"]),
    ("least and greatest", &["min($)", "max($)"]),
    ("added", &["sum($)"]),
    ("averaged", &["avg($)"]),
    ("bits", &["bit_and($)", "bit_or($)", "bit_xor($)"]),
    ("spread", &["var_pop($)", "var_samp($)", "stddev_pop($)", "stddev_samp($)"]),
    ("different ones", &["count(DISTINCT $)"]),
    ("different ones added", &["sum(DISTINCT $)"]),
    ("under a condition", &["count($) FILTER (WHERE i_int > 0)", "max($) FILTER (WHERE id < 100)"]),
    ("beside another", &["count($, i_int)", "count(*)"]),
];

/// Columns to group by: one of each kind.
const GROUPS: &[&str] = &[
    "i_tiny",
    "i_ubig",
    "i_year",
    "f_x",
    "f_single",
    "n_price",
    "s",
    "s_pad",
    "name_ci",
    "b",
    "d_day",
    "moment",
    "stamp",
    "span",
    "e_size",
    "tags",
    "bits",
    "i_int % 3",
    "length(s)",
    "date_part('year', d_day)",
];

/// Parts of queries that TiDB has no words for, or answers otherwise for a known difference: the two sides
/// of TiFusion judge them.
#[rustfmt::skip]
const NOT_FOR_TIDB: &[(&str, &str)] = &[
    ("sum(n_wide", "wraps around at 128 bits"),
    ("sum(DISTINCT n_wide", "wraps around at 128 bits"),
    ("avg(n_wide", "wraps around at 128 bits"),
    ("sum(span", "times are added here, their digits there"),
    ("sum(DISTINCT span", "times are added here, their digits there"),
    ("avg(span", "times are added here, their digits there"),
    ("(bits", "a number here, bytes there"),
    ("(DISTINCT bits", "a number here, bytes there"),
    ("tags", "a text here, a number too there"),
    ("doc", "a text here, JSON there"),
];

/// What is asked of the table.
struct Case {
    /// What is counted, added and so on.
    column: &'static str,
    aggregates: &'static [&'static str],
    group: Option<&'static str>,
}

impl Case {
    fn sql(&self, without_odd_rows: bool) -> String {
        let aggregates = self.aggregates.iter().map(|it| it.replace('$', self.column));
        let aggregates = aggregates.collect::<Vec<_>>().join(", ");
        let mut conditions = Vec::new();
        // So that sums are exact enough to be compared: 1e300 hides all the rest.
        match self.column {
            "f_x" => conditions.push("f_x BETWEEN -100 AND 100".to_owned()),
            "f_single" => conditions.push("f_single < 100".to_owned()),
            _ => {}
        }
        if without_odd_rows {
            conditions.push(format!("id < {FIRST_ODD_ID}"));
        }
        let filter = match conditions.as_slice() {
            [] => String::new(),
            conditions => format!(" WHERE {}", conditions.join(" AND ")),
        };
        match self.group {
            None => format!("SELECT {aggregates} FROM edges{filter}"),
            Some(group) => {
                format!("SELECT {group} AS g, {aggregates} FROM edges{filter} GROUP BY {group}")
            }
        }
    }

    /// How large numbers may be that are added up to rounded ones.
    fn magnitude(&self) -> f64 {
        let largest: f64 = match self.column {
            "i_big" | "i_ubig" => 1.9e19,
            "i_int" | "i_uint" => 4.3e9,
            "n_price" => 1e8,
            "n_wide" => 1e28,
            _ => 1e4,
        };
        let is_squared =
            self.aggregates.iter().any(|it| it.contains("var") || it.contains("stddev"));
        if is_squared { largest.powi(2) } else { largest }
    }

    fn rules(&self) -> Rules {
        Rules { magnitude: self.magnitude(), ..Rules::default() }
    }
}

/// Each family with each column: without groups, and with some of the groups in turn, so that each
/// family and each column meet each group.
fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (place, column) in COLUMNS.iter().enumerate() {
        for (number, (_, aggregates)) in FAMILIES.iter().enumerate() {
            let case = |group| Case { column: column.name, aggregates, group };
            cases.extend(
                aggregates
                    .iter()
                    .map(|it| Case { aggregates: std::slice::from_ref(it), ..case(None) }),
            );
            let step = 10;
            let first = (place + number * 3) % step;
            cases.extend(GROUPS.iter().skip(first).step_by(step).map(|group| case(Some(*group))));
        }
    }
    cases
}

/// What came of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    /// DataFusion has no such aggregate of this type, whoever evaluates it.
    Refused,
    /// Both sides agree.
    Equal,
    /// TiDB agrees too.
    Judged,
}

async fn judge(sides: &Sides, tidb: Option<&Mutex<Tidb>>, case: &Case) -> Result<Outcome, String> {
    let sql = case.sql(false);
    let (on, off) = match (answer(&sides.on, &sql).await, answer(&sides.off, &sql).await) {
        (Ok(on), Ok(off)) => (on.rows(Clock::Wall), off.rows(Clock::Wall)),
        (Err(_), Err(_)) => return Ok(Outcome::Refused),
        (on, off) => return Err(format!("on: {:?}, off: {:?}", on.err(), off.err())),
    };
    if let Some(why) = difference(&on, &off, case.rules()) {
        return Err(format!("on and off: {why}\n{}", sides.on.explain(&sql).await));
    }
    if let Some(by_sql) = &sides.by_sql {
        let rows = answer(by_sql, &sql).await.map_err(|error| format!("by SQL: {error}"))?;
        if let Some(why) = difference(&rows.rows(Clock::Wall), &off, case.rules()) {
            return Err(format!("by SQL: {why}\n{}", by_sql.explain(&sql).await));
        }
    }
    let sql = case.sql(true);
    let is_for_tidb = NOT_FOR_TIDB.iter().all(|(part, _)| !sql.contains(part));
    let Some(tidb) = tidb.filter(|_| is_for_tidb) else { return Ok(Outcome::Equal) };
    let ours = answer(&sides.on, &sql).await.map_err(|error| error.to_string())?;
    let ours = ours.rows(Clock::Wall);
    let theirs = to_tidb(&sql);
    let rows = tidb.lock().await.try_query(&theirs).await;
    let rows = rows.map_err(|error| format!("TiDB: {error}\n{theirs}"))?;
    let rules = Rules { exact_numbers: true, rounded: true, wrapped: true, ..case.rules() };
    match difference(&ours, &rows, rules) {
        Some(why) => Err(format!("TiDB: {why}\n{theirs}")),
        None => Ok(Outcome::Judged),
    }
}

async fn judge_all(sides: Sides, tidb: Option<Tidb>) {
    let (sides, tidb) = (Arc::new(sides), tidb.map(|tidb| Arc::new(Mutex::new(tidb))));
    let has_tidb = tidb.is_some();
    let judged = futures::stream::iter(cases()).map(|case| {
        let (sides, tidb) = (Arc::clone(&sides), tidb.clone());
        let judging = tokio::spawn(async move {
            let judged = judge(&sides, tidb.as_deref(), &case).await;
            judged.map_err(|why| format!("{}\n    {why}", case.sql(false)))
        });
        async move { judging.await.unwrap() }
    });
    let judged: Vec<_> = judged.buffered(6).collect().await;
    let (mut outcomes, mut wrong) = (BTreeMap::<Outcome, usize>::new(), Vec::new());
    for verdict in judged {
        match verdict {
            Ok(outcome) => *outcomes.entry(outcome).or_default() += 1,
            Err(why) => wrong.push(why),
        }
    }
    eprintln!("aggregates: {outcomes:?}");
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    let of = |outcome| outcomes.get(&outcome).copied().unwrap_or(0);
    assert!(of(Outcome::Equal) + of(Outcome::Judged) > 2 * of(Outcome::Refused), "{outcomes:?}");
    assert!(!has_tidb || of(Outcome::Judged) > of(Outcome::Equal), "{outcomes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_aggregate_has_one_answer_over_edge_values_in_tidbs_own_store() {
    let test = "pushdown_aggregates";
    let Some(cluster) = Cluster::of(Shape::default(), test) else { return };
    let (sides, tidb) = Sides::playground(&cluster, test).await;
    judge_all(sides, Some(tidb)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_aggregate_has_one_answer_over_edge_values_in_the_embedded_cluster() {
    let cluster = EmbeddedCluster::builder().start().await.unwrap();
    let sides = Sides::embedded(&cluster).await;
    judge_all(sides, None).await;
}

#[test]
fn each_family_and_each_column_meet_each_group() {
    let cases = cases();
    for group in GROUPS {
        for (name, aggregates) in FAMILIES {
            let meets = |case: &Case| case.group == Some(*group) && case.aggregates == *aggregates;
            assert!(cases.iter().any(meets), "{name} by {group}");
        }
        for column in COLUMNS {
            let meets = |case: &Case| case.group == Some(*group) && case.column == column.name;
            assert!(cases.iter().any(meets), "{} by {group}", column.name);
        }
    }
}
