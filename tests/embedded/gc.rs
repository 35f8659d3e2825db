//! Garbage collection that runs while somebody reads.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use tifusion::ErrorKind;
use tifusion_client::gc_hold::KeepTime;
use tifusion_client::{Client, ClientOptions};
use tifusion_embedded::EmbeddedCluster;
use tifusion_proto::{kvrpcpb as kv, pdpb};
use tifusion_testkit::arrow_cells::{Clock, rows};
use tifusion_testkit::connector::Connector;

use crate::raw::{Raw, send};
use crate::tables::{Numbered, PAGES, check_all};

/// Longest that anything here may take.
const SOON: Duration = Duration::from_secs(20);

/// Holds garbage collection back at what timestamps.
async fn barriers(raw: &Raw) -> Vec<u64> {
    let request = pdpb::GetGcStateRequest { header: raw.header(), ..Default::default() };
    let told = raw.pd.clone().get_gc_state(request).await.unwrap().into_inner();
    told.gc_state.unwrap().gc_barriers.iter().map(|barrier| barrier.barrier_ts).collect()
}

/// Waits until as many hold it back.
async fn until_barriers(raw: &Raw, count: usize) -> Vec<u64> {
    let wait = async {
        loop {
            let barriers = barriers(raw).await;
            if barriers.len() == count {
                return barriers;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(SOON, wait).await.expect("barriers come and go")
}

/// Collects all that can be, up to now: how far the safe point came, and how far it should have come.
async fn collect(cluster: &EmbeddedCluster, raw: &Raw) -> (u64, u64) {
    let target = cluster.timestamp();
    let header = raw.header();
    let request = pdpb::AdvanceTxnSafePointRequest { header, target, ..Default::default() };
    let told = raw.pd.clone().advance_txn_safe_point(request).await.unwrap().into_inner();
    let safe_point = told.new_txn_safe_point;
    let header = raw.header();
    let request =
        pdpb::AdvanceGcSafePointRequest { header, target: safe_point, ..Default::default() };
    raw.pd.clone().advance_gc_safe_point(request).await.unwrap();
    // One set of data: one store collects for all.
    let request = kv::GcRequest { safe_point, ..kv::GcRequest::default() };
    assert_eq!(send!(raw, b"t", kv_gc, request).error, None);
    (safe_point, target)
}

struct Past {
    cluster: EmbeddedCluster,
    table: Numbered,
    raw: Arc<Raw>,
    session: Connector,
    /// Reads the table as it was before all of its rows were deleted.
    query: String,
}

/// A table that was full, and a session in small pages.
async fn past(settings: &[(&str, &str)]) -> Past {
    let cluster = EmbeddedCluster::builder().seed(5).start().await.unwrap();
    let table = Numbered::make(&cluster, 1).await.remove(0);
    let mut all = PAGES.to_vec();
    all.extend([("new_collation_enable", "true"), ("write.enable", "true")]);
    all.extend(settings);
    let session = Connector::embedded(&cluster, &all).await;
    tokio::time::sleep(Duration::from_millis(60)).await;
    let now = session.query("SELECT to_char(now(), '%Y-%m-%d %H:%M:%S%.3f')").await;
    let query =
        format!("SELECT id, n FROM {} AS OF TIMESTAMP '{}'", table.name(), now.rows[0][0].plain());
    tokio::time::sleep(Duration::from_millis(60)).await;
    let gone = session.query(&format!("DELETE FROM {} WHERE id > 0", table.name())).await;
    assert_eq!(gone.rows[0][0].plain(), crate::tables::ROWS.to_string());
    let raw = Raw::new(&cluster);
    Past { cluster, table, raw, session, query }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_scan_is_right_while_garbage_is_collected_and_lets_go_when_it_is_done() {
    let Past { cluster, table, raw, session, query } = past(&[]).await;
    let statement = session.context().parse(&query).unwrap().remove(0);
    let mut stream = session.context().execute(statement).await.unwrap();
    let mut batches = vec![stream.next().await.unwrap().unwrap()];
    let held = until_barriers(&raw, 1).await;
    let (reached, target) = collect(&cluster, &raw).await;
    assert_eq!(held, [reached]);
    assert!(reached < target);
    // Another one, which is younger, changes nothing.
    let other = session.context().parse("SELECT count(*) FROM test.t0").unwrap().remove(0);
    let other = session.context().execute(other).await.unwrap();
    while let Some(batch) = stream.next().await {
        batches.push(batch.unwrap());
    }
    check_all(&rows(&batches, Clock::Wall), &table);
    assert!(barriers(&raw).await.is_empty(), "gone with the last row");
    let (reached, target) = collect(&cluster, &raw).await;
    assert_eq!(reached, target);
    drop(other);
    let error = session.try_query(&query).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SnapshotTooOld, "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scan_that_takes_longer_than_it_may_fails_by_name() {
    let Past { cluster, raw, session, query, .. } = past(&[("gc_max_wait_time", "3s")]).await;
    let statement = session.context().parse(&query).unwrap().remove(0);
    let mut stream = session.context().execute(statement).await.unwrap();
    stream.next().await.unwrap().unwrap();
    until_barriers(&raw, 1).await;
    until_barriers(&raw, 0).await;
    let (reached, target) = collect(&cluster, &raw).await;
    assert_eq!(reached, target);
    let mut last = None;
    while let Some(batch) = stream.next().await {
        last = Some(batch);
    }
    let error = tifusion::Error::from(last.unwrap().unwrap_err());
    assert_eq!(error.kind(), ErrorKind::SnapshotTooOld, "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_that_is_given_up_lets_go() {
    let Past { cluster: _cluster, raw, session, query, .. } = past(&[]).await;
    let statement = session.context().parse(&query).unwrap().remove(0);
    let mut stream = session.context().execute(statement).await.unwrap();
    stream.next().await.unwrap().unwrap();
    until_barriers(&raw, 1).await;
    drop(stream);
    until_barriers(&raw, 0).await;
}

/// Names the address of PD to the process that is killed.
const PD: &str = "TIFUSION_KILLED_READER_PD";

/// How long PD remembers that one.
const TTL: Duration = Duration::from_secs(3);

/// Not a test of its own: the process that [`a_reader_that_is_killed_holds_nothing_for_long`] kills.
#[tokio::test]
async fn the_reader_that_is_killed() {
    let Ok(pd) = std::env::var(PD) else { return };
    let mut options = ClientOptions::new([pd]);
    options.gc_hold_ttl = TTL;
    let client = Client::connect(options).await.unwrap();
    let time = KeepTime { after: Duration::ZERO, longest: SOON * 10 };
    let _keep = client.keep_snapshot(client.timestamp().await.unwrap(), time).unwrap();
    loop {
        // Alive for longer than it is remembered.
        tokio::time::sleep(TTL * 2).await;
        let mut out = std::io::stdout().lock();
        writeln!(out, "\nreading").unwrap();
        out.flush().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_is_killed_holds_nothing_for_long() {
    let cluster = EmbeddedCluster::builder().start().await.unwrap();
    let raw = Raw::new(&cluster);
    let pd = cluster.pd_addresses().join(",");
    let killed = tokio::task::spawn_blocking(move || {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "gc::the_reader_that_is_killed", "--nocapture"])
            .env(PD, pd)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        lines.find(|line| line.as_ref().unwrap() == "reading").unwrap().unwrap();
        child
    });
    let mut child = killed.await.unwrap();
    assert_eq!(barriers(&raw).await.len(), 1, "it lives, and is remembered");
    child.kill().unwrap();
    child.wait().unwrap();
    let died = Instant::now();
    assert_eq!(barriers(&raw).await.len(), 1, "nobody has told PD");
    until_barriers(&raw, 0).await;
    assert!(died.elapsed() <= TTL + Duration::from_secs(2), "{:?}", died.elapsed());
    let (reached, target) = collect(&cluster, &raw).await;
    assert_eq!(reached, target);
}
