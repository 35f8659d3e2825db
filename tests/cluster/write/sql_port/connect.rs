//! Getting there.

use tifusion::ErrorKind;
use tifusion_testkit::cluster::{Cluster, Shape};
use tifusion_testkit::connector::Connector;

use super::Scene;
use crate::tls::{PASSWORD, stores};

const STATEMENT: &str = "CREATE TABLE nosuch.nosuch (id INT)";

async fn error(cluster: &Cluster, settings: &[(&str, &str)]) -> tifusion::Error {
    let (host, port) = cluster.tidb.rsplit_once(':').unwrap();
    let place = [("tidb.addr", host), ("tidb.port", port), ("tidb.user", "root")];
    let all = [&place[..], &[("write.enable", "true")], settings].concat();
    let ours = Connector::connect(cluster, &all).await;
    ours.try_query(STATEMENT).await.unwrap_err()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_and_where_nobody_is_are_told_apart() {
    let Some(mut scene) = Scene::at_sql_port("sql_port_access", &[]).await else { return };
    scene
        .tidb
        .run([
            "DROP USER IF EXISTS sql_port_reader",
            "CREATE USER sql_port_reader IDENTIFIED BY 'hunter2'",
            "GRANT SELECT ON sql_port_access.* TO sql_port_reader",
        ])
        .await;
    let cluster = &scene.cluster;
    let as_reader = ("tidb.user", "sql_port_reader");
    let wrong = error(cluster, &[as_reader, ("tidb.password", "hunter3")]).await;
    assert_eq!(wrong.kind(), ErrorKind::Security, "{wrong}");
    assert!(wrong.to_string().contains("Access denied"), "{wrong}");
    let denied = error(cluster, &[as_reader, ("tidb.password", "hunter2")]).await;
    assert_eq!(denied.kind(), ErrorKind::Security, "{denied}");
    assert!(denied.to_string().contains("user: sql_port_reader"), "{denied}");
    let away = error(cluster, &[("tidb.port", "1")]).await;
    assert_eq!(away.kind(), ErrorKind::Unavailable, "{away}");
    assert!(away.to_string().contains("root@127.0.0.1:1"), "{away}");
    let no_tls = error(cluster, &[("jdbc.tls_enable", "true")]).await;
    assert_eq!(no_tls.kind(), ErrorKind::Security, "{no_tls}");
    for error in [wrong, denied, away, no_tls] {
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("hunter"), "{shown}");
    }
    let settings = [("tidb.addr", "127.0.0.1"), as_reader, ("tidb.password", "hunter2")];
    let ours = Connector::connect(cluster, &settings).await;
    let all =
        ours.query("SELECT * FROM information_schema.df_settings WHERE name LIKE 'tidb.%'").await;
    let shown = format!("{all:?} {:?}", ours.context());
    assert!(shown.contains("[hidden]") && !shown.contains("hunter2"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_verified_if_somebody_says_by_what() {
    let shape = Shape { tls: true, ..Shape::default() };
    let Some(cluster) = Cluster::of(shape, "sql_port_tls") else { return };
    let folder = tempfile::tempdir().unwrap();
    let read = |variable: &str| std::fs::read_to_string(&cluster.variables[variable]).unwrap();
    let identity = folder.path().join("client.pem");
    std::fs::write(&identity, read("TIFUSION_TLS_CERT") + &read("TIFUSION_TLS_KEY")).unwrap();
    let identity = identity.to_str().unwrap();
    let (ca, cert) =
        (&cluster.variables["TIFUSION_TLS_CA"], &cluster.variables["TIFUSION_TLS_CERT"]);
    let with = async |settings: &[(&str, &str)]| {
        error(&cluster, &[&[("jdbc.tls_enable", "true")], settings].concat()).await
    };
    for settings in [
        &[][..],
        &[("jdbc.server_cert_store", ca.as_str())],
        &[("jdbc.server_cert_store", ca), ("jdbc.client_cert_store", identity)],
    ] {
        // It is there: what fails is the statement.
        let error = with(settings).await;
        assert!(error.to_string().contains("Unknown database"), "{settings:?}: {error}");
    }
    let mut wrong_password = Vec::new();
    for form in ["jks", "p12"] {
        let [trust, own] = stores(&cluster, folder.path(), form);
        let server =
            [("jdbc.server_cert_store", trust.as_str()), ("jdbc.server_cert_password", PASSWORD)];
        let client =
            [("jdbc.client_cert_store", own.as_str()), ("jdbc.client_cert_password", PASSWORD)];
        let error = with(&[server, client].concat()).await;
        assert!(error.to_string().contains("Unknown database"), "{form}: {error}");
        wrong_password.push(trust);
    }
    for (settings, said) in [
        (&[("jdbc.server_cert_store", cert.as_str())][..], "no TLS with TiDB"),
        (&[("jdbc.server_cert_store", ca), ("jdbc.client_cert_store", cert)], "no private key"),
        (&[("jdbc.server_cert_store", &wrong_password[0])], "password"),
        (&[("jdbc.server_cert_store", &wrong_password[1])], "password"),
    ] {
        let error = with(settings).await;
        assert_eq!(error.kind(), ErrorKind::Security, "{error}");
        assert!(error.to_string().contains(said), "{error}");
    }
}
