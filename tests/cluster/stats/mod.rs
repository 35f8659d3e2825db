//! Statistics: what `ANALYZE` left, as TiDB has it, and what plans make of it.

mod bad;
mod estimates;
mod join_order;
mod plans;
mod tables;

use tifusion::AnalyzedTable;
use tifusion::statistics::HistogramId;
use tifusion_testkit::cell::Cell;
use tifusion_testkit::cluster::{Cluster, Shape};
use tifusion_testkit::connector::Connector;
use tifusion_testkit::tidb::Tidb;

/// How often `ANALYZE` may be asked again on the old TiDB.
const TRIES: usize = 40;

async fn analyze(tidb: &mut Tidb, shape: Shape, version: u8, table: &str, options: &str) {
    // TiDB of 2021 analyzes all columns, and knows no word for it.
    let columns = if shape.old { "" } else { "ALL COLUMNS" };
    tidb.run([format!("SET tidb_analyze_version = {version}")]).await;
    for _ in 0..TRIES {
        tidb.run([format!("ANALYZE TABLE {table} {columns} {options}")]).await;
        if !shape.old || is_whole(tidb, table).await {
            return;
        }
    }
    panic!("{TRIES} times ANALYZE TABLE {table} did not see all rows");
}

/// Whether `ANALYZE` saw all rows of a table. The old playground's store does not tell that the region
/// of a request was split meanwhile: the rows behind the split are missing then.
async fn is_whole(tidb: &mut Tidb, table: &str) -> bool {
    let rows = tidb.number(&format!("SELECT COUNT(*) FROM {table}")).await;
    let seen = "SELECT COUNT(*) FROM mysql.stats_histograms h \
                JOIN information_schema.tables t ON t.tidb_table_id = h.table_id \
                WHERE t.table_schema = DATABASE() AND h.null_count + IFNULL( \
                    (SELECT SUM(b.count) FROM mysql.stats_buckets b WHERE b.table_id = h.table_id \
                     AND b.is_index = h.is_index AND b.hist_id = h.hist_id), 0)";
    let partly = tidb.number(&format!("{seen} <> {rows} AND t.table_name = '{table}'")).await;
    partly == 0
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
