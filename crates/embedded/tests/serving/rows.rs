//! A table of (handle, value) and the plan that reads it.

use bytes::Bytes;
use futures::StreamExt as _;
use prost::Message as _;
use tifusion_client::cop::{CopRequest, KeyRange};
use tifusion_client::{Client, ClientOptions, Result, Timestamp};
use tifusion_codec::datum::{self, Datum};
use tifusion_codec::key::{self, Handle};
use tifusion_embedded::EmbeddedCluster;
use tifusion_proto::tipb;

use crate::raw::Raw;

const TABLE: i64 = 7;
const LONG_LONG: i32 = 8;

pub(crate) fn row_key(handle: i64) -> Vec<u8> {
    key::encode_record_key(TABLE, &Handle::Int(handle))
}

/// A row whose column 2 is ten times its handle.
fn row(handle: i64) -> Vec<u8> {
    row_with(handle * 10)
}

/// A row with this in column 2.
pub(crate) fn row_with(value: i64) -> Vec<u8> {
    let mut row = vec![128, 0, 1, 0, 0, 0, 2, 8, 0];
    row.extend_from_slice(&value.to_le_bytes());
    row
}

/// Rows 1 to `count`.
pub(crate) async fn fill(raw: &Raw, count: i64) {
    let pairs: Vec<_> = (1..=count).map(|handle| (row_key(handle), row(handle))).collect();
    raw.put_all(&pairs).await;
}

/// A cluster with rows 1 to `count`, and a client of it.
pub(crate) async fn table(cluster: &EmbeddedCluster, count: i64) -> Client {
    fill(&Raw::new(cluster), count).await;
    connect(cluster).await
}

pub(crate) async fn connect(cluster: &EmbeddedCluster) -> Client {
    Client::connect(ClientOptions::new(cluster.pd_addresses())).await.unwrap()
}

fn column(id: i64, pk_handle: bool) -> tipb::ColumnInfo {
    tipb::ColumnInfo {
        column_id: Some(id),
        tp: Some(LONG_LONG),
        flag: Some(if pk_handle { 3 } else { 0 }),
        column_len: Some(-1),
        decimal: Some(-1),
        pk_handle: Some(pk_handle),
        ..tipb::ColumnInfo::default()
    }
}

pub(crate) fn plan(desc: bool) -> Bytes {
    let scan = tipb::TableScan {
        table_id: Some(TABLE),
        columns: vec![column(1, true), column(2, false)],
        desc: Some(desc),
        ..tipb::TableScan::default()
    };
    let executor = tipb::Executor {
        tp: Some(tipb::ExecType::TypeTableScan.into()),
        tbl_scan: Some(scan),
        ..tipb::Executor::default()
    };
    let dag = tipb::DagRequest {
        executors: vec![executor],
        output_offsets: vec![0, 1],
        time_zone_name: Some("UTC".to_owned()),
        encode_type: Some(tipb::EncodeType::TypeDefault.into()),
        ..tipb::DagRequest::default()
    };
    dag.encode_to_vec().into()
}

/// All rows as one request.
pub(crate) fn request(start_ts: Timestamp, desc: bool) -> CopRequest {
    let (start, end) = key::int_handle_range(TABLE, i64::MIN, i64::MAX);
    let range = KeyRange::new(start, end);
    CopRequest { desc, keep_order: true, ..CopRequest::new(plan(desc), start_ts, vec![range]) }
}

/// The rows of an answer.
pub(crate) fn decode(data: &[u8]) -> Vec<(i64, i64)> {
    let answer = tipb::SelectResponse::decode(data).unwrap();
    assert_eq!(answer.error, None);
    let mut ints = Vec::new();
    for chunk in answer.chunks {
        let data = chunk.rows_data.unwrap_or_default();
        let mut rest = &data[..];
        while !rest.is_empty() {
            match datum::decode_one(&mut rest).unwrap() {
                Datum::Int(int) => ints.push(int),
                other => panic!("{other:?}"),
            }
        }
    }
    ints.chunks(2).map(|pair| (pair[0], pair[1])).collect()
}

pub(crate) async fn read(client: &Client, request: CopRequest) -> Result<Vec<(i64, i64)>> {
    let mut answers = client.coprocessor(request)?;
    let mut rows = Vec::new();
    while let Some(answer) = answers.next().await {
        rows.extend(decode(&answer?.data));
    }
    Ok(rows)
}

/// Rows 1 to `count` as they should come.
pub(crate) fn expected(count: i64) -> Vec<(i64, i64)> {
    (1..=count).map(|handle| (handle, handle * 10)).collect()
}

/// Borders at these handles.
pub(crate) fn split(cluster: &EmbeddedCluster, handles: &[i64]) -> Vec<u64> {
    let keys: Vec<_> = handles.iter().map(|handle| row_key(*handle)).collect();
    cluster.split_at(&keys).unwrap()
}
