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
async fn a_snapshot_below_the_safe_point_of_transactions_is_too_old() {
    let (_cluster, members) = stub::start(7, 1);
    let client = Client::connect(ClientOptions::new([members[0].address.clone()])).await.unwrap();
    // In the stub old versions are dropped below 42, but tables dropped before 43 may be gone.
    client.check_gc_safe_point(Timestamp::new(44)).await.unwrap();
    client.check_gc_safe_point(Timestamp::new(43)).await.unwrap();
    let error = client.check_gc_safe_point(Timestamp::new(42)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SnapshotTooOld);
    let text = error.to_string();
    assert!(text.contains("42") && text.contains("43"), "{text}");
}

#[tokio::test]
async fn the_check_of_a_snapshot_ends_with_its_statement() {
    let (_cluster, mut members) = stub::start(7, 1);
    let client = Client::connect(ClientOptions::new([members[0].address.clone()])).await.unwrap();
    members.clear();
    let began = client.clock().now();
    let deadline = Some(began + Duration::from_millis(600));
    let error = client.check_gc_safe_point_by(Timestamp::new(44), deadline).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
    assert!(error.to_string().contains("deadline"), "{error}");
    let took = client.clock().now() - began;
    assert!(took < client.options().budgets.pd / 2, "{took:?}");
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
