use proptest::prelude::*;
use tifusion_schema::model::state::{IndexType, SchemaState};
use tifusion_schema::model::{CiStr, IndexColumn, TiFlashReplica};
use tifusion_schema::{IndexInfo, TableEncoder, TableInfo};

use super::super::tests::{
    COLLATIONS, COLUMNS, KEYS, PARTITIONINGS, S, conjuncts, datums, meets, predicate, row,
    schema_of, table,
};
use super::*;

/// Columns of indexes, of how many characters the text among them, and whether they are unique.
const INDEXES: [(&[usize], i64, bool); 9] = [
    (&[2], -1, false),
    (&[2], 2, false),
    (&[1, 2], -1, true),
    (&[3, 2], -1, false),
    (&[4], -1, false),
    (&[5, 0], -1, false),
    (&[0], -1, true),
    (&[2, 3, 1], 1, false),
    (&[2, 0], -1, true),
];

/// Ids of the indexes begin here.
const FIRST_INDEX: i64 = 10;

fn indexed(key: usize, collate: &str, partitioning: usize) -> TableInfo {
    let mut info = table(KEYS[key], collate, partitioning);
    for ((columns, prefix, unique), id) in INDEXES.into_iter().zip(FIRST_INDEX..) {
        let parts = columns.iter().map(|at| IndexColumn {
            name: CiStr::new(COLUMNS[*at]),
            offset: *at,
            length: if *at == S { prefix } else { -1 },
            ..IndexColumn::default()
        });
        info.indices.push(IndexInfo {
            id,
            name: CiStr::new(format!("i{id}")),
            columns: parts.collect(),
            state: SchemaState::Public,
            index_type: IndexType::Btree,
            unique,
            ..IndexInfo::default()
        });
    }
    info
}

fn chosen(info: &TableInfo, sql: &str, columns: &[i64], indexes: IndexUse) -> AccessPath {
    try_chosen(info, sql, columns, (indexes, ReadEngines::TIKV)).unwrap()
}

fn try_chosen(
    info: &TableInfo,
    sql: &str,
    columns: &[i64],
    (indexes, engines): (IndexUse, ReadEngines),
) -> Result<AccessPath> {
    let schema = schema_of(info);
    let ids: Vec<i64> = info.columns.iter().map(|column| column.id).collect();
    let filtered = FilteredTable {
        info,
        schema: &schema,
        column_ids: &ids,
        new_collation: Some(true),
        only: None,
    };
    let conjuncts = conjuncts(&schema, sql, true).unwrap();
    let demand = Demand { columns, statistics: &TableStatistics::unknown(), indexes, engines };
    filtered.choose(&conjuncts, &demand)
}

const ALL: [i64; 6] = [1, 2, 3, 4, 5, 6];
/// No index has all of these.
const WIDE: [i64; 3] = [3, 4, 6];

fn way(path: &AccessPath) -> String {
    match &path.source {
        PathSource::Table => "table".to_owned(),
        PathSource::Columnar => "tiflash".to_owned(),
        PathSource::Covering { index_id } => format!("covering {index_id}"),
        PathSource::Lookup { index_ids } => {
            let ids: Vec<_> = index_ids.iter().map(i64::to_string).collect();
            format!("lookup {}", ids.join(", "))
        }
    }
}

#[test]
fn without_statistics_an_index_wins_only_where_it_can_not_be_worse() {
    let info = indexed(3, "utf8mb4_bin", 0);
    let free = IndexUse::ByCost;
    for (sql, columns, want) in [
        // Unique keys, of which there are a few.
        ("id = 5", &ALL[..], "lookup 16"),
        ("id IN (5, 7, 9)", &ALL, "lookup 16"),
        // A clustered key of a prefix is unique too.
        ("u = 5 AND s = 'abc'", &ALL, "table"),
        ("id = 5 AND u = 3", &ALL, "lookup 16"),
        // Nobody knows how many rows these are.
        ("dt = '2024-01-01'", &ALL, "table"),
        ("id > 5", &ALL, "table"),
        ("s = 'abc'", &ALL, "table"),
        ("u IS NULL AND s = 'x'", &ALL, "table"),
        // All that is needed is in the index.
        ("d = '2024-01-01'", &[4, 3], "covering 13"),
        ("n > 5", &[6, 1], "covering 15"),
        // The handle's column is in every entry, unless the handle holds a prefix of it.
        ("dt > '2024-01-01'", &[5, 2], "covering 14"),
        ("dt > '2024-01-01'", &[5, 3], "table"),
        ("id = 1 AND id = 2", &ALL, "table"),
        ("id = 5 OR id = 6", &ALL, "lookup 16"),
        ("id BETWEEN 5 AND 50", &ALL, "lookup 16"),
        ("id BETWEEN 5 AND 5000", &ALL, "table"),
        ("id = 5 OR (u = 3 AND s = 'x')", &ALL, "lookup 12, 16"),
        ("id = 5 OR dt = '2024-01-01'", &ALL, "table"),
    ] {
        assert_eq!(way(&chosen(&info, sql, columns, free)), want, "{sql}");
    }
    assert_eq!(way(&chosen(&info, "id = 5", &ALL, IndexUse::Never)), "table");
    let first = |sql| way(&chosen(&info, sql, &ALL, IndexUse::First));
    assert_eq!(first("dt = '2024-01-01'"), "lookup 14");
    assert_eq!(first("dt = '2024-01-01' OR s = 'x'"), "lookup 10, 14");
    assert_eq!(first("LENGTH(s) = 3"), "table");
}

#[test]
fn a_clustered_key_that_is_given_needs_no_index() {
    let info = indexed(0, "utf8mb4_bin", 0);
    let free = IndexUse::ByCost;
    assert_eq!(way(&chosen(&info, "id = 5 AND u = 3 AND s = 'x'", &ALL, free)), "table");
    assert_eq!(way(&chosen(&info, "id > 5 AND u = 3 AND s = 'x'", &ALL, free)), "lookup 12");
}

#[test]
fn indexes_that_do_not_hold_all_rows_are_not_used() {
    let usable = |change: fn(&mut IndexInfo)| {
        let mut info = indexed(3, "utf8mb4_bin", 0);
        info.indices.iter_mut().filter(|index| index.id == 16).for_each(change);
        way(&chosen(&info, "id = 5", &ALL, IndexUse::ByCost))
    };
    assert_eq!(usable(|_| {}), "lookup 16");
    assert_eq!(usable(|index| index.invisible = true), "table");
    assert_eq!(usable(|index| index.state = SchemaState::WriteReorganization), "table");
    assert_eq!(usable(|index| index.global = true), "table");
    assert_eq!(usable(|index| index.multi_valued = true), "table");
    assert_eq!(usable(|index| index.condition = "`id` > 3".to_owned()), "table");
    assert_eq!(usable(|index| index.index_type = IndexType::Hypo), "table");
    let mut hidden = indexed(3, "utf8mb4_bin", 0);
    hidden.columns[0].hidden = true;
    assert_eq!(way(&chosen(&hidden, "id = 5", &ALL, IndexUse::ByCost)), "table");
}

#[test]
fn explain_tells_the_ways_and_what_they_cost() {
    let info = indexed(3, "utf8mb4_bin", 0);
    let path = chosen(&info, "id = 5 AND dt > '2024-01-01'", &ALL, IndexUse::ByCost);
    assert_eq!(path.summary.ranges.as_deref(), Some("[id: [5,5]]"));
    assert_eq!(path.summary.chosen.as_deref(), Some("i16 lookup rows≈1 cost=32158"));
    let rejected: Vec<&str> = path.summary.rejected.iter().map(String::as_str).collect();
    assert_eq!(
        rejected,
        ["table rows≈10000 cost=921000", "i14 lookup rows≈3333 cost=3891000 (a guess)"]
    );
}

#[test]
fn tiflash_is_a_way_where_all_partitions_have_a_whole_replica() {
    let both = ReadEngines { tikv: true, tiflash: true };
    let only = ReadEngines { tikv: false, tiflash: true };
    let mut info = indexed(3, "utf8mb4_bin", 0);
    let by = |info: &TableInfo, sql, columns: &[i64], engines| {
        try_chosen(info, sql, columns, (IndexUse::ByCost, engines)).map(|path| way(&path))
    };
    assert_eq!(by(&info, "LENGTH(s) = 3", &WIDE, both).unwrap(), "table");
    let error = by(&info, "LENGTH(s) = 3", &WIDE, only).unwrap_err().to_string();
    assert!(error.contains("SET TIFLASH REPLICA"), "{error}");
    assert!(error.contains("isolation_read_engines: tiflash"), "{error}");
    let replica = TiFlashReplica { count: 1, available: false, ..TiFlashReplica::default() };
    info.tiflash_replica = Some(replica);
    assert_eq!(by(&info, "LENGTH(s) = 3", &WIDE, both).unwrap(), "table");
    let error = by(&info, "LENGTH(s) = 3", &WIDE, only).unwrap_err().to_string();
    assert!(error.contains("not whole yet"), "{error}");
    info.tiflash_replica.as_mut().unwrap().available = true;
    for (sql, columns, of_both) in [
        ("LENGTH(s) = 3", &WIDE[..], "tiflash"),
        // A few rows by their keys, or by those of an index, are there at once.
        ("id = 5", &ALL, "lookup 16"),
        // A byte costs less there.
        ("LENGTH(s) = 3", &ALL, "tiflash"),
        ("id = 1 AND id = 2", &ALL, "table"),
    ] {
        assert_eq!(by(&info, sql, columns, both).unwrap(), of_both, "{sql}");
        let of_tiflash = if of_both == "table" { "table" } else { "tiflash" };
        assert_eq!(by(&info, sql, columns, only).unwrap(), of_tiflash, "{sql}");
        assert_ne!(by(&info, sql, columns, ReadEngines::TIKV).unwrap(), "tiflash", "{sql}");
    }
    // An index that was asked for is used.
    let first = try_chosen(&info, "dt = '2024-01-01'", &ALL, (IndexUse::First, both)).unwrap();
    assert_eq!(way(&first), "lookup 14");
    let mut parts = indexed(3, "utf8mb4_bin", 1);
    let ids = parts.physical_ids();
    assert!(ids.len() > 1, "{ids:?}");
    let some = ids.iter().copied().skip(1).collect();
    parts.tiflash_replica = Some(TiFlashReplica {
        count: 1,
        available_partition_ids: some,
        ..TiFlashReplica::default()
    });
    assert_eq!(by(&parts, "LENGTH(s) = 3", &WIDE, both).unwrap(), "table");
    parts.tiflash_replica.as_mut().unwrap().available_partition_ids = ids;
    assert_eq!(by(&parts, "LENGTH(s) = 3", &WIDE, both).unwrap(), "tiflash");
}

/// Whether a row's entry is among the keys of `path`.
fn is_read(path: &AccessPath, encoded: &tifusion_schema::EncodedRow) -> bool {
    let PathSource::Lookup { index_ids } = &path.source else { return false };
    let entries = encoded.entries.iter().filter(|entry| index_ids.contains(&entry.index_id));
    let keys: Vec<&Vec<u8>> = entries.map(|entry| &entry.key).collect();
    let tables = path.tables.iter().filter(|table| table.physical_id == encoded.physical_id);
    tables
        .flat_map(|table| &table.ranges)
        .any(|range| keys.iter().any(|key| range.start <= **key && **key < range.end))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn every_row_that_meets_a_filter_is_on_every_way(
        key in 0..KEYS.len(),
        collation in 0..COLLATIONS.len(),
        partitioning in 0..PARTITIONINGS,
        sql in predicate(),
        simplified in any::<bool>(),
        forced in proptest::collection::vec(0..INDEXES.len(), 1..4),
        mut rows in proptest::collection::vec(row(), 1..40),
    ) {
        let mut info = indexed(key, COLLATIONS[collation], partitioning);
        let forced: Vec<i64> =
            forced.into_iter().map(|at| FIRST_INDEX + i64::try_from(at).unwrap()).collect();
        info.indices.retain(|index| index.primary || forced.contains(&index.id));
        rows.retain(|row| KEYS[key].0.iter().all(|at| !matches!(row[*at], Ok(None))));
        let schema = schema_of(&info);
        let Ok(conjuncts) = conjuncts(&schema, &sql, simplified) else { return Ok(()) };
        let Some(meets) = meets(&schema, &conjuncts, &rows) else { return Ok(()) };
        let ids: Vec<i64> = info.columns.iter().map(|column| column.id).collect();
        let filtered = FilteredTable {
            info: &info,
            schema: &schema,
            column_ids: &ids,
            new_collation: Some(true),
            only: None,
        };
        let demand = Demand {
            columns: &ALL,
            statistics: &TableStatistics::unknown(),
            indexes: IndexUse::First,
            engines: ReadEngines::TIKV,
        };
        let path = filtered.choose(&conjuncts, &demand).unwrap();
        if !matches!(path.source, PathSource::Lookup { .. }) {
            return Ok(());
        }
        for table in &path.tables {
            let pairs = table.ranges.iter().zip(table.ranges.iter().skip(1));
            prop_assert!(table.ranges.iter().all(|range| range.start < range.end));
            prop_assert!(pairs.into_iter().all(|(one, next)| one.end <= next.start));
        }
        let encoder = TableEncoder::new(&info, true).unwrap();
        for (row, meets) in rows.iter().zip(meets) {
            let Ok(encoded) = encoder.encode(&datums(&info, row), None) else { continue };
            prop_assert!(!meets || is_read(&path, &encoded), "{row:?} meets {sql} in {path:?}");
        }
    }
}
