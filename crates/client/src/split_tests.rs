use super::*;
use crate::testing::{Effect, FakeCluster, Fault, Lost, healing_region_errors, row_key};

fn splits(rows: &[usize]) -> Vec<Vec<u8>> {
    rows.iter().map(|row| row_key(*row).into_bytes()).collect()
}

fn starts(cluster: &FakeCluster) -> Vec<String> {
    let state = cluster.state.lock();
    state.regions.iter().map(|region| String::from_utf8(region.start.clone()).unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn regions_begin_at_the_keys_and_are_scattered() {
    let cluster = FakeCluster::split_at(&[&row_key(30)]);
    let client = cluster.client();
    let options = SplitOptions {
        scatter_group: Some("t1".to_owned()),
        wait: Duration::from_secs(10),
        ..SplitOptions::default()
    };
    let keys = splits(&[30, 10, 20, 20, 40]);
    let split = client.split_and_scatter(keys.clone(), &options).await.unwrap();
    assert_eq!(starts(&cluster), ["", "r00010", "r00020", "r00030", "r00040"]);
    assert_eq!((split.regions.len(), split.scattered), (4, 100));
    let scattered = cluster.state.lock().scattered.clone();
    assert_eq!(scattered, split.regions);
    assert!(cluster.state.lock().pd_calls.contains(&"scatter t1".to_owned()));
    // The cache knows them already.
    let pd_calls = cluster.state.lock().pd_calls.len();
    let mut bo = client.backoffer(Duration::from_secs(1));
    let region = client.regions().locate_key(&mut bo, row_key(25).as_bytes()).await.unwrap();
    assert_eq!(*region.start_key, *row_key(20).as_bytes());
    assert_eq!(cluster.state.lock().pd_calls.len(), pd_calls);
    // Again there is nothing to do.
    let again = client.split_and_scatter(keys, &SplitOptions::default()).await.unwrap();
    assert_eq!((again.regions, again.scattered), (split.regions, 0));
    assert_eq!(cluster.calls(|call| call.command == "split_region").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn more_keys_than_one_request_takes_are_split_in_rounds() {
    let cluster = FakeCluster::new();
    let client = cluster.client();
    let rows: Vec<usize> = (0..KEYS_PER_REQUEST * 2 + 5).collect();
    let split = client.split_and_scatter(splits(&rows), &SplitOptions::default()).await.unwrap();
    assert_eq!(split.regions.len(), rows.len());
    assert_eq!(starts(&cluster).len(), rows.len() + 1);
}

#[tokio::test(start_paused = true)]
async fn region_errors_and_lost_answers_heal() {
    let lost = [Lost::Timeout, Lost::Reset].into_iter().map(Effect::Lose);
    let effects = healing_region_errors().into_iter().map(Effect::region).chain(lost);
    for effect in effects {
        let cluster = FakeCluster::new();
        let client = cluster.client();
        cluster.add_fault(Fault::once(|call| call.command == "split_region", effect));
        let keys = splits(&[10, 20]);
        client.split_and_scatter(keys, &SplitOptions::default()).await.unwrap();
        assert!(cluster.all_fired());
        assert_eq!(starts(&cluster), ["", "r00010", "r00020"]);
    }
}
