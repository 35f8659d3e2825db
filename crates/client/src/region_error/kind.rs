//! Which region error it is.

use std::fmt;

use tifusion_proto::errorpb;

/// The region errors, one per field of `errorpb.Error` and two that only their message tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RegionErrorKind {
    /// Raft timed out; whether the command was applied is not known.
    UndeterminedResult,
    /// The peer is not the leader.
    NotLeader,
    /// The store's disk is full.
    DiskFull,
    /// The region is being recovered online.
    RecoveryInProgress,
    /// The peer is a witness and holds no data.
    IsWitness,
    /// The region is being flashed back.
    FlashbackInProgress,
    /// The second phase of a flashback without its first.
    FlashbackNotPrepared,
    /// The store has no such region.
    RegionNotFound,
    /// The key lies outside of the region.
    KeyNotInRegion,
    /// The region has split, merged, or changed its peers.
    EpochNotMatch,
    /// The region's buckets have changed.
    BucketVersionNotMatch,
    /// The store is too busy.
    ServerIsBusy,
    /// The raft term has changed under the command.
    StaleCommand,
    /// The request reached another store than it names.
    StoreNotMatch,
    /// The write is too large.
    RaftEntryTooLarge,
    /// A new leader does not know the largest timestamp yet.
    MaxTimestampNotSynced,
    /// The peer is being created.
    RegionNotInitialized,
    /// The region is splitting or merging and takes no read index.
    ReadIndexNotReady,
    /// The region is merging and takes no proposal.
    ProposalInMergingMode,
    /// The replica lags behind a stale read's timestamp.
    DataIsNotReady,
    /// By message: the request ran out of the time it was given.
    DeadlineExceeded,
    /// The peer on this store has another id.
    MismatchPeerId,
    /// By message: the timestamp is too far ahead.
    InvalidMaxTsUpdate,
    /// Anything else.
    Unknown,
}

impl RegionErrorKind {
    /// Every kind.
    pub const ALL: [Self; 24] = [
        Self::UndeterminedResult,
        Self::NotLeader,
        Self::DiskFull,
        Self::RecoveryInProgress,
        Self::IsWitness,
        Self::FlashbackInProgress,
        Self::FlashbackNotPrepared,
        Self::RegionNotFound,
        Self::KeyNotInRegion,
        Self::EpochNotMatch,
        Self::BucketVersionNotMatch,
        Self::ServerIsBusy,
        Self::StaleCommand,
        Self::StoreNotMatch,
        Self::RaftEntryTooLarge,
        Self::MaxTimestampNotSynced,
        Self::RegionNotInitialized,
        Self::ReadIndexNotReady,
        Self::ProposalInMergingMode,
        Self::DataIsNotReady,
        Self::DeadlineExceeded,
        Self::MismatchPeerId,
        Self::InvalidMaxTsUpdate,
        Self::Unknown,
    ];

    /// The kind of `error`: the order is that in which TiDB's client looks at the fields.
    #[must_use]
    pub fn of(error: &errorpb::Error) -> Self {
        let fields = [
            (error.undetermined_result.is_some(), Self::UndeterminedResult),
            (error.not_leader.is_some(), Self::NotLeader),
            (error.disk_full.is_some(), Self::DiskFull),
            (error.recovery_in_progress.is_some(), Self::RecoveryInProgress),
            (error.is_witness.is_some(), Self::IsWitness),
            (error.flashback_in_progress.is_some(), Self::FlashbackInProgress),
            (error.flashback_not_prepared.is_some(), Self::FlashbackNotPrepared),
            (error.region_not_found.is_some(), Self::RegionNotFound),
            (error.key_not_in_region.is_some(), Self::KeyNotInRegion),
            (error.epoch_not_match.is_some(), Self::EpochNotMatch),
            (error.bucket_version_not_match.is_some(), Self::BucketVersionNotMatch),
            (error.server_is_busy.is_some(), Self::ServerIsBusy),
            (error.stale_command.is_some(), Self::StaleCommand),
            (error.store_not_match.is_some(), Self::StoreNotMatch),
            (error.raft_entry_too_large.is_some(), Self::RaftEntryTooLarge),
            (error.max_timestamp_not_synced.is_some(), Self::MaxTimestampNotSynced),
            (error.region_not_initialized.is_some(), Self::RegionNotInitialized),
            (error.read_index_not_ready.is_some(), Self::ReadIndexNotReady),
            (error.proposal_in_merging_mode.is_some(), Self::ProposalInMergingMode),
            (error.data_is_not_ready.is_some(), Self::DataIsNotReady),
            (says_deadline_exceeded(&error.message), Self::DeadlineExceeded),
            (error.mismatch_peer_id.is_some(), Self::MismatchPeerId),
            (says(&error.message, "invalid max_ts update"), Self::InvalidMaxTsUpdate),
        ];
        fields.iter().find(|(set, _)| *set).map_or(Self::Unknown, |(_, kind)| *kind)
    }

    /// Its name in metrics and messages, as TiDB's client writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::UndeterminedResult => "undetermined_result",
            Self::NotLeader => "not_leader",
            Self::DiskFull => "disk_full",
            Self::RecoveryInProgress => "recovery_in_progress",
            Self::IsWitness => "peer_is_witness",
            Self::FlashbackInProgress => "flashback_in_progress",
            Self::FlashbackNotPrepared => "flashback_not_prepared",
            Self::RegionNotFound => "region_not_found",
            Self::KeyNotInRegion => "key_not_in_region",
            Self::EpochNotMatch => "epoch_not_match",
            Self::BucketVersionNotMatch => "bucket_version_not_match",
            Self::ServerIsBusy => "server_is_busy",
            Self::StaleCommand => "stale_command",
            Self::StoreNotMatch => "store_not_match",
            Self::RaftEntryTooLarge => "raft_entry_too_large",
            Self::MaxTimestampNotSynced => "max_timestamp_not_synced",
            Self::RegionNotInitialized => "region_not_initialized",
            Self::ReadIndexNotReady => "read_index_not_ready",
            Self::ProposalInMergingMode => "proposal_in_merging_mode",
            Self::DataIsNotReady => "data_is_not_ready",
            Self::DeadlineExceeded => "deadline_exceeded",
            Self::MismatchPeerId => "mismatch_peer_id",
            Self::InvalidMaxTsUpdate => "invalid_max_ts_update",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for RegionErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Whether a store's text says that the request ran out of its own time limit.
pub(super) fn says_deadline_exceeded(text: &str) -> bool {
    says(text, "deadline is exceeded")
}

fn says(text: &str, words: &str) -> bool {
    text.to_ascii_lowercase().contains(words)
}
