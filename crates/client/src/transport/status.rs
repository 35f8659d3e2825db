//! From gRPC's failures to [`TransportError`]. Pure.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use tonic::{Code, Status};

use super::{StatusCode, TransportError};
use crate::tls::TlsFailed;

/// What a failed call to `address`, given `timeout`, means.
pub(crate) fn transport_error(address: &str, timeout: Duration, status: &Status) -> TransportError {
    let address = address.to_owned();
    let causes = Causes::of(status);
    if let Some(words) = TlsFailed::words(&causes.deepest) {
        return TransportError::Security { address, message: words.to_owned() };
    }
    if causes.connect {
        return TransportError::Connect { address, message: causes.deepest };
    }
    if causes.expired || status.code() == Code::DeadlineExceeded {
        return TransportError::Timeout { address, timeout };
    }
    let code = status.code();
    // A status with a source was made on this side, of a connection that went away.
    if status.source().is_some() && matches!(code, Code::Cancelled | Code::Unknown) {
        let message = format!(
            "{}: {} (does the peer ask for TLS, or for a client certificate?)",
            status.message(),
            causes.deepest
        );
        return TransportError::Status { address, code: StatusCode::Unavailable, message };
    }
    TransportError::Status { address, code: code_of(code), message: status.message().to_owned() }
}

fn code_of(code: Code) -> StatusCode {
    match code {
        Code::Unavailable => StatusCode::Unavailable,
        Code::DeadlineExceeded => StatusCode::DeadlineExceeded,
        Code::Cancelled => StatusCode::Cancelled,
        // "Out of range" is what this side says of a message above its limit.
        Code::ResourceExhausted | Code::OutOfRange => StatusCode::ResourceExhausted,
        Code::Unimplemented => StatusCode::Unimplemented,
        Code::PermissionDenied | Code::Unauthenticated => StatusCode::PermissionDenied,
        _ => StatusCode::Other,
    }
}

/// What the chain of sources below a status tells.
#[derive(Debug, Default)]
struct Causes {
    /// No connection was made.
    connect: bool,
    /// The request's own timeout fired below.
    expired: bool,
    /// The words of the deepest source.
    deepest: String,
}

impl Causes {
    fn of(status: &Status) -> Self {
        let mut causes = Self::default();
        let mut next = status.source();
        while let Some(error) = next {
            causes.connect |= error.is::<tonic::ConnectError>();
            causes.expired |= error.is::<tonic::TimeoutExpired>();
            causes.deepest = error.to_string();
            next = inside(error);
        }
        causes
    }
}

/// The next source; an I/O error skips the error it was made of, so that one is looked at first.
fn inside<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a (dyn StdError + 'static)> {
    let made_of = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    made_of.map(|inner| inner as &(dyn StdError + 'static)).or_else(|| error.source())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(3);

    fn map(status: &Status) -> TransportError {
        transport_error("h:1", TIMEOUT, status)
    }

    #[test]
    fn a_peers_status_keeps_its_code_and_words() {
        let told = map(&Status::resource_exhausted("message too large"));
        let TransportError::Status { address, code, message } = told else { panic!("{told:?}") };
        assert_eq!((address.as_str(), code), ("h:1", StatusCode::ResourceExhausted));
        assert_eq!(message, "message too large");
        let told = map(&Status::unauthenticated("who?"));
        assert!(matches!(told, TransportError::Status { code: StatusCode::PermissionDenied, .. }));
        let told = map(&Status::data_loss("?"));
        assert!(matches!(told, TransportError::Status { code: StatusCode::Other, .. }));
    }

    #[test]
    fn a_refused_connection_is_told_from_an_unavailable_peer() {
        let refused = io::Error::new(io::ErrorKind::ConnectionRefused, "refused by the port");
        let error: Box<dyn StdError + Send + Sync> =
            Box::new(tonic::ConnectError(Box::new(refused)));
        let told = map(&Status::from_error(error));
        let TransportError::Connect { address, message } = told else { panic!("{told:?}") };
        assert_eq!((address.as_str(), message.as_str()), ("h:1", "refused by the port"));
        let told = map(&Status::unavailable("going away"));
        assert!(matches!(told, TransportError::Status { code: StatusCode::Unavailable, .. }));
    }

    #[test]
    fn a_tls_failure_is_found_below_others() {
        let tls = io::Error::new(io::ErrorKind::InvalidData, TlsFailed("wrong name".to_owned()));
        let below_http = io::Error::new(io::ErrorKind::InvalidData, tls.to_string());
        let errors: [Box<dyn StdError + Send + Sync>; 2] =
            [Box::new(tonic::ConnectError(Box::new(tls))), Box::new(below_http)];
        for error in errors {
            let told = map(&Status::from_error(error));
            let TransportError::Security { message, .. } = told else { panic!("{told:?}") };
            assert_eq!(message, "wrong name");
        }
    }

    #[test]
    fn a_deadline_on_either_side_is_a_timeout() {
        let told = map(&Status::deadline_exceeded("too slow"));
        assert!(matches!(told, TransportError::Timeout { timeout: TIMEOUT, .. }));
    }
}
