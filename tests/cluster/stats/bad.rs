//! Statistics that are missing or broken: guesses, and right answers.

use tifusion::statistics::{Origin, WhyPseudo};
use tifusion_testkit::cell::Rows;
use tifusion_testkit::cluster::{Cluster, Shape};
use tifusion_testkit::connector::Connector;
use tifusion_testkit::tidb::Tidb;

use super::{analyze, statistics, table_id};

async fn fill(tidb: &mut Tidb) {
    let rows: Vec<String> = (0..500).map(|k| format!("({k}, {}, 'v{}')", k % 9, k % 30)).collect();
    tidb.run([
        "CREATE TABLE t (id INT PRIMARY KEY, a INT, s VARCHAR(20), KEY (a), KEY (s))".to_owned(),
        format!("INSERT INTO t VALUES {}", rows.join(", ")),
    ])
    .await;
}

const QUERIES: [&str; 3] = [
    "SELECT count(*), max(a) FROM t WHERE a > 3",
    "SELECT x.s, count(*) FROM t x JOIN t y ON x.a = y.id GROUP BY x.s ORDER BY x.s",
    "SELECT id FROM t WHERE s = 'v7' ORDER BY id",
];

/// What TiDB answers while its statistics are whole: with some of the broken ones it fails itself.
async fn answers(tidb: &mut Tidb) -> Vec<Rows> {
    let mut answers = Vec::new();
    for query in QUERIES {
        answers.push(tidb.query(query).await);
    }
    answers
}

async fn answers_are_right(cluster: &Cluster, test: &str, theirs: &[Rows], what: &str) {
    let connector = Connector::connect(cluster, &[]).await;
    connector.use_database(test).await;
    for (query, theirs) in QUERIES.into_iter().zip(theirs) {
        assert_eq!(connector.query(query).await.rows, theirs.rows, "{what}: {query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_statistics_are_guesses_and_answers_stay_right() {
    let test = "stats_broken";
    let Some(cluster) = Cluster::of(Shape::default(), test) else { return };
    let mut tidb = Tidb::in_database(&cluster.tidb, test).await;
    fill(&mut tidb).await;
    let theirs = answers(&mut tidb).await;
    let id = table_id(&mut tidb, test, "t").await;
    for (version, damage, is_pseudo) in [
        (1, "stats_histograms SET cm_sketch = x'ff00ff'", false),
        (1, "stats_histograms SET cm_sketch = x'0a020800'", false),
        (2, "stats_buckets SET lower_bound = x'fe', upper_bound = x'fd'", true),
        (2, "stats_buckets SET upper_bound = 'no number'", true),
        (2, "stats_buckets SET count = -7", true),
        (2, "stats_buckets SET repeats = 9223372036854775807, ndv = -5", false),
        (2, "stats_top_n SET value = x'ff'", true),
        (2, "stats_top_n SET count = 18446744073709551615", false),
        (2, "stats_histograms SET stats_ver = 77", true),
        (
            2,
            "stats_histograms SET distinct_count = -3, null_count = -1, correlation = 9e300",
            false,
        ),
        (2, "stats_meta SET count = 18446744073709551615, modify_count = -1", false),
    ] {
        analyze(&mut tidb, Shape::default(), version, "t", "WITH 3 TOPN, 8 BUCKETS").await;
        tidb.run([format!("UPDATE mysql.{damage} WHERE table_id = {id}")]).await;
        let table = statistics(&cluster, test, "t").await;
        let column = table.column("a").unwrap();
        let all = [(vec![], vec![]), (vec![3, 0x80], vec![3, 0x81])];
        for range in &all {
            let estimate = table.estimate(column, std::slice::from_ref(range));
            assert!(estimate.rows.is_finite() && estimate.rows >= 0.0, "{damage}: {estimate:?}");
            assert_eq!(estimate.origin.is_pseudo(), is_pseudo, "{damage}: {estimate:?}");
        }
        answers_are_right(&cluster, test, &theirs, damage).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_statistics_there_are_guesses_and_plans_say_so() {
    let test = "stats_none";
    let Some(cluster) = Cluster::of(Shape::default(), test) else { return };
    let mut tidb = Tidb::in_database(&cluster.tidb, test).await;
    fill(&mut tidb).await;
    let theirs = answers(&mut tidb).await;
    let never = statistics(&cluster, test, "t").await;
    let everything = [(vec![], vec![])];
    let estimate = never.estimate(never.index("a").unwrap(), &everything);
    assert_eq!(estimate.origin, Origin::Pseudo(WhyPseudo::NotAnalyzed));
    answers_are_right(&cluster, test, &theirs, "never analyzed").await;
    let connector = Connector::connect(&cluster, &[]).await;
    connector.use_database(test).await;
    let plan = connector.explain(QUERIES[0]).await;
    assert!(plan.contains("stats=pseudo"), "{plan}");
    analyze(&mut tidb, Shape::default(), 2, "t", "").await;
    assert!(statistics(&cluster, test, "t").await.statistics().distinct_values(2).is_some());
    tidb.run(["DROP STATS t"]).await;
    let dropped = statistics(&cluster, test, "t").await;
    let estimate = dropped.estimate(dropped.column("a").unwrap(), &everything);
    assert_eq!(estimate.origin, Origin::Pseudo(WhyPseudo::NotAnalyzed));
    answers_are_right(&cluster, test, &theirs, "dropped").await;
}
