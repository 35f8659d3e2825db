use std::time::Instant;

use futures::future::join_all;

use super::super::stub::{self, Cluster, Member, TsoFault};
use super::*;
use crate::clock::TokioClock;
use crate::error::{ClientError, ErrorKind};
use crate::options::AddressMap;

const BUDGET: Duration = Duration::from_secs(20);

fn backoffer(budget: Duration) -> Backoffer {
    Backoffer::new(Arc::new(TokioClock), budget)
}

fn options<S: Into<String>>(endpoints: impl IntoIterator<Item = S>) -> ClientOptions {
    // Generous, for machines that do much else.
    ClientOptions { pd_timeout: Duration::from_secs(5), ..ClientOptions::new(endpoints) }
}

/// For tests in which somebody does not answer.
fn impatient<S: Into<String>>(endpoints: impl IntoIterator<Item = S>) -> ClientOptions {
    ClientOptions { pd_timeout: Duration::from_millis(500), ..options(endpoints) }
}

async fn connect_with(options: ClientOptions, budget: Duration) -> Result<PdClient> {
    let channels = Arc::new(Channels::new(&options, Arc::new(TokioClock)).unwrap());
    PdClient::connect(&options, channels, Arc::new(TokioClock), &mut backoffer(budget)).await
}

async fn connect<S: Into<String>>(endpoints: impl IntoIterator<Item = S>) -> PdClient {
    connect_with(options(endpoints), BUDGET).await.unwrap()
}

async fn timestamp(pd: &PdClient) -> Result<Timestamp> {
    pd.timestamp(&mut backoffer(BUDGET)).await
}

fn addresses(members: &[Member]) -> Vec<String> {
    members.iter().map(|member| member.address.clone()).collect()
}

fn call_count(cluster: &Cluster, name: &str) -> usize {
    cluster.calls.lock().iter().filter(|(called, _)| *called == name).count()
}

fn lead(cluster: &Cluster, member: usize) {
    cluster.leader.store(member, Ordering::Relaxed);
}

#[tokio::test]
async fn the_leader_is_found_through_any_member() {
    let (cluster, members) = stub::start(7, 3);
    lead(&cluster, 2);
    let pd = connect([members[0].address.clone()]).await;
    assert_eq!(pd.cluster_id(), 7);
    timestamp(&pd).await.unwrap();
    assert_eq!(pd.members.leader(BUDGET).await.unwrap().address.as_ref(), members[2].address);
}

#[tokio::test]
async fn dead_and_silent_endpoints_at_the_start_do_no_harm() {
    let (_cluster, members) = stub::start(7, 1);
    let (silent, _listener) = stub::silent_address();
    let endpoints = [stub::dead_address(), silent, members[0].address.clone()];
    let pd = connect(endpoints).await;
    timestamp(&pd).await.unwrap();
}

#[tokio::test]
async fn when_all_are_dead_the_error_comes_in_time_and_names_them() {
    let (silent, _listener) = stub::silent_address();
    let dead = [stub::dead_address(), stub::dead_address(), silent];
    let began = Instant::now();
    let budget = Duration::from_secs(2);
    let error = connect_with(impatient(dead.clone()), budget).await.unwrap_err();
    assert!(began.elapsed() < budget + Duration::from_secs(8), "{:?}", began.elapsed());
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
    let text = error.to_string();
    for address in &dead {
        assert!(text.contains(&format!("PD at {address}: ")), "{text}");
    }
    assert!(text.contains("refused") && text.contains("no answer within"), "{text}");
}

#[tokio::test]
async fn a_cluster_without_a_leader_is_an_error_that_says_so() {
    let (cluster, members) = stub::start(7, 2);
    lead(&cluster, 9);
    let budget = Duration::from_secs(1);
    let error = connect_with(options(addresses(&members)), budget).await.unwrap_err();
    assert!(error.to_string().contains("it knows no leader"), "{error}");
}

#[tokio::test]
async fn endpoints_of_two_clusters_are_refused_at_once() {
    let (_one, first) = stub::start(7, 1);
    let (_two, second) = stub::start(8, 1);
    let endpoints = [first[0].address.clone(), second[0].address.clone()];
    let began = Instant::now();
    let error = connect_with(options(endpoints), BUDGET).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let text = error.to_string();
    assert!(text.contains("cluster 7") || text.contains("to 7"), "{text}");
    assert!(text.contains("cluster 8") || text.contains("to 8"), "{text}");
    assert!(began.elapsed() < BUDGET, "without a retry");
}

#[tokio::test]
async fn malformed_endpoints_are_refused_by_name() {
    let error = connect_with(options(["localhost"]), BUDGET).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains("localhost"), "{error}");
}

#[tokio::test]
async fn a_changed_leader_is_followed() {
    let (cluster, members) = stub::start(7, 3);
    let pd = connect(addresses(&members)).await;
    let mut last = timestamp(&pd).await.unwrap();
    for leader in [1, 2, 0, 2] {
        lead(&cluster, leader);
        let next = timestamp(&pd).await.unwrap();
        assert!(next > last);
        last = next;
        cluster.calls.lock().clear();
        pd.txn_safe_point(&mut backoffer(BUDGET)).await.unwrap();
        assert_eq!(cluster.calls.lock().as_slice(), [("get_gc_state", leader)]);
    }
}

#[tokio::test]
async fn a_dead_leader_is_replaced_by_the_next_that_wins() {
    let (cluster, mut members) = stub::start(7, 3);
    let pd = connect(addresses(&members)).await;
    timestamp(&pd).await.unwrap();
    drop(members.remove(0));
    // Until the others elect a leader they name the dead one.
    let stores = tokio::join!(
        async { pd.stores(&mut backoffer(BUDGET)).await },
        async { timestamp(&pd).await },
        async {
            while pd.members.leader(Duration::from_millis(200)).await.is_ok() {
                tokio::task::yield_now().await;
            }
            lead(&cluster, 1);
        }
    );
    stores.0.unwrap();
    stores.1.unwrap();
    assert_eq!(pd.members.leader(BUDGET).await.unwrap().address.as_ref(), members[0].address);
}

#[tokio::test]
async fn a_cluster_that_has_not_started_is_waited_for() {
    let (cluster, members) = stub::start(7, 1);
    let pd = connect(addresses(&members)).await;
    cluster.not_bootstrapped.store(true, Ordering::Relaxed);
    let error = pd.stores(&mut backoffer(Duration::from_secs(4))).await.unwrap_err();
    assert!(error.to_string().contains("has not started"), "{error}");
    cluster.not_bootstrapped.store(false, Ordering::Relaxed);
    pd.stores(&mut backoffer(BUDGET)).await.unwrap();
}

#[tokio::test]
async fn a_member_of_another_cluster_on_the_same_port_is_an_error() {
    let (cluster, members) = stub::start(7, 1);
    let pd = connect(addresses(&members)).await;
    cluster.tso_faults.lock().push_back(TsoFault::OtherCluster);
    let error = timestamp(&pd).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains("cluster 8"), "{error}");
}

#[tokio::test]
async fn callers_share_requests_and_every_timestamp_is_unique() {
    let (cluster, members) = stub::start(7, 1);
    let pd = connect(addresses(&members)).await;
    let mut taken = join_all((0..1_000).map(|_| timestamp(&pd))).await;
    let mut taken: Vec<_> = taken.drain(..).map(Result::unwrap).collect();
    taken.sort_unstable();
    taken.dedup();
    assert_eq!(taken.len(), 1_000);
    let requests = cluster.tso_requests.load(Ordering::Relaxed);
    assert!(requests <= 20, "{requests} requests");
    assert_eq!(cluster.tso_streams.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_timestamp_is_greater_than_those_taken_before() {
    let (_cluster, members) = stub::start(7, 1);
    let pd = connect(addresses(&members)).await;
    let mut last = Timestamp::ZERO;
    for _ in 0..20 {
        let batch = join_all((0..10).map(|_| timestamp(&pd))).await;
        let batch: Vec<_> = batch.into_iter().map(Result::unwrap).collect();
        assert!(batch.iter().all(|next| *next > last));
        last = batch.into_iter().max().unwrap();
    }
}

#[tokio::test]
async fn no_caller_is_lost_when_the_stream_breaks() {
    for fault in [TsoFault::Break, TsoFault::Close, TsoFault::Hang] {
        let (cluster, members) = stub::start(7, 1);
        let pd = connect_with(impatient(addresses(&members)), BUDGET).await.unwrap();
        cluster.tso_faults.lock().extend([TsoFault::None, fault, TsoFault::None, fault]);
        for _ in 0..3 {
            let taken = join_all((0..50).map(|_| timestamp(&pd))).await;
            assert!(taken.iter().all(Result::is_ok), "{fault:?} {taken:?}");
        }
        assert!(cluster.tso_faults.lock().is_empty(), "all faults were met");
        assert!(cluster.tso_streams.load(Ordering::Relaxed) >= 3);
    }
}

#[tokio::test]
async fn timestamps_that_go_backwards_are_refused() {
    for fault in [TsoFault::Backwards, TsoFault::Short] {
        let (cluster, members) = stub::start(7, 1);
        let pd = connect(addresses(&members)).await;
        let before = timestamp(&pd).await.unwrap();
        cluster.tso_faults.lock().push_back(fault);
        let error = timestamp(&pd).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol, "{error}");
        assert_eq!(error.context().address.as_deref(), Some(members[0].address.as_str()));
        assert!(timestamp(&pd).await.unwrap() > before);
    }
}

#[tokio::test]
async fn a_caller_who_goes_away_does_not_hold_up_the_others() {
    let (cluster, members) = stub::start(7, 1);
    let pd = connect(addresses(&members)).await;
    timestamp(&pd).await.unwrap();
    let mut bo = backoffer(BUDGET);
    let mut gone: Vec<_> = Vec::new();
    for _ in 0..10 {
        let mut call = Box::pin(timestamp(&pd));
        assert!(futures::poll!(&mut call).is_pending());
        gone.push(call);
    }
    drop(gone);
    pd.timestamp(&mut bo).await.unwrap();
    assert_eq!(bo.attempts(), 0);
    assert!(*cluster.logical.lock() <= 12);
}

#[tokio::test]
async fn no_task_is_left_when_the_client_is_dropped() {
    let (_cluster, members) = stub::start(7, 1);
    let pd = connect(addresses(&members)).await;
    timestamp(&pd).await.unwrap();
    let shared = Arc::downgrade(&pd.members);
    drop(pd);
    // The aborted task lets go of what it shared as soon as the runtime gets to it.
    let freed = async {
        while shared.strong_count() > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), freed).await.unwrap();
}

#[test]
fn a_client_outlives_the_runtime_of_its_first_timestamp() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (_cluster, members) = stub::start(7, 1);
    let first = runtime();
    let pd = first.block_on(async {
        let pd = connect(addresses(&members)).await;
        timestamp(&pd).await.unwrap();
        pd
    });
    drop(first);
    // Its connections are gone too; new ones are made.
    pd.members.disconnect_all();
    runtime().block_on(async { timestamp(&pd).await.unwrap() });
}

fn region(id: u64, start: &str, end: &str) -> pdpb::Region {
    let peer = metapb::Peer { id: id * 10, store_id: 1, ..metapb::Peer::default() };
    pdpb::Region {
        region: Some(metapb::Region {
            id,
            start_key: keys::encode(start.as_bytes()),
            end_key: keys::encode(end.as_bytes()),
            region_epoch: Some(metapb::RegionEpoch { conf_ver: 1, version: 1 }),
            peers: vec![peer],
            ..metapb::Region::default()
        }),
        leader: Some(peer),
        down_peers: vec![pdpb::PeerStats { peer: Some(peer), down_seconds: 9 }],
        pending_peers: vec![peer],
        buckets: Some(metapb::Buckets {
            version: 3,
            keys: [start, end].map(|key| keys::encode(key.as_bytes())).to_vec(),
            ..metapb::Buckets::default()
        }),
    }
}

#[tokio::test]
async fn regions_come_with_raw_keys_from_new_and_old_pds() {
    for old in [false, true] {
        let (cluster, members) = stub::start(7, 1);
        cluster.old.store(old, Ordering::Relaxed);
        let told = [region(1, "", "b"), region(2, "b", "t\x01"), region(3, "t\x01", "")];
        cluster.regions.lock().extend(told);
        let pd = connect(addresses(&members)).await;
        let mut bo = backoffer(BUDGET);
        let by_key = pd.region_by_key(&mut bo, b"c").await.unwrap().unwrap();
        assert_eq!((by_key.region.start_key.as_slice(), by_key.region.id), (&b"b"[..], 2));
        assert_eq!(by_key.region.end_key, b"t\x01");
        assert_eq!(by_key.leader.unwrap().id, 20);
        assert_eq!((by_key.down_peers, by_key.pending_peers), (vec![20], vec![20]));
        let buckets = by_key.buckets.unwrap();
        assert_eq!((buckets.version, &buckets.keys[1][..]), (3, &b"t\x01"[..]));
        let by_id = pd.region_by_id(&mut bo, 3).await.unwrap().unwrap();
        assert_eq!(by_id.region.start_key, b"t\x01");
        assert!(by_id.region.end_key.is_empty());
        assert_eq!(pd.region_by_id(&mut bo, 9).await.unwrap(), None);
        for _ in 0..2 {
            let scanned = pd.scan_regions(&mut bo, b"a", b"c", 10).await.unwrap();
            let ids: Vec<_> = scanned.iter().map(|info| info.region.id).collect();
            assert_eq!(ids, [1, 2]);
        }
        assert_eq!(pd.scan_regions(&mut bo, b"", b"", 2).await.unwrap().len(), 2);
        let batch_scans = call_count(&cluster, "batch_scan_regions");
        assert_eq!(batch_scans, if old { 1 } else { 3 }, "an old PD is asked only once");
        assert_eq!(bo.attempts(), 0);
    }
}

#[tokio::test]
async fn boundaries_that_are_not_encoded_are_an_error() {
    let (cluster, members) = stub::start(7, 1);
    let mut raw = region(4, "", "");
    raw.region.as_mut().unwrap().start_key = b"raw".to_vec();
    cluster.regions.lock().push(raw);
    let pd = connect(addresses(&members)).await;
    let error = pd.region_by_id(&mut backoffer(BUDGET), 4).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol);
    assert_eq!(error.context().region, Some(4));
}

/// The stub's `GetGCState` tells 43, its `GetGCSafePoint` 41.
#[tokio::test]
async fn the_safe_point_of_transactions_comes_from_new_and_old_pds() {
    let saved = |text: &str| Some(text.as_bytes().to_vec());
    let cases = [
        (false, saved("42"), false, 43, ["get_gc_state", "get_gc_state"].as_slice()),
        (true, saved("42"), false, 42, &["get_gc_state", "range", "range"]),
        (
            true,
            saved("458000000000000001"),
            false,
            458_000_000_000_000_001,
            &["get_gc_state", "range", "range"],
        ),
        // Nothing was collected yet.
        (
            true,
            None,
            false,
            41,
            &["get_gc_state", "range", "get_gc_safe_point", "range", "get_gc_safe_point"],
        ),
        // No etcd either.
        (
            true,
            saved("42"),
            true,
            41,
            &["get_gc_state", "range", "get_gc_safe_point", "get_gc_safe_point"],
        ),
    ];
    for (old, saved, no_etcd, expected, calls) in cases {
        let (cluster, members) = stub::start(7, 1);
        cluster.old.store(old, Ordering::Relaxed);
        cluster.no_etcd.store(no_etcd, Ordering::Relaxed);
        *cluster.saved_safe_point.lock() = saved;
        let pd = connect(addresses(&members)).await;
        for _ in 0..2 {
            let safe_point = pd.txn_safe_point(&mut backoffer(BUDGET)).await.unwrap();
            assert_eq!(safe_point, Timestamp::new(expected));
        }
        let called: Vec<_> = cluster.calls.lock().iter().map(|(name, _)| *name).collect();
        assert_eq!(called, calls);
    }
}

#[tokio::test]
async fn a_saved_safe_point_that_is_no_number_is_an_error() {
    let (cluster, members) = stub::start(7, 1);
    cluster.old.store(true, Ordering::Relaxed);
    *cluster.saved_safe_point.lock() = Some(b"-1".to_vec());
    let pd = connect(addresses(&members)).await;
    let error = pd.txn_safe_point(&mut backoffer(BUDGET)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol);
    assert!(error.to_string().contains("\"-1\""), "{error}");
}

/// Tokio's clock, with every sleep on record.
#[derive(Debug, Default)]
struct Recording(parking_lot::Mutex<Vec<Duration>>);

#[async_trait::async_trait]
impl Clock for Recording {
    fn now(&self) -> Instant {
        TokioClock.now()
    }

    async fn sleep(&self, duration: Duration) {
        self.0.lock().push(duration);
        TokioClock.sleep(duration).await;
    }

    fn random(&self, bound: u64) -> u64 {
        bound
    }
}

#[tokio::test]
async fn no_wait_is_longer_than_the_statement_has_time() {
    let (cluster, mut members) = stub::start(7, 1);
    let clock = Arc::new(Recording::default());
    let options = options(addresses(&members));
    let channels = Arc::new(Channels::new(&options, Arc::new(TokioClock)).unwrap());
    let bo = || Backoffer::new(Arc::clone(&clock) as Arc<dyn Clock>, BUDGET);
    let pd = PdClient::connect(&options, channels, Arc::clone(&clock) as _, &mut bo()).await;
    let pd = pd.unwrap();
    cluster.tso_faults.lock().push_back(TsoFault::Hang);
    for silence in ["of the leader", "of all"] {
        clock.0.lock().clear();
        let left = Duration::from_millis(300);
        let mut bo = bo().with_deadline(Some(clock.now() + left));
        let error = pd.timestamp(&mut bo).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
        let mut waits = clock.0.lock().clone();
        // The task that all callers share has a limit of its own.
        waits.retain(|wait| *wait != options.pd_timeout);
        assert!(waits.iter().all(|wait| *wait <= left), "silence {silence}: {waits:?}");
        assert!(!waits.is_empty());
        members.clear();
    }
}

#[tokio::test]
async fn stores_that_are_gone_are_none() {
    let (cluster, members) = stub::start(7, 1);
    let store = |id| metapb::Store { id, ..metapb::Store::default() };
    let mut buried = store(2);
    buried.set_state(metapb::StoreState::Tombstone);
    cluster.stores.lock().extend([store(1), buried]);
    let pd = connect(addresses(&members)).await;
    let mut bo = backoffer(BUDGET);
    assert_eq!(pd.store(&mut bo, 1).await.unwrap().unwrap().id, 1);
    assert_eq!(pd.store(&mut bo, 2).await.unwrap(), None);
    assert_eq!(pd.store(&mut bo, 3).await.unwrap(), None);
    assert_eq!(pd.stores(&mut bo).await.unwrap().len(), 2);
}

#[derive(Debug)]
struct Mapped(Vec<(String, String)>);

impl AddressMap for Mapped {
    fn map(&self, address: &str) -> Option<String> {
        self.0.iter().find(|(inner, _)| inner == address).map(|(_, outer)| outer.clone())
    }
}

#[tokio::test]
async fn advertised_addresses_are_mapped() {
    let (cluster, members) = stub::start(7, 2);
    let outer = addresses(&members);
    let inner = ["pd-0.pd:2379".to_owned(), "pd-1.pd:2379".to_owned()];
    *cluster.addresses.lock() = inner.to_vec();
    lead(&cluster, 1);
    let mut options = options([outer[0].clone()]);
    let map = Mapped(inner.into_iter().zip(outer.clone()).collect());
    options.address_map = Some(Arc::new(map));
    let pd = connect_with(options, BUDGET).await.unwrap();
    assert_eq!(pd.members.leader(BUDGET).await.unwrap().address.as_ref(), outer[1]);
}

#[tokio::test]
async fn an_only_member_is_used_by_the_address_that_was_given() {
    let (cluster, members) = stub::start(7, 1);
    *cluster.addresses.lock() = vec!["unreachable.invalid:2379".to_owned()];
    let pd = connect(addresses(&members)).await;
    timestamp(&pd).await.unwrap();
}

#[tokio::test]
async fn many_who_look_for_a_dead_pd_share_the_search() {
    let (_cluster, members) = stub::start(7, 1);
    let pd = connect(addresses(&members)).await;
    drop(members);
    let began = Instant::now();
    let budget = Duration::from_secs(1);
    let mut callers = Vec::new();
    for _ in 0..100 {
        callers.push(async { pd.timestamp(&mut backoffer(budget)).await.unwrap_err() });
    }
    let errors: Vec<ClientError> = join_all(callers).await;
    assert!(began.elapsed() < budget * 10, "{:?}", began.elapsed());
    assert!(errors.iter().all(|error| error.to_string().contains("refused")), "{errors:?}");
}

#[tokio::test]
async fn garbage_collection_is_held_back_by_new_and_old_pds() {
    for old in [false, true] {
        let (cluster, members) = stub::start(7, 1);
        cluster.old.store(old, Ordering::Relaxed);
        let pd = connect([members[0].address.clone()]).await;
        let mut bo = backoffer(Duration::from_secs(5));
        let ttl = Duration::from_millis(29_001);
        for _ in 0..2 {
            pd.hold_gc(&mut bo, "loader", Timestamp::new(43), ttl).await.unwrap();
        }
        pd.hold_gc(&mut bo, "loader", Timestamp::new(43), Duration::ZERO).await.unwrap();
        let asked: Vec<_> =
            cluster.holds.lock().iter().map(|hold| (hold.0.clone(), hold.2)).collect();
        assert_eq!(
            asked,
            [("loader", 30), ("loader", 30), ("loader", 0)].map(|(id, ttl)| (id.to_owned(), ttl))
        );
        let error = pd.hold_gc(&mut bo, "loader", Timestamp::new(42), ttl).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::SnapshotTooOld, "{error}");
        assert!(error.to_string().contains("43"), "{error}");
        let calls = cluster.calls.lock().clone();
        let asked_new = calls.iter().filter(|(name, _)| *name == "set_gc_barrier").count();
        assert_eq!(asked_new, if old { 1 } else { 3 }, "an old PD is asked only once");
    }
}
