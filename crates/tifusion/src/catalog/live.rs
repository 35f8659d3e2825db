//! The configuration that a catalog goes by.

use std::sync::{Arc, OnceLock, Weak};

use datafusion::execution::SessionState;
use parking_lot::RwLock;

use crate::config::{Config, TidbOptions};

/// The configuration of the session that a catalog belongs to, as it is now.
///
/// DataFusion gives its session to scans but not to catalogs, whose tables have types that depend on
/// it (`time_zone`, `show_rowid`, `zero_date`). So the catalog looks at its session by itself, and
/// the query planner checks that what it used is what the statement's session says.
#[derive(Debug, Clone)]
pub(crate) struct LiveConfig {
    session: Arc<OnceLock<Weak<RwLock<SessionState>>>>,
    connected: Arc<Config>,
}

impl LiveConfig {
    /// `connected` until a session is bound.
    pub(crate) fn new(connected: Arc<Config>) -> Self {
        Self { session: Arc::default(), connected }
    }

    /// Follows this session from now on; the first one bound stays.
    pub(crate) fn bind(&self, session: Weak<RwLock<SessionState>>) {
        drop(self.session.set(session));
    }

    /// The configuration as it was when connecting.
    pub(crate) fn connected(&self) -> &Arc<Config> {
        &self.connected
    }

    /// The session as it is now; `None` before one is bound, and after it is gone.
    pub(crate) fn session(&self) -> Option<SessionState> {
        let state = self.session.get().and_then(Weak::upgrade)?;
        let state = state.read();
        Some(state.clone())
    }

    /// The configuration.
    pub(crate) fn get(&self) -> Arc<Config> {
        let state = self.session.get().and_then(Weak::upgrade);
        let config = state.and_then(|state| TidbOptions::config_of(state.read().config_options()));
        config.unwrap_or_else(|| Arc::clone(&self.connected))
    }
}
