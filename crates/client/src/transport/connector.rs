//! How one connection is made: the name looked up, TCP, TLS, and the end of it when certificates change.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::codegen::Service;
use tonic::codegen::http::Uri;

use crate::clock::Clock;
use crate::tls::{Current, Tls, TlsFailed};

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Makes connections. A name is looked up for each of them, so that an address may change.
#[derive(Debug, Clone)]
pub(super) struct Connector<T = HttpConnector> {
    tcp: T,
    tls: Option<Arc<Tls>>,
    clock: Arc<dyn Clock>,
    timeout: Duration,
}

impl Connector {
    pub(super) fn new(
        tls: Option<Arc<Tls>>,
        clock: Arc<dyn Clock>,
        timeout: Duration,
        keep_alive: Duration,
    ) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(keep_alive));
        tcp.set_connect_timeout(Some(timeout));
        Self { tcp, tls, clock, timeout }
    }
}

impl<T> Connector<T>
where
    T: Service<Uri, Response = TokioIo<TcpStream>>,
    T::Error: Into<BoxError>,
{
    async fn connect(mut self, uri: Uri) -> Result<TokioIo<Io>, BoxError> {
        let Some(tls) = self.tls.clone() else {
            return Ok(TokioIo::new(Io::Plain(self.dial(uri).await?)));
        };
        let current = tls.current();
        match self.secure(&tls, &current, uri.clone()).await {
            // Perhaps the files have changed since they were looked at.
            Err(error) if is_tls(&error) => {
                tls.look_aside().await;
                let newer = tls.current();
                if newer.generation == current.generation {
                    return Err(error);
                }
                self.secure(&tls, &newer, uri).await
            }
            made => made,
        }
    }

    async fn dial(&mut self, uri: Uri) -> Result<TcpStream, BoxError> {
        Ok(self.tcp.call(uri).await.map_err(Into::into)?.into_inner())
    }

    async fn secure(
        &mut self,
        tls: &Arc<Tls>,
        current: &Current,
        uri: Uri,
    ) -> Result<TokioIo<Io>, BoxError> {
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let name = ServerName::try_from(host.clone())
            .map_err(|_| TlsFailed(format!("{host:?} is no name that a certificate can have")))?;
        let changed = tls.subscribe();
        let socket = self.dial(uri).await?;
        let handshake = TlsConnector::from(Arc::clone(&current.config)).connect(name, socket);
        let timeout = self.timeout;
        let stream = tokio::select! {
            biased;
            stream = handshake => stream.map_err(|error| explained(tls, &host, error))?,
            () = self.clock.sleep(timeout) => {
                let words = format!("no TLS handshake within {timeout:?}");
                return Err(io::Error::new(io::ErrorKind::TimedOut, words).into());
            }
        };
        let retired =
            retired(changed, current.generation, tls.recycle_time(), Arc::clone(&self.clock));
        let tls = Arc::clone(tls);
        Ok(TokioIo::new(Io::Secure(Box::new(Secure { stream, tls, host, retired }))))
    }
}

/// Returns when a connection of this generation is to end.
fn retired(
    mut changed: tokio::sync::watch::Receiver<Arc<Current>>,
    generation: u64,
    after: Duration,
    clock: Arc<dyn Clock>,
) -> Boxed<()> {
    Box::pin(async move {
        let newer = changed.wait_for(|current| current.generation != generation).await.is_ok();
        if !newer {
            // The client is gone: its connections end by themselves.
            std::future::pending::<()>().await;
        }
        clock.sleep(after).await;
    })
}

/// Whether TLS was what failed.
fn is_tls(error: &BoxError) -> bool {
    let io = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    io.is_some_and(|inner| inner.is::<TlsFailed>())
}

/// A TLS error in words; others as they are.
fn explained(tls: &Tls, host: &str, error: io::Error) -> io::Error {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner {
        Some(inner) => io::Error::new(error.kind(), tls.explain(host, inner)),
        None => error,
    }
}

impl<T> Service<Uri> for Connector<T>
where
    T: Service<Uri, Response = TokioIo<TcpStream>> + Clone + Send + 'static,
    T::Error: Into<BoxError>,
    T::Future: Send,
{
    type Response = TokioIo<Io>;
    type Error = BoxError;
    type Future = Boxed<Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.tcp.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(self.clone().connect(uri))
    }
}

/// A connection.
pub(super) enum Io {
    Plain(TcpStream),
    Secure(Box<Secure>),
}

/// A connection by TLS.
pub(super) struct Secure {
    stream: TlsStream<TcpStream>,
    tls: Arc<Tls>,
    host: String,
    retired: Boxed<()>,
}

impl AsyncRead for Secure {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.retired.as_mut().poll(cx).is_ready() {
            let words = "the certificates have changed, and this connection is of before";
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::ConnectionAborted, words)));
        }
        // Servers look at a client's certificate after the handshake, as this side sees it.
        Pin::new(&mut this.stream)
            .poll_read(cx, buf)
            .map_err(|error| explained(&this.tls, &this.host, error))
    }
}

macro_rules! on_stream {
    ($self:ident, $method:ident $(, $argument:expr)*) => {
        match $self.get_mut() {
            Io::Plain(stream) => Pin::new(stream).$method($($argument),*),
            Io::Secure(secure) => Pin::new(&mut secure.stream).$method($($argument),*),
        }
    };
}

impl AsyncRead for Io {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Secure(secure) => Pin::new(&mut **secure).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Io {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        on_stream!(self, poll_write, cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        on_stream!(self, poll_write_vectored, cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Secure(secure) => secure.stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_stream!(self, poll_flush, cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_stream!(self, poll_shutdown, cx)
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, SocketAddr};
    use std::sync::atomic::{AtomicU8, Ordering};

    use hyper_util::client::legacy::connect::dns::Name;
    use tokio::io::AsyncReadExt as _;
    use tokio::net::TcpListener;

    use super::*;
    use crate::clock::TokioClock;

    /// Every name is the address `127.0.0.x` of the moment.
    #[derive(Debug, Clone)]
    struct Names(Arc<AtomicU8>);

    impl Service<Name> for Names {
        type Response = std::iter::Once<SocketAddr>;
        type Error = io::Error;
        type Future = std::future::Ready<io::Result<Self::Response>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: Name) -> Self::Future {
            let address = IpAddr::from([127, 0, 0, self.0.load(Ordering::Relaxed)]);
            std::future::ready(Ok(std::iter::once(SocketAddr::new(address, 0))))
        }
    }

    #[tokio::test]
    async fn a_name_whose_address_has_changed_is_looked_up_anew() {
        let names = Names(Arc::new(AtomicU8::new(1)));
        let tcp = HttpConnector::new_with_resolver(names.clone());
        let (clock, timeout) = (Arc::new(TokioClock), Duration::from_secs(5));
        let mut connector = Connector { tcp, tls: None, clock, timeout };
        let first = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = first.local_addr().unwrap().port();
        let second = TcpListener::bind(("127.0.0.2", port)).await.unwrap();
        let uri: Uri = format!("http://store.example.com:{port}").parse().unwrap();
        for (address, listener) in [(1, first), (2, second)] {
            names.0.store(address, Ordering::Relaxed);
            let made = connector.call(uri.clone()).await.unwrap();
            let (mut accepted, _) = listener.accept().await.unwrap();
            drop(made);
            assert_eq!(accepted.read(&mut [0]).await.unwrap(), 0);
        }
    }
}
