use std::path::Path;
use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Int32Type, Int64Type};
use arrow_array::{ArrayRef, Int32Array, Int64Array, RecordBatch};
use tifusion_codec::key::{self, Handle};
use tifusion_embedded::bootstrap::BootstrapError;
use tifusion_embedded::{EmbeddedCluster, LoadError};
use tifusion_proto::tipb::EncodeType;
use tifusion_schema::TableInfo;

use crate::reading::{Reader, Source, assert_rows, schema};
use crate::rows::{COLUMNS, TABLE, rows};

const ENCODINGS: [EncodeType; 2] = [EncodeType::TypeChunk, EncodeType::TypeDefault];
const ROWS: i64 = 700;

async fn start(folder: &Path) -> EmbeddedCluster {
    EmbeddedCluster::builder().folder(folder).region_size(32 << 10).start().await.unwrap()
}

fn all_columns(table: &TableInfo) -> arrow_schema::SchemaRef {
    schema(&COLUMNS.map(|name| table.find_column(name).unwrap()))
}

async fn check(cluster: &EmbeddedCluster, count: i64) -> TableInfo {
    let reader = Reader::new(cluster).await;
    let table = reader.table("test", "t").await;
    let expected = rows(all_columns(&table), 0, count);
    for encoding in ENCODINGS {
        let found = reader.read(&table, table.id, Source::Rows, &COLUMNS, encoding).await;
        assert_rows(&found, &expected);
    }
    table
}

/// The key that the rows have twice.
fn doubled(refused: Result<(), LoadError>) -> String {
    match refused.unwrap_err() {
        LoadError::Refused(error) => match *error {
            BootstrapError::Duplicate { key, .. } => key,
            other => panic!("{other}"),
        },
        other => panic!("{other}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_loaded_is_read_over_regions_and_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = start(folder.path()).await;
    cluster.execute(TABLE).await.unwrap();
    let table = check(&cluster, 0).await;
    let schema = all_columns(&table);
    cluster.load("test", "t", &rows(schema.clone(), 0, ROWS)).await.unwrap();
    check(&cluster, ROWS).await;
    assert!(cluster.split_large_regions().await > 4, "they split by size");
    let borders = [50, 51, 300].map(|id| key::encode_record_key(table.id, &Handle::Int(id)));
    cluster.split_at(&borders).unwrap();
    check(&cluster, ROWS).await;
    cluster.shutdown().await;

    let cluster = start(folder.path()).await;
    check(&cluster, ROWS).await;
    let twice = cluster.load("test", "t", &rows(schema.clone(), ROWS - 1, ROWS + 1)).await;
    assert_eq!(doubled(twice), "PRIMARY");
    let same_id = cluster.execute("INSERT INTO test.t (id) VALUES (5)").await;
    assert_eq!(doubled(same_id), "PRIMARY");
    let same_number =
        cluster.execute("INSERT INTO test.t (id, n) VALUES (-1, -1234567.8901)").await;
    assert_eq!(doubled(same_number), "un");
    let again = cluster.execute("CREATE DATABASE other; CREATE TABLE test.t (id INT)").await;
    assert!(matches!(again.unwrap_err(), LoadError::Refused(_)));
    check(&cluster, ROWS).await;
    cluster.load("test", "t", &rows(schema, ROWS, ROWS + 100)).await.unwrap();
    check(&cluster, ROWS + 100).await;
    let reader = Reader::new(&cluster).await;
    let names: Vec<_> = reader.databases().await.into_iter().map(|it| it.name.original).collect();
    assert_eq!(names, ["mysql", "test"]);
    let system = reader.table("mysql", "tidb").await;
    assert!(system.find_column("VARIABLE_NAME").is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_is_scanned_in_its_order() {
    let cluster = EmbeddedCluster::builder().start().await.unwrap();
    cluster.execute(TABLE).await.unwrap();
    let reader = Reader::new(&cluster).await;
    let table = reader.table("test", "t").await;
    let batch = rows(all_columns(&table), 0, 200);
    cluster.load("test", "t", &batch).await.unwrap();
    let mut expected: Vec<(Option<String>, i64)> =
        (0..200).map(|id| ((id % 7 != 0).then(|| format!("é{}", id % 50)), id)).collect();
    expected.sort();
    for encoding in ENCODINGS {
        let found = reader.read(&table, table.id, Source::Index(0), &["s", "id"], encoding).await;
        let found = found.iter().flat_map(|batch| {
            let texts = batch.column(0).as_string::<i64>().iter();
            let ids = batch.column(1).as_primitive::<Int64Type>().values().iter();
            texts.map(|text| text.map(str::to_owned)).zip(ids.copied()).collect::<Vec<_>>()
        });
        assert_eq!(found.collect::<Vec<_>>(), expected);
    }
    let numbers = reader.read(&table, table.id, Source::Index(1), &["n", "id"], ENCODINGS[0]).await;
    assert_eq!(numbers.iter().map(RecordBatch::num_rows).sum::<usize>(), 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_go_to_their_partitions() {
    let cluster = EmbeddedCluster::builder().start().await.unwrap();
    let before = cluster.regions().len();
    let sql = "USE test; CREATE TABLE p (id INT PRIMARY KEY, v BIGINT, KEY (v))
        PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (100),
            PARTITION p1 VALUES LESS THAN (150), PARTITION p2 VALUES LESS THAN MAXVALUE);
        INSERT INTO p VALUES (1000, NULL)";
    cluster.execute(sql).await.unwrap();
    assert_eq!(cluster.regions().len(), before + 3, "each partition has a region");
    assert!(cluster.execute("CREATE TABLE nowhere (id INT)").await.is_err(), "no database in use");
    let ids: ArrayRef = Arc::new(Int32Array::from_iter_values(0..300));
    let values: ArrayRef = Arc::new(Int64Array::from_iter_values((0..300).rev()));
    let batch = RecordBatch::try_from_iter([("v", values), ("id", ids)]).unwrap();
    cluster.load("test", "p", &batch).await.unwrap();
    let reader = Reader::new(&cluster).await;
    let table = reader.table("test", "p").await;
    let expected: [Vec<i32>; 3] =
        [(0..100).collect(), (100..150).collect(), (150..300).chain([1000]).collect()];
    for (partition, expected) in table.physical_ids().into_iter().zip(expected) {
        for encoding in ENCODINGS {
            for source in [Source::Rows, Source::Index(0)] {
                let columns = ["v", "id"];
                let found = reader.read(&table, partition, source, &columns, encoding).await;
                let found = found.iter().flat_map(|batch| {
                    batch.column(1).as_primitive::<Int32Type>().values().to_vec()
                });
                let mut found: Vec<_> = found.collect();
                found.sort_unstable();
                assert_eq!(found, expected);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn loads_at_the_same_time_neither_lose_nor_double_a_row() {
    let cluster = Arc::new(EmbeddedCluster::builder().start().await.unwrap());
    cluster
        .execute("CREATE TABLE test.a (id BIGINT PRIMARY KEY AUTO_INCREMENT, v BIGINT)")
        .await
        .unwrap();
    let loads = (0..8).map(|load| {
        let cluster = Arc::clone(&cluster);
        tokio::spawn(async move {
            let values: ArrayRef =
                Arc::new(Int64Array::from_iter_values(load * 100..(load + 1) * 100));
            let batch = RecordBatch::try_from_iter([("v", values)]).unwrap();
            cluster.load("test", "a", &batch).await
        })
    });
    for load in loads.collect::<Vec<_>>() {
        load.await.unwrap().unwrap();
    }
    let reader = Reader::new(&cluster).await;
    let table = reader.table("test", "a").await;
    let found = reader.read(&table, table.id, Source::Rows, &["id", "v"], ENCODINGS[0]).await;
    let column = |at: usize| {
        let mut all: Vec<i64> = found
            .iter()
            .flat_map(|batch| batch.column(at).as_primitive::<Int64Type>().values().to_vec())
            .collect();
        all.sort_unstable();
        all
    };
    assert_eq!(column(0), (1..=800).collect::<Vec<_>>());
    assert_eq!(column(1), (0..800).collect::<Vec<_>>());
}
