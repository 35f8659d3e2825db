//! A way to the stores that ends at one request.

use std::convert::Infallible;
use std::future::{pending, poll_fn};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};

use tifusion_proto::pdpb;
use tifusion_testkit::raw_cluster::RawCluster;
use tokio::sync::Semaphore;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::{BoxFuture, Service, http};
use tonic::server::NamedService;
use tonic::transport::{Channel, Endpoint, Server};

/// Where a writer dies: at a request, before the store hears of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Death {
    /// The prewrite behind so many others.
    Prewrite(usize),
    /// The commit behind so many others: the first is the primary's.
    Commit(usize),
}

/// The end of the ways to all stores of a cluster.
#[derive(Debug)]
pub(super) struct Ending {
    death: Death,
    /// Requests of the kind that death waits for.
    seen: AtomicUsize,
    is_dead: AtomicBool,
    told: Semaphore,
}

impl Ending {
    /// Makes ways to the stores that end with `death`; what `host_mapping` has to be for them comes back, too.
    pub(super) async fn of(pd: &str, death: Death) -> (Arc<Self>, String) {
        let ending = Arc::new(Self {
            death,
            seen: AtomicUsize::new(0),
            is_dead: AtomicBool::new(false),
            told: Semaphore::new(0),
        });
        let raw = RawCluster::connect(pd).await;
        let request =
            pdpb::GetAllStoresRequest { header: raw.header(), exclude_tombstone_stores: true };
        let stores = raw.pd().get_all_stores(request).await.unwrap().into_inner().stores;
        let mut mapping = Vec::new();
        for store in stores {
            let way = Way::to(&store.address, &ending).await;
            mapping.push(format!("{}:{way}", store.address));
        }
        (ending, mapping.join(";"))
    }

    /// Returns when a request has met the end. None gets through any more.
    pub(super) async fn reached(&self) {
        let _told = self.told.acquire().await.unwrap();
    }

    /// Whether a request meets the end.
    fn is_at(&self, path: &str) -> bool {
        let (kind, before) = match self.death {
            Death::Prewrite(before) => ("KvPrewrite", before),
            Death::Commit(before) => ("KvCommit", before),
        };
        let is_it = path.rsplit('/').next() == Some(kind)
            && self.seen.fetch_add(1, Ordering::SeqCst) >= before;
        if is_it {
            self.is_dead.store(true, Ordering::SeqCst);
            self.told.add_permits(1);
        }
        self.is_dead.load(Ordering::SeqCst)
    }
}

/// A server that passes on what it hears to a store.
#[derive(Debug, Clone)]
struct Way {
    store: Channel,
    ending: Arc<Ending>,
}

impl Way {
    /// Starts a server in front of the store at `address`; where it is comes back.
    async fn to(address: &str, ending: &Arc<Ending>) -> SocketAddr {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let place = listener.local_addr().unwrap();
        let store = Endpoint::from_shared(format!("http://{address}")).unwrap().connect_lazy();
        let way = Self { store, ending: Arc::clone(ending) };
        let server = Server::builder().add_service(way);
        tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        place
    }
}

impl NamedService for Way {
    const NAME: &'static str = "tikvpb.Tikv";
}

impl Service<http::Request<Body>> for Way {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Self::Error>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let Self { mut store, ending } = self.clone();
        Box::pin(async move {
            if ending.is_at(request.uri().path()) {
                pending::<()>().await;
            }
            let answer = async {
                poll_fn(|context| store.poll_ready(context)).await?;
                store.call(request).await
            };
            Ok(answer
                .await
                .unwrap_or_else(|error| Status::unavailable(error.to_string()).into_http()))
        })
    }
}
