//! Kinds of calls and of region errors.

use std::fmt;

/// A kind of call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
#[expect(missing_docs, reason = "each is the gRPC method of the same name")]
pub enum Rpc {
    Get,
    BatchGet,
    Scan,
    Prewrite,
    Commit,
    Cleanup,
    BatchRollback,
    PessimisticLock,
    PessimisticRollback,
    TxnHeartBeat,
    CheckTxnStatus,
    CheckSecondaryLocks,
    ScanLock,
    ResolveLock,
    Gc,
    DeleteRange,
    Coprocessor,
    CoprocessorStream,
    BatchCoprocessor,
    SplitRegion,
    MvccGetByKey,
    PdGetMembers,
    PdTso,
    PdGetRegion,
    PdScanRegions,
    PdGetStore,
    PdGc,
    PdOther,
    /// Both calls of TiDB's auto id service.
    AutoId,
}

impl Rpc {
    /// Reads of data.
    pub const READS: [Self; 6] = [
        Self::Get,
        Self::BatchGet,
        Self::Scan,
        Self::Coprocessor,
        Self::CoprocessorStream,
        Self::BatchCoprocessor,
    ];
    /// Steps of transactions.
    pub const WRITES: [Self; 7] = [
        Self::Prewrite,
        Self::Commit,
        Self::Cleanup,
        Self::BatchRollback,
        Self::PessimisticLock,
        Self::PessimisticRollback,
        Self::TxnHeartBeat,
    ];
    /// Finding out about locks and removing them.
    pub const RESOLVING: [Self; 4] =
        [Self::CheckTxnStatus, Self::CheckSecondaryLocks, Self::ScanLock, Self::ResolveLock];

    /// Whether PD's address has it, and not a store's.
    #[must_use]
    pub const fn is_pd(self) -> bool {
        matches!(
            self,
            Self::PdGetMembers
                | Self::PdTso
                | Self::PdGetRegion
                | Self::PdScanRegions
                | Self::PdGetStore
                | Self::PdGc
                | Self::PdOther
                | Self::AutoId
        )
    }
}

/// The region errors: the 21 fields of `errorpb.Error`, and those that only their text tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum RegionErrorKind {
    /// The peer is not the leader; it names the one that is.
    NotLeader,
    /// The store has no such region.
    RegionNotFound,
    /// The key lies outside of the region.
    KeyNotInRegion,
    /// The region has split, merged, or changed its peers; the answer tells the regions as they are.
    EpochNotMatch,
    /// The store is too busy.
    ServerIsBusy,
    /// The term changed under the command.
    StaleCommand,
    /// The request reached another store than it names.
    StoreNotMatch,
    /// The write is too large.
    RaftEntryTooLarge,
    /// A new leader does not know the largest timestamp yet.
    MaxTimestampNotSynced,
    /// The region is splitting or merging and takes no read index.
    ReadIndexNotReady,
    /// The region is merging.
    ProposalInMergingMode,
    /// The replica lags behind a stale read.
    DataIsNotReady,
    /// The peer is being created.
    RegionNotInitialized,
    /// The disk is full.
    DiskFull,
    /// The region is being recovered.
    RecoveryInProgress,
    /// The region is being flashed back.
    FlashbackInProgress,
    /// A flashback's second phase without its first.
    FlashbackNotPrepared,
    /// The peer holds no data.
    IsWitness,
    /// The peer on the store has another id.
    MismatchPeerId,
    /// The request was cut along outdated buckets.
    BucketVersionNotMatch,
    /// Whether the command was applied is not known. (It was not.)
    UndeterminedResult,
    /// By text: the request ran out of the time it was given.
    DeadlineExceeded,
    /// By text: the timestamp is too far ahead.
    InvalidMaxTsUpdate,
    /// By text: something that has no field.
    Other,
}

impl RegionErrorKind {
    /// One per field of `errorpb.Error`, in the order of their numbers.
    pub const ALL: [Self; 21] = [
        Self::NotLeader,
        Self::RegionNotFound,
        Self::KeyNotInRegion,
        Self::EpochNotMatch,
        Self::ServerIsBusy,
        Self::StaleCommand,
        Self::StoreNotMatch,
        Self::RaftEntryTooLarge,
        Self::MaxTimestampNotSynced,
        Self::ReadIndexNotReady,
        Self::ProposalInMergingMode,
        Self::DataIsNotReady,
        Self::RegionNotInitialized,
        Self::DiskFull,
        Self::RecoveryInProgress,
        Self::FlashbackInProgress,
        Self::FlashbackNotPrepared,
        Self::IsWitness,
        Self::MismatchPeerId,
        Self::BucketVersionNotMatch,
        Self::UndeterminedResult,
    ];
    /// Those that only their text tells.
    pub const BY_TEXT: [Self; 3] = [Self::DeadlineExceeded, Self::InvalidMaxTsUpdate, Self::Other];
}

impl fmt::Display for RegionErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
