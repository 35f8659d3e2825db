use super::*;
use crate::testing::FakeCluster;

const TTL: Duration = Duration::from_secs(30);

#[tokio::test(start_paused = true)]
async fn a_hold_is_renewed_until_it_is_dropped() {
    let cluster = FakeCluster::new();
    let client = cluster.client();
    let start_ts = client.timestamp().await.unwrap();
    let hold = client.hold_gc("loader", start_ts, TTL).await.unwrap();
    assert_eq!(hold.start_ts(), start_ts);
    tokio::time::sleep(TTL * 3).await;
    let calls = cluster.state.lock().pd_calls.clone();
    let renewed = calls.iter().filter(|call| *call == "hold loader 30s").count();
    assert!((9..=10).contains(&renewed), "{renewed}");
    hold.check().unwrap();
    drop(hold);
    client.idle().await;
    assert!(cluster.state.lock().holds.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_hold_can_be_released() {
    let cluster = FakeCluster::new();
    let client = cluster.client();
    let start_ts = client.timestamp().await.unwrap();
    let hold = client.hold_gc("loader", start_ts, TTL).await.unwrap();
    assert_eq!(cluster.state.lock().holds["loader"], start_ts.version());
    hold.release().await.unwrap();
    assert!(cluster.state.lock().holds.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_is_collected_cannot_be_held() {
    let cluster = FakeCluster::new();
    let client = cluster.client();
    let start_ts = client.timestamp().await.unwrap();
    cluster.state.lock().safe_point = start_ts.version() + 1;
    let error = client.hold_gc("loader", start_ts, TTL).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SnapshotTooOld);
    assert!(cluster.state.lock().holds.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_hold_that_was_lost_says_so() {
    let cluster = FakeCluster::new();
    let client = cluster.client();
    let start_ts = client.timestamp().await.unwrap();
    let hold = client.hold_gc("loader", start_ts, TTL).await.unwrap();
    cluster.state.lock().pd_is_down = true;
    tokio::time::sleep(TTL).await;
    // Nobody knows yet whether it is lost.
    hold.check().unwrap();
    {
        let mut state = cluster.state.lock();
        state.pd_is_down = false;
        state.safe_point = start_ts.version() + 1;
    }
    tokio::time::sleep(TTL).await;
    assert_eq!(hold.check().unwrap_err().kind(), ErrorKind::SnapshotTooOld);
}
