//! The values of the available keys, typed.

use std::path::PathBuf;
use std::time::Duration;

use super::keys::name;
use super::kind::Value;
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
            index_batch_size: 0,
            index_concurrency: 0,
            chunk_batch_size: 0,
            cop_cache_size: 0,
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
            slow_task: None,
            tls_enable: false,
            trust_certs: None,
            key_cert_chain: None,
            key_file: None,
            allow_agg_pushdown: false,
            unsupported_exprs: Vec::new(),
            dynamic_filter_wait: Duration::ZERO,
            write_all_rows: false,
            write_auto_random: false,
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
            Value::Unset if name == name::UNSUPPORTED_EXPRS => self.unsupported_exprs.clear(),
            Value::Unset => self.apply_text(name, ""),
            Value::List(words) if name == name::PD_ADDRESSES => self.pd_addresses.clone_from(words),
            Value::List(words) if name == name::UNSUPPORTED_EXPRS => {
                self.unsupported_exprs.clone_from(words);
            }
            Value::Zone(zone) => self.time_zone = zone.clone(),
            Value::List(_) | Value::Secret(_) => {}
        }
    }

    fn apply_flag(&mut self, name: &str, flag: bool) {
        match name {
            name::INDEX_READ => self.index_read = flag,
            name::INDEX_FIRST => self.index_first = flag,
            name::ALLOW_AGGREGATES => self.allow_agg_pushdown = flag,
            name::SHOW_ROWID => self.show_rowid = flag,
            name::STREAMING => self.streaming = flag,
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
            name::CACHE_SIZE => self.cop_cache_size = size,
            name::CHUNK_BATCH_SIZE => self.chunk_batch_size = size,
            name::DOWNGRADE_THRESHOLD => self.downgrade_threshold = size,
            name::INDEX_BATCH_SIZE => self.index_batch_size = size,
            name::INDEX_CONCURRENCY => self.index_concurrency = size,
            name::FRAME_SIZE => self.max_message_size = size,
            name::REQUEST_TIMEOUT => self.request_timeout = Duration::from_secs(number),
            name::SCAN_CONCURRENCY => self.scan_concurrency = size,
            _ => {}
        }
    }

    fn apply_span(&mut self, name: &str, span: Duration) {
        match name {
            name::DYNAMIC_FILTER_WAIT => self.dynamic_filter_wait = span,
            name::SLOW_TASK => self.slow_task = (!span.is_zero()).then_some(span),
            name::STATEMENT_TIMEOUT => {
                self.statement_timeout = (!span.is_zero()).then_some(span);
            }
            _ => {}
        }
    }

    fn apply_text(&mut self, name: &str, text: &str) {
        let path = || (!text.is_empty()).then(|| PathBuf::from(text));
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
            name::KEY_CERT_CHAIN => self.key_cert_chain = path(),
            name::KEY_FILE => self.key_file = path(),
            name::PRIORITY => {
                self.priority = match text {
                    "High" => Priority::High,
                    "Normal" => Priority::Normal,
                    _ => Priority::Low,
                }
            }
            name::TRUST_CERTS => self.trust_certs = path(),
            name::ZERO_DATE => {
                self.zero_date = if text == "error" { ZeroDate::Error } else { ZeroDate::Null };
            }
            _ => {}
        }
    }
}
