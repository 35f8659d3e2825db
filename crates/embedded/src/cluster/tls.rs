//! TLS as the servers speak it.

use std::sync::Arc;

use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::{Error as PemError, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};

/// Versions of TLS that servers speak.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TlsVersions {
    /// 1.2 and 1.3.
    #[default]
    All,
    /// 1.2 alone, as servers of some years ago do.
    Only12,
    /// 1.3 alone.
    Only13,
}

impl TlsVersions {
    fn supported(self) -> Vec<&'static SupportedProtocolVersion> {
        match self {
            Self::All => vec![&TLS13, &TLS12],
            Self::Only12 => vec![&TLS12],
            Self::Only13 => vec![&TLS13],
        }
    }
}

/// PEM texts with which PD and the stores prove who they are.
#[derive(Clone)]
pub struct ServerTls {
    /// The servers' certificate chain; it must be good for `127.0.0.1`.
    pub cert_chain: String,
    /// Its private key.
    pub key: String,
    /// Certificates that may sign clients' certificates; with them, clients must have one.
    pub client_ca: Option<String>,
    /// What is spoken.
    pub versions: TlsVersions,
}

impl std::fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerTls")
            .field("client_ca", &self.client_ca.is_some())
            .field("versions", &self.versions)
            .finish_non_exhaustive()
    }
}

/// Why servers cannot speak TLS by what they were given.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerTlsError {
    /// A text is no PEM of what it should be.
    #[error("the {0} cannot be read")]
    Pem(&'static str, #[source] PemError),
    /// Certificate and key do not go together, or are of a kind that is not spoken.
    #[error("the certificate and its key cannot be used")]
    Identity(#[source] rustls::Error),
    /// No client can be told from others by these authorities.
    #[error("the authorities of clients cannot be used")]
    Clients(#[source] VerifierBuilderError),
    /// There is nothing to replace.
    #[error("the cluster was started without TLS")]
    Off,
}

impl ServerTls {
    /// What a server shakes hands by.
    pub(super) fn config(&self) -> Result<Arc<ServerConfig>, ServerTlsError> {
        let chain = certificates("certificate chain", &self.cert_chain)?;
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes())
            .map_err(|error| ServerTlsError::Pem("private key", error))?;
        let provider = Arc::new(default_provider());
        let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&self.versions.supported())
            .map_err(ServerTlsError::Identity)?;
        let config = match &self.client_ca {
            None => config.with_no_client_auth(),
            Some(authorities) => {
                let mut roots = RootCertStore::empty();
                for authority in certificates("authorities of clients", authorities)? {
                    roots.add(authority).map_err(ServerTlsError::Identity)?;
                }
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
                config.with_client_cert_verifier(verifier.map_err(ServerTlsError::Clients)?)
            }
        };
        let mut config = config.with_single_cert(chain, key).map_err(ServerTlsError::Identity)?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(Arc::new(config))
    }
}

fn certificates(
    what: &'static str,
    pem: &str,
) -> Result<Vec<CertificateDer<'static>>, ServerTlsError> {
    CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|error| ServerTlsError::Pem(what, error))
}
