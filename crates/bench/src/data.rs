//! The data that all sides read.

use std::collections::HashMap;

use tifusion::TidbContext;
use tifusion_testkit::cluster::Cluster;
use tifusion_testkit::tidb::Tidb;
use tifusion_testkit::tpch;

use crate::error::{BenchError, Result};

/// Makes TPC-H's tables on the cluster unless a run before has left them, and lets TiDB analyze them. The database's
/// name.
pub(crate) async fn prepare(cluster: &Cluster, scale: f64) -> Result<String> {
    let database = format!("tpch_{scale}").replace('.', "_");
    let mut tidb = Tidb::connect(&cluster.tidb).await;
    // The last table is analyzed when all of them are there.
    let is_there = format!(
        "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = '{database}' AND table_name = 'done'"
    );
    if tidb.number(&is_there).await == 1 {
        return Ok(database);
    }
    tidb.fresh_database(&database).await;
    tidb.run(tpch::schema()).await;
    let context = TidbContext::connect(HashMap::from([
        ("pd.addresses".to_owned(), cluster.pd.clone()),
        ("write.enable".to_owned(), "true".to_owned()),
    ]))
    .await?;
    for (table, batches) in tpch::tables(scale) {
        let rows = batches.collect::<std::result::Result<Vec<_>, _>>();
        let rows = rows.map_err(|source| BenchError::Rows { table, source })?;
        let frame = context.session_context().read_batches(rows)?;
        let written = context.table_writer(&format!("{database}.{table}")).write(frame).await?;
        tidb.run([format!("ANALYZE TABLE {table} ALL COLUMNS")]).await;
        eprintln!("{table}: {} rows", written.rows);
    }
    tidb.run(["CREATE TABLE done (id INT PRIMARY KEY)"]).await;
    Ok(database)
}
