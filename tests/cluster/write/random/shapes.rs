//! The tables to begin with: each way to keep rows, with columns and indexes of each run's own.

use rand::Rng as _;
use rand::rngs::StdRng;
use tifusion_testkit::cell::Cell;

use super::table::{Column, Ids, Index, Partitions, TAG, Table};
use super::value::{BIGINT, Collation, INT, Kind};

const UNSIGNED: Kind = Kind::Int { bits: 64, unsigned: true };
const CLUSTERED: &str = "CLUSTERED";
const NONCLUSTERED: &str = "NONCLUSTERED";

fn table(name: &str, columns: Vec<Column>, primary: &[(&str, Option<usize>)]) -> Table {
    let parts: Vec<_> =
        primary.iter().map(|(name, prefix)| ((*name).to_owned(), *prefix)).collect();
    let primary = Index { name: "PRIMARY".to_owned(), unique: true, parts };
    Table {
        name: name.to_owned(),
        columns,
        keys: Vec::from_iter((!primary.parts.is_empty()).then_some(primary)),
        clustered: CLUSTERED,
        partitions: None,
        ids: None,
        options: "",
        rows: Vec::new(),
    }
}

fn range() -> Partitions {
    let below = |name: &str, below| (name.to_owned(), Some(below));
    Partitions::Range(vec![below("p0", 5), below("p1", 20), below("p2", 60)])
}

fn list() -> Partitions {
    let ints = |values: std::ops::Range<i128>| values.map(Cell::Int);
    Partitions::List(vec![
        ("p0".to_owned(), ints(-3..4).chain([Cell::Null]).collect()),
        ("p1".to_owned(), ints(10..41).collect()),
        ("p2".to_owned(), ints(4..9).collect()),
    ])
}

/// All of them, with columns and indexes by chance.
pub(super) fn all(random: &mut StdRng) -> Vec<Table> {
    let int = |name: &str| Column::required(name, INT);
    let text = |name: &str, by| Column::required(name, Kind::Varchar(12, by));
    let tagged = |kind| vec![Column::required("id", kind), Column::required(TAG, BIGINT)];
    let heap = || vec![Column::new("k", INT)];
    let parted = |name: &str, partitions: Partitions| Table {
        partitions: Some(("k".to_owned(), partitions)),
        ..table(name, heap(), &[])
    };
    let decimal = Column::required("b", Kind::Decimal { precision: 10, scale: 2 });
    let mut all = vec![
        table("ints", vec![int("id")], &[("id", None)]),
        table("unsigned_ids", vec![Column::required("id", UNSIGNED)], &[("id", None)]),
        table(
            "common",
            vec![text("a", Collation::GeneralCi), decimal, int("c")],
            &[("a", None), ("b", None)],
        ),
        table(
            "prefixed",
            vec![int("n"), text("a", Collation::UnicodeCi)],
            &[("a", Some(2)), ("n", None)],
        ),
        table(
            "dated",
            vec![Column::required("d", Kind::DateTime(3)), int("n")],
            &[("n", None), ("d", None)],
        ),
        table("heap", heap(), &[]),
        Table {
            clustered: NONCLUSTERED,
            options: " SHARD_ROW_ID_BITS = 4",
            ..table("sharded", vec![text("a", Collation::Ai0900), int("n")], &[("a", None)])
        },
        Table {
            clustered: NONCLUSTERED,
            ..table("loose", vec![Column::required("id", BIGINT)], &[("id", None)])
        },
        Table { ids: Some(Ids::Increment), ..table("numbered", tagged(BIGINT), &[("id", None)]) },
        Table {
            ids: Some(Ids::Increment),
            clustered: NONCLUSTERED,
            options: " AUTO_ID_CACHE = 50",
            ..table("numbered_apart", tagged(BIGINT), &[("id", None)])
        },
        Table { ids: Some(Ids::Random), ..table("random_ids", tagged(BIGINT), &[("id", None)]) },
        Table {
            partitions: Some(("id".to_owned(), Partitions::Hash(3))),
            ..table("hashed", vec![int("id")], &[("id", None)])
        },
        Table {
            partitions: Some(("n".to_owned(), range())),
            ..table(
                "ranged",
                vec![text("a", Collation::GeneralCi), int("n")],
                &[("a", None), ("n", None)],
            )
        },
        Table {
            clustered: NONCLUSTERED,
            partitions: Some(("n".to_owned(), Partitions::Key(3))),
            ..table("keyed", vec![int("n"), int("m")], &[("m", None), ("n", None)])
        },
        parted("ranged_heap", range()),
        parted("listed_heap", list()),
    ];
    for table in &mut all {
        for number in 0..random.random_range(4..=8) {
            let at = random.random_range(usize::from(table.ids.is_some())..=table.columns.len());
            table.columns.insert(at, Column::random(&format!("c{number}"), random));
        }
        for number in 0..random.random_range(2..=4) {
            table.keys.extend(table.random_index(&format!("k{number}"), random));
        }
    }
    all
}
