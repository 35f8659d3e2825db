//! What the cluster does by itself: it splits regions that have grown, and keeps their buckets; on request it
//! changes all the time.

use std::sync::Arc;
use std::time::Duration;

use tifusion_codec::key::{from_region_key, region_key};
use tifusion_proto::metapb;

use crate::state::{Settings, State};
use crate::topology::RegionState;

/// Looks at sizes whenever enough was written, as long as the cluster lives.
pub(super) async fn run(state: Arc<State>) {
    loop {
        state.grown.notified().await;
        look_at_sizes(&state, false).await;
    }
}

/// Changes the topology at random every so often: a split in the middle of a region, a merge of neighbours,
/// another leader, a peer elsewhere.
pub(super) async fn churn(state: Arc<State>, pause: Duration) {
    loop {
        tokio::time::sleep(pause).await;
        let state = Arc::clone(&state);
        // A change that cannot be made is none.
        let _ = tokio::task::spawn_blocking(move || change_at_random(&state)).await;
    }
}

fn change_at_random(state: &State) {
    let regions: Vec<metapb::Region> =
        state.topology.lock().regions().map(|region| region.meta.clone()).collect();
    let Some(region) = regions.get(state.chance(regions.len())) else { return };
    let next = state.topology.lock().region_after(region.id).map(|next| next.meta.id);
    // The region may have changed since; then nothing happens.
    match (state.chance(4), next) {
        (0, _) => {
            let raw = |border: &[u8]| from_region_key(border).unwrap_or_default();
            let (start, end) = (raw(&region.start_key), raw(&region.end_key));
            if let Some(middle) = state.middle_key(&start..&end) {
                let _ = state.change(|topology| topology.split(&[region_key(&middle)]));
            }
        }
        (1, Some(next)) => {
            let into_next = state.chance(2) == 0;
            let (source, target) = if into_next { (region.id, next) } else { (next, region.id) };
            let _ = state.change(|topology| topology.merge(source, target));
        }
        (2, _) => {
            let _ = state.change(|topology| topology.rotate_leader(region.id));
        }
        _ => state.change(|topology| topology.scatter(&[region.id], |bound| state.chance(bound))),
    }
}

/// Measures the regions that were written to (or `all` of them), splits those that are too large, and cuts
/// buckets anew.
pub(super) async fn look_at_sizes(state: &Arc<State>, all: bool) {
    let grown: Vec<metapb::Region> = {
        let mut topology = state.topology.lock();
        let grown = topology.regions().filter(|region| all || has_grown(region, &state.settings));
        let grown: Vec<_> = grown.map(|region| region.meta.clone()).collect();
        for region in &grown {
            if let Ok(region) = topology.region_mut(region.id) {
                region.written = 0;
            }
        }
        grown
    };
    for region in grown {
        let state = Arc::clone(state);
        // A region that cannot be measured stays as it is.
        let _ = tokio::task::spawn_blocking(move || look_at(&state, &region)).await;
    }
}

/// Whether a region may be too large by now, or its buckets no longer fit. Looking means reading all of it:
/// the more it holds, the more is written before it is read again.
fn has_grown(region: &RegionState, settings: &Settings) -> bool {
    let &Settings { region_size: part, bucket_size: bucket, .. } = settings;
    let may_be_large = part > 0 && region.size_bound() >= part.saturating_add(part / 2);
    may_be_large || (bucket > 0 && region.written >= part.max(bucket) / 16)
}

fn look_at(state: &State, region: &metapb::Region) {
    let Some(found) = state.measure(region) else { return };
    let splits: Vec<_> = found.parts.iter().skip(1).map(|part| part.start.clone()).collect();
    if !splits.is_empty() {
        // The keys are encodings made just now.
        let _ = state.change(|topology| topology.split(&splits));
    }
    let mut topology = state.topology.lock();
    topology.set_sizes(&found.parts, &region.end_key);
    if state.settings.bucket_size == 0 {
        return;
    }
    let within = topology.regions_in(&region.start_key, &region.end_key);
    let within: Vec<_> = within.map(|region| (region.meta.id, region.epoch())).collect();
    for (id, epoch) in within {
        topology.set_buckets(id, epoch, &found.buckets);
    }
}
