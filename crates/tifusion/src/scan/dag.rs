//! The DAG request of a scan.
//!
//! The snapshot's timestamp is not part of it (it travels in the coprocessor request), so that the
//! same scan has the same bytes every time and the stores' caches can know it.

use bytes::Bytes;
use prost::Message as _;
use tifusion_proto::tipb;
use tifusion_schema::ScanColumn;

use super::reduction::Reduction;
use super::spec::TableScanSpec;
use crate::config::CodecFormat;

/// `FLAG_IN_SELECT_STMT` of TiDB's statement flags.
const FLAG_IN_SELECT: u64 = 32;

/// The encoded request for one physical table.
pub(crate) fn encode(spec: &TableScanSpec, physical_id: i64) -> Bytes {
    let mut executors = vec![table_scan(spec, physical_id)];
    if !spec.conditions.is_empty() {
        executors.push(selection(spec.conditions.clone()));
    }
    executors.extend(spec.reduction.as_ref().map(Reduction::executor));
    if let Some(limit) = spec.limit {
        executors.push(limit_executor(limit));
    }
    let request = tipb::DagRequest {
        executors,
        time_zone_offset: Some(0),
        // TIMESTAMPs come as wall time of the request's zone, which repeats an hour each autumn
        // elsewhere: only UTC is unambiguous.
        time_zone_name: Some("UTC".to_owned()),
        flags: Some(FLAG_IN_SELECT),
        output_offsets: spec.output.clone(),
        encode_type: Some(match spec.format {
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

fn table_scan(spec: &TableScanSpec, physical_id: i64) -> tipb::Executor {
    tipb::Executor {
        tp: Some(tipb::ExecType::TypeTableScan.into()),
        tbl_scan: Some(tipb::TableScan {
            table_id: Some(physical_id),
            columns: spec.columns.iter().map(column_info).collect(),
            desc: Some(false),
            primary_column_ids: spec.primary_column_ids.clone(),
            primary_prefix_column_ids: spec.primary_prefix_column_ids.clone(),
            ..tipb::TableScan::default()
        }),
        ..tipb::Executor::default()
    }
}

fn selection(conditions: Vec<tipb::Expr>) -> tipb::Executor {
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

fn column_info(column: &ScanColumn) -> tipb::ColumnInfo {
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
