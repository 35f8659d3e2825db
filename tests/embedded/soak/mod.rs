//! A soak: readers and writers at work while stores and PD die and come back, regions change, old versions go away
//! and calls fail. No wrong total, no hang, and in the end the process holds no more than at the start.
//!
//! What goes wrong and when follows from a seed. It runs in a process of its own, so that what it holds can be
//! counted; `TIFUSION_SOAK_SECONDS` and `TIFUSION_SOAK_SEED` choose how long and which.

mod garbage;
mod plan;
mod play;
mod process;
mod readers;
mod rotation;
mod watchdog;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tifusion_embedded::EmbeddedCluster;
use tifusion_testkit::connector::Connector;
use tokio::task::JoinSet;

use crate::bank::READERS;
use crate::bank::table::ACCOUNTS;
use crate::bank::work::Bank;
use play::Done;
use process::{Held, variable};
use readers::{Reader, Reads};
use watchdog::Watchdog;

/// Rounds of a soak; memory is compared after the first, which warms up, and after the last.
const ROUNDS: u32 = 3;
/// Clients that write.
const WRITERS: u64 = 6;

fn seconds() -> u64 {
    let usual = if std::env::var_os("CI").is_some() { 120 } else { 25 };
    variable("TIFUSION_SOAK_SECONDS").unwrap_or(usual)
}

fn again(seed: u64) -> String {
    format!(
        "again: TIFUSION_SOAK_SEED={seed} TIFUSION_SOAK_SECONDS={} cargo test --test embedded -- \
         soak::nothing --nocapture",
        seconds()
    )
}

#[test]
fn nothing_is_wrong_hangs_or_leaks() {
    let seed = variable("TIFUSION_SOAK_SEED").unwrap_or(1);
    process::alone("soak::in_a_process_of_its_own", seed, &again(seed));
}

/// The soak itself, when [`nothing_is_wrong_hangs_or_leaks`] has started this process for it.
#[test]
fn in_a_process_of_its_own() {
    process::in_child(|seed| soak(seed, Duration::from_secs(seconds())));
}

async fn soak(seed: u64, length: Duration) {
    eprintln!("{}", again(seed));
    let dog = Watchdog::start(again(seed));
    let cluster = EmbeddedCluster::builder().stores(plan::STORES).seed(seed).start().await.unwrap();
    let cluster = Arc::new(cluster);
    let before = Held::now();
    let bank = Bank::open(&cluster, false).await;
    owners(&cluster).await;
    let mut readers = Vec::new();
    for (number, settings) in READERS.iter().enumerate() {
        let session = Connector::embedded(&cluster, settings).await;
        let name = format!("reader {number} {settings:?}");
        readers.push(Reader::new(&name, session, seed + number as u64, dog.clone()).await);
    }
    let (done, reads) = (Arc::<Done>::default(), Arc::<Reads>::default());
    let (mut committed, mut held) = (0, Vec::new());
    for round in 0..ROUNDS {
        let began = Instant::now();
        let plan = plan::plan(seed * 1000 + u64::from(round), length / ROUNDS);
        let stop = Arc::new(AtomicBool::new(false));
        let mut reading = JoinSet::new();
        for reader in readers.drain(..) {
            reading.spawn(reader.run(Arc::clone(&stop), Arc::clone(&reads)));
        }
        let mut writing = JoinSet::new();
        for writer in 0..WRITERS {
            let seed = (seed * 1000 + u64::from(round)) * 100 + writer;
            let stop = Arc::clone(&stop);
            writing.spawn(Arc::clone(&bank).work(seed, move |_| stop.load(Ordering::Relaxed)));
        }
        dog.watch("the plan", play::play(&cluster, &bank, plan, &done)).await;
        stop.store(true, Ordering::Relaxed);
        let played = began.elapsed();
        dog.watch("writers at their end", writing.join_all()).await;
        readers = dog.watch("readers at their end", reading.join_all()).await;
        for reader in &readers {
            dog.watch("the reads after a round", reader.read_all()).await;
        }
        dog.watch("the last collection", garbage::collect(&bank, Duration::ZERO)).await;
        assert_eq!(cluster.verify().await.unwrap(), []);
        held.push(Held::now());
        let all = *bank.progress().borrow();
        eprintln!(
            "soak: round {round}, {:.1} s + {:.1} s to the end: {} transfers, {:?}",
            played.as_secs_f64(),
            (began.elapsed() - played).as_secs_f64(),
            all - committed,
            held[round as usize],
        );
        committed = all;
    }
    eprintln!(
        "soak: {done:?}, {reads:?}, {committed} transfers, {} regions",
        cluster.regions().len()
    );
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    assert!(count(&done.store_deaths) > 0 && count(&done.pd_deaths) > 0 && count(&done.faults) > 0);
    assert!(count(&done.splits) > 0 && count(&done.merges) > 0 && count(&done.moves) > 0);
    assert!(count(&done.collections) > 0 && count(&reads.statements) > 10 && committed > 10);
    Held::assert_no_growth(&held);
    drop((readers, bank));
    Held::assert_back_to(before).await;
}

/// A table that does not change, to join with.
async fn owners(cluster: &EmbeddedCluster) {
    let rows = (0..ACCOUNTS).map(|account| format!("({account}, 'owner {}')", account % 5));
    let rows = rows.collect::<Vec<_>>().join(",");
    let script =
        "CREATE TABLE test.owners (account BIGINT PRIMARY KEY, owner VARCHAR(20) NOT NULL)";
    cluster.execute(&format!("{script}; INSERT INTO test.owners VALUES {rows}")).await.unwrap();
}
