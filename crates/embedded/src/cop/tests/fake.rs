//! Rows in memory, and requests over them.

use std::collections::BTreeMap;
use std::ops::Range;

use prost::Message;
use tifusion_codec::datum::{self, Datum};
use tifusion_codec::field_type::{flag, tp};
use tifusion_codec::key::{self, Handle};
use tifusion_proto::coprocessor::{KeyRange, Request, Response};
use tifusion_proto::kvrpcpb::LockInfo;
use tifusion_proto::tipb::{
    self, ColumnInfo, DagRequest, EncodeType, ExecType, SelectResponse, TableScan,
};

use crate::cop::{CopContext, run};
use crate::mvcc::{Blocked, Rows};

/// The table of the tests.
pub(crate) const TABLE: i64 = 7;

/// Pairs in memory; some keys may be locked.
#[derive(Debug, Default, Clone)]
pub(crate) struct FakeRows {
    pub(crate) pairs: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(crate) locked: Option<Vec<u8>>,
}

impl FakeRows {
    fn check(&self, key: &[u8]) -> Result<(), Blocked> {
        if self.locked.as_deref() == Some(key) {
            let lock = LockInfo { key: key.to_vec(), lock_version: 5, ..LockInfo::default() };
            return Err(Blocked::Locked(Box::new(lock)));
        }
        Ok(())
    }

    /// Adds a row with an integer handle.
    pub(crate) fn put(&mut self, handle: i64, row: Vec<u8>) {
        self.pairs.insert(key::encode_record_key(TABLE, &Handle::Int(handle)), row);
    }
}

impl Rows for FakeRows {
    fn met_newer(&self) -> bool {
        false
    }

    fn get(&mut self, key: &[u8]) -> Result<Option<Vec<u8>>, Blocked> {
        self.check(key)?;
        Ok(self.pairs.get(key).cloned())
    }

    fn scan(
        &mut self,
        range: Range<&[u8]>,
        limit: usize,
        descending: bool,
    ) -> Result<Vec<(Vec<u8>, Vec<u8>)>, Blocked> {
        let mut pairs: Vec<_> = self
            .pairs
            .range(range.start.to_vec()..range.end.to_vec())
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        if descending {
            pairs.reverse();
        }
        pairs.truncate(limit);
        pairs.iter().try_for_each(|(key, _)| self.check(key))?;
        Ok(pairs)
    }
}

/// A row of the first format.
pub(crate) fn row_v1(columns: &[(i64, Datum<'_>)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (id, value) in columns {
        datum::encode_value(&mut out, &Datum::Int(*id)).unwrap();
        datum::encode_value(&mut out, value).unwrap();
    }
    if out.is_empty() { vec![0] } else { out }
}

/// A small row of the second format; `None` is NULL.
pub(crate) fn row_v2(columns: &[(u8, Option<Vec<u8>>)]) -> Vec<u8> {
    let values: Vec<_> =
        columns.iter().filter_map(|(id, cell)| Some((*id, cell.as_ref()?))).collect();
    let nulls: Vec<u8> =
        columns.iter().filter(|(_, cell)| cell.is_none()).map(|(id, _)| *id).collect();
    let mut out = vec![128, 0];
    out.extend_from_slice(&(values.len() as u16).to_le_bytes());
    out.extend_from_slice(&(nulls.len() as u16).to_le_bytes());
    out.extend(values.iter().map(|(id, _)| *id));
    out.extend(nulls);
    let mut end = 0_u16;
    for (_, cell) in &values {
        end += cell.len() as u16;
        out.extend_from_slice(&end.to_le_bytes());
    }
    values.iter().for_each(|(_, cell)| out.extend_from_slice(cell));
    out
}

/// A column of a request.
pub(crate) fn column_info(id: i64, code: u8, flags: u32) -> ColumnInfo {
    ColumnInfo {
        column_id: Some(id),
        tp: Some(i32::from(code)),
        flag: Some(flags as i32),
        column_len: Some(-1),
        decimal: Some(-1),
        ..ColumnInfo::default()
    }
}

/// The integer handle as a column.
pub(crate) fn handle_column(id: i64) -> ColumnInfo {
    let flags = flag::NOT_NULL | flag::PRI_KEY;
    ColumnInfo { pk_handle: Some(true), ..column_info(id, tp::LONG_LONG, flags) }
}

/// A table scan of the columns.
pub(crate) fn table_scan(columns: Vec<ColumnInfo>) -> tipb::Executor {
    tipb::Executor {
        tp: Some(ExecType::TypeTableScan.into()),
        tbl_scan: Some(TableScan { table_id: Some(TABLE), columns, ..TableScan::default() }),
        ..tipb::Executor::default()
    }
}

/// The whole table as one range.
pub(crate) fn whole_table() -> KeyRange {
    let (start, end) = key::int_handle_range(TABLE, i64::MIN, i64::MAX);
    KeyRange { start, end }
}

/// The rows from one handle to before another.
pub(crate) fn handles(first: i64, end: i64) -> KeyRange {
    let key = |handle| key::encode_record_key(TABLE, &Handle::Int(handle));
    KeyRange { start: key(first), end: key(end) }
}

/// A plan that gives its first `columns` columns as datums.
pub(crate) fn dag(executors: Vec<tipb::Executor>, columns: u32) -> DagRequest {
    DagRequest {
        executors,
        output_offsets: (0..columns).collect(),
        encode_type: Some(EncodeType::TypeDefault.into()),
        ..DagRequest::default()
    }
}

/// A request of a plan.
pub(crate) fn request(dag: &DagRequest, ranges: Vec<KeyRange>) -> Request {
    Request {
        tp: 103,
        data: dag.encode_to_vec().into(),
        ranges,
        start_ts: 10,
        ..Request::default()
    }
}

/// Runs a request over a region of all keys.
pub(crate) fn send(rows: &mut FakeRows, request: &Request) -> Response {
    let context = CopContext {
        rows,
        region: Vec::new()..Vec::new(),
        data_version: Some(3),
        buckets_version: 0,
    };
    run(request, context)
}

/// The answer inside a response that has nothing to complain about.
pub(crate) fn answer(response: &Response) -> SelectResponse {
    assert_eq!(response.other_error, "");
    assert_eq!(response.locked, None);
    let answer = SelectResponse::decode(response.data.clone()).unwrap();
    assert_eq!(answer.error, None);
    answer
}

/// The datums of an answer, row by row.
pub(crate) fn datums(answer: &SelectResponse, columns: usize) -> Vec<Vec<Datum<'static>>> {
    let mut rows = Vec::new();
    for chunk in &answer.chunks {
        let data = chunk.rows_data.clone().unwrap_or_default();
        let mut rest = data.as_ref();
        while !rest.is_empty() {
            let row = (0..columns).map(|_| datum::decode_one(&mut rest).unwrap().into_owned());
            rows.push(row.collect());
        }
    }
    rows
}
