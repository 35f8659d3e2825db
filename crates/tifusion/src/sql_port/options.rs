//! How TiDB's SQL port is reached.

use std::time::Duration;

use super::error::Place;
use super::tls::TlsStores;
use crate::config::{Secret, Settings};

/// How TiDB's SQL port is reached.
#[derive(Debug, Clone)]
pub(super) struct SqlPortOptions {
    /// A name or an address, that of IPv6 without brackets.
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) user: String,
    pub(super) password: Secret,
    pub(super) tls: Option<TlsStores>,
    /// Longest wait for a connection.
    pub(super) connect_timeout: Duration,
    /// Most connections at once; who wants one more waits.
    pub(super) most_connections: usize,
}

impl SqlPortOptions {
    /// Those of a configuration; `None` if it does not say where TiDB is.
    pub(super) fn of(settings: &Settings) -> Option<Self> {
        let address = settings.tidb_address.as_deref()?;
        let tls = settings.jdbc_tls_enable.then(|| TlsStores::of(settings));
        Some(Self {
            host: address.trim_start_matches('[').trim_end_matches(']').to_owned(),
            port: settings.tidb_port,
            user: settings.tidb_user.clone()?,
            password: settings.tidb_password.clone(),
            tls,
            connect_timeout: settings.request_timeout,
            most_connections: settings.tidb_connections.max(1),
        })
    }

    /// Where that is, without secrets.
    pub(super) fn place(&self) -> Place {
        let address = match self.host.contains(':') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", self.host, self.port),
        };
        Place { address, user: self.user.clone() }
    }
}
