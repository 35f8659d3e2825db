use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use tifusion_proto::autoid::auto_id_alloc_server::{AutoIdAlloc, AutoIdAllocServer};
use tifusion_proto::autoid::{AutoIdResponse, RebaseResponse};
use tonic::{Request, Response, Status};

use super::*;
use crate::clock::TokioClock;
use crate::options::ClientOptions;
use crate::pd::PdClient;
use crate::pd::stub::{self, Cluster};

const TABLE: AutoIdTable = AutoIdTable { db_id: 2, table_id: 104, is_unsigned: false };

/// What the servers of a cluster share.
#[derive(Debug, Default)]
struct Ids {
    last: AtomicI64,
    /// Which server leads.
    leader: AtomicUsize,
    /// Requests that find the number moved, but get no answer.
    lost: AtomicUsize,
}

/// A server with the service.
struct Server {
    ids: Arc<Ids>,
    index: usize,
}

impl Server {
    fn check(&self) -> Result<(), Status> {
        match self.ids.leader.load(Ordering::Relaxed) == self.index {
            true => Ok(()),
            false => Err(Status::unknown("not leader")),
        }
    }
}

#[tonic::async_trait]
impl AutoIdAlloc for Server {
    async fn alloc_auto_id(
        &self,
        request: Request<AutoIdRequest>,
    ) -> Result<Response<AutoIdResponse>, Status> {
        self.check()?;
        let request = request.into_inner();
        assert_eq!((request.db_id, request.tbl_id, request.keyspace_id), (2, 104, u32::MAX));
        assert_eq!((request.increment, request.offset), (1, 1));
        if request.n > 1_000 {
            let errmsg = b"Failed to read auto-increment value from storage engine".to_vec();
            return Ok(Response::new(AutoIdResponse { errmsg, ..AutoIdResponse::default() }));
        }
        let count = i64::try_from(request.n).unwrap();
        let min = self.ids.last.fetch_add(count, Ordering::Relaxed);
        let lost = self
            .ids
            .lost
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |lost| lost.checked_sub(1));
        match lost {
            Ok(_) => Err(Status::unavailable("the connection broke")),
            Err(_) => Ok(Response::new(AutoIdResponse { min, max: min + count, errmsg: vec![] })),
        }
    }

    async fn rebase(
        &self,
        request: Request<RebaseRequest>,
    ) -> Result<Response<RebaseResponse>, Status> {
        self.check()?;
        let request = request.into_inner();
        assert!(!request.force);
        self.ids.last.fetch_max(request.base, Ordering::Relaxed);
        Ok(Response::new(RebaseResponse::default()))
    }
}

/// Starts a server; where it is comes back.
fn start(ids: &Arc<Ids>, index: usize) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address: SocketAddr = listener.local_addr().unwrap();
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener);
    let service = AutoIdAllocServer::new(Server { ids: Arc::clone(ids), index });
    let server = tonic::transport::Server::builder().add_service(service);
    tokio::spawn(server.serve_with_incoming(incoming));
    address.to_string()
}

fn elect(cluster: &Cluster, address: &str) {
    *cluster.candidates.lock() = vec![(ELECTION.to_owned(), address.to_owned())];
}

fn backoffer(budget: Duration) -> Backoffer {
    Backoffer::new(Arc::new(TokioClock), budget)
}

/// Maps names that only the cluster knows.
#[derive(Debug)]
struct Named(String);

impl AddressMap for Named {
    fn map(&self, address: &str) -> Option<String> {
        (address == "tidb-0.inside:10080").then(|| self.0.clone())
    }
}

async fn service(pd: &str, map: Option<Arc<dyn AddressMap>>) -> AutoIdService {
    let options = ClientOptions::new([pd]);
    let channels = Arc::new(Channels::new(&options, Arc::new(TokioClock)).unwrap());
    let clock = Arc::new(TokioClock);
    let mut bo = backoffer(PATIENCE);
    let pd = PdClient::connect(&options, Arc::clone(&channels), clock, &mut bo).await.unwrap();
    AutoIdService::new(Arc::new(pd), Some(channels), map, Duration::from_secs(10))
}

#[tokio::test]
async fn ids_come_from_the_leader_wherever_it_is() {
    let (cluster, members) = stub::start(7, 1);
    let ids = Arc::new(Ids::default());
    let servers = [start(&ids, 0), start(&ids, 1)];
    elect(&cluster, &servers[0]);
    let service = service(&members[0].address, None).await;
    let mut bo = backoffer(PATIENCE);
    assert_eq!(service.take(&mut bo, TABLE, 3).await.unwrap(), (0, 3));
    service.rebase(&mut bo, TABLE, 100).await.unwrap();
    assert_eq!(service.take(&mut bo, TABLE, 2).await.unwrap(), (100, 102));
    assert_eq!(bo.attempts(), 0);
    // The election has another winner: the old one says that it does not lead.
    ids.leader.store(1, Ordering::Relaxed);
    elect(&cluster, &servers[1]);
    assert_eq!(service.take(&mut bo, TABLE, 1).await.unwrap(), (102, 103));
    // What an answer that was lost has taken is never given.
    ids.lost.store(1, Ordering::Relaxed);
    assert_eq!(service.take(&mut bo, TABLE, 1).await.unwrap(), (104, 105));
    let error = service.take(&mut bo, TABLE, 5_000).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    assert!(error.to_string().contains("Failed to read auto-increment value"), "{error}");
}

#[tokio::test]
async fn a_leader_that_nobody_reaches_is_named_and_so_is_that_there_is_none() {
    let (cluster, members) = stub::start(7, 1);
    let service = service(&members[0].address, None).await;
    let short = Duration::from_millis(300);
    let error = service.take(&mut backoffer(short), TABLE, 1).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded, "{error}");
    assert!(error.to_string().contains("no TiDB server leads the auto id service"), "{error}");
    cluster.no_etcd.store(true, Ordering::Relaxed);
    let error = service.take(&mut backoffer(short), TABLE, 1).await.unwrap_err();
    assert!(error.to_string().contains("auto id service can't be found"), "{error}");
    cluster.no_etcd.store(false, Ordering::Relaxed);
    let dead = stub::dead_address();
    elect(&cluster, &dead);
    let error = service.take(&mut backoffer(short), TABLE, 1).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded, "{error}");
    let said = error.to_string();
    assert!(said.contains("auto id service") && said.contains(&dead), "{said}");
}

#[tokio::test]
async fn the_leaders_address_is_mapped_as_others_are() {
    let (cluster, members) = stub::start(7, 1);
    let ids = Arc::new(Ids::default());
    elect(&cluster, "tidb-0.inside:10080");
    let map = Arc::new(Named(start(&ids, 0)));
    let service = service(&members[0].address, Some(map)).await;
    assert_eq!(service.take(&mut backoffer(PATIENCE), TABLE, 4).await.unwrap(), (0, 4));
}
