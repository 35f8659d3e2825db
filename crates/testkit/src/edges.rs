//! A table with a column of each kind, whose rows mix the edges of their values.
//!
//! The names of its columns are those that [`differences`](crate::differences) knows: `i_…` integers,
//! `f_…` floats, `…_pad` and `…_ci` texts of these collations.

/// Rows that every cluster takes have ids below this; those of [`odd_rows`] begin here.
pub const FIRST_ODD_ID: usize = 1000;

/// A column: its name, its definition, and its values as SQL.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// The name.
    pub name: &'static str,
    /// The type, as in `CREATE TABLE`.
    pub definition: &'static str,
    /// Values, `NULL` besides.
    pub values: &'static [&'static str],
}

const fn column(
    name: &'static str,
    definition: &'static str,
    values: &'static [&'static str],
) -> Column {
    Column { name, definition, values }
}

/// All columns but `id`.
#[rustfmt::skip]
pub const COLUMNS: &[Column] = &[
    column("i_tiny", "TINYINT", &["-128", "-1", "0", "1", "2", "7", "127"]),
    column("i_bool", "BOOL", &["0", "1", "5"]),
    column("i_int", "INT", &["-2147483648", "-7", "-1", "0", "1", "2", "6", "7", "8", "2147483647"]),
    column("i_big", "BIGINT", &["-9223372036854775808", "-1", "0", "1", "7", "127", "4294967296", "9007199254740993", "9223372036854775807"]),
    column("i_uint", "INT UNSIGNED", &["0", "1", "8", "127", "2147483648", "4294967295"]),
    column("i_ubig", "BIGINT UNSIGNED", &["0", "1", "7", "9223372036854775807", "9223372036854775808", "18446744073709551615"]),
    column("i_year", "YEAR", &["1901", "1970", "2024", "2155"]),
    column("f_single", "FLOAT", &["-3.5", "-0.5", "0", "0.1", "0.5", "2.5", "16777216", "1e30"]),
    column("f_x", "DOUBLE", &["-1e300", "-2.5", "-0.5", "0", "0.1", "0.5", "1.5", "2.5", "3.5", "1e300"]),
    column("n_price", "DECIMAL(10, 2)", &["-99999999.99", "-0.01", "0.00", "0.01", "2.00", "12.50", "99999999.99"]),
    column("n_wide", "DECIMAL(38, 10)", &["-0.0000000001", "0.0000000000", "2.0000000000", "12.5000000000", "9999999999999999999999999999.9999999999"]),
    column("s", "VARCHAR(40) COLLATE utf8mb4_0900_bin", &["''", "'a'", "'A'", "'a '", "'ab'", "'b'", "'ß'", "'ss'", "'é'", "'日本'", "'😀'", "'  a'", "'7'"]),
    column("s_pad", "VARCHAR(40) COLLATE utf8mb4_bin", &["''", "' '", "'a'", "'A'", "'a '", "'a  '", "'ab'", "'ß'", "'é'", "'x'"]),
    column("name_ci", "VARCHAR(40) COLLATE utf8mb4_general_ci", &["''", "'a'", "'A'", "'a '", "'ab'", "'AB'", "'ß'", "'s'", "'é'", "'e'", "'😀'"]),
    column("b", "VARBINARY(40)", &["''", "x'00'", "x'00ff'", "x'c328'", "'text'"]),
    column("d_day", "DATE", &["'0001-01-01'", "'1969-12-31'", "'1970-01-01'", "'2000-02-29'", "'2024-01-01'", "'2024-02-29'", "'2024-03-01'", "'9999-12-31'"]),
    column("moment", "DATETIME(6)", &["'1000-01-01 00:00:00'", "'1969-12-31 23:59:59.999999'", "'2024-02-29 00:00:00'", "'2024-02-29 12:34:56.123456'", "'2024-02-29 12:34:56.123457'", "'9999-12-31 23:59:59.999999'"]),
    column("stamp", "TIMESTAMP(6)", &["'1970-01-01 00:00:01'", "'2024-02-29 00:00:00'", "'2024-02-29 12:34:56.123456'", "'2038-01-19 03:14:07.999999'"]),
    column("span", "TIME(6)", &["'-838:59:59'", "'-00:00:01'", "'-00:00:00.000001'", "'00:00:00'", "'12:00:00'", "'838:59:59'"]),
    column("e_size", "ENUM('small', 'large')", &["'small'", "'large'"]),
    column("tags", "SET('a', 'b')", &["''", "'a'", "'a,b'"]),
    column("bits", "BIT(8)", &["0", "5", "255"]),
    column("doc", "JSON", &["'{}'", "'[1, 2]'", "'\"a\"'"]),
];

/// The statement that makes the table `name`, with `keys` behind its columns and `options` behind all.
#[must_use]
pub fn create(name: &str, keys: &str, options: &str) -> String {
    let columns: Vec<String> = COLUMNS
        .iter()
        .map(|column| format!("{} {} NULL", column.name, column.definition))
        .collect();
    format!("CREATE TABLE {name} (id INT PRIMARY KEY, {}{keys}){options}", columns.join(", "))
}

/// The statement that fills the table `name` with `count` rows: in each column the values take turns, at
/// a pace of its own, so that they meet in many ways.
#[must_use]
pub fn insert(name: &str, count: usize) -> String {
    let row = |id: usize| {
        let values: Vec<&str> = COLUMNS
            .iter()
            .enumerate()
            .map(|(place, column)| {
                let turn = (id * (2 * place + 1) + id / (place + 3)) % (column.values.len() + 1);
                column.values.get(turn).copied().unwrap_or("NULL")
            })
            .collect();
        format!("({id}, {})", values.join(", "))
    };
    let rows: Vec<String> = (1..=count).map(row).collect();
    format!("INSERT INTO {name} VALUES {}", rows.join(", "))
}

/// Statements that add what TiDB keeps and answers otherwise than DataFusion: dates that no calendar
/// has, which are `NULL` here, and a zero below zero, which is less than zero here.
#[must_use]
pub fn odd_rows(name: &str) -> Vec<String> {
    const DATES: [&str; 7] = [
        "0000-00-00",
        "2024-00-00",
        "2024-00-10",
        "2024-10-00",
        "2024-02-31",
        "2023-02-29",
        "1900-02-29",
    ];
    let mut statements = vec!["SET sql_mode = 'ALLOW_INVALID_DATES'".to_owned()];
    for (place, date) in DATES.iter().enumerate() {
        let id = FIRST_ODD_ID + place;
        statements.push(format!(
            "INSERT INTO {name} (id, i_int, d_day, moment) VALUES ({id}, {place}, '{date}', '{date} 12:34:56')"
        ));
    }
    let id = FIRST_ODD_ID + 50;
    statements.push(format!("INSERT INTO {name} (id, stamp) VALUES ({id}, '0000-00-00 00:00:00')"));
    let id = id + 1;
    statements.push(format!("INSERT INTO {name} (id, f_x, f_single) VALUES ({id}, -0e0, -0e0)"));
    statements
}
