//! PKCS#12.

use p12_keystore::error::Error;
use p12_keystore::{CertificateBag, Pkcs12Archive};
use rustls::pki_types::CertificateDer;

use super::{Identity, KeyStore, KeyStoreError, NamedKey, belongs, only};

/// Reads a store. Which certificate is the key's is seen by its public key, for not every program says so.
pub(super) fn read(bytes: &[u8], password: &str) -> Result<KeyStore, KeyStoreError> {
    let archive = Pkcs12Archive::from_pkcs12(bytes, password).map_err(in_words)?;
    let named = archive.keys.iter().map(|bag| {
        NamedKey::new(bag.friendly_name.as_deref().unwrap_or("unnamed"), bag.key.as_der())
    });
    let key = only(named.collect(), |key| &key.alias)?;
    let Some(NamedKey { key, .. }) = key else {
        let authorities = archive.certs.iter().map(der).collect();
        return Ok(KeyStore { authorities, identity: None });
    };
    let mut own = None;
    for bag in &archive.certs {
        if belongs(&der(bag), &key).map_err(KeyStoreError::Key)? {
            own = Some(bag);
            break;
        }
    }
    let own = own.ok_or(KeyStoreError::NoCertificate)?;
    let others = archive.certs.iter().filter(|bag| bag.cert != own.cert);
    Ok(KeyStore {
        authorities: others.map(der).collect(),
        identity: Some(Identity { chain: chain(own, &archive.certs), key }),
    })
}

/// The certificate, that of its issuer, and so on, each once.
fn chain(own: &CertificateBag, all: &[CertificateBag]) -> Vec<CertificateDer<'static>> {
    let mut chain = vec![own];
    while let Some(last) = chain.last() {
        let above = all.iter().find(|bag| {
            bag.cert.subject() == last.cert.issuer()
                && !chain.iter().any(|earlier| earlier.cert == bag.cert)
        });
        let Some(above) = above else { break };
        chain.push(above);
    }
    chain.into_iter().map(der).collect()
}

fn der(bag: &CertificateBag) -> CertificateDer<'static> {
    CertificateDer::from(bag.cert.as_der().to_vec())
}

fn in_words(error: Error) -> KeyStoreError {
    match error {
        Error::MacError(_) | Error::Pkcs5Error(_) | Error::UnpadError => KeyStoreError::Password,
        other => KeyStoreError::Damaged(other.to_string()),
    }
}
