//! Random queries: everything on, everything off, and TiDB.
//!
//! Each query runs with all that the stores may do and with none of it, and TiDB judges those that its SQL
//! has. What fails is made smaller, query and rows, and written to a file of [`kept`], whose files all
//! run again in a test. `TIFUSION_QUERY` asks one query alone, by its number.

mod judge;
mod kept;
mod sides;
mod variety;

use std::sync::Arc;

use futures::StreamExt as _;
use tifusion_embedded::EmbeddedCluster;
use tifusion_testkit::cluster::{Cluster, Shape};
use tifusion_testkit::generator::{Generator, Query};

use sides::Sides;
use variety::Variety;

/// Queries of the test that TiDB judges, unless `TIFUSION_QUERIES` says otherwise.
const QUERIES: usize = 2000;
/// Those of the test that needs only Rust.
const EMBEDDED_QUERIES: usize = 250;
/// Queries under way at once.
const AT_ONCE: usize = 6;
/// Failures that are made smaller and kept; the others are only told.
const KEPT: usize = 3;

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

/// `TIFUSION_SEED`, or any.
pub(crate) fn seed() -> u64 {
    variable("TIFUSION_SEED").unwrap_or_else(rand::random)
}

/// Judges as many queries of `seed` as asked for, by default `count`.
async fn run(sides: Sides, seed: u64, count: usize) {
    let count = variable("TIFUSION_QUERIES").map_or(count, |count| usize::try_from(count).unwrap());
    eprintln!("TIFUSION_SEED={seed}, {count} queries over {}", sides.name());
    let began = std::time::Instant::now();
    let sides = Arc::new(sides);
    let ways = sides.ways();
    let mut generator = Generator::new(seed);
    let queries: Vec<Query> = (0..count).map(|_| generator.query()).collect();
    let only = variable("TIFUSION_QUERY").map(|number| usize::try_from(number).unwrap());
    let is_wanted = move |(number, _): &(usize, Query)| only.is_none_or(|only| only == *number);
    let queries = queries.into_iter().enumerate().filter(is_wanted);
    let judged = futures::stream::iter(queries).map(|(number, query)| {
        let sides = Arc::clone(&sides);
        let judging =
            tokio::spawn(
                async move { sides.judge(&query, number % ways).await.map(|it| (query, it)) },
            );
        async move { (number, judging.await.unwrap()) }
    });
    let mut judged = judged.buffered(AT_ONCE);
    let (mut variety, mut failures) = (Variety::default(), Vec::new());
    while let Some((number, verdict)) = judged.next().await {
        match verdict {
            Ok((query, verdict)) => variety.count(&query, &verdict),
            Err(failure) => failures.push((number, failure)),
        }
    }
    eprintln!("{variety}\n{count} queries in {:.0?}", began.elapsed());
    for (number, failure) in failures.iter().take(KEPT) {
        let way = number % ways;
        let small = sides.shrink(&failure.query, way).await;
        let why = sides.judge(&small, way).await.err();
        let why = why.map_or_else(|| failure.why.clone(), |it| it.why);
        let plan = sides.explain(&small, way).await;
        let file = sides.keep(*number, &small, way, &why).await;
        eprintln!(
            "TIFUSION_SEED={seed}, query {number}: {}\n{}\nsmaller, in {}: {why}\n{}\n{plan}\n",
            failure.why,
            failure.query.sql(),
            file.display(),
            small.sql(),
        );
    }
    let all: Vec<_> = failures
        .iter()
        .map(|(number, failure)| {
            format!("query {number}: {}\n{}", failure.why, failure.query.sql())
        })
        .collect();
    assert!(all.is_empty(), "TIFUSION_SEED={seed}, {} fail:\n{}", all.len(), all.join("\n"));
    if only.is_none() {
        variety.check(sides.has_tidb());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn random_queries_have_one_answer_in_tidbs_own_store() {
    let test = "pushdown_random";
    let Some(cluster) = Cluster::of(Shape::default(), test) else { return };
    let seed = seed();
    run(Sides::playground(&cluster, test, seed).await, seed, QUERIES).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn random_queries_have_one_answer_in_the_embedded_cluster() {
    let cluster = EmbeddedCluster::builder().start().await.unwrap();
    let seed = seed();
    run(Sides::embedded(cluster, seed).await, seed, EMBEDDED_QUERIES).await;
}
