//! From a scan's spec to the `SELECT` that TiDB is given.

use tifusion_codec::field_type::tp;

use super::{SqlColumn, SqlSource};
use crate::error::{Error, ErrorKind, Result};
use crate::pushdown::sql_text::TABLE;
use crate::scan::reduction::Reduction;
use crate::scan::spec::TableScanSpec;
use crate::sql_port::text::quoted_name;

/// The statement; `is_counted` if only the number of rows matters.
///
/// # Errors
/// When something of the spec has no text, which planning has seen to.
pub(in crate::scan) fn statement(
    spec: &TableScanSpec,
    source: &SqlSource,
    is_counted: bool,
) -> Result<String> {
    let no_text = || Error::new(ErrorKind::Engine, "a part of a scan has no SQL");
    let of = |part: Option<String>| part.ok_or_else(no_text);
    let (text, mut groups, mut order) = (&source.text, Vec::new(), Vec::new());
    let (mut select, mut limit) = (Vec::new(), spec.limit);
    match &spec.reduction {
        Some(Reduction::Aggregate(partial)) => {
            for function in &partial.functions {
                select.push(of(text.aggregate(function))?);
            }
            for group in &partial.groups {
                groups.push(of(text.value(group))?);
            }
            select.extend(groups.iter().cloned());
        }
        reduction => {
            if let Some(Reduction::TopN(top_n)) = reduction {
                for key in &top_n.order {
                    order.push(of(text.order_key(key))?);
                }
                limit = Some(limit.map_or(top_n.rows, |limit| limit.min(top_n.rows)));
            }
            if is_counted {
                select.push("1".to_owned());
            } else {
                for place in &spec.output {
                    let place = usize::try_from(*place).unwrap_or(usize::MAX);
                    select.push(of(source.columns.get(place).map(sent))?);
                }
            }
        }
    }
    let mut conditions = Vec::with_capacity(spec.conditions.len());
    for condition in &spec.conditions {
        conditions.push(of(text.value(condition))?);
    }
    let mut sql = format!("SELECT {} FROM {}", select.join(", "), source.from);
    for (word, parts, separator) in [
        (" WHERE ", conditions, " AND "),
        (" GROUP BY ", groups, ", "),
        (" ORDER BY ", order, ", "),
    ] {
        if !parts.is_empty() {
            sql.push_str(word);
            sql.push_str(&parts.join(separator));
        }
    }
    if let Some(limit) = limit {
        sql.push_str(&format!(" LIMIT {limit}"));
    }
    Ok(sql)
}

/// A column as it is asked for: members of an `ENUM` and bits as numbers, since texts of theirs would have to be
/// taken apart.
fn sent(column: &SqlColumn) -> String {
    let name = format!("{TABLE}.{}", quoted_name(&column.name));
    match column.field_type.tp {
        tp::ENUM | tp::BIT => format!("CAST({name} AS UNSIGNED)"),
        tp::TIDB_VECTOR_FLOAT32 => format!("CAST({name} AS CHAR)"),
        _ => name,
    }
}
