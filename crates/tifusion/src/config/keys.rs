//! The table of keys: everything that can be configured, with its default, its form and its meaning.

use super::kind::Kind;

/// One key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeySpec {
    /// Its name.
    pub(crate) name: &'static str,
    /// Its default as text; empty for none.
    pub(crate) default: &'static str,
    /// What its values look like.
    pub(crate) kind: Kind,
    /// When it may be set.
    pub(crate) scope: Scope,
    /// What it means, as a sentence.
    pub(crate) doc: &'static str,
}

/// When a key may be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// When connecting only.
    Connect,
    /// When connecting, and by `SET tidb.<key>` later.
    Session,
}

/// Every key by its name, as a constant.
pub(crate) mod name {
    pub(crate) const ALLOW_AGGREGATES: &str = "plan.allow_agg_pushdown";
    pub(crate) const AUTH_ENABLE: &str = "sql.auth.enable";
    pub(crate) const AUTH_REFRESH: &str = "sql.auth.refresh_interval";
    pub(crate) const BATCH_COP: &str = "allow_batch_cop";
    pub(crate) const CACHE_DIR: &str = "catalog.cache_dir";
    pub(crate) const CACHE_SIZE: &str = "coprocessor.cache_size";
    pub(crate) const CHUNK_BATCH_SIZE: &str = "coprocessor.chunk_batch_size";
    pub(crate) const CODEC_FORMAT: &str = "coprocess.codec_format";
    pub(crate) const COLLATION: &str = "new_collation_enable";
    pub(crate) const CONN_RECYCLE: &str = "tikv.conn_recycle_time";
    pub(crate) const DB_PREFIX: &str = "db_prefix";
    pub(crate) const DISTRIBUTE_MIN_ROWS: &str = "plan.distribute_min_rows";
    pub(crate) const DOWNGRADE_THRESHOLD: &str = "plan.downgrade.index_threshold";
    pub(crate) const DYNAMIC_FILTER_WAIT: &str = "plan.dynamic_filter_wait";
    pub(crate) const GC_MAX_WAIT: &str = "gc_max_wait_time";
    pub(crate) const ENGINES: &str = "isolation_read_engines";
    pub(crate) const FORWARDING: &str = "enable_grpc_forward";
    pub(crate) const FRAME_SIZE: &str = "grpc.framesize";
    pub(crate) const HOST_MAPPING: &str = "host_mapping";
    pub(crate) const INDEX_BATCH_SIZE: &str = "index.scan_batch_size";
    pub(crate) const INDEX_CONCURRENCY: &str = "index.scan_concurrency";
    pub(crate) const INDEX_FIRST: &str = "plan.use_index_scan_first";
    pub(crate) const INDEX_READ: &str = "plan.allow_index_read";
    pub(crate) const ISOLATION: &str = "request.isolation.level";
    pub(crate) const JDBC_CLIENT_PASSWORD: &str = "jdbc.client_cert_password";
    pub(crate) const JDBC_CLIENT_STORE: &str = "jdbc.client_cert_store";
    pub(crate) const JDBC_SERVER_PASSWORD: &str = "jdbc.server_cert_password";
    pub(crate) const JDBC_SERVER_STORE: &str = "jdbc.server_cert_store";
    pub(crate) const JDBC_TLS_ENABLE: &str = "jdbc.tls_enable";
    pub(crate) const JKS_ENABLE: &str = "tikv.jks_enable";
    pub(crate) const JKS_KEY: &str = "tikv.jks_key_path";
    pub(crate) const JKS_KEY_PASSWORD: &str = "tikv.jks_key_password";
    pub(crate) const JKS_TRUST: &str = "tikv.jks_trust_path";
    pub(crate) const JKS_TRUST_PASSWORD: &str = "tikv.jks_trust_password";
    pub(crate) const KEY_CERT_CHAIN: &str = "tikv.key_cert_chain";
    pub(crate) const KEY_FILE: &str = "tikv.key_file";
    pub(crate) const PD_ADDRESSES: &str = "pd.addresses";
    pub(crate) const PRIORITY: &str = "request.command.priority";
    pub(crate) const READ_MODE: &str = "read.mode";
    pub(crate) const REPLICA_ALLOWED: &str = "replica_read.address_whitelist";
    pub(crate) const REPLICA_DENIED: &str = "replica_read.address_blacklist";
    pub(crate) const REPLICA_LABEL: &str = "replica_read.label";
    pub(crate) const REPLICA_READ: &str = "replica_read";
    pub(crate) const REPLICA_STALE: &str = "replica_read.stale";
    pub(crate) const REQUEST_SOURCE: &str = "request.source";
    pub(crate) const REQUEST_TIMEOUT: &str = "grpc.timeout_in_sec";
    pub(crate) const RESOURCE_GROUP: &str = "request.resource_group";
    pub(crate) const SCAN_CONCURRENCY: &str = "table.scan_concurrency";
    pub(crate) const SHOW_ROWID: &str = "show_rowid";
    pub(crate) const SLOW_TASK: &str = "slow_task.threshold";
    pub(crate) const STALE_READ: &str = "stale_read";
    pub(crate) const STATEMENT_TIMEOUT: &str = "statement.timeout";
    pub(crate) const STREAMING: &str = "coprocess.streaming";
    pub(crate) const TIDB_ADDRESS: &str = "tidb.addr";
    pub(crate) const TIDB_CONNECTIONS: &str = "tidb.max_connections";
    pub(crate) const TIDB_PASSWORD: &str = "tidb.password";
    pub(crate) const TIDB_PORT: &str = "tidb.port";
    pub(crate) const TIDB_USER: &str = "tidb.user";
    pub(crate) const TIME_ZONE: &str = "time_zone";
    pub(crate) const TLS_ENABLE: &str = "tikv.tls_enable";
    pub(crate) const TLS_RELOAD: &str = "tikv.tls_reload_interval";
    pub(crate) const TRUST_CERTS: &str = "tikv.trust_cert_collection";
    pub(crate) const UNSUPPORTED_EXPRS: &str = "plan.unsupported_pushdown_exprs";
    pub(crate) const WRITE_ALL_ROWS: &str = "write.allow_all_rows";
    pub(crate) const WRITE_AUTO_RANDOM: &str = "write.allow_auto_random_explicit_insert";
    pub(crate) const WRITE_ENABLE: &str = "write.enable";
    pub(crate) const WRITE_MODE: &str = "write.mode";
    pub(crate) const ZERO_DATE: &str = "zero_date";
}

/// The key of this name.
pub(crate) fn find(name: &str) -> Option<&'static KeySpec> {
    KEYS.iter().find(|key| key.name == name)
}

const fn now(
    name: &'static str,
    default: &'static str,
    kind: Kind,
    scope: Scope,
    doc: &'static str,
) -> KeySpec {
    KeySpec { name, default, kind, scope, doc }
}

const fn number(least: u64, most: u64) -> Kind {
    Kind::Number { least, most }
}

use Kind::{Addresses, Choice, Choices, Flag, Hosts, Labels, List, Secret, Span, Text, Zone};
use Scope::{Connect, Session};

/// All keys, in the order of the documentation.
#[rustfmt::skip]
pub(crate) const KEYS: &[KeySpec] = &[
    now(name::PD_ADDRESSES, "127.0.0.1:2379", Addresses, Connect,
        "Endpoints of PD, separated by commas; one that answers is enough."),
    now(name::TIDB_ADDRESS, "", Text, Connect,
        "Host of TiDB's SQL port, for changes of schema, ANALYZE, writes by write.mode = sql, and reads by read.mode = sql."),
    now(name::TIDB_PORT, "4000", number(1, 65_535), Connect,
        "TiDB's SQL port."),
    now(name::TIDB_USER, "", Text, Connect,
        "User at TiDB's SQL port, whose privileges count where sql.auth.enable is set."),
    now(name::TIDB_PASSWORD, "", Secret, Connect,
        "That user's password."),
    now(name::TIDB_CONNECTIONS, "64", number(1, 65_535), Connect,
        "Most connections to TiDB's SQL port at once; who needs one more waits."),
    now(name::READ_MODE, "bypass", Choice(&["bypass", "sql"]), Connect,
        "How tables are read: bypass asks PD and the stores; sql asks TiDB's SQL port for all, where PD can't be reached. pd.addresses is not used then."),
    now(name::AUTH_ENABLE, "false", Flag, Connect,
        "Check the user's TiDB privileges, default roles included, before every read and write; PD is asked of TiDB where pd.addresses is not set."),
    now(name::AUTH_REFRESH, "10s", Span, Connect,
        "Age at which these privileges are read again before they allow anything; 0 reads them for every statement."),
    now(name::FRAME_SIZE, "2147483647", number(1_048_576, 2_147_483_647), Connect,
        "Largest message taken from PD or a store, in bytes."),
    now(name::REQUEST_TIMEOUT, "10", number(1, 86_400), Connect,
        "Longest wait for one answer of a store, in seconds; one of the coprocessor may take 60 s if this is shorter, and one of PD 3 s at most."),
    now(name::ALLOW_AGGREGATES, "true", Flag, Session,
        "Let the stores aggregate."),
    now(name::INDEX_READ, "true", Flag, Session,
        "Read through indexes."),
    now(name::INDEX_FIRST, "false", Flag, Session,
        "Read through an index wherever one narrows what is read, whatever it costs."),
    now(name::UNSUPPORTED_EXPRS, "", List, Session,
        "Names of operators and functions that the stores shall not evaluate, as TiDB has them (lt or <, like, cast, year); * for all."),
    now(name::DYNAMIC_FILTER_WAIT, "1s", Span, Session,
        "Longest that a scan waits for the values that the other side of a join is known to have; it then reads by what there is."),
    now(name::DISTRIBUTE_MIN_ROWS, "10000", number(0, u64::MAX), Session,
        "Where queries run on Ballista: rows that a statement's scans are expected to read from which on it is for the executors; one of fewer runs in the session's process. 0 for none that does."),
    now(name::DOWNGRADE_THRESHOLD, "1000000000", number(1, u64::MAX), Session,
        "Ranges per region above which an index lookup becomes a table scan."),
    now(name::INDEX_BATCH_SIZE, "20000", number(1, 1_000_000), Session,
        "Handles per batch of an index lookup."),
    now(name::INDEX_CONCURRENCY, "5", number(1, 1_024), Session,
        "Batches in flight in an index lookup."),
    now(name::SCAN_CONCURRENCY, "512", number(1, 65_536), Session,
        "Most requests of one scan under way at once, over all its partitions; memory may allow fewer."),
    now(name::CHUNK_BATCH_SIZE, "1024", number(1, 1_048_576), Session,
        "Most rows per RecordBatch handed on, and the first page's size when paging; large rows make smaller batches."),
    now(name::CACHE_SIZE, "67108864", number(0, u64::MAX), Connect,
        "Bytes of answers kept for equal scans, given again while nothing is written to their region, as their store says each time; no memory limit counts them. One takes a 32nd part at most; 0 keeps none."),
    now(name::CODEC_FORMAT, "chblock", Choice(&["default", "chunk", "chblock"]), Session,
        "Encoding asked of the stores; TiKV answers chblock with chunk, and chunk with default where it has to."),
    now(name::STREAMING, "false", Flag, Session,
        "Take results in pages that grow, instead of one answer per task; a session whose memory has a limit always does."),
    now(name::PRIORITY, "Low", Choice(&["Low", "Normal", "High"]), Session,
        "Priority of requests on the stores."),
    now(name::RESOURCE_GROUP, "", Text, Connect,
        "Resource group of TiDB that pays for all requests to the stores; empty for the default group."),
    now(name::REQUEST_SOURCE, "tifusion", Text, Connect,
        "Who asks, on all requests to the stores: their metrics show it, and by it they know background work."),
    now(name::ISOLATION, "SI", Choice(&["SI", "RC"]), Session,
        "SI resolves locks; RC reads the newest version committed before the statement and ignores locks."),
    now(name::STALE_READ, "", number(1, 70_368_744_177_663), Session,
        "Milliseconds since the epoch: read data and schema as of then, and write nothing; AS OF TIMESTAMP in a statement goes over it."),
    now(name::ENGINES, "tikv,tiflash", Choices(&["tikv", "tiflash", "tidb"]), Session,
        "Engines that tables are read from, the cheaper one for each scan: tikv, tiflash for tables with a replica there; tidb, which TiDB has too, means nothing here."),
    now(name::BATCH_COP, "1", number(0, 2), Session,
        "Scans of TiFlash that ask a store for all of its regions in one request, by TiDB's numbers: 0 for none, 1 for aggregates and first rows, 2 for all; the others ask region by region."),
    now(name::REPLICA_READ, "leader", Choices(&["leader", "follower", "learner"]), Session,
        "Roles of the replicas to read from, in order of preference; the leader where none of them answers."),
    now(name::REPLICA_LABEL, "", Labels, Session,
        "Labels that a store must have to be read from as a replica, name=value, all of them."),
    now(name::REPLICA_ALLOWED, "", List, Session,
        "Addresses of stores to read from without these labels."),
    now(name::REPLICA_DENIED, "", List, Session,
        "Addresses of stores not to read from as replicas."),
    now(name::REPLICA_STALE, "false", Flag, Session,
        "Read the past (stale_read, AS OF TIMESTAMP) from what replicas have, without asking the leader how far they are; those that are too far behind pass it on to the leader. The present is never read so."),
    now(name::SHOW_ROWID, "false", Flag, Session,
        "Show _tidb_rowid as a column of tables that have one."),
    now(name::DB_PREFIX, "", Text, Connect,
        "Put before the name of every database."),
    now(name::COLLATION, "auto", Choice(&["auto", "true", "false"]), Connect,
        "Whether the cluster uses its new collation framework; auto asks mysql.tidb."),
    now(name::TIME_ZONE, "UTC", Zone, Session,
        "The zone in which TIMESTAMP is shown and compared; datafusion.execution.time_zone follows it, and the reverse."),
    now(name::CACHE_DIR, "", Text, Connect,
        "Folder for the cache of names, which makes the first statement on a large cluster fast."),
    now(name::STATEMENT_TIMEOUT, "0", Span, Session,
        "Longest time that a statement may read, 0 for no limit; seconds without a unit."),
    now(name::SLOW_TASK, "1s", Span, Session,
        "Time after which a request to a store is warned of in the log, with region, store, retries and the store's own times; 0 for never."),
    now(name::WRITE_ENABLE, "false", Flag, Session,
        "Allow INSERT, REPLACE, DELETE and UPDATE."),
    now(name::WRITE_MODE, "bypass", Choice(&["bypass", "sql"]), Session,
        "How rows are written: bypass writes to the stores, sql through TiDB's SQL port, which takes tables that bypass refuses."),
    now(name::WRITE_ALL_ROWS, "false", Flag, Session,
        "Allow DELETE and UPDATE without WHERE."),
    now(name::WRITE_AUTO_RANDOM, "false", Flag, Session,
        "Allow values for AUTO_RANDOM columns, as TiDB's variable of that name does."),
    now(name::TLS_ENABLE, "false", Flag, Connect,
        "Use TLS with PD and the stores."),
    now(name::TRUST_CERTS, "", Text, Connect,
        "PEM file with the certificates of the authorities that PD and the stores are checked against."),
    now(name::KEY_CERT_CHAIN, "", Text, Connect,
        "PEM file with this client's certificate chain, if the servers ask for one."),
    now(name::KEY_FILE, "", Text, Connect,
        "PEM file with this client's private key."),
    now(name::JKS_ENABLE, "false", Flag, Connect,
        "Take certificates from JKS or PKCS#12 stores, whatever the PEM files above are."),
    now(name::JKS_TRUST, "", Text, Connect,
        "Store with the trusted certificates."),
    now(name::JKS_TRUST_PASSWORD, "", Secret, Connect,
        "Its password."),
    now(name::JKS_KEY, "", Text, Connect,
        "Store with this client's certificate and key, if the servers ask for one."),
    now(name::JKS_KEY_PASSWORD, "", Secret, Connect,
        "Its password."),
    now(name::JDBC_TLS_ENABLE, "false", Flag, Connect,
        "Use TLS with TiDB's SQL port."),
    now(name::JDBC_SERVER_STORE, "", Text, Connect,
        "PEM file, or JKS or PKCS#12 store, to check TiDB's certificate with; without one it is not checked."),
    now(name::JDBC_SERVER_PASSWORD, "", Secret, Connect,
        "Its password."),
    now(name::JDBC_CLIENT_STORE, "", Text, Connect,
        "PEM file, or JKS or PKCS#12 store, with this client's certificate and key."),
    now(name::JDBC_CLIENT_PASSWORD, "", Secret, Connect,
        "Its password."),
    now(name::TLS_RELOAD, "10s", Span, Connect,
        "How often the certificate files are looked at again, for new connections to be made with what they hold then; 0 for never."),
    now(name::CONN_RECYCLE, "60s", Span, Connect,
        "How long a connection that has calls under way is left open after the certificates changed."),
    now(name::HOST_MAPPING, "", Hosts, Connect,
        "inner:outer;inner:outer: hosts (or host:port) that PD and the stores are known by inside, and those by which to reach them."),
    now(name::FORWARDING, "false", Flag, Connect,
        "Ask a store that can't be reached through another one that can; TiKV passes such requests on."),
    now(name::GC_MAX_WAIT, "24h", Span, Session,
        "Longest time a statement may hold garbage collection back."),
    now(name::ZERO_DATE, "null", Choice(&["null", "error"]), Session,
        "What a date that no calendar has (0000-00-00, 2024-02-31) becomes: NULL, or an error."),
];
