//! A context over a cluster in memory: its metadata is there, its stores can't be reached or answer
//! every read of rows alike.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use datafusion::execution::SessionStateBuilder;
use tifusion_client::backoff::Backoffer;
use tifusion_client::clock::TokioClock;
use tifusion_client::pd::{PdApi, RegionInfo};
use tifusion_client::transport::{StoreRequest, StoreResponse, StoreTransport, TransportError};
use tifusion_client::{Client, ClientOptions, Timestamp};
use tifusion_proto::{coprocessor, metapb};

use crate::TidbContext;
use crate::cluster::Cluster;
use crate::config::Config;
use crate::meta::fake::FakeMeta;
use crate::meta::{DiskCache, MetaStore};

/// A context over `meta` with these options.
pub(crate) fn context(meta: &Arc<FakeMeta>, options: &[(&str, &str)]) -> TidbContext {
    context_with_disk(meta, options, None)
}

/// A context over `meta` that begins with the names on `disk`.
pub(crate) fn context_with_disk(
    meta: &Arc<FakeMeta>,
    options: &[(&str, &str)],
    disk: Option<DiskCache>,
) -> TidbContext {
    over(options, cluster(meta, disk, OneRegion::default(), Arc::new(NoStores)))
}

/// A context over `meta` whose store answers every scan with `rows` (an encoded
/// `tipb.SelectResponse`) and whose PD tells `safe_point`.
pub(crate) fn context_with_rows(
    meta: &Arc<FakeMeta>,
    options: &[(&str, &str)],
    rows: Bytes,
    safe_point: &Arc<AtomicU64>,
) -> TidbContext {
    let pd = OneRegion { safe_point: Arc::clone(safe_point) };
    over(options, cluster(meta, None, pd, Arc::new(OneAnswer(rows))))
}

fn over(options: &[(&str, &str)], cluster: Arc<Cluster>) -> TidbContext {
    let map: HashMap<String, String> =
        options.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let config = Config::from_map(&map).unwrap();
    let builder = SessionStateBuilder::new_with_default_features();
    TidbContext::over(cluster, config, builder).unwrap()
}

fn cluster(
    meta: &Arc<FakeMeta>,
    disk: Option<DiskCache>,
    pd: OneRegion,
    stores: Arc<dyn StoreTransport>,
) -> Arc<Cluster> {
    let client =
        Client::with_parts(ClientOptions::default(), Arc::new(pd), stores, Arc::new(TokioClock));
    Cluster::with_parts(client, MetaStore::new(Arc::clone(meta) as _, disk), Arc::clone(meta) as _)
}

/// A PD with one region over everything.
#[derive(Debug, Default)]
struct OneRegion {
    safe_point: Arc<AtomicU64>,
}

fn region() -> RegionInfo {
    let peer = metapb::Peer { id: 11, store_id: 1, ..metapb::Peer::default() };
    RegionInfo {
        region: metapb::Region {
            id: 10,
            region_epoch: Some(metapb::RegionEpoch { conf_ver: 1, version: 1 }),
            peers: vec![peer],
            ..metapb::Region::default()
        },
        leader: Some(peer),
        ..RegionInfo::default()
    }
}

fn store() -> metapb::Store {
    metapb::Store { id: 1, address: "nowhere:20160".to_owned(), ..metapb::Store::default() }
}

type ClientResult<T> = tifusion_client::Result<T>;

#[async_trait]
impl PdApi for OneRegion {
    async fn timestamp(&self, _: &mut Backoffer) -> ClientResult<Timestamp> {
        Ok(Timestamp::new(1))
    }

    async fn region_by_key(&self, _: &mut Backoffer, _: &[u8]) -> ClientResult<Option<RegionInfo>> {
        Ok(Some(region()))
    }

    async fn region_by_id(&self, _: &mut Backoffer, _: u64) -> ClientResult<Option<RegionInfo>> {
        Ok(Some(region()))
    }

    async fn scan_regions(
        &self,
        _: &mut Backoffer,
        _: &[u8],
        _: &[u8],
        _: u32,
    ) -> ClientResult<Vec<RegionInfo>> {
        Ok(vec![region()])
    }

    async fn store(&self, _: &mut Backoffer, _: u64) -> ClientResult<Option<metapb::Store>> {
        Ok(Some(store()))
    }

    async fn stores(&self, _: &mut Backoffer) -> ClientResult<Vec<metapb::Store>> {
        Ok(vec![store()])
    }

    async fn txn_safe_point(&self, _: &mut Backoffer) -> ClientResult<Timestamp> {
        Ok(Timestamp::new(self.safe_point.load(Ordering::SeqCst)))
    }

    fn cluster_id(&self) -> u64 {
        7
    }
}

/// Stores that don't answer.
#[derive(Debug)]
struct NoStores;

#[async_trait]
impl StoreTransport for NoStores {
    async fn call(
        &self,
        address: &str,
        _: StoreRequest,
        _: Duration,
    ) -> Result<StoreResponse, TransportError> {
        let (address, message) = (address.to_owned(), "nothing listens".to_owned());
        Err(TransportError::Connect { address, message })
    }

    async fn forward(
        &self,
        _: &str,
        target: &str,
        request: StoreRequest,
        timeout: Duration,
    ) -> Result<StoreResponse, TransportError> {
        self.call(target, request, timeout).await
    }

    fn disconnect(&self, _: &str) {}
}

/// A store that has the same rows for everybody.
#[derive(Debug)]
struct OneAnswer(Bytes);

#[async_trait]
impl StoreTransport for OneAnswer {
    async fn call(
        &self,
        address: &str,
        request: StoreRequest,
        _: Duration,
    ) -> Result<StoreResponse, TransportError> {
        match request {
            StoreRequest::Coprocessor(_) => {
                let data = self.0.clone();
                Ok(StoreResponse::Coprocessor(coprocessor::Response {
                    data,
                    ..coprocessor::Response::default()
                }))
            }
            _ => NoStores.call(address, request, Duration::ZERO).await,
        }
    }

    async fn forward(
        &self,
        _: &str,
        target: &str,
        request: StoreRequest,
        timeout: Duration,
    ) -> Result<StoreResponse, TransportError> {
        self.call(target, request, timeout).await
    }

    fn disconnect(&self, _: &str) {}
}
