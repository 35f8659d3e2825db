use serde_json::json;
use tifusion_codec::time::Zone;

use super::*;

fn around(next: NextIds) -> Surroundings<'static> {
    Surroundings { database: "shop", zone: Zone::Utc, system_zone: None, next }
}

fn table(fields: serde_json::Value) -> TableInfo {
    let mut whole = json!({
        "id": 100, "name": {"O": "T", "L": "t"}, "charset": "utf8mb4", "collate": "utf8mb4_bin",
        "state": 5, "version": 5,
    });
    for (key, value) in fields.as_object().unwrap() {
        whole[key] = value.clone();
    }
    TableInfo::from_json(whole.to_string().as_bytes()).unwrap()
}

fn column(
    id: i64,
    name: &str,
    type_: serde_json::Value,
    more: serde_json::Value,
) -> serde_json::Value {
    let mut column = json!({
        "id": id, "name": {"O": name, "L": name.to_lowercase()}, "offset": id - 1, "state": 5,
        "version": 2, "type": type_,
    });
    for (key, value) in more.as_object().unwrap() {
        column[key] = value.clone();
    }
    column
}

fn int(flag: u64) -> serde_json::Value {
    json!({"Tp": 8, "Flag": flag, "Flen": 20, "Decimal": 0, "Charset": "binary", "Collate": "binary"})
}

fn shown(table: &TableInfo) -> String {
    show_create(table, &around(NextIds { auto_increment: Some(1), auto_random: 1 })).unwrap()
}

#[test]
fn names_are_quoted_and_texts_escaped() {
    let table = table(json!({
        "name": {"O": "a`b", "L": "a`b"}, "comment": "it's\n\\n",
        "cols": [column(1, "x", int(0), json!({"comment": "o'clock"}))],
    }));
    assert_eq!(
        shown(&table),
        "CREATE TABLE `a``b` (\n  `x` bigint DEFAULT NULL COMMENT 'o''clock'\n) ENGINE=InnoDB \
         DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin COMMENT='it''s\\n\\\\n'"
    );
}

#[test]
fn the_next_number_is_shown_unless_only_tidb_knows_it() {
    // NOT NULL, primary key, AUTO_INCREMENT.
    let columns = json!([column(1, "id", int(1 | 2 | 512), json!({}))]);
    let table = table(json!({"cols": columns, "pk_is_handle": true}));
    let with = |auto_increment| {
        let next = NextIds { auto_increment, auto_random: 0 };
        show_create(&table, &around(next)).unwrap()
    };
    assert!(with(Some(30001)).ends_with("COLLATE=utf8mb4_bin AUTO_INCREMENT=30001"));
    assert!(with(Some(1)).ends_with("COLLATE=utf8mb4_bin"));
    assert!(with(None).ends_with("/* AUTO_INCREMENT: only the TiDB servers know */"));
    assert!(with(None).contains("`id` bigint NOT NULL AUTO_INCREMENT,\n  PRIMARY KEY (`id`)"));
}

#[test]
fn the_default_of_a_timestamp_is_in_the_sessions_zone() {
    let stamp = json!({"Tp": 7, "Flag": 128, "Flen": 19, "Decimal": 0});
    let make = |version: u64| {
        let more = json!({"default": "2024-01-01 00:00:00", "version": version});
        table(json!({"cols": [column(1, "at", stamp.clone(), more)]}))
    };
    let kolkata = Zone::Fixed(5 * 3600 + 1800);
    let around = Surroundings { zone: kolkata, ..around(NextIds::default()) };
    let words = show_create(&make(2), &around).unwrap();
    assert!(words.contains("`at` timestamp DEFAULT '2024-01-01 05:30:00'"), "{words}");
    let error = show_create(&make(0), &around).unwrap_err();
    assert!(error.to_string().contains("default 2024-01-01 00:00:00 of column at"), "{error}");
    let around = Surroundings { system_zone: Some(kolkata), ..around };
    let words = show_create(&make(0), &around).unwrap();
    assert!(words.contains("DEFAULT '2024-01-01 00:00:00'"), "{words}");
}

#[test]
fn what_has_no_words_is_refused_by_name() {
    let cols = json!([column(1, "v", int(0), json!({}))]);
    let vector = json!([{
        "id": 1, "idx_name": {"O": "nearest", "L": "nearest"}, "state": 5,
        "idx_cols": [{"name": {"O": "v", "L": "v"}, "offset": 0, "length": -1}],
        "vector_index": {"dimension": 3},
    }]);
    let geometry = json!({"Tp": 255, "Flag": 0, "Flen": -1, "Decimal": -1});
    for (fields, words) in [
        (json!({"cols": cols, "index_info": vector}), "columnar index nearest"),
        (json!({"cols": [column(1, "g", geometry, json!({}))]}), "the type of column g"),
        (json!({"cols": cols, "affinity": {"level": "table"}}), "affinity"),
        (
            json!({"cols": cols, "partition": {"type": 5, "enable": true, "num": 1}}),
            "partitions by SYSTEM_TIME",
        ),
        (
            json!({"cols": cols, "ttl_info": {"column": {"O": "v", "L": "v"}, "interval_time_unit": 77}}),
            "time unit 77",
        ),
    ] {
        let error = show_create(&table(fields), &around(NextIds::default())).unwrap_err();
        assert_eq!(error.table, "T");
        assert!(error.what.contains(words), "{error}");
    }
}

#[test]
fn values_of_partitions_that_no_screen_shows_are_escaped() {
    let columns = json!([column(1, "c", int(0), json!({}))]);
    let definition = |name: &str, value: &str| json!({"id": 1, "name": {"O": name, "L": name}, "in_values": [[value], ["1", "2"]]});
    let table = table(json!({
        "cols": columns,
        "partition": {
            "type": 3, "enable": true, "num": 2, "columns": [{"O": "c", "L": "c"}],
            "definitions": [definition("p0", "'a\tb'"), definition("p1", "'\u{1}'")],
        },
    }));
    let words = shown(&table);
    let expected = "\nPARTITION BY LIST COLUMNS(`c`)\n(PARTITION `p0` VALUES IN ('a\\tb',(1,2)),\n \
                    PARTITION `p1` VALUES IN (0x01,(1,2)))";
    assert!(words.ends_with(expected), "{words}");
}
