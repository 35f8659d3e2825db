//! Answers that are not what they should be: each is an error that says where, never other rows.

use std::time::Duration;

use tifusion::ErrorKind;
use tifusion_embedded::{Damage, Effect, EmbeddedCluster, Fault, RegionErrorKind, Rpc, When};
use tifusion_testkit::connector::Connector;

use crate::tables::{Numbered, Read, Readers};

async fn start(seed: u64) -> (EmbeddedCluster, Numbered, Readers) {
    let cluster = EmbeddedCluster::builder().seed(seed).start().await.unwrap();
    let table = Numbered::make(&cluster, 1).await.remove(0);
    let readers = Readers::connect(&cluster).await;
    (cluster, table, readers)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_answer_is_an_error_that_says_where() {
    let cluster = EmbeddedCluster::builder().seed(51).start().await.unwrap();
    // Each case has a table: a statement that failed may still have requests on their way.
    let mut tables = Numbered::make(&cluster, 12).await;
    for format in ["chunk", "default"] {
        let session = Connector::embedded(&cluster, &[("coprocess.codec_format", format)]).await;
        for damage in Damage::ALL {
            for nth in [1, 3] {
                let table = tables.pop().unwrap();
                let (start, end) = table.keys();
                let fault = Fault::new(Effect::Damage(damage)).for_keys(&start, &end);
                let rule = cluster.faults().add(fault.on([Rpc::Coprocessor]).when(When::Nth(nth)));
                for columns in ["id, n", "count(*)"] {
                    let query = format!("SELECT {columns} FROM {}", table.name());
                    let told = session.try_query(&query).await;
                    if cluster.faults().fired(rule) == 0 {
                        continue;
                    }
                    let told = told.expect_err(&format!("{damage:?} of {format}, {columns}"));
                    assert_eq!(told.kind(), ErrorKind::Data, "{damage:?} of {format}: {told}");
                    let text = told.to_string();
                    for word in [table.name().as_str(), "region: ", "store: "] {
                        assert!(text.contains(word), "{damage:?} of {format}: {told}");
                    }
                    break;
                }
                assert_eq!(cluster.faults().fired(rule), 1);
                cluster.faults().remove(rule);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_is_larger_than_a_message_may_be_is_refused_by_name() {
    let (cluster, table, _) = start(52).await;
    let filling = "x".repeat(4000);
    let rows = (1..=300).map(|id| format!("({id}, '{filling}')")).collect::<Vec<_>>().join(",");
    let script = "CREATE TABLE test.wide (id INT PRIMARY KEY, filling TEXT)";
    cluster.execute(&format!("{script}; INSERT INTO test.wide VALUES {rows}")).await.unwrap();
    let session = Connector::embedded(&cluster, &[("grpc.framesize", "1048576")]).await;
    let told = session.try_query("SELECT * FROM test.wide").await.unwrap_err();
    assert_eq!(told.kind(), ErrorKind::Refused, "{told}");
    for word in ["test.wide", "region: ", "store: "] {
        assert!(told.to_string().contains(word), "{told}");
    }
    // What fits is read as ever.
    session.query(&format!("SELECT * FROM {}", table.name())).await;
    let paging = [("grpc.framesize", "1048576"), ("coprocess.streaming", "true"), PAGE];
    let paging = Connector::embedded(&cluster, &paging).await;
    assert_eq!(paging.query("SELECT * FROM test.wide").await.rows.len(), 300);
}

const PAGE: (&str, &str) = ("coprocessor.chunk_batch_size", "32");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn timestamps_that_go_back_are_refused() {
    let (cluster, table, readers) = start(53).await;
    // Whoever never saw a timestamp cannot know.
    for way in Read::ALL {
        readers.read(way, &table).await.unwrap();
    }
    let back = Fault::new(Effect::ClockBack(Duration::from_secs(60))).on([Rpc::PdTso]);
    let rule = cluster.faults().add(back);
    for way in Read::ALL {
        let told = readers.read(way, &table).await.unwrap_err();
        assert_eq!(told.kind(), ErrorKind::Data, "{told}");
        assert!(told.to_string().contains("timestamp"), "{told}");
    }
    assert!(cluster.faults().fired(rule) >= 4);
    cluster.faults().remove(rule);
    for way in Read::ALL {
        readers.read(way, &table).await.unwrap();
    }
}

/// PD tells regions as they were: the stores know better, and whoever asks them learns it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn regions_that_pd_tells_too_late_are_learned_from_the_stores() {
    let (cluster, table, _) = start(54).await;
    cluster.freeze_pd();
    cluster.split_at(&[table.key(5), table.key(15), table.key(25)]).unwrap();
    cluster.scatter();
    let readers = Readers::connect(&cluster).await;
    for way in Read::ALL {
        let read = tokio::time::timeout(super::PATIENCE, readers.read(way, &table)).await;
        read.expect("no hang").unwrap_or_else(|error| panic!("{way:?}: {error}"));
    }
    // A region that is gone is asked for until PD knows.
    let region = cluster.region_of(&table.key(7)).unwrap().id;
    let next = cluster.region_of(&table.key(12)).unwrap().id;
    cluster.merge(region, next).unwrap();
    let thaw = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        cluster.thaw_pd();
    };
    let readers = Readers::connect(&cluster).await;
    let read = tokio::time::timeout(super::PATIENCE, readers.read(Read::Scan, &table));
    let (read, ()) = tokio::join!(read, thaw);
    read.expect("no hang").unwrap();
}

/// The budget of a retry is time: a store that says "wait" for good ends in an error that says where.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_without_end_ends_in_one_that_says_where() {
    let (cluster, table, _) = start(55).await;
    let session = Connector::embedded(&cluster, &[("statement.timeout", "3s")]).await;
    for kind in [
        RegionErrorKind::NotLeader,
        RegionErrorKind::EpochNotMatch,
        RegionErrorKind::ServerIsBusy,
        RegionErrorKind::StaleCommand,
        RegionErrorKind::RegionNotFound,
        RegionErrorKind::Other,
    ] {
        let rule = Fault::new(Effect::RegionError(kind)).on([Rpc::Coprocessor]);
        let rule = cluster.faults().add(rule);
        let query = format!("SELECT * FROM {}", table.name());
        let told = tokio::time::timeout(Duration::from_secs(20), session.try_query(&query)).await;
        let told = told.unwrap_or_else(|_| panic!("{kind} hangs")).unwrap_err();
        assert_eq!(told.kind(), ErrorKind::DeadlineExceeded, "{kind}: {told}");
        for word in [table.name().as_str(), "region: "] {
            assert!(told.to_string().contains(word), "{kind}: {told}");
        }
        cluster.faults().remove(rule);
        session.query(&query).await;
    }
}
