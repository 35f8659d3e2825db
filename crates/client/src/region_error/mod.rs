//! What to do about a region error: a pure table over every field of `errorpb.Error`.
//!
//! Each row of [`classify`] follows the rule of TiDB's own client for the same error, so that this
//! client puts no other load on a cluster in trouble. The sender carries the action out.

mod kind;

pub use kind::RegionErrorKind;
use tifusion_proto::{errorpb, metapb};

use crate::backoff::BackoffKind;
use crate::error::ErrorKind;
use crate::region::Region;

/// What is known about the attempt that met the error.
#[derive(Debug, Clone, Copy)]
pub struct AttemptContext<'a> {
    /// The region as the request named it.
    pub region: &'a Region,
    /// The peer that answered.
    pub peer: &'a metapb::Peer,
    /// Id of the peer that is taken for the leader by now.
    pub leader_id: u64,
    /// Whether the leader was asked already while this request was sent.
    pub leader_tried: bool,
    /// Whether the attempt was a read that a follower may answer (`replica_read` or `stale_read`).
    pub replica_read: bool,
    /// Whether another replica may be asked the same, so that nobody waits for this one.
    pub has_others: bool,
    /// Attempts on this peer for this request, this one included.
    pub peer_attempts: u32,
    /// `ServerIsBusy` answers without an estimate from the leader, this one included.
    pub busy_answers: u32,
    /// Whether a follower was asked already because the leader was busy again and again.
    pub probed: bool,
    /// How often this request followed a `NotLeader` to another peer.
    pub leader_switches: u32,
    /// Whether the request's timeout is shorter than [`SHORT_TIMEOUT_MS`], so that its passing says
    /// little about the region.
    pub short_timeout: bool,
}

impl AttemptContext<'_> {
    fn is_leader(&self) -> bool {
        self.peer.id == self.leader_id
    }
}

/// Below this timeout a read that ran out of time is sent to another peer at once.
pub const SHORT_TIMEOUT_MS: u64 = 30_000;

/// Busy answers of one leader after which a follower is asked who the leader is.
const BUSY_ANSWERS_BEFORE_PROBE: u32 = 2;

/// What the sender does next.
#[derive(Debug, Clone, PartialEq)]
pub enum RegionErrorAction {
    /// Send the same request to the same peer again, after the wait if there is one.
    RetrySame {
        /// The wait.
        backoff: Option<BackoffKind>,
    },
    /// Another peer is the leader: remember it and send the request there.
    SwitchLeader {
        /// The leader as the store knows it.
        leader: metapb::Peer,
        /// Set when leaders have been followed in circles.
        backoff: Option<BackoffKind>,
    },
    /// Send the request to the leader as a plain leader read.
    RetryLeader {
        /// What to change in the cache first.
        update: CacheUpdate,
        /// The wait.
        backoff: Option<BackoffKind>,
    },
    /// Send the request to a peer not tried yet; without one, as [`Self::Rebuild`] with
    /// [`CacheUpdate::Drop`].
    TryOtherPeer {
        /// What is wrong with this one.
        mark: PeerMark,
        /// The wait.
        backoff: Option<BackoffKind>,
    },
    /// The request does not fit the regions any more: the caller locates its ranges anew.
    Rebuild {
        /// What to change in the cache first.
        update: CacheUpdate,
        /// The wait.
        backoff: BackoffKind,
    },
    /// The region's buckets changed: the caller splits its ranges anew.
    ReSplitBuckets {
        /// The newer buckets' version.
        version: u64,
        /// Their boundaries, memory-comparable.
        keys: Vec<Vec<u8>>,
    },
    /// The store gave up after the request's own time limit.
    OutOfTime {
        /// Whether another peer should be asked first.
        other_peer: bool,
    },
    /// No retry can help.
    Fatal {
        /// Kind of the error to report.
        kind: ErrorKind,
        /// What happened and what to do about it.
        why: String,
    },
    /// Nobody knows whether the request took effect: only an idempotent one may be sent again.
    Undetermined {
        /// What the store said.
        why: String,
    },
}

/// What is wrong with a peer that is passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerMark {
    /// It is not the leader.
    NotLeader,
    /// It is taken for the leader, but may have lost that place without knowing.
    SuspectNotLeader,
    /// It cannot serve this request.
    Failed,
    /// It is busy: others are asked, and it when nobody else is left.
    Busy,
}

/// A change of the region cache.
#[derive(Debug, Clone, PartialEq)]
pub enum CacheUpdate {
    /// None.
    Keep,
    /// Forget the region.
    Drop,
    /// Forget the region and the store's address, and close the connections to it.
    DropAndCheckStore,
    /// Take these regions in (boundaries memory-comparable) in the place of this one.
    Install(Vec<metapb::Region>),
}

/// The action for `error`. When several fields are set, the first one in the order of
/// [`RegionErrorKind::of`] counts.
#[must_use]
pub fn classify(error: &errorpb::Error, ctx: &AttemptContext<'_>) -> RegionErrorAction {
    use BackoffKind as B;
    use RegionErrorKind as K;
    match RegionErrorKind::of(error) {
        // Not retried by the sender: a write may have taken effect.
        K::UndeterminedResult => RegionErrorAction::Undetermined { why: undetermined(error) },
        K::NotLeader => not_leader(error, ctx),
        // Waits for the store to free space; reads are served even then, so the error is rare.
        K::DiskFull => retry_same(B::DiskFull),
        K::RecoveryInProgress => drop_region(B::RecoveryInProgress),
        // A witness has no data, and PD says who else has.
        K::IsWitness => drop_region(B::IsWitness),
        K::FlashbackInProgress => flashback_in_progress(error, ctx),
        K::FlashbackNotPrepared => fatal("the region is not prepared for a flashback", error),
        K::RegionNotFound => region_not_found(ctx),
        // The request and the region cache disagree: the cache is wrong about the boundaries.
        K::KeyNotInRegion => drop_region(B::RegionMiss),
        K::EpochNotMatch => epoch_not_match(error, ctx),
        K::BucketVersionNotMatch => bucket_version(error),
        K::ServerIsBusy => server_is_busy(error, ctx),
        // The old leader dropped the command for a newer term: the same peer is tried once more,
        // then the others, who know the new leader.
        K::StaleCommand if ctx.peer_attempts < 2 => retry_same(B::StaleCommand),
        K::StaleCommand => other_peer(PeerMark::Failed, Some(B::StaleCommand)),
        // The address belongs to another store now, or its name resolves to another machine.
        K::StoreNotMatch => RegionErrorAction::Rebuild {
            update: CacheUpdate::DropAndCheckStore,
            backoff: B::RegionMiss,
        },
        K::RaftEntryTooLarge => {
            fatal("the write is larger than raft-entry-max-size, split it", error)
        }
        K::MaxTimestampNotSynced => retry_same(B::MaxTsNotSynced),
        K::RegionNotInitialized => retry_same(B::RegionNotInitialized),
        // Splitting or merging ends soon, and the same peer will serve.
        K::ReadIndexNotReady | K::ProposalInMergingMode => retry_same(B::RegionScheduling),
        K::DataIsNotReady => data_is_not_ready(ctx),
        K::DeadlineExceeded => RegionErrorAction::OutOfTime { other_peer: ctx.short_timeout },
        // A new peer on the same store has another id.
        K::MismatchPeerId => drop_region(B::RegionMiss),
        K::InvalidMaxTsUpdate => {
            fatal("start_ts is far ahead of the cluster's clock, take it from this PD", error)
        }
        K::Unknown => other_peer(PeerMark::Failed, None),
    }
}

fn retry_same(backoff: BackoffKind) -> RegionErrorAction {
    RegionErrorAction::RetrySame { backoff: Some(backoff) }
}

fn drop_region(backoff: BackoffKind) -> RegionErrorAction {
    RegionErrorAction::Rebuild { update: CacheUpdate::Drop, backoff }
}

fn other_peer(mark: PeerMark, backoff: Option<BackoffKind>) -> RegionErrorAction {
    RegionErrorAction::TryOtherPeer { mark, backoff }
}

fn fatal(what: &str, error: &errorpb::Error) -> RegionErrorAction {
    let why = if error.message.is_empty() {
        what.to_owned()
    } else {
        format!("{what} (the store says: {})", error.message)
    };
    RegionErrorAction::Fatal { kind: ErrorKind::Refused, why }
}

fn undetermined(error: &errorpb::Error) -> String {
    error.undetermined_result.as_ref().map_or_else(String::new, |result| result.message.clone())
}

/// With a leader named: remember it and go there at once. Without one the group is electing, or this
/// peer is cut off: wait, then ask the others.
fn not_leader(error: &errorpb::Error, ctx: &AttemptContext<'_>) -> RegionErrorAction {
    let leader = error.not_leader.as_ref().and_then(|not_leader| not_leader.leader);
    match leader {
        Some(leader) if leader.id != ctx.peer.id => {
            let circles = usize::try_from(ctx.leader_switches)
                .is_ok_and(|switches| switches >= ctx.region.peers.len().max(2));
            RegionErrorAction::SwitchLeader {
                leader,
                backoff: circles.then_some(BackoffKind::RegionScheduling),
            }
        }
        _ => other_peer(PeerMark::NotLeader, Some(BackoffKind::RegionScheduling)),
    }
}

/// A follower may lag behind the leader's flashback: the leader decides. From the leader it is final,
/// the cluster's owner has stopped all work on purpose.
fn flashback_in_progress(error: &errorpb::Error, ctx: &AttemptContext<'_>) -> RegionErrorAction {
    if ctx.replica_read && !ctx.is_leader() {
        return RegionErrorAction::RetryLeader { update: CacheUpdate::Keep, backoff: None };
    }
    let flashback_start_ts = error.flashback_in_progress.map_or(0, |fb| fb.flashback_start_ts);
    fatal(
        &format!(
            "the region is in FLASHBACK (started at {flashback_start_ts}), try again after it"
        ),
        error,
    )
}

/// A split may not have reached this follower yet: the leader is asked before PD. A leader that does
/// not know the region has lost it.
fn region_not_found(ctx: &AttemptContext<'_>) -> RegionErrorAction {
    if ctx.is_leader() || ctx.leader_tried {
        drop_region(BackoffKind::RegionMiss)
    } else {
        RegionErrorAction::RetryLeader { update: CacheUpdate::Drop, backoff: None }
    }
}

/// The store tells the regions that stand in this one's place now. When the cache is ahead of the
/// store, the store catches up soon.
fn epoch_not_match(error: &errorpb::Error, ctx: &AttemptContext<'_>) -> RegionErrorAction {
    let current = error.epoch_not_match.as_ref().map_or(&[][..], |e| &e.current_regions);
    if current.is_empty() {
        return drop_region(BackoffKind::RegionMiss);
    }
    let ours = ctx.region.ver_id;
    let cache_is_ahead = current.iter().filter(|region| region.id == ours.id).any(|region| {
        let epoch = region.region_epoch.unwrap_or_default();
        epoch.conf_ver < ours.conf_ver || epoch.version < ours.version
    });
    if cache_is_ahead {
        return retry_same(BackoffKind::RegionMiss);
    }
    RegionErrorAction::Rebuild {
        update: CacheUpdate::Install(current.to_vec()),
        backoff: BackoffKind::RegionMiss,
    }
}

fn bucket_version(error: &errorpb::Error) -> RegionErrorAction {
    let buckets = error.bucket_version_not_match.clone().unwrap_or_default();
    RegionErrorAction::ReSplitBuckets { version: buckets.version, keys: buckets.keys }
}

/// Waits for the store, and retries there. A leader that answers "busy" again and again may have
/// lost its place without its read pool noticing: a follower is asked once, whose `NotLeader` names
/// the leader.
fn server_is_busy(error: &errorpb::Error, ctx: &AttemptContext<'_>) -> RegionErrorAction {
    let busy = error.server_is_busy.as_ref();
    if busy.is_some_and(|busy| kind::says_deadline_exceeded(&busy.reason)) {
        return RegionErrorAction::OutOfTime { other_peer: ctx.short_timeout };
    }
    if ctx.has_others {
        return other_peer(PeerMark::Busy, None);
    }
    let estimated = busy.is_some_and(|busy| busy.estimated_wait_ms != 0);
    let suspect = !estimated
        && ctx.is_leader()
        && !ctx.replica_read
        && !ctx.probed
        && ctx.busy_answers >= BUSY_ANSWERS_BEFORE_PROBE;
    if suspect {
        return other_peer(PeerMark::SuspectNotLeader, Some(BackoffKind::ServerBusy));
    }
    retry_same(BackoffKind::ServerBusy)
}

/// A replica whose safe timestamp is below a stale read's: the leader has the data, so no wait.
fn data_is_not_ready(ctx: &AttemptContext<'_>) -> RegionErrorAction {
    let backoff = ctx.is_leader().then_some(BackoffKind::RegionScheduling);
    RegionErrorAction::RetryLeader { update: CacheUpdate::Keep, backoff }
}

#[cfg(test)]
mod tests;
