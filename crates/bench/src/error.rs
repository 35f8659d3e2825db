//! What can go wrong.

use std::path::PathBuf;

/// A result of this program.
pub(crate) type Result<T> = std::result::Result<T, BenchError>;

/// Why there are no figures.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum BenchError {
    /// There is no cluster on this machine, nor one named.
    #[error(
        "there is no cluster: install Go for the playground, or name one by TIFUSION_PD_ADDRS and TIFUSION_TIDB_ADDR"
    )]
    NoCluster,
    /// The connector's own error.
    #[error("TiFusion: {0}")]
    Connector(#[from] tifusion::Error),
    /// The client's own error.
    #[error("TiFusion's client: {0}")]
    Client(#[from] tifusion_client::ClientError),
    /// `DataFusion`'s own error.
    #[error("DataFusion: {0}")]
    DataFusion(#[from] datafusion::error::DataFusionError),
    /// TiDB's own error.
    #[error("TiDB: {0}")]
    Tidb(#[from] mysql_async::Error),
    /// TiDB's address has no port.
    #[error("TiDB's address {address:?} is no host:port")]
    Address {
        /// The address.
        address: String,
    },
    /// A side gave another number of rows than the others.
    #[error("query {query}: the sides have answers of different lengths")]
    Answers {
        /// The query's number.
        query: usize,
    },
    /// The data could not be made.
    #[error("the rows of {table} could not be made: {source}")]
    Rows {
        /// The table.
        table: &'static str,
        /// Why.
        source: arrow::error::ArrowError,
    },
    /// A file could not be written.
    #[error("{path}: {reason}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A folder could not be made, or this program not be started once more.
    #[error("starting a process: {0}")]
    Start(#[source] std::io::Error),
    /// A process that was started did not come to its row.
    #[error("a process that was started did not read its row")]
    NoRow,
    /// TiSpark's JVM could not be started, or no longer be spoken to.
    #[error("TiSpark's JVM: {0}")]
    Jvm(#[source] std::io::Error),
    /// TiSpark's JVM has ended before it answered.
    #[error("TiSpark's JVM has ended; what it said last stands above")]
    JvmEnded,
    /// TiSpark is asked, but was not started.
    #[error("TiSpark is not there: name its jars by --tispark")]
    NoTiSpark,
    /// TiSpark's own error.
    #[error("TiSpark: {reason}")]
    TiSpark {
        /// What it said.
        reason: String,
    },
    /// A process id that no process has.
    #[error("there is no process {id}")]
    NoProcess {
        /// The id.
        id: u32,
    },
    /// What the system says about a process could not be read.
    #[error("processes: {0}")]
    Process(#[from] procfs::ProcError),
    /// The report could not be put together.
    #[error("report: {0}")]
    Report(#[from] std::fmt::Error),
}
