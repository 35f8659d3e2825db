//! Which rows of the table hold for TiFlash too.
//!
//! It is another program than TiKV, with another arithmetic and other texts: what is here are comparisons and logic
//! over numbers and dates, which leave no room for two opinions, and what is counted and added up of them. Sums of
//! integers are not here: it is told their type by a cast, which TiKV needs not.

use super::{Capability, Kind};

/// Rows over these kinds.
const KINDS: [Kind; 5] = [Kind::Int, Kind::Real, Kind::Decimal, Kind::Date, Kind::DateTime];

/// Operators, functions and executors by these names.
const NAMES: [&str; 15] = [
    "=", "!=", "<", "<=", ">", ">=", "IS NULL", "AND", "OR", "NOT", "count", "min", "max",
    "GROUP BY", "ORDER BY",
];

/// Whether TiFlash is given `row` too: it makes of it what TiKV does.
pub(in crate::pushdown) fn is_for_tiflash(row: &Capability) -> bool {
    let is_fraction = matches!(row.operand, Kind::Real | Kind::Decimal);
    let is_named = match row.name {
        "sum" => is_fraction,
        // It makes one set of all values, of one type.
        "IN" => !is_fraction,
        name => NAMES.contains(&name),
    };
    row.function.is_some() && KINDS.contains(&row.operand) && is_named
}
