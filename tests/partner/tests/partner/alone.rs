//! `tikv-client` by itself.

use tifusion_embedded::EmbeddedCluster;
use tikv_client::{Transaction, TransactionClient, TransactionOptions};

use crate::{Pd, key_of, on_both_clusters, theirs};

on_both_clusters!(
    of_two_optimistic_writers_one_wins,
    a_pessimistic_writer_waits_and_sees_what_the_other_wrote,
    scans_have_bounds_and_directions,
    counters_lose_no_step,
    a_bank_loses_no_money,
    garbage_collection_leaves_the_newest,
);

async fn get(client: &TransactionClient, key: &[u8]) -> Option<Vec<u8>> {
    let mut transaction = client.begin_optimistic().await.unwrap();
    let value = transaction.get(key.to_vec()).await.unwrap();
    transaction.rollback().await.unwrap();
    value
}

async fn put(client: &TransactionClient, key: &[u8], value: &[u8]) {
    let mut transaction = client.begin_optimistic().await.unwrap();
    transaction.put(key.to_vec(), value.to_vec()).await.unwrap();
    transaction.commit().await.unwrap();
}

/// A pessimistic transaction that has locked `key`, and the key's value. A lock that meets a newer value
/// than the transaction's is refused, and it is for the caller to begin again.
async fn lock(client: &TransactionClient, key: &[u8]) -> (Transaction, Option<Vec<u8>>) {
    loop {
        let mut transaction = client.begin_pessimistic().await.unwrap();
        match transaction.get_for_update(key.to_vec()).await {
            Ok(value) => return (transaction, value),
            Err(error) => {
                assert!(format!("{error:?}").contains("WriteConflict"), "{error:?}");
                transaction.rollback().await.unwrap();
            }
        }
    }
}

async fn of_two_optimistic_writers_one_wins(pd: &Pd) {
    let client = theirs(pd).await;
    let key = key_of("conflict", 1);
    put(&client, &key, b"0").await;
    let (mut first, mut second) =
        (client.begin_optimistic().await.unwrap(), client.begin_optimistic().await.unwrap());
    for transaction in [&mut first, &mut second] {
        assert_eq!(transaction.get(key.clone()).await.unwrap(), Some(b"0".to_vec()));
    }
    first.put(key.clone(), b"1".to_vec()).await.unwrap();
    second.put(key.clone(), b"2".to_vec()).await.unwrap();
    first.commit().await.unwrap();
    second.commit().await.unwrap_err();
    second.rollback().await.ok();
    assert_eq!(get(&client, &key).await, Some(b"1".to_vec()));
}

async fn a_pessimistic_writer_waits_and_sees_what_the_other_wrote(pd: &Pd) {
    let client = theirs(pd).await;
    let key = key_of("wait", 1);
    put(&client, &key, b"0").await;
    let mut first = client.begin_pessimistic().await.unwrap();
    assert_eq!(first.get_for_update(key.clone()).await.unwrap(), Some(b"0".to_vec()));
    let waiting = {
        let (client, key) = (client.clone(), key.clone());
        tokio::spawn(async move {
            let (mut second, seen) = lock(&client, &key).await;
            second.put(key, b"2".to_vec()).await.unwrap();
            second.commit().await.unwrap();
            seen
        })
    };
    first.put(key.clone(), b"1".to_vec()).await.unwrap();
    first.commit().await.unwrap();
    assert_eq!(waiting.await.unwrap(), Some(b"1".to_vec()));
    assert_eq!(get(&client, &key).await, Some(b"2".to_vec()));
}

/// On the embedded cluster alone: the playground's store does not say that a key is not there, so that
/// `tikv-client` takes it for one of an empty value.
#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_key_is_gone_and_comes_back() {
    let cluster = EmbeddedCluster::builder().start().await.unwrap();
    let client = theirs(&cluster.pd_addresses()).await;
    let key = key_of("delete", 1);
    put(&client, &key, b"1").await;
    let mut transaction = client.begin_optimistic().await.unwrap();
    transaction.delete(key.clone()).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(get(&client, &key).await, None);
    put(&client, &key, b"2").await;
    assert_eq!(get(&client, &key).await, Some(b"2".to_vec()));
}

async fn scans_have_bounds_and_directions(pd: &Pd) {
    let client = theirs(pd).await;
    let mut transaction = client.begin_optimistic().await.unwrap();
    for number in 0..300 {
        transaction.put(key_of("scan", number), number.to_string().into_bytes()).await.unwrap();
    }
    transaction.commit().await.unwrap();
    let mut transaction = client.begin_optimistic().await.unwrap();
    let range = || key_of("scan", 10)..key_of("scan", 20);
    let keys = |pairs: Vec<tikv_client::KvPair>| -> Vec<Vec<u8>> {
        pairs.into_iter().map(|pair| pair.into_key().into()).collect()
    };
    let forward = keys(transaction.scan(range(), 100).await.unwrap().collect());
    assert_eq!(forward, (10..20).map(|number| key_of("scan", number)).collect::<Vec<_>>());
    let limited = keys(transaction.scan(range(), 3).await.unwrap().collect());
    assert_eq!(limited, forward[..3]);
    let all = key_of("scan", 0)..key_of("scan", 99_999);
    assert_eq!(transaction.scan(all, 1000).await.unwrap().count(), 300);
    transaction.rollback().await.unwrap();
}

/// Adds `step` to the number under `key`.
async fn add(client: &TransactionClient, key: &[u8], step: i64) {
    let (mut transaction, value) = lock(client, key).await;
    let number: i64 = String::from_utf8(value.unwrap()).unwrap().parse().unwrap();
    transaction.put(key.to_vec(), (number + step).to_string().into_bytes()).await.unwrap();
    transaction.commit().await.unwrap();
}

async fn counters_lose_no_step(pd: &Pd) {
    let client = theirs(pd).await;
    let key = key_of("counter", 1);
    put(&client, &key, b"0").await;
    let adders = (0..4).map(|_| {
        let (client, key) = (client.clone(), key.clone());
        tokio::spawn(async move {
            for _ in 0..10 {
                add(&client, &key, 1).await;
            }
        })
    });
    for adder in adders.collect::<Vec<_>>() {
        adder.await.unwrap();
    }
    assert_eq!(get(&client, &key).await, Some(b"40".to_vec()));
}

async fn a_bank_loses_no_money(pd: &Pd) {
    let client = theirs(pd).await;
    for account in 0..4 {
        put(&client, &key_of("bank", account), b"100").await;
    }
    let movers = (0..4_u32).map(|mover| {
        let client = client.clone();
        tokio::spawn(async move {
            for turn in 0..10 {
                transfer(&client, (mover + turn) % 4, (mover + turn * 3 + 1) % 4).await;
            }
        })
    });
    for mover in movers.collect::<Vec<_>>() {
        mover.await.unwrap();
    }
    let mut sum = 0;
    let mut transaction = client.begin_optimistic().await.unwrap();
    for account in 0..4 {
        let value = transaction.get(key_of("bank", account)).await.unwrap().unwrap();
        sum += String::from_utf8(value).unwrap().parse::<i64>().unwrap();
    }
    transaction.rollback().await.unwrap();
    assert_eq!(sum, 400);
}

/// Moves 1 from one account to another, as an optimistic transaction that is tried until it wins.
async fn transfer(client: &TransactionClient, from: u32, to: u32) {
    if from == to {
        return;
    }
    loop {
        let options = TransactionOptions::new_optimistic();
        let mut transaction = client.begin_with_options(options).await.unwrap();
        for (account, step) in [(from, -1), (to, 1)] {
            let key = key_of("bank", account);
            let value = transaction.get(key.clone()).await.unwrap().unwrap();
            let number: i64 = String::from_utf8(value).unwrap().parse().unwrap();
            transaction.put(key, (number + step).to_string().into_bytes()).await.unwrap();
        }
        match transaction.commit().await {
            Ok(_) => return,
            Err(_) => {
                transaction.rollback().await.ok();
            }
        }
    }
}

async fn garbage_collection_leaves_the_newest(pd: &Pd) {
    let client = theirs(pd).await;
    let key = key_of("gc", 1);
    for value in [b"1", b"2", b"3"] {
        put(&client, &key, value).await;
    }
    let safe_point = client.current_timestamp().await.unwrap();
    client.gc(safe_point).await.unwrap();
    assert_eq!(get(&client, &key).await, Some(b"3".to_vec()));
}
