//! TiFlash replicas.

use super::go_json::go_struct;

go_struct! {
    /// The TiFlash replicas of a table (`model.TiFlashReplicaInfo`).
    pub struct TiFlashReplica {
        /// How many.
        "Count" => pub count: u64,
        /// Labels that keep them apart.
        "LocationLabels" => pub location_labels: Vec<String>,
        /// Whether they hold all of a table without partitions, or of every partition.
        "Available" => pub available: bool,
        /// Partitions they hold all of.
        "AvailablePartitionIDs" => pub available_partition_ids: Vec<i64>,
    }
}

impl TiFlashReplica {
    /// Whether this physical table, the table itself or one of its partitions, can be read from
    /// TiFlash.
    #[must_use]
    pub fn is_available(&self, physical_id: i64) -> bool {
        self.count > 0 && (self.available || self.available_partition_ids.contains(&physical_id))
    }
}
