//! TiFusion, as its users run it: the side that is judged.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::execution::TaskContext;
use datafusion::physical_plan::metrics::MetricValue;
use datafusion::physical_plan::{ExecutionPlan, collect};
use tifusion::config::Config;
use tifusion::{Error, ErrorKind, SchemaChanger, TidbContext};
use tifusion_embedded::{EmbeddedCluster, Statements};

use crate::arrow_cells::{self, Clock};
use crate::cell::Rows;
use crate::cluster::Cluster;

/// A session of TiFusion.
#[derive(Debug, Clone)]
pub struct Connector {
    context: TidbContext,
}

/// Settings that keep the stores from doing more than giving rows of a table.
const PUSHDOWN_OFF: [(&str, &str); 3] = [
    ("plan.unsupported_pushdown_exprs", "*"),
    ("plan.allow_agg_pushdown", "false"),
    ("plan.allow_index_read", "false"),
];

/// Settings that keep the stores from doing more than giving rows of a table.
#[must_use]
pub fn pushdown_off() -> &'static [(&'static str, &'static str)] {
    static TAKEN: OnceLock<Vec<(&'static str, &'static str)>> = OnceLock::new();
    TAKEN.get_or_init(|| taken(&PUSHDOWN_OFF))
}

/// Those of `settings` that this version takes; the others are told.
#[must_use]
pub fn taken<'a>(settings: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let is_taken = |(key, value): &(&str, &str)| {
        let map = HashMap::from([((*key).to_owned(), (*value).to_owned())]);
        let taken = Config::from_map(&map).is_ok();
        if !taken {
            eprintln!("not taken by this version: {key}={value}");
        }
        taken
    };
    settings.iter().copied().filter(is_taken).collect()
}

/// Changes of schema on a cluster in this process.
#[derive(Debug)]
struct EmbeddedSchema(Statements);

#[async_trait]
impl SchemaChanger for EmbeddedSchema {
    fn name(&self) -> &str {
        "embedded cluster"
    }

    async fn change(&self, database: Option<&str>, statement: &str) -> Result<(), Error> {
        let changed = self.0.execute(database, statement).await;
        changed.map_err(|error| Error::new(ErrorKind::Unsupported, error.to_string()))
    }
}

/// The whole answer to a query.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its columns.
    pub schema: SchemaRef,
    /// Its rows.
    pub batches: Vec<RecordBatch>,
    /// The plan that ran, with its metrics.
    pub plan: Arc<dyn ExecutionPlan>,
}

impl Answer {
    /// The cells, each time as `clock` shows it.
    #[must_use]
    pub fn rows(&self, clock: Clock) -> Rows {
        let columns = self.schema.fields().iter().map(|field| field.name().clone()).collect();
        Rows { columns, rows: arrow_cells::rows(&self.batches, clock) }
    }

    /// The sum of a metric over all nodes of the plan.
    #[must_use]
    pub fn metric(&self, name: &str) -> usize {
        fn sum(plan: &dyn ExecutionPlan, name: &str) -> usize {
            let metrics = plan.metrics().unwrap_or_default();
            let own: usize = metrics
                .iter()
                .filter(|metric| metric.value().name() == name)
                .map(|metric| match metric.value() {
                    MetricValue::Gauge { gauge, .. } => gauge.value(),
                    value => value.as_usize(),
                })
                .sum();
            own + plan.children().into_iter().map(|child| sum(child.as_ref(), name)).sum::<usize>()
        }
        sum(self.plan.as_ref(), name)
    }
}

impl Connector {
    /// A session over `cluster` with the given settings.
    ///
    /// # Panics
    /// If connecting fails.
    pub async fn connect(cluster: &Cluster, settings: &[(&str, &str)]) -> Self {
        Self::try_connect(cluster, settings).await.unwrap_or_else(|error| panic!("{error}"))
    }

    /// A session over `cluster` with the given settings.
    ///
    /// # Errors
    /// TiFusion's own.
    pub async fn try_connect(cluster: &Cluster, settings: &[(&str, &str)]) -> Result<Self, Error> {
        let mut all = HashMap::new();
        let mut file = |key: &str, variable: &str| {
            if let Some(path) = cluster.variables.get(variable) {
                all.insert("tikv.tls_enable".to_owned(), "true".to_owned());
                all.insert(key.to_owned(), path.clone());
            }
        };
        file("tikv.trust_cert_collection", "TIFUSION_TLS_CA");
        file("tikv.key_cert_chain", "TIFUSION_TLS_CERT");
        file("tikv.key_file", "TIFUSION_TLS_KEY");
        Self::over(&cluster.pd, all, settings).await
    }

    /// A session that knows nothing of `cluster` but TiDB's SQL port, with the given settings.
    ///
    /// # Panics
    /// If connecting fails.
    pub async fn by_sql(cluster: &Cluster, settings: &[(&str, &str)]) -> Self {
        Self::try_by_sql(cluster, settings).await.unwrap_or_else(|error| panic!("{error}"))
    }

    /// A session that knows nothing of `cluster` but TiDB's SQL port, with the given settings.
    ///
    /// # Errors
    /// TiFusion's own.
    pub async fn try_by_sql(cluster: &Cluster, settings: &[(&str, &str)]) -> Result<Self, Error> {
        let (host, port) = cluster.tidb.rsplit_once(':').expect("host:port");
        let place = [
            ("read.mode", "sql"),
            ("write.mode", "sql"),
            ("tidb.addr", host),
            ("tidb.port", port),
            ("tidb.user", "root"),
        ];
        // Nobody listens there.
        Self::over("127.0.0.1:1", HashMap::new(), &[&place[..], settings].concat()).await
    }

    /// A session over a cluster in this process with the given settings.
    ///
    /// # Panics
    /// If connecting fails.
    pub async fn embedded(cluster: &EmbeddedCluster, settings: &[(&str, &str)]) -> Self {
        let session = Self::try_embedded(cluster, settings).await;
        session.unwrap_or_else(|error| panic!("{error}"))
    }

    /// A session over a cluster in this process with the given settings.
    ///
    /// # Errors
    /// TiFusion's own.
    pub async fn try_embedded(
        cluster: &EmbeddedCluster,
        settings: &[(&str, &str)],
    ) -> Result<Self, Error> {
        let pd = cluster.pd_addresses().join(",");
        let Self { context } = Self::over(&pd, HashMap::new(), settings).await?;
        let changer = Arc::new(EmbeddedSchema(cluster.statements()));
        Ok(Self { context: context.with_schema_changer(changer) })
    }

    async fn over(
        pd: &str,
        mut all: HashMap<String, String>,
        settings: &[(&str, &str)],
    ) -> Result<Self, Error> {
        all.insert("pd.addresses".to_owned(), pd.to_owned());
        all.extend(settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
        Ok(Self { context: TidbContext::connect(all).await? })
    }

    /// A session that somebody else has made.
    #[must_use]
    pub fn of(context: TidbContext) -> Self {
        Self { context }
    }

    /// The session itself.
    #[must_use]
    pub fn context(&self) -> &TidbContext {
        &self.context
    }

    /// Makes `database` the one of unqualified names.
    ///
    /// # Panics
    /// If that fails.
    pub async fn use_database(&self, database: &str) {
        self.query(&format!("USE \"{database}\"")).await;
    }

    /// The answer to a statement.
    ///
    /// # Errors
    /// TiFusion's own.
    pub async fn run(&self, statement: &str) -> Result<Answer, Error> {
        let frame = self.context.sql(statement).await?;
        let schema = Arc::clone(frame.schema().inner());
        let task: Arc<TaskContext> = Arc::new(frame.task_ctx());
        let plan = frame.create_physical_plan().await?;
        let batches = collect(Arc::clone(&plan), task).await?;
        Ok(Answer { schema, batches, plan })
    }

    /// The rows of a statement, times as the wall clock of their zone.
    ///
    /// # Errors
    /// TiFusion's own.
    pub async fn try_query(&self, statement: &str) -> Result<Rows, Error> {
        Ok(self.run(statement).await?.rows(Clock::Wall))
    }

    /// The rows of a statement, times as the wall clock of their zone.
    ///
    /// # Panics
    /// If it fails.
    pub async fn query(&self, statement: &str) -> Rows {
        self.try_query(statement).await.unwrap_or_else(|error| panic!("{error}\n{statement}"))
    }

    /// The physical plan of a query, as `EXPLAIN` shows it.
    ///
    /// # Panics
    /// If it fails.
    pub async fn explain(&self, query: &str) -> String {
        let rows = self.query(&format!("EXPLAIN {query}")).await.rows;
        let lines = rows.iter().flatten().map(|cell| cell.plain());
        lines.collect::<Vec<_>>().join("\n")
    }
}
