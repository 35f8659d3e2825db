//! The coprocessor: the same plans over the same rows.
//!
//! TiDB wrote the rows; the embedded cluster gets the very pairs (`golden/tables.txt`).

mod aggregate;
mod answer;
mod dag;

mod functions;
mod order;
mod scan;
mod select;

use std::sync::Arc;

use prost::Message as _;
use tifusion_codec::key;
use tifusion_proto::coprocessor::{KeyRange, Request};
use tifusion_proto::tipb::{ColumnInfo, DagRequest, Expr, FieldType};
use tifusion_schema::TableInfo;

use crate::harness::script::Script;
use crate::harness::side::Store;

/// Of requests that are plans.
const DAG: i64 = 103;

/// A table and its columns.
struct Table {
    info: Arc<TableInfo>,
    columns: Vec<ColumnInfo>,
}

impl Table {
    async fn of(s: &Script, name: &str) -> Self {
        let info = s.side().table(name).await;
        let columns = dag::columns(&info);
        Self { info, columns }
    }

    /// The place of a column in a scan of all.
    fn place(&self, name: &str) -> usize {
        self.info.columns.iter().position(|column| column.name.matches(name)).expect("a column")
    }

    /// A column, over a scan of all.
    fn col(&self, name: &str) -> Expr {
        let place = self.place(name);
        dag::column(place, dag::type_of(&self.columns[place]))
    }

    fn types(&self) -> Vec<FieldType> {
        self.columns.iter().map(dag::type_of).collect()
    }

    /// A scan of all columns.
    fn scan(&self) -> tifusion_proto::tipb::Executor {
        dag::table_scan(&self.info, self.info.id, self.columns.clone())
    }

    /// All rows.
    fn all(&self) -> Vec<KeyRange> {
        vec![self.rows_of(self.info.id)]
    }

    /// The rows of a partition or the table, as TiDB asks for them. Of integer handles TiKV takes the range of just
    /// their prefix for one key, for its end is the prefix's next.
    fn rows_of(&self, id: i64) -> KeyRange {
        range(if self.info.is_common_handle {
            key::record_range(id)
        } else {
            key::int_handle_range(id, i64::MIN, i64::MAX)
        })
    }
}

fn range((start, end): (Vec<u8>, Vec<u8>)) -> KeyRange {
    KeyRange { start, end }
}

/// A question to the coprocessor.
struct Question {
    plan: DagRequest,
    ranges: Vec<KeyRange>,
    /// Types of the columns that are told.
    types: Vec<FieldType>,
    /// The order of the rows is the store's choice.
    unordered: bool,
}

impl Question {
    fn new(plan: DagRequest, ranges: Vec<KeyRange>, types: Vec<FieldType>) -> Self {
        Self { plan, ranges, types, unordered: false }
    }

    /// Rows in any order.
    fn unordered(self) -> Self {
        Self { unordered: true, ..self }
    }

    /// With another encoding than datums.
    fn in_chunks(mut self) -> Self {
        self.plan.encode_type = Some(tifusion_proto::tipb::EncodeType::TypeChunk.into());
        self
    }
}

impl Script {
    /// As [`Script::ask`], but unistore is spared the question.
    async fn ask_tikv(&mut self, what: &str, question: Question, would: &str) {
        match self.side().store {
            Store::TiKv => self.ask(what, question).await,
            Store::Unistore => self.note(what, vec![format!("unistore: {would}")]),
        }
    }

    /// Asks, and writes the rows down.
    async fn ask(&mut self, what: &str, question: Question) {
        let request = Request {
            tp: DAG,
            data: question.plan.encode_to_vec().into(),
            ranges: question.ranges,
            start_ts: self.side().raw.timestamps(1).await,
            ..Request::default()
        };
        let place = request.ranges.first().map(|range| range.start.clone()).unwrap_or_default();
        let mut response = self.side().raw.send(&place, request).await.expect("an answer");
        let data = std::mem::take(&mut response.data);
        let (mut rows, rest) = answer::take_rows(&data, &question.types);
        if question.unordered {
            rows.sort();
        }
        let mut lines: Vec<String> =
            rows.iter().enumerate().map(|(at, row)| format!("rows[{at}]: {row}")).collect();
        lines.extend(self.lines("coprocessor.Response", &response));
        lines.extend(self.lines("tipb.SelectResponse", &rest));
        self.note(what, lines);
    }
}
