//! The client's cache of coprocessor answers: with it every answer is what it is without.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::StreamExt as _;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tifusion_client::cop::{CopRequest, KeyRange};
use tifusion_client::options::CopCacheOptions;
use tifusion_client::sender::Isolation;
use tifusion_client::{Client, ClientOptions, Timestamp};
use tifusion_embedded::{Effect, EmbeddedCluster, Fault, LeftLock, Rpc};
use tifusion_proto::kvrpcpb as kv;

use crate::raw::{Raw, prewrite, send};
use crate::rows::{connect, decode, expected, fill, read, request, row_key, row_with, split};

const ROWS: i64 = 40;

/// A cluster with four regions of rows, one client with a cache and one without.
struct Scene {
    cluster: EmbeddedCluster,
    raw: Arc<Raw>,
    cached: Client,
    plain: Client,
}

impl Scene {
    async fn new(seed: u64) -> Self {
        let cluster = EmbeddedCluster::builder().stores(4).seed(seed).start().await.unwrap();
        let raw = Raw::new(&cluster);
        fill(&raw, ROWS).await;
        split(&cluster, &[10, 20, 30]);
        cluster.scatter();
        let (cached, plain) = (caching(&cluster, 1 << 20).await, connect(&cluster).await);
        Self { cluster, raw, cached, plain }
    }

    async fn now(&self) -> Timestamp {
        self.cached.timestamp().await.unwrap()
    }

    /// Asks both and compares; the hits. The cached one goes first, so that nobody resolves locks for it.
    async fn compare(&self, ask: CopRequest, what: &str) -> u64 {
        let (rows, hits, _) = counted(&self.cached, ask.clone()).await;
        assert_eq!(rows, read(&self.plain, ask).await.unwrap(), "{what}");
        hits
    }
}

/// A client that keeps whatever it may, up to `capacity` bytes.
async fn caching(cluster: &EmbeddedCluster, capacity: usize) -> Client {
    let mut options = ClientOptions::new(cluster.pd_addresses());
    let worth_all = CopCacheOptions { min_process_time: Duration::ZERO, ..options.cop_cache };
    options.cop_cache = CopCacheOptions { capacity, ..worth_all };
    Client::connect(options).await.unwrap()
}

/// Rows, hits and misses of a read.
async fn counted(client: &Client, ask: CopRequest) -> (Vec<(i64, i64)>, u64, u64) {
    let mut answers = client.coprocessor(ask).unwrap();
    let metrics = Arc::clone(answers.metrics());
    let mut rows = Vec::new();
    while let Some(answer) = answers.next().await {
        rows.extend(decode(&answer.unwrap().data));
    }
    (rows, metrics.cache_hits(), metrics.cache_misses())
}

fn paged(ask: CopRequest, paging_size: u64) -> CopRequest {
    CopRequest { paging_size, ..ask }
}

#[tokio::test]
async fn repeated_reads_hit_until_their_region_is_written_to() {
    let scene = Scene::new(1).await;
    let first = scene.now().await;
    let ask = |ts| request(ts, false);
    assert_eq!(counted(&scene.cached, ask(first)).await, (expected(ROWS), 0, 4));
    assert_eq!(counted(&scene.cached, ask(first)).await, (expected(ROWS), 4, 0));
    assert_eq!(counted(&scene.cached, ask(scene.now().await)).await, (expected(ROWS), 4, 0));
    scene.raw.put(&row_key(25), &row_with(1)).await;
    let mut changed = expected(ROWS);
    changed[24].1 = 1;
    assert_eq!(counted(&scene.cached, ask(scene.now().await)).await, (changed.clone(), 3, 1));
    assert_eq!(counted(&scene.cached, ask(scene.now().await)).await, (changed, 4, 0));
    // The old snapshot is what it was; the changed region shows it has a newer version.
    assert_eq!(counted(&scene.cached, ask(first)).await, (expected(ROWS), 3, 1));
    assert_eq!(counted(&scene.cached, ask(first)).await, (expected(ROWS), 3, 1));
}

#[tokio::test]
async fn changes_of_the_regions_give_no_stale_answer() {
    let scene = Scene::new(2).await;
    let before = scene.now().await;
    let region = |handle| scene.cluster.region_of(&row_key(handle)).unwrap();
    let changes: [(&str, &dyn Fn()); 5] = [
        ("split", &|| drop(split(&scene.cluster, &[15, 35]))),
        ("leaders", &|| scene.cluster.scatter()),
        ("merge", &|| scene.cluster.merge(region(35).id, region(30).id).unwrap()),
        ("merge to the left", &|| scene.cluster.merge(region(10).id, region(15).id).unwrap()),
        ("peers", &|| {
            let region = region(25);
            let free = (1..=4).find(|store| !region.stores.contains(store)).unwrap();
            scene.cluster.move_peer(region.id, region.stores[0], free).unwrap();
        }),
    ];
    for (what, change) in changes {
        for paging_size in [0, 3] {
            let mut now = scene.now().await;
            let ask = |ts, desc| paged(request(ts, desc), paging_size);
            for desc in [false, true] {
                scene.compare(ask(now, desc), what).await;
                assert!(scene.compare(ask(now, desc), what).await >= 4, "{what}");
            }
            change();
            scene.raw.put(&row_key(12), &row_with(now.version() as i64)).await;
            for desc in [false, true] {
                scene.compare(ask(now, desc), what).await;
                scene.compare(ask(before, desc), what).await;
            }
            now = scene.now().await;
            for _ in 0..2 {
                scene.compare(ask(now, false), what).await;
            }
            if what.starts_with("merge") {
                split(&scene.cluster, &[15, 35]);
            }
        }
    }
}

#[tokio::test]
async fn locks_are_met_though_the_answer_is_kept() {
    for lock in [
        LeftLock::Expired,
        LeftLock::Alive(Duration::from_secs(60)),
        LeftLock::Committed,
        LeftLock::AsyncCommitted,
        LeftLock::Pessimistic,
    ] {
        let scene = Scene::new(3).await;
        let ask = request(scene.now().await, false);
        assert_eq!(counted(&scene.cached, ask.clone()).await, (expected(ROWS), 0, 4));
        let leave = Fault::new(Effect::LeaveLock(lock))
            .on([Rpc::Coprocessor])
            .at_store(scene.cluster.region_of(&row_key(25)).unwrap().leader_store.unwrap());
        let leave = scene.cluster.faults().add(leave.for_keys(&row_key(20), &row_key(30)));
        let (rows, hits, _) = counted(&scene.cached, ask.clone()).await;
        assert_eq!((rows, hits), (expected(ROWS), 3), "{lock:?}");
        assert!(scene.cluster.faults().fired(leave) >= 1);
        scene.cluster.faults().clear();
        for ts in [ask.start_ts, scene.now().await] {
            scene.compare(request(ts, false), "after the lock").await;
        }
    }
}

#[tokio::test]
async fn a_read_that_passed_a_lock_is_not_kept_for_one_that_may_not() {
    let scene = Scene::new(4).await;
    let early = scene.now().await;
    let start = scene.raw.timestamp().await;
    let (key, value) = (row_key(25), row_with(1));
    let told = send!(scene.raw, &key, kv_prewrite, prewrite(&[(&key, &value)], &key, start));
    assert_eq!(told.errors, []);
    let late = scene.now().await;
    assert_eq!(counted(&scene.cached, request(early, false)).await, (expected(ROWS), 0, 4));
    // Nothing was written since, but the later one has to wait for the lock's end.
    commit(&scene.raw, &key, start).await;
    let last = scene.now().await;
    for ts in [early, late, last] {
        scene.compare(request(ts, false), "around the lock").await;
    }
}

#[tokio::test]
async fn read_committed_reads_have_no_part_in_it() {
    let scene = Scene::new(5).await;
    let start = scene.raw.timestamp().await;
    let (key, value) = (row_key(25), row_with(1));
    let told = send!(scene.raw, &key, kv_prewrite, prewrite(&[(&key, &value)], &key, start));
    assert_eq!(told.errors, []);
    let ts = scene.now().await;
    let committed = CopRequest { isolation: Isolation::Rc, ..request(ts, false) };
    for _ in 0..2 {
        // They pass the lock without a word: kept, the answer would pass it for snapshot reads too.
        assert_eq!(counted(&scene.cached, committed.clone()).await, (expected(ROWS), 0, 0));
    }
    commit(&scene.raw, &key, start).await;
    for _ in 0..2 {
        scene.compare(request(scene.now().await, false), "SI after RC").await;
        scene.compare(committed.clone(), "RC after SI").await;
    }
}

#[tokio::test]
async fn other_ranges_and_plans_are_other_answers() {
    let scene = Scene::new(6).await;
    let ts = scene.now().await;
    let over = |from, to, desc| {
        let ranges = vec![KeyRange::new(row_key(from), row_key(to))];
        CopRequest { ranges, ..request(ts, desc) }
    };
    let asks = [(1, 41, false), (1, 41, true), (5, 41, false), (1, 12, false), (5, 12, true)];
    for (round, (from, to, desc)) in asks.iter().chain(&asks).enumerate() {
        let hits = scene.compare(over(*from, *to, *desc), "ranges").await;
        assert!(round < asks.len() || hits >= 1, "{from}..{to}, desc {desc}");
    }
}

#[tokio::test]
async fn the_bound_holds_under_many_different_scans() {
    const CAPACITY: usize = 20_000;
    let scene = Scene::new(7).await;
    let client = caching(&scene.cluster, CAPACITY).await;
    let cache = Arc::clone(client.cop_cache().unwrap());
    let ts = scene.now().await;
    let mut most = 0;
    for from in 1..ROWS {
        for to in [from + 1, (from + ROWS) / 2 + 1, ROWS + 1] {
            let ranges = vec![KeyRange::new(row_key(from), row_key(to))];
            let rows = read(&client, CopRequest { ranges, ..request(ts, false) }).await.unwrap();
            assert_eq!(rows, expected(ROWS)[from as usize - 1..to as usize - 1]);
            assert!(cache.bytes() <= CAPACITY, "{} bytes", cache.bytes());
            most = most.max(cache.bytes());
        }
    }
    assert!(most > CAPACITY * 9 / 10 && cache.answers() < 60, "{most} bytes at most");
}

async fn commit(raw: &Raw, key: &[u8], start_version: u64) {
    let request = kv::CommitRequest {
        start_version,
        keys: vec![key.to_vec()],
        commit_version: raw.timestamp().await,
        ..kv::CommitRequest::default()
    };
    assert_eq!(send!(raw, key, kv_commit, request).error, None);
}

/// Writes or deletes a row in one phase, by a transaction that began at `start`; others may be in its way.
async fn one_phase(raw: &Raw, handle: i64, value: Option<i64>, start: u64) {
    let (key, row) = (row_key(handle), row_with(value.unwrap_or_default()));
    let mut request = prewrite(&[(&key, &row)], &key, start);
    request.try_one_pc = true;
    request.use_async_commit = true;
    request.min_commit_ts = start + 1;
    if value.is_none() {
        request.mutations[0].op = kv::Op::Del.into();
        request.mutations[0].value.clear();
    }
    send!(raw, &key, kv_prewrite, request);
}

/// One change of data or regions.
async fn disturb(scene: &Scene, chance: &mut StdRng, open: &mut Vec<(Vec<u8>, u64)>) {
    let handle = chance.random_range(1..=ROWS);
    let regions = scene.cluster.regions();
    let at = chance.random_range(0..regions.len());
    match chance.random_range(0..10) {
        // A writer of two phases gives way to a lock that no reader has ended yet.
        0..3 if open.iter().all(|(key, _)| *key != row_key(handle)) => {
            scene.raw.put(&row_key(handle), &row_with(chance.random_range(0..1000))).await;
        }
        3 => {
            let start = scene.raw.timestamp().await;
            one_phase(&scene.raw, handle, None, start).await;
        }
        4 if open.is_empty() => {
            let start = scene.raw.timestamp().await;
            let (key, row) = (row_key(handle), row_with(-handle));
            let mut request = prewrite(&[(&key, &row)], &key, start);
            // A reader pushes it, or waits for it not long.
            (request.min_commit_ts, request.lock_ttl) = (start + 1, 5);
            if send!(scene.raw, &key, kv_prewrite, request).errors.is_empty() {
                open.push((key, start));
            }
        }
        5 => drop(scene.cluster.split_region(regions[at].id)),
        6 if at > 0 => drop(scene.cluster.merge(regions[at - 1].id, regions[at].id)),
        7 => scene.cluster.scatter(),
        _ => {}
    }
    if chance.random_bool(0.5) {
        for (key, start_version) in open.drain(..) {
            // A reader may have pushed it, or rolled it back.
            let request = kv::CommitRequest {
                start_version,
                keys: vec![key.clone()],
                commit_version: scene.raw.timestamp().await,
                ..kv::CommitRequest::default()
            };
            send!(scene.raw, &key, kv_commit, request);
        }
    }
}

/// A read of some of the rows at some time.
fn any_read(chance: &mut StdRng, times: &[Timestamp]) -> CopRequest {
    let ts = match chance.random_bool(0.6) {
        true => times[times.len() - 1],
        false => times[chance.random_range(0..times.len())],
    };
    let mut ask =
        paged(request(ts, chance.random_bool(0.3)), [0, 0, 0, 3][chance.random_range(0..4)]);
    if chance.random_bool(0.2) {
        ask.ranges = vec![KeyRange::new(row_key(8), row_key(33))];
    }
    ask
}

#[tokio::test]
async fn any_history_reads_the_same_with_the_cache_as_without() {
    for seed in 10..16 {
        let scene = Scene::new(seed).await;
        let mut chance = StdRng::seed_from_u64(seed);
        let (mut times, mut open, mut hits) = (vec![scene.now().await], Vec::new(), 0);
        for step in 0..150 {
            if chance.random_bool(0.4) {
                disturb(&scene, &mut chance, &mut open).await;
                times.push(scene.now().await);
            }
            let ask = any_read(&mut chance, &times);
            hits += scene.compare(ask, &format!("seed {seed}, step {step}")).await;
        }
        assert!(hits > 100, "seed {seed}: {hits} hits");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn readers_beside_writers_read_the_same_with_the_cache_as_without() {
    let scene = Arc::new(Scene::new(20).await);
    let done = Arc::new(AtomicBool::new(false));
    // Each writer has rows of its own, most of them in one region, so that others keep their answers.
    let writers: Vec<_> = (0..3_i64)
        .map(|writer| {
            let (scene, done) = (Arc::clone(&scene), Arc::clone(&done));
            tokio::spawn(async move {
                let mut chance = StdRng::seed_from_u64(writer as u64);
                let mut written = 0;
                while !done.load(Ordering::Relaxed) {
                    // Readers that begin now have later timestamps than this write may be committed at.
                    let start = scene.raw.timestamp().await;
                    tokio::time::sleep(Duration::from_micros(chance.random_range(0..3000))).await;
                    let handle = 21 + writer + 3 * chance.random_range(0..3);
                    let value = chance.random_bool(0.8).then(|| chance.random_range(0..1000));
                    one_phase(&scene.raw, handle, value, start).await;
                    written += 1;
                }
                written
            })
        })
        .collect();
    let mut hits = 0;
    for round in 0..400 {
        let ask = request(scene.now().await, round % 2 == 1);
        hits += scene.compare(ask, "beside writers").await;
    }
    done.store(true, Ordering::Relaxed);
    for writer in writers {
        assert!(writer.await.unwrap() > 10);
    }
    assert!(hits > 400, "{hits} hits");
}
