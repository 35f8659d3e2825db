use std::path::PathBuf;
use std::time::Duration;

use super::super::state::Tls;
use super::super::testing::{Authority, PASSWORD, Pair, store};
use super::*;
use crate::options::Password;

fn refused(options: &TlsOptions) -> String {
    let error = Tls::load(options).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Security);
    let text = format!("{error} {error:?}");
    assert!(!text.contains("BEGIN") && !text.contains(PASSWORD), "{text}");
    error.to_string()
}

fn trusting(path: PathBuf) -> TlsOptions {
    TlsOptions::new(TlsTrust::Pem(path))
}

#[test]
fn each_file_that_is_wrong_is_named_with_the_reason() {
    let authority = Authority::new();
    let pair = authority.sign("client");
    let good = authority.with_identity("good", &pair);
    Tls::load(&good).unwrap();
    let cut = pair.certificate.get(..200).unwrap();
    for (name, content, reason) in [
        ("text.pem", "hello", "no certificate in PEM form"),
        ("cut.pem", cut, "not in PEM form"),
        ("key.pem", pair.key.as_str(), "no certificate in PEM form"),
    ] {
        let bad = authority.file(name, content);
        let key = authority.dir.path().join("good.key");
        let identity = Some(TlsIdentity::Pem { cert_chain: bad.clone(), key });
        for options in [trusting(bad), TlsOptions { identity, ..good.clone() }] {
            let text = refused(&options);
            assert!(text.contains(name) && text.contains(reason), "{text}");
        }
    }
    let text = refused(&trusting(authority.dir.path().join("missing.pem")));
    assert!(text.contains("missing.pem cannot be read: No such file"), "{text}");
}

#[test]
fn a_key_has_to_be_one_and_that_of_its_certificate() {
    let authority = Authority::new();
    let (mut pair, other) = (authority.sign("client"), authority.sign("other"));
    let with = |pair: &Pair| refused(&authority.with_identity("client", pair));
    pair.key = other.key;
    let text = with(&pair);
    assert!(text.contains("client.key holds a private key that is not the one of"), "{text}");
    assert!(text.contains("client.pem"), "{text}");
    pair.key.clone_from(&pair.certificate);
    let text = with(&pair);
    assert!(text.contains("client.key holds no private key"), "{text}");
    pair.key = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"
        .to_owned();
    let text = with(&pair);
    assert!(text.contains("client.key holds a private key under a password"), "{text}");
}

#[test]
fn certificates_that_are_out_of_date_are_told_by_name_and_day() {
    let authority = Authority::new();
    let late = authority.sign_with("late", |params| {
        params.not_before = rcgen::date_time_ymd(2001, 1, 1);
        params.not_after = rcgen::date_time_ymd(2003, 2, 1);
    });
    let text = refused(&authority.with_identity("late", &late));
    assert!(
        text.contains("late.pem holds a certificate of CN=late that expired on Feb  1"),
        "{text}"
    );
    assert!(text.contains("2003"), "{text}");
    let early = authority.sign_with("early", |params| {
        params.not_before = rcgen::date_time_ymd(4000, 1, 1);
        params.not_after = rcgen::date_time_ymd(4001, 2, 1);
    });
    let text = refused(&authority.with_identity("early", &early));
    assert!(text.contains("is not valid before"), "{text}");
    let old = Authority::expired();
    let text = refused(&old.trusted());
    assert!(text.contains("ca.pem holds a certificate of CN=authority that expired on"), "{text}");
    // Beside one that holds it is passed over.
    let both = [old.dir.path(), authority.dir.path()]
        .map(|dir| std::fs::read_to_string(dir.join("ca.pem")).unwrap())
        .concat();
    let options = trusting(authority.file("both.pem", both));
    assert_eq!(Files::read(&options).unwrap().roots().unwrap().len(), 1);
}

#[test]
fn stores_are_opened_by_their_password_and_named_when_they_do_not_open() {
    let data = PathBuf::from("src/tls/keystore/testdata");
    let open = |name: &str, password: &str| StoreFile {
        path: data.join(name),
        password: Password::new(password),
    };
    let options = |trust, key| TlsOptions {
        identity: Some(TlsIdentity::Store(key)),
        ..TlsOptions::new(TlsTrust::Store(trust))
    };
    for (trust, key) in
        [("trust.jks", "client.jks"), ("trust.p12", "client.p12"), ("both.jks", "legacy.p12")]
    {
        Tls::load(&options(open(trust, "changeit"), open(key, "changeit"))).unwrap();
    }
    let text = refused(&TlsOptions::new(TlsTrust::Store(store(data.join("trust.jks")))));
    assert!(text.contains("trust.jks does not open with its password"), "{text}");
    let good = || open("trust.jks", "changeit");
    for (name, reason) in [
        ("two-passwords.jks", "whose password is not the store's"),
        ("two-keys.p12", "several private keys"),
        ("trust.jks", "holds no private key"),
    ] {
        let text = refused(&options(good(), open(name, "changeit")));
        assert!(text.contains(name) && text.contains(reason), "{text}");
    }
    let text = refused(&TlsOptions::new(TlsTrust::Store(open("client.jks", "changeit"))));
    assert!(text.contains("client.jks holds no certificate to trust"), "{text}");
}

#[test]
fn new_files_are_taken_when_they_are_good_and_tried_again_when_not() {
    let authority = Authority::new();
    let options = authority.with_identity("client", &authority.sign("client"));
    let tls = Tls::load(&options).unwrap();
    let generation = || tls.current().generation;
    tls.look();
    assert_eq!(generation(), 0);
    let next = authority.sign("client");
    // The certificate comes before its key.
    authority.file("client.pem", &next.certificate);
    tls.look();
    tls.look();
    assert_eq!(generation(), 0);
    authority.file("client.key", &next.key);
    tls.look();
    tls.look();
    assert_eq!(generation(), 1);
    std::fs::remove_file(authority.dir.path().join("ca.pem")).unwrap();
    tls.look();
    assert_eq!(generation(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_files_are_looked_at_as_often_as_asked_and_as_long_as_there_is_a_client() {
    let authority = Authority::new();
    let options = authority.with_identity("client", &authority.sign("client"));
    let options = TlsOptions { reload_interval: Duration::from_secs(3600), ..options };
    let tls = Arc::new(Tls::load(&options).unwrap());
    tls.keep_current(Arc::new(crate::clock::TokioClock));
    authority.with_identity("client", &authority.sign("client"));
    let mut changed = tls.subscribe();
    changed.wait_for(|current| current.generation == 1).await.unwrap();
    drop(tls);
    // The task's hold is the last one, and it lets go.
    while changed.changed().await.is_ok() {}
}
