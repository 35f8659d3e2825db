use std::collections::BTreeMap;
use std::time::Duration;

use tifusion_embedded::{Effect, EmbeddedCluster, Fault, FaultId, RegionErrorKind, Rpc, When};
use tifusion_testkit::cell::Cell;
use tifusion_testkit::connector::Connector;

use crate::tables::{Numbered, ROWS, check_all, rows};

/// Counts the coprocessor's requests, those to leaders apart from the others.
struct Counted {
    leaders: Vec<FaultId>,
    followers: Vec<FaultId>,
    by_store: BTreeMap<u64, FaultId>,
}

/// Does nothing, and is counted.
fn nothing() -> Fault {
    Fault::new(Effect::Delay(Duration::ZERO)).on([Rpc::Coprocessor])
}

impl Counted {
    fn of(cluster: &EmbeddedCluster, table: &Numbered) -> Self {
        let (start, end) = table.keys();
        let faults = cluster.faults();
        let mut counted = Self { leaders: vec![], followers: vec![], by_store: BTreeMap::new() };
        for region in cluster.regions() {
            for store in &region.stores {
                let id = faults
                    .add(nothing().in_region(region.id).at_store(*store).for_keys(&start, &end));
                let is_leader = region.leader_store == Some(*store);
                if is_leader { &mut counted.leaders } else { &mut counted.followers }.push(id);
            }
        }
        for store in cluster.stores() {
            let id = faults.add(nothing().at_store(store.id).for_keys(&start, &end));
            counted.by_store.insert(store.id, id);
        }
        counted
    }

    /// Requests to leaders and to others so far.
    fn counts(&self, cluster: &EmbeddedCluster) -> (u64, u64) {
        let sum = |ids: &[FaultId]| ids.iter().map(|id| cluster.faults().fired(*id)).sum();
        (sum(&self.leaders), sum(&self.followers))
    }

    fn stores(&self, cluster: &EmbeddedCluster) -> Vec<u64> {
        let asked = self.by_store.iter().filter(|(_, id)| cluster.faults().fired(**id) > 0);
        asked.map(|(store, _)| *store).collect()
    }
}

async fn start(lag: Duration) -> (EmbeddedCluster, Numbered, String) {
    let cluster = EmbeddedCluster::builder().safe_ts_lag(lag).seed(3).start().await.unwrap();
    let table = Numbered::make(&cluster, 1).await.remove(0);
    tokio::time::sleep(Duration::from_millis(60)).await;
    let session = Connector::embedded(&cluster, &[]).await;
    let now = session.query("SELECT to_char(now(), '%Y-%m-%d %H:%M:%S%.3f')").await;
    let past = format!("{} AS OF TIMESTAMP '{}'", table.name(), now.rows[0][0].plain());
    tokio::time::sleep(Duration::from_millis(60)).await;
    (cluster, table, past)
}

/// The ways to read the four regions of a table.
async fn read(session: &Connector, table: &Numbered, from: &str) {
    let all = session.run(&format!("SELECT id, n FROM {from}")).await.unwrap();
    check_all(&rows(&all), table);
    let count = session.query(&format!("SELECT count(*) FROM {from}")).await;
    assert_eq!(count.rows, [[Cell::Int(ROWS.into())]]);
}

/// Requests that [`read`] takes.
const REQUESTS: u64 = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_share_of_leaders_is_as_configured() {
    let (cluster, table, past) = start(Duration::ZERO).await;
    let session = Connector::embedded(&cluster, &[]).await;
    for (roles, by_leaders) in [
        ("leader", true),
        ("follower", false),
        ("leader,follower", true),
        ("follower,leader", false),
        ("learner,follower", false),
        ("learner", true),
    ] {
        session.query(&format!("SET tidb.replica_read = '{roles}'")).await;
        for stale in [false, true] {
            session.query(&format!("SET tidb.replica_read.stale = {stale}")).await;
            for from in [table.name(), past.clone()] {
                let counted = Counted::of(&cluster, &table);
                read(&session, &table, &from).await;
                let expected = if by_leaders { (REQUESTS, 0) } else { (0, REQUESTS) };
                assert_eq!(counted.counts(&cluster), expected, "{roles}, {stale}: {from}");
                cluster.faults().clear();
            }
        }
    }
    session.query("SET tidb.replica_read = 'follower,leader'").await;
    let plan = session.explain(&format!("SELECT id FROM {}", table.name())).await;
    assert!(plan.contains("replica_read=[follower, leader]"), "{plan}");
    session.query("RESET tidb.replica_read").await;
    let plan = session.explain(&format!("SELECT id FROM {}", table.name())).await;
    assert!(!plan.contains("replica_read"), "{plan}");
    let counted = Counted::of(&cluster, &table);
    read(&session, &table, &table.name()).await;
    assert_eq!(counted.counts(&cluster), (REQUESTS, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn addresses_and_labels_say_which_stores_are_read() {
    let (cluster, table, _) = start(Duration::ZERO).await;
    let stores = cluster.stores();
    let [one, two, three] = &stores[..] else { panic!("{stores:?}") };
    let two_and_three = format!("{},{}", two.address, three.address);
    for (settings, asked) in [
        (vec![("replica_read.address_blacklist", &*two_and_three)], vec![one.id]),
        (
            vec![
                ("replica_read.label", "zone=nowhere"),
                ("replica_read.address_whitelist", &*two_and_three),
                ("replica_read.address_blacklist", &*three.address),
            ],
            vec![two.id],
        ),
    ] {
        let mut all = vec![("replica_read", "follower,leader")];
        all.extend(&settings);
        let session = Connector::embedded(&cluster, &all).await;
        let counted = Counted::of(&cluster, &table);
        read(&session, &table, &table.name()).await;
        assert_eq!(counted.stores(&cluster), asked, "{settings:?}");
        cluster.faults().clear();
    }
    // No store has the label: the leaders are read.
    let settings = [("replica_read", "follower"), ("replica_read.label", "zone=nowhere")];
    let session = Connector::embedded(&cluster, &settings).await;
    let counted = Counted::of(&cluster, &table);
    read(&session, &table, &table.name()).await;
    assert_eq!(counted.counts(&cluster), (REQUESTS, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_that_are_behind_pass_a_stale_read_on_to_the_leader() {
    let (cluster, table, past) = start(Duration::from_secs(3600)).await;
    let settings = [("replica_read", "follower"), ("replica_read.stale", "true")];
    let session = Connector::embedded(&cluster, &settings).await;
    let counted = Counted::of(&cluster, &table);
    let answer = session.run(&format!("SELECT id, n FROM {past}")).await.unwrap();
    check_all(&rows(&answer), &table);
    assert_eq!(counted.counts(&cluster), (4, 4));
    assert_eq!(answer.metric("region_errors"), 4, "data_is_not_ready");
    cluster.faults().clear();
    // What is there now is read from followers that ask the leader how far it is.
    let counted = Counted::of(&cluster, &table);
    read(&session, &table, &table.name()).await;
    assert_eq!(counted.counts(&cluster), (0, REQUESTS));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn region_errors_and_deaths_of_replicas_heal() {
    let (cluster, table, past) = start(Duration::ZERO).await;
    let mut sessions = Vec::new();
    for roles in ["follower", "leader,follower", "follower,leader"] {
        for stale in ["false", "true"] {
            let settings = [("replica_read", roles), ("replica_read.stale", stale)];
            sessions.push(Connector::embedded(&cluster, &settings).await);
        }
    }
    for kind in [
        RegionErrorKind::DataIsNotReady,
        RegionErrorKind::ReadIndexNotReady,
        RegionErrorKind::RegionNotFound,
        RegionErrorKind::NotLeader,
        RegionErrorKind::EpochNotMatch,
        RegionErrorKind::StaleCommand,
        RegionErrorKind::ServerIsBusy,
    ] {
        for session in &sessions {
            let fault = Fault::new(Effect::RegionError(kind)).on([Rpc::Coprocessor]);
            cluster.faults().add(fault.when(When::Every(3)));
            read(session, &table, &past).await;
            read(session, &table, &table.name()).await;
            cluster.faults().clear();
        }
    }
    for store in cluster.stores() {
        cluster.kill_store(store.id).await.unwrap();
        for session in &sessions {
            read(session, &table, &past).await;
        }
        cluster.revive_store(store.id).await.unwrap();
    }
}
