//! The cluster changes while it is read.

use std::time::Duration;

use futures::StreamExt as _;
use tifusion_embedded::{Effect, EmbeddedCluster, Fault, Rpc, When};

use crate::raw::Raw;
use crate::rows::{connect, decode, expected, fill, read, request, row_key, split, table};

const ROWS: i64 = 40;

#[tokio::test]
async fn a_new_leader_is_followed() {
    let cluster = EmbeddedCluster::builder().start().await.unwrap();
    let client = table(&cluster, ROWS).await;
    let ts = client.timestamp().await.unwrap();
    assert_eq!(read(&client, request(ts, false)).await.unwrap(), expected(ROWS));
    let region = cluster.regions()[0].id;
    for store in [2, 3, 1] {
        cluster.transfer_leader(region, store).unwrap();
        assert_eq!(read(&client, request(ts, false)).await.unwrap(), expected(ROWS));
    }
}

#[tokio::test]
async fn reads_survive_the_death_of_a_store_and_its_return() {
    let cluster = EmbeddedCluster::builder().start().await.unwrap();
    let client = table(&cluster, ROWS).await;
    split(&cluster, &[10, 20, 30]);
    cluster.scatter();
    let ts = client.timestamp().await.unwrap();
    assert_eq!(read(&client, request(ts, false)).await.unwrap(), expected(ROWS));
    for store in [1, 2, 3] {
        cluster.kill_store(store).await.unwrap();
        assert!(!cluster.stores()[store as usize - 1].alive);
        assert!(cluster.regions().iter().all(|it| it.leader_store != Some(store)));
        assert_eq!(read(&client, request(ts, false)).await.unwrap(), expected(ROWS));
        cluster.revive_store(store).await.unwrap();
        assert_eq!(read(&client, request(ts, false)).await.unwrap(), expected(ROWS));
    }
}

#[tokio::test]
async fn a_store_can_die_in_the_middle_of_a_call() {
    let cluster = EmbeddedCluster::builder().start().await.unwrap();
    let client = table(&cluster, ROWS).await;
    split(&cluster, &[20]);
    let ts = client.timestamp().await.unwrap();
    let die = Fault::new(Effect::KillStore).on([Rpc::Coprocessor]).when(When::Nth(2));
    cluster.faults().add(die);
    assert_eq!(read(&client, request(ts, false)).await.unwrap(), expected(ROWS));
    assert_eq!(cluster.stores().iter().filter(|store| store.alive).count(), 2);
}

#[tokio::test]
async fn splits_merges_and_moves_between_pages_lose_and_double_nothing() {
    for effect in [Effect::SplitRegion, Effect::MergeRegion, Effect::TransferLeader] {
        for desc in [false, true] {
            let cluster = EmbeddedCluster::builder().start().await.unwrap();
            let client = table(&cluster, ROWS).await;
            split(&cluster, &[10, 20, 30]);
            let rule = Fault::new(effect.clone()).on([Rpc::Coprocessor]).when(When::Every(2));
            let rule = cluster.faults().add(rule);
            let ts = client.timestamp().await.unwrap();
            let mut ask = request(ts, desc);
            ask.paging_size = 4;
            let mut rows = read(&client, ask).await.unwrap();
            if desc {
                rows.reverse();
            }
            assert_eq!(rows, expected(ROWS), "{effect:?}, desc {desc}");
            assert!(cluster.faults().fired(rule) >= 2);
        }
    }
}

#[tokio::test]
async fn a_stream_goes_on_over_any_change() {
    let cluster = EmbeddedCluster::builder().stores(4).seed(5).start().await.unwrap();
    let client = table(&cluster, ROWS).await;
    split(&cluster, &[10, 20, 30]);
    let mut ask = request(client.timestamp().await.unwrap(), false);
    ask.paging_size = 3;
    ask.concurrency = 1;
    let mut answers = client.coprocessor(ask).unwrap();
    let (mut rows, mut step) = (Vec::new(), 0_usize);
    while let Some(answer) = answers.next().await {
        rows.extend(decode(&answer.unwrap().data));
        let regions = cluster.regions();
        let region = &regions[step % regions.len()];
        match step % 4 {
            0 => drop(cluster.split_region(region.id).unwrap()),
            1 => drop(regions.get(1).map(|next| cluster.merge(next.id, regions[0].id))),
            2 => cluster.scatter(),
            _ => {
                let free = (1..=4).find(|store| !region.stores.contains(store)).unwrap();
                cluster.move_peer(region.id, region.stores[0], free).unwrap();
            }
        }
        step += 1;
    }
    assert_eq!(rows, expected(ROWS));
    assert!(step >= 4);
}

#[tokio::test]
async fn a_dropped_cluster_stops_serving() {
    let cluster = EmbeddedCluster::builder().start().await.unwrap();
    let (pd, store) = (cluster.pd_addresses()[0].clone(), cluster.stores()[0].address.clone());
    let raw = Raw::new(&cluster);
    raw.put(b"a", b"1").await;
    drop(cluster);
    let gone = async |address: &str| {
        while tokio::net::TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), async {
        gone(&pd).await;
        gone(&store).await;
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_cluster_that_is_shut_down_has_closed_its_ports() {
    let cluster = EmbeddedCluster::builder().start().await.unwrap();
    let pd = cluster.pd_addresses()[0].clone();
    let _client = connect(&cluster).await;
    cluster.shutdown().await;
    tokio::net::TcpStream::connect(pd).await.unwrap_err();
}

#[tokio::test]
async fn new_stores_take_their_share() {
    let mut cluster = EmbeddedCluster::builder().stores(3).start().await.unwrap();
    let client = table(&cluster, ROWS).await;
    split(&cluster, &[10, 20, 30]);
    let new = cluster.add_store().await.unwrap();
    cluster.scatter();
    assert!(cluster.regions().iter().any(|region| region.stores.contains(&new)));
    let ts = client.timestamp().await.unwrap();
    assert_eq!(read(&client, request(ts, false)).await.unwrap(), expected(ROWS));
    cluster.remove_store(1).await.unwrap();
    assert!(cluster.regions().iter().all(|region| !region.stores.contains(&1)));
    assert_eq!(read(&client, request(ts, false)).await.unwrap(), expected(ROWS));
}

#[tokio::test]
async fn one_row_in_each_region_and_none_in_some() {
    let cluster = EmbeddedCluster::builder().stores(1).start().await.unwrap();
    let raw = Raw::new(&cluster);
    fill(&raw, 6).await;
    split(&cluster, &[1, 2, 3, 4, 5, 6, 7, 8]);
    assert!(!cluster.split_region(cluster.region_of(&row_key(3)).unwrap().id).unwrap());
    let client = connect(&cluster).await;
    let ts = client.timestamp().await.unwrap();
    assert_eq!(read(&client, request(ts, false)).await.unwrap(), expected(6));
}
