//! Writers that die in the middle of a transaction: TiDB finds all of it or nothing, and is not held up by what
//! they left.

mod ending;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use tifusion::TidbContext;
use tifusion_codec::key::{from_region_key, region_key, table_range};
use tifusion_proto::{kvrpcpb, pdpb};
use tifusion_testkit::cluster::Shape;
use tifusion_testkit::raw_cluster::RawCluster;

use self::ending::{Death, Ending};
use super::Scene;

/// Much longer than anything takes: a machine may have much else to do.
const PATIENCE: Duration = Duration::from_secs(300);

/// Rows go, rows change, rows come, and some take the unique value of another; more than one request has.
fn replace(table: &str) -> String {
    let row = |id: i64| {
        format!("({id}, {}, 'new {id}', 1, repeat('x', 25000))", ((id - 1) % 30 + 1) * 10)
    };
    let rows = (16..=45).map(row).collect::<Vec<_>>();
    format!("REPLACE INTO {table} VALUES {}", rows.join(", "))
}

/// What a writer of TiDB's does behind it, to records and entries.
fn shift(table: &str) -> String {
    format!("UPDATE {table} SET v = v + 1, n = n + 1000 WHERE id > 0")
}

/// Makes a table, `writer`, whose rows our writer replaces until it dies; and one with the rows that there are if it
/// wrote all of it or nothing, `expected`.
async fn scene(test: &str, is_written: bool, death: Death) -> Option<Scene> {
    let mut scene = Scene::of(Shape::default(), test).await?;
    let rows = (1..=30).map(|id| format!("({id}, {}, 'old {id}', 0, '')", id * 10));
    let rows = rows.collect::<Vec<_>>().join(", ");
    for table in ["writer", "expected"] {
        scene
            .tidb
            .run([
                format!(
                    "CREATE TABLE {table} (id INT PRIMARY KEY, n INT, name VARCHAR(20), v INT, pad TEXT, \
                     UNIQUE KEY by_n (n), KEY by_name (name))"
                ),
                format!("INSERT INTO {table} VALUES {rows}"),
            ])
            .await;
    }
    scene.tidb.run(["SET innodb_lock_wait_timeout = 3600"]).await;
    if is_written {
        scene.tidb.run([replace("expected")]).await;
    }
    die(&scene, &replace("writer"), death).await;
    assert!(!locks(&mut scene, "writer").await.is_empty(), "{death:?} leaves no lock");
    Some(scene)
}

/// Runs a statement that dies on its way to the stores: its runtime stops, and with it every sign of life.
async fn die(scene: &Scene, statement: &str, death: Death) {
    let (ending, host_mapping) = Ending::of(&scene.cluster.pd, death).await;
    let settings = [
        ("pd.addresses", scene.cluster.pd.clone()),
        ("host_mapping", host_mapping),
        ("write.enable", "true".to_owned()),
    ];
    let settings: HashMap<_, _> = settings.map(|(key, value)| (key.to_owned(), value)).into();
    let (database, statement) = (scene.database.clone(), statement.to_owned());
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let writing = runtime.spawn(async move {
        let context = TidbContext::connect(settings).await.unwrap();
        context.use_database(&database).await.unwrap();
        context.sql(&statement).await.unwrap().collect().await
    });
    tokio::select! {
        () = ending.reached() => {}
        end = writing => panic!("it ended by itself: {end:?}"),
        () = tokio::time::sleep(PATIENCE) => panic!("it neither ends nor dies"),
    }
    runtime.shutdown_background();
}

/// The keys of a table that are locked.
async fn locks(scene: &mut Scene, table: &str) -> Vec<Vec<u8>> {
    let id = scene
        .tidb
        .number(&format!(
            "SELECT TIDB_TABLE_ID FROM information_schema.tables \
             WHERE TABLE_SCHEMA = '{}' AND TABLE_NAME = '{table}'",
            scene.database
        ))
        .await;
    let raw = RawCluster::connect(&scene.cluster.pd).await;
    let (start, end) = table_range(id.try_into().unwrap());
    let (mut from, mut locked) = (start, Vec::new());
    while from < end {
        let request = pdpb::GetRegionRequest {
            header: raw.header(),
            region_key: region_key(&from),
            ..pdpb::GetRegionRequest::default()
        };
        let region = raw.pd().get_region(request).await.unwrap().into_inner().region.unwrap();
        let border = Some(region.end_key).filter(|key| !key.is_empty());
        let to = border.map_or(end.clone(), |key| from_region_key(&key).unwrap().min(end.clone()));
        let request = kvrpcpb::ScanLockRequest {
            max_version: u64::MAX,
            start_key: from.clone(),
            end_key: to.clone(),
            limit: 10_000,
            ..kvrpcpb::ScanLockRequest::default()
        };
        let answer = raw.send(&from, request).await.unwrap();
        // A store may tell all of the region.
        let here = from..to.clone();
        locked
            .extend(answer.locks.into_iter().map(|lock| lock.key).filter(|key| here.contains(key)));
        from = to;
    }
    locked
}

impl Scene {
    /// TiDB reads the same rows of both tables.
    async fn same_rows(&mut self) {
        let rows = |table: &str| format!("SELECT * FROM {table} ORDER BY id");
        let expected = self.tidb.query(&rows("expected")).await.rows;
        assert_eq!(self.tidb.query(&rows("writer")).await.rows, expected);
    }

    /// TiDB writes behind the dead writer, finds no fault, and in the end nothing of the dead one is left.
    async fn goes_on(&mut self) {
        self.tidb.run([shift("writer"), shift("expected")]).await;
        self.judge("writer").await;
        self.same_rows().await;
        // Readers pass by locks of what is decided, and clear them behind themselves.
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = locks(self, "writer").await;
            if left.is_empty() {
                break;
            }
            assert!(Instant::now() < deadline, "locks that nobody clears: {left:?}");
            self.judge("writer").await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        self.write(&shift("writer")).await;
        self.write(&shift("expected")).await;
        self.judge("writer").await;
        self.same_rows().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_writer_that_died_while_it_prewrote_tidb_finds_nothing() {
    let death = Death::Prewrite(1);
    let Some(mut scene) = scene("write_dead_prewriting", false, death).await else { return };
    scene.same_rows().await;
    scene.goes_on().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_writer_that_died_before_its_commit_tidb_finds_nothing() {
    let death = Death::Commit(0);
    let Some(mut scene) = scene("write_dead_uncommitted", false, death).await else { return };
    scene.same_rows().await;
    scene.goes_on().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_writer_that_died_behind_its_commit_tidb_finds_all() {
    let death = Death::Commit(1);
    let Some(mut scene) = scene("write_dead_committed", true, death).await else { return };
    // Its locks are still there: nobody waits for them.
    scene.same_rows().await;
    scene.judge("writer").await;
    scene.goes_on().await;
}
