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
use tonic::transport::server::Router;
use tonic::transport::{Certificate, Identity, Server, ServerTlsConfig};

use super::ServerTls;
use crate::catalog::Catalog;
use crate::net::{Breakable, Gate};
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
    base: Option<Server>,
    secure: bool,
    place: Place,
}

impl Security {
    pub(super) fn new(
        tls: Option<ServerTls>,
        place: Place,
    ) -> Result<Self, tonic::transport::Error> {
        let Some(tls) = tls else { return Ok(Self { base: None, secure: false, place }) };
        // tonic's server takes the process's provider of cryptography: where two are compiled in there
        // is none until one is named, and it panics. One that was named already stays.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut config =
            ServerTlsConfig::new().identity(Identity::from_pem(tls.cert_chain, tls.key));
        if let Some(ca) = tls.client_ca {
            config = config.client_ca_root(Certificate::from_pem(ca));
        }
        Ok(Self { base: Some(Server::builder().tls_config(config)?), secure: true, place })
    }

    fn server(&self) -> Server {
        self.base
            .clone()
            .unwrap_or_default()
            .initial_stream_window_size(WINDOW)
            .initial_connection_window_size(WINDOW.saturating_mul(4))
    }

    fn url(&self, address: SocketAddr) -> String {
        let scheme = if self.secure { "https" } else { "http" };
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
    let router = security
        .server()
        .add_service(PdServer::from_arc(Arc::clone(&pd)).max_decoding_message_size(usize::MAX))
        .add_service(KvServer::from_arc(pd))
        .add_service(AutoIdAllocServer::new(ids));
    serve(servers, router, incoming);
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
    serve(servers, security.server().add_service(service), incoming);
    Ok(())
}

fn serve(
    servers: &mut JoinSet<()>,
    router: Router,
    incoming: ReceiverStream<io::Result<Breakable>>,
) {
    servers.spawn(async move {
        if let Err(error) = router.serve_with_incoming(incoming).await {
            tracing::error!(%error, "a server ended");
        }
    });
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
