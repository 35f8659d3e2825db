//! Reads that come at the worst moment of a commit that picks its own timestamp.

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;

use super::*;
use crate::engine::{Batch, Engine, EngineError, MemoryEngine};

type Hook = Arc<Mutex<Option<Box<dyn FnOnce() + Send>>>>;

/// An engine that lets something happen, once, before its next write or after its next view was taken.
#[derive(Default)]
struct Interrupted {
    engine: MemoryEngine,
    before_write: Hook,
    after_view: Hook,
}

impl fmt::Debug for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.engine.fmt(f)
    }
}

fn happen(hook: &Hook) {
    let happens = hook.lock().take();
    if let Some(happens) = happens {
        happens();
    }
}

impl Engine for Interrupted {
    fn view(&self) -> Result<Box<dyn View>, EngineError> {
        let view = self.engine.view();
        happen(&self.after_view);
        view
    }

    fn write(&self, batch: Batch) -> Result<(), EngineError> {
        happen(&self.before_write);
        self.engine.write(batch)
    }
}

/// A store, what happens before its next write, and what after its next view.
fn interrupted() -> (Storage, Hook, Hook) {
    let engine = Interrupted::default();
    let (write, view) = (Arc::clone(&engine.before_write), Arc::clone(&engine.after_view));
    (Storage::over(Box::new(engine)), write, view)
}

#[test]
fn a_lock_on_its_way_into_the_engine_stops_reads() {
    for request in [
        async_request(20, &[put("a", "1"), put("b", "1")]),
        one_pc_request(20, &[put("a", "1"), put("b", "1")]),
    ] {
        let (storage, before_write, _) = interrupted();
        let reading = storage.clone();
        *before_write.lock() = Some(Box::new(move || {
            for ts in [21, 300, u64::MAX] {
                assert_eq!(must_be_locked(&reading, "a", ts).lock_version, 20);
            }
            // Below the commit timestamp that was picked there is nothing to wait for.
            must_get_none(&reading, "a", 20);
            let mut rows =
                reading.reader(super::super::ReadOptions { ts: 300, ..Default::default() });
            let blocked =
                super::super::Rows::scan(&mut rows, b"".as_slice()..b"", 9, true).unwrap_err();
            assert!(matches!(blocked, super::super::Blocked::Locked(lock) if lock.key == b"b"));
        }));
        let response = storage.prewrite(&request);
        assert_eq!(response.min_commit_ts.max(response.one_pc_commit_ts), 21);
        assert!(before_write.lock().is_none());
    }
}

#[test]
fn what_commits_after_a_view_was_taken_commits_behind_the_snapshot() {
    let (storage, _, after_view) = interrupted();
    must_put(&storage, "a", "old", 5, 10);
    let writing = storage.clone();
    *after_view.lock() = Some(Box::new(move || {
        let response = writing.prewrite(&one_pc_request(20, &[put("a", "new")]));
        assert_eq!(response.one_pc_commit_ts, 101);
    }));
    for _ in 0..2 {
        must_get(&storage, "a", 100, "old");
    }
    must_get(&storage, "a", 101, "new");
}

#[test]
fn a_failed_prewrite_leaves_no_lock_in_memory() {
    let (storage, _, _) = interrupted();
    must_put(&storage, "b", "1", 25, 30);
    let response = storage.prewrite(&async_request(20, &[put("a", "1"), put("b", "1")]));
    assert_eq!(response.errors.len(), 1);
    must_get_none(&storage, "a", 300);
}
