//! Partitions.

use std::collections::HashSet;

use tifusion_codec::FieldType;
use tifusion_codec::datum::Datum;
use tifusion_codec::field_type::tp;
use tifusion_codec::time::{CoreTime, TimeKind};
use tifusion_schema::default_value::datum_of_text;
use tifusion_schema::model::{CiStr, PartitionDefinition, PartitionInfo, PartitionType, TableInfo};
use tifusion_schema::partition::PartitionExpr;

use super::super::error::{BootstrapError, Result};
use super::super::sql::{PartitionDef, PartitionMethod, PartitionOf};

/// The most partitions of a table.
const MAX_PARTITIONS: usize = 8192;
const MAXVALUE: &str = "MAXVALUE";

/// The partitioning of `table`, whose columns are known; `next_id` gives the partitions their ids.
pub(super) fn build(
    def: &PartitionDef,
    table: &TableInfo,
    next_id: &mut dyn FnMut() -> i64,
) -> Result<PartitionInfo> {
    let mut info = PartitionInfo { enable: true, ..PartitionInfo::default() };
    let expr = |text: &str| {
        PartitionExpr::parse(text, &|name| {
            let at = table.columns.iter().position(|column| column.name.matches(name))?;
            table.columns.get(at).map(|column| (at, column.field_type.clone()))
        })
        .map(|expr| expr.to_string())
    };
    let columns = |names: &[String]| {
        names.iter().map(|name| column_name(table, name)).collect::<Result<Vec<_>>>()
    };
    match &def.method {
        PartitionMethod::Range(text) => {
            (info.partition_type, info.expr) = (PartitionType::Range, expr(text)?);
        }
        PartitionMethod::List(text) => {
            (info.partition_type, info.expr) = (PartitionType::List, expr(text)?);
        }
        PartitionMethod::Hash(text) => {
            (info.partition_type, info.expr) = (PartitionType::Hash, expr(text)?);
        }
        PartitionMethod::RangeColumns(names) => {
            info.partition_type = PartitionType::Range;
            info.columns = columns(names)?;
        }
        PartitionMethod::ListColumns(names) => {
            info.partition_type = PartitionType::List;
            info.columns = columns(names)?;
        }
        PartitionMethod::Key(names) => {
            info.partition_type = PartitionType::Key;
            info.is_empty_columns = names.is_empty();
            info.columns = if names.is_empty() { primary(table)? } else { columns(names)? };
        }
    }
    info.definitions = definitions(def, &info, table, next_id)?;
    info.num = u64::try_from(info.definitions.len()).unwrap_or(u64::MAX);
    check_names(&info)?;
    Ok(info)
}

fn column_name(table: &TableInfo, name: &str) -> Result<CiStr> {
    match table.columns.iter().find(|column| column.name.matches(name)) {
        Some(_) => Ok(CiStr::new(name)),
        None => Err(BootstrapError::Invalid(format!("there is no column {name:?}"))),
    }
}

/// The columns of the primary key, by which `KEY ()` goes.
fn primary(table: &TableInfo) -> Result<Vec<CiStr>> {
    let columns =
        table.primary_key_columns().map_err(|error| BootstrapError::Invalid(error.to_string()))?;
    if columns.is_empty() {
        return Err(BootstrapError::Invalid("KEY () without a primary key".to_owned()));
    }
    Ok(columns.iter().map(|column| column.name.clone()).collect())
}

fn definitions(
    def: &PartitionDef,
    info: &PartitionInfo,
    table: &TableInfo,
    next_id: &mut dyn FnMut() -> i64,
) -> Result<Vec<PartitionDefinition>> {
    let is_counted = matches!(info.partition_type, PartitionType::Hash | PartitionType::Key);
    let mut partitions = def.partitions.clone();
    let count = def.count.map(|count| usize::try_from(count).unwrap_or(usize::MAX));
    if partitions.is_empty() && is_counted {
        let count = count.unwrap_or(1);
        partitions = (0..count.min(MAX_PARTITIONS + 1)).map(unnamed).collect();
    } else if count.is_some_and(|count| count != partitions.len()) {
        return Err(BootstrapError::Invalid("PARTITIONS differs from the list".to_owned()));
    }
    if partitions.is_empty() || partitions.len() > MAX_PARTITIONS {
        return Err(BootstrapError::Invalid(format!("1 to {MAX_PARTITIONS} partitions")));
    }
    let types = info
        .columns
        .iter()
        .filter_map(|name| table.columns.iter().find(|column| column.name.lower == name.lower))
        .map(|column| &column.field_type)
        .collect::<Vec<_>>();
    partitions.iter().map(|partition| definition(partition, info, &types, next_id)).collect()
}

fn unnamed(at: usize) -> PartitionOf {
    PartitionOf {
        name: format!("p{at}"),
        less_than: Vec::new(),
        in_values: Vec::new(),
        comment: String::new(),
    }
}

fn definition(
    partition: &PartitionOf,
    info: &PartitionInfo,
    types: &[&FieldType],
    next_id: &mut dyn FnMut() -> i64,
) -> Result<PartitionDefinition> {
    let refuse =
        |what: &str| Err(BootstrapError::Invalid(format!("partition {}: {what}", partition.name)));
    let (has_bound, has_list) = (!partition.less_than.is_empty(), !partition.in_values.is_empty());
    match info.partition_type {
        PartitionType::Range if !has_bound || has_list => return refuse("VALUES LESS THAN"),
        PartitionType::List if !has_list || has_bound => return refuse("VALUES IN"),
        PartitionType::Hash | PartitionType::Key if has_list || has_bound => {
            return refuse("it has no values");
        }
        _ => {}
    }
    let in_values = partition.in_values.iter().map(|values| texts(values, types));
    Ok(PartitionDefinition {
        id: next_id(),
        name: CiStr::new(partition.name.clone()),
        less_than: texts(&partition.less_than, types)?,
        in_values: in_values.collect::<Result<_>>()?,
        comment: partition.comment.clone(),
        ..PartitionDefinition::default()
    })
}

/// The values of a bound or list as TiDB keeps them: numbers evaluated, literals in their columns' form.
fn texts(values: &[String], types: &[&FieldType]) -> Result<Vec<String>> {
    if values.is_empty() || matches!(values, [word] if is_word(word, "DEFAULT")) {
        return Ok(values.iter().map(|value| value.to_ascii_uppercase()).collect());
    }
    let wanted = types.len().max(1);
    if values.len() != wanted {
        return Err(BootstrapError::Invalid(format!("{wanted} values, not {}", values.len())));
    }
    let text = |(at, value): (usize, &String)| match types.get(at) {
        None => number(value),
        Some(field_type) => literal(value, field_type),
    };
    values.iter().enumerate().map(text).collect()
}

fn is_word(text: &str, word: &str) -> bool {
    text.trim_ascii().eq_ignore_ascii_case(word)
}

fn number(text: &str) -> Result<String> {
    if let Some(word) = [MAXVALUE, "NULL"].into_iter().find(|word| is_word(text, word)) {
        return Ok(word.to_owned());
    }
    let value = PartitionExpr::parse(text, &|_| None)?.eval(&[])?;
    Ok(value.map_or_else(|| "NULL".to_owned(), |value| value.to_string()))
}

fn literal(text: &str, field_type: &FieldType) -> Result<String> {
    if let Some(word) = [MAXVALUE, "NULL"].into_iter().find(|word| is_word(text, word)) {
        return Ok(word.to_owned());
    }
    let refuse =
        |reason: String| BootstrapError::Invalid(format!("partition value {text}: {reason}"));
    let quoted = text.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
    let Some(content) = quoted else {
        let is_integer =
            matches!(field_type.tp, tp::TINY | tp::SHORT | tp::INT24 | tp::LONG | tp::LONG_LONG);
        return if is_integer {
            number(text)
        } else {
            Err(refuse("not such a literal".to_owned()))
        };
    };
    let content = content.replace("''", "'").replace("\\\\", "\\");
    let datum = datum_of_text(field_type, &content).map_err(|error| refuse(error.to_string()))?;
    let fsp = u8::try_from(field_type.decimal).unwrap_or(0);
    let shown = match (field_type.tp, &datum) {
        (tp::DATE, Datum::UInt(packed)) => {
            CoreTime::from_packed(*packed, TimeKind::Date, 0).to_string()
        }
        (tp::DATETIME, Datum::UInt(packed)) => {
            CoreTime::from_packed(*packed, TimeKind::DateTime, fsp).to_string()
        }
        (_, Datum::Bytes(_)) => content.clone(),
        _ => return Err(refuse(format!("a {} in a bound", field_type.name()))),
    };
    Ok(format!("'{}'", shown.replace('\\', "\\\\").replace('\'', "''")))
}

fn check_names(info: &PartitionInfo) -> Result<()> {
    let mut names = HashSet::new();
    match info.definitions.iter().find(|definition| !names.insert(&definition.name.lower)) {
        None => Ok(()),
        Some(twice) => Err(BootstrapError::Invalid(format!("partition {} twice", twice.name))),
    }
}
