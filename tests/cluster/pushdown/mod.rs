//! Filters that the stores evaluate, and what they make of rows: with them or without, the answer is the same, and it is TiDB's.

mod aggregates;
mod conformance;
mod dates;
mod explain;
mod kept;
pub(crate) mod random;
mod reduction;

use tifusion::{Error, ErrorKind};
use tifusion_embedded::EmbeddedCluster;
use tifusion_testkit::cluster::Cluster;
use tifusion_testkit::connector::{Answer, Connector, pushdown_off};
use tifusion_testkit::tidb::Tidb;
use tifusion_testkit::{differences, edges};

/// Rows of the table besides the odd ones.
const ROWS: usize = 240;

/// Tables of the same columns: one plain, one with indexes, one in partitions.
const TABLES: [&str; 3] = ["edges", "keyed", "parts"];

/// The statements that make and fill the tables, whose names have `prefix`.
fn statements(prefix: &str) -> Vec<String> {
    let [edges, keyed, parts] = TABLES.map(|table| format!("{prefix}{table}"));
    let keys = ", KEY by_int (i_int), KEY by_name (name_ci), UNIQUE KEY by_all (id, s)";
    vec![
        edges::create(&edges, "", ""),
        edges::create(&keyed, keys, ""),
        edges::create(&parts, "", " PARTITION BY HASH (id) PARTITIONS 3"),
        edges::insert(&edges, ROWS),
        edges::insert(&keyed, ROWS),
        edges::insert(&parts, ROWS),
    ]
}

/// Sessions over one cluster: one lets the stores do what they can, one lets them read alone.
struct Sides {
    on: Connector,
    off: Connector,
    /// One that asks TiDB, where there is one.
    by_sql: Option<Connector>,
}

impl Sides {
    /// Over the playground, with the table `edges` in a database of its own, and TiDB.
    async fn playground(cluster: &Cluster, database: &str) -> (Self, Tidb) {
        let mut tidb = Tidb::in_database(&cluster.tidb, database).await;
        tidb.run(["SET @mode = @@sql_mode"]).await;
        tidb.run(statements("")).await;
        for table in TABLES {
            tidb.run(edges::odd_rows(table)).await;
        }
        tidb.run(["SET sql_mode = @mode".to_owned(), differences::sql_mode()]).await;
        let on = Connector::connect(cluster, &[]).await;
        let off = Connector::connect(cluster, pushdown_off()).await;
        let by_sql = Some(Connector::by_sql(cluster, &[]).await);
        let sides = Self { on, off, by_sql };
        sides.use_database(database).await;
        (sides, tidb)
    }

    /// Over a cluster in the process.
    async fn embedded(cluster: &EmbeddedCluster) -> Self {
        for statement in statements("test.") {
            cluster.execute(&statement).await.unwrap();
        }
        let on = Connector::embedded(cluster, &[]).await;
        let off = Connector::embedded(cluster, pushdown_off()).await;
        let sides = Self { on, off, by_sql: None };
        sides.use_database("test").await;
        sides
    }

    async fn use_database(&self, database: &str) {
        self.on.use_database(database).await;
        self.off.use_database(database).await;
        if let Some(by_sql) = &self.by_sql {
            by_sql.use_database(database).await;
        }
    }
}

/// The answer to a query, which a machine that has much to do may need to be asked for again.
async fn answer(connector: &Connector, sql: &str) -> Result<Answer, Error> {
    const TRIES: usize = 4;
    for _ in 1..TRIES {
        match connector.run(sql).await {
            Err(error) if error.kind() == ErrorKind::DeadlineExceeded => {}
            answer => return answer,
        }
    }
    connector.run(sql).await
}
