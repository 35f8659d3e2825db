//! Connections that break in the middle.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tifusion::ErrorKind;
use tifusion_testkit::connector::Connector;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::Scene;

/// What a proxy does with the packet that holds some words.
#[derive(Debug, Clone, Copy)]
enum Cut {
    /// It never arrives.
    Before,
    /// It arrives, and its answer does not.
    Behind,
}

/// A proxy before TiDB that breaks the connection at the packet with these words.
async fn proxy(tidb: &str, words: &'static str, cut: Cut) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let tidb = tidb.to_owned();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let Ok(server) = TcpStream::connect(&tidb).await else { return };
            tokio::spawn(relay(client, server, words, cut));
        }
    });
    port
}

async fn relay(client: TcpStream, server: TcpStream, words: &'static str, cut: Cut) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let is_cut = Arc::new(AtomicBool::new(false));
    let silent = Arc::clone(&is_cut);
    let answers = tokio::spawn(async move {
        let mut buffer = vec![0; 1 << 16];
        while let Ok(read @ 1..) = from_server.read(&mut buffer).await {
            if silent.load(Ordering::SeqCst) {
                // The answer has come; nobody hears it.
                return;
            }
            if to_client.write_all(&buffer[..read]).await.is_err() {
                return;
            }
        }
    });
    let mut buffer = vec![0; 1 << 16];
    while let Ok(read @ 1..) = from_client.read(&mut buffer).await {
        let packet = &buffer[..read];
        if packet.windows(words.len()).any(|part| part == words.as_bytes()) {
            is_cut.store(true, Ordering::SeqCst);
            if let Cut::Before = cut {
                answers.abort();
                return;
            }
            to_server.write_all(packet).await.unwrap();
            // Ends with the answer.
            let _ = answers.await;
            return;
        }
        if to_server.write_all(packet).await.is_err() {
            return;
        }
    }
}

async fn through(scene: &Scene, words: &'static str, cut: Cut) -> Connector {
    let port = proxy(&scene.cluster.tidb, words, cut).await.to_string();
    let settings = [
        ("tidb.addr", "127.0.0.1"),
        ("tidb.port", &port),
        ("tidb.user", "root"),
        ("write.enable", "true"),
        super::SQL,
    ];
    let ours = Connector::connect(&scene.cluster, &settings).await;
    ours.use_database(&scene.database).await;
    ours
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_to_the_commit_is_undetermined_and_nothing_is_written_twice() {
    let Some(mut scene) = Scene::at_sql_port("sql_port_lost", &[]).await else { return };
    scene.tidb.run(["CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, v INT)"]).await;
    for (cut, rows) in [(Cut::Before, 0), (Cut::Behind, 2)] {
        let ours = through(&scene, "COMMIT", cut).await;
        let error = ours.try_query("INSERT INTO t (v) VALUES (1), (2)").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Undetermined, "{cut:?}: {error}");
        assert!(error.to_string().contains("look before you write it again"), "{error}");
        assert_eq!(scene.tidb.number("SELECT COUNT(*) FROM t").await, rows, "{cut:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_breaks_before_the_commit_leaves_nothing() {
    let Some(mut scene) = Scene::at_sql_port("sql_port_broken", &[]).await else { return };
    scene
        .tidb
        .run(["CREATE TABLE t (id INT PRIMARY KEY, v INT)", "INSERT INTO t VALUES (1, 1)"])
        .await;
    for cut in [Cut::Before, Cut::Behind] {
        for (words, statement) in [
            ("REPLACE INTO `", "REPLACE INTO t VALUES (1, 2), (3, 3)"),
            ("UPDATE t", "UPDATE t SET v = 2 WHERE id = 1"),
        ] {
            let ours = through(&scene, words, cut).await;
            let error = ours.try_query(statement).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unavailable, "{cut:?} {statement}: {error}");
            assert!(error.to_string().contains("nothing was written"), "{error}");
            assert_eq!(scene.tidb.number("SELECT SUM(v) FROM t").await, 1);
        }
        let ours = through(&scene, "CREATE TABLE", cut).await;
        let error = ours.try_query("CREATE TABLE made (id INT)").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Undetermined, "{cut:?}: {error}");
        assert!(error.to_string().contains("whether it was carried out"), "{error}");
        scene.tidb.run(["DROP TABLE IF EXISTS made"]).await;
    }
    // What TiDB held for them is free again.
    scene.tidb.run(["UPDATE t SET v = 5 WHERE id = 1"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_waits_too_long_is_given_up_and_killed() {
    let Some(mut scene) = Scene::at_sql_port("sql_port_late", &[super::SQL]).await else { return };
    scene
        .tidb
        .run(["CREATE TABLE t (id INT PRIMARY KEY, v INT)", "INSERT INTO t VALUES (1, 1)"])
        .await;
    scene.tidb.run(["BEGIN PESSIMISTIC", "UPDATE t SET v = 2 WHERE id = 1"]).await;
    scene.ours.query("SET tidb.statement.timeout = '2s'").await;
    let error = scene.refused("UPDATE t SET v = 3 WHERE id = 1").await;
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded, "{error}");
    scene.tidb.run(["COMMIT"]).await;
    assert_eq!(scene.tidb.number("SELECT v FROM t").await, 2);
    let others =
        "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'UPDATE t SET v = 3%'";
    for _ in 0..600 {
        if scene.tidb.number(others).await == 0 {
            assert_eq!(scene.tidb.number("SELECT v FROM t").await, 2);
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("the statement still runs");
}
