//! Columns.

use tifusion_codec::field_type::{flag, tp};
use tifusion_schema::ColumnInfo;
use tifusion_schema::model::{CiStr, SchemaState};

use super::super::error::{BootstrapError, Result};
use super::super::sql::{ColumnDef, DefaultDef, Value};
use super::charset::Charset;
use super::{default, field_type};

/// The version of a column's description that TiDB writes.
const VERSION: u64 = 2;

/// The column at `offset` of a table; flags of keys come later.
pub(super) fn build(
    def: &ColumnDef,
    offset: usize,
    table: Charset,
    new_collation: bool,
) -> Result<ColumnInfo> {
    let mut field_type = field_type::build(&def.data_type, table)?;
    if def.not_null == Some(true) {
        field_type.flag |= flag::NOT_NULL;
    }
    if def.auto_increment {
        let is_number =
            matches!(field_type.tp, tp::TINY | tp::SHORT | tp::INT24 | tp::LONG | tp::LONG_LONG);
        if !is_number || def.default.is_some() {
            let text = format!("AUTO_INCREMENT column {}: an integer without default", def.name);
            return Err(BootstrapError::Invalid(text));
        }
        field_type.flag |= flag::AUTO_INCREMENT | flag::NOT_NULL;
    }
    if let Some(fsp) = def.on_update_now {
        let is_time = matches!(field_type.tp, tp::DATETIME | tp::TIMESTAMP);
        if !is_time || i64::from(fsp) != field_type.decimal {
            let text = format!("ON UPDATE of column {}: not such a time", def.name);
            return Err(BootstrapError::Invalid(text));
        }
        field_type.flag |= flag::ON_UPDATE_NOW;
    }
    let mut column = ColumnInfo {
        // Ids count from 1 as the columns stand.
        id: i64::try_from(offset).unwrap_or(i64::MAX).saturating_add(1),
        name: CiStr::new(def.name.clone()),
        offset,
        field_type,
        state: SchemaState::Public,
        comment: def.comment.clone(),
        version: VERSION,
        ..ColumnInfo::default()
    };
    if let Some(declared) = &def.default {
        default::set(&mut column, declared, new_collation)?;
    }
    Ok(column)
}

/// Sets the flag of a column that every `INSERT` must name, once it is known which columns the primary
/// key has.
pub(super) fn set_no_default_flag(column: &mut ColumnInfo, def: &ColumnDef) {
    let has_default = def
        .default
        .as_ref()
        .is_some_and(|default| !matches!(default, DefaultDef::Value(Value::Null)));
    let not_null = column.has_flag(flag::NOT_NULL);
    if not_null && !has_default && !column.has_flag(flag::AUTO_INCREMENT) {
        column.field_type.flag |= flag::NO_DEFAULT_VALUE;
    }
}
