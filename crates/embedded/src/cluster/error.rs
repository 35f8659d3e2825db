//! Why a cluster does not start.

use std::io;

use super::tls::ServerTlsError;

/// Why a cluster cannot be started or enlarged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClusterError {
    /// The folder cannot be used.
    #[error("the cluster's folder cannot be read")]
    Folder(#[source] io::Error),
    /// The folder's files contradict themselves.
    #[error("the cluster's folder is damaged: {0}")]
    Damaged(&'static str),
    /// The data cannot be opened.
    #[error("the cluster's data cannot be opened: {0}")]
    Data(String),
    /// No port could be opened.
    #[error("no port can be opened")]
    Listen(#[source] io::Error),
    /// The certificates are none.
    #[error("TLS cannot be set up")]
    Tls(#[source] ServerTlsError),
    /// There is nothing to start.
    #[error("a cluster has at least one store that is not TiFlash")]
    NoStores,
}
