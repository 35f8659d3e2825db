//! Networks between clients and cluster: mapped hosts, IPv6, stores that only other stores reach.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use tifusion_client::options::AddressMap;
use tifusion_client::snapshot::SnapshotOptions;
use tifusion_client::txn::{Mutation, NoGuard, TxnOptions};
use tifusion_client::{Client, ClientOptions};
use tifusion_embedded::EmbeddedCluster;

async fn connect(cluster: &EmbeddedCluster, change: impl FnOnce(&mut ClientOptions)) -> Client {
    let mut options = ClientOptions::new(cluster.pd_addresses());
    change(&mut options);
    Client::connect(options).await.unwrap()
}

async fn write(client: &Client, key: &[u8]) -> Result<(), tifusion_client::txn::TxnError> {
    let mut txn = client.begin(TxnOptions::default()).await?;
    txn.prewrite(vec![Mutation::put(key.to_vec(), key.to_vec())]).await?;
    txn.commit(&NoGuard).await.map(|_| ())
}

async fn read(client: &Client, key: &[u8]) -> tifusion_client::Result<Option<Vec<u8>>> {
    let snapshot = client.snapshot(client.timestamp().await?, SnapshotOptions::default());
    Ok(snapshot.get(key).await?.map(|value| value.to_vec()))
}

/// One host for another, whatever the port.
#[derive(Debug)]
struct Inside;

impl AddressMap for Inside {
    fn map(&self, address: &str) -> Option<String> {
        let port = address.strip_prefix("inside.invalid:")?;
        Some(format!("127.0.0.1:{port}"))
    }
}

#[tokio::test]
async fn a_cluster_that_tells_addresses_of_its_own_network_is_read_and_written_from_outside() {
    let cluster = EmbeddedCluster::builder().advertise("inside.invalid").start().await.unwrap();
    assert!(cluster.stores().iter().all(|store| store.address.starts_with("inside.invalid:")));
    let client = connect(&cluster, |options| options.address_map = Some(Arc::new(Inside))).await;
    write(&client, b"a").await.unwrap();
    assert_eq!(read(&client, b"a").await.unwrap().as_deref(), Some(&b"a"[..]));
    // Without the map there is no way in.
    let client = connect(&cluster, |options| {
        options.budgets.request = Duration::from_millis(300);
    });
    read(&client.await, b"a").await.unwrap_err();
}

#[tokio::test]
async fn a_cluster_on_ipv6_is_read_and_written() {
    let cluster = EmbeddedCluster::builder().listen(IpAddr::V6(Ipv6Addr::LOCALHOST));
    let cluster = cluster.start().await.unwrap();
    assert!(cluster.pd_addresses()[0].starts_with("[::1]:"));
    let client = connect(&cluster, |_| ()).await;
    write(&client, b"a").await.unwrap();
    assert_eq!(read(&client, b"a").await.unwrap().as_deref(), Some(&b"a"[..]));
}

#[tokio::test]
async fn a_store_that_cannot_be_reached_is_asked_through_another() {
    let cluster = EmbeddedCluster::builder().stores(3).start().await.unwrap();
    let leader = cluster.region_of(b"a").unwrap().leader_store.unwrap();
    cluster.isolate_store(leader).await.unwrap();
    let client = connect(&cluster, |options| {
        options.budgets.request = Duration::from_millis(500);
    });
    read(&client.await, b"a").await.unwrap_err();
    let client = connect(&cluster, |options| options.forwarding = true).await;
    for turn in 0..3 {
        let key = [b'a', turn];
        write(&client, &key).await.unwrap();
        assert_eq!(read(&client, &key).await.unwrap().as_deref(), Some(&key[..]));
    }
    assert_eq!(cluster.region_of(b"a").unwrap().leader_store, Some(leader), "it leads all along");
    // The other way round: the way that was found closes, and the direct one is there again.
    cluster.revive_store(leader).await.unwrap();
    for store in cluster.stores().iter().filter(|store| store.id != leader) {
        cluster.isolate_store(store.id).await.unwrap();
    }
    write(&client, b"b").await.unwrap();
    assert_eq!(read(&client, b"b").await.unwrap().as_deref(), Some(&b"b"[..]));
    assert_eq!(cluster.verify().await.unwrap(), Vec::new());
}

/// Another store cannot reach it either: its regions have other leaders, which are found.
#[tokio::test]
async fn a_store_that_is_dead_is_not_waited_for_through_others() {
    let cluster = EmbeddedCluster::builder().stores(3).start().await.unwrap();
    let client = connect(&cluster, |options| options.forwarding = true).await;
    write(&client, b"a").await.unwrap();
    for round in 0..2 {
        let leader = cluster.region_of(b"a").unwrap().leader_store.unwrap();
        cluster.kill_store(leader).await.unwrap();
        write(&client, &[b'a', round]).await.unwrap();
        assert_eq!(read(&client, b"a").await.unwrap().as_deref(), Some(&b"a"[..]));
        cluster.revive_store(leader).await.unwrap();
    }
    assert_eq!(cluster.verify().await.unwrap(), Vec::new());
}
