//! What is sent is what arrives, and what arrives broken is an error.

use std::sync::Arc;
use std::time::Instant;

use arrow::array::BinaryArray;
use arrow::compute::SortOptions;
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use datafusion::common::config::ConfigOptions;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties as _};
use proptest::prelude::*;
use prost::Message as _;
use tifusion_client::txn::{Assertion, Mutation, MutationOp};
use tifusion_client::{QueryId, Timestamp};
use tifusion_codec::FieldType;
use tifusion_codec::field_type::{flag, tp};
use tifusion_codec::index::KeyColumn;
use tifusion_codec::output::ZeroDate;
use tifusion_proto::planpb::part::What;
use tifusion_proto::{planpb, tipb};
use tifusion_schema::ScanColumn;

use super::{PlanCodec, TikvTasksExec, check, scan, segments, write};
use crate::TidbContext;
use crate::config::{BatchCop, CodecFormat};
use crate::error::ErrorKind;
use crate::meta::fake::FakeMeta;
use crate::pushdown::partial::{AnswerColumn, Bound, PartialAggregate, State};
use crate::scan::TikvScanExec;
use crate::scan::answer::ScanColumns;
use crate::scan::reduction::{Reduction, TopN};
use crate::scan::sent::SentScan;
use crate::scan::spec::{
    AccessSummary, ColumnarSource, HandleColumns, IndexSide, IndexSource, KeyRange, LookupOptions,
    LookupSource, RowKeys, ScanOrder, Segment, Source, TableScanSpec,
};
use crate::statement::StatementSnapshot;
use crate::testing::context;
use crate::write::{EditFiles, JobFile, SentKind, SentWrite};

fn snapshot() -> StatementSnapshot {
    let query = QueryId::of(99).unwrap();
    StatementSnapshot::new(Timestamp::new(4711), 12, Instant::now(), None, query)
}

fn column(id: i64) -> ScanColumn {
    ScanColumn {
        column_id: id,
        tp: i32::from(tp::ENUM),
        collation: -46,
        column_len: 20,
        decimal: 2,
        flag: 3,
        elems: vec!["a".to_owned(), "ü".to_owned()],
        default_val: Some(vec![3, 128]),
        pk_handle: id == 1,
    }
}

fn expr(value: i64) -> tipb::Expr {
    tipb::Expr {
        tp: Some(tipb::ExprType::Int64.into()),
        val: Some(value.to_be_bytes().to_vec()),
        field_type: Some(tipb::FieldType { tp: Some(8), ..tipb::FieldType::default() }),
        ..tipb::Expr::default()
    }
}

fn index(id: i64) -> IndexSource {
    IndexSource {
        index_id: id,
        name: "by_name".into(),
        primary_column_ids: vec![4, 5],
        is_point_get: id == 2,
    }
}

fn sources() -> Vec<Source> {
    let rows = RowKeys { primary_column_ids: vec![1, 2], primary_prefix_column_ids: vec![2] };
    let side = IndexSide {
        index: index(3),
        columns: vec![column(7), column(1)],
        conditions: vec![expr(5)],
        is_exact: true,
    };
    let text = FieldType {
        charset: "utf8mb4".to_owned(),
        collate: "utf8mb4_general_ci".to_owned(),
        flen: 30,
        ..FieldType::new(tp::VARCHAR, flag::NOT_NULL)
    };
    let keys = vec![
        KeyColumn::new(4, &text, Some(3), true).unwrap(),
        KeyColumn::new(5, &FieldType::new(tp::LONG_LONG, flag::UNSIGNED), None, true).unwrap(),
    ];
    let lookup = |handle, handle_place| {
        Source::Lookup(LookupSource {
            rows: rows.clone(),
            indexes: vec![side.clone(), IndexSide { is_exact: false, ..side.clone() }],
            handle,
            handle_place,
            new_collation: true,
            settled: vec![expr(8)],
            options: LookupOptions {
                batch_size: 20_000,
                concurrency: 5,
                downgrade_threshold: 1_000_000_000,
                is_at_snapshot: true,
            },
        })
    };
    vec![
        Source::Table(rows.clone()),
        Source::Columnar(ColumnarSource {
            rows: rows.clone(),
            or_tikv: true,
            batch: BatchCop::Reductions,
        }),
        Source::Index(index(2)),
        lookup(HandleColumns::Int { is_unsigned: true }, Some(1)),
        lookup(HandleColumns::Common(keys), None),
    ]
}

fn reductions() -> Vec<Option<Reduction>> {
    let exact = PartialAggregate::of_largest(vec![(expr(4), AnswerColumn::decimal_sum(6))]);
    let aggregate = PartialAggregate {
        functions: vec![expr(1), expr(2)],
        groups: vec![expr(3)],
        answer: vec![
            AnswerColumn::count(DataType::Int64),
            AnswerColumn::decimal_sum(4),
            AnswerColumn::count(DataType::UInt64),
        ],
        states: vec![
            State::Value(2),
            State::Sum(1),
            State::Counted { value: 1, count: 0 },
            State::Seen(0),
        ],
        bounded: vec![Bound { place: 1, most: i128::MAX / 7, is_exact: false }],
        exact: exact.map(Box::new),
        read: vec!["a".to_owned()],
        shown_functions: vec!["sum(a)".to_owned()],
        shown_groups: vec!["b".to_owned()],
        is_streamed: true,
    };
    let order = tipb::ByItem { expr: Some(expr(6)), desc: Some(true), ..tipb::ByItem::default() };
    let top_n = TopN { order: vec![order], rows: 10, shown: "a DESC".to_owned() };
    vec![None, Some(Reduction::Aggregate(aggregate)), Some(Reduction::TopN(top_n))]
}

/// Columns of many types, and the schema of a partial state.
fn columns(reduction: Option<&Reduction>, counted: bool) -> ScanColumns {
    let stamp = DataType::Timestamp(TimeUnit::Microsecond, Some("Europe/Vienna".into()));
    let members = DataType::Dictionary(Box::new(DataType::UInt16), Box::new(DataType::Utf8));
    let of_enum = FieldType { elems: vec!["x".to_owned()], ..FieldType::new(tp::ENUM, 0) };
    let text = FieldType { charset: "utf8mb4".to_owned(), ..FieldType::new(tp::VARCHAR, 0) };
    let decimal = FieldType { flen: 20, decimal: 3, ..FieldType::new(tp::NEW_DECIMAL, 0) };
    let fields = [
        (FieldType::new(tp::LONG_LONG, flag::NOT_NULL), Field::new("id", DataType::Int64, false)),
        (FieldType::new(tp::TIMESTAMP, 0), Field::new("at", stamp, true)),
        (of_enum, Field::new("kind", members, true)),
        (text, Field::new("name", DataType::LargeUtf8, true)),
        (decimal, Field::new("price", DataType::Decimal128(20, 3), true)),
    ];
    let fields = fields.iter().map(|(field_type, field)| (field_type, field));
    let columns = ScanColumns::new(fields, ZeroDate::Error).unwrap();
    match reduction {
        Some(Reduction::Aggregate(partial)) => {
            let states = Schema::new(vec![
                Field::new("count[count]", DataType::Int64, true),
                Field::new("sum", DataType::Decimal128(38, 4), true),
            ]);
            columns.aggregate(partial, &Arc::new(states)).unwrap()
        }
        _ if counted => columns.counted(),
        _ => columns,
    }
}

fn scans() -> Vec<SentScan> {
    let mut scans = Vec::new();
    for source in sources() {
        for (at, reduction) in reductions().into_iter().enumerate() {
            let order = (at == 0).then_some(ScanOrder { desc: true, nulls_apart: at == 0 });
            let options = SortOptions { descending: true, nulls_first: false };
            scans.push(SentScan {
                columns: Arc::new(columns(reduction.as_ref(), at == 2)),
                row_order: Arc::new(vec![("name".into(), options)]),
                spec: Arc::new(TableScanSpec {
                    database: "shop".into(),
                    table: "orders".into(),
                    columns: vec![column(1), column(2), column(3)],
                    output: vec![2, 0],
                    conditions: vec![expr(1), expr(2)],
                    source: source.clone(),
                    reduction,
                    access: AccessSummary::default(),
                    limit: (at == 2).then_some(5),
                    order,
                    start_ts: 4711,
                    schema_version: 12,
                    format: [CodecFormat::Chunk, CodecFormat::Default, CodecFormat::ChBlock][at],
                }),
            });
        }
    }
    scans
}

#[test]
fn scans_of_every_source_and_reduction_arrive_as_they_were_sent() {
    for sent in scans() {
        let bytes = scan::to_message(&sent).unwrap().encode_to_vec();
        let message = planpb::Scan::decode(bytes.as_slice()).unwrap();
        let arrived = scan::of_message(message, &snapshot()).unwrap();
        assert_eq!(arrived.spec, sent.spec);
        assert_eq!(arrived.row_order, sent.row_order);
        assert_eq!(arrived.columns.schema(), sent.columns.schema());
        // Decoders and states have no equality of their own.
        assert_eq!(format!("{:?}", arrived.columns.sent()), format!("{:?}", sent.columns.sent()));
        assert_eq!(arrived.columns.zero_date(), ZeroDate::Error);
        assert_eq!(arrived.columns.has_states(), sent.columns.has_states());
    }
}

fn pieces() -> Vec<Vec<Segment>> {
    let range = |start: u8, end: &[u8]| KeyRange { start: vec![start, 0, 255], end: end.to_vec() };
    let segment = |physical_id, ranges, regions| Segment { physical_id, ranges, regions };
    vec![
        vec![segment(7, vec![range(1, &[2]), range(2, &[3, 0])], Some(3))],
        vec![],
        vec![segment(7, vec![range(5, &[9])], None), segment(-8, vec![range(9, &[])], Some(0))],
    ]
}

#[tokio::test]
async fn what_partitions_read_are_the_rows_of_a_plan() {
    let plan = segments::to_plan(&pieces()).unwrap();
    assert_eq!(plan.output_partitioning().partition_count(), 3);
    let task = Arc::new(datafusion::execution::TaskContext::default());
    for (partition, expected) in pieces().into_iter().enumerate() {
        let rows = plan.execute(partition, Arc::clone(&task)).unwrap();
        let batches = datafusion::physical_plan::common::collect(rows).await.unwrap();
        let read: Vec<_> =
            batches.iter().flat_map(|batch| segments::of_batch(batch).unwrap()).collect();
        assert_eq!(read, expected);
    }
}

#[test]
fn rows_that_are_no_ranges_are_errors() {
    let batch = |rows: Vec<Option<&[u8]>>| {
        let schema = Schema::new(vec![Field::new("segment", DataType::Binary, true)]);
        let rows = Arc::new(BinaryArray::from(rows));
        arrow::array::RecordBatch::try_new(Arc::new(schema), vec![rows]).unwrap()
    };
    let backwards = planpb::KeyRange { start: vec![2], end: vec![1] };
    let backwards = planpb::Segment { ranges: vec![backwards], ..planpb::Segment::default() };
    for rows in [vec![None], vec![Some(b"\xff\xff".as_slice())]] {
        assert_eq!(segments::of_batch(&batch(rows)).unwrap_err().kind(), ErrorKind::Data);
    }
    let error = segments::of_batch(&batch(vec![Some(&backwards.encode_to_vec())])).unwrap_err();
    assert!(error.to_string().contains("range of keys"), "{error}");
}

/// A node for a scan of a table that is there.
fn node(context: &TidbContext) -> TikvTasksExec {
    let cluster = context.catalog().cluster();
    let settings = context.config().settings().clone();
    let (snapshot, sent) = (Arc::new(snapshot()), scans().remove(0));
    let scan = TikvScanExec::arrived(cluster.client().clone(), settings, snapshot, sent);
    TikvTasksExec::new(scan, segments::to_plan(&pieces()).unwrap())
}

#[tokio::test]
async fn nodes_arrive_with_their_snapshot_and_other_versions_and_clusters_are_refused() {
    let context = context(&Arc::new(FakeMeta::default()), &[]);
    let codec = PlanCodec::new(&context);
    let node = node(&context);
    let bytes = codec.encode_plan(&node).unwrap().unwrap();
    assert!(PlanCodec::is_ours(&bytes));
    let (inputs, options) = (node.children(), ConfigOptions::default());
    let inputs: Vec<_> = inputs.into_iter().cloned().collect();
    let arrived = codec.decode_plan(&bytes, &inputs, &options).unwrap();
    let arrived = arrived.downcast_ref::<TikvTasksExec>().unwrap();
    assert_eq!(arrived.schema(), node.schema());
    assert_eq!(arrived.properties().output_partitioning().partition_count(), 3);
    assert_eq!(arrived.scan().start_ts(), 4711);
    assert_eq!(arrived.scan().snapshot().query().number(), 99);
    assert!(arrived.scan().snapshot().is_of_elsewhere());

    let refused = |bytes: &[u8]| codec.decode_plan(bytes, &inputs, &options).unwrap_err();
    let part = |change: fn(&mut planpb::Part)| {
        let mut part = planpb::Part::decode(&bytes[PlanCodec::MAGIC.len()..]).unwrap();
        change(&mut part);
        [PlanCodec::MAGIC, &part.encode_to_vec()].concat()
    };
    for version in [0, 1] {
        let other =
            part(if version == 0 { |part| part.version = 0 } else { |part| part.version = 1 });
        let error = refused(&other);
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains(&format!("is of version {version}")), "{error}");
    }
    let error = refused(&part(|part| part.cluster_id = 1));
    assert!(
        error.to_string().contains("about cluster 1, and this process is connected to cluster 7"),
        "{error}"
    );
    for broken in
        [part(|part| part.what = None), part(|part| part.snapshot = None), b"TiFu\xff".to_vec()]
    {
        assert_eq!(refused(&broken).kind(), ErrorKind::Data);
    }
    assert_eq!(codec.decode_plan(&bytes, &[], &options).unwrap_err().kind(), ErrorKind::Data);
    let alone = node.scan().reading(Vec::new());
    assert_eq!(codec.encode_plan(&alone).unwrap_err().kind(), ErrorKind::Unsupported);
}

fn writes() -> Vec<SentWrite> {
    let kinds = [
        SentKind::Insert { columns: vec![0, 2, 2] },
        SentKind::Update { columns: vec![1] },
        SentKind::Delete,
    ];
    let write = |(at, kind)| SentWrite {
        database_id: 7,
        database: "shop".to_owned(),
        table: br#"{"id": 8, "name": {"O": "orders", "L": "orders"}}"#.as_slice().into(),
        kind,
        update_statistics: at == 0,
        new_collation: at != 0,
        system_zone: (at == 1).then(|| "Asia/Kolkata".to_owned()),
        time_zone: "+05:30".to_owned(),
        allows_random: at == 2,
    };
    kinds.into_iter().enumerate().map(write).collect()
}

fn mutations() -> Vec<Mutation> {
    let mutation = |op, assertion| Mutation {
        op,
        key: b"t\x80r\xff".to_vec(),
        value: b"row".to_vec(),
        assertion,
    };
    vec![
        mutation(MutationOp::Put, Assertion::Exist),
        mutation(MutationOp::Insert, Assertion::None),
        mutation(MutationOp::Delete, Assertion::NotExist),
    ]
}

/// Messages of all nodes of writes.
fn write_parts() -> Vec<What> {
    let mut parts = vec![What::EditFiles(planpb::EditFiles {})];
    for (sent, mutation) in writes().iter().zip(mutations()) {
        let message = Some(write::to_message(sent));
        parts.push(What::Encode(planpb::Encode { write: message.clone() }));
        let primary = Some(write::mutation_to_message(&mutation).unwrap());
        parts.push(What::Prewrite(planpb::Prewrite { write: message, primary }));
    }
    parts
}

#[test]
fn writes_of_every_kind_arrive_as_they_were_sent() {
    for sent in writes() {
        let bytes = write::to_message(&sent).encode_to_vec();
        let message = planpb::Write::decode(bytes.as_slice()).unwrap();
        assert_eq!(write::of_message(Some(message)).unwrap(), sent);
    }
    for sent in mutations() {
        let bytes = write::mutation_to_message(&sent).unwrap().encode_to_vec();
        let message = planpb::Mutation::decode(bytes.as_slice()).unwrap();
        assert_eq!(write::mutation_of_message(Some(message)).unwrap(), sent);
    }
    let locks = Mutation { op: MutationOp::Lock, ..mutations().remove(0) };
    assert_eq!(write::mutation_to_message(&locks).unwrap_err().kind(), ErrorKind::Unsupported);
    let whole = write::mutation_to_message(&mutations()[0]).unwrap();
    for broken in [
        None,
        Some(planpb::Mutation { op: 0, ..whole.clone() }),
        Some(planpb::Mutation { op: 9, ..whole.clone() }),
        Some(planpb::Mutation { assertion: 9, ..whole.clone() }),
        Some(planpb::Mutation { key: Vec::new(), ..whole }),
    ] {
        assert_eq!(write::mutation_of_message(broken).unwrap_err().kind(), ErrorKind::Data);
    }
    let without = planpb::Write { kind: None, ..write::to_message(&writes()[0]) };
    for broken in [None, Some(without)] {
        assert_eq!(write::of_message(broken).unwrap_err().kind(), ErrorKind::Data);
    }
}

/// Has no files.
#[derive(Debug)]
struct NoFiles;

#[async_trait::async_trait]
impl EditFiles for NoFiles {
    async fn open(
        &self,
        _file: &JobFile,
        _context: &datafusion::execution::TaskContext,
    ) -> datafusion::common::Result<datafusion::execution::SendableRecordBatchStream> {
        datafusion::common::exec_err!("no files")
    }

    async fn is_there(&self, _file: &JobFile) -> bool {
        false
    }
}

#[tokio::test]
async fn nodes_of_writes_arrive_where_they_can_be_run() {
    let context = context(&Arc::new(FakeMeta::default()), &[]);
    let (plain, options) = (PlanCodec::new(&context), ConfigOptions::default());
    let codec = plain.clone().with_files(Arc::new(NoFiles));
    let inputs = [segments::to_plan(&pieces()).unwrap()];
    let bytes = codec.encode(What::EditFiles(planpb::EditFiles {}), &snapshot());
    let arrived = codec.decode_plan(&bytes, &inputs, &options).unwrap();
    assert_eq!(arrived.properties().output_partitioning().partition_count(), 3);
    assert_eq!(codec.encode_plan(arrived.as_ref()).unwrap().unwrap(), bytes);
    let error = plain.decode_plan(&bytes, &inputs, &options).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    // Nobody has read here whether strings compare by the new collations.
    for part in write_parts().into_iter().skip(1) {
        let bytes = codec.encode(part, &snapshot());
        let error = codec.decode_plan(&bytes, &inputs, &options).unwrap_err();
        assert!(error.to_string().contains("new collations"), "{error}");
    }
}

fn encoded() -> Vec<Vec<u8>> {
    let context = context(&Arc::new(FakeMeta::default()), &[]);
    let codec = PlanCodec::new(&context);
    let cluster = context.catalog().cluster();
    let bytes = |sent: SentScan| {
        let (client, settings) = (cluster.client().clone(), context.config().settings().clone());
        let scan = TikvScanExec::arrived(client, settings, Arc::new(snapshot()), sent);
        let node = TikvTasksExec::new(scan, segments::to_plan(&pieces()).unwrap());
        codec.encode_plan(&node).unwrap().unwrap()
    };
    let writes = write_parts().into_iter().map(|part| codec.encode(part, &snapshot()));
    scans().into_iter().map(bytes).chain(writes).collect()
}

proptest! {
    #[test]
    fn broken_bytes_are_errors_and_never_a_panic(
        which in 0..22_usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        thread_local!(static ENCODED: Vec<Vec<u8>> = encoded());
        let mut bytes = ENCODED.with(|all| all[which].clone());
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        // Whatever it says, it says it.
        drop(check(&bytes));
        drop(check(&bytes[..cut.index(bytes.len())]));
    }
}
