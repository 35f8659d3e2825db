//! A writer that stops wherever a test wants: single steps of two-phase commit over bare gRPC.

use std::time::Duration;

use tifusion_client::region::Region;
use tifusion_client::{Client, Timestamp};
use tifusion_proto::kvrpcpb;
use tifusion_proto::tikvpb::tikv_client::TikvClient;
use tonic::transport::Channel;

pub struct RawWriter {
    client: Client,
}

impl RawWriter {
    pub async fn new(client: &Client) -> Self {
        Self { client: client.clone() }
    }

    /// The region of `key`, a connection to its leader, and the context to send.
    async fn at(&self, key: &[u8]) -> (TikvClient<Channel>, kvrpcpb::Context) {
        let mut bo = self.client.backoffer(Duration::from_secs(10));
        let region: std::sync::Arc<Region> =
            self.client.regions().locate_key(&mut bo, key).await.unwrap();
        let leader = region.leader;
        let store = self.client.regions().store(&mut bo, leader.store_id).await.unwrap();
        let channel = Channel::from_shared(format!("http://{}", store.address)).unwrap();
        (TikvClient::new(channel.connect().await.unwrap()), region.context(&leader))
    }

    /// Locks all keys, the first as the primary; `secondaries` makes it an async commit.
    pub async fn prewrite(
        &self,
        keys: &[Vec<u8>],
        value: &[u8],
        start_ts: Timestamp,
        ttl_ms: u64,
        secondaries: &[Vec<u8>],
    ) {
        for key in keys {
            let (mut store, context) = self.at(key).await;
            let is_primary = *key == keys[0];
            let request = kvrpcpb::PrewriteRequest {
                context: Some(context),
                mutations: vec![kvrpcpb::Mutation {
                    op: kvrpcpb::Op::Put.into(),
                    key: key.clone(),
                    value: value.to_vec(),
                    ..kvrpcpb::Mutation::default()
                }],
                primary_lock: keys[0].clone(),
                start_version: start_ts.version(),
                lock_ttl: ttl_ms,
                txn_size: keys.len() as u64,
                use_async_commit: !secondaries.is_empty(),
                secondaries: if is_primary { secondaries.to_vec() } else { vec![] },
                min_commit_ts: start_ts.version() + 1,
                ..kvrpcpb::PrewriteRequest::default()
            };
            let answer = store.kv_prewrite(request).await.unwrap().into_inner();
            assert!(answer.region_error.is_none() && answer.errors.is_empty(), "{answer:?}");
        }
    }

    /// Commits these keys.
    pub async fn commit(
        &self,
        keys: &[Vec<u8>],
        start_ts: Timestamp,
        commit_ts: Timestamp,
    ) -> Result<(), kvrpcpb::KeyError> {
        for key in keys {
            let (mut store, context) = self.at(key).await;
            let request = kvrpcpb::CommitRequest {
                context: Some(context),
                start_version: start_ts.version(),
                keys: vec![key.clone()],
                commit_version: commit_ts.version(),
                ..kvrpcpb::CommitRequest::default()
            };
            let answer = store.kv_commit(request).await.unwrap().into_inner();
            assert!(answer.region_error.is_none(), "{answer:?}");
            if let Some(error) = answer.error {
                return Err(error);
            }
        }
        Ok(())
    }
}
