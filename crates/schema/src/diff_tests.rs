use super::*;

fn changes(json: &str) -> Vec<Change> {
    SchemaDiff::from_json(json.as_bytes()).unwrap().changes()
}

fn table(database_id: i64, table_id: i64) -> Change {
    Change::Table(TableChange::in_place(database_id, table_id))
}

fn moved(old: (i64, i64), new: (i64, i64)) -> Change {
    Change::Table(TableChange {
        database_id: new.0,
        table_id: new.1,
        old_database_id: old.0,
        old_table_id: old.1,
    })
}

#[test]
fn a_new_or_dropped_database_is_looked_at_whole() {
    for action in [1, 2, 26, 55, 63, 76] {
        let json = format!(
            r#"{{"version":52,"type":{action},"schema_id":100,"table_id":0,"old_table_id":0,
            "old_schema_id":0,"regenerate_schema_map":false,"affected_options":null}}"#
        );
        assert_eq!(changes(&json), [Change::Database(100)], "action {action}");
    }
}

#[test]
fn a_change_in_place_touches_its_table() {
    for action in [3, 4, 5, 6, 7, 8, 12, 15, 17, 19, 21, 24, 27, 34, 37, 57, 61, 64, 65, 73, 75] {
        let json = format!(r#"{{"version":53,"type":{action},"schema_id":2,"table_id":104}}"#);
        assert_eq!(changes(&json), [table(2, 104)], "action {action}");
    }
}

#[test]
fn truncate_gives_a_new_id() {
    let json = r#"{"version":54,"type":11,"schema_id":2,"table_id":120,"old_table_id":104,
        "affected_options":[{"schema_id":0,"table_id":121,"old_table_id":105,"old_schema_id":0}]}"#;
    assert_eq!(changes(json), [moved((2, 104), (2, 120))]);
}

#[test]
fn a_rename_into_another_database_says_where_from() {
    let json = r#"{"version":55,"type":14,"schema_id":7,"table_id":104,"old_schema_id":2}"#;
    assert_eq!(changes(json), [moved((2, 104), (7, 104))]);
}

#[test]
fn renaming_several_tables_names_the_first_apart() {
    let json = r#"{"version":56,"type":47,"schema_id":7,"table_id":104,"old_schema_id":2,
        "affected_options":[{"schema_id":2,"table_id":106,"old_table_id":106,"old_schema_id":7}]}"#;
    assert_eq!(changes(json), [moved((2, 104), (7, 104)), moved((7, 106), (2, 106))]);
}

#[test]
fn many_tables_made_at_once_are_all_named() {
    let json = r#"{"version":57,"type":60,"schema_id":2,"affected_options":[
        {"schema_id":2,"table_id":110,"old_table_id":110,"old_schema_id":2},
        {"schema_id":2,"table_id":111,"old_table_id":111,"old_schema_id":2}]}"#;
    assert_eq!(changes(json), [table(2, 110), table(2, 111)]);
}

#[test]
fn a_drop_with_partitions_does_not_take_them_for_tables() {
    let json = r#"{"version":58,"type":4,"schema_id":2,"table_id":104,"affected_options":[
        {"schema_id":0,"table_id":105,"old_table_id":105,"old_schema_id":0}]}"#;
    assert_eq!(changes(json), [table(2, 104)]);
}

#[test]
fn the_parent_of_a_new_foreign_key_is_touched_too() {
    let json = r#"{"version":59,"type":9,"schema_id":2,"table_id":104,"affected_options":[
        {"schema_id":3,"table_id":90,"old_table_id":90,"old_schema_id":3}]}"#;
    assert_eq!(changes(json), [table(2, 104), table(3, 90)]);
}

#[test]
fn a_running_exchange_notes_both_tables() {
    let json = r#"{"version":60,"type":42,"schema_id":2,"table_id":104,"old_table_id":104,
        "old_schema_id":2,"affected_options":[
        {"schema_id":2,"table_id":130,"old_table_id":0,"old_schema_id":3}]}"#;
    assert_eq!(changes(json), [table(2, 104), table(3, 130)]);
}

#[test]
fn a_finished_exchange_swaps_table_and_partition() {
    let json = r#"{"version":61,"type":42,"schema_id":2,"table_id":131,"old_table_id":104,
        "old_schema_id":2,"affected_options":[
        {"schema_id":3,"table_id":130,"old_table_id":0,"old_schema_id":0}]}"#;
    assert_eq!(changes(json), [moved((2, 104), (2, 131)), table(3, 130)]);
}

#[test]
fn an_exchange_of_an_old_version_is_everything() {
    let json = r#"{"version":61,"type":42,"schema_id":2,"table_id":131,"old_table_id":104,
        "old_schema_id":2,"affected_options":null}"#;
    assert_eq!(changes(json), [Change::Everything]);
}

#[test]
fn partitioning_a_table_gives_it_a_new_id() {
    let json = r#"{"version":62,"type":71,"schema_id":2,"table_id":140,"old_table_id":104}"#;
    assert_eq!(changes(json), [moved((2, 104), (2, 140))]);
}

#[test]
fn policies_and_resource_groups_touch_no_table() {
    for action in [51, 52, 53, 68, 69, 70] {
        let json = format!(r#"{{"version":63,"type":{action},"schema_id":5}}"#);
        assert_eq!(changes(&json), [], "action {action}");
    }
}

#[test]
fn what_is_not_known_is_everything() {
    for action in [0, 62, 66, 77, 200, 255] {
        let json = format!(r#"{{"version":64,"type":{action},"schema_id":2,"table_id":104}}"#);
        assert_eq!(changes(&json), [Change::Everything], "action {action}");
    }
    let without_table = r#"{"version":65,"type":5,"schema_id":2}"#;
    assert_eq!(changes(without_table), [Change::Everything]);
    let regenerate = r#"{"type":5,"schema_id":2,"table_id":3,"regenerate_schema_map":true}"#;
    assert_eq!(changes(regenerate), [Change::Everything]);
}
