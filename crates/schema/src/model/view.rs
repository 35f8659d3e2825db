//! Views.

use super::ci_str::CiStr;
use super::go_json::go_struct;
use super::state::{ViewAlgorithm, ViewCheckOption, ViewSecurity};

go_struct! {
    /// What makes a table a view (`model.ViewInfo`).
    pub struct ViewInfo {
        /// Its `ALGORITHM`.
        "view_algorithm" => pub algorithm: ViewAlgorithm,
        /// Who defined it.
        "view_definer" => pub definer: Option<UserIdentity>,
        /// Whose privileges count.
        "view_security" => pub security: ViewSecurity,
        /// Its `SELECT`, in TiDB's SQL with every name qualified.
        "view_select" => pub select: String,
        /// Its `WITH CHECK OPTION`.
        "view_checkoption" => pub check_option: ViewCheckOption,
        /// Names of its columns, in order of the `SELECT`'s output.
        "view_cols" => pub columns: Vec<CiStr>,
    }
}

go_struct! {
    /// A TiDB user.
    pub struct UserIdentity {
        /// The user's name.
        "Username" => pub username: String,
        /// The host, perhaps with wildcards.
        "Hostname" => pub hostname: String,
        /// The name of the account that the user was let in as; empty in old metadata.
        "AuthUsername" => pub auth_username: String,
        /// The host of that account.
        "AuthHostname" => pub auth_hostname: String,
    }
    ignored ["CurrentUser", "AuthPlugin"]
}
