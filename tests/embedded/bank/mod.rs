//! A bank whose accounts are rows of a table with an index: transfers from many sides at once, by clients that
//! know only the protocol, in every way to commit, while everything goes wrong and some of the clients die.
//! Every snapshot that SQL reads holds the same sum.

pub(crate) mod audit;
pub(crate) mod disturb;
pub(crate) mod locks;
pub(crate) mod table;
mod txn;
mod wire;
pub(crate) mod work;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures::future::join_all;
use tifusion_embedded::EmbeddedCluster;
use tifusion_testkit::connector::Connector;
use tokio::sync::watch;

use audit::{check_books, check_data, check_sum};
use disturb::{Disturbance, kill_and_revive};
use txn::{Kind, Verdict};
use work::{Bank, Transfer};

/// How a run is set up.
#[derive(Debug, Clone, Copy)]
struct Setup {
    transfers: u64,
    clients: u64,
    seed: u64,
    faults: bool,
}

/// Longest time without a transfer that is committed, and without an end.
const PATIENCE: Duration = Duration::from_secs(180);

/// Settings of the sessions that read.
pub(crate) const READERS: [&[(&str, &str)]; 3] = [
    &[("coprocess.codec_format", "chunk")],
    &[("coprocess.codec_format", "default"), ("table.scan_concurrency", "3")],
    &[("coprocess.streaming", "true"), ("coprocessor.chunk_batch_size", "64")],
];

async fn run(setup: Setup) {
    let cluster = EmbeddedCluster::builder().stores(4).seed(setup.seed).start().await.unwrap();
    let bank = Bank::open(&cluster, true).await;
    let mut sessions = Vec::new();
    for settings in READERS {
        sessions.push(Connector::embedded(&cluster, settings).await);
    }
    let disturbance = setup.faults.then(|| Disturbance::everything(&cluster));
    let began = Instant::now();
    let done = AtomicBool::new(false);
    let work = async {
        let clients = (0..setup.clients).map(|client| {
            let seed = setup.seed * 1000 + client;
            let work = Arc::clone(&bank).work(seed, move |done| done >= setup.transfers);
            tokio::spawn(work)
        });
        let told = join_all(clients).await.into_iter().flat_map(Result::unwrap).collect();
        done.store(true, Ordering::Relaxed);
        told
    };
    let readers = sessions.iter().map(|session| {
        let every = setup.transfers / 30;
        tokio::spawn(audit::watch(Arc::clone(&bank), session.clone(), every, setup.transfers))
    });
    let readers = join_all(readers.collect::<Vec<_>>());
    let deaths = async {
        match setup.faults {
            true => kill_and_revive(&cluster, bank.progress(), setup.transfers).await,
            false => 0,
        }
    };
    let during = async {
        let mut checks = 0;
        let mut pause = Duration::from_secs(3);
        while !done.load(Ordering::Relaxed) {
            tokio::time::sleep(pause).await;
            let began = Instant::now();
            assert_eq!(cluster.verify().await.unwrap(), []);
            checks += 1;
            // Looking at all rows is not to be most of the work.
            pause = pause.max(began.elapsed() * 8);
        }
        checks
    };
    let all = async { tokio::join!(work, readers, deaths, during) };
    let (told, audits, deaths, checks) = tokio::select! {
        all = all => all,
        () = no_progress(bank.progress()) => panic!("nothing was committed for {PATIENCE:?}"),
    };
    let told: Vec<Transfer> = told;
    let seconds = began.elapsed().as_secs_f64();
    let fired = disturbance.as_ref().map(|it| it.fired(&cluster)).unwrap_or_default();
    cluster.faults().clear();
    for session in &sessions {
        check_sum(session).await;
        check_books(session).await;
        check_data(&bank, session, &told).await;
    }
    assert_eq!(cluster.verify().await.unwrap(), []);
    let audits: u64 = audits.into_iter().map(Result::unwrap).sum();
    let summary = Summary::of(&told);
    eprintln!(
        "bank: {summary:?} in {seconds:.1} s; {audits} audits, {checks} checks, {deaths} deaths"
    );
    eprintln!("bank: faults {fired:?}");
    assert!(summary.committed >= setup.transfers);
    assert!(Kind::ALL.iter().all(|kind| summary.by_kind[kind] > 0), "{summary:?}");
    assert!(audits > 20 && checks > 0);
    if setup.faults {
        assert!(deaths > 0 && summary.died > 0, "{summary:?}, {deaths} deaths");
        let idle: Vec<_> = fired.iter().filter(|(_, fired)| **fired == 0).collect();
        assert!(idle.is_empty() || setup.transfers < 5000, "never fired: {idle:?}");
    }
}

/// Returns when nothing was committed for long.
async fn no_progress(mut progress: watch::Receiver<u64>) {
    while tokio::time::timeout(PATIENCE, progress.changed()).await.is_ok() {}
}

/// How transfers ended.
#[derive(Debug, Default)]
struct Summary {
    committed: u64,
    aborted: u64,
    unknown: u64,
    died: u64,
    by_kind: BTreeMap<Kind, u64>,
}

impl Summary {
    fn of(told: &[Transfer]) -> Self {
        let mut summary = Self::default();
        for transfer in told {
            match transfer.verdict {
                Verdict::Committed => {
                    summary.committed += 1;
                    *summary.by_kind.entry(transfer.kind).or_default() += 1;
                }
                Verdict::Aborted => summary.aborted += 1,
                Verdict::Unknown => summary.unknown += 1,
            }
            summary.died += u64::from(transfer.died);
        }
        summary
    }
}

/// How many transfers with faults: `TIFUSION_BANK_TRANSFERS`, or what takes CI some minutes beside other tests, or
/// a part of that.
fn transfers() -> u64 {
    let told = std::env::var("TIFUSION_BANK_TRANSFERS").ok();
    let usual = if std::env::var_os("CI").is_some() { 10_000 } else { 1_500 };
    told.and_then(|told| told.parse().ok()).unwrap_or(usual)
}

fn seed() -> u64 {
    let told = std::env::var("TIFUSION_BANK_SEED").ok();
    told.and_then(|told| told.parse().ok()).unwrap_or(2)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn money_is_neither_made_nor_lost_on_a_calm_cluster() {
    let setup = Setup { transfers: 300, clients: 8, seed: 1, faults: false };
    run(setup).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn money_is_neither_made_nor_lost_while_everything_goes_wrong() {
    let setup = Setup { transfers: transfers(), clients: 24, seed: seed(), faults: true };
    eprintln!(
        "again: TIFUSION_BANK_SEED={} TIFUSION_BANK_TRANSFERS={}",
        setup.seed, setup.transfers
    );
    run(setup).await;
}
