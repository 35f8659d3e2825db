//! Filters that the stores evaluate: with them or without, the answer is the same, and it is TiDB's.

mod conformance;
mod explain;
mod random;

use tifusion_embedded::EmbeddedCluster;
use tifusion_testkit::cluster::Cluster;
use tifusion_testkit::connector::Connector;
use tifusion_testkit::tidb::Tidb;
use tifusion_testkit::{differences, edges};

/// Rows of the table besides the odd ones.
const ROWS: usize = 240;

/// The key that turns all pushdown of filters off.
const OFF: (&str, &str) = ("plan.unsupported_pushdown_exprs", "*");

/// Two sessions over one cluster: filters are pushed down in one of them.
struct Sides {
    on: Connector,
    off: Connector,
}

impl Sides {
    /// Over the playground, with the table `edges` in a database of its own, and TiDB.
    async fn playground(cluster: &Cluster, database: &str) -> (Self, Tidb) {
        let mut tidb = Tidb::connect(&cluster.tidb).await;
        tidb.fresh_database(database).await;
        tidb.run(["SET time_zone = '+00:00'".to_owned(), edges::create("edges", "")]).await;
        tidb.run([edges::insert("edges", ROWS)]).await;
        tidb.run(["SET @mode = @@sql_mode".to_owned()]).await;
        tidb.run(edges::odd_rows("edges")).await;
        tidb.run(["SET sql_mode = @mode".to_owned(), differences::sql_mode()]).await;
        let on = Connector::connect(cluster, &[]).await;
        let off = Connector::connect(cluster, &[OFF]).await;
        let sides = Self { on, off };
        sides.use_database(database).await;
        (sides, tidb)
    }

    /// Over a cluster in the process.
    async fn embedded(cluster: &EmbeddedCluster) -> Self {
        let rows = edges::insert("test.edges", ROWS);
        cluster.execute(&edges::create("test.edges", "")).await.unwrap();
        cluster.execute(&rows).await.unwrap();
        let on = Connector::embedded(cluster, &[]).await;
        let off = Connector::embedded(cluster, &[OFF]).await;
        let sides = Self { on, off };
        sides.use_database("test").await;
        sides
    }

    async fn use_database(&self, database: &str) {
        self.on.use_database(database).await;
        self.off.use_database(database).await;
    }
}
