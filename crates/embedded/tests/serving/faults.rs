//! Region errors and lost answers under the reads of `tifusion-client`.

use std::time::Duration;

use futures::future::join_all;
use tifusion_client::snapshot::{ScanOptions, SnapshotOptions};
use tifusion_client::{Client, ErrorKind, Result};
use tifusion_embedded::{Effect, EmbeddedCluster, Fault, LeftLock, RegionErrorKind, Rpc, When};

use crate::rows::{expected, read, request, row_key, split, table};

/// A way to read the table.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Read {
    Get,
    BatchGet,
    Scan,
    Cop,
    Paging,
}

impl Read {
    const ALL: [Self; 5] = [Self::Get, Self::BatchGet, Self::Scan, Self::Cop, Self::Paging];

    fn rpc(self) -> Rpc {
        match self {
            Self::Get => Rpc::Get,
            Self::BatchGet => Rpc::BatchGet,
            Self::Scan => Rpc::Scan,
            Self::Cop | Self::Paging => Rpc::Coprocessor,
        }
    }

    /// Reads, and checks what came.
    async fn run(self, client: &Client, rows: i64) -> Result<()> {
        let ts = client.timestamp().await?;
        let snapshot = client.snapshot(ts, SnapshotOptions::default());
        match self {
            Self::Get => assert!(snapshot.get(&row_key(3)).await?.is_some()),
            Self::BatchGet => {
                let keys = (1..=rows).map(row_key).collect();
                assert_eq!(snapshot.batch_get(keys).await?.len() as i64, rows);
            }
            Self::Scan => {
                let options = ScanOptions { batch: 4, ..ScanOptions::default() };
                let scan = snapshot.scan(&row_key(1), &row_key(rows + 1), options);
                let pairs = scan.collect().await?;
                let keys: Vec<_> = (1..=rows).map(row_key).collect();
                assert_eq!(pairs.into_iter().map(|pair| pair.key).collect::<Vec<_>>(), keys);
            }
            Self::Cop => assert_eq!(read(client, request(ts, false)).await?, expected(rows)),
            Self::Paging => {
                let mut request = request(ts, false);
                request.paging_size = 3;
                assert_eq!(read(client, request).await?, expected(rows));
            }
        }
        Ok(())
    }
}

/// What no retry can help.
fn is_final(kind: RegionErrorKind) -> bool {
    matches!(
        kind,
        RegionErrorKind::RaftEntryTooLarge
            | RegionErrorKind::FlashbackInProgress
            | RegionErrorKind::FlashbackNotPrepared
    )
}

async fn start() -> (EmbeddedCluster, Client) {
    let cluster = EmbeddedCluster::builder().seed(11).start().await.unwrap();
    let client = table(&cluster, 12).await;
    split(&cluster, &[5, 9]);
    (cluster, client)
}

/// One region error kind under one way of reading, in the middle of the read.
async fn meet(kind: RegionErrorKind, way: Read) {
    let (cluster, client) = start().await;
    let nth = if way == Read::Get { 1 } else { 2 };
    let fault = Fault::new(Effect::RegionError(kind)).on([way.rpc()]).when(When::Nth(nth));
    let rule = cluster.faults().add(fault);
    let told = way.run(&client, 12).await;
    assert_eq!(cluster.faults().fired(rule), 1, "{kind} under {way:?}");
    if is_final(kind) {
        assert_eq!(told.unwrap_err().kind(), ErrorKind::Refused, "{kind} under {way:?}");
    } else {
        told.unwrap_or_else(|error| panic!("{kind} under {way:?}: {error}"));
    }
    way.run(&client, 12).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_region_error_under_every_read() {
    let cases = RegionErrorKind::ALL.into_iter().flat_map(|kind| Read::ALL.map(|way| (kind, way)));
    let cases: Vec<_> = cases.map(|(kind, way)| tokio::spawn(meet(kind, way))).collect();
    assert_eq!(cases.len(), 21 * 5);
    for case in join_all(cases).await {
        case.unwrap();
    }
}

#[tokio::test]
async fn lost_connections_are_made_anew() {
    let (cluster, client) = start().await;
    for effect in [Effect::DropBefore, Effect::DropAfter] {
        for way in Read::ALL {
            let rule = Fault::new(effect.clone()).on([way.rpc()]).when(When::Nth(1));
            let rule = cluster.faults().add(rule);
            way.run(&client, 12).await.unwrap();
            assert_eq!(cluster.faults().fired(rule), 1, "{effect:?} under {way:?}");
        }
    }
}

#[tokio::test]
async fn a_status_ends_the_call_with_it() {
    let (cluster, client) = start().await;
    let code = i32::from(tonic::Code::PermissionDenied);
    let status = Effect::Status { code, message: "no entry".to_owned() };
    cluster.faults().add(Fault::new(status).on([Rpc::Get]));
    let error = Read::Get.run(&client, 12).await.unwrap_err();
    assert!(error.to_string().contains("no entry"), "{error}");
    cluster.faults().clear();
    Read::Get.run(&client, 12).await.unwrap();
}

#[tokio::test]
async fn a_slow_store_only_takes_longer() {
    let (cluster, client) = start().await;
    let wait = Duration::from_millis(30);
    cluster.faults().add(Fault::new(Effect::Delay(wait)).on([Rpc::Get]).when(When::First(1)));
    let began = std::time::Instant::now();
    Read::Get.run(&client, 12).await.unwrap();
    assert!(began.elapsed() >= wait);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn locks_left_behind_are_cleared_out_of_the_way() {
    for lock in
        [LeftLock::Expired, LeftLock::Alive(Duration::from_millis(200)), LeftLock::Committed]
    {
        let (cluster, client) = start().await;
        for way in Read::ALL {
            let rule = Fault::new(Effect::LeaveLock(lock)).on([way.rpc()]).when(When::Nth(1));
            let rule = cluster.faults().add(rule);
            let told = tokio::time::timeout(Duration::from_secs(20), way.run(&client, 12)).await;
            told.expect("no hang").unwrap();
            assert_eq!(cluster.faults().fired(rule), 1);
        }
        let resolved = cluster.faults().calls(Rpc::CheckTxnStatus);
        assert!(resolved >= 1, "{lock:?}");
    }
}
