//! The columns of the random tables, and values for them.
//!
//! Each column has a few edges, which meet often, and many values besides, so that an index on it
//! tells rows apart. Names are those that [`differences`](crate::differences) knows.

use rand::Rng as _;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;

use crate::cell::{Cell, days_of};

/// What can be asked of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Integers, of whatever width and sign.
    Int,
    /// Floats whose sums are exact, or nearly so, in any order.
    Float,
    /// Floats that no sum is asked of.
    Wild,
    /// Decimals.
    Decimal,
    /// Text.
    Text,
    /// Bytes.
    Bytes,
    /// Dates.
    Date,
    /// Dates with a time.
    Moment,
    /// Times.
    Span,
    /// `ENUM` and `SET`.
    Members,
    /// `BIT`.
    Bits,
    /// JSON.
    Json,
}

/// A column.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// The name.
    pub name: &'static str,
    /// The type, as in `CREATE TABLE`.
    pub definition: &'static str,
    /// What can be asked of it.
    pub kind: Kind,
    /// Values that meet often, as TiDB's SQL has them.
    edges: &'static [&'static str],
    /// A value of many.
    some: fn(&mut StdRng) -> String,
}

const fn column(
    name: &'static str,
    definition: &'static str,
    kind: Kind,
    edges: &'static [&'static str],
    some: fn(&mut StdRng) -> String,
) -> Column {
    Column { name, definition, kind, edges, some }
}

/// All that may be `NULL`.
#[rustfmt::skip]
pub const COLUMNS: &[Column] = &[
    column("i_tiny", "TINYINT", Kind::Int, &["-128", "-1", "0", "1", "2", "7", "127"], |r| int(r, -20, 20)),
    column("i_bool", "BOOL", Kind::Int, &["0", "1", "5"], |r| int(r, 0, 1)),
    column("i_int", "INT", Kind::Int, &["-2147483648", "-7", "-1", "0", "1", "7", "2147483647"], |r| int(r, -300, 300)),
    column("i_big", "BIGINT", Kind::Int, &["-9223372036854775808", "-1", "0", "1", "4294967296", "9007199254740993", "9223372036854775807"], |r| int(r, -500, 500)),
    column("i_uint", "INT UNSIGNED", Kind::Int, &["0", "1", "8", "2147483648", "4294967295"], |r| int(r, 0, 500)),
    column("i_ubig", "BIGINT UNSIGNED", Kind::Int, &["0", "1", "7", "9223372036854775807", "9223372036854775808", "18446744073709551615"], |r| int(r, 0, 900)),
    column("i_year", "YEAR", Kind::Int, &["1901", "1970", "2024", "2155"], |r| int(r, 1990, 2030)),
    column("f_single", "FLOAT", Kind::Float, &["-3.5", "-0.5", "0", "0.5", "2.5"], |r| eighths(r, 400)),
    column("f_x", "DOUBLE", Kind::Float, &["-2.5", "-0.5", "0", "0.1", "0.5", "1.5"], |r| eighths(r, 4000)),
    column("f_wild", "DOUBLE", Kind::Wild, &["-1e300", "-2.5", "0", "1e-300", "0.1", "1e300"], |r| eighths(r, 4000)),
    column("n_price", "DECIMAL(10, 2)", Kind::Decimal, &["-99999999.99", "-0.01", "0.00", "0.01", "2.00", "99999999.99"], |r| decimal(r, 5000, 2)),
    column("n_wide", "DECIMAL(38, 10)", Kind::Decimal, &["-0.0000000001", "0.0000000000", "2.0000000000", "9999999999999999999999999999.9999999999"], |r| decimal(r, 90_000, 10)),
    column("s", "VARCHAR(40) COLLATE utf8mb4_0900_bin", Kind::Text, &["''", "'a'", "'A'", "'a '", "'ab'", "'b'", "'ß'", "'ss'", "'é'", "'日本'", "'😀'", "'  a'", "'7'"], text),
    column("s_pad", "VARCHAR(40) COLLATE utf8mb4_bin", Kind::Text, &["''", "' '", "'a'", "'A'", "'a '", "'a  '", "'ab'", "'ß'", "'é'", "'x'"], text),
    column("name_ci", "VARCHAR(40) COLLATE utf8mb4_general_ci", Kind::Text, &["''", "'a'", "'A'", "'a '", "'ab'", "'AB'", "'ß'", "'s'", "'é'", "'e'", "'😀'"], text),
    column("b", "VARBINARY(40)", Kind::Bytes, &["X''", "X'00'", "X'00FF'", "X'C328'", "X'74657874'"], bytes),
    column("d_day", "DATE", Kind::Date, &["'0001-01-01'", "'1969-12-31'", "'1970-01-01'", "'2000-02-29'", "'2024-02-29'", "'9999-12-31'"], date),
    column("moment", "DATETIME(6)", Kind::Moment, &["'1000-01-01 00:00:00'", "'1969-12-31 23:59:59.999999'", "'2024-02-29 00:00:00'", "'2024-02-29 12:34:56.123456'", "'9999-12-31 23:59:59.999999'"], moment),
    column("stamp", "TIMESTAMP(6)", Kind::Moment, &["'1970-01-01 00:00:01'", "'2024-02-29 00:00:00'", "'2024-02-29 12:34:56.123456'", "'2038-01-19 03:14:07.999999'"], moment),
    column("span", "TIME(6)", Kind::Span, &["'-838:59:59'", "'-00:00:01'", "'-00:00:00.000001'", "'00:00:00'", "'838:59:59'"], span),
    column("e_size", "ENUM('small', 'large', 'medium')", Kind::Members, &["'small'", "'large'"], |_| "'medium'".to_owned()),
    column("e_tags", "SET('b', 'a', 'c')", Kind::Members, &["''", "'a'", "'b,a'"], |r| of(r, &["'b'", "'c'", "'b,a,c'"])),
    column("i_bits", "BIT(8)", Kind::Bits, &["0", "5", "255"], |r| int(r, 0, 255)),
    column("doc", "JSON", Kind::Json, &["'{}'", "'[1, 2]'", "'\"a\"'"], |r| int(r, 0, 99)),
];

/// The columns of every table that are never `NULL`, `id` apart: part of a key, and what lists of
/// partitions name.
pub const KEYS: &[Column] = &[
    column("key_ci", "VARCHAR(24) COLLATE utf8mb4_general_ci", Kind::Text, &["''", "'a'"], text),
    column("i_part", "INT", Kind::Int, &["0"], |r| int(r, 0, 6)),
];

fn int(random: &mut StdRng, low: i64, high: i64) -> String {
    random.random_range(low..=high).to_string()
}

fn of(random: &mut StdRng, choices: &[&str]) -> String {
    (*choices.choose(random).expect("there are choices")).to_owned()
}

/// Sums of eighths are exact.
fn eighths(random: &mut StdRng, most: i32) -> String {
    (f64::from(random.random_range(-most..=most)) / 8.0).to_string()
}

fn decimal(random: &mut StdRng, most: i64, scale: usize) -> String {
    let cents = random.random_range(-most..=most);
    let sign = if cents < 0 { "-" } else { "" };
    let (whole, rest) = (cents.abs() / 100, cents.abs() % 100);
    format!("{sign}{whole}.{rest:02}{}", "0".repeat(scale - 2))
}

fn text(random: &mut StdRng) -> String {
    const LETTERS: [&str; 14] =
        ["a", "b", "c", "d", "A", "B", "C", "x", "z", "é", "E", "ß", "7", " "];
    let count = random.random_range(2..=5);
    let letters = (0..count).map(|_| of(random, &LETTERS));
    format!("'{}'", letters.collect::<String>())
}

fn bytes(random: &mut StdRng) -> String {
    format!("X'{:04X}'", random.random_range(0..600))
}

fn date(random: &mut StdRng) -> String {
    format!("'{}'", Cell::Date(days_of("2023-01-01") + random.random_range(0..500)).plain())
}

fn moment(random: &mut StdRng) -> String {
    let day = date(random);
    let (hour, minute) = (random.random_range(0..24), of(random, &["00:00", "30:00", "59:59"]));
    let fraction = of(random, &["", ".5", ".000001"]);
    format!("'{} {hour:02}:{minute}{fraction}'", day.trim_matches('\''))
}

fn span(random: &mut StdRng) -> String {
    let (hour, minute) = (random.random_range(-90..90), random.random_range(0..60));
    let sign = if hour < 0 { "-" } else { "" };
    format!("'{sign}{:02}:{minute:02}:00'", i32::abs(hour))
}

impl Column {
    /// A value, as TiDB's `INSERT` takes it.
    pub(super) fn value(&self, random: &mut StdRng) -> String {
        match self.kind {
            Kind::Json if random.random_bool(0.5) => format!("'{}'", (self.some)(random)),
            _ if random.random_bool(0.3) => of(random, self.edges),
            Kind::Json => of(random, self.edges),
            _ => (self.some)(random),
        }
    }

    /// A value as DataFusion's SQL has it, beside the column.
    pub(super) fn literal(&self, random: &mut StdRng) -> String {
        let value = self.value(random);
        match (self.name, self.kind) {
            ("n_price", _) => format!("CAST('{value}' AS DECIMAL(10, 2))"),
            ("n_wide", _) => format!("CAST('{value}' AS DECIMAL(38, 10))"),
            (_, Kind::Date) => format!("DATE {value}"),
            _ => value,
        }
    }

    /// Whether conditions compare it with literals.
    pub(super) fn is_comparable(&self) -> bool {
        self.kind != Kind::Json
    }

    /// Whether the ways of grouping and ordering it are the same here and there.
    pub(super) fn is_sortable(&self) -> bool {
        self.kind != Kind::Json
    }
}

/// Columns that every table has, besides `id` and `i_code`.
pub(super) fn all() -> impl Iterator<Item = &'static Column> {
    KEYS.iter().chain(COLUMNS)
}
