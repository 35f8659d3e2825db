use bytes::Bytes;
use tifusion_proto::errorpb;

use super::*;
use crate::region::RegionVerId;

fn peer(id: u64) -> metapb::Peer {
    metapb::Peer { id, store_id: id * 10, ..metapb::Peer::default() }
}

fn region() -> Region {
    Region {
        ver_id: RegionVerId { id: 7, conf_ver: 5, version: 9 },
        start_key: Bytes::from_static(b"a"),
        end_key: Bytes::from_static(b"m"),
        peers: vec![peer(1), peer(2), peer(3)],
        leader: peer(1),
        down_peers: Vec::new(),
        pending_peers: Vec::new(),
        buckets: None,
    }
}

/// An attempt on the leader, the first one.
fn on_leader<'a>(region: &'a Region, peer: &'a metapb::Peer) -> AttemptContext<'a> {
    AttemptContext {
        region,
        peer,
        leader_id: 1,
        leader_tried: true,
        replica_read: false,
        has_others: false,
        peer_attempts: 1,
        busy_answers: 1,
        probed: false,
        leader_switches: 0,
        short_timeout: false,
    }
}

fn error() -> errorpb::Error {
    errorpb::Error::default()
}

fn current(id: u64, conf_ver: u64, version: u64) -> metapb::Region {
    metapb::Region {
        id,
        region_epoch: Some(metapb::RegionEpoch { conf_ver, version }),
        ..metapb::Region::default()
    }
}

fn epoch_error(current_regions: Vec<metapb::Region>) -> errorpb::Error {
    errorpb::Error { epoch_not_match: Some(errorpb::EpochNotMatch { current_regions }), ..error() }
}

fn busy(reason: &str, estimated_wait_ms: u32) -> errorpb::Error {
    let busy = errorpb::ServerIsBusy {
        reason: reason.to_owned(),
        estimated_wait_ms,
        ..errorpb::ServerIsBusy::default()
    };
    errorpb::Error { server_is_busy: Some(busy), ..error() }
}

fn same(kind: BackoffKind) -> RegionErrorAction {
    RegionErrorAction::RetrySame { backoff: Some(kind) }
}

fn rebuild(update: CacheUpdate, backoff: BackoffKind) -> RegionErrorAction {
    RegionErrorAction::Rebuild { update, backoff }
}

/// Every field of `errorpb.Error`, in the order of its numbers, then what only messages tell: error,
/// kind, and the action for the first attempt, made on the leader.
fn table() -> Vec<(errorpb::Error, RegionErrorKind, RegionErrorAction)> {
    use BackoffKind as B;
    use RegionErrorKind as K;
    let refused =
        |why: &str| RegionErrorAction::Fatal { kind: ErrorKind::Refused, why: why.to_owned() };
    let new_regions = vec![current(7, 5, 10), current(8, 5, 10)];
    let keys = vec![b"a".to_vec(), b"m".to_vec()];
    let leader_known = errorpb::NotLeader { region_id: 7, leader: Some(peer(2)) };
    vec![
        (
            errorpb::Error { not_leader: Some(leader_known), ..error() },
            K::NotLeader,
            RegionErrorAction::SwitchLeader { leader: peer(2), backoff: None },
        ),
        (
            errorpb::Error { not_leader: Some(errorpb::NotLeader::default()), ..error() },
            K::NotLeader,
            other_peer(PeerMark::NotLeader, Some(B::RegionScheduling)),
        ),
        (
            errorpb::Error { region_not_found: Some(Default::default()), ..error() },
            K::RegionNotFound,
            rebuild(CacheUpdate::Drop, B::RegionMiss),
        ),
        (
            errorpb::Error { key_not_in_region: Some(Default::default()), ..error() },
            K::KeyNotInRegion,
            rebuild(CacheUpdate::Drop, B::RegionMiss),
        ),
        (
            epoch_error(new_regions.clone()),
            K::EpochNotMatch,
            rebuild(CacheUpdate::Install(new_regions), B::RegionMiss),
        ),
        (epoch_error(vec![]), K::EpochNotMatch, rebuild(CacheUpdate::Drop, B::RegionMiss)),
        (epoch_error(vec![current(7, 5, 8)]), K::EpochNotMatch, same(B::RegionMiss)),
        (epoch_error(vec![current(7, 4, 9)]), K::EpochNotMatch, same(B::RegionMiss)),
        (busy("scheduler is busy", 0), K::ServerIsBusy, same(B::ServerBusy)),
        (busy("estimated", 300), K::ServerIsBusy, same(B::ServerBusy)),
        (
            errorpb::Error { stale_command: Some(Default::default()), ..error() },
            K::StaleCommand,
            same(B::StaleCommand),
        ),
        (
            errorpb::Error { store_not_match: Some(Default::default()), ..error() },
            K::StoreNotMatch,
            rebuild(CacheUpdate::DropAndCheckStore, B::RegionMiss),
        ),
        (
            errorpb::Error { raft_entry_too_large: Some(Default::default()), ..error() },
            K::RaftEntryTooLarge,
            refused("the write is larger than raft-entry-max-size, split it"),
        ),
        (
            errorpb::Error { max_timestamp_not_synced: Some(Default::default()), ..error() },
            K::MaxTimestampNotSynced,
            same(B::MaxTsNotSynced),
        ),
        (
            errorpb::Error { read_index_not_ready: Some(Default::default()), ..error() },
            K::ReadIndexNotReady,
            same(B::RegionScheduling),
        ),
        (
            errorpb::Error { proposal_in_merging_mode: Some(Default::default()), ..error() },
            K::ProposalInMergingMode,
            same(B::RegionScheduling),
        ),
        (
            errorpb::Error { data_is_not_ready: Some(Default::default()), ..error() },
            K::DataIsNotReady,
            RegionErrorAction::RetryLeader {
                update: CacheUpdate::Keep,
                backoff: Some(B::RegionScheduling),
            },
        ),
        (
            errorpb::Error { region_not_initialized: Some(Default::default()), ..error() },
            K::RegionNotInitialized,
            same(B::RegionNotInitialized),
        ),
        (
            errorpb::Error { disk_full: Some(Default::default()), ..error() },
            K::DiskFull,
            same(B::DiskFull),
        ),
        (
            errorpb::Error { recovery_in_progress: Some(Default::default()), ..error() },
            K::RecoveryInProgress,
            rebuild(CacheUpdate::Drop, B::RecoveryInProgress),
        ),
        (
            errorpb::Error {
                flashback_in_progress: Some(errorpb::FlashbackInProgress {
                    region_id: 7,
                    flashback_start_ts: 42,
                }),
                ..error()
            },
            K::FlashbackInProgress,
            refused("the region is in FLASHBACK (started at 42), try again after it"),
        ),
        (
            errorpb::Error { flashback_not_prepared: Some(Default::default()), ..error() },
            K::FlashbackNotPrepared,
            refused("the region is not prepared for a flashback"),
        ),
        (
            errorpb::Error { is_witness: Some(Default::default()), ..error() },
            K::IsWitness,
            rebuild(CacheUpdate::Drop, B::IsWitness),
        ),
        (
            errorpb::Error { mismatch_peer_id: Some(Default::default()), ..error() },
            K::MismatchPeerId,
            rebuild(CacheUpdate::Drop, B::RegionMiss),
        ),
        (
            errorpb::Error {
                bucket_version_not_match: Some(errorpb::BucketVersionNotMatch {
                    version: 3,
                    keys: keys.clone(),
                }),
                ..error()
            },
            K::BucketVersionNotMatch,
            RegionErrorAction::ReSplitBuckets { version: 3, keys },
        ),
        (
            errorpb::Error {
                undetermined_result: Some(errorpb::UndeterminedResult {
                    message: "raft timed out".to_owned(),
                }),
                ..error()
            },
            K::UndeterminedResult,
            RegionErrorAction::Undetermined { why: "raft timed out".to_owned() },
        ),
        (
            errorpb::Error { message: "Deadline is exceeded".to_owned(), ..error() },
            K::DeadlineExceeded,
            RegionErrorAction::OutOfTime { other_peer: false },
        ),
        (
            busy("deadline is exceeded", 0),
            K::ServerIsBusy,
            RegionErrorAction::OutOfTime { other_peer: false },
        ),
        (
            errorpb::Error { message: "invalid max_ts update: 9".to_owned(), ..error() },
            K::InvalidMaxTsUpdate,
            refused(
                "start_ts is far ahead of the cluster's clock, take it from this PD (the store \
                 says: invalid max_ts update: 9)",
            ),
        ),
        (
            errorpb::Error { message: "something new".to_owned(), ..error() },
            K::Unknown,
            other_peer(PeerMark::Failed, None),
        ),
    ]
}

#[test]
fn every_region_error_has_its_action() {
    let region = region();
    let leader = peer(1);
    for (error, kind, action) in table() {
        assert_eq!(RegionErrorKind::of(&error), kind);
        assert_eq!(classify(&error, &on_leader(&region, &leader)), action, "{kind}");
    }
}

#[test]
fn the_table_knows_every_kind() {
    let known: Vec<_> = table().into_iter().map(|(_, kind, _)| kind).collect();
    for kind in RegionErrorKind::ALL {
        assert!(known.contains(&kind), "{kind} is not in the table");
    }
}

#[test]
fn names_are_distinct() {
    let mut names: Vec<_> = RegionErrorKind::ALL.iter().map(|kind| kind.name()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), RegionErrorKind::ALL.len());
}

#[test]
fn a_store_that_names_itself_as_leader_but_refuses_is_passed_over() {
    let (region, leader) = (region(), peer(1));
    let not_leader = errorpb::NotLeader { region_id: 7, leader: Some(peer(1)) };
    let error = errorpb::Error { not_leader: Some(not_leader), ..error() };
    assert_eq!(
        classify(&error, &on_leader(&region, &leader)),
        other_peer(PeerMark::NotLeader, Some(BackoffKind::RegionScheduling))
    );
}

#[test]
fn leaders_followed_in_circles_are_waited_for() {
    let (region, leader) = (region(), peer(1));
    let not_leader = errorpb::NotLeader { region_id: 7, leader: Some(peer(2)) };
    let error = errorpb::Error { not_leader: Some(not_leader), ..error() };
    for (leader_switches, backoff) in [(2, None), (3, Some(BackoffKind::RegionScheduling))] {
        let ctx = AttemptContext { leader_switches, ..on_leader(&region, &leader) };
        let action = RegionErrorAction::SwitchLeader { leader: peer(2), backoff };
        assert_eq!(classify(&error, &ctx), action);
    }
}

#[test]
fn a_region_unknown_to_a_follower_is_asked_of_the_leader_first() {
    let (region, follower) = (region(), peer(2));
    let error = errorpb::Error { region_not_found: Some(Default::default()), ..error() };
    let fresh = AttemptContext { leader_tried: false, ..on_leader(&region, &follower) };
    let retry = RegionErrorAction::RetryLeader { update: CacheUpdate::Drop, backoff: None };
    assert_eq!(classify(&error, &fresh), retry);
    let tried = AttemptContext { leader_tried: true, ..fresh };
    let dropped = rebuild(CacheUpdate::Drop, BackoffKind::RegionMiss);
    assert_eq!(classify(&error, &tried), dropped);
}

#[test]
fn a_follower_in_flashback_sends_its_reads_to_the_leader() {
    let (region, follower) = (region(), peer(2));
    let error = errorpb::Error { flashback_in_progress: Some(Default::default()), ..error() };
    let ctx = AttemptContext { replica_read: true, ..on_leader(&region, &follower) };
    let retry = RegionErrorAction::RetryLeader { update: CacheUpdate::Keep, backoff: None };
    assert_eq!(classify(&error, &ctx), retry);
}

#[test]
fn a_replica_that_lags_sends_its_reads_to_the_leader_at_once() {
    let (region, follower) = (region(), peer(2));
    let error = errorpb::Error { data_is_not_ready: Some(Default::default()), ..error() };
    let ctx = AttemptContext { replica_read: true, ..on_leader(&region, &follower) };
    let retry = RegionErrorAction::RetryLeader { update: CacheUpdate::Keep, backoff: None };
    assert_eq!(classify(&error, &ctx), retry);
}

#[test]
fn a_second_stale_command_goes_to_another_peer() {
    let (region, leader) = (region(), peer(1));
    let error = errorpb::Error { stale_command: Some(Default::default()), ..error() };
    let ctx = AttemptContext { peer_attempts: 2, ..on_leader(&region, &leader) };
    let action = other_peer(PeerMark::Failed, Some(BackoffKind::StaleCommand));
    assert_eq!(classify(&error, &ctx), action);
}

#[test]
fn a_leader_busy_again_and_again_is_suspected_once() {
    let (region, leader, follower) = (region(), peer(1), peer(2));
    let twice = AttemptContext { busy_answers: 2, ..on_leader(&region, &leader) };
    let probe = other_peer(PeerMark::SuspectNotLeader, Some(BackoffKind::ServerBusy));
    assert_eq!(classify(&busy("", 0), &twice), probe);
    let wait = same(BackoffKind::ServerBusy);
    // It told how long: it is alive and in charge.
    assert_eq!(classify(&busy("", 10), &twice), wait);
    assert_eq!(classify(&busy("", 0), &AttemptContext { probed: true, ..twice }), wait);
    assert_eq!(classify(&busy("", 0), &AttemptContext { peer: &follower, ..twice }), wait);
    assert_eq!(classify(&busy("", 0), &AttemptContext { replica_read: true, ..twice }), wait);
    // Nobody waits for one of several.
    let chosen = AttemptContext { has_others: true, ..twice };
    assert_eq!(classify(&busy("", 10), &chosen), other_peer(PeerMark::Busy, None));
}

#[test]
fn a_short_time_limit_that_ran_out_goes_to_another_peer() {
    let (region, leader) = (region(), peer(1));
    let ctx = AttemptContext { short_timeout: true, ..on_leader(&region, &leader) };
    let action = RegionErrorAction::OutOfTime { other_peer: true };
    let by_message = errorpb::Error { message: "Deadline is exceeded".to_owned(), ..error() };
    assert_eq!(classify(&busy("deadline is exceeded", 0), &ctx), action);
    assert_eq!(classify(&by_message, &ctx), action);
}

#[test]
fn the_first_field_counts_when_several_are_set() {
    let (region, leader) = (region(), peer(1));
    let error = errorpb::Error {
        undetermined_result: Some(Default::default()),
        not_leader: Some(errorpb::NotLeader { region_id: 7, leader: Some(peer(2)) }),
        ..error()
    };
    assert!(matches!(
        classify(&error, &on_leader(&region, &leader)),
        RegionErrorAction::Undetermined { .. }
    ));
}
