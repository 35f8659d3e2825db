//! TLS: what the servers ask for × what certificates come in × what is wrong, with the answer to each.

use std::time::Duration;

use tifusion_client::options::TlsOptions;
use tifusion_client::snapshot::SnapshotOptions;
use tifusion_client::{Client, ClientError, ClientOptions, ErrorKind};
use tifusion_embedded::{EmbeddedCluster, ServerTls, TlsVersions};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::certificates::{Authority, FORMS, Files, Form, PASSWORD, Signed};

const HOST: &str = "127.0.0.1";

async fn connect(pd: Vec<String>, tls: Option<TlsOptions>) -> Result<(), ClientError> {
    let mut options = ClientOptions::new(pd);
    options.tls = tls;
    options.budgets.pd = Duration::from_secs(1);
    let client = Client::connect(options).await?;
    let snapshot = client.snapshot(client.timestamp().await?, SnapshotOptions::default());
    assert_eq!(snapshot.get(b"nothing").await?, None);
    Ok(())
}

async fn start(server: &Signed, clients: Option<&Authority>) -> EmbeddedCluster {
    let tls = server.server(clients.map(Authority::pem));
    EmbeddedCluster::builder().stores(1).tls(tls).start().await.unwrap()
}

/// The error has one of these texts, and nothing of a password or key.
fn says(case: &str, answer: Result<(), ClientError>, texts: &[&str]) {
    let error = answer.expect_err(case);
    let shown = format!("{error} {error:?}");
    assert!(texts.iter().any(|text| shown.contains(text)), "{case}: {shown}");
    assert!(!shown.contains(PASSWORD) && !shown.contains("BEGIN"), "{case}: {shown}");
}

/// What a client has, made anew for each case.
struct Side {
    files: Files,
    mutual: bool,
}

impl Side {
    fn new(form: Form, mutual: bool, authority: &Authority) -> Self {
        let files = Files::new(form);
        files.trust(&[authority]);
        files.identity(&authority.sign("client"));
        Self { files, mutual }
    }

    async fn connect(&self, cluster: &EmbeddedCluster) -> Result<(), ClientError> {
        connect(cluster.pd_addresses(), Some(self.files.options(self.mutual))).await
    }
}

#[tokio::test]
async fn what_is_good_reads_and_what_is_wrong_on_the_servers_side_is_told() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    for mutual in [false, true] {
        let clients = mutual.then_some(&authority);
        let good = start(&authority.sign(HOST), clients).await;
        let expired = start(&authority.sign_until(HOST, 2001), clients).await;
        let elsewhere = start(&authority.sign("pd.example.com"), clients).await;
        for form in FORMS {
            let case = format!("{form:?}, mutual: {mutual}");
            let client = Side::new(form, mutual, &authority);
            client.connect(&good).await.unwrap_or_else(|error| panic!("{case}: {error}"));
            let answer = client.connect(&expired).await;
            says(&case, answer, &["its certificate expired on Jan  1"]);
            let answer = client.connect(&elsewhere).await;
            let name = "its certificate is not for the name 127.0.0.1, but for";
            says(&case, answer, &[name]);
            client.files.trust(&[&stranger]);
            let answer = client.connect(&good).await;
            assert_eq!(answer.as_ref().unwrap_err().kind(), ErrorKind::Security, "{case}");
            says(&case, answer, &["its certificate was signed by no authority in /"]);
        }
    }
}

#[tokio::test]
async fn what_is_wrong_with_the_clients_files_is_told_before_anything_is_sent() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    for mutual in [false, true] {
        let good = start(&authority.sign(HOST), mutual.then_some(&authority)).await;
        for form in FORMS {
            let case = format!("{form:?}, mutual: {mutual}");
            let anew = || Side::new(form, mutual, &authority);
            let client = anew();
            client.files.forget("trust");
            says(&case, client.connect(&good).await, &["cannot be read: No such file"]);
            if form != Form::Pem {
                let mut client = anew();
                client.files.password = "wrong".to_owned();
                says(&case, client.connect(&good).await, &["does not open with its password"]);
            }
            if !mutual {
                continue;
            }
            let client = anew();
            client.files.forget("client");
            says(&case, client.connect(&good).await, &["cannot be read: No such file"]);
            let client = anew();
            client.files.identity(&authority.sign_until("client", 2001));
            let text = "holds a certificate of CN=client that expired on Jan  1";
            says(&case, client.connect(&good).await, &[text]);
            let client = anew();
            client.files.identity(&authority.sign("a").with_key_of(&authority.sign("b")));
            let texts =
                ["holds a private key that is not the one of", "no certificate that belongs to it"];
            says(&case, client.connect(&good).await, &texts);
            // The server's word, unless the connection is gone before it can be read.
            let client = anew();
            client.files.identity(&stranger.sign("client"));
            let texts = ["it refuses the client certificate of /", "or for a client certificate?"];
            says(&case, client.connect(&good).await, &texts);
            let client = Side { mutual: false, ..anew() };
            let texts = [
                "it asks for a client certificate, and none is set up",
                "or for a client certificate?",
            ];
            says(&case, client.connect(&good).await, &texts);
        }
    }
}

#[tokio::test]
async fn plain_text_and_tls_do_not_meet() {
    let authority = Authority::new();
    let plain = EmbeddedCluster::builder().stores(1).start().await.unwrap();
    connect(plain.pd_addresses(), None).await.unwrap();
    for form in FORMS {
        let client = Side::new(form, false, &authority);
        says(
            "TLS to plain text",
            client.connect(&plain).await,
            &["is not TLS", "is TLS off there?"],
        );
    }
    for clients in [None, Some(&authority)] {
        let secure = start(&authority.sign(HOST), clients).await;
        let answer = connect(secure.pd_addresses(), None).await;
        says("plain text to TLS", answer, &["does the peer ask for TLS"]);
    }
}

#[tokio::test]
async fn tls_1_2_and_tls_1_3_are_spoken() {
    let authority = Authority::new();
    for versions in [TlsVersions::Only12, TlsVersions::Only13] {
        for mutual in [false, true] {
            let tls = authority.sign(HOST).server(mutual.then(|| authority.pem()));
            let tls = ServerTls { versions, ..tls };
            let cluster = EmbeddedCluster::builder().stores(1).tls(tls).start().await.unwrap();
            for form in FORMS {
                let case = format!("{versions:?}, {form:?}, mutual: {mutual}");
                let client = Side::new(form, mutual, &authority);
                client.connect(&cluster).await.unwrap_or_else(|error| panic!("{case}: {error}"));
            }
        }
    }
}

/// A server that knows no newer TLS than 1.1 chooses that.
async fn old_server() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut hello = [0; 4096];
            let read = socket.read(&mut hello).await.unwrap();
            assert_eq!(hello[0], 22, "{:?} is a handshake", &hello[..read]);
            // A record of TLS 1.1 with ServerHello: the version, 32 random bytes, no session, a suite of
            // that time (ECDHE-RSA-AES128-SHA), no compression.
            let mut answer = vec![22, 3, 2, 0, 42, 2, 0, 0, 38, 3, 2];
            answer.extend([7; 32]);
            answer.extend([0, 0xc0, 0x13, 0]);
            socket.write_all(&answer).await.unwrap();
            // Until the client has gone.
            let _ = socket.read_to_end(&mut Vec::new()).await;
        }
    });
    address
}

#[tokio::test]
async fn nothing_older_than_tls_1_2_is_spoken() {
    let authority = Authority::new();
    let address = old_server().await;
    for mutual in [false, true] {
        for form in FORMS {
            let client = Side::new(form, mutual, &authority);
            let tls = Some(client.files.options(mutual));
            let answer = connect(vec![address.clone()], tls).await;
            assert_eq!(answer.as_ref().unwrap_err().kind(), ErrorKind::Security);
            says("TLS 1.1", answer, &["TLS 1.2 and 1.3 are spoken here, and neither there"]);
        }
    }
}
