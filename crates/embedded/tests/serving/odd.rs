//! Faults that are not about time or place: calls carried out twice, answers that are wrong, a PD that is behind.

use std::time::Duration;

use tifusion_client::ErrorKind;
use tifusion_client::snapshot::SnapshotOptions;
use tifusion_codec::key::region_key;
use tifusion_embedded::{Damage, Effect, EmbeddedCluster, Fault, Rpc, When};
use tifusion_proto::{pdpb, tipb};

use crate::raw::Raw;
use crate::rows::{connect, expected, read, request, row_key, split, table};

#[tokio::test]
async fn what_is_carried_out_twice_is_done_once() {
    let cluster = EmbeddedCluster::builder().start().await.unwrap();
    let rule = cluster.faults().add(Fault::new(Effect::Twice).when(When::Always));
    let client = table(&cluster, 12).await;
    let ts = client.timestamp().await.unwrap();
    assert_eq!(read(&client, request(ts, false)).await.unwrap(), expected(12));
    assert!(cluster.faults().fired(rule) > 24);
    assert_eq!(cluster.verify().await.unwrap(), []);
}

#[tokio::test]
async fn an_answer_is_damaged_as_asked() {
    use prost::Message as _;
    let cluster = EmbeddedCluster::builder().start().await.unwrap();
    let client = table(&cluster, 12).await;
    for damage in Damage::ALL {
        let fault = Fault::new(Effect::Damage(damage)).on([Rpc::Coprocessor]).when(When::Nth(1));
        cluster.faults().add(fault);
        let ts = client.timestamp().await.unwrap();
        let mut answers = client.coprocessor(request(ts, false)).unwrap();
        let answer = futures::StreamExt::next(&mut answers).await.unwrap().unwrap();
        let told = tipb::SelectResponse::decode(answer.data);
        match damage {
            Damage::CutShort => assert!(told.is_err()),
            Damage::OtherEncoding => {
                assert_eq!(told.unwrap().encode_type(), tipb::EncodeType::TypeChunk);
            }
            _ => assert!(told.is_ok()),
        }
    }
}

#[tokio::test]
async fn a_clock_that_goes_back_is_noticed() {
    let cluster = EmbeddedCluster::builder().start().await.unwrap();
    let client = connect(&cluster).await;
    client.timestamp().await.unwrap();
    let back = Fault::new(Effect::ClockBack(Duration::from_secs(5))).on([Rpc::PdTso]);
    cluster.faults().add(back);
    assert_eq!(client.timestamp().await.unwrap_err().kind(), ErrorKind::Protocol);
    cluster.faults().clear();
    client.timestamp().await.unwrap();
}

#[tokio::test]
async fn a_frozen_pd_tells_regions_as_they_were() {
    let cluster = EmbeddedCluster::builder().start().await.unwrap();
    let client = table(&cluster, 12).await;
    let raw = Raw::new(&cluster);
    let told = async || {
        let region_key = region_key(&row_key(8));
        let request = pdpb::GetRegionRequest {
            header: raw.header(),
            region_key,
            ..pdpb::GetRegionRequest::default()
        };
        raw.pd.clone().get_region(request).await.unwrap().into_inner().region.unwrap()
    };
    let before = told().await;
    cluster.freeze_pd();
    split(&cluster, &[4, 8]);
    assert_eq!(told().await, before);
    // A client learns from the stores.
    let ts = client.timestamp().await.unwrap();
    assert!(client.snapshot(ts, SnapshotOptions::default()).get(&row_key(9)).await.is_ok());
    assert_eq!(read(&client, request(ts, false)).await.unwrap(), expected(12));
    cluster.thaw_pd();
    assert_ne!(told().await, before);
}

#[tokio::test]
async fn a_call_is_under_way_until_it_ends_or_its_client_is_gone() {
    let cluster = EmbeddedCluster::builder().start().await.unwrap();
    let client = table(&cluster, 12).await;
    let fault = Fault::new(Effect::Delay(Duration::from_secs(600))).on([Rpc::Get]);
    cluster.faults().add(fault);
    let ts = client.timestamp().await.unwrap();
    let snapshot = client.snapshot(ts, SnapshotOptions::default());
    let key = row_key(3);
    let get = tokio::spawn(async move { snapshot.get(&key).await });
    while cluster.faults().under_way(Rpc::Get) == 0 {
        tokio::task::yield_now().await;
    }
    get.abort();
    let ended = async {
        while cluster.faults().under_way(Rpc::Get) > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), ended).await.expect("it goes on");
}
