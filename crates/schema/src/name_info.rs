//! Just the name of a table, for caches of names.

use crate::malformed::{MalformedMetadata, parse};
use crate::model::ci_str::CiStr;
use crate::model::constraint::ForeignKeyInfo;
use crate::model::go_json::go_struct;
use crate::model::state::SchemaState;

/// A table's id, name and kind, without its columns (TiDB keeps `TableNameInfo` for the same end).
///
/// Reading it walks over the whole JSON but keeps nothing of it: no columns, indexes or partitions
/// are built, and memory is that of the name. Columns are most of the work otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameInfo {
    /// The table's id.
    pub id: i64,
    /// Its name.
    pub name: CiStr,
    /// Its state in a schema change.
    pub state: SchemaState,
    /// What it is.
    pub kind: TableKind,
    /// The tables that its foreign keys refer to, as database and table in lower case: TiDB notes a
    /// foreign key with the child only.
    pub references: Vec<(String, String)>,
}

/// What a name of the catalog stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TableKind {
    /// A table with rows.
    Table,
    /// A view.
    View,
    /// A sequence.
    Sequence,
}

go_struct! {
    struct RawNameInfo {
        "id" => id: i64,
        "name" => name: CiStr,
        "state" => state: SchemaState,
        "view" => view: Option<Present>,
        "sequence" => sequence: Option<Present>,
        "fk_info" => foreign_keys: Vec<ForeignKeyInfo>,
    }
}

/// Something that is there, whatever it holds.
#[derive(Debug, Clone, PartialEq, Default)]
struct Present;

impl<'de> serde::Deserialize<'de> for Present {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde::de::IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}

impl NameInfo {
    /// A table's name from the JSON that TiDB keeps in TiKV.
    ///
    /// # Errors
    /// [`MalformedMetadata`] if it isn't that.
    pub fn from_json(json: &[u8]) -> Result<Self, MalformedMetadata> {
        let raw: RawNameInfo = parse("table name", json)?;
        let kind = match (raw.view, raw.sequence) {
            (Some(_), _) => TableKind::View,
            (None, Some(_)) => TableKind::Sequence,
            (None, None) => TableKind::Table,
        };
        let refers = |key: ForeignKeyInfo| (key.ref_schema.lower, key.ref_table.lower);
        let mut references: Vec<_> = raw.foreign_keys.into_iter().map(refers).collect();
        references.sort_unstable();
        references.dedup();
        Ok(Self { id: raw.id, name: raw.name, state: raw.state, kind, references })
    }

    /// Whether it is a view.
    #[must_use]
    pub fn is_view(&self) -> bool {
        self.kind == TableKind::View
    }

    /// Whether it is a sequence.
    #[must_use]
    pub fn is_sequence(&self) -> bool {
        self.kind == TableKind::Sequence
    }
}
