//! Errors on their way from a task to the driver, which hears of them as the text of a job's failure.

use std::error::Error as StdError;
use std::fmt;

use datafusion::error::DataFusionError;
use prost::Message as _;
use tifusion_proto::planpb;

use crate::error::{Error, ErrorKind};

/// What stands around an error in a text.
const BEGIN: &str = "tifusion-failure[";
const END: char = ']';

/// What is said when an executor is gone.
pub(super) const LOST: &str = "what an executor had encoded can't be had any more: nothing was written, run the statement \
                               again";

/// Names of contexts that arrive as such.
const NAMES: [&str; 14] = [
    "database",
    "time_zone",
    "table",
    "column",
    "index",
    "key",
    "row of the batch",
    "query",
    "region",
    "store",
    "address",
    "attempts",
    "elapsed",
    "statement.timeout",
];

/// All kinds, by their names.
pub(super) const KINDS: [ErrorKind; 14] = [
    ErrorKind::Data,
    ErrorKind::DeadlineExceeded,
    ErrorKind::Conflict,
    ErrorKind::Duplicate,
    ErrorKind::Engine,
    ErrorKind::InvalidInput,
    ErrorKind::NotFound,
    ErrorKind::Refused,
    ErrorKind::SchemaChanged,
    ErrorKind::Security,
    ErrorKind::SnapshotTooOld,
    ErrorKind::Unavailable,
    ErrorKind::Undetermined,
    ErrorKind::Unsupported,
];

/// An error that says all there is to it in its text, in whatever other texts that stands.
struct Told {
    text: String,
}

/// The error of a task. Whoever runs the task must not try again: an error of ours has been tried for as long as that
/// makes sense.
pub(super) fn told(error: &Error) -> DataFusionError {
    let context = error.context().iter();
    let context = context
        .map(|(name, value)| planpb::Context { name: (*name).to_owned(), value: value.clone() });
    let failure = planpb::Failure {
        kind: format!("{:?}", error.kind()),
        message: error.message().to_owned(),
        context: context.collect(),
    };
    let bytes = failure.encode_to_vec();
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    DataFusionError::External(Box::new(Told { text: format!("{error} {BEGIN}{digits}{END}") }))
}

/// What was encoded can't be had any more; an error of ours on the way stays what it is.
pub(super) fn lost(error: &DataFusionError) -> Error {
    if let Some(ours) = Error::find(error) {
        return ours.clone();
    }
    let message = format!("{LOST} ({})", error.strip_backtrace());
    Error::new(ErrorKind::Unavailable, message)
}

/// An error of a stream as one of a task: one of ours is told, others stay what they are, for whoever runs the task
/// may know what to do about them.
pub(crate) fn told_if_ours(error: DataFusionError) -> DataFusionError {
    match Error::find(&error) {
        Some(ours) => told(ours),
        None => error,
    }
}

/// The error of a job that failed with these words: that of a task of this crate's, if there is one in them.
#[must_use]
pub fn error_of_job(words: &str) -> Error {
    error_of_task(words).unwrap_or_else(|| Error::new(ErrorKind::Engine, words))
}

/// The error of a task of this crate's that is told in these words, if there is one.
#[must_use]
pub fn error_of_task(words: &str) -> Option<Error> {
    let (_, found) = words.split_once(BEGIN)?;
    let (digits, _) = found.split_once(END)?;
    let failure = planpb::Failure::decode(&*bytes_of(digits)?).ok()?;
    let named = |kind: &&ErrorKind| format!("{kind:?}") == failure.kind;
    let kind = KINDS.iter().find(named).copied().unwrap_or(ErrorKind::Engine);
    let mut error = Error::new(kind, failure.message);
    for planpb::Context { name, value } in failure.context {
        if let Some(name) = NAMES.iter().find(|known| **known == name) {
            error = error.with_context(name, value);
        }
    }
    Some(error)
}

/// The bytes of these digits.
fn bytes_of(digits: &str) -> Option<Vec<u8>> {
    let digits = digits.as_bytes().chunks(2);
    digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// As it is shown: words in quotes would be changed.
impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl StdError for Told {}
