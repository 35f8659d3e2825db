//! Get, `BatchGet` and Scan.

use tifusion_proto::kvrpcpb as kv;

use crate::harness::group::{Group, cases, group_tests};
use crate::harness::script::Script;

group_tests!();

fn group() -> Group {
    Group {
        name: "read",
        cases: cases![
            a_key_that_never_was,
            a_key_at_several_versions,
            a_deleted_key_and_what_it_was,
            a_key_deleted_and_written_again,
            an_empty_value,
            a_large_value,
            the_newest_version_by_the_greatest_timestamp,
            keys_that_begin_with_each_other,
            a_key_of_all_kinds_of_bytes,
            versions_of_locks_are_not_seen,
            rollback_records_are_not_seen,
            a_read_behind_a_lock_meets_it,
            a_read_before_a_lock_passes_it,
            a_lock_that_changes_nothing_stops_no_read,
            a_pessimistic_lock_stops_no_read,
            a_lock_is_ignored_under_read_committed,
            a_resolved_lock_is_passed,
            a_committed_lock_is_read_through,
            a_committed_deletion_is_read_through,
            the_newest_read_passes_a_primary_lock,
            commit_timestamps_on_request,
            batch_get_in_the_order_of_the_request,
            batch_get_with_a_locked_key,
            batch_get_of_nothing,
            batch_get_under_read_committed,
            scan_forward,
            scan_with_a_limit,
            scan_of_keys_alone,
            scan_backwards,
            scan_backwards_with_a_limit,
            scan_backwards_of_keys_alone,
            scan_of_an_older_snapshot,
            scan_of_an_empty_range,
            scan_of_a_range_that_is_upside_down,
            scan_excludes_its_end,
            scan_meets_a_lock,
            scan_backwards_meets_a_lock,
            scan_counts_a_locked_key_against_its_limit,
            scan_of_keys_alone_meets_a_lock,
            scan_under_read_committed_passes_locks,
            scan_passes_resolved_locks,
            scan_over_many_deleted_keys,
            scan_with_no_limit,
            scan_with_samples,
        ],
    }
}

fn context(level: kv::IsolationLevel) -> Option<kv::Context> {
    Some(kv::Context { isolation_level: level.into(), ..kv::Context::default() })
}

async fn a_key_that_never_was(s: &mut Script) {
    let now = s.ts().await;
    s.send(s.get("a", now)).await;
    s.send(s.get("", now)).await;
}

async fn a_key_at_several_versions(s: &mut Script) {
    let before = s.ts().await;
    let (start, first) = s.put(&[("a", "1")]).await;
    let (_, second) = s.put(&[("a", "2")]).await;
    for version in [before, start, first - 1, first, first + 1, second - 1, second, second + 1] {
        s.send(s.get("a", version)).await;
    }
}

async fn a_deleted_key_and_what_it_was(s: &mut Script) {
    let (_, put) = s.put(&[("a", "1"), ("b", "2")]).await;
    let (_, deleted) = s.delete(&["a"]).await;
    for version in [put, deleted - 1, deleted, deleted + 1] {
        s.send(s.get("a", version)).await;
        s.send(s.batch_get(&["a", "b"], version)).await;
    }
}

async fn a_key_deleted_and_written_again(s: &mut Script) {
    let (_, first) = s.put(&[("a", "1")]).await;
    let (_, second) = s.delete(&["a"]).await;
    let (_, third) = s.delete(&["a"]).await;
    let (_, fourth) = s.put(&[("a", "4")]).await;
    for version in [first, second, third, fourth] {
        s.send(s.get("a", version)).await;
        s.send(s.scan("a", "z", version)).await;
    }
}

async fn an_empty_value(s: &mut Script) {
    let (_, commit) = s.put(&[("a", ""), ("b", "1")]).await;
    s.send(s.get("a", commit)).await;
    s.send(s.batch_get(&["a", "b"], commit)).await;
    s.send(s.scan("a", "z", commit)).await;
}

async fn a_large_value(s: &mut Script) {
    let value = "x".repeat(300_000);
    let (_, commit) = s.put(&[("a", &value), ("b", &value[..256]), ("c", &value[..255])]).await;
    for key in ["a", "b", "c"] {
        s.send(s.get(key, commit)).await;
    }
    s.send(s.scan("a", "z", commit)).await;
    let start = s.ts().await;
    s.send(s.prewrite_puts(start, &[("a", &"y".repeat(70_000))])).await;
    s.send(s.rollback(start, &["a"])).await;
    s.send(s.get("a", start)).await;
}

async fn the_newest_version_by_the_greatest_timestamp(s: &mut Script) {
    s.put(&[("a", "1")]).await;
    s.put(&[("a", "2")]).await;
    s.send(s.get("a", u64::MAX)).await;
    s.send(s.scan("a", "z", u64::MAX)).await;
}

async fn keys_that_begin_with_each_other(s: &mut Script) {
    let keys = ["a", "a\0", "a\0\0", "aa", "aaaaaaaa", "aaaaaaaa\0", "aaaaaaaaa", "b"];
    let pairs: Vec<_> = keys.iter().map(|key| (*key, *key)).collect();
    let (_, commit) = s.put(&pairs).await;
    s.send(s.scan("a", "b", commit)).await;
    s.send(s.scan("a\0", "aaaaaaaa\0", commit)).await;
    s.send(kv::ScanRequest { reverse: true, ..s.scan("aaaaaaaaa", "a\0", commit) }).await;
    s.send(s.get("a\0", commit)).await;
}

async fn a_key_of_all_kinds_of_bytes(s: &mut Script) {
    let all: Vec<u8> = (0..=255).collect();
    let mutation = kv::Mutation {
        key: [s.key(""), all.clone()].concat(),
        value: all.clone(),
        ..s.mutation(kv::Op::Put, "")
    };
    let key = mutation.key.clone();
    let (_, commit) = s.change(vec![mutation]).await;
    s.send(kv::GetRequest { key, ..s.get("", commit) }).await;
    s.send(s.scan("", "\u{7f}", commit)).await;
}

async fn versions_of_locks_are_not_seen(s: &mut Script) {
    let (_, put) = s.put(&[("a", "1")]).await;
    let lock = s.mutation(kv::Op::Lock, "a");
    let (_, locked) = s.change(vec![lock]).await;
    let lock = s.mutation(kv::Op::Lock, "b");
    let (_, other) = s.change(vec![lock]).await;
    for version in [put, locked, other] {
        s.send(s.batch_get(&["a", "b"], version)).await;
    }
    s.send(s.scan("a", "z", other)).await;
}

async fn rollback_records_are_not_seen(s: &mut Script) {
    let (_, put) = s.put(&[("a", "1")]).await;
    let start = s.ts().await;
    s.send(s.rollback(start, &["a", "b"])).await;
    for version in [put, start, start + 1] {
        s.send(s.batch_get(&["a", "b"], version)).await;
        s.send(s.scan("a", "z", version)).await;
    }
}

/// A value, and a lock on it at the second timestamp told.
async fn locked(s: &mut Script) -> (u64, u64) {
    let (_, commit) = s.put(&[("a", "1"), ("b", "1"), ("c", "1")]).await;
    let start = s.ts().await;
    s.send(s.prewrite_puts(start, &[("b", "2")])).await;
    (commit, start)
}

async fn a_read_behind_a_lock_meets_it(s: &mut Script) {
    let (_, start) = locked(s).await;
    let now = s.ts().await;
    s.send(s.get("b", start)).await;
    s.send(s.get("b", now)).await;
    s.send(s.get("a", now)).await;
}

async fn a_read_before_a_lock_passes_it(s: &mut Script) {
    let (commit, start) = locked(s).await;
    s.send(s.get("b", commit)).await;
    s.send(s.get("b", start - 1)).await;
}

async fn a_lock_that_changes_nothing_stops_no_read(s: &mut Script) {
    let (_, _) = s.put(&[("a", "1")]).await;
    let start = s.ts().await;
    s.send(s.prewrite(start, vec![s.mutation(kv::Op::Lock, "a")])).await;
    let now = s.ts().await;
    s.send(s.get("a", now)).await;
    s.send(s.scan("a", "z", now)).await;
}

async fn a_pessimistic_lock_stops_no_read(s: &mut Script) {
    s.put(&[("a", "1")]).await;
    let start = s.ts().await;
    s.send(s.lock(start, start, &["a"])).await;
    let now = s.ts().await;
    s.send(s.get("a", now)).await;
    s.send(s.scan("a", "z", now)).await;
}

async fn a_lock_is_ignored_under_read_committed(s: &mut Script) {
    locked(s).await;
    let now = s.ts().await;
    s.send(kv::GetRequest { context: context(kv::IsolationLevel::Rc), ..s.get("b", now) }).await;
}

async fn a_resolved_lock_is_passed(s: &mut Script) {
    let (_, start) = locked(s).await;
    let now = s.ts().await;
    let passing = |lock| Some(kv::Context { resolved_locks: vec![lock], ..kv::Context::default() });
    s.send(kv::GetRequest { context: passing(start), ..s.get("b", now) }).await;
    s.send(kv::GetRequest { context: passing(start + 1), ..s.get("b", now) }).await;
}

async fn a_committed_lock_is_read_through(s: &mut Script) {
    let (_, start) = locked(s).await;
    let now = s.ts().await;
    let context = Some(kv::Context { committed_locks: vec![start], ..kv::Context::default() });
    s.send(kv::GetRequest { context: context.clone(), ..s.get("b", now) }).await;
    s.send(kv::BatchGetRequest { context: context.clone(), ..s.batch_get(&["b", "a"], now) }).await;
    s.send(kv::ScanRequest { context, ..s.scan("a", "z", now) }).await;
}

async fn a_committed_deletion_is_read_through(s: &mut Script) {
    s.put(&[("a", "1"), ("b", "1")]).await;
    let start = s.ts().await;
    s.send(s.prewrite(start, vec![s.mutation(kv::Op::Del, "b")])).await;
    let now = s.ts().await;
    let context = Some(kv::Context { committed_locks: vec![start], ..kv::Context::default() });
    s.send(kv::GetRequest { context: context.clone(), ..s.get("b", now) }).await;
    s.send(kv::ScanRequest { context, ..s.scan("a", "z", now) }).await;
}

async fn the_newest_read_passes_a_primary_lock(s: &mut Script) {
    s.put(&[("a", "1"), ("b", "1")]).await;
    let start = s.ts().await;
    s.send(s.prewrite_puts(start, &[("a", "2"), ("b", "2")])).await;
    s.send(s.get("a", u64::MAX)).await;
    s.send(s.get("b", u64::MAX)).await;
}

async fn commit_timestamps_on_request(s: &mut Script) {
    let (_, commit) = s.put(&[("a", "1")]).await;
    s.send(kv::GetRequest { need_commit_ts: true, ..s.get("a", commit) }).await;
    s.send(kv::BatchGetRequest { need_commit_ts: true, ..s.batch_get(&["a"], commit) }).await;
}

async fn batch_get_in_the_order_of_the_request(s: &mut Script) {
    let (_, commit) = s.put(&[("a", "1"), ("b", "2"), ("c", "3")]).await;
    s.send(s.batch_get(&["c", "x", "a", "b"], commit)).await;
    s.send(s.batch_get(&["a", "a"], commit)).await;
}

async fn batch_get_with_a_locked_key(s: &mut Script) {
    let (_, start) = locked(s).await;
    s.send(s.batch_get(&["a", "b", "c"], start)).await;
    s.send(s.batch_get(&["b", "x"], start + 1)).await;
}

async fn batch_get_of_nothing(s: &mut Script) {
    let now = s.ts().await;
    s.send(s.batch_get(&[], now)).await;
    s.send(s.batch_get(&["a", "b"], now)).await;
}

async fn batch_get_under_read_committed(s: &mut Script) {
    let (_, start) = locked(s).await;
    let context = context(kv::IsolationLevel::Rc);
    s.send(kv::BatchGetRequest { context, ..s.batch_get(&["a", "b", "c"], start) }).await;
}

/// Keys b, d, f, h; later d is changed and f deleted.
async fn scanned(s: &mut Script) -> (u64, u64) {
    let (_, first) = s.put(&[("b", "1"), ("d", "2"), ("f", "3"), ("h", "4")]).await;
    s.put(&[("d", "22")]).await;
    let (_, last) = s.delete(&["f"]).await;
    (first, last)
}

async fn scan_forward(s: &mut Script) {
    let (_, last) = scanned(s).await;
    for (start, end) in [("a", "z"), ("b", "h"), ("c", "e"), ("d", "d\0"), ("i", "z")] {
        s.send(s.scan(start, end, last)).await;
    }
}

async fn scan_with_a_limit(s: &mut Script) {
    let (_, last) = scanned(s).await;
    for limit in [1, 2, 3, 4] {
        s.send(kv::ScanRequest { limit, ..s.scan("a", "z", last) }).await;
    }
}

async fn scan_of_keys_alone(s: &mut Script) {
    let (_, last) = scanned(s).await;
    s.send(kv::ScanRequest { key_only: true, ..s.scan("a", "z", last) }).await;
    s.send(kv::ScanRequest { key_only: true, limit: 2, ..s.scan("c", "z", last) }).await;
}

async fn scan_backwards(s: &mut Script) {
    let (_, last) = scanned(s).await;
    for (start, end) in [("z", "a"), ("h", "b"), ("e", "c"), ("d\0", "d"), ("b", "a")] {
        s.send(kv::ScanRequest { reverse: true, ..s.scan(start, end, last) }).await;
    }
}

async fn scan_backwards_with_a_limit(s: &mut Script) {
    let (_, last) = scanned(s).await;
    for limit in [1, 2, 3, 4] {
        s.send(kv::ScanRequest { reverse: true, limit, ..s.scan("z", "a", last) }).await;
    }
}

async fn scan_backwards_of_keys_alone(s: &mut Script) {
    let (_, last) = scanned(s).await;
    s.send(kv::ScanRequest { reverse: true, key_only: true, ..s.scan("z", "a", last) }).await;
}

async fn scan_of_an_older_snapshot(s: &mut Script) {
    let (first, last) = scanned(s).await;
    for version in [first - 1, first, first + 1, last - 1] {
        s.send(s.scan("a", "z", version)).await;
        s.send(kv::ScanRequest { reverse: true, ..s.scan("z", "a", version) }).await;
    }
}

async fn scan_of_an_empty_range(s: &mut Script) {
    let (_, last) = scanned(s).await;
    s.send(s.scan("b", "b", last)).await;
    s.send(kv::ScanRequest { reverse: true, ..s.scan("b", "b", last) }).await;
}

async fn scan_of_a_range_that_is_upside_down(s: &mut Script) {
    let (_, last) = scanned(s).await;
    s.send(s.scan("z", "a", last)).await;
    s.send(kv::ScanRequest { reverse: true, ..s.scan("a", "z", last) }).await;
}

async fn scan_excludes_its_end(s: &mut Script) {
    let (first, _) = scanned(s).await;
    s.send(s.scan("b", "f", first)).await;
    s.send(kv::ScanRequest { reverse: true, ..s.scan("f", "b", first) }).await;
}

async fn scan_meets_a_lock(s: &mut Script) {
    let (_, start) = locked(s).await;
    s.send(s.scan("a", "z", start)).await;
    s.send(s.scan("a", "z", start - 1)).await;
    s.send(s.scan("c", "z", start)).await;
}

async fn scan_backwards_meets_a_lock(s: &mut Script) {
    let (_, start) = locked(s).await;
    s.send(kv::ScanRequest { reverse: true, ..s.scan("z", "a", start) }).await;
}

async fn scan_counts_a_locked_key_against_its_limit(s: &mut Script) {
    let (_, start) = locked(s).await;
    for limit in [1, 2] {
        s.send(kv::ScanRequest { limit, ..s.scan("a", "z", start) }).await;
    }
}

async fn scan_of_keys_alone_meets_a_lock(s: &mut Script) {
    let (_, start) = locked(s).await;
    s.send(kv::ScanRequest { key_only: true, ..s.scan("a", "z", start) }).await;
}

async fn scan_under_read_committed_passes_locks(s: &mut Script) {
    let (_, start) = locked(s).await;
    let context = context(kv::IsolationLevel::Rc);
    s.send(kv::ScanRequest { context: context.clone(), ..s.scan("a", "z", start) }).await;
    s.send(kv::ScanRequest { context, reverse: true, ..s.scan("z", "a", start) }).await;
}

async fn scan_passes_resolved_locks(s: &mut Script) {
    let (_, start) = locked(s).await;
    let context = Some(kv::Context { resolved_locks: vec![start], ..kv::Context::default() });
    s.send(kv::ScanRequest { context, ..s.scan("a", "z", start) }).await;
}

async fn scan_over_many_deleted_keys(s: &mut Script) {
    let names: Vec<String> = (0..100).map(|number| format!("k{number:03}")).collect();
    let pairs: Vec<_> = names.iter().map(|name| (name.as_str(), "v")).collect();
    s.put(&pairs).await;
    let deleted: Vec<_> = names.iter().skip(1).take(97).map(String::as_str).collect();
    let (_, last) = s.delete(&deleted).await;
    s.send(s.scan("k", "l", last)).await;
    s.send(kv::ScanRequest { reverse: true, limit: 1, ..s.scan("k098", "k", last) }).await;
}

async fn scan_with_no_limit(s: &mut Script) {
    let (_, last) = scanned(s).await;
    s.send(kv::ScanRequest { limit: 0, ..s.scan("a", "z", last) }).await;
}

async fn scan_with_samples(s: &mut Script) {
    let (first, _) = scanned(s).await;
    s.send(kv::ScanRequest { sample_step: 2, ..s.scan("a", "z", first) }).await;
}
