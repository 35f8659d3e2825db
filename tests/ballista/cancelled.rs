//! Queries that nobody waits for any more.

use std::time::{Duration, Instant};

use tifusion::ErrorKind;
use tifusion_embedded::{Effect, EmbeddedCluster, Fault, Rpc, When};

use super::config;
use super::processes::Processes;
use super::tpch::loaded;

const QUERY: &str =
    "SELECT COUNT(*), SUM(l_quantity) FROM lineitem, orders WHERE l_orderkey = o_orderkey";

/// What is slower hangs, however much else the machine has to do.
const HANGS: Duration = Duration::from_secs(60);

fn asked(cluster: &EmbeddedCluster) -> u64 {
    cluster.faults().calls(Rpc::Coprocessor)
}

/// The requests when none has come for so long.
async fn settled(cluster: &EmbeddedCluster, quiet: Duration) -> u64 {
    let began = Instant::now();
    let (mut last, mut since) = (asked(cluster), Instant::now());
    while since.elapsed() < quiet {
        assert!(began.elapsed() < HANGS, "the stores are asked on and on");
        tokio::time::sleep(Duration::from_millis(20)).await;
        let now = asked(cluster);
        if now != last {
            (last, since) = (now, Instant::now());
        }
    }
    last
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_is_given_up_ends_on_the_executors_too() {
    let cluster = loaded().await;
    let processes = Processes::start(config(&cluster), 2).await;
    let session = processes.session().await;
    session.use_database("tpch").await;
    // One request after the other, and slowly.
    session.query("SET tidb.table.scan_concurrency = 1").await;
    let before = asked(&cluster);
    session.query(QUERY).await;
    let whole = asked(&cluster) - before;
    assert!(whole > 16, "{whole}");
    let delay = Fault::new(Effect::Delay(Duration::from_millis(500))).on([Rpc::Coprocessor]);
    cluster.faults().add(delay.when(When::Always));
    // At its first request, and while it is planned.
    for requests in [1, 0] {
        let before = asked(&cluster);
        let running = {
            let session = session.clone();
            tokio::spawn(async move { session.try_query(QUERY).await })
        };
        let began = Instant::now();
        while asked(&cluster) < before + requests {
            assert!(began.elapsed() < HANGS, "nobody reads: {}", processes.told());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        if requests == 0 {
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
        running.abort();
        assert!(running.await.is_err_and(|error| error.is_cancelled()), "it was too late");
        tokio::time::timeout(HANGS, tifusion_ballista::cancelled()).await.unwrap();
        let asked = settled(&cluster, Duration::from_secs(3)).await - before;
        // Four tasks run at once; each may have begun one more.
        assert!(asked <= requests + 12, "{asked} of {whole} requests: {}", processes.told());
    }
    // An end that the statement sets itself is named, wherever it is noticed.
    session.query("SET tidb.statement.timeout = '1s'").await;
    let late = session.try_query(QUERY).await.unwrap_err();
    assert_eq!(late.kind(), ErrorKind::DeadlineExceeded, "{late}");
    assert!(!late.to_string().contains("tifusion-failure"), "{late}");
    session.query("SET tidb.statement.timeout = 0").await;
    // What it had of the executors is free again.
    cluster.faults().clear();
    tokio::time::timeout(HANGS, session.query(QUERY)).await.unwrap();
}
