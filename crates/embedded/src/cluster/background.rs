//! What the cluster does by itself: it splits regions that have grown, and keeps their buckets.

use std::sync::Arc;

use tifusion_proto::metapb;

use crate::state::State;

/// Looks at sizes whenever enough was written, as long as the cluster lives.
pub(super) async fn run(state: Arc<State>) {
    loop {
        state.grown.notified().await;
        look_at_sizes(&state, false).await;
    }
}

/// Measures the regions that were written to (or `all` of them), splits those that are too large, and cuts
/// buckets anew.
pub(super) async fn look_at_sizes(state: &Arc<State>, all: bool) {
    let limit = state.settings.region_size.max(state.settings.bucket_size) / 16;
    let grown: Vec<metapb::Region> = {
        let mut topology = state.topology.lock();
        let grown = topology.regions().filter(|region| all || region.written >= limit);
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

fn look_at(state: &State, region: &metapb::Region) {
    let Some(found) = state.measure(region) else { return };
    if !found.splits.is_empty() {
        // The keys are encodings made just now.
        let _ = state.change(|topology| topology.split(&found.splits));
    }
    if state.settings.bucket_size == 0 {
        return;
    }
    let mut topology = state.topology.lock();
    let within = topology.regions_in(&region.start_key, &region.end_key);
    let within: Vec<_> = within.map(|region| (region.meta.id, region.epoch())).collect();
    for (id, epoch) in within {
        topology.set_buckets(id, epoch, &found.buckets);
    }
}
