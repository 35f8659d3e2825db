//! Queries that are planned once and run many times, with other parameters.

mod placeholders;
mod point;

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::common::ParamValues;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::parser::Statement as DfStatement;
use parking_lot::RwLock;

use self::point::PointQuery;
pub(crate) use self::point::{PointRead, row_by_key};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::planned::{PlannedStatement, TimeLimit, planned_again};
use crate::planner::reads_now;
use crate::session::{CurrentDatabase, TidbSession};
use crate::sql::{self, Statement};

/// A query with parameters, whose text is parsed and whose names are resolved.
///
/// Parameters are `?`, or `$1`, `$2`, …, or `$name`. Each run reads at a time of its own, as of a schema that is the
/// cluster's then: where that has changed, the query is prepared again by itself.
///
/// One that asks for a row by its whole primary key, such as `SELECT name FROM shop.users WHERE id = ?`, is one
/// request to one store, for the newest value (as TiDB reads it outside of transactions), where the key is one integer
/// and nothing of the session says otherwise (`request.isolation.level`, `replica_read`, `stale_read`,
/// `isolation_read_engines`, `sql.auth.enable`, rules or a planner of the caller's); [`PreparedQuery::is_point`] tells.
///
/// ```no_run
/// use datafusion::scalar::ScalarValue;
/// use futures::TryStreamExt as _;
///
/// # async fn example(context: &tifusion::TidbContext) -> tifusion::Result<()> {
/// let user = context.prepare_query("SELECT name FROM shop.users WHERE id = ?").await?;
/// for id in [7_i64, 8, 9] {
///     let rows: Vec<_> = user.execute(vec![ScalarValue::from(id)]).await?.try_collect().await?;
///     println!("{id}: {rows:?}");
/// }
/// # Ok(())
/// # }
/// ```
pub struct PreparedQuery {
    session: TidbSession,
    statement: DfStatement,
    /// The current database when it was prepared.
    database: CurrentDatabase,
    made: RwLock<Arc<Made>>,
}

/// What was made of a query at one schema version, with one configuration.
struct Made {
    plan: LogicalPlan,
    config: Arc<Config>,
    point: Option<PointQuery>,
    /// Whether it reads TiDB's tables as they are now.
    reads_now: bool,
}

impl fmt::Debug for PreparedQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreparedQuery")
            .field("statement", &self.statement.to_string())
            .field("is_point", &self.is_point())
            .finish_non_exhaustive()
    }
}

impl PreparedQuery {
    /// Prepares a statement that was parsed.
    ///
    /// # Errors
    /// When it is no query, names what is not there, or can't be planned.
    pub(crate) async fn new(session: TidbSession, statement: &Statement) -> Result<Self> {
        let query = statement.as_datafusion().filter(|statement| sql::is_query(statement));
        let Some(query) = query else {
            return Err(Error::unsupported(
                "only queries are prepared: SELECT, WITH and VALUES, not what writes or changes anything",
            ));
        };
        let mut statement = query.clone();
        placeholders::number(&mut statement)?;
        let database = CurrentDatabase::of(&session);
        let made = RwLock::new(Arc::new(Made::new(&session, &statement, &database).await?));
        Ok(Self { session, statement, database, made })
    }

    /// The columns of its result.
    #[must_use]
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(self.made.read().plan.schema().inner())
    }

    /// Whether it is a request for one row, see [`PreparedQuery`].
    #[must_use]
    pub fn is_point(&self) -> bool {
        self.made.read().point.is_some()
    }

    /// Runs it with these parameters, and gives its rows as they come: a `Vec<ScalarValue>` for `?` and `$1`, a
    /// `Vec<(&str, ScalarValue)>` or a map for `$name`. `statement.timeout` holds for each run.
    ///
    /// # Errors
    /// When a parameter is missing or of a type that can't be compared, and those of
    /// [`TidbContext::execute`](crate::TidbContext::execute).
    pub async fn execute(
        &self,
        parameters: impl Into<ParamValues>,
    ) -> Result<SendableRecordBatchStream> {
        let parameters = parameters.into();
        let mut made = self.current().await?;
        if let Some(point) = &made.point {
            match point.read(&self.session, &parameters).await? {
                PointRead::Rows(rows) => return Ok(rows),
                PointRead::Outdated => made = Box::pin(self.renewed(&made)).await?,
                PointRead::Otherwise => {}
            }
        }
        let limit = made.config.settings().statement_timeout.and_then(TimeLimit::begin);
        let mut known = Some(made);
        let plan = || {
            let (known, parameters) = (known.take(), &parameters);
            async move {
                let made = match known {
                    Some(made) => made,
                    None => self.again().await?,
                };
                self.planned(&made, parameters, limit).await
            }
        };
        // Boxed: planning is large, and a row by its key does not need it.
        Box::pin(planned_again(limit, plan)).await?.execute()
    }

    /// What was made of it, with the session's configuration as it is now.
    async fn current(&self) -> Result<Arc<Made>> {
        let made = Arc::clone(&self.made.read());
        let config = self.session.config();
        let is_same =
            Arc::ptr_eq(&made.config, &config) || made.config.settings() == config.settings();
        if is_same { Ok(made) } else { Box::pin(self.again()).await }
    }

    /// What is made of it by the schema as it is now, where its columns are the same; else what was made before, without
    /// its short way, for the columns of a query stay what they are.
    async fn renewed(&self, before: &Made) -> Result<Arc<Made>> {
        let mut made = Made::new(&self.session, &self.statement, &self.database).await?;
        if made.plan.schema() != before.plan.schema() {
            let (plan, config) = (before.plan.clone(), Arc::clone(&before.config));
            made = Made { plan, config, point: None, reads_now: before.reads_now };
        }
        let made = Arc::new(made);
        *self.made.write() = Arc::clone(&made);
        Ok(made)
    }

    async fn again(&self) -> Result<Arc<Made>> {
        let made = Made::new(&self.session, &self.statement, &self.database).await?;
        let made = Arc::new(made);
        *self.made.write() = Arc::clone(&made);
        Ok(made)
    }

    async fn planned(
        &self,
        made: &Made,
        parameters: &ParamValues,
        limit: Option<TimeLimit>,
    ) -> Result<PlannedStatement> {
        let plan = made.plan.clone().with_param_values(parameters.clone())?;
        let frame = match made.reads_now {
            true => self.session.begin(plan, None),
            false => self.session.engine().execute_logical_plan(plan).await?,
        };
        PlannedStatement::new(frame, limit).await
    }
}

impl Made {
    async fn new(
        session: &TidbSession,
        statement: &DfStatement,
        database: &CurrentDatabase,
    ) -> Result<Self> {
        let config = session.config();
        let plan = Box::pin(sql::query_plan(session, statement.clone(), database)).await?;
        let point = PointQuery::of(&plan, session, &config);
        let reads_now = reads_now(&plan)? && !session.catalog().cluster().client().is_apart();
        Ok(Self { plan, config, point, reads_now })
    }
}
