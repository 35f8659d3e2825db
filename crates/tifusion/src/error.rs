//! The one error of this crate: a kind to act on, words that say what to do, where it happened.
//!
//! DataFusion's functions return [`DataFusionError`]; an [`Error`] travels inside it as
//! `External` and [`Error::from`] takes it out again, so no kind is lost on the way:
//!
//! ```
//! use datafusion::error::DataFusionError;
//! use tifusion::{Error, ErrorKind};
//!
//! let error = Error::new(ErrorKind::NotFound, "no table t").with_context("database", "shop");
//! assert_eq!(error.to_string(), "no table t (database: shop)");
//! let wrapped = DataFusionError::from(error).context("while planning");
//! assert_eq!(Error::from(wrapped).kind(), ErrorKind::NotFound);
//! ```

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use datafusion::common::{Location, Span};
use datafusion::error::DataFusionError;
use tifusion_client::error::ErrorContext;
use tifusion_client::txn::TxnError;
use tifusion_client::{ClientError, ErrorKind as ClientErrorKind, QueryId};
use tifusion_schema::NotWritableReason;
use tifusion_schema::row_id::RowIdError;

pub use tifusion_client::RetrySafety;

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Name of the context that says which statement an error happened to.
const QUERY: &str = "query";

/// What a caller can do about an error; coarse on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Bytes of the cluster that this version cannot make sense of, or a breach of the protocol.
    Data,
    /// The statement's or a request's deadline passed.
    DeadlineExceeded,
    /// Another transaction wrote the same rows meanwhile: nothing was written, run it again.
    Conflict,
    /// A row with the same primary or unique key is there already, or comes twice: nothing was written.
    Duplicate,
    /// DataFusion failed while it ran the plan.
    Engine,
    /// The statement, an option or an argument is wrong.
    InvalidInput,
    /// No such database, table or column.
    NotFound,
    /// The cluster, or a limit of this program, refused for good.
    Refused,
    /// The table changed while the statement was planned: run it again.
    SchemaChanged,
    /// TLS, or the identity or rights of either side.
    Security,
    /// The snapshot is older than the GC safe point: its data may be gone.
    SnapshotTooOld,
    /// PD or a store could not be reached.
    Unavailable,
    /// Whether a write happened is not known.
    Undetermined,
    /// Known, but not available in this version.
    Unsupported,
}

/// An error of this crate; clones share everything.
#[derive(Clone)]
pub struct Error {
    inner: Arc<Inner>,
}

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    message: String,
    context: Vec<(&'static str, String)>,
    retry: RetrySafety,
    span: Option<Span>,
    source: Option<Source>,
}

#[derive(Clone)]
enum Source {
    /// Shown as the cause.
    Cause(Arc<dyn StdError + Send + Sync>),
    /// Said by this error's own message already: only what that does not say is shown.
    Retold(Arc<dyn StdError + Send + Sync>),
}

impl Error {
    /// An error of `kind`; `message` says what happened and what to do about it.
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let retry = match kind {
            ErrorKind::Unavailable
            | ErrorKind::DeadlineExceeded
            | ErrorKind::SchemaChanged
            | ErrorKind::Conflict => RetrySafety::Safe,
            ErrorKind::Undetermined => RetrySafety::Unknown,
            _ => RetrySafety::Never,
        };
        let message = message.into();
        let context = Vec::new();
        Self { inner: Arc::new(Inner { kind, message, context, retry, span: None, source: None }) }
    }

    /// An [`ErrorKind::InvalidInput`].
    #[must_use]
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidInput, message)
    }

    /// An [`ErrorKind::Unsupported`].
    #[must_use]
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unsupported, message)
    }

    /// Adds where it happened: `name` says what `value` is.
    #[must_use]
    pub fn with_context(mut self, name: &'static str, value: impl Into<String>) -> Self {
        Arc::make_mut(&mut self.inner).context.push((name, value.into()));
        self
    }

    /// Sets the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        Arc::make_mut(&mut self.inner).source = Some(Source::Cause(Arc::new(source)));
        self
    }

    /// Sets where in the statement it is.
    pub(crate) fn with_span(mut self, span: Option<Span>) -> Self {
        Arc::make_mut(&mut self.inner).span = span;
        self
    }

    /// Overrides whether a retry is safe.
    #[must_use]
    pub fn with_retry(mut self, retry: RetrySafety) -> Self {
        Arc::make_mut(&mut self.inner).retry = retry;
        self
    }

    /// The kind.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.inner.kind
    }

    /// Whether nobody answered in time: to ask once more would only wait once more.
    pub(crate) fn is_of_the_way(&self) -> bool {
        matches!(self.kind(), ErrorKind::Unavailable | ErrorKind::DeadlineExceeded)
    }

    /// Says which statement it happened to, unless that is known.
    #[must_use]
    pub(crate) fn of_query(self, query: QueryId) -> Self {
        if self.inner.context.iter().any(|(name, _)| *name == QUERY) {
            return self;
        }
        self.with_context(QUERY, query.to_string())
    }

    /// The words alone, without context.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.inner.message
    }

    /// Where it happened: pairs of what and which (`region`, `store`, `table`, …).
    #[must_use]
    pub fn context(&self) -> &[(&'static str, String)] {
        &self.inner.context
    }

    /// Where in the text of the statement it is, in lines and columns from one; that of a mistake the
    /// parser found always, that of a name where `datafusion.sql_parser.collect_spans` is on.
    #[must_use]
    pub fn span(&self) -> Option<Span> {
        self.inner.span
    }

    /// Whether the same statement may be run again.
    #[must_use]
    pub fn retry(&self) -> RetrySafety {
        self.inner.retry
    }

    /// The narrower error that this one retells, if it is one of this type: an
    /// [`AccessDenied`](crate::AccessDenied) where the user lacks a privilege.
    #[must_use]
    pub fn downcast_ref<T: StdError + 'static>(&self) -> Option<&T> {
        match self.inner.source.as_ref()? {
            Source::Cause(cause) => (**cause).downcast_ref(),
            Source::Retold(retold) => (**retold).downcast_ref(),
        }
    }

    /// The error of this crate inside `error`, if there is one.
    #[must_use]
    pub fn find(error: &DataFusionError) -> Option<&Self> {
        let mut next: Option<&(dyn StdError + 'static)> = Some(error);
        while let Some(error) = next {
            if let Some(found) = error.downcast_ref::<Self>() {
                return Some(found);
            }
            next = error.source();
        }
        None
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.inner.message)?;
        let mut open = " (";
        for (name, value) in &self.inner.context {
            write!(f, "{open}{name}: {value}")?;
            open = ", ";
        }
        if self.inner.context.is_empty() { Ok(()) } else { f.write_str(")") }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.inner.kind)
            .field("message", &self.inner.message)
            .field("context", &self.inner.context)
            .field("retry", &self.inner.retry)
            .field("source", &self.source())
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self.inner.source.as_ref()? {
            Source::Cause(cause) => Some(&**cause),
            Source::Retold(retold) => {
                let mut next = retold.source();
                while let Some(cause) = next {
                    if !self.inner.message.contains(&cause.to_string()) {
                        return Some(cause);
                    }
                    next = cause.source();
                }
                None
            }
        }
    }
}

impl From<Error> for DataFusionError {
    fn from(error: Error) -> Self {
        Self::External(Box::new(error))
    }
}

impl From<DataFusionError> for Error {
    /// The error of this crate inside, or DataFusion's own.
    fn from(error: DataFusionError) -> Self {
        if let Some(found) = Self::find(&error) {
            return found.clone();
        }
        let kind = match error.find_root() {
            DataFusionError::SQL(..)
            | DataFusionError::Plan(_)
            | DataFusionError::SchemaError(..)
            | DataFusionError::Configuration(_) => ErrorKind::InvalidInput,
            DataFusionError::NotImplemented(_) => ErrorKind::Unsupported,
            DataFusionError::ResourcesExhausted(_) => ErrorKind::Refused,
            _ => ErrorKind::Engine,
        };
        let message = match error.find_root() {
            DataFusionError::SQL(parser, _) => parser.to_string(),
            _ => error.strip_backtrace(),
        };
        let span = error.diagnostic().and_then(|diagnostic| diagnostic.span);
        let span = span.or_else(|| place_of_parser(&message));
        Self::retelling(kind, message, error).with_span(span)
    }
}

/// The place that sqlparser writes at the end of its messages.
fn place_of_parser(message: &str) -> Option<Span> {
    let (_, place) = message.rsplit_once(" at Line: ")?;
    let (line, column) = place.split_once(", Column: ")?;
    let digits = |text: &str| text.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok();
    let start = Location { line: digits(line)?, column: digits(column)? };
    Some(Span::new(start, start))
}

impl Error {
    /// An error of `kind` that says what `told` says.
    pub(crate) fn retelling(
        kind: ErrorKind,
        message: String,
        told: impl StdError + Send + Sync + 'static,
    ) -> Self {
        let mut error = Self::new(kind, message);
        Arc::make_mut(&mut error.inner).source = Some(Source::Retold(Arc::new(told)));
        error
    }
}

fn kind_of(kind: ClientErrorKind) -> ErrorKind {
    match kind {
        ClientErrorKind::DeadlineExceeded => ErrorKind::DeadlineExceeded,
        ClientErrorKind::InvalidInput => ErrorKind::InvalidInput,
        ClientErrorKind::SnapshotTooOld => ErrorKind::SnapshotTooOld,
        ClientErrorKind::Protocol => ErrorKind::Data,
        ClientErrorKind::Security => ErrorKind::Security,
        ClientErrorKind::Undetermined => ErrorKind::Undetermined,
        ClientErrorKind::Conflict => ErrorKind::Conflict,
        ClientErrorKind::Unavailable | ClientErrorKind::Cancelled => ErrorKind::Unavailable,
        _ => ErrorKind::Refused,
    }
}

impl From<ClientError> for Error {
    fn from(error: ClientError) -> Self {
        let kind = kind_of(error.kind());
        let (message, retry) = (error.message().to_owned(), error.retry());
        let context = client_context(error.context());
        let mut told = Self::retelling(kind, message, error).with_retry(retry);
        Arc::make_mut(&mut told.inner).context = context;
        told
    }
}

fn client_context(context: &ErrorContext) -> Vec<(&'static str, String)> {
    let parts = [
        ("table", context.table.clone()),
        ("region", context.region.map(|id| id.to_string())),
        ("store", context.store.map(|id| id.to_string())),
        ("address", context.address.clone()),
        ("key", context.key.clone()),
        ("attempts", context.attempts.map(|count| count.to_string())),
        ("elapsed", context.elapsed.map(|elapsed| format!("{elapsed:.1?}"))),
        (QUERY, context.query.map(|query| query.to_string())),
    ];
    parts.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

impl From<tifusion_schema::Error> for Error {
    fn from(error: tifusion_schema::Error) -> Self {
        let kind = match &error {
            tifusion_schema::Error::NotReadable(_)
            | tifusion_schema::Error::UnsupportedColumn(_) => ErrorKind::Unsupported,
            _ => ErrorKind::Data,
        };
        Self::retelling(kind, error.to_string(), error)
    }
}

/// The schema crate's narrower errors are errors of its own kind first.
macro_rules! via_schema_error {
    ($($narrow:ty),+ $(,)?) => {$(
        impl From<$narrow> for Error {
            fn from(error: $narrow) -> Self {
                tifusion_schema::Error::from(error).into()
            }
        }
    )+};
}

via_schema_error!(
    tifusion_schema::UnsupportedColumn,
    tifusion_schema::default_value::DefaultValueError,
    tifusion_schema::inconsistent::InconsistentTable,
);

impl Error {
    /// The error of a transaction that did not commit.
    pub(crate) fn from_transaction(error: TxnError) -> Self {
        let kind = kind_of(error.kind());
        Self::retelling(kind, format!("{error}; nothing was written"), error)
    }
}

impl From<tifusion_schema::NotWritable> for Error {
    fn from(error: tifusion_schema::NotWritable) -> Self {
        let message = match &error.reason {
            // What can't be read TiDB does not write either, or not under its name.
            NotWritableReason::NotReadable(_) | NotWritableReason::Locked => error.to_string(),
            _ => format!("{error}; {}", crate::write::SQL_MODE_HINT),
        };
        Self::retelling(ErrorKind::Unsupported, message, error)
    }
}

impl From<tifusion_schema::EncodeError> for Error {
    fn from(error: tifusion_schema::EncodeError) -> Self {
        Self::retelling(ErrorKind::InvalidInput, error.to_string(), error)
    }
}

impl From<RowIdError> for Error {
    fn from(error: RowIdError) -> Self {
        let kind = match &error {
            RowIdError::Exhausted { .. } => ErrorKind::Refused,
            RowIdError::Inconsistent(_)
            | RowIdError::Bits { .. }
            | RowIdError::Malformed { .. } => ErrorKind::Data,
            RowIdError::ExplicitRandom { column } => {
                let message = format!(
                    "values for the AUTO_RANDOM column {column}: leave it out, or SET \
                     tidb.write.allow_auto_random_explicit_insert = true"
                );
                return Self::retelling(ErrorKind::Unsupported, message, error);
            }
            _ => ErrorKind::InvalidInput,
        };
        Self::retelling(kind, error.to_string(), error)
    }
}

impl From<tifusion_schema::DecodeRowError> for Error {
    fn from(error: tifusion_schema::DecodeRowError) -> Self {
        Self::retelling(ErrorKind::Data, error.to_string(), error)
    }
}

impl From<tifusion_schema::NotShown> for Error {
    fn from(error: tifusion_schema::NotShown) -> Self {
        Self::retelling(ErrorKind::Unsupported, error.to_string(), error)
    }
}

impl From<tifusion_codec::Error> for Error {
    fn from(error: tifusion_codec::Error) -> Self {
        Self::retelling(ErrorKind::Data, error.to_string(), error)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_error_survives_datafusion_and_comes_back() {
        let error = Error::new(ErrorKind::SchemaChanged, "run it again").with_context("table", "t");
        let wrapped = DataFusionError::Shared(Arc::new(
            DataFusionError::from(error).context("optimizer").context("planner"),
        ));
        let back = Error::from(wrapped);
        assert_eq!(back.kind(), ErrorKind::SchemaChanged);
        assert_eq!(back.to_string(), "run it again (table: t)");
        assert_eq!(back.retry(), RetrySafety::Safe);
    }

    #[test]
    fn errors_of_datafusion_are_sorted_by_whose_fault_they_are() {
        let kinds = [
            (DataFusionError::Plan("no column".into()), ErrorKind::InvalidInput),
            (DataFusionError::NotImplemented("x".into()), ErrorKind::Unsupported),
            (DataFusionError::ResourcesExhausted("x".into()), ErrorKind::Refused),
            (DataFusionError::Execution("x".into()), ErrorKind::Engine),
        ];
        for (error, kind) in kinds {
            let text = error.strip_backtrace();
            let ours = Error::from(error.context("outer"));
            assert_eq!(ours.kind(), kind, "{text}");
            assert!(ours.to_string().contains(&text), "{ours}");
        }
    }

    #[test]
    fn causes_that_say_the_same_are_left_out() {
        let plan = DataFusionError::Plan("no column x".into());
        let error = Error::from(DataFusionError::Shared(Arc::new(plan)));
        assert_eq!(error.to_string(), "Error during planning: no column x");
        assert!(error.source().is_none(), "{:?}", error.source());
    }

    #[test]
    fn what_the_parser_did_not_expect_has_a_place() {
        let place = |message: &str| {
            place_of_parser(message).map(|span| (span.start.line, span.start.column))
        };
        let message =
            "sql parser error: Expected: an SQL statement, found: SELEC at Line: 2, Column: 14";
        assert_eq!(place(message), Some((2, 14)));
        assert_eq!(place("Unterminated string literal at Line: 1, Column: 8\""), Some((1, 8)));
        for message in
            ["", "no place", "x at Line: , Column: 3", "x at Line: 3", "at Line: 3, Column: "]
        {
            assert_eq!(place(message), None, "{message}");
        }
    }

    #[test]
    fn a_client_error_keeps_its_words_place_and_cause() {
        let client = ClientError::new(ClientErrorKind::DeadlineExceeded, "gave up")
            .with_region(7)
            .with_store(3, "tikv:20160")
            .with_attempts(4, Duration::from_secs(2))
            .with_source(ClientError::new(ClientErrorKind::Unavailable, "connection refused"));
        let error = Error::from(client);
        assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
        let shown = error.to_string();
        assert_eq!(
            shown,
            "gave up (region: 7, store: 3, address: tikv:20160, attempts: 4, elapsed: 2.0s)"
        );
        assert_eq!(error.source().unwrap().to_string(), "connection refused");
    }
}
