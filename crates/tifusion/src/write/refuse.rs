//! What the writer refuses by name, before anything is written.
//!
//! Whether a table's rows can be encoded is [`TableEncoder`](tifusion_schema::TableEncoder)'s question.
//! Here is what rows may be written though they can be: that of constraints which nobody would check, of
//! databases that TiDB writes to itself, of clusters that are read only.

use tifusion_schema::TableInfo;
use tifusion_schema::model::ci_str::to_lower;

use super::target::WriteTarget;
use crate::config::{Config, ReadMode, WriteMode};
use crate::error::{Error, Result};
use crate::meta::{Need, ReadAt, View};
use crate::variables;

/// Databases that TiDB keeps for itself.
const SYSTEM_DATABASES: [&str; 7] = [
    "mysql",
    "sys",
    "information_schema",
    "performance_schema",
    "metrics_schema",
    "inspection_schema",
    "lightning_task_info",
];

/// Global variables that make a cluster read only.
const READ_ONLY_VARIABLES: [&str; 2] = ["tidb_super_read_only", "tidb_restricted_read_only"];

/// What to do instead, behind a refusal.
pub(crate) const HINT: &str =
    "SET tidb.write.mode = sql writes to it through TiDB's SQL port, where tidb.addr is set";

/// Refuses changes of a session that reads the past; `what` they are is said by a verb and its object.
///
/// # Errors
/// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) with the way out.
pub(crate) fn check_present(config: &Config, what: impl FnOnce() -> String) -> Result<()> {
    match config.settings().stale_read {
        None => Ok(()),
        Some(ms) => Err(Error::unsupported(format!(
            "can't {}: the session reads the past (stale_read = {ms}); RESET tidb.stale_read ends that",
            what()
        ))),
    }
}

/// Refuses what the statement's text alone shows.
///
/// # Errors
/// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) with the reason.
pub(crate) fn check_enabled(
    config: &Config,
    mode: WriteMode,
    database: &str,
    info: &TableInfo,
) -> Result<()> {
    let table = || format!("{database}.{}", info.name);
    if !config.settings().write_enable {
        return Err(Error::unsupported(format!(
            "can't write to {}: writing is off; SET tidb.write.enable = true turns it on",
            table()
        )));
    }
    check_present(config, || format!("write to {}", table()))?;
    if mode == WriteMode::Sql {
        return Ok(());
    }
    if config.settings().read_mode == ReadMode::Sql {
        return Err(refused(&table(), "with read.mode = sql neither PD nor the stores are asked"));
    }
    if SYSTEM_DATABASES.iter().any(|system| system.eq_ignore_ascii_case(database)) {
        return Err(refused(&table(), "TiDB keeps that database for itself"));
    }
    if let Some(key) = info.foreign_keys.first() {
        return Err(refused(&table(), &format!("it has a foreign key ({})", key.name)));
    }
    if let Some(check) = info.constraints.first() {
        return Err(refused(&table(), &format!("it has a check constraint ({})", check.name)));
    }
    if let Some(index) = info.indices.iter().find(|index| index.global) {
        return Err(refused(&table(), &format!("its index {} is a global one", index.name)));
    }
    Ok(())
}

/// Refuses what only the cluster can tell, as of a statement's snapshot.
///
/// # Errors
/// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) with the reason, or what kept the cluster from
/// answering.
pub(crate) async fn check_cluster(target: &WriteTarget, at: ReadAt, version: i64) -> Result<()> {
    let cluster = &target.cluster;
    let variables =
        variables::globals(cluster.client(), cluster.meta(), &READ_ONLY_VARIABLES).await?;
    let is_on = |value: &String| value.eq_ignore_ascii_case("on") || value == "1";
    if let Some((name, _)) = variables.iter().find(|(_, value)| is_on(value)) {
        return Err(Error::unsupported(format!(
            "table {} is not written to: the cluster is read only ({name} is on)",
            target.label()
        )));
    }
    check_referenced(target, at, version).await
}

/// Refuses a table that another one's foreign key refers to, as of a snapshot and its schema version: TiDB notes
/// that with the other table only.
///
/// # Errors
/// As [`check_cluster`].
async fn check_referenced(target: &WriteTarget, at: ReadAt, version: i64) -> Result<()> {
    let meta = target.cluster.meta();
    // The names of now are kept, those of the past are not.
    match meta.view_at(at, version, Need::Everything).await? {
        Some(view) => check_no_child(target, &view),
        None => check_referenced_now(target).await,
    }
}

/// The same as of now.
///
/// # Errors
/// As [`check_cluster`].
pub(super) async fn check_referenced_now(target: &WriteTarget) -> Result<()> {
    let view = target.cluster.meta().view(Need::Everything, None).await?;
    check_no_child(target, &view)
}

fn check_no_child(target: &WriteTarget, view: &View) -> Result<()> {
    match referring(view, &target.database, target.info.name.as_str()) {
        None => Ok(()),
        Some(child) => {
            Err(refused(&target.label(), &format!("a foreign key of {child} refers to it")))
        }
    }
}

/// The first table with a foreign key to this one.
fn referring(view: &View, database: &str, table: &str) -> Option<String> {
    let (database, table) = (to_lower(database), to_lower(table));
    let names = |other: &(String, String)| other.0 == database && other.1 == table;
    view.names.databases().find_map(|holder| {
        let tables = holder.tables.as_ref()?;
        let child = tables.values().find(|child| child.references.iter().any(names))?;
        Some(format!("{}.{}", holder.name, child.name))
    })
}

fn refused(table: &str, why: &str) -> Error {
    Error::unsupported(format!("table {table} is not written to: {why}; {HINT}"))
}
