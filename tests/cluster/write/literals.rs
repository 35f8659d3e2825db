//! Literals that mean numbers to TiDB in one place and bytes in another.

use tifusion::ErrorKind;
use tifusion_testkit::cell::Cell;
use tifusion_testkit::cluster::Shape;

use super::Scene;

/// Types that take the literals differently.
const TYPES: [&str; 13] = [
    "INT",
    "TINYINT UNSIGNED",
    "BIGINT UNSIGNED",
    "DECIMAL(20, 2)",
    "DOUBLE",
    "FLOAT",
    "YEAR",
    "BIT(16)",
    "VARCHAR(20)",
    "VARBINARY(20)",
    "ENUM('b', '1', 'a')",
    "SET('b', '1', 'a')",
    "DATETIME",
];

/// Beyond all that fits, and no text: an `UPDATE` of TiDB's may make -1 or NULL of them, and is refused here.
const STRANGE: [&str; 2] = ["x'07D0'", "x'FFFFFFFFFFFFFFFF'"];

const LITERALS: [&str; 9] = [
    "x'31'",
    "0x31",
    "(X'0031')",
    "b'110001'",
    "B'1'",
    "x'07D0'",
    "x''",
    "x'FFFFFFFFFFFFFFFF'",
    "x'010000000000000000'",
];

#[tokio::test(flavor = "multi_thread")]
async fn hexadecimal_and_bit_literals_are_what_they_are_to_tidb() {
    let Some(mut scene) = Scene::of(Shape::default(), "write_literals").await else { return };
    let mut faults = Vec::new();
    for (at, of_type) in TYPES.iter().enumerate() {
        let names = [format!("ours_{at}"), format!("theirs_{at}")];
        for name in &names {
            scene
                .tidb
                .run([format!("CREATE TABLE {name} (id INT PRIMARY KEY, v {of_type})")])
                .await;
        }
        let mut id = 0;
        for literal in LITERALS {
            // What other expressions make of a literal may be refused, but not be something else.
            let forms = [
                ("INSERT INTO {t} VALUES ({id}, {v})", true),
                ("UPDATE {t} SET v = {v} WHERE id = {seed}", true),
                ("INSERT INTO {t} (v, id) VALUES ({v}, {id}), (NULL, {id} + 1000)", true),
                ("INSERT INTO {t} SELECT {id}, {v}", false),
                (
                    "INSERT INTO {t} SELECT {id}, CASE WHEN id > 0 THEN {v} END FROM {t} WHERE id = {seed}",
                    false,
                ),
                ("INSERT INTO {t} SELECT {id}, v FROM (SELECT {v} AS v) AS s", false),
            ];
            let forms = if literal == LITERALS[0] { &forms[..] } else { &forms[..2] };
            for (form, is_exact) in forms {
                id += 1;
                let seed = 100_000 + id;
                let said = |name: &str| {
                    let said = form.replace("{t}", name).replace("{v}", literal);
                    said.replace("{id}", &id.to_string()).replace("{seed}", &seed.to_string())
                };
                let seeds =
                    names.iter().map(|name| format!("INSERT INTO {name} VALUES ({seed}, NULL)"));
                scene.tidb.run(seeds).await;
                let theirs = scene.tidb.try_run(&said(&names[1])).await;
                let ours = scene.try_write(&said(&names[0])).await;
                let touched = |name: &str| {
                    format!(
                        "SELECT id, HEX(v) FROM {name} WHERE id IN ({id}, {id} + 1000, {seed}) ORDER BY id"
                    )
                };
                let of_theirs = scene.tidb.query(&touched(&names[1])).await.rows;
                let of_ours = scene.tidb.query(&touched(&names[0])).await.rows;
                let is_same = of_theirs == of_ours && theirs.is_ok() == ours.is_ok();
                let may_be_refused =
                    !*is_exact || (STRANGE.contains(&literal) && form.starts_with("UPDATE"));
                // What is refused leaves the row as it was.
                let untouched = vec![vec![Cell::Int(seed.into()), Cell::Null]];
                let is_refused = may_be_refused && ours.is_err() && of_ours == untouched;
                if !is_same && !is_refused {
                    faults.push(format!(
                        "{of_type}: {}\n  ours {ours:?} {of_ours:?}\n  TiDB {theirs:?} {of_theirs:?}",
                        said("t")
                    ));
                }
            }
        }
        // TiDB tells a FLOAT in six digits.
        match *of_type {
            "FLOAT" => scene.tidb.run([format!("ADMIN CHECK TABLE {}", names[0])]).await,
            _ => scene.judge(&names[0]).await,
        }
    }
    assert!(faults.is_empty(), "{} faults\n{}", faults.len(), faults.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn literals_in_filters_are_refused_or_what_they_are_to_tidb() {
    let Some(mut scene) = Scene::of(Shape::default(), "write_literal_filters").await else {
        return;
    };
    for name in ["ours", "theirs"] {
        scene
            .tidb
            .run([
                format!(
                    "CREATE TABLE {name} (id INT PRIMARY KEY, n BIGINT, d DECIMAL(9, 2), b VARBINARY(9), \
                     c VARCHAR(9), v INT)"
                ),
                format!(
                    "INSERT INTO {name} VALUES (1, 1, 1, '1', '1', 0), (2, 49, 49, '49', '49', 0), \
                     (49, 31, 31, x'31', '31', 0)"
                ),
            ])
            .await;
    }
    for filter in [
        "id = x'31'",
        "n = 0x31",
        "d = x'31'",
        "n < b'110001'",
        "n IN (x'31', 1)",
        "n BETWEEN x'01' AND x'31'",
        "n = x'30' + 1",
        "b = x'31'",
        "b = b'110001'",
        "c = x'31'",
        "c IN (x'31', x'3439')",
    ] {
        let said = |name: &str| format!("UPDATE {name} SET v = v + 1 WHERE {filter}");
        if scene.try_write(&said("ours")).await.is_ok() {
            scene.tidb.run([said("theirs")]).await;
        }
        let rows = |name: &str| format!("SELECT id, v FROM {name} ORDER BY id");
        let theirs = scene.tidb.query(&rows("theirs")).await.rows;
        assert_eq!(scene.tidb.query(&rows("ours")).await.rows, theirs, "{filter}");
    }
    // Of bytes and text they are no numbers, and are not refused.
    assert_eq!(scene.write("UPDATE ours SET v = 7 WHERE b = x'31'").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_byte_is_no_literal_to_either() {
    let Some(mut scene) = Scene::of(Shape::default(), "write_half_a_byte").await else { return };
    for name in ["ours", "theirs"] {
        let create = format!("CREATE TABLE {name} (id INT PRIMARY KEY, n INT, b VARBINARY(9))");
        scene.tidb.run([create, format!("INSERT INTO {name} VALUES (1, 2000, x'07D0')")]).await;
    }
    for literal in ["x'7D0'", "X'1'", "x'0007D'"] {
        for form in [
            "SELECT {v}",
            "SELECT * FROM {t} WHERE b = {v}",
            "INSERT INTO {t} VALUES (2, {v}, {v})",
            "UPDATE {t} SET n = {v}, b = {v} WHERE id = 1",
            "DELETE FROM {t} WHERE b = {v}",
        ] {
            let said = |name: &str| form.replace("{t}", name).replace("{v}", literal);
            let theirs = scene.tidb.try_run(&said("theirs")).await.unwrap_err().to_string();
            assert!(theirs.contains("1064"), "{theirs}");
            let ours = scene.ours.try_query(&said("ours")).await.unwrap_err();
            assert_eq!(ours.kind(), ErrorKind::InvalidInput, "{ours}");
            assert!(ours.to_string().contains("an odd number of digits"), "{ours}");
        }
    }
    // Without quotes it is one.
    for (id, literal) in (2..).zip(["0x7D0", "0x1", "x'07D0'"]) {
        let insert = |name: &str| format!("INSERT INTO {name} VALUES ({id}, {literal}, {literal})");
        scene.write(&insert("ours")).await;
        scene.tidb.run([insert("theirs")]).await;
        let ours = scene.ours.query(&format!("SELECT {literal} AS v")).await.rows;
        let theirs = scene.tidb.query(&format!("SELECT {literal} AS v")).await.rows;
        let bytes = |cell: &Cell| match cell {
            Cell::Bytes(bytes) => bytes.clone(),
            other => other.plain().into_bytes(),
        };
        assert_eq!(bytes(&ours[0][0]), bytes(&theirs[0][0]), "{literal}");
    }
    let rows = |name: &str| format!("SELECT * FROM {name} ORDER BY id");
    let theirs = scene.tidb.query(&rows("theirs")).await.rows;
    assert_eq!(scene.tidb.query(&rows("ours")).await.rows, theirs);
    scene.judge("ours").await;
}
