//! Every row of the table of capabilities, over the edges of its operands' values.

use tifusion::pushdown::{Capability, Exactness, capabilities};
use tifusion_embedded::EmbeddedCluster;
use tifusion_testkit::cluster::{Cluster, Shape};
use tifusion_testkit::compare::{Rules, difference};
use tifusion_testkit::differences::to_tidb;
use tifusion_testkit::edges::FIRST_ODD_ID;
use tifusion_testkit::tidb::Tidb;

use super::Sides;

/// Examples that TiDB's SQL has no words for, or answers otherwise for a known difference of types: the
/// two sides of TiFusion judge them.
#[rustfmt::skip]
const NOT_FOR_TIDB: &[(&str, &str)] = &[
    ("AS BOOLEAN)", "TiDB has no such cast"),
    ("date_trunc('month', d_day) = DATE", "types of dates"),
    ("date_part('do", "EXTRACT has no such part"),
    ("i_tiny / -2", "the quotient of integers is a decimal to TiDB"),
    ("i_big / 10", "the quotient of integers is a decimal to TiDB"),
    ("CAST(n_price AS BIGINT)", "rounded there"),
    ("CAST(f_single AS BIGINT)", "rounded there"),
    ("n_price / 3", "at another scale"),
    ("e_size", "by number there"),
    ("bits", "bytes there"),
    ("doc", "JSON there"),
    ("ILIKE", "collations differ"),
    ("upper(s)", "one letter for one"),
    ("ascii", "a byte there"),
    ("f_single", "single precision compares otherwise there"),
    ("i_uint - i_int", "unsigned there"),
    ("i_uint + i_tiny", "unsigned there"),
    ("round(f_x)", "to the even digit there"),
    ("moment + INTERVAL", "past the year 9999"),
    ("d_day + INTERVAL", "past the year 9999"),
    ("d_day - INTERVAL", "types of dates"),
    ("moment - INTERVAL", "types of dates"),
    ("arrow_cast(", "TiDB has no such function"),
    ("s ~", "dialects"),
];

fn is_for_tidb(example: &str) -> bool {
    NOT_FOR_TIDB.iter().all(|(part, _)| !example.contains(part))
}

/// What is wrong with an example, if anything.
async fn judge(
    sides: &Sides,
    tidb: Option<&mut Tidb>,
    row: &Capability,
    example: &str,
) -> Result<(), String> {
    let query = format!("SELECT id FROM edges WHERE {example}");
    let off = sides.off.try_query(&query).await;
    let on = sides.on.try_query(&query).await;
    let (on, off) = match (on, off) {
        (Ok(on), Ok(off)) => (on, off),
        (Err(_), Err(_)) if row.exactness() == Exactness::Never => return Ok(()),
        (on, off) => {
            return Err(format!("on: {:?}, off: {:?}", on.err(), off.err()));
        }
    };
    if let Some(difference) = difference(&on, &off, Rules::default()) {
        return Err(format!("on and off: {difference}"));
    }
    if let Some(by_sql) = &sides.by_sql {
        let by_sql = by_sql.try_query(&query).await.map_err(|error| format!("by SQL: {error}"))?;
        if let Some(difference) = difference(&by_sql, &off, Rules::default()) {
            return Err(format!("by SQL: {difference}"));
        }
    }
    let plan = sides.on.explain(&query).await;
    let pushed = plan.contains("pushed=[") || plan.contains("superset=[");
    match row.exactness() {
        Exactness::Never if !plan.contains("not pushed: [") && !plan.contains("EmptyExec") => {
            return Err(format!("it should be refused:\n{plan}"));
        }
        Exactness::Exact | Exactness::Superset if !pushed || plan.contains("not pushed: [") => {
            return Err(format!("it should be pushed:\n{plan}"));
        }
        _ => {}
    }
    let Some(tidb) = tidb.filter(|_| is_for_tidb(example)) else { return Ok(()) };
    let query = format!("SELECT id FROM edges WHERE ({example}) AND id < {FIRST_ODD_ID}");
    let ours = sides.on.query(&query).await;
    match tidb.try_query(&to_tidb(&query)).await {
        Err(error) => Err(format!("TiDB: {error}\n{}", to_tidb(&query))),
        Ok(theirs) => match difference(&ours, &theirs, Rules::default()) {
            Some(difference) => Err(format!("{difference}\n{}", to_tidb(&query))),
            None => Ok(()),
        },
    }
}

async fn judge_all(sides: &Sides, mut tidb: Option<Tidb>) {
    let mut wrong = Vec::new();
    for row in capabilities() {
        for example in row.examples() {
            let verdict = judge(sides, tidb.as_mut(), row, example).await;
            if let Err(problem) = verdict {
                wrong.push(format!(
                    "{} of {}: {example}\n    {problem}",
                    row.name(),
                    row.operand()
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_capability_is_exact_over_edge_values_in_tidbs_own_store() {
    let test = "pushdown_conformance";
    let Some(cluster) = Cluster::of(Shape::default(), test) else { return };
    let (sides, tidb) = Sides::playground(&cluster, test).await;
    judge_all(&sides, Some(tidb)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_capability_is_exact_over_edge_values_in_the_embedded_cluster() {
    let cluster = EmbeddedCluster::builder().start().await.unwrap();
    let sides = Sides::embedded(&cluster).await;
    judge_all(&sides, None).await;
}
