//! The values of the available keys, typed.

use std::path::PathBuf;
use std::time::Duration;

use super::batch_cop::BatchCop;
use super::engines::ReadEngines;
use super::hosts::HostMapping;
use super::keys::name;
use super::kind::Value;
use super::replica::{ReplicaRead, ReplicaRole};
use super::secret::Secret;
use super::zone::TimeZone;

pub use tifusion_codec::output::ZeroDate;

/// Encoding asked of the stores (`coprocess.codec_format`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CodecFormat {
    /// TiFlash's columns; TiKV answers with [`CodecFormat::Chunk`].
    ChBlock,
    /// Columns as Arrow has them, nearly.
    Chunk,
    /// Rows of datums.
    Default,
}

/// What a read does about locks (`request.isolation.level`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Isolation {
    /// Reads the newest version committed before the statement's timestamp and ignores locks.
    Rc,
    /// Snapshot isolation: resolves locks.
    Si,
}

/// Priority of requests on the stores (`request.command.priority`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Priority {
    /// After everything else.
    Low,
    /// As TiDB's own queries.
    Normal,
    /// Before everything else.
    High,
}

/// How tables are read (`read.mode`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ReadMode {
    /// From the stores, which PD knows.
    Bypass,
    /// Through TiDB's SQL port; nothing else of the cluster is asked.
    Sql,
}

/// How rows are written (`write.mode`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum WriteMode {
    /// To the stores, by a transaction of two phases.
    Bypass,
    /// Through TiDB's SQL port.
    Sql,
}

/// The values of all keys that this version uses.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// `pd.addresses`
    pub pd_addresses: Vec<String>,
    /// `grpc.timeout_in_sec`
    pub request_timeout: Duration,
    /// `grpc.framesize`, bytes
    pub max_message_size: usize,
    /// `table.scan_concurrency`
    pub scan_concurrency: usize,
    /// `plan.allow_index_read`
    pub index_read: bool,
    /// `plan.use_index_scan_first`
    pub index_first: bool,
    /// `plan.downgrade.index_threshold`, ranges
    pub downgrade_threshold: usize,
    /// `plan.distribute_min_rows`
    pub distribute_min_rows: u64,
    /// `index.scan_batch_size`, handles
    pub index_batch_size: usize,
    /// `index.scan_concurrency`, batches
    pub index_concurrency: usize,
    /// `coprocessor.chunk_batch_size`, rows
    pub chunk_batch_size: usize,
    /// `coprocessor.cache_size`, bytes; 0 for no cache
    pub cop_cache_size: usize,
    /// `coprocess.codec_format`
    pub codec_format: CodecFormat,
    /// `coprocess.streaming`
    pub streaming: bool,
    /// `request.command.priority`
    pub priority: Priority,
    /// `request.isolation.level`
    pub isolation: Isolation,
    /// `show_rowid`
    pub show_rowid: bool,
    /// `db_prefix`
    pub db_prefix: String,
    /// `new_collation_enable`; `None` for `auto`
    pub new_collation: Option<bool>,
    /// `time_zone`
    pub time_zone: TimeZone,
    /// `catalog.cache_dir`
    pub cache_dir: Option<PathBuf>,
    /// `statement.timeout`; `None` for no limit
    pub statement_timeout: Option<Duration>,
    /// `isolation_read_engines`
    pub engines: ReadEngines,
    /// `allow_batch_cop`
    pub batch_cop: BatchCop,
    /// `replica_read` and the keys below it
    pub replica_read: ReplicaRead,
    /// `request.resource_group`
    pub resource_group: String,
    /// `request.source`
    pub request_source: String,
    /// `stale_read`, in milliseconds since the epoch
    pub stale_read: Option<u64>,
    /// `gc_max_wait_time`
    pub gc_max_wait_time: Duration,
    /// `slow_task.threshold`; `None` for never
    pub slow_task: Option<Duration>,
    /// `tikv.tls_enable`
    pub tls_enable: bool,
    /// `tikv.trust_cert_collection`
    pub trust_certs: Option<PathBuf>,
    /// `tikv.key_cert_chain`
    pub key_cert_chain: Option<PathBuf>,
    /// `tikv.key_file`
    pub key_file: Option<PathBuf>,
    /// `tidb.addr`
    pub tidb_address: Option<String>,
    /// `tidb.port`
    pub tidb_port: u16,
    /// `tidb.user`
    pub tidb_user: Option<String>,
    /// `tidb.password`
    pub tidb_password: Secret,
    /// `sql.auth.enable`
    pub auth_enable: bool,
    /// `sql.auth.refresh_interval`
    pub auth_refresh_interval: Duration,
    /// `tidb.max_connections`
    pub tidb_connections: usize,
    /// `read.mode`
    pub read_mode: ReadMode,
    /// `jdbc.tls_enable`
    pub jdbc_tls_enable: bool,
    /// `jdbc.server_cert_store`
    pub jdbc_server_store: Option<PathBuf>,
    /// `jdbc.server_cert_password`
    pub jdbc_server_password: Secret,
    /// `jdbc.client_cert_store`
    pub jdbc_client_store: Option<PathBuf>,
    /// `jdbc.client_cert_password`
    pub jdbc_client_password: Secret,
    /// `enable_grpc_forward`
    pub forwarding: bool,
    /// `host_mapping`
    pub host_mapping: HostMapping,
    /// `tikv.jks_enable`
    pub jks_enable: bool,
    /// `tikv.jks_trust_path`
    pub jks_trust: Option<PathBuf>,
    /// `tikv.jks_trust_password`
    pub jks_trust_password: Secret,
    /// `tikv.jks_key_path`
    pub jks_key: Option<PathBuf>,
    /// `tikv.jks_key_password`
    pub jks_key_password: Secret,
    /// `tikv.tls_reload_interval`; zero for never
    pub tls_reload_interval: Duration,
    /// `tikv.conn_recycle_time`
    pub conn_recycle_time: Duration,
    /// `plan.allow_agg_pushdown`
    pub allow_agg_pushdown: bool,
    /// `plan.unsupported_pushdown_exprs`
    pub unsupported_exprs: Vec<String>,
    /// `plan.dynamic_filter_wait`
    pub dynamic_filter_wait: Duration,
    /// `write.allow_all_rows`
    pub write_all_rows: bool,
    /// `write.allow_auto_random_explicit_insert`
    pub write_auto_random: bool,
    /// `write.mode`
    pub write_mode: WriteMode,
    /// `write.enable`
    pub write_enable: bool,
    /// `zero_date`
    pub zero_date: ZeroDate,
}

impl Settings {
    /// Nothing set. Not the defaults: those come from the table of keys.
    pub(crate) fn blank() -> Self {
        Self {
            pd_addresses: Vec::new(),
            request_timeout: Duration::ZERO,
            max_message_size: 0,
            scan_concurrency: 0,
            index_read: false,
            index_first: false,
            downgrade_threshold: 0,
            distribute_min_rows: 0,
            index_batch_size: 0,
            index_concurrency: 0,
            chunk_batch_size: 0,
            cop_cache_size: 64 << 20,
            codec_format: CodecFormat::ChBlock,
            streaming: false,
            priority: Priority::Low,
            isolation: Isolation::Si,
            show_rowid: false,
            db_prefix: String::new(),
            new_collation: None,
            time_zone: TimeZone::utc(),
            cache_dir: None,
            statement_timeout: None,
            engines: ReadEngines::TIKV,
            batch_cop: BatchCop::Never,
            replica_read: ReplicaRead::default(),
            resource_group: String::new(),
            request_source: String::new(),
            stale_read: None,
            gc_max_wait_time: Duration::ZERO,
            slow_task: None,
            tls_enable: false,
            trust_certs: None,
            key_cert_chain: None,
            key_file: None,
            tidb_address: None,
            tidb_port: 0,
            tidb_user: None,
            tidb_password: Secret::default(),
            auth_enable: false,
            auth_refresh_interval: Duration::ZERO,
            tidb_connections: 0,
            read_mode: ReadMode::Bypass,
            jdbc_tls_enable: false,
            jdbc_server_store: None,
            jdbc_server_password: Secret::default(),
            jdbc_client_store: None,
            jdbc_client_password: Secret::default(),
            forwarding: false,
            host_mapping: HostMapping::default(),
            jks_enable: false,
            jks_trust: None,
            jks_trust_password: Secret::default(),
            jks_key: None,
            jks_key_password: Secret::default(),
            tls_reload_interval: Duration::ZERO,
            conn_recycle_time: Duration::ZERO,
            allow_agg_pushdown: false,
            unsupported_exprs: Vec::new(),
            dynamic_filter_wait: Duration::ZERO,
            write_all_rows: false,
            write_auto_random: false,
            write_mode: WriteMode::Bypass,
            write_enable: false,
            zero_date: ZeroDate::Null,
        }
    }

    /// Takes over the value of the key `name`; keys that this version does not use change nothing.
    pub(crate) fn apply(&mut self, name: &str, value: &Value) {
        match value {
            Value::Flag(flag) => self.apply_flag(name, *flag),
            Value::Number(number) => self.apply_number(name, *number),
            Value::Span(span) => self.apply_span(name, *span),
            Value::Text(text) => self.apply_text(name, text),
            Value::Unset if name == name::HOST_MAPPING => {
                self.host_mapping = HostMapping::default();
            }
            Value::Hosts(map) => self.host_mapping = map.clone(),
            Value::Unset => {
                self.apply_list(name, &[]);
                self.apply_text(name, "");
            }
            Value::List(words) => self.apply_list(name, words),
            Value::Zone(zone) => self.time_zone = zone.clone(),
            Value::Secret(secret) => self.apply_secret(name, secret),
        }
    }

    fn apply_list(&mut self, name: &str, words: &[String]) {
        let replica = &mut self.replica_read;
        let words = words.to_vec();
        match name {
            name::ENGINES => self.engines = ReadEngines::named(&words),
            name::PD_ADDRESSES => self.pd_addresses = words,
            name::REPLICA_ALLOWED => replica.address_whitelist = words,
            name::REPLICA_DENIED => replica.address_blacklist = words,
            name::REPLICA_LABEL => {
                let label = |word: &String| {
                    let (name, value) = word.split_once('=')?;
                    Some((name.to_owned(), value.to_owned()))
                };
                replica.labels = words.iter().filter_map(label).collect();
            }
            name::REPLICA_READ => replica.roles = words.iter().map(|word| role(word)).collect(),
            name::UNSUPPORTED_EXPRS => self.unsupported_exprs = words,
            _ => {}
        }
    }

    fn apply_secret(&mut self, name: &str, secret: &Secret) {
        let place = match name {
            name::JDBC_CLIENT_PASSWORD => &mut self.jdbc_client_password,
            name::JDBC_SERVER_PASSWORD => &mut self.jdbc_server_password,
            name::JKS_KEY_PASSWORD => &mut self.jks_key_password,
            name::JKS_TRUST_PASSWORD => &mut self.jks_trust_password,
            name::TIDB_PASSWORD => &mut self.tidb_password,
            _ => return,
        };
        place.clone_from(secret);
    }

    fn apply_flag(&mut self, name: &str, flag: bool) {
        match name {
            name::INDEX_READ => self.index_read = flag,
            name::INDEX_FIRST => self.index_first = flag,
            name::ALLOW_AGGREGATES => self.allow_agg_pushdown = flag,
            name::AUTH_ENABLE => self.auth_enable = flag,
            name::JDBC_TLS_ENABLE => self.jdbc_tls_enable = flag,
            name::REPLICA_STALE => self.replica_read.stale = flag,
            name::SHOW_ROWID => self.show_rowid = flag,
            name::STREAMING => self.streaming = flag,
            name::FORWARDING => self.forwarding = flag,
            name::JKS_ENABLE => self.jks_enable = flag,
            name::TLS_ENABLE => self.tls_enable = flag,
            name::WRITE_ALL_ROWS => self.write_all_rows = flag,
            name::WRITE_AUTO_RANDOM => self.write_auto_random = flag,
            name::WRITE_ENABLE => self.write_enable = flag,
            _ => {}
        }
    }

    fn apply_number(&mut self, name: &str, number: u64) {
        let size = usize::try_from(number).unwrap_or(usize::MAX);
        match name {
            name::BATCH_COP => {
                self.batch_cop = BatchCop::of_number(number).unwrap_or(BatchCop::Never);
            }
            name::CACHE_SIZE => self.cop_cache_size = size,
            name::CHUNK_BATCH_SIZE => self.chunk_batch_size = size,
            name::DISTRIBUTE_MIN_ROWS => self.distribute_min_rows = number,
            name::DOWNGRADE_THRESHOLD => self.downgrade_threshold = size,
            name::INDEX_BATCH_SIZE => self.index_batch_size = size,
            name::INDEX_CONCURRENCY => self.index_concurrency = size,
            name::FRAME_SIZE => self.max_message_size = size,
            name::REQUEST_TIMEOUT => self.request_timeout = Duration::from_secs(number),
            name::TIDB_CONNECTIONS => self.tidb_connections = size,
            name::TIDB_PORT => self.tidb_port = u16::try_from(number).unwrap_or(u16::MAX),
            name::SCAN_CONCURRENCY => self.scan_concurrency = size,
            name::STALE_READ => self.stale_read = Some(number),
            _ => {}
        }
    }

    fn apply_span(&mut self, name: &str, span: Duration) {
        match name {
            name::AUTH_REFRESH => self.auth_refresh_interval = span,
            name::CONN_RECYCLE => self.conn_recycle_time = span,
            name::DYNAMIC_FILTER_WAIT => self.dynamic_filter_wait = span,
            name::GC_MAX_WAIT => self.gc_max_wait_time = span,
            name::SLOW_TASK => self.slow_task = (!span.is_zero()).then_some(span),
            name::STATEMENT_TIMEOUT => {
                self.statement_timeout = (!span.is_zero()).then_some(span);
            }
            name::TLS_RELOAD => self.tls_reload_interval = span,
            _ => {}
        }
    }

    fn apply_text(&mut self, name: &str, text: &str) {
        let path = || (!text.is_empty()).then(|| PathBuf::from(text));
        let word = || (!text.is_empty()).then(|| text.to_owned());
        match name {
            name::CACHE_DIR => self.cache_dir = path(),
            name::CODEC_FORMAT => {
                self.codec_format = match text {
                    "default" => CodecFormat::Default,
                    "chunk" => CodecFormat::Chunk,
                    _ => CodecFormat::ChBlock,
                }
            }
            name::COLLATION => self.new_collation = text.parse().ok(),
            name::DB_PREFIX => text.clone_into(&mut self.db_prefix),
            name::ISOLATION => {
                self.isolation = if text == "RC" { Isolation::Rc } else { Isolation::Si };
            }
            name::JDBC_CLIENT_STORE => self.jdbc_client_store = path(),
            name::JDBC_SERVER_STORE => self.jdbc_server_store = path(),
            name::JKS_KEY => self.jks_key = path(),
            name::JKS_TRUST => self.jks_trust = path(),
            name::KEY_CERT_CHAIN => self.key_cert_chain = path(),
            name::KEY_FILE => self.key_file = path(),
            name::PRIORITY => {
                self.priority = match text {
                    "High" => Priority::High,
                    "Normal" => Priority::Normal,
                    _ => Priority::Low,
                }
            }
            name::TIDB_ADDRESS => self.tidb_address = word(),
            name::TIDB_USER => self.tidb_user = word(),
            name::REQUEST_SOURCE => text.clone_into(&mut self.request_source),
            name::RESOURCE_GROUP => text.clone_into(&mut self.resource_group),
            name::STALE_READ => self.stale_read = None,
            name::TRUST_CERTS => self.trust_certs = path(),
            name::READ_MODE => {
                self.read_mode = if text == "sql" { ReadMode::Sql } else { ReadMode::Bypass };
            }
            name::WRITE_MODE => {
                self.write_mode = if text == "sql" { WriteMode::Sql } else { WriteMode::Bypass };
            }
            name::ZERO_DATE => {
                self.zero_date = if text == "error" { ZeroDate::Error } else { ZeroDate::Null };
            }
            _ => {}
        }
    }
}

/// The role of this name, which is one of those that the key takes.
fn role(word: &str) -> ReplicaRole {
    match word {
        "follower" => ReplicaRole::Follower,
        "learner" => ReplicaRole::Learner,
        _ => ReplicaRole::Leader,
    }
}
