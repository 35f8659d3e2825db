//! What a read sees of a table in each state of a schema change.
//!
//! `data/states.txt` has, for each statement run on a real TiDB, the table's metadata at every
//! schema version the statement went through, the one before it first.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use tifusion_schema::model::SchemaState;
use tifusion_schema::readable::NotReadableReason;
use tifusion_schema::{HandleKind, TableInfo};

fn states(statement: &str) -> Vec<TableInfo> {
    let text = include_str!("data/states.txt");
    let section = text.split("# ").find(|section| section.starts_with(statement)).unwrap();
    let json = section.lines().skip(1);
    let states: Vec<_> = json.map(|line| TableInfo::from_json(line.as_bytes()).unwrap()).collect();
    assert!(states.len() > 1, "{statement}");
    for table in &states {
        assert!(table.unknown_fields().is_empty(), "{statement}: {:?}", table.unknown_fields());
        table.check_consistent().unwrap();
    }
    states
}

/// Names of the columns a read sees, state by state.
fn columns(statement: &str) -> Vec<String> {
    let names = |table: &TableInfo| {
        let names: Vec<_> = table.public_columns().iter().map(|c| c.name.to_string()).collect();
        names.join(" ")
    };
    states(statement).iter().map(names).collect()
}

/// Whether a read may go by the index, state by state.
fn index_readable(statement: &str, index: &str) -> Vec<bool> {
    let readable = |table: &TableInfo| table.find_index(index).is_some_and(|i| i.is_readable());
    states(statement).iter().map(readable).collect()
}

/// Names of the partitions a read goes to, state by state; the ids agree with them.
fn partitions(statement: &str) -> Vec<String> {
    let names = |table: &TableInfo| {
        let Some(partition) = table.partition_info() else {
            assert_eq!(table.physical_ids(), [table.id]);
            return "the table".to_owned();
        };
        let readable: Vec<_> = partition.readable_definitions().collect();
        assert_eq!(table.physical_ids(), readable.iter().map(|d| d.id).collect::<Vec<_>>());
        readable.iter().map(|d| d.name.to_string()).collect::<Vec<_>>().join(" ")
    };
    states(statement).iter().map(names).collect()
}

#[test]
fn an_added_column_appears_when_it_is_public_in_its_place() {
    assert_eq!(columns("ALTER TABLE t ADD COLUMN"), ["id v", "id v", "id v", "id v", "id w v"]);
}

#[test]
fn a_dropped_column_is_gone_at_the_first_step() {
    assert_eq!(columns("ALTER TABLE t DROP COLUMN"), ["id w v", "id v", "id v", "id v", "id v"]);
}

#[test]
fn a_column_changing_its_type_keeps_the_old_one_until_the_end() {
    let statement = "ALTER TABLE t MODIFY COLUMN v";
    assert_eq!(columns(statement), ["id v"; 4]);
    let states = states(statement);
    assert!(states[1].columns.iter().any(|column| column.change_state.is_some()));
    assert!(states.iter().all(|table| table.find_column("v").unwrap().field_type.tp == 3));
}

#[test]
fn the_hidden_column_of_an_expression_index_is_never_seen() {
    assert_eq!(columns("ALTER TABLE t ADD INDEX ke"), ["id v"; 5]);
}

#[test]
fn an_index_is_read_only_while_public() {
    assert_eq!(index_readable("ALTER TABLE t ADD UNIQUE INDEX", "kv"), [false; 4]);
    assert_eq!(
        index_readable("ALTER TABLE t ADD INDEX ke", "ke"),
        [false, false, false, false, true]
    );
    assert_eq!(index_readable("ALTER TABLE t DROP INDEX", "kv"), [true, false, false, false]);
}

#[test]
fn an_index_on_its_way_is_no_primary_key() {
    for table in states("ALTER TABLE t ADD UNIQUE INDEX") {
        assert!(matches!(table.handle().unwrap(), HandleKind::Int(_)));
        assert!(table.primary_index().is_none());
    }
}

#[test]
fn an_added_partition_is_not_read_before_it_is_public() {
    assert_eq!(partitions("ALTER TABLE p ADD PARTITION"), ["p0 p1 p2", "p0 p1 p2"]);
}

#[test]
fn a_dropped_partition_is_not_read_from_the_first_step_on() {
    assert_eq!(partitions("ALTER TABLE p DROP"), ["p0 p1 p2 p3", "p2 p3", "p2 p3", "p2 p3"]);
    assert_eq!(partitions("ALTER TABLE l DROP"), ["p0 p1 pd", "p1 pd", "p1 pd", "p1 pd"]);
}

#[test]
fn a_truncated_partition_gets_its_new_id_at_the_second_step() {
    let statement = "ALTER TABLE p TRUNCATE";
    assert_eq!(partitions(statement), ["p2 p3"; 4]);
    let states = states(statement);
    let ids: Vec<_> = states.iter().map(|table| table.physical_ids()[0]).collect();
    assert_eq!(ids[0], ids[1]);
    assert_ne!(ids[1], ids[2]);
    assert_eq!(ids[2], ids[3]);
    let ignored = |at: usize| states[at].partition_info().unwrap().ids_to_ignore_in_global_index();
    assert!(ignored(0).is_empty());
    assert_eq!(ignored(1), [ids[2]]);
    assert_eq!(ignored(2), [ids[0]]);
    assert_eq!(ignored(3), [ids[0]]);
}

#[test]
fn reorganized_partitions_are_swapped_when_their_rows_are_copied() {
    let statement = "ALTER TABLE p REORGANIZE";
    let before = "p2 p3";
    assert_eq!(partitions(statement), [before, before, before, before, "p23", "p23", "p23"]);
    let changing: Vec<_> =
        states(statement).iter().map(|t| t.partition_info().unwrap().is_changing()).collect();
    assert_eq!(changing, [false, true, true, true, true, true, false]);
}

#[test]
fn a_table_losing_or_gaining_partitions_is_read_where_its_rows_are() {
    assert_eq!(
        partitions("ALTER TABLE p REMOVE"),
        ["p23", "p23", "p23", "p23", "CollapsedPartitions", "CollapsedPartitions"]
    );
    let statement = "ALTER TABLE p PARTITION BY";
    assert_eq!(
        partitions(statement),
        ["the table", "pFullTable", "pFullTable", "pFullTable", "p0 p1", "p0 p1"]
    );
    let states = states(statement);
    assert_eq!(states[1].physical_ids(), [states[1].id]);
}

#[test]
fn a_table_being_dropped_is_not_read() {
    let reasons: Vec<_> = states("DROP TABLE t")
        .iter()
        .map(|table| table.check_readable().err().map(|error| error.reason))
        .collect();
    assert_eq!(
        reasons,
        [
            None,
            Some(NotReadableReason::NotPublic { state: SchemaState::WriteOnly }),
            Some(NotReadableReason::NotPublic { state: SchemaState::DeleteOnly }),
        ]
    );
}
