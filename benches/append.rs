//! Appending many rows, side by side: this writer, TiDB's `INSERT` in batches, and `LOAD DATA`.
//!
//! ```sh
//! cargo bench -p tifusion-testkit --bench append -- [--rows N] [--rounds N] [--memory]
//! ```
//!
//! Runs on the cluster that the environment names, or on a playground that it starts. Rounds are paired and
//! medians are compared, for absolute times mean nothing on a shared machine; what each process worked for it is
//! told too, what is left to do behind the answer included. `--memory` appends N, 10 N and
//! 100 N rows instead, each in a process of its own, and says how much memory that took at most.
#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    clippy::cast_precision_loss,
    clippy::indexing_slicing,
    reason = "a benchmark prints, and fails by panicking"
)]

use std::collections::HashMap;
use std::fmt::Write as _;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use arrow::array::{ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use bytes::Bytes;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::execution::TaskContext;
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::physical_plan::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use futures::stream;
use tifusion::{TidbContext, WriteProgress};
use tifusion_testkit::cluster::{Cluster, Shape};
use tifusion_testkit::tidb::Tidb;

/// Rows of one `INSERT`.
const ROWS_PER_INSERT: usize = 1000;
/// Rows of one batch of the input.
const ROWS_PER_BATCH: usize = 8192;
/// Memory that a session may use with `--memory`.
const MEMORY_LIMIT: usize = 32 << 20;
/// Processor seconds of the store in half a second, below which it has nothing to do.
const IDLE: f64 = 0.02;
/// How long it is waited for that.
const PATIENCE: Duration = Duration::from_secs(30);

struct Options {
    rows: usize,
    rounds: usize,
    memory: bool,
    /// What a process of its own appends.
    append: bool,
}

impl Options {
    fn parse() -> Self {
        let mut options = Self { rows: 100_000, rounds: 3, memory: false, append: false };
        let mut arguments = std::env::args().skip(1);
        while let Some(name) = arguments.next() {
            let mut number = || {
                let value = arguments.next().and_then(|text| text.parse().ok());
                value.expect("the option takes a number")
            };
            match name.as_str() {
                // `cargo bench` adds this one.
                "--bench" => {}
                "--rows" => options.rows = number(),
                "--rounds" => options.rounds = number(),
                "--memory" => options.memory = true,
                "--append" => options.append = true,
                other => println!("unknown option {other}"),
            }
        }
        options
    }
}

#[tokio::main]
async fn main() {
    let options = Options::parse();
    let cluster = Cluster::of(Shape::default(), "append").expect("a cluster");
    if options.append {
        append(&cluster, options.rows, Some(MEMORY_LIMIT)).await;
        println!("{}", peak_memory());
    } else if options.memory {
        memory(&cluster, options.rows).await;
    } else {
        compare(&cluster, &options).await;
    }
}

/// An empty table like that of sysbench: 200 bytes a row, one index.
async fn fresh(tidb: &mut Tidb) {
    tidb.run([
        "CREATE DATABASE IF NOT EXISTS bench",
        "USE bench",
        "DROP TABLE IF EXISTS sbtest",
        "CREATE TABLE sbtest (id BIGINT PRIMARY KEY, k INT NOT NULL, c CHAR(120) NOT NULL, \
         pad CHAR(60) NOT NULL, KEY (k))",
    ])
    .await;
}

async fn compare(cluster: &Cluster, options: &Options) {
    let mut tidb = Tidb::connect(&cluster.tidb).await;
    let text = load_text(options.rows);
    let mut ways: [(Way, Vec<Duration>, Work); 3] =
        Way::ALL.map(|way| (way, Vec::new(), Work::default()));
    let mut all_steps = Vec::new();
    for round in 0..=options.rounds {
        for (way, times, work) in &mut ways {
            fresh(&mut tidb).await;
            settle(cluster).await;
            let before = Work::so_far(cluster);
            let time = match way {
                Way::Ours => {
                    let steps = append(cluster, options.rows, None).await;
                    let time = steps.committed;
                    all_steps.push(steps);
                    time
                }
                Way::Insert => insert(&mut tidb, options.rows).await,
                Way::Load => load(&mut tidb, &text).await,
            };
            // TiDB answers once a transaction is committed, and its locks are cleared behind that.
            settle(cluster).await;
            // The first round warms all sides.
            if round > 0 {
                times.push(time);
                work.add(&Work::so_far(cluster), &before);
            }
            check(&mut tidb, options.rows).await;
        }
    }
    let rows = options.rows as f64;
    let times = ways.each_ref().map(|(_, times, _)| median(times.clone()).as_secs_f64());
    println!(
        "| {} rows | time | rows/s | times this | store | TiDB | this process |",
        options.rows
    );
    println!("|---|---|---|---|---|---|---|");
    for ((way, _, work), time) in ways.iter().zip(times) {
        let work = |process: &str| {
            let seconds = work.seconds.get(process).copied().unwrap_or_default();
            format!("{:.0} ms", seconds * 1e3 / options.rounds as f64)
        };
        println!(
            "| {} | {:.0} ms | {:.0} | {:.2} | {} | {} | {} |",
            way.name(),
            time * 1e3,
            rows / time,
            time / times[0],
            work("store"),
            work("tidb-server"),
            work(THIS)
        );
    }
    // The first round's do not count.
    let median_of = |step: fn(&Steps) -> Duration| {
        median(all_steps.iter().skip(1).map(step).collect()).as_secs_f64() * 1e3
    };
    println!(
        "\nthis writer: rows encoded after {:.0} ms, keys prewritten after {:.0} ms, committed after {:.0} ms",
        median_of(|steps| steps.encoded),
        median_of(|steps| steps.prewritten),
        median_of(|steps| steps.committed),
    );
}

#[derive(Clone, Copy)]
enum Way {
    Ours,
    Insert,
    Load,
}

impl Way {
    const ALL: [Self; 3] = [Self::Ours, Self::Insert, Self::Load];

    fn name(self) -> String {
        match self {
            Self::Ours => "this writer".to_owned(),
            Self::Insert => format!("INSERT, {ROWS_PER_INSERT} rows each"),
            Self::Load => "LOAD DATA".to_owned(),
        }
    }
}

/// Name of this process in [`Work`].
const THIS: &str = "this";

/// Seconds that processors worked, for each process of a cluster and this one.
#[derive(Default)]
struct Work {
    seconds: HashMap<String, f64>,
}

impl Work {
    /// Of processes whose command line names the cluster's PD; nothing where there is no `/proc`.
    fn so_far(cluster: &Cluster) -> Self {
        let mut work = Self::default();
        let read = |path: std::path::PathBuf| std::fs::read(path).unwrap_or_default();
        for process in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
            let is_this =
                process.file_name().to_str() == Some(std::process::id().to_string().as_str());
            let command = read(process.path().join("cmdline"));
            let is_of_cluster =
                command.windows(cluster.pd.len()).any(|part| part == cluster.pd.as_bytes());
            let stat = String::from_utf8_lossy(&read(process.path().join("stat"))).into_owned();
            let Some((name, fields)) = stat.rsplit_once(')') else { continue };
            let name = name.split_once('(').map_or("", |(_, name)| name);
            // User and system time, in hundredths of a second.
            let ticks = fields.split_whitespace().skip(11).take(2);
            let ticks: f64 = ticks.filter_map(|ticks| ticks.parse::<f64>().ok()).sum();
            if is_this || is_of_cluster {
                let name = if is_this { THIS } else { name };
                *work.seconds.entry(name.to_owned()).or_default() += ticks / 100.0;
            }
        }
        work
    }

    fn add(&mut self, after: &Self, before: &Self) {
        for (process, seconds) in &after.seconds {
            let before = before.seconds.get(process).copied().unwrap_or_default();
            *self.seconds.entry(process.clone()).or_default() += seconds - before;
        }
    }
}

/// Waits until the store is done with what went before, which would count for the next.
async fn settle(cluster: &Cluster) {
    let store = || Work::so_far(cluster).seconds.get("store").copied().unwrap_or_default();
    let (deadline, mut before) = (Instant::now() + PATIENCE, store());
    loop {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let now = store();
        if now - before < IDLE || Instant::now() > deadline {
            return;
        }
        before = now;
    }
}

async fn memory(cluster: &Cluster, rows: usize) {
    println!("| rows | peak resident memory (limit of the session {} MiB) |", MEMORY_LIMIT >> 20);
    println!("|---|---|");
    let mut tidb = Tidb::connect(&cluster.tidb).await;
    for times in [1, 10, 100] {
        fresh(&mut tidb).await;
        let program = std::env::current_exe().expect("this program");
        let output = Command::new(program)
            .args(["--append", "--rows", &(rows * times).to_string()])
            .env("TIFUSION_PD_ADDRS", &cluster.pd)
            .env("TIFUSION_TIDB_ADDR", &cluster.tidb)
            .output()
            .expect("a process of its own");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
        let peak: u64 = said.trim().parse().expect("a number of kilobytes");
        println!("| {} | {:.1} MB |", rows * times, peak as f64 / 1e3);
        check(&mut tidb, rows * times).await;
    }
}

/// The most memory that this process had, in kilobytes.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or_default()
}

/// How far this writer was when.
#[derive(Default)]
struct Steps {
    encoded: Duration,
    prewritten: Duration,
    committed: Duration,
}

/// Appends the rows by this writer.
async fn append(cluster: &Cluster, rows: usize, limit: Option<usize>) -> Steps {
    let config = HashMap::from([
        ("pd.addresses".to_owned(), cluster.pd.clone()),
        ("write.enable".to_owned(), "true".to_owned()),
    ]);
    let mut runtime = RuntimeEnvBuilder::new();
    if let Some(limit) = limit {
        runtime = runtime.with_memory_pool(Arc::new(FairSpillPool::new(limit)));
    }
    let runtime = runtime.build_arc().expect("a runtime");
    let context = TidbContext::connect_with_runtime(config, runtime).await.expect("a context");
    let input = Generated { schema: schema(), rows };
    let table = StreamingTable::try_new(schema(), vec![Arc::new(input)]).expect("a table");
    let frame = context.session_context().read_table(Arc::new(table)).expect("a frame");
    let begin = Instant::now();
    let steps = Arc::new(Mutex::new((WriteProgress::default(), Steps::default())));
    let told = Arc::clone(&steps);
    let writer = context.table_writer("bench.sbtest").on_progress(move |now| {
        let (before, steps) = &mut *told.lock().expect("the steps");
        if now.rows_encoded > before.rows_encoded {
            steps.encoded = begin.elapsed();
        }
        if now.keys_prewritten > before.keys_prewritten {
            steps.prewritten = begin.elapsed();
        }
        *before = now;
    });
    let summary = writer.write(frame).await.expect("written");
    let committed = begin.elapsed();
    assert_eq!(summary.rows, rows as u64);
    let (_, steps) = std::mem::take(&mut *steps.lock().expect("the steps"));
    Steps { committed, ..steps }
}

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("id", DataType::Int64, false),
        Field::new("k", DataType::Int32, false),
        Field::new("c", DataType::Utf8, false),
        Field::new("pad", DataType::Utf8, false),
    ]))
}

/// Rows that are made as they are asked for.
#[derive(Debug)]
struct Generated {
    schema: SchemaRef,
    rows: usize,
}

impl PartitionStream for Generated {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let (rows, schema) = (self.rows, Arc::clone(&self.schema));
        let starts = (0..rows).step_by(ROWS_PER_BATCH);
        let batches = starts.map(move |from| Ok(batch(from, ROWS_PER_BATCH.min(rows - from))));
        Box::pin(RecordBatchStreamAdapter::new(schema, stream::iter(batches)))
    }
}

fn batch(from: usize, rows: usize) -> RecordBatch {
    let all = || from..from + rows;
    let columns: Vec<ArrayRef> = vec![
        Arc::new(all().map(|n| i64::try_from(n).ok()).collect::<Int64Array>()),
        Arc::new(all().map(|n| Some(k_of(n))).collect::<Int32Array>()),
        Arc::new(all().map(|n| Some(text_of(n, 119))).collect::<StringArray>()),
        Arc::new(all().map(|n| Some(text_of(n + 7, 59))).collect::<StringArray>()),
    ];
    RecordBatch::try_new(schema(), columns).expect("a batch")
}

fn k_of(n: usize) -> i32 {
    i32::try_from(n.wrapping_mul(2_654_435_761) % 1_000_000).expect("below a million")
}

fn text_of(n: usize, length: usize) -> String {
    let mut text = String::with_capacity(length + 20);
    let mut state = n as u64 + 1;
    while text.len() < length {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        write!(text, "{:011}-", state >> 30).expect("a text");
    }
    text.truncate(length);
    text
}

/// Inserts the rows by statements of many rows each.
async fn insert(tidb: &mut Tidb, rows: usize) -> Duration {
    let statements = (0..rows).step_by(ROWS_PER_INSERT).map(|from| {
        let rows = (from..rows.min(from + ROWS_PER_INSERT))
            .map(|n| format!("({n},{},'{}','{}')", k_of(n), text_of(n, 119), text_of(n + 7, 59)));
        format!("INSERT INTO sbtest VALUES {}", rows.collect::<Vec<_>>().join(","))
    });
    let statements: Vec<String> = statements.collect();
    let begin = Instant::now();
    tidb.run(statements).await;
    begin.elapsed()
}

/// The text for `LOAD DATA`.
fn load_text(rows: usize) -> Bytes {
    let mut text = String::new();
    for n in 0..rows {
        let (c, pad) = (text_of(n, 119), text_of(n + 7, 59));
        writeln!(text, "{n}\t{}\t{c}\t{pad}", k_of(n)).expect("a text");
    }
    Bytes::from(text)
}

/// Loads the text, which TiDB asks this program for.
async fn load(tidb: &mut Tidb, text: &Bytes) -> Duration {
    let begin = Instant::now();
    tidb.load("sbtest", text.clone()).await;
    begin.elapsed()
}

async fn check(tidb: &mut Tidb, rows: usize) {
    let count = tidb.number("SELECT COUNT(*) FROM bench.sbtest").await;
    assert_eq!(usize::try_from(count), Ok(rows));
    tidb.run(["ADMIN CHECK TABLE bench.sbtest"]).await;
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
