//! The schema version, and what changed since another.

use std::time::Instant;

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
    let (version, has_diff) = told(known, reader.get(at, keys_around(known)).await?)?;
    let has_diff = match has_diff {
        Some(has_diff) => has_diff,
        None => {
            let diff = reader.get(at, vec![meta::schema_diff_key(version)]).await?;
            diff.into_iter().next().flatten().is_some()
        }
    };
    Ok(reached(version, has_diff))
}

/// Whether the newest schema version is `known` still. `false` where it could not be told in one round trip.
///
/// # Errors
/// As [`schema_version`].
pub(super) async fn is_newest(
    reader: &dyn MetaReader,
    known: i64,
    deadline: Option<Instant>,
) -> Result<bool> {
    let Some(values) = reader.newest(keys_around(known), deadline).await? else {
        return Ok(false);
    };
    let (version, has_diff) = told(known, values)?;
    Ok(has_diff.is_some_and(|has_diff| reached(version, has_diff) == known))
}

/// The keys of the version, and of the diffs that one near `known` has.
fn keys_around(known: i64) -> Vec<Vec<u8>> {
    let mut keys = vec![meta::schema_version_key()];
    keys.extend(near(known).map(meta::schema_diff_key));
    keys
}

/// The versions that are likely after `known` was seen.
fn near(known: i64) -> [i64; 2] {
    [known, known.saturating_add(1)]
}

/// The version, and whether it has a diff if that is known, of the values of [`keys_around`].
fn told(known: i64, values: Vec<Option<Bytes>>) -> Result<(i64, Option<bool>)> {
    let mut values = values.into_iter();
    let version = parse_version(values.next().flatten())?;
    let diff = near(known).into_iter().zip(values).find(|(near, _)| *near == version);
    Ok((version, diff.map(|(_, diff)| diff.is_some())))
}

/// The version that the schema is of.
fn reached(version: i64, has_diff: bool) -> i64 {
    if has_diff || version <= 0 { version } else { version - 1 }
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
