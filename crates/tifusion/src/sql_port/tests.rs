use std::collections::HashMap;
use std::path::Path;

use super::*;
use crate::config::Config;
use crate::error::{Error, ErrorKind};

fn port(more: &[(&str, &str)]) -> SqlPort {
    let given = [("tidb.addr", "127.0.0.1"), ("tidb.user", "app"), ("tidb.password", "hunter2")];
    let map: HashMap<_, _> = given
        .iter()
        .chain(more)
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    SqlPort::of(Config::from_map(&map).unwrap().settings()).unwrap()
}

async fn refusal(port: &SqlPort) -> Error {
    port.session(&SessionOptions::default()).await.unwrap_err()
}

#[test]
fn without_an_address_there_is_none() {
    assert!(SqlPort::of(Config::default().settings()).is_none());
}

#[test]
fn the_password_is_not_shown() {
    let shown = format!("{:?}", port(&[]));
    assert!(shown.contains("127.0.0.1:4000") && shown.contains("app"), "{shown}");
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_named() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let free = listener.local_addr().unwrap().port().to_string();
    drop(listener);
    let error = refusal(&port(&[("tidb.port", &free)])).await;
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    let said = error.to_string();
    assert!(said.contains(&format!("app@127.0.0.1:{free}")) && !said.contains("hunter2"), "{said}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_answers_is_waited_for_so_long() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = listener.local_addr().unwrap().port().to_string();
    let error = refusal(&port(&[("tidb.port", &silent), ("grpc.timeout_in_sec", "7")])).await;
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(error.to_string().contains("7s"), "{error}");
}

fn written(folder: &Path, name: &str, bytes: &[u8]) -> String {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path.to_str().unwrap().to_owned()
}

#[tokio::test]
async fn stores_that_are_wrong_are_named_and_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    let text = written(folder.path(), "text.pem", b"hello");
    let jks = written(folder.path(), "trust.jks", &[0xfe, 0xed, 0xfe, 0xed, 0, 0, 0, 2]);
    let p12 = written(folder.path(), "client.p12", &[0x30, 0x82, 1, 2]);
    let missing = folder.path().join("missing.pem").to_str().unwrap().to_owned();
    for (key, path, said) in [
        ("jdbc.server_cert_store", &text, "holds no certificate"),
        ("jdbc.server_cert_store", &jks, "damaged"),
        ("jdbc.client_cert_store", &p12, "damaged"),
        ("jdbc.client_cert_store", &missing, "can't be read"),
    ] {
        let error = refusal(&port(&[("jdbc.tls_enable", "true"), (key, path)])).await;
        assert_eq!(error.kind(), ErrorKind::Security, "{error}");
        let told = error.to_string();
        assert!(told.contains(said) && told.contains(path.as_str()), "{told}");
        assert!(told.contains(key) && !told.contains("hello"), "{told}");
    }
}
