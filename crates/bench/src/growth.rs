//! Cost as work grows: the same queries on more rows and on more regions.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tifusion_testkit::cluster::{Cluster, Shape};
use tifusion_testkit::connector::Connector;
use tifusion_testkit::tidb::Tidb;

use crate::data;
use crate::error::{BenchError, Result};
use crate::measure::millis;

/// What each stage does: how many times the data of the first one, and the regions that its table has at least.
const STAGES: [(u32, u32); 4] = [(1, 1), (10, 1), (10, 10), (10, 100)];

/// One that moves every row, one whose rows the stores add up, and one that moves the rows of a group.
const QUERIES: [(&str, &str); 3] = [
    ("all rows", "SELECT * FROM lineitem"),
    ("sums", "SELECT l_returnflag, SUM(l_quantity), COUNT(*) FROM lineitem GROUP BY l_returnflag"),
    ("a tenth", "SELECT * FROM lineitem WHERE l_discount = 0.05"),
];

/// Bytes of `lineitem` at scale 1, as the playground's store counts them.
const LINEITEM_BYTES: f64 = 1.0e9;

/// How long a store may take to split its regions.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a query took on a stage: medians of the rounds.
struct Cost {
    stage: (u32, u32),
    what: &'static str,
    rows: u64,
    tasks: usize,
    time: Duration,
}

/// Measures all stages, and gives their table in Markdown.
pub(crate) async fn measure(scale: f64, rounds: usize) -> Result<String> {
    let mut costs = Vec::new();
    for (times, regions) in STAGES {
        let scale = scale * f64::from(times);
        let cluster = cluster(scale, regions).ok_or(BenchError::NoCluster)?;
        let database = data::prepare(&cluster, scale).await?;
        let mut tidb = Tidb::connect(&cluster.tidb).await;
        tidb.run([format!("USE {database}")]).await;
        if regions > 1 {
            split(&mut tidb, regions).await;
        }
        let rows = tidb.number("SELECT COUNT(*) FROM lineitem").await;
        let rows = u64::try_from(rows).unwrap_or_default();
        // A session of its own, that finds the regions anew.
        let session = Connector::try_connect(&cluster, &[]).await?;
        session.context().use_database(&database).await?;
        for (what, query) in QUERIES {
            let mut taken = Vec::new();
            let mut tasks = 0;
            for round in 0..=rounds {
                let begun = Instant::now();
                tasks = session.run(query).await?.metric("tasks");
                if round > 0 || rounds == 0 {
                    taken.push(begun.elapsed());
                }
            }
            taken.sort_unstable();
            let time = taken.get(taken.len() / 2).copied().unwrap_or_default();
            eprintln!("{times} x data, {regions} regions, {what}: {:.1} ms", millis(time));
            costs.push(Cost { stage: (times, regions), what, rows, tasks, time });
        }
    }
    table(&costs)
}

/// The cluster that the environment names, or a playground whose store makes about so many regions of `lineitem`: it splits
/// them by their size, and not when it is asked to.
fn cluster(scale: f64, regions: u32) -> Option<Arc<Cluster>> {
    let is_ours = std::env::var_os("TIFUSION_PD_ADDRS").is_none();
    let size = LINEITEM_BYTES * scale / f64::from(regions);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some megabytes")]
    let region_size = (regions > 1 && is_ours).then_some(size as u64);
    Cluster::of(Shape { region_size, ..Shape::default() }, "tifusion-bench --growth")
}

/// Has `lineitem` split, and waits until it is, or for as long as that may take.
async fn split(tidb: &mut Tidb, regions: u32) {
    let most = tidb.number("SELECT MAX(l_orderkey) FROM lineitem").await;
    let split = format!("SPLIT TABLE lineitem BETWEEN (0, 0) AND ({most}, 8) REGIONS {regions}");
    tidb.run([split]).await;
    let begun = Instant::now();
    let enough = usize::try_from(regions / 2).unwrap_or(usize::MAX);
    while tidb.query("SHOW TABLE lineitem REGIONS").await.rows.len() < enough
        && begun.elapsed() < PATIENCE
    {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
fn table(costs: &[Cost]) -> Result<String> {
    let mut text = String::new();
    writeln!(text, "| query | data | regions | rows | tasks | time | per row | per task |")?;
    writeln!(text, "|---|---|---|---|---|---|---|---|")?;
    for (what, _) in QUERIES {
        for cost in costs.iter().filter(|cost| cost.what == what) {
            let (times, regions) = cost.stage;
            let nanos = cost.time.as_secs_f64() * 1e9;
            writeln!(
                text,
                "| {what} | {times} x | {regions} | {} | {} | {:.1} ms | {:.0} ns | {:.2} ms |",
                cost.rows,
                cost.tasks,
                millis(cost.time),
                nanos / cost.rows.max(1) as f64,
                millis(cost.time) / cost.tasks.max(1) as f64,
            )?;
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_are_told_by_query_for_each_row_and_task() {
        let cost = |stage, what, rows, tasks, time| Cost {
            stage,
            what,
            rows,
            tasks,
            time: Duration::from_millis(time),
        };
        let text = table(&[
            cost((1, 1), "all rows", 1000, 1, 2),
            cost((1, 1), "sums", 1000, 1, 1),
            cost((10, 10), "all rows", 10_000, 10, 20),
        ]);
        let text = text.unwrap();
        let lines: Vec<_> = text.lines().skip(2).collect();
        assert_eq!(
            lines,
            [
                "| all rows | 1 x | 1 | 1000 | 1 | 2.0 ms | 2000 ns | 2.00 ms |",
                "| all rows | 10 x | 10 | 10000 | 10 | 20.0 ms | 2000 ns | 2.00 ms |",
                "| sums | 1 x | 1 | 1000 | 1 | 1.0 ms | 1000 ns | 1.00 ms |",
            ]
        );
    }
}
