//! What can go wrong with a Ballista cluster.

use std::net::AddrParseError;

use ballista_core::error::BallistaError;

/// An error of setting up a session or a process of a Ballista cluster.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The scheduler's address is none.
    #[error("{url:?} is no address of a scheduler: expected df://host:port")]
    Address {
        /// The address.
        url: String,
    },
    /// A host to listen on is no IP address.
    #[error("{address:?} is no address to listen on: expected an IP address")]
    Listen {
        /// The address.
        address: String,
        /// Why not.
        source: AddrParseError,
    },
    /// The scheduler can't be reached.
    #[error("the scheduler at {url} can't be reached: {source}")]
    Unreachable {
        /// Its address.
        url: String,
        /// Why not.
        source: tonic::transport::Error,
    },
    /// The cluster of TiDB, or its configuration.
    #[error(transparent)]
    Tidb(#[from] tifusion::Error),
    /// DataFusion.
    #[error(transparent)]
    Engine(#[from] datafusion::error::DataFusionError),
    /// Ballista.
    #[error("Ballista: {0}")]
    Ballista(Box<BallistaError>),
}

impl From<BallistaError> for Error {
    fn from(error: BallistaError) -> Self {
        Self::Ballista(Box::new(error))
    }
}
