//! Partitions.

use std::collections::BTreeMap;

use super::action::ActionType;
use super::ci_str::CiStr;
use super::go_json::go_struct;
use super::placement::PolicyRef;
use super::state::{PartitionType, SchemaState};

go_struct! {
    /// How a table is cut into partitions (`model.PartitionInfo`).
    pub struct PartitionInfo {
        /// By what rule.
        "type" => pub partition_type: PartitionType,
        /// The partitioning expression, empty if by [`PartitionInfo::columns`].
        "expr" => pub expr: String,
        /// Columns of `RANGE COLUMNS`, `LIST COLUMNS` and `KEY`.
        "columns" => pub columns: Vec<CiStr>,
        /// Whether the table really is partitioned. Very old tables may carry a description that
        /// was never put into force.
        "enable" => pub enable: bool,
        /// Whether `KEY ()` was written without columns.
        "is_empty_columns" => pub is_empty_columns: bool,
        /// The partitions.
        "definitions" => pub definitions: Vec<PartitionDefinition>,
        /// Partitions on their way in; reads don't see them.
        "adding_definitions" => pub adding_definitions: Vec<PartitionDefinition>,
        /// Partitions on their way out.
        "dropping_definitions" => pub dropping_definitions: Vec<PartitionDefinition>,
        /// Ids that a running `TRUNCATE PARTITION` gives.
        "new_partition_ids" => pub new_partition_ids: Vec<i64>,
        /// Order of the partitions before a running reorganization.
        "original_partition_ids_order" => pub original_partition_ids_order: Vec<i64>,
        /// States of single partitions; one that isn't named is public.
        "states" => pub states: Vec<PartitionState>,
        /// Number of `HASH` and `KEY` partitions.
        "num" => pub num: u64,
        /// The schema change that runs on the partitions.
        "ddl_action" => pub ddl_action: ActionType,
        /// Its state.
        "ddl_state" => pub ddl_state: SchemaState,
        /// The id the table gets by it, 0 if it stays.
        "new_table_id" => pub new_table_id: i64,
        /// The other partitioning rule of a running change.
        "ddl_type" => pub ddl_type: PartitionType,
        /// The other expression of a running change.
        "ddl_expr" => pub ddl_expr: String,
        /// The other columns of a running change.
        "ddl_columns" => pub ddl_columns: Vec<CiStr>,
        /// Indexes that a running change rebuilds: true the new copy, false the old.
        "ddl_changed_index" => pub ddl_changed_index: BTreeMap<i64, bool>,
    }
    ignored ["ddl_update_indexes"]
}

go_struct! {
    /// A partition (`model.PartitionDefinition`).
    pub struct PartitionDefinition {
        /// Its id, the table id in its keys.
        "id" => pub id: i64,
        /// Its name.
        "name" => pub name: CiStr,
        /// `RANGE`: its upper bound, one SQL literal or `MAXVALUE` for each column.
        "less_than" => pub less_than: Vec<String>,
        /// `LIST`: its values, one SQL literal for each column; `DEFAULT` takes the rest.
        "in_values" => pub in_values: Vec<Vec<String>>,
        /// Its placement policy.
        "policy_ref_info" => pub placement_policy: Option<PolicyRef>,
        /// Its comment.
        "comment" => pub comment: String,
    }
}

go_struct! {
    /// The state of one partition.
    pub struct PartitionState {
        /// The partition's id.
        "id" => pub id: i64,
        /// Its state.
        "state" => pub state: SchemaState,
    }
}

impl PartitionInfo {
    /// The partitions that reads go to, in order of definition.
    ///
    /// These are the `definitions` alone: what is being added is not among them yet. What is being
    /// dropped still is among them in the first step of `DROP PARTITION`, and TiDB skips it then
    /// (`GetOverlappingDroppingPartitionIdx`), since rows of its range may already go to the next
    /// partition.
    pub fn readable_definitions(&self) -> impl Iterator<Item = &PartitionDefinition> {
        let dropping = self.ddl_action == ActionType::DropTablePartition
            && self.ddl_state == SchemaState::WriteOnly;
        self.definitions.iter().filter(move |definition| {
            !(dropping && self.dropping_definitions.iter().any(|gone| gone.id == definition.id))
        })
    }

    /// The partition of this name, among those that reads go to.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&PartitionDefinition> {
        self.readable_definitions().find(|definition| definition.name.matches(name))
    }

    /// Whether a schema change runs on the partitions.
    #[must_use]
    pub fn is_changing(&self) -> bool {
        self.ddl_action != ActionType::None
            || self.ddl_state != SchemaState::None
            || !self.adding_definitions.is_empty()
            || !self.dropping_definitions.is_empty()
            || !self.new_partition_ids.is_empty()
    }

    /// Ids of partitions whose entries in a global index a read must skip (`IDsInDDLToIgnore`).
    #[must_use]
    pub fn ids_to_ignore_in_global_index(&self) -> Vec<i64> {
        let ids = |definitions: &[PartitionDefinition]| definitions.iter().map(|d| d.id).collect();
        match (self.ddl_action, self.ddl_state) {
            (ActionType::TruncateTablePartition, SchemaState::WriteOnly) => {
                self.new_partition_ids.clone()
            }
            (
                ActionType::TruncateTablePartition,
                SchemaState::DeleteOnly | SchemaState::DeleteReorganization,
            )
            | (ActionType::DropTablePartition, _) => ids(&self.dropping_definitions),
            (ActionType::AddTablePartition, _) => ids(&self.adding_definitions),
            _ => Vec::new(),
        }
    }
}
