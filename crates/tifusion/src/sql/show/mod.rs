//! `SHOW …` of the cluster, and `USE`.

mod create;
mod index;
mod stats;
mod table;

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::TableReference;
use datafusion::dataframe::DataFrame;
use datafusion::prelude::{col, lit};
use datafusion::sql::parser::Statement as DfStatement;
use datafusion::sql::planner::object_name_to_table_reference;
use datafusion::sql::sqlparser::ast::{
    DescribeAlias, ObjectName, ShowStatementFilter, ShowStatementFilterPosition,
    ShowStatementOptions, Statement, Use,
};
use tifusion_schema::model::ci_str::to_lower;
use tifusion_schema::name_info::TableKind;

use super::missing::no_database;
use super::plan;
use crate::error::{Error, ErrorKind, Result};
use crate::meta::{Need, ReadAt, View};
use crate::session::TidbSession;

pub(super) use create::create;
pub(super) use index::indexes;
pub(super) use stats::{Scope as StatsScope, stats};

/// `SHOW DATABASES [LIKE …]`: the cluster's databases.
pub(super) async fn databases(
    session: &TidbSession,
    options: &ShowStatementOptions,
) -> Result<DataFrame> {
    let pattern = Pattern::of(options)?;
    let view = view(session, Need::Databases).await?;
    let rights = session.catalog().cluster().rights().await?;
    let sees = |name: &str| rights.as_ref().is_none_or(|rights| rights.sees_database(name));
    let all = view.names.databases().filter(|database| sees(&database.name));
    let all = all.map(|database| session.catalog().schema_of(&database.name));
    let names: Vec<String> = all.filter(|name| pattern.matches(name)).collect();
    frame(session, vec![("Database".to_owned(), names)])
}

/// `SHOW [FULL] TABLES [FROM …] [LIKE …]` for a database of the cluster; `None` for a schema of
/// another catalog.
pub(super) async fn tables(
    session: &TidbSession,
    full: bool,
    options: &ShowStatementOptions,
) -> Result<Option<DataFrame>> {
    let Some(schema) = schema_to_show(session, options)? else { return Ok(None) };
    let pattern = Pattern::of(options)?;
    let database = session.catalog().database_of(&schema).unwrap_or_default().to_owned();
    let rights = session.catalog().cluster().rights().await?;
    if let Some(rights) = &rights {
        rights.check_database(&database)?;
    }
    let sees = |name: &str| rights.as_ref().is_none_or(|rights| rights.sees_table(&database, name));
    let view = view(session, Need::Tables(std::slice::from_ref(&database))).await?;
    let found = view.names.database(&database).ok_or_else(|| no_database(&schema))?;
    let mut rows: Vec<(String, &str)> = found
        .tables
        .iter()
        .flat_map(|tables| tables.values())
        .filter(|table| pattern.matches(&table.name) && sees(&table.name))
        .map(|table| (table.name.to_string(), type_name(table.kind)))
        .collect();
    rows.sort_unstable();
    let title = format!("Tables_in_{}", session.catalog().schema_of(&found.name));
    let (names, kinds): (Vec<_>, Vec<_>) =
        rows.into_iter().map(|(name, kind)| (name, kind.to_owned())).unzip();
    let mut columns = vec![(title, names)];
    if full {
        columns.push(("Table_type".to_owned(), kinds));
    }
    frame(session, columns).map(Some)
}

fn type_name(kind: TableKind) -> &'static str {
    match kind {
        TableKind::View => "VIEW",
        TableKind::Sequence => "SEQUENCE",
        _ => "BASE TABLE",
    }
}

/// The schema whose tables are to be shown, if it is one of the cluster.
fn schema_to_show(session: &TidbSession, options: &ShowStatementOptions) -> Result<Option<String>> {
    let state = session.engine().state();
    let defaults = &state.config_options().catalog;
    let named = options.show_in.as_ref().and_then(|show_in| show_in.parent_name.as_ref());
    let (catalog, schema) = match named.map(parts).as_deref() {
        None => (defaults.default_catalog.clone(), defaults.default_schema.clone()),
        Some([schema]) => (defaults.default_catalog.clone(), schema.clone()),
        Some([catalog, schema]) => (catalog.clone(), schema.clone()),
        Some(_) => return Err(Error::invalid("SHOW TABLES FROM takes a database's name")),
    };
    Ok((to_lower(&catalog) == session.connected().catalog()).then_some(schema))
}

/// `SHOW COLUMNS FROM … [LIKE …]`: the columns as `DESCRIBE` has them.
pub(super) async fn columns(
    session: &TidbSession,
    options: &ShowStatementOptions,
) -> Result<DataFrame> {
    let named = options.show_in.as_ref().and_then(|show_in| show_in.parent_name.clone());
    let name = named.ok_or_else(|| Error::invalid("SHOW COLUMNS needs FROM and a table"))?;
    let pattern = Pattern::of(options)?;
    let describe = Statement::ExplainTable {
        describe_alias: DescribeAlias::Describe,
        hive_format: None,
        has_table_keyword: false,
        table_name: name,
    };
    let frame = plan::plan(session, DfStatement::Statement(Box::new(describe))).await?;
    match pattern.0 {
        None => Ok(frame),
        Some(pattern) => {
            // A description can't be part of a larger plan.
            let rows = session.engine().read_batches(frame.collect().await?)?;
            Ok(rows.filter(col("column_name").ilike(lit(pattern)))?)
        }
    }
}

/// `USE db`, `USE catalog.schema`.
pub(super) async fn use_target(session: &TidbSession, target: &Use) -> Result<DataFrame> {
    let name = match target {
        Use::Object(name) | Use::Schema(name) | Use::Database(name) => parts(name),
        _ => {
            return Err(Error::unsupported(format!(
                "{target} is not available: USE takes a database, or catalog.schema"
            )));
        }
    };
    match name.as_slice() {
        [database] => use_database(session, database).await?,
        [catalog, database] if to_lower(catalog) == session.connected().catalog() => {
            use_database(session, database).await?;
        }
        [catalog, schema] => use_schema(session, catalog, schema)?,
        _ => return Err(Error::invalid("USE takes a database, or catalog.schema")),
    }
    session.nothing()
}

/// Makes a database of the cluster the default.
///
/// # Errors
/// When there is none of this name, or the cluster can't be reached.
pub(crate) async fn use_database(session: &TidbSession, name: &str) -> Result<()> {
    let catalog = session.catalog();
    if let Some(rights) = catalog.cluster().rights().await? {
        rights.check_database(catalog.database_of(name).unwrap_or_default())?;
    }
    let view = view(session, Need::Databases).await?;
    let database = catalog.database_of(name).and_then(|name| view.names.database(name));
    let database = database.ok_or_else(|| no_database(name))?;
    session.set_defaults(session.connected().catalog(), &catalog.schema_of(&database.name));
    Ok(())
}

fn use_schema(session: &TidbSession, catalog: &str, schema: &str) -> Result<()> {
    let provider = session.engine().catalog(catalog).ok_or_else(|| {
        Error::new(ErrorKind::NotFound, format!("there is no catalog {catalog} in this session"))
    })?;
    if provider.schema(schema).is_none() {
        return Err(Error::new(
            ErrorKind::NotFound,
            format!("there is no schema {schema} in catalog {catalog}"),
        ));
    }
    session.set_defaults(catalog, schema);
    Ok(())
}

async fn view(session: &TidbSession, need: Need<'_>) -> Result<View> {
    let cluster = session.catalog().cluster();
    let config = session.config();
    let deadline = cluster.deadline(&config);
    match cluster.stale_read(&config, deadline).await? {
        Some(ts) => cluster.meta().view_of_past(ReadAt { ts, deadline }, need).await,
        None => cluster.meta().view(need, deadline).await,
    }
}

/// The parts of a name as DataFusion takes them.
fn parts(name: &ObjectName) -> Vec<String> {
    match object_name_to_table_reference(name.clone(), true) {
        Ok(TableReference::Bare { table }) => vec![table.to_string()],
        Ok(TableReference::Partial { schema, table }) => {
            vec![schema.to_string(), table.to_string()]
        }
        _ => Vec::new(),
    }
}

fn frame(session: &TidbSession, columns: Vec<(String, Vec<String>)>) -> Result<DataFrame> {
    let (fields, arrays): (Vec<_>, Vec<_>) = columns
        .into_iter()
        .map(|(name, values)| {
            let array: ArrayRef = Arc::new(StringArray::from(values));
            (Field::new(name, DataType::Utf8, false), array)
        })
        .unzip();
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
        .map_err(datafusion::error::DataFusionError::from)?;
    Ok(session.engine().read_batch(batch)?)
}

/// The pattern of a `LIKE`, whose case does not matter, as with names in TiDB.
struct Pattern(Option<String>);

impl Pattern {
    fn of(options: &ShowStatementOptions) -> Result<Self> {
        let filter = match &options.filter_position {
            None => return Ok(Self(None)),
            Some(
                ShowStatementFilterPosition::Infix(filter)
                | ShowStatementFilterPosition::Suffix(filter),
            ) => filter,
        };
        match filter {
            ShowStatementFilter::Like(pattern) | ShowStatementFilter::ILike(pattern) => {
                Ok(Self(Some(pattern.clone())))
            }
            _ => Err(Error::unsupported(
                "SHOW … WHERE is not available: use LIKE, or SELECT from information_schema",
            )),
        }
    }

    fn matches(&self, name: &str) -> bool {
        let Some(pattern) = &self.0 else { return true };
        let pattern: Vec<char> = to_lower(pattern).chars().collect();
        let name: Vec<char> = to_lower(name).chars().collect();
        like(&pattern, &name)
    }
}

/// `LIKE` with `%`, `_` and `\`.
fn like(pattern: &[char], text: &[char]) -> bool {
    // Positions of the pattern that the text so far can have led to.
    let mut states = vec![false; pattern.len() + 1];
    let open = |states: &mut Vec<bool>, mut at: usize| loop {
        if let Some(state) = states.get_mut(at) {
            *state = true;
        }
        match pattern.get(at) {
            Some('%') => at += 1,
            _ => break,
        }
    };
    open(&mut states, 0);
    for letter in text {
        let mut next = vec![false; pattern.len() + 1];
        for (at, _) in states.iter().enumerate().filter(|(_, alive)| **alive) {
            match (pattern.get(at), pattern.get(at + 1)) {
                (Some('%'), _) => open(&mut next, at),
                (Some('_'), _) => open(&mut next, at + 1),
                (Some('\\'), Some(escaped)) if escaped == letter => open(&mut next, at + 2),
                (Some('\\'), Some(_)) | (None, _) => {}
                (Some(exact), _) if exact == letter => open(&mut next, at + 1),
                (Some(_), _) => {}
            }
        }
        states = next;
    }
    states.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_mysql() {
        let matches = |pattern: &str, name: &str| Pattern(Some(pattern.to_owned())).matches(name);
        for (pattern, name) in [
            ("orders", "Orders"),
            ("%", ""),
            ("%", "x"),
            ("o%s", "ORDERS"),
            ("%d_r%", "orders"),
            ("a%b%c", "aXbbYc"),
            (r"a\_b", "a_b"),
            (r"100\%", "100%"),
            ("ä_", "Äé"),
        ] {
            assert!(matches(pattern, name), "{name} LIKE {pattern}");
        }
        for (pattern, name) in
            [("order", "orders"), ("_", ""), ("o%x", "orders"), (r"a\_b", "axb"), ("", "x")]
        {
            assert!(!matches(pattern, name), "{name} LIKE {pattern}");
        }
        assert!(Pattern(None).matches("anything"));
    }
}
