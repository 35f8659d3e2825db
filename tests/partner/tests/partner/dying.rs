//! Our writer dies in the middle of a transaction: `tikv-client` finds all of it or nothing, and so do we. And the
//! other way about.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tifusion_client::clock::TokioClock;
use tifusion_client::snapshot::SnapshotOptions;
use tifusion_client::transport::{StoreRequest, StoreResponse, StoreTransport, TransportError};
use tifusion_client::txn::{Mutation, NoGuard, TxnOptions};
use tifusion_client::{Client, ClientOptions};
use tifusion_proto::kvrpcpb::CommitRole;
use tikv_client::TransactionClient;
use tokio::sync::Notify;

use crate::{Pd, all, key_of, on_both_clusters, ours, put_all, scan, theirs};

on_both_clusters!(
    a_writer_that_dies_while_it_prewrites_has_written_nothing,
    a_writer_that_dies_before_it_commits_has_written_nothing,
    a_writer_that_dies_behind_its_commit_has_written_all,
    a_large_writer_that_dies_behind_its_commit_has_written_all,
    the_partner_writes_over_what_a_dead_writer_left,
    this_writes_over_what_a_dead_partner_left,
);

const KEYS: u32 = 40;

/// Where the writer dies: at a request, before it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Death {
    /// That prewrites for the so-manieth time.
    Prewrite(usize),
    CommitOfPrimary,
    /// The first that tells a key what the primary has decided.
    CommitOfOthers,
}

/// A way to the stores that ends at one request: it and all that come after it get no answer.
#[derive(Debug)]
struct EndingTransport {
    inner: Arc<dyn StoreTransport>,
    death: Death,
    prewrites: AtomicUsize,
    dead: Arc<Notify>,
}

impl EndingTransport {
    fn ends_with(&self, request: &StoreRequest) -> bool {
        match (self.death, request) {
            (Death::Prewrite(most), StoreRequest::Prewrite(_)) => {
                self.prewrites.fetch_add(1, Ordering::SeqCst) >= most
            }
            (Death::CommitOfPrimary, StoreRequest::Commit(commit)) => {
                commit.commit_role() != CommitRole::Secondary
            }
            (Death::CommitOfOthers, StoreRequest::Commit(commit)) => {
                commit.commit_role() == CommitRole::Secondary
            }
            (Death::CommitOfOthers, StoreRequest::ResolveLock(_)) => true,
            _ => false,
        }
    }
}

#[async_trait::async_trait]
impl StoreTransport for EndingTransport {
    async fn call(
        &self,
        address: &str,
        request: StoreRequest,
        timeout: Duration,
    ) -> Result<StoreResponse, TransportError> {
        if self.ends_with(&request) {
            self.dead.notify_one();
            std::future::pending::<()>().await;
        }
        self.inner.call(address, request, timeout).await
    }

    async fn forward(
        &self,
        through: &str,
        target: &str,
        request: StoreRequest,
        timeout: Duration,
    ) -> Result<StoreResponse, TransportError> {
        self.inner.forward(through, target, request, timeout).await
    }

    fn disconnect(&self, address: &str) {
        self.inner.disconnect(address);
    }
}

/// Writes `value` to all keys of a prefix, and dies on the way: its runtime stops, and with it every sign of life.
async fn die(pd: &Pd, prefix: &'static str, value: &'static str, death: Death, max_keys: usize) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (pd, dead) = (pd.clone(), Arc::new(Notify::new()));
    let told = Arc::clone(&dead);
    let writing = runtime.spawn(async move {
        let options = ClientOptions::new(pd);
        let client = Client::connect(options.clone()).await.unwrap();
        let inner = Arc::clone(client.transport());
        let transport = EndingTransport { inner, death, prewrites: AtomicUsize::new(0), dead };
        let transport = Arc::new(transport);
        let client =
            Client::with_parts(options, Arc::clone(client.pd()), transport, Arc::new(TokioClock));
        let options = TxnOptions {
            lock_ttl: Duration::from_secs(1),
            // A request for each key or two.
            batch_bytes: 64,
            max_keys,
            ..TxnOptions::default()
        };
        let mut transaction = client.begin(options).await.unwrap();
        let puts = (0..KEYS).map(|at| Mutation::put(key_of(prefix, at), value.into()));
        transaction.prewrite(puts.collect()).await.unwrap();
        transaction.commit(&NoGuard).await.unwrap();
    });
    tokio::time::timeout(Duration::from_secs(30), told.notified()).await.expect("it dies");
    assert!(!writing.is_finished(), "it is in the middle of its work");
    runtime.shutdown_background();
}

/// What `tikv-client` reads of a prefix: all pairs, and each key by itself.
async fn by_partner(client: &TransactionClient, prefix: &str) -> Vec<(Vec<u8>, Bytes)> {
    let mut transaction = client.begin_optimistic().await.unwrap();
    let mut found = Vec::new();
    for at in (0..KEYS).rev() {
        if let Some(value) = transaction.get(key_of(prefix, at)).await.unwrap() {
            found.push((key_of(prefix, at), Bytes::from(value)));
        }
    }
    found.reverse();
    let range = key_of(prefix, 0)..key_of(prefix, 99_999);
    let scanned = transaction.scan(range, KEYS * 2).await.unwrap();
    let scanned: Vec<_> = scanned.map(|pair| (Vec::from(pair.0), Bytes::from(pair.1))).collect();
    transaction.rollback().await.unwrap();
    assert_eq!(scanned, found, "one by one and in a row");
    found
}

fn pairs(prefix: &str, value: &str) -> Vec<(Vec<u8>, Bytes)> {
    let keys: Vec<Vec<u8>> = (0..KEYS).map(|at| key_of(prefix, at)).collect();
    all(&keys, value).into_iter().map(|(key, value)| (key, value.into())).collect()
}

/// The partner, which comes first, reads `value` everywhere, and we read the same.
async fn both_read(pd: &Pd, prefix: &str, value: &str) {
    let (ours, theirs) = (ours(pd).await, theirs(pd).await);
    assert_eq!(by_partner(&theirs, prefix).await, pairs(prefix, value), "the partner");
    let now = ours.timestamp().await.unwrap();
    assert_eq!(scan(&ours, prefix, now).await, pairs(prefix, value), "this client");
}

/// Gives all keys the value "old".
async fn old(pd: &Pd, prefix: &str) {
    let theirs = theirs(pd).await;
    let mut transaction = theirs.begin_optimistic().await.unwrap();
    for (key, value) in pairs(prefix, "old") {
        transaction.put(key, value.to_vec()).await.unwrap();
    }
    transaction.commit().await.unwrap();
}

async fn a_writer_that_dies_while_it_prewrites_has_written_nothing(pd: &Pd) {
    for (prefix, prewrites) in [("dies_prewriting", 1), ("dies_prewriting_later", 12)] {
        old(pd, prefix).await;
        die(pd, prefix, "never", Death::Prewrite(prewrites), 1_000).await;
        both_read(pd, prefix, "old").await;
    }
}

async fn a_writer_that_dies_before_it_commits_has_written_nothing(pd: &Pd) {
    for (prefix, max_keys) in [("dies_uncommitted", 1_000), ("dies_uncommitted_large", 5)] {
        old(pd, prefix).await;
        die(pd, prefix, "never", Death::CommitOfPrimary, max_keys).await;
        both_read(pd, prefix, "old").await;
    }
}

async fn a_writer_that_dies_behind_its_commit_has_written_all(pd: &Pd) {
    old(pd, "dies_committed").await;
    die(pd, "dies_committed", "new", Death::CommitOfOthers, 1_000).await;
    both_read(pd, "dies_committed", "new").await;
}

async fn a_large_writer_that_dies_behind_its_commit_has_written_all(pd: &Pd) {
    old(pd, "dies_committed_large").await;
    die(pd, "dies_committed_large", "new", Death::CommitOfOthers, 5).await;
    both_read(pd, "dies_committed_large", "new").await;
}

async fn the_partner_writes_over_what_a_dead_writer_left(pd: &Pd) {
    for (prefix, death) in
        [("over_none", Death::CommitOfPrimary), ("over_all", Death::CommitOfOthers)]
    {
        old(pd, prefix).await;
        die(pd, prefix, "new", death, 1_000).await;
        // Its locks are in the way until they have expired.
        let theirs = theirs(pd).await;
        let mut transaction = theirs.begin_optimistic().await.unwrap();
        for (key, _) in pairs(prefix, "") {
            transaction.put(key, b"theirs".to_vec()).await.unwrap();
        }
        transaction.commit().await.unwrap();
        both_read(pd, prefix, "theirs").await;
    }
}

async fn this_writes_over_what_a_dead_partner_left(pd: &Pd) {
    let (ours, theirs) = (ours(pd).await, theirs(pd).await);
    put_all(&theirs, "over_theirs", KEYS, "v").await;
    // The partner's pessimistic locks, whose owner does not come back.
    let options = tikv_client::TransactionOptions::new_pessimistic()
        .heartbeat_option(tikv_client::transaction::HeartbeatOption::NoHeartbeat)
        .drop_check(tikv_client::CheckLevel::None);
    let mut transaction = theirs.begin_with_options(options).await.unwrap();
    for at in 0..KEYS {
        transaction.put(key_of("over_theirs", at), b"never".to_vec()).await.unwrap();
    }
    drop(transaction);
    let mut transaction = ours.begin(TxnOptions::default()).await.unwrap();
    let puts = (0..KEYS).map(|at| Mutation::put(key_of("over_theirs", at), b"ours".to_vec()));
    transaction.prewrite(puts.collect()).await.unwrap();
    transaction.commit(&NoGuard).await.unwrap();
    both_read(pd, "over_theirs", "ours").await;
    let snapshot = ours.snapshot(ours.timestamp().await.unwrap(), SnapshotOptions::default());
    assert_eq!(snapshot.get(&key_of("over_theirs", 3)).await.unwrap(), Some("ours".into()));
}
