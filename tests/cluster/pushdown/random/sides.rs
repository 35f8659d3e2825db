//! Who answers: sessions with everything on and with everything off, and TiDB.

use std::path::PathBuf;

use tifusion_embedded::EmbeddedCluster;
use tifusion_testkit::cluster::Cluster;
use tifusion_testkit::connector::{Connector, pushdown_off, taken};
use tifusion_testkit::differences;
use tifusion_testkit::edges::odd_rows;
use tifusion_testkit::generator::{Query, TABLES, Table};
use tifusion_testkit::tidb::Tidb;
use tokio::sync::Mutex;

use super::judge::Question;
use super::kept::Kept;

/// Rows of each table: enough for an index to be the shorter way.
pub(super) const ROWS: usize = 600;
/// How often a failing query is tried with fewer rows.
const SHRINKING_TRIES: usize = 150;
/// How often each region of an embedded cluster is split.
const SPLITS: usize = 2;

/// Ways to ask the stores, each in a session of its own: as it comes, in small pages and small batches of an
/// index's rows, and with answers that are rows and kept. Where there is TiDB, it is asked by SQL in one more way.
const ON: [&[(&str, &str)]; 3] = [
    &[],
    &[
        ("coprocess.streaming", "true"),
        ("coprocessor.chunk_batch_size", "32"),
        ("index.scan_batch_size", "7"),
        ("index.scan_concurrency", "2"),
    ],
    &[
        ("coprocess.codec_format", "default"),
        ("coprocessor.cache_size", "10000000"),
        ("plan.use_index_scan_first", "true"),
    ],
];
/// Connections to TiDB.
const CONNECTIONS: usize = 3;

/// Where tables are.
enum Home {
    /// A cluster in this process, which serves as long as this is there.
    Embedded { _cluster: Box<EmbeddedCluster> },
    /// The playground, whose TiDB answers too.
    Playground { cluster: Box<Cluster>, tidb: Vec<Mutex<Tidb>> },
}

/// Who answers.
pub(super) struct Sides {
    pub(super) on: Vec<Connector>,
    pub(super) off: Connector,
    home: Home,
    seed: u64,
}

impl Sides {
    /// Over the playground, in a database of its own, and TiDB.
    pub(super) async fn playground(cluster: &Cluster, database: &str, seed: u64) -> Self {
        let mut tidb = Tidb::in_database(&cluster.tidb, database).await;
        tidb.run(["SET @mode = @@sql_mode"]).await;
        for table in TABLES {
            fill(&mut tidb, table, &table.rows(seed, 1..=ROWS)).await;
        }
        Self::over_tidb(cluster, database, seed).await
    }

    /// Over a database of the playground that has its tables.
    pub(super) async fn over_tidb(cluster: &Cluster, database: &str, seed: u64) -> Self {
        let mut tidb = Vec::new();
        for _ in 0..CONNECTIONS {
            let mut one = Tidb::connect(&cluster.tidb).await;
            one.run([
                "SET time_zone = '+00:00'",
                &format!("USE {database}"),
                &differences::sql_mode(),
            ])
            .await;
            tidb.push(Mutex::new(one));
        }
        let home = Home::Playground { cluster: Box::new(cluster.clone()), tidb };
        let mut on = Vec::new();
        for settings in ON {
            on.push(Connector::connect(cluster, &taken(settings)).await);
        }
        on.push(Connector::by_sql(cluster, &[]).await);
        let off = Connector::connect(cluster, pushdown_off()).await;
        Self { on, off, home, seed }.using(database).await
    }

    /// Over a cluster in the process.
    pub(super) async fn embedded(cluster: EmbeddedCluster, seed: u64) -> Self {
        for table in TABLES {
            let rows = table.rows(seed, 1..=ROWS);
            for statement in [table.create("test."), table.insert("test.", &rows)] {
                let made = cluster.execute(&statement).await;
                made.unwrap_or_else(|error| panic!("{}: {error}", table.name));
            }
        }
        Self::over_embedded(cluster, seed).await
    }

    /// Over a cluster in the process that has its tables in `test`: in many regions.
    pub(super) async fn over_embedded(cluster: EmbeddedCluster, seed: u64) -> Self {
        for _ in 0..SPLITS {
            for region in cluster.regions() {
                cluster.split_region(region.id).unwrap();
            }
        }
        cluster.scatter();
        let mut on = Vec::new();
        for settings in ON {
            on.push(Connector::embedded(&cluster, &taken(settings)).await);
        }
        let off = Connector::embedded(&cluster, pushdown_off()).await;
        Self { on, off, home: Home::Embedded { _cluster: Box::new(cluster) }, seed }
            .using("test")
            .await
    }

    async fn using(self, database: &str) -> Self {
        for side in self.on.iter().chain([&self.off]) {
            side.use_database(database).await;
            // One of two cores each: what is asked is many small queries.
            side.query("SET datafusion.execution.target_partitions = 2").await;
        }
        self
    }

    /// How many ways there are to ask with everything on.
    pub(super) fn ways(&self) -> usize {
        self.on.len()
    }

    /// The session of a way; a query that was kept elsewhere may name one that is not here.
    pub(super) fn way(&self, way: usize) -> &Connector {
        &self.on[way % self.ways()]
    }

    pub(super) fn name(&self) -> &'static str {
        match self.home {
            Home::Embedded { .. } => "the embedded cluster",
            Home::Playground { .. } => "the playground, with TiDB",
        }
    }

    pub(super) fn has_tidb(&self) -> bool {
        self.tidb().is_some()
    }

    /// TiDB's connections.
    pub(super) fn tidb(&self) -> Option<&[Mutex<Tidb>]> {
        match &self.home {
            Home::Embedded { .. } => None,
            Home::Playground { tidb, .. } => Some(tidb),
        }
    }

    /// The plan with everything on.
    pub(super) async fn explain(&self, query: &Query, way: usize) -> String {
        self.way(way).explain(&query.sql()).await
    }

    /// The smallest query that still fails.
    pub(super) async fn shrink(&self, query: &Query, way: usize) -> Query {
        let mut query = query.clone();
        'again: loop {
            for smaller in query.smaller() {
                if self.judge(&smaller, way).await.is_err() {
                    query = smaller;
                    continue 'again;
                }
            }
            return query;
        }
    }

    /// Writes the query to a file, with the fewest rows with which it still fails. Returns where.
    pub(super) async fn keep(
        &self,
        number: usize,
        query: &Query,
        way: usize,
        why: &str,
    ) -> PathBuf {
        let mut kept = Kept::new(Question::new(query, way), query, self.seed, self.has_tidb());
        let (mut step, mut tries) = (ROWS / 2, 0);
        while step > 0 && tries < SHRINKING_TRIES {
            let mut fewer = None;
            for less in kept.with_fewer(step) {
                tries += 1;
                if self.still_fails(&less).await {
                    fewer = Some(less);
                    break;
                }
            }
            match fewer {
                Some(less) => kept = less,
                None => step /= 2,
            }
        }
        kept.write(&format!("seed_{}_query_{number}", self.seed), why)
    }

    /// Whether a kept query fails over its own rows alone, in a place of its own.
    async fn still_fails(&self, kept: &Kept) -> bool {
        match &self.home {
            Home::Embedded { .. } => {
                let cluster = EmbeddedCluster::builder().start().await.unwrap();
                kept.judge_embedded(cluster).await.is_err()
            }
            Home::Playground { cluster, .. } => {
                kept.judge_playground(cluster, "pushdown_shrunk").await.is_err()
            }
        }
    }
}

/// Makes a table in TiDB and fills it; its odd rows too, if it has some.
async fn fill(tidb: &mut Tidb, table: &Table, rows: &[String]) {
    tidb.run([table.create(""), table.insert("", rows)]).await;
    if table.is_odd {
        tidb.run(odd_rows(table.name)).await;
        tidb.run(["SET sql_mode = @mode"]).await;
    }
    if table.is_analyzed {
        tidb.run([format!("ANALYZE TABLE {} ALL COLUMNS", table.name)]).await;
    }
}
