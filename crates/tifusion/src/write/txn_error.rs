//! What became of a transaction, in terms of the table: keys are named by index and values.

use tifusion_client::txn::TxnError;
use tifusion_codec::datum::{self, Datum};
use tifusion_codec::key::{self, Handle, KeyHead};
use tifusion_schema::TableInfo;

use super::target::WriteTarget;
use crate::error::{Error, ErrorKind};

/// What TiDB calls the index that the rows themselves are.
const PRIMARY: &str = "PRIMARY";

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
    let table = target.info.name.as_str();
    let (index, values) = names_of(&target.info, key).map_or_else(
        || (index_name(target, key), None),
        |(index, values)| (index.to_owned(), values),
    );
    let values = values.unwrap_or_else(|| key::display_key(key).to_string());
    Error::new(
        ErrorKind::Duplicate,
        format!(
            "Duplicate entry '{values}' for key '{table}.{index}': it {how}; nothing was written"
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
        _ => PRIMARY.to_owned(),
    }
}

/// The index whose values are there already and the values, joined as TiDB does, if they can be shown.
///
/// An entry with a handle in it is one of a row that is there already: which of the keys of such a row is
/// met first says nothing, so that it is always the primary key that is named.
fn names_of<'a>(info: &'a TableInfo, key: &[u8]) -> Option<(&'a str, Option<String>)> {
    let mut rest = key;
    let (index, datums) = match key::decode_head(&mut rest).ok()? {
        KeyHead::Record { .. } => (PRIMARY, owned(Handle::decode(rest).ok()?.datums().ok()?)),
        KeyHead::Index { index_id, .. } => {
            let index = info.find_index_by_id(index_id)?;
            let mut values = Vec::new();
            for _ in &index.columns {
                values.push(datum::decode_one(&mut rest).ok()?);
            }
            match rest {
                [] => (index.name.original.as_str(), owned(values)),
                // An integer handle is a datum here, as the parts of a common one are.
                handle => (PRIMARY, owned(Handle::common(handle.to_vec()).datums().ok()?)),
            }
        }
    };
    let texts: Option<Vec<String>> = datums.iter().map(text).collect();
    Some((index, texts.map(|texts| texts.join("-"))))
}

fn owned(datums: Vec<Datum<'_>>) -> Vec<Datum<'static>> {
    datums.into_iter().map(Datum::into_owned).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    /// An `INDEX w (w)` of id 1 and a `UNIQUE KEY u (v, w)` of id 2.
    fn table() -> TableInfo {
        let index = |id: i64, name: &str, columns: &[&str], unique: bool| {
            let columns: Vec<_> = columns
                .iter()
                .map(|name| serde_json::json!({"name": {"O": name, "L": name}, "offset": 0, "length": -1}))
                .collect();
            serde_json::json!({
                "id": id, "idx_name": {"O": name, "L": name}, "idx_cols": columns, "is_unique": unique,
                "state": 5,
            })
        };
        let table = serde_json::json!({
            "id": 7, "name": {"O": "t", "L": "t"}, "state": 5,
            "index_info": [index(1, "w", &["w"], false), index(2, "u", &["v", "w"], true)],
        });
        TableInfo::from_json(table.to_string().as_bytes()).unwrap()
    }

    fn index_key(index: i64, values: &[Datum<'_>], handle: Option<&Handle>) -> Vec<u8> {
        let mut key = key::index_prefix(7, index);
        for value in values {
            datum::encode_key(&mut key, value).unwrap();
        }
        if let Some(handle) = handle {
            handle.encode_in_index(&mut key);
        }
        key
    }

    #[test]
    fn a_row_that_comes_twice_has_one_name_whichever_of_its_keys_is_met_first() {
        let table = table();
        let named = |key: &[u8]| {
            let (index, values) = names_of(&table, key)?;
            Some(format!("{index} {}", values.unwrap_or_else(|| "?".to_owned())))
        };
        let mut datums = Vec::new();
        datum::encode_key(&mut datums, &Datum::Bytes(b"x".into())).unwrap();
        datum::encode_key(&mut datums, &Datum::Int(3)).unwrap();
        for (handle, values) in [(Handle::Int(-5), "-5"), (Handle::common(datums), "x-3")] {
            let expected = Some(format!("PRIMARY {values}"));
            assert_eq!(named(&key::encode_record_key(7, &handle)), expected);
            assert_eq!(named(&index_key(1, &[Datum::Int(9)], Some(&handle))), expected);
            // A unique key with a NULL is not distinct.
            let with_null = [Datum::Null, Datum::Int(9)];
            assert_eq!(named(&index_key(2, &with_null, Some(&handle))), expected);
        }
        // What can't be shown is the primary key's all the same.
        let mut sort_key = Vec::new();
        datum::encode_key(&mut sort_key, &Datum::Bytes(b"\0A".into())).unwrap();
        let unseen = Handle::common(sort_key);
        for key in
            [key::encode_record_key(7, &unseen), index_key(1, &[Datum::Int(9)], Some(&unseen))]
        {
            assert_eq!(named(&key), Some("PRIMARY ?".to_owned()));
        }
        let distinct = index_key(2, &[Datum::Int(8), Datum::Bytes(b"y".into())], None);
        assert_eq!(named(&distinct), Some("u 8-y".to_owned()));
        // What can't be read, or belongs to an index that is not there, has no such name.
        let strange = Handle::Common(vec![0xee]);
        assert_eq!(named(&index_key(1, &[Datum::Int(9)], Some(&strange))), None);
        assert_eq!(named(&index_key(3, &[Datum::Int(9)], None)), None);
        assert_eq!(named(&distinct[..distinct.len() - 1]), None);
        assert_eq!(named(b"m"), None);
    }
}
