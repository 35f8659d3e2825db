//! Region errors in TiKV's words.

use tifusion_codec::key::region_key;
use tifusion_proto::{errorpb, metapb};

use crate::fault::RegionErrorKind;
use crate::topology::{RegionState, Topology};

type Error = Box<errorpb::Error>;

/// A region error with this text; the caller sets its field.
fn error(message: impl Into<String>) -> Error {
    Box::new(errorpb::Error { message: message.into(), ..errorpb::Error::default() })
}

pub(super) fn other(message: &str) -> Error {
    error(message)
}

pub(super) fn store_not_match(request: u64, actual: u64) -> Error {
    let mut told = error(format!("to store id {request}, mine {actual}"));
    told.store_not_match =
        Some(errorpb::StoreNotMatch { request_store_id: request, actual_store_id: actual });
    told
}

pub(super) fn region_not_found(region_id: u64) -> Error {
    let mut told = error(format!("region {region_id} not found"));
    told.region_not_found = Some(errorpb::RegionNotFound { region_id });
    told
}

pub(super) fn mismatch_peer_id(request_peer_id: u64, store_peer_id: u64) -> Error {
    let mut told = error(format!("mismatch peer id {request_peer_id} != {store_peer_id} in store"));
    told.mismatch_peer_id = Some(errorpb::MismatchPeerId { request_peer_id, store_peer_id });
    told
}

pub(super) fn not_leader(region: &RegionState) -> Error {
    let (region_id, leader) = (region.meta.id, region.leader_peer());
    let mut told =
        error(format!("peer is not leader for region {region_id}, leader may {leader:?}"));
    told.not_leader = Some(errorpb::NotLeader { region_id, leader });
    told
}

pub(super) fn stale_command() -> Error {
    let mut told = error("stale command");
    told.stale_command = Some(errorpb::StaleCommand {});
    told
}

pub(super) fn epoch_not_match(
    region: &RegionState,
    asked: metapb::RegionEpoch,
    current_regions: Vec<metapb::Region>,
) -> Error {
    let (id, epoch) = (region.meta.id, region.epoch());
    let mut told =
        error(format!("current epoch of region {id} is {epoch:?}, but you sent {asked:?}"));
    told.epoch_not_match = Some(errorpb::EpochNotMatch { current_regions });
    told
}

pub(super) fn bucket_version_not_match(buckets: &metapb::Buckets) -> Error {
    let mut told = error("bucket version is not match");
    told.bucket_version_not_match = Some(errorpb::BucketVersionNotMatch {
        version: buckets.version,
        keys: buckets.keys.clone(),
    });
    told
}

pub(super) fn data_is_not_ready(region_id: u64, peer_id: u64, safe_ts: u64) -> Error {
    let mut told = error(format!(
        "region {region_id} is not ready on peer {peer_id}, its safe ts is {safe_ts}"
    ));
    told.data_is_not_ready = Some(errorpb::DataIsNotReady { region_id, peer_id, safe_ts });
    told
}

pub(super) fn invalid_max_ts(ts: u64, limit: u64) -> Error {
    error(format!("invalid max_ts update: {ts}, exceeds limit {limit}"))
}

pub(super) fn deadline_exceeded() -> Error {
    let reason = "deadline is exceeded".to_owned();
    let mut told = error(reason.clone());
    told.server_is_busy =
        Some(errorpb::ServerIsBusy { reason, ..errorpb::ServerIsBusy::default() });
    told
}

/// `raw` is the key as the request had it.
pub(super) fn key_not_in_region(raw: &[u8], region: &metapb::Region) -> Error {
    let mut told = error(format!("key is not in region {}", region.id));
    told.key_not_in_region = Some(errorpb::KeyNotInRegion {
        key: region_key(raw),
        region_id: region.id,
        start_key: region.start_key.clone(),
        end_key: region.end_key.clone(),
    });
    told
}

/// The error that a fault asks for, as true to the cluster as it can be: a leader, an epoch and buckets are
/// those that the region has.
pub(super) fn injected(
    kind: RegionErrorKind,
    topology: &Topology,
    store: u64,
    region_id: u64,
    key: &[u8],
) -> Error {
    use RegionErrorKind as K;
    let region = topology.region(region_id);
    let mut told = error(format!("injected: {kind}"));
    match kind {
        K::NotLeader => {
            let leader = region.and_then(RegionState::leader_peer);
            told.not_leader = Some(errorpb::NotLeader { region_id, leader });
        }
        K::RegionNotFound => return region_not_found(region_id),
        K::KeyNotInRegion => {
            let meta = region.map(|region| region.meta.clone()).unwrap_or_default();
            return key_not_in_region(key, &meta);
        }
        K::EpochNotMatch => {
            let current_regions =
                region.map(|it| topology.with_siblings(it, 0)).unwrap_or_default();
            told.epoch_not_match = Some(errorpb::EpochNotMatch { current_regions });
        }
        K::StoreNotMatch => return store_not_match(store, store.saturating_add(1000)),
        K::MismatchPeerId => {
            let ours = region.and_then(|region| region.peer_on(store)).map_or(0, |peer| peer.id);
            return mismatch_peer_id(ours, ours.saturating_add(1000));
        }
        K::BucketVersionNotMatch => {
            let none = || {
                let border = |region: &RegionState| {
                    vec![region.meta.start_key.clone(), region.meta.end_key.clone()]
                };
                let keys = region.map(border).unwrap_or_default();
                metapb::Buckets { region_id, version: 1, keys, ..metapb::Buckets::default() }
            };
            let buckets = region.and_then(|region| region.buckets.clone()).unwrap_or_else(none);
            return bucket_version_not_match(&buckets);
        }
        K::DataIsNotReady => return data_is_not_ready(region_id, 0, 1),
        K::StaleCommand => return stale_command(),
        K::DeadlineExceeded => return deadline_exceeded(),
        K::InvalidMaxTsUpdate => return invalid_max_ts(0, 0),
        K::Other => {}
        _ => set_plain(&mut told, kind, store, region_id),
    }
    told
}

/// The fields that say little but their name.
fn set_plain(told: &mut errorpb::Error, kind: RegionErrorKind, store: u64, region_id: u64) {
    use RegionErrorKind as K;
    let reason = told.message.clone();
    match kind {
        K::ServerIsBusy => {
            told.server_is_busy =
                Some(errorpb::ServerIsBusy { reason, ..errorpb::ServerIsBusy::default() });
        }
        K::RaftEntryTooLarge => {
            let entry_size = 9 << 20;
            told.raft_entry_too_large = Some(errorpb::RaftEntryTooLarge { region_id, entry_size });
        }
        K::MaxTimestampNotSynced => {
            told.max_timestamp_not_synced = Some(errorpb::MaxTimestampNotSynced {});
        }
        K::ReadIndexNotReady => {
            told.read_index_not_ready = Some(errorpb::ReadIndexNotReady { reason, region_id });
        }
        K::ProposalInMergingMode => {
            told.proposal_in_merging_mode = Some(errorpb::ProposalInMergingMode { region_id });
        }
        K::RegionNotInitialized => {
            told.region_not_initialized = Some(errorpb::RegionNotInitialized { region_id });
        }
        K::DiskFull => {
            told.disk_full = Some(errorpb::DiskFull { store_id: vec![store], reason });
        }
        K::RecoveryInProgress => {
            told.recovery_in_progress = Some(errorpb::RecoveryInProgress { region_id });
        }
        K::FlashbackInProgress => {
            told.flashback_in_progress =
                Some(errorpb::FlashbackInProgress { region_id, flashback_start_ts: 1 });
        }
        K::FlashbackNotPrepared => {
            told.flashback_not_prepared = Some(errorpb::FlashbackNotPrepared { region_id });
        }
        K::IsWitness => told.is_witness = Some(errorpb::IsWitness { region_id }),
        K::UndeterminedResult => {
            told.undetermined_result = Some(errorpb::UndeterminedResult { message: reason });
        }
        _ => {}
    }
}
