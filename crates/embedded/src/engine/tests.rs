//! What every engine must do.

use std::ops::ControlFlow;

use tempfile::TempDir;

use super::{Batch, Column, Engine, EngineError, FolderEngine, MemoryEngine, Order, Span, View};

const ALL: Span<'static> = Span { start: b"", end: None };

/// One engine of each kind, and the folder that one of them needs.
fn engines() -> (TempDir, Vec<Box<dyn Engine>>) {
    let folder = tempfile::tempdir().unwrap();
    let engines: Vec<Box<dyn Engine>> = vec![
        Box::new(MemoryEngine::default()),
        Box::new(FolderEngine::open(folder.path()).unwrap()),
    ];
    (folder, engines)
}

fn put(engine: &dyn Engine, column: Column, pairs: &[(&str, &str)]) {
    let mut batch = Batch::default();
    for (key, value) in pairs {
        batch.put(column, key.as_bytes().to_vec(), value.as_bytes().to_vec());
    }
    engine.write(batch).unwrap();
}

fn walk(
    view: &dyn View,
    column: Column,
    span: Span<'_>,
    order: Order,
    limit: usize,
) -> Vec<String> {
    let mut found = Vec::new();
    view.visit(column, span, order, &mut |key, value| {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        found.push(format!("{}={}", text(key), text(value)));
        if found.len() < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })
    .unwrap();
    found
}

#[test]
fn a_batch_over_all_columns_is_seen_whole() {
    let (_folder, engines) = engines();
    for engine in engines {
        let mut batch = Batch::default();
        batch.put(Column::Default, b"k".to_vec(), b"1".to_vec());
        batch.put(Column::Lock, b"k".to_vec(), b"2".to_vec());
        batch.put(Column::Write, b"k".to_vec(), b"3".to_vec());
        batch.delete(Column::Lock, b"k".to_vec());
        engine.write(batch).unwrap();
        let view = engine.view().unwrap();
        assert_eq!(view.get(Column::Default, b"k").unwrap().unwrap(), b"1");
        assert_eq!(view.get(Column::Lock, b"k").unwrap(), None);
        assert_eq!(view.get(Column::Write, b"k").unwrap().unwrap(), b"3");
    }
}

#[test]
fn a_view_keeps_showing_what_was_there() {
    let (_folder, engines) = engines();
    for engine in engines {
        put(&*engine, Column::Write, &[("a", "1"), ("b", "1")]);
        let first = engine.view().unwrap();
        put(&*engine, Column::Write, &[("a", "2"), ("c", "2")]);
        let second = engine.view().unwrap();
        let mut batch = Batch::default();
        batch.delete(Column::Write, b"a".to_vec());
        batch.delete(Column::Write, b"b".to_vec());
        engine.write(batch).unwrap();
        put(&*engine, Column::Write, &[("b", "4")]);
        let third = engine.view().unwrap();
        let all = |view: &dyn View| walk(view, Column::Write, ALL, Order::Ascending, 9);
        assert_eq!(all(&*first), ["a=1", "b=1"]);
        assert_eq!(all(&*second), ["a=2", "b=1", "c=2"]);
        assert_eq!(all(&*third), ["b=4", "c=2"]);
        assert_eq!(first.get(Column::Write, b"a").unwrap().unwrap(), b"1");
        assert_eq!(third.get(Column::Write, b"a").unwrap(), None);
    }
}

#[test]
fn walks_go_both_ways_and_stop_when_told() {
    let (_folder, engines) = engines();
    for engine in engines {
        put(&*engine, Column::Lock, &[("a", "1"), ("b", "2"), ("c", "3"), ("d", "4")]);
        let view = engine.view().unwrap();
        let inner = Span { start: b"b", end: Some(b"d") };
        assert_eq!(walk(&*view, Column::Lock, inner, Order::Ascending, 9), ["b=2", "c=3"]);
        assert_eq!(walk(&*view, Column::Lock, inner, Order::Descending, 9), ["c=3", "b=2"]);
        assert_eq!(walk(&*view, Column::Lock, ALL, Order::Descending, 2), ["d=4", "c=3"]);
        assert_eq!(walk(&*view, Column::Write, ALL, Order::Ascending, 2), [""; 0]);
        for (start, end) in [("c", "c"), ("d", "a")] {
            let span = Span { start: start.as_bytes(), end: Some(end.as_bytes()) };
            assert_eq!(walk(&*view, Column::Lock, span, Order::Ascending, 9), [""; 0]);
        }
    }
}

#[test]
fn memory_forgets_what_no_view_shows() {
    let engine = MemoryEngine::default();
    for round in 0..50 {
        let value = round.to_string();
        let view = engine.view().unwrap();
        put(&engine, Column::Write, &[("a", &value), ("b", &value)]);
        drop(view);
        let mut batch = Batch::default();
        batch.delete(Column::Write, b"b".to_vec());
        engine.write(batch).unwrap();
    }
    put(&engine, Column::Write, &[("a", "last")]);
    assert_eq!(engine.versions(), 1);
}

#[test]
fn memory_keeps_only_versions_that_a_view_shows() {
    let engine = MemoryEngine::default();
    put(&engine, Column::Write, &[("a", "0")]);
    let view = engine.view().unwrap();
    for round in 1..20 {
        put(&engine, Column::Write, &[("a", &round.to_string())]);
    }
    assert_eq!(engine.versions(), 2);
    assert_eq!(view.get(Column::Write, b"a").unwrap().unwrap(), b"0");
    drop(view);
    put(&engine, Column::Write, &[("b", "1")]);
    assert_eq!(engine.versions(), 2);
}

#[test]
fn a_folder_keeps_its_contents_and_is_open_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("not/there/yet");
    let engine = FolderEngine::open(&path).unwrap();
    put(&engine, Column::Write, &[("a", "1")]);
    assert!(matches!(FolderEngine::open(&path), Err(EngineError::Folder { .. })));
    drop(engine);
    let view = FolderEngine::open(&path).unwrap().view().unwrap();
    assert_eq!(walk(&*view, Column::Write, ALL, Order::Ascending, 9), ["a=1"]);
}
