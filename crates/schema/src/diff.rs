//! What changes from one schema version to the next.

use crate::malformed::{MalformedMetadata, parse};
use crate::model::action::ActionType;
use crate::model::go_json::go_struct;
use crate::model::value::Bytes;

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
    derived {
        /// The parts of a multi-schema change.
        pub sub_actions: Vec<ActionType>,
    }
    setters {
        "sub_action_types": Bytes => set_sub_actions,
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

impl TableChange {
    /// A table that kept its id and its database.
    #[must_use]
    pub const fn in_place(database_id: i64, table_id: i64) -> Self {
        Self { database_id, table_id, old_database_id: database_id, old_table_id: table_id }
    }
}

impl SchemaDiff {
    /// A diff from the JSON that TiDB keeps in TiKV.
    ///
    /// # Errors
    /// [`MalformedMetadata`] if it isn't that.
    pub fn from_json(json: &[u8]) -> Result<Self, MalformedMetadata> {
        parse("schema change", json)
    }

    /// Go writes a list of bytes as base64, and an action is a byte to it.
    fn set_sub_actions(&mut self, codes: Bytes) {
        self.sub_actions = codes.0.into_iter().map(ActionType::from_code).collect();
    }

    /// What a reader of the schema must look at again; nothing for a change that touches neither
    /// databases nor tables, [`Change::Everything`] alone for one this version does not know.
    ///
    /// Follows how TiDB sets diffs (`updateSchemaVersion`) and applies them (`Builder.ApplyDiff`).
    #[must_use]
    pub fn changes(&self) -> Vec<Change> {
        if self.regenerate_schema_map {
            return vec![Change::Everything];
        }
        match self.action {
            ActionType::CreateSchema
            | ActionType::DropSchema
            | ActionType::RecoverSchema
            | ActionType::ModifySchemaCharsetAndCollate
            | ActionType::ModifySchemaDefaultPlacement
            | ActionType::RefreshMeta => vec![Change::Database(self.schema_id)],
            ActionType::CreatePlacementPolicy
            | ActionType::AlterPlacementPolicy
            | ActionType::DropPlacementPolicy
            | ActionType::CreateResourceGroup
            | ActionType::AlterResourceGroup
            | ActionType::DropResourceGroup => Vec::new(),
            ActionType::None | ActionType::FlashbackCluster | ActionType::Other(_) => {
                vec![Change::Everything]
            }
            ActionType::ExchangeTablePartition => self.exchange_changes(),
            ActionType::CreateTables => self.affected_changes().collect(),
            _ => self.table_changes(),
        }
    }

    /// The table itself, then the further tables.
    fn table_changes(&self) -> Vec<Change> {
        if self.table_id <= 0 || self.schema_id <= 0 {
            return vec![Change::Everything];
        }
        let own = TableChange {
            database_id: self.schema_id,
            table_id: self.table_id,
            old_database_id: or_same(self.old_schema_id, self.schema_id),
            old_table_id: or_same(self.old_table_id, self.table_id),
        };
        std::iter::once(Change::Table(own)).chain(self.affected_changes()).collect()
    }

    /// The further tables. Entries without a database are ids of partitions, given for the sake
    /// of placement rules; their table is named elsewhere.
    fn affected_changes(&self) -> impl Iterator<Item = Change> {
        self.affected.iter().filter(|table| table.schema_id != 0).map(|table| {
            Change::Table(TableChange {
                database_id: table.schema_id,
                table_id: table.table_id,
                old_database_id: or_same(table.old_schema_id, table.schema_id),
                old_table_id: or_same(table.old_table_id, table.table_id),
            })
        })
    }

    /// A table and a partition of another table swap their ids. Before the last step nothing but
    /// the tables' notes of it change, and the diff names the plain table as old and new.
    fn exchange_changes(&self) -> Vec<Change> {
        let partitioned = self.affected.first();
        if self.old_table_id == self.table_id && self.old_schema_id == self.schema_id {
            let plain = TableChange::in_place(self.schema_id, self.table_id);
            let noted = partitioned
                .filter(|table| table.old_schema_id != 0)
                .map(|table| TableChange::in_place(table.old_schema_id, table.table_id));
            return std::iter::once(plain).chain(noted).map(Change::Table).collect();
        }
        // Diffs of old versions don't say which table the partition belongs to.
        let Some(partitioned) = partitioned else { return vec![Change::Everything] };
        let plain = TableChange {
            database_id: self.old_schema_id,
            table_id: self.table_id,
            old_database_id: self.old_schema_id,
            old_table_id: self.old_table_id,
        };
        let database_id = or_same(partitioned.schema_id, self.schema_id);
        let partitioned = TableChange::in_place(database_id, partitioned.table_id);
        vec![Change::Table(plain), Change::Table(partitioned)]
    }
}

fn or_same(old: i64, new: i64) -> i64 {
    if old == 0 { new } else { old }
}

#[cfg(test)]
#[path = "diff_tests.rs"]
mod tests;
