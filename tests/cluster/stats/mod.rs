//! Statistics: what `ANALYZE` left, as TiDB has it, and what plans make of it.

mod bad;
mod estimates;
mod plans;
mod tables;

use tifusion::AnalyzedTable;
use tifusion::statistics::HistogramId;
use tifusion_testkit::cell::Cell;
use tifusion_testkit::cluster::{Cluster, Shape};
use tifusion_testkit::connector::Connector;
use tifusion_testkit::tidb::Tidb;

/// TiDB with an empty database of the test's name.
async fn tidb_with(cluster: &Cluster, database: &str) -> Tidb {
    let mut tidb = Tidb::connect(&cluster.tidb).await;
    tidb.fresh_database(database).await;
    tidb.run(["SET time_zone = '+00:00'"]).await;
    tidb
}

async fn analyze(tidb: &mut Tidb, shape: Shape, version: u8, table: &str, options: &str) {
    // TiDB of 2021 analyzes all columns, and knows no word for it.
    let columns = if shape.old { "" } else { "ALL COLUMNS" };
    tidb.run([
        format!("SET tidb_analyze_version = {version}"),
        format!("ANALYZE TABLE {table} {columns} {options}"),
    ])
    .await;
}

/// The statistics of a table, read anew.
async fn statistics(cluster: &Cluster, database: &str, table: &str) -> AnalyzedTable {
    let connector = Connector::connect(cluster, &[]).await;
    connector.context().table_statistics(database, table).await.unwrap()
}

async fn table_id(tidb: &mut Tidb, database: &str, table: &str) -> i128 {
    let query = format!(
        "SELECT tidb_table_id FROM information_schema.tables \
         WHERE table_schema = '{database}' AND table_name = '{table}'"
    );
    tidb.number(&query).await
}

/// An integer cell.
fn int(cell: &Cell) -> i128 {
    match cell {
        Cell::Int(number) => *number,
        other => panic!("no integer: {other:?}"),
    }
}

fn histogram_id(is_index: i128, id: i128) -> HistogramId {
    let id = i64::try_from(id).unwrap();
    if is_index == 1 { HistogramId::Index(id) } else { HistogramId::Column(id) }
}
