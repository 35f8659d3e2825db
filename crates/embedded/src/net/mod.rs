//! Sockets that can be broken on purpose: a listener that closes and opens again on the same port, and
//! connections that end in the middle of a call.

mod connection;
mod secure;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

pub(crate) use connection::{Breakable, Connection, connection, reset};
use parking_lot::Mutex;
pub(crate) use secure::Acceptor;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;
use tokio_stream::wrappers::ReceiverStream;

/// How long a reopened port may take to become free.
const REBIND_PAUSE: Duration = Duration::from_millis(20);

/// The open or closed port of a server.
#[derive(Debug)]
pub(crate) struct Gate {
    address: SocketAddr,
    wanted: watch::Sender<bool>,
    open: watch::Receiver<bool>,
    connections: Arc<Connections>,
    task: AbortHandle,
}

/// The connections accepted so far that still live.
#[derive(Debug, Default)]
struct Connections(Mutex<Vec<Connection>>);

impl Connections {
    fn add(&self, connection: Connection) {
        let mut all = self.0.lock();
        all.retain(Connection::is_used);
        all.push(connection);
    }

    fn reset(&self) {
        for connection in self.0.lock().drain(..) {
            connection.reset();
        }
    }
}

impl Gate {
    /// Listens on `address` (port 0: any); the stream is what a server serves.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub(crate) async fn open(
        address: SocketAddr,
    ) -> io::Result<(Self, ReceiverStream<io::Result<Breakable>>)> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let (wanted, wants) = watch::channel(true);
        let (is, open) = watch::channel(true);
        let (accepted, incoming) = mpsc::channel(16);
        let connections = Arc::<Connections>::default();
        let door = Door { address, wants, is, accepted, connections: Arc::clone(&connections) };
        let task = tokio::spawn(door.keep(listener)).abort_handle();
        let gate = Self { address, wanted, open, connections, task };
        Ok((gate, ReceiverStream::new(incoming)))
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops listening and breaks all connections, as when the process is killed.
    pub(crate) fn close(&self) {
        self.wanted.send_replace(false);
        self.connections.reset();
    }

    /// Returns when nobody listens any more.
    pub(crate) async fn closed(&self) {
        // The task lives as long as the gate.
        let _ = self.open.clone().wait_for(|open| !open).await;
        self.connections.reset();
    }

    /// Listens again, on the same port.
    pub(crate) async fn reopen(&self) {
        self.wanted.send_replace(true);
        // As above.
        let _ = self.open.clone().wait_for(|open| *open).await;
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.task.abort();
        self.connections.reset();
    }
}

/// The task's side of a gate.
struct Door {
    address: SocketAddr,
    wants: watch::Receiver<bool>,
    is: watch::Sender<bool>,
    accepted: mpsc::Sender<io::Result<Breakable>>,
    connections: Arc<Connections>,
}

impl Door {
    async fn keep(mut self, first: TcpListener) {
        let mut listener = Some(first);
        loop {
            let Some(open) = listener.take() else {
                if self.wants.wait_for(|wanted| *wanted).await.is_err() {
                    return;
                }
                listener = self.rebind().await;
                continue;
            };
            self.is.send_replace(true);
            self.accept(&open).await;
            drop(open);
            self.is.send_replace(false);
            if self.wants.has_changed().is_err() || self.accepted.is_closed() {
                return;
            }
        }
    }

    /// Accepts until the gate is to be closed.
    async fn accept(&mut self, listener: &TcpListener) {
        loop {
            let socket = tokio::select! {
                biased;
                _ = self.wants.wait_for(|wanted| !wanted) => return,
                socket = listener.accept() => socket,
            };
            // A connection that failed before it was accepted is the peer's business.
            let Ok((socket, _)) = socket else { continue };
            let _ = socket.set_nodelay(true);
            let (socket, connection) = Breakable::new(socket);
            self.connections.add(connection);
            if self.accepted.send(Ok(socket)).await.is_err() {
                return;
            }
        }
    }

    /// The port again; `None` when it is not wanted any more.
    async fn rebind(&mut self) -> Option<TcpListener> {
        while *self.wants.borrow() {
            match TcpListener::bind(self.address).await {
                Ok(listener) => return Some(listener),
                Err(error) => {
                    tracing::debug!(address = %self.address, %error, "the port is not free yet");
                    tokio::time::sleep(REBIND_PAUSE).await;
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests;
