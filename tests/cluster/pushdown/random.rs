//! Random queries: pushdown all on and all off, and TiDB.

use tifusion::{Error, ErrorKind};
use tifusion_embedded::EmbeddedCluster;
use tifusion_testkit::cell::Rows;
use tifusion_testkit::cluster::{Cluster, Shape};
use tifusion_testkit::compare::{Rules, difference};
use tifusion_testkit::connector::Connector;
use tifusion_testkit::differences::to_tidb;
use tifusion_testkit::edges::FIRST_ODD_ID;
use tifusion_testkit::generator::{Generator, Query};
use tifusion_testkit::tidb::Tidb;

use super::{Sides, TABLES};

/// Queries of one test, unless `TIFUSION_QUERIES` says otherwise.
const QUERIES: usize = 1100;

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

/// The answer to a query, which a machine that has much to do may need to be asked for again.
async fn answer(connector: &Connector, sql: &str) -> Result<Rows, Error> {
    const TRIES: usize = 4;
    for _ in 1..TRIES {
        match connector.try_query(sql).await {
            Err(error) if error.kind() == ErrorKind::DeadlineExceeded => {}
            answer => return answer,
        }
    }
    connector.try_query(sql).await
}

/// What differs between pushdown on and off.
async fn problem(sides: &Sides, query: &Query) -> Option<String> {
    let sql = query.sql();
    match (answer(&sides.on, &sql).await, answer(&sides.off, &sql).await) {
        (Ok(on), Ok(off)) => {
            let ordered = sql.contains("ORDER BY");
            difference(&on, &off, Rules { ordered, ..Rules::default() })
        }
        // What the engine refuses, it refuses either way.
        (Err(_), Err(_)) => None,
        (on, off) => Some(format!("on: {:?}, off: {:?}", on.err(), off.err())),
    }
}

/// The smallest query that still fails.
async fn shrink(sides: &Sides, mut query: Query) -> Query {
    'again: loop {
        for smaller in query.smaller() {
            if problem(sides, &smaller).await.is_some() {
                query = smaller;
                continue 'again;
            }
        }
        return query;
    }
}

/// What differs between TiFusion and TiDB, for queries that mean the same to both.
async fn judged(sides: &Sides, tidb: &mut Tidb, query: &Query) -> Option<String> {
    let sql = query.portable_sql(FIRST_ODD_ID)?;
    let ours = answer(&sides.on, &sql).await.ok()?;
    match tidb.try_query(&to_tidb(&sql)).await {
        Ok(theirs) => {
            difference(&ours, &theirs, Rules::default()).map(|why| format!("{why}\n{sql}"))
        }
        Err(error) => Some(format!("TiDB: {error}\n{}", to_tidb(&sql))),
    }
}

async fn run(sides: &Sides, mut tidb: Option<Tidb>) {
    let seed = variable("TIFUSION_SEED").unwrap_or_else(rand::random);
    let queries =
        variable("TIFUSION_QUERIES").map_or(QUERIES, |count| usize::try_from(count).unwrap());
    eprintln!("TIFUSION_SEED={seed}, {queries} queries");
    let mut generator = Generator::new(seed, &TABLES);
    let (mut pushed, mut asked) = (0, 0);
    for number in 0..queries {
        let query = generator.query();
        if let Some(first) = problem(sides, &query).await {
            let small = shrink(sides, query).await;
            let why = problem(sides, &small).await.unwrap_or(first);
            let plan = sides.on.explain(&small.sql()).await;
            panic!(
                "TIFUSION_SEED={seed}, query {number}: {why}\nto be kept in kept.sql:\n{}\n{plan}",
                small.sql()
            );
        }
        if let Some(tidb) = &mut tidb
            && query.portable_sql(FIRST_ODD_ID).is_some()
        {
            asked += 1;
            if let Some(why) = judged(sides, tidb, &query).await {
                panic!("TIFUSION_SEED={seed}, query {number}, TiDB's answer: {why}");
            }
        }
        if number % 10 == 0 {
            let plan = sides.on.explain(&query.sql()).await;
            pushed += usize::from(plan.contains("pushed=[") || plan.contains("superset=["));
        }
    }
    assert!(tidb.is_none() || asked * 10 > queries, "TiDB judged only {asked} of {queries}");
    assert!(pushed * 10 * 2 > queries, "hardly anything was pushed down: {pushed} of a tenth");
}

/// Queries that failed once, or that look as if they could.
#[tokio::test(flavor = "multi_thread")]
async fn kept_queries_have_one_answer() {
    let cluster = EmbeddedCluster::builder().start().await.unwrap();
    let sides = Sides::embedded(&cluster).await;
    for sql in include_str!("kept.sql").lines().filter(|line| !line.starts_with("--")) {
        let (on, off) = (sides.on.query(sql).await, sides.off.query(sql).await);
        if let Some(difference) = difference(&on, &off, Rules::default()) {
            panic!("{difference}\n{sql}\n{}", sides.on.explain(sql).await);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn random_queries_have_one_answer_in_tidbs_own_store() {
    let test = "pushdown_random";
    let Some(cluster) = Cluster::of(Shape::default(), test) else { return };
    let (sides, tidb) = Sides::playground(&cluster, test).await;
    run(&sides, Some(tidb)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn random_queries_have_one_answer_in_the_embedded_cluster() {
    let cluster = EmbeddedCluster::builder().start().await.unwrap();
    let sides = Sides::embedded(&cluster).await;
    run(&sides, None).await;
}
