//! Joins of several tables, named in random orders: whichever order statistics choose, rows are TiDB's.

use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{Rng as _, SeedableRng as _};
use tifusion_testkit::cluster::{Cluster, Shape};
use tifusion_testkit::compare::{Rules, difference};
use tifusion_testkit::connector::Connector;
use tifusion_testkit::tidb::Tidb;

use super::analyze;
use crate::pushdown::random::seed;

const QUERIES: usize = 60;

/// Tables and their rows. Their `id`s are keys of several kinds, all of whole numbers.
const TABLES: [(&str, i64, &str); 5] = [
    ("tiny", 6, "id BIGINT PRIMARY KEY"),
    ("small", 80, "id INT UNSIGNED PRIMARY KEY"),
    ("middle", 300, "id BIGINT, UNIQUE KEY (id)"),
    ("pairs", 900, "id BIGINT, PRIMARY KEY (id, part) CLUSTERED"),
    ("hashed", 500, "id BIGINT, PRIMARY KEY (id) CLUSTERED"),
];

async fn make(tidb: &mut Tidb) {
    for (table, rows, key) in TABLES {
        let nullable = |at: i64, of: i64| if at % 13 == 0 { "NULL".into() } else { of.to_string() };
        let row = |at: i64| {
            let id = if table == "pairs" { at / 3 } else { at };
            let (part, other) = (at % 3, nullable(at, at * 7919 % rows));
            format!("({id}, {part}, {other}, 'kind {}', {}.5)", at % 20, at % 50)
        };
        let values = (0..rows).map(row).collect::<Vec<_>>().join(",");
        let partitions = if table == "hashed" { "PARTITION BY HASH (id) PARTITIONS 3" } else { "" };
        tidb.run([
            format!(
                "CREATE TABLE {table} (part INT, other BIGINT, kind VARCHAR(20), price DECIMAL(10, 2), {key}) {partitions}"
            ),
            format!("INSERT INTO {table} (id, part, other, kind, price) VALUES {values}"),
        ])
        .await;
        analyze(tidb, Shape::default(), 2, table, "").await;
    }
}

/// A join of three to five tables, each of which has something of one before it, and then named in any order.
fn query(random: &mut StdRng) -> String {
    let count = random.random_range(3..=5);
    let tables: Vec<usize> = (0..count).map(|_| random.random_range(0..TABLES.len())).collect();
    let mut conditions = Vec::new();
    for at in 1..count {
        let before = random.random_range(0..at);
        // A key on one side at least, so that rows don't become many.
        let sides = [("id", "other"), ("other", "id"), ("id", "id"), ("id + 1", "other")];
        let (one, other) = sides[random.random_range(0..sides.len())];
        conditions.push(format!("x{at}.{one} = x{before}.{other}"));
    }
    for at in 0..count {
        match random.random_range(0..6) {
            0 => conditions.push(format!("x{at}.kind = 'kind {}'", random.random_range(0..20))),
            1 => conditions.push(format!("x{at}.kind < 'kind 3'")),
            2 => conditions.push(format!("x{at}.id BETWEEN 3 AND {}", random.random_range(3..200))),
            _ => {}
        }
    }
    if random.random_bool(0.3) {
        let (one, other) = (random.random_range(0..count), random.random_range(0..count));
        conditions.push(format!("x{one}.price + 20 > x{other}.price"));
    }
    let mut named: Vec<String> = tables
        .iter()
        .enumerate()
        .map(|(at, table)| format!("{} x{at}", TABLES[*table].0))
        .collect();
    named.shuffle(random);
    let output = match random.random_range(0..3) {
        0 => "count(*)".to_owned(),
        1 => (0..count).map(|at| format!("x{at}.id AS id{at}")).collect::<Vec<_>>().join(", "),
        _ => format!(
            "sum(x0.price) AS total, max(x{}.kind) AS kind, count(x1.other) AS n",
            count - 1
        ),
    };
    format!("SELECT {output} FROM {} WHERE {}", named.join(", "), conditions.join(" AND "))
}

/// A session, and one that keeps the statement's order.
async fn sessions(cluster: &Cluster, database: &str) -> [Connector; 2] {
    let mut sessions = Vec::new();
    for reorders in [true, false] {
        let session = Connector::connect(cluster, &[]).await;
        session.use_database(database).await;
        session.query(&format!("SET datafusion.optimizer.join_reordering = {reorders}")).await;
        sessions.push(session);
    }
    sessions.try_into().unwrap_or_else(|_| panic!("two sessions"))
}

/// The tables in the order in which the plan reads them.
fn read(plan: &str) -> Vec<&str> {
    let scans = plan.split("TikvScanExec: table=").skip(1);
    scans.filter_map(|rest| rest.split(',').next()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_in_any_order_give_tidbs_rows() {
    let test = "stats_join_order";
    let Some(cluster) = Cluster::of(Shape::default(), test) else { return };
    let mut tidb = Tidb::in_database(&cluster.tidb, test).await;
    make(&mut tidb).await;
    let [free, stated] = sessions(&cluster, test).await;
    let seed = seed();
    eprintln!("TIFUSION_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let (mut changed, mut found) = (0, 0);
    for _ in 0..QUERIES {
        let query = query(&mut random);
        let theirs = tidb.query(&query).await;
        let ours = free.query(&query).await;
        if let Some(difference) = difference(&ours, &theirs, Rules::default()) {
            let plan = free.explain(&query).await;
            panic!("TIFUSION_SEED={seed}: {difference}\n{query}\n{plan}");
        }
        let (plan, other) = (free.explain(&query).await, stated.explain(&query).await);
        changed += usize::from(read(&plan) != read(&other));
        found += usize::from(!theirs.rows.is_empty());
    }
    eprintln!("{QUERIES} queries, {changed} in another order, {found} with rows");
    assert!(changed > QUERIES / 20 && found > QUERIES / 4, "{changed}, {found} of {QUERIES}");
}
