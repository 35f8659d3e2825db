//! What `CREATE` statements mean: descriptions of databases and tables, exactly as TiDB makes them
//! (`pkg/ddl/create_table.go`).

mod charset;
mod column;
mod default;
mod field_type;
mod index;
mod partition;
mod table;

pub(super) use charset::{Charset, resolve};
pub(super) use table::{BuildOptions, build_table};
