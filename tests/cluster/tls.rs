//! TLS with client certificates, in each form that certificates come in, as configured: what is good, and what is wrong.

use std::path::Path;

use rcgen::{CertificateParams, DnType, KeyPair};
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
    written(folder, form, (&Part::of(cluster, "CA"), &Part::of(cluster, "CERT")))
}

fn written(folder: &Path, form: &str, (trust, own): (&Part, &Part)) -> [String; 2] {
    let write = if form == "jks" { jks } else { pkcs12 };
    let trust = Entry::trusted(&trust.certificate);
    let own = Entry::with_key(&own.certificate, &own.key);
    [("trust", trust), ("own", own)].map(|(name, entry)| {
        let path = folder.join(format!("{name}.{form}"));
        std::fs::write(&path, write(PASSWORD, &[entry])).unwrap();
        path.to_str().unwrap().to_owned()
    })
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
        let (ca, own) = (Part::of(&cluster, "CA"), Part::of(&cluster, "CERT"));
        let mut settings = settings_with(folder.path(), form, &ca, &own);
        settings.push(("write.enable", "true".to_owned()));
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

/// A certificate with its key, as bytes and as PEM.
#[derive(Clone)]
struct Part {
    certificate: CertificateDer<'static>,
    pem: String,
    key: Vec<u8>,
    key_pem: String,
}

impl Part {
    /// The cluster's own certificate of this name (`CA`, `CERT`), the client's with its key.
    fn of(cluster: &Cluster, name: &str) -> Self {
        let path = |name: &str| &cluster.variables[&format!("TIFUSION_TLS_{name}")];
        let read = |name: &str| std::fs::read_to_string(path(name)).unwrap();
        let key = PrivatePkcs8KeyDer::from_pem_file(path("KEY")).unwrap();
        Self {
            certificate: CertificateDer::from_pem_file(path(name)).unwrap(),
            pem: read(name),
            key: key.secret_pkcs8_der().to_vec(),
            key_pem: read("KEY"),
        }
    }

    /// One that nobody has signed, valid until the first day of a year.
    fn of_stranger(year: i32) -> Self {
        let mut params = CertificateParams::new(vec!["stranger".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, "stranger");
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Self {
            certificate: certificate.der().clone(),
            pem: certificate.pem(),
            key: key.serialize_der(),
            key_pem: key.serialize_pem(),
        }
    }

    /// With the key of another.
    fn with_key_of(&self, other: &Self) -> Self {
        Self { key: other.key.clone(), key_pem: other.key_pem.clone(), ..self.clone() }
    }
}

/// Settings with files of this form in `folder`.
fn settings_with(
    folder: &Path,
    form: &str,
    trust: &Part,
    own: &Part,
) -> Vec<(&'static str, String)> {
    if form == "pem" {
        let write = |name: &str, content: &str| {
            let path = folder.join(format!("{name}.pem"));
            std::fs::write(&path, content).unwrap();
            path.to_str().unwrap().to_owned()
        };
        return vec![
            ("tikv.trust_cert_collection", write("trust", &trust.pem)),
            ("tikv.key_cert_chain", write("own", &own.pem)),
            ("tikv.key_file", write("own-key", &own.key_pem)),
        ];
    }
    let [trust, own] = written(folder, form, (trust, own));
    vec![
        ("tikv.jks_enable", "true".to_owned()),
        ("tikv.jks_trust_path", trust),
        ("tikv.jks_trust_password", PASSWORD.to_owned()),
        ("tikv.jks_key_path", own),
        ("tikv.jks_key_password", PASSWORD.to_owned()),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_certificates_is_told_in_each_form() {
    let shape = Shape { tls: true, ..Shape::default() };
    let Some(cluster) = Cluster::of(shape, "tls_wrong") else { return };
    let (ca, own) = (Part::of(&cluster, "CA"), Part::of(&cluster, "CERT"));
    let (stranger, expired) = (Part::of_stranger(4000), Part::of_stranger(2001));
    let folder = tempfile::tempdir().unwrap();
    for form in ["pem", "jks", "p12"] {
        let try_with = async |trust: &Part, own: &Part, missing: Option<&str>| {
            let settings = settings_with(folder.path(), form, trust, own);
            if let Some(missing) = missing {
                std::fs::remove_file(folder.path().join(format!("{missing}.{form}"))).unwrap();
            }
            let settings: Vec<_> =
                settings.iter().map(|(key, value)| (*key, value.as_str())).collect();
            Connector::try_connect(&cluster, &settings).await
        };
        if let Err(error) = try_with(&ca, &own, None).await {
            panic!("{form}: {error}");
        }
        let mismatched = own.with_key_of(&stranger);
        let of_key = ["holds a private key that is not the one of", "no certificate that belongs"];
        let refused = ["it refuses the client certificate of /", "or for a client certificate?"];
        let cases: [(&str, _, &[&str]); 6] = [
            ("wrong CA", (&stranger, &own, None), &["was signed by no authority in /"]),
            ("no CA", (&ca, &own, Some("trust")), &["cannot be read: No such file"]),
            ("no certificate", (&ca, &own, Some("own")), &["cannot be read: No such file"]),
            ("wrong key", (&ca, &mismatched, None), &of_key),
            ("expired", (&ca, &expired, None), &["of CN=stranger that expired on Jan  1"]),
            ("wrong signer", (&ca, &stranger, None), &refused),
        ];
        for (case, (trust, own, missing), texts) in cases {
            let Err(error) = try_with(trust, own, missing).await else {
                panic!("{form}, {case}: let in");
            };
            let shown = format!("{error} {error:?}");
            assert!(texts.iter().any(|text| shown.contains(text)), "{form}, {case}: {shown}");
            assert!(
                !shown.contains(PASSWORD) && !shown.contains("BEGIN"),
                "{form}, {case}: {shown}"
            );
        }
    }
}
