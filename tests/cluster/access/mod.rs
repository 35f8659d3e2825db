//! Filters as ranges of keys and as partitions: the rows are TiDB's, and no more is read than needed.

mod choice;
mod embedded;
mod handles;
mod keys;
mod partitions;

use std::sync::Arc;

use tifusion_testkit::cluster::{Cluster, Shape};
use tifusion_testkit::compare::{Rules, difference};
use tifusion_testkit::connector::{Answer, Connector};
use tifusion_testkit::tidb::Tidb;

/// TiDB and a connector, both in one empty database.
struct Sides {
    cluster: Arc<Cluster>,
    tidb: Tidb,
    connector: Connector,
}

impl Sides {
    async fn of(shape: Shape, database: &str) -> Option<Self> {
        let cluster = Cluster::of(shape, database)?;
        let mut tidb = Tidb::in_database(&cluster.tidb, database).await;
        tidb.run(["SET sql_mode = 'ALLOW_INVALID_DATES'"]).await;
        let connector = Connector::connect(&cluster, &[]).await;
        connector.use_database(database).await;
        Some(Self { cluster, tidb, connector })
    }

    fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// Both give the same rows; how many.
    async fn agree(&mut self, query: &str) -> usize {
        let theirs = self.tidb.query(query).await;
        let ours = self.connector.query(query).await;
        if let Some(difference) = difference(&ours, &theirs, Rules::default()) {
            panic!("{difference}\n{query}");
        }
        theirs.rows.len()
    }

    /// What `EXPLAIN` says of the ranges; none where DataFusion sees itself that no row can match.
    async fn ranges(&self, query: &str) -> String {
        let plan = self.connector.explain(query).await;
        if plan.contains("EmptyExec") { "[]".to_owned() } else { shown(&plan, "ranges=") }
    }

    /// Runs a query, for what it asked of the stores.
    async fn run(&self, query: &str) -> Answer {
        self.connector.run(query).await.unwrap_or_else(|error| panic!("{error}\n{query}"))
    }
}

/// What a plan shows of its scan behind `label`, up to the next part.
fn shown(plan: &str, label: &str) -> String {
    const NEXT: [&str; 12] = [
        ", regions=",
        ", ranges=",
        ", limit=",
        ", keep_order=",
        ", aggregates=",
        ", top_n=",
        ", pushed=",
        ", superset=",
        ", not pushed:",
        ", rows≈",
        ", stats=",
        ", start_ts=",
    ];
    let scan = plan.split("TikvScanExec").nth(1).unwrap_or_else(|| panic!("no scan in\n{plan}"));
    let rest = scan.split(label).nth(1).unwrap_or_else(|| panic!("no {label} in\n{plan}"));
    let end = NEXT.iter().filter_map(|next| rest.find(next)).min();
    rest[..end.unwrap_or(rest.len())].to_owned()
}
