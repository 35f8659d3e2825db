//! PD's answers.

use tifusion_codec::key::region_key;
use tifusion_embedded::{Effect, EmbeddedCluster, Fault, Rpc, When};
use tifusion_proto::pdpb;
use tonic::Code;

use crate::raw::Raw;
use crate::rows::connect;

async fn start() -> (EmbeddedCluster, std::sync::Arc<Raw>) {
    let cluster = EmbeddedCluster::builder().seed(7).start().await.unwrap();
    let raw = Raw::new(&cluster);
    (cluster, raw)
}

macro_rules! ask {
    ($raw:expr, $method:ident, $request:ident { $($field:ident: $value:expr),* $(,)? }) => {
        $raw.pd.clone().$method(pdpb::$request {
            header: $raw.header(),
            $($field: $value,)*
            ..pdpb::$request::default()
        }).await.unwrap().into_inner()
    };
}

#[tokio::test]
async fn members_and_cluster_are_told() {
    let (cluster, raw) = start().await;
    let told = raw.pd.clone().get_members(pdpb::GetMembersRequest::default()).await.unwrap();
    let told = told.into_inner();
    assert_eq!(told.header.unwrap().cluster_id, cluster.cluster_id());
    let url = format!("http://{}", cluster.pd_addresses()[0]);
    assert_eq!(told.leader.unwrap().client_urls, [url]);
    assert!(ask!(raw, is_bootstrapped, IsBootstrappedRequest {}).bootstrapped);
    let told = ask!(raw, bootstrap, BootstrapRequest {}).header.unwrap().error.unwrap();
    assert_eq!(told.r#type(), pdpb::ErrorType::AlreadyBootstrapped);
    let config = ask!(raw, get_cluster_config, GetClusterConfigRequest {});
    assert_eq!(config.cluster.unwrap().max_peer_count, 3);
}

#[tokio::test]
async fn another_cluster_s_requests_are_refused() {
    let (_cluster, raw) = start().await;
    let header = Some(pdpb::RequestHeader { cluster_id: 12, ..Default::default() });
    let request = pdpb::GetAllStoresRequest { header, exclude_tombstone_stores: false };
    let status = raw.pd.clone().get_all_stores(request).await.unwrap_err();
    assert_eq!(status.code(), Code::FailedPrecondition);
    assert!(status.message().contains("mismatch cluster id"), "{status}");
}

#[tokio::test]
async fn timestamps_come_in_batches_and_grow() {
    let (cluster, raw) = start().await;
    let request =
        |count| pdpb::TsoRequest { header: raw.header(), count, ..pdpb::TsoRequest::default() };
    let mut last = cluster.timestamp();
    let requests = tokio_stream::iter([request(1), request(1000), request(1)]);
    let mut answers = raw.pd.clone().tso(requests).await.unwrap().into_inner();
    for count in [1, 1000, 1] {
        let answer = answers.message().await.unwrap().unwrap();
        assert_eq!(answer.count, count);
        let told = answer.timestamp.unwrap();
        let end = ((told.physical as u64) << 18) + told.logical as u64;
        assert!(end - u64::from(count - 1) > last);
        last = end;
    }
    assert!(cluster.timestamp() > last);
    let mut answers =
        raw.pd.clone().tso(tokio_stream::iter([request(0)])).await.unwrap().into_inner();
    answers.message().await.unwrap_err();
}

#[tokio::test]
async fn regions_are_found_by_key_id_and_range() {
    let (cluster, raw) = start().await;
    cluster.split_at(&["g", "p"]).unwrap();
    let regions = cluster.regions();
    let key = region_key(b"h");
    let told = ask!(raw, get_region, GetRegionRequest { region_key: key.clone() });
    let region = told.region.unwrap();
    assert_eq!(region.id, regions[1].id);
    assert_eq!((region.start_key, region.end_key), (region_key(b"g"), region_key(b"p")));
    assert_eq!(told.leader.unwrap().store_id, 1);
    assert_eq!(region.peers.len(), 3);
    let told = ask!(raw, get_prev_region, GetRegionRequest { region_key: key });
    assert_eq!(told.region.unwrap().id, regions[0].id);
    let told = ask!(raw, get_region_by_id, GetRegionByIdRequest { region_id: regions[2].id });
    assert_eq!(told.region.unwrap().start_key, region_key(b"p"));
    let told = ask!(raw, get_region_by_id, GetRegionByIdRequest { region_id: 999 });
    assert_eq!((told.region, told.leader), (None, None));

    let ids = |told: &[pdpb::Region]| {
        told.iter().map(|it| it.region.as_ref().unwrap().id).collect::<Vec<_>>()
    };
    let told =
        ask!(raw, scan_regions, ScanRegionsRequest { start_key: region_key(b"h"), limit: 9 });
    assert_eq!(ids(&told.regions), [regions[1].id, regions[2].id]);
    assert_eq!((told.region_metas.len(), told.leaders.len()), (2, 2));
    let told = ask!(raw, scan_regions, ScanRegionsRequest { limit: 1 });
    assert_eq!(ids(&told.regions), [regions[0].id]);
    let range = |start: &[u8], end: &[u8]| pdpb::KeyRange {
        start_key: region_key(start),
        end_key: region_key(end),
    };
    let ranges = vec![range(b"a", b"b"), range(b"c", b"h"), range(b"q", b"")];
    let told = ask!(raw, batch_scan_regions, BatchScanRegionsRequest { ranges: ranges });
    assert_eq!(ids(&told.regions), [regions[0].id, regions[1].id, regions[2].id]);
    let ranges = vec![range(b"c", b"h"), range(b"d", b"i")];
    let told = ask!(raw, batch_scan_regions, BatchScanRegionsRequest { ranges: ranges });
    assert!(told.header.unwrap().error.unwrap().message.contains("overlapped"));
}

#[tokio::test]
async fn regions_are_split_and_scattered_on_request() {
    let (cluster, raw) = start().await;
    let split_keys: Vec<_> = (b'b'..b'h').map(|byte| region_key(&[byte])).collect();
    let request = pdpb::SplitAndScatterRegionsRequest {
        header: raw.header(),
        split_keys,
        ..Default::default()
    };
    let told = raw.pd.clone().split_and_scatter_regions(request).await.unwrap().into_inner();
    assert_eq!((told.regions_id.len(), told.split_finished_percentage), (6, 100));
    let led = |store| {
        cluster.regions().iter().filter(|region| region.leader_store == Some(store)).count()
    };
    assert!((1..=3).all(|store| led(store) >= 2), "{:?}", cluster.regions());
    let told = ask!(raw, split_regions, SplitRegionsRequest { split_keys: vec![b"raw".to_vec()] });
    assert!(told.header.unwrap().error.is_some());
    let id = cluster.regions()[0].id;
    let told = ask!(raw, scatter_region, ScatterRegionRequest { regions_id: vec![id, 999] });
    assert_eq!((told.finished_percentage, told.failed_regions_id), (50, vec![999]));
    let told = ask!(raw, get_operator, GetOperatorRequest { region_id: id });
    assert_eq!(told.status(), pdpb::OperatorStatus::Success);
}

#[tokio::test]
async fn stores_and_ids_are_told() {
    let cluster = EmbeddedCluster::builder().stores(4).tiflash_stores(1).start().await.unwrap();
    let raw = Raw::new(&cluster);
    let stores = ask!(raw, get_all_stores, GetAllStoresRequest {}).stores;
    assert_eq!(stores.len(), 5);
    assert_eq!(stores[4].labels[0].value, "tiflash");
    let store = ask!(raw, get_store, GetStoreRequest { store_id: 2 }).store.unwrap();
    assert_eq!(store.address, cluster.stores()[1].address);
    let told = ask!(raw, get_store, GetStoreRequest { store_id: 9 }).header.unwrap();
    assert!(told.error.unwrap().message.contains("not found"));
    cluster.remove_store(2).await.unwrap();
    let up = ask!(raw, get_all_stores, GetAllStoresRequest { exclude_tombstone_stores: true });
    assert_eq!(up.stores.iter().map(|store| store.id).collect::<Vec<_>>(), [1, 3, 4, 5]);
    let first = ask!(raw, alloc_id, AllocIdRequest {}).id;
    let told = ask!(raw, alloc_id, AllocIdRequest { count: 10 });
    assert_eq!((told.id, told.count), (first + 10, 10));
    let split = ask!(raw, ask_batch_split, AskBatchSplitRequest { split_count: 2 });
    assert_eq!(split.ids.len(), 2);
}

#[tokio::test]
async fn safe_points_move_by_both_kinds_of_calls() {
    let (cluster, raw) = start().await;
    let client = connect(&cluster).await;
    client.check_gc_safe_point(1.into()).await.unwrap();
    let told = ask!(
        raw,
        set_gc_barrier,
        SetGcBarrierRequest { barrier_id: "backup".to_owned(), barrier_ts: 50, ttl_seconds: 60 }
    );
    assert_eq!(told.new_barrier_info.unwrap().barrier_ts, 50);
    let told = ask!(
        raw,
        update_service_gc_safe_point,
        UpdateServiceGcSafePointRequest {
            service_id: b"gc_worker".to_vec(),
            ttl: i64::MAX,
            safe_point: 80,
        }
    );
    assert_eq!(told.min_safe_point, 50);
    let told = ask!(raw, advance_gc_safe_point, AdvanceGcSafePointRequest { target: 60 });
    assert!(told.header.unwrap().error.unwrap().message.contains("exceeds"));
    ask!(raw, delete_gc_barrier, DeleteGcBarrierRequest { barrier_id: "backup".to_owned() });
    let told = ask!(raw, advance_txn_safe_point, AdvanceTxnSafePointRequest { target: 70 });
    assert_eq!((told.old_txn_safe_point, told.new_txn_safe_point), (50, 70));
    let told = ask!(raw, advance_gc_safe_point, AdvanceGcSafePointRequest { target: 60 });
    assert_eq!(told.new_gc_safe_point, 60);
    let told = ask!(raw, update_gc_safe_point, UpdateGcSafePointRequest { safe_point: 55 });
    assert_eq!(told.new_safe_point, 60);
    assert_eq!(ask!(raw, get_gc_safe_point, GetGcSafePointRequest {}).safe_point, 60);
    let state = ask!(raw, get_gc_state, GetGcStateRequest {}).gc_state.unwrap();
    assert_eq!((state.txn_safe_point, state.gc_safe_point, state.gc_barriers.len()), (70, 60, 0));
    let error = client.check_gc_safe_point(59.into()).await.unwrap_err();
    assert_eq!(error.kind(), tifusion_client::ErrorKind::SnapshotTooOld);
}

#[tokio::test]
async fn a_client_outlives_pd_s_faults_and_death() {
    let (cluster, _raw) = start().await;
    let client = connect(&cluster).await;
    let first = client.timestamp().await.unwrap();
    let drop =
        cluster.faults().add(Fault::new(Effect::DropAfter).on([Rpc::PdTso]).when(When::First(2)));
    let second = client.timestamp().await.unwrap();
    assert!(second > first);
    assert_eq!(cluster.faults().fired(drop), 2);
    cluster.kill_pd().await;
    let waiting = tokio::spawn({
        let client = client.clone();
        async move { client.timestamp().await }
    });
    cluster.revive_pd().await;
    assert!(waiting.await.unwrap().unwrap() > second);
}
