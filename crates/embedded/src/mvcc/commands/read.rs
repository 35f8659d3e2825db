//! Get, `BatchGet`, Scan.

use tifusion_proto::kvrpcpb::{
    BatchGetRequest, BatchGetResponse, GetRequest, GetResponse, KvPair, ScanRequest, ScanResponse,
};

use super::super::error::MvccError;
use super::super::reader::{Entry, ReadOptions};
use super::super::storage::Storage;
use crate::engine::Order;

impl Storage {
    /// Reads one key.
    pub(crate) fn get(&self, request: &GetRequest) -> GetResponse {
        let options = ReadOptions::of_request(request.context.as_ref(), request.version);
        let mut response = GetResponse::default();
        match self.reader(options).entry(&request.key, request.need_commit_ts) {
            Ok(Some(entry)) => {
                response.value = entry.value.into();
                if request.need_commit_ts {
                    response.commit_ts = entry.commit_ts;
                }
            }
            Ok(None) => response.not_found = true,
            Err(error) => response.error = Some(error.into_key_error()),
        }
        response
    }

    /// Reads several keys, in the order asked for. Keys that do not exist are left out; a locked one has an error
    /// in its pair.
    pub(crate) fn batch_get(&self, request: &BatchGetRequest) -> BatchGetResponse {
        let options = ReadOptions::of_request(request.context.as_ref(), request.version);
        let reader = self.reader(options);
        let mut response = BatchGetResponse::default();
        for key in &request.keys {
            let entry = match reader.entry(key, request.need_commit_ts) {
                Ok(None) => continue,
                Ok(Some(entry)) => Ok(entry),
                Err(error @ MvccError::Engine(_)) => {
                    let error = error.into_key_error();
                    response.error = Some(error.clone());
                    response.pairs = vec![KvPair { error: Some(error), ..KvPair::default() }];
                    return response;
                }
                Err(error) => Err(error),
            };
            response.pairs.push(pair(key.clone(), entry, request.need_commit_ts));
        }
        response
    }

    /// Reads a range of keys; when reversed, `start_key` is the end of it. An empty end is the end of all keys.
    /// A locked key counts against the limit and has an error in its pair.
    pub(crate) fn scan(&self, request: &ScanRequest) -> ScanResponse {
        let options = ReadOptions::of_request(request.context.as_ref(), request.version);
        let reader = self.reader(options);
        let (range, order) = if request.reverse {
            (request.end_key.as_slice()..request.start_key.as_slice(), Order::Descending)
        } else {
            (request.start_key.as_slice()..request.end_key.as_slice(), Order::Ascending)
        };
        let limit = usize::try_from(request.limit).unwrap_or(usize::MAX);
        let step = usize::try_from(request.sample_step).unwrap_or(usize::MAX).max(1);
        let walked = limit.saturating_mul(step);
        let page = if request.key_only {
            reader.keys(range, walked, order)
        } else {
            reader.page(range, walked, order)
        };
        let mut response = ScanResponse::default();
        match page {
            Ok(page) => {
                response.pairs = page
                    .into_iter()
                    .step_by(step)
                    .map(|(key, entry)| pair(key, entry, false))
                    .collect();
            }
            Err(error) => {
                let error = error.into_key_error();
                response.pairs = vec![KvPair { error: Some(error.clone()), ..KvPair::default() }];
                response.error = Some(error);
            }
        }
        response
    }
}

/// A pair; one that cannot be read has its error and, as in TiKV, no key.
fn pair(key: Vec<u8>, entry: Result<Entry, MvccError>, need_commit_ts: bool) -> KvPair {
    match entry {
        Ok(Entry { value, commit_ts }) => KvPair {
            key,
            value: value.into(),
            commit_ts: if need_commit_ts { commit_ts } else { 0 },
            error: None,
        },
        Err(error) => KvPair { error: Some(error.into_key_error()), ..KvPair::default() },
    }
}
