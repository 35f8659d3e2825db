//! The generated clients and servers, joined in memory: paths of methods and default answers.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::convert::Infallible;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use prost::Message as _;
use tifusion_proto::etcdserverpb::kv_client::KvClient;
use tifusion_proto::etcdserverpb::kv_server::{Kv, KvServer};
use tifusion_proto::etcdserverpb::{RangeRequest, RangeResponse};
use tifusion_proto::kvrpcpb::{GetRequest, GetResponse, PessimisticRollbackRequest};
use tifusion_proto::pdpb::pd_client::PdClient;
use tifusion_proto::pdpb::pd_server::{Pd, PdServer};
use tifusion_proto::pdpb::{AllocIdRequest, UpdateServiceGcSafePointRequest};
use tifusion_proto::tikvpb::tikv_client::TikvClient;
use tifusion_proto::tikvpb::tikv_server::{Tikv, TikvServer};
use tonic::body::Body;
use tonic::codegen::{Service, async_trait, http};
use tonic::{Code, Request, Response, Status};

/// Passes requests on and writes down their paths.
#[derive(Clone)]
struct Recorder<S> {
    inner: S,
    paths: Arc<Mutex<Vec<String>>>,
}

impl<S> Recorder<S> {
    fn new(inner: S) -> Self {
        Self { inner, paths: Arc::default() }
    }
}

impl<S> Service<http::Request<Body>> for Recorder<S>
where
    S: Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible>,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: http::Request<Body>) -> S::Future {
        self.paths.lock().unwrap().push(request.uri().path().to_owned());
        self.inner.call(request)
    }
}

/// The result of a future that never has to wait, as nothing here leaves memory.
fn ready<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the future waits"),
    }
}

struct OneKeyStore;

#[async_trait]
impl Tikv for OneKeyStore {
    async fn kv_get(&self, request: Request<GetRequest>) -> Result<Response<GetResponse>, Status> {
        let mut response = GetResponse::default();
        match request.into_inner().key.as_slice() {
            b"k" => response.value = "v".into(),
            _ => response.not_found = true,
        }
        Ok(Response::new(response))
    }
}

struct SilentPd;

#[async_trait]
impl Pd for SilentPd {}

#[test]
fn a_store_answers_what_it_implements_and_refuses_the_rest() {
    let recorder = Recorder::new(TikvServer::new(OneKeyStore));
    let mut client = TikvClient::new(recorder.clone());

    let request = GetRequest { key: b"k".to_vec(), ..Default::default() };
    let response = ready(client.kv_get(request)).unwrap().into_inner();
    assert_eq!(response.value.as_ref(), b"v");
    let response = ready(client.kv_get(GetRequest::default())).unwrap().into_inner();
    assert!(response.not_found);

    let refused = ready(client.kv_pessimistic_rollback(PessimisticRollbackRequest::default()));
    assert_eq!(refused.unwrap_err().code(), Code::Unimplemented);

    let paths = recorder.paths.lock().unwrap();
    let expected =
        ["/tikvpb.Tikv/KvGet", "/tikvpb.Tikv/KvGet", "/tikvpb.Tikv/KVPessimisticRollback"];
    assert_eq!(*paths, expected);
}

#[test]
fn pd_methods_keep_the_spelling_of_their_paths() {
    let recorder = Recorder::new(PdServer::new(SilentPd));
    let mut client = PdClient::new(recorder.clone());

    let refused = ready(client.alloc_id(AllocIdRequest::default()));
    assert_eq!(refused.unwrap_err().code(), Code::Unimplemented);
    let request = UpdateServiceGcSafePointRequest::default();
    let refused = ready(client.update_service_gc_safe_point(request));
    assert_eq!(refused.unwrap_err().code(), Code::Unimplemented);

    let paths = recorder.paths.lock().unwrap();
    assert_eq!(*paths, ["/pdpb.PD/AllocID", "/pdpb.PD/UpdateServiceGCSafePoint"]);
}

struct OneKeyEtcd;

#[async_trait]
impl Kv for OneKeyEtcd {
    async fn range(&self, asked: Request<RangeRequest>) -> Result<Response<RangeResponse>, Status> {
        // key = "k" alone, as it goes over the wire.
        assert_eq!(asked.into_inner().encode_to_vec(), b"\x0a\x01k");
        // header = two bytes (left out), kvs = [{key: "k", version: 1, value: "42", lease: 9}], count.
        let wire = b"\x0a\x02\x08\x01\x12\x0b\x0a\x01k\x20\x01\x2a\x0242\x30\x09\x20\x01";
        Ok(Response::new(RangeResponse::decode(wire.as_slice()).unwrap()))
    }
}

#[test]
fn a_key_of_pd_s_etcd_is_read() {
    let recorder = Recorder::new(KvServer::new(OneKeyEtcd));
    let mut client = KvClient::new(recorder.clone());
    let request = RangeRequest { key: b"k".to_vec(), ..Default::default() };
    let response = ready(client.range(request)).unwrap().into_inner();
    assert_eq!((response.count, response.kvs[0].version), (1, 1));
    assert_eq!((&response.kvs[0].key[..], &response.kvs[0].value[..]), (&b"k"[..], &b"42"[..]));
    assert_eq!(*recorder.paths.lock().unwrap(), ["/etcdserverpb.KV/Range"]);
}
