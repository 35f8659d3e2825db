//! `AS OF TIMESTAMP` and `PARTITION (…)` over an embedded cluster.

use std::time::Duration;

use tifusion::ErrorKind;
use tifusion_embedded::EmbeddedCluster;
use tifusion_testkit::cell::Cell;
use tifusion_testkit::connector::Connector;

#[tokio::test(flavor = "multi_thread")]
async fn the_past_and_its_partitions_are_read() {
    let cluster = EmbeddedCluster::builder().stores(3).start().await.unwrap();
    cluster
        .execute(
            "CREATE TABLE test.t (id INT PRIMARY KEY) PARTITION BY RANGE (id) \
             (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN MAXVALUE);
             INSERT INTO test.t VALUES (1), (2), (11);",
        )
        .await
        .unwrap();
    let connector = Connector::embedded(&cluster, &[]).await;
    connector.use_database("test").await;
    let pause = Duration::from_millis(60);
    tokio::time::sleep(pause).await;
    let now = connector.query("SELECT to_char(now(), '%Y-%m-%d %H:%M:%S%.3f')").await;
    let at = now.rows[0][0].plain();
    tokio::time::sleep(pause).await;
    cluster
        .execute(
            "INSERT INTO test.t VALUES (3), (12); CREATE TABLE test.later (id INT PRIMARY KEY);",
        )
        .await
        .unwrap();
    for (query, count) in [
        ("SELECT count(*) FROM t", 5),
        ("SELECT count(*) FROM t AS OF TIMESTAMP '{at}'", 3),
        ("SELECT count(*) FROM t PARTITION (p0)", 3),
        ("SELECT count(*) FROM t PARTITION (p0) AS x AS OF TIMESTAMP '{at}' WHERE x.id > 1", 1),
        ("SELECT count(*) FROM t PARTITION (P1) AS OF TIMESTAMP '{at}'", 1),
        ("SELECT count(*) FROM tidb_as_of('t', '{at}')", 3),
        ("SELECT count(t.id) FROM TIDB_AS_OF('test.t', '{at}' + INTERVAL 0 SECOND)", 3),
        (
            "SELECT count(*) FROM tidb_as_of('t', '{at}') AS x JOIN t AS OF TIMESTAMP '{at}' USING (id)",
            3,
        ),
    ] {
        let query = query.replace("{at}", &at);
        assert_eq!(connector.query(&query).await.rows, [[Cell::Int(count)]], "{query}");
    }
    for (call, named) in [
        ("tidb_as_of('t')", "takes the name of a table"),
        ("tidb_as_of(t, '{at}')", "takes the name of a table"),
        ("tidb_as_of('t x', '{at}')", "takes the name of a table"),
        ("tidb_as_of('later', '{at}')", "there is no table later"),
        ("tidb_as_of('t', NOW() + INTERVAL 1 HOUR)", "future"),
        ("tidb_as_of('t', '{at}') AS x, t", "different time"),
        ("tidb_as_of('t', '{at}') AS OF TIMESTAMP '{at}'", "two times"),
    ] {
        let query = format!("SELECT * FROM {}", call.replace("{at}", &at));
        let error = connector.try_query(&query).await.unwrap_err();
        assert!(error.to_string().contains(named), "{query}: {error}");
    }
    let before = format!("SELECT * FROM later AS OF TIMESTAMP '{at}'");
    let error = connector.try_query(&before).await.unwrap_err();
    assert!(error.to_string().contains("there is no table later"), "{error}");
    let plan = connector.explain("SELECT id FROM t PARTITION (p1) WHERE id > 11").await;
    assert!(plan.contains("partitions=1/2 [p1]"), "{plan}");
}

/// A time, in milliseconds, after all that was done so far and before all that comes.
async fn moment(cluster: &EmbeddedCluster) -> u64 {
    tokio::time::sleep(Duration::from_millis(20)).await;
    let ms = cluster.timestamp() >> 18;
    tokio::time::sleep(Duration::from_millis(20)).await;
    ms
}

const SETTINGS: [(&str, &str); 2] = [("write.enable", "true"), ("new_collation_enable", "true")];

#[tokio::test(flavor = "multi_thread")]
async fn a_session_reads_the_past_by_every_way() {
    let cluster = EmbeddedCluster::builder().stores(3).start().await.unwrap();
    cluster
        .execute(
            "CREATE TABLE test.t (id INT PRIMARY KEY, a INT, b VARCHAR(9), KEY by_a (a));
             CREATE TABLE test.u (id INT PRIMARY KEY, n INT);
             INSERT INTO test.t VALUES (1, 10, 'x'), (2, 20, 'y'), (3, 30, 'z');
             INSERT INTO test.u VALUES (1, 1), (3, 3);",
        )
        .await
        .unwrap();
    let ms = moment(&cluster).await;
    let session = Connector::embedded(&cluster, &SETTINGS).await;
    session.use_database("test").await;
    session.query("UPDATE t SET a = a + 5, b = 'new' WHERE id > 0").await;
    session.query("DELETE FROM u WHERE id = 3").await;
    session.query("INSERT INTO t VALUES (4, 40, 'w')").await;
    cluster.execute("CREATE TABLE test.later (id INT PRIMARY KEY)").await.unwrap();
    let queries = [
        ("SELECT count(*), sum(a) FROM t", [3, 60], [4, 115]),
        ("SELECT id, a FROM t WHERE id = 2", [2, 20], [2, 25]),
        ("SELECT id, a FROM t WHERE a BETWEEN 20 AND 25", [2, 20], [2, 25]),
        ("SELECT id, length(b) FROM t WHERE a IN (30, 35)", [3, 1], [3, 3]),
        ("SELECT id, a FROM t ORDER BY a DESC LIMIT 1", [3, 30], [4, 40]),
        ("SELECT count(*), max(t.a) FROM t JOIN u ON t.id = u.id", [2, 30], [1, 15]),
        ("SELECT count(*), count(id) FROM t WHERE id IN (SELECT id FROM u)", [2, 2], [1, 1]),
    ];
    let check = async |session: &Connector, is_past: bool| {
        for first in ["false", "true"] {
            session.query(&format!("SET tidb.plan.use_index_scan_first = {first}")).await;
            for (query, past, now) in queries {
                let expected = if is_past { past } else { now };
                let rows = session.query(query).await.rows;
                assert_eq!(rows, [expected.map(Cell::Int)], "{query}, as of {is_past}");
            }
        }
    };
    let tables = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'test'";
    check(&session, false).await;
    session.query(&format!("SET tidb.stale_read = {ms}")).await;
    check(&session, true).await;
    for listing in ["SHOW TABLES", tables] {
        assert_eq!(session.query(listing).await.rows.len(), 2, "{listing}");
    }
    let error = session.try_query("SELECT * FROM later").await.unwrap_err();
    assert!(error.to_string().contains("there is no table later"), "{error}");
    // The engine's own way, which knows no AS OF.
    let engine = session.context().session_context();
    for listed in [tables, "SELECT id FROM t WHERE a < 25"] {
        let batches = engine.sql(listed).await.unwrap().collect().await.unwrap();
        assert_eq!(batches.iter().map(|batch| batch.num_rows()).sum::<usize>(), 2, "{listed}");
    }
    assert!(engine.table("later").await.is_err());
    // A statement's own time goes over the session's.
    let own = "SELECT count(*) FROM t AS OF TIMESTAMP NOW(3) - INTERVAL 1 MICROSECOND";
    assert_eq!(session.query(own).await.rows, [[Cell::Int(4)]]);
    session.query("RESET tidb.stale_read").await;
    check(&session, false).await;
    let ms = ms.to_string();
    let settings = [SETTINGS[0], SETTINGS[1], ("stale_read", &*ms)];
    let connected = Connector::embedded(&cluster, &settings).await;
    connected.use_database("test").await;
    check(&connected, true).await;
    assert_eq!(engine.sql(tables).await.unwrap().collect().await.unwrap()[0].num_rows(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_of_the_past_writes_nothing_and_ends_at_the_safe_point() {
    let cluster = EmbeddedCluster::builder().start().await.unwrap();
    cluster.execute("CREATE TABLE test.t (id INT PRIMARY KEY, a INT)").await.unwrap();
    let ms = moment(&cluster).await;
    let session = Connector::embedded(&cluster, &SETTINGS).await;
    session.use_database("test").await;
    session.query(&format!("SET tidb.stale_read = {ms}")).await;
    for write in [
        "INSERT INTO t VALUES (1, 1)",
        "DELETE FROM t WHERE id = 1",
        "UPDATE t SET a = 2 WHERE id = 1",
        "EXPLAIN DELETE FROM t WHERE id = 1",
        "TRUNCATE TABLE t",
        "DROP TABLE t",
    ] {
        let error = session.try_query(write).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{write}: {error}");
        assert!(error.to_string().contains(&format!("stale_read = {ms}")), "{write}: {error}");
    }
    let context = session.context();
    let frame = context.sql("SELECT 1 AS id, 2 AS a").await.unwrap();
    let error = context.table_writer("t").write(frame).await.unwrap_err();
    assert!(error.to_string().contains("stale_read"), "{error}");
    // A frame of the past is not written either, once the session is back.
    let frame = context.sql("SELECT id, a FROM t").await.unwrap();
    session.query("RESET tidb.stale_read").await;
    let error = context.table_writer("t").write(frame).await.unwrap_err();
    assert!(error.to_string().contains("AS OF"), "{error}");
    session.query("INSERT INTO t VALUES (1, 1)").await;

    session.query(&format!("SET tidb.stale_read = {}", ms + 3_600_000)).await;
    for query in ["SELECT * FROM t", "SHOW TABLES"] {
        let error = session.try_query(query).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{query}: {error}");
        assert!(error.to_string().contains("future"), "{query}: {error}");
    }
    session.query(&format!("SET tidb.stale_read = {ms}")).await;
    assert!(session.query("SELECT * FROM t").await.rows.is_empty());
    let raw = crate::raw::Raw::new(&cluster);
    let safe_point = cluster.timestamp();
    let header = raw.header();
    let request = tifusion_proto::pdpb::UpdateGcSafePointRequest { header, safe_point };
    raw.pd.clone().update_gc_safe_point(request).await.unwrap();
    let times = [tifusion::Timestamp::new(ms << 18), tifusion::Timestamp::new(safe_point)];
    let engine = context.session_context();
    for query in ["SELECT * FROM t", "SHOW TABLES", "SHOW CREATE TABLE t"] {
        let error = session.try_query(query).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::SnapshotTooOld, "{query}: {error}");
        let text = error.to_string();
        assert!(times.iter().all(|time| text.contains(&time.to_string())), "{query}: {text}");
    }
    assert!(engine.table("t").await.is_err());
    for (value, named) in [("0", "from 1 to"), ("soon", "a whole number")] {
        let error =
            session.try_query(&format!("SET tidb.stale_read = '{value}'")).await.unwrap_err();
        assert!(error.to_string().contains(named), "{error}");
    }
}
