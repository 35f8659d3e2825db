//! Byte for byte what TiDB writes: each type as a value, in each kind of index, beside each kind of handle.

use tifusion_testkit::cluster::Shape;

use super::Scene;
use crate::types::cases::{self, Case};
use crate::types::handles::KEYS;

/// Handles: a name, the columns, and the values of row `n`.
pub(super) type HandleOf = (&'static str, &'static str, fn(usize) -> String);

pub(super) const HANDLES: [HandleOf; 4] = [
    ("int", "id INT PRIMARY KEY CLUSTERED, ", |n| format!("-{n}, ")),
    ("unsigned", "id BIGINT UNSIGNED PRIMARY KEY CLUSTERED, ", |n| {
        format!("{}, ", u64::MAX - n as u64 * (u64::MAX / 500))
    }),
    (
        "common",
        "a VARCHAR(20) COLLATE utf8mb4_general_ci, b DECIMAL(6, 2), PRIMARY KEY (a, b) CLUSTERED, ",
        |n| format!("'É {}  ', -{n}.5, ", n / 3),
    ),
    ("rowid", "", |_| String::new()),
];

/// Of what part an index holds of a type: none, if it must be all.
fn prefix(case: &Case) -> &'static str {
    let is_long = ["TEXT", "BLOB", "(16383)"].iter().any(|long| case.definition.contains(long));
    if is_long { "(5)" } else { "" }
}

/// A table for TiDB and one for this, alike.
pub(super) async fn create(scene: &mut Scene, name: &str, rest: &str) {
    let create = |of: &str| format!("CREATE TABLE `{of}_{name}` {rest}");
    scene.tidb.run([create("theirs"), create("ours")]).await;
}

/// This copies TiDB's table, and the copy has the same bytes.
async fn copied(scene: &mut Scene, name: &str) {
    let (ours, theirs) = (format!("ours_{name}"), format!("theirs_{name}"));
    scene.write(&format!("INSERT INTO \"{ours}\" SELECT * FROM \"{theirs}\"")).await;
    scene.same_pairs(&ours, &theirs).await;
    scene.tidb.run([format!("ADMIN CHECK TABLE `{ours}`")]).await;
}

/// Whether a value keeps its type on its way through text: dates and times within JSON do not.
fn is_copied(case: &Case, value: &str) -> bool {
    case.definition != "JSON" || value.starts_with('\'')
}

/// Cases whose columns share a table, each with two indexes.
pub(super) const CASES_PER_TABLE: usize = 12;

async fn judge(test: &str, shape: Shape, cases: &[Case]) {
    let Some(mut scene) = Scene::of(shape, test).await else { return };
    // Text of this character set is not written, with or without keys.
    let cases: Vec<&Case> = cases.iter().filter(|case| case.name != "gbk").collect();
    for (group, cases) in cases.chunks(CASES_PER_TABLE).enumerate() {
        for (handle, columns, key) in HANDLES {
            let name = format!("{group}_{handle}");
            let mut definitions = vec!["g INT, h INT".to_owned()];
            for (at, case) in cases.iter().enumerate() {
                definitions.push(format!("v{at} {} NULL", case.definition));
                if is_indexed(case) {
                    let prefix = prefix(case);
                    definitions.push(format!("KEY (g, v{at}{prefix})"));
                    definitions.push(format!("UNIQUE KEY (h, v{at}{prefix})"));
                }
            }
            let rest = format!("({columns}{})", definitions.join(", "));
            create(&mut scene, &name, &rest).await;
            fill(&mut scene, &name, cases, key).await;
            copied(&mut scene, &name).await;
        }
    }
}

fn is_indexed(case: &Case) -> bool {
    !matches!(case.definition.as_str(), "JSON" | "VARCHAR(0)")
        && !case.definition.starts_with("VECTOR")
}

/// A row for each value of each case, but for those that strict mode refuses.
pub(super) async fn fill(scene: &mut Scene, name: &str, cases: &[&Case], key: fn(usize) -> String) {
    let mut n = 0;
    for (at, case) in cases.iter().enumerate() {
        let values = case.values.iter().map(String::as_str);
        let mut taken = 0;
        for value in values.filter(|value| is_copied(case, value)).chain(["NULL", "NULL"]) {
            let (g, h) = (n % 3, if n % 4 == 0 { "NULL".to_owned() } else { n.to_string() });
            let mut row = vec!["NULL"; cases.len()];
            row[at] = value;
            let row = row.join(", ");
            let row = format!("INSERT INTO `theirs_{name}` VALUES ({}{g}, {h}, {row})", key(n));
            taken += usize::from(scene.tidb.try_run(&row).await.is_ok());
            n += 1;
        }
        assert!(taken > 2, "{}: {taken} rows", case.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_integers() {
    judge("write_bytes_integers", Shape::default(), &cases::integers()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_floats_and_decimals() {
    let mut cases = cases::floats();
    cases.extend(cases::decimals().into_iter().step_by(3));
    judge("write_bytes_numbers", Shape::default(), &cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_dates_and_times() {
    judge("write_bytes_calendar", Shape::default(), &cases::calendar()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_text() {
    judge("write_bytes_text", Shape::default(), &cases::text()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_text_under_old_collations() {
    judge("write_bytes_old_text", Shape::old_collation(), &cases::text()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_bytes_members_and_documents() {
    let cases = [cases::bytes(), cases::members(), cases::json(), cases::vectors()].concat();
    judge("write_bytes_others", Shape::default(), &cases).await;
}

async fn keys(test: &str, shape: Shape) {
    let Some(mut scene) = Scene::of(shape, test).await else { return };
    for clustered in ["CLUSTERED", "NONCLUSTERED"] {
        for (key, columns, values) in KEYS {
            // This version makes no keys of such text.
            if *key == "k_gbk" {
                continue;
            }
            let name = format!("{key}_{clustered}");
            let rest = format!(
                "(head INT, {columns} {clustered}, tail VARCHAR(9) COLLATE utf8mb4_unicode_ci, \
                 KEY by_tail (tail), UNIQUE KEY by_head (head, tail))"
            );
            create(&mut scene, &name, &rest).await;
            for (n, value) in values.iter().enumerate() {
                let row = format!("INSERT INTO `theirs_{name}` VALUES ({n}, {value}, 'Row {n} ')");
                drop(scene.tidb.try_run(&row).await);
            }
            copied(&mut scene, &name).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_keys_of_every_kind() {
    keys("write_bytes_keys", Shape::default()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_keys_under_old_collations() {
    keys("write_bytes_old_keys", Shape::old_collation()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_rows_in_partitions() {
    const PARTITIONS: [(&str, &str); 7] = [
        (
            "range",
            "RANGE (a) (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN MAXVALUE)",
        ),
        (
            "year",
            "RANGE (YEAR(d)) (PARTITION p0 VALUES LESS THAN (2000), PARTITION p1 VALUES LESS THAN (2030))",
        ),
        (
            "columns",
            "RANGE COLUMNS (d, a) (PARTITION p0 VALUES LESS THAN ('2010-01-01', 5), PARTITION p1 VALUES LESS THAN (MAXVALUE, MAXVALUE))",
        ),
        ("list", "LIST (a % 3) (PARTITION p0 VALUES IN (0, NULL), PARTITION p1 VALUES IN (1, 2))"),
        (
            "list_columns",
            "LIST COLUMNS (s) (PARTITION p0 VALUES IN ('x', 'y'), PARTITION p1 DEFAULT)",
        ),
        ("hash", "HASH (a) PARTITIONS 4"),
        ("key", "KEY (a, s) PARTITIONS 3"),
    ];
    let Some(mut scene) = Scene::of(Shape::default(), "write_bytes_partitions").await else {
        return;
    };
    for (name, partition) in PARTITIONS {
        let rest = format!(
            "(a INT, d DATE, s VARCHAR(9), v INT, KEY by_v (v), UNIQUE KEY u (a, d, s, v)) \
             PARTITION BY {partition}"
        );
        create(&mut scene, name, &rest).await;
        for row in [
            "(1, '1999-12-31', 'x', 1)",
            "(10, '2010-01-01', 'y', 2)",
            "(11, '2020-02-29', 'z', 2)",
            "(NULL, '2009-01-01', 'x', NULL)",
        ] {
            scene.tidb.run([format!("INSERT INTO theirs_{name} VALUES {row}")]).await;
            scene.write(&format!("INSERT INTO ours_{name} VALUES {row}")).await;
        }
        scene.same_pairs(&format!("ours_{name}"), &format!("theirs_{name}")).await;
        scene.judge(&format!("ours_{name}")).await;
    }
    let error =
        scene.refused("INSERT INTO ours_year (a, d) VALUES (1, '2030-01-01')").await.to_string();
    assert!(error.contains("partition"), "{error}");
}
