//! A full scan of one large table, side by side with the least that could be done: the *drain floor*,
//! a bare gRPC client that sends the same requests and throws the bytes away.
//!
//! ```sh
//! cargo bench -p tifusion-testkit --bench scan -- [--rows N] [--rounds N] [--memory-limit BYTES]
//! ```
//!
//! Runs on the cluster that the environment names, or on a playground that it starts. Rounds are
//! paired (connector, floor, connector, …) and medians are compared, for absolute times mean nothing on a
//! shared machine.
#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    clippy::cast_precision_loss,
    clippy::indexing_slicing,
    reason = "a benchmark prints, and fails by panicking"
)]

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::physical_plan::{ExecutionPlan, execute_stream, execute_stream_partitioned};
use futures::StreamExt as _;
use tifusion::{ScanRequest, TidbContext, TikvScanExec};
use tifusion_client::{Client, ClientOptions};
use tifusion_proto::coprocessor;
use tifusion_proto::tikvpb::tikv_client::TikvClient;
use tifusion_testkit::cluster::{Cluster, Shape};
use tifusion_testkit::tidb::Tidb;
use tonic::transport::Channel;

/// Rows of one INSERT while the table is doubled: below TiDB's limit for a transaction.
const COPY_ROWS: usize = 100_000;
/// Requests under way at once, for both sides.
const WINDOW: usize = 16;

struct Options {
    rows: usize,
    rounds: usize,
    memory_limit: Option<usize>,
}

impl Options {
    fn parse() -> Self {
        let mut options = Self { rows: 1_000_000, rounds: 7, memory_limit: None };
        let mut arguments = std::env::args().skip(1);
        while let Some(name) = arguments.next() {
            // `cargo bench` adds this one.
            if name == "--bench" {
                continue;
            }
            let value = arguments.next().and_then(|text| text.parse().ok());
            let value: usize = value.expect("each option takes a number");
            match name.as_str() {
                "--rows" => options.rows = value,
                "--rounds" => options.rounds = value,
                "--memory-limit" => options.memory_limit = Some(value),
                other => println!("unknown option {other}"),
            }
        }
        options
    }
}

#[tokio::main]
async fn main() {
    let options = Options::parse();
    let cluster = Cluster::of(Shape { region_size: Some(8 << 20), ..Shape::default() }, "scan")
        .expect("a cluster");
    load(&cluster, options.rows).await;
    match options.memory_limit {
        None => compare(&cluster, options.rounds).await,
        Some(limit) => bounded(&cluster, limit).await,
    }
}

/// A table shaped like TPC-H's `lineitem`, made by doubling.
async fn load(cluster: &Cluster, rows: usize) {
    let mut tidb = Tidb::connect(&cluster.tidb).await;
    tidb.run([
        "CREATE DATABASE IF NOT EXISTS bench",
        "USE bench",
        "CREATE TABLE IF NOT EXISTS lineitem (id BIGINT PRIMARY KEY, orderkey BIGINT, partkey INT, \
         quantity DECIMAL(15,2), extendedprice DECIMAL(15,2), discount DECIMAL(15,2), \
         returnflag CHAR(1), shipdate DATE, receipt DATETIME, shipmode VARCHAR(10), comment VARCHAR(44))",
    ])
    .await;
    let mut have = count(&mut tidb).await;
    if have == 0 {
        tidb.run([
            "INSERT INTO lineitem VALUES (0, 0, 7, 17.00, 21168.23, 0.04, 'N', '1996-03-13', \
             '1996-03-22 10:11:12', 'TRUCK', 'egular courts above the')",
        ])
        .await;
        have = 1;
    }
    while have < rows {
        let more = have.min(rows - have).min(COPY_ROWS);
        tidb.run([format!(
            "INSERT INTO lineitem SELECT id + {have}, (id + {have}) DIV 4, (id * 7919) % 200000, \
             quantity + (id % 50), extendedprice + id, discount, returnflag, \
             DATE_ADD(shipdate, INTERVAL (id % 7) DAY), receipt, shipmode, \
             CONCAT(LEFT(comment, 20), ' ', id) FROM lineitem WHERE id < {more}"
        )])
        .await;
        have += more;
    }
}

async fn count(tidb: &mut Tidb) -> usize {
    let rows = tidb.query("SELECT COUNT(*) FROM bench.lineitem").await;
    rows.rows[0][0].to_string().parse().expect("a count")
}

async fn context(cluster: &Cluster) -> TidbContext {
    let config = HashMap::from([
        ("pd.addresses".to_owned(), cluster.pd.clone()),
        ("table.scan_concurrency".to_owned(), WINDOW.to_string()),
    ]);
    TidbContext::connect(config).await.expect("a context")
}

async fn plan(context: &TidbContext) -> Arc<dyn ExecutionPlan> {
    let frame = context.sql("SELECT * FROM tidb.bench.lineitem").await.expect("a plan");
    frame.create_physical_plan().await.expect("a physical plan")
}

/// The scan at the bottom of a plan.
fn scan_of(plan: &Arc<dyn ExecutionPlan>) -> Vec<ScanRequest> {
    if let Some(scan) = plan.downcast_ref::<TikvScanExec>() {
        return scan.requests();
    }
    plan.children().into_iter().flat_map(scan_of).collect()
}

async fn compare(cluster: &Cluster, rounds: usize) {
    let context = context(cluster).await;
    let floor = Floor::new(cluster).await;
    let (mut floor_times, mut our_times) = (Vec::new(), Vec::new());
    let (mut rows, mut bytes) = (0, 0);
    for round in 0..=rounds {
        let plan = plan(&context).await;
        let scans = scan_of(&plan);
        let begin = Instant::now();
        rows = drain_connector(&context, plan).await;
        let our_time = begin.elapsed();
        // The connector heals what it knows of the regions as it reads; the floor asks PD anew.
        let requests = floor.requests(&regions(cluster).await, &scans).await;
        let begin = Instant::now();
        bytes = floor.drain(requests).await;
        let floor_time = begin.elapsed();
        // The first round warms both sides.
        if round > 0 {
            floor_times.push(floor_time);
            our_times.push(our_time);
        }
    }
    let (floor_time, our_time) = (median(floor_times), median(our_times));
    let seconds = our_time.as_secs_f64();
    println!("| rows | answer bytes | floor | connector | ratio | rows/s | MB/s |");
    println!("|---|---|---|---|---|---|---|");
    println!(
        "| {rows} | {bytes} | {:.0} ms | {:.0} ms | {:.2} | {:.0} | {:.1} |",
        floor_time.as_secs_f64() * 1e3,
        seconds * 1e3,
        seconds / floor_time.as_secs_f64(),
        rows as f64 / seconds,
        bytes as f64 / seconds / 1e6,
    );
}

async fn drain_connector(context: &TidbContext, plan: Arc<dyn ExecutionPlan>) -> usize {
    let task = context.session_context().task_ctx();
    let streams = execute_stream_partitioned(plan, task).expect("streams");
    let tasks: Vec<_> = streams
        .into_iter()
        .map(|mut stream| {
            tokio::spawn(async move {
                let mut rows = 0;
                while let Some(batch) = stream.next().await {
                    rows += batch.expect("a batch").num_rows();
                }
                rows
            })
        })
        .collect();
    let mut rows = 0;
    for task in tasks {
        rows += task.await.expect("a task");
    }
    rows
}

/// A bare client: one channel per connection that the connector also has, no decoding.
struct Floor {
    channels: HashMap<String, TikvClient<Channel>>,
}

/// A client that knows no region yet.
async fn regions(cluster: &Cluster) -> Client {
    Client::connect(ClientOptions::new(cluster.pd.split(','))).await.expect("a client")
}

type Prepared = (String, coprocessor::Request);

impl Floor {
    async fn new(cluster: &Cluster) -> Self {
        let client = regions(cluster).await;
        let mut bo = client.backoffer(Duration::from_secs(10));
        let stores = client.pd().stores(&mut bo).await.expect("stores");
        let mut channels = HashMap::new();
        for store in stores {
            let uri = format!("http://{}", store.address);
            let channel = Channel::from_shared(uri)
                .expect("an address")
                .initial_stream_window_size(8 << 20)
                .initial_connection_window_size(64 << 20)
                .connect()
                .await
                .expect("a connection");
            let client = TikvClient::new(channel).max_decoding_message_size(usize::MAX);
            channels.insert(store.address, client);
        }
        Self { channels }
    }

    /// The requests of a scan, one per region, as the connector sends them.
    async fn requests(&self, client: &Client, scans: &[ScanRequest]) -> Vec<Prepared> {
        let mut bo = client.backoffer(Duration::from_secs(10));
        let mut requests = Vec::new();
        for scan in scans {
            for (start, end) in &scan.ranges {
                let regions = client.regions().locate_range(&mut bo, start, end).await;
                for region in regions.expect("regions") {
                    let leader = region.leader;
                    let store = client.regions().store(&mut bo, leader.store_id).await;
                    let low = region.start_key.to_vec().max(start.clone());
                    let high = match region.end_key.to_vec() {
                        bound if bound.is_empty() => end.clone(),
                        bound => bound.min(end.clone()),
                    };
                    let request = coprocessor::Request {
                        context: Some(region.context(&leader)),
                        tp: 103,
                        data: scan.dag.clone(),
                        start_ts: scan.start_ts,
                        ranges: vec![coprocessor::KeyRange { start: low, end: high }],
                        ..coprocessor::Request::default()
                    };
                    requests.push((store.expect("a store").address.clone(), request));
                }
            }
        }
        requests
    }

    /// Sends them, [`WINDOW`] at a time, and throws the answers away.
    async fn drain(&self, requests: Vec<Prepared>) -> usize {
        let calls = requests.into_iter().map(|(address, request)| {
            let mut client = self.channels[&address].clone();
            tokio::spawn(async move {
                let answer = client.coprocessor(request).await.expect("an answer").into_inner();
                assert_eq!((&answer.region_error, &answer.locked), (&None, &None));
                answer.data.len()
            })
        });
        futures::stream::iter(calls)
            .buffer_unordered(WINDOW)
            .fold(0, |sum, bytes| async move { sum + bytes.expect("a task") })
            .await
    }
}

/// A scan under a memory limit: the most memory the process ever had, and what it had before.
async fn bounded(cluster: &Cluster, limit: usize) {
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(FairSpillPool::new(limit)))
        .build_arc()
        .expect("a runtime");
    let config = HashMap::from([("pd.addresses".to_owned(), cluster.pd.clone())]);
    let context = TidbContext::connect_with_runtime(config, runtime).await.expect("a context");
    let before = resident("VmRSS");
    let frame = context.sql("SELECT * FROM tidb.bench.lineitem").await.expect("a plan");
    let plan = frame.create_physical_plan().await.expect("a physical plan");
    let mut stream = execute_stream(plan, context.session_context().task_ctx()).expect("a stream");
    let (mut rows, mut bytes) = (0, 0);
    while let Some(batch) = stream.next().await {
        let batch = batch.expect("a batch");
        rows += batch.num_rows();
        // Batches share the buffers of an answer: each counts its own part.
        let sizes = batch.columns().iter().map(|column| column.to_data().get_slice_memory_size());
        bytes += sizes.map(|size| size.expect("a size")).sum::<usize>();
    }
    let peak = resident("VmHWM");
    println!("| rows | Arrow bytes | limit | RSS before | peak RSS | growth |");
    println!("|---|---|---|---|---|---|");
    println!(
        "| {rows} | {bytes} | {limit} | {before} | {peak} | {} |",
        peak.saturating_sub(before)
    );
}

/// Bytes of this process by `/proc`.
fn resident(name: &str) -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("/proc");
    let line = status.lines().find(|line| line.starts_with(name)).expect("the line");
    let kilobytes = line.split_whitespace().nth(1).and_then(|text| text.parse::<usize>().ok());
    kilobytes.expect("a number") * 1024
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}
