//! Ways by several indexes, one for each side of an `OR`.

use std::sync::Arc;

use datafusion::logical_expr::Operator;
use datafusion::physical_expr::expressions::BinaryExpr;
use datafusion::physical_plan::PhysicalExpr;

use super::cost::{self, Cost};
use super::estimate::{Basis, Rows};
use super::index::IndexRanges;
use super::{Candidate, Chooser, Way};
use crate::access::filter::{self, Restriction, operands};

/// Most sides of an `OR`.
const MOST_SIDES: usize = 16;

/// One for each `OR` among `conjuncts` all of whose sides an index narrows.
pub(super) fn candidates(
    chooser: &Chooser<'_>,
    conjuncts: &[Arc<dyn PhysicalExpr>],
) -> Vec<Candidate> {
    let is_or = |conjunct: &&Arc<dyn PhysicalExpr>| {
        conjunct.downcast_ref::<BinaryExpr>().is_some_and(|binary| *binary.op() == Operator::Or)
    };
    conjuncts.iter().filter(is_or).filter_map(|or| of_or(chooser, or)).collect()
}

fn of_or(chooser: &Chooser<'_>, or: &Arc<dyn PhysicalExpr>) -> Option<Candidate> {
    let sides = operands(or, Operator::Or);
    if sides.len() > MOST_SIDES {
        return None;
    }
    let mut ways = Vec::with_capacity(sides.len());
    let mut entries = 0.0;
    let mut sum = Cost::NOTHING;
    let (mut is_guess, mut is_few) = (false, true);
    for side in sides {
        let columns = match filter::all_of(std::slice::from_ref(side), chooser.table.schema) {
            Restriction::Never => continue,
            Restriction::Columns(columns) => columns,
        };
        let domains = chooser.table.by_id(columns);
        let of_index = |index| {
            let candidate = chooser.of_index(index, &domains)?;
            match candidate.way {
                Way::Lookup(keys) | Way::Covering(keys) if keys.is_narrowed() => {
                    let is_known = candidate.is_few || candidate.rows.basis == Basis::Analyzed;
                    Some((keys, candidate.rows, is_known, candidate.is_few))
                }
                _ => None,
            }
        };
        let indexes = chooser.indexes().filter(|index| chooser.tells_rows(index));
        let best = indexes.filter_map(of_index);
        let (keys, rows, is_known, side_is_few) =
            best.min_by(|one, other| one.1.count.total_cmp(&other.1.count))?;
        sum = sum + cost::of_scan(rows.count, keys.len(), chooser.widths.entry(&keys));
        entries += rows.count;
        is_guess |= !is_known;
        is_few &= side_is_few;
        ways.push(keys);
    }
    // One index gives all sides at once.
    let first = ways.first()?.index_id();
    if ways.iter().all(|way: &IndexRanges| way.index_id() == first) {
        return None;
    }
    let rows =
        Rows { count: entries, basis: if is_guess { Basis::Guess } else { Basis::Analyzed } };
    Some(Candidate {
        cost: sum + cost::of_lookup(entries, chooser.widths.row()),
        is_few,
        is_guess,
        rows,
        way: Way::Merge(ways),
    })
}
