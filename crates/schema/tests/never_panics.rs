//! Whatever bytes stand where metadata should, reading them ends in a value or an error.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;
use tifusion_codec::time::Zone;
use tifusion_schema::{
    DbInfo, NameInfo, ScanColumn, ScanOptions, SchemaDiff, TableInfo, TypeOptions, column_type,
};

const RECORDED: [&str; 6] = [
    include_str!("data/modern/added_columns.json"),
    include_str!("data/modern/computed.json"),
    include_str!("data/modern/p_list.json"),
    include_str!("data/modern/common_handle.json"),
    include_str!("data/modern/v_join.json"),
    include_str!("data/old/all_types.json"),
];

/// Asks for everything there is to ask of a table.
fn read_all(json: &[u8]) {
    let _ = DbInfo::from_json(json);
    let _ = SchemaDiff::from_json(json).map(|diff| diff.changes());
    let name = NameInfo::from_json(json);
    let Ok(table) = TableInfo::from_json(json) else { return };
    let name = name.expect("what is a table has a name");
    assert_eq!((name.id, &name.name), (table.id, &table.name));
    let _ = (table.check_consistent(), table.check_readable(), table.unknown_fields());
    let _ = (table.primary_key_columns(), table.common_handle_prefix_column_ids());
    let _ = (table.physical_ids(), table.public_columns());
    if let Some(partition) = &table.partition {
        let _ = (partition.ids_to_ignore_in_global_index(), partition.find("p0"));
    }
    for column in &table.columns {
        let _ = column_type(&table, column, &TypeOptions::default());
        for for_index in [false, true] {
            let opts = ScanOptions {
                for_index,
                system_zone: Some(Zone::Fixed(3600)),
                ..ScanOptions::default()
            };
            if let Ok(scan) = ScanColumn::new(&table, column, opts) {
                let bytes = scan.default_val.map_or(0, |bytes| bytes.len());
                assert!(bytes <= 600 + 5 * json.len(), "{bytes}");
            }
        }
    }
}

/// Any JSON, with a liking for what metadata is made of.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (0i64..300).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[-0-9:. eE+]{0,24}".prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec(("[a-zA-Z_]{0,8}", inner), 0..4)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

/// How many values there are in a tree.
fn count(tree: &Value) -> usize {
    1 + match tree {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(fields) => fields.values().map(count).sum(),
        _ => 0,
    }
}

/// Puts `with` in the place of the value that the counter reaches.
fn replace(tree: &mut Value, at: &mut usize, with: &Value) {
    if *at == 0 {
        *tree = with.clone();
    }
    // Once reached, it wraps around and is not reached again.
    *at = at.wrapping_sub(1);
    match tree {
        Value::Array(items) => items.iter_mut().for_each(|item| replace(item, at, with)),
        Value::Object(fields) => fields.values_mut().for_each(|field| replace(field, at, with)),
        _ => {}
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes(bytes in vec(any::<u8>(), 0..200)) {
        read_all(&bytes);
    }

    #[test]
    fn arbitrary_json(json in any_json()) {
        read_all(json.to_string().as_bytes());
    }

    #[test]
    fn recorded_tables_with_bytes_changed(
        which in 0..RECORDED.len(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in prop::option::weighted(0.2, any::<prop::sample::Index>()),
    ) {
        let mut bytes = RECORDED[which].as_bytes().to_vec();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        read_all(&bytes);
    }

    #[test]
    fn recorded_tables_with_values_changed(
        which in 0..RECORDED.len(),
        changes in vec((any::<prop::sample::Index>(), any_json()), 1..6),
    ) {
        let mut tree: Value = serde_json::from_str(RECORDED[which]).unwrap();
        for (at, with) in changes {
            let mut at = at.index(count(&tree));
            replace(&mut tree, &mut at, &with);
        }
        read_all(tree.to_string().as_bytes());
    }

    /// Defaults are where values meet types: any text, any type, any size.
    #[test]
    fn any_default_of_any_type(
        code in any::<u8>(),
        flag in any::<u32>(),
        sizes in (-2i64..300, -2i64..40),
        default in any_json(),
        version in 0u64..3,
    ) {
        let json = serde_json::json!({"cols": [{
            "origin_default": default, "version": version, "state": 5,
            "type": {"Tp": code, "Flag": flag, "Flen": sizes.0, "Decimal": sizes.1,
                "Charset": "binary", "Elems": ["a", "b"]},
        }]});
        read_all(json.to_string().as_bytes());
    }
}
