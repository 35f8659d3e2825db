//! Which tasks are warned of, and what is said of them.

use std::fmt::Debug;
use std::sync::Arc;

use futures::StreamExt as _;
use parking_lot::Mutex;
use tifusion_proto::errorpb;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use super::*;
use crate::Client;
use crate::cop::{CopRequest, KeyRange};
use crate::sender::ReadEngine;
use crate::testing::{Effect, FakeCluster, FakeLock, Fault, row_key};
use crate::txn::{Mutation, NoGuard, TxnOptions};

/// Keeps warnings as `field=value` words.
#[derive(Debug, Clone, Default)]
struct Warnings(Arc<Mutex<Vec<String>>>);

struct Words(String);

impl Visit for Words {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0 += &format!("{field}={value:?};");
    }
}

impl Subscriber for Warnings {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() == tracing::Level::WARN
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut words = Words(String::new());
        event.record(&mut words);
        self.0.lock().push(words.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

const LIMIT: Duration = Duration::from_secs(1);

async fn read(client: &Client, cluster: &FakeCluster, slow_after: Option<Duration>) {
    let ranges = vec![KeyRange::new("r".to_owned(), "s".to_owned())];
    let request = CopRequest {
        label: Some("db.t".into()),
        slow_after,
        ..CopRequest::new(bytes::Bytes::new(), cluster.now(), ranges)
    };
    let mut read = client.coprocessor(request).unwrap();
    while let Some(answer) = read.next().await {
        answer.unwrap();
        // A consumer that takes its time makes no task slow.
        tokio::time::sleep(LIMIT * 3).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_task_is_warned_of_once_with_all_that_is_known() {
    let warnings = Warnings::default();
    let _listening = tracing::subscriber::set_default(warnings.clone());
    let cluster = FakeCluster::with_rows(6, &[2, 4]);
    cluster.state.lock().process_time = Duration::from_millis(7);
    let client = cluster.client();
    read(&client, &cluster, Some(LIMIT)).await;
    assert_eq!(*warnings.0.lock(), [] as [String; 0]);

    let busy = errorpb::Error {
        server_is_busy: Some(errorpb::ServerIsBusy::default()),
        ..errorpb::Error::default()
    };
    cluster.add_fault(Fault::once(|call| call.region() == 2, Effect::region(busy)));
    let slow = Effect::Delay(LIMIT * 2);
    cluster.add_fault(Fault::once(|call| call.region() == 2, slow).after(1));
    read(&client, &cluster, Some(LIMIT)).await;
    let told = std::mem::take(&mut *warnings.0.lock());
    assert_eq!(told.len(), 1, "{told:?}");
    for part in [
        "kind=\"coprocessor\";",
        "query=",
        "table=\"db.t\";",
        "region=2;",
        "store=3;",
        "address=\"store3:20160\";",
        "ranges=1;",
        "requests=2;",
        "waits=ServerBusy 1 in ",
        "store_process=7ms;",
    ] {
        assert!(told[0].contains(part), "no {part} in {}", told[0]);
    }
    let fault = Fault::once(|call| call.region() == 2, Effect::Delay(LIMIT * 2));
    cluster.add_fault(fault);
    read(&client, &cluster, None).await;
    assert!(cluster.all_fired());
    assert_eq!(*warnings.0.lock(), [] as [String; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_slow_batch_is_warned_of_and_a_slow_consumer_is_not() {
    let warnings = Warnings::default();
    let _listening = tracing::subscriber::set_default(warnings.clone());
    let cluster = FakeCluster::with_tiflash(40, &[10, 20, 30]);
    // More than is kept until all is there.
    cluster.state.lock().row_padding = 1 << 20;
    let client = cluster.client();
    for (latency, count) in [(Duration::ZERO, 0), (LIMIT, 2)] {
        cluster.state.lock().latency = latency;
        let ranges = vec![KeyRange::new("r".to_owned(), "s".to_owned())];
        let request = CopRequest {
            engine: ReadEngine::TiFlash,
            batch: true,
            slow_after: Some(LIMIT),
            max_in_flight_bytes: 1 << 20,
            ..CopRequest::new(bytes::Bytes::new(), cluster.now(), ranges)
        };
        let mut read = client.coprocessor(request).unwrap();
        while let Some(answer) = read.next().await {
            answer.unwrap();
            tokio::time::sleep(LIMIT * 3).await;
        }
        let told = std::mem::take(&mut *warnings.0.lock());
        assert_eq!(told.len(), count, "{told:?}");
        for store in [4, 5].into_iter().take(count) {
            let place = format!("store={store};address=\"store{store}:3930\";ranges=2;");
            assert!(told.iter().any(|told| told.contains(&place)), "no {place} in {told:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_a_lock_is_slow_too() {
    let warnings = Warnings::default();
    let _listening = tracing::subscriber::set_default(warnings.clone());
    let cluster = FakeCluster::with_rows(6, &[]);
    let client = cluster.client();
    // Alive for two seconds and a half.
    let lock = FakeLock::put(&row_key(0), FakeCluster::before(500), "sesame");
    cluster.state.lock().lock(&row_key(0), lock);
    read(&client, &cluster, Some(LIMIT)).await;
    let told = warnings.0.lock().clone();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("waits=TxnLockFast "), "{told:?}");
    assert!(!told[0].contains("sesame"), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn a_slow_commit_is_warned_of() {
    let warnings = Warnings::default();
    let _listening = tracing::subscriber::set_default(warnings.clone());
    let cluster = FakeCluster::with_rows(0, &[]);
    let client = cluster.client();
    for (delay, count) in [(Duration::ZERO, 0), (LIMIT, 1)] {
        let fault = Fault::once(|call| call.command == "commit", Effect::Delay(delay));
        cluster.add_fault(fault);
        let options = TxnOptions {
            slow_after: Some(LIMIT),
            label: Some("db.t".into()),
            ..TxnOptions::default()
        };
        let mut txn = client.begin(options).await.unwrap();
        let put = Mutation::put(row_key(count).into_bytes(), b"sesame".to_vec());
        txn.prewrite(vec![put]).await.unwrap();
        txn.commit(&NoGuard).await.unwrap();
        assert!(cluster.all_fired());
        let told = warnings.0.lock().clone();
        assert_eq!(told.len(), count, "{told:?}");
        for told in told {
            assert!(
                told.contains("kind=\"commit\";") && told.contains("table=\"db.t\";"),
                "{told}"
            );
            assert!(!told.contains("sesame"), "{told}");
        }
    }
}
