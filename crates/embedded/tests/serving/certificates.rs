//! Authorities, certificates and the files and stores they come in.

use std::path::PathBuf;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tifusion_client::options::{Password, StoreFile, TlsIdentity, TlsOptions, TlsTrust};
use tifusion_embedded::{ServerTls, TlsVersions};

use crate::keystores::{Entry, jks, pkcs12};

/// What opens the stores.
pub(crate) const PASSWORD: &str = "hunter2-of-the-stores";

/// What certificates and keys come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Pem,
    Jks,
    Pkcs12,
}

pub(crate) const FORMS: [Form; 3] = [Form::Pem, Form::Jks, Form::Pkcs12];

/// Who signs.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key.
#[derive(Clone)]
pub(crate) struct Signed {
    certificate: Vec<u8>,
    pem: String,
    key: Vec<u8>,
    key_pem: String,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "authority");
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    pub(crate) fn sign(&self, name: &str) -> Signed {
        self.sign_until(name, 4000)
    }

    /// A certificate that holds until the first day of a year.
    pub(crate) fn sign_until(&self, name: &str, year: i32) -> Signed {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Signed {
            certificate: certificate.der().to_vec(),
            pem: certificate.pem(),
            key: key.serialize_der(),
            key_pem: key.serialize_pem(),
        }
    }
}

impl Signed {
    /// With the key of another.
    pub(crate) fn with_key_of(self, other: &Self) -> Self {
        Self { key: other.key.clone(), key_pem: other.key_pem.clone(), ..self }
    }

    #[allow(dead_code, reason = "for the tests of SQL")]
    /// Parts of the private key, in every way in which bytes are shown.
    pub(crate) fn spellings_of_the_key(&self) -> Vec<String> {
        let part = &self.key[40..56];
        let line = self.key_pem.lines().nth(1).unwrap();
        let debug = format!("{part:?}");
        let hex: String = part.iter().map(|byte| format!("{byte:02x}")).collect();
        vec![
            line.get(8..40).unwrap().to_owned(),
            debug.trim_matches(['[', ']']).to_owned(),
            hex.to_uppercase(),
            hex,
            "PRIVATE KEY".to_owned(),
        ]
    }

    /// For servers that take clients of these authorities.
    pub(crate) fn server(&self, client_ca: Option<String>) -> ServerTls {
        let (cert_chain, key) = (self.pem.clone(), self.key_pem.clone());
        ServerTls { cert_chain, key, client_ca, versions: TlsVersions::All }
    }
}

/// Files of a client.
pub(crate) struct Files {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) form: Form,
    pub(crate) password: String,
}

impl Files {
    pub(crate) fn new(form: Form) -> Self {
        Self { dir: tempfile::tempdir().unwrap(), form, password: PASSWORD.to_owned() }
    }

    fn path(&self, name: &str) -> PathBuf {
        let ending = match self.form {
            Form::Pem => "pem",
            Form::Jks => "jks",
            Form::Pkcs12 => "p12",
        };
        self.dir.path().join(format!("{name}.{ending}"))
    }

    /// Replaces a file as a whole, as those who rotate certificates do.
    fn write(&self, path: PathBuf, content: impl AsRef<[u8]>) {
        let new = self.dir.path().join("new");
        std::fs::write(&new, content).unwrap();
        std::fs::rename(new, path).unwrap();
    }

    pub(crate) fn trust(&self, authorities: &[&Authority]) {
        let entry = |authority: &&Authority| Entry::trusted(authority.0.der());
        let entries: Vec<_> = authorities.iter().map(entry).collect();
        let content = match self.form {
            Form::Pem => authorities.iter().map(|it| it.pem()).collect::<String>().into_bytes(),
            Form::Jks => jks(PASSWORD, &entries),
            Form::Pkcs12 => pkcs12(PASSWORD, &entries),
        };
        self.write(self.path("trust"), content);
    }

    pub(crate) fn identity(&self, signed: &Signed) {
        let entry = [Entry::with_key(&signed.certificate, &signed.key)];
        match self.form {
            Form::Pem => {
                self.write(self.path("client"), &signed.pem);
                self.write(self.path("client-key"), &signed.key_pem);
            }
            Form::Jks => self.write(self.path("client"), jks(PASSWORD, &entry)),
            Form::Pkcs12 => self.write(self.path("client"), pkcs12(PASSWORD, &entry)),
        }
    }

    pub(crate) fn forget(&self, name: &str) {
        std::fs::remove_file(self.path(name)).unwrap();
    }

    pub(crate) fn options(&self, with_identity: bool) -> TlsOptions {
        let store =
            |name| StoreFile { path: self.path(name), password: Password::new(&self.password) };
        let (trust, identity) = if self.form == Form::Pem {
            let identity =
                TlsIdentity::Pem { cert_chain: self.path("client"), key: self.path("client-key") };
            (TlsTrust::Pem(self.path("trust")), identity)
        } else {
            (TlsTrust::Store(store("trust")), TlsIdentity::Store(store("client")))
        };
        TlsOptions { identity: with_identity.then_some(identity), ..TlsOptions::new(trust) }
    }
}
