//! TLS from PEM files.

use std::path::Path;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tonic::transport::{Certificate, ClientTlsConfig, Identity};

use crate::error::{ClientError, ErrorKind, Result};
use crate::options::TlsOptions;

/// Reads the files and checks that each holds what it should. Errors name files, never their bytes.
pub(super) fn client_config(options: &TlsOptions) -> Result<ClientTlsConfig> {
    let ca = certificates(&options.ca)?;
    let config = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(ca));
    let Some(identity) = &options.identity else { return Ok(config) };
    let chain = certificates(&identity.cert_chain)?;
    let key = read(&identity.key)?;
    if PrivateKeyDer::from_pem_slice(&key).is_err() {
        return Err(wrong(&identity.key, "holds no private key in PEM form"));
    }
    Ok(config.identity(Identity::from_pem(chain, key)))
}

fn certificates(path: &Path) -> Result<Vec<u8>> {
    let pem = read(path)?;
    let mut found = 0_usize;
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        certificate.map_err(|_| wrong(path, "is not in PEM form"))?;
        found += 1;
    }
    if found == 0 {
        return Err(wrong(path, "holds no certificate in PEM form"));
    }
    Ok(pem)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|error| wrong(path, &format!("cannot be read: {error}")))
}

fn wrong(path: &Path, what: &str) -> ClientError {
    ClientError::new(ErrorKind::Security, format!("the TLS file {} {what}", path.display()))
}
