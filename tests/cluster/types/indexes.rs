//! Every type through an index: as a value that entries hold, and as the handle that they tell.

use tifusion_testkit::cluster::{Cluster, Shape};

use super::cases::{self, Case};
use super::handles::KEYS;
use super::{FORMATS, Sides, WAYS, exactly};

/// Handles: a name, the columns, their names, and the values of row `n`.
type HandleOf = (&'static str, &'static str, &'static str, fn(usize) -> String);

const HANDLES: [HandleOf; 4] = [
    ("int", "id INT PRIMARY KEY CLUSTERED, ", "id, ", |n| format!("-{n}, ")),
    ("unsigned", "id BIGINT UNSIGNED PRIMARY KEY CLUSTERED, ", "id, ", |n| {
        format!("{}, ", u64::MAX - n as u64 * (u64::MAX / 50))
    }),
    (
        "common",
        "a VARCHAR(20) COLLATE utf8mb4_general_ci, b DECIMAL(6, 2), PRIMARY KEY (a, b) CLUSTERED, ",
        "a, b, ",
        |n| format!("'É {}  ', -{n}.5, ", n / 3),
    ),
    ("rowid", "", "", |_| String::new()),
];

/// How `plan` reads: `by_g covering`.
fn way(plan: &str) -> String {
    let part = |label: &str| {
        let rest = plan.split(label).nth(1);
        rest.map(|rest| rest.split([',', '\n']).next().unwrap_or_default().trim().to_owned())
    };
    match (part("index="), part("access=")) {
        (Some(index), Some(access)) => format!("{index} {access}"),
        _ => "table".to_owned(),
    }
}

/// Of what part an index holds of a type: none, if it must be all.
fn prefix(case: &Case) -> &'static str {
    let is_long = ["TEXT", "BLOB", "(16383)"].iter().any(|long| case.definition.contains(long));
    if is_long { "(5)" } else { "" }
}

async fn fill(sides: &mut Sides, table: &str, case: &Case, handle: &HandleOf) {
    let (_, columns, _, key) = handle;
    let (definition, prefix) = (&case.definition, prefix(case));
    let create = format!(
        "CREATE TABLE {table} ({columns}g INT, h INT, w INT, v {definition} NULL, \
         KEY by_g (g, v{prefix}), UNIQUE KEY by_h (h, v{prefix}))"
    );
    let row = |n: usize, value: &str| {
        let (g, h) = (n % 3, if n.is_multiple_of(4) { "NULL".to_owned() } else { n.to_string() });
        format!("({}{g}, {h}, {n}, {value})", key(n))
    };
    let values = case.values.iter().map(String::as_str).chain(["NULL", "NULL", "NULL"]).enumerate();
    let rows = values.map(|(n, value)| row(n, value)).collect::<Vec<_>>().join(", ");
    sides.tidb.run([create, format!("INSERT INTO {table} VALUES {rows}")]).await;
}

async fn judge(test: &str, shape: Shape, cases: &[Case]) {
    // No index has a VARCHAR(0).
    let cases: Vec<_> = cases.iter().filter(|case| case.name != "varchar_0").collect();
    let Some(cluster) = Cluster::of(shape, test) else { return };
    let mut sides = Sides::of(&cluster, test).await;
    let mut ways = std::collections::BTreeMap::<String, usize>::new();
    for case in &cases {
        for (at, handle) in HANDLES.iter().enumerate() {
            // Through its SQL port TiDB reads the index itself, whatever the handle is.
            let formats = if at == 0 { WAYS.len() } else { FORMATS.len() };
            let table = format!("{}_{}", handle.0, case.name);
            fill(&mut sides, &table, case, handle).await;
            let key = handle.2;
            for (query, by) in [
                (format!("SELECT v, g FROM {table} WHERE g = 1"), "by_g"),
                (format!("SELECT {key}v, g FROM {table} WHERE g >= 1"), "by_g"),
                (format!("SELECT {key}v, w FROM {table} WHERE g IN (0, 2)"), "by_g"),
                (format!("SELECT {key}v, w FROM {table} WHERE g < 2 AND w > 1"), "by_g"),
                (format!("SELECT count(1) AS n FROM {table} WHERE g = 0"), "by_g"),
                (format!("SELECT v, h FROM {table} WHERE h = 3"), "by_h"),
                (format!("SELECT {key}v, w FROM {table} WHERE h IN (1, 3, 5)"), "by_h"),
                (format!("SELECT {key}v, w FROM {table} WHERE h IS NULL"), "by_h"),
                (format!("SELECT v, h FROM {table} WHERE h IS NULL OR h > 2"), "by_h"),
            ] {
                let (_, plan) = sides.agree_by(&query, &exactly(&query, case), 0, formats).await;
                let way = way(&plan);
                assert!(way.starts_with(by), "{way}: {query}");
                *ways.entry(way).or_default() += 1;
            }
        }
    }
    for way in ["by_g lookup", "by_g covering", "by_h lookup", "by_h covering"] {
        assert!(ways.get(way).is_some_and(|count| *count >= cases.len()), "{ways:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_of_numbers() {
    let mut cases = [cases::integers(), cases::floats()].concat();
    cases.extend(cases::decimals().into_iter().step_by(4));
    judge("indexes_numbers", Shape::default(), &cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_of_days_and_times() {
    let cases = [cases::calendar(), cases::instants("UTC")].concat();
    judge("indexes_times", Shape::default(), &cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_of_text() {
    judge("indexes_text", Shape::default(), &cases::text()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_of_text_in_the_old_collations() {
    judge("indexes_old_text", Shape::old_collation(), &cases::text()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_of_bytes_and_members() {
    let mut cases = [cases::bytes(), cases::members()].concat();
    cases.retain(|case| case.name != "bit_31" && case.name != "bit_33");
    judge("indexes_bytes", Shape::default(), &cases).await;
}

/// Tables of each key, with indexes that have none of its columns and indexes that have some.
async fn keys(test: &str, shape: Shape) {
    let Some(cluster) = Cluster::of(shape, test) else { return };
    let mut sides = Sides::of(&cluster, test).await;
    let (mut covering, mut lookups) = (0, 0);
    for (name, columns, values) in KEYS {
        let part = if columns.contains("BLOB") { "(3)" } else { "" };
        let create = format!(
            "CREATE TABLE {name} (head INT, {columns} CLUSTERED, tail VARCHAR(9), n INT, \
             KEY by_head (head), UNIQUE KEY by_tail (tail), KEY by_n (n, k{part}), UNIQUE KEY by_all (n, head, k{part}))"
        );
        let rows = values.iter().zip(1..).map(|(key, n)| {
            let tail = if n == 2 { "NULL".to_owned() } else { format!("'Row {n} '") };
            format!("({n}, {key}, {tail}, 7)")
        });
        let rows = rows.collect::<Vec<_>>().join(", ");
        sides.tidb.run([create, format!("INSERT INTO {name} VALUES {rows}")]).await;
        let all = values.len();
        for (query, least) in [
            (format!("SELECT * FROM {name} WHERE head >= 1"), all),
            (format!("SELECT k, tail FROM {name} WHERE head = 2"), 1),
            (format!("SELECT k, head FROM {name} WHERE head > 0"), all),
            (format!("SELECT * FROM {name} WHERE tail = 'Row 1 '"), 1),
            (format!("SELECT tail, k FROM {name} WHERE tail >= 'Row'"), all - 1),
            (format!("SELECT * FROM {name} WHERE tail IS NULL"), 1),
            (format!("SELECT k, n FROM {name} WHERE n = 7"), all),
            (format!("SELECT * FROM {name} WHERE n = 7"), all),
            (format!("SELECT count(*) AS n FROM {name} WHERE n = 7"), 1),
        ] {
            let (_, plan) = sides.agree_by(&query, &query, least, WAYS.len()).await;
            let way = way(&plan);
            covering += usize::from(way.ends_with("covering"));
            lookups += usize::from(way.ends_with("lookup"));
        }
    }
    assert!(lookups > 4 * KEYS.len() && covering > 2 * KEYS.len(), "{lookups} and {covering}");
}

#[tokio::test(flavor = "multi_thread")]
async fn handles_of_every_type_are_told_by_entries() {
    keys("indexes_keys", Shape::default()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn handles_of_every_type_are_told_in_the_old_collations() {
    keys("indexes_old_keys", Shape::old_collation()).await;
}
