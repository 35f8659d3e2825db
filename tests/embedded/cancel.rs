//! Statements that end early: their requests are cancelled on the stores.

use std::time::{Duration, Instant};

use futures::StreamExt as _;
use tifusion::ErrorKind;
use tifusion_embedded::{Effect, EmbeddedCluster, Fault, RegionErrorKind, Rpc, When};
use tifusion_testkit::connector::Connector;

use crate::tables::{Numbered, PAGES};

/// Longer than any test runs.
const FOREVER: Duration = Duration::from_secs(600);
/// Longest that a cancelled request may go on at its store.
const SOON: Duration = Duration::from_secs(10);

async fn start(seed: u64) -> (EmbeddedCluster, Numbered) {
    let cluster = EmbeddedCluster::builder().seed(seed).start().await.unwrap();
    let table = Numbered::make(&cluster, 1).await.remove(0);
    // One row in each region.
    cluster.split_at(&(1..=40).map(|id| table.key(id)).collect::<Vec<_>>()).unwrap();
    cluster.scatter();
    (cluster, table)
}

/// Waits until the stores are at work on nothing.
pub(crate) async fn until_idle(cluster: &EmbeddedCluster) {
    let idle = async {
        while cluster.faults().under_way(Rpc::Coprocessor) > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(SOON, idle).await.expect("the stores go on");
}

/// Waits until nothing arrives at the stores for longer than the longest wait of a retry. What was sent before
/// the reader went may still be on its way to a store that has much to do.
async fn until_quiet(cluster: &EmbeddedCluster) {
    let quiet = async {
        loop {
            let calls = cluster.faults().calls(Rpc::Coprocessor);
            tokio::time::sleep(Duration::from_millis(600)).await;
            if cluster.faults().calls(Rpc::Coprocessor) == calls {
                return;
            }
        }
    };
    tokio::time::timeout(SOON, quiet).await.expect("requests go on");
    assert_eq!(cluster.faults().under_way(Rpc::Coprocessor), 0);
}

fn slow(cluster: &EmbeddedCluster, time: Duration, when: When) {
    let fault = Fault::new(Effect::Delay(time)).on([Rpc::Coprocessor]);
    cluster.faults().add(fault.when(when));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_is_dropped_asks_for_nothing_more() {
    // Small batches, so that the first comes before all is read.
    for settings in [&PAGES[1..], &PAGES] {
        let (cluster, table) = start(71).await;
        let session = Connector::embedded(&cluster, settings).await;
        // Some answers come, others never; some requests are sent again all the time.
        slow(&cluster, FOREVER, When::Nth(7));
        slow(&cluster, FOREVER, When::Nth(9));
        slow(&cluster, Duration::from_millis(30), When::Always);
        let error = Effect::RegionError(RegionErrorKind::EpochNotMatch);
        cluster.faults().add(Fault::new(error).on([Rpc::Coprocessor]).when(When::Every(5)));
        let query = format!("SELECT id, n FROM {}", table.name());
        let statement = session.context().parse(&query).unwrap().remove(0);
        let mut stream = session.context().execute(statement).await.unwrap();
        stream.next().await.unwrap().unwrap();
        while cluster.faults().under_way(Rpc::Coprocessor) == 0 {
            tokio::task::yield_now().await;
        }
        // Two requests are never answered: the statement is not done.
        drop(stream);
        until_idle(&cluster).await;
        until_quiet(&cluster).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_join_that_is_dropped_ends_all_its_scans() {
    let (cluster, table) = start(72).await;
    let session = Connector::embedded(&cluster, &[]).await;
    slow(&cluster, FOREVER, When::Every(4));
    let name = table.name();
    let query = format!("SELECT count(*) FROM {name} a JOIN {name} b ON a.id = b.id + 1");
    {
        let running = session.run(&query);
        tokio::pin!(running);
        while cluster.faults().under_way(Rpc::Coprocessor) < 2 {
            assert!(futures::poll!(&mut running).is_pending());
            tokio::task::yield_now().await;
        }
    }
    until_idle(&cluster).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_timeout_ends_a_statement_in_time_and_by_name() {
    let limit = Duration::from_secs(2);
    for settings in [&[][..], &PAGES] {
        let (cluster, table) = start(73).await;
        let mut settings = settings.to_vec();
        settings.push(("statement.timeout", "2s"));
        let session = Connector::embedded(&cluster, &settings).await;
        let query = format!("SELECT id, n FROM {}", table.name());
        let patient = Connector::embedded(&cluster, &[]).await;
        for when in [When::Always, When::Nth(20), When::Every(7)] {
            slow(&cluster, FOREVER, when);
            let busy = Effect::RegionError(RegionErrorKind::StaleCommand);
            cluster.faults().add(Fault::new(busy).on([Rpc::Coprocessor]).when(When::Every(6)));
            let began = Instant::now();
            let told = tokio::time::timeout(SOON, session.try_query(&query)).await;
            let told = told.expect("no hang").unwrap_err();
            let took = began.elapsed();
            assert_eq!(told.kind(), ErrorKind::DeadlineExceeded, "{when:?}: {told}");
            assert!(told.to_string().contains(&table.name()), "{when:?}: {told}");
            assert!(took >= limit / 2 && took < limit * 5, "{when:?}: {took:?}");
            until_idle(&cluster).await;
            cluster.faults().clear();
            patient.query(&query).await;
        }
    }
}

/// PD is away for good: the statement's own limit ends the wait.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_timeout_ends_the_wait_for_pd() {
    let (cluster, table) = start(74).await;
    let session = Connector::embedded(&cluster, &[("statement.timeout", "1s")]).await;
    let query = format!("SELECT id, n FROM {}", table.name());
    let patient = Connector::embedded(&cluster, &[]).await;
    patient.query(&query).await;
    cluster.kill_pd().await;
    let began = Instant::now();
    let told = tokio::time::timeout(SOON, session.try_query(&query)).await;
    let told = told.expect("no hang").unwrap_err();
    assert_eq!(told.kind(), ErrorKind::DeadlineExceeded, "{told}");
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    cluster.revive_pd().await;
    patient.query(&query).await;
}
