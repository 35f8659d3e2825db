//! PD: its answers in words, for ids and borders are each cluster's own.

use tifusion_codec::key::region_key;
use tifusion_proto::{kvrpcpb, metapb, pdpb};

use crate::harness::group::{Group, cases, group_tests};
use crate::harness::script::Script;

group_tests!();

fn group() -> Group {
    Group {
        name: "pd",
        cases: cases![
            members,
            timestamps_grow,
            regions_by_key_and_id,
            regions_of_a_range,
            a_region_before,
            a_region_that_is_not_there,
            stores,
            a_store_that_is_not_there,
            another_cluster_s_request,
            service_safe_points,
            the_safe_point_does_not_go_back,
            ids,
        ],
    }
}

/// Asks PD; a status for an answer is told by its code.
macro_rules! ask {
    ($s:expr, $method:ident, $request:ident { $($field:ident: $value:expr),* $(,)? }) => {{
        let raw = &$s.side().raw;
        let request = pdpb::$request {
            header: raw.header(),
            $($field: $value,)*
            ..pdpb::$request::default()
        };
        raw.pd().$method(request).await.map(tonic::Response::into_inner)
    }};
}

/// What holds, one line each.
fn facts(facts: &[(&str, bool)]) -> Vec<String> {
    facts.iter().map(|(fact, holds)| format!("{fact}: {holds}")).collect()
}

async fn members(s: &mut Script) {
    let told = ask!(s, get_members, GetMembersRequest {}).unwrap();
    let leader = told.leader.clone().unwrap_or_default();
    let lines = facts(&[
        ("the header names a cluster", told.header.is_some_and(|it| it.cluster_id > 0)),
        ("there is a member", !told.members.is_empty()),
        ("the leader is one", told.members.contains(&leader)),
        ("the leader has an address", leader.client_urls.iter().all(|url| url.starts_with("http"))),
    ]);
    s.note("members", lines);
    let told = ask!(s, is_bootstrapped, IsBootstrappedRequest {}).unwrap();
    s.note("bootstrapped", facts(&[("bootstrapped", told.bootstrapped)]));
}

async fn timestamps_grow(s: &mut Script) {
    let first = s.side().raw.timestamps(1).await;
    let many = s.side().raw.timestamps(1000).await;
    let last = s.side().raw.timestamps(1).await;
    let lines = facts(&[
        ("a thousand are a thousand further", many - first >= 1000),
        ("the last is the last", last > many),
    ]);
    s.note("timestamps", lines);
}

fn holds(region: &metapb::Region, key: &[u8]) -> bool {
    region.start_key.as_slice() <= key
        && (region.end_key.is_empty() || key < region.end_key.as_slice())
}

fn region_facts(region: &metapb::Region, leader: Option<&metapb::Peer>, key: &[u8]) -> Vec<String> {
    let epoch = region.region_epoch.unwrap_or_default();
    facts(&[
        ("it holds the key", holds(region, key)),
        ("its leader is a peer", leader.is_some_and(|leader| region.peers.contains(leader))),
        ("its epoch counts", epoch.version > 0 && epoch.conf_ver > 0),
        ("it has an id", region.id > 0),
    ])
}

async fn regions_by_key_and_id(s: &mut Script) {
    for raw in [b"".as_slice(), b"m", b"t", b"t\xff\xff\xff"] {
        let key = if raw.is_empty() { Vec::new() } else { region_key(raw) };
        let told = ask!(s, get_region, GetRegionRequest { region_key: key.clone() }).unwrap();
        let region = told.region.unwrap();
        s.note("by key", region_facts(&region, told.leader.as_ref(), &key));
        let told =
            ask!(s, get_region_by_id, GetRegionByIdRequest { region_id: region.id }).unwrap();
        s.note("by id", facts(&[("it is the same", told.region == Some(region))]));
    }
}

async fn regions_of_a_range(s: &mut Script) {
    let told = ask!(s, scan_regions, ScanRegionsRequest { limit: 100_000 }).unwrap();
    let regions: Vec<_> = told.regions.iter().filter_map(|it| it.region.clone()).collect();
    let lines = facts(&[
        (
            "the first begins with everything",
            regions.first().is_some_and(|it| it.start_key.is_empty()),
        ),
        ("the last ends with everything", regions.last().is_some_and(|it| it.end_key.is_empty())),
        (
            "each ends where the next begins",
            regions.windows(2).all(|it| it[0].end_key == it[1].start_key),
        ),
        ("each has a leader", told.regions.iter().all(|it| it.leader.is_some())),
        ("old fields are as long", told.region_metas.len() == told.leaders.len()),
    ]);
    s.note("all", lines);
    let told = ask!(s, scan_regions, ScanRegionsRequest { limit: 1 }).unwrap();
    s.note("one", vec![format!("regions: {}", told.regions.len())]);
    let (start_key, end_key) = (region_key(b"t\xff\xff"), region_key(b"t\xff\xff\x01"));
    let told = ask!(
        s,
        scan_regions,
        ScanRegionsRequest { start_key: start_key.clone(), end_key: end_key, limit: 5 }
    );
    let regions = told.unwrap().regions;
    let first = regions.first().and_then(|it| it.region.clone()).unwrap_or_default();
    s.note("around a key", facts(&[("the first holds it", holds(&first, &start_key))]));
}

/// Unistore takes a split and does nothing; TiDB's tables have given it regions.
async fn a_region_before(s: &mut Script) {
    let place = s.key("");
    let split_keys = vec![place.clone()];
    let request =
        kvrpcpb::SplitRegionRequest { split_keys, ..kvrpcpb::SplitRegionRequest::default() };
    s.side().raw.send(&place, request).await.unwrap();
    let told = ask!(s, scan_regions, ScanRegionsRequest { limit: 2 }).unwrap();
    let regions: Vec<_> = told.regions.into_iter().filter_map(|it| it.region).collect();
    let key = regions[1].start_key.clone();
    let told = ask!(s, get_prev_region, GetRegionRequest { region_key: key }).unwrap();
    s.note(
        "before the second",
        facts(&[("it is the first", told.region.as_ref() == regions.first())]),
    );
    let told = ask!(s, get_prev_region, GetRegionRequest { region_key: vec![] }).unwrap();
    s.note("before the first", facts(&[("there is none", told.region.is_none())]));
}

async fn a_region_that_is_not_there(s: &mut Script) {
    let told = ask!(s, get_region_by_id, GetRegionByIdRequest { region_id: 999_999_999 }).unwrap();
    let none = told.region.is_none() && told.leader.is_none();
    s.note("by id", facts(&[("there is none", none)]));
}

async fn stores(s: &mut Script) {
    let told = ask!(s, get_all_stores, GetAllStoresRequest {}).unwrap();
    let all = told.stores.iter().all(|store| !store.address.is_empty() && store.id > 0);
    let up = told.stores.iter().all(|store| store.state() == metapb::StoreState::Up);
    let lines = facts(&[
        ("there is one", !told.stores.is_empty()),
        ("all have addresses", all),
        ("all are up", up),
    ]);
    s.note("all", lines);
    let id = told.stores[0].id;
    let one = ask!(s, get_store, GetStoreRequest { store_id: id }).unwrap();
    let same = one.store.is_some_and(|it| it.id == id && it.address == told.stores[0].address);
    s.note("one", facts(&[("it is the same", same)]));
}

async fn a_store_that_is_not_there(s: &mut Script) {
    let line = match ask!(s, get_store, GetStoreRequest { store_id: 999_999_999 }) {
        Ok(told) => {
            let error = told.header.and_then(|header| header.error);
            format!("error: {:?}", error.map(|error| error.r#type()))
        }
        Err(status) => format!("status: {:?}", status.code()),
    };
    s.note("a store", vec![line]);
}

async fn another_cluster_s_request(s: &mut Script) {
    let header = Some(pdpb::RequestHeader { cluster_id: 12, ..pdpb::RequestHeader::default() });
    let request = pdpb::GetAllStoresRequest { header, exclude_tombstone_stores: false };
    let told = s.side().raw.pd().get_all_stores(request).await;
    let line = told
        .map_or_else(|status| format!("status: {:?}", status.code()), |_| "an answer".to_owned());
    s.note("stores", vec![line]);
}

async fn service_safe_points(s: &mut Script) {
    let service = format!("conformance-{:016x}", rand::random::<u64>()).into_bytes();
    let now = s.side().raw.timestamps(1).await;
    let mut update = async |what: &str, ttl: i64, safe_point: u64| {
        let service_id = service.clone();
        let told = ask!(
            s,
            update_service_gc_safe_point,
            UpdateServiceGcSafePointRequest {
                service_id: service_id,
                ttl: ttl,
                safe_point: safe_point
            }
        )
        .unwrap();
        // Whose the least is depends on who else holds garbage collection back.
        let lines = facts(&[("the least is not behind it", told.min_safe_point <= safe_point)]);
        s.note(what, lines);
    };
    update("set", 100, now).await;
    update("again", 100, now + 1).await;
    update("removed", 0, now + 1).await;
}

async fn the_safe_point_does_not_go_back(s: &mut Script) {
    let before = ask!(s, get_gc_safe_point, GetGcSafePointRequest {}).unwrap().safe_point;
    let told = ask!(
        s,
        update_gc_safe_point,
        UpdateGcSafePointRequest { safe_point: before.saturating_sub(1) }
    );
    let told = told.unwrap().new_safe_point;
    s.note("back", facts(&[("it stays", told == before)]));
}

async fn ids(s: &mut Script) {
    let first = ask!(s, alloc_id, AllocIdRequest {}).unwrap().id;
    let second = ask!(s, alloc_id, AllocIdRequest {}).unwrap().id;
    s.note("two", facts(&[("the second is larger", second > first)]));
}
