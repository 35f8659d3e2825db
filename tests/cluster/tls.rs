//! TLS with client certificates, in each form that certificates come in, as configured.

use std::path::Path;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use tifusion_testkit::cluster::{Cluster, Shape};
use tifusion_testkit::connector::Connector;
use tifusion_testkit::tidb::Tidb;

use crate::keystores::{Entry, jks, pkcs12};

pub(crate) const PASSWORD: &str = "hunter2-of-the-stores";

/// Stores of this form, with [`PASSWORD`], made of the cluster's PEM files: its authority, and its client's
/// certificate and key.
pub(crate) fn stores(cluster: &Cluster, folder: &Path, form: &str) -> [String; 2] {
    let certificate = |name: &str| CertificateDer::from_pem_file(&cluster.variables[name]).unwrap();
    let key = PrivatePkcs8KeyDer::from_pem_file(&cluster.variables["TIFUSION_TLS_KEY"]).unwrap();
    let own = Entry::with_key(&certificate("TIFUSION_TLS_CERT"), key.secret_pkcs8_der());
    let trust = Entry::trusted(&certificate("TIFUSION_TLS_CA"));
    let write = if form == "jks" { jks } else { pkcs12 };
    [("trust", trust), ("own", own)].map(|(name, entry)| {
        let path = folder.join(format!("{name}.{form}"));
        std::fs::write(&path, write(PASSWORD, &[entry])).unwrap();
        path.to_str().unwrap().to_owned()
    })
}

/// Settings with such stores.
fn settings_of(cluster: &Cluster, folder: &Path, form: &str) -> Vec<(&'static str, String)> {
    let [trust, own] = stores(cluster, folder, form);
    vec![
        ("tikv.jks_enable", "true".to_owned()),
        ("tikv.jks_trust_path", trust),
        ("tikv.jks_trust_password", PASSWORD.to_owned()),
        ("tikv.jks_key_path", own),
        ("tikv.jks_key_password", PASSWORD.to_owned()),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_with_tls_is_read_and_written_with_pem_jks_and_pkcs12() {
    let shape = Shape { tls: true, ..Shape::default() };
    let Some(cluster) = Cluster::of(shape, "tls") else { return };
    let mut tidb = Tidb::connect(&cluster.tidb).await;
    tidb.fresh_database("tls").await;
    tidb.run(["CREATE TABLE t (id BIGINT PRIMARY KEY)", "INSERT INTO t VALUES (1)"]).await;
    let folder = tempfile::tempdir().unwrap();
    for (number, form) in ["pem", "jks", "p12"].into_iter().enumerate() {
        let mut settings = vec![("write.enable", "true".to_owned())];
        if form != "pem" {
            settings.extend(settings_of(&cluster, folder.path(), form));
        }
        let settings: Vec<_> = settings.iter().map(|(key, value)| (*key, value.as_str())).collect();
        let connector = Connector::connect(&cluster, &settings).await;
        connector.use_database("tls").await;
        connector.query(&format!("INSERT INTO t VALUES ({})", number + 2)).await;
        let ours = connector.query("SELECT id FROM t ORDER BY id").await.rows;
        let theirs = tidb.query("SELECT id FROM t ORDER BY id").await.rows;
        assert_eq!(ours.len(), number + 2, "{form}");
        assert_eq!(ours, theirs, "{form}");
    }
    // Without a certificate the cluster lets nobody in, and who is not let in is told why.
    let error =
        Connector::try_connect(&cluster, &[("tikv.key_cert_chain", ""), ("tikv.key_file", "")]);
    let error = error.await.expect_err("no certificate").to_string();
    assert!(error.contains("client certificate"), "{error}");
}
