//! Grants by statements: each is allowed, denied, or names what is not there, as TiDB has it for the same user.

use mysql_async::Error as TidbError;
use tifusion::{Error, ErrorKind};

use super::{Scene, User};

/// A user's name, and the statements that make its grants.
const GRANTS: &[(&str, &[&str])] = &[
    ("none", &[]),
    ("all_read", &["GRANT SELECT ON *.* TO $user"]),
    ("database_a", &["GRANT SELECT ON $a.* TO $user"]),
    ("database_b", &["GRANT SELECT ON $b.* TO $user"]),
    ("both", &["GRANT SELECT ON $a.* TO $user", "GRANT SELECT ON $b.* TO $user"]),
    ("table", &["GRANT SELECT ON $a.t TO $user"]),
    (
        "views",
        &[
            "GRANT SELECT ON $a.definers TO $user",
            "GRANT SELECT ON $a.invokers TO $user",
            "GRANT SELECT ON $a.invokers_of_definers TO $user",
            "GRANT SELECT ON $a.definers_of_invokers TO $user",
        ],
    ),
    ("outer_view", &["GRANT SELECT ON $a.invokers_of_definers TO $user"]),
    ("shown_views", &["GRANT SELECT, SHOW VIEW ON $a.* TO $user"]),
    ("view_texts", &["GRANT SHOW VIEW ON $a.* TO $user"]),
    ("insert", &["GRANT INSERT ON $a.t TO $user"]),
    ("replace", &["GRANT INSERT, DELETE ON $a.* TO $user"]),
    ("update", &["GRANT UPDATE ON $a.t TO $user"]),
    ("read_update", &["GRANT SELECT, UPDATE ON $a.t TO $user"]),
    ("read_delete", &["GRANT SELECT, DELETE ON $a.* TO $user"]),
    ("copy", &["GRANT INSERT ON $a.u TO $user", "GRANT SELECT ON $b.t TO $user"]),
    ("escaped", &["GRANT SELECT ON `authz\\_matrix\\_%`.* TO $user"]),
    ("wildcard", &["GRANT SELECT ON `authz_matrix__`.* TO $user"]),
    ("percent", &["GRANT SELECT ON `%matrix_a`.* TO $user"]),
    (
        "overlapping",
        &["GRANT SELECT ON `authz%`.* TO $user", "GRANT INSERT ON `authz_matrix_a`.* TO $user"],
    ),
    ("all_of_a", &["GRANT ALL PRIVILEGES ON $a.* TO $user"]),
    ("all", &["GRANT ALL PRIVILEGES ON *.* TO $user WITH GRANT OPTION"]),
    ("to_grant", &["GRANT USAGE ON $a.* TO $user WITH GRANT OPTION"]),
    ("schema", &["GRANT CREATE, DROP, INDEX, ALTER ON $a.* TO $user"]),
    ("process", &["GRANT PROCESS ON *.* TO $user"]),
    ("dynamic", &["GRANT BACKUP_ADMIN, SYSTEM_VARIABLES_ADMIN ON *.* TO $user"]),
    ("upper_case", &["GRANT SELECT ON `AUTHZ_MATRIX_A`.`T` TO $user"]),
    ("revoked", &["GRANT SELECT, INSERT ON $a.* TO $user", "REVOKE SELECT ON $a.* FROM $user"]),
    (
        "role",
        &[
            "CREATE ROLE IF NOT EXISTS authz_inner",
            "CREATE ROLE IF NOT EXISTS authz_outer",
            "GRANT SELECT ON $a.* TO authz_outer",
            "GRANT SELECT ON $b.t TO authz_inner",
            "GRANT authz_inner TO authz_outer",
            "GRANT authz_outer TO $user",
            "SET DEFAULT ROLE authz_outer TO $user",
        ],
    ),
    (
        "idle_role",
        &[
            "CREATE ROLE IF NOT EXISTS authz_idle",
            "GRANT SELECT ON $a.* TO authz_idle",
            "GRANT authz_idle TO $user",
        ],
    ),
    (
        "role_and_own",
        &[
            "CREATE ROLE IF NOT EXISTS authz_writer",
            "GRANT INSERT, UPDATE ON $a.* TO authz_writer",
            "GRANT authz_writer TO $user",
            "SET DEFAULT ROLE ALL TO $user",
            "GRANT SELECT ON $a.t TO $user",
        ],
    ),
    ("column", &["GRANT SELECT (id) ON $a.t TO $user"]),
    ("columns", &["GRANT SELECT (id, v, w), INSERT (id, v), UPDATE (v) ON $a.t TO $user"]),
];

const STATEMENTS: &[&str] = &[
    "SELECT * FROM $a.t",
    "SELECT COUNT(*) FROM $a.t",
    "SELECT id FROM $a.t WHERE v > 1",
    "SELECT v FROM $a.t WHERE w = 'x'",
    "SELECT id FROM $a.t WHERE 1 = 0",
    "SELECT id FROM $a.t LIMIT 0",
    "SELECT a.id FROM $a.t a JOIN $b.t b ON a.id = b.id",
    "SELECT id FROM $a.t WHERE id IN (SELECT id FROM $b.t)",
    "WITH c AS (SELECT id FROM $b.t) SELECT id FROM c",
    "SELECT id FROM $a.u UNION ALL SELECT id FROM $b.t",
    "SELECT (SELECT MAX(v) FROM $b.t) AS most",
    "SELECT * FROM $a.p PARTITION (p0)",
    "SELECT * FROM $a.definers",
    "SELECT * FROM $a.invokers",
    "SELECT * FROM $a.invokers_of_definers",
    "SELECT * FROM $a.definers_of_invokers",
    "SELECT * FROM $a.words",
    "SELECT d.id, i.v FROM $a.definers_of_invokers d, $a.invokers i",
    "SELECT d.id, i.v FROM $a.definers d, $a.invokers_of_definers o, $a.invokers i",
    "SELECT o.id, d.v FROM $a.invokers_of_definers o, $a.definers d",
    "SELECT i.id FROM $a.definers_of_invokers i",
    "SELECT COUNT(*) FROM $a.definers d JOIN $a.t t ON t.id = d.id",
    "EXPLAIN SELECT * FROM $a.t",
    "EXPLAIN ANALYZE SELECT id FROM $a.t",
    "EXPLAIN SELECT id FROM $a.t WHERE 1 = 0",
    "EXPLAIN SELECT * FROM $a.invokers",
    "EXPLAIN SELECT * FROM $a.definers",
    "EXPLAIN SELECT * FROM $a.invokers_of_definers",
    "INSERT INTO $a.t (id, v) VALUES ($n, 1)",
    "INSERT INTO $a.u SELECT id + $n, v FROM $b.t WHERE id = 1",
    "EXPLAIN INSERT INTO $a.t (id, v) VALUES ($n, 1)",
    "REPLACE INTO $a.t (id, v) VALUES ($n, 1)",
    "UPDATE $a.t SET v = 7 WHERE id = 1",
    "UPDATE $a.t SET v = v + 1 WHERE v < 1",
    "UPDATE $a.t SET v = 7 WHERE id IN (SELECT id FROM $b.t)",
    "DELETE FROM $a.t WHERE id = $n",
    "DELETE FROM $a.t WHERE v IN (SELECT v FROM $b.t)",
    "SHOW COLUMNS FROM $a.t",
    "DESCRIBE $b.t",
    "SHOW INDEX FROM $a.t",
    "SHOW CREATE TABLE $a.t",
    "SHOW CREATE TABLE $a.invokers",
    "SHOW CREATE VIEW $a.invokers",
    "SHOW TABLES FROM $a",
    "SHOW TABLES FROM $b",
    "SELECT * FROM $a.nowhere",
    "SELECT * FROM authz_nowhere.t",
    "INSERT INTO $a.nowhere VALUES (1)",
    "CREATE TABLE $a.made$n (id INT)",
    "ALTER TABLE $a.u COMMENT = 'c$n'",
    "USE $a",
];

#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Allowed,
    Denied,
    /// What it names is not there, which the user may know.
    Absent,
}

async fn theirs(user: &mut User, statement: &str) -> (Outcome, String) {
    match user.tidb.try_query(statement).await {
        Ok(_) => (Outcome::Allowed, String::new()),
        Err(error) => {
            let TidbError::Server(told) = &error else { panic!("{error}\n{statement}") };
            let outcome = match told.code {
                1044 | 1142 | 1143 | 1227 | 1345 | 1356 | 8121 => Outcome::Denied,
                1049 | 1146 => Outcome::Absent,
                _ => panic!("{}: {error}\n{statement}", user.name),
            };
            (outcome, error.to_string())
        }
    }
}

fn judged(result: Result<(), Error>, who: &str, statement: &str) -> (Outcome, String) {
    match result {
        Ok(()) => (Outcome::Allowed, String::new()),
        Err(error) => {
            let outcome = match error.kind() {
                ErrorKind::Security => Outcome::Denied,
                ErrorKind::NotFound => Outcome::Absent,
                _ => panic!("{who}: {error}\n{statement}"),
            };
            (outcome, error.to_string())
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_statement_is_decided_as_tidb_decides_it() {
    let Some(mut scene) = Scene::of("authz_matrix").await else { return };
    scene.run(&["CREATE VIEW $a.words AS SELECT 1 AS id, 'secret' AS word"]).await;
    let (mut cases, mut denied, mut wrong) = (0, 0, Vec::new());
    for (name, grants) in GRANTS {
        let mut user = scene.user(name, grants, &[]).await;
        for statement in STATEMENTS {
            let (one, other) = (scene.named(statement), scene.named(statement));
            let (expected, said) = theirs(&mut user, &one).await;
            let ours = user.ours.try_query(&other).await.map(drop);
            let (found, told) = judged(ours, name, &other);
            cases += 1;
            denied += usize::from(expected == Outcome::Denied);
            if expected != found {
                wrong.push(format!(
                    "{name}: {other}\n  TiDB: {expected:?} {said}\n  ours: {found:?} {told}"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {cases} cases:\n{}", wrong.len(), wrong.join("\n"));
    assert!(cases >= 1000 && denied >= 400 && cases - denied >= 400, "{denied} of {cases} denied");
    scene.run(&["DROP ROLE authz_inner, authz_outer, authz_idle, authz_writer"]).await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_past_is_read_by_the_rights_of_now() {
    let Some(mut scene) = Scene::of("authz_past").await else { return };
    let mut user = scene
        .user("was", &["GRANT SELECT ON $a.* TO $user"], &[("sql.auth.refresh_interval", "0")])
        .await;
    let at = scene.root.query("SELECT CAST(NOW(6) AS CHAR)").await.rows[0][0].plain();
    let statement = scene.named(&format!("SELECT id FROM $a.t AS OF TIMESTAMP '{at}'"));
    // A time that is not over is none to read at.
    let mut tries = 0;
    while user.tidb.try_query(&statement).await.is_err() {
        tries += 1;
        assert!(tries < 600, "TiDB never comes to {at}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    user.ours.query(&statement).await;
    let revoke = scene.named(&format!("REVOKE SELECT ON $a.* FROM '{}'", user.name));
    scene.root.run([revoke]).await;
    assert_eq!(theirs(&mut user, &statement).await.0, Outcome::Denied);
    let ours = user.ours.try_query(&statement).await.map(drop);
    assert_eq!(judged(ours, "was", &statement).0, Outcome::Denied);
    scene.end().await;
}
