//! Databases, tables and columns: found by any spelling, as they are now, and only when needed.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use tifusion::ErrorKind;
use tifusion_testkit::cell::{Cell, Rows};
use tifusion_testkit::cluster::{Cluster, Shape, scale};
use tifusion_testkit::connector::Connector;
use tifusion_testkit::tidb::Tidb;
use tokio::task::JoinSet;

async fn connect(test: &str) -> Option<(Tidb, Connector)> {
    let cluster = Cluster::of(Shape::default(), test)?;
    let mut tidb = Tidb::connect(&cluster.tidb).await;
    tidb.fresh_database(test).await;
    Some((tidb, Connector::connect(&cluster, &[]).await))
}

/// The first column, as text.
fn first(rows: &Rows) -> Vec<String> {
    rows.rows.iter().map(|row| row[0].plain()).collect()
}

fn set(names: Vec<String>) -> BTreeSet<String> {
    names.into_iter().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn databases_are_those_of_the_cluster() {
    let Some((mut tidb, connector)) = connect("Catalog_Databases").await else { return };
    let theirs = set(first(&tidb.query("SHOW DATABASES").await));
    let ours = connector.query("SHOW DATABASES").await;
    assert_eq!(ours.columns, ["Database"]);
    let ours = set(first(&ours));
    assert!(ours.contains("Catalog_Databases") && ours.contains("mysql"), "{ours:?}");
    // Other tests make and drop databases meanwhile.
    let stable =
        |name: &&String| ["Catalog_Databases", "mysql", "sys", "test"].contains(&name.as_str());
    let ours: Vec<&String> = ours.iter().filter(stable).collect();
    let theirs: Vec<&String> = theirs.iter().filter(stable).collect();
    assert_eq!(ours, theirs);
    let like = connector.query("SHOW DATABASES LIKE 'catalog\\_data%'").await;
    assert_eq!(first(&like), ["Catalog_Databases"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_and_columns_are_shown_as_tidb_does() {
    let Some((mut tidb, connector)) = connect("catalog_show").await else { return };
    tidb.run([
        "CREATE TABLE Zebra (Id INT PRIMARY KEY, `Full Name` VARCHAR(20) NOT NULL, v JSON)",
        "CREATE TABLE apple (x INT, y DECIMAL(10, 2), z INT AS (x + 1) VIRTUAL)",
        "CREATE TABLE `with space` (`größe` INT, `select` INT, KEY hidden ((`select` + 1)))",
    ])
    .await;
    connector.use_database("catalog_show").await;
    for statement in
        ["SHOW TABLES", "SHOW TABLES FROM catalog_show", "SHOW TABLES FROM CATALOG_SHOW"]
    {
        let theirs = set(first(&tidb.query(statement).await));
        assert_eq!(set(first(&connector.query(statement).await)), theirs, "{statement}");
    }
    assert_eq!(first(&connector.query("SHOW TABLES LIKE 'APP%'").await), ["apple"]);
    for (statement, named) in [
        ("SHOW COLUMNS FROM zebra", "SHOW COLUMNS FROM Zebra"),
        ("SHOW COLUMNS FROM \"with space\"", "SHOW COLUMNS FROM `with space`"),
        ("SHOW COLUMNS FROM catalog_show.Apple", "SHOW COLUMNS FROM catalog_show.apple"),
        ("DESCRIBE ZEBRA", "DESCRIBE Zebra"),
    ] {
        let theirs = first(&tidb.query(named).await);
        assert_eq!(first(&connector.query(statement).await), theirs, "{statement}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn information_schema_knows_tables_and_columns() {
    let Some((mut tidb, connector)) = connect("catalog_information").await else { return };
    tidb.run([
        "CREATE TABLE One (Id INT NOT NULL, name VARCHAR(20))",
        "CREATE TABLE two (x DECIMAL(10, 2))",
    ])
    .await;
    let tables = "SELECT table_name FROM information_schema.tables \
                  WHERE table_catalog = 'tidb' AND table_schema = 'catalog_information' ORDER BY 1";
    assert_eq!(first(&connector.query(tables).await), ["One", "two"]);
    let columns = "SELECT column_name, is_nullable, data_type FROM information_schema.columns \
                   WHERE table_schema = 'catalog_information' AND table_name = 'One' \
                   ORDER BY ordinal_position";
    let rows: Vec<Vec<String>> = connector
        .query(columns)
        .await
        .rows
        .iter()
        .map(|row| row.iter().map(Cell::plain).collect())
        .collect();
    assert_eq!(rows, [["Id", "NO", "Int32"], ["name", "YES", "LargeUtf8"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_match_in_any_case_and_at_any_length() {
    let Some((mut tidb, connector)) = connect("Catalog_Names").await else { return };
    tidb.run(["CREATE TABLE Accounts (UserId BIGINT)", "INSERT INTO Accounts VALUES (7)"]).await;
    let tables = [
        "Catalog_Names.Accounts",
        "catalog_names.accounts",
        "CATALOG_NAMES.ACCOUNTS",
        "\"Catalog_Names\".\"Accounts\"",
        "\"catalog_NAMES\".\"aCCOUNTS\"",
        "tidb.Catalog_Names.Accounts",
        "TIDB.catalog_names.ACCOUNTS",
        "\"tidb\".\"CATALOG_names\".Accounts",
    ];
    for table in tables {
        for column in ["UserId", "userid", "\"UserId\"", "\"USERID\""] {
            let rows = connector.query(&format!("SELECT {column} FROM {table}")).await.rows;
            assert_eq!(rows, [[Cell::Int(7)]], "{column} of {table}");
        }
    }
    for database in ["Catalog_Names", "catalog_names", "\"CATALOG_NAMES\"", "tidb.catalog_Names"] {
        connector.query("USE test").await;
        connector.query(&format!("USE {database}")).await;
        assert_eq!(
            connector.query("SELECT userid FROM accounts").await.rows.len(),
            1,
            "{database}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_named() {
    let Some((mut tidb, connector)) = connect("catalog_missing").await else { return };
    tidb.run(["CREATE TABLE present (a INT)"]).await;
    connector.use_database("catalog_missing").await;
    for (statement, named) in [
        ("SELECT * FROM absent", "absent"),
        ("SELECT * FROM catalog_missing.absent", "absent"),
        ("SELECT * FROM no_such_database.t", "no_such_database"),
        ("USE no_such_database", "no_such_database"),
        ("SHOW TABLES FROM no_such_database", "no_such_database"),
        ("SHOW COLUMNS FROM absent", "absent"),
        ("SELECT b FROM present", "b"),
    ] {
        let error = connector.try_query(statement).await.unwrap_err();
        assert!(error.to_string().contains(named), "{statement}: {error}");
        let kind = error.kind();
        assert!(
            matches!(kind, ErrorKind::NotFound | ErrorKind::InvalidInput),
            "{statement}: {kind:?}"
        );
    }
    assert!(connector.query("SELECT a FROM present").await.rows.is_empty(), "the session goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn sequences_and_temporary_tables_are_refused_by_name() {
    let Some((mut tidb, connector)) = connect("catalog_kinds").await else { return };
    tidb.run([
        "CREATE TABLE base (a INT)",
        "CREATE VIEW over_it AS SELECT a FROM base",
        "CREATE SEQUENCE numbers_of",
        "CREATE GLOBAL TEMPORARY TABLE fleeting (a INT) ON COMMIT DELETE ROWS",
    ])
    .await;
    connector.use_database("catalog_kinds").await;
    for name in ["numbers_of", "fleeting"] {
        let error = connector.try_query(&format!("SELECT * FROM {name}")).await.unwrap_err();
        assert!(error.to_string().contains(name), "{name}: {error}");
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{name}: {error}");
    }
    assert!(connector.query("SELECT * FROM base").await.rows.is_empty());
    let kinds = connector.query("SHOW FULL TABLES").await;
    let view = kinds.rows.iter().find(|row| row[0].plain() == "over_it").unwrap();
    assert_eq!(view[1].plain(), "VIEW");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_is_seen_by_the_next_statement() {
    let Some((mut tidb, connector)) = connect("catalog_changes").await else { return };
    connector.use_database("catalog_changes").await;
    assert!(connector.try_query("SELECT * FROM t").await.is_err());
    tidb.run(["CREATE TABLE t (a INT)", "INSERT INTO t VALUES (1)"]).await;
    assert_eq!(connector.query("SELECT * FROM t").await.columns, ["a"]);
    tidb.run(["ALTER TABLE t ADD COLUMN b INT DEFAULT 2"]).await;
    assert_eq!(connector.query("SELECT * FROM t").await.rows, [[Cell::Int(1), Cell::Int(2)]]);
    tidb.run(["ALTER TABLE t RENAME COLUMN b TO c"]).await;
    assert_eq!(connector.query("SELECT * FROM t").await.columns, ["a", "c"]);
    tidb.run(["ALTER TABLE t DROP COLUMN a"]).await;
    assert_eq!(connector.query("SELECT * FROM t").await.columns, ["c"]);
    tidb.run(["TRUNCATE TABLE t"]).await;
    assert!(connector.query("SELECT * FROM t").await.rows.is_empty());
    tidb.run(["RENAME TABLE t TO u"]).await;
    assert!(connector.try_query("SELECT * FROM t").await.is_err());
    assert!(connector.query("SELECT * FROM u").await.rows.is_empty());
    tidb.run(["DROP TABLE u", "CREATE TABLE u (z VARCHAR(9))", "INSERT INTO u VALUES ('new')"])
        .await;
    assert_eq!(connector.query("SELECT z FROM u").await.rows.len(), 1);
    tidb.run(["DROP DATABASE catalog_changes", "CREATE DATABASE catalog_changes"]).await;
    assert!(connector.try_query("SELECT * FROM u").await.is_err());
    assert!(connector.query("SHOW TABLES").await.rows.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_are_found_among_many() {
    let test = "catalog_many";
    let Some(cluster) = Cluster::of(Shape::default(), test) else { return };
    Tidb::connect(&cluster.tidb).await.fresh_database(test).await;
    let tables = 300 * scale();
    let mut makers = JoinSet::new();
    for maker in 0..6 {
        let address = cluster.tidb.clone();
        makers.spawn(async move {
            let mut tidb = Tidb::connect(&address).await;
            tidb.run([format!("USE {test}")]).await;
            for number in (maker..tables).step_by(6) {
                tidb.run([format!("CREATE TABLE t{number} (id INT PRIMARY KEY, c{number} INT)")])
                    .await;
            }
        });
    }
    while let Some(made) = makers.join_next().await {
        made.unwrap();
    }
    let connector = Connector::connect(&cluster, &[]).await;
    connector.use_database(test).await;
    assert_eq!(connector.query("SHOW TABLES").await.rows.len(), tables);
    for number in [0, 7, tables - 1] {
        let query = format!("SELECT id, c{number} FROM t{number}");
        assert_eq!(connector.query(&query).await.columns, ["id".to_owned(), format!("c{number}")]);
    }
    let begin = Instant::now();
    for _ in 0..20 {
        connector.query("SELECT id FROM t1").await;
    }
    let each = begin.elapsed() / 20;
    assert!(each < Duration::from_secs(1), "{each:?} for a table that is known");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cache_of_names_on_disk_is_used_and_never_wrong() {
    let test = "catalog_cache";
    let Some(cluster) = Cluster::of(Shape::default(), test) else { return };
    let mut tidb = Tidb::connect(&cluster.tidb).await;
    tidb.fresh_database(test).await;
    tidb.run(["CREATE TABLE a (x INT)", "CREATE TABLE b (x INT)"]).await;
    let folder = tempfile::tempdir().unwrap();
    let settings = [("catalog.cache_dir", folder.path().to_str().unwrap())];
    let names = async || {
        let connector = Connector::connect(&cluster, &settings).await;
        connector.use_database(test).await;
        connector.query("SELECT * FROM a").await;
        first(&connector.query("SHOW TABLES").await)
    };
    assert_eq!(names().await, ["a", "b"]);
    let files = || std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
    assert!(files().next().is_some(), "nothing was written");
    tidb.run(["DROP TABLE b", "CREATE TABLE c (x INT)", "ALTER TABLE a ADD COLUMN y INT"]).await;
    assert_eq!(names().await, ["a", "c"]);
    for file in files().filter(|file| file.is_file()) {
        std::fs::write(file, b"not what was written").unwrap();
    }
    assert_eq!(names().await, ["a", "c"], "a broken cache is no cache");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prefix_is_put_before_the_names_of_databases() {
    let test = "catalog_prefix";
    let Some(cluster) = Cluster::of(Shape::default(), test) else { return };
    let mut tidb = Tidb::connect(&cluster.tidb).await;
    tidb.fresh_database(test).await;
    tidb.run(["CREATE TABLE t (a INT)", "INSERT INTO t VALUES (5)"]).await;
    let connector = Connector::connect(&cluster, &[("db_prefix", "prod_")]).await;
    let shown = first(&connector.query("SHOW DATABASES").await);
    assert!(shown.contains(&"prod_catalog_prefix".to_owned()), "{shown:?}");
    assert!(shown.iter().all(|name| name.starts_with("prod_")), "{shown:?}");
    let rows = connector.query("SELECT a FROM prod_catalog_prefix.t").await.rows;
    assert_eq!(rows, [[Cell::Int(5)]]);
    connector.query("USE Prod_Catalog_Prefix").await;
    assert_eq!(connector.query("SELECT a FROM t").await.rows.len(), 1);
    assert!(connector.try_query("SELECT a FROM catalog_prefix.t").await.is_err());
}
