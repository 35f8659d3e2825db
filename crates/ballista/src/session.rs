//! Sessions whose queries run on a Ballista cluster.

use std::collections::HashMap;
use std::sync::Arc;

use ballista_core::extension::SessionConfigExt as _;
use ballista_core::optimizer::with_ballista_optimizer_rules;
use datafusion::execution::SessionStateBuilder;
use datafusion::optimizer::Optimizer;
use datafusion::prelude::SessionConfig;
use tifusion::TidbContext;
use tifusion::distribute::{PlanCodec, WritesOnJobs};
use url::Url;

use crate::error::Error;
use crate::planner::RemotePlanner;

/// The port of a scheduler unless it is given.
pub(crate) const SCHEDULER_PORT: u16 = 50050;

/// Connects to the cluster of TiDB that `config` names, and has its queries run on the Ballista cluster whose scheduler is
/// at `url` (`df://host:port`).
///
/// ```no_run
/// use std::collections::HashMap;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let config = HashMap::from([("pd.addresses".to_owned(), "127.0.0.1:2379".to_owned())]);
/// let ctx = tifusion_ballista::connect(config, "df://127.0.0.1:50050").await?;
/// ctx.sql("SELECT COUNT(*) FROM tidb.shop.orders").await?.show().await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// For an address that is none, and those of [`TidbContext::connect`]. The scheduler is asked when a query runs.
pub async fn connect(config: HashMap<String, String>, url: &str) -> Result<TidbContext, Error> {
    connect_with(config, url, SessionConfig::new_with_ballista()).await
}

/// As [`connect`], with options of DataFusion's and Ballista's, which go with each query.
///
/// Ballista's adaptive planner is off: it leaves out the rules that push aggregates and orders down to TiKV.
///
/// # Errors
/// As [`connect`].
pub async fn connect_with(
    config: HashMap<String, String>,
    url: &str,
    session: SessionConfig,
) -> Result<TidbContext, Error> {
    let planner = Arc::new(RemotePlanner::new(scheduler_url(url)?));
    let session = for_ballista(session);
    let writes = WritesOnJobs::new(Arc::clone(&planner) as _);
    let session = session.with_extension(Arc::new(writes));
    let builder = with_rules(SessionStateBuilder::new_with_default_features().with_config(session))
        .with_query_planner(Arc::clone(&planner) as _);
    let context = TidbContext::connect_with(config, builder).await?;
    planner.bind(PlanCodec::new(&context));
    Ok(context)
}

/// A session's options with Ballista's.
pub(crate) fn for_ballista(session: SessionConfig) -> SessionConfig {
    session.upgrade_for_ballista().with_ballista_adaptive_query_planner(false)
}

/// A session's rules with Ballista's: some plans would not survive being cut into stages.
pub(crate) fn with_rules(builder: SessionStateBuilder) -> SessionStateBuilder {
    builder.with_optimizer_rules(with_ballista_optimizer_rules(&Optimizer::default().rules))
}

fn scheduler_url(url: &str) -> Result<String, Error> {
    let wrong = || Error::Address { url: url.to_owned() };
    let parsed = Url::parse(url).map_err(|_| wrong())?;
    let host = parsed.host().filter(|_| parsed.scheme() == "df").ok_or_else(wrong)?;
    let is_bare = matches!(parsed.path(), "" | "/") && parsed.query().is_none();
    let is_bare = is_bare && parsed.username().is_empty() && parsed.password().is_none();
    if !is_bare {
        return Err(wrong());
    }
    Ok(format!("http://{host}:{}", parsed.port().unwrap_or(SCHEDULER_PORT)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_schedulers_are_read_and_others_are_refused() {
        let read = |url| scheduler_url(url).map_err(|error| error.to_string());
        assert_eq!(read("df://ballista:50051").as_deref(), Ok("http://ballista:50051"));
        assert_eq!(read("df://10.0.0.1").as_deref(), Ok("http://10.0.0.1:50050"));
        assert_eq!(read("df://[::1]:7/").as_deref(), Ok("http://[::1]:7"));
        for wrong in ["", "host:50050", "http://host:50050", "df://", "df://host/x", "df://me@host"]
        {
            let error = read(wrong).unwrap_err();
            assert!(error.contains("df://host:port") && error.contains(wrong), "{wrong}: {error}");
        }
    }
}
