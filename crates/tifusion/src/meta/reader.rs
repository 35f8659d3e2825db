//! The reads that metadata needs, as a trait, so that tests need no cluster.

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use bytes::Bytes;
use tifusion_client::snapshot::{Pair, ScanOptions, Snapshot, SnapshotOptions};
use tifusion_client::{Client, Timestamp};

use crate::error::Result;

/// As of when to read, and until when to try.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReadAt {
    /// The snapshot.
    pub(crate) ts: Timestamp,
    /// When to give up.
    pub(crate) deadline: Option<Instant>,
}

/// What is done with each pair of a scan.
pub(crate) type OnPair<'a> = &'a mut (dyn FnMut(&[u8], &[u8]) -> Result<()> + Send);

/// Reads of raw keys at a timestamp.
#[async_trait]
pub(crate) trait MetaReader: Debug + Send + Sync + 'static {
    /// A timestamp greater than every one taken before.
    async fn timestamp(&self, deadline: Option<Instant>) -> Result<Timestamp>;

    /// The values of `keys`, one for each in the same order.
    async fn get(&self, at: ReadAt, keys: Vec<Vec<u8>>) -> Result<Vec<Option<Bytes>>>;

    /// The newest values of `keys`, whatever time it is, in one round trip; `None` where that is not to be had: a
    /// transaction may be about to change one of them, say.
    async fn newest(
        &self,
        keys: Vec<Vec<u8>>,
        deadline: Option<Instant>,
    ) -> Result<Option<Vec<Option<Bytes>>>>;

    /// Calls `on_pair` for every pair from `start` up to but not including `end`.
    async fn scan(&self, at: ReadAt, start: &[u8], end: &[u8], on_pair: OnPair<'_>) -> Result<()>;
}

/// Reads from the cluster.
#[derive(Debug)]
pub(crate) struct ClusterReader {
    client: Client,
}

impl ClusterReader {
    /// Reads through `client`.
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }

    fn snapshot(&self, at: ReadAt) -> Snapshot {
        let options = SnapshotOptions {
            deadline: at.deadline,
            label: Some(Arc::from("TiDB's metadata")),
            ..SnapshotOptions::default()
        };
        self.client.snapshot(at.ts, options)
    }
}

#[async_trait]
impl MetaReader for ClusterReader {
    async fn timestamp(&self, deadline: Option<Instant>) -> Result<Timestamp> {
        Ok(self.client.timestamp_by(deadline).await?)
    }

    async fn get(&self, at: ReadAt, keys: Vec<Vec<u8>>) -> Result<Vec<Option<Bytes>>> {
        let snapshot = self.snapshot(at);
        if let [key] = keys.as_slice() {
            let value = snapshot.get(key).await?;
            return Ok(vec![value.filter(is_there)]);
        }
        let pairs = snapshot.batch_get(keys.clone()).await?;
        Ok(in_order(&keys, pairs))
    }

    async fn newest(
        &self,
        keys: Vec<Vec<u8>>,
        deadline: Option<Instant>,
    ) -> Result<Option<Vec<Option<Bytes>>>> {
        let snapshot = self.snapshot(ReadAt { ts: Timestamp::MAX, deadline });
        let pairs = snapshot.batch_get_unlocked(keys.clone()).await?;
        Ok(pairs.map(|pairs| in_order(&keys, pairs)))
    }

    async fn scan(&self, at: ReadAt, start: &[u8], end: &[u8], on_pair: OnPair<'_>) -> Result<()> {
        let mut scan = self.snapshot(at).scan(start, end, ScanOptions::default());
        while let Some(pairs) = scan.next_batch().await? {
            for pair in pairs.iter().filter(|pair| is_there(&pair.value)) {
                on_pair(&pair.key, &pair.value)?;
            }
        }
        Ok(())
    }
}

/// The value of each key, of those that were found.
fn in_order(keys: &[Vec<u8>], pairs: Vec<Pair>) -> Vec<Option<Bytes>> {
    let pairs = pairs.into_iter().map(|pair| (pair.key, pair.value));
    let mut found: HashMap<Vec<u8>, Bytes> = pairs.filter(|(_, v)| is_there(v)).collect();
    keys.iter().map(|key| found.remove(key)).collect()
}

/// Whether a value is one: TiDB writes no empty ones, and TiDB's own store answers a batch with
/// empty values for keys that were deleted.
fn is_there(value: &Bytes) -> bool {
    !value.is_empty()
}
