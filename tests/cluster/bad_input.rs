//! What is wrong is told clearly, within a stated time, and nothing hangs.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use tifusion::{Error, ErrorKind, TidbContext};
use tifusion_testkit::cell::Cell;
use tifusion_testkit::cluster::{Cluster, Shape};
use tifusion_testkit::connector::Connector;
use tifusion_testkit::tidb::Tidb;
use tokio::net::TcpListener;

/// The longest time that connecting may take when PD does not answer: its own bound is 15 s.
const CONNECTING: Duration = Duration::from_secs(25);

/// Connects with `settings`, which must fail within `bound`.
async fn refused(settings: &[(&str, &str)], bound: Duration) -> Error {
    let map: HashMap<String, String> =
        settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    match tokio::time::timeout(bound, TidbContext::connect(map)).await {
        Ok(Ok(_)) => panic!("connected with {settings:?}"),
        Ok(Err(error)) => error,
        Err(_) => panic!("no answer within {bound:?} with {settings:?}"),
    }
}

/// Whether an error says that somebody isn't there or doesn't answer.
fn is_absence(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::DeadlineExceeded)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pd_that_refuses_connections_is_told_soon() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().to_string();
    let error = refused(&[("pd.addresses", &closed)], CONNECTING).await;
    assert!(is_absence(&error), "{error}");
    assert!(error.to_string().contains(&closed), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pd_that_never_answers_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let silent = tokio::spawn(async move {
        let mut open = Vec::new();
        loop {
            open.push(listener.accept().await.unwrap());
        }
    });
    let error = refused(&[("pd.addresses", &address)], CONNECTING).await;
    silent.abort();
    assert!(is_absence(&error), "{:?} {error}", error.kind());
    assert!(error.to_string().contains(&address), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_no_pd_is_told() {
    let test = "bad_input_no_pd";
    let Some(cluster) = Cluster::of(Shape::default(), test) else { return };
    let error = refused(&[("pd.addresses", &cluster.tidb)], CONNECTING).await;
    assert!(error.to_string().contains(&cluster.tidb), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_pd_address_of_several_that_answers_is_enough() {
    let test = "bad_input_several_pds";
    let Some(cluster) = Cluster::of(Shape::default(), test) else { return };
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let addresses = format!("{closed},{}", cluster.pd);
    let connector = Connector::connect(&cluster, &[("pd.addresses", &addresses)]).await;
    assert!(!connector.query("SHOW DATABASES").await.rows.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_make_no_sense_are_told_before_anything_is_dialled() {
    let soon = Duration::from_secs(2);
    for (key, value, named) in [
        ("pd.adresses", "127.0.0.1:2379", "pd.addresses"),
        ("time_zon", "UTC", "time_zone"),
        ("pd.addresses", "no port here", "no port here"),
        ("time_zone", "Nowhere/Land", "Nowhere/Land"),
        ("grpc.timeout_in_sec", "soon", "soon"),
        ("request.isolation.level", "READ", "READ"),
        ("stale_read", "yesterday", "yesterday"),
        ("replica_read", "nobody", "nobody"),
        ("tikv.trust_cert_collection", "/no/such/file.pem", "/no/such/file.pem"),
    ] {
        let mut settings = vec![("pd.addresses", "127.0.0.1:1"), (key, value)];
        if key.starts_with("tikv.") {
            settings.push(("tikv.tls_enable", "true"));
        }
        let error = refused(&settings, soon).await;
        assert!(error.to_string().contains(named), "{key}={value}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pd_and_store_that_go_away_are_told_in_time() {
    let test = "bad_input_gone";
    // A cluster of its own, for it is taken down. Nothing else uses this shape.
    let shape = Shape { region_size: Some(1 << 20), ..Shape::default() };
    let Some(cluster) = Cluster::of(shape, test) else { return };
    let mut tidb = Tidb::connect(&cluster.tidb).await;
    tidb.fresh_database(test).await;
    tidb.run(["CREATE TABLE t (a INT)", "INSERT INTO t VALUES (1)"]).await;
    let settings = [("grpc.timeout_in_sec", "2"), ("statement.timeout", "6s")];
    let connector = Connector::connect(&cluster, &settings).await;
    connector.use_database(test).await;
    assert_eq!(connector.query("SELECT a FROM t").await.rows, [[Cell::Int(1)]]);
    drop(tidb);
    tifusion_testkit::cluster::stop(shape);
    let begin = Instant::now();
    let reading = tokio::time::timeout(CONNECTING, connector.try_query("SELECT a FROM t")).await;
    let error = reading.expect("an answer in time").unwrap_err();
    assert!(is_absence(&error), "{:?} {error}", error.kind());
    assert!(begin.elapsed() < Duration::from_secs(15), "{:?}", begin.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_that_cannot_be_read_are_refused_by_name_and_the_others_are_read() {
    let test = "bad_input_columns";
    let Some(cluster) = Cluster::of(Shape::default(), test) else { return };
    let mut tidb = Tidb::connect(&cluster.tidb).await;
    tidb.fresh_database(test).await;
    tidb.run([
        "CREATE TABLE t (id INT PRIMARY KEY, doubled INT AS (id * 2) VIRTUAL, s VARCHAR(9))",
        "INSERT INTO t (id, s) VALUES (1, 'x')",
    ])
    .await;
    let connector = Connector::connect(&cluster, &[]).await;
    connector.use_database(test).await;
    assert_eq!(connector.query("SELECT id, s FROM t").await.rows.len(), 1);
    assert_eq!(connector.query("SELECT count(*) FROM t").await.rows, [[Cell::Int(1)]]);
    for query in ["SELECT doubled FROM t", "SELECT * FROM t", "SELECT id FROM t WHERE doubled = 2"]
    {
        let error = connector.try_query(query).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{query}: {error}");
        let text = error.to_string();
        assert!(text.contains("doubled") && text.contains("generated"), "{query}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_that_make_no_sense_are_errors() {
    let test = "bad_input_statements";
    let Some(cluster) = Cluster::of(Shape::default(), test) else { return };
    let connector = Connector::connect(&cluster, &[]).await;
    for statement in
        ["", ";", "SELEC 1", "SELECT", "SELECT 1; SELECT 2", "SELECT 'a' + DATE '2024-01-01'"]
    {
        let error = connector.try_query(statement).await.unwrap_err();
        assert!(!error.to_string().is_empty(), "{statement}");
    }
    assert_eq!(connector.query("SELECT 1").await.rows, [[Cell::Int(1)]], "the session goes on");
}
