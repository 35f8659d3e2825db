//! TPC-H: data from the crate `tpchgen`, loaded into TiDB.

use std::fmt::Display;

use tpchgen::generators::{
    CustomerGenerator, LineItemGenerator, NationGenerator, OrderGenerator, PartGenerator,
    PartSuppGenerator, RegionGenerator, SupplierGenerator,
};

use crate::cluster::repository;
use crate::tidb::Tidb;

/// Number of queries.
pub const QUERIES: usize = 22;

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

fn read(name: &str) -> String {
    let path = repository().join("tests/tpch").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Makes the tables in the current database of `tidb` and fills them with the data of `scale`.
///
/// # Panics
/// If that fails.
pub async fn load(tidb: &mut Tidb, scale: f64) {
    let schema = read("schema.sql");
    tidb.run(schema.split(';').map(str::trim).filter(|statement| !statement.is_empty())).await;
    insert(tidb, "region", RegionGenerator::new(scale, 1, 1)).await;
    insert(tidb, "nation", NationGenerator::new(scale, 1, 1)).await;
    insert(tidb, "part", PartGenerator::new(scale, 1, 1)).await;
    insert(tidb, "supplier", SupplierGenerator::new(scale, 1, 1)).await;
    insert(tidb, "partsupp", PartSuppGenerator::new(scale, 1, 1)).await;
    insert(tidb, "customer", CustomerGenerator::new(scale, 1, 1)).await;
    insert(tidb, "orders", OrderGenerator::new(scale, 1, 1)).await;
    insert(tidb, "lineitem", LineItemGenerator::new(scale, 1, 1)).await;
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
