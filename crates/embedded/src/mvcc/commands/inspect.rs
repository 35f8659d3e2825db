//! `MvccGetByKey` and `DeleteRange`: tools beside the transactions.

use std::ops::ControlFlow;

use tifusion_proto::kvrpcpb::{
    DeleteRangeRequest, DeleteRangeResponse, MvccGetByKeyRequest, MvccGetByKeyResponse, MvccInfo,
    MvccLock, MvccValue, MvccWrite, Op,
};

use super::super::error::Result;
use super::super::key::{self, OwnedSpan};
use super::super::lock::Lock;
use super::super::storage::Storage;
use super::super::versions::{Versions, parse_write, walk};
use super::super::write::{Write, WriteKind};
use crate::engine::{Batch, Column, EngineError, Order};

/// How many entries are deleted at a time.
const DELETE_BATCH: usize = 16 * 1024;

impl Storage {
    /// Lock, records and long values of a key.
    pub(crate) fn mvcc_get_by_key(&self, request: &MvccGetByKeyRequest) -> MvccGetByKeyResponse {
        let mut response = MvccGetByKeyResponse::default();
        let info = self
            .shared
            .engine
            .view()
            .map_err(Into::into)
            .and_then(|view| info(&Versions::new(&*view), &request.key));
        match info {
            Ok(info) => response.info = Some(info),
            Err(error) => response.error = error.to_string(),
        }
        response
    }

    /// Removes everything in a range of keys, locks and all versions, unless it is only to be told.
    pub(crate) fn delete_range(&self, request: &DeleteRangeRequest) -> DeleteRangeResponse {
        let mut response = DeleteRangeResponse::default();
        if request.notify_only {
            return response;
        }
        let span = OwnedSpan::of_keys(&request.start_key, &request.end_key);
        for column in [Column::Lock, Column::Write, Column::Default] {
            if let Err(error) = self.delete_all(column, &span) {
                response.error = error.to_string();
                break;
            }
        }
        response
    }

    fn delete_all(&self, column: Column, span: &OwnedSpan) -> Result<(), EngineError> {
        loop {
            let view = self.shared.engine.view()?;
            let mut batch = Batch::default();
            walk(&*view, column, span, Order::Ascending, &mut |key, _| {
                batch.delete(column, key.to_vec());
                Ok(if batch.len() < DELETE_BATCH {
                    ControlFlow::Continue(())
                } else {
                    ControlFlow::Break(())
                })
            })?;
            drop(view);
            let is_last = batch.len() < DELETE_BATCH;
            self.write(batch)?;
            if is_last {
                return Ok(());
            }
        }
    }
}

fn info(versions: &Versions<'_>, raw: &[u8]) -> Result<MvccInfo> {
    let mut info = MvccInfo { lock: versions.lock(raw)?.map(lock_info), ..MvccInfo::default() };
    let span = OwnedSpan::of_versions(raw, u64::MAX);
    walk(versions.view(), Column::Write, &span, Order::Ascending, &mut |key, bytes| {
        let (_, commit_ts) = key::split_version(Column::Write, key)?;
        info.writes.push(write_info(commit_ts, parse_write(key, bytes)?));
        Ok(ControlFlow::Continue(()))
    })?;
    walk(versions.view(), Column::Default, &span, Order::Ascending, &mut |key, bytes| {
        let (_, start_ts) = key::split_version(Column::Default, key)?;
        info.values.push(MvccValue { start_ts, value: bytes.to_vec() });
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(info)
}

fn lock_info(lock: Lock) -> MvccLock {
    MvccLock {
        r#type: lock.info(&[]).lock_type,
        start_ts: lock.start_ts,
        primary: lock.primary,
        short_value: lock.short_value.unwrap_or_default(),
        ttl: lock.ttl,
        for_update_ts: lock.for_update_ts,
        txn_size: lock.txn_size,
        use_async_commit: lock.use_async_commit,
        secondaries: lock.secondaries,
        rollback_ts: lock.rollback_ts,
        ..MvccLock::default()
    }
}

fn write_info(commit_ts: u64, write: Write) -> MvccWrite {
    let op = match write.kind {
        WriteKind::Put => Op::Put,
        WriteKind::Delete => Op::Del,
        WriteKind::Lock => Op::Lock,
        WriteKind::Rollback => Op::Rollback,
    };
    MvccWrite {
        r#type: op.into(),
        start_ts: write.start_ts,
        commit_ts,
        short_value: write.short_value.unwrap_or_default(),
        has_overlapped_rollback: write.has_overlapped_rollback,
        ..MvccWrite::default()
    }
}
