//! TLS errors in words that say what to mend. Pure.

use std::fmt;

use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError, Error};
use x509_parser::time::ASN1Time;

/// Begins the text of a [`TlsFailed`], by which it is known where only texts get through.
const MARK: &str = "TLS failed: ";

/// Why there is no secure connection, in words.
#[derive(Debug, Clone)]
pub(crate) struct TlsFailed(pub(crate) String);

impl fmt::Display for TlsFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{MARK}{}", self.0)
    }
}

impl std::error::Error for TlsFailed {}

impl TlsFailed {
    /// The words of one whose text went through other errors.
    pub(crate) fn words(text: &str) -> Option<&str> {
        text.strip_prefix(MARK)
    }
}

/// What a peer is checked against, for the words.
#[derive(Debug, Clone)]
pub(super) struct Sides {
    /// The file with the authorities.
    pub(super) trust: String,
    /// The file with this client's certificate.
    pub(super) own: Option<String>,
}

impl Sides {
    /// What `error` means with the peer at `host`.
    pub(super) fn explain(&self, host: &str, error: &Error) -> TlsFailed {
        TlsFailed(match error {
            Error::InvalidCertificate(error) => self.certificate(host, error),
            Error::AlertReceived(alert) => self.alert(*alert),
            Error::PeerIncompatible(why) => no_version(&format!("{why:?}")),
            Error::InvalidMessage(why) => {
                format!("what it answers is not TLS ({why:?}): is TLS off there?")
            }
            other => other.to_string(),
        })
    }

    fn certificate(&self, host: &str, error: &CertificateError) -> String {
        use CertificateError as E;
        let trust = &self.trust;
        match error {
            E::Expired => "its certificate has expired".to_owned(),
            E::ExpiredContext { time, not_after } => format!(
                "its certificate expired on {}; the time here is {}",
                date(*not_after),
                date(*time)
            ),
            E::NotValidYet => "its certificate is not valid yet".to_owned(),
            E::NotValidYetContext { time, not_before } => format!(
                "its certificate is not valid before {}; the time here is {}",
                date(*not_before),
                date(*time)
            ),
            E::UnknownIssuer | E::BadSignature => {
                format!("its certificate was signed by no authority in {trust}")
            }
            E::NotValidForName => format!("its certificate is not for the name {host}"),
            E::NotValidForNameContext { presented, .. } => format!(
                "its certificate is not for the name {host}, but for {}",
                presented.join(", ")
            ),
            other => format!("its certificate is refused, checked against {trust}: {other:?}"),
        }
    }

    fn alert(&self, alert: AlertDescription) -> String {
        use AlertDescription as A;
        match alert {
            A::ProtocolVersion => no_version("it refuses them"),
            A::CertificateRequired => "it asks for a client certificate, and none is set up: see \
                                       tikv.key_cert_chain or tikv.jks_key_path"
                .to_owned(),
            A::BadCertificate
            | A::CertificateExpired
            | A::CertificateRevoked
            | A::CertificateUnknown
            | A::DecryptError
            | A::UnknownCA
            | A::UnsupportedCertificate => match &self.own {
                Some(own) => format!("it refuses the client certificate of {own}: {alert:?}"),
                None => format!("it asks for a client certificate, and none is set up: {alert:?}"),
            },
            other => format!("it refuses the connection: {other:?}"),
        }
    }
}

fn no_version(why: &str) -> String {
    format!("TLS 1.2 and 1.3 are spoken here, and neither there: {why}")
}

/// A time as people read it.
fn date(time: UnixTime) -> String {
    let seconds = i64::try_from(time.as_secs()).ok();
    let date = seconds.and_then(|seconds| ASN1Time::from_timestamp(seconds).ok());
    date.map_or_else(|| time.as_secs().to_string(), |date| date.to_string())
}
