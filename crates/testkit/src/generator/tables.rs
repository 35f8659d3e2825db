//! The random tables: one for each way to keep rows and to find them.

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use super::columns::{COLUMNS, KEYS};

/// A table of [`COLUMNS`] and [`KEYS`] beside an `id` of its own type and a unique `i_code`.
#[derive(Debug, Clone, Copy)]
pub struct Table {
    /// The name.
    pub name: &'static str,
    /// The type of `id`.
    id: &'static str,
    /// What `id` is of a row's number.
    id_of: fn(usize) -> String,
    /// Primary key and indexes.
    keys: &'static str,
    /// Behind the columns.
    options: &'static str,
    /// Whether statistics are collected.
    pub is_analyzed: bool,
    /// Whether it has dates that no calendar has, which TiDB answers otherwise.
    pub is_odd: bool,
}

const fn table(name: &'static str, is_analyzed: bool, keys: &'static str) -> Table {
    Table { name, id: "INT", id_of: plain, keys, options: "", is_analyzed, is_odd: false }
}

fn plain(number: usize) -> String {
    number.to_string()
}

/// Half of the numbers, at each end of the type.
fn signed(number: usize) -> String {
    let near = i64::try_from(number / 2).expect("few rows");
    if number.is_multiple_of(2) { i64::MIN + near } else { i64::MAX - near }.to_string()
}

fn unsigned(number: usize) -> String {
    let near = u64::try_from(number / 3).expect("few rows");
    match number % 3 {
        0 => near,
        1 => (1 << 63) - 5 + near,
        _ => u64::MAX - near,
    }
    .to_string()
}

/// All of them.
#[rustfmt::skip]
pub const TABLES: &[Table] = &[
    table("plain", false, "PRIMARY KEY (id)"),
    table("single", true, "PRIMARY KEY (id), KEY (i_tiny), KEY (i_int), KEY (i_big), KEY (i_uint), KEY (i_ubig), KEY (i_year), \
        KEY (f_single), KEY (f_x), KEY (f_wild), KEY (n_price), KEY (n_wide), KEY (s), KEY (s_pad), KEY (name_ci), KEY (b), \
        KEY (d_day), KEY (moment), KEY (stamp), KEY (span), KEY (e_size), KEY (e_tags), KEY (i_bits), UNIQUE KEY (i_code)"),
    Table { id: "BIGINT", id_of: signed, ..table("multi", false, "PRIMARY KEY (id), KEY (i_tiny, i_int), KEY (name_ci, d_day), \
        KEY (s(3)), KEY (s_pad(2), i_int), KEY (name_ci(2), i_uint), KEY (d_day, moment, i_tiny), UNIQUE KEY (i_ubig, i_code), \
        KEY (e_size, stamp), KEY (n_price, f_x), KEY (i_bool, i_year, id), KEY (b(1), span), UNIQUE KEY (i_code, s)") },
    table("heap", true, "PRIMARY KEY (id) NONCLUSTERED, UNIQUE KEY (i_code), KEY (i_int, s), KEY (stamp), KEY (name_ci), \
        KEY (d_day, i_part), KEY (f_x, n_price)"),
    table("common", true, "PRIMARY KEY (key_ci, id) CLUSTERED, KEY (i_int), UNIQUE KEY (i_code), KEY (s_pad(3)), \
        KEY (moment, name_ci), KEY (n_wide, i_ubig)"),
    table("paired", false, "PRIMARY KEY (i_part, id) CLUSTERED, KEY (s), KEY (i_ubig), KEY (d_day), UNIQUE KEY (i_code)"),
    Table { id: "BIGINT UNSIGNED", id_of: unsigned, ..table("unsigned_ids", true, "PRIMARY KEY (id), KEY (i_big), \
        KEY (name_ci, i_int), KEY (span), UNIQUE KEY (i_code)") },
    Table { options: " PARTITION BY HASH (id) PARTITIONS 3", ..table("hashed", true, "PRIMARY KEY (id), KEY (i_int), \
        KEY (name_ci, i_tiny), KEY (d_day), UNIQUE KEY (i_code, id)") },
    Table { options: " PARTITION BY RANGE COLUMNS (d_day) (PARTITION p0 VALUES LESS THAN ('2000-01-01'), \
        PARTITION p1 VALUES LESS THAN ('2023-06-01'), PARTITION p2 VALUES LESS THAN ('2024-01-01'), \
        PARTITION p3 VALUES LESS THAN (MAXVALUE))", ..table("ranged", false, "KEY (id), KEY (i_int), KEY (d_day, i_tiny), KEY (s)") },
    Table { options: " PARTITION BY LIST (i_part) (PARTITION p0 VALUES IN (0, 3), PARTITION p1 VALUES IN (1, 2, 6), \
        PARTITION p2 VALUES IN (4, 5))", ..table("listed", true, "PRIMARY KEY (i_part, id) CLUSTERED, KEY (i_int), KEY (moment), \
        KEY (i_part, n_price)") },
    Table { options: " PARTITION BY KEY (i_int) PARTITIONS 3", ..table("keyed", false, "KEY (id), KEY (i_int), KEY (i_uint, s)") },
    Table { is_odd: true, ..table("odd", true, "PRIMARY KEY (id), KEY (d_day), KEY (moment), KEY (stamp), KEY (f_x), \
        KEY (i_int, d_day), KEY (f_single)") },
];

/// Its rows are made of this seed and the run's.
const SEED: u64 = 0x7ab1e;

impl Table {
    /// The statement that makes the table, with `prefix` before its name.
    #[must_use]
    pub fn create(&self, prefix: &str) -> String {
        let column =
            |name: &str, definition: &str, null: &str| format!("{name} {definition} {null}");
        let mut columns =
            vec![column("id", self.id, "NOT NULL"), column("i_code", "BIGINT", "NULL")];
        columns.extend(KEYS.iter().map(|it| column(it.name, it.definition, "NOT NULL")));
        columns.extend(COLUMNS.iter().map(|it| column(it.name, it.definition, "NULL")));
        let (name, columns) = (self.name, columns.join(", "));
        format!("CREATE TABLE {prefix}{name} ({columns}, {}){}", self.keys, self.options)
    }

    /// The rows of `numbers`, each as `INSERT` takes it: a row depends on its number and `seed` alone.
    #[must_use]
    pub fn rows(&self, seed: u64, numbers: impl IntoIterator<Item = usize>) -> Vec<String> {
        let name = self.name.bytes().fold(SEED, |sum, byte| sum.rotate_left(7) ^ u64::from(byte));
        let row = |number: usize| {
            let of_row = u64::try_from(number).expect("few rows") << 20;
            let mut random = StdRng::seed_from_u64(seed ^ name ^ of_row);
            let code =
                if number % 9 == 4 { "NULL".to_owned() } else { (number * 7 % 5003).to_string() };
            let mut values = vec![(self.id_of)(number), code];
            values.extend(KEYS.iter().map(|it| it.value(&mut random)));
            values.extend(COLUMNS.iter().map(|it| match random.random_bool(0.12) {
                true => "NULL".to_owned(),
                false => it.value(&mut random),
            }));
            format!("({})", values.join(", "))
        };
        numbers.into_iter().map(row).collect()
    }

    /// The statement that fills the table with these rows.
    #[must_use]
    pub fn insert(&self, prefix: &str, rows: &[String]) -> String {
        format!("INSERT INTO {prefix}{} VALUES {}", self.name, rows.join(", "))
    }
}

/// The table of this name.
#[must_use]
pub fn table_named(name: &str) -> Option<&'static Table> {
    TABLES.iter().find(|table| table.name == name)
}
