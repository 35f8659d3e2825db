//! TLS on accepted sockets, by the certificates of the moment.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, StreamExt as _};
use parking_lot::Mutex;
use rustls::ServerConfig;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::Breakable;

/// Longest handshake: a peer that says nothing does not stay.
const HANDSHAKE: Duration = Duration::from_secs(20);
/// Handshakes under way at once.
const AT_ONCE: usize = 256;

/// Makes connections secure. What it does so by can be replaced while it is at work; connections that are there
/// already stay as they are.
#[derive(Debug)]
pub(crate) struct Acceptor(Mutex<Arc<ServerConfig>>);

impl Acceptor {
    pub(crate) fn new(config: Arc<ServerConfig>) -> Self {
        Self(Mutex::new(config))
    }

    /// Handshakes from now on are by `config`.
    pub(crate) fn replace(&self, config: Arc<ServerConfig>) {
        *self.0.lock() = config;
    }

    /// The sockets of peers that speak TLS as they should; the others are closed.
    pub(crate) fn secure(
        self: Arc<Self>,
        incoming: impl Stream<Item = io::Result<Breakable>>,
    ) -> impl Stream<Item = io::Result<TlsStream<Breakable>>> {
        let handshake = move |socket: io::Result<Breakable>| {
            let config = Arc::clone(&self.0.lock());
            async move {
                let accepted = TlsAcceptor::from(config).accept(socket?);
                let accepted = tokio::time::timeout(HANDSHAKE, accepted).await;
                accepted.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
            }
        };
        incoming.map(handshake).buffer_unordered(AT_ONCE).filter_map(async |accepted| {
            match accepted {
                Ok(stream) => Some(Ok(stream)),
                // The peer's affair, which it has been told by an alert.
                Err(error) => {
                    tracing::debug!(%error, "a handshake failed");
                    None
                }
            }
        })
    }
}
