//! Whole tables.

use std::collections::HashSet;

use tifusion_codec::field_type::{flag, tp};
use tifusion_schema::model::{CiStr, IndexInfo, SchemaState};
use tifusion_schema::partition::PartitionExpr;
use tifusion_schema::{ColumnInfo, TableEncoder, TableInfo};

use super::super::error::{BootstrapError, Result};
use super::super::sql::{AutoRandom, ColumnDef, CreateTable, KeyDef, KeyKind, TableOptions};
use super::charset::{Charset, resolve};
use super::{column, index, partition};

/// The version of a table's description that TiDB writes.
const VERSION: u16 = 5;
/// The version of common handles that TiDB writes.
const COMMON_HANDLE_VERSION: u16 = 1;
/// The most columns of a table.
const MAX_COLUMNS: usize = 1017;
/// The most bits of a row id that are scattered.
const MAX_SHARD_BITS: u64 = 15;

/// What a table depends on besides its statement.
pub(crate) struct BuildOptions<'a> {
    /// Whether the cluster runs with the new collations.
    pub(crate) new_collation: bool,
    /// The database's character set and collation.
    pub(crate) charset: Charset,
    /// When the table is made, a timestamp of the store.
    pub(crate) timestamp: u64,
    /// Gives ids that were never used before, first to the table, then to its partitions.
    pub(crate) next_id: &'a mut dyn FnMut() -> i64,
}

/// The description of a table.
///
/// # Errors
/// [`BootstrapError`] for what is contradictory or not known; ids may have been taken then.
pub(crate) fn build_table(def: &CreateTable, options: &mut BuildOptions<'_>) -> Result<TableInfo> {
    let asked = resolve(def.options.charset.as_deref(), def.options.collate.as_deref())?;
    let charset = asked.unwrap_or(options.charset);
    let mut table = TableInfo {
        id: (options.next_id)(),
        name: CiStr::new(def.name.table.clone()),
        charset: charset.charset.to_owned(),
        collate: charset.collate.to_owned(),
        state: SchemaState::Public,
        comment: def.options.comment.clone(),
        update_ts: options.timestamp,
        version: VERSION,
        ..TableInfo::default()
    };
    for (offset, column) in def.columns.iter().enumerate() {
        let column = column::build(column, offset, charset, options.new_collation)?;
        table.columns.push(column);
    }
    let names: HashSet<_> = table.columns.iter().map(|column| &column.name.lower).collect();
    if names.len() != table.columns.len() || table.columns.len() > MAX_COLUMNS {
        return Err(invalid(format!("a column twice, or more than {MAX_COLUMNS}")));
    }
    table.max_column_id = i64::try_from(table.columns.len()).unwrap_or(i64::MAX);
    set_keys(&mut table, def)?;
    for (column, def) in table.columns.iter_mut().zip(&def.columns) {
        column::set_no_default_flag(column, def);
    }
    set_ids(&mut table, def)?;
    if let Some(partition) = &def.partition {
        let info = partition::build(partition, &table, options.next_id)?;
        table.partition = Some(info);
        check_keys_hold_partition_columns(&table)?;
    }
    check_global(&table)?;
    // Whatever is described must be writable.
    TableEncoder::new(&table, options.new_collation)?;
    Ok(table)
}

fn invalid(text: impl Into<String>) -> BootstrapError {
    BootstrapError::Invalid(text.into())
}

/// Keys and what follows from them: the handle, flags of columns.
fn set_keys(table: &mut TableInfo, def: &CreateTable) -> Result<()> {
    let names = index::names(&def.keys)?;
    if def.keys.iter().filter(|key| key.kind == KeyKind::Primary).count() > 1 {
        return Err(invalid("two primary keys"));
    }
    if let Some(primary) = def.keys.iter().find(|key| key.kind == KeyKind::Primary) {
        set_primary(table, primary, &def.columns)?;
    }
    for (key, name) in def.keys.iter().zip(names) {
        if key.kind == KeyKind::Primary && table.pk_is_handle {
            continue;
        }
        let id = table.max_index_id + 1;
        let built = index::build(id, name, key, &table.columns)?;
        index::set_flags(&built, &mut table.columns);
        table.indices.push(built);
        table.max_index_id = id;
    }
    Ok(())
}

fn set_primary(table: &mut TableInfo, key: &KeyDef, columns: &[ColumnDef]) -> Result<()> {
    if key.invisible || key.global {
        return Err(BootstrapError::Unsupported(
            "a primary key that is invisible or global".into(),
        ));
    }
    let mut parts = Vec::new();
    for part in &key.columns {
        let found = table.columns.iter_mut().find(|column| column.name.matches(&part.column));
        let column =
            found.ok_or_else(|| invalid(format!("there is no column {:?}", part.column)))?;
        let is_nullable = columns.get(column.offset).is_some_and(|def| def.not_null == Some(false));
        if is_nullable {
            return Err(invalid(format!("column {} of the primary key is NULL", column.name)));
        }
        column.field_type.flag |= flag::PRI_KEY | flag::NOT_NULL;
        parts.push(column.field_type.tp);
    }
    if key.clustered == Some(false) {
        return Ok(());
    }
    let is_integer =
        |code: &u8| matches!(*code, tp::TINY | tp::SHORT | tp::INT24 | tp::LONG | tp::LONG_LONG);
    if matches!(parts.as_slice(), [code] if is_integer(code)) {
        table.pk_is_handle = true;
    } else {
        table.is_common_handle = true;
        table.common_handle_version = COMMON_HANDLE_VERSION;
    }
    Ok(())
}

/// What gives rows their ids.
fn set_ids(table: &mut TableInfo, def: &CreateTable) -> Result<()> {
    let options = &def.options;
    let as_id = |value: u64, what: &str| {
        i64::try_from(value).map_err(|_| invalid(format!("{what} {value}")))
    };
    set_auto_increment(table, def)?;
    if let Some(cache) = options.auto_id_cache {
        table.auto_id_cache = as_id(cache, "AUTO_ID_CACHE")?;
    }
    if let Some(start) = options.auto_increment {
        table.auto_inc_id = as_id(start, "AUTO_INCREMENT")?;
    }
    let random = def.columns.iter().find_map(|c| c.auto_random.map(|bits| (c, bits)));
    match random {
        Some((column, bits)) => set_auto_random(table, column, bits)?,
        None if options.auto_random_base.is_some() => {
            return Err(invalid("AUTO_RANDOM_BASE without AUTO_RANDOM"));
        }
        None => {}
    }
    if let Some(base) = options.auto_random_base {
        table.auto_rand_id = as_id(base, "AUTO_RANDOM_BASE")?;
    }
    set_shards(table, options)
}

fn set_auto_increment(table: &TableInfo, def: &CreateTable) -> Result<()> {
    let mut declared = def.columns.iter().filter(|column| column.auto_increment);
    let Some(column) = declared.next() else { return Ok(()) };
    if declared.next().is_some() {
        return Err(invalid("two AUTO_INCREMENT columns"));
    }
    let starts = |index: &IndexInfo| {
        index.columns.first().is_some_and(|part| part.name.matches(&column.name))
    };
    let is_handle = table.pk_is_handle
        && table.columns.iter().any(|c| c.is_primary_key() && c.name.matches(&column.name));
    if is_handle || table.indices.iter().any(starts) {
        return Ok(());
    }
    Err(invalid(format!("AUTO_INCREMENT column {}: no key starts with it", column.name)))
}

fn set_auto_random(table: &mut TableInfo, column: &ColumnDef, bits: AutoRandom) -> Result<()> {
    let refuse = |what: &str| Err(invalid(format!("AUTO_RANDOM column {}: {what}", column.name)));
    let is_key = table.pk_is_handle
        && table.columns.iter().any(|c| {
            c.is_primary_key() && c.name.matches(&column.name) && c.field_type.tp == tp::LONG_LONG
        });
    if !is_key {
        // TiDB also takes it as the first column of a longer clustered key.
        return refuse("it must be a clustered BIGINT primary key of its own");
    }
    if column.auto_increment || column.default.is_some() {
        return refuse("it has a default or AUTO_INCREMENT too");
    }
    if !(1..=MAX_SHARD_BITS).contains(&bits.shard_bits) || !(32..=64).contains(&bits.range_bits) {
        return refuse("1 to 15 scattered bits of 32 to 64");
    }
    table.auto_random_bits = bits.shard_bits;
    table.auto_random_range_bits = bits.range_bits;
    Ok(())
}

fn set_shards(table: &mut TableInfo, options: &TableOptions) -> Result<()> {
    let bits = options.shard_row_id_bits.unwrap_or(0);
    if bits > MAX_SHARD_BITS {
        return Err(invalid(format!("SHARD_ROW_ID_BITS {bits}, {MAX_SHARD_BITS} at most")));
    }
    if bits > 0 && (table.pk_is_handle || table.is_common_handle) {
        return Err(invalid("SHARD_ROW_ID_BITS of a table with a clustered key"));
    }
    let regions = options.pre_split_regions.unwrap_or(0);
    if regions > bits.max(table.auto_random_bits) {
        return Err(invalid("PRE_SPLIT_REGIONS beyond the scattered bits"));
    }
    table.shard_row_id_bits = bits;
    table.max_shard_row_id_bits = bits;
    table.pre_split_regions = regions;
    Ok(())
}

/// A unique key that is not global must tell the partition.
fn check_keys_hold_partition_columns(table: &TableInfo) -> Result<()> {
    let Some(info) = table.partition_info() else { return Ok(()) };
    let by: Vec<&ColumnInfo> = table
        .columns
        .iter()
        .filter(|column| {
            let is_named = info.columns.iter().any(|name| name.lower == column.name.lower);
            is_named || (!info.expr.is_empty() && is_in(&info.expr, table, column))
        })
        .collect();
    let check = |name: &str, holds: &dyn Fn(&ColumnInfo) -> bool| match by
        .iter()
        .find(|column| !holds(column))
    {
        None => Ok(()),
        Some(column) => {
            Err(invalid(format!("key {name} lacks column {} of the partitioning", column.name)))
        }
    };
    if table.pk_is_handle {
        check("PRIMARY", &|column| column.is_primary_key())?;
    }
    for index in table.indices.iter().filter(|index| index.unique && !index.global) {
        check(index.name.as_str(), &|column| {
            index.columns.iter().any(|part| part.offset == column.offset && part.length < 0)
        })?;
    }
    Ok(())
}

/// Whether an expression needs a column: it can't be read without.
fn is_in(expr: &str, table: &TableInfo, column: &ColumnInfo) -> bool {
    PartitionExpr::parse(expr, &|name| {
        let at = table.columns.iter().position(|other| other.name.matches(name))?;
        let found = table.columns.get(at).filter(|other| other.id != column.id)?;
        Some((at, found.field_type.clone()))
    })
    .is_err()
}

fn check_global(table: &TableInfo) -> Result<()> {
    match table.indices.iter().find(|index| index.global) {
        Some(index) if table.partition_info().is_none() => {
            Err(invalid(format!("key {} is global, the table has no partitions", index.name)))
        }
        Some(index) if !index.unique => Err(BootstrapError::Unsupported(format!(
            "global key {} that is not unique",
            index.name
        ))),
        _ => Ok(()),
    }
}
