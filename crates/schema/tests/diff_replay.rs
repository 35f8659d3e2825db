//! A cache of names and tables that goes by recorded schema changes alone stays right.
//!
//! `data/diffs.txt` has, for each statement run on a real TiDB, the changes it wrote (JSON) and then
//! what the store held (`= database table name checksum`, table 0 for the database itself).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeMap;

use tifusion_schema::{Change, SchemaDiff};

/// Name and checksum by database and table.
type Catalog = BTreeMap<(i64, i64), (String, String)>;

struct Step {
    statement: String,
    changes: Vec<Change>,
    after: Catalog,
}

fn steps() -> Vec<Step> {
    let text = include_str!("data/diffs.txt");
    text.split("# ").skip(1).map(step).collect()
}

fn step(text: &str) -> Step {
    let mut lines = text.lines();
    let statement = lines.next().unwrap().to_owned();
    let (mut changes, mut after) = (Vec::new(), Catalog::new());
    for line in lines {
        if let Some(entry) = line.strip_prefix("= ") {
            let parts: Vec<_> = entry.split(' ').collect();
            let [database, table, name, checksum] = parts[..] else { panic!("{line}") };
            let key = (database.parse().unwrap(), table.parse().unwrap());
            after.insert(key, (name.to_owned(), checksum.to_owned()));
        } else {
            let diff = SchemaDiff::from_json(line.as_bytes()).unwrap();
            assert!(diff.unknown_fields.is_empty(), "{line}");
            changes.extend(diff.changes());
        }
    }
    assert!(!changes.is_empty() || statement.contains("POLICY"), "{statement}");
    Step { statement, changes, after }
}

/// Forgets what a change names and reads it again.
fn apply(cache: &mut Catalog, change: &Change, store: &Catalog) {
    let mut reread = |database: i64, table: Option<i64>| {
        let is_it = |key: &(i64, i64)| key.0 == database && table.is_none_or(|id| key.1 == id);
        cache.retain(|key, _| !is_it(key));
        cache.extend(store.iter().filter(|(key, _)| is_it(key)).map(|(k, v)| (*k, v.clone())));
    };
    match change {
        Change::Database(id) => reread(*id, None),
        Change::Table(table) => {
            reread(table.old_database_id, Some(table.old_table_id));
            reread(table.database_id, Some(table.table_id));
        }
        Change::Everything => panic!("no recorded change needs everything read"),
    }
}

#[test]
fn a_cache_that_goes_by_the_changes_holds_what_the_store_holds() {
    let steps = steps();
    assert!(steps.len() > 30);
    let mut cache = Catalog::new();
    for step in &steps {
        for change in &step.changes {
            apply(&mut cache, change, &step.after);
        }
        assert_eq!(cache, step.after, "after {}", step.statement);
    }
}

#[test]
fn a_cache_that_sleeps_through_several_statements_catches_up() {
    let steps = steps();
    for stride in [2, 3, 7, steps.len()] {
        let mut cache = Catalog::new();
        for chunk in steps.chunks(stride) {
            let now = &chunk.last().unwrap().after;
            for change in chunk.iter().flat_map(|step| &step.changes) {
                apply(&mut cache, change, now);
            }
            assert_eq!(&cache, now, "by {stride}");
        }
    }
}
