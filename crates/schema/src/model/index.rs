//! Indexes.

use super::ci_str::CiStr;
use super::go_json::go_struct;
use super::state::{IndexType, SchemaState};

/// [`IndexColumn::length`] of a column that the index holds whole.
pub const UNSPECIFIED_LENGTH: i64 = -1;

go_struct! {
    /// An index of a table (`model.IndexInfo`).
    pub struct IndexInfo {
        /// Its id, unique in the table.
        "id" => pub id: i64,
        /// Its name.
        "idx_name" => pub name: CiStr,
        /// The name of its table. A rename leaves the old one here.
        "tbl_name" => pub table: CiStr,
        /// Its columns, in key order.
        "idx_cols" => pub columns: Vec<IndexColumn>,
        /// Its state in a schema change.
        "state" => pub state: SchemaState,
        /// How far its backfill is; only writers care.
        "backfill_state" => pub backfill_state: u8,
        /// Its comment.
        "comment" => pub comment: String,
        /// Its `USING`.
        "index_type" => pub index_type: IndexType,
        /// Whether no two rows have the same key (`NULL`s apart).
        "is_unique" => pub unique: bool,
        /// Whether it is the primary key.
        "is_primary" => pub primary: bool,
        /// Whether the planner must not use it.
        "is_invisible" => pub invisible: bool,
        /// Whether one index spans all partitions; its keys carry the table's id.
        "is_global" => pub global: bool,
        /// Whether it has an entry for each element of a JSON array.
        "mv_index" => pub multi_valued: bool,
        /// Key format of a global index: 0 the first, 1 with the partition's id in the key.
        "global_index_version" => pub global_index_version: u8,
        /// Set for a vector index.
        "vector_index" => pub vector: Option<ColumnarIndex>,
        /// Set for an inverted index.
        "inverted_index" => pub inverted: Option<ColumnarIndex>,
        /// Set for a full-text index.
        "full_text_index" => pub full_text: Option<ColumnarIndex>,
        /// Set for an index that mixes several of these.
        "hybrid_index" => pub hybrid: Option<ColumnarIndex>,
        /// Columns that the condition of a partial index reads.
        "affect_column" => pub affect_columns: Vec<IndexColumn>,
    }
    derived {
        /// The condition of a partial index, which has entries only for rows that meet it; empty
        /// for a whole index.
        pub condition: String,
    }
    setters {
        "condition_expr_string": String => set_condition,
        "partial_condition_expr_string": String => set_condition,
    }
}

go_struct! {
    /// A column of an index.
    pub struct IndexColumn {
        /// The column's name.
        "name" => pub name: CiStr,
        /// Its place in [`TableInfo::columns`](super::TableInfo::columns).
        "offset" => pub offset: usize,
        /// Characters (bytes, if binary) of the prefix the index holds, -1 if it holds all.
        "length" => pub length: i64,
    }
}

/// Marks an index that exists only in TiFlash; what it holds is TiFlash's affair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ColumnarIndex;

impl<'de> serde::Deserialize<'de> for ColumnarIndex {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde::de::IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}

impl IndexInfo {
    fn set_condition(&mut self, condition: String) {
        if !condition.is_empty() {
            self.condition = condition;
        }
    }

    /// Whether it exists only in TiFlash, with no entries in TiKV.
    #[must_use]
    pub fn is_columnar(&self) -> bool {
        self.vector.is_some()
            || self.inverted.is_some()
            || self.full_text.is_some()
            || self.hybrid.is_some()
    }

    /// Whether it has entries only for some rows.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        !self.condition.is_empty()
    }

    /// Whether some column is held only as a prefix.
    #[must_use]
    pub fn has_prefix(&self) -> bool {
        self.columns.iter().any(|column| column.prefix_length().is_some())
    }

    /// The keys of its description, and of its columns', that this version does not know.
    pub(crate) fn all_unknown_fields(&self) -> impl Iterator<Item = &String> {
        let of_columns = self.columns.iter().flat_map(|column| &column.unknown_fields);
        self.unknown_fields.iter().chain(of_columns)
    }

    /// Whether TiKV holds an entry of it for every row (one per array element, if multi-valued), in an order that is known,
    /// so that a read may go by it: public, not hypothetical, not columnar, not partial, and with nothing in its description
    /// that this version does not know. A planner still honours [`IndexInfo::invisible`].
    #[must_use]
    pub fn is_readable(&self) -> bool {
        self.state.is_public()
            && !self.is_columnar()
            && !self.is_partial()
            && self.index_type != IndexType::Hypo
            && self.all_unknown_fields().next().is_none()
    }
}

impl IndexColumn {
    /// The length of the prefix the index holds, `None` if it holds the whole value.
    #[must_use]
    pub fn prefix_length(&self) -> Option<u64> {
        u64::try_from(self.length).ok()
    }
}
