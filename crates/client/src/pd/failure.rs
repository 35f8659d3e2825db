//! Why a call to PD failed, and whether another try may do better. Pure.

use tifusion_proto::pdpb;

use crate::error::{ClientError, ErrorKind};
use crate::transport::{StatusCode, TransportError};

/// A failed call, shared by all who waited for it.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    pub(super) kind: ErrorKind,
    pub(super) message: String,
    /// The member, when it was one.
    pub(super) address: Option<String>,
    /// Whether another try, at another member or later, may succeed.
    pub(super) retry: bool,
    /// The member does not know the method: it is older than this client.
    pub(super) unimplemented: bool,
    source: Option<TransportError>,
}

impl Failure {
    /// A failure that may pass.
    pub(super) fn passing(message: impl Into<String>) -> Self {
        Self {
            kind: ErrorKind::Unavailable,
            message: message.into(),
            address: None,
            retry: true,
            unimplemented: false,
            source: None,
        }
    }

    /// A failure for good.
    pub(super) fn fatal(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, retry: false, ..Self::passing(message) }
    }

    /// At this member.
    pub(super) fn at(mut self, address: &str) -> Self {
        self.address.get_or_insert_with(|| address.to_owned());
        self
    }

    /// A call that brought no answer.
    pub(super) fn from_transport(error: TransportError) -> Self {
        let (address, brief) = match &error {
            TransportError::Connect { address, message } => (address, message.clone()),
            TransportError::Status { address, code, message } => {
                (address, format!("{code}: {message}"))
            }
            TransportError::Timeout { address, timeout } => {
                (address, format!("no answer within {timeout:?}"))
            }
            TransportError::Security { address, message } => (address, format!("TLS: {message}")),
        };
        let mut failure = match &error {
            TransportError::Security { .. } => Self::fatal(ErrorKind::Security, brief),
            TransportError::Status { message, .. } if message.contains("mismatch cluster id") => {
                Self::fatal(ErrorKind::InvalidInput, brief)
            }
            TransportError::Status { code: StatusCode::PermissionDenied, .. } => {
                Self::fatal(ErrorKind::Security, brief)
            }
            TransportError::Status { code: StatusCode::Unimplemented, .. } => {
                Self { unimplemented: true, ..Self::fatal(ErrorKind::Protocol, brief) }
            }
            _ => Self::passing(brief),
        };
        failure.address = Some(address.clone());
        failure.source = Some(error);
        failure
    }

    /// One line for a list: `PD at 127.0.0.1:2379: connection refused`.
    pub(super) fn brief(&self) -> String {
        match &self.address {
            Some(address) => format!("PD at {address}: {}", self.message),
            None => self.message.clone(),
        }
    }

    /// The error that ends the retries.
    pub(super) fn into_error(self) -> ClientError {
        let mut error = ClientError::new(self.kind, self.brief());
        if let Some(address) = self.address {
            error = error.with_address(address);
        }
        match self.source {
            Some(source) => error.with_source(source),
            None => error,
        }
    }

    /// One failure for those of all members that were asked.
    pub(super) fn of_all(failures: &[Self]) -> Self {
        let list: Vec<String> = failures.iter().map(Self::brief).collect();
        let list = list.join("; ");
        // One that may pass is reason enough to try again.
        let kind = match failures.iter().find(|failure| failure.retry) {
            Some(passing) => passing.kind,
            None => failures.first().map_or(ErrorKind::Unavailable, |failure| failure.kind),
        };
        Self {
            kind,
            retry: failures.is_empty() || failures.iter().any(|failure| failure.retry),
            ..Self::passing(format!("no PD leader was found: {list}"))
        }
    }
}

/// Checks what every answer of PD carries: no error, and the right cluster (`None`: any).
pub(super) fn check_header(
    header: Option<&pdpb::ResponseHeader>,
    cluster_id: Option<u64>,
) -> Result<u64, Failure> {
    let Some(header) = header else {
        return Err(Failure {
            kind: ErrorKind::Protocol,
            ..Failure::passing("an answer without a header")
        });
    };
    if let Some(error) = &header.error {
        match error.r#type() {
            pdpb::ErrorType::Ok => {}
            pdpb::ErrorType::IncompatibleVersion | pdpb::ErrorType::InvalidValue => {
                return Err(Failure::fatal(ErrorKind::Refused, describe(error)));
            }
            _ => return Err(Failure::passing(describe(error))),
        }
    }
    match cluster_id {
        Some(expected) if expected != header.cluster_id => Err(Failure::fatal(
            ErrorKind::InvalidInput,
            format!(
                "it belongs to cluster {}, not to {expected}: check the PD addresses",
                header.cluster_id
            ),
        )),
        _ => Ok(header.cluster_id),
    }
}

fn describe(error: &pdpb::Error) -> String {
    match error.r#type() {
        pdpb::ErrorType::NotBootstrapped => "the cluster has not started yet".to_owned(),
        kind => format!("{}: {}", kind.as_str_name(), error.message),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn header(cluster_id: u64, error: Option<pdpb::ErrorType>) -> pdpb::ResponseHeader {
        let error = error.map(|kind| pdpb::Error { r#type: kind.into(), message: "m".to_owned() });
        pdpb::ResponseHeader { cluster_id, error }
    }

    #[test]
    fn headers_are_checked() {
        assert_eq!(check_header(Some(&header(7, None)), Some(7)).unwrap(), 7);
        assert_eq!(check_header(Some(&header(7, None)), None).unwrap(), 7);
        assert!(check_header(Some(&header(7, Some(pdpb::ErrorType::Ok))), Some(7)).is_ok());
        let wrong = check_header(Some(&header(8, None)), Some(7)).unwrap_err();
        assert!(!wrong.retry && wrong.kind == ErrorKind::InvalidInput);
        assert!(wrong.message.contains('8') && wrong.message.contains('7'));
        assert!(check_header(None, Some(7)).unwrap_err().retry);
        let early = header(7, Some(pdpb::ErrorType::NotBootstrapped));
        let early = check_header(Some(&early), Some(7)).unwrap_err();
        assert!(early.retry && early.message.contains("not started"));
        let refused = header(7, Some(pdpb::ErrorType::InvalidValue));
        assert!(!check_header(Some(&refused), Some(7)).unwrap_err().retry);
    }

    #[test]
    fn transport_errors_say_whether_to_retry() {
        let status = |code, message: &str| {
            let (address, message) = ("a:1".to_owned(), message.to_owned());
            Failure::from_transport(TransportError::Status { address, code, message })
        };
        assert!(status(StatusCode::Unavailable, "not leader").retry);
        assert!(status(StatusCode::Other, "rpc error").retry);
        assert!(status(StatusCode::Unimplemented, "?").unimplemented);
        let wrong = status(StatusCode::Other, "mismatch cluster id, need 1 but got 2");
        assert!(!wrong.retry && wrong.kind == ErrorKind::InvalidInput);
        let timeout = Duration::from_secs(3);
        let late = TransportError::Timeout { address: "a:1".to_owned(), timeout };
        assert_eq!(Failure::from_transport(late).brief(), "PD at a:1: no answer within 3s");
        let tls =
            TransportError::Security { address: "a:1".to_owned(), message: "expired".to_owned() };
        let tls = Failure::from_transport(tls);
        assert!(!tls.retry && tls.kind == ErrorKind::Security);
    }

    #[test]
    fn a_list_of_failures_names_every_member() {
        let all =
            [Failure::passing("connection refused").at("a:1"), Failure::passing("x").at("b:1")];
        let failure = Failure::of_all(&all);
        assert!(failure.retry);
        let text = failure.into_error().to_string();
        assert!(text.contains("PD at a:1: connection refused; PD at b:1: x"), "{text}");
        let tls = Failure::fatal(ErrorKind::Security, "expired").at("a:1");
        let failure = Failure::of_all(std::slice::from_ref(&tls));
        assert!(!failure.retry && failure.kind == ErrorKind::Security);
        let failure = Failure::of_all(&[tls, Failure::passing("y").at("b:1")]);
        assert!(failure.retry && failure.kind == ErrorKind::Unavailable);
    }
}
