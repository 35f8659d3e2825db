//! Executors that are killed.

use std::time::{Duration, Instant};

use tifusion_embedded::{Effect, EmbeddedCluster, Fault, Rpc, When};
use tifusion_testkit::compare::{Rules, difference};
use tifusion_testkit::connector::Connector;
use tifusion_testkit::tpch;

use super::config;
use super::processes::{Process, Processes};
use super::tpch::loaded;

/// Answers of the stores take long enough to kill somebody who waits for them.
fn slow(cluster: &EmbeddedCluster) {
    let delay = Fault::new(Effect::Delay(Duration::from_millis(150))).on([Rpc::Coprocessor]);
    cluster.faults().add(delay.when(When::Always));
}

/// Waits until so many tasks of scans are done, and kills an executor that has done one.
async fn kill_after(processes: &mut Processes, scans: usize) {
    let began = Instant::now();
    loop {
        let done = processes.executors.iter().map(Process::scans).sum::<usize>();
        if done >= scans {
            let reader = processes.executors.iter_mut().find(|it| it.scans() > 0);
            return reader.into_iter().for_each(Process::kill);
        }
        assert!(began.elapsed() < Duration::from_secs(60), "nobody reads: {}", processes.told());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_whose_executor_is_killed_still_answers_and_right() {
    let cluster = loaded().await;
    let one = Connector::embedded(&cluster, &[]).await;
    one.use_database("tpch").await;
    let query = tpch::query(9);
    let expected = one.query(&query).await;
    slow(&cluster);
    // When tables are read, and when what was read of some of them is joined.
    for scans in [1, 8] {
        let mut processes = Processes::start(config(&cluster), 2).await;
        let several = processes.session().await;
        several.use_database("tpch").await;
        let query = query.clone();
        let running = tokio::spawn(async move { several.try_query(&query).await });
        kill_after(&mut processes, scans).await;
        let answer = running.await.unwrap();
        let answer = answer.unwrap_or_else(|error| panic!("{error}\n{}", processes.told()));
        let rules = Rules { ordered: true, exact_numbers: true, ..Rules::default() };
        if let Some(difference) = difference(&answer, &expected, rules) {
            panic!("killed after {scans} scans: {difference}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_whose_executor_is_killed_is_whole() {
    let cluster = loaded().await;
    let copy = "CREATE TABLE tpch.copy (k BIGINT, n BIGINT, price DECIMAL(15,2), PRIMARY KEY (k, n), KEY by_price (price))";
    cluster.execute(copy).await.unwrap();
    let mut processes = Processes::start(config(&cluster), 2).await;
    let several = processes.session().await;
    several.use_database("tpch").await;
    slow(&cluster);
    let write = "INSERT INTO copy SELECT l_orderkey, l_linenumber, l_extendedprice FROM lineitem";
    let running = tokio::spawn(async move { several.try_query(write).await });
    kill_after(&mut processes, 1).await;
    let answer = running.await.unwrap();
    answer.unwrap_or_else(|error| panic!("{error}\n{}", processes.told()));
    let one = Connector::embedded(&cluster, &[]).await;
    one.use_database("tpch").await;
    let rows = "SELECT COUNT(*), SUM(price), MIN(k), MAX(k) FROM copy";
    let source =
        "SELECT COUNT(*), SUM(l_extendedprice), MIN(l_orderkey), MAX(l_orderkey) FROM lineitem";
    assert_eq!(one.query(rows).await.rows, one.query(source).await.rows);
    let by_index = "SELECT COUNT(*) FROM copy WHERE price > 50000";
    let by_rows = "SELECT COUNT(*) FROM lineitem WHERE l_extendedprice > 50000";
    assert_eq!(one.query(by_index).await.rows, one.query(by_rows).await.rows);
}
