//! A writer that stops wherever a test wants: single steps of two-phase commit over bare gRPC.
//!
//! The tests with `tikv-client` (`tests/partner`) take this file in, too.

use tifusion_client::Timestamp;
use tifusion_proto::kvrpcpb;

use crate::raw_cluster::RawCluster;

/// Steps of transactions over one cluster.
#[derive(Debug)]
pub struct RawWriter {
    cluster: RawCluster,
}

impl RawWriter {
    /// A writer in the cluster whose PD has these addresses, separated by commas.
    pub async fn connect(pd: &str) -> Self {
        Self { cluster: RawCluster::connect(pd).await }
    }

    /// Locks all keys for their new values, the first as the primary; `secondaries` makes it an
    /// async commit.
    pub async fn prewrite(
        &self,
        pairs: &[(Vec<u8>, Vec<u8>)],
        start_ts: Timestamp,
        ttl_ms: u64,
        secondaries: &[Vec<u8>],
    ) {
        for (key, value) in pairs {
            let primary = &pairs[0].0;
            let request = kvrpcpb::PrewriteRequest {
                mutations: vec![kvrpcpb::Mutation {
                    op: kvrpcpb::Op::Put.into(),
                    key: key.clone(),
                    value: value.clone(),
                    ..kvrpcpb::Mutation::default()
                }],
                primary_lock: primary.clone(),
                start_version: start_ts.version(),
                lock_ttl: ttl_ms,
                txn_size: pairs.len() as u64,
                use_async_commit: !secondaries.is_empty(),
                secondaries: if key == primary { secondaries.to_vec() } else { vec![] },
                min_commit_ts: start_ts.version() + 1,
                ..kvrpcpb::PrewriteRequest::default()
            };
            let answer = self.cluster.send(key, request).await.unwrap();
            assert!(answer.errors.is_empty(), "{answer:?}");
        }
    }

    /// Commits these keys.
    ///
    /// # Errors
    /// What the store has against it.
    pub async fn commit(
        &self,
        keys: &[Vec<u8>],
        start_ts: Timestamp,
        commit_ts: Timestamp,
    ) -> Result<(), kvrpcpb::KeyError> {
        for key in keys {
            let request = kvrpcpb::CommitRequest {
                start_version: start_ts.version(),
                keys: vec![key.clone()],
                commit_version: commit_ts.version(),
                ..kvrpcpb::CommitRequest::default()
            };
            let answer = self.cluster.send(key, request).await.unwrap();
            if let Some(error) = answer.error {
                return Err(error);
            }
        }
        Ok(())
    }
}
