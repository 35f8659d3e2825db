//! Through TiDB's SQL port: changes of schema, and the other way of writing.

mod commit;
mod connect;
mod ddl;
mod duplicates;
mod same;
mod statements;

use super::Scene;

const SQL: (&str, &str) = ("write.mode", "sql");
