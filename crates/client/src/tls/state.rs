//! What connections are made with now, kept current with the files.

use std::fmt;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use rustls::ClientConfig;
use tokio::sync::watch;

use super::explain::{Sides, TlsFailed};
use super::files::{self, Files};
use crate::clock::Clock;
use crate::error::Result;
use crate::options::TlsOptions;

/// The TLS of a client.
pub(crate) struct Tls {
    options: TlsOptions,
    sides: Sides,
    current: watch::Sender<Arc<Current>>,
    seen: Mutex<Seen>,
}

/// What connections are made with.
pub(crate) struct Current {
    /// For rustls.
    pub(crate) config: Arc<ClientConfig>,
    /// Grows whenever the files have changed.
    pub(crate) generation: u64,
}

/// What was seen of the files.
struct Seen {
    /// Of what connections are made with.
    fingerprint: Vec<u8>,
    /// The failure that was warned of.
    failure: Option<String>,
}

impl Tls {
    /// Reads the files of the options.
    ///
    /// # Errors
    /// [`ErrorKind::Security`](crate::ErrorKind::Security), naming the file and what is wrong with it.
    pub(crate) fn load(options: &TlsOptions) -> Result<Self> {
        let files = Files::read(options)?;
        let current = Current { config: Arc::new(files.config()?), generation: 0 };
        Ok(Self {
            sides: files::sides(options),
            current: watch::Sender::new(Arc::new(current)),
            seen: Mutex::new(Seen { fingerprint: files.fingerprint(), failure: None }),
            options: options.clone(),
        })
    }

    /// What a connection is made with now.
    pub(crate) fn current(&self) -> Arc<Current> {
        Arc::clone(&self.current.borrow())
    }

    /// Tells when the files have changed.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Arc<Current>> {
        self.current.subscribe()
    }

    /// How long a connection may live on after the files have changed.
    pub(crate) fn recycle_time(&self) -> std::time::Duration {
        self.options.recycle_time
    }

    /// Why the handshake with the peer at `host` failed.
    pub(crate) fn explain(&self, host: &str, error: &rustls::Error) -> TlsFailed {
        self.sides.explain(host, error)
    }

    /// Looks at the files, and takes what they hold from now on if it is new and good. Files that are not
    /// change nothing but a line in the log, and are looked at again.
    pub(crate) fn look(&self) {
        let mut seen = self.seen.lock();
        match self.changed(&seen.fingerprint) {
            Ok(None) => seen.failure = None,
            Ok(Some((config, fingerprint))) => {
                *seen = Seen { fingerprint, failure: None };
                self.current.send_modify(|current| {
                    let generation = current.generation.saturating_add(1);
                    *current = Arc::new(Current { config: Arc::new(config), generation });
                });
                tracing::info!(trust = %self.sides.trust, "new TLS files are in use");
            }
            Err(error) => {
                let failure = error.to_string();
                if seen.failure.as_ref() != Some(&failure) {
                    tracing::warn!(%error, "new TLS files cannot be used: the old ones stay in use");
                    seen.failure = Some(failure);
                }
            }
        }
    }

    fn changed(&self, known: &[u8]) -> Result<Option<(ClientConfig, Vec<u8>)>> {
        let files = Files::read(&self.options)?;
        let fingerprint = files.fingerprint();
        if fingerprint == known {
            return Ok(None);
        }
        Ok(Some((files.config()?, fingerprint)))
    }

    /// The same from within a task.
    pub(crate) async fn look_aside(self: &Arc<Self>) {
        let this = Arc::clone(self);
        // It ends with the runtime or by a panic, neither of which is ours to tell.
        let _ = tokio::task::spawn_blocking(move || this.look()).await;
    }

    /// Looks at the files again and again, as long as anybody else holds on to `self`.
    pub(crate) fn keep_current(self: &Arc<Self>, clock: Arc<dyn Clock>) {
        let (weak, pause) = (Arc::downgrade(self), self.options.reload_interval);
        if pause.is_zero() {
            return;
        }
        tokio::spawn(async move {
            loop {
                clock.sleep(pause).await;
                let Some(tls) = Weak::upgrade(&weak) else { return };
                tls.look_aside().await;
            }
        });
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("options", &self.options)
            .field("generation", &self.current.borrow().generation)
            .finish_non_exhaustive()
    }
}
