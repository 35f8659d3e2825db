//! Integer handles, signed and unsigned, to their last values.

use tifusion_testkit::cluster::Shape;

use super::Sides;

/// All comparisons of `id` with each constant, and lists and ranges of pairs of them.
fn predicates(constants: &[&str]) -> Vec<String> {
    let mut all = Vec::new();
    for (at, constant) in constants.iter().enumerate() {
        for operator in ["=", "<>", "<", "<=", ">", ">="] {
            all.push(format!("id {operator} {constant}"));
        }
        all.push(format!("{constant} < id"));
        all.push(format!("NOT (id <= {constant})"));
        let other = constants[(at + 1) % constants.len()];
        all.push(format!("id IN ({constant}, {other}, 3)"));
        all.push(format!("id NOT IN ({constant}, {other})"));
        all.push(format!("id BETWEEN {constant} AND {other}"));
        all.push(format!("id > {constant} AND id < {other}"));
        all.push(format!("id = {constant} OR id > {other}"));
    }
    all
}

async fn agree_on_all(sides: &mut Sides, table: &str, constants: &[&str]) {
    let (mut rows, mut empty) = (0, 0);
    for predicate in predicates(constants) {
        let found = sides.agree(&format!("SELECT * FROM {table} WHERE {predicate}")).await;
        rows += found;
        empty += usize::from(found == 0);
    }
    assert!(rows > 50 && empty > 0, "{rows} rows, {empty} times none");
}

#[tokio::test(flavor = "multi_thread")]
async fn signed_handles_are_exact_at_their_ends() {
    let Some(mut sides) = Sides::of(Shape::default(), "access_signed").await else { return };
    let min = "-9223372036854775808";
    sides
        .tidb
        .run([
            "CREATE TABLE t (id BIGINT PRIMARY KEY, v INT)".to_owned(),
            format!(
                "INSERT INTO t VALUES ({min}, 1), ({min} + 1, 2), (-1, 3), (0, 4), (1, 5), (3, 6), \
                 (9223372036854775806, 7), (9223372036854775807, 8)"
            ),
        ])
        .await;
    let constants =
        [min, "-9223372036854775807", "-1", "0", "2", "9223372036854775806", "9223372036854775807"];
    agree_on_all(&mut sides, "t", &constants).await;
    for (predicate, ranges) in [
        ("id = 9223372036854775807", "[id: [9223372036854775807,9223372036854775807]]"),
        ("id > 9223372036854775807", "[]"),
        ("id < -9223372036854775808", "[]"),
        ("id <= -9223372036854775808", "[id: (-inf,-9223372036854775808]]"),
        ("id > 9223372036854775808", "[]"),
        ("id < 9223372036854775808", "1"),
    ] {
        let query = format!("SELECT * FROM t WHERE {predicate}");
        assert_eq!(sides.ranges(&query).await, ranges, "{predicate}");
        sides.agree(&query).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unsigned_handles_are_exact_across_the_middle() {
    let Some(mut sides) = Sides::of(Shape::default(), "access_unsigned").await else { return };
    sides
        .tidb
        .run([
            "CREATE TABLE t (id BIGINT UNSIGNED PRIMARY KEY, v INT)",
            "INSERT INTO t VALUES (0, 1), (1, 2), (3, 3), (9223372036854775806, 4), \
             (9223372036854775807, 5), (9223372036854775808, 6), (9223372036854775809, 7), \
             (18446744073709551614, 8), (18446744073709551615, 9)",
        ])
        .await;
    let constants = [
        "0",
        "1",
        "2",
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551614",
        "18446744073709551615",
        "-1",
    ];
    agree_on_all(&mut sides, "t", &constants).await;
    for (predicate, ranges) in [
        ("id = 18446744073709551615", "[id: [18446744073709551615,18446744073709551615]]"),
        ("id > 18446744073709551615", "[]"),
        ("id >= 0", "1"),
        ("id < 0", "[]"),
        ("id = -1", "[]"),
    ] {
        let query = format!("SELECT * FROM t WHERE {predicate}");
        assert_eq!(sides.ranges(&query).await, ranges, "{predicate}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn small_integers_are_compared_with_constants_beyond_them() {
    let Some(mut sides) = Sides::of(Shape::default(), "access_small").await else { return };
    for (table, definition, rows) in [
        ("tiny", "TINYINT", "(-128), (-1), (0), (1), (3), (127)"),
        ("tiny_unsigned", "TINYINT UNSIGNED", "(0), (1), (3), (127), (128), (255)"),
        ("medium", "MEDIUMINT", "(-8388608), (-1), (0), (1), (3), (8388607)"),
        ("int_unsigned", "INT UNSIGNED", "(0), (1), (3), (2147483648), (4294967295)"),
    ] {
        sides
            .tidb
            .run([
                format!("CREATE TABLE {table} (id {definition} PRIMARY KEY)"),
                format!("INSERT INTO {table} VALUES {rows}"),
            ])
            .await;
        let constants = ["-129", "0", "127", "255", "4294967296"];
        agree_on_all(&mut sides, table, &constants).await;
    }
    assert_eq!(sides.ranges("SELECT * FROM tiny WHERE id > 127").await, "[]");
    assert_eq!(sides.ranges("SELECT * FROM tiny WHERE id > -1000").await, "1");
    assert_eq!(sides.ranges("SELECT * FROM tiny WHERE id > 2.5").await, "[id: [3,+inf)]");
}

#[tokio::test(flavor = "multi_thread")]
async fn row_ids_that_are_shown_are_handles() {
    let Some(mut sides) = Sides::of(Shape::default(), "access_row_id").await else { return };
    sides.tidb.run(["CREATE TABLE t (v INT)", "INSERT INTO t VALUES (1), (2), (3), (4)"]).await;
    sides.connector.query("SET tidb.show_rowid = true").await;
    for predicate in ["_tidb_rowid = 2", "_tidb_rowid > 2", "_tidb_rowid IN (1, 4, 9)"] {
        let query = format!("SELECT v, _tidb_rowid FROM t WHERE {predicate}");
        assert!(sides.agree(&query).await > 0);
        assert!(sides.ranges(&query).await.starts_with("[_tidb_rowid: "));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_by_its_key_takes_one_request() {
    let Some(mut sides) = Sides::of(Shape::many_regions(), "access_point").await else { return };
    sides.tidb.run(["CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(400))"]).await;
    let filling = "x".repeat(300);
    for first in (0..6_000).step_by(1_000) {
        let rows = (first..first + 1_000).map(|n| format!("({n}, '{filling}')"));
        let rows = rows.collect::<Vec<_>>().join(",");
        sides.tidb.run([format!("INSERT INTO t VALUES {rows}")]).await;
    }
    let splits = (1..12).map(|n| format!("({})", n * 500)).collect::<Vec<_>>().join(", ");
    sides.tidb.run([format!("SPLIT TABLE t BY {splits}")]).await;
    for (query, rows, requests) in [
        ("SELECT * FROM t WHERE id = 4321", 1, 1),
        ("SELECT * FROM t WHERE id = 60000", 0, 1),
        ("SELECT * FROM t WHERE id = 4321 AND id = 4322", 0, 0),
    ] {
        // The first read learns of regions that were split meanwhile.
        sides.run(query).await;
        let answer = sides.run(query).await;
        assert_eq!(answer.batches.iter().map(|batch| batch.num_rows()).sum::<usize>(), rows);
        let sent = answer.metric("requests") - answer.metric("retries");
        assert_eq!((answer.metric("tasks"), sent), (requests, requests), "{query}");
    }
    let few = sides.run("SELECT id FROM t WHERE id IN (5, 2500, 5900)").await.metric("tasks");
    assert!(few <= 3, "{few} tasks for three rows");
    let hundreds: Vec<String> = (0..300).map(|n| (n * 20).to_string()).collect();
    let query = format!("SELECT id FROM t WHERE id IN ({})", hundreds.join(", "));
    assert_eq!(sides.agree(&query).await, 300);
    let plan = sides.connector.explain(&query).await;
    assert!(plan.contains("ranges=300"), "{plan}");
}
