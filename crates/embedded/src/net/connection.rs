//! A connection that can be broken from outside.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use futures::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tonic::transport::server::{Connected, TlsConnectInfo};
use tonic::{Request, Status};

/// The handle to a connection; a request's extensions hold it.
#[derive(Debug, Clone)]
pub(crate) struct Connection(Arc<Switch>);

#[derive(Debug, Default)]
struct Switch {
    broken: AtomicBool,
    reader: AtomicWaker,
    writer: AtomicWaker,
}

impl Connection {
    /// Breaks the connection: whatever is read or written next fails, and the socket closes.
    pub(crate) fn reset(&self) {
        self.0.broken.store(true, Ordering::Release);
        self.0.reader.wake();
        self.0.writer.wake();
    }

    /// Whether anyone but the holder of this handle still has it.
    pub(super) fn is_used(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }
}

/// The socket of a [`Connection`].
#[derive(Debug)]
pub(crate) struct Breakable {
    socket: TcpStream,
    connection: Connection,
}

impl Breakable {
    pub(super) fn new(socket: TcpStream) -> (Self, Connection) {
        let connection = Connection(Arc::default());
        (Self { socket, connection: connection.clone() }, connection)
    }

    fn check(&self, waker: impl Fn(&Switch) -> &AtomicWaker, cx: &Context<'_>) -> io::Result<()> {
        let switch = &*self.connection.0;
        waker(switch).register(cx.waker());
        if switch.broken.load(Ordering::Acquire) {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        Ok(())
    }
}

impl Connected for Breakable {
    type ConnectInfo = Connection;

    fn connect_info(&self) -> Connection {
        self.connection.clone()
    }
}

impl AsyncRead for Breakable {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(|switch| &switch.reader, cx)?;
        Pin::new(&mut self.socket).poll_read(cx, buf)
    }
}

impl AsyncWrite for Breakable {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check(|switch| &switch.writer, cx)?;
        Pin::new(&mut self.socket).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check(|switch| &switch.writer, cx)?;
        Pin::new(&mut self.socket).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check(|switch| &switch.writer, cx)?;
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

/// The connection that a request came by.
pub(crate) fn connection<T>(request: &Request<T>) -> Option<Connection> {
    let extensions = request.extensions();
    extensions.get::<Connection>().cloned().or_else(|| {
        let secure = extensions.get::<TlsConnectInfo<Connection>>();
        secure.map(|info| info.get_ref().clone())
    })
}

/// Breaks the connection; the status reaches nobody.
pub(crate) fn reset(connection: Option<&Connection>) -> Status {
    if let Some(connection) = connection {
        connection.reset();
    }
    Status::unavailable("the connection was reset")
}
