//! Writes whose rows executors encode and prewrite.

use std::time::{Duration, Instant};

use tifusion::{Error, ErrorKind};
use tifusion_embedded::{Effect, EmbeddedCluster, Fault, Rpc, When};
use tifusion_testkit::connector::Connector;

use super::processes::Processes;
use super::tpch::loaded;
use super::{config, plain, standalone};

/// What a prewritten part tells in an executor's log.
const PREWRITTEN: &str = "a part of a transaction is prewritten";

/// A reader waits for no lock that is left for longer.
const AT_ONCE: Duration = Duration::from_secs(15);

/// What takes longer hangs, however much else the machine has to do.
const HANGS: Duration = Duration::from_secs(300);

const COPY: &str = "(k BIGINT, n BIGINT, price DECIMAL(15,2), ship DATE, mode VARCHAR(10), \
                    PRIMARY KEY (k, n), KEY by_price (price), UNIQUE KEY by_both (n, k), KEY by_mode (mode, ship))";

const ROWS: &str =
    "SELECT l_orderkey, l_linenumber, l_extendedprice, l_shipdate, l_shipmode FROM lineitem";

async fn in_tpch(session: Connector) -> Connector {
    session.use_database("tpch").await;
    session
}

async fn one_process(cluster: &EmbeddedCluster) -> Connector {
    let settings = [("write.enable", "true"), ("new_collation_enable", "true")];
    in_tpch(Connector::embedded(cluster, &settings).await).await
}

/// How many rows a copy has, which all of its indexes must agree about; and nobody's lock is in the way.
async fn rows_of(cluster: &EmbeddedCluster, table: &str, within: Duration) -> u64 {
    let one = one_process(cluster).await;
    let count = |condition: &str| format!("SELECT COUNT(*) FROM {table} {condition}");
    let mut counts = Vec::new();
    for condition in ["", "WHERE price > 0", "WHERE n > 0", "WHERE mode >= ''"] {
        let counted = tokio::time::timeout(within, one.query(&count(condition))).await;
        counts.push(plain(&counted.expect("a lock is in the way"))[0][0].parse::<u64>().unwrap());
    }
    assert!(counts.iter().all(|count| *count == counts[0]), "{table}: {counts:?}");
    assert_eq!(cluster.verify().await.unwrap(), []);
    counts[0]
}

/// How many parts each executor has prewritten.
fn prewritten(processes: &Processes) -> Vec<usize> {
    let executors = processes.executors.iter();
    executors.map(|it| it.lines().iter().filter(|line| line.contains(PREWRITTEN)).count()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_executors_write_is_what_one_process_writes() {
    let cluster = loaded().await;
    for table in ["here", "there"] {
        cluster.execute(&format!("CREATE TABLE tpch.{table} {COPY}")).await.unwrap();
    }
    let one = one_process(&cluster).await;
    let processes = Processes::start(config(&cluster), 2).await;
    let several = in_tpch(processes.session().await).await;
    let statements = [
        format!("INSERT INTO {{}} {ROWS}"),
        "UPDATE {} SET price = price + 1, mode = 'BY FOOT' WHERE n = 2 AND price < 20000"
            .to_owned(),
        "DELETE FROM {} WHERE n = 3 AND mode <> 'RAIL'".to_owned(),
    ];
    for (at, statement) in statements.iter().enumerate() {
        let (here, there) = (statement.replace("{}", "here"), statement.replace("{}", "there"));
        let plan = several.explain(&there).await;
        for part in ["TidbSpreadWriteExec", "TidbEncodeExec", "TikvTasksExec"] {
            assert!(plan.contains(part), "{plan}");
        }
        let before = prewritten(&processes);
        let told = several.try_query(&there).await;
        let told = told.unwrap_or_else(|error| panic!("{error}\n{}", processes.told()));
        assert_eq!(plain(&told), plain(&one.query(&here).await), "{there}");
        let after = prewritten(&processes);
        assert!(after.iter().zip(&before).all(|(after, before)| after > before), "{at}: {after:?}");
        for order in ["k, n", "price, k, n", "mode, ship, k, n"] {
            let all = |table| format!("SELECT * FROM {table} ORDER BY {order}");
            let (here, there) = (one.query(&all("here")).await, one.query(&all("there")).await);
            assert_eq!(plain(&there), plain(&here), "{order}");
        }
        assert_eq!(
            rows_of(&cluster, "there", AT_ONCE).await,
            rows_of(&cluster, "here", AT_ONCE).await
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_that_executors_take_are_given_once() {
    let cluster = loaded().await;
    for table in [
        "numbered (id BIGINT PRIMARY KEY AUTO_INCREMENT, k BIGINT, KEY (k))",
        "bare (k BIGINT, KEY (k))",
        "drawn (id BIGINT PRIMARY KEY AUTO_RANDOM(3), k BIGINT)",
    ] {
        cluster.execute(&format!("CREATE TABLE tpch.{table}")).await.unwrap();
    }
    let several = in_tpch(standalone(&cluster).await).await;
    let one = one_process(&cluster).await;
    let all = plain(&one.query("SELECT COUNT(*), SUM(l_orderkey) FROM lineitem").await);
    for (table, id) in [("numbered", "id"), ("bare", "_tidb_rowid"), ("drawn", "id")] {
        for _ in 0..2 {
            several
                .query(&format!("INSERT INTO {table} (k) SELECT l_orderkey FROM lineitem"))
                .await;
        }
        let count =
            format!("SELECT COUNT(*) / 2, SUM(k) / 2, COUNT(DISTINCT {id}) / 2 FROM {table}");
        let context = tifusion::TidbContext::connect({
            let mut config = config(&cluster);
            config.insert("show_rowid".to_owned(), "true".to_owned());
            config
        });
        let shown = in_tpch(Connector::of(context.await.unwrap())).await;
        let counted = plain(&shown.query(&count).await);
        let number = |text: &str| text.parse::<f64>().unwrap();
        assert_eq!(number(&counted[0][0]), number(&all[0][0]), "{table}");
        assert_eq!(number(&counted[0][1]), number(&all[0][1]), "{table}");
        assert_eq!(number(&counted[0][2]), number(&all[0][0]), "{table}");
    }
    assert_eq!(cluster.verify().await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_duplicate_is_the_error_that_it_is_in_one_process_and_leaves_nothing() {
    let cluster = loaded().await;
    for table in ["here", "there"] {
        let create =
            "(id BIGINT PRIMARY KEY, v BIGINT NOT NULL, w BIGINT, UNIQUE KEY u (v), KEY (w))";
        cluster.execute(&format!("CREATE TABLE tpch.{table} {create}")).await.unwrap();
        cluster.execute(&format!("INSERT INTO tpch.{table} VALUES (-1, -7, 0)")).await.unwrap();
    }
    let one = one_process(&cluster).await;
    let several = in_tpch(standalone(&cluster).await).await;
    let told = |error: Error| {
        let context =
            error.context().iter().filter(|(name, _)| *name != "query" && *name != "table");
        let message = error.message().replace("there.", "here.");
        (error.kind(), message, context.cloned().collect::<Vec<_>>())
    };
    for (select, kind) in [
        // A key that is there already, of rows and of an index.
        (
            "SELECT CASE WHEN o_orderkey = 7 THEN -1 ELSE o_orderkey END, o_orderkey, 1 FROM orders",
            ErrorKind::Duplicate,
        ),
        (
            "SELECT o_orderkey, CASE WHEN o_orderkey = 7 THEN -7 ELSE o_orderkey END, 1 FROM orders",
            ErrorKind::Duplicate,
        ),
        // One that comes twice.
        (
            "SELECT CASE WHEN o_orderkey = 7 THEN 1 ELSE o_orderkey END, o_orderkey, 1 FROM orders",
            ErrorKind::Duplicate,
        ),
        (
            "SELECT o_orderkey, CASE WHEN o_orderkey = 7 THEN 1 ELSE o_orderkey END, 1 FROM orders",
            ErrorKind::Duplicate,
        ),
        // A value that is none of the column's.
        (
            "SELECT o_orderkey, CASE WHEN o_orderkey = 7 THEN NULL ELSE o_orderkey END, 1 FROM orders",
            ErrorKind::InvalidInput,
        ),
    ] {
        let here = one.try_query(&format!("INSERT INTO here {select}")).await.unwrap_err();
        let there = several.try_query(&format!("INSERT INTO there {select}")).await.unwrap_err();
        assert_eq!(there.kind(), kind, "{there}");
        if kind == ErrorKind::Duplicate {
            assert_eq!(told(there), told(here), "{select}");
        }
        let left = tokio::time::timeout(AT_ONCE, one.query("SELECT id, v, w FROM there")).await;
        assert_eq!(plain(&left.unwrap()), [["-1", "-7", "0"]]);
        assert_eq!(cluster.verify().await.unwrap(), []);
    }
    // Nothing to write is no error.
    several
        .query("INSERT INTO there SELECT o_orderkey, o_custkey, 1 FROM orders WHERE o_orderkey < 0")
        .await;
    several.query("DELETE FROM there WHERE id > 5").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_spread_goes_through_the_session() {
    let cluster = loaded().await;
    let create = "CREATE TABLE tpch.t (id BIGINT PRIMARY KEY, v BIGINT, UNIQUE KEY u (v))";
    cluster.execute(create).await.unwrap();
    let several = in_tpch(standalone(&cluster).await).await;
    several
        .query("INSERT INTO t SELECT o_orderkey, o_orderkey + 0 FROM orders WHERE o_orderkey < 9")
        .await;
    for here in [
        "INSERT INTO t VALUES (100, 100)",
        "REPLACE INTO t SELECT o_orderkey + 1, o_orderkey FROM orders WHERE o_orderkey < 5",
        "INSERT IGNORE INTO t SELECT o_orderkey, o_orderkey + 0 FROM orders WHERE o_orderkey < 20",
        "UPDATE t SET id = id + 1000 WHERE id IN (SELECT o_orderkey FROM orders)",
    ] {
        let plan = several.explain(here).await;
        assert!(plan.contains("TidbWriteExec") && !plan.contains("TidbSpread"), "{plan}");
        several.query(here).await;
    }
    assert_eq!(cluster.verify().await.unwrap(), []);
}

/// Waits until so many prewrites have come since there were `before`.
async fn prewrites(cluster: &EmbeddedCluster, before: u64, count: u64) {
    let began = Instant::now();
    while cluster.faults().calls(Rpc::Prewrite) < before + count {
        assert!(began.elapsed() < Duration::from_secs(90), "nobody prewrites");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn slow_prewrites(cluster: &EmbeddedCluster) {
    let delay = Fault::new(Effect::Delay(Duration::from_millis(120))).on([Rpc::Prewrite]);
    cluster.faults().add(delay.when(When::Always));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_whose_executor_is_killed_while_it_prewrites_is_whole_or_absent() {
    let cluster = loaded().await;
    let mut processes = Processes::start(config(&cluster), 2).await;
    let mut absent = 0;
    for (round, count) in [2, 10, 40].into_iter().enumerate() {
        let copy = format!("copy_{round}");
        cluster.execute(&format!("CREATE TABLE tpch.{copy} {COPY}")).await.unwrap();
        slow_prewrites(&cluster);
        let several = in_tpch(processes.session().await).await;
        let before = cluster.faults().calls(Rpc::Prewrite);
        let write = format!("INSERT INTO {copy} {ROWS}");
        let running = tokio::spawn(async move { several.try_query(&write).await });
        prewrites(&cluster, before, count).await;
        processes.executors[round].kill();
        let outcome = tokio::time::timeout(Duration::from_secs(120), running).await;
        let outcome = outcome.unwrap_or_else(|_| panic!("no end: {}", processes.told())).unwrap();
        cluster.faults().clear();
        let rows = rows_of(&cluster, &copy, AT_ONCE).await;
        match &outcome {
            Ok(_) => assert!(rows > 50_000, "{rows}"),
            Err(error) => {
                assert_eq!(rows, 0, "{error}");
                assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}\n{}", processes.told());
                absent += 1;
            }
        }
        // Nothing that is left is in a writer's way, either.
        let one = one_process(&cluster).await;
        let row = format!(
            "INSERT INTO {copy} VALUES (-1, 1, 1.5, '2024-01-01', 'x'), (1, 99, 2.5, '2024-01-01', 'y')"
        );
        tokio::time::timeout(AT_ONCE, one.query(&row)).await.unwrap();
        assert_eq!(rows_of(&cluster, &copy, AT_ONCE).await, rows + 2);
        processes.start_executor().await;
    }
    assert!(absent > 0, "no executor was killed in time");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_driver_that_dies_before_it_commits_has_written_nothing() {
    let cluster = loaded().await;
    cluster.execute(&format!("CREATE TABLE tpch.copy {COPY}")).await.unwrap();
    let processes = Processes::start(config(&cluster), 2).await;
    // Of its own, so that nothing of it goes on.
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let session = runtime.spawn({
        let (config, url) = (config(&cluster), processes.url());
        async move { Connector::of(tifusion_ballista::connect(config, &url).await.unwrap()) }
    });
    let several = in_tpch(session.await.unwrap()).await;
    slow_prewrites(&cluster);
    let before = cluster.faults().calls(Rpc::Prewrite);
    let write = format!("INSERT INTO copy {ROWS}");
    let running = runtime.spawn(async move { several.try_query(&write).await });
    prewrites(&cluster, before, 12).await;
    runtime.shutdown_background();
    assert!(running.await.is_err(), "it was too late to die");
    cluster.faults().clear();
    // Its locks live until they expire; then readers take them away.
    assert_eq!(rows_of(&cluster, "copy", Duration::from_secs(60)).await, 0);
    let one = one_process(&cluster).await;
    let again = format!("INSERT INTO copy {ROWS}");
    tokio::time::timeout(HANGS, one.query(&again)).await.expect("it hangs");
    assert!(rows_of(&cluster, "copy", HANGS).await > 50_000);
}
