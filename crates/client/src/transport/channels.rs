//! One pool of gRPC channels for PD and the stores, by address.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tonic::transport::{Channel, Endpoint, Uri};

use super::TransportError;
use super::connector::Connector;
use crate::clock::Clock;
use crate::error::Result;
use crate::options::ClientOptions;
use crate::tls::Tls;

/// Most different addresses kept; a cluster has fewer, so beyond it they are leftovers.
const MAX_ADDRESSES: usize = 4096;

/// Channels that dial when first used and again after they broke.
pub struct Channels {
    settings: Settings,
    connector: Connector,
    tls: Option<Arc<Tls>>,
    pool: Mutex<HashMap<String, Arc<Lanes>>>,
}

#[derive(Debug)]
struct Settings {
    per_address: usize,
    stream_window: u32,
    connection_window: u32,
    keep_alive_interval: Duration,
    keep_alive_timeout: Duration,
}

/// The connections to one address.
struct Lanes {
    /// Of the certificates that they are made with.
    generation: u64,
    channels: Vec<Channel>,
    next: AtomicUsize,
}

impl Channels {
    /// A pool without connections. [`Channels::keep_current`] lets it follow the TLS files.
    ///
    /// # Errors
    /// [`ErrorKind::Security`](crate::ErrorKind::Security) when a file of the TLS options cannot be read,
    /// does not hold what it should, or is out of date.
    pub fn new(options: &ClientOptions, clock: Arc<dyn Clock>) -> Result<Self> {
        let tls = options.tls.as_ref().map(Tls::load).transpose()?.map(Arc::new);
        let (timeout, keep_alive) = (options.connect_timeout, options.keep_alive_interval);
        Ok(Self {
            settings: Settings {
                per_address: options.connections_per_store.max(1),
                stream_window: options.stream_window,
                connection_window: options.connection_window,
                keep_alive_interval: keep_alive,
                keep_alive_timeout: options.keep_alive_timeout,
            },
            connector: Connector::new(tls.clone(), clock, timeout, keep_alive),
            tls,
            pool: Mutex::default(),
        })
    }

    /// Looks at the TLS files again and again from now on, in a task of the current Tokio runtime that ends
    /// with the pool.
    pub fn keep_current(&self, clock: Arc<dyn Clock>) {
        if let Some(tls) = &self.tls {
            tls.keep_current(clock);
        }
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
        let generation = self.tls.as_ref().map_or(0, |tls| tls.current().generation);
        let mut pool = self.pool.lock();
        // Connections of before the files changed get no more calls, and end with their last one.
        if let Some(lanes) = pool.get(address).filter(|lanes| lanes.generation == generation) {
            return Ok(Arc::clone(lanes));
        }
        if pool.len() >= MAX_ADDRESSES {
            pool.clear();
        }
        let endpoint = self.endpoint(address)?;
        let channel = |_| endpoint.connect_with_connector_lazy(self.connector.clone());
        let channels = (0..self.settings.per_address).map(channel).collect();
        let lanes = Arc::new(Lanes { generation, channels, next: AtomicUsize::new(0) });
        pool.insert(address.to_owned(), Arc::clone(&lanes));
        Ok(lanes)
    }

    fn endpoint(&self, address: &str) -> Result<Endpoint, TransportError> {
        let settings = &self.settings;
        // The scheme under which tonic leaves TLS to the connector.
        let endpoint = Endpoint::from_shared(format!("http://{address}"))
            .map_err(|error| invalid(address, error))?
            .initial_stream_window_size(settings.stream_window)
            .initial_connection_window_size(settings.connection_window)
            // Only while calls are under way: PD takes pings on an idle connection for abuse.
            .http2_keep_alive_interval(settings.keep_alive_interval)
            .keep_alive_timeout(settings.keep_alive_timeout)
            .keep_alive_while_idle(false);
        if self.tls.is_none() {
            return Ok(endpoint);
        }
        let origin = format!("https://{address}").parse::<Uri>();
        Ok(endpoint.origin(origin.map_err(|error| invalid(address, error))?))
    }
}

fn invalid(address: &str, why: impl fmt::Display) -> TransportError {
    TransportError::Connect {
        address: address.to_owned(),
        message: format!("not an address of the form host:port: {why}"),
    }
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
