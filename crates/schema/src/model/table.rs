//! Tables.

use super::ci_str::CiStr;
use super::column::ColumnInfo;
use super::constraint::{ConstraintInfo, ForeignKeyInfo};
use super::go_json::go_struct;
use super::index::IndexInfo;
use super::legacy;
use super::partition::PartitionInfo;
use super::placement::PolicyRef;
use super::sequence::SequenceInfo;
use super::state::{SchemaState, TableCacheStatus, TableMode, TempTableType};
use super::table_option::{ExchangePartitionInfo, TableLock, TtlInfo};
use super::tiflash::TiFlashReplica;
use super::view::ViewInfo;
use crate::malformed::{MalformedMetadata, parse};

go_struct! {
    /// A table, view or sequence (`model.TableInfo`).
    pub struct TableInfo {
        /// Its id; that in its keys too, unless it is partitioned.
        "id" => pub id: i64,
        /// Its name.
        "name" => pub name: CiStr,
        /// Default character set of its columns.
        "charset" => pub charset: String,
        /// Default collation of its columns.
        "collate" => pub collate: String,
        /// Its columns by offset, hidden ones and those in a schema change included.
        "cols" => pub columns: Vec<ColumnInfo>,
        /// Its indexes, those in a schema change included. A clustered primary key of one integer
        /// column is none of them.
        "index_info" => pub indices: Vec<IndexInfo>,
        /// Its check constraints.
        "constraint_info" => pub constraints: Vec<ConstraintInfo>,
        /// Its foreign keys.
        "fk_info" => pub foreign_keys: Vec<ForeignKeyInfo>,
        /// Its state in a schema change.
        "state" => pub state: SchemaState,
        /// Whether the primary key is one integer column and is the row's key.
        "pk_is_handle" => pub pk_is_handle: bool,
        /// Whether the primary key is anything else and is the row's key.
        "is_common_handle" => pub is_common_handle: bool,
        /// Format of a common handle: 1 keeps what restores a string from its sort key.
        "common_handle_version" => pub common_handle_version: u16,
        /// Its comment.
        "comment" => pub comment: String,
        /// `AUTO_INCREMENT` as it was declared; the next id is kept elsewhere.
        "auto_inc_id" => pub auto_inc_id: i64,
        /// Used by backups only.
        "auto_inc_id_extra" => pub auto_inc_id_extra: i64,
        /// Ids a server takes at once, 0 for the default; 1 means a central allocator.
        "auto_id_cache" => pub auto_id_cache: i64,
        /// `AUTO_RANDOM_BASE` as it was declared.
        "auto_rand_id" => pub auto_rand_id: i64,
        /// The highest column id ever given.
        "max_col_id" => pub max_column_id: i64,
        /// The highest index id ever given.
        "max_idx_id" => pub max_index_id: i64,
        /// The highest foreign key id ever given.
        "max_fk_id" => pub max_foreign_key_id: i64,
        /// The highest constraint id ever given.
        "max_cst_id" => pub max_constraint_id: i64,
        /// When its definition last changed, a timestamp of the store.
        "update_timestamp" => pub update_ts: u64,
        /// The database under which its auto ids are kept, 0 for its own: a rename into another
        /// database leaves them where they were.
        "old_schema_id" => pub auto_id_schema_id: i64,
        /// High bits of a row id that are scattered.
        "ShardRowIDBits" => pub shard_row_id_bits: u64,
        /// The most that [`TableInfo::shard_row_id_bits`] has ever been.
        "max_shard_row_id_bits" => pub max_shard_row_id_bits: u64,
        /// High bits of an `AUTO_RANDOM` key that are scattered, 0 without.
        "auto_random_bits" => pub auto_random_bits: u64,
        /// Bits of an `AUTO_RANDOM` key in all, 0 for 64.
        "auto_random_range_bits" => pub auto_random_range_bits: u64,
        /// How many regions the table was split into when it was made, a power of two.
        "pre_split_regions" => pub pre_split_regions: u64,
        /// How it is partitioned. Ask [`TableInfo::partition_info`], which knows whether it is.
        "partition" => pub partition: Option<PartitionInfo>,
        /// `COMPRESSION`, without effect.
        "compression" => pub compression: String,
        /// Set for a view.
        "view" => pub view: Option<ViewInfo>,
        /// Set for a sequence.
        "sequence" => pub sequence: Option<SequenceInfo>,
        /// Set while `LOCK TABLES` holds it.
        "Lock" => pub lock: Option<TableLock>,
        /// Version of this description: below 2 `utf8` may hold `utf8mb4`, below 3 names of
        /// character sets may be in upper case, from 5 on row ids and auto-increment ids may have
        /// an allocator each.
        "version" => pub version: u16,
        /// Its TiFlash replicas.
        "tiflash_replica" => pub tiflash_replica: Option<TiFlashReplica>,
        /// Whether it has no rows in TiKV.
        "is_columnar" => pub is_columnar: bool,
        /// Whether it is temporary.
        "temp_table_type" => pub temp_table_type: TempTableType,
        /// Whether TiDB servers cache it.
        "cache_table_status" => pub cache_status: TableCacheStatus,
        /// Its placement policy.
        "policy_ref_info" => pub placement_policy: Option<PolicyRef>,
        /// Set while it exchanges a partition.
        "exchange_partition_info" => pub exchange_partition: Option<ExchangePartitionInfo>,
        /// When its rows expire.
        "ttl_info" => pub ttl: Option<TtlInfo>,
        /// Counts the changes of its definition.
        "revision" => pub revision: u64,
        /// Whether an import or a restore owns it.
        "mode" => pub mode: TableMode,
    }
    ignored ["stats_options"]
}

impl TableInfo {
    /// A table from the JSON that TiDB keeps in TiKV, with what old versions wrote brought up to
    /// date as TiDB does when it loads one: names of character sets in lower case, and `utf8` as
    /// `utf8mb4` where it was not checked.
    ///
    /// # Errors
    /// [`MalformedMetadata`] if it isn't that.
    pub fn from_json(json: &[u8]) -> Result<Self, MalformedMetadata> {
        let mut table: Self = parse("table", json)?;
        legacy::modernise(
            table.version,
            &mut table.charset,
            &mut table.collate,
            &mut table.columns,
        );
        Ok(table)
    }

    /// Whether it is a view.
    #[must_use]
    pub fn is_view(&self) -> bool {
        self.view.is_some()
    }

    /// Whether it is a sequence.
    #[must_use]
    pub fn is_sequence(&self) -> bool {
        self.sequence.is_some()
    }

    /// Whether it has rows of its own: neither a view nor a sequence.
    #[must_use]
    pub fn is_base_table(&self) -> bool {
        !self.is_view() && !self.is_sequence()
    }

    /// Its partitioning, `None` if it isn't partitioned.
    #[must_use]
    pub fn partition_info(&self) -> Option<&PartitionInfo> {
        self.partition.as_ref().filter(|partition| partition.enable)
    }

    /// Whether row ids and auto-increment ids come from different allocators.
    #[must_use]
    pub fn has_separate_auto_increment(&self) -> bool {
        self.version >= 5 && self.auto_id_cache == 1
    }

    /// Every key in the description, here or below, that holds something and that this version
    /// does not know, with its path. Reads may go on; a writer must not touch such a table.
    #[must_use]
    pub fn unknown_fields(&self) -> Vec<String> {
        let mut all = self.unknown_fields.clone();
        let mut add = |path: String, keys: &[String]| {
            all.extend(keys.iter().map(|key| format!("{path}.{key}")));
        };
        for column in &self.columns {
            add(format!("cols[{}]", column.name), &column.unknown_fields);
        }
        for index in &self.indices {
            add(format!("index_info[{}]", index.name), &index.unknown_fields);
            for column in &index.columns {
                add(format!("index_info[{}].{}", index.name, column.name), &column.unknown_fields);
            }
        }
        for key in &self.foreign_keys {
            add(format!("fk_info[{}]", key.name), &key.unknown_fields);
        }
        for check in &self.constraints {
            add(format!("constraint_info[{}]", check.name), &check.unknown_fields);
        }
        if let Some(partition) = &self.partition {
            add("partition".to_owned(), &partition.unknown_fields);
            for definition in &partition.definitions {
                add(format!("partition[{}]", definition.name), &definition.unknown_fields);
            }
        }
        all
    }
}
