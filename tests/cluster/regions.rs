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

/// Accounts in the bank, at every tenth id.
const ACCOUNTS: usize = 30_000;

/// Ids from one account to the next; between them is room for rows without money.
const STEP: usize = 10;

/// Money of each account at the start.
const BALANCE: usize = 1_000;

/// Bytes of filling in each row: some hundred rows make a region. The playground's store finds no
/// place to split a region whose last rows are far larger than its others, those of TiDB's own tables
/// before ours for instance, and makes one that ends before it starts.
const FILLING: usize = 200;

/// Regions that the table must have before the readers start.
const REGIONS: usize = 100;

/// How long the store may take to split what has become too large.
const PATIENCE: Duration = Duration::from_secs(240);

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
    workers.spawn(grow(Arc::clone(&cluster), Arc::clone(&bank)));
    let reads = 10 * scale();
    let mut readers = JoinSet::new();
    for settings in [
        vec![("coprocess.codec_format", "chunk")],
        vec![("coprocess.codec_format", "default"), ("table.scan_concurrency", "3")],
        vec![("coprocess.streaming", "true"), ("coprocessor.chunk_batch_size", "64")],
    ] {
        readers.spawn(audit(Arc::clone(&cluster), Arc::clone(&bank), settings, reads));
    }
    // The readers go on until enough has happened beneath them.
    let deadline = Instant::now() + PATIENCE;
    let mut after = regions(&mut tidb).await;
    while after < before + 20 || bank.transfers.load(Ordering::SeqCst) < 50 {
        let transfers = bank.transfers.load(Ordering::SeqCst);
        assert!(Instant::now() < deadline, "{before} then {after} regions, {transfers} transfers");
        tokio::time::sleep(Duration::from_millis(500)).await;
        after = regions(&mut tidb).await;
    }
    bank.busy_enough.store(true, Ordering::SeqCst);
    let mut overlapped = 0;
    while let Some(audits) = readers.join_next().await {
        overlapped += audits.unwrap();
    }
    bank.closed.store(true, Ordering::SeqCst);
    while let Some(worker) = workers.join_next().await {
        worker.unwrap();
    }

    assert!(overlapped >= 10, "only {overlapped} reads had transfers meanwhile");
    let total = tidb.number("SELECT SUM(balance) FROM accounts").await;
    assert_eq!(total, i128::try_from(ACCOUNTS * BALANCE).unwrap(), "TiDB's own count");
}

/// What the workers share.
#[derive(Default)]
struct Bank {
    /// Regions were split and money moved.
    busy_enough: AtomicBool,
    /// All is read.
    closed: AtomicBool,
    transfers: AtomicUsize,
}

async fn fill(tidb: &mut Tidb, database: &str) {
    tidb.fresh_database(database).await;
    tidb.run(["CREATE TABLE accounts (id INT PRIMARY KEY, balance BIGINT NOT NULL, filling TEXT)"])
        .await;
    let filling = "x".repeat(FILLING);
    for first in (0..ACCOUNTS).step_by(1_000) {
        let rows =
            (first..first + 1_000).map(|n| format!("({}, {BALANCE}, '{filling}')", n * STEP));
        let rows = rows.collect::<Vec<_>>().join(",");
        tidb.run([format!("INSERT INTO accounts VALUES {rows}")]).await;
    }
}

async fn regions(tidb: &mut Tidb) -> usize {
    tidb.query("SHOW TABLE accounts REGIONS").await.rows.len()
}

/// Waits until PD shows at least `least` regions of the table.
async fn await_regions(tidb: &mut Tidb, least: usize) -> usize {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let now = regions(tidb).await;
        if now >= least {
            return now;
        }
        assert!(Instant::now() < deadline, "only {now} regions");
        tokio::time::sleep(Duration::from_millis(500)).await;
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
        let mut account = || random.random_range(0..ACCOUNTS) * STEP;
        let (from, to) = (account(), account());
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

/// Adds rows without money all over the table, so that regions become too large and are split.
async fn grow(cluster: Arc<Cluster>, bank: Arc<Bank>) {
    let mut tidb = Tidb::connect(&cluster.tidb).await;
    tidb.run(["USE regions_bank"]).await;
    let filling = "y".repeat(FILLING);
    for id in 1..STEP {
        for first in (0..ACCOUNTS).step_by(500) {
            if bank.closed.load(Ordering::SeqCst) || bank.busy_enough.load(Ordering::SeqCst) {
                return;
            }
            let rows = (first..first + 500).map(|n| format!("({}, 0, '{filling}')", n * STEP + id));
            let rows = rows.collect::<Vec<_>>().join(",");
            tidb.run([format!("INSERT INTO accounts VALUES {rows}")]).await;
        }
    }
}

/// Reads the total at least `reads` times and until enough has happened; how many reads had
/// transfers while they ran.
async fn audit(
    cluster: Arc<Cluster>,
    bank: Arc<Bank>,
    settings: Vec<(&'static str, &'static str)>,
    reads: usize,
) -> usize {
    let connector = Connector::connect(&cluster, &settings).await;
    connector.use_database("regions_bank").await;
    let query = format!(
        "SELECT SUM(balance), COUNT(*) FILTER (WHERE id % {STEP} = 0), COUNT(*) - COUNT(DISTINCT id) \
         FROM accounts"
    );
    let number = |number: usize| Cell::Int(i128::try_from(number).unwrap());
    let expected = [number(ACCOUNTS * BALANCE), number(ACCOUNTS), number(0)];
    let (mut done, mut overlapped) = (0, 0);
    while done < reads || !bank.busy_enough.load(Ordering::SeqCst) {
        let before = bank.transfers.load(Ordering::SeqCst);
        let read = connector.query(&query).await;
        assert_eq!(read.rows, [&expected[..]], "with {settings:?}");
        overlapped += usize::from(bank.transfers.load(Ordering::SeqCst) > before);
        done += 1;
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
