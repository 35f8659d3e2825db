//! Ids of tables with `AUTO_ID_CACHE 1`, which come from TiDB's auto id service.

use std::collections::BTreeSet;

use tifusion_embedded::{Effect, EmbeddedCluster, Fault, Rpc, When};
use tifusion_testkit::connector::Connector;

use super::SETTINGS;

async fn start() -> EmbeddedCluster {
    let cluster = EmbeddedCluster::builder().start().await.unwrap();
    let table = "CREATE TABLE test.t (id BIGINT PRIMARY KEY AUTO_INCREMENT, v INT) AUTO_ID_CACHE 1";
    cluster.execute(table).await.unwrap();
    cluster
}

async fn session(cluster: &EmbeddedCluster) -> Connector {
    let session = Connector::embedded(cluster, &SETTINGS).await;
    session.use_database("test").await;
    session
}

/// Ids and values of all rows, in the order of the ids.
async fn rows(session: &Connector) -> Vec<(i64, i64)> {
    let rows = session.query("SELECT id, v FROM t ORDER BY id").await.rows;
    let number = |cell: &tifusion_testkit::cell::Cell| cell.plain().parse().unwrap();
    rows.iter().map(|row| (number(&row[0]), number(&row[1]))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_of_the_service_count_without_gaps_over_all_who_write() {
    let cluster = start().await;
    let (first, second) = (session(&cluster).await, session(&cluster).await);
    first.query("INSERT INTO t (v) VALUES (1), (2), (3)").await;
    second.query("INSERT INTO t (v) VALUES (4)").await;
    cluster.execute("INSERT INTO test.t (v) VALUES (5)").await.unwrap();
    first.query("INSERT INTO t VALUES (NULL, 6)").await;
    // One that a row brings along, and then those behind it.
    second.query("INSERT INTO t VALUES (100, 100), (NULL, 101)").await;
    first.query("INSERT INTO t (v) VALUES (102)").await;
    cluster.execute("INSERT INTO test.t (v) VALUES (103)").await.unwrap();
    let expected: Vec<_> = (1..=6).chain(100..=103).map(|id| (id, id)).collect();
    assert_eq!(rows(&first).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_side_by_side_get_each_id_once() {
    let cluster = start().await;
    let mut writers = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let session = session(&cluster).await;
        writers.spawn(async move {
            for _ in 0..10 {
                session.query("INSERT INTO t (v) VALUES (0), (0), (0)").await;
            }
        });
    }
    writers.join_all().await;
    let ids: Vec<i64> = rows(&session(&cluster).await).await.iter().map(|(id, _)| *id).collect();
    assert_eq!(ids, (1..=120).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_whose_answer_was_lost_are_lost_and_none_is_given_twice() {
    let cluster = start().await;
    let session = session(&cluster).await;
    for effect in [Effect::DropAfter, Effect::DropBefore] {
        let rule = Fault::new(effect.clone()).on([Rpc::AutoId]).when(When::First(2));
        let rule = cluster.faults().add(rule);
        for v in 0..5 {
            session.query(&format!("INSERT INTO t (v) VALUES ({v})")).await;
        }
        assert_eq!(cluster.faults().fired(rule), 2, "{effect:?}");
        cluster.faults().remove(rule);
    }
    let rows = rows(&session).await;
    let ids: BTreeSet<i64> = rows.iter().map(|(id, _)| *id).collect();
    assert_eq!((rows.len(), ids.len()), (10, 10));
    // Two answers of one id each were lost.
    assert_eq!(ids.last(), Some(&12));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_does_not_serve_is_named_and_nothing_is_written() {
    let cluster = start().await;
    let session = session(&cluster).await;
    let status =
        Effect::Status { code: 12, message: "unknown service autoid.AutoIDAlloc".to_owned() };
    let rule = cluster.faults().add(Fault::new(status).on([Rpc::AutoId]));
    for statement in ["INSERT INTO t (v) VALUES (1)", "INSERT INTO t VALUES (1, 1)"] {
        let error = session.try_query(statement).await.unwrap_err().to_string();
        assert!(error.contains("auto id service"), "{statement}: {error}");
        assert!(error.contains("ids of: test.t"), "{statement}: {error}");
    }
    assert_eq!(cluster.faults().fired(rule), 2);
    assert_eq!(rows(&session).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_end_with_the_numbers_of_their_type() {
    let cluster = start().await;
    let session = session(&cluster).await;
    let most = i64::MAX;
    session.query(&format!("INSERT INTO t VALUES ({}, 1)", most - 2)).await;
    session.query("INSERT INTO t (v) VALUES (2)").await;
    let error = session.try_query("INSERT INTO t (v) VALUES (3)").await.unwrap_err().to_string();
    assert!(error.contains("not so many ids left"), "{error}");
    assert_eq!(rows(&session).await, [(most - 2, 1), (most - 1, 2)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_go_on_where_they_were_when_the_cluster_starts_again() {
    let folder = tempfile::tempdir().unwrap();
    for batch in 0..2 {
        let cluster = EmbeddedCluster::builder().folder(folder.path()).start().await.unwrap();
        cluster
            .execute(
                "CREATE TABLE IF NOT EXISTS test.t (id BIGINT PRIMARY KEY AUTO_INCREMENT, v INT) AUTO_ID_CACHE 1",
            )
            .await
            .unwrap();
        let session = session(&cluster).await;
        session.query(&format!("INSERT INTO t (v) VALUES ({batch}), ({batch})")).await;
        if batch == 1 {
            assert_eq!(rows(&session).await, [(1, 0), (2, 0), (3, 1), (4, 1)]);
        }
        cluster.shutdown().await;
    }
}
