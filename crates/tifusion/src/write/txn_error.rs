//! What became of a transaction, in terms of the table: keys are named by index and values.

use tifusion_client::txn::TxnError;
use tifusion_codec::datum::Datum;
use tifusion_codec::key::{self, Handle, KeyHead};

use super::target::WriteTarget;
use crate::error::{Error, ErrorKind};

/// The error of a transaction in its writing to `target`.
pub(super) fn transaction_error(target: &WriteTarget, error: TxnError) -> Error {
    commit_error(target, &target.label(), error)
}

/// The error of a transaction that wrote to the tables of `label`; a key that it names is of `target`.
pub(super) fn commit_error(target: &WriteTarget, label: &str, error: TxnError) -> Error {
    match error {
        TxnError::AlreadyExists { key, .. } => duplicate(target, &key, "is there already"),
        TxnError::DuplicateKey { key } => duplicate_in_statement(target, &key),
        // The guard's own words say more.
        TxnError::Refused { source, .. } => match source.downcast::<Error>() {
            Ok(error) => *error,
            Err(source) => Error::new(
                ErrorKind::Refused,
                format!("writing to {label} was refused before the commit: {source}"),
            ),
        },
        TxnError::AssertionFailed { ref key, .. } => {
            damaged(&format!("rows and indexes of {label} do not agree"), key)
                .with_context("index", index_name(target, key))
                .with_source(error)
        }
        TxnError::Conflict { ref key, .. } => Error::new(
            ErrorKind::Conflict,
            format!(
                "another transaction wrote rows of {label} that this statement writes too: nothing was \
                 written, run it again"
            ),
        )
        .with_context("index", index_name(target, key))
        .with_context("key", key::display_key(key).to_string())
        .with_source(error),
        TxnError::Undetermined { .. } => Error::new(
            ErrorKind::Undetermined,
            format!(
                "whether the rows were written to {label} is not known: either all of them are there or \
                 none is; look before you write them again"
            ),
        )
        .with_source(error),
        TxnError::Client(error) => Error::from(error.with_table(label)),
        error => Error::from_transaction(error).with_context("table", label),
    }
}

/// Two rows of the statement have one key.
pub(super) fn duplicate_in_statement(target: &WriteTarget, key: &[u8]) -> Error {
    duplicate(target, key, "comes twice in the statement")
}

/// Rows and indexes do not agree, which is seen at a key.
pub(super) fn damaged(what: &str, key: &[u8]) -> Error {
    let message = format!("{what}: nothing was written; ADMIN CHECK TABLE tells more");
    let shown = key::display_key(key).to_string();
    Error::new(ErrorKind::Data, message).with_context("key", shown)
}

/// As TiDB's 1062, with what is known of the values.
fn duplicate(target: &WriteTarget, key: &[u8], how: &str) -> Error {
    let (table, index) = (target.info.name.as_str(), index_name(target, key));
    let entry = entry(target, key).unwrap_or_else(|| key::display_key(key).to_string());
    Error::new(
        ErrorKind::Duplicate,
        format!(
            "Duplicate entry '{entry}' for key '{table}.{index}': it {how}; nothing was written"
        ),
    )
    .with_context("table", target.label())
}

/// The name of the index that a key belongs to.
fn index_name(target: &WriteTarget, key: &[u8]) -> String {
    match key::decode_head(&mut { key }) {
        Ok(KeyHead::Index { index_id, .. }) => {
            let index = target.info.find_index_by_id(index_id);
            index.map_or_else(|| index_id.to_string(), |index| index.name.original.clone())
        }
        _ => "PRIMARY".to_owned(),
    }
}

/// The values in a key, joined as TiDB does, if they can be shown.
fn entry(target: &WriteTarget, key: &[u8]) -> Option<String> {
    let mut rest = key;
    let datums = match key::decode_head(&mut rest).ok()? {
        KeyHead::Record { .. } => {
            let handle = Handle::decode(rest).ok()?;
            if let Handle::Int(id) = handle {
                return Some(id.to_string());
            }
            handle.datums().ok()?.into_iter().map(Datum::into_owned).collect::<Vec<_>>()
        }
        KeyHead::Index { index_id, .. } => {
            let width = target.info.find_index_by_id(index_id)?.columns.len();
            let mut datums = Vec::new();
            for _ in 0..width {
                datums.push(tifusion_codec::datum::decode_one(&mut rest).ok()?.into_owned());
            }
            datums
        }
    };
    let texts: Option<Vec<String>> = datums.iter().map(text).collect();
    texts.map(|texts| texts.join("-"))
}

fn text(value: &Datum<'_>) -> Option<String> {
    match value {
        Datum::Int(value) => Some(value.to_string()),
        Datum::UInt(value) => Some(value.to_string()),
        Datum::Float(value) => Some(value.to_string()),
        Datum::Decimal(value) => Some(value.to_string()),
        Datum::Bytes(bytes) => {
            let text = std::str::from_utf8(bytes).ok()?;
            (!text.chars().any(char::is_control)).then(|| text.to_owned())
        }
        _ => None,
    }
}
