//! The commands by TiKV's rules.

mod bank;
mod chaos;
mod commit;
mod folder;
mod gc;
mod invariants;
mod model;
mod pessimistic;
mod prewrite;
mod race;
mod read;
mod record;
mod resolve;
mod rollback;
mod secondary;
mod status;

use tifusion_proto::kvrpcpb::{
    self, BatchRollbackRequest, CheckTxnStatusRequest, CommitRequest, GetRequest, KeyError,
    Mutation, Op, PrewriteRequest, PrewriteResponse,
};

use super::lock::Lock;
use super::write::{Write, WriteKind};
use super::{Ingest, Storage};
use crate::engine::View;

/// The timestamp of a number of milliseconds.
fn ms(milliseconds: u64) -> u64 {
    milliseconds << 18
}

fn mutation(op: Op, key: &str, value: &str) -> Mutation {
    Mutation { op: op.into(), key: key.into(), value: value.into(), ..Mutation::default() }
}

fn put(key: &str, value: &str) -> Mutation {
    mutation(Op::Put, key, value)
}

/// Loads pairs as committed at `commit_ts`.
fn must_ingest(
    storage: &Storage,
    pairs: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>,
    commit_ts: u64,
) {
    let load = Ingest { start_ts: commit_ts - 1, is_new: |_| false };
    let done = storage.ingest(pairs.into_iter().collect(), load, || commit_ts);
    assert_eq!(done.unwrap(), commit_ts);
}

/// An optimistic two-phase prewrite; the first mutation's key is the primary.
fn prewrite_request(start_ts: u64, mutations: &[Mutation]) -> PrewriteRequest {
    PrewriteRequest {
        start_version: start_ts,
        primary_lock: mutations[0].key.clone(),
        mutations: mutations.to_vec(),
        lock_ttl: 3000,
        ..PrewriteRequest::default()
    }
}

fn async_request(start_ts: u64, mutations: &[Mutation]) -> PrewriteRequest {
    PrewriteRequest {
        use_async_commit: true,
        secondaries: mutations[1..].iter().map(|mutation| mutation.key.clone()).collect(),
        ..prewrite_request(start_ts, mutations)
    }
}

fn one_pc_request(start_ts: u64, mutations: &[Mutation]) -> PrewriteRequest {
    PrewriteRequest { try_one_pc: true, ..async_request(start_ts, mutations) }
}

fn prewrite(storage: &Storage, start_ts: u64, mutations: &[Mutation]) -> PrewriteResponse {
    storage.prewrite(&prewrite_request(start_ts, mutations))
}

fn must_prewrite(storage: &Storage, start_ts: u64, mutations: &[Mutation]) {
    assert_eq!(prewrite(storage, start_ts, mutations), PrewriteResponse::default());
}

fn commit(storage: &Storage, keys: &[&str], start_ts: u64, commit_ts: u64) -> Option<KeyError> {
    let response = storage.commit(&CommitRequest {
        start_version: start_ts,
        commit_version: commit_ts,
        keys: keys.iter().map(|key| key.as_bytes().to_vec()).collect(),
        ..CommitRequest::default()
    });
    if response.error.is_none() {
        assert_eq!(response.commit_version, commit_ts);
    }
    response.error
}

fn must_commit(storage: &Storage, keys: &[&str], start_ts: u64, commit_ts: u64) {
    assert_eq!(commit(storage, keys, start_ts, commit_ts), None);
}

/// A whole transaction over one key.
fn must_put(storage: &Storage, key: &str, value: &str, start_ts: u64, commit_ts: u64) {
    must_prewrite(storage, start_ts, &[put(key, value)]);
    must_commit(storage, &[key], start_ts, commit_ts);
}

fn rollback(storage: &Storage, keys: &[&str], start_ts: u64) -> Option<KeyError> {
    let keys = keys.iter().map(|key| key.as_bytes().to_vec()).collect();
    storage
        .batch_rollback(&BatchRollbackRequest {
            start_version: start_ts,
            keys,
            ..BatchRollbackRequest::default()
        })
        .error
}

fn must_rollback(storage: &Storage, keys: &[&str], start_ts: u64) {
    assert_eq!(rollback(storage, keys, start_ts), None);
}

fn status_request(primary: &str, lock_ts: u64, caller: u64, now: u64) -> CheckTxnStatusRequest {
    CheckTxnStatusRequest {
        primary_key: primary.into(),
        lock_ts,
        caller_start_ts: caller,
        current_ts: now,
        verify_is_primary: true,
        ..CheckTxnStatusRequest::default()
    }
}

fn get(storage: &Storage, key: &str, ts: u64) -> Result<Option<String>, Box<KeyError>> {
    let request = GetRequest { key: key.into(), version: ts, ..GetRequest::default() };
    let response = storage.get(&request);
    match response.error {
        Some(error) => Err(error.into()),
        None if response.not_found => Ok(None),
        None => Ok(Some(String::from_utf8(response.value.to_vec()).unwrap())),
    }
}

#[track_caller]
fn must_get(storage: &Storage, key: &str, ts: u64, value: &str) {
    assert_eq!(get(storage, key, ts), Ok(Some(value.to_owned())));
}

#[track_caller]
fn must_get_none(storage: &Storage, key: &str, ts: u64) {
    assert_eq!(get(storage, key, ts), Ok(None));
}

#[track_caller]
fn must_be_locked(storage: &Storage, key: &str, ts: u64) -> kvrpcpb::LockInfo {
    get(storage, key, ts).unwrap_err().locked.unwrap()
}

fn view(storage: &Storage) -> Box<dyn View> {
    storage.shared.engine.view().unwrap()
}

fn lock_of(storage: &Storage, key: &str) -> Option<Lock> {
    super::versions::Versions::new(&*view(storage)).lock(key.as_bytes()).unwrap()
}

/// All records of a key, newest first.
fn records(storage: &Storage, key: &str) -> Vec<(u64, Write)> {
    let view = view(storage);
    let versions = super::versions::Versions::new(&*view);
    let mut found = Vec::new();
    let mut ts = u64::MAX;
    while let Some((commit_ts, write)) = versions.seek(key.as_bytes(), ts).unwrap() {
        found.push((commit_ts, write));
        ts = commit_ts - 1;
    }
    found
}

/// The records of a key in short: kind, start and commit timestamp.
fn outline(storage: &Storage, key: &str) -> Vec<(WriteKind, u64, u64)> {
    records(storage, key).iter().map(|(ts, write)| (write.kind, write.start_ts, *ts)).collect()
}

/// A value too long for its record.
fn long(fill: char) -> String {
    std::iter::repeat_n(fill, 300).collect()
}
