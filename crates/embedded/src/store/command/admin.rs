//! Splitting a region, collecting garbage, deleting ranges, looking at a key.

use tifusion_codec::key::region_key;
use tifusion_proto::kvrpcpb;

use super::super::check::{Access, Touched, View};
use super::command;
use crate::state::State;

#[expect(deprecated, reason = "old clients send one key")]
fn split_keys(request: &kvrpcpb::SplitRegionRequest) -> Vec<Vec<u8>> {
    if request.split_keys.is_empty() {
        vec![request.split_key.clone()]
    } else {
        request.split_keys.clone()
    }
}

command! {
    SplitRegionRequest => SplitRegionResponse as SplitRegion;
    access: |_request| Access::Write;
    touched: |request| Touched::Keys(split_keys(request));
    run: |request, state, view| split(&request, state, view)
}

fn split(
    request: &kvrpcpb::SplitRegionRequest,
    state: &State,
    view: &View,
) -> kvrpcpb::SplitRegionResponse {
    let keys: Vec<_> = split_keys(request).iter().map(|key| region_key(key)).collect();
    let split = state.change(|topology| topology.split(&keys));
    if let Err(error) = split {
        let abort = error.to_string();
        let errors = vec![kvrpcpb::KeyError { abort, ..kvrpcpb::KeyError::default() }];
        return kvrpcpb::SplitRegionResponse { errors, ..Default::default() };
    }
    let topology = state.topology.lock();
    let (start, end) = (&view.region.start_key, &view.region.end_key);
    let regions: Vec<_> = topology.regions_in(start, end).map(|it| it.meta.clone()).collect();
    #[expect(deprecated, reason = "old clients read them")]
    kvrpcpb::SplitRegionResponse {
        left: regions.first().cloned(),
        right: regions.get(1).cloned(),
        regions,
        ..kvrpcpb::SplitRegionResponse::default()
    }
}

command! {
    GcRequest => GcResponse as Gc;
    access: |_request| Access::Write;
    touched: |_request| Touched::Region;
    run: |request, state, _view| state.collect_garbage(request.safe_point)
}

command! {
    DeleteRangeRequest => DeleteRangeResponse as DeleteRange;
    access: |_request| Access::Write;
    touched: |request| Touched::Ranges(vec![(request.start_key.clone(), request.end_key.clone())]);
    run: |request, state, _view| state.storage.delete_range(&request)
}

command! {
    MvccGetByKeyRequest => MvccGetByKeyResponse as MvccGetByKey;
    access: |_request| Access::Read(None);
    touched: |request| Touched::Keys(vec![request.key.clone()]);
    run: |request, state, _view| state.storage.mvcc_get_by_key(&request)
}
