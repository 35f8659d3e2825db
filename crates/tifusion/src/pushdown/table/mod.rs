//! The rows of the table, by subject.

mod aggregate;
mod arithmetic;
mod cast;
mod compare;
mod control;
mod function;
mod never;
mod tiflash;

use tifusion_proto::tipb::ScalarFuncSig as Sig;

use super::capability::{Capability, Exactness, Function, Kind};

pub(super) use tiflash::is_for_tiflash;

/// All rows, by subject and kind.
const TABLE: &[&[&[Capability]]] = &[
    compare::ROWS,
    &[control::ROWS],
    &[arithmetic::ROWS],
    &[cast::ROWS],
    &[function::ROWS],
    &[never::ROWS],
];

/// All rows of what is evaluated for a row of a table.
pub fn capabilities() -> impl Iterator<Item = &'static Capability> {
    TABLE.iter().copied().flatten().copied().flatten()
}

/// The rows of what the stores make of many rows: aggregate functions, `GROUP BY` and `ORDER BY`
/// with a `LIMIT`.
pub fn aggregates() -> impl Iterator<Item = &'static Capability> {
    aggregate::ROWS.iter().copied().flatten()
}

/// The row of an aggregate function, or of `GROUP BY` or `ORDER BY`, over a kind of operand.
pub(in crate::pushdown) fn find_aggregate(
    name: &str,
    operand: Kind,
) -> Option<&'static Capability> {
    aggregates().find(|row| row.operand == operand && row.name == name)
}

/// The row of an operator or function over a kind of operand.
pub(in crate::pushdown) fn find(name: &str, operand: Kind) -> Option<&'static Capability> {
    capabilities().find(|row| row.operand == operand && row.name == name)
}

/// A row that is always exact.
const fn always(
    (name, tidb_name): (&'static str, &'static str),
    operand: Kind,
    signature: Sig,
    examples: &'static [&'static str],
) -> Capability {
    under((name, tidb_name), operand, signature, "", examples)
}

/// A row that is exact under a condition.
const fn under(
    (name, tidb_name): (&'static str, &'static str),
    operand: Kind,
    signature: Sig,
    note: &'static str,
    examples: &'static [&'static str],
) -> Capability {
    let (function, exactness) = (Some(Function::Scalar(signature)), Exactness::Exact);
    Capability { name, operand, function, tidb_name, exactness, note, examples }
}

/// A row that keeps too much.
const fn superset(
    (name, tidb_name): (&'static str, &'static str),
    operand: Kind,
    signature: Sig,
    note: &'static str,
    examples: &'static [&'static str],
) -> Capability {
    let (function, exactness) = (Some(Function::Scalar(signature)), Exactness::Superset);
    Capability { name, operand, function, tidb_name, exactness, note, examples }
}

/// A row that is never pushed down.
const fn never(
    (name, tidb_name): (&'static str, &'static str),
    operand: Kind,
    note: &'static str,
    examples: &'static [&'static str],
) -> Capability {
    let (function, exactness) = (None, Exactness::Never);
    Capability { name, operand, function, tidb_name, exactness, note, examples }
}
