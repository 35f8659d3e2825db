//! The cluster as its user sees it.

mod background;
mod builder;
mod error;
mod info;
mod load;
mod server;
mod tls;

use std::sync::Arc;
use std::time::{Duration, Instant};

pub use builder::EmbeddedClusterBuilder;
pub use error::ClusterError;
pub use info::{RegionInfo, StoreInfo};
pub use load::Statements;
use tifusion_codec::key::region_key;
pub use tls::{ServerTls, ServerTlsError, TlsVersions};
use tokio::task::JoinSet;

use crate::catalog::{Catalog, LoadError};
use crate::fault::Faults;
use crate::mvcc::Violation;
use crate::net::Gate;
use crate::state::State;
use crate::topology::{StoreState, TopologyError};
use server::Security;

/// The longest that work of broken calls is waited for when a cluster ends.
const LONGEST_END: Duration = Duration::from_secs(10);

/// A cluster in this process. It serves until it is dropped or shut down, on the Tokio runtime it was
/// started on.
#[derive(Debug)]
pub struct EmbeddedCluster {
    state: Arc<State>,
    catalog: Arc<Catalog>,
    pd: Gate,
    security: Security,
    servers: JoinSet<()>,
}

impl EmbeddedCluster {
    /// A cluster of three stores in memory, to be changed and started.
    pub fn builder() -> EmbeddedClusterBuilder {
        EmbeddedClusterBuilder::default()
    }

    /// Where clients find PD, `host:port`.
    #[must_use]
    pub fn pd_addresses(&self) -> Vec<String> {
        vec![self.pd.address().to_string()]
    }

    /// The cluster's id.
    #[must_use]
    pub fn cluster_id(&self) -> u64 {
        self.state.cluster_id
    }

    /// What goes wrong, and how often.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.state.faults
    }

    /// A timestamp greater than all that were handed out before.
    #[must_use]
    pub fn timestamp(&self) -> u64 {
        self.state.timestamp()
    }

    /// All regions in key order.
    #[must_use]
    pub fn regions(&self) -> Vec<RegionInfo> {
        self.state.topology.lock().regions().map(RegionInfo::new).collect()
    }

    /// The region that holds a raw key.
    #[must_use]
    pub fn region_of(&self, key: &[u8]) -> Option<RegionInfo> {
        self.state.topology.lock().region_of(&region_key(key)).map(RegionInfo::new)
    }

    /// All stores, removed ones included.
    #[must_use]
    pub fn stores(&self) -> Vec<StoreInfo> {
        self.state.topology.lock().stores().map(StoreInfo::new).collect()
    }

    /// Splits regions so that one begins at each of these raw keys. Returns the ids of the regions that were
    /// split off and begin there, in key order; a key where one begins already adds none.
    ///
    /// # Errors
    /// [`TopologyError::BadKey`] for an empty key.
    pub fn split_at<K: AsRef<[u8]>>(&self, keys: &[K]) -> Result<Vec<u64>, TopologyError> {
        let keys: Vec<_> = keys.iter().map(|key| region_key(key.as_ref())).collect();
        self.state.change(|topology| topology.split(&keys))
    }

    /// Splits a region at the row in its middle; the id of the part that keeps the higher keys is the old
    /// one. Returns whether it had two rows to be split between. Reads all keys of the region.
    ///
    /// # Errors
    /// [`TopologyError::UnknownRegion`].
    pub fn split_region(&self, id: u64) -> Result<bool, TopologyError> {
        let region = self.state.topology.lock().region(id).map(RegionInfo::new);
        let region = region.ok_or(TopologyError::UnknownRegion(id))?;
        let Some(middle) = self.state.middle_key(&region.start_key..&region.end_key) else {
            return Ok(false);
        };
        self.split_at(&[middle]).map(|new| !new.is_empty())
    }

    /// Merges region `source` into its neighbour `target`, which keeps its id.
    ///
    /// # Errors
    /// [`TopologyError::UnknownRegion`], [`TopologyError::NotNeighbours`].
    pub fn merge(&self, source: u64, target: u64) -> Result<(), TopologyError> {
        self.state.change(|topology| topology.merge(source, target))
    }

    /// Makes the peer on `store` the leader of `region`.
    ///
    /// # Errors
    /// [`TopologyError::UnknownRegion`], [`TopologyError::NoVoter`], [`TopologyError::StoreDown`].
    pub fn transfer_leader(&self, region: u64, store: u64) -> Result<(), TopologyError> {
        self.state.change(|topology| topology.transfer_leader(region, store))
    }

    /// Moves the peer of `region` on store `from` to store `to`: its epoch's configuration version grows.
    ///
    /// # Errors
    /// [`TopologyError`], when there is no such peer or place.
    pub fn move_peer(&self, region: u64, from: u64, to: u64) -> Result<(), TopologyError> {
        self.state.change(|topology| topology.move_peer(region, from, to))
    }

    /// Deals leaders and peers of all regions out over the stores.
    pub fn scatter(&self) {
        self.state.change(|topology| {
            let ids: Vec<_> = topology.regions().map(|region| region.meta.id).collect();
            topology.scatter(&ids, |bound| self.state.chance(bound));
        });
    }

    /// The store dies as if its process was killed: its port refuses, calls under way break, its leaders
    /// move to living stores as long as most voters live.
    ///
    /// # Errors
    /// [`TopologyError::UnknownStore`].
    pub async fn kill_store(&self, id: u64) -> Result<(), TopologyError> {
        self.state.kill_store(id)?;
        if let Some(gate) = self.state.gate(id) {
            gate.closed().await;
        }
        Ok(())
    }

    /// Clients reach the store no more, its port refuses them; the other stores and PD do, and nothing moves.
    ///
    /// # Errors
    /// [`TopologyError::UnknownStore`].
    pub async fn isolate_store(&self, id: u64) -> Result<(), TopologyError> {
        let gate = self.state.gate(id).ok_or(TopologyError::UnknownStore(id))?;
        gate.close();
        gate.closed().await;
        Ok(())
    }

    /// A dead or isolated store comes back on its old port.
    ///
    /// # Errors
    /// [`TopologyError::UnknownStore`].
    pub async fn revive_store(&self, id: u64) -> Result<(), TopologyError> {
        let gate = self.state.gate(id).ok_or(TopologyError::UnknownStore(id))?;
        gate.reopen().await;
        self.state.change(|topology| topology.set_alive(id, true))
    }

    /// Adds an empty store; [`EmbeddedCluster::scatter`] moves peers to it.
    ///
    /// # Errors
    /// [`ClusterError::Listen`] when it finds no port.
    pub async fn add_store(&mut self) -> Result<u64, ClusterError> {
        let id = self.state.change(crate::topology::Topology::alloc_id);
        self.state.change(|topology| topology.add_store(server::store_meta(id, false)));
        self.serve_store(id).await?;
        Ok(id)
    }

    /// Takes a store out for good: its peers move, its port closes.
    ///
    /// # Errors
    /// [`TopologyError::UnknownStore`], [`TopologyError::LastStore`].
    pub async fn remove_store(&self, id: u64) -> Result<(), TopologyError> {
        self.state.change(|topology| topology.remove_store(id))?;
        if let Some(gate) = self.state.gate(id) {
            gate.close();
            gate.closed().await;
        }
        Ok(())
    }

    /// PD stops answering, as if its process was killed.
    pub async fn kill_pd(&self) {
        self.pd.close();
        self.pd.closed().await;
    }

    /// PD comes back on its old port.
    pub async fn revive_pd(&self) {
        self.pd.reopen().await;
    }

    /// PD goes on telling regions as they are now, whatever becomes of them, until it is thawed.
    pub fn freeze_pd(&self) {
        self.state.freeze_regions(true);
    }

    /// PD tells regions as they are again.
    pub fn thaw_pd(&self) {
        self.state.freeze_regions(false);
    }

    /// PD and the stores prove who they are by other certificates from now on. Connections that are there stay.
    ///
    /// # Errors
    /// [`ClusterError::Tls`], when they cannot be used or there was no TLS so far; then nothing changes.
    pub fn replace_tls(&self, tls: &ServerTls) -> Result<(), ClusterError> {
        self.security.replace(tls).map_err(ClusterError::Tls)
    }

    /// What of the data contradicts the invariants of transactions, as of one moment: nothing, as long as
    /// clients keep to the protocol. Walks over all keys; commands may run meanwhile.
    ///
    /// # Errors
    /// [`LoadError::Data`] when the data cannot be read.
    pub async fn verify(&self) -> Result<Vec<Violation>, LoadError> {
        let storage = self.state.storage.clone();
        let checked = tokio::task::spawn_blocking(move || storage.check_invariants()).await;
        let checked = checked.map_err(|error| LoadError::Data(error.to_string()))?;
        checked.map_err(|error| LoadError::Data(error.to_string()))
    }

    /// Looks at the size of every region now, and splits those that are too large; else the cluster does so
    /// by itself when enough was written. Returns how many regions there are.
    pub async fn split_large_regions(&self) -> usize {
        background::look_at_sizes(&self.state, true).await;
        self.state.topology.lock().regions().count()
    }

    /// Stops serving and waits for the end of all calls, and of work that was begun for them: a folder can be opened again.
    pub async fn shutdown(mut self) {
        self.pd.close();
        self.state.close_gates();
        self.servers.shutdown().await;
        self.state.save();
        let state = Arc::downgrade(&self.state);
        drop(self);
        // A thread that still works for a call whose connection broke has the data open.
        let begun = Instant::now();
        while state.strong_count() > 0 && begun.elapsed() < LONGEST_END {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    async fn serve_store(&mut self, id: u64) -> Result<(), ClusterError> {
        let tiflash = self.state.topology.lock().store(id).is_some_and(StoreState::is_tiflash);
        let server =
            server::store(&self.state, &self.security, id, tiflash, &mut self.servers).await;
        server.map_err(ClusterError::Listen)
    }
}

impl Drop for EmbeddedCluster {
    fn drop(&mut self) {
        self.pd.close();
        self.state.close_gates();
    }
}

#[cfg(test)]
mod tests;
