//! Whether a store may serve a request, in the order in which TiKV's raftstore looks: the store, the region,
//! the peer, the leader, the term, the epoch, then the keys.

use tifusion_codec::key::{from_region_key, region_key};
use tifusion_proto::{errorpb, kvrpcpb, metapb};

use super::region_error;
use crate::topology::{RegionState, Topology};

/// A region as one request saw it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct View {
    pub(crate) region: metapb::Region,
    /// The raw keys of the region's borders.
    pub(crate) start: Vec<u8>,
    pub(crate) end: Vec<u8>,
    /// The version of its data; `None` while it is written to.
    pub(crate) data_version: Option<u64>,
    /// The version of its buckets; 0 without any.
    pub(crate) buckets_version: u64,
}

/// What a request does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// It reads, at this timestamp if it has one.
    Read(Option<u64>),
    /// It writes.
    Write,
}

/// The raw keys that a request touches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Touched {
    /// These keys.
    Keys(Vec<Vec<u8>>),
    /// These ranges, each within the region; an empty end is unbounded.
    Ranges(Vec<(Vec<u8>, Vec<u8>)>),
    /// A range that begins in the region and may reach past it.
    From(Vec<u8>, Vec<u8>),
    /// A range that ends in the region and may begin before it, read from its end.
    Until(Vec<u8>, Vec<u8>),
    /// The whole region.
    Region,
}

impl Touched {
    /// The least range around them: start, end (empty: unbounded).
    pub(crate) fn span(&self) -> (Vec<u8>, Vec<u8>) {
        match self {
            Self::Keys(keys) => {
                let start = keys.iter().min().cloned().unwrap_or_default();
                let mut end = keys.iter().max().cloned().unwrap_or_default();
                end.push(0);
                (start, end)
            }
            Self::Ranges(ranges) => {
                let start = ranges.iter().map(|range| &range.0).min();
                let endless = ranges.iter().any(|range| range.1.is_empty());
                let end = ranges.iter().map(|range| &range.1).max().filter(|_| !endless);
                (start.cloned().unwrap_or_default(), end.cloned().unwrap_or_default())
            }
            Self::From(start, end) | Self::Until(start, end) => (start.clone(), end.clone()),
            Self::Region => (Vec::new(), Vec::new()),
        }
    }
}

/// One store's look at the topology.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Checker<'a> {
    pub(crate) topology: &'a Topology,
    pub(crate) store: u64,
    /// Replicas have everything up to this timestamp.
    pub(crate) safe_ts: u64,
    /// The newest timestamp of the cluster.
    pub(crate) newest_ts: u64,
}

/// How far ahead of PD a read's timestamp may be before TiKV takes it for invalid: a minute.
const MAX_TS_DRIFT: u64 = 60_000 << 18;

impl Checker<'_> {
    /// The region, or why it cannot be served.
    pub(crate) fn check(
        &self,
        context: &kvrpcpb::Context,
        access: Access,
        touched: &Touched,
    ) -> Result<View, Box<errorpb::Error>> {
        let peer = context.peer.unwrap_or_default();
        if peer.store_id != self.store {
            return Err(region_error::store_not_match(peer.store_id, self.store));
        }
        let id = context.region_id;
        let known = self.topology.region(id);
        let known = known.and_then(|region| Some((region, region.peer_on(self.store)?)));
        let (region, ours) = known.ok_or_else(|| region_error::region_not_found(id))?;
        if peer.id != ours.id {
            return Err(region_error::mismatch_peer_id(peer.id, ours.id));
        }
        let reads = matches!(access, Access::Read(_));
        let any_peer = reads && (context.replica_read || context.stale_read);
        if region.leader != Some(ours.id) && !any_peer {
            return Err(region_error::not_leader(region));
        }
        if context.term != 0 && region.term > context.term.saturating_add(1) {
            return Err(region_error::stale_command());
        }
        self.check_epoch(region, context.region_epoch.as_ref())?;
        check_buckets(region, context.buckets_version)?;
        self.check_timestamp(context, access, ours)?;
        check_keys(&region.meta, touched)?;
        Ok(self.view(region))
    }

    /// The region of a TiFlash request: any peer answers, the store and the epoch must be right.
    pub(crate) fn check_replica(
        &self,
        id: u64,
        epoch: Option<&metapb::RegionEpoch>,
        touched: &Touched,
    ) -> Result<View, Box<errorpb::Error>> {
        let known = self.topology.region(id).filter(|it| it.peer_on(self.store).is_some());
        let region = known.ok_or_else(|| region_error::region_not_found(id))?;
        self.check_epoch(region, epoch)?;
        check_keys(&region.meta, touched)?;
        Ok(self.view(region))
    }

    fn view(&self, region: &RegionState) -> View {
        // Borders are encodings: splits see to that.
        let raw = |border: &[u8]| from_region_key(border).unwrap_or_default();
        View {
            start: raw(&region.meta.start_key),
            end: raw(&region.meta.end_key),
            data_version: self.topology.data_version(region.meta.id),
            buckets_version: region.buckets.as_ref().map_or(0, |buckets| buckets.version),
            region: region.meta.clone(),
        }
    }

    /// Requests for data name the version of the region's range; its peers may have changed.
    fn check_epoch(
        &self,
        region: &RegionState,
        told: Option<&metapb::RegionEpoch>,
    ) -> Result<(), Box<errorpb::Error>> {
        let Some(told) = told else { return Err(region_error::other("missing epoch!")) };
        if told.version == region.epoch().version {
            return Ok(());
        }
        let current = self.topology.with_siblings(region, told.version);
        Err(region_error::epoch_not_match(region, *told, current))
    }

    fn check_timestamp(
        &self,
        context: &kvrpcpb::Context,
        access: Access,
        ours: metapb::Peer,
    ) -> Result<(), Box<errorpb::Error>> {
        let Access::Read(Some(ts)) = access else { return Ok(()) };
        if context.stale_read && ts > self.safe_ts {
            return Err(region_error::data_is_not_ready(context.region_id, ours.id, self.safe_ts));
        }
        let newest = self.newest_ts.saturating_add(MAX_TS_DRIFT);
        if ts != u64::MAX && ts > newest {
            return Err(region_error::invalid_max_ts(ts, newest));
        }
        Ok(())
    }
}

/// A request that was cut along older buckets than the region's is refused only if it names a version at
/// all.
fn check_buckets(region: &RegionState, told: u64) -> Result<(), Box<errorpb::Error>> {
    match &region.buckets {
        Some(buckets) if told != 0 && told < buckets.version => {
            Err(region_error::bucket_version_not_match(buckets))
        }
        _ => Ok(()),
    }
}

fn check_keys(region: &metapb::Region, touched: &Touched) -> Result<(), Box<errorpb::Error>> {
    let refuse = |raw: &[u8]| Err(region_error::key_not_in_region(raw, region));
    let holds = |key: &[u8]| {
        region.start_key.as_slice() <= key && crate::topology::before_end(key, &region.end_key)
    };
    match touched {
        Touched::Keys(keys) => {
            for key in keys {
                if !holds(&region_key(key)) {
                    return refuse(key);
                }
            }
        }
        Touched::Ranges(ranges) => {
            for (start, end) in ranges {
                if !holds(&region_key(start)) {
                    return refuse(start);
                }
                if !ends_within(end, region) {
                    return refuse(end);
                }
            }
        }
        // The end of the region counts as in it: an empty scan.
        Touched::From(start, _) => {
            let key = region_key(start);
            if !holds(&key) && key != region.end_key {
                return refuse(start);
            }
        }
        Touched::Until(_, end) => {
            if !end.is_empty() && region_key(end) < region.start_key || !ends_within(end, region) {
                return refuse(end);
            }
        }
        Touched::Region => {}
    }
    Ok(())
}

/// Whether the exclusive end of a raw range lies not past the region.
fn ends_within(end: &[u8], region: &metapb::Region) -> bool {
    region.end_key.is_empty() || (!end.is_empty() && region_key(end) <= region.end_key)
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
