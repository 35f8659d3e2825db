//! How a scan names a column to the store.

use tifusion_codec::field_type::tp;
use tifusion_codec::time::Zone;

use crate::collation::{BINARY_COLLATION_ID, request_collation, signed_collation};
use crate::default_value::{DefaultValueError, origin_default_datum};
use crate::model::column::EXTRA_HANDLE_ID;
use crate::model::{ColumnInfo, TableInfo};

/// Flag that tells TiFlash a column is generated (`GeneratedColumnFlag`).
const GENERATED_COLUMN_FLAG: u32 = 1 << 23;

/// A column of a scan, with the fields of `tipb.ColumnInfo`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ScanColumn {
    /// The column's id, -1 for the row id.
    pub column_id: i64,
    /// MySQL type code.
    pub tp: i32,
    /// Number of the collation, negative under the new collations.
    pub collation: i32,
    /// Display length, -1 unspecified.
    pub column_len: i32,
    /// Digits after the point, -1 unspecified.
    pub decimal: i32,
    /// Column flags.
    pub flag: i32,
    /// Members of an `ENUM` or `SET`.
    pub elems: Vec<String>,
    /// A datum: the value of rows that don't have the column, `None` for `NULL`.
    pub default_val: Option<Vec<u8>>,
    /// Whether the column is the row's key.
    pub pk_handle: bool,
}

/// What a scan column depends on besides the column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ScanOptions {
    /// Whether the cluster runs with the new collations.
    pub new_collation: bool,
    /// Whether an index is scanned: there a multi-valued column has its elements' type, and
    /// there are no defaults.
    pub for_index: bool,
    /// Whether TiFlash is asked.
    pub for_tiflash: bool,
    /// Zone of the TiDB servers (`mysql.tidb`, `system_tz`), in which very old columns keep the
    /// default of a `TIMESTAMP`.
    pub system_zone: Option<Zone>,
}

impl ScanColumn {
    /// How a scan of `table` names `column`, as TiDB does (`ColumnsToProto`,
    /// `SetPBColumnsDefaultValue`).
    ///
    /// # Errors
    /// [`DefaultValueError`] if the column's default isn't a value of its type.
    pub fn new(
        table: &TableInfo,
        column: &ColumnInfo,
        opts: ScanOptions,
    ) -> Result<Self, DefaultValueError> {
        let field_type = &column.field_type;
        let is_elements = column.is_array && opts.for_index;
        let tp = if column.is_array && !opts.for_index { tp::JSON } else { field_type.tp };
        let collation = if is_elements {
            // Old versions gave these columns the default collation.
            signed_collation(BINARY_COLLATION_ID, false)
        } else {
            request_collation(&field_type.collate, opts.new_collation)
        };
        let mut flag = field_type.flag;
        if opts.for_tiflash && column.is_virtual_generated() {
            flag |= GENERATED_COLUMN_FLAG;
        }
        let default_val =
            if opts.for_index { None } else { origin_default_datum(column, opts.system_zone)? };
        Ok(Self {
            column_id: column.id,
            tp: i32::from(tp),
            collation,
            column_len: wrapping_i32(field_type.flen),
            decimal: wrapping_i32(field_type.decimal),
            flag: flag.cast_signed(),
            elems: field_type.elems.clone(),
            default_val,
            pk_handle: (table.pk_is_handle && column.is_primary_key())
                || column.id == EXTRA_HANDLE_ID,
        })
    }
}

/// The low half of a number, as Go's `int32(n)` has it: the length of a `LONGTEXT`, 2^32 - 1,
/// becomes -1.
fn wrapping_i32(value: i64) -> i32 {
    let [_, _, _, _, a, b, c, d] = value.to_be_bytes();
    i32::from_be_bytes([a, b, c, d])
}
