use super::*;
use crate::pd::stub;
use crate::region::StoreState;

#[tokio::test]
async fn a_client_needs_nothing_but_the_address_of_pd() {
    let (_cluster, members) = stub::start(7, 3);
    let client = Client::connect(ClientOptions::new([members[1].address.clone()])).await.unwrap();
    assert_eq!(client.pd().cluster_id(), 7);
    let first = client.timestamp().await.unwrap();
    assert!(client.clone().timestamp().await.unwrap() > first);
    let mut bo = client.backoffer(client.options().budgets.request);
    let store = client.regions().store(&mut bo, 4).await.unwrap();
    assert_eq!(store.state, StoreState::Tombstone);
}

#[tokio::test]
async fn a_snapshot_below_the_gc_safe_point_is_too_old() {
    let (_cluster, members) = stub::start(7, 1);
    let client = Client::connect(ClientOptions::new([members[0].address.clone()])).await.unwrap();
    // The stub's safe point is 42.
    client.check_gc_safe_point(Timestamp::new(43)).await.unwrap();
    client.check_gc_safe_point(Timestamp::new(42)).await.unwrap();
    let error = client.check_gc_safe_point(Timestamp::new(41)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SnapshotTooOld);
    let text = error.to_string();
    assert!(text.contains("41") && text.contains("42"), "{text}");
}

#[tokio::test]
async fn a_wrong_address_is_an_error_within_the_budget() {
    let address = stub::dead_address();
    let mut options = ClientOptions::new([address.clone()]);
    options.budgets.pd = Duration::from_millis(300);
    let error = Client::connect(options).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
    assert!(error.to_string().contains(&format!("PD at {address}: ")), "{error}");
}
