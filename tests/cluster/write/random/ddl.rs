//! Changes of schema, which TiDB makes between the writes.

use tifusion_testkit::cell::Cell;

use super::table::{Column, Index, Partitions, Table};
use super::value::{Kind, literal};

/// A change of schema.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Ddl {
    /// At this place.
    AddColumn(Column, usize),
    DropColumn(String),
    AddIndex(Index),
    DropIndex(String),
    RenameIndex(String, String),
    SetDefault(String, Cell),
    DropDefault(String),
    /// To a type with more room, which leaves the rows as they are.
    Widen(String, Kind),
    Truncate,
    Rename(String),
    /// With these numbers.
    AddPartition(String, i128),
    /// So many more, where rows are spread over all.
    AddPartitions(usize),
    TruncatePartition(String),
    DropPartition(String),
}

impl Ddl {
    pub(super) fn sql(&self, table: &Table) -> String {
        let name = &table.name;
        match self {
            Self::AddColumn(column, at) => {
                let place = match at {
                    0 => " FIRST".to_owned(),
                    at if *at == table.columns.len() => String::new(),
                    at => format!(" AFTER {}", table.columns[at - 1].name),
                };
                format!("ALTER TABLE {name} ADD COLUMN {}{place}", column.definition())
            }
            Self::DropColumn(column) => format!("ALTER TABLE {name} DROP COLUMN {column}"),
            Self::AddIndex(index) => format!("ALTER TABLE {name} ADD {}", index.definition()),
            Self::DropIndex(index) => format!("ALTER TABLE {name} DROP INDEX {index}"),
            Self::RenameIndex(from, to) => {
                format!("ALTER TABLE {name} RENAME INDEX {from} TO {to}")
            }
            Self::SetDefault(column, value) => {
                format!("ALTER TABLE {name} ALTER COLUMN {column} SET DEFAULT {}", literal(value))
            }
            Self::DropDefault(column) => {
                format!("ALTER TABLE {name} ALTER COLUMN {column} DROP DEFAULT")
            }
            Self::Widen(column, kind) => {
                let column = Column { kind: *kind, ..table.column(column).unwrap().clone() };
                format!("ALTER TABLE {name} MODIFY COLUMN {}", column.definition())
            }
            Self::Truncate => format!("TRUNCATE TABLE {name}"),
            Self::Rename(to) => format!("RENAME TABLE {name} TO {to}"),
            Self::AddPartition(..) => {
                let (_, partitions) = table.partitions.as_ref().unwrap();
                let count = partitions.names().len();
                let more = self.with_partition(partitions).definitions(count);
                format!("ALTER TABLE {name} ADD PARTITION ({more})")
            }
            Self::AddPartitions(more) => {
                format!("ALTER TABLE {name} ADD PARTITION PARTITIONS {more}")
            }
            Self::TruncatePartition(part) => {
                format!("ALTER TABLE {name} TRUNCATE PARTITION {part}")
            }
            Self::DropPartition(part) => format!("ALTER TABLE {name} DROP PARTITION {part}"),
        }
    }

    /// Whether it makes sense for the table as it is.
    pub(super) fn fits(&self, table: &Table) -> bool {
        let has_index = |name: &String| table.keys.iter().any(|key| key.name == *name);
        let is_used = |column: &str| {
            table.keys.iter().any(|key| key.has(column))
                || table.partitions.as_ref().is_some_and(|(by, _)| by == column)
        };
        let parts = table.partitions.as_ref().map(|(_, it)| it.names()).unwrap_or_default();
        match self {
            Self::AddColumn(column, at) => {
                *at <= table.columns.len() && table.place(&column.name).is_none()
            }
            Self::DropColumn(column) => {
                table.place(column).is_some() && !is_used(column) && table.columns.len() > 2
            }
            Self::AddIndex(index) => {
                !has_index(&index.name) && index.parts.iter().all(|it| table.place(&it.0).is_some())
            }
            Self::DropIndex(index) => has_index(index),
            Self::RenameIndex(from, to) => has_index(from) && !has_index(to),
            Self::SetDefault(column, _) | Self::DropDefault(column) => {
                table.place(column).is_some()
            }
            Self::Widen(column, _) => {
                let divides = table.partitions.as_ref().is_some_and(|(by, _)| by == column);
                table.place(column).is_some() && !divides
            }
            Self::Truncate | Self::Rename(_) => true,
            Self::AddPartition(name, _) => !parts.is_empty() && !parts.contains(name),
            Self::AddPartitions(more) => table.spread().is_some_and(|count| count + more < 12),
            Self::TruncatePartition(name) => parts.contains(name),
            Self::DropPartition(name) => parts.contains(name) && parts.len() > 1,
        }
    }

    fn with_partition(&self, partitions: &Partitions) -> Partitions {
        let mut partitions = partitions.clone();
        let Self::AddPartition(name, number) = self else { return partitions };
        match &mut partitions {
            Partitions::Range(parts) => parts.push((name.clone(), Some(*number))),
            Partitions::List(parts) => parts.push((name.clone(), vec![Cell::Int(*number)])),
            Partitions::Hash(_) | Partitions::Key(_) => {}
        }
        partitions
    }

    /// The table afterwards; the unique key that can't be if two rows are the same in it.
    pub(super) fn apply(&self, table: &Table) -> Result<Table, String> {
        let mut after = table.clone();
        match self {
            Self::AddColumn(column, at) => {
                after.columns.insert(*at, column.clone());
                let value = column.default.clone().unwrap_or(Cell::Null);
                after.rows.iter_mut().for_each(|row| row.insert(*at, value.clone()));
            }
            Self::DropColumn(column) => {
                let at = table.place(column).unwrap();
                after.columns.remove(at);
                after.rows.iter_mut().for_each(|row| drop(row.remove(at)));
            }
            Self::AddIndex(index) => {
                after.keys.push(index.clone());
                let mut seen = std::collections::HashSet::new();
                for row in table.rows.iter().filter(|_| index.unique) {
                    let key = table.key_of(index, row);
                    if key.is_some_and(|key| !seen.insert(key)) {
                        return Err(index.name.clone());
                    }
                }
            }
            Self::DropIndex(index) => after.keys.retain(|key| key.name != *index),
            Self::RenameIndex(from, to) => {
                let key = after.keys.iter_mut().find(|key| key.name == *from).unwrap();
                key.name.clone_from(to);
            }
            Self::SetDefault(column, value) => {
                let at = table.place(column).unwrap();
                after.columns[at].default = Some(value.clone());
            }
            Self::DropDefault(column) => {
                let at = table.place(column).unwrap();
                after.columns[at].default = None;
            }
            Self::Widen(column, kind) => {
                let at = table.place(column).unwrap();
                after.columns[at].kind = *kind;
            }
            Self::Truncate => after.rows.clear(),
            Self::Rename(to) => after.name.clone_from(to),
            Self::AddPartition(..) => {
                if let Some((_, partitions)) = &mut after.partitions {
                    *partitions = self.with_partition(partitions);
                }
            }
            Self::AddPartitions(more) => {
                if let Some((_, Partitions::Hash(count) | Partitions::Key(count))) =
                    &mut after.partitions
                {
                    *count += more;
                }
            }
            Self::TruncatePartition(part) => drop_rows(&mut after, part),
            Self::DropPartition(part) => {
                drop_rows(&mut after, part);
                match after.partitions.as_mut().map(|it| &mut it.1) {
                    Some(Partitions::Range(parts)) => parts.retain(|it| it.0 != *part),
                    Some(Partitions::List(parts)) => parts.retain(|it| it.0 != *part),
                    _ => {}
                }
            }
        }
        Ok(after)
    }
}

fn drop_rows(table: &mut Table, part: &str) {
    let (column, partitions) = table.partitions.clone().unwrap();
    let at = table.place(&column).unwrap();
    table.rows.retain(|row| partitions.of(&row[at]) != Ok(Some(part)));
}
