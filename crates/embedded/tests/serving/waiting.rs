//! Pessimistic locks that are waited for, and the coprocessor cache.

use std::time::{Duration, Instant};

use tifusion_embedded::{EmbeddedCluster, Rpc};
use tifusion_proto::{coprocessor, kvrpcpb as kv};

use crate::raw::{Raw, send};
use crate::rows::{decode, expected, fill, plan, row_key};

fn lock_request(key: &[u8], start_version: u64, wait_timeout: i64) -> kv::PessimisticLockRequest {
    kv::PessimisticLockRequest {
        mutations: vec![kv::Mutation {
            op: kv::Op::PessimisticLock.into(),
            key: key.to_vec(),
            ..kv::Mutation::default()
        }],
        primary_lock: key.to_vec(),
        start_version,
        for_update_ts: start_version,
        lock_ttl: 10_000,
        is_first_lock: true,
        wait_timeout,
        ..kv::PessimisticLockRequest::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_is_waited_for_and_taken_when_it_is_released() {
    let cluster = EmbeddedCluster::builder().start().await.unwrap();
    let raw = Raw::new(&cluster);
    let (first, second) = (raw.timestamp().await, raw.timestamp().await);
    let told = send!(raw, b"a", kv_pessimistic_lock, lock_request(b"a", first, -1));
    assert_eq!(told.errors, []);
    let told = send!(raw, b"a", kv_pessimistic_lock, lock_request(b"a", second, -1));
    assert_eq!(told.errors[0].locked.as_ref().unwrap().lock_version, first);
    let began = Instant::now();
    let told = send!(raw, b"a", kv_pessimistic_lock, lock_request(b"a", second, 60));
    assert!(told.errors[0].locked.is_some() && began.elapsed() >= Duration::from_millis(60));
    let waiting = tokio::spawn({
        let raw = raw.clone();
        async move { send!(raw, b"a", kv_pessimistic_lock, lock_request(b"a", second, 20_000)) }
    });
    while cluster.faults().calls(Rpc::PessimisticLock) < 4 {
        tokio::task::yield_now().await;
    }
    let request = kv::PessimisticRollbackRequest {
        start_version: first,
        for_update_ts: first,
        keys: vec![b"a".to_vec()],
        ..kv::PessimisticRollbackRequest::default()
    };
    assert_eq!(send!(raw, b"a", kv_pessimistic_rollback, request).errors, []);
    let told = tokio::time::timeout(Duration::from_secs(10), waiting).await.unwrap().unwrap();
    assert_eq!(told.errors, []);
}

#[tokio::test]
async fn a_cached_answer_stands_until_its_region_is_written_to() {
    let cluster = EmbeddedCluster::builder().start().await.unwrap();
    let raw = Raw::new(&cluster);
    fill(&raw, 6).await;
    cluster.split_at(&[row_key(4)]).unwrap();
    let ask = |version, start_ts| coprocessor::Request {
        tp: 103,
        data: plan(false),
        ranges: vec![coprocessor::KeyRange { start: row_key(1), end: row_key(4) }],
        is_cache_enabled: true,
        cache_if_match_version: version,
        start_ts,
        ..coprocessor::Request::default()
    };
    let now = raw.timestamp().await;
    let told = send!(raw, &row_key(1), coprocessor, ask(0, now));
    assert!(told.can_be_cached && !told.is_cache_hit);
    assert_eq!(decode(&told.data), expected(3));
    let version = told.cache_last_version;
    let again = send!(raw, &row_key(1), coprocessor, ask(version, raw.timestamp().await));
    assert!(again.is_cache_hit && again.data.is_empty());
    raw.put(&row_key(5), b"elsewhere").await;
    let again = send!(raw, &row_key(1), coprocessor, ask(version, raw.timestamp().await));
    assert!(again.is_cache_hit, "another region was written to");
    fill(&raw, 3).await;
    let later = send!(raw, &row_key(1), coprocessor, ask(version, raw.timestamp().await));
    assert!(!later.is_cache_hit && later.cache_last_version > version);
    let old = send!(raw, &row_key(1), coprocessor, ask(0, now));
    assert!(!old.can_be_cached, "there is newer data than the snapshot's");
}

#[tokio::test]
async fn further_tasks_of_a_store_are_answered_along() {
    let cluster = EmbeddedCluster::builder().start().await.unwrap();
    let raw = Raw::new(&cluster);
    fill(&raw, 6).await;
    cluster.split_at(&[row_key(4)]).unwrap();
    // One that has not seen the region as it was.
    let raw = Raw::new(&cluster);
    let range = |from, to| coprocessor::KeyRange { start: row_key(from), end: row_key(to) };
    let other = raw.locate(&row_key(5)).await.context;
    let task = |task_id, region_epoch| coprocessor::StoreBatchTask {
        region_id: other.region_id,
        region_epoch,
        peer: other.peer,
        ranges: vec![range(4, 7)],
        task_id,
        ..coprocessor::StoreBatchTask::default()
    };
    let request = coprocessor::Request {
        tp: 103,
        data: plan(false),
        ranges: vec![range(1, 4)],
        start_ts: raw.timestamp().await,
        tasks: vec![task(1, other.region_epoch), task(2, Some(Default::default()))],
        ..coprocessor::Request::default()
    };
    let told = send!(raw, &row_key(1), coprocessor, request);
    assert_eq!(decode(&told.data), expected(3));
    let [good, stale] = &told.batch_responses[..] else { panic!("{told:?}") };
    assert_eq!((good.task_id, decode(&good.data)), (1, expected(6)[3..].to_vec()));
    assert!(stale.region_error.as_ref().unwrap().epoch_not_match.is_some());
}

#[tokio::test]
async fn a_tiflash_store_runs_one_plan_over_many_regions() {
    let cluster = EmbeddedCluster::builder().tiflash_stores(1).start().await.unwrap();
    let raw = Raw::new(&cluster);
    fill(&raw, 6).await;
    cluster.split_at(&[row_key(4)]).unwrap();
    let region = |at: usize, from, to| {
        let info = &cluster.regions()[at];
        let epoch =
            tifusion_proto::metapb::RegionEpoch { conf_ver: info.conf_ver, version: info.version };
        coprocessor::RegionInfo {
            region_id: info.id,
            region_epoch: Some(epoch),
            ranges: vec![coprocessor::KeyRange { start: row_key(from), end: row_key(to) }],
        }
    };
    // The store has not this one, and reads it elsewhere.
    let mut stale = region(0, 3, 4);
    stale.region_epoch = Some(Default::default());
    let request = coprocessor::BatchRequest {
        tp: 103,
        data: plan(false).to_vec(),
        regions: vec![region(0, 1, 3), region(1, 4, 7), stale],
        start_ts: raw.timestamp().await,
        ..coprocessor::BatchRequest::default()
    };
    let mut store = raw.store(4).await.unwrap();
    let mut answers = store.batch_coprocessor(request).await.unwrap().into_inner();
    let (mut rows, mut again) = (Vec::new(), Vec::new());
    while let Some(answer) = answers.message().await.unwrap() {
        assert_eq!(answer.other_error, "");
        assert!(answer.retry_regions.is_empty() || rows.is_empty(), "they come first");
        rows.extend(decode(&answer.data));
        again.extend(answer.retry_regions);
    }
    rows.sort_unstable();
    assert_eq!(rows, expected(6));
    assert_eq!(again.len(), 1);
    let mut store = raw.store(1).await.unwrap();
    let refused = store.batch_coprocessor(coprocessor::BatchRequest::default()).await;
    assert_eq!(refused.unwrap_err().code(), tonic::Code::Unimplemented, "TiKV");
}
