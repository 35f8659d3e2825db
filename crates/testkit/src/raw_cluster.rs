//! A client that knows little: it asks PD where a key is, and sends one request there.
//!
//! It keeps nothing of what PD says about regions, heals nothing but region errors, and changes nothing of the
//! answers, so that tests see what a cluster really says. The tests with `tikv-client` (`tests/partner`) take this
//! file in, too.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tifusion_codec::key::region_key;
use tifusion_proto::pdpb::pd_client::PdClient;
use tifusion_proto::tikvpb::tikv_client::TikvClient;
use tifusion_proto::{coprocessor, errorpb, kvrpcpb, pdpb};
use tonic::Status;
use tonic::transport::{Channel, Endpoint};

/// How long regions may move about before a request is given up.
const PATIENCE: Duration = Duration::from_secs(20);

/// A request to a store, with what it takes to send it.
pub trait StoreRequest: Clone + Send {
    /// Its answer.
    type Response: prost::Message + Default;
    /// The method's name.
    const METHOD: &'static str;
    /// The answer's name in protobuf.
    const RESPONSE: &'static str;

    /// Sends the request with a context: its own, in which region and peer are set.
    fn call(
        self,
        store: TikvClient<Channel>,
        place: kvrpcpb::Context,
    ) -> impl Future<Output = Result<Self::Response, Status>> + Send;

    /// The region error of an answer.
    fn region_error(response: &Self::Response) -> Option<&errorpb::Error>;
}

macro_rules! store_requests {
    ($($method:ident: $package:ident::$request:ident => $answer:ident, $name:literal;)+) => {$(
        impl StoreRequest for $package::$request {
            type Response = $package::$answer;
            const METHOD: &'static str = stringify!($method);
            const RESPONSE: &'static str = $name;

            async fn call(
                mut self,
                mut store: TikvClient<Channel>,
                place: kvrpcpb::Context,
            ) -> Result<Self::Response, Status> {
                self.context = Some(kvrpcpb::Context {
                    region_id: place.region_id,
                    region_epoch: place.region_epoch,
                    peer: place.peer,
                    ..self.context.unwrap_or_default()
                });
                store.$method(self).await.map(tonic::Response::into_inner)
            }

            fn region_error(response: &Self::Response) -> Option<&errorpb::Error> {
                response.region_error.as_ref()
            }
        }
    )+};
}

store_requests! {
    kv_get: kvrpcpb::GetRequest => GetResponse, "kvrpcpb.GetResponse";
    kv_batch_get: kvrpcpb::BatchGetRequest => BatchGetResponse, "kvrpcpb.BatchGetResponse";
    kv_scan: kvrpcpb::ScanRequest => ScanResponse, "kvrpcpb.ScanResponse";
    kv_prewrite: kvrpcpb::PrewriteRequest => PrewriteResponse, "kvrpcpb.PrewriteResponse";
    kv_commit: kvrpcpb::CommitRequest => CommitResponse, "kvrpcpb.CommitResponse";
    kv_cleanup: kvrpcpb::CleanupRequest => CleanupResponse, "kvrpcpb.CleanupResponse";
    kv_batch_rollback: kvrpcpb::BatchRollbackRequest => BatchRollbackResponse,
        "kvrpcpb.BatchRollbackResponse";
    kv_scan_lock: kvrpcpb::ScanLockRequest => ScanLockResponse, "kvrpcpb.ScanLockResponse";
    kv_resolve_lock: kvrpcpb::ResolveLockRequest => ResolveLockResponse,
        "kvrpcpb.ResolveLockResponse";
    kv_check_txn_status: kvrpcpb::CheckTxnStatusRequest => CheckTxnStatusResponse,
        "kvrpcpb.CheckTxnStatusResponse";
    kv_check_secondary_locks: kvrpcpb::CheckSecondaryLocksRequest => CheckSecondaryLocksResponse,
        "kvrpcpb.CheckSecondaryLocksResponse";
    kv_txn_heart_beat: kvrpcpb::TxnHeartBeatRequest => TxnHeartBeatResponse,
        "kvrpcpb.TxnHeartBeatResponse";
    kv_pessimistic_lock: kvrpcpb::PessimisticLockRequest => PessimisticLockResponse,
        "kvrpcpb.PessimisticLockResponse";
    kv_pessimistic_rollback: kvrpcpb::PessimisticRollbackRequest => PessimisticRollbackResponse,
        "kvrpcpb.PessimisticRollbackResponse";
    kv_gc: kvrpcpb::GcRequest => GcResponse, "kvrpcpb.GCResponse";
    kv_delete_range: kvrpcpb::DeleteRangeRequest => DeleteRangeResponse,
        "kvrpcpb.DeleteRangeResponse";
    mvcc_get_by_key: kvrpcpb::MvccGetByKeyRequest => MvccGetByKeyResponse,
        "kvrpcpb.MvccGetByKeyResponse";
    split_region: kvrpcpb::SplitRegionRequest => SplitRegionResponse,
        "kvrpcpb.SplitRegionResponse";
    coprocessor: coprocessor::Request => Response, "coprocessor.Response";
}

/// Connections to a cluster.
#[derive(Debug)]
pub struct RawCluster {
    pd: PdClient<Channel>,
    cluster_id: u64,
    stores: Mutex<HashMap<String, TikvClient<Channel>>>,
}

impl RawCluster {
    /// A client of the cluster whose PD has these addresses, separated by commas.
    ///
    /// # Panics
    /// If the first PD does not tell the cluster's id.
    pub async fn connect(pd: &str) -> Self {
        let address = pd.split(',').next().unwrap_or_default();
        let mut client = PdClient::new(channel(address));
        let members = client.get_members(pdpb::GetMembersRequest::default()).await;
        let header = members.unwrap_or_else(|error| panic!("PD at {address}: {error}"));
        let cluster_id = header.into_inner().header.unwrap_or_default().cluster_id;
        Self { pd: client, cluster_id, stores: Mutex::default() }
    }

    /// PD.
    #[must_use]
    pub fn pd(&self) -> PdClient<Channel> {
        self.pd.clone()
    }

    /// The header of requests to PD.
    #[must_use]
    pub fn header(&self) -> Option<pdpb::RequestHeader> {
        let cluster_id = self.cluster_id;
        Some(pdpb::RequestHeader { cluster_id, ..pdpb::RequestHeader::default() })
    }

    /// The last of `count` timestamps that are nobody else's.
    ///
    /// # Panics
    /// If PD gives none.
    pub async fn timestamps(&self, count: u32) -> u64 {
        let request =
            pdpb::TsoRequest { header: self.header(), count, ..pdpb::TsoRequest::default() };
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Ok(answers) = self.pd.clone().tso(tokio_stream::iter([request.clone()])).await
                && let Ok(Some(answer)) = answers.into_inner().message().await
            {
                return version(answer.timestamp.expect("a timestamp"));
            }
            pause(deadline, "PD gives no timestamp").await;
        }
    }

    /// The leader of the region that holds a raw key, and the context by which it knows the region.
    ///
    /// # Panics
    /// If PD finds neither in time.
    pub async fn locate(&self, key: &[u8]) -> (TikvClient<Channel>, kvrpcpb::Context) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let request = pdpb::GetRegionRequest {
                header: self.header(),
                region_key: region_key(key),
                need_buckets: false,
            };
            let told = self.pd.clone().get_region(request).await;
            let told = told.map(tonic::Response::into_inner).unwrap_or_default();
            if let (Some(region), Some(leader)) = (told.region, told.leader) {
                let store = self.store(leader.store_id).await;
                let context = kvrpcpb::Context {
                    region_id: region.id,
                    region_epoch: region.region_epoch,
                    peer: Some(leader),
                    ..kvrpcpb::Context::default()
                };
                return (store, context);
            }
            pause(deadline, "no region has a leader").await;
        }
    }

    async fn store(&self, id: u64) -> TikvClient<Channel> {
        let request = pdpb::GetStoreRequest { header: self.header(), store_id: id };
        let told = self.pd.clone().get_store(request).await.unwrap().into_inner();
        let address = told.store.expect("PD knows the store").address;
        let mut stores = self.stores.lock().unwrap_or_else(PoisonError::into_inner);
        let known = stores.entry(address.clone());
        known.or_insert_with(|| TikvClient::new(channel(&address))).clone()
    }

    /// The answer of the region that holds `key`, whatever it says but a region error.
    ///
    /// # Errors
    /// The store's status.
    ///
    /// # Panics
    /// If there are region errors all the time.
    pub async fn send<R: StoreRequest>(
        &self,
        key: &[u8],
        request: R,
    ) -> Result<R::Response, Status> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let (store, context) = self.locate(key).await;
            let response = request.clone().call(store, context).await?;
            match R::region_error(&response) {
                None => return Ok(response),
                Some(error) => pause(deadline, &error.message).await,
            }
        }
    }
}

fn version(timestamp: pdpb::Timestamp) -> u64 {
    let part = |part: i64| u64::try_from(part).expect("a timestamp is not negative");
    (part(timestamp.physical) << 18) + part(timestamp.logical)
}

fn channel(address: &str) -> Channel {
    let url =
        if address.contains("://") { address.to_owned() } else { format!("http://{address}") };
    Endpoint::from_shared(url).unwrap().connect_timeout(Duration::from_secs(5)).connect_lazy()
}

/// Before another try.
async fn pause(deadline: Instant, reason: &str) {
    assert!(Instant::now() < deadline, "given up: {reason}");
    tokio::time::sleep(Duration::from_millis(10)).await;
}
