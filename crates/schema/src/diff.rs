//! What changes from one schema version to the next.

use crate::malformed::{MalformedMetadata, parse};
use crate::model::action::ActionType;
use crate::model::go_json::go_struct;

go_struct! {
    /// The change that led to a schema version (`model.SchemaDiff`).
    pub struct SchemaDiff {
        /// The version it led to.
        "version" => pub version: i64,
        /// What was done.
        "type" => pub action: ActionType,
        /// The database it was done to. For placement policies and resource groups the id of
        /// those.
        "schema_id" => pub schema_id: i64,
        /// The table it was done to, 0 for none; with its new id, if it got one.
        "table_id" => pub table_id: i64,
        /// The parts of a multi-schema change.
        "sub_action_types" => pub sub_actions: Vec<ActionType>,
        /// The table's id before, 0 if it kept it.
        "old_table_id" => pub old_table_id: i64,
        /// The table's database before, 0 if it stayed.
        "old_schema_id" => pub old_schema_id: i64,
        /// Whether TiDB is to build its schema anew instead of going by this.
        "regenerate_schema_map" => pub regenerate_schema_map: bool,
        /// Whether tables are to be read anew, as they don't fit in here.
        "read_table_from_meta" => pub read_table_from_meta: bool,
        /// Further tables that were changed.
        "affected_options" => pub affected: Vec<AffectedTable>,
    }
}

go_struct! {
    /// A further table that a schema change touched (`model.AffectedOption`).
    pub struct AffectedTable {
        /// Its database, after.
        "schema_id" => pub schema_id: i64,
        /// Its id, after.
        "table_id" => pub table_id: i64,
        /// Its id before.
        "old_table_id" => pub old_table_id: i64,
        /// Its database before.
        "old_schema_id" => pub old_schema_id: i64,
    }
}

/// What a reader of the schema must look at again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A database came, went or changed; with all its tables.
    Database(i64),
    /// A table came, went or changed.
    Table(TableChange),
    /// Anything may have changed: everything is to be read again.
    Everything,
}

/// Where a table was and is. To apply it, forget the old ids, then read the new ones; a table that
/// isn't there any more was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableChange {
    /// Its database now.
    pub database_id: i64,
    /// Its id now.
    pub table_id: i64,
    /// Its database before, the same unless it moved.
    pub old_database_id: i64,
    /// Its id before, the same unless it got a new one.
    pub old_table_id: i64,
}

impl SchemaDiff {
    /// A diff from the JSON that TiDB keeps in TiKV.
    ///
    /// # Errors
    /// [`MalformedMetadata`] if it isn't that.
    pub fn from_json(json: &[u8]) -> Result<Self, MalformedMetadata> {
        parse("schema change", json)
    }
}
