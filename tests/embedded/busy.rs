//! A store that says that it is busy.

use std::time::Duration;

use futures::future::join_all;
use tifusion_embedded::{Effect, EmbeddedCluster, Fault, RegionErrorKind, Rpc};
use tifusion_testkit::connector::Connector;

use crate::tables::{Numbered, check_all, rows};

/// How long it is busy, in seconds.
const BUSY: usize = 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_store_is_asked_less_and_less_by_all_statements_together() {
    let cluster = EmbeddedCluster::builder().stores(3).seed(8).start().await.unwrap();
    let tables = Numbered::make(&cluster, 12).await;
    let session = Connector::embedded(&cluster, &[]).await;
    let store = cluster.stores()[0].id;
    let busy = Fault::new(Effect::RegionError(RegionErrorKind::ServerIsBusy)).at_store(store);
    let busy = cluster.faults().add(busy.on([Rpc::Coprocessor]));
    let read = async |table: &Numbered| {
        let query = format!("SELECT id, n FROM {}", table.name());
        check_all(&rows(&session.run(&query).await.unwrap()), table);
    };
    let statements = join_all((0..4).flat_map(|_| &tables).map(read));
    let watch = async {
        // A machine with much else to do may come to it later.
        while cluster.faults().fired(busy) == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let (mut seconds, mut before) = (Vec::new(), 0);
        for _ in 0..BUSY {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let now = cluster.faults().fired(busy);
            seconds.push(now - before);
            before = now;
        }
        cluster.faults().clear();
        seconds
    };
    let (_, seconds) =
        tokio::time::timeout(Duration::from_secs(120), async { tokio::join!(statements, watch) })
            .await
            .expect("all are read once the store is well");
    println!("requests to the busy store, second by second: {seconds:?}");
    // Each of 48 statements has a task or more for the store, and would ask every second or two. What they ask at first is on its
    // way before the store has said anything.
    let sum = |seconds: &[u64]| seconds.iter().sum::<u64>();
    let (first, rest, last) = (seconds[0], sum(&seconds[1..]), sum(&seconds[BUSY - 5..]));
    assert!((1..=96).contains(&first) && rest <= 30 && last <= 12, "{seconds:?}");
}
