//! How the client is set up. Every option has a default; nothing is read from the environment.

use std::fmt::Debug;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Maps an address that PD advertises (of a store or of a PD member, `host:port`) to the one by
/// which this program reaches it; `host_mapping` of the configuration.
pub trait AddressMap: Send + Sync + Debug + 'static {
    /// The address to dial instead of `address`, or `None` to dial it as it is.
    fn map(&self, address: &str) -> Option<String>;
}

/// TLS with PD and the stores. Holds paths, never key bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsOptions {
    /// Certificates of the authorities trusted to sign PD's and the stores' certificates.
    pub trust: TlsTrust,
    /// This client's certificate chain and private key, when the servers ask for one.
    pub identity: Option<TlsIdentity>,
    /// How often the files are looked at again (`tikv.tls_reload_interval`); zero: never. New connections
    /// are made with what they hold then.
    pub reload_interval: Duration,
    /// How long a connection lives on once the files have changed (`tikv.conn_recycle_time`). It gets no
    /// new calls, and ends earlier when its last call has.
    pub recycle_time: Duration,
}

impl TlsOptions {
    /// TLS with servers that ask for no certificate, and the defaults: 10 s and 60 s.
    #[must_use]
    pub fn new(trust: TlsTrust) -> Self {
        Self {
            trust,
            identity: None,
            reload_interval: Duration::from_secs(10),
            recycle_time: Duration::from_secs(60),
        }
    }
}

/// Where trusted certificates are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TlsTrust {
    /// A PEM file.
    Pem(PathBuf),
    /// A JKS or PKCS#12 store.
    Store(StoreFile),
}

/// Where a client certificate and its key are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TlsIdentity {
    /// Two PEM files.
    Pem {
        /// Certificate chain.
        cert_chain: PathBuf,
        /// Private key.
        key: PathBuf,
    },
    /// A JKS or PKCS#12 store.
    Store(StoreFile),
}

/// A JKS or PKCS#12 store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreFile {
    /// Where it is.
    pub path: PathBuf,
    /// What opens it, and the key in it.
    pub password: Password,
}

/// A password. It has no `Display`, and its `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Password(String);

impl Password {
    /// A password with this content.
    #[must_use]
    pub fn new(content: impl Into<String>) -> Self {
        Self(content.into())
    }

    /// The content, for the one place that needs it.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[hidden]")
    }
}

/// How much time a piece of work may lose, by waiting for retries and by calls that fail, before its
/// last failure is reported. A coprocessor task's call that fails counts 3 s at most: its store may
/// have been at work for a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackoffBudgets {
    /// Finding PD and taking a timestamp.
    pub pd: Duration,
    /// Locating the regions of a request's ranges, at first and when they are built anew.
    pub build_tasks: Duration,
    /// One coprocessor task, get, batch get or scan step.
    pub request: Duration,
    /// Finding out about a lock's transaction and resolving it.
    pub resolve_lock: Duration,
}

impl Default for BackoffBudgets {
    /// The figures of TiDB's own client (TSO 15 s, a coprocessor task and a get 20 s, resolving 40 s);
    /// locating may take as long as one region's locating there, 20 s.
    fn default() -> Self {
        Self {
            pd: Duration::from_secs(15),
            build_tasks: Duration::from_secs(20),
            request: Duration::from_secs(20),
            resolve_lock: Duration::from_secs(40),
        }
    }
}

/// Which answers of the coprocessor are kept for equal requests to come, and how many; see
/// [`CopCache`](crate::cop::CopCache).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CopCacheOptions {
    /// Most bytes kept, keys and what belongs to them included. Default 0, which turns the cache off: its
    /// memory is nobody's budget but its own, so somebody has to have asked for it.
    pub capacity: usize,
    /// Most ranges of a request whose answer is kept. Default 500: a request for single rows takes
    /// the store little time, and its key is long.
    pub max_ranges: usize,
    /// Largest answer kept, in bytes. Default 10 MiB.
    pub max_answer: usize,
    /// Least time that the store was at work on an answer that is kept, a third of it for a page.
    /// Default 5 ms: what takes less is as cheap to ask for again.
    pub min_process_time: Duration,
    /// Most pages of one task whose answers are kept, its first ones. Default 50.
    pub max_pages: u32,
}

impl Default for CopCacheOptions {
    /// The figures of TiDB's own client, but off.
    fn default() -> Self {
        Self {
            capacity: 0,
            max_ranges: 500,
            max_answer: 10 << 20,
            min_process_time: Duration::from_millis(5),
            max_pages: 50,
        }
    }
}

/// What requests to the stores say of who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestTags {
    /// Shown by the stores' metrics, and by which they know work that is to go on behind other work.
    pub source: String,
    /// The resource group that pays; empty for the cluster's default.
    pub resource_group: String,
}

impl Default for RequestTags {
    fn default() -> Self {
        Self { source: "tifusion".to_owned(), resource_group: String::new() }
    }
}

/// Everything that can be set about a client.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ClientOptions {
    /// PD endpoints, `host:port` or `http(s)://host:port`; the other members are found through any
    /// of them. Default `127.0.0.1:2379`.
    pub pd_endpoints: Vec<String>,
    /// Longest wait for one answer of a store (`grpc.timeout_in_sec`). Default 10 s.
    pub request_timeout: Duration,
    /// Longest wait for one answer of the coprocessor. Default 60 s, the time after which TiKV
    /// itself gives a coprocessor request up; it is told to do so 3 s before.
    pub cop_timeout: Duration,
    /// Longest wait for one answer of PD, after which the leader is looked for anew. Default 3 s, as in
    /// TiDB's own client: a statement waits for PD before anything else.
    pub pd_timeout: Duration,
    /// Longest wait for a TCP (and TLS) connection. Default 5 s.
    pub connect_timeout: Duration,
    /// Largest message accepted from a peer, in bytes (`grpc.framesize`). Default 2^31 - 1.
    pub max_message_size: usize,
    /// Connections to each store. Default 4: each connection is read by one task, so one alone
    /// would bind a store's answers to one core and one flow-control window.
    pub connections_per_store: usize,
    /// HTTP/2 flow-control window of a stream, in bytes. Default 8 MiB: a coprocessor answer of the
    /// usual size arrives without waiting for window updates.
    pub stream_window: u32,
    /// HTTP/2 flow-control window of a connection, in bytes. Default 64 MiB.
    pub connection_window: u32,
    /// Time of silence after which a connection is probed by an HTTP/2 ping. Default 10 s.
    pub keep_alive_interval: Duration,
    /// Time after which an unanswered ping closes the connection. Default 3 s.
    pub keep_alive_timeout: Duration,
    /// TLS for PD and the stores; `None` for plain text, the default.
    pub tls: Option<TlsOptions>,
    /// Retries.
    pub budgets: BackoffBudgets,
    /// Most regions kept in the region cache; the least recently used go first. Default 100,000
    /// (about 100 MB when buckets are on, a third of it otherwise).
    pub region_cache_capacity: usize,
    /// Regions asked of PD in one call when locating a range. Default 1,024: a table of 10,000
    /// regions takes ten calls, and one answer stays below a megabyte.
    pub region_scan_limit: u32,
    /// Calls that the region cache has under way with PD at once. Default 8.
    pub region_load_concurrency: usize,
    /// How long PD goes on to hold garbage collection back for a client that has died. Default 2 min: TiDB
    /// keeps ten at the least, and a PD that can't be reached for so long collects nothing meanwhile.
    pub gc_hold_ttl: Duration,
    /// What all requests to the stores say of who asks.
    pub tags: RequestTags,
    /// The cache of coprocessor answers, shared by all reads of the client.
    pub cop_cache: CopCacheOptions,
    /// A store that cannot be reached is asked through another one that can (`enable_grpc_forward`). Default
    /// off, as in TiDB's own client.
    pub forwarding: bool,
    /// Maps advertised addresses to reachable ones; `None` (default) dials them as they are.
    pub address_map: Option<Arc<dyn AddressMap>>,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            pd_endpoints: vec!["127.0.0.1:2379".to_owned()],
            request_timeout: Duration::from_secs(10),
            cop_timeout: Duration::from_secs(60),
            pd_timeout: Duration::from_secs(3),
            connect_timeout: Duration::from_secs(5),
            max_message_size: 0x7fff_ffff,
            connections_per_store: 4,
            stream_window: 8 << 20,
            connection_window: 64 << 20,
            keep_alive_interval: Duration::from_secs(10),
            keep_alive_timeout: Duration::from_secs(3),
            tls: None,
            budgets: BackoffBudgets::default(),
            region_cache_capacity: 100_000,
            region_scan_limit: 1024,
            region_load_concurrency: 8,
            gc_hold_ttl: Duration::from_secs(120),
            tags: RequestTags::default(),
            cop_cache: CopCacheOptions::default(),
            forwarding: false,
            address_map: None,
        }
    }
}

impl ClientOptions {
    /// The defaults with these PD endpoints.
    #[must_use]
    pub fn new<S: Into<String>>(pd_endpoints: impl IntoIterator<Item = S>) -> Self {
        Self { pd_endpoints: pd_endpoints.into_iter().map(Into::into).collect(), ..Self::default() }
    }
}
