//! Columns.

use tifusion_codec::FieldType;
use tifusion_codec::field_type::flag;

use super::ci_str::CiStr;
use super::go_json::go_struct;
use super::state::SchemaState;
use super::value::{Bytes, DefaultLiteral, NameSet};

/// Id of the row id column that a table without a clustered key has (`_tidb_rowid`).
pub const EXTRA_HANDLE_ID: i64 = -1;

/// Name of the row id column.
pub const EXTRA_HANDLE_NAME: &str = "_tidb_rowid";

/// Id of the made-up column that holds the physical table's id (`_tidb_tid`).
pub const EXTRA_PHYSICAL_TABLE_ID: i64 = -3;

go_struct! {
    /// A column of a table (`model.ColumnInfo`).
    pub struct ColumnInfo {
        /// Its id, unique in the table and never used again.
        "id" => pub id: i64,
        /// Its name.
        "name" => pub name: CiStr,
        /// Its place among the table's columns, those in a schema change included.
        "offset" => pub offset: usize,
        /// The value of rows written before the column was added, `None` for `NULL`. For `BIT`
        /// the text is garbled: see [`ColumnInfo::origin_default_bit`].
        "origin_default" => pub origin_default: Option<DefaultLiteral>,
        /// The bytes of [`ColumnInfo::origin_default`] for `BIT`.
        "origin_default_bit" => pub origin_default_bit: Option<Bytes>,
        /// The default of new rows, `None` for `NULL`. For `BIT` the text is garbled: see
        /// [`ColumnInfo::default_bit`].
        "default" => pub default: Option<DefaultLiteral>,
        /// The bytes of [`ColumnInfo::default`] for `BIT`.
        "default_bit" => pub default_bit: Option<Bytes>,
        /// Whether [`ColumnInfo::default`] is an expression to evaluate.
        "default_is_expr" => pub default_is_expr: bool,
        /// The expression of a generated column, empty for others.
        "generated_expr_string" => pub generated_expr: String,
        /// Whether a generated column is kept in the rows.
        "generated_stored" => pub generated_stored: bool,
        /// Names of the columns a generated column is computed from.
        "dependences" => pub dependences: NameSet,
        /// Its state in a schema change.
        "state" => pub state: SchemaState,
        /// Its comment.
        "comment" => pub comment: String,
        /// Whether it only serves an expression index and users don't see it.
        "hidden" => pub hidden: bool,
        /// Set while the column's type is changed.
        "change_state_info" => pub change_state: Option<ChangeStateInfo>,
        /// Version of this description: below 1 a `TIMESTAMP` default is in the TiDB server's own
        /// zone instead of UTC; below 2 `utf8` may hold `utf8mb4`.
        "version" => pub version: u64,
    }
    derived {
        /// Its type.
        pub field_type: FieldType,
        /// Whether it is an array of that type, as only the hidden column of a multi-valued index
        /// is. Rows and scans see `JSON` then, the index sees elements.
        pub is_array: bool,
    }
    setters {
        "type": RawFieldType => set_type,
    }
}

go_struct! {
    /// Where the column that replaces this one sits while a type changes (`ChangeStateInfo`).
    pub struct ChangeStateInfo {
        /// Offset of the changing column this one depends on.
        "relative_col_offset" => pub dependency_column_offset: i64,
    }
}

go_struct! {
    /// The JSON of a `FieldType`, whose keys are Go's field names.
    pub(crate) struct RawFieldType {
        "Tp" => tp: u8,
        "Flag" => flag: u64,
        "Flen" => flen: i64,
        "Decimal" => decimal: i64,
        "Charset" => charset: String,
        "Collate" => collate: String,
        "Elems" => elems: Vec<String>,
        "Array" => array: bool,
    }
    ignored ["ElemsIsBinaryLit"]
}

impl ColumnInfo {
    fn set_type(&mut self, raw: RawFieldType) {
        self.is_array = raw.array;
        self.unknown_fields.extend(raw.unknown_fields.into_iter().map(|key| format!("type.{key}")));
        // TiDB's flags use 29 bits today; what lies above 32 has no meaning to anyone.
        let flag = u32::try_from(raw.flag & u64::from(u32::MAX)).unwrap_or_default();
        self.field_type = FieldType {
            tp: raw.tp,
            flag,
            flen: raw.flen,
            decimal: raw.decimal,
            charset: raw.charset,
            collate: raw.collate,
            elems: raw.elems,
        };
    }

    /// Whether reads see it: public and not hidden.
    #[must_use]
    pub fn is_visible(&self) -> bool {
        self.state.is_public() && !self.hidden
    }

    /// Whether it is computed from other columns.
    #[must_use]
    pub fn is_generated(&self) -> bool {
        !self.generated_expr.is_empty()
    }

    /// Whether it is computed from other columns at every read: rows don't hold it, and TiKV
    /// can't return it.
    #[must_use]
    pub fn is_virtual_generated(&self) -> bool {
        self.is_generated() && !self.generated_stored
    }

    /// Whether the column has `flag`, one or more bits of [`tifusion_codec::field_type::flag`].
    #[must_use]
    pub fn has_flag(&self, flag: u32) -> bool {
        self.field_type.flag & flag != 0
    }

    /// Whether it is part of the primary key.
    #[must_use]
    pub fn is_primary_key(&self) -> bool {
        self.has_flag(flag::PRI_KEY)
    }

    /// The column of the row id, as scans of a table without a clustered key know it.
    #[must_use]
    pub fn extra_handle() -> Self {
        let mut field_type = FieldType::new(
            tifusion_codec::field_type::tp::LONG_LONG,
            flag::PRI_KEY | flag::NOT_NULL,
        );
        field_type.flen = 20;
        field_type.decimal = 0;
        field_type.charset = "binary".to_owned();
        field_type.collate = "binary".to_owned();
        Self {
            id: EXTRA_HANDLE_ID,
            name: CiStr::new(EXTRA_HANDLE_NAME),
            state: SchemaState::Public,
            field_type,
            ..Self::default()
        }
    }
}
