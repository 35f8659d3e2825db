//! Stands where `mvcc::Storage` will.

#![allow(dead_code, reason = "gone soon")]

use std::ops::Range;

use tifusion_proto::kvrpcpb::{self, IsolationLevel};

use crate::mvcc::{Blocked, Rows};

#[derive(Debug, Clone, Default)]
pub(crate) struct ReadOptions {
    pub(crate) ts: u64,
    pub(crate) isolation: IsolationLevel,
    pub(crate) resolved_locks: Vec<u64>,
    pub(crate) committed_locks: Vec<u64>,
}

#[derive(Debug, Clone)]
pub(crate) struct Storage;

pub(crate) struct Reader;

impl Rows for Reader {
    fn get(&mut self, _key: &[u8]) -> Result<Option<Vec<u8>>, Blocked> {
        Ok(None)
    }

    fn scan(
        &mut self,
        _range: Range<&[u8]>,
        _limit: usize,
        _descending: bool,
    ) -> Result<Vec<(Vec<u8>, Vec<u8>)>, Blocked> {
        Ok(Vec::new())
    }
}

macro_rules! commands {
    ($($name:ident: $request:ident => $answer:ident,)+) => {
        impl Storage {
            $(pub(crate) fn $name(&self, _request: &kvrpcpb::$request) -> kvrpcpb::$answer {
                kvrpcpb::$answer::default()
            })+
        }
    };
}

commands! {
    get: GetRequest => GetResponse,
    batch_get: BatchGetRequest => BatchGetResponse,
    scan: ScanRequest => ScanResponse,
    prewrite: PrewriteRequest => PrewriteResponse,
    commit: CommitRequest => CommitResponse,
    batch_rollback: BatchRollbackRequest => BatchRollbackResponse,
    cleanup: CleanupRequest => CleanupResponse,
    check_txn_status: CheckTxnStatusRequest => CheckTxnStatusResponse,
    check_secondary_locks: CheckSecondaryLocksRequest => CheckSecondaryLocksResponse,
    resolve_lock: ResolveLockRequest => ResolveLockResponse,
    scan_lock: ScanLockRequest => ScanLockResponse,
    txn_heart_beat: TxnHeartBeatRequest => TxnHeartBeatResponse,
    pessimistic_lock: PessimisticLockRequest => PessimisticLockResponse,
    pessimistic_rollback: PessimisticRollbackRequest => PessimisticRollbackResponse,
}

impl Storage {
    pub(crate) fn memory() -> Self {
        Self
    }

    pub(crate) fn open(_path: &std::path::Path) -> std::io::Result<Self> {
        Ok(Self)
    }

    pub(crate) fn gc(&self, _safe_point: u64) -> Result<usize, String> {
        Ok(0)
    }

    pub(crate) fn released(&self) -> tokio::sync::watch::Receiver<u64> {
        tokio::sync::watch::channel(0).1
    }

    pub(crate) fn reader(&self, _options: ReadOptions) -> Reader {
        Reader
    }
}
