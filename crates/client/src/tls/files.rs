//! The files of the TLS options: read, checked, made what connections are made with. Errors name the file,
//! never what is in it.

use std::path::Path;
use std::sync::Arc;

use ring::digest::{Context, Digest, SHA256};
use rustls::pki_types::pem::{Error as PemError, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, RootCertStore};
use x509_parser::time::ASN1Time;

use super::explain::Sides;
use super::keystore::{self, Identity, KeyStore};
use crate::error::{ClientError, ErrorKind, Result};
use crate::options::{StoreFile, TlsIdentity, TlsOptions, TlsTrust};

/// The bytes of all files, in the order of [`paths`].
pub(super) struct Files<'a> {
    options: &'a TlsOptions,
    read: Vec<(&'a Path, Vec<u8>)>,
}

impl<'a> Files<'a> {
    /// Reads them.
    ///
    /// # Errors
    /// [`ErrorKind::Security`] for one that cannot be read.
    pub(super) fn read(options: &'a TlsOptions) -> Result<Self> {
        let read = |path: &'a Path| {
            let bytes = std::fs::read(path);
            let bytes = bytes.map_err(|error| wrong(path, &format!("cannot be read: {error}")))?;
            Ok((path, bytes))
        };
        Ok(Self { options, read: paths(options).into_iter().map(read).collect::<Result<_>>()? })
    }

    /// What tells these bytes from others.
    pub(super) fn fingerprint(&self) -> Vec<u8> {
        let mut context = Context::new(&SHA256);
        for (_, bytes) in &self.read {
            let digest: Digest = ring::digest::digest(&SHA256, bytes);
            context.update(digest.as_ref());
        }
        context.finish().as_ref().to_vec()
    }

    /// What connections are made with.
    ///
    /// # Errors
    /// [`ErrorKind::Security`] for a file that does not hold what it should, or whose certificates are out of
    /// date, and for a key that does not belong to its certificate.
    pub(super) fn config(&self) -> Result<ClientConfig> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(|error| ClientError::new(ErrorKind::Security, error.to_string()))?
            .with_root_certificates(self.roots()?);
        let mut config = match self.identity()? {
            None => config.with_no_client_auth(),
            Some((path, Identity { chain, key })) => {
                let signer = rustls::crypto::ring::sign::any_supported_type(&key)
                    .map_err(|error| wrong(path, &format!("cannot be used: {error}")))?;
                let own = SingleCertAndKey::from(CertifiedKey::new(chain, signer));
                config.with_client_cert_resolver(Arc::new(own))
            }
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(config)
    }

    fn bytes(&self, path: &Path) -> &[u8] {
        let file = self.read.iter().find(|(read, _)| *read == path);
        file.map_or(&[], |(_, bytes)| bytes)
    }

    fn roots(&self) -> Result<RootCertStore> {
        let (path, certificates) = match &self.options.trust {
            TlsTrust::Pem(path) => (path, self.pem_certificates(path)?),
            TlsTrust::Store(file) => {
                let authorities = self.open(file)?.authorities;
                if authorities.is_empty() {
                    return Err(wrong(&file.path, "holds no certificate to trust"));
                }
                (&file.path, authorities)
            }
        };
        let (mut roots, mut late) = (RootCertStore::empty(), None);
        for certificate in certificates {
            // An anchor's dates are nobody's business but ours: the check of a chain passes them over.
            match out_of_date(&certificate) {
                Some(why) => late = Some(why),
                None => roots.add(certificate).map_err(|error| {
                    wrong(path, &format!("holds a certificate that cannot be used: {error}"))
                })?,
            }
        }
        match late {
            Some(why) if roots.is_empty() => Err(wrong(path, &why)),
            Some(why) => {
                tracing::warn!(file = %path.display(), %why, "an authority is passed over");
                Ok(roots)
            }
            None => Ok(roots),
        }
    }

    fn identity(&self) -> Result<Option<(&Path, Identity)>> {
        let (path, identity) = match &self.options.identity {
            None => return Ok(None),
            Some(TlsIdentity::Pem { cert_chain, key }) => {
                let chain = self.pem_certificates(cert_chain)?;
                (cert_chain, Identity { chain, key: self.pem_key(cert_chain, key)? })
            }
            Some(TlsIdentity::Store(file)) => {
                let identity = self.open(file)?.identity;
                (&file.path, identity.ok_or_else(|| wrong(&file.path, "holds no private key"))?)
            }
        };
        // Those above it may be there for the sake of old servers.
        match identity.chain.first().and_then(out_of_date) {
            Some(why) => Err(wrong(path, &why)),
            None => Ok(Some((path, identity))),
        }
    }

    fn open(&self, file: &StoreFile) -> Result<KeyStore> {
        let opened = keystore::read(self.bytes(&file.path), file.password.expose());
        opened.map_err(|error| wrong(&file.path, &error.to_string()).with_source(error))
    }

    fn pem_certificates(&self, path: &Path) -> Result<Vec<CertificateDer<'static>>> {
        let read = CertificateDer::pem_slice_iter(self.bytes(path));
        let certificates = read.collect::<Result<Vec<_>, _>>();
        let certificates = certificates.map_err(|_| wrong(path, "is not in PEM form"))?;
        if certificates.is_empty() {
            return Err(wrong(path, "holds no certificate in PEM form"));
        }
        Ok(certificates)
    }

    /// The key of a certificate.
    fn pem_key(&self, cert_chain: &Path, path: &Path) -> Result<PrivateKeyDer<'static>> {
        let bytes = self.bytes(path);
        let key = PrivateKeyDer::from_pem_slice(bytes).map_err(|error| match error {
            PemError::NoItemsFound if is_encrypted(bytes) => {
                wrong(path, "holds a private key under a password: take the password off, or use a PKCS#12 store")
            }
            _ => wrong(path, "holds no private key in PEM form"),
        })?;
        let chain = self.pem_certificates(cert_chain)?;
        let belongs = chain.first().map_or(Ok(false), |own| keystore::belongs(own, &key));
        match belongs {
            Ok(true) => Ok(key),
            Ok(false) => {
                let of =
                    format!("holds a private key that is not the one of {}", cert_chain.display());
                Err(wrong(path, &of))
            }
            Err(error) => {
                Err(wrong(path, &format!("holds a private key that cannot be used: {error}")))
            }
        }
    }
}

/// The files, in words.
pub(super) fn sides(options: &TlsOptions) -> Sides {
    let trust = match &options.trust {
        TlsTrust::Pem(path) | TlsTrust::Store(StoreFile { path, .. }) => path,
    };
    let own = options.identity.as_ref().map(|identity| match identity {
        TlsIdentity::Pem { cert_chain: path, .. } | TlsIdentity::Store(StoreFile { path, .. }) => {
            path.display().to_string()
        }
    });
    Sides { trust: trust.display().to_string(), own }
}

fn paths(options: &TlsOptions) -> Vec<&Path> {
    let mut paths: Vec<&Path> = Vec::new();
    match &options.trust {
        TlsTrust::Pem(path) => paths.push(path),
        TlsTrust::Store(file) => paths.push(&file.path),
    }
    match &options.identity {
        None => {}
        Some(TlsIdentity::Pem { cert_chain, key }) => {
            paths.extend([cert_chain.as_path(), key.as_path()]);
        }
        Some(TlsIdentity::Store(file)) => paths.push(&file.path),
    }
    paths
}

fn is_encrypted(pem: &[u8]) -> bool {
    const LABEL: &[u8] = b"BEGIN ENCRYPTED PRIVATE KEY";
    pem.windows(LABEL.len()).any(|window| window == LABEL)
}

/// Why a certificate does not count now, in words.
fn out_of_date(certificate: &CertificateDer<'static>) -> Option<String> {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
    let (validity, now) = (parsed.validity(), ASN1Time::now());
    let subject = parsed.subject();
    if now > validity.not_after {
        return Some(format!(
            "holds a certificate of {subject} that expired on {}",
            validity.not_after
        ));
    }
    (now < validity.not_before).then(|| {
        format!("holds a certificate of {subject} that is not valid before {}", validity.not_before)
    })
}

fn wrong(path: &Path, what: &str) -> ClientError {
    ClientError::new(ErrorKind::Security, format!("the TLS file {} {what}", path.display()))
}

#[cfg(test)]
#[path = "files_tests.rs"]
mod tests;
