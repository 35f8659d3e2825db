//! `SHOW INDEX`.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray as _, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::Int64Type;
use datafusion::dataframe::DataFrame;
use datafusion::error::DataFusionError;
use datafusion::prelude::{cast, ident, lit};
use datafusion::sql::sqlparser::ast::{Ident, ObjectName};
use tifusion_schema::model::IndexColumn;
use tifusion_schema::{ColumnInfo, IndexInfo, TableInfo};

use super::stats::statistics;
use super::table::find;
use crate::error::{Error, ErrorKind, Result};
use crate::session::TidbSession;

/// `SHOW INDEX FROM …`: a row for each column of each index, as in TiDB.
///
/// # Errors
/// When there is no such table, or the cluster can't be reached.
pub(in crate::sql) async fn indexes(session: &TidbSession, from: &[Ident]) -> Result<DataFrame> {
    let name = table_name(from)?;
    let Some(shown) = find(session, &name).await? else {
        return Err(Error::unsupported(format!("{name} is not in the cluster: it has no indexes")));
    };
    let distinct = match distinct_counts(session, shown.info.id).await {
        // What was counted is in a table of TiDB's own, which few users may read.
        Err(error) if shown.rights.is_some() && error.kind() == ErrorKind::Security => {
            HashMap::new()
        }
        distinct => distinct?,
    };
    let batch = batch(&shown.info, &rows(&shown.info, &distinct)?)?;
    Ok(session.engine().read_batch(batch)?)
}

/// The words behind `SHOW INDEX`: `FROM table`, `FROM database.table`, `FROM table FROM database`.
fn table_name(words: &[Ident]) -> Result<ObjectName> {
    let is_from = |word: &Ident| {
        word.quote_style.is_none()
            && ["FROM", "IN"].iter().any(|from| word.value.eq_ignore_ascii_case(from))
    };
    let wrong = || Error::invalid("SHOW INDEX takes FROM and a table, and no condition".to_owned());
    let Some((from, name)) = words.split_first() else { return Err(wrong()) };
    if !is_from(from) {
        return Err(wrong());
    }
    let parts = match name {
        [table, from, database @ ..] if is_from(from) && !database.is_empty() => {
            database.iter().chain([table]).cloned().collect()
        }
        parts if !parts.iter().any(is_from) => parts.to_vec(),
        _ => return Err(wrong()),
    };
    match parts.len() {
        1..=3 => Ok(ObjectName::from(parts)),
        _ => Err(wrong()),
    }
}

/// How many different values columns have, by the last `ANALYZE`.
async fn distinct_counts(session: &TidbSession, table_id: i64) -> Result<HashMap<i64, i64>> {
    let columns = "table_id, is_index, hist_id, distinct_count";
    let Some(all) = statistics(session, "stats_histograms", columns).await? else {
        return Ok(HashMap::new());
    };
    let int = |name: &str| cast(ident(name), arrow::datatypes::DataType::Int64);
    let ours = ident("table_id").eq(lit(table_id)).and(int("is_index").eq(lit(0_i64)));
    let counts = all.filter(ours)?.select(vec![int("hist_id"), int("distinct_count")])?;
    let mut found = HashMap::new();
    for batch in counts.collect().await? {
        if let [ids, counts] = batch.columns() {
            let (ids, counts) =
                (ids.as_primitive::<Int64Type>(), counts.as_primitive::<Int64Type>());
            found.extend(ids.iter().zip(counts).filter_map(|(id, count)| Some((id?, count?))));
        }
    }
    Ok(found)
}

/// A column of an index.
struct Row<'a> {
    unique: bool,
    key: &'a str,
    at: i64,
    column: &'a str,
    distinct: i64,
    prefix: Option<i64>,
    nullable: bool,
    kind: &'a str,
    comment: &'a str,
    visible: bool,
    expression: Option<&'a str>,
    clustered: bool,
    global: bool,
}

fn rows<'a>(info: &'a TableInfo, distinct: &HashMap<i64, i64>) -> Result<Vec<Row<'a>>> {
    let count = |column: &ColumnInfo| distinct.get(&column.id).copied().unwrap_or_default();
    let mut rows = Vec::new();
    let primary = info.columns.iter().find(|column| column.is_visible() && column.is_primary_key());
    if let Some(column) = primary.filter(|_| info.pk_is_handle) {
        rows.push(Row {
            unique: true,
            key: "PRIMARY",
            at: 1,
            column: &column.name.original,
            distinct: count(column),
            prefix: None,
            nullable: false,
            kind: "BTREE",
            comment: "",
            visible: true,
            expression: None,
            clustered: true,
            global: false,
        });
    }
    for index in info.indices.iter().filter(|index| index.state.is_public()) {
        let columns = info.index_columns(index)?;
        rows.extend((1..).zip(columns).map(|(at, (part, column))| {
            let distinct = count(column);
            Row { at, distinct, ..row(info, index, part, column) }
        }));
    }
    Ok(rows)
}

fn row<'a>(
    info: &TableInfo,
    index: &'a IndexInfo,
    part: &'a IndexColumn,
    column: &'a ColumnInfo,
) -> Row<'a> {
    Row {
        unique: index.unique,
        key: &index.name.original,
        at: 0,
        // TiDB says so in letters.
        column: if column.hidden { "NULL" } else { &part.name.original },
        distinct: 0,
        prefix: part.prefix_length().and_then(|length| i64::try_from(length).ok()),
        nullable: !column.field_type.is_not_null(),
        kind: index.index_type.as_str(),
        comment: &index.comment,
        visible: !index.invisible,
        expression: column.hidden.then_some(column.generated_expr.as_str()),
        clustered: info.is_common_handle && index.primary,
        global: index.global,
    }
}

fn batch(info: &TableInfo, rows: &[Row<'_>]) -> Result<RecordBatch> {
    fn texts<'a>(all: impl Iterator<Item = Option<&'a str>>) -> ArrayRef {
        Arc::new(all.collect::<StringArray>())
    }
    fn numbers(all: impl Iterator<Item = Option<i64>>) -> ArrayRef {
        Arc::new(all.collect::<Int64Array>())
    }
    let yes_or_no = |yes: bool| Some(if yes { "YES" } else { "NO" });
    let columns = [
        ("Table", texts(rows.iter().map(|_| Some(info.name.as_str())))),
        ("Non_unique", numbers(rows.iter().map(|row| Some(i64::from(!row.unique))))),
        ("Key_name", texts(rows.iter().map(|row| Some(row.key)))),
        ("Seq_in_index", numbers(rows.iter().map(|row| Some(row.at)))),
        ("Column_name", texts(rows.iter().map(|row| Some(row.column)))),
        ("Collation", texts(rows.iter().map(|_| Some("A")))),
        ("Cardinality", numbers(rows.iter().map(|row| Some(row.distinct)))),
        ("Sub_part", numbers(rows.iter().map(|row| row.prefix))),
        ("Packed", texts(rows.iter().map(|_| None))),
        ("Null", texts(rows.iter().map(|row| Some(if row.nullable { "YES" } else { "" })))),
        ("Index_type", texts(rows.iter().map(|row| Some(row.kind)))),
        ("Comment", texts(rows.iter().map(|_| Some("")))),
        ("Index_comment", texts(rows.iter().map(|row| Some(row.comment)))),
        ("Visible", texts(rows.iter().map(|row| yes_or_no(row.visible)))),
        ("Expression", texts(rows.iter().map(|row| row.expression))),
        ("Clustered", texts(rows.iter().map(|row| yes_or_no(row.clustered)))),
        ("Global", texts(rows.iter().map(|row| yes_or_no(row.global)))),
    ];
    let nullable = columns.into_iter().map(|(name, array)| (name, array, true));
    Ok(RecordBatch::try_from_iter_with_nullable(nullable).map_err(DataFusionError::from)?)
}
