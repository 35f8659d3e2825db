//! Aggregates and the first rows in an order, made by the stores: the answer is the same without them,
//! and it is TiDB's.

use tifusion_embedded::EmbeddedCluster;
use tifusion_testkit::cell::Cell;
use tifusion_testkit::cluster::{Cluster, Shape};
use tifusion_testkit::compare::{Rules, difference};
use tifusion_testkit::connector::{Connector, pushdown_off};
use tifusion_testkit::differences::to_tidb;
use tifusion_testkit::edges::FIRST_ODD_ID;

use super::{Sides, TABLES};

/// Queries whose aggregates the stores make, over a table `t`.
#[rustfmt::skip]
const AGGREGATES: &[&str] = &[
    "SELECT count(*), count(i_int), count(s), count(d_day), count(stamp), count(span), count(b) FROM t",
    "SELECT count(i_int, s, d_day) FROM t",
    "SELECT sum(i_tiny), sum(i_int), sum(i_big), sum(i_uint), sum(i_ubig), sum(i_year) FROM t",
    "SELECT sum(n_price), avg(n_price), sum(n_wide) FROM t",
    "SELECT i_tiny, avg(n_wide), sum(n_wide) FROM t WHERE n_wide < 100 GROUP BY i_tiny",
    "SELECT avg(i_tiny), avg(i_int), avg(i_uint) FROM t",
    "SELECT sum(f_x), avg(f_x) FROM t WHERE f_x > 0.2 AND f_x < 1e299",
    "SELECT min(i_tiny), max(i_big), min(i_big), min(i_ubig), max(i_ubig), min(i_year), max(i_year) FROM t",
    "SELECT min(n_price), max(n_price), min(n_wide), max(n_wide) FROM t",
    "SELECT min(s), max(s), min(s_pad), max(s_pad), min(name_ci), max(name_ci), min(b), max(b) FROM t",
    "SELECT min(d_day), max(d_day), min(moment), max(moment), min(stamp), max(stamp), min(span), max(span) FROM t",
    "SELECT bit_and(i_int), bit_or(i_int), bit_xor(i_int), bit_and(i_ubig), bit_or(i_ubig), bit_xor(i_ubig), bit_xor(i_tiny) FROM t",
    "SELECT i_tiny, bit_and(i_int), bit_or(i_ubig), bit_xor(i_uint), min(f_single), max(f_x) FROM t GROUP BY i_tiny",
    "SELECT i_tiny, count(*), min(id) FROM t GROUP BY i_tiny",
    "SELECT i_big, count(*) FROM t GROUP BY i_big",
    "SELECT i_ubig, count(*), min(i_ubig) FROM t GROUP BY i_ubig",
    "SELECT i_year, i_bool, count(*) FROM t GROUP BY i_year, i_bool",
    "SELECT n_price, count(*) FROM t GROUP BY n_price",
    "SELECT n_wide, sum(i_big) FROM t GROUP BY n_wide",
    "SELECT s, count(*) FROM t GROUP BY s",
    "SELECT s_pad, count(*), max(s) FROM t GROUP BY s_pad",
    "SELECT name_ci, count(*) FROM t GROUP BY name_ci",
    "SELECT name_ci, s_pad, b, count(*) FROM t GROUP BY name_ci, s_pad, b",
    "SELECT b, count(*) FROM t GROUP BY b",
    "SELECT d_day, count(*), count(d_day) FROM t GROUP BY d_day",
    "SELECT moment, count(*) FROM t GROUP BY moment",
    "SELECT stamp, count(*) FROM t GROUP BY stamp",
    "SELECT span, d_day, count(*) FROM t GROUP BY span, d_day",
    "SELECT date_part('year', d_day), count(*) FROM t GROUP BY date_part('year', d_day)",
    "SELECT i_int > 0, count(*), sum(i_int) FROM t GROUP BY i_int > 0",
    "SELECT character_length(s), count(*) FROM t GROUP BY character_length(s)",
    "SELECT count(*) FILTER (WHERE i_int > 0), sum(i_big) FILTER (WHERE s = 'a'), min(d_day) FILTER (WHERE i_int < 7), avg(n_price) FILTER (WHERE d_day > DATE '2000-01-01') FROM t",
    "SELECT i_tiny, count(i_int) FILTER (WHERE name_ci = 'a') FROM t GROUP BY i_tiny",
    "SELECT DISTINCT i_int, s FROM t",
    "SELECT count(DISTINCT i_int) FROM t",
    "SELECT count(DISTINCT name_ci) FROM t",
    "SELECT i_tiny, count(DISTINCT s) FROM t GROUP BY i_tiny",
    "SELECT count(*), min(id) FROM t WHERE d_day <= DATE '2024-01-01'",
    "SELECT count(*) FROM t WHERE d_day BETWEEN DATE '1970-01-01' AND DATE '2024-02-29' AND i_int > 0",
    "SELECT i_tiny, count(*) FROM t WHERE moment < '2024-02-29 12:34:56.123457' AND s <> 'a' GROUP BY i_tiny",
    "SELECT count(*), sum(i_int), min(s), avg(n_price), bit_and(i_int) FROM t WHERE id < 0",
    "SELECT i_int, count(*) FROM t WHERE id < 0 GROUP BY i_int",
    "SELECT sum(n_price * (1 - n_price)), sum(n_price * (1 - n_price) * (1 + i_tiny)) FROM t",
    "SELECT i_int, max(id) AS last FROM t GROUP BY i_int ORDER BY last DESC LIMIT 3",
    "SELECT s, sum(i_int) AS total FROM t GROUP BY s HAVING sum(i_int) > 0 ORDER BY total DESC, s LIMIT 3",
];

/// Queries whose first rows the stores send, over a table `t`; the order is that of every row.
#[rustfmt::skip]
const FIRST_ROWS: &[&str] = &[
    "SELECT id, i_int FROM t ORDER BY i_int, id LIMIT 7",
    "SELECT id, i_int FROM t ORDER BY i_int DESC, id LIMIT 7",
    "SELECT id, i_int FROM t ORDER BY i_int NULLS FIRST, id LIMIT 40",
    "SELECT id, i_int FROM t ORDER BY i_int DESC NULLS LAST, id DESC LIMIT 40",
    "SELECT id, i_ubig FROM t ORDER BY i_ubig DESC NULLS LAST, id LIMIT 30",
    "SELECT id, name_ci FROM t ORDER BY name_ci, id LIMIT 50",
    "SELECT id, s_pad FROM t ORDER BY s_pad DESC NULLS LAST, id LIMIT 50",
    "SELECT id, n_wide FROM t ORDER BY n_wide, id LIMIT 11",
    "SELECT id, d_day FROM t ORDER BY d_day NULLS FIRST, id LIMIT 60",
    "SELECT id, d_day FROM t ORDER BY d_day, id LIMIT 60",
    "SELECT id, moment, stamp FROM t ORDER BY moment DESC, stamp, id LIMIT 60",
    "SELECT id FROM t ORDER BY span, b, id LIMIT 20",
    "SELECT id FROM t WHERE d_day > DATE '1970-01-01' AND i_int <> 1 ORDER BY character_length(s) DESC, id LIMIT 9",
    "SELECT id + 1 AS n FROM t ORDER BY i_int > 0, id DESC LIMIT 9",
];

/// What stays here, with a part of what `EXPLAIN` says of it.
const KEPT: &[(&str, &str)] = &[
    ("SELECT e_size, count(*) FROM t GROUP BY e_size", "e_size (column of ENUM"),
    ("SELECT f_x, count(*) FROM t GROUP BY f_x", "f_x (GROUP BY of float: "),
    ("SELECT max(f_x) FROM t", "max(f_x) (max of float: with GROUP BY"),
    ("SELECT count(DISTINCT i_int), count(DISTINCT s) FROM t", "DISTINCT"),
    ("SELECT var_pop(i_tiny) FROM t", "var_pop of float: "),
    ("SELECT count(*) FROM t WHERE upper(s) = 'A'", "upper of text: "),
    ("SELECT DISTINCT i_int FROM t LIMIT 100", "a few groups are enough"),
    ("SELECT median(i_int) FROM t", "no such aggregate function"),
    ("SELECT i_int, i_tiny, count(*) FROM t GROUP BY ROLLUP (i_int, i_tiny)", "grouping sets"),
    ("SELECT first_value(i_int ORDER BY id) FROM t", "an ordered aggregate"),
    ("SELECT id FROM t ORDER BY f_x LIMIT 3", "f_x (ORDER BY of float: "),
];

/// Queries that mean the same to TiDB.
#[rustfmt::skip]
const PORTABLE: &[&str] = &[
    "SELECT count(*), count(i_int), count(s), count(d_day), min(i_big), max(i_ubig), min(d_day), max(moment) FROM t",
    "SELECT sum(i_tiny), sum(i_int), sum(n_price), min(n_wide), bit_or(i_uint) FROM t WHERE i_uint IS NOT NULL",
    "SELECT s, count(*), sum(i_int), min(n_price) FROM t GROUP BY s",
    "SELECT d_day, count(*), max(i_int) FROM t GROUP BY d_day",
    "SELECT b, i_tiny, count(*) FROM t GROUP BY b, i_tiny",
    "SELECT count(*) FROM t WHERE d_day <= DATE '2024-01-01'",
    "SELECT DISTINCT n_price, i_year FROM t",
];

/// Whether the stores aggregate, or send first rows.
fn is_reduced(plan: &str) -> bool {
    plan.contains(", aggregates=[") || plan.contains(", groups=[") || plan.contains(", top_n=[")
}

async fn problem(sides: &Sides, query: &str, must: bool) -> Option<String> {
    let ordered = query.contains("ORDER BY");
    let rules = Rules { ordered, ..Rules::default() };
    let (on, off) = match (sides.on.try_query(query).await, sides.off.try_query(query).await) {
        (Ok(on), Ok(off)) => (on, off),
        (on, off) => return Some(format!("on: {:?}, off: {:?}", on.err(), off.err())),
    };
    if let Some(difference) = difference(&on, &off, rules) {
        return Some(difference);
    }
    if let Some(by_sql) = &sides.by_sql {
        let said = match by_sql.try_query(query).await {
            Ok(by_sql) => difference(&by_sql, &off, rules),
            Err(error) => Some(error.to_string()),
        };
        if let Some(said) = said {
            return Some(format!("by SQL: {said}\n{}", by_sql.explain(query).await));
        }
    }
    let plan = sides.on.explain(query).await;
    let nothing_left = plan.contains("EmptyExec") || plan.contains("PlaceholderRowExec");
    (must && !is_reduced(&plan) && !nothing_left).then(|| format!("it is not pushed:\n{plan}"))
}

async fn problems(sides: &Sides, queries: &[&str], tables: &[&str]) -> Vec<String> {
    let mut problems = Vec::new();
    for query in queries {
        for table in tables {
            let query = query.replace("FROM t", &format!("FROM {table}"));
            if let Some(problem) = problem(sides, &query, true).await {
                problems.push(format!("{query}\n    {problem}"));
            }
        }
    }
    problems
}

async fn embedded(settings: &[(&str, &str)]) -> (EmbeddedCluster, Sides) {
    let cluster = EmbeddedCluster::builder().start().await.unwrap();
    let mut sides = Sides::embedded(&cluster).await;
    sides.on = Connector::embedded(&cluster, settings).await;
    sides.on.use_database("test").await;
    (cluster, sides)
}

#[tokio::test(flavor = "multi_thread")]
async fn reduced_or_not_the_answer_is_the_same() {
    let (_cluster, sides) = embedded(&[]).await;
    let queries = [AGGREGATES, FIRST_ROWS].concat();
    let problems = problems(&sides, &queries, &["edges", "parts"]).await;
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_the_same_in_rows_of_datums_and_in_pages() {
    let settings = [
        ("coprocess.codec_format", "default"),
        ("coprocess.streaming", "true"),
        ("coprocessor.chunk_batch_size", "16"),
    ];
    let (_cluster, sides) = embedded(&settings).await;
    let queries = [AGGREGATES, FIRST_ROWS].concat();
    let problems = problems(&sides, &queries, &["edges"]).await;
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stays_here_says_why() {
    let (_cluster, sides) = embedded(&[]).await;
    for (query, why) in KEPT {
        let query = query.replace("FROM t", "FROM edges");
        let plan = sides.on.explain(&query).await;
        assert!(!is_reduced(&plan), "{query}\n{plan}");
        let reason = plan.split("not pushed: [").nth(1).unwrap_or_default();
        assert!(reason.contains(why), "{query}\n{plan}");
        assert_eq!(problem(&sides, &query, false).await, None, "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn explain_shows_what_the_stores_make_of_rows() {
    let (cluster, sides) = embedded(&[]).await;
    let query =
        "SELECT s, count(*), sum(i_int) FROM edges WHERE d_day > DATE '2000-01-01' GROUP BY s";
    let plan = sides.on.explain(query).await;
    let shown =
        "pushed=[d_day > 2000-01-01], aggregates=[count(*), sum(CAST(i_int AS Int64))], groups=[s]";
    assert!(plan.contains(shown) && !plan.contains("FilterExec"), "{plan}");
    assert!(!plan.contains("mode=Partial") && !plan.contains("superset"), "{plan}");
    assert!(!plan.contains("streamed"), "{plan}");
    let query = "SELECT id, count(*), max(i_int) FROM edges GROUP BY id";
    let plan = sides.on.explain(query).await;
    assert!(plan.contains("groups=[id], streamed"), "{plan}");
    let mut rows = [sides.on.query(query).await.rows, sides.off.query(query).await.rows];
    rows.iter_mut().for_each(|rows| rows.sort_by_key(|row| format!("{row:?}")));
    assert_eq!(rows[0], rows[1]);
    let plan =
        sides.on.explain("SELECT id FROM edges ORDER BY i_int DESC NULLS LAST LIMIT 5").await;
    assert!(plan.contains("top_n=[i_int DESC NULLS LAST] fetch 5"), "{plan}");
    let settings = [("plan.unsupported_pushdown_exprs", "sum")];
    let connector = Connector::embedded(&cluster, &settings).await;
    connector.use_database("test").await;
    let plan = connector.explain("SELECT sum(i_int) FROM edges").await;
    assert!(plan.contains("sum is in plan.unsupported_pushdown_exprs"), "{plan}");
    assert!(is_reduced(&connector.explain("SELECT count(*) FROM edges").await));
    connector.query("SET tidb.plan.allow_agg_pushdown = 'false'").await;
    assert!(!is_reduced(&connector.explain("SELECT count(*) FROM edges").await));
}

#[tokio::test(flavor = "multi_thread")]
async fn sums_wrap_around_as_the_engines_do() {
    let cluster = EmbeddedCluster::builder().start().await.unwrap();
    cluster.execute("CREATE TABLE test.large (id INT PRIMARY KEY, i BIGINT, u BIGINT UNSIGNED, n DECIMAL(38, 0), g INT)").await.unwrap();
    let (i, u, n) = (i64::MAX, u64::MAX, "9".repeat(38));
    let rows: Vec<String> = (0..4).map(|id| format!("({id}, {i}, {u}, {n}, {})", id % 2)).collect();
    cluster.execute(&format!("INSERT INTO test.large VALUES {}", rows.join(", "))).await.unwrap();
    let on = Connector::embedded(&cluster, &[]).await;
    let off = Connector::embedded(&cluster, pushdown_off()).await;
    let sides = Sides { on, off, by_sql: None };
    sides.use_database("test").await;
    for query in [
        "SELECT sum(i), sum(u), sum(n) FROM large",
        "SELECT g, sum(i), sum(u), sum(n) FROM large GROUP BY g",
    ] {
        assert_eq!(problem(&sides, query, true).await, None, "{query}");
    }
    assert_eq!(sides.on.query("SELECT sum(i) FROM large").await.rows, [[Cell::Int(-4)]]);
    // A product that the engine can't compute fails the same way, wherever it is computed.
    let query = "SELECT sum(n * n) FROM large";
    let error = sides.on.try_query(query).await.unwrap_err();
    assert!(error.to_string().to_lowercase().contains("overflow"), "{error}");
    assert!(sides.off.try_query(query).await.is_err());
    assert_eq!(
        problem(&sides, "SELECT sum(n * n) FROM large WHERE id < 0 OR i < 0", false).await,
        None
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn products_are_looked_at_where_a_factor_is_large() {
    let cluster = EmbeddedCluster::builder().start().await.unwrap();
    let decimals = "price DECIMAL(15, 2), discount DECIMAL(15, 2), tax DECIMAL(15, 2)";
    cluster
        .execute(&format!("CREATE TABLE test.sold (id INT PRIMARY KEY, {decimals}, g INT)"))
        .await
        .unwrap();
    let usual = (1..40).map(|id| format!("({id}, {id}.25, 0.0{}, 0.07, {})", id % 10, id % 3));
    // A tax that leaves room for a product too large, whose other factors are small, in a group of its own.
    let large = [
        "(40, 5.00, 0.50, 9000000.00, 7)".to_owned(),
        "(41, NULL, 0, 9999999999999.99, 8)".to_owned(),
    ];
    let rows: Vec<String> = usual.chain(large).collect();
    cluster.execute(&format!("INSERT INTO test.sold VALUES {}", rows.join(", "))).await.unwrap();
    let on = Connector::embedded(&cluster, &[]).await;
    let off = Connector::embedded(&cluster, pushdown_off()).await;
    let sides = Sides { on, off, by_sql: None };
    sides.use_database("test").await;
    let queries = [
        "SELECT sum(price * (1 - discount) * (1 + tax)) FROM sold",
        "SELECT g, sum(price * (1 - discount) * (1 + tax)), avg((1 + tax) * (price * (1 - discount))) FROM sold GROUP BY g",
    ];
    let tasks = async |query: &str| {
        let rows = sides.on.query(&format!("EXPLAIN ANALYZE {query}")).await.rows;
        let analyzed: String = rows.iter().flatten().map(|cell| cell.plain()).collect();
        let tasks = analyzed.split(" tasks=").nth(1).unwrap_or_else(|| panic!("{analyzed}"));
        tasks.split(',').next().unwrap().to_owned()
    };
    for query in queries {
        assert_eq!(problem(&sides, query, true).await, None, "{query}");
        assert_eq!(tasks(query).await, "2", "{query}");
        let usual = query.replace("FROM sold", "FROM sold WHERE id < 40");
        assert_eq!(problem(&sides, &usual, true).await, None, "{usual}");
        assert_eq!(tasks(&usual).await, "1", "{usual}");
    }
    let (most, row) =
        ("9999999999999.99", "INSERT INTO test.sold VALUES (42, MOST, -MOST, 9000000.00, 1)");
    cluster.execute(&row.replace("MOST", most)).await.unwrap();
    for query in queries {
        let error = sides.on.try_query(query).await.unwrap_err();
        assert!(error.to_string().to_lowercase().contains("overflow"), "{error}");
        assert!(sides.off.try_query(query).await.is_err(), "{query}");
        let others = query.replace("FROM sold", "FROM sold WHERE id <> 42");
        assert_eq!(problem(&sides, &others, true).await, None, "{others}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_table_is_counted_and_has_no_groups() {
    let cluster = EmbeddedCluster::builder().start().await.unwrap();
    cluster.execute("CREATE TABLE test.void (id INT PRIMARY KEY, s VARCHAR(9))").await.unwrap();
    let connector = Connector::embedded(&cluster, &[]).await;
    connector.use_database("test").await;
    let row = connector
        .query("SELECT count(*), min(s), sum(id), bit_and(id), first_value(id) FROM void")
        .await
        .rows;
    assert_eq!(row, [[Cell::Int(0), Cell::Null, Cell::Null, Cell::Null, Cell::Null]]);
    assert!(connector.query("SELECT s, count(*) FROM void GROUP BY s").await.rows.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn first_values_are_those_of_rows() {
    let (_cluster, sides) = embedded(&[]).await;
    let query = "SELECT s, first_value(s), first_value(length(s)) FROM edges GROUP BY s";
    assert!(is_reduced(&sides.on.explain(query).await));
    let rows = sides.on.query(query).await.rows;
    assert!(rows.len() > 5 && rows.iter().all(|row| row[0] == row[1]), "{rows:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tidbs_answers_are_the_reduced_ones() {
    let test = "pushdown_reduction";
    let Some(cluster) = Cluster::of(Shape::default(), test) else { return };
    let (sides, mut tidb) = Sides::playground(&cluster, test).await;
    let queries = [AGGREGATES, FIRST_ROWS].concat();
    let mut problems = problems(&sides, &queries, &TABLES).await;
    for query in PORTABLE {
        let query = query.replace(
            "FROM t",
            &format!("FROM (SELECT * FROM edges WHERE id < {FIRST_ODD_ID}) AS t"),
        );
        let ours = sides.on.query(&query).await;
        let theirs = tidb.query(&to_tidb(&query)).await;
        let rules = Rules { exact_numbers: true, ..Rules::default() };
        problems.extend(
            difference(&ours, &theirs, rules).map(|why| format!("{query}\n    TiDB: {why}")),
        );
        assert!(is_reduced(&sides.on.explain(&query).await), "{query}");
    }
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_of_old_collations_are_grouped_by_their_bytes() {
    let test = "pushdown_reduction_old";
    let Some(cluster) = Cluster::of(Shape::old_collation(), test) else { return };
    let (sides, _) = Sides::playground(&cluster, test).await;
    let texts = |query: &&&str| query.contains("s_pad") || query.contains("name_ci");
    let queries = [AGGREGATES, FIRST_ROWS].concat();
    let queries: Vec<&str> = queries.iter().filter(|query| texts(query)).copied().collect();
    let problems = problems(&sides, &queries, &["edges"]).await;
    assert!(queries.len() > 5 && problems.is_empty(), "{}", problems.join("\n"));
}
