//! The scan's pure parts, on answers made by hand.

use std::sync::Arc;

use arrow::array::AsArray as _;
use arrow::datatypes::{DataType, Field, Int64Type};
use bytes::Bytes;
use prost::Message as _;
use tifusion_codec::FieldType;
use tifusion_codec::field_type::tp;
use tifusion_codec::output::ZeroDate;
use tifusion_proto::tipb;
use tifusion_schema::ScanColumn;

use super::answer::ScanColumns;
use super::dag;
use super::spec::{AccessSummary, RowKeys, Source, TableScanSpec};
use crate::config::CodecFormat;
use crate::error::ErrorKind;

fn spec(start_ts: u64, limit: Option<usize>, format: CodecFormat) -> TableScanSpec {
    TableScanSpec {
        database: "shop".into(),
        table: "orders".into(),
        columns: vec![ScanColumn { column_id: 1, tp: 8, pk_handle: true, ..ScanColumn::default() }],
        output: vec![0],
        conditions: vec![],
        source: Source::Table(RowKeys::default()),
        reduction: None,
        access: AccessSummary::default(),
        limit,
        order: None,
        start_ts,
        schema_version: 7,
        format,
    }
}

fn decode(bytes: Bytes) -> tipb::DagRequest {
    tipb::DagRequest::decode(bytes).unwrap()
}

#[test]
fn equal_scans_at_different_times_are_equal_bytes() {
    let (a, b) = (spec(1, None, CodecFormat::Chunk), spec(2, None, CodecFormat::Chunk));
    assert_eq!(dag::encode(&a, 5), dag::encode(&b, 5));
    assert_ne!(dag::encode(&a, 5), dag::encode(&a, 6));
}

#[test]
fn the_request_asks_in_utc_for_the_format_and_limit_of_the_scan() {
    let request = decode(dag::encode(&spec(1, Some(10), CodecFormat::Default), 5));
    assert_eq!(request.time_zone_name(), "UTC");
    assert_eq!(request.encode_type(), tipb::EncodeType::TypeDefault);
    assert_eq!(request.output_offsets, [0]);
    assert_eq!(request.executors.len(), 2);
    assert_eq!(request.executors[0].tbl_scan.as_ref().unwrap().table_id(), 5);
    assert_eq!(request.executors[1].limit.as_ref().unwrap().limit(), 10);
    // TiKV has no TiFlash blocks: asking for them falls back to chunks.
    let request = decode(dag::encode(&spec(1, None, CodecFormat::ChBlock), 5));
    assert_eq!(request.encode_type(), tipb::EncodeType::TypeChunk);
    assert_eq!(request.executors.len(), 1);
}

fn bigint_columns() -> Arc<ScanColumns> {
    let (field_type, field) = bigint();
    Arc::new(ScanColumns::new(std::iter::once((&field_type, &field)), ZeroDate::Null).unwrap())
}

fn bigint() -> (FieldType, Field) {
    (FieldType::new(tp::LONG_LONG, 0), Field::new("id", DataType::Int64, true))
}

/// A chunk of one BIGINT column without NULLs.
pub(super) fn chunk(values: &[i64]) -> Bytes {
    let mut bytes = u32::try_from(values.len()).unwrap().to_le_bytes().to_vec();
    bytes.extend(0_u32.to_le_bytes());
    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    Bytes::from(bytes)
}

pub(super) fn answer(encode: tipb::EncodeType, chunks: Vec<Bytes>) -> Bytes {
    let chunks = chunks
        .into_iter()
        .map(|data| tipb::Chunk { rows_data: Some(data), rows_meta: vec![] })
        .collect();
    let response = tipb::SelectResponse {
        chunks,
        encode_type: Some(encode.into()),
        ..tipb::SelectResponse::default()
    };
    Bytes::from(response.encode_to_vec())
}

#[test]
fn the_answer_says_how_it_is_encoded() {
    let columns = bigint_columns();
    // Flag 8 is a variable-length integer; 4 and 6 are 2 and 3 in zigzag.
    let rows = Bytes::from_static(&[8, 4, 8, 6]);
    for (encode, data) in
        [(tipb::EncodeType::TypeChunk, chunk(&[2, 3])), (tipb::EncodeType::TypeDefault, rows)]
    {
        let batches: Vec<_> = columns.open(answer(encode, vec![data])).unwrap().collect();
        let batch = batches.into_iter().next().unwrap().unwrap();
        assert_eq!(batch.column(0).as_primitive::<Int64Type>().values(), &[2, 3], "{encode:?}");
    }
}

#[test]
fn rows_are_counted_when_no_column_is_wanted() {
    let (field_type, field) = bigint();
    let columns = Arc::new(ScanColumns::row_count((&field_type, &field), ZeroDate::Null).unwrap());
    let data = answer(tipb::EncodeType::TypeChunk, vec![chunk(&[1, 2, 3]), chunk(&[4])]);
    let rows: Vec<usize> =
        columns.open(data).unwrap().map(|batch| batch.unwrap().num_rows()).collect();
    assert_eq!(rows, [3, 1]);
    assert!(columns.schema().fields().is_empty());
}

#[test]
fn counting_rows_does_not_look_at_values() {
    let day = (FieldType::new(tp::DATE, 0), Field::new("day", DataType::Date32, false));
    let columns = Arc::new(ScanColumns::row_count((&day.0, &day.1), ZeroDate::Error).unwrap());
    let rows = |data| -> Vec<usize> {
        columns.open(data).unwrap().map(|batch| batch.unwrap().num_rows()).collect()
    };
    // Dates 0000-00-00, which are an error for whoever reads them.
    assert_eq!(rows(answer(tipb::EncodeType::TypeChunk, vec![chunk(&[0, 0])])), [2]);
    let datums = Bytes::from_static(&[8, 0, 8, 0, 8, 0]);
    assert_eq!(rows(answer(tipb::EncodeType::TypeDefault, vec![datums])), [3]);
    let short = answer(tipb::EncodeType::TypeChunk, vec![chunk(&[0, 0]).slice(0..20)]);
    assert!(columns.open(short).unwrap().next().unwrap().is_err());
}

#[test]
fn an_error_of_the_store_is_told_with_its_code() {
    let response = tipb::SelectResponse {
        error: Some(tipb::Error { code: Some(1690), msg: Some("out of range".to_owned()) }),
        ..tipb::SelectResponse::default()
    };
    let error = bigint_columns().open(Bytes::from(response.encode_to_vec())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    let text = error.to_string();
    assert!(text.contains("out of range") && text.contains("1690"), "{text}");
}

#[test]
fn bytes_that_are_no_answer_are_an_error() {
    let columns = bigint_columns();
    let error = columns.open(Bytes::from_static(&[0xff; 9])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Data);
    let cut = chunk(&[1, 2, 3]).slice(0..20);
    let data = answer(tipb::EncodeType::TypeChunk, vec![cut]);
    let batch = columns.open(data).unwrap().next().unwrap();
    assert!(batch.is_err());
}
