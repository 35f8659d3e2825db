//! Splitting and merging regions, and their buckets.

use tifusion_codec::key::from_region_key;
use tifusion_proto::metapb;

use super::{RegionState, Topology, TopologyError};

/// A stretch of keys that is, or is to become, a region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    /// Where it begins, memory-comparable.
    pub(crate) start: Vec<u8>,
    /// Bytes of its keys and values.
    pub(crate) bytes: u64,
}

impl Topology {
    /// Splits regions so that a border lies at each of `keys` (memory-comparable); keys that are borders
    /// already change nothing. Returns the ids of the regions that begin at `keys` and were split off, in
    /// key order. As with TiKV, the part furthest to the right keeps its id, and the version of all parts
    /// grows by the number of new ones.
    ///
    /// # Errors
    /// [`TopologyError::BadKey`]; then nothing is split.
    pub(crate) fn split(&mut self, keys: &[Vec<u8>]) -> Result<Vec<u64>, TopologyError> {
        let mut keys = keys.to_vec();
        keys.sort_unstable();
        keys.dedup();
        if keys.iter().any(|key| key.is_empty() || from_region_key(key).is_err()) {
            return Err(TopologyError::BadKey);
        }
        let mut touched = Vec::new();
        let mut rest = keys.as_slice();
        while let Some(first) = rest.first() {
            let Some(region) = self.region_of(first) else { break };
            let (id, end) = (region.meta.id, region.meta.end_key.clone());
            let here = rest.partition_point(|key| super::before_end(key, &end)).max(1);
            let (inside, others) = rest.split_at(here.min(rest.len()));
            touched.extend(self.split_one(id, inside)?);
            rest = others;
        }
        Ok(touched)
    }

    /// Splits one region at keys inside of it, in order.
    fn split_one(&mut self, id: u64, keys: &[Vec<u8>]) -> Result<Vec<u64>, TopologyError> {
        let start = self.region_mut(id)?.meta.start_key.clone();
        let keys: Vec<_> = keys.iter().filter(|key| **key != start).cloned().collect();
        let Ok(added) = u64::try_from(keys.len()) else { return Ok(Vec::new()) };
        if added == 0 {
            return Ok(Vec::new());
        }
        let mut right = self.take(id)?;
        let version = right.epoch().version.saturating_add(added);
        if let Some(epoch) = &mut right.meta.region_epoch {
            epoch.version = version;
        }
        right.data_version = right.data_version.saturating_add(1);
        right.buckets = None;
        let mut ids = Vec::new();
        let mut start = start;
        for key in keys {
            let mut left = self.offspring(&right);
            left.meta.start_key = std::mem::replace(&mut start, key.clone());
            left.meta.end_key = key;
            ids.push(left.meta.id);
            self.put(left);
        }
        right.meta.start_key = start;
        ids.push(id);
        self.put(right);
        // The first part begins where the region began: no border was asked for there.
        ids.remove(0);
        Ok(ids)
    }

    /// A new region with peers on the same stores as `parent`, led from the same store.
    fn offspring(&mut self, parent: &RegionState) -> RegionState {
        let mut region = parent.clone();
        region.meta.id = self.alloc_id();
        for peer in &mut region.meta.peers {
            peer.id = self.alloc_id();
        }
        let store = parent.leader_peer().map(|peer| peer.store_id);
        region.leader = store.and_then(|store| region.peer_on(store)).map(|peer| peer.id);
        region
    }

    /// Merges region `source` into its neighbour `target`: `target` keeps its id and takes the greater
    /// version plus one, `source` is gone.
    ///
    /// # Errors
    /// [`TopologyError::UnknownRegion`], [`TopologyError::NotNeighbours`].
    pub(crate) fn merge(&mut self, source: u64, target: u64) -> Result<(), TopologyError> {
        let gone = self.region(source).ok_or(TopologyError::UnknownRegion(source))?;
        let kept = self.region(target).ok_or(TopologyError::UnknownRegion(target))?;
        let (gone, kept) = (&gone.meta, &kept.meta);
        let on_the_left = !gone.end_key.is_empty() && gone.end_key == kept.start_key;
        let on_the_right = !kept.end_key.is_empty() && kept.end_key == gone.start_key;
        if !on_the_left && !on_the_right {
            return Err(TopologyError::NotNeighbours(source, target));
        }
        let gone = self.take(source)?;
        let mut kept = self.take(target)?;
        // Preparing the merge raises the source's version once, committing it the target's.
        let prepared = gone.epoch().version.saturating_add(1);
        let version = prepared.max(kept.epoch().version).saturating_add(1);
        if let Some(epoch) = &mut kept.meta.region_epoch {
            epoch.version = version;
        }
        kept.data_version = kept.data_version.max(gone.data_version).saturating_add(1);
        kept.measured = kept.measured.saturating_add(gone.measured);
        kept.written = kept.written.saturating_add(gone.written);
        kept.buckets = None;
        if on_the_left {
            kept.meta.start_key = gone.meta.start_key;
        } else {
            kept.meta.end_key = gone.meta.end_key;
        }
        self.put(kept);
        Ok(())
    }

    /// Notes what regions held that were just looked at: one after the other from the first start up to `end`.
    /// Those whose borders have changed meanwhile keep what was known, which is more.
    pub(crate) fn set_sizes(&mut self, parts: &[Part], end: &[u8]) {
        let starts = parts.iter().map(|part| part.start.as_slice());
        let ends = starts.skip(1).chain([end]);
        for (part, end) in parts.iter().zip(ends) {
            let Some(region) = self.region_of(&part.start) else { continue };
            let is_it = region.meta.start_key == part.start && region.meta.end_key == end;
            if let (true, Ok(region)) = (is_it, self.region_mut(region.meta.id)) {
                region.measured = part.bytes;
            }
        }
    }

    /// Sets a region's bucket borders to those of `keys` that lie inside of it; their version grows when
    /// they change. Too late when the epoch is not `epoch` any more.
    pub(crate) fn set_buckets(&mut self, id: u64, epoch: metapb::RegionEpoch, keys: &[Vec<u8>]) {
        let Ok(region) = self.region_mut(id) else { return };
        if region.epoch() != epoch {
            return;
        }
        let inside = keys.iter().filter(|key| region.holds(key) && **key != region.meta.start_key);
        let mut borders = vec![region.meta.start_key.clone()];
        borders.extend(inside.cloned());
        borders.push(region.meta.end_key.clone());
        let old = region.buckets.as_ref();
        if old.is_some_and(|old| old.keys == borders) {
            return;
        }
        // Versions follow the region's, so that they grow over splits and merges too.
        let floor = epoch.version << 16;
        let version = old.map_or(0, |old| old.version).max(floor).saturating_add(1);
        region.buckets = Some(metapb::Buckets {
            region_id: id,
            version,
            keys: borders,
            ..metapb::Buckets::default()
        });
    }
}
