//! Java's key stores: what is in a file of bytes, given its password. No I/O.
//!
//! JKS is read here, for the crate that reads it trusts the lengths in the file; PKCS#12, old (RC2, 3DES,
//! SHA-1) and new (AES, SHA-2), by `p12-keystore`.

mod jks;
mod pkcs12;

use std::fmt;

use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// What a key store holds.
#[derive(Debug, Default)]
pub struct KeyStore {
    /// Certificates without a key: authorities to trust.
    pub authorities: Vec<CertificateDer<'static>>,
    /// The key, if there is one, and its certificates.
    pub identity: Option<Identity>,
}

/// A private key and the certificates that vouch for it.
pub struct Identity {
    /// The key's own certificate, and those above it.
    pub chain: Vec<CertificateDer<'static>>,
    /// The private key.
    pub key: PrivateKeyDer<'static>,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("certificates", &self.chain.len()).finish_non_exhaustive()
    }
}

/// Why a key store cannot be read. None of them shows a password or a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyStoreError {
    /// Something else.
    #[error("is neither a JKS nor a PKCS#12 store")]
    Unknown,
    /// PEM.
    #[error("is a PEM file, not a JKS or PKCS#12 store")]
    Pem,
    /// JCEKS.
    #[error(
        "is a JCEKS store: convert it by keytool -importkeystore -deststoretype pkcs12 -destkeystore …"
    )]
    Jceks,
    /// The password does not fit.
    #[error("does not open with its password, or is damaged")]
    Password,
    /// The store opens, a key does not.
    #[error(
        "has a key, {alias:?}, whose password is not the store's: make them equal by keytool -keypasswd"
    )]
    KeyPassword {
        /// Its name.
        alias: String,
    },
    /// Bytes that make no sense.
    #[error("is damaged: {0}")]
    Damaged(String),
    /// Several keys.
    #[error("holds several private keys ({}): leave one in it", .0.join(", "))]
    SeveralKeys(Vec<String>),
    /// A key of an unknown kind.
    #[error("holds a private key of a kind that TLS has no use for: {0}")]
    Key(String),
    /// A key without a certificate.
    #[error("holds a private key, and no certificate that belongs to it")]
    NoCertificate,
}

/// Reads a JKS or PKCS#12 store.
///
/// # Errors
/// [`KeyStoreError`].
pub fn read(bytes: &[u8], password: &str) -> Result<KeyStore, KeyStoreError> {
    const JKS: [u8; 4] = [0xfe, 0xed, 0xfe, 0xed];
    const JCEKS: [u8; 4] = [0xce, 0xce, 0xce, 0xce];
    const SEQUENCE: u8 = 0x30;
    if let Some(rest) = bytes.strip_prefix(&JKS) {
        return jks::read(bytes, rest, password);
    }
    if bytes.starts_with(&JCEKS) {
        return Err(KeyStoreError::Jceks);
    }
    if bytes.starts_with(b"-----BEGIN") {
        return Err(KeyStoreError::Pem);
    }
    if bytes.first() != Some(&SEQUENCE) {
        return Err(KeyStoreError::Unknown);
    }
    pkcs12::read(bytes, password)
}

/// A PKCS#8 key and its name.
struct NamedKey {
    alias: String,
    key: PrivateKeyDer<'static>,
}

impl NamedKey {
    fn new(alias: &str, pkcs8: &[u8]) -> Self {
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(pkcs8.to_vec()));
        Self { alias: alias.to_owned(), key }
    }
}

/// The one key among them, or none.
fn only<T>(mut keys: Vec<T>, alias: impl Fn(&T) -> &str) -> Result<Option<T>, KeyStoreError> {
    if keys.len() > 1 {
        let aliases = keys.iter().map(|key| alias(key).to_owned()).collect();
        return Err(KeyStoreError::SeveralKeys(aliases));
    }
    Ok(keys.pop())
}

/// Whether `key` is the one that `certificate` speaks of. Certificates of X.509's first version, which
/// rustls does not read, are clients' often enough: they may be shown all the same.
///
/// # Errors
/// What is wrong with the key, in words.
pub(super) fn belongs(
    certificate: &CertificateDer<'static>,
    key: &PrivateKeyDer<'static>,
) -> Result<bool, String> {
    let signer = rustls::crypto::ring::sign::any_supported_type(key);
    let signer = signer.map_err(|error| error.to_string())?;
    let parsed = x509_parser::parse_x509_certificate(certificate).ok();
    let public = parsed.as_ref().map(|(_, parsed)| parsed.public_key().raw);
    Ok(public.is_some() && public == signer.public_key().as_deref())
}

#[cfg(test)]
mod tests;
