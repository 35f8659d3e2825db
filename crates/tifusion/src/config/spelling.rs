//! The spellings of keys: TiSpark's, and near misses.

use datafusion::common::utils::datafusion_strsim::levenshtein;

use super::keys::{self, KEYS, KeySpec};
use crate::error::{Error, Result};

/// What a spelling stands for.
#[derive(Debug, Clone)]
pub(crate) enum Spelled {
    /// A key.
    Key(&'static KeySpec),
    /// `spark.sql.catalog.<name>`: the catalog's name.
    Catalog(String),
    /// `spark.sql.catalog.<name>.pd.addresses`: the catalog's name and its `pd.addresses`.
    CatalogKey(String, &'static KeySpec),
}

/// TiSpark's spellings that are more than a prefix.
const ALIASES: &[(&str, &str)] = &[
    ("spark.sql.auth.enable", "sql.auth.enable"),
    ("spark.sql.tidb.auth.refreshInterval", "sql.auth.refresh_interval"),
    ("spark.sql.tidb.addr", "tidb.addr"),
    ("spark.sql.tidb.port", "tidb.port"),
    ("spark.sql.tidb.user", "tidb.user"),
    ("spark.sql.tidb.password", "tidb.password"),
];

const CATALOG_PREFIX: &str = "spark.sql.catalog.";

/// Keys of TiSpark that have no counterpart, with the reason.
const GONE: &[(&str, &str)] = &[
    ("grpc.health_check_period_in_ms", "connections are probed without being asked to"),
    ("grpc.health_check_timeout_in_ms", "connections are probed without being asked to"),
    ("kv_client_concurrency", "it belongs to TiSpark's writer"),
    ("load_tables", "tables are always loaded when they are first asked for"),
    ("partition_per_split", "tasks follow regions and buckets"),
    ("preferred_locations", "there are no executors to place"),
    ("statistics.auto_load", "statistics are loaded when a statement needs them"),
    ("statistics.expire_after_access", "statistics are kept as long as they hold"),
    ("telemetry.enable", "there is no telemetry"),
    ("tikv.region_split_size_in_mb", "it belongs to TiSpark's writer"),
    ("type.unsupported_mysql_types", "a column that can't be read is refused when it is selected"),
    ("write.allow_spark_sql", "it belongs to TiSpark's writer"),
    ("write.without_lock_table", "it belongs to TiSpark's writer"),
];

/// What `spelling` stands for.
///
/// # Errors
/// An unknown key, with the nearest known ones.
pub(crate) fn resolve(spelling: &str) -> Result<Spelled> {
    let spelling = spelling.trim();
    if let Some(key) = keys::find(bare(spelling)) {
        return Ok(Spelled::Key(key));
    }
    if let Some(rest) = spelling.strip_prefix(CATALOG_PREFIX) {
        return catalog(spelling, rest);
    }
    if let Some((_, reason)) = GONE.iter().find(|(name, _)| *name == bare(spelling)) {
        return Err(Error::invalid(format!(
            "configuration key {spelling:?} is TiSpark's and has no counterpart here ({reason}): \
             remove it"
        )));
    }
    Err(unknown(spelling))
}

/// `spelling` without TiSpark's prefix or another that adds nothing.
fn bare(spelling: &str) -> &str {
    if keys::find(spelling).is_some() {
        return spelling;
    }
    if let Some((_, name)) = ALIASES.iter().find(|(alias, _)| *alias == spelling) {
        return name;
    }
    ["spark.tispark.", "spark.sql.tispark.", "tispark.", "tidb."]
        .iter()
        .find_map(|prefix| spelling.strip_prefix(prefix))
        .unwrap_or(spelling)
}

/// `<name>` or `<name>.<key>` after `spark.sql.catalog.`.
fn catalog(spelling: &str, rest: &str) -> Result<Spelled> {
    match rest.split_once('.') {
        None if !rest.is_empty() => Ok(Spelled::Catalog(rest.to_ascii_lowercase())),
        Some((name, keys::name::PD_ADDRESSES)) if !name.is_empty() => {
            let key = keys::find(keys::name::PD_ADDRESSES).ok_or_else(|| unknown(spelling))?;
            Ok(Spelled::CatalogKey(name.to_ascii_lowercase(), key))
        }
        _ => Err(Error::invalid(format!(
            "unknown configuration key {spelling:?}: of a catalog only \
             {CATALOG_PREFIX}<name>.pd.addresses can be set"
        ))),
    }
}

fn unknown(spelling: &str) -> Error {
    let near: Vec<String> =
        nearest(bare(spelling)).iter().map(|name| format!("{name:?}")).collect();
    Error::invalid(format!(
        "unknown configuration key {spelling:?}: did you mean {}?",
        near.join(" or ")
    ))
}

/// The known names with the fewest edits to `name`, at most three.
fn nearest(name: &str) -> Vec<&'static str> {
    let name = name.to_ascii_lowercase();
    let distance = |key: &KeySpec| levenshtein(&name, key.name);
    let least = KEYS.iter().map(distance).min();
    KEYS.iter().filter(|key| Some(distance(key)) == least).take(3).map(|key| key.name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(spelling: &str) -> &'static str {
        match resolve(spelling) {
            Ok(Spelled::Key(key)) => key.name,
            other => panic!("{spelling}: {other:?}"),
        }
    }

    #[test]
    fn tisparks_spellings_are_taken() {
        for (spelling, name) in ALIASES {
            assert_eq!(key(spelling), *name);
        }
        for spec in KEYS {
            assert_eq!(key(spec.name), spec.name);
            assert_eq!(key(&format!("spark.tispark.{}", spec.name)), spec.name);
            assert_eq!(key(&format!("tidb.{}", spec.name)), spec.name);
        }
    }

    #[test]
    fn a_catalogs_addresses_carry_its_name() {
        let resolved = resolve("spark.sql.catalog.TiDB_catalog.pd.addresses").unwrap();
        let Spelled::CatalogKey(name, key) = resolved else { panic!("{resolved:?}") };
        assert_eq!((name.as_str(), key.name), ("tidb_catalog", "pd.addresses"));
        assert!(resolve("spark.sql.catalog.c.pd.adresses").is_err());
        assert!(resolve("spark.sql.catalog.").is_err());
    }

    #[test]
    fn an_unknown_key_is_met_with_the_nearest() {
        for (wrong, right) in [
            ("pd.adresses", "pd.addresses"),
            ("spark.tispark.request.isolation_level", "request.isolation.level"),
            ("timezone", "time_zone"),
            ("TIME_ZONE", "time_zone"),
        ] {
            let message = resolve(wrong).unwrap_err().to_string();
            assert!(message.contains(&format!("did you mean {right:?}")), "{message}");
        }
    }

    #[test]
    fn keys_of_tispark_without_a_counterpart_say_why() {
        for (name, reason) in GONE {
            let message = resolve(&format!("spark.tispark.{name}")).unwrap_err().to_string();
            assert!(message.contains(reason) && message.contains("remove it"), "{message}");
        }
    }

    #[test]
    fn every_spelling_of_an_alias_names_a_known_key() {
        for (_, name) in ALIASES {
            assert!(keys::find(name).is_some(), "{name}");
        }
    }
}
