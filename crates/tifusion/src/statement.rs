//! What a statement is planned with: the snapshot that it reads, and what its user may do.

use std::sync::Arc;
use std::time::Instant;

use datafusion::catalog::Session;
use parking_lot::Mutex;
use tifusion_client::lock::ReadLocks;
use tifusion_client::{Client, ClientError, QueryId, Timestamp};
use tracing::Span;

use crate::auth::Rights;
use crate::error::{Error, ErrorKind, Result};
use crate::meta::{AskedTimestamp, MetaStore};

/// One timestamp and one schema version for all that a statement reads.
///
/// The query planner takes it once per execution of a statement and leaves it in the session
/// configuration that the physical plan is made with; every scan of the statement finds it there.
#[derive(Debug, Clone)]
pub struct StatementSnapshot {
    start_ts: Timestamp,
    schema_version: i64,
    deadline: Option<Instant>,
    query: QueryId,
    span: Span,
    locks: Arc<ReadLocks>,
    taken: Instant,
    is_past: bool,
    is_of_elsewhere: bool,
}

impl StatementSnapshot {
    /// The snapshot at `start_ts`, whose schema is `schema_version`, asked for at `taken`; requests end at
    /// `deadline`.
    pub(crate) fn new(
        start_ts: Timestamp,
        schema_version: i64,
        taken: Instant,
        deadline: Option<Instant>,
        query: QueryId,
    ) -> Self {
        let locks = Arc::new(ReadLocks::new(start_ts));
        let span = tracing::info_span!(
            "statement",
            query = query.number(),
            start_ts = start_ts.version(),
            schema_version,
        );
        let (is_past, is_of_elsewhere) = (false, false);
        Self {
            start_ts,
            schema_version,
            deadline,
            query,
            span,
            locks,
            taken,
            is_past,
            is_of_elsewhere,
        }
    }

    /// The same as what another process has taken, whose statement this process runs a part of: how old it is, is
    /// not known.
    pub(crate) fn of_elsewhere(self) -> Self {
        Self { is_of_elsewhere: true, ..self }
    }

    /// Whether another process has taken it.
    pub(crate) fn is_of_elsewhere(&self) -> bool {
        self.is_of_elsewhere
    }

    /// The same as what `AS OF TIMESTAMP` asked for.
    pub(crate) fn of_past(self) -> Self {
        Self { is_past: true, ..self }
    }

    /// The timestamp that `AS OF TIMESTAMP` asked for; `None` for a statement that reads what is
    /// there now.
    pub(crate) fn as_of(&self) -> Option<Timestamp> {
        self.is_past.then_some(self.start_ts)
    }

    /// The timestamp.
    #[must_use]
    pub fn start_ts(&self) -> Timestamp {
        self.start_ts
    }

    /// The schema version at that timestamp.
    #[must_use]
    pub fn schema_version(&self) -> i64 {
        self.schema_version
    }

    /// When the statement must be done.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Fails when garbage collection may have taken something from it by now: what was read before is whole then.
    pub(crate) async fn check(&self, client: &Client) -> Result<(), ClientError> {
        let (start_ts, deadline) = (self.start_ts, self.deadline);
        match self.is_past || self.is_of_elsewhere {
            true => client.check_gc_safe_point_by(start_ts, deadline).await,
            false => client.check_gc_safe_point_of_now(start_ts, self.taken, deadline).await,
        }
    }

    /// Names this run of the statement to the stores, in errors and in logs.
    pub(crate) fn query(&self) -> QueryId {
        self.query
    }

    /// Around all that it reads and writes; open until its plan is gone.
    pub(crate) fn span(&self) -> &Span {
        &self.span
    }

    /// What its scans learn about locks: each transaction is asked about once.
    pub(crate) fn locks(&self) -> &Arc<ReadLocks> {
        &self.locks
    }
}

/// What was begun for a statement before its plan is made: whoever runs it as soon as it is planned leaves it in the
/// configuration of the state that plans it.
#[derive(Debug)]
pub(crate) struct Begun {
    /// The timestamp, and when it was asked for by the client's clock, which a test may set.
    asked: Mutex<Option<(Instant, AskedTimestamp)>>,
    /// The schema version by which its names were resolved, where nobody has looked since whether it is the newest.
    seen: Option<i64>,
}

impl Begun {
    /// A statement whose timestamp was `asked` for at `taken`, and whose names were resolved by the schema version
    /// `seen`, if that may be an old one.
    pub(crate) fn new(taken: Instant, asked: AskedTimestamp, seen: Option<i64>) -> Self {
        Self { asked: Mutex::new(Some((taken, asked))), seen }
    }

    /// Whether a plan that fails is made again by another look at the schema.
    pub(crate) fn is_a_try(&self) -> bool {
        self.seen.is_some()
    }

    /// The timestamp, and when it was asked for; once.
    pub(crate) fn timestamp(&self) -> Option<(Instant, AskedTimestamp)> {
        self.asked.lock().take()
    }

    /// Fails when the names were resolved by another schema version than `version`.
    pub(crate) fn check_version(&self, version: i64) -> Result<()> {
        match self.seen.is_none_or(|seen| seen == version) {
            true => Ok(()),
            false => Err(Self::outdated()),
        }
    }

    /// The same, where the statement reads no table, so that nobody has asked for the version.
    pub(crate) async fn check_newest(
        &self,
        meta: &MetaStore,
        deadline: Option<Instant>,
    ) -> Result<()> {
        match self.seen {
            Some(seen) if !meta.is_newest(seen, deadline).await? => Err(Self::outdated()),
            _ => Ok(()),
        }
    }

    fn outdated() -> Error {
        Error::new(
            ErrorKind::SchemaChanged,
            "the cluster's schema is no longer what the statement's names were resolved by: run it again",
        )
    }
}

/// What the user may do, as the planner of a statement has left it for its scans and writes.
///
/// # Errors
/// When it has not.
pub(crate) fn statement_rights(session: &dyn Session) -> Result<Arc<Rights>> {
    session.config().get_extension::<Rights>().ok_or_else(|| {
        Error::unsupported(
            "with sql.auth.enable tables of TiDB are read and written in a TidbContext, whose planner asks what the \
             user may do",
        )
    })
}
