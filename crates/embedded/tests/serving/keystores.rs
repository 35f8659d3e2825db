//! JKS and PKCS#12 stores for tests, written as Java writes them.

use p12_keystore::{Certificate, KeyStore, KeyStoreEntry, PrivateKey, PrivateKeyChain};
use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};

/// A certificate, perhaps with its key, in DER.
#[derive(Debug, Clone)]
pub struct Entry {
    certificate: Vec<u8>,
    key: Option<Vec<u8>>,
}

impl Entry {
    /// A certificate to trust.
    #[must_use]
    pub fn trusted(certificate: &[u8]) -> Self {
        Self { certificate: certificate.to_vec(), key: None }
    }

    /// A certificate and its key, PKCS#8.
    #[must_use]
    pub fn with_key(certificate: &[u8], key: &[u8]) -> Self {
        Self { certificate: certificate.to_vec(), key: Some(key.to_vec()) }
    }
}

/// A PKCS#12 store.
///
/// # Panics
/// If an entry is malformed.
#[must_use]
pub fn pkcs12(password: &str, entries: &[Entry]) -> Vec<u8> {
    let mut store = KeyStore::new();
    for (number, Entry { certificate, key }) in entries.iter().enumerate() {
        let certificate = Certificate::from_der(certificate).unwrap();
        let entry = match key {
            None => KeyStoreEntry::Certificate(certificate),
            Some(key) => {
                let key = PrivateKey::from_der(key).unwrap();
                KeyStoreEntry::PrivateKeyChain(PrivateKeyChain::new("id", key, [certificate]))
            }
        };
        store.add_entry(&format!("entry{number}"), entry);
    }
    // Java's ten thousand rounds take seconds in a build without optimization.
    store.writer(password).encryption_iterations(100).mac_iterations(100).write().unwrap()
}

/// A JKS store.
///
/// # Panics
/// If an entry is larger than 64 KiB.
#[must_use]
pub fn jks(password: &str, entries: &[Entry]) -> Vec<u8> {
    let password: Vec<u8> = password.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let sized = |bytes: &[u8]| [&[0, 0], &two(bytes.len())[..], bytes].concat();
    let text = |text: &str| [&two(text.len())[..], text.as_bytes()].concat();
    let mut body = Vec::new();
    for (number, Entry { certificate, key }) in entries.iter().enumerate() {
        body.extend([0, 0, 0, if key.is_some() { 1 } else { 2 }]);
        body.extend(text(&format!("entry{number}")));
        body.extend([0; 8]);
        if let Some(key) = key {
            body.extend(sized(&hidden(&password, key)));
            body.extend([0, 0, 0, 1]);
        }
        body.extend(text("X.509"));
        body.extend(sized(certificate));
    }
    let count = [&[0, 0], &two(entries.len())[..]].concat();
    let head = [&[0xfe, 0xed, 0xfe, 0xed, 0, 0, 0, 2], &count[..]].concat();
    let digest = sha1(&[&password, b"Mighty Aphrodite", &head, &body]);
    [head, body, digest].concat()
}

/// A key as JKS hides it.
fn hidden(password: &[u8], key: &[u8]) -> Vec<u8> {
    let element =
        |tag: u8, content: &[u8]| [&[tag, 0x82], &two(content.len())[..], content].concat();
    let salt = [7; 20];
    let (mut mask, mut masked) = (salt.to_vec(), Vec::new());
    for block in key.chunks(20) {
        mask = sha1(&[password, &mask]);
        masked.extend(block.iter().zip(&mask).map(|(byte, mask)| byte ^ mask));
    }
    let data = [&salt[..], &masked, &sha1(&[password, key])].concat();
    let id = [0x30, 14, 6, 10, 0x2b, 6, 1, 4, 1, 0x2a, 2, 0x11, 1, 1, 5, 0];
    element(0x30, &[&id[..], &element(4, &data)].concat())
}

fn two(number: usize) -> [u8; 2] {
    u16::try_from(number).unwrap().to_be_bytes()
}

fn sha1(parts: &[&[u8]]) -> Vec<u8> {
    let mut context = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
    for part in parts {
        context.update(part);
    }
    context.finish().as_ref().to_vec()
}
