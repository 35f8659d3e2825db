//! The statement that makes a table, in the words of TiDB's `SHOW CREATE TABLE`.
//!
//! The words are those of TiDB 8.5 and newer with its default settings: integers have no display
//! length, strings in the metadata are taken as they are. What this version can't word is refused
//! by name, for a statement that lacks a part makes another table.

mod column;
mod index;
mod option;
mod partition;
mod quote;
mod view;

use tifusion_codec::time::Zone;

use crate::model::TableInfo;

/// A part of a table that this version can't put into words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("SHOW CREATE of {table} is not available: this version has no words for {what}")]
pub struct NotShown {
    /// The table's name.
    pub table: String,
    /// The part, with its name.
    pub what: String,
}

/// What the statement depends on besides the table's description.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Surroundings<'a> {
    /// The name of the table's database.
    pub database: &'a str,
    /// The session's zone, in which the default of a `TIMESTAMP` is shown.
    pub zone: Zone,
    /// The zone of the TiDB servers, in which columns of version 0 keep the default of a `TIMESTAMP`.
    pub system_zone: Option<Zone>,
    /// The numbers that new rows get.
    pub next: NextIds,
}

/// The next values of a table's columns that count by themselves; 1 and less are not shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NextIds {
    /// Of the `AUTO_INCREMENT` column; `None` where only the TiDB servers know it (tables with
    /// `AUTO_ID_CACHE 1`), which a comment in the statement says then.
    pub auto_increment: Option<i64>,
    /// Of the `AUTO_RANDOM` column, without its random bits.
    pub auto_random: i64,
}

/// The `CREATE` statement of a table, view or sequence, without a semicolon.
///
/// # Errors
/// [`NotShown`], for what this version can't put into words.
pub fn show_create(table: &TableInfo, around: &Surroundings<'_>) -> Result<String, NotShown> {
    let shown = match (&table.view, &table.sequence) {
        (Some(view), _) => Ok(view::view(table, view)),
        (None, Some(sequence)) => Ok(view::sequence(table, sequence)),
        (None, None) => create_table(table, around),
    };
    shown.map_err(|what| NotShown { table: table.name.original.clone(), what })
}

/// A part of the statement, or what it can't be said of.
type Words = Result<String, String>;

fn create_table(table: &TableInfo, around: &Surroundings<'_>) -> Words {
    let unknown = table.unknown_fields();
    if !unknown.is_empty() {
        return Err(format!("what a newer TiDB wrote as {}", unknown.join(", ")));
    }
    let mut parts = Vec::new();
    for column in table.public_columns() {
        parts.push(column::definition(table, column, around)?);
    }
    parts.extend(index::clustered_key(table));
    for index in table.indices.iter().filter(|index| index.state.is_public()) {
        parts.push(index::definition(table, index)?);
    }
    parts.extend(table.foreign_keys.iter().map(|key| index::foreign_key(key, around.database)));
    let checks = table.constraints.iter().filter(|check| check.state.is_public());
    parts.extend(checks.map(index::check));
    let kind = option::create(table)?;
    let name = quote::name(&table.name.original);
    let mut statement = format!("{kind} {name} (\n{}\n)", parts.join(",\n"));
    statement.push_str(&option::options(table, around)?);
    if let Some(partition) = table.partition_info() {
        statement.push_str(&partition::partitioning(partition)?);
    }
    Ok(statement)
}

#[cfg(test)]
mod tests;
