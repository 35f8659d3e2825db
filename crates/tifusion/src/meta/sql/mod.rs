//! The metadata where PD can't be asked: from `information_schema`, through TiDB's SQL port.
//!
//! What is asked for by keys is made of TiDB's rows in the form in which TiDB keeps it under these keys, so that all
//! above sees one kind of metadata. It is less: ids of columns are their places, ids of databases are given here,
//! constraints and what only a writer needs are left out.

mod column_type;
mod reader;
mod table;

pub(crate) use reader::SqlReader;
