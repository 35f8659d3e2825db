//! One statement, one snapshot and one schema version.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tifusion::ErrorKind;
use tifusion_client::snapshot::SnapshotOptions;
use tifusion_client::{Client, ClientOptions};
use tifusion_codec::key::{Handle, encode_record_key};
use tifusion_testkit::cell::Cell;
use tifusion_testkit::cluster::{Cluster, Shape, scale};
use tifusion_testkit::connector::Connector;
use tifusion_testkit::raw_writer::RawWriter;
use tifusion_testkit::tidb::Tidb;

async fn connect(test: &str) -> Option<(Arc<Cluster>, Tidb, Connector)> {
    let cluster = Cluster::of(Shape::default(), test)?;
    let mut tidb = Tidb::connect(&cluster.tidb).await;
    tidb.fresh_database(test).await;
    let connector = Connector::connect(&cluster, &[]).await;
    connector.use_database(test).await;
    Some((cluster, tidb, connector))
}

#[tokio::test(flavor = "multi_thread")]
async fn all_tables_of_a_statement_are_of_one_moment() {
    let test = "statement_snapshot";
    let Some((cluster, mut tidb, connector)) = connect(test).await else { return };
    tidb.run([
        "CREATE TABLE a (id INT PRIMARY KEY, n BIGINT)",
        "CREATE TABLE b (id INT PRIMARY KEY, n BIGINT) PARTITION BY HASH (id) PARTITIONS 3",
        "CREATE TABLE c (id VARCHAR(9) PRIMARY KEY CLUSTERED, n BIGINT)",
        "INSERT INTO a VALUES (1, 0), (2, 0), (3, 0)",
        "INSERT INTO b VALUES (1, 0), (2, 0), (3, 0)",
        "INSERT INTO c VALUES ('1', 0), ('2', 0), ('3', 0)",
    ])
    .await;
    let (stop, writes) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let writer = tokio::spawn({
        let (stop, writes) = (Arc::clone(&stop), Arc::clone(&writes));
        async move {
            // The playground's store forgets which timestamps it was read at, so that it lets an async
            // commit or a one-phase commit slip in below a read (see the playground's README).
            tidb.run(["SET tidb_enable_async_commit = OFF, tidb_enable_1pc = OFF"]).await;
            while !stop.load(Ordering::SeqCst) {
                tidb.run([
                    "BEGIN",
                    "UPDATE a SET n = n + 1",
                    "UPDATE b SET n = n + 1",
                    "UPDATE c SET n = n + 1",
                    "COMMIT",
                ])
                .await;
                writes.fetch_add(1, Ordering::SeqCst);
            }
        }
    });
    let query = "SELECT min(a.n), max(a.n), min(b.n), max(b.n), min(c.n), max(c.n), \
                 (SELECT max(n) FROM a) AS again FROM a, b, c WHERE a.id = b.id AND c.id = '1'";
    let mut seen = Vec::new();
    while seen.len() < 20 * scale() || writes.load(Ordering::SeqCst) < 10 {
        let row = connector.query(query).await.rows.remove(0);
        assert!(row.iter().all(|cell| *cell == row[0]), "tables of different moments: {row:?}");
        let Cell::Int(now) = row[0] else { panic!("{row:?}") };
        assert!(seen.last().is_none_or(|last| *last <= now), "time goes back");
        seen.push(now);
    }
    stop.store(true, Ordering::SeqCst);
    writer.await.unwrap();
    assert!(seen.last() > seen.first(), "nothing was written meanwhile");
    drop(cluster);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_reads_what_is_there_when_it_is_collected() {
    let Some((_, mut tidb, connector)) = connect("statement_frame").await else { return };
    tidb.run(["CREATE TABLE t (id INT PRIMARY KEY)", "INSERT INTO t VALUES (1)"]).await;
    let frame = connector.context().sql("SELECT count(*) FROM t").await.unwrap();
    let count = |batches: Vec<arrow::array::RecordBatch>| {
        use tifusion_testkit::arrow_cells::{Clock, rows};
        rows(&batches, Clock::Wall)[0][0].plain()
    };
    assert_eq!(count(frame.clone().collect().await.unwrap()), "1");
    tidb.run(["INSERT INTO t VALUES (2), (3)"]).await;
    assert_eq!(count(frame.clone().collect().await.unwrap()), "3");
    tidb.run(["DELETE FROM t"]).await;
    assert_eq!(count(frame.collect().await.unwrap()), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_survives_a_column_added_after_it_was_planned() {
    let Some((_, mut tidb, connector)) = connect("statement_add_column").await else { return };
    tidb.run([
        "CREATE TABLE t (id INT PRIMARY KEY, a INT, b VARCHAR(9))",
        "INSERT INTO t VALUES (1, 10, 'x')",
    ])
    .await;
    let frame = connector.context().sql("SELECT b, id FROM t WHERE a > 5").await.unwrap();
    tidb.run([
        "ALTER TABLE t ADD COLUMN c INT DEFAULT 7 FIRST",
        "ALTER TABLE t ADD COLUMN d INT AFTER a",
        "INSERT INTO t (id, a, b) VALUES (2, 20, 'y')",
    ])
    .await;
    let batches = frame.collect().await.unwrap();
    let rows =
        tifusion_testkit::arrow_cells::rows(&batches, tifusion_testkit::arrow_cells::Clock::Wall);
    let plain: Vec<Vec<String>> =
        rows.iter().map(|row| row.iter().map(Cell::plain).collect()).collect();
    assert_eq!(plain, [["x", "1"], ["y", "2"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_whose_table_changed_beneath_it_says_so() {
    let Some((_, mut tidb, connector)) = connect("statement_changed").await else { return };
    let changes = [
        ("ALTER TABLE t DROP COLUMN a", "t"),
        ("ALTER TABLE t MODIFY COLUMN a VARCHAR(20)", "t"),
        ("ALTER TABLE t RENAME COLUMN a TO z", "t"),
        ("DROP TABLE t", "t"),
        ("RENAME TABLE t TO other", "t"),
    ];
    for (change, table) in changes {
        tidb.run([
            "DROP TABLE IF EXISTS t, other",
            "CREATE TABLE t (id INT PRIMARY KEY, a INT)",
            "INSERT INTO t VALUES (1, 10)",
        ])
        .await;
        let frame = connector.context().sql("SELECT a FROM t").await.unwrap();
        tidb.run([change]).await;
        let error = tifusion::Error::from(frame.collect().await.unwrap_err());
        let kind = error.kind();
        assert!(
            matches!(kind, ErrorKind::SchemaChanged | ErrorKind::NotFound),
            "{change}: {kind:?} {error}"
        );
        assert!(error.to_string().contains(table), "{change}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reading_goes_on_while_tables_change() {
    let Some((_, mut tidb, connector)) = connect("statement_ddl").await else { return };
    tidb.run([
        "CREATE TABLE t (id INT PRIMARY KEY, n INT NOT NULL)",
        "INSERT INTO t VALUES (1, 1), (2, 2), (3, 3)",
    ])
    .await;
    let stop = Arc::new(AtomicBool::new(false));
    let changes = Arc::new(AtomicUsize::new(0));
    let changer = tokio::spawn({
        let (stop, changes) = (Arc::clone(&stop), Arc::clone(&changes));
        async move {
            while !stop.load(Ordering::SeqCst) {
                tidb.run([
                    "ALTER TABLE t ADD COLUMN extra INT DEFAULT 5 FIRST",
                    "ALTER TABLE t ADD INDEX by_n (n)",
                    "ALTER TABLE t DROP INDEX by_n",
                    "ALTER TABLE t DROP COLUMN extra",
                ])
                .await;
                changes.fetch_add(4, Ordering::SeqCst);
            }
        }
    });
    let mut reads = 0;
    while reads < 30 * scale() || changes.load(Ordering::SeqCst) < 8 {
        assert!(!changer.is_finished(), "a change failed: {:?}", changer.await);
        let row = connector.query("SELECT sum(n), count(id) FROM t").await.rows.remove(0);
        assert_eq!(row, [Cell::Int(6), Cell::Int(3)]);
        reads += 1;
    }
    stop.store(true, Ordering::SeqCst);
    changer.await.unwrap();
}

/// A column that is made anew in another type, and partitions that come, go, split and change places
/// with a table whose rows have the same sum.
#[tokio::test(flavor = "multi_thread")]
async fn reading_goes_on_while_columns_and_partitions_change() {
    let Some((_, mut tidb, connector)) = connect("statement_partitions").await else { return };
    tidb.run([
        "CREATE TABLE t (id INT PRIMARY KEY, n INT NOT NULL) PARTITION BY RANGE (id) (PARTITION p0 \
         VALUES LESS THAN (100), PARTITION p1 VALUES LESS THAN (200), PARTITION p2 VALUES LESS THAN (300))",
        "CREATE TABLE other (id INT PRIMARY KEY, n INT NOT NULL)",
        "INSERT INTO t VALUES (1, 1), (60, 2), (100, 4), (101, 5)",
        "INSERT INTO other VALUES (102, 9), (103, 0)",
        "CREATE TABLE m (id INT PRIMARY KEY, n INT NOT NULL)",
        "INSERT INTO m VALUES (1, 5), (2, 7)",
    ])
    .await;
    let stop = Arc::new(AtomicBool::new(false));
    let rounds = Arc::new(AtomicUsize::new(0));
    let changer = tokio::spawn({
        let (stop, rounds) = (Arc::clone(&stop), Arc::clone(&rounds));
        async move {
            while !stop.load(Ordering::SeqCst) {
                tidb.run([
                    "ALTER TABLE m MODIFY COLUMN n VARCHAR(20) NOT NULL",
                    "ALTER TABLE m MODIFY COLUMN n INT NOT NULL",
                    "ALTER TABLE t EXCHANGE PARTITION p1 WITH TABLE other",
                    "ALTER TABLE t REORGANIZE PARTITION p0 INTO (PARTITION a VALUES LESS THAN (50), \
                     PARTITION b VALUES LESS THAN (100))",
                    "ALTER TABLE t REORGANIZE PARTITION a, b INTO (PARTITION p0 VALUES LESS THAN (100))",
                    "ALTER TABLE t TRUNCATE PARTITION p2",
                    "ALTER TABLE t ADD PARTITION (PARTITION p3 VALUES LESS THAN (400))",
                    "ALTER TABLE t DROP PARTITION p3",
                ])
                .await;
                rounds.fetch_add(1, Ordering::SeqCst);
            }
        }
    });
    let mut reads = 0;
    while reads < 30 * scale() || rounds.load(Ordering::SeqCst) < 2 {
        assert!(!changer.is_finished(), "a change failed: {:?}", changer.await);
        for (table, rows) in [("t", 4), ("m", 2)] {
            let query = format!("SELECT sum(CAST(n AS BIGINT)), count(id) FROM {table}");
            let read = connector.try_query(&query).await;
            // A frame whose column became another between planning and reading says so.
            if read.as_ref().is_err_and(|error| error.kind() == ErrorKind::SchemaChanged) {
                continue;
            }
            let row = read.unwrap().rows.remove(0);
            assert_eq!(row, [Cell::Int(12), Cell::Int(rows)], "{table}");
            reads += 1;
        }
    }
    stop.store(true, Ordering::SeqCst);
    changer.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_committed_is_not_read() {
    let Some((_, mut tidb, connector)) = connect("statement_open").await else { return };
    tidb.run([
        "CREATE TABLE t (id INT PRIMARY KEY, n INT)",
        "INSERT INTO t VALUES (1, 1), (2, 2)",
        "BEGIN PESSIMISTIC",
        "UPDATE t SET n = n + 100",
    ])
    .await;
    let before = connector.query("SELECT sum(n) FROM t").await;
    assert_eq!(before.rows, [[Cell::Int(3)]], "what is not committed is not there");
    tidb.run(["COMMIT"]).await;
    let after = connector.query("SELECT sum(n) FROM t").await;
    assert_eq!(after.rows, [[Cell::Int(203)]], "what was committed before the statement is there");
}

/// A writer that would have two rows change their values dies before, then, with two others, within its
/// commit.
#[tokio::test(flavor = "multi_thread")]
async fn locks_that_a_writer_left_are_resolved() {
    let Some((cluster, mut tidb, connector)) = connect("statement_locks").await else { return };
    tidb.run([
        "CREATE TABLE t (id INT PRIMARY KEY, n INT)",
        "INSERT INTO t VALUES (1, 10), (2, 20), (3, 30), (4, 40)",
    ])
    .await;
    let table = tidb
        .number(
            "SELECT TIDB_TABLE_ID FROM information_schema.tables WHERE table_schema = \
             'statement_locks' AND table_name = 't'",
        )
        .await;
    let table = i64::try_from(table).unwrap();
    let client = Client::connect(ClientOptions::new(cluster.pd.split(','))).await.unwrap();
    let now = client.timestamp().await.unwrap();
    let snapshot = client.snapshot(now, SnapshotOptions::default());
    let swapped = async |ids: [i64; 2]| {
        let keys = ids.map(|id| encode_record_key(table, &Handle::Int(id)));
        let mut values = Vec::new();
        for key in &keys {
            values.push(snapshot.get(key).await.unwrap().unwrap().to_vec());
        }
        values.reverse();
        keys.into_iter().zip(values).collect::<Vec<_>>()
    };
    let writer = RawWriter::connect(&cluster.pd).await;
    let query = "SELECT id, n FROM t ORDER BY id";
    let rows = |values: [i128; 4]| {
        let rows = (1..).zip(values).map(|(id, n)| vec![Cell::Int(id), Cell::Int(n)]);
        rows.collect::<Vec<_>>()
    };

    let first = swapped([1, 2]).await;
    writer.prewrite(&first, client.timestamp().await.unwrap(), 1, &[]).await;
    let read = connector.run(query).await.unwrap();
    assert!(read.metric("locks") > 0, "the writer's locks were met");
    assert_eq!(connector.query(query).await.rows, rows([10, 20, 30, 40]), "it had not committed");

    // Others, for the cleaning of the first ones may take a while.
    let second = swapped([3, 4]).await;
    let start_ts = client.timestamp().await.unwrap();
    writer.prewrite(&second, start_ts, 60_000, &[]).await;
    let commit_ts = client.timestamp().await.unwrap();
    writer.commit(&[second[0].0.clone()], start_ts, commit_ts).await.unwrap();
    let read = connector.run(query).await.unwrap();
    assert!(read.metric("locks") > 0, "the second row's lock was met");
    assert_eq!(connector.query(query).await.rows, rows([10, 20, 40, 30]), "its primary had");
    assert_eq!(tidb.query(query).await.rows, rows([10, 20, 40, 30]), "as TiDB sees it");
}
