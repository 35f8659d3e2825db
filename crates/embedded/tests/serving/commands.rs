//! Commands by the generated clients: two phases, locks, scans, batches, splits.

use tifusion_embedded::EmbeddedCluster;
use tifusion_proto::{kvrpcpb as kv, tikvpb};

use crate::raw::{Raw, prewrite, send};

async fn start() -> (EmbeddedCluster, std::sync::Arc<Raw>) {
    let cluster = EmbeddedCluster::builder().seed(3).start().await.unwrap();
    let raw = Raw::new(&cluster);
    (cluster, raw)
}

fn keys(pairs: &[kv::KvPair]) -> Vec<&str> {
    pairs.iter().map(|pair| std::str::from_utf8(&pair.key).unwrap()).collect()
}

#[tokio::test]
async fn what_is_committed_is_read_from_every_region() {
    let (cluster, raw) = start().await;
    cluster.split_at(&["g", "p"]).unwrap();
    let before = raw.timestamp().await;
    for key in ["a", "b", "h", "i", "q", "r"] {
        raw.put(key.as_bytes(), format!("v{key}").as_bytes()).await;
    }
    let now = raw.timestamp().await;
    assert_eq!(raw.get(b"h", now).await.value, "vh");
    assert!(raw.get(b"h", before).await.not_found);
    let scan = |start: &str, end: &str, reverse| kv::ScanRequest {
        start_key: start.as_bytes().to_vec(),
        end_key: end.as_bytes().to_vec(),
        limit: 10,
        version: now,
        reverse,
        ..kv::ScanRequest::default()
    };
    let told = send!(raw, b"a", kv_scan, scan("a", "", false));
    assert_eq!(keys(&told.pairs), ["a", "b"], "the region is the end");
    let told = send!(raw, b"h", kv_scan, scan("i", "a", true));
    assert_eq!(keys(&told.pairs), ["h"]);
    let request = kv::BatchGetRequest {
        keys: vec![b"q".to_vec(), b"r".to_vec(), b"s".to_vec()],
        version: now,
        ..kv::BatchGetRequest::default()
    };
    assert_eq!(keys(&send!(raw, b"q", kv_batch_get, request).pairs), ["q", "r"]);
}

#[tokio::test]
async fn a_lock_in_the_way_is_told_and_resolved_in_its_region() {
    let (cluster, raw) = start().await;
    cluster.split_at(&["m"]).unwrap();
    let start = raw.timestamp().await;
    let (a, z, value) = (b"a".to_vec(), b"z".to_vec(), b"new".to_vec());
    for key in [&a, &z] {
        let told = send!(raw, key, kv_prewrite, prewrite(&[(key, &value)], &a, start));
        assert_eq!(told.errors, []);
    }
    let now = raw.timestamp().await;
    let lock = raw.get(b"z", now).await.error.unwrap().locked.unwrap();
    assert_eq!((lock.primary_lock, lock.lock_version), (a.clone(), start));
    let scan = kv::ScanLockRequest { max_version: now, limit: 10, ..Default::default() };
    assert_eq!(send!(raw, b"a", kv_scan_lock, scan).locks.len(), 1, "of this region");
    let commit = kv::CommitRequest {
        start_version: start,
        keys: vec![a.clone()],
        commit_version: now,
        ..Default::default()
    };
    assert_eq!(send!(raw, &a, kv_commit, commit).error, None);
    let status = kv::CheckTxnStatusRequest {
        primary_key: a.clone(),
        lock_ts: start,
        caller_start_ts: now,
        current_ts: now,
        ..Default::default()
    };
    assert_eq!(send!(raw, &a, kv_check_txn_status, status).commit_version, now);
    let resolve =
        kv::ResolveLockRequest { start_version: start, commit_version: now, ..Default::default() };
    assert_eq!(send!(raw, b"z", kv_resolve_lock, resolve).error, None);
    assert_eq!(raw.get(b"z", now).await.value, "new");
}

#[tokio::test]
async fn batches_of_commands_are_answered_one_by_one() {
    let (_cluster, raw) = start().await;
    raw.put(b"a", b"1").await;
    let version = raw.timestamp().await;
    let target = raw.locate(b"a").await;
    let get = kv::GetRequest {
        context: Some(target.context.clone()),
        key: b"a".to_vec(),
        version,
        ..Default::default()
    };
    let mut stale = get.clone();
    stale.context.as_mut().unwrap().region_epoch.as_mut().unwrap().version = 99;
    use tikvpb::batch_commands_request::Request;
    use tikvpb::batch_commands_request::request::Cmd;
    let empty = tikvpb::BatchCommandsEmptyRequest { test_id: 5, ..Default::default() };
    let requests = [Cmd::Get(get), Cmd::Get(stale), Cmd::Empty(empty)];
    let batch = tikvpb::BatchCommandsRequest {
        requests: requests.into_iter().map(|cmd| Request { cmd: Some(cmd) }).collect(),
        request_ids: vec![11, 12, 13],
        ..Default::default()
    };
    let mut store = target.store;
    let mut answers = store.batch_commands(tokio_stream::iter([batch])).await.unwrap().into_inner();
    use tikvpb::batch_commands_response::response::Cmd as Answer;
    let mut seen = Vec::new();
    while let Some(answer) = answers.message().await.unwrap() {
        for (id, response) in answer.request_ids.into_iter().zip(answer.responses) {
            match (id, response.cmd.unwrap()) {
                (11, Answer::Get(told)) => assert_eq!(told.value, "1"),
                (12, Answer::Get(told)) => {
                    assert!(told.region_error.unwrap().epoch_not_match.is_some());
                }
                (13, Answer::Empty(told)) => assert_eq!(told.test_id, 5),
                other => panic!("{other:?}"),
            }
            seen.push(id);
        }
    }
    seen.sort_unstable();
    assert_eq!(seen, [11, 12, 13]);
}

#[tokio::test]
async fn a_store_splits_its_region() {
    let (cluster, raw) = start().await;
    let request = kv::SplitRegionRequest {
        split_keys: vec![b"g".to_vec(), b"p".to_vec()],
        ..Default::default()
    };
    let told = send!(raw, b"", split_region, request);
    let ids: Vec<_> = told.regions.iter().map(|region| region.id).collect();
    assert_eq!(ids, cluster.regions().iter().map(|region| region.id).collect::<Vec<_>>());
    assert_eq!(ids.len(), 3);
}

#[tokio::test]
async fn tiflash_serves_nothing_but_the_coprocessor() {
    let cluster = EmbeddedCluster::builder().stores(1).tiflash_stores(1).start().await.unwrap();
    let raw = Raw::new(&cluster);
    let mut store = raw.store(2).await.unwrap();
    let status = store.kv_get(kv::GetRequest::default()).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::Unimplemented);
}

#[tokio::test]
async fn regions_split_by_themselves_when_they_grow() {
    let cluster = EmbeddedCluster::builder().region_size(8 << 10).bucket_size(2 << 10);
    let cluster = cluster.start().await.unwrap();
    let raw = Raw::new(&cluster);
    for key in 0..40_u8 {
        raw.put(&[b'k', key], &[7; 1000]).await;
    }
    let regions = cluster.split_large_regions().await;
    assert!((4..=6).contains(&regions), "{regions}");
    let request = tifusion_proto::pdpb::GetRegionRequest {
        header: raw.header(),
        region_key: tifusion_codec::key::region_key(&[b'k', 20]),
        need_buckets: true,
    };
    let told = raw.pd.clone().get_region(request).await.unwrap().into_inner();
    let (region, buckets) = (told.region.unwrap(), told.buckets.unwrap());
    assert_eq!(buckets.keys[0], region.start_key);
    assert_eq!(*buckets.keys.last().unwrap(), region.end_key);
    assert!(buckets.keys.len() >= 4, "{buckets:?}");
    let now = raw.timestamp().await;
    for key in 0..40_u8 {
        assert_eq!(raw.get(&[b'k', key], now).await.value.len(), 1000);
    }
}
