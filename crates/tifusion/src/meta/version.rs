//! The schema version, and what changed since another.

use bytes::Bytes;
use tifusion_codec::key::meta;
use tifusion_schema::{Change, SchemaDiff};

use super::reader::{MetaReader, ReadAt};
use crate::error::{Error, ErrorKind, Result};

/// Diffs that are read to bring names up to date; with more it is cheaper to begin anew.
const MOST_DIFFS: i64 = 1000;

/// The schema version at a snapshot. `known` is one that it is likely to be, or zero.
///
/// TiDB raises the version before the schema change itself commits, so the newest version may have
/// no diff yet: until it has one, the schema is that of the version before
/// (`GetSchemaVersionWithNonEmptyDiff` of TiDB).
///
/// # Errors
/// When the snapshot can't be read, or holds no TiDB schema.
pub(super) async fn schema_version(reader: &dyn MetaReader, at: ReadAt, known: i64) -> Result<i64> {
    let guesses = [known, known.saturating_add(1)];
    let mut keys = vec![meta::schema_version_key()];
    keys.extend(guesses.map(meta::schema_diff_key));
    let mut values = reader.get(at, keys).await?.into_iter();
    let version = parse_version(values.next().flatten())?;
    let diffs: Vec<_> = values.collect();
    let guessed = guesses.iter().zip(diffs).find(|(guess, _)| **guess == version);
    let has_diff = match guessed {
        Some((_, diff)) => diff.is_some(),
        None => {
            let diff = reader.get(at, vec![meta::schema_diff_key(version)]).await?;
            diff.into_iter().next().flatten().is_some()
        }
    };
    Ok(if has_diff || version <= 0 { version } else { version - 1 })
}

fn parse_version(value: Option<Bytes>) -> Result<i64> {
    let Some(value) = value else {
        return Err(Error::new(
            ErrorKind::NotFound,
            "the cluster holds no TiDB schema: check that pd.addresses are those of a TiDB \
             cluster, and that TiDB has been started on it once",
        ));
    };
    let text = std::str::from_utf8(&value).ok();
    text.and_then(|text| text.parse().ok()).ok_or_else(|| {
        Error::new(ErrorKind::Data, format!("the schema version is no number: {value:?}"))
    })
}

/// What changed after version `from` up to and including `to`; `None` when that can't be told, so
/// that everything is to be read anew.
///
/// A version without a diff that is not the newest belongs to a schema change that failed, and
/// changed nothing (`tryLoadSchemaDiffs` of TiDB).
///
/// # Errors
/// When the snapshot can't be read, or a diff is malformed.
pub(super) async fn changes_between(
    reader: &dyn MetaReader,
    at: ReadAt,
    from: i64,
    to: i64,
) -> Result<Option<Vec<Change>>> {
    if from <= 0 || to < from || to - from > MOST_DIFFS {
        return Ok(None);
    }
    let keys = (from + 1..=to).map(meta::schema_diff_key).collect();
    let mut changes = Vec::new();
    for diff in reader.get(at, keys).await?.into_iter().flatten() {
        changes
            .extend(SchemaDiff::from_json(&diff).map_err(tifusion_schema::Error::from)?.changes());
    }
    Ok((!changes.contains(&Change::Everything)).then_some(changes))
}
