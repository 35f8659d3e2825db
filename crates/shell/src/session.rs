//! What a shell works on: a session, and the cluster in the process if there is one.

use std::collections::HashMap;
use std::io::{self, IsTerminal as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use datafusion::config::Dialect as DialectName;
use datafusion::execution::SessionStateBuilder;
use datafusion::prelude::SessionConfig;
use datafusion::sql::sqlparser::dialect::{Dialect, GenericDialect, dialect_from_str};
use datafusion_cli::print_options::MaxRows;
use tifusion::{TidbContext, config};
use tifusion_embedded::EmbeddedCluster;

use crate::args::Arguments;
use crate::embedded::EmbeddedSchema;
use crate::mark::Problem;
use crate::output::Format;

/// The key that allows writes.
const WRITE_ENABLE: &str = "write.enable";

/// The key of what is warned of as slow: whoever sits at a shell sees that it takes its time.
const SLOW_TASK: &str = "slow_task.threshold";

/// How long a scheduler may take to cancel what was given up.
const PATIENCE: Duration = Duration::from_secs(5);

/// Rows of a table that fit a screen.
const ROWS_AT_THE_PROMPT: usize = 40;

/// A session with a way to print.
pub(crate) struct Shell {
    pub(crate) context: TidbContext,
    pub(crate) cluster: Option<EmbeddedCluster>,
    pub(crate) look: Look,
}

/// How results and what goes with them are shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    pub(crate) format: Format,
    pub(crate) maxrows: MaxRows,
    /// Results and errors only.
    pub(crate) quiet: bool,
    /// Whether to say how long a statement took.
    pub(crate) timing: bool,
    /// Whether somebody sits at a prompt.
    pub(crate) interactive: bool,
}

impl Shell {
    /// Connects, to a cluster that it starts first if that is asked for.
    ///
    /// # Errors
    /// When the options are wrong, or the cluster can't be started or reached.
    pub(crate) async fn open(arguments: &Arguments) -> Result<Self, Problem> {
        let mut options = options(arguments)?;
        unless_given(&mut options, SLOW_TASK, "0");
        let cluster = match &arguments.embedded {
            None => None,
            Some(folder) => {
                let cluster = start(folder.as_deref()).await?;
                options.insert("pd.addresses".to_owned(), cluster.pd_addresses().join(","));
                // It is nobody else's, and rows of literals go into it in any case.
                unless_given(&mut options, WRITE_ENABLE, "true");
                if !arguments.quiet {
                    announce(&cluster, folder.as_deref());
                }
                Some(cluster)
            }
        };
        // Errors know where in the statement they are, and NULL looks different from an empty text.
        let session = SessionConfig::new()
            .set_bool("datafusion.sql_parser.collect_spans", true)
            .set_str("datafusion.format.null", "NULL");
        let mut context = match &arguments.ballista {
            None => {
                let builder = SessionStateBuilder::new_with_default_features().with_config(session);
                TidbContext::connect_with(options, builder).await?
            }
            Some(url) => tifusion_ballista::connect_with(options, url, session).await?,
        };
        if let Some(cluster) = &cluster {
            context = context.with_schema_changer(Arc::new(EmbeddedSchema(cluster.statements())));
        }
        if let Some(database) = &arguments.db {
            context.use_database(database).await?;
        }
        let interactive = arguments.jobs.is_empty() && io::stdin().is_terminal();
        let maxrows = match arguments.maxrows {
            Some(maxrows) => maxrows,
            None if interactive => MaxRows::Limited(ROWS_AT_THE_PROMPT),
            None => MaxRows::Unlimited,
        };
        let (format, quiet) = (arguments.format, arguments.quiet);
        let look = Look { format, maxrows, quiet, timing: true, interactive };
        Ok(Self { context, cluster, look })
    }

    /// Where unqualified names are looked for: catalog and schema.
    pub(crate) fn defaults(&self) -> (String, String) {
        let state = self.context.session_context().state_ref();
        let state = state.read();
        let options = &state.config_options().catalog;
        (options.default_catalog.clone(), options.default_schema.clone())
    }

    /// The name of the session's SQL dialect.
    pub(crate) fn dialect_name(&self) -> DialectName {
        self.context.session_context().state_ref().read().config_options().sql_parser.dialect
    }

    /// The session's SQL dialect.
    pub(crate) fn dialect(&self) -> Box<dyn Dialect> {
        dialect_from_str(self.dialect_name()).unwrap_or_else(|| Box::new(GenericDialect {}))
    }

    /// Has what was given up end on other machines, too. Stops the cluster in the process, so that its folder is left in order.
    pub(crate) async fn close(self) {
        let given_up = tifusion_ballista::cancelled();
        if tokio::time::timeout(PATIENCE, given_up).await.is_err() {
            tracing::warn!("a query that was given up may still run on Ballista");
        }
        if let Some(cluster) = self.cluster {
            cluster.shutdown().await;
        }
    }
}

/// Sets a key, with or without a prefix, that nobody has set.
fn unless_given(options: &mut HashMap<String, String>, key: &str, value: &str) {
    if !options.keys().any(|given| given.ends_with(key)) {
        options.insert(key.to_owned(), value.to_owned());
    }
}

/// The configuration: that of the file, then `-o`, then `--pd`.
pub(crate) fn options(arguments: &Arguments) -> Result<HashMap<String, String>, Problem> {
    let mut options = match &arguments.config {
        Some(file) => config::read_toml(file)?,
        None => HashMap::new(),
    };
    for option in &arguments.options {
        let Some((key, value)) = option.split_once('=') else {
            return Err(Problem::new(format!("-o {option}: expected KEY=VALUE")));
        };
        let key = key.trim();
        if arguments.embedded.is_some() && key.ends_with("pd.addresses") {
            return Err(Problem::new(format!("-o {key} and --embedded name two clusters")));
        }
        options.insert(key.to_owned(), value.to_owned());
    }
    if let Some(pd) = &arguments.pd {
        options.insert("pd.addresses".to_owned(), pd.clone());
    }
    Ok(options)
}

pub(crate) async fn start(folder: Option<&Path>) -> Result<EmbeddedCluster, Problem> {
    let builder = EmbeddedCluster::builder();
    let builder = match folder {
        Some(folder) => builder.folder(folder),
        None => builder,
    };
    builder.start().await.map_err(|error| {
        let problem = Problem::of(&error);
        match folder {
            Some(folder) => problem.with("folder", folder.display().to_string()),
            None => problem,
        }
    })
}

/// Says where others find the cluster.
fn announce(cluster: &EmbeddedCluster, folder: Option<&Path>) {
    let kept = match folder {
        Some(folder) => format!("kept in {}", folder.display()),
        None => "in memory".to_owned(),
    };
    let pd = cluster.pd_addresses().join(",");
    let line = format!("embedded cluster, {kept}; its PD listens on {pd}\n");
    // A notice that nobody reads is not worth an error.
    let _ = io::Write::write_all(&mut io::stderr(), line.as_bytes());
}
