//! Reads from TiFlash's replicas: what they answer, who is asked, and what happens where they are not there.

use std::collections::BTreeMap;
use std::time::Duration;

use tifusion::ErrorKind;
use tifusion_codec::key::{Handle, encode_record_key};
use tifusion_embedded::{Effect, EmbeddedCluster, Fault, FaultId, RegionErrorKind, Rpc, When};
use tifusion_schema::model::TiFlashReplica;
use tifusion_testkit::connector::Connector;

use crate::lookup::rows_within;

/// TiFlash's stores, after three of TiKV.
pub(crate) const TIFLASH: [u64; 2] = [4, 5];

const ENGINES: &str = "isolation_read_engines";

/// What is sent to TiFlash, what is not, and what is made of that here.
pub(crate) const QUERIES: [&str; 16] = [
    "SELECT id, n FROM t ORDER BY id",
    "SELECT * FROM t ORDER BY id",
    "SELECT count(*) FROM t",
    "SELECT id FROM t WHERE n = 3 OR n IN (5, 7) ORDER BY id",
    "SELECT id FROM t WHERE n IS NULL OR n > 8 ORDER BY id",
    "SELECT id FROM t WHERE price >= 7.50 AND NOT x < 3 ORDER BY id",
    "SELECT id FROM t WHERE day < DATE '2024-02-01' ORDER BY id",
    "SELECT id FROM t WHERE a = 'row 7' ORDER BY id",
    "SELECT id FROM t WHERE length(b) = 5 AND n < 9 ORDER BY id",
    "SELECT n, count(*), sum(price), min(day), max(id) FROM t GROUP BY n ORDER BY n",
    "SELECT count(n), sum(n), sum(x), avg(price) FROM t WHERE id > 4",
    "SELECT a, count(*) FROM t GROUP BY a ORDER BY a LIMIT 5",
    "SELECT id, n FROM t ORDER BY n DESC, id LIMIT 6",
    "SELECT id, n FROM t ORDER BY id LIMIT 3",
    "SELECT count(*) FROM (SELECT id FROM t LIMIT 7)",
    "SELECT count(*) FROM t one JOIN t other ON one.n = other.id",
];

pub(crate) async fn start(seed: u64) -> EmbeddedCluster {
    let cluster = EmbeddedCluster::builder().tiflash_stores(2).seed(seed).start().await.unwrap();
    let rows = (1..=40).map(|id| {
        let n = if id % 11 == 0 { "NULL".to_owned() } else { (id % 10).to_string() };
        format!("({id}, {n}, {id}.25, '2024-0{}-15', {id}.5, 'row {id}', 'b{id}', '')", id % 9 + 1)
    });
    let rows = rows.collect::<Vec<_>>().join(",");
    let script = format!(
        "CREATE TABLE test.t (id BIGINT PRIMARY KEY, n INT, price DECIMAL(10, 2), day DATE,
            x DOUBLE, a VARCHAR(200), b VARCHAR(200), c VARCHAR(200));
         INSERT INTO test.t VALUES {rows}"
    );
    cluster.execute(&script).await.unwrap();
    let id = cluster.table_info("test", "t").unwrap().id;
    let borders = [11, 21, 31].map(|row| encode_record_key(id, &Handle::Int(row)));
    cluster.split_at(&borders).unwrap();
    cluster.scatter();
    cluster
}

pub(crate) async fn replicate(cluster: &EmbeddedCluster, table: &str, available: bool) {
    let replica = TiFlashReplica { count: 2, available, ..TiFlashReplica::default() };
    cluster.set_tiflash_replica("test", table, Some(replica)).await.unwrap();
}

/// The same rows in a cluster of their own, and who reads them from TiKV: what a LIMIT did not wait for may still be on its way,
/// and is not to be counted.
pub(crate) async fn elsewhere(seed: u64) -> (EmbeddedCluster, Connector) {
    let cluster = start(seed).await;
    replicate(&cluster, "t", true).await;
    let tikv = session(&cluster, "tikv").await;
    (cluster, tikv)
}

pub(crate) async fn session(cluster: &EmbeddedCluster, engines: &str) -> Connector {
    let session = Connector::embedded(cluster, &[(ENGINES, engines)]).await;
    session.query("USE tidb.test").await;
    session
}

/// Counts the coprocessor's requests by store, those for batches of regions too.
pub(crate) struct Counted(BTreeMap<u64, FaultId>);

impl Counted {
    pub(crate) fn of(cluster: &EmbeddedCluster) -> Self {
        Self::only(cluster, [Rpc::Coprocessor, Rpc::BatchCoprocessor])
    }

    /// Counts these alone.
    pub(crate) fn only<const N: usize>(cluster: &EmbeddedCluster, rpcs: [Rpc; N]) -> Self {
        let nothing = || Fault::new(Effect::Delay(Duration::ZERO)).on(rpcs);
        let count = |store: u64| cluster.faults().add(nothing().at_store(store));
        Self(cluster.stores().iter().map(|store| (store.id, count(store.id))).collect())
    }

    /// Requests to TiKV and to TiFlash.
    pub(crate) fn counts(&self, cluster: &EmbeddedCluster) -> (u64, u64) {
        let sum = |tiflash: bool| {
            let asked = self.0.iter().filter(|(store, _)| TIFLASH.contains(store) == tiflash);
            asked.map(|(_, id)| cluster.faults().fired(*id)).sum()
        };
        (sum(false), sum(true))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_are_those_of_tikv_and_the_replicas_are_asked_alone() {
    let cluster = start(81).await;
    replicate(&cluster, "t", true).await;
    let (_judge, tikv) = elsewhere(81).await;
    let (tiflash, both) =
        (session(&cluster, "tiflash").await, session(&cluster, "tikv,tiflash,tidb").await);
    // A few bytes of rows that are much larger.
    for query in ["SELECT n FROM t WHERE n > 3", "SELECT id FROM t"] {
        assert!(!tikv.explain(query).await.contains("engine"), "{query}");
        for session in [&tiflash, &both] {
            let plan = session.explain(query).await;
            assert!(plan.contains("engine=tiflash"), "{plan}");
        }
    }
    assert!(!both.explain("SELECT n FROM t WHERE id = 3").await.contains("engine"));
    for query in QUERIES {
        let expected = tikv.query(query).await;
        let counted = Counted::of(&cluster);
        assert_eq!(tiflash.query(query).await, expected, "{query}");
        let (to_tikv, to_tiflash) = counted.counts(&cluster);
        assert!(to_tikv == 0 && to_tiflash > 0, "{query}: {to_tikv}, {to_tiflash}");
        cluster.faults().clear();
    }
    let counted = Counted::of(&cluster);
    for _ in 0..10 {
        tiflash.query("SELECT n FROM t WHERE n > 3").await;
    }
    let asked = TIFLASH.map(|store| cluster.faults().fired(counted.0[&store]));
    assert!(asked[0] + asked[1] == 40 && asked[0] > 5 && asked[1] > 5, "{asked:?}");
    for query in QUERIES {
        assert_eq!(both.query(query).await, tikv.query(query).await, "{query}");
    }
    // What TiDB keeps for itself has no replicas.
    assert!(!tiflash.query("SELECT * FROM tidb.mysql.tidb").await.rows.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_tiflash_is_given_is_what_the_table_says() {
    let cluster = start(82).await;
    replicate(&cluster, "t", true).await;
    let session = session(&cluster, "tiflash").await;
    for (query, shown, not_shown) in [
        ("SELECT id FROM t WHERE n = 3 AND price < 5", ", pushed=[", "not pushed"),
        ("SELECT id FROM t WHERE a = 'x'", "not pushed: [", ", pushed=["),
        ("SELECT n, count(*) FROM t GROUP BY n", "aggregates=[", "not pushed"),
        ("SELECT a, count(*) FROM t GROUP BY a", "TiFlash is not trusted", "aggregates=["),
        ("SELECT sum(n) FROM t", "TiFlash is not trusted", "aggregates=["),
        ("SELECT id FROM t ORDER BY n LIMIT 3", "top_n=[", "not pushed"),
        ("SELECT id FROM t ORDER BY id LIMIT 3", "top_n=[", "keep_order"),
    ] {
        let plan = session.explain(query).await;
        assert!(plan.contains("engine=tiflash"), "{plan}");
        assert!(plan.contains(shown) && !plan.contains(not_shown), "{query}: {plan}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_is_not_whole_is_not_read() {
    let cluster = start(83).await;
    let (tiflash, both) =
        (session(&cluster, "tiflash").await, session(&cluster, "tikv,tiflash").await);
    let query = "SELECT n FROM t WHERE n > 3 ORDER BY id";
    let refused = async |said: &str| {
        let error = tiflash.try_query(query).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        let error = error.to_string();
        assert!(error.contains(said) && error.contains(ENGINES) && error.contains("t"), "{error}");
        let counted = Counted::of(&cluster);
        both.query(query).await;
        let (to_tikv, to_tiflash) = counted.counts(&cluster);
        assert!(to_tikv > 0 && to_tiflash == 0, "{to_tikv}, {to_tiflash}");
        cluster.faults().clear();
    };
    refused("SET TIFLASH REPLICA").await;
    replicate(&cluster, "t", false).await;
    refused("not whole yet").await;
    replicate(&cluster, "t", true).await;
    tiflash.query(query).await;
    cluster.set_tiflash_replica("test", "t", None).await.unwrap();
    refused("SET TIFLASH REPLICA").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_partitioned_table_those_partitions_count_that_are_read() {
    let cluster = start(84).await;
    let rows = (0..30).map(|id| format!("({id}, {id}, 'text')")).collect::<Vec<_>>().join(",");
    let script = format!(
        "CREATE TABLE test.p (id BIGINT PRIMARY KEY, n INT, a VARCHAR(200))
         PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (10),
            PARTITION p1 VALUES LESS THAN (20), PARTITION p2 VALUES LESS THAN (30));
         INSERT INTO test.p VALUES {rows}"
    );
    cluster.execute(&script).await.unwrap();
    let ids = cluster.table_info("test", "p").unwrap().physical_ids();
    let replica = TiFlashReplica {
        count: 1,
        available_partition_ids: vec![ids[1]],
        ..TiFlashReplica::default()
    };
    cluster.set_tiflash_replica("test", "p", Some(replica)).await.unwrap();
    let session = session(&cluster, "tiflash").await;
    let whole = "SELECT sum(n) FROM p";
    let error = session.try_query(whole).await.unwrap_err().to_string();
    assert!(error.contains("not whole yet"), "{error}");
    let part = session.query("SELECT count(*) FROM p WHERE id >= 10 AND id < 20").await;
    assert_eq!(part.rows[0][0].plain(), "10");
    replicate(&cluster, "p", true).await;
    assert_eq!(session.query(whole).await.rows[0][0].plain(), "435");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn errors_of_regions_and_locks_change_no_answer() {
    let cluster = start(85).await;
    replicate(&cluster, "t", true).await;
    let (tikv, tiflash, both) = (
        session(&cluster, "tikv").await,
        session(&cluster, "tiflash").await,
        session(&cluster, "tikv,tiflash").await,
    );
    let expected: Vec<_> = [tikv.query(QUERIES[0]).await, tikv.query(QUERIES[9]).await].into();
    let effects = [
        RegionErrorKind::RegionNotFound,
        RegionErrorKind::EpochNotMatch,
        RegionErrorKind::NotLeader,
        RegionErrorKind::ServerIsBusy,
        RegionErrorKind::StaleCommand,
        RegionErrorKind::StoreNotMatch,
    ];
    let effects = effects.into_iter().map(Effect::RegionError).chain([
        Effect::DropBefore,
        Effect::DropAfter,
        Effect::SplitRegion,
        Effect::LeaveLock(tifusion_embedded::LeftLock::Expired),
        Effect::LeaveLock(tifusion_embedded::LeftLock::Committed),
    ]);
    for effect in effects {
        let shown = format!("{effect:?}");
        let rules: Vec<_> = TIFLASH
            .into_iter()
            .map(|store| {
                let rpcs = [Rpc::Coprocessor, Rpc::BatchCoprocessor];
                let fault = Fault::new(effect.clone()).on(rpcs).at_store(store);
                cluster.faults().add(fault.when(When::Every(3)))
            })
            .collect();
        for session in [&tiflash, &both] {
            for (query, expected) in [QUERIES[0], QUERIES[9]].iter().zip(&expected) {
                assert_eq!(session.query(query).await, *expected, "{shown}: {query}");
            }
        }
        let fired: u64 = rules.iter().map(|rule| cluster.faults().fired(*rule)).sum();
        assert!(fired > 0, "{shown}");
        cluster.faults().clear();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_tiflash_is_gone_tikv_is_asked_if_it_may() {
    let cluster = start(86).await;
    replicate(&cluster, "t", true).await;
    let query = "SELECT n, count(*) FROM t GROUP BY n ORDER BY n";
    let expected = session(&cluster, "tikv").await.query(query).await;
    let both = session(&cluster, "tikv,tiflash").await;
    let tiflash = session(&cluster, "tiflash").await;
    for session in [&both, &tiflash] {
        assert_eq!(session.query(query).await, expected);
    }
    let [first, second] = TIFLASH;
    cluster.kill_store(first).await.unwrap();
    let counted = Counted::of(&cluster);
    for session in [&both, &tiflash] {
        for _ in 0..4 {
            assert_eq!(session.query(query).await, expected);
        }
    }
    // The one that is alive was asked instead of TiKV.
    let (to_tikv, to_tiflash) = counted.counts(&cluster);
    assert!(to_tikv == 0 && to_tiflash >= 8, "{to_tikv}, {to_tiflash}");
    cluster.kill_store(second).await.unwrap();
    assert_eq!(both.query(query).await, expected);
    assert!(both.explain(query).await.contains("engine=tiflash"));
    tiflash.query("SET tidb.statement.timeout = '15s'").await;
    let error = tiflash.try_query(query).await.unwrap_err();
    let shown = error.to_string();
    assert!(shown.contains("isolation_read_engines: tiflash"), "{shown}");
    assert!(shown.contains("store: "), "{shown}");
    for store in TIFLASH {
        cluster.revive_store(store).await.unwrap();
    }
    tiflash.query("RESET tidb.statement.timeout").await;
    assert_eq!(tiflash.query(query).await, expected);
}

/// TiFlash's answers come whole: one that is larger than all memory is asked for again by fewer keys.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_small_memory_pool_is_enough() {
    let cluster = EmbeddedCluster::builder().tiflash_stores(1).seed(87).start().await.unwrap();
    let text = "x".repeat(20_000);
    let rows = (1..=60).map(|id| format!("({id}, '{text}')")).collect::<Vec<_>>().join(",");
    let script = format!(
        "CREATE TABLE test.t (id BIGINT PRIMARY KEY, a LONGTEXT); INSERT INTO test.t VALUES {rows}"
    );
    cluster.execute(&script).await.unwrap();
    let id = cluster.table_info("test", "t").unwrap().id;
    let borders = [1, 61].map(|row| encode_record_key(id, &Handle::Int(row)));
    cluster.split_at(&borders).unwrap();
    replicate(&cluster, "t", true).await;
    let session = session(&cluster, "tiflash").await;
    assert!(session.explain("SELECT id, a FROM t").await.contains("engine=tiflash"));
    assert_eq!(rows_within(&session, "SELECT id, a FROM t", 400_000).await, 60);
    assert!(cluster.faults().calls(Rpc::Coprocessor) > 4);
}
