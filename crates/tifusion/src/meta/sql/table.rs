//! A table's description, of rows of `information_schema`, in the form in which TiDB keeps it.

use std::collections::HashMap;

use serde_json::{Map, Value, json};
use tifusion_codec::FieldType;
use tifusion_codec::field_type::{flag, tp};
use tifusion_schema::model::ci_str::to_lower;

use super::column_type;
use crate::sql_port::SqlRows;

/// The columns of [`names`](super::reader) that tell what a table is.
#[derive(Debug, Clone, Default)]
pub(super) struct TableRow {
    pub(super) name: String,
    pub(super) id: i64,
    pub(super) kind: String,
    pub(super) collation: String,
    pub(super) comment: String,
    pub(super) is_clustered: bool,
    pub(super) is_partitioned: bool,
}

/// The rows that belong to tables, by the tables' names.
pub(super) type Rows = HashMap<String, Vec<Row>>;

/// A row.
pub(super) type Row = Vec<Option<String>>;

/// What there is to know of tables.
#[derive(Debug, Default)]
pub(super) struct Details {
    pub(super) columns: Rows,
    pub(super) indexes: Rows,
    pub(super) partitions: Rows,
    pub(super) views: Rows,
}

/// The columns of `information_schema.columns` that a column is made of, behind the table's name.
pub(super) const COLUMNS: &str = "TABLE_NAME, COLUMN_NAME, COLUMN_TYPE, CHARACTER_SET_NAME, COLLATION_NAME, \
     IS_NULLABLE, COLUMN_KEY, EXTRA, COLUMN_DEFAULT, COLUMN_COMMENT, GENERATION_EXPRESSION";

/// Those of `information_schema.statistics` that an index is made of.
pub(super) const INDEXES: &str = "TABLE_NAME, INDEX_NAME, NON_UNIQUE, COLUMN_NAME, SUB_PART, IS_VISIBLE, \
     INDEX_COMMENT, EXPRESSION";

/// Those of `information_schema.partitions` that a partition is made of.
pub(super) const PARTITIONS: &str =
    "TABLE_NAME, PARTITION_NAME, TIDB_PARTITION_ID, PARTITION_METHOD, PARTITION_EXPRESSION";

/// Those of `information_schema.views` that a view is made of.
pub(super) const VIEWS: &str = "TABLE_NAME, VIEW_DEFINITION";

/// Rows by their first column, the name of their table.
pub(super) fn by_table(rows: SqlRows) -> Rows {
    let mut tables = Rows::new();
    for row in rows.rows {
        if let Some(Some(name)) = row.first() {
            tables.entry(name.clone()).or_default().push(row);
        }
    }
    tables
}

/// A cell of a row; empty for `NULL` and for one that is not there.
pub(super) fn cell(row: &Row, place: usize) -> &str {
    row.get(place).and_then(|cell| cell.as_deref()).unwrap_or_default()
}

fn ci_str(name: &str) -> Value {
    json!({"O": name, "L": to_lower(name)})
}

/// The members of an object.
fn object<const N: usize>(members: [(&str, Value); N]) -> Map<String, Value> {
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Just the name of a table, and what it is.
pub(super) fn name_of(table: &TableRow) -> Value {
    Value::Object(named(table))
}

fn named(table: &TableRow) -> Map<String, Value> {
    let mut info =
        object([("id", json!(table.id)), ("name", ci_str(&table.name)), ("state", json!(5))]);
    match table.kind.as_str() {
        "VIEW" => drop(info.insert("view".to_owned(), json!({}))),
        "SEQUENCE" => drop(info.insert("sequence".to_owned(), json!({}))),
        _ => {}
    }
    info
}

/// The whole description.
pub(super) fn describe(table: &TableRow, details: &Details) -> Value {
    let none = Vec::new();
    let of = |rows: &'_ Rows| rows.get(&table.name).cloned().unwrap_or_default();
    let columns = details.columns.get(&table.name).unwrap_or(&none);
    let (shown, types): (Vec<Value>, Vec<FieldType>) =
        columns.iter().enumerate().map(|(offset, row)| column(offset, row)).unzip();
    let indexes = indexes(&of(&details.indexes), columns);
    let charset = table.collation.split('_').next().unwrap_or_default();
    let mut info = named(table);
    info.insert("charset".to_owned(), json!(charset));
    info.insert("collate".to_owned(), json!(table.collation));
    info.insert("comment".to_owned(), json!(table.comment));
    info.insert("version".to_owned(), json!(5));
    info.insert("max_col_id".to_owned(), json!(shown.len()));
    info.insert("cols".to_owned(), json!(shown));
    if table.is_clustered {
        let primary: Vec<&FieldType> =
            types.iter().filter(|column| column.flag & flag::PRI_KEY != 0).collect();
        let is_integer = |column: &&FieldType| {
            matches!(column.tp, tp::TINY | tp::SHORT | tp::INT24 | tp::LONG | tp::LONG_LONG)
        };
        let is_handle = matches!(primary.as_slice(), [only] if is_integer(only));
        let handle = if is_handle { "pk_is_handle" } else { "is_common_handle" };
        info.insert(handle.to_owned(), json!(true));
        info.insert("common_handle_version".to_owned(), json!(1));
        // A key of one integer is no index of its own.
        let is_one = |index: &&Value| is_handle && index.get("is_primary") == Some(&json!(true));
        info.insert(
            "index_info".to_owned(),
            indexes.iter().filter(|index| !is_one(index)).cloned().collect(),
        );
    } else {
        info.insert("index_info".to_owned(), json!(indexes));
    }
    if table.is_partitioned {
        info.insert("partition".to_owned(), partition(&of(&details.partitions)));
    }
    if table.kind == "VIEW" {
        // TiDB keeps no names beside those of the columns, which are those of its SELECT in order.
        let view = of(&details.views);
        let select = view.first().map(|row| cell(row, 1)).unwrap_or_default();
        info.insert("view".to_owned(), json!({"view_select": select}));
    }
    Value::Object(info)
}

fn column(offset: usize, row: &Row) -> (Value, FieldType) {
    let optional = |place: usize| row.get(place).and_then(|cell| cell.as_deref());
    let mut field_type = column_type::parse(cell(row, 2), optional(3), optional(4));
    let extra = cell(row, 7).to_ascii_lowercase();
    let flags = [
        (cell(row, 5) == "NO", flag::NOT_NULL),
        (cell(row, 6) == "PRI", flag::PRI_KEY),
        (extra.contains("auto_increment"), flag::AUTO_INCREMENT),
    ];
    for (_, flag) in flags.iter().filter(|(is_set, _)| *is_set) {
        field_type.flag |= flag;
    }
    let mut info = object([
        ("id", json!(offset + 1)),
        ("name", ci_str(cell(row, 1))),
        ("offset", json!(offset)),
        ("state", json!(5)),
        ("comment", json!(cell(row, 9))),
        ("version", json!(2)),
        (
            "type",
            json!({
                "Tp": field_type.tp, "Flag": field_type.flag, "Flen": field_type.flen,
                "Decimal": field_type.decimal, "Charset": field_type.charset,
                "Collate": field_type.collate, "Elems": field_type.elems,
            }),
        ),
    ]);
    let is_expression = extra.contains("default_generated");
    if let Some(default) = optional(8).filter(|_| field_type.tp != tp::BIT) {
        info.insert("default".to_owned(), json!(default));
        info.insert("default_is_expr".to_owned(), json!(is_expression));
    }
    let generated = cell(row, 10);
    if !generated.is_empty() {
        info.insert("generated_expr_string".to_owned(), json!(generated));
        // TiDB computes it, so that it is as good as stored to whoever reads.
        info.insert("generated_stored".to_owned(), json!(true));
    }
    (Value::Object(info), field_type)
}

/// The indexes whose columns are all known: those over expressions are over hidden ones.
fn indexes(rows: &[Row], columns: &[Row]) -> Vec<Value> {
    let mut indexes: Vec<(String, Value, bool)> = Vec::new();
    for row in rows {
        let name = cell(row, 1);
        if !indexes.iter().any(|(known, _, _)| known == name) {
            let info = json!({
                "id": indexes.len() + 1, "idx_name": ci_str(name), "state": 5,
                "comment": cell(row, 6), "is_unique": cell(row, 2) == "0",
                "is_primary": name.eq_ignore_ascii_case("PRIMARY"),
                "is_invisible": cell(row, 5) == "NO", "index_type": 1, "idx_cols": [],
            });
            indexes.push((name.to_owned(), info, true));
        }
        let Some((_, info, is_known)) = indexes.iter_mut().find(|(known, _, _)| known == name)
        else {
            continue;
        };
        let offset = columns.iter().position(|column| cell(column, 1) == cell(row, 3));
        let (Some(offset), "") = (offset, cell(row, 7)) else {
            *is_known = false;
            continue;
        };
        let length: i64 = cell(row, 4).parse().unwrap_or(-1);
        if let Some(parts) = info.get_mut("idx_cols").and_then(Value::as_array_mut) {
            parts.push(json!({"name": ci_str(cell(row, 3)), "offset": offset, "length": length}));
        }
    }
    indexes.into_iter().filter(|(_, _, is_known)| *is_known).map(|(_, info, _)| info).collect()
}

fn partition(rows: &[Row]) -> Value {
    let rows: Vec<&Row> = rows.iter().filter(|row| !cell(row, 1).is_empty()).collect();
    let definition = |row: &&Row| json!({"id": cell(row, 2).parse::<i64>().unwrap_or_default(), "name": ci_str(cell(row, 1))});
    let method = rows.first().map(|row| cell(row, 3)).unwrap_or_default();
    let kind = match method.split(' ').next().unwrap_or_default() {
        "RANGE" => 1,
        "HASH" => 2,
        "LIST" => 3,
        _ => 4,
    };
    json!({
        "type": kind, "enable": true, "num": rows.len(),
        "expr": rows.first().map(|row| cell(row, 4)).unwrap_or_default(),
        "definitions": rows.iter().map(definition).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use tifusion_schema::{HandleKind, TableInfo};

    use super::*;

    fn row(cells: &[&str]) -> Row {
        cells.iter().map(|cell| Some((*cell).to_owned()).filter(|cell| cell != "NULL")).collect()
    }

    fn details() -> Details {
        let column = |name: &str, words: &str, key: &str| {
            let nullable = if key == "PRI" { "NO" } else { "YES" };
            row(&["t", name, words, "NULL", "NULL", nullable, key, "", "NULL", "", ""])
        };
        let index = |name: &str, unique: &str, column: &str, expression: &str| {
            row(&["t", name, unique, column, "NULL", "YES", "", expression])
        };
        let columns = vec![column("id", "bigint(20)", "PRI"), column("v", "int(11)", "MUL")];
        let indexes = vec![
            index("PRIMARY", "0", "id", ""),
            index("by_v", "1", "v", ""),
            index("by_sum", "1", "NULL", "`v` + 1"),
        ];
        Details {
            columns: Rows::from([("t".to_owned(), columns)]),
            indexes: Rows::from([("t".to_owned(), indexes)]),
            ..Details::default()
        }
    }

    fn table(is_clustered: bool) -> TableInfo {
        let table = TableRow {
            name: "t".to_owned(),
            id: 7,
            kind: "BASE TABLE".to_owned(),
            collation: "utf8mb4_bin".to_owned(),
            is_clustered,
            ..TableRow::default()
        };
        TableInfo::from_json(describe(&table, &details()).to_string().as_bytes()).unwrap()
    }

    #[test]
    fn a_table_is_made_of_rows() {
        let info = table(true);
        assert!(
            matches!(info.handle().unwrap(), HandleKind::Int(column) if column.name.matches("ID"))
        );
        let names: Vec<&str> = info.indices.iter().map(|index| index.name.as_str()).collect();
        assert_eq!(names, ["by_v"], "an index over an expression is over columns that nobody sees");
        assert_eq!((info.id, info.public_columns().len()), (7, 2));
        assert!(info.unknown_fields().is_empty() && info.is_readable());
        let info = table(false);
        assert!(matches!(info.handle().unwrap(), HandleKind::RowId));
        assert!(info.indices.iter().any(|index| index.primary));
    }
}
