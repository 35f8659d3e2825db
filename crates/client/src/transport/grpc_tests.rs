use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures::StreamExt as _;
use tifusion_proto::tikvpb::tikv_server::{Tikv, TikvServer};
use tifusion_proto::{coprocessor, kvrpcpb};
use tokio::sync::Notify;
use tokio_stream::wrappers::TcpListenerStream;

use super::super::StatusCode;
use super::*;
use crate::clock::TokioClock;
use crate::options::ClientOptions;

/// A store that answers `Coprocessor` with as many bytes as its `start_ts` says, refuses other
/// sizes, and never answers `KvGet`.
#[derive(Debug, Default)]
struct Store {
    gets: Notify,
    cancelled: Arc<Notify>,
    connections: AtomicUsize,
    timeouts: parking_lot::Mutex<Vec<String>>,
}

struct Service(Arc<Store>);

struct OnDrop(Arc<Notify>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

#[tonic::async_trait]
impl Tikv for Service {
    async fn coprocessor(
        &self,
        request: Request<coprocessor::Request>,
    ) -> Result<Response<coprocessor::Response>, Status> {
        let told = request.metadata().get("grpc-timeout").unwrap();
        self.0.timeouts.lock().push(told.to_str().unwrap().to_owned());
        let size = usize::try_from(request.into_inner().start_ts).unwrap();
        let data = Bytes::from(vec![7; size]);
        Ok(Response::new(coprocessor::Response { data, ..coprocessor::Response::default() }))
    }

    async fn kv_get(
        &self,
        _request: Request<kvrpcpb::GetRequest>,
    ) -> Result<Response<kvrpcpb::GetResponse>, Status> {
        let _guard = OnDrop(Arc::clone(&self.0.cancelled));
        self.0.gets.notify_one();
        std::future::pending().await
    }
}

/// Serves on this listener until the task is aborted or the runtime ends.
fn serve(listener: TcpListener) -> (Arc<Store>, String) {
    let store = Arc::new(Store::default());
    let address = listener.local_addr().unwrap().to_string();
    listener.set_nonblocking(true).unwrap();
    let incoming = TcpListenerStream::new(tokio::net::TcpListener::from_std(listener).unwrap());
    let counted = Arc::clone(&store);
    let incoming = incoming.inspect(move |_| {
        counted.connections.fetch_add(1, Ordering::Relaxed);
    });
    let server = tonic::transport::Server::builder()
        .add_service(TikvServer::new(Service(Arc::clone(&store))));
    tokio::spawn(server.serve_with_incoming(incoming));
    (store, address)
}

fn loopback() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

fn transport(change: impl FnOnce(&mut ClientOptions)) -> GrpcTransport {
    let mut options = ClientOptions::default();
    change(&mut options);
    let channels = Arc::new(Channels::new(&options, Arc::new(TokioClock)).unwrap());
    GrpcTransport::new(channels, Arc::new(TokioClock), options.max_message_size)
}

fn cop(size: u64) -> StoreRequest {
    let request = coprocessor::Request { start_ts: size, ..coprocessor::Request::default() };
    StoreRequest::Coprocessor(request)
}

fn get() -> StoreRequest {
    StoreRequest::Get(kvrpcpb::GetRequest::default())
}

const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(50);

#[tokio::test]
async fn an_answer_comes_back_whole() {
    let (store, address) = serve(loopback());
    let transport = transport(|_| ());
    for size in [0, 100, 20 << 20] {
        let answer = transport.call(&address, cop(size), LONG).await.unwrap();
        let StoreResponse::Coprocessor(answer) = answer else { panic!("{answer:?}") };
        assert_eq!(u64::try_from(answer.data.len()).unwrap(), size);
    }
    // The store knows how long the client waits.
    assert_eq!(store.timeouts.lock().as_slice(), ["60000000u", "60000000u", "60000000u"]);
}

#[tokio::test]
async fn nobody_listening_is_told_as_such() {
    let listener = loopback();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let transport = transport(|_| ());
    let error = transport.call(&address, get(), LONG).await.unwrap_err();
    let TransportError::Connect { address: told, message } = error else { panic!("{error:?}") };
    assert_eq!(told, address);
    assert!(message.contains("refused"), "{message}");
    // The channel dials again when somebody listens.
    let (_store, _) = serve(TcpListener::bind(&address).unwrap());
    transport.call(&address, cop(1), LONG).await.unwrap();
}

#[tokio::test]
async fn what_is_no_address_is_an_error() {
    for address in ["", "a b:1", "127.0.0.1:x"] {
        let error = transport(|_| ()).call(address, get(), LONG).await.unwrap_err();
        assert!(matches!(error, TransportError::Connect { .. }), "{address}: {error:?}");
    }
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_given_up_and_told_so() {
    let (store, address) = serve(loopback());
    let transport = transport(|_| ());
    loop {
        let error = transport.call(&address, get(), SHORT).await.unwrap_err();
        assert!(matches!(error, TransportError::Timeout { timeout: SHORT, .. }), "{error:?}");
        // On a machine that does much else the call may have been given up on its way.
        if tokio::time::timeout(LONG / 60, store.cancelled.notified()).await.is_ok() {
            break;
        }
    }
}

#[tokio::test]
async fn a_listener_that_says_nothing_times_out() {
    let listener = loopback();
    let address = listener.local_addr().unwrap().to_string();
    let error = transport(|_| ()).call(&address, get(), SHORT).await.unwrap_err();
    assert!(matches!(error, TransportError::Timeout { .. }), "{error:?}");
}

#[tokio::test]
async fn a_dropped_call_is_cancelled_at_the_store() {
    let (store, address) = serve(loopback());
    let transport = transport(|_| ());
    let call = transport.call(&address, get(), LONG);
    tokio::select! {
        answer = call => panic!("{answer:?}"),
        () = store.gets.notified() => {}
    }
    store.cancelled.notified().await;
}

#[tokio::test]
async fn a_store_that_dies_during_a_call_is_unavailable() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let (store, address) = {
        let _guard = runtime.enter();
        serve(loopback())
    };
    let transport = transport(|_| ());
    let call = transport.call(&address, get(), LONG);
    let death = async {
        store.gets.notified().await;
        runtime.shutdown_background();
    };
    let (answer, ()) = tokio::join!(call, death);
    let error = answer.unwrap_err();
    assert!(
        matches!(error, TransportError::Status { code: StatusCode::Unavailable, .. }),
        "{error:?}"
    );
    // Until its port is closed as well, connections are made and break.
    loop {
        match transport.call(&address, cop(1), LONG).await.unwrap_err() {
            TransportError::Connect { .. } => break,
            TransportError::Status { code: StatusCode::Unavailable, .. } => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_message_above_the_limit_is_an_error_not_a_hang() {
    let (_store, address) = serve(loopback());
    let transport = transport(|options| options.max_message_size = 1 << 20);
    let error = transport.call(&address, cop(2 << 20), LONG).await.unwrap_err();
    assert!(
        matches!(error, TransportError::Status { code: StatusCode::ResourceExhausted, .. }),
        "{error:?}"
    );
    assert!(error.to_string().contains("too large"), "{error}");
    transport.call(&address, cop(1 << 19), LONG).await.unwrap();
}

#[tokio::test]
async fn a_method_the_store_does_not_know_is_told_as_such() {
    let (_store, address) = serve(loopback());
    let scan = StoreRequest::Scan(kvrpcpb::ScanRequest::default());
    let error = transport(|_| ()).call(&address, scan, LONG).await.unwrap_err();
    assert!(
        matches!(error, TransportError::Status { code: StatusCode::Unimplemented, .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn calls_take_turns_on_the_connections_of_a_store() {
    let (store, address) = serve(loopback());
    let transport = transport(|options| options.connections_per_store = 3);
    for _ in 0..9 {
        transport.call(&address, cop(1), LONG).await.unwrap();
    }
    assert_eq!(store.connections.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn after_a_disconnect_calls_under_way_go_on_and_the_next_dials_anew() {
    let (store, address) = serve(loopback());
    let transport = transport(|options| options.connections_per_store = 1);
    let mut under_way = Box::pin(transport.call(&address, get(), LONG));
    tokio::select! {
        answer = &mut under_way => panic!("{answer:?}"),
        () = store.gets.notified() => {}
    }
    transport.disconnect(&address);
    transport.call(&address, cop(1), LONG).await.unwrap();
    assert_eq!(store.connections.load(Ordering::Relaxed), 2);
    assert!(futures::poll!(&mut under_way).is_pending());
}

/// Passes bytes on until told to stop; then the connection is as dead as behind a cable that was pulled.
async fn pass_on(address: String, pulled: Arc<Notify>) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let here = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        let (mut near, _) = listener.accept().await.unwrap();
        let mut far = tokio::net::TcpStream::connect(address).await.unwrap();
        tokio::select! {
            ended = tokio::io::copy_bidirectional(&mut near, &mut far) => panic!("{ended:?}"),
            () = pulled.notified() => std::future::pending().await,
        }
    });
    here
}

#[tokio::test]
async fn a_connection_that_went_silent_is_found_out_while_a_call_waits() {
    let (store, address) = serve(loopback());
    let pulled = Arc::<Notify>::default();
    let here = pass_on(address, Arc::clone(&pulled)).await;
    let transport = transport(|options| {
        options.connections_per_store = 1;
        options.keep_alive_interval = SHORT;
        options.keep_alive_timeout = SHORT;
    });
    let call = transport.call(&here, get(), LONG);
    let cut = async {
        store.gets.notified().await;
        pulled.notify_one();
    };
    let (answer, ()) = tokio::join!(call, cut);
    let error = answer.unwrap_err();
    assert!(
        matches!(error, TransportError::Status { code: StatusCode::Unavailable, .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn plain_text_where_tls_is_asked_for_is_a_tls_error() {
    let (_store, address) = serve(loopback());
    let authority = crate::tls::testing::Authority::new();
    let transport = transport(|options| options.tls = Some(authority.trusted()));
    let error = transport.call(&address, cop(1), LONG).await.unwrap_err();
    let TransportError::Security { message, .. } = error else { panic!("{error:?}") };
    assert!(message.contains("not TLS"), "{message}");
}
