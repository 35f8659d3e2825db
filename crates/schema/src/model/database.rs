//! Databases.

use super::ci_str::CiStr;
use super::go_json::go_struct;
use super::placement::PolicyRef;
use super::state::SchemaState;
use crate::malformed::{MalformedMetadata, parse};

go_struct! {
    /// A database (`model.DBInfo`).
    pub struct DbInfo {
        /// Its id.
        "id" => pub id: i64,
        /// Its name.
        "db_name" => pub name: CiStr,
        /// Character set of new tables.
        "charset" => pub charset: String,
        /// Collation of new tables.
        "collate" => pub collate: String,
        /// Its state in a schema change.
        "state" => pub state: SchemaState,
        /// Its placement policy.
        "policy_ref_info" => pub placement_policy: Option<PolicyRef>,
    }
    ignored ["Deprecated"]
}

impl DbInfo {
    /// A database from the JSON that TiDB keeps in TiKV.
    ///
    /// # Errors
    /// [`MalformedMetadata`] if it isn't that.
    pub fn from_json(json: &[u8]) -> Result<Self, MalformedMetadata> {
        parse("database", json)
    }
}
