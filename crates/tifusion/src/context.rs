//! The way in: SQL over one cluster.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use datafusion::dataframe::DataFrame;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::execution::{SendableRecordBatchStream, SessionStateBuilder};
use datafusion::prelude::SessionContext;

use crate::auth::Privilege;
use crate::catalog::TidbCatalog;
use crate::cluster::Cluster;
use crate::config::{Config, TidbOptions};
use crate::error::{Error, ErrorKind, Result};
use crate::meta::{Need, SYSTEM_DATABASE};
use crate::planned::{PlannedStatement, TimeLimit, planned_again};
use crate::prepared::{self, PointRead, PreparedQuery};
use crate::schema_changer::SchemaChanger;
use crate::session::TidbSession;
use crate::sql::{self, SeenQuery, Statement};
use crate::stats::{self, AnalyzedTable};
use crate::writer::{self, TableWriter, WriteSummary};

/// A DataFusion session whose catalog is a TiDB cluster.
///
/// ```no_run
/// use std::collections::HashMap;
/// use tifusion::TidbContext;
///
/// # async fn example() -> tifusion::Result<()> {
/// let config = HashMap::from([("pd.addresses".to_owned(), "127.0.0.1:2379".to_owned())]);
/// let ctx = TidbContext::connect(config).await?;
/// ctx.sql("SELECT COUNT(*) FROM tidb.shop.orders").await?.show().await?;
/// # Ok(())
/// # }
/// ```
///
/// The session is an ordinary [`SessionContext`] with four additions: the catalog, a query planner
/// that gives each execution of a statement one snapshot, the options `tidb.*`, and the function
/// `ti_version()`. What is registered in [`TidbContext::session_context`] can be joined with tables
/// of TiDB. Statements given to [`TidbContext::sql`] rather than to the session itself also have
/// `USE`, `SHOW DATABASES` and names without regard to case, and find all tables they name at one
/// schema version. A `SET` given there keeps `tidb.time_zone`, which decides how TIMESTAMP is shown,
/// and `datafusion.execution.time_zone`, which decides what `now()` and casts do, the same.
///
/// Clones share the session.
#[derive(Clone)]
pub struct TidbContext {
    session: TidbSession,
}

impl fmt::Debug for TidbContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TidbContext")
            .field("session", &self.session.engine().session_id())
            .field("config", &self.config())
            .finish_non_exhaustive()
    }
}

impl TidbContext {
    /// Connects to the cluster that `config` names; [`config`](crate::config) has its keys.
    ///
    /// # Errors
    /// For unknown keys and wrong values, and when PD, or a store with the cluster's metadata, can't
    /// be reached (within 15 s and 20 s).
    pub async fn connect(config: HashMap<String, String>) -> Result<Self> {
        Self::connect_with(config, SessionStateBuilder::new_with_default_features()).await
    }

    /// Connects with a runtime of the caller's: its memory pool bounds what statements may hold.
    ///
    /// # Errors
    /// As [`TidbContext::connect`].
    pub async fn connect_with_runtime(
        config: HashMap<String, String>,
        runtime: Arc<RuntimeEnv>,
    ) -> Result<Self> {
        let builder = SessionStateBuilder::new_with_default_features().with_runtime_env(runtime);
        Self::connect_with(config, builder).await
    }

    /// Connects on top of a session state of the caller's making: its functions, catalogs, rules,
    /// configuration and runtime stay, and its query planner plans what ours has pinned to a
    /// snapshot. Unqualified names mean the cluster's database `test` until `USE`, unless the
    /// configuration names another default catalog or schema than DataFusion's own. A session that
    /// exists is continued by `SessionStateBuilder::new_from_existing(session.state())`.
    ///
    /// # Errors
    /// As [`TidbContext::connect`].
    pub async fn connect_with(
        config: HashMap<String, String>,
        mut builder: SessionStateBuilder,
    ) -> Result<Self> {
        let mut config = Config::from_map(&config)?;
        let given = builder.config().take().unwrap_or_default();
        if let Some(zone) = &given.options().execution.time_zone
            && config.is_default("time_zone")
        {
            config.set_in_session("time_zone", zone)?;
        }
        let cluster = Cluster::connect(&config).await?;
        Self::over(cluster, config, builder.with_config(given))
    }

    /// A session over a cluster that is there.
    pub(crate) fn over(
        cluster: Arc<Cluster>,
        config: Config,
        builder: SessionStateBuilder,
    ) -> Result<Self> {
        Ok(Self { session: TidbSession::new(cluster, config, builder, sql::view_planner())? })
    }

    /// Another session over the same cluster, with the same connections and caches, on top of a state of the caller's
    /// making. Its options `tidb.*` are those that the state's configuration has, or else those of this session.
    ///
    /// # Errors
    /// When the state has a catalog of the cluster's name already.
    pub fn another(&self, mut builder: SessionStateBuilder) -> Result<Self> {
        let given = builder.config().take().unwrap_or_default();
        let config = TidbOptions::config_of(given.options()).unwrap_or_else(|| self.config());
        let cluster = Arc::clone(self.catalog().cluster());
        Self::over(cluster, Config::clone(&config), builder.with_config(given))
    }

    /// The same session, whose statements that change the schema are carried out by `changer`, and not by TiDB:
    /// for clusters without one.
    #[must_use]
    pub fn with_schema_changer(mut self, changer: Arc<dyn SchemaChanger>) -> Self {
        self.session.set_schema_changer(changer);
        self
    }

    /// The DataFusion session: register tables, functions and files there as ever.
    #[must_use]
    pub fn session_context(&self) -> &SessionContext {
        self.session.engine()
    }

    /// Plans one statement: what DataFusion knows, and `USE` and `SHOW DATABASES`, `TABLES`,
    /// `COLUMNS`, `CREATE TABLE`, `INDEX` and `STATS` as in TiDB. A query runs when the frame is collected, each time on a new
    /// snapshot; `SET`, `USE` and `CREATE` take effect at once.
    ///
    /// What changes the cluster's schema or looks after its tables (`CREATE`, `ALTER`, `DROP`, `RENAME`, `TRUNCATE`,
    /// `ANALYZE TABLE`, `SPLIT TABLE`) is carried out at once by TiDB, where `tidb.addr` says it is.
    ///
    /// # Errors
    /// When the text is not one statement, names what is not there, or asks for what can't be had.
    pub async fn sql(&self, statement: &str) -> Result<DataFrame> {
        let mut statements = self.parse(statement)?;
        match (statements.pop(), statements.is_empty()) {
            (Some(statement), true) => self.run(statement).await,
            (None, _) => Err(Error::invalid("there is no statement in the text")),
            (Some(_), false) => Err(Error::invalid(
                "the text has more than one statement: give them one by one, TidbContext::parse \
                 takes them apart",
            )),
        }
    }

    /// The statements of a script, in order, each for [`TidbContext::run`].
    ///
    /// # Errors
    /// When the text can't be parsed.
    pub fn parse(&self, script: &str) -> Result<Vec<Statement>> {
        sql::parse(&self.session.engine().state_ref().read(), script)
    }

    /// Plans a statement that was parsed, as [`TidbContext::sql`] does.
    ///
    /// # Errors
    /// As [`TidbContext::sql`].
    pub async fn run(&self, statement: Statement) -> Result<DataFrame> {
        sql::run(&self.session, statement).await
    }

    /// Plans a statement that was parsed down to what runs: its snapshot is taken, and its plan is there
    /// to look at while it runs. Where [`TidbContext::run`] leaves it to the caller to give a statement
    /// again whose tables changed after it was planned ([`ErrorKind::SchemaChanged`]), this does so
    /// once; a query's names are resolved by the schema as it was last seen, and again where it is no longer that.
    /// `statement.timeout` begins here, and holds for the whole statement.
    ///
    /// # Errors
    /// As [`TidbContext::run`], and those of making the physical plan.
    pub async fn prepare(&self, statement: Statement) -> Result<PlannedStatement> {
        let limit = self.time_limit();
        let seen = self.as_seen(&statement, limit).await?;
        self.planned(&statement, seen, limit).await
    }

    fn time_limit(&self) -> Option<TimeLimit> {
        self.config().settings().statement_timeout.and_then(TimeLimit::begin)
    }

    /// A statement over the tables as they were last seen, if it is a query.
    async fn as_seen(
        &self,
        statement: &Statement,
        limit: Option<TimeLimit>,
    ) -> Result<Option<SeenQuery>> {
        // Boxed: planning is large.
        TimeLimit::bound_by(limit, Box::pin(sql::query_as_seen(&self.session, statement))).await
    }

    /// A statement planned: as it was `seen`, where that is how the tables are, else by looking at them first.
    async fn planned(
        &self,
        statement: &Statement,
        mut seen: Option<SeenQuery>,
        limit: Option<TimeLimit>,
    ) -> Result<PlannedStatement> {
        let plan = || {
            let seen = seen.take();
            async move {
                if let Some(seen) = seen {
                    let frame = self.session.begin(seen.plan, Some(seen.schema_version));
                    match PlannedStatement::new(frame, limit).await {
                        Ok(planned) => return Ok(planned),
                        Err(error) if error.is_of_the_way() => return Err(error),
                        // It may be one of tables as they no longer are.
                        Err(error) => tracing::debug!(%error, "the tables are looked at"),
                    }
                }
                PlannedStatement::new(self.run(statement.clone()).await?, limit).await
            }
        };
        Box::pin(planned_again(limit, plan)).await
    }

    /// Prepares a query that is run many times, with other parameters each time.
    ///
    /// # Errors
    /// When the text is not one query, names what is not there, or can't be planned.
    pub async fn prepare_query(&self, query: &str) -> Result<PreparedQuery> {
        let mut statements = self.parse(query)?;
        match (statements.pop(), statements.is_empty()) {
            (Some(statement), true) => PreparedQuery::new(self.session.clone(), &statement).await,
            _ => Err(Error::invalid("a prepared query is one statement")),
        }
    }

    /// Runs a statement that was parsed, and gives its rows as they come:
    /// [`TidbContext::prepare`] and [`PlannedStatement::execute`], and the short way to one row by its key that a
    /// [`PreparedQuery`] has.
    ///
    /// This is the quickest way to run a statement once. [`TidbContext::sql`] asks the cluster for its schema before it
    /// answers with a frame, and once more when the frame is collected.
    ///
    /// ```no_run
    /// use futures::TryStreamExt as _;
    ///
    /// # async fn example(context: &tifusion::TidbContext) -> tifusion::Result<()> {
    /// for statement in context.parse("SELECT name FROM shop.users WHERE id = 7")? {
    ///     let rows: Vec<_> = context.execute(statement).await?.try_collect().await?;
    ///     println!("{rows:?}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Theirs.
    pub async fn execute(&self, statement: Statement) -> Result<SendableRecordBatchStream> {
        let limit = self.time_limit();
        let mut seen = self.as_seen(&statement, limit).await?;
        if let Some(query) = &seen {
            let row = prepared::row_by_key(&self.session, &query.plan);
            match TimeLimit::bound_by(limit, row).await? {
                Some(PointRead::Rows(rows)) => return Ok(rows),
                Some(PointRead::Outdated) => seen = None,
                Some(PointRead::Otherwise) | None => {}
            }
        }
        self.planned(&statement, seen, limit).await?.execute()
    }

    /// Makes `database` the one where unqualified names are looked for, as `USE` does.
    ///
    /// # Errors
    /// When the cluster has no such database, or can't be reached.
    pub async fn use_database(&self, database: &str) -> Result<()> {
        sql::use_database(&self.session, database).await
    }

    /// Writes frames to a table of the cluster, named as in SQL (`shop.orders`): append or replace, all in one
    /// transaction.
    pub fn table_writer(&self, table: &str) -> TableWriter {
        TableWriter::new(self.session.clone(), table)
    }

    /// Writes frames to several tables, each with its own writer, in one transaction: all rows of all tables are
    /// there afterwards, or none is. Frames that read these tables see them as they were before. A summary for each
    /// comes back, in their order.
    ///
    /// ```no_run
    /// # async fn example(
    /// #     ctx: tifusion::TidbContext,
    /// #     orders: datafusion::prelude::DataFrame,
    /// #     items: datafusion::prelude::DataFrame,
    /// # ) -> tifusion::Result<()> {
    /// let orders = (ctx.table_writer("shop.orders"), orders);
    /// let items = (ctx.table_writer("shop.items").replace(true), items);
    /// let summaries = ctx.write_together([orders, items]).await?;
    /// println!("{} orders", summaries[0].rows);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`TableWriter::write`], and when a table comes twice, or some are a
    /// [dry run](TableWriter::dry_run) and others are not.
    pub async fn write_together(
        &self,
        writes: impl IntoIterator<Item = (TableWriter, DataFrame)>,
    ) -> Result<Vec<WriteSummary>> {
        writer::write_together(writes.into_iter().collect()).await
    }

    /// What `ANALYZE` left of a table, in full: what plans go by. Nothing of it was counted at a
    /// snapshot.
    ///
    /// What can't be read or used is left out, with a warning.
    ///
    /// # Errors
    /// When there is no such table, or its description can't be read.
    pub async fn table_statistics(&self, database: &str, table: &str) -> Result<AnalyzedTable> {
        let cluster = self.catalog().cluster();
        if let Some(rights) = cluster.rights().await? {
            rights.check(Privilege::Select, database, table)?;
        }
        let databases = [database.to_owned(), SYSTEM_DATABASE.to_owned()];
        let deadline = cluster.deadline(&self.config());
        let view = cluster.meta().view(Need::Tables(&databases), deadline).await?;
        let missing =
            || Error::new(ErrorKind::NotFound, format!("there is no table {database}.{table}"));
        let (database, name) = view.find(database, table).ok_or_else(missing)?;
        let info = cluster.meta().table(&view, database.id, name.id).await?.ok_or_else(missing)?;
        let needs = [stats::Need::everything(&info)];
        let patience = self.config().settings().request_timeout;
        let loaded = cluster.statistics(&view, &needs, patience).await.pop().unwrap_or_default();
        Ok(AnalyzedTable::new(info, loaded))
    }

    /// The session's configuration as it is now.
    #[must_use]
    pub fn config(&self) -> Arc<Config> {
        self.session.config()
    }

    /// The cluster's catalog.
    #[must_use]
    pub fn catalog(&self) -> &Arc<TidbCatalog> {
        self.session.catalog()
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod view_tests;
