//! Writes of sessions whose queries run on executors.

use std::time::{Duration, Instant};

use tifusion::ErrorKind;
use tifusion_embedded::{Effect, EmbeddedCluster, Fault, Rpc, When};
use tifusion_testkit::cluster::{Cluster, Shape};
use tifusion_testkit::connector::Connector;
use tifusion_testkit::tidb::Tidb;

use super::processes::Processes;
use super::{config_at, plain, standalone};

/// A cluster of two stores with these tables, and a session over it.
async fn start(script: &str) -> (EmbeddedCluster, Connector) {
    let cluster = EmbeddedCluster::builder().stores(2).start().await.unwrap();
    cluster.execute(script).await.unwrap();
    let session = standalone(&cluster).await;
    (cluster, session)
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_executors_read_are_written_at_the_snapshot_they_were_read_at() {
    let (_cluster, session) = start(
        "CREATE TABLE test.a (id BIGINT PRIMARY KEY, v BIGINT, KEY (v)); \
         CREATE TABLE test.b (id BIGINT PRIMARY KEY, v BIGINT, UNIQUE KEY (v)); \
         INSERT INTO test.a VALUES (1, 10), (2, 20), (3, 30), (4, 20)",
    )
    .await;
    session.query("INSERT INTO b SELECT MIN(id), v FROM a GROUP BY v").await;
    let written = session.query("SELECT id, v FROM b ORDER BY id").await;
    assert_eq!(plain(&written), [["1", "10"], ["2", "20"], ["3", "30"]]);
    // A duplicate is an error, and nothing of the statement stays.
    let again = session.try_query("INSERT INTO b SELECT id + 100, v FROM a").await.unwrap_err();
    assert_eq!(again.kind(), ErrorKind::Duplicate, "{again}");
    session.query("UPDATE b SET v = v + 1 WHERE id IN (SELECT id FROM a WHERE v > 10)").await;
    session.query("DELETE FROM b WHERE v = 10").await;
    let left = session.query("SELECT id, v FROM b ORDER BY id").await;
    assert_eq!(plain(&left), [["2", "21"], ["3", "31"]]);
}

/// What goes by a lock may be from before a transaction that has committed.
#[tokio::test(flavor = "multi_thread")]
async fn where_committed_rows_are_read_those_that_are_written_are_made_of_a_snapshot() {
    let (cluster, session) = start(
        "CREATE TABLE test.a (id BIGINT PRIMARY KEY, v BIGINT); \
         CREATE TABLE test.b (id BIGINT PRIMARY KEY, v BIGINT); \
         INSERT INTO test.a VALUES (1, 10), (2, 20)",
    )
    .await;
    session.query("SET tidb.request.isolation.level = 'RC'").await;
    let late = Fault::new(Effect::Delay(Duration::from_secs(12))).on([Rpc::Commit]);
    cluster.faults().add(late.when(When::First(1)));
    let commits = cluster.faults().calls(Rpc::Commit);
    let writer = Connector::embedded(&cluster, &[("write.enable", "true")]).await;
    let writing = tokio::spawn(async move {
        writer.query("UPDATE test.a SET v = v + 1 WHERE id = 1").await;
    });
    let began = Instant::now();
    while cluster.faults().calls(Rpc::Commit) == commits {
        assert!(began.elapsed() < Duration::from_secs(60), "nobody commits");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let asked = cluster.faults().calls(Rpc::CheckTxnStatus);
    assert_eq!(plain(&session.query("SELECT SUM(v) FROM a").await), [["30"]]);
    assert_eq!(cluster.faults().calls(Rpc::CheckTxnStatus), asked);
    // Who reads at a snapshot asks about the lock, and has the writer commit later.
    for write in [
        "INSERT INTO b SELECT id, v FROM a",
        "REPLACE INTO b SELECT id, v FROM a",
        "INSERT IGNORE INTO b SELECT id, v FROM a",
    ] {
        let asked = cluster.faults().calls(Rpc::CheckTxnStatus);
        session.query(write).await;
        assert!(cluster.faults().calls(Rpc::CheckTxnStatus) > asked, "{write} goes by the lock");
    }
    assert!(!writing.is_finished(), "it was not locked for as long");
    cluster.faults().clear();
    writing.await.unwrap();
    session.query("REPLACE INTO b SELECT id, v FROM a").await;
    let written = session.query("SELECT id, v FROM b ORDER BY id").await;
    assert_eq!(plain(&written), [["1", "11"], ["2", "20"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_in_one_process_is_refused_of_several() {
    let (_cluster, session) = start(
        "CREATE TABLE test.a (id BIGINT PRIMARY KEY, v BIGINT); \
         INSERT INTO test.a VALUES (1, 10), (2, 20)",
    )
    .await;
    // Another's changes between what is read and what is written would be lost.
    session.query("SET tidb.write.mode = 'sql'").await;
    for write in [
        "REPLACE INTO a SELECT id, v + 1 FROM a",
        "REPLACE INTO a SELECT id, (SELECT MAX(v) FROM a) FROM (VALUES (1)) s (id)",
    ] {
        let error = session.try_query(write).await.unwrap_err();
        assert!(error.to_string().contains("rows made of them"), "{write}: {error}");
    }
    session.query("SET tidb.write.mode = 'bypass'").await;
    let rows = "(VALUES (3, 2, 2), (3, 1, 1)) s (id, v, n)";
    let write = format!("INSERT IGNORE INTO a SELECT id, v FROM {rows} ORDER BY n");
    let error = session.try_query(&write).await.unwrap_err();
    assert!(error.to_string().contains("sorted by what is not written"), "{error}");
    assert_eq!(plain(&session.query("SELECT SUM(v) FROM a").await), [["30"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_of_an_executors_rows_is_what_tidb_finds_sound() {
    let test = "ballista_writes";
    let Some(cluster) = Cluster::of(Shape::default(), test) else { return };
    let mut tidb = Tidb::connect(&cluster.tidb).await;
    tidb.fresh_database(test).await;
    tidb.run([
        "CREATE TABLE a (id BIGINT PRIMARY KEY AUTO_INCREMENT, v VARCHAR(20), KEY (v))",
        "CREATE TABLE b (v VARCHAR(20), n BIGINT, PRIMARY KEY (v), KEY (n))",
        "INSERT INTO a (v) VALUES ('a'), ('b'), ('c'), ('d')",
    ])
    .await;
    for _ in 0..8 {
        tidb.run(["INSERT INTO a (v) SELECT CONCAT(v, id % 7) FROM a WHERE CHAR_LENGTH(v) < 15"])
            .await;
    }
    let mut processes = Processes::start(config_at(&cluster.pd), 2).await;
    let session = processes.session().await;
    session.use_database(test).await;
    let write = "INSERT INTO b SELECT v, COUNT(*) FROM a GROUP BY v";
    let running = {
        let session = session.clone();
        tokio::spawn(async move { session.try_query(write).await })
    };
    processes.executors[0].kill();
    let outcome = running.await.unwrap();
    tidb.run(["ADMIN CHECK TABLE b"]).await;
    let sums = tidb.query("SELECT COUNT(*), SUM(n) FROM b").await;
    match outcome {
        Ok(_) => {
            let all = tidb.query("SELECT COUNT(DISTINCT v), COUNT(*) FROM a").await;
            assert_eq!(plain(&sums), plain(&all));
        }
        Err(error) => {
            assert_eq!(plain(&sums), [["0", "NULL"]], "{error}");
            session.query(write).await;
            tidb.run(["ADMIN CHECK TABLE b"]).await;
        }
    }
}
