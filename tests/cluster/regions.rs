//! Tables of many regions, read while regions split and while transactions move money.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tifusion_testkit::cell::Cell;
use tifusion_testkit::cluster::{Cluster, Shape, scale};
use tifusion_testkit::connector::Connector;
use tifusion_testkit::tidb::Tidb;
use tokio::task::JoinSet;

/// Accounts in the bank.
const ACCOUNTS: usize = 6_000;

/// Money of each at the start.
const BALANCE: usize = 1_000;

/// Bytes of filling in each row, so that few rows make a region.
const FILLING: usize = 400;

/// Regions that the table must have before the readers start.
const REGIONS: usize = 100;

/// How long a store may take to split what it was told or should itself.
const PATIENCE: Duration = Duration::from_secs(180);

#[tokio::test(flavor = "multi_thread")]
async fn money_is_neither_made_nor_lost_while_regions_split() {
    let test = "regions_bank";
    let Some(cluster) = Cluster::of(Shape::many_regions(), test) else { return };
    let mut tidb = Tidb::connect(&cluster.tidb).await;
    fill(&mut tidb, test).await;
    let before = await_regions(&mut tidb, REGIONS).await;

    let bank = Arc::new(Bank::default());
    let mut workers = JoinSet::new();
    for writer in 0..4 {
        workers.spawn(transfer(Arc::clone(&cluster), Arc::clone(&bank), writer));
    }
    workers.spawn(split(Arc::clone(&cluster), Arc::clone(&bank)));
    let deadline = Instant::now() + PATIENCE;
    let reads = 12 * scale();
    let mut read = JoinSet::new();
    for settings in [
        vec![("coprocess.codec_format", "chunk")],
        vec![("coprocess.codec_format", "default"), ("table.scan_concurrency", "3")],
        vec![("coprocess.streaming", "true"), ("coprocessor.chunk_batch_size", "64")],
    ] {
        read.spawn(audit(Arc::clone(&cluster), Arc::clone(&bank), settings, reads, deadline));
    }
    let mut overlapped = 0;
    while let Some(audits) = read.join_next().await {
        overlapped += audits.unwrap();
    }
    bank.closed.store(true, Ordering::SeqCst);
    while let Some(worker) = workers.join_next().await {
        worker.unwrap();
    }

    let transfers = bank.transfers.load(Ordering::SeqCst);
    let splits = bank.splits.load(Ordering::SeqCst);
    assert!(overlapped >= reads, "only {overlapped} reads had transfers meanwhile");
    assert!(transfers >= 50, "only {transfers} transfers");
    assert!(splits >= 5, "only {splits} splits were asked for");
    let after = regions(&mut tidb).await;
    assert!(after > before, "{before} regions before, {after} after");
    let total = tidb.number("SELECT SUM(balance) FROM accounts").await;
    assert_eq!(total, i128::try_from(ACCOUNTS * BALANCE).unwrap(), "TiDB's own count");
}

/// What the workers share.
#[derive(Default)]
struct Bank {
    closed: AtomicBool,
    transfers: AtomicUsize,
    splits: AtomicUsize,
}

async fn fill(tidb: &mut Tidb, database: &str) {
    tidb.fresh_database(database).await;
    tidb.run(["CREATE TABLE accounts (id INT PRIMARY KEY, balance BIGINT NOT NULL, filling TEXT)"])
        .await;
    let filling = "x".repeat(FILLING);
    for first in (0..ACCOUNTS).step_by(1_000) {
        let rows = (first..first + 1_000).map(|id| format!("({id}, {BALANCE}, '{filling}')"));
        let rows = rows.collect::<Vec<_>>().join(",");
        tidb.run([format!("INSERT INTO accounts VALUES {rows}")]).await;
    }
}

async fn regions(tidb: &mut Tidb) -> usize {
    tidb.query("SHOW TABLE accounts REGIONS").await.rows.len()
}

/// Waits until PD shows at least `least` regions of the table, and asks for splits where the store
/// has not come to it.
async fn await_regions(tidb: &mut Tidb, least: usize) -> usize {
    let deadline = Instant::now() + PATIENCE;
    let step = ACCOUNTS / (least + 10);
    let bounds: Vec<String> = (1..=least + 9).map(|n| format!("({})", n * step)).collect();
    tidb.run([format!("SPLIT TABLE accounts BY {}", bounds.join(","))]).await;
    loop {
        let now = regions(tidb).await;
        if now >= least {
            return now;
        }
        assert!(Instant::now() < deadline, "only {now} regions");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Moves money between accounts, in optimistic and pessimistic transactions of two phases. The
/// playground's store forgets which timestamps it was read at, so that it lets an async commit or a
/// one-phase commit slip in below a read: those are off.
async fn transfer(cluster: Arc<Cluster>, bank: Arc<Bank>, writer: u64) {
    let mut random = StdRng::seed_from_u64(writer);
    let mut tidb = Tidb::connect(&cluster.tidb).await;
    tidb.run(["USE regions_bank", "SET tidb_enable_async_commit = OFF, tidb_enable_1pc = OFF"])
        .await;
    while !bank.closed.load(Ordering::SeqCst) {
        let (from, to) = (random.random_range(0..ACCOUNTS), random.random_range(0..ACCOUNTS));
        let amount = random.random_range(1..100);
        let begin = if random.random() { "BEGIN PESSIMISTIC" } else { "BEGIN OPTIMISTIC" };
        let take = format!("UPDATE accounts SET balance = balance - {amount} WHERE id = {from}");
        let give = format!("UPDATE accounts SET balance = balance + {amount} WHERE id = {to}");
        let end = if random.random_range(0..10) == 0 { "ROLLBACK" } else { "COMMIT" };
        let mut done = true;
        for statement in [begin, &take, &give, end] {
            // Two writers may want the same account: then nothing has happened.
            if tidb.try_run(statement).await.is_err() {
                tidb.try_run("ROLLBACK").await.unwrap();
                done = false;
                break;
            }
        }
        if done && end == "COMMIT" {
            bank.transfers.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// Splits regions.
async fn split(cluster: Arc<Cluster>, bank: Arc<Bank>) {
    let mut random = StdRng::seed_from_u64(99);
    let mut tidb = Tidb::connect(&cluster.tidb).await;
    tidb.run(["USE regions_bank"]).await;
    while !bank.closed.load(Ordering::SeqCst) {
        let at = random.random_range(0..ACCOUNTS);
        tidb.run([format!("SPLIT TABLE accounts BY ({at})")]).await;
        bank.splits.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Reads the total over and over; how many reads had transfers while they ran.
async fn audit(
    cluster: Arc<Cluster>,
    bank: Arc<Bank>,
    settings: Vec<(&'static str, &'static str)>,
    reads: usize,
    deadline: Instant,
) -> usize {
    let connector = Connector::connect(&cluster, &settings).await;
    connector.use_database("regions_bank").await;
    let all = Cell::Int(i128::try_from(ACCOUNTS).unwrap());
    let money = Cell::Int(i128::try_from(ACCOUNTS * BALANCE).unwrap());
    let mut overlapped = 0;
    for _ in 0..reads {
        assert!(Instant::now() < deadline, "reading takes too long");
        let before = bank.transfers.load(Ordering::SeqCst);
        let read = connector.query("SELECT SUM(balance), COUNT(*) FROM accounts").await;
        assert_eq!(read.rows, [[money.clone(), all.clone()]], "with {settings:?}");
        let ids = "SELECT COUNT(DISTINCT id), MIN(id), MAX(id) FROM accounts";
        let last = Cell::Int(i128::try_from(ACCOUNTS - 1).unwrap());
        assert_eq!(connector.query(ids).await.rows, [[all.clone(), Cell::Int(0), last]]);
        overlapped += usize::from(bank.transfers.load(Ordering::SeqCst) > before);
    }
    overlapped
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_shows_its_regions_and_a_limit_touches_few() {
    let test = "regions_plan";
    let Some(cluster) = Cluster::of(Shape::many_regions(), test) else { return };
    let mut tidb = Tidb::connect(&cluster.tidb).await;
    fill(&mut tidb, test).await;
    let least = await_regions(&mut tidb, REGIONS).await;
    let connector = Connector::connect(&cluster, &[]).await;
    connector.use_database(test).await;

    let plan = connector.explain("SELECT * FROM accounts").await;
    let shown = number_behind(&plan, "regions=");
    assert!(shown >= least, "{least} regions by PD\n{plan}");
    assert!(plan.contains("regions_plan.accounts") && plan.contains("start_ts="), "{plan}");

    let all = connector.run("SELECT id, filling FROM accounts").await.unwrap();
    assert_eq!(all.batches.iter().map(|batch| batch.num_rows()).sum::<usize>(), ACCOUNTS);
    assert!(all.metric("requests") >= least, "{} requests", all.metric("requests"));

    let few = connector.run("SELECT id, filling FROM accounts LIMIT 10").await.unwrap();
    assert_eq!(few.batches.iter().map(|batch| batch.num_rows()).sum::<usize>(), 10);
    let requests = few.metric("requests");
    assert!(requests <= 10, "{requests} requests for ten rows");
}

/// The number that follows `label`.
fn number_behind(text: &str, label: &str) -> usize {
    let rest = text.split(label).nth(1).unwrap_or_else(|| panic!("no {label} in\n{text}"));
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap()
}
