//! A client that knows little: it asks PD where a key is, sends, and tries again.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tifusion_codec::key::region_key;
use tifusion_embedded::EmbeddedCluster;
use tifusion_proto::pdpb::pd_client::PdClient;
use tifusion_proto::tikvpb::tikv_client::TikvClient;
use tifusion_proto::{kvrpcpb as kv, pdpb};
use tonic::transport::{Channel, Endpoint};

/// Connections to a cluster.
#[derive(Debug)]
pub(crate) struct Raw {
    pub(crate) pd: PdClient<Channel>,
    pub(crate) cluster_id: u64,
    stores: Mutex<HashMap<u64, TikvClient<Channel>>>,
    regions: Mutex<Regions>,
    tso: tokio::sync::Mutex<()>,
}

/// Known regions by start: the end, and where to send.
type Regions = BTreeMap<Vec<u8>, (Vec<u8>, Target)>;

/// Where to send what.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) store: TikvClient<Channel>,
    pub(crate) context: kv::Context,
}

pub(crate) fn channel(address: &str) -> Channel {
    Endpoint::from_shared(format!("http://{address}"))
        .unwrap()
        .connect_timeout(Duration::from_secs(5))
        .connect_lazy()
}

impl Raw {
    pub(crate) fn new(cluster: &EmbeddedCluster) -> Arc<Self> {
        Arc::new(Self {
            pd: PdClient::new(channel(&cluster.pd_addresses()[0])),
            cluster_id: cluster.cluster_id(),
            stores: Mutex::default(),
            regions: Mutex::default(),
            tso: tokio::sync::Mutex::default(),
        })
    }

    pub(crate) fn header(&self) -> Option<pdpb::RequestHeader> {
        let cluster_id = self.cluster_id;
        Some(pdpb::RequestHeader { cluster_id, ..pdpb::RequestHeader::default() })
    }

    /// A timestamp from PD's stream.
    pub(crate) async fn timestamp(&self) -> u64 {
        let _turn = self.tso.lock().await;
        loop {
            let request =
                pdpb::TsoRequest { header: self.header(), count: 1, ..pdpb::TsoRequest::default() };
            let asked = self.pd.clone().tso(tokio_stream::iter([request])).await;
            let Ok(answers) = asked else { continue };
            if let Ok(Some(answer)) = answers.into_inner().message().await {
                let told = answer.timestamp.unwrap();
                return ((told.physical as u64) << 18) + told.logical as u64;
            }
        }
    }

    /// The leader of the region that holds a raw key, as far as is known.
    pub(crate) async fn locate(&self, key: &[u8]) -> Target {
        let place = region_key(key);
        let known =
            self.regions.lock().range(..=place.clone()).next_back().map(|(_, it)| it.clone());
        if let Some((end, target)) = known
            && (end.is_empty() || place < end)
        {
            return target;
        }
        loop {
            let request = pdpb::GetRegionRequest {
                header: self.header(),
                region_key: place.clone(),
                need_buckets: false,
            };
            let told = self.pd.clone().get_region(request).await;
            let told = told.map(tonic::Response::into_inner).unwrap_or_default();
            if let (Some(region), Some(leader)) = (told.region, told.leader) {
                let context = kv::Context {
                    region_id: region.id,
                    region_epoch: region.region_epoch,
                    peer: Some(leader),
                    ..kv::Context::default()
                };
                if let Some(store) = self.store(leader.store_id).await {
                    let target = Target { store, context };
                    let known = (region.end_key, target.clone());
                    self.regions.lock().insert(region.start_key, known);
                    return target;
                }
            }
            pause().await;
        }
    }

    /// Forgets the region of a request that failed.
    pub(crate) fn forget(&self, region: u64) {
        self.regions.lock().retain(|_, (_, target)| target.context.region_id != region);
    }

    /// The client of a store; stores keep their addresses.
    pub(crate) async fn store(&self, id: u64) -> Option<TikvClient<Channel>> {
        if let Some(known) = self.stores.lock().get(&id) {
            return Some(known.clone());
        }
        let request = pdpb::GetStoreRequest { header: self.header(), store_id: id };
        let told = self.pd.clone().get_store(request).await.ok()?.into_inner().store?;
        let client = TikvClient::new(channel(&told.address));
        self.stores.lock().insert(id, client.clone());
        Some(client)
    }
}

/// Before another try.
pub(crate) async fn pause() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

/// Sends a request to the region of `$key` until it is answered without a region error.
macro_rules! send {
    ($raw:expr, $key:expr, $method:ident, $request:expr) => {{
        let mut request = $request;
        loop {
            let target = $raw.locate($key).await;
            let mut store = target.store;
            let region = target.context.region_id;
            request.context = Some(target.context);
            match store.$method(request.clone()).await.map(tonic::Response::into_inner) {
                Ok(answer) if answer.region_error.is_none() => break answer,
                Ok(_) | Err(_) => {
                    $raw.forget(region);
                    crate::raw::pause().await;
                }
            }
        }
    }};
}
pub(crate) use send;

impl Raw {
    /// Commits one value by the two phases.
    pub(crate) async fn put(&self, key: &[u8], value: &[u8]) {
        self.put_all(&[(key.to_vec(), value.to_vec())]).await;
    }

    /// Commits values, each in a transaction of its own region.
    pub(crate) async fn put_all(&self, pairs: &[(Vec<u8>, Vec<u8>)]) {
        let start_version = self.timestamp().await;
        let primary = &pairs[0].0;
        for (key, value) in pairs {
            let answer =
                send!(self, key, kv_prewrite, prewrite(&[(key, value)], primary, start_version));
            assert_eq!(answer.errors, []);
        }
        let commit_version = self.timestamp().await;
        for (key, _) in pairs {
            let request = kv::CommitRequest {
                start_version,
                keys: vec![key.clone()],
                commit_version,
                ..kv::CommitRequest::default()
            };
            assert_eq!(send!(self, key, kv_commit, request).error, None);
        }
    }

    pub(crate) async fn get(&self, key: &[u8], version: u64) -> kv::GetResponse {
        let request = kv::GetRequest { key: key.to_vec(), version, ..kv::GetRequest::default() };
        send!(self, key, kv_get, request)
    }
}

pub(crate) fn prewrite(
    pairs: &[(&Vec<u8>, &Vec<u8>)],
    primary: &[u8],
    start: u64,
) -> kv::PrewriteRequest {
    let put = |(key, value): &(&Vec<u8>, &Vec<u8>)| kv::Mutation {
        op: kv::Op::Put.into(),
        key: (*key).clone(),
        value: (*value).clone(),
        ..kv::Mutation::default()
    };
    kv::PrewriteRequest {
        mutations: pairs.iter().map(put).collect(),
        primary_lock: primary.to_vec(),
        start_version: start,
        lock_ttl: 3000,
        txn_size: pairs.len() as u64,
        ..kv::PrewriteRequest::default()
    }
}
