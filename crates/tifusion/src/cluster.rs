//! A cluster that the sessions of this process share: the client, the metadata, what is known of it.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tifusion_client::backoff::Backoffer;
use tifusion_client::options::{
    AddressMap, Password, StoreFile, TlsIdentity, TlsOptions, TlsTrust,
};
use tifusion_client::{Client, ClientOptions, Timestamp};
use tifusion_codec::time::Zone;
use tifusion_schema::stats::TableStatistics;

use crate::auth::{self, Authorizer, Rights};
use crate::config::{Config, HostMapping, ReadMode, Secret, Settings};
use crate::error::{Error, ErrorKind, Result};
use crate::meta::{
    ClusterReader, DiskCache, MetaReader, MetaStore, Need as NamesNeeded, SqlReader, View,
};
use crate::sql_port::SqlPort;
use crate::stats::{Circumstances, Need, RowCounts, StatisticsStore};

/// One kept answer takes no more than this part of what may be kept.
const LARGEST_SHARE_OF_CACHE: usize = 32;

/// A connected cluster.
#[derive(Debug)]
pub(crate) struct Cluster {
    client: Client,
    meta: MetaStore,
    statistics: StatisticsStore,
    traits: ClusterTraits,
    sql_port: Option<Arc<SqlPort>>,
    authorizer: Option<Authorizer>,
    /// How many rows tables have, where TiDB is asked for all.
    row_counts: RowCounts,
}

/// What a cluster was set up with, once for all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClusterTraits {
    /// Whether its strings compare by the new collations.
    pub(crate) new_collation: bool,
    /// Whether that is recorded or configured, not guessed.
    pub(crate) knows_collation: bool,
    /// The zone of its TiDB servers.
    pub(crate) system_zone: Option<Zone>,
    /// What its stores shall not evaluate, as `mysql.expr_pushdown_blacklist` said on connecting;
    /// `None` if it could not be read.
    pub(crate) pushdown_blacklist: Option<Vec<String>>,
}

impl ClusterTraits {
    /// What `mysql.tidb` records, by name; the configuration's word goes over it, and the default for what is not
    /// recorded.
    fn of(recorded: Result<HashMap<String, String>>, settings: &Settings) -> Self {
        let mut traits = Self::default();
        match recorded {
            Ok(variables) => {
                let new_collation = variables.get("new_collation_enabled");
                traits.new_collation =
                    new_collation.is_some_and(|value| value.eq_ignore_ascii_case("true"));
                traits.knows_collation = true;
                traits.system_zone = variables.get("system_tz").and_then(|name| name.parse().ok());
            }
            Err(error) => {
                tracing::warn!(%error, "mysql.tidb can't be read: new collations are taken to be on");
            }
        }
        if let Some(new_collation) = settings.new_collation {
            (traits.new_collation, traits.knows_collation) = (new_collation, true);
        }
        traits
    }
}

impl Default for ClusterTraits {
    /// As TiDB sets clusters up since version 6.0.
    fn default() -> Self {
        Self {
            new_collation: true,
            knows_collation: false,
            system_zone: None,
            pushdown_blacklist: Some(Vec::new()),
        }
    }
}

impl Cluster {
    /// Connects to the cluster of `config`.
    pub(crate) async fn connect(config: &Config) -> Result<Arc<Self>> {
        let settings = config.settings();
        let cluster = match settings.read_mode {
            ReadMode::Sql => Self::at_sql_port(settings).await?,
            ReadMode::Bypass => {
                let client = Client::connect(located_options(config).await?).await?;
                Self::over(client, settings).await?
            }
        };
        // Who may not log in learns so at once.
        cluster.rights().await?;
        Ok(cluster)
    }

    /// The cluster that `client` is connected to.
    pub(crate) async fn over(client: Client, settings: &Settings) -> Result<Arc<Self>> {
        let disk = settings.cache_dir.as_deref();
        let disk = disk.map(|folder| DiskCache::new(folder, client.pd().cluster_id()));
        let reader: Arc<dyn MetaReader> = Arc::new(ClusterReader::new(client.clone()));
        let statistics = StatisticsStore::new(Arc::clone(&reader));
        let meta = MetaStore::new(reader, disk);
        let sql_port = SqlPort::of(settings).map(Arc::new);
        let traits = ClusterTraits::default();
        let row_counts = RowCounts::default();
        let authorizer = sql_port.as_ref().and_then(|port| authorizer(port, settings));
        let mut cluster =
            Self { client, meta, statistics, traits, sql_port, authorizer, row_counts };
        cluster.meta.view(NamesNeeded::Databases, None).await?;
        cluster.traits = cluster.read_traits(settings).await;
        Ok(Arc::new(cluster))
    }

    /// The cluster behind TiDB's SQL port, of which nothing else is asked.
    async fn at_sql_port(settings: &Settings) -> Result<Arc<Self>> {
        let port = SqlPort::of(settings)
            .map(Arc::new)
            .ok_or_else(|| Error::invalid("read.mode = sql needs tidb.addr and tidb.user"))?;
        let mut options = ClientOptions::new(Vec::<String>::new());
        options.request_timeout = settings.request_timeout;
        let why = "PD and the stores are not asked for anything: read.mode is sql";
        let client = Client::apart(options, why)?;
        let reader: Arc<dyn MetaReader> = Arc::new(SqlReader::new(Arc::clone(&port)));
        let statistics = StatisticsStore::new(Arc::clone(&reader));
        let meta = MetaStore::new(reader, None);
        meta.view(NamesNeeded::Databases, None).await?;
        let traits = ClusterTraits::of(port.variables().await, settings);
        let authorizer = authorizer(&port, settings);
        let (sql_port, row_counts) = (Some(port), RowCounts::default());
        Ok(Arc::new(Self { client, meta, statistics, traits, sql_port, authorizer, row_counts }))
    }

    /// A cluster of these parts.
    #[cfg(test)]
    pub(crate) fn with_parts(
        client: Client,
        meta: MetaStore,
        reader: Arc<dyn MetaReader>,
    ) -> Arc<Self> {
        let statistics = StatisticsStore::new(reader);
        let traits = ClusterTraits::default();
        let row_counts = RowCounts::default();
        Arc::new(Self {
            client,
            meta,
            statistics,
            traits,
            sql_port: None,
            authorizer: None,
            row_counts,
        })
    }

    /// The way to PD and the stores.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// The way to a TiDB server; `None` if none was named.
    pub(crate) fn sql_port(&self) -> Option<&Arc<SqlPort>> {
        self.sql_port.as_ref()
    }

    /// What says what the user may do; `None` where nobody asks.
    pub(crate) fn authorizer(&self) -> Option<&Authorizer> {
        self.authorizer.as_ref()
    }

    /// What the user may do; `None` where nobody asks.
    ///
    /// # Errors
    /// When TiDB can't be asked.
    pub(crate) async fn rights(&self) -> Result<Option<Arc<Rights>>> {
        match &self.authorizer {
            Some(authorizer) => authorizer.rights().await.map(Some),
            None => Ok(None),
        }
    }

    /// The way to TiDB, if it is asked for all that is read.
    pub(crate) fn read_port(&self) -> Option<&Arc<SqlPort>> {
        self.sql_port.as_ref().filter(|_| self.client.is_apart())
    }

    /// The metadata.
    pub(crate) fn meta(&self) -> &MetaStore {
        &self.meta
    }

    /// The statistics of tables, one for each of `needs`, as far as they can be had within `patience`.
    pub(crate) async fn statistics(
        &self,
        view: &View,
        needs: &[Need],
        patience: Duration,
    ) -> Vec<TableStatistics> {
        if let Some(port) = self.read_port() {
            let now = self.client.clock().now();
            return self.row_counts.load(port, needs, now, patience).await;
        }
        let zone = self.system_zone().unwrap_or_default();
        let at = Circumstances { now: self.client.clock().now(), zone, patience };
        self.statistics.load(&self.meta, view, needs, at).await
    }

    /// Whether strings compare by the new collations.
    pub(crate) fn new_collation(&self) -> bool {
        self.traits.new_collation
    }

    /// The same, `None` if that is no more than a guess: keys of text are not to be made then.
    pub(crate) fn known_collation(&self) -> Option<bool> {
        self.traits.knows_collation.then_some(self.traits.new_collation)
    }

    /// The zone of the TiDB servers.
    pub(crate) fn system_zone(&self) -> Option<Zone> {
        self.traits.system_zone
    }

    /// Names of expressions that the stores shall not evaluate.
    pub(crate) fn pushdown_blacklist(&self) -> Option<&[String]> {
        self.traits.pushdown_blacklist.as_deref()
    }

    /// When a statement that begins now must be done.
    pub(crate) fn deadline(&self, config: &Config) -> Option<Instant> {
        let timeout = config.settings().statement_timeout?;
        self.client.clock().now().checked_add(timeout)
    }

    /// The time that a session with this configuration reads at; `None` for now.
    ///
    /// # Errors
    /// As [`Cluster::check_past`].
    pub(crate) async fn stale_read(
        &self,
        config: &Config,
        deadline: Option<Instant>,
    ) -> Result<Option<Timestamp>> {
        let Some(ms) = config.settings().stale_read else { return Ok(None) };
        let ts = Timestamp::from_parts(ms, 0)
            .ok_or_else(|| Error::invalid(format!("stale_read = {ms}: no time to read at")))?;
        let now = self.meta.timestamp(deadline).await?;
        self.check_past(ts, now, deadline, "stale_read").await?;
        Ok(Some(ts))
    }

    /// Refuses a time to read at, asked for by `what`, that is not there yet or not any more.
    ///
    /// # Errors
    /// With the time and what bounds it; or when PD can't be reached.
    pub(crate) async fn check_past(
        &self,
        ts: Timestamp,
        now: Timestamp,
        deadline: Option<Instant>,
        what: &str,
    ) -> Result<()> {
        if ts > now {
            return Err(Error::invalid(format!(
                "cannot set read timestamp to a future time: {what} {ts}, while the cluster's clock is \
                 at {now}"
            )));
        }
        // TiDB refuses what is too old itself.
        if self.client.is_apart() {
            return Ok(());
        }
        Ok(self.client.check_gc_safe_point_by(ts, deadline).await?)
    }

    /// A backoffer for what planning a statement that ends at `deadline` asks of PD.
    pub(crate) fn plan_backoffer(&self, deadline: Option<Instant>) -> Backoffer {
        self.client.backoffer(self.client.options().budgets.build_tasks).with_deadline(deadline)
    }

    /// What is recorded of the cluster in `mysql`.
    async fn read_traits(&self, settings: &Settings) -> ClusterTraits {
        let recorded = crate::variables::read(&self.client, &self.meta).await;
        let mut traits = ClusterTraits::of(recorded, settings);
        match crate::variables::pushdown_blacklist(&self.client, &self.meta).await {
            Ok(names) => traits.pushdown_blacklist = Some(names),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => {
                tracing::warn!(%error, "mysql.expr_pushdown_blacklist can't be read: no filters are pushed down");
                traits.pushdown_blacklist = None;
            }
        }
        traits
    }
}

/// How the client is set up for a configuration, with PD's addresses as TiDB has them where the configuration leaves
/// that to TiDB.
///
/// # Errors
/// When TiDB can't be asked.
pub(crate) async fn located_options(config: &Config) -> Result<ClientOptions> {
    let settings = config.settings();
    let mut options = client_options(settings);
    let port = SqlPort::of(settings).filter(|_| settings.auth_enable);
    if let Some(port) = port.filter(|_| config.is_default("pd.addresses")) {
        options.pd_endpoints = auth::pd_addresses(&port).await?;
        tracing::info!(pd = ?options.pd_endpoints, "PD as TiDB has it");
    }
    Ok(options)
}

/// Who asks TiDB at `port` what its user may do, if anybody shall.
fn authorizer(port: &Arc<SqlPort>, settings: &Settings) -> Option<Authorizer> {
    settings.auth_enable.then(|| Authorizer::new(Arc::clone(port), settings))
}

/// How the client is set up for a configuration.
pub(crate) fn client_options(settings: &Settings) -> ClientOptions {
    let mut options = ClientOptions::new(settings.pd_addresses.iter().cloned());
    options.request_timeout = settings.request_timeout;
    options.pd_timeout = options.pd_timeout.min(settings.request_timeout);
    options.cop_timeout = options.cop_timeout.max(settings.request_timeout);
    options.connect_timeout = settings.request_timeout.min(Duration::from_secs(5));
    options.max_message_size = settings.max_message_size;
    options.cop_cache.capacity = settings.cop_cache_size;
    // What is worth keeping is little that took long, not the rows of a table that pass by.
    let share = settings.cop_cache_size / LARGEST_SHARE_OF_CACHE;
    options.cop_cache.max_answer = options.cop_cache.max_answer.min(share);
    options.tls = tls_options(settings);
    options.forwarding = settings.forwarding;
    options.tags.source.clone_from(&settings.request_source);
    options.tags.resource_group.clone_from(&settings.resource_group);
    if !settings.host_mapping.is_empty() {
        options.address_map = Some(Arc::new(Outside(settings.host_mapping.clone())));
    }
    options
}

/// `host_mapping`, for the client.
#[derive(Debug)]
struct Outside(HostMapping);

impl AddressMap for Outside {
    fn map(&self, address: &str) -> Option<String> {
        self.0.map(address)
    }
}

/// TLS as the settings have it: stores win over PEM files.
fn tls_options(settings: &Settings) -> Option<TlsOptions> {
    if !settings.tls_enable {
        return None;
    }
    let store = |path: &Option<PathBuf>, password: &Secret| {
        let password = Password::new(password.expose());
        path.clone().map(|path| StoreFile { path, password })
    };
    // Where a path that the configuration's check asks for were missing, opening it would fail: there is no
    // way from here to a connection in plain text.
    let missing = || StoreFile { path: PathBuf::new(), password: Password::default() };
    let (trust, identity) = if settings.jks_enable {
        let trust =
            store(&settings.jks_trust, &settings.jks_trust_password).unwrap_or_else(missing);
        let key = store(&settings.jks_key, &settings.jks_key_password);
        (TlsTrust::Store(trust), key.map(TlsIdentity::Store))
    } else {
        let pair = settings.key_cert_chain.clone().zip(settings.key_file.clone());
        let identity = pair.map(|(cert_chain, key)| TlsIdentity::Pem { cert_chain, key });
        (TlsTrust::Pem(settings.trust_certs.clone().unwrap_or_default()), identity)
    };
    Some(TlsOptions {
        identity,
        reload_interval: settings.tls_reload_interval,
        recycle_time: settings.conn_recycle_time,
        ..TlsOptions::new(trust)
    })
}
