//! Snapshot reads.

use super::super::check::{Access, Touched};
use super::command;

command! {
    GetRequest => GetResponse as Get, long: false;
    access: |request| Access::Read(Some(request.version));
    touched: |request| Touched::Keys(vec![request.key.clone()]);
    run: |request, state, _view| state.storage.get(&request)
}

command! {
    BatchGetRequest => BatchGetResponse as BatchGet;
    access: |request| Access::Read(Some(request.version));
    touched: |request| Touched::Keys(request.keys.clone());
    run: |request, state, _view| state.storage.batch_get(&request)
}

command! {
    ScanRequest => ScanResponse as Scan;
    access: |request| Access::Read(Some(request.version));
    touched: |request| {
        let (start, end) = (request.start_key.clone(), request.end_key.clone());
        // A scan backwards names its upper bound first, and begins with the region's last key without one.
        if request.reverse { Touched::Until(end, start) } else { Touched::From(start, end) }
    };
    run: |request, state, view| {
        if request.reverse {
            request.start_key = least_end(&request.start_key, &view.end);
            request.end_key = request.end_key.max(view.start.clone());
        } else {
            request.end_key = least_end(&request.end_key, &view.end);
        }
        state.storage.scan(&request)
    }
}

/// The lower one of two upper bounds, where the empty one is the end of all keys.
pub(super) fn least_end(a: &[u8], b: &[u8]) -> Vec<u8> {
    match (a.is_empty(), b.is_empty()) {
        (true, _) => b.to_vec(),
        (_, true) => a.to_vec(),
        _ => a.min(b).to_vec(),
    }
}
