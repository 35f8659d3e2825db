//! Statistics that are whole, and statistics that are damaged in any way: whatever is in
//! `mysql.stats_*`, plans are made and answers are right.

use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};
use tifusion_embedded::EmbeddedCluster;
use tifusion_testkit::cluster::scale;
use tifusion_testkit::connector::Connector;
use tifusion_testkit::statistics::{analyze_embedded, create_tables};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

const ROWS: i64 = 120;

const QUERIES: [&str; 5] = [
    "SELECT count(*), max(a) FROM $ WHERE a > 3",
    "SELECT id, s FROM $ WHERE s = 'v7' ORDER BY id",
    "SELECT id FROM $ WHERE a = 5 AND s > 'v2' OR a IN (1, 2) ORDER BY id LIMIT 7",
    "SELECT x.s, count(*) FROM $ x JOIN $ y ON x.a = y.id GROUP BY x.s ORDER BY x.s",
    "SELECT count(DISTINCT d) FROM $ WHERE d < DATE '2024-02-01' AND a IS NOT NULL",
];

/// The statements that make and fill a table.
fn table(name: &str) -> String {
    let row = |id: i64| {
        let a = if id % 11 == 0 { "NULL".to_owned() } else { (id % 9).to_string() };
        format!("({id}, {a}, 'v{}', '2024-0{}-15')", id % 30, 1 + id % 6)
    };
    let rows: Vec<String> = (0..ROWS).map(row).collect();
    format!(
        "CREATE TABLE test.{name} (id INT PRIMARY KEY, a INT, s VARCHAR(20), d DATE,
            KEY (a), KEY (s), KEY (a, s));
        INSERT INTO test.{name} VALUES {};",
        rows.join(", ")
    )
}

/// A number as statistics have it, or one that they never have.
fn number(random: &mut StdRng, is_signed: bool) -> String {
    match random.random_range(0..8) {
        0..=4 => random.random_range(0..200).to_string(),
        5 => i64::MAX.to_string(),
        6 if is_signed => i64::MIN.to_string(),
        6 => u64::MAX.to_string(),
        _ if is_signed => "-1".to_owned(),
        _ => "0".to_owned(),
    }
}

/// Text of a number or a date, a key, or any bytes.
fn blob(random: &mut StdRng) -> String {
    const LIKELY: [&str; 10] = [
        "''",
        "'3'",
        "'-7'",
        "'no number'",
        "'v7'",
        "'2024-01-15'",
        "'0000-00-00'",
        "x'038000000000000005'",
        "x'0176370000000000ff'",
        "x'0a020800'",
    ];
    if random.random_bool(0.6) {
        return (*LIKELY.choose(random).unwrap()).to_owned();
    }
    let count = random.random_range(0..40);
    let bytes = (0..count).map(|_| format!("{:02x}", random.random_range(0..=255)));
    format!("x'{}'", bytes.collect::<String>())
}

/// Statements that put damaged statistics beside a table.
fn damaged(random: &mut StdRng, table: i64) -> String {
    let mut script = format!(
        "INSERT INTO mysql.stats_meta VALUES ({}, {table}, {}, {}, 0);",
        number(random, false),
        number(random, true),
        number(random, false)
    );
    // Columns 1 to 4, indexes 1 to 3, and some that are not there.
    for (is_index, id) in [(0, 1), (0, 2), (0, 3), (0, 4), (0, 99), (1, 1), (1, 2), (1, 3), (1, 77)]
    {
        let version = ["2", "2", "1", "0", "77", "-1"].choose(random).unwrap();
        script += &format!(
            "INSERT INTO mysql.stats_histograms (table_id, is_index, hist_id, distinct_count, null_count, \
             tot_col_size, version, cm_sketch, stats_ver) \
             VALUES ({table}, {is_index}, {id}, {}, {}, {}, {}, {}, {version});",
            number(random, true),
            number(random, true),
            number(random, true),
            number(random, false),
            blob(random)
        );
        for bucket in 0..random.random_range(0..6) {
            let [count, repeats, ndv] = [(); 3].map(|()| number(random, true));
            let (upper, lower) = (blob(random), blob(random));
            script += &format!(
                "INSERT INTO mysql.stats_buckets VALUES \
                 ({table}, {is_index}, {id}, {bucket}, {count}, {repeats}, {upper}, {lower}, {ndv});"
            );
        }
        for _ in 0..random.random_range(0..4) {
            let (value, count) = (blob(random), number(random, false));
            script += &format!(
                "INSERT INTO mysql.stats_top_n VALUES ({table}, {is_index}, {id}, {value}, {count});"
            );
        }
    }
    script
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_damaged_plans_are_made_and_answers_are_right() {
    let seed = std::env::var("TIFUSION_SEED").ok().and_then(|text| text.parse().ok());
    let seed: u64 = seed.unwrap_or_else(rand::random);
    eprintln!("TIFUSION_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let cluster = EmbeddedCluster::builder().start().await.unwrap();
    create_tables(&cluster).await;
    cluster.execute(&table("whole")).await.unwrap();
    let whole = Connector::embedded(&cluster, &[]).await;
    let names: Vec<String> = (0..20 * scale()).map(|number| format!("damaged_{number}")).collect();
    for name in &names {
        cluster.execute(&table(name)).await.unwrap();
        let id = cluster.table_info("test", name).unwrap().id;
        cluster.execute(&damaged(&mut random, id)).await.unwrap();
    }
    let session = Connector::embedded(&cluster, &[]).await;
    for query in QUERIES {
        let expected = whole.query(&query.replace('$', "test.whole")).await;
        for name in &names {
            let query = query.replace('$', &format!("test.{name}"));
            let answer = session.query(&query).await;
            assert_eq!(answer.rows, expected.rows, "TIFUSION_SEED={seed}: {query}");
            let plan = session.explain(&query).await;
            assert!(plan.contains("Exec"), "TIFUSION_SEED={seed}: {query}\n{plan}");
        }
    }
    for name in &names {
        let table = session.context().table_statistics("test", name).await.unwrap();
        for column in ["id", "a", "s", "d"] {
            let everything = [(vec![], vec![])];
            let estimate = table.estimate(table.column(column).unwrap(), &everything);
            assert!(
                estimate.rows.is_finite() && estimate.rows >= 0.0,
                "TIFUSION_SEED={seed}: {estimate:?}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn statistics_of_an_embedded_cluster_are_read_as_tidbs_are() {
    let cluster = EmbeddedCluster::builder().start().await.unwrap();
    cluster.execute(&table("t")).await.unwrap();
    analyze_embedded(&cluster, "test", &["t"]).await;
    let session = Connector::embedded(&cluster, &[]).await;
    let table = session.context().table_statistics("test", "t").await.unwrap();
    assert_eq!(table.statistics().distinct_values(1), Some(ROWS.unsigned_abs()));
    assert_eq!(table.statistics().distinct_values(2), Some(9));
    let estimate = |column, low: i64, high: i64| {
        let key = |value: i64| {
            let mut key = Vec::new();
            let datum = tifusion_codec::datum::Datum::Int(value);
            tifusion_codec::datum::encode_key(&mut key, &datum).unwrap();
            key
        };
        let estimate = table.estimate(table.column(column).unwrap(), &[(key(low), key(high))]);
        assert!(!estimate.origin.is_pseudo(), "{estimate:?}");
        estimate.rows
    };
    assert!((estimate("id", 0, 60) - 60.0).abs() < 3.0);
    assert!((estimate("a", 5, 6) - 12.0).abs() < 3.0);
}

/// Keeps the warnings of one thread.
#[derive(Clone, Default)]
struct Warnings(Arc<Mutex<Vec<String>>>);

struct Text<'a>(&'a mut String);

impl Visit for Text<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.push_str(&format!("{}={value:?} ", field.name()));
    }
}

impl Subscriber for Warnings {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::WARN
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut text = String::new();
        event.record(&mut Text(&mut text));
        self.0.lock().unwrap().push(text);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[tokio::test(flavor = "current_thread")]
async fn statistics_that_can_not_be_used_are_warned_of_by_table_and_plans_go_by_guesses() {
    let warnings = Warnings::default();
    let _guard = tracing::subscriber::set_default(warnings.clone());
    let cluster = EmbeddedCluster::builder().start().await.unwrap();
    create_tables(&cluster).await;
    cluster.execute(&table("broken")).await.unwrap();
    let id = cluster.table_info("test", "broken").unwrap().id;
    let script = format!(
        "INSERT INTO mysql.stats_meta VALUES (7, {id}, 0, {ROWS}, 0);
         INSERT INTO mysql.stats_histograms (table_id, is_index, hist_id, distinct_count, null_count, \
         tot_col_size, version, stats_ver, flag) VALUES ({id}, 0, 2, 9, 10, 900, 7, 2, 1);
         INSERT INTO mysql.stats_buckets VALUES ({id}, 0, 2, 0, 110, 1, 'no number', 'none', 9)"
    );
    cluster.execute(&script).await.unwrap();
    let session = Connector::embedded(&cluster, &[]).await;
    let query = "SELECT count(*) FROM test.broken WHERE a = 5";
    assert_eq!(session.query(query).await.rows[0][0].plain(), "12");
    // This one waits for them, however long it takes.
    let table = session.context().table_statistics("test", "broken").await.unwrap();
    let estimate = table.estimate(table.column("a").unwrap(), &[(vec![3], vec![4])]);
    assert!(estimate.origin.is_pseudo(), "{estimate:?}");
    let said = warnings.0.lock().unwrap().clone();
    let is_it = |text: &String| {
        ["statistics can't be used: plans go by guesses", "broken", "Column(2)"]
            .iter()
            .all(|word| text.contains(word))
    };
    assert!(said.iter().any(is_it), "{said:?}");
}
