//! Authorities and certificates for tests, as files in a folder of their own.

use std::path::PathBuf;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
};
use tempfile::TempDir;

use crate::options::{Password, StoreFile, TlsIdentity, TlsOptions, TlsTrust};

/// What opens the stores.
pub(crate) const PASSWORD: &str = "a password nobody may see";

/// An authority and its folder.
pub(crate) struct Authority {
    pub(crate) dir: TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate and its key, PEM.
pub(crate) struct Pair {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        Self::of(params)
    }

    /// One whose certificate is of the years 2001 to 2002.
    pub(crate) fn expired() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.not_before = rcgen::date_time_ymd(2001, 1, 1);
        params.not_after = rcgen::date_time_ymd(2002, 1, 1);
        Self::of(params)
    }

    fn of(mut params: CertificateParams) -> Self {
        params.distinguished_name.push(DnType::CommonName, "authority");
        let key = KeyPair::generate().unwrap();
        let issuer = CertifiedIssuer::self_signed(params, key).unwrap();
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("ca.pem"), issuer.pem()).unwrap();
        Self { dir, issuer }
    }

    /// A certificate for these names.
    pub(crate) fn sign(&self, name: &str) -> Pair {
        self.sign_with(name, |_| ())
    }

    pub(crate) fn sign_with(
        &self,
        name: &str,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Pair {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Pair { certificate: certificate.pem(), key: key.serialize_pem() }
    }

    /// A file of the folder.
    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// Options that trust this authority.
    pub(crate) fn trusted(&self) -> TlsOptions {
        TlsOptions::new(TlsTrust::Pem(self.dir.path().join("ca.pem")))
    }

    /// Options with a client certificate too, in files of this name.
    pub(crate) fn with_identity(&self, name: &str, pair: &Pair) -> TlsOptions {
        let cert_chain = self.file(&format!("{name}.pem"), &pair.certificate);
        let key = self.file(&format!("{name}.key"), &pair.key);
        TlsOptions { identity: Some(TlsIdentity::Pem { cert_chain, key }), ..self.trusted() }
    }
}

/// A store with [`PASSWORD`].
pub(crate) fn store(path: PathBuf) -> StoreFile {
    StoreFile { path, password: Password::new(PASSWORD) }
}
