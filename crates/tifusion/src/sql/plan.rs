//! Planning a statement at one schema version.

use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::common::{ResolvedTableReference, TableReference};
use datafusion::dataframe::DataFrame;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::parser::Statement as DfStatement;
use datafusion::sql::sqlparser::ast::Statement;
use tifusion_client::Timestamp;

use super::as_of;
use super::guard::{refuse_lost_keys, refuse_writes, resolve};
use super::missing::{no_database, no_table};
use super::names::{TableColumns, spell_columns};
use crate::catalog::{StatementCatalogs, TidbCatalog, UnreadableTable};
use crate::error::{Error, Result};
use crate::meta::{Need, ReadAt};
use crate::session::TidbSession;

/// Plans a statement of DataFusion's, over tables of the cluster too.
///
/// # Errors
/// When it names what is not there, would change the cluster, or can't be planned.
pub(super) async fn plan(session: &TidbSession, statement: DfStatement) -> Result<DataFrame> {
    let plan = logical_plan(session, statement, session.engine().state()).await?;
    Ok(session.engine().execute_logical_plan(plan).await?)
}

/// The plan of a statement of DataFusion's, over the tables as they are now, in a state of the session's, whose current database
/// may be another one.
///
/// # Errors
/// As [`plan`].
pub(super) async fn logical_plan(
    session: &TidbSession,
    mut statement: DfStatement,
    state: SessionState,
) -> Result<LogicalPlan> {
    let own_time = as_of::timestamp(session, &statement, &state).await?;
    let names = Names::of(&statement, &state, session.catalog())?;
    let plan = match names.need() {
        None => plan_over(None, &names, &mut statement, state.clone()).await?,
        Some(need) => {
            let ahead = match own_time {
                // Boxed, for it is as large as what follows.
                None => Box::pin(plan_ahead(session, need, &names, &statement, &state)).await?,
                Some(_) => None,
            };
            match ahead {
                Some(plan) => plan,
                None => {
                    let catalog = catalog_now(session, need, own_time, &names, &statement).await?;
                    plan_over(Some(catalog), &names, &mut statement, state.clone()).await?
                }
            }
        }
    };
    refuse_writes(&plan, &state, session.connected().catalog())?;
    Ok(plan)
}

/// The plan of a query over the tables as they were last seen, and the schema version of then: nobody has looked whether
/// it is that of now. `None` if that must be looked at first, or has to be to tell what is wrong with the query.
///
/// # Errors
/// When nobody answers, and when the query would write to the cluster.
pub(super) async fn plan_as_seen(
    session: &TidbSession,
    query: &DfStatement,
) -> Result<Option<(LogicalPlan, i64)>> {
    if as_of::is_used(query)? {
        return Ok(None);
    }
    let state = session.engine().state();
    let names = Names::of(query, &state, session.catalog())?;
    let (false, Some(need)) = (names.lists(), names.need()) else { return Ok(None) };
    let Some((catalog, version)) = catalog_as_seen(session, need) else { return Ok(None) };
    let plan = plan_over(Some(catalog), &names, &mut query.clone(), state).await;
    let plan = match plan {
        Ok(plan) if !matches!(plan, LogicalPlan::Ddl(_)) => plan,
        Err(error) if error.is_of_the_way() => return Err(error),
        Ok(_) | Err(_) => return Ok(None),
    };
    let state = session.engine().state_ref();
    refuse_writes(&plan, &state.read(), session.connected().catalog())?;
    Ok(Some((plan, version)))
}

/// The catalog as it was last seen, and its schema version, where that is what a statement of now goes by.
fn catalog_as_seen(session: &TidbSession, need: Need<'_>) -> Option<(TidbCatalog, i64)> {
    let (catalog, config) = (session.catalog(), session.config());
    if config.settings().stale_read.is_some() || catalog.cluster().client().is_apart() {
        return None;
    }
    let deadline = catalog.cluster().deadline(&config);
    let view = catalog.cluster().meta().seen(need, deadline)?;
    let version = view.version();
    Some((catalog.pinned(view, config, None), version))
}

/// The plan over the tables as they were last seen, if it turns out meanwhile that this is how they are; `None` if not.
async fn plan_ahead(
    session: &TidbSession,
    need: Need<'_>,
    names: &Names,
    statement: &DfStatement,
    state: &SessionState,
) -> Result<Option<LogicalPlan>> {
    if is_description(statement) {
        return Ok(None);
    }
    let Some((catalog, version)) = catalog_as_seen(session, need) else { return Ok(None) };
    let cluster = session.catalog().cluster();
    let outlook = cluster.meta().outlook(version, cluster.deadline(&session.config()));
    let plan = plan_over(Some(catalog), names, &mut statement.clone(), state.clone()).await;
    if outlook.holds().await? { plan.map(Some) } else { Ok(None) }
}

/// The catalog as it is now, or as of the time that is to be read at.
async fn catalog_now(
    session: &TidbSession,
    need: Need<'_>,
    own_time: Option<Timestamp>,
    names: &Names,
    statement: &DfStatement,
) -> Result<TidbCatalog> {
    let (catalog, config) = (session.catalog(), session.config());
    let meta = catalog.cluster().meta();
    let deadline = catalog.cluster().deadline(&config);
    let as_of = match own_time {
        Some(ts) => Some(ts),
        None => catalog.cluster().stale_read(&config, deadline).await?,
    };
    let view = match as_of {
        Some(ts) => {
            let past = meta.view_of_past(ReadAt { ts, deadline }, need).await;
            past.map_err(|error| error.with_context("as of", ts.to_string()))?
        }
        None => meta.view(need, deadline).await?,
    };
    if is_description(statement)
        && let Some(rights) = catalog.cluster().rights().await?
    {
        for (_, full, database) in &names.ours {
            rights.check_describe(database, &full.table)?;
        }
    }
    Ok(catalog.pinned(view, config, as_of))
}

/// The plan of a statement that names `names`, over the tables of `catalog`, which is of one schema
/// version.
///
/// # Errors
/// When it names what is not there, or can't be planned.
pub(super) async fn plan_over(
    catalog: Option<TidbCatalog>,
    names: &Names,
    statement: &mut DfStatement,
    mut state: SessionState,
) -> Result<LogicalPlan> {
    let mut missing = Vec::new();
    if let Some(pinned) = catalog {
        missing = names.missing(&pinned);
        let (all, name) = (Arc::clone(state.catalog_list()), pinned.name().to_owned());
        let catalogs = StatementCatalogs::new(all, name, Arc::new(pinned));
        state.register_catalog_list(Arc::new(catalogs));
    }
    let columns = names.columns(&state).await?;
    let lower_case = state.config_options().sql_parser.enable_ident_normalization;
    spell_columns(statement, &columns, lower_case)?;
    let plan = state.statement_to_plan(statement.clone()).await;
    let plan = plan.map_err(|error| explain(error, missing))?;
    refuse_lost_keys(&plan)?;
    Ok(plan)
}

/// Why a statement could not be planned: a name that is not there, if there is one.
fn explain(error: datafusion::error::DataFusionError, missing: Vec<Error>) -> Error {
    let ours = Error::from(error);
    let Some(missing) = missing.into_iter().next() else { return ours };
    match ours.message().contains("not found") {
        true => missing.with_span(ours.span()),
        false => ours,
    }
}

/// The tables that a statement names.
pub(super) struct Names {
    /// Those of the cluster: as written, in full, and the database in TiDB.
    ours: Vec<(TableReference, ResolvedTableReference, String)>,
    /// Those of other catalogs.
    others: Vec<(TableReference, ResolvedTableReference)>,
    /// Whether it lists tables through `information_schema`.
    lists: bool,
    databases: Vec<String>,
}

impl Names {
    /// Those of `statement` in a session like `state`, by which `catalog` is the cluster's.
    ///
    /// # Errors
    /// When a name has too many parts.
    pub(super) fn of(
        statement: &DfStatement,
        state: &SessionState,
        catalog: &TidbCatalog,
    ) -> Result<Self> {
        let mut names = Self { ours: vec![], others: vec![], lists: false, databases: vec![] };
        let shows = matches!(statement, DfStatement::Statement(sql) if shows_variable(sql));
        for reference in state.resolve_table_references(statement)? {
            let full = resolve(&reference, state);
            if &*full.schema == "information_schema" {
                let settles = matches!(&*full.table, "df_settings" | "routines" | "parameters");
                names.lists |= !shows && !settles;
            } else if *full.catalog == *catalog.name() {
                let database = catalog.database_of(&full.schema).unwrap_or_default();
                names.databases.push(database.to_owned());
                names.ours.push((reference, full.clone(), database.to_owned()));
            } else {
                names.others.push((reference, full));
            }
        }
        Ok(names)
    }

    /// The databases of the cluster's tables.
    pub(super) fn databases(&self) -> &[String] {
        &self.databases
    }

    /// Whether tables are listed.
    pub(super) fn lists(&self) -> bool {
        self.lists
    }

    /// The first that is not of a table of the cluster.
    pub(super) fn foreign(&self) -> Option<String> {
        let other = self.others.first().map(|(reference, _)| reference.to_string());
        other.or_else(|| self.lists.then(|| "information_schema".to_owned()))
    }

    /// What must be known of the cluster; `None` for nothing.
    pub(super) fn need(&self) -> Option<Need<'_>> {
        match (self.lists, self.databases.is_empty()) {
            (true, _) => Some(Need::Everything),
            (false, false) => Some(Need::Tables(&self.databases)),
            (false, true) => None,
        }
    }

    /// An error for each name that the cluster does not have.
    fn missing(&self, catalog: &TidbCatalog) -> Vec<Error> {
        let names = catalog.names();
        let mut missing = Vec::new();
        for (_, full, database) in &self.ours {
            let schema = &full.schema;
            match names.as_ref().and_then(|names| names.database(database)) {
                None => missing.push(no_database(schema)),
                Some(found) if found.table(&full.table).is_none() => {
                    missing.push(no_table(schema, &full.table));
                }
                Some(_) => {}
            }
        }
        missing
    }

    /// The columns of the tables, by the names that the statement uses for them.
    async fn columns(&self, state: &SessionState) -> Result<TableColumns> {
        let mut columns = TableColumns::new();
        let ours = self.ours.iter().map(|(reference, full, _)| (reference, full));
        let others = self.others.iter().map(|(reference, full)| (reference, full));
        for (reference, full) in ours.chain(others) {
            if let Some(table) = open(state, full).await? {
                if let Some(unreadable) = table.downcast_ref::<UnreadableTable>() {
                    return Err(unreadable.reason().clone());
                }
                let fields = table.schema();
                let fields = fields.fields().iter().map(|field| field.name().clone());
                columns.insert(reference.clone(), fields.collect());
            }
        }
        Ok(columns)
    }
}

/// The table of this name, if it is there.
pub(super) async fn open(
    state: &SessionState,
    name: &ResolvedTableReference,
) -> Result<Option<Arc<dyn TableProvider>>> {
    match state.schema_for_ref(name.clone()) {
        Ok(schema) => Ok(schema.table(&name.table).await?),
        Err(_) => Ok(None),
    }
}

/// Whether a statement says what columns a table has.
fn is_description(statement: &DfStatement) -> bool {
    let DfStatement::Statement(statement) = statement else { return false };
    matches!(**statement, Statement::ExplainTable { .. })
}

/// Whether a statement shows a variable, so that it reads no names of tables.
fn shows_variable(statement: &Statement) -> bool {
    matches!(
        statement,
        Statement::ShowVariable { .. }
            | Statement::ShowVariables { .. }
            | Statement::ShowStatus { .. }
            | Statement::ShowFunctions { .. }
            | Statement::ShowCollation { .. }
    )
}
