//! Plans, as TiDB sends them.

use tifusion_codec::datum::{Datum, encode_value};
use tifusion_codec::field_type::{flag, tp};
use tifusion_codec::number::{encode_f64, encode_i64, encode_u64};
use tifusion_proto::tipb::{
    AggFunctionMode, Aggregation, ByItem, ChunkMemoryLayout, ColumnInfo, DagRequest, EncodeType,
    ExecType, Executor, Expr, ExprType, FieldType, IndexScan, Limit, Projection, ScalarFuncSig,
    Selection, TableScan, TopN,
};
use tifusion_schema::{IndexInfo, ScanColumn, ScanOptions, TableInfo};

/// `utf8mb4_bin` under the new collations.
pub(crate) const UTF8MB4_BIN: i32 = -46;
/// `utf8mb4_general_ci` under the new collations.
pub(crate) const GENERAL_CI: i32 = -45;
/// `binary` under the new collations.
pub(crate) const BINARY: i32 = -63;

const OPTIONS: ScanOptions =
    ScanOptions { new_collation: true, for_index: false, for_tiflash: false, system_zone: None };

fn column_info(column: ScanColumn) -> ColumnInfo {
    ColumnInfo {
        column_id: Some(column.column_id),
        tp: Some(column.tp),
        collation: Some(column.collation),
        column_len: Some(column.column_len),
        decimal: Some(column.decimal),
        flag: Some(column.flag),
        elems: column.elems,
        default_val: column.default_val,
        pk_handle: Some(column.pk_handle),
        array: None,
    }
}

/// The row id of a table that has no other.
pub(crate) fn row_id() -> ColumnInfo {
    ColumnInfo {
        column_id: Some(-1),
        tp: Some(tp::LONG_LONG.into()),
        column_len: Some(-1),
        decimal: Some(-1),
        flag: Some(0),
        pk_handle: Some(true),
        ..ColumnInfo::default()
    }
}

/// The columns of a table, as a scan names them.
pub(crate) fn columns(table: &TableInfo) -> Vec<ColumnInfo> {
    let named = table.columns.iter().map(|column| ScanColumn::new(table, column, OPTIONS));
    named.map(|column| column_info(column.expect("a default"))).collect()
}

/// A scan of a table's rows.
pub(crate) fn table_scan(table: &TableInfo, id: i64, columns: Vec<ColumnInfo>) -> Executor {
    let primary = table.indices.iter().find(|index| index.primary);
    let ids = primary.filter(|_| table.is_common_handle).map(|index| column_ids(table, index));
    let scan = TableScan {
        table_id: Some(id),
        columns,
        desc: Some(false),
        primary_column_ids: ids.unwrap_or_default(),
        ..TableScan::default()
    };
    let tp = Some(ExecType::TypeTableScan.into());
    Executor { tp, tbl_scan: Some(scan), ..Executor::default() }
}

fn column_ids(table: &TableInfo, index: &IndexInfo) -> Vec<i64> {
    index.columns.iter().map(|column| table.columns[column.offset].id).collect()
}

/// A scan of an index: its columns, then the handle's.
pub(crate) fn index_scan(table: &TableInfo, name: &str, id: i64) -> (i64, Executor) {
    let index = table.indices.iter().find(|index| index.name.matches(name)).expect("the index");
    let all = columns(table);
    let mut own: Vec<_> = index.columns.iter().map(|it| all[it.offset].clone()).collect();
    let mut primary_column_ids = Vec::new();
    if table.is_common_handle {
        let primary = table.indices.iter().find(|index| index.primary).expect("a primary key");
        own.extend(primary.columns.iter().map(|it| all[it.offset].clone()));
        primary_column_ids = column_ids(table, primary);
    } else {
        let handle = all.into_iter().find(|column| column.pk_handle == Some(true));
        own.push(handle.unwrap_or_else(row_id));
    }
    let scan = IndexScan {
        table_id: Some(id),
        index_id: Some(index.id),
        columns: own,
        desc: Some(false),
        // TiDB says so of points alone.
        unique: Some(false),
        primary_column_ids,
    };
    let tp = Some(ExecType::TypeIndexScan.into());
    (index.id, Executor { tp, idx_scan: Some(scan), ..Executor::default() })
}

/// Rows that fulfil all conditions.
pub(crate) fn selection(conditions: Vec<Expr>) -> Executor {
    let selection = Selection { conditions, ..Selection::default() };
    let tp = Some(ExecType::TypeSelection.into());
    Executor { tp, selection: Some(selection.into()), ..Executor::default() }
}

/// Expressions of each row.
pub(crate) fn projection(exprs: Vec<Expr>) -> Executor {
    let projection = Projection { exprs, ..Projection::default() };
    let tp = Some(ExecType::TypeProjection.into());
    Executor { tp, projection: Some(projection.into()), ..Executor::default() }
}

/// Groups and what becomes of them.
pub(crate) fn aggregation(kind: ExecType, functions: Vec<Expr>, group_by: Vec<Expr>) -> Executor {
    let streamed = Some(kind == ExecType::TypeStreamAgg);
    let aggregation =
        Aggregation { group_by, agg_func: functions, streamed, ..Aggregation::default() };
    Executor { tp: Some(kind.into()), aggregation: Some(aggregation.into()), ..Executor::default() }
}

/// The first rows of an order.
pub(crate) fn top_n(order: Vec<(Expr, bool)>, limit: u64) -> Executor {
    let item = |(expr, desc)| ByItem { expr: Some(expr), desc: Some(desc), rpn_expr: None };
    let order_by = order.into_iter().map(item).collect();
    let top_n = TopN { order_by, limit: Some(limit), ..TopN::default() };
    Executor {
        tp: Some(ExecType::TypeTopN.into()),
        top_n: Some(top_n.into()),
        ..Executor::default()
    }
}

/// The first rows.
pub(crate) fn limit(limit: u64) -> Executor {
    let limit = Limit { limit: Some(limit), ..Limit::default() };
    let tp = Some(ExecType::TypeLimit.into());
    Executor { tp, limit: Some(limit.into()), ..Executor::default() }
}

/// A plan of executors, all of whose `width` columns are told.
pub(crate) fn plan(executors: Vec<Executor>, width: usize) -> DagRequest {
    let executors = executors
        .into_iter()
        .enumerate()
        .map(|(at, executor)| Executor { executor_id: Some(format!("executor_{at}")), ..executor });
    DagRequest {
        executors: executors.collect(),
        output_offsets: (0..).take(width).collect(),
        time_zone_name: Some("UTC".to_owned()),
        time_zone_offset: Some(0),
        // Of a SELECT: what is truncated, flows over or is divided by zero is a warning.
        flags: Some(2 | 32 | 64 | 128 | 256),
        encode_type: Some(EncodeType::TypeDefault.into()),
        max_warning_count: Some(64),
        div_precision_increment: Some(4),
        chunk_memory_layout: Some(ChunkMemoryLayout { endian: Some(0) }),
        ..DagRequest::default()
    }
}

/// The field type of a column.
pub(crate) fn type_of(column: &ColumnInfo) -> FieldType {
    let collate = column.collation.unwrap_or_default();
    FieldType {
        tp: column.tp,
        flag: column.flag.map(i32::cast_unsigned),
        flen: column.column_len,
        decimal: column.decimal,
        collate: Some(collate),
        charset: Some(if collate == BINARY { "binary" } else { "utf8mb4" }.to_owned()),
        elems: column.elems.clone(),
        array: None,
    }
}

fn plain(code: u8, flags: u32) -> FieldType {
    FieldType {
        tp: Some(code.into()),
        flag: Some(flags | flag::BINARY),
        flen: Some(-1),
        decimal: Some(-1),
        collate: Some(BINARY),
        charset: Some("binary".to_owned()),
        ..FieldType::default()
    }
}

pub(crate) fn bigint() -> FieldType {
    FieldType { flen: Some(20), decimal: Some(0), ..plain(tp::LONG_LONG, 0) }
}

pub(crate) fn ubigint() -> FieldType {
    FieldType { flen: Some(20), decimal: Some(0), ..plain(tp::LONG_LONG, flag::UNSIGNED) }
}

pub(crate) fn double() -> FieldType {
    plain(tp::DOUBLE, 0)
}

pub(crate) fn decimal(precision: i32, scale: i32) -> FieldType {
    FieldType { flen: Some(precision), decimal: Some(scale), ..plain(tp::NEW_DECIMAL, 0) }
}

pub(crate) fn text_of(collate: i32) -> FieldType {
    FieldType {
        collate: Some(collate),
        charset: Some("utf8mb4".to_owned()),
        flag: Some(0),
        ..plain(tp::VAR_STRING, 0)
    }
}

pub(crate) fn text() -> FieldType {
    text_of(UTF8MB4_BIN)
}

/// Text with room for so many characters.
pub(crate) fn text_up_to(flen: i32) -> FieldType {
    FieldType { flen: Some(flen), ..text() }
}

pub(crate) fn bytes() -> FieldType {
    plain(tp::VAR_STRING, 0)
}

pub(crate) fn datetime(fraction: i32) -> FieldType {
    FieldType { flen: Some(26), decimal: Some(fraction), ..plain(tp::DATETIME, 0) }
}

pub(crate) fn date() -> FieldType {
    FieldType { flen: Some(10), decimal: Some(0), ..plain(tp::DATE, 0) }
}

pub(crate) fn duration(fraction: i32) -> FieldType {
    FieldType { flen: Some(17), decimal: Some(fraction), ..plain(tp::DURATION, 0) }
}

pub(crate) fn json() -> FieldType {
    FieldType {
        collate: Some(UTF8MB4_BIN),
        charset: Some("utf8mb4".to_owned()),
        ..plain(tp::JSON, 0)
    }
}

fn node(kind: ExprType, val: Vec<u8>, field_type: FieldType) -> Expr {
    Expr { tp: Some(kind.into()), val: Some(val), field_type: Some(field_type), ..Expr::default() }
}

/// A column of the executor below.
pub(crate) fn column(offset: usize, field_type: FieldType) -> Expr {
    let mut val = Vec::new();
    encode_i64(&mut val, i64::try_from(offset).expect("a small number"));
    node(ExprType::ColumnRef, val, field_type)
}

pub(crate) fn int(value: i64) -> Expr {
    let mut val = Vec::new();
    encode_i64(&mut val, value);
    node(ExprType::Int64, val, bigint())
}

pub(crate) fn uint(value: u64) -> Expr {
    let mut val = Vec::new();
    encode_u64(&mut val, value);
    node(ExprType::Uint64, val, ubigint())
}

pub(crate) fn real(value: f64) -> Expr {
    let mut val = Vec::new();
    encode_f64(&mut val, value);
    node(ExprType::Float64, val, double())
}

pub(crate) fn string(value: &str) -> Expr {
    node(ExprType::String, value.as_bytes().to_vec(), text())
}

pub(crate) fn number(value: &str) -> Expr {
    let mut val = Vec::new();
    encode_value(&mut val, &Datum::Decimal(value.parse().expect("a decimal"))).expect("a datum");
    let scale = value.split_once('.').map_or(0, |(_, digits)| digits.len());
    let scale = i32::try_from(scale).expect("a small number");
    // Without the datum's flag.
    node(ExprType::MysqlDecimal, val[1..].to_vec(), decimal(30, scale))
}

pub(crate) fn null() -> Expr {
    node(ExprType::Null, Vec::new(), plain(tp::NULL, 0))
}

/// A call of a function.
pub(crate) fn call(sig: ScalarFuncSig, field_type: FieldType, children: Vec<Expr>) -> Expr {
    Expr { sig: Some(sig.into()), children, ..node(ExprType::ScalarFunc, Vec::new(), field_type) }
}

/// A function over groups.
pub(crate) fn aggregate(kind: ExprType, field_type: FieldType, children: Vec<Expr>) -> Expr {
    let mode = AggFunctionMode::Partial1Mode;
    let agg_func_mode = Some(mode.into());
    Expr { children, agg_func_mode, ..node(kind, Vec::new(), field_type) }
}
