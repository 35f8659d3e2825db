use proptest::prelude::*;

use super::key::key;
use super::*;

const REGION: RegionVerId = RegionVerId { id: 7, conf_ver: 1, version: 2 };

fn cache(capacity: usize) -> Arc<CopCache> {
    let options = CopCacheOptions { capacity, ..CopCacheOptions::default() };
    Arc::new(CopCache::new(options).unwrap())
}

fn answer(data: &'static [u8]) -> KeptAnswer {
    KeptAnswer {
        data: Bytes::from_static(data),
        covers: None,
        region: REGION,
        version: 5,
        start_ts: Timestamp::new(10),
    }
}

fn name(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

#[test]
fn no_capacity_is_no_cache() {
    assert!(CopCache::new(CopCacheOptions::default()).is_none());
}

#[test]
fn the_least_recently_used_make_room() {
    let cache = cache(2 * (OVERHEAD + 10));
    cache.put(name("a"), answer(b"aaaaaaaaa"));
    cache.put(name("b"), answer(b"bbbbbbbbb"));
    assert_eq!((cache.answers(), cache.bytes()), (2, 2 * (OVERHEAD + 10)));
    assert!(cache.get(b"a").is_some());
    cache.put(name("c"), answer(b"c"));
    assert!(cache.get(b"a").is_some() && cache.get(b"b").is_none() && cache.get(b"c").is_some());
    assert_eq!(cache.bytes(), 2 * OVERHEAD + 12);
}

#[test]
fn an_answer_takes_the_place_of_the_one_before_it() {
    let cache = cache(1000);
    cache.put(name("a"), answer(b"old"));
    cache.put(name("a"), answer(b"newer"));
    assert_eq!(cache.get(b"a").unwrap().data, &b"newer"[..]);
    assert_eq!((cache.answers(), cache.bytes()), (1, OVERHEAD + 6));
}

#[test]
fn an_answer_larger_than_the_cache_moves_nothing_out() {
    let cache = cache(OVERHEAD + 4);
    cache.put(name("a"), answer(b"aaa"));
    cache.put(name("b"), answer(b"bbbb"));
    assert!(cache.get(b"a").is_some() && cache.get(b"b").is_none());
}

type Parts = (i64, Vec<u8>, Vec<(Vec<u8>, Vec<u8>)>, u64);

fn any_parts() -> impl Strategy<Value = Parts> {
    let bytes = || proptest::collection::vec(0..3_u8, 0..3);
    let ranges = proptest::collection::vec((bytes(), bytes()), 0..3);
    (103..105_i64, bytes(), ranges, 0..2_u64)
}

fn key_of((tp, data, ranges, paging): &Parts) -> Bytes {
    let ranges: Vec<_> =
        ranges.iter().map(|(start, end)| KeyRange::new(start.clone(), end.clone())).collect();
    key(*tp, data, &ranges, *paging)
}

proptest! {
    #[test]
    fn different_requests_have_different_keys(one in any_parts(), other in any_parts()) {
        prop_assert_eq!(one == other, key_of(&one) == key_of(&other));
    }

    #[test]
    fn the_bound_holds_whatever_is_kept(
        capacity in 1..5_000_usize,
        answers in proptest::collection::vec((0..20_u8, 0..2_000_usize), 0..100),
    ) {
        let cache = cache(capacity);
        for (number, len) in answers {
            let data = Bytes::from(vec![0; len]);
            cache.put(vec![number].into(), KeptAnswer { data, ..answer(b"") });
            prop_assert!(cache.bytes() <= capacity);
            let kept = cache.kept.lock();
            let sum = kept.answers.iter().map(|(key, it)| size_of_entry(key, it)).sum::<usize>();
            prop_assert_eq!(kept.bytes, sum);
        }
    }
}
