//! Views of TiDB.

use std::collections::BTreeSet;

use tifusion::{Error, ErrorKind};
use tifusion_testkit::cell::Cell;
use tifusion_testkit::cluster::{Cluster, Shape};
use tifusion_testkit::compare::{Rules, difference};
use tifusion_testkit::connector::Connector;
use tifusion_testkit::tidb::Tidb;

async fn connect(test: &str) -> Option<(Tidb, Connector)> {
    let cluster = Cluster::of(Shape::default(), test)?;
    let mut tidb = Tidb::connect(&cluster.tidb).await;
    tidb.fresh_database(test).await;
    tidb.run(TABLES).await;
    let connector = Connector::connect(&cluster, &[]).await;
    connector.use_database(test).await;
    Some((tidb, connector))
}

const TABLES: [&str; 6] = [
    "CREATE TABLE orders (Id INT PRIMARY KEY, customer INT, qty INT, big BIGINT, price DECIMAL(10,2), \
     note VARCHAR(20), day DATE, at DATETIME(3), f DOUBLE, size ENUM('s', 'm', 'l'), j JSON)",
    "CREATE TABLE customers (id INT PRIMARY KEY, name VARCHAR(20), \
     nick VARCHAR(20) COLLATE utf8mb4_general_ci)",
    "CREATE TABLE parts (id INT, n INT) PARTITION BY RANGE (id) \
     (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN MAXVALUE)",
    "INSERT INTO orders VALUES \
     (1, 1, 3, 5, 1.50, 'a', '2024-02-29', '2024-02-29 12:34:56.789', 1.5, 's', '1'), \
     (2, 1, NULL, 9223372036854775807, 2.25, NULL, '2023-12-31', NULL, NULL, 'm', NULL), \
     (3, 2, 2000000000, 9223372036854775807, NULL, 'b''c', NULL, '1999-01-01', -2.5, 'l', '\"x\"'), \
     (4, 9, 7, -1, 0.10, 'ünï', '2024-03-01', '2024-03-01 00:00:00', 0, NULL, NULL)",
    "INSERT INTO customers VALUES (1, 'Ada', 'ada'), (2, 'Bo', 'BO'), (3, NULL, 'Bo')",
    "INSERT INTO parts VALUES (1, 1), (2, 2), (11, 3), (NULL, 4)",
];

/// Views that have the rows of TiDB.
const SAME: &[&str] = &[
    "SELECT * FROM orders",
    "SELECT id, note FROM orders WHERE qty > 2 OR note IS NULL",
    "SELECT o.id AS Order_Id, c.name FROM orders o LEFT JOIN customers c ON c.id = o.customer",
    "SELECT o.id, c.name FROM orders o, customers c WHERE o.customer = c.id",
    "SELECT o.id, c.name, p.n FROM orders o JOIN customers c ON o.customer = c.id JOIN parts p ON p.id = o.id",
    "SELECT customer, COUNT(*) AS c, COUNT(qty) AS q, SUM(qty) AS s, SUM(big) AS b, SUM(price) AS p, \
     MIN(day) AS first, MAX(price) AS dear, AVG(f) AS mean FROM orders GROUP BY customer",
    "SELECT customer, SUM(qty) AS s FROM orders GROUP BY customer HAVING SUM(qty) > 5",
    "SELECT id, qty + qty AS twice, qty * 3 - 1 AS x, -qty AS m, qty % 4 AS r FROM orders",
    "SELECT id, price * 1.10 AS p, price + 0.005 AS q, 0.1 + 0.2 AS three FROM orders",
    "SELECT id, CONCAT(note, '-', id) AS joined, IFNULL(note, 'none') AS n, LENGTH(note) AS bytes, \
     CHAR_LENGTH(note) AS chars FROM orders",
    "SELECT id, IF(qty > 3, 'many', 'few') AS how, CASE customer WHEN 1 THEN 'one' ELSE 'other' END AS w \
     FROM orders",
    "SELECT id, YEAR(day) AS y, MONTH(at) AS m, DAY(day) AS d, HOUR(at) AS h, DATE(at) AS dd FROM orders",
    "SELECT id FROM orders WHERE day >= '2024-01-01' AND day < DATE '2024-03-01'",
    "SELECT id, DATE_ADD(day, INTERVAL 1 MONTH) AS next, at - INTERVAL 90 MINUTE AS before_it FROM orders",
    "SELECT id FROM orders ORDER BY qty LIMIT 2",
    "SELECT id FROM orders ORDER BY qty DESC LIMIT 1, 2",
    "SELECT id, ROW_NUMBER() OVER (PARTITION BY customer ORDER BY qty) AS r FROM orders",
    "SELECT DISTINCT customer FROM orders WHERE customer IN (SELECT id FROM customers)",
    "SELECT id FROM orders o WHERE EXISTS (SELECT 1 FROM customers c WHERE c.id = o.customer)",
    "SELECT id FROM orders UNION SELECT id FROM customers",
    "WITH few AS (SELECT id FROM orders WHERE id < 3) SELECT id FROM few",
    "SELECT x.id FROM (SELECT id, qty FROM orders) AS x WHERE x.qty BETWEEN 1 AND 9",
    "SELECT n, id FROM parts",
    "SELECT n FROM parts PARTITION (p0)",
    "SELECT note <=> NULL AS is_null_note, id FROM orders WHERE note LIKE '%c' OR NOT note = 'a'",
    "SELECT id, name, nick FROM customers",
    "SELECT CAST(customer AS SIGNED) + 1 AS x, CAST(id AS UNSIGNED) AS u FROM orders",
    "SELECT a.id, b.id AS other FROM orders a, parts PARTITION (p0) b, customers c \
     WHERE a.id = b.id AND c.id = a.id",
    "SELECT CAST(id AS DECIMAL(10,2)) AS d, CAST(price AS CHAR) AS t FROM orders",
    "SELECT 'text' AS t, 5 AS n, 1.50 AS d, NULL AS nothing",
    "SELECT size, id FROM orders WHERE size = 'm'",
    "SELECT id, SUM(big) OVER () AS s, SUM(qty) OVER (PARTITION BY customer) AS c FROM orders",
    "SELECT id, DATE_ADD(day, INTERVAL 8000 YEAR) AS far, DATE_SUB(at, INTERVAL 3000 YEAR) AS early FROM orders",
    "SELECT id FROM orders WHERE DATE_ADD(day, INTERVAL 2914000 DAY) > '2024-01-01'",
    "SELECT id, -qty AS qty FROM orders ORDER BY qty, id LIMIT 2",
    "SELECT id, qty + 1 AS more FROM orders ORDER BY more + 0 DESC, id",
    "SELECT id FROM orders WHERE id = 1 OR qty NOT IN (SELECT id FROM parts)",
];

#[tokio::test(flavor = "multi_thread")]
async fn views_have_the_rows_of_tidb() {
    let Some((mut tidb, connector)) = connect("views_same").await else { return };
    let mut failed = Vec::new();
    for (number, select) in SAME.iter().enumerate() {
        tidb.run([format!("CREATE VIEW v{number} AS {select}")]).await;
        let query = format!("SELECT * FROM v{number}");
        let theirs = tidb.query(&query).await;
        let ours = match connector.try_query(&query).await {
            Ok(ours) => ours,
            Err(error) => {
                failed.push(format!("{error}\n{select}"));
                continue;
            }
        };
        if ours.columns != theirs.columns {
            failed.push(format!("{:?} {:?}\n{select}", ours.columns, theirs.columns));
        }
        let rules = Rules { exact_numbers: true, ..Rules::default() };
        if let Some(difference) = difference(&ours, &theirs, rules) {
            failed.push(format!("{difference}\n{select}"));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn views_in_statements_and_in_views() {
    let Some((mut tidb, connector)) = connect("views_nested").await else { return };
    tidb.run([
        "CREATE VIEW Named (`The Id`, WHO) AS SELECT o.id, c.name FROM orders o \
         JOIN customers c ON c.id = o.customer",
        "CREATE VIEW counted AS SELECT who, COUNT(*) AS n FROM named GROUP BY who",
        "CREATE VIEW top AS SELECT c.who, c.n, p.n AS m FROM counted c JOIN parts p ON p.id = c.n",
        "CREATE DATABASE IF NOT EXISTS views_nested_other",
        "CREATE OR REPLACE VIEW views_nested_other.elsewhere AS SELECT n AS m FROM views_nested.counted",
    ])
    .await;
    for query in [
        "SELECT `The Id`, who FROM named WHERE `the id` < 3",
        "SELECT Who, N FROM COUNTED",
        "SELECT * FROM top",
        "SELECT x.who FROM counted AS x WHERE x.n = (SELECT max(n) FROM counted)",
        "SELECT a.who, b.m FROM named a JOIN top b ON a.who = b.who",
        "SELECT m FROM views_nested_other.elsewhere",
        "SELECT count(*) AS c FROM named, orders WHERE named.`The Id` = orders.id",
    ] {
        let theirs = tidb.query(query).await;
        let ours = connector.query(&query.replace('`', "\"")).await;
        let rules = Rules { exact_numbers: true, ..Rules::default() };
        assert_eq!(difference(&ours, &theirs, rules), None, "{query}");
    }
    let plan = connector.explain("SELECT * FROM top, named, orders").await;
    let times: BTreeSet<&str> = plan.split("start_ts=").skip(1).map(digits).collect();
    assert_eq!(times.len(), 1, "{plan}");
    // DataFusion's own ways in.
    let session = connector.context().session_context();
    let frame = session.sql("SELECT * FROM tidb.views_nested.top").await.unwrap();
    assert_eq!(frame.collect().await.unwrap().iter().map(|b| b.num_rows()).sum::<usize>(), 2);
    let table = session.table("tidb.views_nested.counted").await.unwrap();
    assert_eq!(table.count().await.unwrap(), 2);
    let kinds = connector
        .query(
            "SELECT table_name, table_type FROM information_schema.tables \
             WHERE table_schema = 'views_nested' AND table_type = 'VIEW' ORDER BY 1",
        )
        .await;
    let kinds: Vec<String> = kinds.rows.iter().map(|row| row[0].plain()).collect();
    assert_eq!(kinds, ["Named", "counted", "top"]);
    let cluster = Cluster::of(Shape::default(), "views_nested").unwrap();
    let prefixed = Connector::connect(&cluster, &[("db_prefix", "x_")]).await;
    assert_eq!(prefixed.query("SELECT * FROM x_views_nested.top").await.rows.len(), 2);
}

fn digits(text: &str) -> &str {
    text.split(|c: char| !c.is_ascii_digit()).next().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn views_that_mean_something_else_here_are_refused_by_name() {
    let Some((mut tidb, connector)) = connect("views_refused").await else { return };
    let refused = [
        ("SELECT id / 2 AS x FROM orders", "/"),
        ("SELECT qty DIV 2 AS x FROM orders", "DIV"),
        ("SELECT qty % id AS x FROM orders", "%"),
        ("SELECT qty & 1 AS x FROM orders", "&"),
        ("SELECT AVG(qty) AS x FROM orders", "avg"),
        ("SELECT AVG(price) AS x FROM orders", "avg"),
        ("SELECT ROUND(price) AS x FROM orders", "ROUND"),
        ("SELECT NOW() AS x", "NOW"),
        ("SELECT id FROM orders WHERE note = 0", "comparison"),
        ("SELECT id FROM orders WHERE note IN (1, 2)", "comparison"),
        ("SELECT id FROM orders WHERE j = 'x'", "JSON"),
        ("SELECT note + 1 AS x FROM orders", "arithmetic"),
        ("SELECT day - day AS x FROM orders", "differently"),
        ("SELECT MAX(size) AS x FROM orders", "ENUM"),
        ("SELECT id FROM orders ORDER BY size LIMIT 1", "ENUM"),
        ("SELECT id FROM customers WHERE nick = 'bo'", "utf8mb4_general_ci"),
        ("SELECT nick FROM customers GROUP BY nick", "utf8mb4_general_ci"),
        ("SELECT GROUP_CONCAT(name) AS x FROM customers", "GROUP_CONCAT"),
        ("SELECT id FROM customers WHERE name REGEXP 'a'", "REGEXP"),
        ("SELECT 1e3 AS x", "exponent"),
        ("SELECT UPPER(note) AS x FROM orders", "UPPER"),
        ("SELECT id FROM orders WHERE f > 1.4", "DOUBLE"),
        ("SELECT id FROM orders WHERE day = '2024-03-01 01:00:00'", "time of day"),
        ("SELECT DISTINCT j FROM orders", "JSON"),
        ("SELECT DATE_ADD(day, INTERVAL 1.5 DAY) AS x FROM orders", "INTERVAL"),
        ("SELECT CAST(f AS SIGNED) AS x FROM orders", "CAST"),
        ("SELECT customer, COUNT(*) AS c FROM orders GROUP BY customer WITH ROLLUP", "WITH"),
        ("SELECT id, -qty AS qty FROM orders ORDER BY qty + 0 LIMIT 1", "ORDER BY"),
        ("SELECT IFNULL(note, 0) AS x FROM orders", "text"),
        ("SELECT IF(id = 1, f, 'none') AS x FROM orders", "text"),
        ("SELECT f AS x FROM orders UNION ALL SELECT note FROM orders", "text"),
        ("SELECT CHAR_LENGTH(f) AS x FROM orders", "differently"),
        ("SELECT id FROM kinds ORDER BY s LIMIT 1", "SET"),
        ("SELECT MAX(s) AS x FROM kinds", "SET"),
        ("SELECT CONCAT('f=', b) AS x FROM kinds", "BIT"),
        ("SELECT CAST(b AS CHAR) AS x FROM kinds", "CAST"),
        ("SELECT k.id FROM customers c RIGHT JOIN kinds k USING (id)", "RIGHT JOIN"),
    ];
    tidb.run(["CREATE TABLE kinds (id INT, s SET('x', 'a'), b BIT(4))"]).await;
    let mut failed = Vec::new();
    for (number, (select, named)) in refused.iter().enumerate() {
        tidb.run([format!("CREATE VIEW v{number} AS {select}")]).await;
        match connector.try_query(&format!("SELECT * FROM v{number}")).await {
            Ok(rows) => failed.push(format!("{rows:?}\n{select}")),
            Err(error) => {
                let text = error.to_string();
                let view = format!("view: views_refused.v{number}");
                if !text.contains(named) || !text.contains(&view) {
                    failed.push(format!("{text}\n{select}"));
                }
            }
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
    // None of them is in the way of a list.
    assert_eq!(connector.query("SHOW TABLES").await.rows.len(), 4 + refused.len());
    let columns = "SELECT count(*) FROM information_schema.columns \
                   WHERE table_schema = 'views_refused' AND table_name LIKE 'v%'";
    assert_eq!(connector.query(columns).await.rows, [[Cell::Int(39)]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn views_whose_tables_are_gone_say_so_when_they_are_used() {
    let Some((mut tidb, connector)) = connect("views_gone").await else { return };
    tidb.run([
        "CREATE TABLE soon (a INT, b INT)",
        "CREATE VIEW v AS SELECT a, b FROM soon",
        "CREATE VIEW w AS SELECT a FROM v",
        "ALTER TABLE soon DROP COLUMN b",
    ])
    .await;
    let error = connector.try_query("SELECT a FROM w").await.unwrap_err();
    assert!(error.to_string().contains("views_gone.v"), "{error}");
    tidb.run(["DROP TABLE soon"]).await;
    let error = connector.try_query("SELECT a FROM v").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    assert!(error.to_string().contains("soon"), "{error}");
    assert_eq!(connector.query("SHOW FULL TABLES LIKE 'v'").await.rows[0][1].plain(), "VIEW");
    let columns = connector
        .query(
            "SELECT column_name FROM information_schema.columns \
             WHERE table_schema = 'views_gone' AND table_name = 'w'",
        )
        .await;
    assert_eq!(columns.rows, [[Cell::Text("a".to_owned())]]);
    tidb.run(["CREATE TABLE soon (b INT, a INT)", "INSERT INTO soon VALUES (1, 2)"]).await;
    assert_eq!(connector.query("SELECT * FROM v").await.rows, [[Cell::Int(2), Cell::Int(1)]]);
    assert_eq!(connector.query("SELECT * FROM w").await.rows, [[Cell::Int(2)]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_that_changed_since_it_was_planned_is_an_error() {
    let Some((mut tidb, connector)) = connect("views_changed").await else { return };
    tidb.run(["CREATE VIEW v AS SELECT id FROM orders WHERE id < 3"]).await;
    tidb.run(["CREATE VIEW w AS SELECT id FROM v"]).await;
    let context = connector.context();
    let frame = context.sql("SELECT count(*) FROM w").await.unwrap();
    // What has nothing to do with it.
    tidb.run(["ALTER TABLE orders ADD COLUMN more INT FIRST", "CREATE TABLE other (a INT)"]).await;
    frame.clone().collect().await.unwrap();
    tidb.run(["CREATE OR REPLACE VIEW v AS SELECT id FROM orders WHERE id < 4"]).await;
    let error = Error::from(frame.clone().collect().await.unwrap_err());
    assert_eq!(error.kind(), ErrorKind::SchemaChanged, "{error}");
    assert!(error.to_string().contains("views_changed.v"), "{error}");
    assert_eq!(connector.query("SELECT count(*) FROM w").await.rows, [[Cell::Int(3)]]);
    let frame = context.sql("SELECT count(*) FROM w").await.unwrap();
    tidb.run(["DROP VIEW w"]).await;
    let error = Error::from(frame.collect().await.unwrap_err());
    assert_eq!(error.kind(), ErrorKind::SchemaChanged, "{error}");
    assert!(error.to_string().contains("views_changed.w"), "{error}");
}
