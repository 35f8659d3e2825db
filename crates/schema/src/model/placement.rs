//! Placement policies.

use super::ci_str::CiStr;
use super::go_json::go_struct;

go_struct! {
    /// The placement policy a database, table or partition follows (`model.PolicyRefInfo`).
    pub struct PolicyRef {
        /// The policy's id.
        "id" => pub id: i64,
        /// Its name.
        "name" => pub name: CiStr,
    }
}
