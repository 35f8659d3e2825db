//! Garbage collection held back at a real PD, which is one of service safe points.

use std::time::Duration;

use futures::StreamExt as _;
use tifusion_proto::etcdserverpb::RangeRequest;
use tifusion_proto::etcdserverpb::kv_client::KvClient;
use tifusion_testkit::arrow_cells::{Clock, rows};
use tifusion_testkit::cell::{days_of, micros_of};
use tifusion_testkit::cluster::{Cluster, Shape};
use tifusion_testkit::connector::Connector;
use tifusion_testkit::tidb::Tidb;

/// What of this library holds garbage collection back at `ts`, as PD has it in its etcd.
async fn holds(cluster: &Cluster, ts: u64) -> Vec<String> {
    let pd = cluster.pd.split(',').next().unwrap();
    let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{pd}")).unwrap();
    let mut etcd = KvClient::new(endpoint.connect().await.unwrap());
    let request = RangeRequest {
        key: b"/pd/".to_vec(),
        range_end: b"/pd0".to_vec(),
        ..RangeRequest::default()
    };
    let told = etcd.range(request).await.unwrap().into_inner();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let all = told.kvs.iter().map(|pair| (text(&pair.key), text(&pair.value)));
    let ours =
        all.filter(|(key, value)| key.contains("tifusion-") && value.contains(&ts.to_string()));
    ours.map(|(_, value)| value).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_statement_holds_gc_back_and_lets_go_with_its_last_row() {
    let Some(cluster) = Cluster::of(Shape::default(), "gc_hold") else { return };
    let mut tidb = Tidb::in_database(&cluster.tidb, "gc_hold").await;
    let values: Vec<_> = (0..200).map(|id| format!("({id})")).collect();
    let insert = format!("INSERT INTO t VALUES {}", values.join(","));
    tidb.run(["CREATE TABLE t (id INT PRIMARY KEY)", &insert]).await;
    tokio::time::sleep(Duration::from_millis(60)).await;
    let at = tidb.query("SELECT CAST(NOW(3) AS CHAR)").await.rows[0][0].plain();
    let (day, time) = at.split_once(' ').unwrap();
    let ts = u64::try_from((days_of(day) * 86_400_000 + micros_of(time) / 1000) << 18).unwrap();
    tokio::time::sleep(Duration::from_millis(60)).await;
    tidb.run(["DELETE FROM t"]).await;
    let settings = [("coprocess.streaming", "true"), ("coprocessor.chunk_batch_size", "4")];
    let connector = Connector::connect(&cluster, &settings).await;
    connector.use_database("gc_hold").await;
    let context = connector.context();
    for is_cancelled in [true, false] {
        let query = format!("SELECT id FROM t AS OF TIMESTAMP '{at}'");
        let statement = context.parse(&query).unwrap().remove(0);
        let mut stream = context.execute(statement).await.unwrap();
        let mut batches = vec![stream.next().await.unwrap().unwrap()];
        let held = async {
            while holds(&cluster, ts).await.len() != 1 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), held).await.expect("it is held back");
        if is_cancelled {
            drop(stream);
        } else {
            while let Some(batch) = stream.next().await {
                batches.push(batch.unwrap());
            }
            assert_eq!(rows(&batches, Clock::Wall).len(), 200);
            assert_eq!(holds(&cluster, ts).await, Vec::<String>::new());
        }
        let let_go = async {
            while !holds(&cluster, ts).await.is_empty() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), let_go).await.expect("it is let go");
    }
}
