//! Tables: what they look like now, as TiDB was told.

use rand::Rng as _;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use tifusion_testkit::cell::Cell;

use super::value::{Kind, literal};

/// A column.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) nullable: bool,
    /// `None` without a default: then a column that may be `NULL` is that.
    pub(super) default: Option<Cell>,
}

impl Column {
    pub(super) fn new(name: &str, kind: Kind) -> Self {
        Self { name: name.to_owned(), kind, nullable: true, default: None }
    }

    pub(super) fn required(name: &str, kind: Kind) -> Self {
        Self { nullable: false, ..Self::new(name, kind) }
    }

    /// One of any type.
    pub(super) fn random(name: &str, random: &mut StdRng) -> Self {
        let kind = Kind::random(random);
        let takes_default = !kind.is_long() && kind != Kind::Json;
        let default = (takes_default && random.random_bool(0.5)).then(|| kind.value(random));
        // TiDB keeps defaults as text, and makes text of bytes that are none.
        let default = default.filter(|it| !matches!(it, Cell::Bytes(bytes) if !bytes.is_ascii()));
        let nullable = random.random_bool(0.75);
        Self { name: name.to_owned(), kind, nullable, default }
    }

    pub(super) fn definition(&self) -> String {
        let Self { name, kind, nullable, default } = self;
        let null = if *nullable { "NULL" } else { "NOT NULL" };
        let default = default.as_ref().map(|it| format!(" DEFAULT {}", literal(it)));
        format!("{name} {} {null}{}", kind.definition(), default.unwrap_or_default())
    }
}

/// A key of columns, each with the length of its prefix.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Index {
    pub(super) name: String,
    pub(super) unique: bool,
    pub(super) parts: Vec<(String, Option<usize>)>,
}

impl Index {
    pub(super) fn columns(&self) -> String {
        let part = |(name, prefix): &(String, Option<usize>)| match prefix {
            Some(prefix) => format!("{name}({prefix})"),
            None => name.clone(),
        };
        self.parts.iter().map(part).collect::<Vec<_>>().join(", ")
    }

    pub(super) fn definition(&self) -> String {
        let unique = if self.unique { "UNIQUE " } else { "" };
        format!("{unique}KEY {} ({})", self.name, self.columns())
    }

    pub(super) fn has(&self, column: &str) -> bool {
        self.parts.iter().any(|(name, _)| name == column)
    }
}

/// How rows are divided, by one column.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Partitions {
    /// Each below a number, or below all.
    Range(Vec<(String, Option<i128>)>),
    /// Each of some values.
    List(Vec<(String, Vec<Cell>)>),
    Hash(usize),
    Key(usize),
}

impl Partitions {
    /// Where a value goes, if that is known here: `Err` if nowhere.
    pub(super) fn of(&self, cell: &Cell) -> Result<Option<&str>, ()> {
        let found = match self {
            Self::Hash(_) | Self::Key(_) => return Ok(None),
            Self::Range(parts) => parts
                .iter()
                .find(|(_, below)| match (cell, below) {
                    (Cell::Int(value), Some(below)) => value < below,
                    // No value is less than all.
                    _ => true,
                })
                .map(|(name, _)| name),
            Self::List(parts) => {
                parts.iter().find(|(_, values)| values.contains(cell)).map(|(name, _)| name)
            }
        };
        found.map(|name| Some(name.as_str())).ok_or(())
    }

    /// The partitions as in `ALTER TABLE`, those from `from` on.
    pub(super) fn definitions(&self, from: usize) -> String {
        let all: Vec<String> = match self {
            Self::Range(parts) => parts
                .iter()
                .map(|(name, below)| match below {
                    Some(below) => format!("PARTITION {name} VALUES LESS THAN ({below})"),
                    None => format!("PARTITION {name} VALUES LESS THAN MAXVALUE"),
                })
                .collect(),
            Self::List(parts) => parts
                .iter()
                .map(|(name, values)| {
                    let values: Vec<_> = values.iter().map(literal).collect();
                    format!("PARTITION {name} VALUES IN ({})", values.join(", "))
                })
                .collect(),
            Self::Hash(_) | Self::Key(_) => Vec::new(),
        };
        all[from..].join(", ")
    }

    fn clause(&self, column: &str) -> String {
        let by = match self {
            Self::Range(_) => "RANGE",
            Self::List(_) => "LIST",
            Self::Hash(count) => {
                return format!(" PARTITION BY HASH ({column}) PARTITIONS {count}");
            }
            Self::Key(count) => return format!(" PARTITION BY KEY ({column}) PARTITIONS {count}"),
        };
        format!(" PARTITION BY {by} ({column}) ({})", self.definitions(0))
    }

    /// Names of partitions that can be named.
    pub(super) fn names(&self) -> Vec<String> {
        match self {
            Self::Range(parts) => parts.iter().map(|it| it.0.clone()).collect(),
            Self::List(parts) => parts.iter().map(|it| it.0.clone()).collect(),
            Self::Hash(_) | Self::Key(_) => Vec::new(),
        }
    }
}

/// A column whose values TiDB or the connector gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ids {
    Increment,
    Random,
}

/// The number of a row, in tables whose ids are given: nothing changes it, so it tells which row got an id.
pub(super) const TAG: &str = "tag";

/// A table.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Table {
    pub(super) name: String,
    pub(super) columns: Vec<Column>,
    /// The primary key first, under its name `PRIMARY`, if there is one.
    pub(super) keys: Vec<Index>,
    /// Behind the primary key.
    pub(super) clustered: &'static str,
    pub(super) partitions: Option<(String, Partitions)>,
    /// The first column is of this kind.
    pub(super) ids: Option<Ids>,
    pub(super) options: &'static str,
    pub(super) rows: Vec<Vec<Cell>>,
}

impl Table {
    /// How many partitions its rows are spread over, where their number may grow.
    pub(super) fn spread(&self) -> Option<usize> {
        match &self.partitions.as_ref()?.1 {
            Partitions::Hash(count) | Partitions::Key(count) => Some(*count),
            Partitions::Range(_) | Partitions::List(_) => None,
        }
    }

    /// Whether a new row may leave the column out.
    pub(super) fn has_default(&self, column: &Column) -> bool {
        // TiDB knows no DEFAULT of an AUTO_RANDOM column.
        let is_id = matches!(self.ids, Some(Ids::Increment)) && column.name == "id";
        column.nullable || column.default.is_some() || is_id
    }

    pub(super) fn create(&self) -> String {
        let mut parts: Vec<String> = self.columns.iter().map(Column::definition).collect();
        match self.ids {
            Some(Ids::Increment) => parts[0] += " AUTO_INCREMENT",
            Some(Ids::Random) => parts[0] += " AUTO_RANDOM(4)",
            None => {}
        }
        for key in &self.keys {
            parts.push(match key.name == "PRIMARY" {
                true => format!("PRIMARY KEY ({}) {}", key.columns(), self.clustered),
                false => key.definition(),
            });
        }
        let partitions = self.partitions.as_ref().map(|(column, it)| it.clause(column));
        format!(
            "CREATE TABLE {} ({}){}{}",
            self.name,
            parts.join(", "),
            self.options,
            partitions.unwrap_or_default()
        )
    }

    pub(super) fn place(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|it| it.name == column)
    }

    pub(super) fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|it| it.name == name)
    }

    pub(super) fn primary(&self) -> Option<&Index> {
        self.keys.first().filter(|it| it.name == "PRIMARY")
    }

    /// The column whose integers tell all rows apart, if there is one that orders them.
    pub(super) fn handle(&self) -> Option<&str> {
        match self.primary()?.parts.as_slice() {
            [(name, None)] if self.column(name)?.kind.is_number() => Some(name),
            _ => None,
        }
    }

    /// What a row has in a unique key, unless that has a `NULL`.
    pub(super) fn key_of(&self, key: &Index, row: &[Cell]) -> Option<Vec<String>> {
        let part = |(name, prefix): &(String, Option<usize>)| {
            let at = self.place(name).unwrap();
            self.columns[at].kind.key(&row[at], *prefix)
        };
        key.parts.iter().map(part).collect()
    }

    /// The unique keys in which two rows are the same.
    pub(super) fn shared(&self, a: &[Cell], b: &[Cell]) -> Vec<String> {
        let is_shared = |key: &&Index| {
            let of_a = self.key_of(key, a);
            key.unique && of_a.is_some() && of_a == self.key_of(key, b)
        };
        self.keys.iter().filter(is_shared).map(|key| key.name.clone()).collect()
    }

    /// An index of some columns, which holds what a unique one must here.
    pub(super) fn random_index(&self, name: &str, random: &mut StdRng) -> Option<Index> {
        let unique = random.random_bool(0.4);
        let mut names: Vec<&Column> = Vec::new();
        for _ in 0..random.random_range(1..=3) {
            let column = self.columns.choose(random)?;
            if column.kind != Kind::Json && !names.contains(&column) {
                names.push(column);
            }
        }
        if let Some((column, _)) = self.partitions.as_ref().filter(|_| unique) {
            let column = self.column(column)?;
            if !names.contains(&column) {
                names.push(column);
            }
        }
        let part = |column: &Column, random: &mut StdRng| {
            let is_text = column.kind.collation().is_some() || column.kind == Kind::Blob;
            let cut = column.kind.is_long() || (is_text && random.random_bool(0.3));
            (column.name.clone(), cut.then(|| random.random_range(1..=4)))
        };
        let parts: Vec<_> = names.into_iter().map(|column| part(column, random)).collect();
        (!parts.is_empty()).then(|| Index { name: name.to_owned(), unique, parts })
    }
}
