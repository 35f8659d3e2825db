//! `ANALYZE` for an embedded cluster, which has none: statistics as TiDB keeps them, version 2.
//!
//! Columns have histograms of equal depth, without frequent values; indexes and text of collations
//! whose keys are no bytes of it have none, as in a cluster where `ANALYZE` was told to leave them out.

use std::cmp::Ordering;

use tifusion_embedded::EmbeddedCluster;
use tifusion_schema::ColumnInfo;

use crate::cell::{Cell, Decimal};
use crate::connector::Connector;

/// The tables of statistics, as TiDB makes them.
const SYSTEM_TABLES: &str = "
    CREATE TABLE IF NOT EXISTS mysql.stats_meta (
        version BIGINT UNSIGNED NOT NULL, table_id BIGINT NOT NULL,
        modify_count BIGINT NOT NULL DEFAULT 0, `count` BIGINT UNSIGNED NOT NULL DEFAULT 0,
        snapshot BIGINT UNSIGNED NOT NULL DEFAULT 0, INDEX idx_ver (version), UNIQUE INDEX tbl (table_id));
    CREATE TABLE IF NOT EXISTS mysql.stats_histograms (
        table_id BIGINT NOT NULL, is_index TINYINT NOT NULL, hist_id BIGINT NOT NULL,
        distinct_count BIGINT NOT NULL, null_count BIGINT NOT NULL DEFAULT 0,
        tot_col_size BIGINT NOT NULL DEFAULT 0, modify_count BIGINT NOT NULL DEFAULT 0,
        version BIGINT UNSIGNED NOT NULL DEFAULT 0, cm_sketch BLOB, stats_ver BIGINT NOT NULL DEFAULT 0,
        flag BIGINT NOT NULL DEFAULT 0, correlation DOUBLE NOT NULL DEFAULT 0,
        last_analyze_pos LONGBLOB DEFAULT NULL, UNIQUE INDEX tbl (table_id, is_index, hist_id));
    CREATE TABLE IF NOT EXISTS mysql.stats_buckets (
        table_id BIGINT NOT NULL, is_index TINYINT NOT NULL, hist_id BIGINT NOT NULL,
        bucket_id BIGINT NOT NULL, `count` BIGINT NOT NULL, repeats BIGINT NOT NULL,
        upper_bound LONGBLOB NOT NULL, lower_bound LONGBLOB, ndv BIGINT NOT NULL DEFAULT 0,
        UNIQUE INDEX tbl (table_id, is_index, hist_id, bucket_id));
    CREATE TABLE IF NOT EXISTS mysql.stats_top_n (
        table_id BIGINT NOT NULL, is_index TINYINT NOT NULL, hist_id BIGINT NOT NULL,
        value LONGBLOB, `count` BIGINT UNSIGNED NOT NULL, INDEX tbl (table_id, is_index, hist_id))";

/// Buckets of a histogram.
const BUCKETS: usize = 64;

/// Makes the tables of statistics, empty.
///
/// # Panics
/// If the cluster has others of their names.
pub async fn create_tables(cluster: &EmbeddedCluster) {
    cluster.execute(SYSTEM_TABLES).await.expect("TiDB's own tables");
}

/// Collects statistics of tables, whose rows are read through a session of its own.
///
/// # Panics
/// If a table is not there or cannot be read.
pub async fn analyze_embedded(cluster: &EmbeddedCluster, database: &str, tables: &[&str]) {
    create_tables(cluster).await;
    let connector = Connector::embedded(cluster, &[]).await;
    for table in tables {
        let info = cluster.table_info(database, table).expect("a table");
        let columns: Vec<&ColumnInfo> =
            info.columns.iter().filter(|column| column.is_visible()).collect();
        let names: Vec<String> =
            columns.iter().map(|it| format!("\"{}\"", it.name.as_str())).collect();
        let query = format!("SELECT {} FROM \"{database}\".\"{table}\"", names.join(", "));
        let rows = connector.query(&query).await.rows;
        let version = cluster.timestamp();
        let (id, count) = (info.id, rows.len());
        let mut script = format!(
            "INSERT INTO mysql.stats_meta (version, table_id, `count`) VALUES ({version}, {id}, {count});"
        );
        for (place, column) in columns.into_iter().enumerate() {
            let cells: Vec<&Cell> = rows.iter().map(|row| &row[place]).collect();
            script += &of_column(id, column, cells, version);
        }
        cluster.execute(&script).await.unwrap_or_else(|error| panic!("{table}: {error}"));
    }
}

/// What is known of a column, as statements.
fn of_column(table: i64, column: &ColumnInfo, mut cells: Vec<&Cell>, version: u64) -> String {
    let nulls = cells.len();
    cells.retain(|cell| **cell != Cell::Null);
    let nulls = nulls - cells.len();
    cells.sort_by(|a, b| order(a, b));
    let distinct = different(&cells);
    let size: usize = cells.iter().map(|cell| size(cell)).sum();
    let id = column.id;
    let mut script = format!(
        "INSERT INTO mysql.stats_histograms (table_id, is_index, hist_id, distinct_count, null_count, \
         tot_col_size, version, stats_ver, flag) \
         VALUES ({table}, 0, {id}, {distinct}, {nulls}, {size}, {version}, 2, 1);"
    );
    let depth = cells.len().div_ceil(BUCKETS).max(1);
    let mut buckets = Vec::new();
    let mut rest = cells.as_slice();
    while let Some(last) = rest.get(depth.min(rest.len()).wrapping_sub(1)) {
        // Equal values are in one bucket.
        let end = rest.partition_point(|cell| order(cell, last) != Ordering::Greater);
        let (bucket, behind) = rest.split_at(end);
        rest = behind;
        let Some((lower, upper)) = bound(column, bucket[0]).zip(bound(column, last)) else {
            return script;
        };
        let repeats = end - bucket.partition_point(|cell| order(cell, last) == Ordering::Less);
        let (number, ndv) = (buckets.len(), different(bucket));
        buckets.push(format!(
            "({table}, 0, {id}, {number}, {end}, {repeats}, {upper}, {lower}, {ndv})"
        ));
    }
    if !buckets.is_empty() {
        script += &format!("INSERT INTO mysql.stats_buckets VALUES {};", buckets.join(", "));
    }
    script
}

/// How many different values there are in order.
fn different(cells: &[&Cell]) -> usize {
    let changes = cells.windows(2).filter(|pair| order(pair[0], pair[1]) != Ordering::Equal);
    changes.count() + usize::from(!cells.is_empty())
}

/// A bound of a bucket, as SQL; `None` if the form of this column's is not known here.
fn bound(column: &ColumnInfo, cell: &Cell) -> Option<String> {
    let bytes = match cell {
        Cell::Text(_) if !column.field_type.is_string() => return None,
        Cell::Text(text) => match column.field_type.collate.as_str() {
            "utf8mb4_0900_bin" => text.as_bytes(),
            "utf8mb4_bin" => text.trim_end_matches(' ').as_bytes(),
            _ => return None,
        },
        Cell::Bytes(bytes) => bytes,
        other => return Some(format!("'{}'", other.plain())),
    };
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Some(format!("x'{digits}'"))
}

fn size(cell: &Cell) -> usize {
    match cell {
        Cell::Text(text) => text.len() + 1,
        Cell::Bytes(bytes) => bytes.len() + 1,
        _ => 8,
    }
}

/// The order of values of one column.
fn order(a: &Cell, b: &Cell) -> Ordering {
    let number = |decimal: &Decimal| decimal.to_string().parse::<f64>().expect("a number");
    match (a, b) {
        (Cell::Int(a), Cell::Int(b)) => a.cmp(b),
        (Cell::Float(a), Cell::Float(b)) => a.total_cmp(b),
        (Cell::Decimal(a), Cell::Decimal(b)) => number(a).total_cmp(&number(b)),
        (Cell::Date(a), Cell::Date(b))
        | (Cell::DateTime(a), Cell::DateTime(b))
        | (Cell::Time(a), Cell::Time(b)) => a.cmp(b),
        (Cell::Text(a), Cell::Text(b)) => a.trim_end_matches(' ').cmp(b.trim_end_matches(' ')),
        (Cell::Bytes(a), Cell::Bytes(b)) => a.cmp(b),
        _ => Ordering::Equal,
    }
}
