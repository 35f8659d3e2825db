use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_stream::StreamExt as _;

use super::*;

async fn open() -> (Gate, ReceiverStream<io::Result<Breakable>>) {
    Gate::open(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap()
}

#[tokio::test]
async fn a_reset_connection_ends_for_both_sides() {
    let (gate, mut incoming) = open().await;
    let mut client = TcpStream::connect(gate.address()).await.unwrap();
    let mut server = incoming.next().await.unwrap().unwrap();
    client.write_all(b"a").await.unwrap();
    assert_eq!(server.read_u8().await.unwrap(), b'a');
    let connection = tonic::transport::server::Connected::connect_info(&server);
    let reading = tokio::spawn(async move { server.read_u8().await });
    tokio::task::yield_now().await;
    connection.reset();
    assert_eq!(reading.await.unwrap().unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    assert!(client.read_u8().await.is_err());
}

#[tokio::test]
async fn a_closed_gate_refuses_and_opens_again_on_its_port() {
    let (gate, mut incoming) = open().await;
    let address = gate.address();
    let mut client = TcpStream::connect(address).await.unwrap();
    let mut server = incoming.next().await.unwrap().unwrap();
    gate.close();
    gate.closed().await;
    assert!(server.read_u8().await.is_err());
    drop(server);
    assert!(client.read_u8().await.is_err());
    assert!(TcpStream::connect(address).await.is_err());
    gate.reopen().await;
    let _client = TcpStream::connect(address).await.unwrap();
    incoming.next().await.unwrap().unwrap();
    drop(gate);
    assert!(incoming.next().await.is_none());
}
