//! What is said of names that are not there.

use crate::error::{Error, ErrorKind};

/// There is no such database.
pub(super) fn no_database(name: &str) -> Error {
    Error::new(
        ErrorKind::NotFound,
        format!("there is no database {name} in the cluster: SHOW DATABASES lists those there are"),
    )
}

/// There is no such table in a database that is there.
pub(super) fn no_table(database: &str, table: &str) -> Error {
    Error::new(
        ErrorKind::NotFound,
        format!(
            "there is no table {table} in database {database}: SHOW TABLES FROM {database} lists \
             those there are"
        ),
    )
}
