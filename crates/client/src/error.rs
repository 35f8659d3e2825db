//! The one error of this crate: a kind to act on, words for people, and where it happened.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use crate::query::QueryId;

/// A result of this crate.
pub type Result<T, E = ClientError> = std::result::Result<T, E>;

/// What a caller can do about an error; coarse on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// PD or a store could not be reached, or did not answer, within the deadline.
    Unavailable,
    /// The deadline passed while retrying; the source is the last failure.
    DeadlineExceeded,
    /// The request or an option is wrong; retrying cannot help.
    InvalidInput,
    /// The snapshot is older than the GC safe point: its data may be gone.
    SnapshotTooOld,
    /// The peer answered with bytes or a state that the protocol does not allow.
    Protocol,
    /// The store refused the request for good (`other_error`, flashback, too large a message).
    Refused,
    /// TLS or the identity of the peer is wrong.
    Security,
    /// The write conflicts with another transaction.
    Conflict,
    /// Whether the write happened is not known.
    Undetermined,
    /// The caller went away.
    Cancelled,
}

/// Whether the same request may be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RetrySafety {
    /// The outcome would be the same.
    Never,
    /// Nothing happened, or the request is idempotent.
    Safe,
    /// It may have taken effect.
    Unknown,
}

/// Where an error happened. Every part is optional; those known are shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ErrorContext {
    /// Region id.
    pub region: Option<u64>,
    /// Store id.
    pub store: Option<u64>,
    /// Address of the store or PD member.
    pub address: Option<String>,
    /// Readable form of the key or range.
    pub key: Option<String>,
    /// Table, when a caller above knows it.
    pub table: Option<String>,
    /// Attempts made.
    pub attempts: Option<u32>,
    /// Time spent on them.
    pub elapsed: Option<Duration>,
    /// The statement that it happened to, as the stores' logs name it.
    pub query: Option<QueryId>,
}

/// An error of PD, TiKV or the way to them.
pub struct ClientError {
    inner: Box<Inner>,
}

struct Inner {
    kind: ErrorKind,
    message: String,
    context: ErrorContext,
    retry: RetrySafety,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl ClientError {
    /// A store has answered another command than it was asked.
    pub(crate) fn of_another_command() -> Self {
        Self::new(ErrorKind::Protocol, "the answer is of another command")
    }

    /// An error of `kind`; `message` says what happened and what to do about it.
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let retry = match kind {
            ErrorKind::Unavailable | ErrorKind::DeadlineExceeded | ErrorKind::Cancelled => {
                RetrySafety::Safe
            }
            ErrorKind::Undetermined => RetrySafety::Unknown,
            _ => RetrySafety::Never,
        };
        Self {
            inner: Box::new(Inner {
                kind,
                message: message.into(),
                context: ErrorContext::default(),
                retry,
                source: None,
            }),
        }
    }

    /// Sets the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.inner.source = Some(source.into());
        self
    }

    /// Replaces the whole context, by that of a cause for instance.
    #[must_use]
    pub fn with_context(mut self, context: ErrorContext) -> Self {
        self.inner.context = context;
        self
    }

    /// Sets the region.
    #[must_use]
    pub fn with_region(mut self, region: u64) -> Self {
        self.inner.context.region = Some(region);
        self
    }

    /// Sets the store's id and address.
    #[must_use]
    pub fn with_store(mut self, store: u64, address: impl Into<String>) -> Self {
        self.inner.context.store = Some(store);
        self.inner.context.address = Some(address.into());
        self
    }

    /// Sets the address alone (of a PD member, say).
    #[must_use]
    pub fn with_address(mut self, address: impl Into<String>) -> Self {
        self.inner.context.address = Some(address.into());
        self
    }

    /// Sets the key, in a form people can read.
    #[must_use]
    pub fn with_key(mut self, key: &[u8]) -> Self {
        self.inner.context.key = Some(format!("{}", HexKey(key)));
        self
    }

    /// Sets the table; the first one set stays.
    #[must_use]
    pub fn with_table(mut self, table: impl Into<String>) -> Self {
        self.inner.context.table.get_or_insert_with(|| table.into());
        self
    }

    /// Sets how often and how long it was tried.
    #[must_use]
    pub fn with_attempts(mut self, attempts: u32, elapsed: Duration) -> Self {
        self.inner.context.attempts = Some(attempts);
        self.inner.context.elapsed = Some(elapsed);
        self
    }

    /// Sets the statement, when it is known; the first one set stays.
    #[must_use]
    pub fn with_query(mut self, query: Option<QueryId>) -> Self {
        let known = &mut self.inner.context.query;
        *known = known.or(query);
        self
    }

    /// Overrides whether a retry is safe.
    #[must_use]
    pub fn with_retry(mut self, retry: RetrySafety) -> Self {
        self.inner.retry = retry;
        self
    }

    /// The kind.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.inner.kind
    }

    /// Where it happened.
    #[must_use]
    pub fn context(&self) -> &ErrorContext {
        &self.inner.context
    }

    /// Whether the same request may be sent again.
    #[must_use]
    pub fn retry(&self) -> RetrySafety {
        self.inner.retry
    }

    /// The words alone, without context.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.inner.message
    }
}

/// Shows a key as hexadecimal digits.
pub(crate) struct HexKey<'a>(pub(crate) &'a [u8]);

impl fmt::Display for HexKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Display for ErrorContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        let mut part = |f: &mut fmt::Formatter<'_>, name: &str, value: &dyn fmt::Display| {
            let result = write!(f, "{separator}{name} {value}");
            separator = ", ";
            result
        };
        if let Some(table) = &self.table {
            part(f, "table", table)?;
        }
        if let Some(region) = &self.region {
            part(f, "region", region)?;
        }
        if let Some(store) = &self.store {
            part(f, "store", store)?;
        }
        if let Some(address) = &self.address {
            part(f, "address", address)?;
        }
        if let Some(key) = &self.key {
            part(f, "key", key)?;
        }
        if let Some(attempts) = &self.attempts {
            part(f, "attempts", attempts)?;
        }
        if let Some(elapsed) = &self.elapsed {
            part(f, "after", &format_args!("{elapsed:.1?}"))?;
        }
        if let Some(query) = &self.query {
            part(f, "query", query)?;
        }
        Ok(())
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.inner.message)?;
        let context = self.inner.context.to_string();
        if context.is_empty() { Ok(()) } else { write!(f, " ({context})") }
    }
}

impl fmt::Debug for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientError")
            .field("kind", &self.inner.kind)
            .field("message", &self.inner.message)
            .field("context", &self.inner.context)
            .field("retry", &self.inner.retry)
            .field("source", &self.inner.source)
            .finish()
    }
}

impl StdError for ClientError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.inner.source.as_ref().map(|source| &**source as _)
    }
}
