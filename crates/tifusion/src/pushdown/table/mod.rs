//! The rows of the table, by subject.

mod arithmetic;
mod cast;
mod compare;
mod control;
mod function;
mod never;

use tifusion_proto::tipb::ScalarFuncSig as Sig;

use super::capability::{Capability, Exactness, Kind};

/// All rows, by subject and kind.
const TABLE: &[&[&[Capability]]] = &[
    compare::ROWS,
    &[control::ROWS],
    &[arithmetic::ROWS],
    &[cast::ROWS],
    &[function::ROWS],
    &[never::ROWS],
];

/// All rows of the table.
pub fn capabilities() -> impl Iterator<Item = &'static Capability> {
    TABLE.iter().copied().flatten().copied().flatten()
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
    let (signature, exactness) = (Some(signature), Exactness::Exact);
    Capability { name, operand, signature, tidb_name, exactness, note, examples }
}

/// A row that keeps too much.
const fn superset(
    (name, tidb_name): (&'static str, &'static str),
    operand: Kind,
    signature: Sig,
    note: &'static str,
    examples: &'static [&'static str],
) -> Capability {
    let (signature, exactness) = (Some(signature), Exactness::Superset);
    Capability { name, operand, signature, tidb_name, exactness, note, examples }
}

/// A row that is never pushed down.
const fn never(
    (name, tidb_name): (&'static str, &'static str),
    operand: Kind,
    note: &'static str,
    examples: &'static [&'static str],
) -> Capability {
    let (signature, exactness) = (None, Exactness::Never);
    Capability { name, operand, signature, tidb_name, exactness, note, examples }
}
