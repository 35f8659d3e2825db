//! Who leads, who has peers, which stores answer.

use tifusion_proto::metapb;

use super::{RegionState, StoreState, Topology, TopologyError};

impl Topology {
    /// Makes the voter of `region` on `store` its leader.
    ///
    /// # Errors
    /// [`TopologyError::UnknownRegion`], [`TopologyError::NoVoter`], [`TopologyError::StoreDown`].
    pub(crate) fn transfer_leader(&mut self, region: u64, store: u64) -> Result<(), TopologyError> {
        let alive = self.is_alive(store);
        let state = self.region_mut(region)?;
        let voter = state.voters().find(|peer| peer.store_id == store).map(|peer| peer.id);
        let voter = voter.ok_or(TopologyError::NoVoter { region, store })?;
        if !alive {
            return Err(TopologyError::StoreDown(store));
        }
        if state.leader != Some(voter) {
            state.leader = Some(voter);
            state.term = state.term.saturating_add(1);
            self.changed();
        }
        Ok(())
    }

    /// Makes the next living voter of `region` its leader; nothing changes when there is no other.
    ///
    /// # Errors
    /// [`TopologyError::UnknownRegion`].
    pub(crate) fn rotate_leader(&mut self, region: u64) -> Result<(), TopologyError> {
        let state = self.region(region).ok_or(TopologyError::UnknownRegion(region))?;
        let voters: Vec<_> = state.voters().copied().collect();
        let at = voters.iter().position(|peer| Some(peer.id) == state.leader).unwrap_or(0);
        let others = voters.iter().cycle().skip(at.saturating_add(1)).take(voters.len());
        let next = others.map(|peer| peer.store_id).find(|store| self.is_alive(*store));
        next.map_or(Ok(()), |store| self.transfer_leader(region, store))
    }

    /// Moves the peer of `region` on `from` to `to`; a leader hands over first. The configuration version
    /// grows by two: one peer comes, one goes.
    ///
    /// # Errors
    /// [`TopologyError::NoVoter`] when `from` has none, [`TopologyError::PeerExists`] when `to` has one,
    /// [`TopologyError::UnknownStore`], [`TopologyError::StoreDown`], [`TopologyError::UnknownRegion`].
    pub(crate) fn move_peer(
        &mut self,
        region: u64,
        from: u64,
        to: u64,
    ) -> Result<(), TopologyError> {
        let target = self.store(to).filter(|store| !store.is_gone());
        let target = target.ok_or(TopologyError::UnknownStore(to))?;
        if !target.alive {
            return Err(TopologyError::StoreDown(to));
        }
        let state = self.region(region).ok_or(TopologyError::UnknownRegion(region))?;
        if state.peer_on(to).is_some() {
            return Err(TopologyError::PeerExists { region, store: to });
        }
        let id = self.alloc_id();
        let state = self.region_mut(region)?;
        let old = state.voters().find(|peer| peer.store_id == from).copied();
        let old = old.ok_or(TopologyError::NoVoter { region, store: from })?;
        for peer in state.meta.peers.iter_mut().filter(|peer| peer.id == old.id) {
            *peer = metapb::Peer { id, store_id: to, ..old };
        }
        if let Some(epoch) = &mut state.meta.region_epoch {
            epoch.conf_ver = epoch.conf_ver.saturating_add(2);
        }
        if state.leader == Some(old.id) {
            state.leader = Some(id);
            state.term = state.term.saturating_add(1);
        }
        self.elect();
        self.changed();
        Ok(())
    }

    /// Adds a store; peers come to it by [`Topology::move_peer`] and [`Topology::scatter`].
    pub(crate) fn add_store(&mut self, meta: metapb::Store) {
        let tiflash = StoreState { meta: meta.clone(), alive: true }.is_tiflash();
        let store_id = meta.id;
        self.stores.insert(store_id, StoreState { meta, alive: true });
        if tiflash {
            let ids: Vec<_> = self.starts.keys().copied().collect();
            for region in ids {
                self.add_learner(region, store_id);
            }
        }
        self.changed();
    }

    fn add_learner(&mut self, region: u64, store_id: u64) {
        let id = self.alloc_id();
        let Ok(state) = self.region_mut(region) else { return };
        let role = metapb::PeerRole::Learner.into();
        state.meta.peers.push(metapb::Peer { id, store_id, role, is_witness: false });
        if let Some(epoch) = &mut state.meta.region_epoch {
            epoch.conf_ver = epoch.conf_ver.saturating_add(1);
        }
    }

    /// Takes a store out for good: its peers move to stores without one as far as there are any, else they
    /// go without replacement.
    ///
    /// # Errors
    /// [`TopologyError::UnknownStore`], [`TopologyError::LastStore`].
    pub(crate) fn remove_store(&mut self, id: u64) -> Result<(), TopologyError> {
        self.store(id).filter(|store| !store.is_gone()).ok_or(TopologyError::UnknownStore(id))?;
        if !self.voting_stores().any(|store| store != id) {
            return Err(TopologyError::LastStore(id));
        }
        let regions: Vec<_> = self.starts.keys().copied().collect();
        for region in regions {
            let Some(peer) = self.region(region).and_then(|state| state.peer_on(id)) else {
                continue;
            };
            let spare = self.voting_stores().find(|store| {
                *store != id && self.region(region).is_some_and(|it| it.peer_on(*store).is_none())
            });
            match spare {
                Some(to) if peer.role() == metapb::PeerRole::Voter => {
                    self.move_peer(region, id, to)?;
                }
                _ => self.drop_peer(region, peer.id),
            }
        }
        if let Some(store) = self.stores.get_mut(&id) {
            store.alive = false;
            store.meta.set_state(metapb::StoreState::Tombstone);
            store.meta.set_node_state(metapb::NodeState::Removed);
        }
        self.elect();
        self.changed();
        Ok(())
    }

    fn drop_peer(&mut self, region: u64, peer: u64) {
        let Ok(state) = self.region_mut(region) else { return };
        state.meta.peers.retain(|other| other.id != peer);
        if let Some(epoch) = &mut state.meta.region_epoch {
            epoch.conf_ver = epoch.conf_ver.saturating_add(1);
        }
    }

    /// Whether the store answers, or no longer does: regions that lose their leader elect another living
    /// voter as long as most of their voters live.
    ///
    /// # Errors
    /// [`TopologyError::UnknownStore`].
    pub(crate) fn set_alive(&mut self, id: u64, alive: bool) -> Result<(), TopologyError> {
        let store = self.stores.get_mut(&id).filter(|store| !store.is_gone());
        store.ok_or(TopologyError::UnknownStore(id))?.alive = alive;
        self.elect();
        self.changed();
        Ok(())
    }

    /// Tells where a store listens.
    pub(crate) fn set_address(&mut self, id: u64, address: &str) {
        if let Some(store) = self.stores.get_mut(&id) {
            address.clone_into(&mut store.meta.address);
            address.clone_into(&mut store.meta.peer_address);
        }
    }

    /// Deals the leaders of `regions` out over the living stores, fewest first, and moves peers to stores
    /// that have fewer regions. Ties are broken by `chance`, a number that differs from call to call.
    pub(crate) fn scatter(&mut self, regions: &[u64], mut chance: impl FnMut(usize) -> usize) {
        for region in regions {
            self.spread_peers(*region);
            let Some(state) = self.region(*region) else { continue };
            let mut stores: Vec<(usize, u64)> = state
                .voters()
                .filter(|peer| self.is_alive(peer.store_id))
                .map(|peer| (self.leaders_on(peer.store_id), peer.store_id))
                .collect();
            stores.sort_unstable();
            let fewest = stores.first().map_or(0, |(leaders, _)| *leaders);
            stores.retain(|(leaders, _)| *leaders == fewest);
            let turn = chance(stores.len());
            if let Some((_, store)) = stores.get(turn) {
                // The store lives and has a voter: it can lead.
                let _ = self.transfer_leader(*region, *store);
            }
        }
    }

    /// Moves one peer of the region from the store with most regions to the one with fewest.
    fn spread_peers(&mut self, region: u64) {
        let Some(state) = self.region(region) else { return };
        let crowd = |store: u64| self.regions().filter(|it| it.peer_on(store).is_some()).count();
        let from = state.voters().map(|peer| (crowd(peer.store_id), peer.store_id)).max();
        let to = self
            .voting_stores()
            .filter(|store| state.peer_on(*store).is_none())
            .map(|store| (crowd(store), store))
            .min();
        if let (Some((most, from)), Some((fewest, to))) = (from, to)
            && most > fewest.saturating_add(1)
        {
            // Both stores were looked at just now.
            let _ = self.move_peer(region, from, to);
        }
    }

    fn leaders_on(&self, store: u64) -> usize {
        self.regions()
            .filter(|region| region.leader_peer().is_some_and(|peer| peer.store_id == store))
            .count()
    }

    fn voting_stores(&self) -> impl Iterator<Item = u64> {
        self.stores
            .values()
            .filter(|store| store.alive && !store.is_gone() && !store.is_tiflash())
            .map(|store| store.meta.id)
    }

    pub(crate) fn is_alive(&self, store: u64) -> bool {
        self.stores.get(&store).is_some_and(|store| store.alive)
    }

    /// Gives every region without a living leader a new one, where most voters live.
    pub(super) fn elect(&mut self) {
        let stores = &self.stores;
        let lives =
            |peer: &metapb::Peer| stores.get(&peer.store_id).is_some_and(|store| store.alive);
        for region in self.regions.values_mut() {
            let led = region.leader_peer().is_some_and(|peer| lives(&peer));
            if led && has_quorum(region, lives) {
                continue;
            }
            let living = region.voters().find(|peer| lives(peer)).map(|peer| peer.id);
            let next = living.filter(|_| has_quorum(region, lives));
            if next != region.leader {
                region.leader = next;
                region.term = region.term.saturating_add(u64::from(next.is_some()));
            }
        }
    }
}

fn has_quorum(region: &RegionState, lives: impl Fn(&metapb::Peer) -> bool) -> bool {
    let (living, all) = region
        .voters()
        .fold((0, 0), |(living, all), peer| (living + usize::from(lives(peer)), all + 1));
    living * 2 > all
}
