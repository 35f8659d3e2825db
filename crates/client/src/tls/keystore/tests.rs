use proptest::prelude::*;
use rustls::pki_types::CertificateDer;

use super::*;

const PASSWORD: &str = "changeit";

fn file(name: &str) -> Vec<u8> {
    // Tests run in the folder of their crate; a path that was compiled in may be another checkout's.
    let path = format!("src/tls/keystore/testdata/{name}");
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn open(name: &str) -> KeyStore {
    read(&file(name), PASSWORD).unwrap_or_else(|error| panic!("{name} {error}"))
}

fn refused(name: &str, password: &str) -> KeyStoreError {
    read(&file(name), password).expect_err(name)
}

fn name(certificate: &CertificateDer<'_>) -> String {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).unwrap();
    parsed.subject().to_string()
}

fn names(certificates: &[CertificateDer<'_>]) -> Vec<String> {
    certificates.iter().map(name).collect()
}

#[test]
fn trusted_certificates_are_read_from_what_keytool_and_openssl_write() {
    for store in ["trust.jks", "trust.p12", "openssl-trust.p12"] {
        let read = open(store);
        assert_eq!(names(&read.authorities), ["CN=authority"], "{store}");
        assert!(read.identity.is_none(), "{store}");
    }
}

#[test]
fn a_key_comes_with_its_certificate_first() {
    for store in ["client.jks", "both.jks", "client.p12", "openssl.p12", "legacy.p12"] {
        let read = open(store);
        let identity = read.identity.expect(store);
        assert_eq!(names(&identity.chain), ["CN=client", "CN=authority"], "{store}");
        assert!(belongs(&identity.chain[0], &identity.key).unwrap(), "{store}");
        assert!(!belongs(&identity.chain[1], &identity.key).unwrap(), "{store}");
        let trusts = if store == "client.jks" { vec![] } else { vec!["CN=authority"] };
        assert_eq!(names(&read.authorities), trusts, "{store}");
    }
}

#[test]
fn a_wrong_password_is_told_and_not_shown() {
    for store in ["trust.jks", "client.jks", "trust.p12", "client.p12", "openssl.p12", "legacy.p12"]
    {
        for password in ["hunter2", ""] {
            let error = refused(store, password);
            assert_eq!(error, KeyStoreError::Password, "{store}");
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }
    let error = refused("two-passwords.jks", PASSWORD);
    assert_eq!(error, KeyStoreError::KeyPassword { alias: "client".to_owned() });
}

#[test]
fn which_of_two_keys_is_meant_is_not_guessed() {
    for store in ["two-keys.jks", "two-keys.p12"] {
        let KeyStoreError::SeveralKeys(mut aliases) = refused(store, PASSWORD) else {
            panic!("{store}")
        };
        aliases.sort();
        assert_eq!(aliases, ["client", "other"], "{store}");
    }
}

#[test]
fn other_files_are_told_apart() {
    assert_eq!(refused("client.jceks", PASSWORD), KeyStoreError::Jceks);
    assert_eq!(read(b"-----BEGIN CERTIFICATE-----", "").unwrap_err(), KeyStoreError::Pem);
    assert_eq!(read(b"hello", "").unwrap_err(), KeyStoreError::Unknown);
    assert_eq!(read(b"", "").unwrap_err(), KeyStoreError::Unknown);
}

#[test]
fn no_damage_panics_or_passes_for_the_store() {
    for store in ["client.jks", "trust.jks", "trust.p12"] {
        let whole = file(store);
        for length in 0..whole.len() {
            read(whole.get(..length).unwrap(), PASSWORD).expect_err(store);
        }
        if store.ends_with("jks") {
            for place in (4..whole.len()).step_by(7) {
                let mut damaged = whole.clone();
                damaged[place] ^= 0x40;
                assert_eq!(read(&damaged, PASSWORD).unwrap_err(), KeyStoreError::Password);
            }
        }
    }
}

/// A JKS store around any bytes, whose digest is right.
fn sealed(content: &[u8]) -> Vec<u8> {
    use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};
    let password: Vec<u8> = PASSWORD.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let whole = [&[0xfe, 0xed, 0xfe, 0xed], content].concat();
    let mut context = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
    for part in [&password[..], b"Mighty Aphrodite", &whole] {
        context.update(part);
    }
    [&whole, context.finish().as_ref()].concat()
}

/// Lengths that the file claims are not believed: this would be four gigabytes each.
#[test]
fn claimed_lengths_take_no_memory() {
    let alias = [&[0, 1][..], b"a", &[0; 8]].concat();
    let key_of = |tail: &[u8]| [&[0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1], &alias[..], tail].concat();
    for content in [
        key_of(&[0xff; 4]),
        key_of(&[0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]),
        vec![0, 0, 0, 2, 0xff, 0xff, 0xff, 0xff],
    ] {
        let error = read(&sealed(&content), PASSWORD).unwrap_err();
        assert_eq!(error, KeyStoreError::Damaged("it ends early".to_owned()));
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(content in prop::collection::vec(any::<u8>(), 0..200), version in 0_u8..3, kind in 0_u8..3) {
        let head = [0, 0, 0, version, 0, 0, 0, 1, 0, 0, 0, kind, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        drop(read(&sealed(&[&head, &content[..]].concat()), PASSWORD));
        drop(read(&[&[0x30], &content[..]].concat(), PASSWORD));
        drop(read(&content, PASSWORD));
    }
}
