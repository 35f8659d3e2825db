//! How a cluster is set up and started.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tokio::task::JoinSet;

use super::server::{self, Place, Security};
use super::tls::ServerTls;
use super::{ClusterError, EmbeddedCluster, background};
use crate::catalog::Catalog;
use crate::mvcc::Storage;
use crate::state::{Disk, Saved, Settings, State};
use crate::topology::Topology;

/// A cluster to be started.
#[derive(Debug, Clone)]
#[must_use]
pub struct EmbeddedClusterBuilder {
    stores: u64,
    tiflash_stores: u64,
    region_size: u64,
    bucket_size: u64,
    safe_ts_lag: Duration,
    folder: Option<PathBuf>,
    seed: u64,
    churn: Option<Duration>,
    tls: Option<ServerTls>,
    listen: IpAddr,
    advertise: Option<String>,
}

impl Default for EmbeddedClusterBuilder {
    /// Three stores, no TiFlash, regions of 96 MiB, no buckets, data in memory, no TLS.
    fn default() -> Self {
        Self {
            stores: 3,
            tiflash_stores: 0,
            region_size: 96 << 20,
            bucket_size: 0,
            safe_ts_lag: Duration::ZERO,
            folder: None,
            seed: 0,
            churn: None,
            tls: None,
            listen: IpAddr::V4(Ipv4Addr::LOCALHOST),
            advertise: None,
        }
    }
}

impl EmbeddedClusterBuilder {
    /// How many stores; ids count from 1. A folder that has a cluster already keeps its stores.
    pub fn stores(mut self, count: u64) -> Self {
        self.stores = count;
        self
    }

    /// How many TiFlash stores on top. Every region has a replica on each.
    pub fn tiflash_stores(mut self, count: u64) -> Self {
        self.tiflash_stores = count;
        self
    }

    /// Bytes of keys and values into which regions are split once they hold half as much again; 0 never.
    pub fn region_size(mut self, bytes: u64) -> Self {
        self.region_size = bytes;
        self
    }

    /// Bytes of a region's buckets; 0, the default, for none.
    pub fn bucket_size(mut self, bytes: u64) -> Self {
        self.bucket_size = bytes;
        self
    }

    /// How far stale reads are behind: younger ones meet `DataIsNotReady`. Default 0.
    pub fn safe_ts_lag(mut self, lag: Duration) -> Self {
        self.safe_ts_lag = lag;
        self
    }

    /// Keeps everything in this folder, which survives the process; else it is kept in memory.
    pub fn folder(mut self, path: impl Into<PathBuf>) -> Self {
        self.folder = Some(path.into());
        self
    }

    /// Where chance begins: of faults with a probability, of scattering. Default 0.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Every `pause` a region is split or merged, or gets another leader or peer, drawn from the seed.
    /// Default: regions only split when they grow.
    pub fn churn(mut self, pause: Duration) -> Self {
        self.churn = Some(pause);
        self
    }

    /// PD and the stores speak TLS.
    pub fn tls(mut self, tls: ServerTls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// The address of loopback on which the servers listen. Default `127.0.0.1`.
    pub fn listen(mut self, address: IpAddr) -> Self {
        self.listen = address;
        self
    }

    /// The host by which PD tells of itself and of the stores, whether clients can reach it or not, as in a
    /// network of the cluster's own. Default: the address on which they listen.
    pub fn advertise(mut self, host: impl Into<String>) -> Self {
        self.advertise = Some(host.into());
        self
    }

    /// Opens the data and the ports on loopback; the servers run on the current Tokio runtime.
    ///
    /// # Errors
    /// [`ClusterError`], when the folder, the data, a port or the certificates cannot be used.
    pub async fn start(self) -> Result<EmbeddedCluster, ClusterError> {
        if self.stores == 0 {
            return Err(ClusterError::NoStores);
        }
        let (settings, tls, churn) = (self.settings(), self.tls.clone(), self.churn);
        let place = Place { listen: self.listen, advertise: self.advertise.clone() };
        let opened = tokio::task::spawn_blocking(move || self.open(settings)).await;
        let state = opened.map_err(|error| ClusterError::Data(error.to_string()))??;
        let state = Arc::new(state);
        let catalog = Arc::new(Catalog::default());
        let security = Security::new(tls.as_ref(), place).map_err(ClusterError::Tls)?;
        let mut servers = JoinSet::new();
        let pd = server::pd(&state, &catalog, &security, &mut servers).await;
        let pd = pd.map_err(ClusterError::Listen)?;
        servers.spawn(background::run(Arc::clone(&state)));
        if let Some(pause) = churn {
            servers.spawn(background::churn(Arc::clone(&state), pause));
        }
        let stores: Vec<u64> = {
            let topology = state.topology.lock();
            let alive = topology.stores().filter(|store| store.alive);
            alive.map(|store| store.meta.id).collect()
        };
        let mut cluster = EmbeddedCluster { state, catalog, pd, security, servers };
        for store in stores {
            cluster.serve_store(store).await?;
        }
        cluster.found().await?;
        cluster.state.save();
        Ok(cluster)
    }

    fn settings(&self) -> Settings {
        Settings {
            region_size: self.region_size,
            bucket_size: self.bucket_size,
            safe_ts_lag_ms: u64::try_from(self.safe_ts_lag.as_millis()).unwrap_or(u64::MAX),
            seed: self.seed,
        }
    }

    /// The cluster of the folder, or a new one.
    fn open(self, settings: Settings) -> Result<State, ClusterError> {
        let (disk, saved, storage) = match &self.folder {
            Some(folder) => {
                let (disk, saved) = Disk::open(folder).map_err(ClusterError::Folder)?;
                (Some(disk), saved, open_storage(folder)?)
            }
            None => (None, None, Storage::memory()),
        };
        let saved = saved.unwrap_or_else(|| self.fresh());
        // Whatever was read before was read below this.
        storage.update_max_ts(saved.ts_bound);
        let topology = match saved.topology.clone() {
            Some(topology) => Topology::restore(topology)
                .ok_or(ClusterError::Damaged("the regions do not cover all keys"))?,
            None => self.topology(),
        };
        Ok(State::new(settings, storage, topology, &saved, disk))
    }

    /// A cluster that was never saved. Its id looks like a real one's, and follows from the seed when that
    /// is set.
    fn fresh(&self) -> Saved {
        let cluster_id = match self.seed {
            0 => rand::rng().random(),
            seed => StdRng::seed_from_u64(seed).random(),
        };
        // PD's are never 0, which stands for none.
        Saved { cluster_id: u64::max(cluster_id, 1), ..Saved::default() }
    }

    fn topology(&self) -> Topology {
        let all = self.stores.saturating_add(self.tiflash_stores);
        Topology::bootstrap((1..=all).map(|id| server::store_meta(id, id > self.stores)))
    }
}

fn open_storage(folder: &std::path::Path) -> Result<Storage, ClusterError> {
    Storage::open(folder.join("data")).map_err(|error| ClusterError::Data(error.to_string()))
}
