//! Foreign keys and check constraints.

use super::ci_str::CiStr;
use super::go_json::go_struct;
use super::state::{ReferOption, SchemaState};

go_struct! {
    /// A foreign key (`model.FKInfo`).
    pub struct ForeignKeyInfo {
        /// Its id, unique in the table.
        "id" => pub id: i64,
        /// Its name.
        "fk_name" => pub name: CiStr,
        /// The parent's database.
        "ref_schema" => pub ref_schema: CiStr,
        /// The parent table.
        "ref_table" => pub ref_table: CiStr,
        /// The parent's columns.
        "ref_cols" => pub ref_columns: Vec<CiStr>,
        /// This table's columns.
        "cols" => pub columns: Vec<CiStr>,
        /// `ON DELETE`.
        "on_delete" => pub on_delete: ReferOption,
        /// `ON UPDATE`.
        "on_update" => pub on_update: ReferOption,
        /// Its state in a schema change.
        "state" => pub state: SchemaState,
        /// 0 if TiDB only remembers it, 1 if it enforces it.
        "version" => pub version: i64,
    }
}

go_struct! {
    /// A `CHECK` (`model.ConstraintInfo`).
    pub struct ConstraintInfo {
        /// Its id, unique in the table.
        "id" => pub id: i64,
        /// Its name.
        "constraint_name" => pub name: CiStr,
        /// Its table.
        "tbl_name" => pub table: CiStr,
        /// Columns it reads.
        "constraint_cols" => pub columns: Vec<CiStr>,
        /// Whether TiDB enforces it.
        "enforced" => pub enforced: bool,
        /// Whether it was written with a column.
        "in_column" => pub in_column: bool,
        /// Its expression, in TiDB's SQL.
        "expr_string" => pub expr: String,
        /// Its state in a schema change.
        "state" => pub state: SchemaState,
    }
}
