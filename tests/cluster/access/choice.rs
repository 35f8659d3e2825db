//! Which way is chosen, by what TiDB knows of the table, and that it is the faster one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use datafusion::physical_plan::collect;
use tifusion_testkit::cluster::Shape;
use tifusion_testkit::connector::Connector;

use super::Sides;

/// Rows of the large table.
const ROWS: usize = 60_000;

/// A table of which `one` has a value for each hundred rows, `half` one for half of them.
async fn large(sides: &mut Sides, name: &str) {
    sides
        .tidb
        .run([format!(
            "CREATE TABLE {name} (id BIGINT PRIMARY KEY, one INT, half INT, u BIGINT UNSIGNED, \
             filler VARCHAR(200), KEY k_one (one), KEY k_half (half), UNIQUE KEY k_u (u))"
        )])
        .await;
    let filler = "x".repeat(120);
    for start in (0..ROWS).step_by(3_000) {
        let row = |k: usize| format!("({k}, {}, {}, {}, '{filler}')", k % 100, k % 2, k * 7);
        let rows: Vec<String> = (start..start + 3_000).map(row).collect();
        sides.tidb.run([format!("INSERT INTO {name} VALUES {}", rows.join(", "))]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_selective_index_is_chosen_once_the_table_is_analyzed_and_an_unselective_one_is_not() {
    let Some(mut sides) = Sides::of(Shape::default(), "access_choice").await else { return };
    large(&mut sides, "t").await;
    let one = "SELECT id, filler FROM t WHERE one = 7";
    let half = "SELECT id, filler FROM t WHERE half = 1";
    let unique = "SELECT id, filler FROM t WHERE u = 700";
    // Nobody counted: an index of which nothing is known does not win, a unique key does.
    for (query, index) in [(one, None), (half, None), (unique, Some("k_u"))] {
        assert_eq!(index_of(&sides, query).await.as_deref(), index, "{query}");
    }
    sides.tidb.run(["ANALYZE TABLE t ALL COLUMNS"]).await;
    // Statistics are kept for a while.
    sides.connector = Connector::connect(sides.cluster(), &[]).await;
    sides.connector.use_database("access_choice").await;
    let queries = [
        (one, Some("k_one")),
        (half, None),
        (unique, Some("k_u")),
        ("SELECT count(*) FROM t WHERE half = 1", Some("k_half")),
        ("SELECT id, filler FROM t WHERE one = 7 OR u = 21", Some("k_u + k_one")),
        ("SELECT id, filler FROM t WHERE one = 7 OR half = 1", None),
        ("SELECT id, filler FROM t WHERE one = 7 AND id < 200", None),
        ("SELECT id, filler FROM t WHERE one < 2 AND half = 1", Some("k_one")),
    ];
    for (query, index) in queries {
        assert_eq!(index_of(&sides, query).await.as_deref(), index, "{query}");
        assert!(sides.agree(query).await > 0, "{query}");
    }
    let plan = sides.connector.explain(&format!("VERBOSE {one}")).await;
    for part in ["k_one lookup rows≈6", "rejected=[table rows≈60000 cost="] {
        assert!(plan.contains(part), "no {part} in\n{plan}");
    }
    for (query, index) in [
        ("SELECT id, filler FROM t ORDER BY u LIMIT 5", Some("k_u")),
        ("SELECT id, filler FROM t ORDER BY u DESC LIMIT 20 OFFSET 7", Some("k_u")),
        // Every second row of the index matches.
        ("SELECT id, filler FROM t WHERE half = 1 ORDER BY u LIMIT 10", Some("k_u")),
        // Hardly any does, or nobody knows.
        ("SELECT id, filler FROM t WHERE one = 7 ORDER BY u LIMIT 10", Some("k_one")),
        ("SELECT id, filler FROM t WHERE one = 700 ORDER BY u LIMIT 10", Some("k_one")),
        ("SELECT id, filler FROM t WHERE id % 2 = 1 ORDER BY u LIMIT 10", None),
        ("SELECT id, filler FROM t ORDER BY u LIMIT 20000", None),
    ] {
        assert_eq!(index_of(&sides, query).await.as_deref(), index, "{query}");
        sides.agree(query).await;
    }
    let answer = sides.connector.run("SELECT id, filler FROM t ORDER BY u LIMIT 5").await.unwrap();
    assert_eq!((answer.metric("index_rows"), answer.metric("rows_received")), (5, 5));
    joins(&mut sides).await;
    let without = Connector::connect(sides.cluster(), &[("plan.allow_index_read", "false")]).await;
    without.use_database("access_choice").await;
    let plan = without.explain(one).await;
    assert!(!plan.contains("index="), "{plan}");
    let (by_index, by_table) = (fastest(&sides.connector, one).await, fastest(&without, one).await);
    println!("1 % of {ROWS} rows: {by_index:?} by the index, {by_table:?} by the table");
    assert!(by_index < by_table, "{by_index:?} by the index, {by_table:?} by the table");
}

/// The index that a query's scan goes by.
async fn index_of(sides: &Sides, query: &str) -> Option<String> {
    let plan = sides.connector.explain(query).await;
    let rest = plan.split("index=").nth(1)?;
    Some(rest.split(',').next().unwrap_or(rest).trim().to_owned())
}

/// The shortest of a few runs, planning apart.
async fn fastest(connector: &Connector, query: &str) -> Duration {
    let mut best = Duration::MAX;
    for _ in 0..9 {
        let frame = connector.context().sql(query).await.unwrap();
        let task = Arc::new(frame.task_ctx());
        let plan = frame.create_physical_plan().await.unwrap();
        let begun = Instant::now();
        collect(plan, task).await.unwrap();
        best = best.min(begun.elapsed());
    }
    best
}

/// A join of a hundred keys by columns of which an index was not chosen before they were known.
async fn joins(sides: &mut Sides) {
    let keys = (0..100_u64).map(|at| format!("({}, {})", at * 4_200, at % 3));
    sides
        .tidb
        .run([
            "CREATE TABLE wanted (u BIGINT UNSIGNED, one INT)".to_owned(),
            format!("INSERT INTO wanted VALUES {}", keys.collect::<Vec<_>>().join(", ")),
            "CREATE TABLE two (one INT)".to_owned(),
            "INSERT INTO two VALUES (3), (50)".to_owned(),
        ])
        .await;
    for (query, ranges, rows) in [
        ("SELECT t.id, t.filler FROM wanted w JOIN t ON w.u = t.u", 100, 100),
        ("SELECT t.filler, w.one FROM wanted w JOIN t ON w.u = t.u AND t.half = 0", 100, 100),
        ("SELECT t.id, t.filler FROM two w JOIN t ON w.one = t.one", 2, 1_200),
    ] {
        let plan = sides.connector.explain(query).await;
        assert!(!plan.contains("access=lookup"), "{plan}");
        let answer = sides.connector.run(query).await.unwrap();
        assert_eq!(answer.metric("dynamic_ranges"), ranges, "{query}");
        assert_eq!(answer.metric("index_rows"), rows, "{query}");
        assert!(answer.metric("rows_received") <= rows + 100, "{query}");
        assert!(sides.agree(query).await > 0, "{query}");
    }
}
