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

/// A request of which `found` was found.
fn lookup(cache: &Arc<CopCache>, found: Option<KeptAnswer>) -> Lookup {
    Lookup {
        cache: Arc::clone(cache),
        key: name("key"),
        region: REGION,
        start_ts: Timestamp::new(10),
        paged: false,
        page: 0,
        found: found.map(Arc::new),
        offered: AtomicBool::new(false),
    }
}

fn leader() -> kvrpcpb::Context {
    kvrpcpb::Context::default()
}

/// A computed answer that can be kept.
fn computed(data: &'static [u8]) -> coprocessor::Response {
    let time = kvrpcpb::TimeDetailV2 {
        process_wall_time_ns: 5_000_000,
        ..kvrpcpb::TimeDetailV2::default()
    };
    coprocessor::Response {
        data: Bytes::from_static(data),
        can_be_cached: true,
        cache_last_version: 6,
        exec_details_v2: Some(kvrpcpb::ExecDetailsV2 {
            time_detail_v2: Some(time),
            ..kvrpcpb::ExecDetailsV2::default()
        }),
        ..coprocessor::Response::default()
    }
}

fn hit(version: u64) -> coprocessor::Response {
    coprocessor::Response {
        is_cache_hit: true,
        cache_last_version: version,
        ..coprocessor::Response::default()
    }
}

#[test]
fn a_kept_answer_is_the_regions_at_its_epoch_and_for_later_snapshots() {
    let kept = answer(b"x");
    let may = |region, ts| kept.may_answer(region, Timestamp::new(ts));
    assert!(may(REGION, 10) && may(REGION, 11));
    assert!(!may(REGION, 9));
    for other in [
        RegionVerId { id: 8, ..REGION },
        RegionVerId { version: 3, ..REGION },
        RegionVerId { conf_ver: 2, ..REGION },
    ] {
        assert!(!may(other, 11), "{other}");
    }
}

#[test]
fn a_hit_gives_what_was_kept() {
    let cache = cache(10_000);
    let covers = Some(KeyRange::new("a", "m"));
    let lookup = lookup(&cache, Some(KeptAnswer { covers: covers.clone(), ..answer(b"rows") }));
    assert_eq!(lookup.offer(&leader()), Some(5));
    let metrics = CopMetrics::default();
    let payload = settle(Some(&lookup), &mut hit(5), &metrics).unwrap();
    assert_eq!(payload, Payload { data: name("rows"), covers, from_cache: true });
    assert_eq!((metrics.cache_hits(), metrics.cache_misses()), (1, 0));
    assert_eq!(cache.answers(), 0, "a hit is not kept again");
}

#[test]
fn a_miss_is_kept_with_what_it_covers() {
    let cache = cache(10_000);
    let lookup = lookup(&cache, None);
    assert_eq!(lookup.offer(&leader()), Some(0));
    let range = coprocessor::KeyRange { start: b"a".to_vec(), end: b"m".to_vec() };
    let mut response = coprocessor::Response { range: Some(range), ..computed(b"rows") };
    let metrics = CopMetrics::default();
    let payload = settle(Some(&lookup), &mut response, &metrics).unwrap();
    let covers = Some(KeyRange::new("a", "m"));
    let expected = Payload { data: name("rows"), covers: covers.clone(), from_cache: false };
    assert_eq!(payload, expected);
    assert_eq!((metrics.cache_hits(), metrics.cache_misses()), (0, 1));
    let kept = cache.get(b"key").unwrap();
    assert_eq!(*kept, KeptAnswer { covers, version: 6, ..answer(b"rows") });
    assert_eq!(kept.data.as_ptr(), payload.data.as_ptr(), "one copy for both");
    assert_eq!(cache.bytes(), crate::cop::cache::OVERHEAD + 3 + 4 + 2);
}

#[test]
fn a_store_that_refers_to_what_it_was_not_offered_is_an_error() {
    let cache = cache(10_000);
    let of = |lookup: Option<&Lookup>, version| {
        settle(lookup, &mut hit(version), &CopMetrics::default()).unwrap_err().kind()
    };
    assert_eq!(of(None, 5), ErrorKind::Protocol);
    let empty = lookup(&cache, None);
    empty.offer(&leader());
    assert_eq!(of(Some(&empty), 0), ErrorKind::Protocol);
    let known = lookup(&cache, Some(answer(b"rows")));
    assert_eq!(of(Some(&known), 5), ErrorKind::Protocol, "it was offered nothing yet");
    known.offer(&leader());
    assert_eq!(of(Some(&known), 6), ErrorKind::Protocol, "another version's");
}

#[test]
fn a_replicas_answer_is_neither_kept_nor_taken_from_the_cache() {
    for context in [
        kvrpcpb::Context { replica_read: true, ..leader() },
        kvrpcpb::Context { stale_read: true, ..leader() },
    ] {
        let cache = cache(10_000);
        let lookup = lookup(&cache, Some(answer(b"rows")));
        assert_eq!(lookup.offer(&leader()), Some(5));
        assert_eq!(lookup.offer(&context), None, "the attempt after the leader's");
        let metrics = CopMetrics::default();
        let payload = settle(Some(&lookup), &mut computed(b"rows"), &metrics).unwrap();
        assert!(!payload.from_cache);
        assert_eq!((cache.answers(), metrics.cache_misses()), (0, 0));
        settle(Some(&lookup), &mut hit(5), &metrics).unwrap_err();
    }
}

#[test]
fn only_what_the_store_lets_be_kept_is_kept() {
    for response in [
        coprocessor::Response { can_be_cached: false, ..computed(b"rows") },
        coprocessor::Response { cache_last_version: 0, ..computed(b"rows") },
        coprocessor::Response { exec_details_v2: None, ..computed(b"rows") },
        computed(b""),
    ] {
        let cache = cache(10_000);
        let lookup = lookup(&cache, None);
        lookup.offer(&leader());
        settle(Some(&lookup), &mut response.clone(), &CopMetrics::default()).unwrap();
        assert_eq!(cache.answers(), 0, "{response:?}");
    }
}

#[test]
fn only_what_is_worth_its_room_is_kept() {
    let ms = Duration::from_millis;
    let options = CopCacheOptions { max_pages: 3, ..CopCacheOptions::default() };
    for (paged, page, size, time, kept) in [
        (false, 0, 1, ms(5), true),
        (false, 0, 1, ms(5) - Duration::from_nanos(1), false),
        (false, 0, 0, ms(5), false),
        (false, 0, 10 << 20, ms(5), true),
        (false, 0, (10 << 20) + 1, ms(5), false),
        (true, 0, 1, ms(5) / 3, true),
        (true, 2, 1, ms(5) / 3, true),
        (true, 3, 1, ms(5), false),
        (true, 1, 1, ms(1), false),
    ] {
        let said = takes_answer(options, paged, page, size, time);
        assert_eq!(said, kept, "paged {paged}, page {page}, {size} bytes, {time:?}");
    }
}

#[test]
fn the_stores_time_is_the_finer_of_the_two_it_tells() {
    let coarse = kvrpcpb::TimeDetail { process_wall_time_ms: 9, ..Default::default() };
    let fine = kvrpcpb::TimeDetailV2 { process_wall_time_ns: 9_500_000, ..Default::default() };
    let mut details =
        kvrpcpb::ExecDetailsV2 { time_detail: Some(coarse), ..kvrpcpb::ExecDetailsV2::default() };
    assert_eq!(process_time(Some(&details)), Duration::from_millis(9));
    details.time_detail_v2 = Some(fine);
    assert_eq!(process_time(Some(&details)), Duration::from_micros(9500));
    assert_eq!(process_time(None), Duration::ZERO);
}
