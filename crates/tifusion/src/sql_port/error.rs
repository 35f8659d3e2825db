//! What goes wrong at TiDB's SQL port.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use mysql_async::{DriverError, Error as DriverFailure, IoError};

use crate::error::{Error, ErrorKind};

/// Where statements go, and as whom. The password is no part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// `host:port`.
    pub(crate) address: String,
    /// The user.
    pub(crate) user: String,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.user, self.address)
    }
}

/// An error at TiDB's SQL port.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SqlPortError {
    /// A file with certificates or a key is not what it should be.
    #[error("the file {path} of {key} {reason}")]
    Store {
        /// The configuration's key.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The two sides do not agree on TLS, or do not trust each other.
    #[error("no TLS with TiDB at {place}: {reason}")]
    Tls {
        /// Where.
        place: Place,
        /// What rustls says.
        reason: String,
    },
    /// There is no connection to be had.
    #[error("TiDB at {place} can't be reached: {reason}")]
    Unreachable {
        /// Where.
        place: Place,
        /// Why.
        reason: String,
    },
    /// TiDB's own error.
    #[error("TiDB: {message}")]
    Server {
        /// Where.
        place: Place,
        /// The kind of statement.
        statement: &'static str,
        /// TiDB's number for it.
        code: u16,
        /// TiDB's words.
        message: String,
    },
    /// The connection broke before the answer came.
    #[error(
        "the connection to TiDB broke before it answered to {statement} ({reason}){}",
        outcome(statement)
    )]
    Lost {
        /// Where.
        place: Place,
        /// The kind of statement.
        statement: &'static str,
        /// Why.
        reason: String,
    },
    /// It took too long.
    #[error("TiDB did not answer to {statement} within {patience:?}{}", outcome(statement))]
    TooLate {
        /// Where.
        place: Place,
        /// The kind of statement.
        statement: &'static str,
        /// How long it was waited.
        patience: Duration,
    },
    /// `COMMIT` was sent, and what became of it is not known.
    #[error(
        "whether the transaction was committed is not known ({reason}): either all of it is there or nothing \
         is; look before you write it again"
    )]
    Undetermined {
        /// Where.
        place: Place,
        /// Why.
        reason: String,
    },
    /// A row, or the statement, is larger than TiDB takes.
    #[error(
        "one statement of {bytes} bytes is more than TiDB's max_allowed_packet ({most}): raise it in TiDB"
    )]
    TooLarge {
        /// Where.
        place: Place,
        /// The bytes.
        bytes: usize,
        /// The most that it takes.
        most: usize,
    },
}

/// TiDB's numbers for commits of which nothing was written: duplicates, lock waits and deadlocks, limits of size, GC,
/// schema changes, conflicts.
const REFUSED_COMMITS: [u16; 14] =
    [1062, 1205, 1213, 1586, 8002, 8004, 8005, 8022, 8024, 8025, 8027, 8028, 9006, 9007];
/// TiDB's number for a result that it does not know itself.
const RESULT_UNDETERMINED: u16 = 8501;

impl SqlPortError {
    /// The failure of getting a connection.
    pub(super) fn connecting(place: &Place, failure: DriverFailure) -> Self {
        let place = place.clone();
        match failure {
            DriverFailure::Server(error) => Self::Server {
                place,
                statement: "log in",
                code: error.code,
                message: error.message,
            },
            DriverFailure::Driver(DriverError::NoClientSslFlagFromServer) => {
                Self::Tls { place, reason: "it has none: jdbc.tls_enable asks for it".to_owned() }
            }
            failure => match tls_reason(&failure) {
                Some(reason) => Self::Tls { place, reason },
                None => Self::Unreachable { place, reason: failure.to_string() },
            },
        }
    }

    /// The failure of a statement, which is not `COMMIT`.
    pub(super) fn running(place: &Place, statement: &'static str, failure: DriverFailure) -> Self {
        let place = place.clone();
        match failure {
            DriverFailure::Server(error) => {
                Self::Server { place, statement, code: error.code, message: error.message }
            }
            failure => Self::Lost { place, statement, reason: failure.to_string() },
        }
    }

    /// The failure of `COMMIT`: only TiDB's own word that nothing was written counts as such, which errors of other
    /// kinds (a proxy's, one of a commit that was killed) are not.
    pub(super) fn committing(place: &Place, failure: DriverFailure) -> Self {
        match failure {
            DriverFailure::Server(error) if REFUSED_COMMITS.contains(&error.code) => Self::Server {
                place: place.clone(),
                statement: "COMMIT",
                code: error.code,
                message: error.message,
            },
            failure => Self::Undetermined { place: place.clone(), reason: failure.to_string() },
        }
    }

    fn kind(&self) -> ErrorKind {
        match self {
            Self::Store { .. } | Self::Tls { .. } => ErrorKind::Security,
            Self::Unreachable { .. } => ErrorKind::Unavailable,
            Self::Server { code, .. } => kind_of(*code),
            Self::Lost { statement, .. } if changes_nothing(statement) => ErrorKind::Unavailable,
            Self::TooLate { statement, .. } if changes_nothing(statement) => {
                ErrorKind::DeadlineExceeded
            }
            // A statement that is not in a transaction may have been carried out.
            Self::Lost { .. } | Self::TooLate { .. } | Self::Undetermined { .. } => {
                ErrorKind::Undetermined
            }
            Self::TooLarge { .. } => ErrorKind::Refused,
        }
    }
}

/// Whether statements of this kind leave the cluster as it is.
fn changes_nothing(statement: &str) -> bool {
    matches!(statement, "BEGIN" | "SELECT" | "SET" | "SHOW" | "USE")
}

/// What is known of a statement without an answer.
fn outcome(statement: &str) -> &'static str {
    match changes_nothing(statement) {
        true => "",
        false => ": whether it was carried out is not known",
    }
}

/// The refusal of a statement that TiDB would not take.
pub(crate) fn too_large(place: &Place, bytes: usize, most: usize) -> SqlPortError {
    SqlPortError::TooLarge { place: place.clone(), bytes, most }
}

/// What TLS says, if that is what failed.
fn tls_reason(failure: &DriverFailure) -> Option<String> {
    match failure {
        DriverFailure::Io(IoError::Tls(error)) => Some(error.to_string()),
        DriverFailure::Io(IoError::Io(error)) => {
            let inner = error.get_ref()?.downcast_ref::<rustls::Error>()?;
            Some(inner.to_string())
        }
        _ => None,
    }
}

/// What a caller can do about an error of TiDB's.
fn kind_of(code: u16) -> ErrorKind {
    match code {
        1062 | 1586 => ErrorKind::Duplicate,
        1044 | 1045 | 1142 | 1143 | 1227 | 1370 | 1410 | 1698 | 8121 => ErrorKind::Security,
        1049 | 1051 | 1054 | 1072 | 1091 | 1109 | 1146 | 1176 | 1305 => ErrorKind::NotFound,
        // Values, and what a schema allows: the statement is wrong.
        1007
        | 1008
        | 1048
        | 1050
        | 1060..=1069
        | 1101
        | 1136
        | 1149
        | 1216
        | 1217
        | 1264
        | 1265
        | 1292
        | 1300
        | 1364
        | 1366
        | 1406
        | 1451
        | 1452
        | 1526
        | 1690
        | 3105
        | 3140
        | 3819 => ErrorKind::InvalidInput,
        1205 | 1213 | 8002 | 8022 | 8028 | 9007 => ErrorKind::Conflict,
        RESULT_UNDETERMINED => ErrorKind::Undetermined,
        1235 | 8108 | 8200 | 8201 => ErrorKind::Unsupported,
        8055 | 9006 => ErrorKind::SnapshotTooOld,
        1053 | 1317 | 3024 | 9001..=9005 => ErrorKind::Unavailable,
        _ => ErrorKind::Refused,
    }
}

impl From<SqlPortError> for Error {
    fn from(error: SqlPortError) -> Self {
        let mut told = Self::new(error.kind(), error.to_string());
        let (place, statement) = match &error {
            SqlPortError::Store { .. } => return told,
            SqlPortError::Tls { place, .. }
            | SqlPortError::Unreachable { place, .. }
            | SqlPortError::Undetermined { place, .. }
            | SqlPortError::TooLarge { place, .. } => (place, None),
            SqlPortError::Server { place, statement, .. }
            | SqlPortError::Lost { place, statement, .. }
            | SqlPortError::TooLate { place, statement, .. } => (place, Some(*statement)),
        };
        if let SqlPortError::Server { code, .. } = &error {
            told = told.with_context("code", code.to_string());
        }
        if let Some(statement) = statement {
            told = told.with_context("statement", statement);
        }
        told.with_context("address", place.address.clone()).with_context("user", place.user.clone())
    }
}

#[cfg(test)]
mod tests {
    use mysql_async::ServerError;

    use super::*;

    fn place() -> Place {
        Place { address: "tidb:4000".to_owned(), user: "app".to_owned() }
    }

    fn server(code: u16) -> DriverFailure {
        let (message, state) = ("no".to_owned(), "HY000".to_owned());
        DriverFailure::Server(ServerError { code, message, state })
    }

    #[test]
    fn a_commit_is_refused_by_tidbs_word_alone() {
        let kind = |failure| Error::from(SqlPortError::committing(&place(), failure)).kind();
        assert_eq!(kind(server(9007)), ErrorKind::Conflict);
        assert_eq!(kind(server(1062)), ErrorKind::Duplicate);
        assert_eq!(kind(server(8501)), ErrorKind::Undetermined);
        for lost in [DriverError::ConnectionClosed, DriverError::PacketOutOfOrder] {
            assert_eq!(kind(DriverFailure::Driver(lost)), ErrorKind::Undetermined);
        }
    }

    #[test]
    fn a_statement_without_an_answer_may_have_been_carried_out_if_it_changes_anything() {
        let late = |statement| {
            let patience = Duration::from_secs(7);
            Error::from(SqlPortError::TooLate { place: place(), statement, patience })
        };
        assert_eq!(late("SET").kind(), ErrorKind::DeadlineExceeded);
        let error = late("CREATE TABLE");
        assert_eq!(error.kind(), ErrorKind::Undetermined);
        assert!(error.to_string().contains("whether it was carried out is not known"), "{error}");
    }

    #[test]
    fn an_error_says_where_as_whom_and_which() {
        let error = Error::from(SqlPortError::running(&place(), "CREATE TABLE", server(1050)));
        let said = "TiDB: no (code: 1050, statement: CREATE TABLE, address: tidb:4000, user: app)";
        assert_eq!(error.to_string(), said);
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
}
