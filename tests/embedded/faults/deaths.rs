//! Servers die and come back.

use std::time::Duration;

use futures::StreamExt as _;
use tifusion_embedded::{Effect, EmbeddedCluster, Fault, Rpc, When};
use tifusion_testkit::arrow_cells;

use crate::tables::{Numbered, PAGES, Read, Readers, check_all};

use super::PATIENCE;

async fn start(seed: u64) -> (EmbeddedCluster, Numbered, Readers) {
    let cluster = EmbeddedCluster::builder().stores(4).seed(seed).start().await.unwrap();
    let table = Numbered::make(&cluster, 1).await.remove(0);
    let readers = Readers::connect(&cluster).await;
    (cluster, table, readers)
}

fn dead_stores(cluster: &EmbeddedCluster) -> Vec<u64> {
    cluster.stores().iter().filter(|store| !store.alive).map(|store| store.id).collect()
}

async fn revive_all(cluster: &EmbeddedCluster) {
    for store in dead_stores(cluster) {
        cluster.revive_store(store).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_dies_at_each_request_of_each_read() {
    let (cluster, table, readers) = start(41).await;
    for way in Read::ALL {
        // One row by SQL is one request.
        let requests = if way == Read::Select { 1 } else { 4 };
        for nth in 1..=requests {
            let fault = Fault::new(Effect::KillStore).on([way.rpc()]).when(When::Nth(nth));
            let rule = cluster.faults().add(fault);
            let read = tokio::time::timeout(PATIENCE, readers.read(way, &table)).await;
            read.expect("no hang").unwrap_or_else(|error| panic!("{way:?}, {nth}: {error}"));
            assert_eq!(cluster.faults().fired(rule), 1, "{way:?}, {nth}");
            let dead = dead_stores(&cluster);
            assert_eq!(dead.len(), 1);
            cluster.faults().remove(rule);
            cluster.revive_store(dead[0]).await.unwrap();
        }
    }
}

/// Between two pages of one statement: a store dies, the dead one comes back, regions are cut, put together,
/// led by others and moved.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_goes_on_over_deaths_and_changes_between_its_pages() {
    let (cluster, table, readers) = start(42).await;
    let mut session = readers.paging.clone();
    for round in 0..6 {
        if round == 3 {
            let mut settings = PAGES.to_vec();
            settings.push(("table.scan_concurrency", "1"));
            session = tifusion_testkit::connector::Connector::embedded(&cluster, &settings).await;
        }
        let query = format!("SELECT id, n FROM {}", table.name());
        let statement = session.context().parse(&query).unwrap().remove(0);
        let mut stream = session.context().execute(statement).await.unwrap();
        let (mut batches, mut step) = (Vec::new(), round);
        while let Some(batch) =
            tokio::time::timeout(PATIENCE, stream.next()).await.expect("no hang")
        {
            batches.push(batch.unwrap());
            disturb(&cluster, step).await;
            step += 1;
        }
        check_all(&arrow_cells::rows(&batches, arrow_cells::Clock::Wall), &table);
        assert!(step - round >= 8, "only {step} pages");
    }
}

async fn disturb(cluster: &EmbeddedCluster, step: usize) {
    let regions = cluster.regions();
    let region = &regions[step * 7 % regions.len()];
    match step % 6 {
        // Every region keeps two of its three voters.
        0 => {
            revive_all(cluster).await;
            cluster.kill_store(step as u64 / 6 % 4 + 1).await.unwrap();
        }
        1 => drop(cluster.split_region(region.id).unwrap()),
        2 => revive_all(cluster).await,
        3 => {
            if let Some(next) = regions.get(step * 7 % regions.len() + 1) {
                cluster.merge(next.id, region.id).unwrap();
            }
        }
        4 => cluster.scatter(),
        _ => {
            let free = (1..=4).find(|store| !region.stores.contains(store)).unwrap();
            // None moves to a dead store.
            let _ = cluster.move_peer(region.id, region.stores[0], free);
        }
    }
}

/// How long PD is away.
const AWAY: Duration = Duration::from_millis(700);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statements_wait_for_pd_while_they_are_planned() {
    let (cluster, table, readers) = start(43).await;
    for way in Read::ALL {
        readers.read(way, &table).await.unwrap();
        cluster.kill_pd().await;
        let back = async {
            tokio::time::sleep(AWAY).await;
            cluster.revive_pd().await;
        };
        let read = tokio::time::timeout(PATIENCE, readers.read(way, &table));
        let (read, ()) = tokio::join!(read, back);
        read.expect("no hang").unwrap_or_else(|error| panic!("{way:?}: {error}"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pd_dies_while_a_scan_runs_and_its_regions_change() {
    let (cluster, table, readers) = start(44).await;
    for way in [Read::Scan, Read::Paging, Read::Select] {
        // The scan is under way when PD dies, and then needs it for where the regions are.
        let slow = Fault::new(Effect::Delay(Duration::from_millis(100))).on([Rpc::Coprocessor]);
        let slow = cluster.faults().add(slow);
        let before = cluster.faults().calls(Rpc::Coprocessor);
        let disturbed = async {
            while cluster.faults().calls(Rpc::Coprocessor) == before {
                tokio::task::yield_now().await;
            }
            cluster.kill_pd().await;
            cluster.split_at(&[table.key(5), table.key(25)]).unwrap();
            cluster.scatter();
            tokio::time::sleep(AWAY).await;
            cluster.revive_pd().await;
        };
        let read = tokio::time::timeout(PATIENCE, readers.read(way, &table));
        let (read, ()) = tokio::join!(read, disturbed);
        read.expect("no hang").unwrap_or_else(|error| panic!("{way:?}: {error}"));
        cluster.faults().remove(slow);
    }
}
