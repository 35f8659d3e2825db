//! Whose a statement is, and its way there.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::dataframe::DataFrame;
use datafusion::execution::session_state::SessionState;
use tifusion_schema::model::ci_str::to_lower;

use super::SchemaStatement;
use super::shape::{Explain, Object};
use crate::error::{Error, ErrorKind, Result};
use crate::meta::Need;
use crate::session::TidbSession;
use crate::sql::source::SqlText;
use crate::sql_port::{SessionOptions, SqlPort, SqlRows};
use crate::write::check_present;
use crate::{SchemaChanger, config::Config};

/// Carries a statement out that changes the cluster's schema; `None` if it is not the cluster's.
///
/// # Errors
/// When it names tables of the cluster and others, writing is off, there is nobody to carry it out, or whoever does
/// refuses it.
pub(in crate::sql) async fn run(
    session: &TidbSession,
    statement: &SchemaStatement,
) -> Result<Option<DataFrame>> {
    let state = session.engine().state();
    if !is_of_cluster(statement, &state, session.connected().catalog())? {
        return Ok(None);
    }
    let config = session.config();
    let change = Change::new(session, statement, &state).await?;
    check(statement, &config)?;
    if statement.shape.explain.is_some() {
        return change.explained(session, statement.shape.what).map(Some);
    }
    let rows = match config.settings().statement_timeout {
        None => change.carry_out(&config, statement.shape.what).await?,
        Some(timeout) => {
            let carried_out = change.carry_out(&config, statement.shape.what);
            tokio::time::timeout(timeout, carried_out).await.map_err(|_| {
                Error::new(
                    ErrorKind::Undetermined,
                    format!(
                        "{} took longer than statement.timeout ({timeout:?}) and was cancelled: look whether it \
                         was carried out before",
                        statement.shape.what
                    ),
                )
            })??
        }
    };
    frame(session, rows).map(Some)
}

/// Whether the statement's names are those of the cluster whose catalog has this name.
fn is_of_cluster(statement: &SchemaStatement, state: &SessionState, catalog: &str) -> Result<bool> {
    let shape = &statement.shape;
    let default = to_lower(&state.config_options().catalog.default_catalog);
    let is_ours = |name: &Vec<String>| {
        let within = match (shape.object, name.as_slice()) {
            // A database by that word is TiDB's: DataFusion has catalogs instead.
            (Object::Database, [_]) => return true,
            (Object::Database | Object::Schema, [named, _]) | (Object::Table, [named, _, _]) => {
                to_lower(named)
            }
            _ => default.clone(),
        };
        within == catalog
    };
    let ours = shape.names.iter().filter(|name| is_ours(name)).count();
    match (ours, shape.names.len()) {
        (0, 0) => Ok(default == catalog),
        (0, _) => Ok(false),
        (ours, all) if ours == all => Ok(true),
        _ => Err(Error::unsupported(format!(
            "{} of tables of TiDB and of others: use a statement for each",
            shape.what
        ))),
    }
}

fn check(statement: &SchemaStatement, config: &Config) -> Result<()> {
    let what = statement.shape.what;
    if !config.settings().write_enable {
        return Err(Error::unsupported(format!(
            "can't {what}: writing is off, and changes of schema are writes; SET tidb.write.enable = true turns it \
             on"
        )));
    }
    check_present(config, || what.to_owned())?;
    if statement.shape.explain == Some(Explain::Analyze) {
        return Err(Error::unsupported(format!(
            "EXPLAIN ANALYZE {what} would carry it out: EXPLAIN says where it goes"
        )));
    }
    if !config.settings().db_prefix.is_empty() {
        return Err(Error::unsupported(format!(
            "{what} under db_prefix, with which names are not those in TiDB: use a session without it"
        )));
    }
    Ok(())
}

/// A statement on its way.
struct Change {
    text: String,
    written: SqlText,
    /// The database of names without one.
    database: Option<String>,
    by: By,
}

/// Who carries statements out.
enum By {
    Changer(Arc<dyn SchemaChanger>),
    SqlPort(Arc<SqlPort>),
}

impl Change {
    async fn new(
        session: &TidbSession,
        statement: &SchemaStatement,
        state: &SessionState,
    ) -> Result<Self> {
        let what = statement.shape.what;
        let cluster = session.catalog().cluster();
        let port = cluster.sql_port();
        // TiDB looks at the privileges of its user; another one who changes the schema does not.
        let changer = session.schema_changer().filter(|_| cluster.authorizer().is_none());
        let by = match (changer, port) {
            (Some(changer), _) => By::Changer(Arc::clone(changer)),
            (None, Some(port)) => By::SqlPort(Arc::clone(port)),
            (None, None) => {
                return Err(Error::unsupported(format!(
                    "{what} is TiDB's to do, and where it is this session does not know: set tidb.addr and tidb.user \
                     when connecting, or give the statement to TiDB. A table or view of this session goes into \
                     DataFusion's own catalog, as datafusion.public.<name>"
                )));
            }
        };
        let written = statement.text.clone().ok_or_else(|| {
            Error::invalid(format!("the text of {what} was not found in the script: give it alone"))
        })?;
        if written.runs_comment {
            return Err(Error::unsupported(format!(
                "{what} with a comment /*! … */, which TiDB would run: write what is in it without the comment"
            )));
        }
        let catalog = session.connected().catalog();
        let database = database(session, statement, state).await?;
        let parts = if statement.shape.object == Object::Table { 3 } else { 2 };
        Ok(Self { text: written.for_tidb(catalog, parts), written, database, by })
    }

    async fn carry_out(&self, config: &Config, what: &'static str) -> Result<SqlRows> {
        match &self.by {
            By::Changer(changer) => {
                changer.change(self.database.as_deref(), &self.text).await?;
                Ok(SqlRows::default())
            }
            By::SqlPort(port) => {
                let options = SessionOptions {
                    database: self.database.clone(),
                    time_zone: config.settings().time_zone.for_tidb(),
                    sql_mode: self.written.mode,
                    ..SessionOptions::default()
                };
                Ok(port.session(&options).await?.query(what, &self.text).await?)
            }
        }
    }

    /// What would be done.
    fn explained(&self, session: &TidbSession, what: &str) -> Result<DataFrame> {
        let by = match &self.by {
            By::Changer(changer) => changer.name().to_owned(),
            By::SqlPort(port) => format!("TiDB's SQL port, {}", port.place()),
        };
        let database = match &self.database {
            Some(database) => format!(", database={database}"),
            None => String::new(),
        };
        let plan = format!("{what}: by={by}{database}\n  {}", self.text);
        let columns = vec!["plan_type".to_owned(), "plan".to_owned()];
        let rows = vec![vec![Some("passed_on".to_owned()), Some(plan)]];
        frame(session, SqlRows { columns, rows })
    }
}

/// The database of names without one: the session's, or else that of the first name.
async fn database(
    session: &TidbSession,
    statement: &SchemaStatement,
    state: &SessionState,
) -> Result<Option<String>> {
    let shape = &statement.shape;
    if shape.object != Object::Table && !shape.names.is_empty() {
        return Ok(None);
    }
    let is_named = shape.names.iter().any(|name| matches!(name.as_slice(), [_, _] | [_, _, _]));
    let options = &state.config_options().catalog;
    if to_lower(&options.default_catalog) != session.connected().catalog() {
        // Names without a database are DataFusion's there, whatever TiDB has by them.
        return Ok(None);
    }
    if !is_named {
        return Ok(Some(options.default_schema.clone()));
    }
    let cluster = session.catalog().cluster();
    if let Some(rights) = cluster.rights().await?
        && !rights.sees_database(&options.default_schema)
    {
        // Who may not use it has to name databases.
        return Ok(None);
    }
    // A session's database need not be there.
    let deadline = cluster.deadline(&session.config());
    let view = cluster.meta().view(Need::Databases, deadline).await?;
    if view.names.database(&options.default_schema).is_some() {
        return Ok(Some(options.default_schema.clone()));
    }
    // Another's database is not theirs.
    if let Some(name) = shape.names.iter().find(|name| name.len() == 1) {
        return Err(Error::invalid(format!(
            "Unknown database '{}', in which {} would be: name its database, or USE one that is there",
            options.default_schema,
            name.join(".")
        )));
    }
    // Nor are names behind the first ones looked for in it.
    Ok(None)
}

/// The rows of a statement; nothing for one without columns.
fn frame(session: &TidbSession, rows: SqlRows) -> Result<DataFrame> {
    if rows.columns.is_empty() {
        return session.nothing();
    }
    let column = |at: usize| {
        let cells = rows.rows.iter().map(|row| row.get(at).and_then(Option::as_deref));
        Arc::new(cells.collect::<StringArray>()) as ArrayRef
    };
    let arrays = (0..rows.columns.len()).map(column).collect();
    let fields = rows.columns.iter().map(|name| Field::new(name, DataType::Utf8, true));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let batch =
        RecordBatch::try_new(schema, arrays).map_err(datafusion::error::DataFusionError::from)?;
    Ok(session.engine().read_batch(batch)?)
}
