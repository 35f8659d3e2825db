//! `DeleteRange`, GC and `MvccGetByKey`.

use tifusion_proto::kvrpcpb as kv;

use crate::harness::group::{Group, cases, group_tests};
use crate::harness::script::Script;

group_tests!();

fn group() -> Group {
    Group {
        name: "maintenance",
        cases: cases![
            delete_range_removes_all_versions,
            delete_range_spares_its_end,
            delete_range_of_nothing,
            delete_range_that_is_only_told,
            garbage_collection_answers,
            mvcc_of_versions,
            mvcc_of_a_lock,
            mvcc_of_a_long_value,
            mvcc_of_nothing,
        ],
    }
}

impl Script {
    fn delete_range(&self, start: &str, end: &str) -> kv::DeleteRangeRequest {
        kv::DeleteRangeRequest {
            start_key: self.key(start),
            end_key: self.key(end),
            ..kv::DeleteRangeRequest::default()
        }
    }

    fn mvcc(&self, key: &str) -> kv::MvccGetByKeyRequest {
        kv::MvccGetByKeyRequest { key: self.key(key), ..kv::MvccGetByKeyRequest::default() }
    }
}

async fn delete_range_removes_all_versions(s: &mut Script) {
    let (_, first) = s.put(&[("a", "1"), ("b", "1")]).await;
    let (_, second) = s.put(&[("b", &"x".repeat(1000))]).await;
    s.send(s.delete_range("a", "c")).await;
    s.send(s.scan("a", "z", first)).await;
    s.send(s.scan("a", "z", second)).await;
    s.send(s.get("b", second)).await;
}

async fn delete_range_spares_its_end(s: &mut Script) {
    let (_, commit) = s.put(&[("a", "1"), ("b", "1"), ("c", "1")]).await;
    s.send(s.delete_range("a", "b")).await;
    s.send(s.scan("a", "z", commit)).await;
}

async fn delete_range_of_nothing(s: &mut Script) {
    s.send(s.delete_range("a", "b")).await;
}

async fn delete_range_that_is_only_told(s: &mut Script) {
    let (_, commit) = s.put(&[("a", "1")]).await;
    s.send(kv::DeleteRangeRequest { notify_only: true, ..s.delete_range("a", "b") }).await;
    s.send(s.scan("a", "z", commit)).await;
}

/// The request itself deletes nothing at once anywhere.
async fn garbage_collection_answers(s: &mut Script) {
    let (_, commit) = s.put(&[("a", "1")]).await;
    s.send(kv::GcRequest { safe_point: 1, ..kv::GcRequest::default() }).await;
    s.send(s.get("a", commit)).await;
}

async fn mvcc_of_versions(s: &mut Script) {
    s.put(&[("a", "1")]).await;
    s.put(&[("a", "2")]).await;
    s.delete(&["a"]).await;
    s.send(s.mvcc("a")).await;
}

async fn mvcc_of_a_lock(s: &mut Script) {
    s.put(&[("a", "1")]).await;
    let start = s.ts().await;
    s.send(s.prewrite_puts(start, &[("a", "2")])).await;
    s.send(s.mvcc("a")).await;
}

async fn mvcc_of_a_long_value(s: &mut Script) {
    s.put(&[("a", &"x".repeat(300))]).await;
    s.send(s.mvcc("a")).await;
}

async fn mvcc_of_nothing(s: &mut Script) {
    s.send(s.mvcc("a")).await;
}
