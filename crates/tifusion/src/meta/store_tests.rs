use std::sync::atomic::Ordering::SeqCst;

use serde_json::json;
use tifusion_schema::name_info::TableKind;

use super::super::fake::{FakeMeta, database, table, view};
use super::*;
use crate::error::ErrorKind;

fn store(fake: &Arc<FakeMeta>) -> MetaStore {
    MetaStore::new(Arc::clone(fake) as Arc<dyn MetaReader>, None)
}

async fn tables_of(store: &MetaStore, database: &str) -> Vec<String> {
    let view = store.view(Need::Tables(&[database.to_owned()]), None).await.unwrap();
    let Some(database) = view.names.database(database) else { return vec!["none".into()] };
    let tables = database.tables.as_ref().unwrap();
    let mut names: Vec<_> = tables.values().map(|t| format!("{}={}", t.name, t.id)).collect();
    names.sort();
    names
}

async fn assert_as_if_fresh(fake: &Arc<FakeMeta>, kept: &MetaStore) {
    let fresh = store(fake);
    let need = Need::Everything;
    let (fresh, kept) =
        (fresh.view(need, None).await.unwrap(), kept.view(need, None).await.unwrap());
    assert_eq!(kept.names, fresh.names);
}

#[tokio::test]
async fn names_are_found_in_any_case() {
    let fake = FakeMeta::new();
    let store = store(&fake);
    let view = store.view(Need::Tables(&["SHOP".into()]), None).await.unwrap();
    let (database, table) = view.find("shop", "ORDERS").unwrap();
    assert_eq!((&*database.name, &*table.name, table.id), ("Shop", "Orders", 200));
    assert!(view.find("shop", "t").is_none());
    let info = store.table(&view, database.id, table.id).await.unwrap().unwrap();
    assert_eq!(info.name.as_str(), "Orders");
}

#[tokio::test]
async fn only_what_is_asked_for_is_read_and_only_once() {
    let fake = FakeMeta::new();
    let store = store(&fake);
    store.view(Need::Databases, None).await.unwrap();
    assert_eq!(fake.scans.load(SeqCst), 1, "the databases");
    for _ in 0..3 {
        tables_of(&store, "test").await;
    }
    assert_eq!(fake.scans.load(SeqCst), 2, "and the tables of one");
    let (gets, timestamps) = (fake.gets.load(SeqCst), fake.timestamps.load(SeqCst));
    store.view(Need::Tables(&["test".into()]), None).await.unwrap();
    assert_eq!(fake.gets.load(SeqCst) - gets, 1, "a view costs one read when nothing changed");
    assert_eq!(fake.timestamps.load(SeqCst) - timestamps, 1, "and one timestamp");
}

#[tokio::test]
async fn a_schema_that_was_seen_is_looked_at_by_one_read() {
    let fake = FakeMeta::new();
    let store = store(&fake);
    let need = ["test".to_owned()];
    let need = Need::Tables(&need);
    let costs = || {
        [&fake.newest, &fake.gets, &fake.timestamps, &fake.scans].map(|count| count.load(SeqCst))
    };
    assert!(
        store.seen(need, None).is_none()
            && store.view_ahead(need, None, None).await.unwrap().is_none()
    );
    let known = store.view(need, None).await.unwrap();
    let [newest, gets, timestamps, scans] = costs();
    let seen = || {
        let version = store.seen(need, None).unwrap().version();
        store.outlook(version, None)
    };
    let view = store.seen(need, None).unwrap();
    assert_eq!((view.version(), view.ts()), (known.version(), known.ts()));
    assert!(seen().holds().await.unwrap());
    assert_eq!(costs(), [newest + 1, gets, timestamps, scans]);
    let (view, outlook) = store.view_ahead(need, None, None).await.unwrap().unwrap();
    assert!(view.ts() > known.ts() && outlook.holds().await.unwrap());
    assert_eq!(costs(), [newest + 1, gets + 1, timestamps + 1, scans]);
    let asked = store.ask_timestamp(None);
    let (view, outlook) = store.view_ahead(need, None, Some(asked)).await.unwrap().unwrap();
    assert!(view.ts() > known.ts() && outlook.holds().await.unwrap());
    assert_eq!(costs(), [newest + 1, gets + 2, timestamps + 2, scans], "it was asked for once");
    assert!(store.seen(Need::Everything, None).is_none(), "not all names are known");
    assert!(store.view_ahead(Need::Everything, None, None).await.unwrap().is_none());

    // A version that has no diff yet is not reached.
    let version = fake.raise();
    assert!(seen().holds().await.unwrap());
    assert!(store.view_ahead(need, None, None).await.unwrap().unwrap().1.holds().await.unwrap());
    fake.put(meta::table_key(1, 101), &table(101, "New", &[(1, "a", 8)]));
    fake.put_diff(version, json!({"type": 3, "schema_id": 1, "table_id": 101}));
    assert!(!seen().holds().await.unwrap());
    assert!(!store.view_ahead(need, None, None).await.unwrap().unwrap().1.holds().await.unwrap());
    assert_eq!(store.view(need, None).await.unwrap().version(), version);
    assert!(seen().holds().await.unwrap());

    fake.locked.store(true, SeqCst);
    assert!(!seen().holds().await.unwrap(), "nobody knows");
    fake.broken.store(true, SeqCst);
    assert!(seen().holds().await.is_err());
}

#[tokio::test]
async fn a_table_that_is_read_ahead_is_that_of_the_names() {
    let fake = FakeMeta::new();
    let store = store(&fake);
    let need = ["test".to_owned()];
    let need = Need::Tables(&need);
    store.view(need, None).await.unwrap();
    fake.change(json!({"type": 5, "schema_id": 1, "table_id": 100}), |fake| {
        fake.put(meta::table_key(1, 100), &table(100, "t", &[(3, "new", 8)]));
    });
    let ahead = store.view_ahead(need, None, None).await.unwrap().unwrap();
    let seen = store.seen(need, None).unwrap();
    let outlook = store.outlook(seen.version(), None);
    for (view, outlook) in [ahead, (seen, outlook)] {
        let read = store.table(&view, 1, 100).await.unwrap().unwrap();
        assert_eq!(read.columns[1].name.as_str(), "UserId", "whose version it is kept with");
        assert!(!outlook.holds().await.unwrap());
    }
    let next = store.view(need, None).await.unwrap();
    let read = store.table(&next, 1, 100).await.unwrap().unwrap();
    assert_eq!(read.columns[0].name.as_str(), "new");
}

#[tokio::test]
async fn tables_are_kept_until_they_change() {
    let fake = FakeMeta::new();
    let store = store(&fake);
    let need = ["test".to_owned()];
    let view = store.view(Need::Tables(&need), None).await.unwrap();
    let first = store.table(&view, 1, 100).await.unwrap().unwrap();
    let again = store.table(&view, 1, 100).await.unwrap().unwrap();
    assert!(Arc::ptr_eq(&first, &again));

    fake.change(json!({"type": 3, "schema_id": 1, "table_id": 101}), |fake| {
        fake.put(meta::table_key(1, 101), &table(101, "other", &[(1, "a", 8)]));
    });
    let next = store.view(Need::Tables(&need), None).await.unwrap();
    let kept = store.table(&next, 1, 100).await.unwrap().unwrap();
    assert!(Arc::ptr_eq(&first, &kept), "another table's change does not touch it");

    fake.change(json!({"type": 5, "schema_id": 1, "table_id": 100}), |fake| {
        fake.put(meta::table_key(1, 100), &table(100, "t", &[(1, "id", 8), (3, "new", 8)]));
    });
    let next = store.view(Need::Tables(&need), None).await.unwrap();
    let changed = store.table(&next, 1, 100).await.unwrap().unwrap();
    assert_eq!(changed.columns[1].name.as_str(), "new");
    let old = store.table(&view, 1, 100).await.unwrap().unwrap();
    assert_eq!(old.columns[1].name.as_str(), "UserId", "an older view still reads its own");
    let now = store.table(&next, 1, 100).await.unwrap().unwrap();
    assert!(Arc::ptr_eq(&now, &changed), "and does not disturb the newer");
}

#[tokio::test]
async fn every_kind_of_change_leads_to_what_a_fresh_read_finds() {
    let fake = FakeMeta::new();
    let store = store(&fake);
    store.view(Need::Everything, None).await.unwrap();
    let scans = fake.scans.load(SeqCst);

    // Create, drop, truncate, rename within and across databases.
    fake.change(json!({"type": 3, "schema_id": 1, "table_id": 101}), |fake| {
        fake.put(meta::table_key(1, 101), &table(101, "New", &[(1, "a", 8)]));
    });
    assert_as_if_fresh(&fake, &store).await;
    assert_eq!(tables_of(&store, "test").await, ["New=101", "t=100"]);
    fake.change(json!({"type": 4, "schema_id": 1, "table_id": 101}), |fake| {
        fake.delete(meta::table_key(1, 101));
    });
    assert_as_if_fresh(&fake, &store).await;
    fake.change(
        json!({"type": 11, "schema_id": 1, "table_id": 102, "old_table_id": 100}),
        |fake| {
            fake.delete(meta::table_key(1, 100));
            fake.put(meta::table_key(1, 102), &table(102, "t", &[(1, "id", 8)]));
        },
    );
    assert_as_if_fresh(&fake, &store).await;
    assert_eq!(tables_of(&store, "test").await, ["t=102"]);
    fake.change(
        json!({"type": 14, "schema_id": 2, "table_id": 102, "old_table_id": 102, "old_schema_id": 1}),
        |fake| {
            fake.delete(meta::table_key(1, 102));
            fake.put(meta::table_key(2, 102), &table(102, "moved", &[(1, "id", 8)]));
        },
    );
    assert_as_if_fresh(&fake, &store).await;
    assert_eq!(tables_of(&store, "shop").await, ["Orders=200", "moved=102"]);
    fake.change(json!({"type": 21, "schema_id": 1, "table_id": 110}), |fake| {
        fake.put(meta::table_key(1, 110), &view(110, "v"));
    });
    let viewed = store.view(Need::Everything, None).await.unwrap();
    assert_eq!(viewed.find("test", "V").unwrap().1.kind, TableKind::View);
    assert_eq!(fake.scans.load(SeqCst) - scans, 4 * 3, "only the fresh stores scanned");
}

#[tokio::test]
async fn databases_come_and_go() {
    let fake = FakeMeta::new();
    let store = store(&fake);
    store.view(Need::Everything, None).await.unwrap();
    fake.change(json!({"type": 1, "schema_id": 3}), |fake| {
        fake.put(meta::database_key(3), &database(3, "New"));
    });
    assert_eq!(tables_of(&store, "new").await, Vec::<String>::new());
    assert_as_if_fresh(&fake, &store).await;
    fake.change(json!({"type": 2, "schema_id": 2}), |fake| {
        fake.delete(meta::database_key(2));
        fake.delete(meta::table_key(2, 200));
    });
    assert_eq!(tables_of(&store, "shop").await, ["none"]);
    assert_as_if_fresh(&fake, &store).await;
}

#[tokio::test]
async fn what_is_not_public_is_not_there() {
    let fake = FakeMeta::new();
    let mut half = table(120, "half", &[(1, "a", 8)]);
    half["state"] = json!(2);
    fake.put(meta::table_key(1, 120), &half);
    let mut gone = database(9, "gone");
    gone["state"] = json!(1);
    fake.put(meta::database_key(9), &gone);
    let view = store(&fake).view(Need::Everything, None).await.unwrap();
    assert!(view.find("test", "half").is_none());
    assert!(view.names.database("gone").is_none());
}

#[tokio::test]
async fn a_version_without_its_diff_is_not_reached_yet() {
    let fake = FakeMeta::new();
    let store = store(&fake);
    let need = ["test".to_owned()];
    let before = store.view(Need::Tables(&need), None).await.unwrap();
    let version = fake.raise();
    let during = store.view(Need::Tables(&need), None).await.unwrap();
    assert_eq!(during.version(), before.version(), "the change has not committed");
    fake.put(meta::table_key(1, 101), &table(101, "late", &[(1, "a", 8)]));
    fake.put_diff(version, json!({"type": 3, "schema_id": 1, "table_id": 101}));
    let after = store.view(Need::Tables(&need), None).await.unwrap();
    assert_eq!(after.version(), version);
    assert!(after.find("test", "late").is_some());
}

#[tokio::test]
async fn failed_changes_leave_versions_without_diffs_behind() {
    let fake = FakeMeta::new();
    let store = store(&fake);
    store.view(Need::Everything, None).await.unwrap();
    let scans = fake.scans.load(SeqCst);
    fake.raise();
    fake.raise();
    fake.change(json!({"type": 3, "schema_id": 1, "table_id": 101}), |fake| {
        fake.put(meta::table_key(1, 101), &table(101, "new", &[(1, "a", 8)]));
    });
    assert_eq!(tables_of(&store, "test").await, ["new=101", "t=100"]);
    assert_eq!(fake.scans.load(SeqCst), scans, "no reason to read everything anew");
}

#[tokio::test]
async fn unknown_changes_and_long_gaps_are_read_anew() {
    for diff in [
        json!({"type": 250, "schema_id": 1, "table_id": 5}),
        json!({"type": 62, "schema_id": -1}),
        json!({"type": 3, "schema_id": 1, "table_id": 101, "regenerate_schema_map": true}),
    ] {
        let fake = FakeMeta::new();
        let store = store(&fake);
        store.view(Need::Everything, None).await.unwrap();
        fake.change(diff, |fake| {
            fake.put(meta::table_key(2, 300), &table(300, "surprise", &[(1, "a", 8)]));
        });
        assert_eq!(tables_of(&store, "shop").await, ["Orders=200", "surprise=300"]);
    }
    let fake = FakeMeta::new();
    let store = store(&fake);
    store.view(Need::Everything, None).await.unwrap();
    fake.put(meta::table_key(2, 300), &table(300, "surprise", &[(1, "a", 8)]));
    fake.put_text(meta::schema_version_key(), "100000");
    fake.put_diff(100_000, json!({"type": 3, "schema_id": 1, "table_id": 100}));
    assert_eq!(tables_of(&store, "shop").await, ["Orders=200", "surprise=300"]);
}

#[tokio::test]
async fn a_cluster_without_tidb_says_so() {
    let error = store(&Arc::default()).view(Need::Databases, None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("no TiDB schema"), "{error}");
}

#[tokio::test]
async fn malformed_metadata_is_an_error() {
    for key in [meta::schema_version_key(), meta::database_key(1), meta::table_key(1, 100)] {
        let fake = FakeMeta::new();
        fake.put_text(key, "{not json");
        let error = store(&fake).view(Need::Everything, None).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Data, "{error}");
    }
}

#[tokio::test]
async fn a_crowd_reads_names_once() {
    let fake = FakeMeta::new();
    let store = Arc::new(store(&fake));
    let views = (0..50).map(|_| {
        let store = Arc::clone(&store);
        tokio::spawn(async move { tables_of(&store, "shop").await })
    });
    for names in futures::future::join_all(views).await {
        assert_eq!(names.unwrap(), ["Orders=200"]);
    }
    assert_eq!(fake.scans.load(SeqCst), 2);
}

#[tokio::test]
async fn names_on_disk_spare_the_next_process_their_reading() {
    let folder = tempfile::tempdir().unwrap();
    let fake = FakeMeta::new();
    let with_disk = || {
        let disk = DiskCache::new(folder.path(), 7);
        MetaStore::new(Arc::clone(&fake) as Arc<dyn MetaReader>, Some(disk))
    };
    let first = with_disk();
    first.view(Need::Everything, None).await.unwrap();
    assert_eq!(fake.scans.swap(0, SeqCst), 3);

    fake.change(json!({"type": 3, "schema_id": 1, "table_id": 101}), |fake| {
        fake.put(meta::table_key(1, 101), &table(101, "new", &[(1, "a", 8)]));
    });
    let second = with_disk();
    assert_eq!(tables_of(&second, "test").await, ["new=101", "t=100"]);
    assert_eq!(fake.scans.load(SeqCst), 0, "names came from disk, and what changed from a diff");
    let third = with_disk();
    assert_eq!(tables_of(&third, "test").await, ["new=101", "t=100"]);
    assert_as_if_fresh(&fake, &third).await;
}

#[tokio::test]
async fn names_on_disk_of_a_future_version_are_read_anew() {
    let folder = tempfile::tempdir().unwrap();
    let disk = DiskCache::new(folder.path(), 7);
    disk.save(&Names::new(
        99,
        [Database { id: 1, name: "test".into(), tables: Some(Arc::default()) }],
    ));
    let fake = FakeMeta::new();
    let store = MetaStore::new(Arc::clone(&fake) as Arc<dyn MetaReader>, Some(disk));
    assert_eq!(tables_of(&store, "test").await, ["t=100"]);
}

#[tokio::test]
async fn an_error_leaves_what_was_known() {
    let fake = FakeMeta::new();
    let store = store(&fake);
    store.view(Need::Everything, None).await.unwrap();
    fake.broken.store(true, SeqCst);
    assert_eq!(
        store.view(Need::Everything, None).await.unwrap_err().kind(),
        ErrorKind::Unavailable
    );
    fake.broken.store(false, SeqCst);
    assert_eq!(tables_of(&store, "test").await, ["t=100"]);
}
