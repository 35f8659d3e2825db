//! What to do when no answer came: a pure table.

use crate::backoff::BackoffKind;
use crate::error::ErrorKind;
use crate::transport::{StatusCode, TransportError};

/// Tries on one peer whose certificate does not hold: certificates are replaced while clusters run.
const SECURITY_ATTEMPTS: u32 = 8;

/// Tries on one peer that says a resource is exhausted: its queue may drain, a message that is too
/// large will not shrink.
const EXHAUSTED_ATTEMPTS: u32 = 4;

/// What the sender does about a transport error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TransportAction {
    /// Pass this peer over, after the wait.
    TryOtherPeer {
        /// Close the connections to the store, they may be dead.
        disconnect: bool,
        /// Ask PD for the store's address again.
        check_store: bool,
    },
    /// The peer was too slow for the request's own short limit: ask a follower, without a wait.
    OutOfTime,
    /// The task takes longer than a task may: ask for less.
    AskForLess,
    /// The same peer again, after the wait.
    RetrySame { backoff: BackoffKind },
    /// No retry can help.
    Fatal { kind: ErrorKind },
}

/// How long an answer of the store may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    /// Not long, whatever is asked.
    Short,
    /// Long, but the time does not depend on how much is asked.
    Long,
    /// Long, and the longer the more is asked.
    Task,
}

/// The action for `error` after this many attempts on the peer.
pub(super) fn classify(error: &TransportError, peer_attempts: u32, pace: Pace) -> TransportAction {
    let other = |lost: bool| TransportAction::TryOtherPeer { disconnect: lost, check_store: lost };
    match error {
        // Nothing listens at this address: the store is down, or lives elsewhere now.
        TransportError::Connect { .. } => other(true),
        TransportError::Timeout { .. } => too_slow(pace),
        TransportError::Security { .. } => security(peer_attempts),
        TransportError::Status { code, .. } => match code {
            // "Cancelled" comes from a store that stops or from a dead connection, never from here:
            // whoever cancels does not wait for the answer.
            StatusCode::Unavailable | StatusCode::Cancelled => other(true),
            StatusCode::DeadlineExceeded => too_slow(pace),
            StatusCode::ResourceExhausted if peer_attempts < EXHAUSTED_ATTEMPTS => {
                TransportAction::RetrySame { backoff: BackoffKind::ServerBusy }
            }
            StatusCode::ResourceExhausted | StatusCode::Unimplemented => {
                TransportAction::Fatal { kind: ErrorKind::Refused }
            }
            StatusCode::PermissionDenied => security(peer_attempts),
            StatusCode::Other => other(true),
        },
    }
}

fn too_slow(pace: Pace) -> TransportAction {
    match pace {
        Pace::Short => TransportAction::OutOfTime,
        Pace::Task => TransportAction::AskForLess,
        Pace::Long => TransportAction::TryOtherPeer { disconnect: false, check_store: false },
    }
}

fn security(peer_attempts: u32) -> TransportAction {
    if peer_attempts < SECURITY_ATTEMPTS {
        TransportAction::RetrySame { backoff: BackoffKind::StoreRpc }
    } else {
        TransportAction::Fatal { kind: ErrorKind::Security }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn status(code: StatusCode) -> TransportError {
        TransportError::Status { address: "s:1".into(), code, message: "m".into() }
    }

    fn other(lost: bool) -> TransportAction {
        TransportAction::TryOtherPeer { disconnect: lost, check_store: lost }
    }

    #[test]
    fn every_transport_error_has_its_action() {
        let connect = TransportError::Connect { address: "s:1".into(), message: "m".into() };
        let security = TransportError::Security { address: "s:1".into(), message: "m".into() };
        let timeout =
            TransportError::Timeout { address: "s:1".into(), timeout: Duration::from_secs(60) };
        let store_rpc = TransportAction::RetrySame { backoff: BackoffKind::StoreRpc };
        let busy = TransportAction::RetrySame { backoff: BackoffKind::ServerBusy };
        let fatal = |kind| TransportAction::Fatal { kind };
        let table = [
            (connect, 1, other(true)),
            (timeout, 1, other(false)),
            (security.clone(), 1, store_rpc),
            (security, 8, fatal(ErrorKind::Security)),
            (status(StatusCode::Unavailable), 1, other(true)),
            (status(StatusCode::Cancelled), 1, other(true)),
            (status(StatusCode::DeadlineExceeded), 1, other(false)),
            (status(StatusCode::ResourceExhausted), 1, busy),
            (status(StatusCode::ResourceExhausted), 4, fatal(ErrorKind::Refused)),
            (status(StatusCode::Unimplemented), 1, fatal(ErrorKind::Refused)),
            (status(StatusCode::PermissionDenied), 1, store_rpc),
            (status(StatusCode::PermissionDenied), 8, fatal(ErrorKind::Security)),
            (status(StatusCode::Other), 1, other(true)),
        ];
        for (error, attempts, action) in table {
            assert_eq!(classify(&error, attempts, Pace::Long), action, "{error}");
        }
    }

    #[test]
    fn a_time_limit_that_ran_out_does_not_condemn_the_store() {
        let timeout =
            TransportError::Timeout { address: "s:1".into(), timeout: Duration::from_secs(1) };
        for error in [timeout, status(StatusCode::DeadlineExceeded)] {
            assert_eq!(classify(&error, 1, Pace::Short), TransportAction::OutOfTime);
            assert_eq!(classify(&error, 1, Pace::Task), TransportAction::AskForLess);
        }
    }
}
