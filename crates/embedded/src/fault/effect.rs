//! What goes wrong.

use std::time::Duration;

use super::RegionErrorKind;

/// What a rule does to a call. Those that change the cluster or wait go on to serve the call as the
/// cluster then is.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Effect {
    /// The store answers with this region error and does nothing. A store of TiFlash that is asked for a batch of
    /// regions finds the first one so: it tells it (`retry_regions`), and reads it elsewhere.
    RegionError(RegionErrorKind),
    /// The call takes so much longer. When that is past the request's own limit
    /// (`max_execution_duration_ms`), the store gives up as TiKV does.
    Delay(Duration),
    /// The connection breaks before anything is done.
    DropBefore,
    /// The call is carried out and the connection breaks instead of the answer.
    DropAfter,
    /// The call ends with this gRPC status, nothing is done.
    Status {
        /// gRPC status code, `tonic::Code` as a number.
        code: i32,
        /// Message that goes with it.
        message: String,
    },
    /// The store dies before anything is done; `EmbeddedCluster::revive_store` brings it back.
    KillStore,
    /// The region is split in the middle of the keys that the call touches, or of its own.
    SplitRegion,
    /// The region on the right is merged into the call's region; the last region takes the one on its
    /// left.
    MergeRegion,
    /// Another voter becomes the region's leader.
    TransferLeader,
    /// A lock is left on the first key that the call touches.
    LeaveLock(LeftLock),
    /// The call is carried out twice, as by a proxy that sends it again; the second answer counts.
    Twice,
    /// The coprocessor's answer is not what it says it is. Other calls are served as ever.
    Damage(Damage),
    /// The connection breaks after the rows of so many regions of a batch. Other calls are served as ever.
    BreakBatch(usize),
    /// A batch of regions ends in these words (`other_error`) after the rows of so many. Other calls are served as ever.
    FailBatch(usize, String),
    /// PD's timestamps are of so long ago. Other calls are served as ever.
    ClockBack(Duration),
}

/// What is wrong with an answer of the coprocessor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Damage {
    /// Its data ends in the middle.
    CutShort,
    /// Its rows end in the middle, within an answer that is whole.
    RowsCutShort,
    /// Its rows are encoded the other way (chunks, datums) than it says.
    OtherEncoding,
}

impl Damage {
    /// Each once.
    pub const ALL: [Self; 3] = [Self::CutShort, Self::RowsCutShort, Self::OtherEncoding];
}

/// What became of the transaction that left a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LeftLock {
    /// It died before its commit, and the lock's time to live is over: it is rolled back by whoever meets
    /// it.
    Expired,
    /// It lives for so long: a reader pushes its commit, a writer waits.
    Alive(Duration),
    /// It committed its primary key and died before this one; the value stays as it was.
    Committed,
    /// It committed asynchronously and died before its locks were turned into commits; the value stays as
    /// it was.
    AsyncCommitted,
    /// A pessimistic lock whose owner is dead: readers do not mind it.
    Pessimistic,
}
