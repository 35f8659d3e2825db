//! Servers on loopback.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use tifusion_proto::autoid::auto_id_alloc_server::AutoIdAllocServer;
use tifusion_proto::etcdserverpb::kv_server::KvServer;
use tifusion_proto::metapb;
use tifusion_proto::pdpb::pd_server::PdServer;
use tifusion_proto::tikvpb::tikv_server::TikvServer;
use tokio::task::JoinSet;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Server;
use tonic::transport::server::Router;

use super::tls::{ServerTls, ServerTlsError};
use crate::catalog::Catalog;
use crate::net::{Acceptor, Breakable, Gate};
use crate::pd::{AutoIds, PdService, VERSION};
use crate::state::State;
use crate::store::StoreService;

/// HTTP/2 windows: large requests do not wait for window updates.
const WINDOW: u32 = 8 << 20;

/// Where servers are, and where they say they are.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) listen: IpAddr,
    pub(super) advertise: Option<String>,
}

/// Plain text or TLS, and where.
#[derive(Debug)]
pub(super) struct Security {
    tls: Option<Arc<Acceptor>>,
    place: Place,
}

impl Security {
    pub(super) fn new(tls: Option<&ServerTls>, place: Place) -> Result<Self, ServerTlsError> {
        let config = tls.map(ServerTls::config).transpose()?;
        Ok(Self { tls: config.map(|config| Arc::new(Acceptor::new(config))), place })
    }

    /// Other certificates for connections from now on.
    pub(super) fn replace(&self, tls: &ServerTls) -> Result<(), ServerTlsError> {
        let acceptor = self.tls.as_ref().ok_or(ServerTlsError::Off)?;
        acceptor.replace(tls.config()?);
        Ok(())
    }

    fn url(&self, address: SocketAddr) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.advertised(address))
    }

    fn advertised(&self, address: SocketAddr) -> String {
        match &self.place.advertise {
            Some(host) => format!("{host}:{}", address.port()),
            None => address.to_string(),
        }
    }

    fn any_port(&self) -> SocketAddr {
        SocketAddr::from((self.place.listen, 0))
    }

    fn serve(
        &self,
        servers: &mut JoinSet<()>,
        router: Router,
        incoming: ReceiverStream<io::Result<Breakable>>,
    ) {
        let tls = self.tls.clone();
        servers.spawn(async move {
            let served = match tls {
                None => router.serve_with_incoming(incoming).await,
                Some(tls) => router.serve_with_incoming(tls.secure(incoming)).await,
            };
            if let Err(error) = served {
                tracing::error!(%error, "a server ended");
            }
        });
    }
}

/// Starts PD, and on its address TiDB's auto id service.
pub(super) async fn pd(
    state: &Arc<State>,
    catalog: &Arc<Catalog>,
    security: &Security,
    servers: &mut JoinSet<()>,
) -> io::Result<Gate> {
    let (gate, incoming) = Gate::open(security.any_port()).await?;
    let pd = Arc::new(PdService::new(Arc::clone(state), security.url(gate.address())));
    let ids = AutoIds::new(Arc::clone(&pd), Arc::clone(catalog));
    let router = router()
        .add_service(PdServer::from_arc(Arc::clone(&pd)).max_decoding_message_size(usize::MAX))
        .add_service(KvServer::from_arc(pd))
        .add_service(AutoIdAllocServer::new(ids));
    security.serve(servers, router, incoming);
    Ok(gate)
}

/// Starts a store, and tells the topology where it listens.
pub(super) async fn store(
    state: &Arc<State>,
    security: &Security,
    id: u64,
    tiflash: bool,
    servers: &mut JoinSet<()>,
) -> io::Result<()> {
    let (gate, incoming) = Gate::open(security.any_port()).await?;
    let address = security.advertised(gate.address());
    state.change(|topology| topology.set_address(id, &address));
    state.add_gate(id, Arc::new(gate));
    let service = StoreService::new(id, tiflash, Arc::clone(state));
    let service = TikvServer::new(service).max_decoding_message_size(usize::MAX);
    security.serve(servers, router().add_service(service), incoming);
    Ok(())
}

fn router() -> Server {
    Server::builder()
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW.saturating_mul(4))
}

/// What PD tells of a store.
pub(super) fn store_meta(id: u64, tiflash: bool) -> metapb::Store {
    let label = |key: &str, value: &str| metapb::StoreLabel {
        key: key.to_owned(),
        value: value.to_owned(),
    };
    metapb::Store {
        id,
        version: VERSION.to_owned(),
        labels: if tiflash { vec![label("engine", "tiflash")] } else { Vec::new() },
        node_state: metapb::NodeState::Serving.into(),
        ..metapb::Store::default()
    }
}
