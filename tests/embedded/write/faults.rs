//! Writers whose answers get lost, whose regions split and whose stores die.

use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tifusion::ErrorKind;
use tifusion_embedded::{Effect, EmbeddedCluster, Fault, LeftLock, RegionErrorKind, Rpc, When};
use tifusion_testkit::connector::Connector;

use super::{ROWS, SETTINGS, batches, insert, settled, start};

/// What became of a batch, as the writer was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Done,
    Failed,
    Unknown,
}

async fn write(connector: &Connector, statement: &str) -> Told {
    match connector.try_query(statement).await {
        Ok(_) => Told::Done,
        Err(error) if error.kind() == ErrorKind::Undetermined => Told::Unknown,
        Err(error) => {
            eprintln!("refused: {error}");
            Told::Failed
        }
    }
}

fn disturb(cluster: &EmbeddedCluster, chance: &mut StdRng) {
    let rpcs = [Rpc::Prewrite, Rpc::Commit, Rpc::ResolveLock, Rpc::CheckTxnStatus, Rpc::Get];
    let rpc = rpcs[chance.random_range(0..rpcs.len())];
    let nth = chance.random_range(1..6);
    let effect = match chance.random_range(0..9) {
        0 | 1 => Effect::DropAfter,
        2 => Effect::DropBefore,
        3 => Effect::Twice,
        4 => Effect::SplitRegion,
        5 => Effect::LeaveLock(LeftLock::Expired),
        6 => Effect::Delay(Duration::from_millis(chance.random_range(1..200))),
        7 => Effect::RegionError(RegionErrorKind::ServerIsBusy),
        _ => Effect::RegionError(RegionErrorKind::EpochNotMatch),
    };
    cluster.faults().add(Fault::new(effect).on([rpc]).when(When::Nth(nth)));
    let regions = cluster.regions();
    let region = regions[chance.random_range(0..regions.len())].id;
    match chance.random_range(0..4) {
        0 => drop(cluster.split_region(region)),
        1 => cluster.scatter(),
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_writer_is_told_is_what_is_there() {
    let seed = std::env::var("TIFUSION_SEED").map_or(11, |text| text.parse().unwrap());
    let cluster = Arc::new(start(seed).await);
    let connector = Connector::embedded(&cluster, &SETTINGS).await;
    connector.use_database("test").await;
    let mut chance = StdRng::seed_from_u64(seed);
    let mut told = Vec::new();
    for batch in 1..=60_i64 {
        for _ in 0..chance.random_range(0..3) {
            disturb(&cluster, &mut chance);
        }
        told.push((batch, write(&connector, &insert(batch)).await));
        cluster.faults().clear();
    }
    settle(&cluster, &told).await;
    let done = told.iter().filter(|(_, told)| *told == Told::Done).count();
    assert!(done > 30, "seed {seed}: {told:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stores_die_while_rows_are_written() {
    let cluster = Arc::new(start(12).await);
    let connector = Connector::embedded(&cluster, &SETTINGS).await;
    connector.use_database("test").await;
    let stores: Vec<u64> = cluster.stores().iter().map(|store| store.id).collect();
    let mut told = Vec::new();
    for batch in 1..=8_i64 {
        let dying = Arc::clone(&cluster);
        let store = stores[batch as usize % stores.len()];
        let death = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(10 * batch as u64)).await;
            dying.kill_store(store).await.unwrap();
            tokio::time::sleep(Duration::from_millis(500)).await;
            dying.revive_store(store).await.unwrap();
        });
        told.push((batch, write(&connector, &insert(batch)).await));
        death.await.unwrap();
    }
    settle(&cluster, &told).await;
    assert!(told.iter().all(|(_, told)| *told == Told::Done), "{told:?}");
}

/// Each batch is there as a whole or not at all, and as its writer was told.
async fn settle(cluster: &EmbeddedCluster, told: &[(i64, Told)]) {
    if told.iter().any(|(_, told)| *told != Told::Done) {
        // A lock that could not be taken away stands as long as this.
        tokio::time::sleep(Duration::from_secs(21)).await;
    }
    let batches = batches(cluster).await;
    for (batch, told) in told {
        let rows = batches.iter().find(|(found, _)| found == batch).map_or(0, |(_, rows)| *rows);
        match told {
            Told::Done => assert_eq!(rows, ROWS, "batch {batch} was done"),
            Told::Failed => assert_eq!(rows, 0, "batch {batch} had failed"),
            Told::Unknown => assert!(rows == 0 || rows == ROWS, "batch {batch}: {rows} rows"),
        }
    }
    settled(cluster).await;
}
