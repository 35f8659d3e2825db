//! Reads of TiFlash by batches of regions: the answers are those of single regions and of TiKV, whatever becomes of a
//! batch.

use std::time::Duration;

use futures::StreamExt as _;
use tifusion::ErrorKind;
use tifusion_codec::key::{Handle, encode_record_key};
use tifusion_embedded::{Effect, EmbeddedCluster, Fault, LeftLock, RegionErrorKind, Rpc, When};
use tifusion_testkit::connector::Connector;

use crate::engines::{Counted, QUERIES, TIFLASH, elsewhere, replicate, session, start};

const BATCH: &str = "allow_batch_cop";

/// An aggregate, first rows, and rows.
const KINDS: [&str; 3] = [
    "SELECT n, count(*), min(id), max(id) FROM t GROUP BY n ORDER BY n",
    "SELECT id, n FROM t ORDER BY n DESC, id LIMIT 6",
    "SELECT id, n FROM t ORDER BY id",
];

/// A session over these engines that asks by batches so. It scans in one partition, so that what is a batch hangs on
/// nothing else.
async fn batched(cluster: &EmbeddedCluster, engines: &str, allow: u8) -> Connector {
    let session = session(cluster, engines).await;
    session.query(&format!("SET tidb.{BATCH} = {allow}")).await;
    session.query("SET datafusion.execution.target_partitions = 1").await;
    session
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_are_those_of_single_regions_and_of_tikv() {
    let cluster = start(91).await;
    replicate(&cluster, "t", true).await;
    let (_judge, tikv) = elsewhere(91).await;
    let mut sessions = Vec::new();
    for allow in 0..3 {
        sessions.push(batched(&cluster, "tiflash", allow).await);
    }
    for query in QUERIES {
        let expected = tikv.query(query).await;
        for (allow, session) in sessions.iter().enumerate() {
            let counted = Counted::of(&cluster);
            assert_eq!(session.query(query).await, expected, "{allow}: {query}");
            assert_eq!(counted.counts(&cluster).0, 0, "{allow}: {query}");
            cluster.faults().clear();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_store_is_asked_once_for_what_explain_says() {
    let cluster = start(92).await;
    replicate(&cluster, "t", true).await;
    for (allow, shown, requests) in [
        (0, [false; 3], [(0, 4), (0, 4), (0, 4)]),
        (1, [true, true, false], [(2, 0), (2, 0), (0, 4)]),
        (2, [true; 3], [(2, 0), (2, 0), (2, 0)]),
    ] {
        let session = batched(&cluster, "tiflash", allow).await;
        for ((query, is_shown), wanted) in KINDS.iter().zip(shown).zip(requests) {
            let plan = session.explain(query).await;
            assert_eq!(plan.contains("engine=tiflash batch"), is_shown, "{allow}: {plan}");
            let batches = Counted::only(&cluster, [Rpc::BatchCoprocessor]);
            let singles = Counted::only(&cluster, [Rpc::Coprocessor]);
            session.query(query).await;
            let counts = (batches.counts(&cluster), singles.counts(&cluster));
            assert_eq!(counts, ((0, wanted.0), (0, wanted.1)), "{allow}: {query}");
            cluster.faults().clear();
        }
    }
    // What is made small is asked of each store once, however many partitions there are.
    let session = batched(&cluster, "tiflash", 1).await;
    session.query("SET datafusion.execution.target_partitions = 8").await;
    let batches = Counted::only(&cluster, [Rpc::BatchCoprocessor]);
    session.query(KINDS[0]).await;
    assert_eq!(batches.counts(&cluster), (0, 2));
    let few = session.explain("SELECT id, n FROM t LIMIT 3").await;
    assert!(few.contains("engine=tiflash") && !few.contains("batch"), "{few}");
    let one = session.explain("SELECT count(*) FROM t WHERE id > 32").await;
    assert!(one.contains("regions=1") && !one.contains("tiflash batch"), "{one}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_becomes_of_a_batch_no_row_is_lost_and_none_comes_twice() {
    const UNIMPLEMENTED: i32 = 12;
    const INTERNAL: i32 = 13;
    let status = |code| Effect::Status { code, message: "no".to_owned() };
    let cluster = start(93).await;
    replicate(&cluster, "t", true).await;
    let tikv = session(&cluster, "tikv").await;
    let mut expected = Vec::new();
    for query in KINDS {
        expected.push(tikv.query(query).await);
    }
    let id = cluster.table_info("test", "t").unwrap().id;
    let borders = [11, 21, 31].map(|row| encode_record_key(id, &Handle::Int(row)));
    let effects = [
        Effect::RegionError(RegionErrorKind::EpochNotMatch),
        Effect::RegionError(RegionErrorKind::RegionNotFound),
        Effect::SplitRegion,
        Effect::MergeRegion,
        Effect::TransferLeader,
        Effect::DropBefore,
        Effect::DropAfter,
        Effect::BreakBatch(0),
        Effect::BreakBatch(1),
        Effect::BreakBatch(2),
        Effect::FailBatch(0, "out of memory".to_owned()),
        Effect::FailBatch(1, "a lock is in the way".to_owned()),
        Effect::LeaveLock(LeftLock::Expired),
        Effect::LeaveLock(LeftLock::Committed),
        Effect::LeaveLock(LeftLock::AsyncCommitted),
        Effect::LeaveLock(LeftLock::Alive(Duration::from_millis(300))),
        Effect::LeaveLock(LeftLock::Pessimistic),
        status(INTERNAL),
        status(UNIMPLEMENTED),
    ];
    for effect in effects {
        for when in [When::First(1), When::Always] {
            // Clients remember who has failed them.
            let session = batched(&cluster, "tiflash", 2).await;
            for (query, expected) in KINDS.iter().zip(&expected) {
                // Some are merged.
                cluster.split_at(&borders).unwrap();
                let fault = Fault::new(effect.clone()).on([Rpc::BatchCoprocessor]).when(when);
                let rule = cluster.faults().add(fault);
                let got = session.query(query).await;
                assert_eq!(got, *expected, "{effect:?}, {when:?}: {query}");
                let fired = cluster.faults().fired(rule);
                let is_known = matches!(effect, Effect::Status { code: UNIMPLEMENTED, .. });
                let is_lost = matches!(
                    effect,
                    Effect::DropBefore | Effect::DropAfter | Effect::BreakBatch(_)
                );
                assert!(fired > 0 || is_known || is_lost, "{effect:?}, {when:?}: {query}");
                cluster.faults().clear();
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn regions_that_changed_since_they_were_located_come_once() {
    let cluster = start(94).await;
    replicate(&cluster, "t", true).await;
    let tikv = session(&cluster, "tikv").await;
    let session = batched(&cluster, "tiflash", 2).await;
    let id = cluster.table_info("test", "t").unwrap().id;
    for (at, query) in KINDS.iter().cycle().take(9).enumerate() {
        let expected = tikv.query(query).await;
        session.query(query).await;
        // What the session knows of the regions is of before.
        let row = 2 + 4 * i64::try_from(at).unwrap();
        cluster.split_at(&[encode_record_key(id, &Handle::Int(row))]).unwrap();
        let singles = Counted::only(&cluster, [Rpc::Coprocessor]);
        assert_eq!(session.query(query).await, expected, "{query}");
        assert_eq!(singles.counts(&cluster), (0, 0), "{query}");
        cluster.faults().clear();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_dies_is_no_loss_and_one_without_batches_is_not_asked_for_them_again() {
    let cluster = start(95).await;
    replicate(&cluster, "t", true).await;
    let expected = session(&cluster, "tikv").await.query(KINDS[0]).await;
    let both = batched(&cluster, "tikv,tiflash", 1).await;
    let only = batched(&cluster, "tiflash", 1).await;
    for store in TIFLASH {
        let fault = Fault::new(Effect::KillStore).on([Rpc::BatchCoprocessor]).at_store(store);
        cluster.faults().add(fault.when(When::First(1)));
        for session in [&both, &only] {
            assert_eq!(session.query(KINDS[0]).await, expected, "{store}");
        }
        cluster.faults().clear();
        cluster.revive_store(store).await.unwrap();
    }
    for store in TIFLASH {
        cluster.kill_store(store).await.unwrap();
    }
    assert_eq!(both.query(KINDS[0]).await, expected);
    only.query("SET tidb.statement.timeout = '10s'").await;
    let error = only.try_query(KINDS[0]).await.unwrap_err().to_string();
    assert!(
        error.contains("store: ") && error.contains("isolation_read_engines: tiflash"),
        "{error}"
    );
    for store in TIFLASH {
        cluster.revive_store(store).await.unwrap();
    }
    // A session of its own, to which all stores are well.
    let session = batched(&cluster, "tiflash", 1).await;
    let status = Effect::Status { code: 12, message: "no".to_owned() };
    cluster.faults().add(Fault::new(status).on([Rpc::BatchCoprocessor]));
    assert_eq!(session.query(KINDS[0]).await, expected);
    cluster.faults().clear();
    let batches = Counted::only(&cluster, [Rpc::BatchCoprocessor]);
    assert_eq!(session.query(KINDS[0]).await, expected);
    assert_eq!(batches.counts(&cluster), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_given_up_is_cancelled_at_the_stores() {
    let cluster = start(96).await;
    replicate(&cluster, "t", true).await;
    let session = batched(&cluster, "tiflash", 1).await;
    let forever = Effect::Delay(Duration::from_secs(600));
    cluster.faults().add(Fault::new(forever).on([Rpc::BatchCoprocessor]));
    let under_way = || cluster.faults().under_way(Rpc::BatchCoprocessor);
    let until = async |count: u64| {
        let wait = async {
            while under_way() != count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), wait).await.expect("the stores go on");
    };
    let statement = session.context().parse(KINDS[0]).unwrap().remove(0);
    let mut stream = session.context().execute(statement).await.unwrap();
    let first = tokio::spawn(async move { stream.next().await.map(drop) });
    until(2).await;
    first.abort();
    until(0).await;
    session.query("SET tidb.statement.timeout = '1s'").await;
    let error = session.try_query(KINDS[0]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded, "{error}");
    let shown = error.to_string();
    assert!(shown.contains("store: ") && shown.contains("region: "), "{shown}");
    until(0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_partitioned_table_each_partition_is_a_batch_of_its_own() {
    let cluster = EmbeddedCluster::builder().tiflash_stores(2).seed(97).start().await.unwrap();
    let rows = (0..40).map(|id| format!("({id}, {}, 'text')", id % 7)).collect::<Vec<_>>();
    let script = format!(
        "CREATE TABLE test.p (id BIGINT PRIMARY KEY, n INT, a VARCHAR(200))
         PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (20), PARTITION p1 VALUES LESS THAN (40));
         INSERT INTO test.p VALUES {}",
        rows.join(",")
    );
    cluster.execute(&script).await.unwrap();
    let ids = cluster.table_info("test", "p").unwrap().physical_ids();
    let borders = [(0, 0), (0, 5), (0, 10), (0, 15), (1, 20), (1, 25), (1, 30), (1, 35)];
    let borders = borders.map(|(part, row)| encode_record_key(ids[part], &Handle::Int(row)));
    cluster.split_at(&borders).unwrap();
    replicate(&cluster, "p", true).await;
    let session = batched(&cluster, "tiflash", 1).await;
    let query = "SELECT n, count(*), min(id), max(id) FROM p GROUP BY n ORDER BY n";
    let expected = crate::engines::session(&cluster, "tikv").await.query(query).await;
    let batches = Counted::only(&cluster, [Rpc::BatchCoprocessor]);
    assert_eq!(session.query(query).await, expected);
    let (to_tikv, to_tiflash) = batches.counts(&cluster);
    assert!(to_tikv == 0 && (3..=4).contains(&to_tiflash), "{to_tiflash}");
}

/// Answers that are too large for all memory are asked for by fewer keys at once, as without batches.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_small_memory_pool_is_enough() {
    let cluster = EmbeddedCluster::builder().tiflash_stores(1).seed(98).start().await.unwrap();
    let text = "x".repeat(20_000);
    let rows = (1..=60).map(|id| format!("({id}, '{text}')")).collect::<Vec<_>>().join(",");
    let script = format!(
        "CREATE TABLE test.t (id BIGINT PRIMARY KEY, a LONGTEXT); INSERT INTO test.t VALUES {rows}"
    );
    cluster.execute(&script).await.unwrap();
    let id = cluster.table_info("test", "t").unwrap().id;
    let borders = [1, 31, 61].map(|row| encode_record_key(id, &Handle::Int(row)));
    cluster.split_at(&borders).unwrap();
    replicate(&cluster, "t", true).await;
    let session = batched(&cluster, "tiflash", 2).await;
    let query = "SELECT id, a FROM t";
    assert!(session.explain(query).await.contains("engine=tiflash batch"));
    assert_eq!(crate::lookup::rows_within(&session, query, 400_000).await, 60);
    assert!(cluster.faults().calls(Rpc::BatchCoprocessor) > 0);
    assert!(cluster.faults().calls(Rpc::Coprocessor) > 4);
}
