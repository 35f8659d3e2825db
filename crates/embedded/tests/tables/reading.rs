//! A reader that knows TiDB's metadata and the coprocessor, and no shortcut.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{Schema, SchemaRef};
use bytes::Bytes;
use futures::TryStreamExt as _;
use prost::Message as _;
use tifusion_client::cop::{CopRequest, KeyRange};
use tifusion_client::snapshot::{ScanOptions as KvScanOptions, SnapshotOptions};
use tifusion_client::{Client, ClientOptions};
use tifusion_codec::chunk::ChunkDecoder;
use tifusion_codec::key::{self, meta};
use tifusion_codec::output::{DecodeOptions, OutputColumn};
use tifusion_codec::rows::RowsDecoder;
use tifusion_embedded::EmbeddedCluster;
use tifusion_proto::tipb::{self, EncodeType};
use tifusion_schema::{
    ColumnInfo, DbInfo, ScanColumn, ScanOptions, TableInfo, TypeOptions, arrow_field,
};

/// A client of the cluster.
pub(crate) struct Reader {
    pub(crate) client: Client,
}

/// What is scanned.
#[derive(Clone, Copy)]
pub(crate) enum Source {
    Rows,
    /// An index, by its place in the table.
    Index(usize),
}

impl Reader {
    pub(crate) async fn new(cluster: &EmbeddedCluster) -> Self {
        let options = ClientOptions::new(cluster.pd_addresses());
        Self { client: Client::connect(options).await.unwrap() }
    }

    async fn values(&self, (start, end): (Vec<u8>, Vec<u8>)) -> Vec<Bytes> {
        let now = self.client.timestamp().await.unwrap();
        let snapshot = self.client.snapshot(now, SnapshotOptions::default());
        let mut scan = snapshot.scan(&start, &end, KvScanOptions::default());
        let mut values = Vec::new();
        while let Some(pairs) = scan.next_batch().await.unwrap() {
            values.extend(pairs.into_iter().map(|pair| pair.value));
        }
        values
    }

    /// The names of all databases.
    pub(crate) async fn databases(&self) -> Vec<DbInfo> {
        let values = self.values(meta::databases_range()).await;
        values.iter().map(|json| DbInfo::from_json(json).unwrap()).collect()
    }

    /// A table as its metadata tells of it.
    pub(crate) async fn table(&self, database: &str, name: &str) -> TableInfo {
        let databases = self.databases().await;
        let database = databases.iter().find(|it| it.name.matches(database)).unwrap();
        let values = self.values(meta::database_tables_range(database.id)).await;
        let tables = values.iter().map(|json| TableInfo::from_json(json).unwrap());
        tables.into_iter().find(|table| table.name.matches(name)).unwrap()
    }

    /// Columns of a table or one of its partitions, in the order of its keys.
    pub(crate) async fn read(
        &self,
        table: &TableInfo,
        physical_id: i64,
        source: Source,
        columns: &[&str],
        encode_type: EncodeType,
    ) -> Vec<RecordBatch> {
        let columns: Vec<_> = columns.iter().map(|name| table.find_column(name).unwrap()).collect();
        let plan = plan(table, physical_id, source, &columns, encode_type);
        let (start, end) = match source {
            Source::Rows => key::int_handle_range(physical_id, i64::MIN, i64::MAX),
            // From NULL to the greatest flag: a whole prefix would be a point in a unique index.
            Source::Index(at) => {
                let prefix = key::index_prefix(physical_id, table.indices[at].id);
                ([&prefix[..], &[0]].concat(), [&prefix[..], &[250]].concat())
            }
        };
        let now = self.client.timestamp().await.unwrap();
        let request = CopRequest {
            keep_order: true,
            paging_size: 128,
            ..CopRequest::new(plan, now, vec![KeyRange::new(start, end)])
        };
        let decoder = Decoder::new(&columns);
        let answers: Vec<_> =
            self.client.coprocessor(request).unwrap().try_collect().await.unwrap();
        answers.into_iter().flat_map(|it| decoder.decode(it.data, encode_type)).collect()
    }
}

/// The Arrow schema of columns as a reader of TiDB's tables has it.
pub(crate) fn schema(columns: &[&ColumnInfo]) -> SchemaRef {
    let field = |column: &&ColumnInfo| arrow_field(column, &TypeOptions::default()).unwrap();
    Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()))
}

fn scan_column(table: &TableInfo, column: &ColumnInfo, for_index: bool) -> tipb::ColumnInfo {
    let options = ScanOptions { new_collation: true, for_index, ..ScanOptions::default() };
    let scanned = ScanColumn::new(table, column, options).unwrap();
    tipb::ColumnInfo {
        column_id: Some(scanned.column_id),
        tp: Some(scanned.tp),
        collation: Some(scanned.collation),
        column_len: Some(scanned.column_len),
        decimal: Some(scanned.decimal),
        flag: Some(scanned.flag),
        elems: scanned.elems,
        default_val: scanned.default_val,
        pk_handle: Some(scanned.pk_handle),
        ..tipb::ColumnInfo::default()
    }
}

fn plan(
    table: &TableInfo,
    physical_id: i64,
    source: Source,
    columns: &[&ColumnInfo],
    encode_type: EncodeType,
) -> Bytes {
    let for_index = matches!(source, Source::Index(_));
    let scanned = columns.iter().map(|column| scan_column(table, column, for_index)).collect();
    let executor = match source {
        Source::Rows => tipb::Executor {
            tp: Some(tipb::ExecType::TypeTableScan.into()),
            tbl_scan: Some(tipb::TableScan {
                table_id: Some(physical_id),
                columns: scanned,
                ..tipb::TableScan::default()
            }),
            ..tipb::Executor::default()
        },
        Source::Index(at) => tipb::Executor {
            tp: Some(tipb::ExecType::TypeIndexScan.into()),
            idx_scan: Some(tipb::IndexScan {
                table_id: Some(physical_id),
                index_id: Some(table.indices[at].id),
                columns: scanned,
                unique: Some(table.indices[at].unique),
                ..tipb::IndexScan::default()
            }),
            ..tipb::Executor::default()
        },
    };
    let dag = tipb::DagRequest {
        executors: vec![executor],
        output_offsets: (0..columns.len() as u32).collect(),
        time_zone_name: Some("UTC".to_owned()),
        encode_type: Some(encode_type.into()),
        ..tipb::DagRequest::default()
    };
    dag.encode_to_vec().into()
}

struct Decoder {
    chunks: ChunkDecoder,
    rows: RowsDecoder,
}

impl Decoder {
    fn new(columns: &[&ColumnInfo]) -> Self {
        let schema = schema(columns);
        let typed = columns.iter().zip(schema.fields());
        let output: Vec<_> = typed
            .map(|(column, field)| OutputColumn::new(column.field_type.clone(), field))
            .collect();
        let options = DecodeOptions::default();
        Self {
            chunks: ChunkDecoder::new(schema.clone(), output.clone(), options.clone()).unwrap(),
            rows: RowsDecoder::new(schema, output, options).unwrap(),
        }
    }

    fn decode(&self, data: Bytes, encode_type: EncodeType) -> Vec<RecordBatch> {
        let answer = tipb::SelectResponse::decode(data).unwrap();
        assert_eq!((answer.error.as_ref(), answer.encode_type()), (None, encode_type));
        let chunks: Vec<_> =
            answer.chunks.into_iter().map(|chunk| chunk.rows_data.unwrap_or_default()).collect();
        match encode_type {
            EncodeType::TypeChunk => self.chunks.decode_all(&chunks),
            _ => self.rows.decode_all(&chunks),
        }
        .unwrap()
    }
}

/// That the batches are the rows of `expected`, one after the other.
pub(crate) fn assert_rows(batches: &[RecordBatch], expected: &RecordBatch) {
    let mut at = 0;
    for batch in batches {
        assert!(at + batch.num_rows() <= expected.num_rows(), "too many rows");
        assert_eq!(*batch, expected.slice(at, batch.num_rows()), "from row {at}");
        at += batch.num_rows();
    }
    assert_eq!(at, expected.num_rows());
}
