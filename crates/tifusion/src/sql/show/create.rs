//! `SHOW CREATE TABLE`.

use datafusion::dataframe::DataFrame;
use datafusion::sql::sqlparser::ast::{ObjectName, ShowCreateObject};
use tifusion_codec::key::meta;
use tifusion_schema::{NextIds, Surroundings, show_create};

use super::frame;
use super::table::{Shown, find};
use crate::auth::Privilege;
use crate::error::{Error, ErrorKind, Result};
use crate::session::TidbSession;
use crate::sql_port::SqlPort;
use crate::sql_port::text::quoted_name;

/// `SHOW CREATE TABLE …`, `SHOW CREATE VIEW …` of the cluster; `None` for one of another catalog.
///
/// # Errors
/// When there is no such table, when it has what this version has no words for, or the cluster can't
/// be reached.
pub(in crate::sql) async fn create(
    session: &TidbSession,
    object: &ShowCreateObject,
    name: &ObjectName,
) -> Result<Option<DataFrame>> {
    let Some(shown) = find(session, name).await? else { return Ok(None) };
    match object {
        ShowCreateObject::Table => {}
        ShowCreateObject::View if shown.info.is_view() => {}
        _ => {
            return Err(Error::invalid(format!(
                "{name} is no {object}: SHOW CREATE TABLE shows tables, views and sequences"
            )));
        }
    }
    if let Some(rights) = shown.rights.as_ref().filter(|_| shown.info.is_view()) {
        let name = shown.info.name.as_str();
        if matches!(object, ShowCreateObject::View) {
            rights.check(Privilege::Select, &shown.database, name)?;
        }
        rights.check(Privilege::ShowView, &shown.database, name)?;
    }
    if let Some(port) = session.catalog().cluster().read_port() {
        return told_by_tidb(session, port, &shown).await.map(Some);
    }
    let config = session.config();
    let zone = config.settings().time_zone.as_str().parse()?;
    let around = Surroundings {
        database: &shown.database,
        zone,
        system_zone: session.catalog().cluster().system_zone(),
        next: next_ids(session, &shown).await?,
    };
    let statement = show_create(&shown.info, &around)?;
    let (title, create) = match (shown.info.is_view(), shown.info.is_sequence()) {
        (true, _) => ("View", "Create View"),
        (_, true) => ("Sequence", "Create Sequence"),
        _ => ("Table", "Create Table"),
    };
    let mut columns = vec![
        (title.to_owned(), vec![shown.info.name.original.clone()]),
        (create.to_owned(), vec![statement]),
    ];
    if shown.info.is_view() {
        columns.push(("character_set_client".to_owned(), vec![shown.info.charset.clone()]));
        columns.push(("collation_connection".to_owned(), vec![shown.info.collate.clone()]));
    }
    frame(session, columns).map(Some)
}

/// What TiDB itself says, as of what was looked up.
async fn told_by_tidb(session: &TidbSession, port: &SqlPort, shown: &Shown) -> Result<DataFrame> {
    let mut reading = port.reading_session(Some(shown.view.ts())).await?;
    let what = match (shown.info.is_view(), shown.info.is_sequence()) {
        (true, _) => "VIEW",
        (_, true) => "SEQUENCE",
        _ => "TABLE",
    };
    let (database, table) = (quoted_name(&shown.database), quoted_name(shown.info.name.as_str()));
    let rows = reading.query("SHOW", &format!("SHOW CREATE {what} {database}.{table}")).await?;
    let cells = rows.rows.into_iter().next().unwrap_or_default();
    let columns = rows.columns.into_iter().zip(cells);
    frame(session, columns.map(|(name, cell)| (name, vec![cell.unwrap_or_default()])).collect())
}

/// The numbers that TiDB gives next, as the metadata has them.
async fn next_ids(session: &TidbSession, shown: &Shown) -> Result<NextIds> {
    let info = &shown.info;
    // A table that was renamed into another database counts on where it was.
    let database_id = match info.auto_id_schema_id {
        0 => shown.database_id,
        first => first,
    };
    let keys = vec![
        meta::auto_table_id_key(database_id, info.id),
        meta::auto_random_id_key(database_id, info.id),
    ];
    let cluster = session.catalog().cluster();
    let values = cluster.meta().values(shown.view.at, keys).await?;
    let mut next = values.iter().map(|value| match value {
        None => Ok(1),
        Some(digits) => std::str::from_utf8(digits)
            .ok()
            .and_then(|digits| digits.parse::<i64>().ok())
            .map(|last| last.saturating_add(1))
            .ok_or_else(|| {
                Error::new(ErrorKind::Data, format!("a table's last id is no number: {digits:?}"))
                    .with_context("table", format!("{}.{}", shown.database, info.name))
            }),
    });
    let mut next = || next.next().unwrap_or(Ok(1));
    let counted = next()?;
    let auto_increment = (!info.has_separate_auto_increment()).then_some(counted);
    Ok(NextIds { auto_increment, auto_random: next()? })
}
