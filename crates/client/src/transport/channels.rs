//! One pool of gRPC channels for PD and the stores, by address.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tonic::transport::{Channel, ClientTlsConfig, Endpoint};

use super::TransportError;
use super::tls;
use crate::error::Result;
use crate::options::ClientOptions;

/// Most different addresses kept; a cluster has fewer, so beyond it they are leftovers.
const MAX_ADDRESSES: usize = 4096;

/// Channels that dial when first used and again after they broke.
pub struct Channels {
    settings: Settings,
    tls: Option<ClientTlsConfig>,
    pool: Mutex<HashMap<String, Arc<Lanes>>>,
}

#[derive(Debug)]
struct Settings {
    per_address: usize,
    connect_timeout: Duration,
    stream_window: u32,
    connection_window: u32,
    keep_alive_interval: Duration,
    keep_alive_timeout: Duration,
}

/// The connections to one address.
struct Lanes {
    channels: Vec<Channel>,
    next: AtomicUsize,
}

impl Channels {
    /// A pool without connections.
    ///
    /// # Errors
    /// [`ErrorKind::Security`](crate::ErrorKind::Security) when a PEM file of the TLS options cannot
    /// be read or holds no certificate or key.
    pub fn new(options: &ClientOptions) -> Result<Self> {
        Ok(Self {
            settings: Settings {
                per_address: options.connections_per_store.max(1),
                connect_timeout: options.connect_timeout,
                stream_window: options.stream_window,
                connection_window: options.connection_window,
                keep_alive_interval: options.keep_alive_interval,
                keep_alive_timeout: options.keep_alive_timeout,
            },
            tls: options.tls.as_ref().map(tls::client_config).transpose()?,
            pool: Mutex::default(),
        })
    }

    /// Whether peers are reached by TLS.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.tls.is_some()
    }

    /// One of the channels to `address` (`host:port`), each in turn. Must be called within a Tokio
    /// runtime.
    ///
    /// # Errors
    /// [`TransportError::Connect`] when `address` is none.
    pub fn get(&self, address: &str) -> Result<Channel, TransportError> {
        let lanes = self.lanes(address)?;
        let turn = lanes.next.fetch_add(1, Ordering::Relaxed) % lanes.channels.len().max(1);
        lanes.channels.get(turn).cloned().ok_or_else(|| invalid(address, "no channel"))
    }

    /// Forgets the channels to `address`: calls under way end as they may, the next one dials.
    pub fn disconnect(&self, address: &str) {
        self.pool.lock().remove(address);
    }

    fn lanes(&self, address: &str) -> Result<Arc<Lanes>, TransportError> {
        let mut pool = self.pool.lock();
        if let Some(lanes) = pool.get(address) {
            return Ok(Arc::clone(lanes));
        }
        if pool.len() >= MAX_ADDRESSES {
            pool.clear();
        }
        let endpoint = self.endpoint(address)?;
        let channels = (0..self.settings.per_address).map(|_| endpoint.connect_lazy()).collect();
        let lanes = Arc::new(Lanes { channels, next: AtomicUsize::new(0) });
        pool.insert(address.to_owned(), Arc::clone(&lanes));
        Ok(lanes)
    }

    fn endpoint(&self, address: &str) -> Result<Endpoint, TransportError> {
        let settings = &self.settings;
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let endpoint = Endpoint::from_shared(format!("{scheme}://{address}"))
            .map_err(|error| invalid(address, error))?
            .connect_timeout(settings.connect_timeout)
            .initial_stream_window_size(settings.stream_window)
            .initial_connection_window_size(settings.connection_window)
            // Only while calls are under way: PD takes pings on an idle connection for abuse.
            .http2_keep_alive_interval(settings.keep_alive_interval)
            .keep_alive_timeout(settings.keep_alive_timeout)
            .keep_alive_while_idle(false)
            .tcp_keepalive(Some(settings.keep_alive_interval))
            .tcp_nodelay(true);
        let Some(tls) = self.tls.clone() else { return Ok(endpoint) };
        endpoint.tls_config(tls.timeout(settings.connect_timeout)).map_err(|error| {
            TransportError::Security { address: address.to_owned(), message: words(&error) }
        })
    }
}

fn invalid(address: &str, why: impl fmt::Display) -> TransportError {
    TransportError::Connect {
        address: address.to_owned(),
        message: format!("not an address of the form host:port: {why}"),
    }
}

/// An error with its sources.
fn words(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text.push_str(": ");
        text.push_str(&source.to_string());
        next = source.source();
    }
    text
}

impl fmt::Debug for Channels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channels")
            .field("settings", &self.settings)
            .field("tls", &self.is_secure())
            .field("addresses", &self.pool.lock().keys().collect::<Vec<_>>())
            .finish()
    }
}
