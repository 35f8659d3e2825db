//! Names are seen by those who see them in TiDB.

use std::collections::BTreeSet;

use datafusion::catalog::CatalogProvider as _;

use super::{Scene, User, refused};

const GRANTS: &[(&str, &[&str])] = &[
    ("none", &[]),
    ("all", &["GRANT SELECT ON *.* TO $user"]),
    ("databases", &["GRANT SHOW DATABASES ON *.* TO $user"]),
    ("process", &["GRANT PROCESS ON *.* TO $user"]),
    ("database", &["GRANT SELECT ON $a.* TO $user"]),
    ("table", &["GRANT SELECT ON $a.t TO $user"]),
    ("several", &["GRANT INSERT ON $a.u TO $user", "GRANT DROP ON $b.t TO $user"]),
    ("view", &["GRANT SHOW VIEW ON $a.definers TO $user"]),
    ("pattern", &["GRANT SELECT ON `authz\\_list\\__`.* TO $user"]),
    ("to_grant", &["GRANT USAGE ON $a.t TO $user WITH GRANT OPTION"]),
    ("temporary", &["GRANT CREATE TEMPORARY TABLES ON $a.* TO $user"]),
    ("column", &["GRANT SELECT (id) ON $a.t TO $user"]),
    (
        "role",
        &[
            "CREATE ROLE IF NOT EXISTS authz_lister",
            "GRANT SELECT ON $b.t TO authz_lister",
            "GRANT authz_lister TO $user",
            "SET DEFAULT ROLE authz_lister TO $user",
        ],
    ),
];

/// The first cells of the rows.
fn names(rows: Vec<Vec<tifusion_testkit::cell::Cell>>) -> BTreeSet<String> {
    rows.iter().map(|row| row[0].plain()).collect()
}

/// Other tests make databases beside these.
fn ours(all: BTreeSet<String>) -> BTreeSet<String> {
    let known = |name: &String| name.starts_with("authz_list_") || name == "mysql";
    all.into_iter().filter(known).collect()
}

async fn compare(scene: &Scene, user: &mut User, wrong: &mut Vec<String>) {
    let mut differ = |what: &str, theirs: &BTreeSet<String>, found: &BTreeSet<String>| {
        if theirs != found {
            wrong.push(format!("{} {what}:\n  TiDB: {theirs:?}\n  ours: {found:?}", user.name));
        }
    };
    let databases = ours(names(user.tidb.query("SHOW DATABASES").await.rows));
    let found = ours(names(user.ours.query("SHOW DATABASES").await.rows));
    differ("SHOW DATABASES", &databases, &found);
    let catalog = user.ours.context().catalog();
    differ("schema_names", &databases, &ours(catalog.schema_names().into_iter().collect()));
    // By these TiDB's information_schema has tables that its SHOW TABLES does not list.
    let is_lax = ["_process", "_temporary"].iter().any(|name| user.name.ends_with(name));
    for database in ["$a", "$b"] {
        let database = scene.named(database);
        let show = format!("SHOW TABLES FROM {database}");
        let theirs = user.tidb.try_query(&show).await.map(|rows| names(rows.rows));
        let found = user.ours.try_query(&show).await.map(|rows| names(rows.rows));
        let schema = catalog.schema(&database).unwrap();
        match (theirs, found) {
            (Ok(theirs), Ok(found)) => {
                differ(&show, &theirs, &found);
                differ("table_names", &theirs, &schema.table_names().into_iter().collect());
            }
            (Err(theirs), Err(found)) => {
                assert!(theirs.to_string().contains("1044"), "{theirs}");
                assert_eq!(refused(&found).code(), 1044);
                assert!(schema.table_names().is_empty());
            }
            (theirs, found) => panic!("{} {show}: {theirs:?} {found:?}", user.name),
        }
        for what in [
            "table_name FROM information_schema.tables",
            "table_name FROM information_schema.columns",
        ] {
            let query = format!("SELECT DISTINCT {what} WHERE table_schema = '{database}'");
            let theirs = names(user.tidb.query(&query).await.rows);
            let found = names(user.ours.query(&query).await.rows);
            match is_lax {
                true => assert!(found.is_subset(&theirs), "{found:?} {theirs:?}"),
                false => differ(&query, &theirs, &found),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_listed_as_tidb_lists_them() {
    let Some(mut scene) = Scene::of("authz_list").await else { return };
    let mut wrong = Vec::new();
    for (name, grants) in GRANTS {
        let mut user = scene.user(name, grants, &[]).await;
        compare(&scene, &mut user, &mut wrong).await;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    scene.run(&["DROP ROLE authz_lister"]).await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_with_a_prefix_are_those_of_tidb_without_it() {
    let Some(mut scene) = Scene::of("authz_prefix").await else { return };
    let grants = ["GRANT SELECT ON $a.t TO $user"];
    let user = scene.user("app", &grants, &[("db_prefix", "tidb_")]).await;
    let (a, b) = (scene.named("tidb_$a"), scene.named("tidb_$b"));
    let listed = names(user.ours.query("SHOW DATABASES").await.rows);
    assert_eq!(listed, BTreeSet::from([a.clone()]));
    assert_eq!(user.ours.query(&format!("SELECT id FROM {a}.t")).await.rows.len(), 2);
    for table in [format!("{a}.u"), format!("{b}.t")] {
        let error = user.ours.try_query(&format!("SELECT id FROM {table}")).await.unwrap_err();
        assert_eq!(refused(&error).code(), 1142);
    }
    scene.end().await;
}
