//! TLS, with and without client certificates. The authority's key is gone: these certificates sign nothing.

use std::path::PathBuf;
use std::time::Duration;

use tifusion_client::options::{TlsIdentity, TlsOptions, TlsTrust};
use tifusion_client::snapshot::SnapshotOptions;
use tifusion_client::{Client, ClientOptions};
use tifusion_embedded::{ClusterError, EmbeddedCluster, ServerTls, ServerTlsError, TlsVersions};

const CA: &str = include_str!("tls/ca.pem");

fn server(client_ca: Option<&str>) -> ServerTls {
    ServerTls {
        cert_chain: include_str!("tls/server.pem").to_owned(),
        key: include_str!("tls/server.key").to_owned(),
        client_ca: client_ca.map(str::to_owned),
        versions: TlsVersions::All,
    }
}

fn file(name: &str) -> PathBuf {
    PathBuf::from("tests/serving/tls").join(name)
}

async fn connect(
    cluster: &EmbeddedCluster,
    with_identity: bool,
) -> tifusion_client::Result<Client> {
    let mut options = ClientOptions::new(cluster.pd_addresses());
    let identity = TlsIdentity::Pem { cert_chain: file("client.pem"), key: file("client.key") };
    options.tls = Some(TlsOptions {
        identity: with_identity.then_some(identity),
        ..TlsOptions::new(TlsTrust::Pem(file("ca.pem")))
    });
    options.budgets.pd = Duration::from_millis(300);
    Client::connect(options).await
}

async fn reads(client: &Client) {
    let snapshot = client.snapshot(client.timestamp().await.unwrap(), SnapshotOptions::default());
    assert_eq!(snapshot.get(b"nothing").await.unwrap(), None);
}

#[tokio::test]
async fn pd_and_stores_speak_tls() {
    let cluster = EmbeddedCluster::builder().tls(server(None)).start().await.unwrap();
    reads(&connect(&cluster, false).await.unwrap()).await;
    let mut plain = ClientOptions::new(cluster.pd_addresses());
    plain.budgets.pd = Duration::from_millis(300);
    Client::connect(plain).await.unwrap_err();
}

#[tokio::test]
async fn clients_show_a_certificate_where_one_is_asked_for() {
    let cluster = EmbeddedCluster::builder().tls(server(Some(CA))).start().await.unwrap();
    reads(&connect(&cluster, true).await.unwrap()).await;
    connect(&cluster, false).await.unwrap_err();
}

#[tokio::test]
async fn a_key_that_is_none_is_refused() {
    let tls = ServerTls { key: "none".to_owned(), ..server(None) };
    let error = EmbeddedCluster::builder().tls(tls).start().await.unwrap_err();
    assert!(matches!(error, ClusterError::Tls(_)), "{error:?}");
}

#[tokio::test]
async fn what_cannot_be_used_replaces_nothing() {
    let plain = EmbeddedCluster::builder().stores(1).start().await.unwrap();
    let error = plain.replace_tls(&server(None)).unwrap_err();
    assert!(matches!(error, ClusterError::Tls(ServerTlsError::Off)), "{error:?}");
    let cluster = EmbeddedCluster::builder().stores(1).tls(server(None)).start().await.unwrap();
    let tls = ServerTls { cert_chain: "none".to_owned(), ..server(None) };
    let error = cluster.replace_tls(&tls).unwrap_err();
    assert!(matches!(error, ClusterError::Tls(_)), "{error:?}");
    reads(&connect(&cluster, false).await.unwrap()).await;
    cluster.replace_tls(&server(Some(CA))).unwrap();
    reads(&connect(&cluster, true).await.unwrap()).await;
    connect(&cluster, false).await.unwrap_err();
}
