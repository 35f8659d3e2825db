#![allow(clippy::cast_possible_truncation)]

use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::future::join_all;
use proptest::prelude::*;

use super::super::model::{FakePd, Model, backoffer, ver_id};
use super::super::{Buckets, StoreState};
use super::*;

const BUDGET: Duration = Duration::from_secs(20);

fn cache_with(pd: &Arc<FakePd>, change: impl FnOnce(&mut ClientOptions)) -> RegionCache {
    let mut options = ClientOptions::default();
    change(&mut options);
    RegionCache::new(Arc::clone(pd) as Arc<dyn PdApi>, &options)
}

fn cache(pd: &Arc<FakePd>) -> RegionCache {
    cache_with(pd, |_| ())
}

/// Boundaries as a store sends them.
fn encoded(mut region: metapb::Region) -> metapb::Region {
    region.start_key = keys::encode(&region.start_key);
    region.end_key = keys::encode(&region.end_key);
    region
}

fn starts(regions: &[Arc<Region>]) -> Vec<&[u8]> {
    regions.iter().map(|region| region.start_key.as_ref()).collect()
}

fn assert_covers(regions: &[Arc<Region>], start: &[u8], end: &[u8]) {
    assert!(regions.first().unwrap().contains(start));
    for pair in regions.windows(2) {
        assert_eq!(pair[0].end_key, pair[1].start_key);
        assert!(end.is_empty() || pair[1].start_key.as_ref() < end);
    }
    let last = &regions.last().unwrap().end_key;
    assert!(last.is_empty() || (!end.is_empty() && last.as_ref() >= end));
}

#[tokio::test(start_paused = true)]
async fn a_key_is_asked_of_pd_once() {
    let pd = FakePd::new(Model::split_at(["b", "d"]));
    let cache = cache(&pd);
    let mut bo = backoffer(BUDGET);
    assert_eq!(cache.locate_key(&mut bo, b"c").await.unwrap().start_key, "b");
    assert_eq!(cache.locate_key(&mut bo, b"b").await.unwrap().start_key, "b");
    assert_eq!(pd.calls(), 1);
    assert_eq!(cache.locate_key(&mut bo, b"").await.unwrap().end_key, "b");
    assert_eq!(pd.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn many_who_miss_one_key_share_one_call() {
    let pd = FakePd::new(Model::split_at(["b", "d"]));
    let cache = cache(&pd);
    let locate = || async { cache.locate_key(&mut backoffer(BUDGET), b"c").await.unwrap() };
    let found = join_all((0..200).map(|_| locate())).await;
    assert!(found.iter().all(|region| region.start_key == "b"));
    assert_eq!(pd.calls(), 1);
    assert_eq!(cache.flights.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn many_who_miss_different_keys_do_not_storm_pd() {
    let model =
        Model::split_at((b'b'..b'y').map(|byte| [byte]).map(|key| {
            Box::leak(String::from_utf8(key.to_vec()).unwrap().into_boxed_str()) as &str
        }));
    let pd = FakePd::new(model);
    let cache = cache(&pd);
    let keys: Vec<String> =
        (0..2000_u32).map(|n| format!("{}{n}", char::from(b'a' + (n % 26) as u8))).collect();
    let locate = |key| {
        let cache = &cache;
        async move { cache.locate_key(&mut backoffer(BUDGET), key).await.unwrap() }
    };
    join_all(keys.iter().map(|key| locate(key.as_bytes()))).await;
    assert!(pd.calls() <= 24 + 8, "{} calls", pd.calls());
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_goes_away_leaves_the_lane_to_the_next() {
    let pd = FakePd::new(Model::new());
    let cache = cache(&pd);
    let (mut first_bo, mut second_bo) = (backoffer(BUDGET), backoffer(BUDGET));
    let mut first = Box::pin(cache.locate_key(&mut first_bo, b"k"));
    let mut second = Box::pin(cache.locate_key(&mut second_bo, b"k"));
    assert!(futures::poll!(&mut first).is_pending());
    assert!(futures::poll!(&mut second).is_pending());
    drop(first);
    second.await.unwrap();
    assert_eq!(pd.calls(), 2);
    assert_eq!(cache.flights.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn behind_a_dead_pd_nobody_waits_longer_than_the_budget() {
    let pd = FakePd::new(Model::new());
    *pd.down.lock() = true;
    let cache = cache(&pd);
    let began = tokio::time::Instant::now();
    let locate = |key: u8| {
        let cache = &cache;
        async move { cache.locate_key(&mut backoffer(BUDGET), &[key]).await.unwrap_err() }
    };
    // More keys than lookups that may be under way at once, and several callers for each.
    let errors = join_all((0..60).map(|n| locate(n % 20))).await;
    assert!(errors.iter().all(|error| error.kind() == ErrorKind::DeadlineExceeded), "{errors:?}");
    assert!(errors.iter().any(|error| error.to_string().contains("PD is down")));
    assert!(began.elapsed() <= BUDGET + Duration::from_secs(1), "{:?}", began.elapsed());
    assert_eq!(cache.flights.len(), 0);
    *pd.down.lock() = false;
    cache.locate_key(&mut backoffer(BUDGET), b"k").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_long_line_before_a_healthy_pd_fails_no_statement() {
    let keys: Vec<String> = (0..400).map(|n| format!("k{n:03}")).collect();
    let pd = FakePd::new(Model::split_at(keys.iter().rev().map(String::as_str)));
    *pd.latency.lock() = Duration::from_secs(1);
    let cache = cache(&pd);
    let began = tokio::time::Instant::now();
    // Forty statements with ten lookups each, eight under way at once.
    join_all(keys.chunks(10).map(async |keys| {
        let mut bo = backoffer(BUDGET);
        for key in keys {
            cache.locate_key(&mut bo, key.as_bytes()).await.unwrap();
        }
        assert_eq!(bo.remaining(), BUDGET);
    }))
    .await;
    assert!(began.elapsed() > BUDGET * 2, "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_range_takes_few_calls() {
    let keys: Vec<String> = (1..10_000).map(|n| format!("k{n:05}")).collect();
    let pd = FakePd::new(Model::split_at(keys.iter().rev().map(String::as_str)));
    let cache = cache(&pd);
    let mut bo = backoffer(BUDGET);
    let regions = cache.locate_range(&mut bo, b"", b"").await.unwrap();
    assert_eq!(regions.len(), 10_000);
    assert_covers(&regions, b"", b"");
    assert_eq!(pd.calls(), 10);
    let part = cache.locate_range(&mut bo, b"k00500", b"k00600x").await.unwrap();
    assert_eq!(part.len(), 101);
    assert_eq!(pd.calls(), 10, "all cached");
}

#[tokio::test(start_paused = true)]
async fn an_empty_range_has_no_region() {
    let pd = FakePd::new(Model::split_at(["b"]));
    let cache = cache(&pd);
    let mut bo = backoffer(BUDGET);
    assert!(cache.locate_range(&mut bo, b"c", b"c").await.unwrap().is_empty());
    assert!(cache.locate_range(&mut bo, b"d", b"c").await.unwrap().is_empty());
    assert_eq!(pd.calls(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_range_ends_before_the_region_that_starts_at_its_end() {
    let pd = FakePd::new(Model::split_at(["b", "d"]));
    let cache = cache(&pd);
    let regions = cache.locate_range(&mut backoffer(BUDGET), b"a", b"d").await.unwrap();
    assert_eq!(starts(&regions), [b"".as_slice(), b"b"]);
}

#[tokio::test(start_paused = true)]
async fn only_what_is_missing_is_asked() {
    let pd = FakePd::new(Model::split_at(["b", "d", "f", "h"]));
    let cache = cache(&pd);
    let mut bo = backoffer(BUDGET);
    let regions = cache.locate_range(&mut bo, b"", b"").await.unwrap();
    cache.invalidate(regions[2].ver_id);
    let again = cache.locate_range(&mut bo, b"a", b"z").await.unwrap();
    assert_covers(&again, b"a", b"z");
    assert_eq!(pd.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_hole_in_pds_answer_is_waited_out() {
    let pd = FakePd::new(Model::split_at(["b", "d", "f"]));
    pd.holes.lock().extend([1, 1, 1]);
    let cache = cache(&pd);
    let mut bo = backoffer(BUDGET);
    let regions = cache.locate_range(&mut bo, b"", b"").await.unwrap();
    assert_covers(&regions, b"", b"");
    assert_eq!(regions.len(), 4);
    assert_eq!(bo.attempts(), 2, "the first answer brought the region before the hole");
}

#[tokio::test(start_paused = true)]
async fn a_hole_that_stays_is_an_error_that_names_the_key() {
    let mut model = Model::split_at(["b", "d", "f"]);
    model.regions.remove(1);
    let pd = FakePd::new(model);
    let cache = cache(&pd);
    let mut bo = backoffer(BUDGET);
    let error = cache.locate_range(&mut bo, b"", b"").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
    assert_eq!(error.context().key.as_deref(), Some("62"));
    let error = cache.locate_key(&mut backoffer(BUDGET), b"bb").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
    assert!(error.to_string().contains("PD knows no region"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_range_larger_than_the_cache_is_covered_all_the_same() {
    let pd = FakePd::new(Model::split_at(["b", "c", "d", "e", "f", "g", "h"]));
    let cache = cache_with(&pd, |options| {
        options.region_cache_capacity = 2;
        options.region_scan_limit = 3;
    });
    let mut bo = backoffer(BUDGET);
    for _ in 0..3 {
        let regions = cache.locate_range(&mut bo, b"", b"").await.unwrap();
        assert_eq!(regions.len(), 8);
        assert_covers(&regions, b"", b"");
        assert_eq!(cache.index.lock().len(), 2);
    }
    assert_eq!(bo.attempts(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_a_store_tells_of_a_split_is_taken_in_and_pd_that_lags_is_not() {
    let pd = FakePd::new(Model::split_at(["b", "f"]));
    let cache = cache(&pd);
    let mut bo = backoffer(BUDGET);
    let parent = cache.locate_key(&mut bo, b"c").await.unwrap();
    pd.change(|model| model.split(b"d"));
    let told: Vec<_> =
        pd.newest().regions[1..3].iter().map(|info| encoded(info.region.clone())).collect();
    cache.install(&told, 2).unwrap();
    let left = cache.locate_key(&mut bo, b"c").await.unwrap();
    assert_eq!((left.start_key.as_ref(), left.end_key.as_ref()), (&b"b"[..], &b"d"[..]));
    assert_eq!(left.leader.store_id, 2, "who told it leads it");
    assert_eq!(cache.locate_key(&mut bo, b"e").await.unwrap().start_key, "d");
    assert_eq!(pd.calls(), 1);
    // An old answer (of a slow store, say) changes nothing.
    cache.install(&[encoded(pd.history_region(0, "b"))], 3).unwrap();
    assert_eq!(cache.locate_key(&mut bo, b"c").await.unwrap().ver_id, left.ver_id);
    // PD lags for three answers: each would overlap the newer left part.
    cache.invalidate(cache.locate_key(&mut bo, b"e").await.unwrap().ver_id);
    pd.lags.lock().extend([1, 1, 1]);
    let right = cache.locate_key(&mut bo, b"e").await.unwrap();
    assert!(right.ver_id.version > parent.ver_id.version);
    assert_eq!(bo.attempts(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_region_that_cannot_be_understood_does_not_spoil_the_others() {
    let pd = FakePd::new(Model::split_at(["b", "f"]));
    let cache = cache(&pd);
    let told = pd.newest().regions;
    let raw_keys = told[1].region.clone();
    let no_peers = metapb::Region { peers: Vec::new(), ..encoded(told[2].region.clone()) };
    let error =
        cache.install(&[raw_keys, no_peers, encoded(told[0].region.clone())], 1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol);
    assert_eq!(error.context().region, Some(told[1].region.id));
    assert!(cache.cached(ver_id(&told[0])).is_some());
    assert_eq!(cache.index.lock().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_new_leader_is_switched_to_when_it_is_a_peer() {
    let pd = FakePd::new(Model::split_at(["b"]));
    let cache = cache(&pd);
    let mut bo = backoffer(BUDGET);
    let region = cache.locate_key(&mut bo, b"c").await.unwrap();
    assert!(cache.switch_leader(region.ver_id, &region.peers[2]));
    assert_eq!(cache.locate_key(&mut bo, b"c").await.unwrap().leader, region.peers[2]);
    let stranger = metapb::Peer { id: 9, store_id: 99, ..metapb::Peer::default() };
    assert!(!cache.switch_leader(region.ver_id, &stranger));
    assert!(cache.cached(region.ver_id).is_none(), "its peers have changed");
    assert!(!cache.switch_leader(region.ver_id, &region.peers[0]));
}

#[tokio::test(start_paused = true)]
async fn newer_buckets_are_taken_and_others_ignored() {
    let pd = FakePd::new(Model::split_at(["b", "f"]));
    let cache = cache(&pd);
    let mut bo = backoffer(BUDGET);
    let ver = cache.locate_key(&mut bo, b"c").await.unwrap().ver_id;
    let told = |keys: &[&str]| keys.iter().map(|key| keys::encode(key.as_bytes())).collect();
    let buckets = || cache.cached(ver).unwrap().buckets.clone();
    cache.update_buckets(ver, 3, vec![b"not encoded".to_vec()]);
    assert_eq!(buckets(), None);
    cache.update_buckets(ver, 3, told(&["b", "c", "f"]));
    let expected = Buckets { version: 3, keys: ["b", "c", "f"].map(Bytes::from).to_vec() };
    assert_eq!(buckets().as_deref(), Some(&expected));
    cache.update_buckets(ver, 3, told(&["b", "d", "f"]));
    cache.update_buckets(ver, 2, told(&["b", "d", "f"]));
    assert_eq!(buckets().as_deref(), Some(&expected));
    cache.update_buckets(ver, 4, told(&["b", "d", "f"]));
    assert_eq!(buckets().unwrap().version, 4);
}

#[tokio::test(start_paused = true)]
async fn a_store_is_asked_once_until_it_is_forgotten() {
    let pd = FakePd::new(Model::new());
    let told = |address: &str| metapb::Store {
        id: 4,
        address: address.to_owned(),
        ..metapb::Store::default()
    };
    pd.stores.lock().push(told("a:1"));
    let cache = cache(&pd);
    let get = || async { cache.store(&mut backoffer(BUDGET), 4).await.unwrap() };
    let found = join_all((0..50).map(|_| get())).await;
    assert!(found.iter().all(|store| store.address == "a:1"));
    assert_eq!(pd.store_calls.load(Ordering::Relaxed), 1);
    assert_eq!(cache.known_stores(), &found[..1]);
    pd.stores.lock()[0] = told("a:2");
    assert_eq!(get().await.address, "a:1");
    cache.invalidate_store(4);
    assert_eq!(get().await.address, "a:2");
    let gone = cache.store(&mut backoffer(BUDGET), 5).await.unwrap();
    assert_eq!(gone.state, StoreState::Tombstone);
}

#[derive(Debug, Clone)]
enum Step {
    Split(u8),
    Merge(u8, bool),
    ChangePeers(u8),
    Lag(u8),
    Hole(u8),
    Invalidate(u8),
    StoreTells(u8),
    Range(u8, u8),
    Key(u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => any::<u8>().prop_map(Step::Split),
        2 => (any::<u8>(), any::<bool>()).prop_map(|(at, left)| Step::Merge(at, left)),
        1 => any::<u8>().prop_map(Step::ChangePeers),
        2 => (0..4_u8).prop_map(Step::Lag),
        1 => (0..8_u8).prop_map(Step::Hole),
        1 => any::<u8>().prop_map(Step::Invalidate),
        2 => any::<u8>().prop_map(Step::StoreTells),
        4 => (any::<u8>(), any::<u8>()).prop_map(|(start, end)| Step::Range(start, end)),
        2 => any::<u8>().prop_map(Step::Key),
    ]
}

async fn take(step: Step, pd: &Arc<FakePd>, cache: &RegionCache, bo: &mut Backoffer) {
    let newest = pd.newest();
    let place = |at: u8| usize::from(at) % newest.regions.len();
    match step {
        Step::Split(key) => pd.change(|model| model.split(&[key])),
        Step::Merge(at, into_left) => pd.change(|model| model.merge(place(at), into_left)),
        Step::ChangePeers(at) => pd.change(|model| model.change_peers(place(at))),
        Step::Lag(lag) => pd.lags.lock().push_back(usize::from(lag)),
        Step::Hole(at) => pd.holes.lock().push_back(usize::from(at)),
        Step::Invalidate(at) => cache.invalidate(ver_id(&newest.regions[place(at)])),
        Step::StoreTells(at) => {
            let told = encoded(newest.regions[place(at)].region.clone());
            cache.install(&[told], 1).unwrap();
        }
        Step::Range(start, end) if end == 0 || start < end => {
            let end = if end == 0 { vec![] } else { vec![end] };
            let regions = cache.locate_range(bo, &[start], &end).await.unwrap();
            assert_covers(&regions, &[start], &end);
        }
        Step::Range(..) => (),
        Step::Key(key) => {
            assert!(cache.locate_key(bo, &[key]).await.unwrap().contains(&[key]));
        }
    }
    assert!(cache.index.lock().len() <= 6);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn whatever_splits_and_merges_ranges_are_covered_in_order(
        steps in proptest::collection::vec(step(), 1..60),
        limit in 1..5_u32,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build().unwrap();
        runtime.block_on(async {
            let pd = FakePd::new(Model::new());
            let cache = cache_with(&pd, |options| {
                options.region_cache_capacity = 6;
                options.region_scan_limit = limit;
            });
            let mut bo = backoffer(Duration::from_secs(3600));
            for step in steps {
                take(step, &pd, &cache, &mut bo).await;
            }
            // Once PD has caught up, what it tells is what is found.
            pd.lags.lock().clear();
            pd.holes.lock().clear();
            for info in pd.newest().regions {
                cache.install(&[encoded(info.region)], 1).unwrap();
            }
            let regions = cache.locate_range(&mut bo, b"", b"").await.unwrap();
            assert_covers(&regions, b"", b"");
            let expected: Vec<_> = pd.newest().regions.iter().map(ver_id).collect();
            let found: Vec<_> = regions.iter().map(|region| region.ver_id).collect();
            assert_eq!(found, expected);
        });
    }
}
