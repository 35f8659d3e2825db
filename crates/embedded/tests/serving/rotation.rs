//! Certificates that change while clients are at work.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tifusion_client::backoff::Backoffer;
use tifusion_client::clock::{Clock, TokioClock};
use tifusion_client::options::TlsOptions;
use tifusion_client::pd::PdClient;
use tifusion_client::snapshot::SnapshotOptions;
use tifusion_client::transport::Channels;
use tifusion_client::txn::{Mutation, NoGuard, TxnOptions};
use tifusion_client::{Client, ClientOptions};
use tifusion_embedded::EmbeddedCluster;

use crate::certificates::{Authority, FORMS, Files, Form};

const SOON: Duration = Duration::from_millis(30);

/// Until told to stop: a value written, and read at a later snapshot.
async fn work(client: Client, number: usize, done: Arc<AtomicUsize>, stop: Arc<AtomicBool>) {
    let key = format!("key{number}").into_bytes();
    let mut turn = 0_u64;
    while !stop.load(Ordering::Relaxed) {
        turn += 1;
        let value = turn.to_be_bytes().to_vec();
        let mut txn = client.begin(TxnOptions::default()).await.unwrap();
        txn.prewrite(vec![Mutation::put(key.clone(), value.clone())]).await.unwrap();
        txn.commit(&NoGuard).await.unwrap();
        let snapshot =
            client.snapshot(client.timestamp().await.unwrap(), SnapshotOptions::default());
        assert_eq!(snapshot.get(&key).await.unwrap().as_deref(), Some(&value[..]));
        done.fetch_add(1, Ordering::Relaxed);
    }
}

/// Waits until that much more was done.
async fn until(done: &AtomicUsize, more: usize) {
    let goal = done.load(Ordering::Relaxed) + more;
    while done.load(Ordering::Relaxed) < goal {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Both authorities are known to the servers. The client's certificate comes from one and the other in turn,
/// and its connections are closed under way soon after.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_statement_fails_while_certificates_are_replaced() {
    let (first, second) = (Authority::new(), Authority::new());
    let both = Some(first.pem() + &second.pem());
    let tls = first.sign("127.0.0.1").server(both);
    let cluster = EmbeddedCluster::builder().tls(tls).start().await.unwrap();
    for form in FORMS {
        let files = Files::new(form);
        files.trust(&[&first]);
        files.identity(&first.sign("client"));
        let mut options = ClientOptions::new(cluster.pd_addresses());
        options.tls =
            Some(TlsOptions { reload_interval: SOON, recycle_time: SOON, ..files.options(true) });
        let client = Client::connect(options).await.unwrap();
        let (done, stop) = (Arc::<AtomicUsize>::default(), Arc::<AtomicBool>::default());
        let workers: Vec<_> = (0..8)
            .map(|number| work(client.clone(), number, Arc::clone(&done), Arc::clone(&stop)))
            .map(tokio::spawn)
            .collect();
        for round in 0..6 {
            let authority = if round % 2 == 0 { &second } else { &first };
            files.trust(&[authority, &first]);
            files.identity(&authority.sign("client"));
            tokio::time::sleep(SOON * 3).await;
            until(&done, 40).await;
        }
        // What is no certificate changes nothing.
        files.forget("client");
        tokio::time::sleep(SOON * 3).await;
        until(&done, 40).await;
        stop.store(true, Ordering::Relaxed);
        for worker in workers {
            worker.await.unwrap();
        }
    }
}

/// The servers' certificates are replaced as well, by those of an authority that clients have known before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_statement_fails_while_the_servers_certificates_are_replaced() {
    let (first, second) = (Authority::new(), Authority::new());
    let both = Some(first.pem() + &second.pem());
    let tls = first.sign("127.0.0.1").server(both.clone());
    let cluster = EmbeddedCluster::builder().tls(tls).start().await.unwrap();
    let files = Files::new(Form::Pem);
    files.trust(&[&first, &second]);
    files.identity(&first.sign("client"));
    let mut options = ClientOptions::new(cluster.pd_addresses());
    options.tls =
        Some(TlsOptions { reload_interval: SOON, recycle_time: SOON, ..files.options(true) });
    let client = Client::connect(options).await.unwrap();
    let (done, stop) = (Arc::<AtomicUsize>::default(), Arc::<AtomicBool>::default());
    let workers: Vec<_> = (0..8)
        .map(|number| work(client.clone(), number, Arc::clone(&done), Arc::clone(&stop)))
        .map(tokio::spawn)
        .collect();
    for authority in [&second, &first, &second] {
        cluster.replace_tls(&authority.sign("127.0.0.1").server(both.clone())).unwrap();
        files.identity(&authority.sign("client"));
        tokio::time::sleep(SOON * 3).await;
        until(&done, 40).await;
    }
    stop.store(true, Ordering::Relaxed);
    for worker in workers {
        worker.await.unwrap();
    }
    // Servers of the first authority are known no more, and those of today are of the second.
    files.trust(&[&second]);
    let mut options = ClientOptions::new(cluster.pd_addresses());
    options.tls = Some(files.options(true));
    Client::connect(options).await.unwrap();
}

/// A handshake that fails is reason enough to look at the files.
#[tokio::test]
async fn files_are_looked_at_when_a_handshake_fails() {
    let (old, new) = (Authority::new(), Authority::new());
    let cluster = EmbeddedCluster::builder().stores(1).tls(new.sign("127.0.0.1").server(None));
    let cluster = cluster.start().await.unwrap();
    for form in FORMS {
        let files = Files::new(form);
        files.trust(&[&old]);
        let mut options = ClientOptions::new(cluster.pd_addresses());
        options.budgets.pd = Duration::from_secs(1);
        options.tls = Some(TlsOptions { reload_interval: Duration::ZERO, ..files.options(false) });
        let clock: Arc<dyn Clock> = Arc::new(TokioClock);
        let channels = Arc::new(Channels::new(&options, Arc::clone(&clock)).unwrap());
        files.trust(&[&new]);
        let mut bo = Backoffer::new(Arc::clone(&clock), Duration::from_secs(5));
        PdClient::connect(&options, channels, clock, &mut bo).await.unwrap();
    }
}
