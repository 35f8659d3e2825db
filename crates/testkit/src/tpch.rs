//! TPC-H: data from the crates `tpchgen` and `tpchgen-arrow`, loaded into TiDB, an embedded cluster
//! or memory.

use std::fmt::Display;
use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchReader};
use datafusion::datasource::MemTable;
use datafusion::prelude::SessionContext;
use tifusion_embedded::EmbeddedCluster;
use tpchgen::generators::{
    CustomerGenerator, LineItemGenerator, NationGenerator, OrderGenerator, PartGenerator,
    PartSuppGenerator, RegionGenerator, SupplierGenerator,
};
use tpchgen_arrow::{
    CustomerArrow, LineItemArrow, NationArrow, OrderArrow, PartArrow, PartSuppArrow, RegionArrow,
    SupplierArrow,
};

use crate::cluster::repository;
use crate::compare::Rules;
use crate::tidb::Tidb;

/// Number of queries.
pub const QUERIES: usize = 22;

/// Queries with averages or divisions, whose digits each engine rounds in its own way.
const ROUNDING: [usize; 4] = [1, 8, 14, 17];

/// Rows in one `INSERT`.
const BATCH: usize = 2_000;

/// The text of query `number`, from 1.
///
/// # Panics
/// If its file cannot be read.
#[must_use]
pub fn query(number: usize) -> String {
    read(&format!("q{number}.sql"))
}

/// How answers to query `number` are compared with TiDB's.
#[must_use]
pub fn rules(number: usize) -> Rules {
    let rounded = ROUNDING.contains(&number);
    Rules { ordered: true, exact_numbers: true, rounded, ..Rules::default() }
}

/// The statements that make the tables.
///
/// # Panics
/// If their file cannot be read.
#[must_use]
pub fn schema() -> Vec<String> {
    let script = read("schema.sql");
    let statements = script.split(';').map(str::trim).filter(|statement| !statement.is_empty());
    statements.map(str::to_owned).collect()
}

fn read(name: &str) -> String {
    let path = repository().join("tests/tpch").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Makes the tables in the current database of `tidb` and fills them with the data of `scale`.
///
/// # Panics
/// If that fails.
pub async fn load(tidb: &mut Tidb, scale: f64) {
    tidb.run(schema()).await;
    insert(tidb, "region", RegionGenerator::new(scale, 1, 1)).await;
    insert(tidb, "nation", NationGenerator::new(scale, 1, 1)).await;
    insert(tidb, "part", PartGenerator::new(scale, 1, 1)).await;
    insert(tidb, "supplier", SupplierGenerator::new(scale, 1, 1)).await;
    insert(tidb, "partsupp", PartSuppGenerator::new(scale, 1, 1)).await;
    insert(tidb, "customer", CustomerGenerator::new(scale, 1, 1)).await;
    insert(tidb, "orders", OrderGenerator::new(scale, 1, 1)).await;
    insert(tidb, "lineitem", LineItemGenerator::new(scale, 1, 1)).await;
}

/// The names of the tables and their rows at `scale`, as Arrow has them.
pub fn tables(scale: f64) -> [(&'static str, Box<dyn RecordBatchReader + Send>); 8] {
    [
        ("region", Box::new(RegionArrow::new(RegionGenerator::new(scale, 1, 1)))),
        ("nation", Box::new(NationArrow::new(NationGenerator::new(scale, 1, 1)))),
        ("part", Box::new(PartArrow::new(PartGenerator::new(scale, 1, 1)))),
        ("supplier", Box::new(SupplierArrow::new(SupplierGenerator::new(scale, 1, 1)))),
        ("partsupp", Box::new(PartSuppArrow::new(PartSuppGenerator::new(scale, 1, 1)))),
        ("customer", Box::new(CustomerArrow::new(CustomerGenerator::new(scale, 1, 1)))),
        ("orders", Box::new(OrderArrow::new(OrderGenerator::new(scale, 1, 1)))),
        ("lineitem", Box::new(LineItemArrow::new(LineItemGenerator::new(scale, 1, 1)))),
    ]
}

/// Makes the tables in `database` of an embedded cluster and fills them with the data of `scale`.
///
/// # Panics
/// If that fails.
pub async fn load_embedded(cluster: &EmbeddedCluster, database: &str, scale: f64) {
    let script = format!("CREATE DATABASE `{database}`; USE `{database}`; {}", read("schema.sql"));
    cluster.execute(&script).await.unwrap_or_else(|error| panic!("{error}"));
    for (table, batches) in tables(scale) {
        for batch in batches {
            let batch = batch.expect("generated rows");
            let loaded = cluster.load(database, table, &batch).await;
            loaded.unwrap_or_else(|error| panic!("{table}: {error}"));
        }
    }
}

/// DataFusion alone, over the same data in memory: what its answers are without storage beneath.
///
/// # Panics
/// If that fails.
#[must_use]
pub fn in_memory(scale: f64) -> SessionContext {
    let session = SessionContext::new();
    for (name, batches) in tables(scale) {
        let schema = batches.schema();
        let batches: Vec<RecordBatch> = batches.collect::<Result<_, _>>().expect("generated rows");
        let table = MemTable::try_new(schema, vec![batches]).expect("a table in memory");
        session.register_table(name, Arc::new(table)).expect("a name of its own");
    }
    session
}

/// Inserts rows whose text is the benchmark's own: fields that each end in `|`.
async fn insert<R: Display>(tidb: &mut Tidb, table: &str, rows: impl IntoIterator<Item = R>) {
    let mut rows = rows.into_iter().map(|row| row.to_string());
    loop {
        let values: Vec<String> = rows.by_ref().take(BATCH).map(|row| values(&row)).collect();
        if values.is_empty() {
            return;
        }
        tidb.run([format!("INSERT INTO {table} VALUES {}", values.join(","))]).await;
    }
}

fn values(row: &str) -> String {
    let fields = row.strip_suffix('|').unwrap_or(row).split('|');
    let quoted = fields.map(|field| format!("'{}'", field.replace('\'', "''")));
    format!("({})", quoted.collect::<Vec<_>>().join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_become_literals() {
        assert_eq!(values("1|O'Hara|0.05|"), "('1','O''Hara','0.05')");
    }
}
