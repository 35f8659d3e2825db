//! A cluster in a folder.

use std::time::{Duration, Instant};

use tifusion_embedded::{ClusterError, EmbeddedCluster, LoadError};

use crate::raw::Raw;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_in_a_folder_comes_back_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let start = || EmbeddedCluster::builder().folder(folder.path()).start();
    let mut last = (0, Vec::new(), 0);
    for round in 0..3_u8 {
        let cluster = start().await.unwrap();
        let (id, regions, ts) = last;
        assert!(cluster.timestamp() > ts);
        if round > 0 {
            assert_eq!(cluster.cluster_id(), id);
            assert_eq!(cluster.regions(), regions);
            let raw = Raw::new(&cluster);
            let now = raw.timestamp().await;
            for old in 0..round {
                assert_eq!(raw.get(&[b'k', old], now).await.value, vec![old; 300]);
            }
        }
        let raw = Raw::new(&cluster);
        raw.put(&[b'k', round], &vec![round; 300]).await;
        cluster.split_at(&[[b'k', round]]).unwrap();
        cluster.transfer_leader(cluster.regions()[0].id, 2).unwrap();
        last = (cluster.cluster_id(), cluster.regions(), cluster.timestamp());
        cluster.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_may_run_statements_does_not_keep_a_folder_open() {
    let folder = tempfile::tempdir().unwrap();
    let start = || EmbeddedCluster::builder().folder(folder.path()).start();
    let cluster = start().await.unwrap();
    let statements = cluster.statements();
    statements.execute(None, "CREATE TABLE test.t (id INT PRIMARY KEY)").await.unwrap();
    let began = Instant::now();
    cluster.shutdown().await;
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    let error = statements.execute(None, "INSERT INTO test.t VALUES (1)").await.unwrap_err();
    assert!(matches!(error, LoadError::Ended), "{error}");
    start().await.unwrap().execute("INSERT INTO test.t VALUES (1)").await.unwrap();
}

#[tokio::test]
async fn a_folder_of_something_else_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("cluster"), b"\xff\xffnot ours").unwrap();
    let error = EmbeddedCluster::builder().folder(folder.path()).start().await.unwrap_err();
    assert!(matches!(error, ClusterError::Folder(_)), "{error}");
    let error = EmbeddedCluster::builder().stores(0).start().await.unwrap_err();
    assert!(matches!(error, ClusterError::NoStores), "{error}");
}
