//! Asking for regions, splitting and scattering them.

use tifusion_proto::pdpb;

use super::PdService;
use crate::topology::{RegionState, before_end};

impl PdService {
    pub(super) fn region(
        &self,
        region: Option<&RegionState>,
        with_buckets: bool,
    ) -> pdpb::GetRegionResponse {
        let told = region.map(|region| region.to_pd(with_buckets)).unwrap_or_default();
        pdpb::GetRegionResponse {
            header: self.header(),
            region: told.region,
            leader: told.leader,
            buckets: told.buckets,
            ..pdpb::GetRegionResponse::default()
        }
    }

    pub(super) fn scan(&self, request: &pdpb::ScanRegionsRequest) -> pdpb::ScanRegionsResponse {
        let limit = limit_of(request.limit);
        let regions: Vec<_> = self.state.told_regions(|topology| {
            let found = topology.regions_in(&request.start_key, &request.end_key).take(limit);
            found.map(|region| region.to_pd(false)).collect()
        });
        pdpb::ScanRegionsResponse {
            header: self.header(),
            region_metas: regions.iter().filter_map(|told| told.region.clone()).collect(),
            leaders: regions.iter().map(|told| told.leader.unwrap_or_default()).collect(),
            regions,
        }
    }

    pub(super) fn batch_scan(
        &self,
        request: &pdpb::BatchScanRegionsRequest,
    ) -> pdpb::BatchScanRegionsResponse {
        if let Some(message) = misordered(&request.ranges) {
            return pdpb::BatchScanRegionsResponse {
                header: self.refusal(pdpb::ErrorType::Unknown, message.to_owned()),
                ..pdpb::BatchScanRegionsResponse::default()
            };
        }
        let limit = limit_of(request.limit);
        let mut regions: Vec<pdpb::Region> = Vec::new();
        self.state.told_regions(|topology| {
            for range in &request.ranges {
                for region in topology.regions_in(&range.start_key, &range.end_key) {
                    if regions.len() >= limit {
                        break;
                    }
                    let last = regions.last().and_then(|told| told.region.as_ref());
                    if last.is_none_or(|last| last.id != region.meta.id) {
                        regions.push(region.to_pd(request.need_buckets));
                    }
                }
            }
        });
        pdpb::BatchScanRegionsResponse { header: self.header(), regions }
    }

    pub(super) fn ask_batch_split(
        &self,
        request: &pdpb::AskBatchSplitRequest,
    ) -> pdpb::AskBatchSplitResponse {
        let peers = request.region.as_ref().map_or(0, |region| region.peers.len());
        let ids = self.state.change(|topology| {
            let mut id = || pdpb::SplitId {
                new_region_id: topology.alloc_id(),
                new_peer_ids: (0..peers).map(|_| topology.alloc_id()).collect(),
            };
            // No client splits more at once.
            (0..request.split_count.min(4096)).map(|_| id()).collect()
        });
        pdpb::AskBatchSplitResponse { header: self.header(), ids }
    }

    /// Splits at these keys (memory-comparable); the ids of the new regions that begin there.
    pub(super) fn split(&self, keys: &[Vec<u8>]) -> (Option<pdpb::ResponseHeader>, Vec<u64>) {
        match self.state.change(|topology| topology.split(keys)) {
            Ok(ids) => (self.header(), ids),
            Err(error) => (self.refusal(pdpb::ErrorType::Unknown, error.to_string()), Vec::new()),
        }
    }

    pub(super) fn scatter(
        &self,
        request: pdpb::ScatterRegionRequest,
    ) -> pdpb::ScatterRegionResponse {
        let mut ids = request.regions_id;
        if ids.is_empty() {
            #[expect(deprecated, reason = "old clients name the only region there")]
            ids.push(request.region_id);
        }
        let (known, unknown): (Vec<_>, Vec<_>) = {
            let topology = self.state.topology.lock();
            ids.into_iter().partition(|id| topology.region(*id).is_some())
        };
        self.scatter_all(&known);
        let all = known.len() + unknown.len();
        let done = (known.len() * 100).checked_div(all).unwrap_or(100);
        let header = match unknown.first() {
            Some(id) if known.is_empty() => {
                self.refusal(pdpb::ErrorType::Unknown, format!("region {id} not found"))
            }
            _ => self.header(),
        };
        pdpb::ScatterRegionResponse {
            header,
            finished_percentage: u64::try_from(done).unwrap_or(100),
            failed_regions_id: unknown,
        }
    }

    pub(super) fn scatter_all(&self, ids: &[u64]) {
        self.state.change(|topology| topology.scatter(ids, |bound| self.state.chance(bound)));
    }
}

/// Not positive means no limit.
fn limit_of(limit: i32) -> usize {
    usize::try_from(limit).ok().filter(|limit| *limit > 0).unwrap_or(usize::MAX)
}

/// What is wrong with the order of ranges, in PD's words.
fn misordered(ranges: &[pdpb::KeyRange]) -> Option<&'static str> {
    let inverted = |range: &pdpb::KeyRange| !before_end(&range.start_key, &range.end_key);
    if ranges.iter().any(inverted) {
        return Some("invalid key range, start key is not less than end key");
    }
    let overlap = ranges.windows(2).any(|pair| match pair {
        [left, right] => before_end(&right.start_key, &left.end_key),
        _ => false,
    });
    overlap.then_some("invalid key range, ranges overlapped")
}
