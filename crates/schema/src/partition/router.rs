//! From a row to its partition.

use std::collections::HashMap;

use tifusion_codec::collation::Collation;
use tifusion_codec::datum::{self, Datum};
use tifusion_codec::decimal::Decimal;
use tifusion_codec::duration;
use tifusion_codec::field_type::{FieldType, tp};
use tifusion_codec::index::KeyColumn;
use tifusion_codec::time::{CoreTime, TimeKind};

use super::crc32::Crc32;
use super::error::PartitionError;
use super::expression::{PartitionExpr, is_integer};
use super::image;
use super::parse::{Literal, literal};
use crate::default_value::datum_of_text;
use crate::model::{PartitionDefinition, PartitionInfo, PartitionType, TableInfo};

/// Tells which partition of a table a row belongs to, as TiDB does (`table/tables/partition.go`).
#[derive(Debug, Clone)]
pub struct PartitionRouter {
    table: String,
    pub(super) rule: Rule,
    pub(super) ids: Vec<i64>,
}

#[derive(Debug, Clone)]
pub(super) enum Rule {
    /// Upper bounds, `None` for `MAXVALUE`.
    Range(PartitionExpr, Vec<Option<i128>>),
    /// Upper bounds as memory-comparable datums.
    RangeColumns(Vec<RoutingColumn>, Vec<Vec<u8>>),
    Hash(PartitionExpr),
    Key(Vec<RoutingColumn>),
    List {
        expr: PartitionExpr,
        values: HashMap<Option<i128>, usize>,
        default: Option<usize>,
    },
    ListColumns {
        columns: Vec<RoutingColumn>,
        values: HashMap<Vec<u8>, usize>,
        default: Option<usize>,
    },
}

#[derive(Debug, Clone)]
pub(super) struct RoutingColumn {
    pub(super) offset: usize,
    pub(super) key: KeyColumn,
    collation: Collation,
}

impl PartitionRouter {
    /// A router for the partitions of `table`. The metadata must not be in a schema change.
    ///
    /// # Errors
    /// [`PartitionError`] if the table is not partitioned, or by something this version doesn't know.
    pub fn new(table: &TableInfo, new_collation: bool) -> Result<Self, PartitionError> {
        let unsupported = |reason: &str| PartitionError::Unsupported {
            text: table.name.original.clone(),
            reason: reason.to_owned(),
        };
        let info = table.partition_info().ok_or_else(|| unsupported("it is not partitioned"))?;
        let definitions = &info.definitions;
        if definitions.is_empty() {
            return Err(unsupported("it has no partition"));
        }
        let columns = || routing_columns(table, info, new_collation);
        let expr = || partition_expr(table, &info.expr);
        let rule = match (info.partition_type, info.columns.is_empty()) {
            (PartitionType::Range, true) => Rule::Range(expr()?, bounds(definitions)?),
            (PartitionType::Range, false) => {
                let columns = columns()?;
                let bounds = definitions.iter().map(|d| values_key(&columns, &d.less_than));
                let bounds = bounds.collect::<Result<Vec<_>, _>>()?;
                check_rising(&bounds)?;
                Rule::RangeColumns(columns, bounds)
            }
            (PartitionType::Hash, true) => Rule::Hash(expr()?),
            (PartitionType::Key, false) => {
                let columns = columns()?;
                columns.iter().try_for_each(RoutingColumn::check_hashable)?;
                Rule::Key(columns)
            }
            (PartitionType::List, true) => {
                let (values, default) = list(definitions, list_value)?;
                Rule::List { expr: expr()?, values, default }
            }
            (PartitionType::List, false) => {
                let columns = columns()?;
                let (values, default) = list(definitions, |v| values_key(&columns, v))?;
                Rule::ListColumns { columns, values, default }
            }
            _ => return Err(unsupported("such a kind of partitioning")),
        };
        let ids = definitions.iter().map(|definition| definition.id).collect();
        Ok(Self { table: table.name.original.clone(), rule, ids })
    }

    /// The offsets in the table of the columns that decide.
    #[must_use]
    pub fn columns(&self) -> Vec<usize> {
        match &self.rule {
            Rule::Range(expr, _) | Rule::Hash(expr) | Rule::List { expr, .. } => {
                image::offsets(expr)
            }
            Rule::RangeColumns(columns, _)
            | Rule::Key(columns)
            | Rule::ListColumns { columns, .. } => {
                columns.iter().map(|column| column.offset).collect()
            }
        }
    }

    /// The id of the partition that a row belongs to; `row` holds the values of all columns of the table,
    /// in its order.
    ///
    /// # Errors
    /// [`PartitionError`] when no partition takes the row, or the expression has no value for it.
    pub fn route(&self, row: &[Datum<'_>]) -> Result<i64, PartitionError> {
        let at = match &self.rule {
            Rule::Range(expr, bounds) => match expr.eval(row)? {
                None => Some(0),
                Some(value) => {
                    bounds.iter().position(|bound| bound.is_none_or(|bound| value < bound))
                }
            },
            Rule::RangeColumns(columns, bounds) => {
                let key = row_key(columns, row)?;
                bounds.iter().position(|bound| key < *bound)
            }
            Rule::Hash(expr) => self.remainder(expr.eval(row)?.unwrap_or(0)),
            Rule::Key(columns) => {
                let mut sum = Crc32::new();
                for column in columns {
                    column.hash(&mut sum, row)?;
                }
                self.remainder(sum.finish().into())
            }
            Rule::List { expr, values, default } => {
                values.get(&expr.eval(row)?).copied().or(*default)
            }
            Rule::ListColumns { columns, values, default } => {
                values.get(&row_key(columns, row)?).copied().or(*default)
            }
        };
        let id = at.and_then(|at| self.ids.get(at)).copied();
        id.ok_or_else(|| self.no_partition(row))
    }

    /// The partition of a number by remainder; an unsigned one counts as signed, as in TiDB.
    pub(super) fn remainder(&self, value: i128) -> Option<usize> {
        let [.., a, b, c, d, e, f, g, h] = value.to_be_bytes();
        let value = i64::from_be_bytes([a, b, c, d, e, f, g, h]);
        let count = i64::try_from(self.ids.len()).ok()?;
        usize::try_from(value.checked_rem(count)?.unsigned_abs()).ok()
    }

    fn no_partition(&self, row: &[Datum<'_>]) -> PartitionError {
        let value = match &self.rule {
            Rule::Range(expr, _) | Rule::Hash(expr) | Rule::List { expr, .. } => expr
                .eval(row)
                .ok()
                .flatten()
                .map_or_else(|| "NULL".to_owned(), |value| value.to_string()),
            _ => "from column_list".to_owned(),
        };
        PartitionError::NoPartition { table: self.table.clone(), value }
    }
}

fn partition_expr(table: &TableInfo, text: &str) -> Result<PartitionExpr, PartitionError> {
    PartitionExpr::parse(text, &|name| {
        let at = table.columns.iter().position(|column| column.name.matches(name))?;
        table.columns.get(at).map(|column| (at, column.field_type.clone()))
    })
}

fn routing_columns(
    table: &TableInfo,
    info: &PartitionInfo,
    new_collation: bool,
) -> Result<Vec<RoutingColumn>, PartitionError> {
    let column = |name: &crate::model::CiStr| {
        let unsupported =
            |reason: String| PartitionError::Unsupported { text: name.original.clone(), reason };
        let offset = table.columns.iter().position(|column| column.name.lower == name.lower);
        let found = offset.and_then(|offset| table.columns.get(offset).map(|c| (offset, c)));
        let (offset, info) = found.ok_or_else(|| unsupported("there is no such column".into()))?;
        let collation = Collation::of(&info.field_type, new_collation)
            .map_err(|error| unsupported(error.to_string()))?;
        let key = KeyColumn::new(info.id, &info.field_type, None, new_collation)
            .map_err(|error| unsupported(error.to_string()))?;
        Ok(RoutingColumn { offset, key, collation })
    };
    info.columns.iter().map(column).collect()
}

fn bounds(definitions: &[PartitionDefinition]) -> Result<Vec<Option<i128>>, PartitionError> {
    let bound = |definition: &PartitionDefinition| {
        let [text] = definition.less_than.as_slice() else {
            return Err(bound_error(&definition.less_than, "not one bound"));
        };
        match literal(text) {
            Ok(Literal::MaxValue) => Ok(None),
            _ => constant(text).map(Some),
        }
    };
    let bounds: Vec<Option<i128>> = definitions.iter().map(bound).collect::<Result<_, _>>()?;
    check_rising(&bounds.iter().map(|bound| bound.unwrap_or(i128::MAX)).collect::<Vec<_>>())?;
    Ok(bounds)
}

/// Checks that each bound is above the one before.
fn check_rising<T: Ord>(bounds: &[T]) -> Result<(), PartitionError> {
    if bounds.iter().zip(bounds.iter().skip(1)).all(|(a, b)| a < b) {
        return Ok(());
    }
    Err(bound_error(&[], "the bounds do not rise"))
}

/// A whole number, perhaps by an expression of constants, as old metadata has it.
fn constant(text: &str) -> Result<i128, PartitionError> {
    let value = PartitionExpr::parse(text, &|_| None)?.eval(&[])?;
    value.ok_or_else(|| bound_error(&[text.to_owned()], "NULL"))
}

fn bound_error(texts: &[String], reason: impl Into<String>) -> PartitionError {
    PartitionError::Bound { text: texts.join(", "), reason: reason.into() }
}

fn list_value(values: &[String]) -> Result<Option<i128>, PartitionError> {
    match values {
        [text] if literal(text) == Ok(Literal::Null) => Ok(None),
        [text] => constant(text).map(Some),
        _ => Err(bound_error(values, "not one value")),
    }
}

/// Which partition each listed value belongs to, and which takes the rest.
fn list<K: std::hash::Hash + Eq>(
    definitions: &[PartitionDefinition],
    key: impl Fn(&[String]) -> Result<K, PartitionError>,
) -> Result<(HashMap<K, usize>, Option<usize>), PartitionError> {
    let mut all = HashMap::new();
    let mut default = None;
    for (at, definition) in definitions.iter().enumerate() {
        for values in &definition.in_values {
            let is_default =
                matches!(values.as_slice(), [text] if literal(text) == Ok(Literal::Default));
            if is_default {
                default = Some(at);
            } else if all.insert(key(values)?, at).is_some_and(|other| other != at) {
                return Err(bound_error(values, "in two partitions"));
            }
        }
    }
    Ok((all, default))
}

/// The memory-comparable key of the values of a bound or of a list; `MAXVALUE` is above all.
fn values_key(columns: &[RoutingColumn], texts: &[String]) -> Result<Vec<u8>, PartitionError> {
    let mut key = Vec::new();
    if columns.len() != texts.len() {
        return Err(bound_error(texts, format!("not {} values", columns.len())));
    }
    for (column, text) in columns.iter().zip(texts) {
        let refuse = |reason: String| PartitionError::Bound { text: text.clone(), reason };
        let value = match literal(text)? {
            Literal::Null => Ok(Datum::Null),
            Literal::MaxValue => Ok(Datum::Max),
            Literal::Default => return Err(refuse("DEFAULT among other values".to_owned())),
            Literal::Text(text) => datum_of_text(column.key.field_type(), &text)
                .map(Datum::into_owned)
                .map_err(|error| refuse(error.to_string())),
        }?;
        let encoded = match value {
            Datum::Max => datum::encode_key(&mut key, &value),
            value => column.key.encode(&mut key, &value),
        };
        encoded.map_err(|error| refuse(error.to_string()))?;
    }
    Ok(key)
}

pub(super) fn row_key(
    columns: &[RoutingColumn],
    row: &[Datum<'_>],
) -> Result<Vec<u8>, PartitionError> {
    let mut key = Vec::new();
    for column in columns {
        let value = row.get(column.offset).unwrap_or(&Datum::Null);
        column.key.encode(&mut key, value).map_err(|error| column.error(error))?;
    }
    Ok(key)
}

impl RoutingColumn {
    fn error(&self, error: tifusion_codec::Error) -> PartitionError {
        let text = format!("column {}", self.key.id);
        PartitionError::Value { text, reason: error.to_string() }
    }

    /// Whether the text that is hashed for a value is known.
    fn check_hashable(&self) -> Result<(), PartitionError> {
        let field_type = self.key.field_type();
        let is_known = is_integer(field_type)
            || field_type.is_string()
            || matches!(field_type.tp, tp::NEW_DECIMAL | tp::DATE | tp::DATETIME | tp::DURATION);
        if is_known {
            return Ok(());
        }
        let reason = format!("a {} in KEY", field_type.name());
        Err(PartitionError::Unsupported { text: format!("column {}", self.key.id), reason })
    }

    /// Adds what `PARTITION BY KEY` hashes of a value: a string's sort key, else the value as text.
    fn hash(&self, sum: &mut Crc32, row: &[Datum<'_>]) -> Result<(), PartitionError> {
        let field_type = self.key.field_type();
        let fsp = u8::try_from(field_type.decimal).unwrap_or(0);
        let time = |packed: u64, kind, fsp| CoreTime::from_packed(packed, kind, fsp).to_string();
        let text = match (field_type.tp, row.get(self.offset).unwrap_or(&Datum::Null)) {
            (_, Datum::Null) => "\0".to_owned(),
            (_, Datum::Bytes(bytes)) => {
                let mut key = Vec::new();
                self.collation.sort_key(&mut key, bytes).map_err(|error| self.error(error))?;
                sum.update(&key);
                return Ok(());
            }
            (tp::DATE, Datum::UInt(packed)) => time(*packed, TimeKind::Date, 0),
            (tp::DATETIME, Datum::UInt(packed)) => time(*packed, TimeKind::DateTime, fsp),
            (_, Datum::Duration(nanos)) => duration::to_text(*nanos, fsp),
            (_, Datum::Decimal(value)) => {
                decimal_text(field_type, value).map_err(|error| self.error(error))?
            }
            (_, Datum::Int(value)) => value.to_string(),
            (_, Datum::UInt(value)) => value.to_string(),
            (_, other) => {
                let error = tifusion_codec::Error::unsupported("KEY partition", other.kind());
                return Err(self.error(error));
            }
        };
        sum.update(text.as_bytes());
        Ok(())
    }
}

/// A decimal with all digits after the point that its column has.
fn decimal_text(field_type: &FieldType, value: &Decimal) -> tifusion_codec::Result<String> {
    let mut body = Vec::new();
    let precision = u8::try_from(field_type.flen).unwrap_or(0);
    let scale = u8::try_from(field_type.decimal).unwrap_or(0);
    value.encode(&mut body, precision, scale)?;
    Ok(Decimal::decode(&mut body.as_slice())?.to_string())
}
