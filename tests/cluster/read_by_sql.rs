//! Reading through TiDB's SQL port (`read.mode = sql`), where PD is not to be seen. That types, queries and what is
//! pushed down have the same answers as from the stores is in the tests of these.

use std::time::Duration;

use futures::StreamExt as _;
use tifusion::{ErrorKind, TidbContext};
use tifusion_testkit::cell::{Cell, Rows};
use tifusion_testkit::cluster::{Cluster, Shape};
use tifusion_testkit::compare::{Rules, difference};
use tifusion_testkit::connector::Connector;
use tifusion_testkit::tidb::Tidb;

/// Longest wait for something to have happened on a machine with much to do.
const PATIENCE: Duration = Duration::from_secs(60);

async fn connect(test: &str, settings: &[(&str, &str)]) -> Option<(Tidb, Connector)> {
    let cluster = Cluster::of(Shape::default(), test)?;
    let tidb = Tidb::in_database(&cluster.tidb, test).await;
    let connector = Connector::by_sql(&cluster, settings).await;
    connector.use_database(test).await;
    Some((tidb, connector))
}

fn number(rows: &Rows) -> i64 {
    rows.rows[0][0].plain().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn explain_names_the_mode_and_what_is_sent() {
    let Some((mut tidb, ours)) = connect("by_sql_explain", &[]).await else { return };
    tidb.run([
        "CREATE TABLE t (id INT PRIMARY KEY, name VARCHAR(20) COLLATE utf8mb4_general_ci, price DECIMAL(10, 2), \
         born DATE, made YEAR)",
        "INSERT INTO t VALUES (1, 'a', 1.50, '2024-01-01', 2024), (2, 'A', 2.50, '0001-01-01', 1999), \
         (3, NULL, NULL, NULL, NULL)",
    ])
    .await;
    for (query, sent) in [
        (
            "SELECT name FROM t WHERE id > 1",
            "SELECT t.`name` FROM `by_sql_explain`.`t` AS t WHERE (t.`id` > 1)",
        ),
        ("SELECT id FROM t WHERE name = 'a'", "WHERE (CAST(t.`name` AS BINARY) = x'61')"),
        ("SELECT id FROM t WHERE made = 24", "(CAST(t.`made` AS UNSIGNED) = 24)"),
        ("SELECT count(*), sum(price) FROM t", "SELECT COUNT(1), SUM(t.`price`) FROM"),
        ("SELECT name, count(*) FROM t GROUP BY name", "GROUP BY CAST(t.`name` AS BINARY)"),
        (
            "SELECT id FROM t ORDER BY price DESC NULLS LAST LIMIT 2",
            "ORDER BY t.`price` DESC LIMIT 2",
        ),
        ("SELECT id FROM t LIMIT 1", " LIMIT 1"),
        ("SELECT id FROM t WHERE name LIKE 'a%' AND id IN (1, 2)", "COLLATE utf8mb4_bin)"),
    ] {
        let plan = ours.explain(query).await;
        assert!(
            plan.contains("TidbSqlScanExec: table=by_sql_explain.t, mode=sql, at=root@"),
            "{plan}"
        );
        assert!(plan.contains(sent), "{sent} is not in\n{plan}");
        assert!(!plan.contains("TikvScanExec"), "{plan}");
    }
    // What DataFusion computes otherwise stays here, and the plan says so.
    let plan = ours.explain("SELECT id FROM t WHERE upper(name) = 'A'").await;
    assert!(plan.contains("not pushed: [") && !plan.contains("WHERE"), "{plan}");
    // TiDB's stores order texts that are cast to bytes by a collation all the same.
    for query in ["SELECT min(name), max(name) FROM t", "SELECT id FROM t ORDER BY name LIMIT 1"] {
        let plan = ours.explain(query).await;
        assert!(!plan.contains("MIN(") && !plan.contains("ORDER BY t"), "{plan}");
    }
    assert_eq!(ours.query("SELECT id FROM t WHERE name = 'a'").await.rows, [[Cell::Int(1)]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_catalog_is_the_same_as_from_pd() {
    let test = "by_sql_catalog";
    let Some((mut tidb, ours)) = connect(test, &[]).await else { return };
    tidb.run([
        "CREATE TABLE orders (id BIGINT UNSIGNED PRIMARY KEY, v INT NOT NULL DEFAULT 7 COMMENT 'some', \
         e ENUM('x', 'it''s'), g INT AS (v + 1), KEY by_v (v))",
        "INSERT INTO orders (id, v, e) VALUES (1, 2, 'it''s')",
        "CREATE TABLE `Odd ``name` (`a b` INT, `c``d` INT, PRIMARY KEY (`a b`, `c``d`))",
        "INSERT INTO `Odd ``name` VALUES (1, 2)",
        "CREATE VIEW seen AS SELECT id, v FROM orders WHERE v > 1",
        "CREATE VIEW swapped (v, id) AS SELECT id, v FROM orders",
        "CREATE VIEW renamed (a, b) AS SELECT v AS x, id FROM orders",
        "CREATE SEQUENCE numbers",
        "CREATE TABLE parts (id INT PRIMARY KEY) PARTITION BY RANGE (id) \
         (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN (20))",
        "INSERT INTO parts VALUES (1), (2), (11)",
    ])
    .await;
    let cluster = Cluster::of(Shape::default(), test).unwrap();
    let bypass = Connector::connect(&cluster, &[]).await;
    bypass.use_database(test).await;
    for query in [
        "SHOW TABLES",
        "SHOW DATABASES LIKE 'by_sql_catalog'",
        "DESCRIBE parts",
        "SELECT column_name, data_type, is_nullable FROM information_schema.columns \
         WHERE table_schema = 'by_sql_catalog' AND table_name IN ('parts', 'Odd `name') ORDER BY 1",
        "SHOW CREATE TABLE orders",
        "SHOW INDEX FROM orders",
        "SELECT * FROM seen",
        "SELECT v, id FROM swapped",
        "SELECT b, a FROM renamed",
        "SELECT id, v, e FROM orders",
        "SELECT * FROM \"Odd `name\" WHERE \"c`d\" = 2",
        "SELECT * FROM parts PARTITION (p0)",
    ] {
        let (by_sql, by_stores) = (ours.query(query).await, bypass.query(query).await);
        assert_eq!(by_sql.columns, by_stores.columns, "{query}");
        if let Some(difference) = difference(&by_sql, &by_stores, Rules::default()) {
            panic!("{difference}\n{query}");
        }
    }
    // What TiDB computes can be read this way only.
    assert_eq!(ours.query("SELECT g FROM orders").await.rows, [[Cell::Int(3)]]);
    let error = ours.try_query("SELECT * FROM nosuch").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    // The next statement sees a change of schema.
    tidb.run(["ALTER TABLE parts ADD COLUMN more INT DEFAULT 5", "DROP VIEW seen"]).await;
    assert_eq!(number(&ours.query("SELECT more FROM parts LIMIT 1").await), 5);
    assert!(ours.try_query("SELECT * FROM seen").await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_reads_one_snapshot_while_rows_move() {
    let test = "by_sql_snapshot";
    let Some((mut tidb, ours)) = connect(test, &[]).await else { return };
    tidb.run([
        "CREATE TABLE a (id INT PRIMARY KEY, n INT NOT NULL)",
        "CREATE TABLE b (id INT PRIMARY KEY, n INT NOT NULL)",
        "INSERT INTO a VALUES (1, 500), (2, 500)",
        "INSERT INTO b VALUES (1, 500), (2, 500)",
    ])
    .await;
    let address = Cluster::of(Shape::default(), test).unwrap().tidb.clone();
    let (stop, mut stopped) = tokio::sync::oneshot::channel::<()>();
    let mover = tokio::spawn(async move {
        let mut mover = Tidb::connect(&address).await;
        let mut moved = 0_u64;
        while stopped.try_recv().is_err() {
            mover
                .run([
                    "BEGIN".to_owned(),
                    format!("UPDATE {test}.a SET n = n - 1 WHERE id = {}", moved % 2 + 1),
                    format!("UPDATE {test}.b SET n = n + 1 WHERE id = {}", moved % 2 + 1),
                    "COMMIT".to_owned(),
                ])
                .await;
            moved += 1;
        }
        moved
    });
    // Each of the four is a connection of its own.
    let query = "SELECT n FROM a UNION ALL SELECT n FROM b UNION ALL SELECT -n FROM a UNION ALL SELECT n FROM a";
    for _ in 0..40 {
        let rows = ours.query(query).await.rows;
        let sum: i64 = rows.iter().map(|row| row[0].plain().parse::<i64>().unwrap()).sum();
        assert_eq!((rows.len(), sum), (8, 2000), "{rows:?}");
    }
    stop.send(()).unwrap();
    assert!(mover.await.unwrap() > 10, "rows did not move");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_past_is_read_as_it_was() {
    let test = "by_sql_past";
    let Some((mut tidb, ours)) = connect(test, &[]).await else { return };
    tidb.run(["CREATE TABLE t (id INT PRIMARY KEY)", "INSERT INTO t VALUES (1)"]).await;
    tokio::time::sleep(Duration::from_millis(60)).await;
    let now = tidb
        .query("SELECT CAST(NOW(3) AS CHAR), CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)")
        .await;
    tokio::time::sleep(Duration::from_millis(60)).await;
    let (then, millis) = (now.rows[0][0].plain(), now.rows[0][1].plain());
    tidb.run(["ALTER TABLE t ADD COLUMN more INT DEFAULT 3", "INSERT INTO t VALUES (2, 4)"]).await;
    assert_eq!(ours.query("SELECT * FROM t ORDER BY id").await.columns, ["id", "more"]);
    let past = ours.query(&format!("SELECT * FROM t AS OF TIMESTAMP '{then}'")).await;
    assert_eq!((past.columns.as_slice(), past.rows.len()), (&["id".to_owned()][..], 1));
    ours.query(&format!("SET tidb.stale_read = {millis}")).await;
    let past = ours.query("SELECT * FROM t").await;
    assert_eq!((past.columns.as_slice(), past.rows.len()), (&["id".to_owned()][..], 1));
    ours.query("RESET tidb.stale_read").await;
    assert_eq!(number(&ours.query("SELECT count(*) FROM t").await), 2);
    let error =
        ours.try_query("SELECT * FROM t AS OF TIMESTAMP '2020-01-01 00:00:00'").await.unwrap_err();
    assert!(
        error.to_string().contains("GC") || error.kind() == ErrorKind::SnapshotTooOld,
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_go_the_same_way_or_are_refused() {
    let test = "by_sql_writes";
    let Some((mut tidb, ours)) = connect(test, &[("write.enable", "true")]).await else { return };
    tidb.run(["CREATE TABLE t (id INT PRIMARY KEY, v INT)"]).await;
    ours.query("INSERT INTO t VALUES (1, 10), (2, 20)").await;
    ours.query("UPDATE t SET v = v + 1 WHERE id = 2").await;
    ours.query("INSERT INTO t SELECT id + 10, v FROM t").await;
    assert_eq!(number(&ours.query("SELECT sum(v) FROM t").await), 62);
    ours.query("CREATE TABLE made (id INT PRIMARY KEY)").await;
    assert_eq!(number(&ours.query("SELECT count(*) FROM made").await), 0);
    ours.query("SET tidb.write.mode = 'bypass'").await;
    let error = ours.try_query("INSERT INTO t VALUES (3, 30)").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    assert!(
        error.to_string().contains("by_sql_writes.t") && error.to_string().contains("read.mode"),
        "{error}"
    );
    for (key, value) in [("request.isolation.level", "RC"), ("replica_read", "follower")] {
        ours.query(&format!("SET tidb.{key} = '{value}'")).await;
        let error = ours.try_query("SELECT * FROM t").await.unwrap_err();
        assert!(error.to_string().contains(key), "{error}");
        ours.query(&format!("RESET tidb.{key}")).await;
    }
    assert_eq!(tidb.query("SELECT count(*) FROM t").await.rows, [[Cell::Int(4)]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_and_where_nobody_is_are_told_when_connecting() {
    let test = "by_sql_access";
    let Some((mut tidb, _)) = connect(test, &[]).await else { return };
    tidb.run([
        "DROP USER IF EXISTS by_sql_reader",
        "CREATE USER by_sql_reader IDENTIFIED BY 'hunter2'",
        "CREATE TABLE mine (id INT)",
        "CREATE TABLE others (id INT)",
        "INSERT INTO mine VALUES (1)",
        "GRANT SELECT ON by_sql_access.mine TO by_sql_reader",
    ])
    .await;
    let cluster = Cluster::of(Shape::default(), test).unwrap();
    let user = ("tidb.user", "by_sql_reader");
    let wrong =
        Connector::try_by_sql(&cluster, &[user, ("tidb.password", "hunter3")]).await.unwrap_err();
    assert_eq!(wrong.kind(), ErrorKind::Security, "{wrong}");
    assert!(!format!("{wrong} {wrong:?}").contains("hunter"), "{wrong:?}");
    let away = Connector::try_by_sql(&cluster, &[("tidb.port", "1")]).await.unwrap_err();
    assert_eq!(away.kind(), ErrorKind::Unavailable, "{away}");
    assert!(away.to_string().contains("root@127.0.0.1:1"), "{away}");
    // Who may read one table reads that, and sees no more.
    let reader = Connector::by_sql(&cluster, &[user, ("tidb.password", "hunter2")]).await;
    reader.use_database(test).await;
    assert_eq!(number(&reader.query("SELECT count(*) FROM mine").await), 1);
    assert_eq!(reader.query("SHOW TABLES").await.rows.len(), 1);
    assert!(reader.try_query("SELECT * FROM others").await.is_err());
}

/// Connections of ours in TiDB that read this table.
async fn readers(tidb: &mut Tidb, table: &str) -> Vec<String> {
    let rows = tidb
        .query(&format!(
            "SELECT CAST(ID AS CHAR) FROM information_schema.PROCESSLIST WHERE INFO LIKE '%{table}` AS t%' \
             AND INFO NOT LIKE '%PROCESSLIST%'"
        ))
        .await;
    rows.rows.iter().map(|row| row[0].plain()).collect()
}

async fn wait_for(tidb: &mut Tidb, table: &str, done: impl Fn(&[String]) -> bool) -> Vec<String> {
    let began = std::time::Instant::now();
    loop {
        let found = readers(tidb, table).await;
        if done(&found) {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "{table}: {found:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A table whose rows are more than what buffers on the way hold.
async fn fill(tidb: &mut Tidb, table: &str) {
    tidb.run([
        format!("CREATE TABLE {table} (id INT PRIMARY KEY AUTO_INCREMENT, pad VARCHAR(2000))"),
        format!("INSERT INTO {table} (pad) VALUES (REPEAT('x', 2000)), (REPEAT('y', 2000))"),
    ])
    .await;
    for _ in 0..14 {
        tidb.run([format!("INSERT INTO {table} (pad) SELECT pad FROM {table}")]).await;
    }
}

async fn begin(
    context: &TidbContext,
    sql: &str,
) -> datafusion::execution::SendableRecordBatchStream {
    let mut rows = context.sql(sql).await.unwrap().execute_stream().await.unwrap();
    let first = rows.next().await.unwrap().unwrap();
    assert!(first.num_rows() > 0);
    rows
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_waits_for_is_killed_and_what_is_killed_is_told() {
    let test = "by_sql_cancel";
    let Some((mut tidb, ours)) = connect(test, &[]).await else { return };
    fill(&mut tidb, "large").await;
    // Rows come as they are taken, not all at once.
    let mut rows = begin(ours.context(), "SELECT * FROM large").await;
    let running = wait_for(&mut tidb, "large", |found| found.len() == 1).await;
    tidb.run([format!("KILL {}", running[0])]).await;
    let mut error = None;
    while let Some(batch) = rows.next().await {
        if let Err(failure) = batch {
            error = Some(tifusion::Error::from(failure));
            break;
        }
    }
    let error = error.expect("a killed connection is an error");
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    let said = error.to_string();
    assert!(
        said.contains("table: by_sql_cancel.large") && said.contains("address: 127.0.0.1"),
        "{said}"
    );
    assert!(said.contains("sql: SELECT t.`id`"), "{said}");
    // A stream that is dropped leaves nothing behind, nor does one that took too long.
    drop(begin(ours.context(), "SELECT * FROM large").await);
    wait_for(&mut tidb, "large", <[String]>::is_empty).await;
    ours.query("SET tidb.statement.timeout = '1s'").await;
    let error = ours
        .try_query("SELECT count(*) FROM large x, large y WHERE upper(x.pad) < upper(y.pad)")
        .await;
    assert_eq!(error.unwrap_err().kind(), ErrorKind::DeadlineExceeded);
    wait_for(&mut tidb, "large", <[String]>::is_empty).await;
    ours.query("RESET tidb.statement.timeout").await;
    assert_eq!(number(&ours.query("SELECT count(*) FROM large").await), 1 << 15);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_more_than_there_are_connections_waits_or_is_told() {
    let test = "by_sql_connections";
    let settings = [("tidb.max_connections", "2"), ("grpc.timeout_in_sec", "10")];
    let Some((mut tidb, ours)) = connect(test, &settings).await else { return };
    fill(&mut tidb, "large").await;
    let held = [
        begin(ours.context(), "SELECT * FROM large").await,
        begin(ours.context(), "SELECT id, pad FROM large").await,
    ];
    let error = ours.try_query("SELECT count(*) FROM large").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(error.to_string().contains("tidb.max_connections"), "{error}");
    drop(held);
    wait_for(&mut tidb, "large", <[String]>::is_empty).await;
    let count = ours.query("SELECT count(*) FROM large").await;
    assert_eq!(number(&count), 1 << 15);
}
