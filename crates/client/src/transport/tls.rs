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

/// A certificate of an authority whose key nobody has.
#[cfg(test)]
pub(super) const TEST_CA: &str = "\
-----BEGIN CERTIFICATE-----
MIIBejCCASGgAwIBAgIUS9KBgOAzmOQwV6v/zH7JaUbn3dYwCgYIKoZIzj0EAwIw
EjEQMA4GA1UEAwwHdGVzdCBDQTAgFw0yNjExMjIwMjAzMTdaGA8yMTI2MTAyOTAy
MDMxN1owEjEQMA4GA1UEAwwHdGVzdCBDQTBZMBMGByqGSM49AgEGCCqGSM49AwEH
A0IABH5wn/rE/lHKMJI9lGje5SU+3ersuC23nS+rTVLKZlPv/x9cLFWRs4ZVfmdc
U59dI8AQHoZIz3PAuBNMzMBzMpCjUzBRMB0GA1UdDgQWBBQF+bGmUTROogirGl8H
ct14h6kxXTAfBgNVHSMEGDAWgBQF+bGmUTROogirGl8Hct14h6kxXTAPBgNVHRMB
Af8EBTADAQH/MAoGCCqGSM49BAMCA0cAMEQCICF6hcMHEKtpGxtqDSFKmNp+PTsc
8VJVA9kV1COPcC3mAiBf2NHAy0bu2BFsKdlj+4r8x7H1r79liDUhFPydm3rAiQ==
-----END CERTIFICATE-----
";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::TlsIdentity;

    fn write(dir: &tempfile::TempDir, name: &str, text: &str) -> std::path::PathBuf {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    #[test]
    fn each_file_that_is_wrong_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let good = write(&dir, "good.pem", TEST_CA);
        let missing = dir.path().join("missing.pem");
        let text = write(&dir, "text.pem", "hello");
        let cut = write(&dir, "cut.pem", TEST_CA.get(..200).unwrap());
        for bad in [&missing, &text, &cut] {
            let name = bad.file_name().unwrap().to_str().unwrap();
            let as_ca = TlsOptions { ca: bad.clone(), identity: None };
            let identity = TlsIdentity { cert_chain: bad.clone(), key: good.clone() };
            let as_chain = TlsOptions { ca: good.clone(), identity: Some(identity) };
            for options in [as_ca, as_chain] {
                let error = client_config(&options).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Security);
                assert!(error.to_string().contains(name), "{error}");
            }
        }
        client_config(&TlsOptions { ca: good, identity: None }).unwrap();
    }

    #[test]
    fn a_certificate_is_no_key() {
        let dir = tempfile::tempdir().unwrap();
        let good = write(&dir, "good.pem", TEST_CA);
        let identity = TlsIdentity { cert_chain: good.clone(), key: good.clone() };
        let error = client_config(&TlsOptions { ca: good, identity: Some(identity) }).unwrap_err();
        assert!(error.to_string().contains("no private key"), "{error}");
        assert!(!error.to_string().contains("BEGIN"), "{error}");
    }
}
