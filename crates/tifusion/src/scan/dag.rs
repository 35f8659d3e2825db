//! The DAG request of a scan.
//!
//! The snapshot's timestamp is not part of it (it travels in the coprocessor request), so that the
//! same scan has the same bytes every time and the stores' caches can know it.

use bytes::Bytes;
use prost::Message as _;
use tifusion_proto::tipb;
use tifusion_schema::ScanColumn;

use super::effort::cheapest_first;
use super::reduction::Reduction;
use super::spec::{
    HandleColumns, IndexSide, IndexSource, LookupSource, RowKeys, Segment, Source, TableScanSpec,
};
use crate::config::CodecFormat;

/// `FLAG_IN_SELECT_STMT` of TiDB's statement flags.
const FLAG_IN_SELECT: u64 = 32;

/// The encoded request for one physical table: for the rows, if they are found by an index.
pub(crate) fn encode(spec: &TableScanSpec, physical_id: i64) -> Bytes {
    let desc = spec.order.is_some_and(|order| order.desc);
    let scan = match &spec.source {
        Source::Table(keys) => table_scan(&spec.columns, keys, physical_id, desc),
        // TiFlash knows no order.
        Source::Columnar(columnar) => table_scan(&spec.columns, &columnar.rows, physical_id, false),
        // The rows of a batch are put in order when they are there.
        Source::Lookup(lookup) => table_scan(&spec.columns, &lookup.rows, physical_id, false),
        Source::Index(index) => index_scan(&spec.columns, index, physical_id, desc),
    };
    let mut executors = vec![scan];
    if !spec.conditions.is_empty() {
        executors.push(selection(spec.conditions.clone()));
    }
    executors.extend(spec.reduction.as_ref().map(Reduction::executor));
    // The first rows by their keys are not the first in the order of an index.
    if let Some(limit) = spec.limit.filter(|_| !spec.is_ordered_lookup()) {
        executors.push(limit_executor(limit));
    }
    request(executors, spec.output.clone(), spec.format)
}

/// The encoded request for what is read of a segment itself.
pub(crate) fn encode_first(spec: &TableScanSpec, segment: &Segment) -> Bytes {
    if let Source::Lookup(lookup) = &spec.source
        && let Some(side) = lookup.index_of(segment)
    {
        return encode_handles(spec, lookup, side, segment.physical_id);
    }
    encode(spec, segment.physical_id)
}

/// The encoded request for the handles that entries of an index have in one physical table.
///
/// A common handle is asked for as datums, which are what keys are made of.
pub(crate) fn encode_handles(
    spec: &TableScanSpec,
    lookup: &LookupSource,
    side: &IndexSide,
    physical_id: i64,
) -> Bytes {
    let desc = spec.order.is_some_and(|order| order.desc);
    let mut executors = vec![index_scan(&side.columns, &side.index, physical_id, desc)];
    if !side.conditions.is_empty() {
        executors.push(selection(side.conditions.clone()));
    }
    if let Some(limit) = lookup.most_entries(spec) {
        executors.push(limit_executor(limit));
    }
    let first = side.columns.len().saturating_sub(lookup.handle.len());
    let output = (0..).take(side.columns.len()).skip(first).collect();
    let format = match lookup.handle {
        HandleColumns::Int { .. } => spec.format,
        HandleColumns::Common(_) => CodecFormat::Default,
    };
    request(executors, output, format)
}

fn request(executors: Vec<tipb::Executor>, output_offsets: Vec<u32>, format: CodecFormat) -> Bytes {
    let request = tipb::DagRequest {
        executors,
        time_zone_offset: Some(0),
        // TIMESTAMPs come as wall time of the request's zone, which repeats an hour each autumn
        // elsewhere: only UTC is unambiguous.
        time_zone_name: Some("UTC".to_owned()),
        flags: Some(FLAG_IN_SELECT),
        output_offsets,
        encode_type: Some(match format {
            CodecFormat::Default => tipb::EncodeType::TypeDefault.into(),
            CodecFormat::Chunk | CodecFormat::ChBlock => tipb::EncodeType::TypeChunk.into(),
        }),
        chunk_memory_layout: Some(tipb::ChunkMemoryLayout {
            endian: Some(tipb::Endian::LittleEndian.into()),
        }),
        ..tipb::DagRequest::default()
    };
    Bytes::from(request.encode_to_vec())
}

fn table_scan(
    columns: &[ScanColumn],
    keys: &RowKeys,
    physical_id: i64,
    desc: bool,
) -> tipb::Executor {
    tipb::Executor {
        tp: Some(tipb::ExecType::TypeTableScan.into()),
        tbl_scan: Some(tipb::TableScan {
            table_id: Some(physical_id),
            columns: columns.iter().map(column_info).collect(),
            desc: Some(desc),
            primary_column_ids: keys.primary_column_ids.clone(),
            primary_prefix_column_ids: keys.primary_prefix_column_ids.clone(),
            ..tipb::TableScan::default()
        }),
        ..tipb::Executor::default()
    }
}

fn index_scan(
    columns: &[ScanColumn],
    index: &IndexSource,
    physical_id: i64,
    desc: bool,
) -> tipb::Executor {
    tipb::Executor {
        tp: Some(tipb::ExecType::TypeIndexScan.into()),
        idx_scan: Some(tipb::IndexScan {
            table_id: Some(physical_id),
            index_id: Some(index.index_id),
            columns: columns.iter().map(column_info).collect(),
            desc: Some(desc),
            unique: Some(index.is_point_get),
            primary_column_ids: index.primary_column_ids.clone(),
        }),
        ..tipb::Executor::default()
    }
}

fn selection(conditions: Vec<tipb::Expr>) -> tipb::Executor {
    let conditions = cheapest_first(conditions);
    tipb::Executor {
        tp: Some(tipb::ExecType::TypeSelection.into()),
        selection: Some(Box::new(tipb::Selection { conditions, ..tipb::Selection::default() })),
        ..tipb::Executor::default()
    }
}

fn limit_executor(limit: usize) -> tipb::Executor {
    tipb::Executor {
        tp: Some(tipb::ExecType::TypeLimit.into()),
        limit: Some(Box::new(tipb::Limit {
            limit: Some(u64::try_from(limit).unwrap_or(u64::MAX)),
            ..tipb::Limit::default()
        })),
        ..tipb::Executor::default()
    }
}

/// A column as requests name it.
pub(crate) fn column_info(column: &ScanColumn) -> tipb::ColumnInfo {
    tipb::ColumnInfo {
        column_id: Some(column.column_id),
        tp: Some(column.tp),
        collation: Some(column.collation),
        column_len: Some(column.column_len),
        decimal: Some(column.decimal),
        flag: Some(column.flag),
        elems: column.elems.clone(),
        default_val: column.default_val.clone(),
        pk_handle: Some(column.pk_handle),
        array: None,
    }
}
