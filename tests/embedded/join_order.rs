//! The order in which tables are joined: by what statistics tell, and never another answer.

use std::collections::BTreeSet;

use tifusion_embedded::EmbeddedCluster;
use tifusion_testkit::connector::{Answer, Connector};
use tifusion_testkit::statistics::analyze_embedded;

use crate::joins::{run, sorted, with_statistics};

const TABLES: [&str; 4] = ["customers", "orders", "parts", "lines"];

const STATED: &str = "SET datafusion.optimizer.join_reordering = false";

/// In the order of the statement all of `lines` is looked at, for few parts are of a kind. But few orders are of a city too,
/// and their lines are found by keys.
const BY_KEYS: &str = "SELECT l.id, l.at, o.id, c.name, p.id
    FROM test.parts p, test.lines l, test.orders o, test.customers c
    WHERE p.id = l.part AND l.id = o.id AND o.customer = c.id AND c.city = 'city 3' AND p.kind = 8";

async fn start(seed: u64) -> EmbeddedCluster {
    let cluster = EmbeddedCluster::builder().seed(seed).start().await.unwrap();
    let values =
        |rows: i64, row: &dyn Fn(i64) -> String| (0..rows).map(row).collect::<Vec<_>>().join(",");
    let nullable = |at: i64, of: i64| if at % 17 == 0 { "NULL".to_owned() } else { of.to_string() };
    let customers = values(100, &|id| format!("({id}, 'name {id}', 'city {}')", id % 50));
    let orders = values(1000, &|id| format!("({id}, {})", nullable(id, id * 7 % 100)));
    let parts = values(100, &|id| format!("({id}, {}, {})", id % 25, nullable(id, id / 2)));
    let lines =
        values(4000, &|at| format!("({}, {}, {}, {})", at / 4, at % 4, at * 13 % 100, at % 9));
    let script = format!(
        "CREATE TABLE test.customers (id BIGINT PRIMARY KEY, name VARCHAR(20), city VARCHAR(20));
         CREATE TABLE test.orders (id BIGINT PRIMARY KEY, customer BIGINT);
         CREATE TABLE test.parts (id BIGINT PRIMARY KEY, kind BIGINT, like_part BIGINT);
         CREATE TABLE test.lines (id BIGINT, at BIGINT, part BIGINT, n BIGINT, PRIMARY KEY (id, at) CLUSTERED);
         INSERT INTO test.customers VALUES {customers}; INSERT INTO test.orders VALUES {orders};
         INSERT INTO test.parts VALUES {parts}; INSERT INTO test.lines VALUES {lines}"
    );
    cluster.execute(&script).await.unwrap();
    cluster
}

/// A session that joins in the order that takes least, and one that keeps the statement's.
async fn sessions(cluster: &EmbeddedCluster) -> (Connector, Connector) {
    let (free, stated) =
        (Connector::embedded(cluster, &[]).await, Connector::embedded(cluster, &[]).await);
    stated.query(STATED).await;
    (free, stated)
}

/// The tables in the order in which a plan shows them.
fn shown(plan: &str) -> Vec<&str> {
    let scans = plan.split("table=test.").skip(1);
    scans.filter_map(|rest| rest.split([',', ' ']).next()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_finds_rows_by_their_keys_is_joined_first() {
    let cluster = start(71).await;
    let (free, stated) = sessions(&cluster).await;
    // Nobody has counted anything: the statement's order stays.
    assert_eq!(shown(&free.explain(BY_KEYS).await), shown(&stated.explain(BY_KEYS).await));
    analyze_embedded(&cluster, "test", &TABLES).await;
    let (free, stated) = sessions(&cluster).await;
    let (plan, other) =
        (with_statistics(&free, BY_KEYS).await, with_statistics(&stated, BY_KEYS).await);
    assert_ne!(shown(&plan), shown(&other), "{plan}");
    let (ours, theirs) = (run(&free, BY_KEYS).await, run(&stated, BY_KEYS).await);
    assert!(!sorted(&ours).is_empty());
    assert_eq!(sorted(&ours), sorted(&theirs));
    assert_eq!(ours.schema, theirs.schema);
    let ranges = |answer: &Answer| answer.metric("dynamic_ranges");
    assert!(ranges(&ours) > 0 && ranges(&ours) * 2 < ranges(&theirs), "{plan}\n{other}");
    // Where the statement's order is as good it stays.
    let good = "SELECT l.id FROM test.customers c, test.orders o, test.lines l
                WHERE o.customer = c.id AND l.id = o.id AND c.city = 'city 3'";
    assert_eq!(shown(&free.explain(good).await), shown(&stated.explain(good).await));
    cluster.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_any_order_the_answer_is_the_same() {
    let cluster = start(72).await;
    analyze_embedded(&cluster, "test", &TABLES).await;
    let (free, stated) = sessions(&cluster).await;
    let tables = ["test.parts p", "test.lines l", "test.orders o", "test.customers c"];
    let mut queries = Vec::new();
    for order in permutations(&tables) {
        queries.push(format!(
            "SELECT * FROM {} WHERE p.id = l.part AND l.id = o.id AND o.customer = c.id
             AND c.city = 'city 3' AND p.kind < 10",
            order.join(", ")
        ));
    }
    for query in [
        // Conditions of three tables, of one, and of none; something computed is equal; a table that comes twice.
        "SELECT l.id, p.id, c.id FROM test.parts p, test.lines l, test.orders o, test.customers c
         WHERE p.id = l.part AND l.id = o.id AND o.customer = c.id AND c.id + l.n > p.id AND p.kind = 8 AND 1 = 1",
        "SELECT l.n, q.kind FROM test.parts p, test.lines l, test.orders o, test.parts q
         WHERE p.id = l.part AND l.id = o.id AND q.id + 1 = p.like_part AND o.customer < 4 AND q.kind + p.kind < 20",
        "SELECT p.id, q.id, r.id FROM test.parts p JOIN test.parts q ON p.like_part = q.id
         JOIN test.parts r ON q.like_part = r.id AND r.id <> p.id WHERE r.kind = 2",
        // A circle.
        "SELECT l.id, p.id FROM test.lines l, test.parts p, test.orders o
         WHERE l.part = p.id AND l.id = o.id AND o.customer = p.id AND p.kind < 20",
        // No column is left, and names that come twice.
        "SELECT count(*) FROM test.parts p, test.lines l, test.orders o, test.customers c
         WHERE p.id = l.part AND l.id = o.id AND o.customer = c.id AND c.city = 'city 3' AND p.kind = 8",
        "SELECT o.id, l.id AS id2, c.id + 1 AS id3 FROM test.parts p, test.lines l, test.orders o, test.customers c
         WHERE p.id = l.part AND l.id = o.id AND o.customer = c.id AND c.city = 'city 3' AND p.kind = 8",
        // What is no table, and joins that are none of these.
        "SELECT c.name, t.n FROM (SELECT id, sum(n) AS n FROM test.lines GROUP BY id) t, test.orders o, test.customers c
         WHERE t.id = o.id AND o.customer = c.id AND c.city = 'city 3'",
        "SELECT l.id, l.at, c.id FROM test.parts p JOIN test.lines l ON p.id = l.part LEFT JOIN test.orders o ON l.id = o.id
         JOIN test.customers c ON o.customer = c.id OR c.id = 1 WHERE p.kind = 8 AND c.city = 'city 3'",
        "SELECT l.id, p.id FROM test.parts p JOIN test.lines l ON p.like_part IS NOT DISTINCT FROM l.part
         JOIN test.orders o ON l.id = o.id JOIN test.customers c ON o.customer = c.id WHERE c.city = 'city 3'",
        "SELECT c.id FROM test.customers c WHERE EXISTS (SELECT 1 FROM test.parts p, test.lines l, test.orders o
         WHERE p.id = l.part AND l.id = o.id AND o.customer = c.id AND p.kind = 8) AND c.city < 'city 2'",
    ] {
        queries.push(query.to_owned());
    }
    let (mut plans, mut changed) = (BTreeSet::new(), 0);
    for query in &queries {
        let plan = with_statistics(&free, query).await;
        let other = with_statistics(&stated, query).await;
        changed += usize::from(shown(&plan) != shown(&other));
        plans.insert(shown(&plan).join(" "));
        let (ours, theirs) = (run(&free, query).await, run(&stated, query).await);
        assert!(!sorted(&theirs).is_empty(), "{query}");
        assert_eq!(sorted(&ours), sorted(&theirs), "{query}\n{plan}");
        assert_eq!(ours.schema, theirs.schema, "{query}");
    }
    assert!(changed > 5 && plans.len() > 3, "{changed} of {}: {plans:?}", queries.len());
    cluster.shutdown().await;
}

fn permutations<'a>(of: &[&'a str]) -> Vec<Vec<&'a str>> {
    if of.is_empty() {
        return vec![Vec::new()];
    }
    let first = |at: usize| {
        let rest = [&of[..at], &of[at + 1..]].concat();
        permutations(&rest).into_iter().map(move |rest| [vec![of[at]], rest].concat())
    };
    (0..of.len()).flat_map(first).collect()
}
