//! TLS to TiDB's SQL port, from the files of `jdbc.*`.

use std::path::{Path, PathBuf};

use mysql_async::{ClientIdentity, SslOpts};
use pem::{Pem, encode, encode_many};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tifusion_client::tls::keystore::{self, KeyStore, KeyStoreError};

use super::error::SqlPortError;
use crate::config::{Secret, Settings};

const SERVER_STORE: &str = "jdbc.server_cert_store";
const CLIENT_STORE: &str = "jdbc.client_cert_store";

/// Whom to trust, and who this client is.
#[derive(Debug, Clone)]
pub(super) struct TlsStores {
    /// `None`: the server is not verified.
    server: Option<Store>,
    client: Option<Store>,
}

/// A file with certificates, with a key perhaps.
#[derive(Debug, Clone)]
struct Store {
    key: &'static str,
    path: PathBuf,
    password: Secret,
}

/// What a store holds, as PEM.
struct Contents {
    certificates: Vec<u8>,
    /// The private key, if there is one.
    key: Option<Vec<u8>>,
}

impl Contents {
    /// The driver takes PEM alone.
    fn of(store: KeyStore) -> Self {
        let certificates = |of: &[CertificateDer<'static>]| {
            let pem = of.iter().map(|it| Pem::new("CERTIFICATE", it.as_ref()));
            encode_many(&pem.collect::<Vec<_>>()).into_bytes()
        };
        match store.identity {
            Some(identity) => {
                let key = Pem::new("PRIVATE KEY", identity.key.secret_der());
                let certificates =
                    [certificates(&identity.chain), certificates(&store.authorities)];
                Self { certificates: certificates.concat(), key: Some(encode(&key).into_bytes()) }
            }
            None => Self { certificates: certificates(&store.authorities), key: None },
        }
    }
}

impl TlsStores {
    pub(super) fn of(settings: &Settings) -> Self {
        let store = |key, path: &Option<PathBuf>, password: &Secret| {
            let (path, password) = (path.clone()?, password.clone());
            Some(Store { key, path, password })
        };
        let server = &settings.jdbc_server_store;
        let client = &settings.jdbc_client_store;
        Self {
            server: store(SERVER_STORE, server, &settings.jdbc_server_password),
            client: store(CLIENT_STORE, client, &settings.jdbc_client_password),
        }
    }

    /// Reads the files.
    ///
    /// # Errors
    /// [`SqlPortError::Store`], which names the file and never shows its content.
    pub(super) fn read(&self) -> Result<SslOpts, SqlPortError> {
        // The driver takes the process's provider of cryptography. It is named here where nobody did, for where
        // several are compiled in there is none by itself.
        if CryptoProvider::get_default().is_none() {
            let _ = ring::default_provider().install_default();
        }
        let mut options = SslOpts::default();
        match &self.server {
            Some(store) => {
                let trusted = store.contents()?.certificates;
                if trusted.is_empty() {
                    return Err(store.wrong("holds no certificate of an authority"));
                }
                options =
                    options.with_root_certs(vec![trusted.into()]).with_disable_built_in_roots(true);
            }
            None => {
                tracing::warn!(
                    "{SERVER_STORE} is not set: connections to TiDB's SQL port are encrypted, but whoever \
                     answers there is taken for TiDB"
                );
                options = options
                    .with_danger_accept_invalid_certs(true)
                    .with_danger_skip_domain_validation(true);
            }
        }
        let Some(store) = &self.client else { return Ok(options) };
        let Contents { certificates, key } = store.contents()?;
        let key = key.ok_or_else(|| store.wrong("holds no private key"))?;
        let identity = ClientIdentity::new(certificates.into(), key.into());
        Ok(options.with_client_identity(Some(identity)))
    }
}

impl Store {
    /// What the file holds, whatever its form.
    fn contents(&self) -> Result<Contents, SqlPortError> {
        let bytes = std::fs::read(&self.path)
            .map_err(|error| self.wrong(&format!("can't be read: {error}")))?;
        match keystore::read(&bytes, self.password.expose()) {
            Ok(store) => Ok(Contents::of(store)),
            // In PEM there may be words before the first certificate.
            Err(KeyStoreError::Pem | KeyStoreError::Unknown) => self.pem(bytes),
            Err(error) => Err(self.wrong(&error.to_string())),
        }
    }

    fn pem(&self, bytes: Vec<u8>) -> Result<Contents, SqlPortError> {
        let mut found = false;
        for certificate in CertificateDer::pem_slice_iter(&bytes) {
            certificate.map_err(|_| self.wrong("is not in PEM form"))?;
            found = true;
        }
        if !found {
            return Err(
                self.wrong("holds no certificate, in PEM form or in a JKS or PKCS#12 store")
            );
        }
        if !self.password.expose().is_empty() {
            tracing::warn!(
                "the password for {} is not needed: {} is in PEM form",
                self.key,
                self.path.display()
            );
        }
        let key = PrivateKeyDer::from_pem_slice(&bytes).is_ok().then(|| bytes.clone());
        Ok(Contents { certificates: bytes, key })
    }

    fn wrong(&self, reason: &str) -> SqlPortError {
        let (key, path, reason) = (self.key, Path::to_path_buf(&self.path), reason.to_owned());
        SqlPortError::Store { key, path, reason }
    }
}
