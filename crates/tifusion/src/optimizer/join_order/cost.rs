//! What an order of joins is expected to take.

use datafusion::common::Result;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};

use super::group::{Equality, Group, Leaf as Joined, Side};
use super::tree::{Leaves, Tree};
use crate::access::path::combined;
use crate::optimizer::below::{Below, renumbered};
use crate::pushdown::lower::Physical;
use crate::scan::dynamic::{ByValues, ROWS_PER_RANGE};

/// Of a row that a store looks at: the unit.
const LOOK: f64 = 1.0;
/// Of a row that it sends, besides.
const SEND: f64 = 2.0;
/// Of a row that an index finds, wherever it lies.
const LOOKUP: f64 = 8.0;
/// Of a row that a join keeps.
const BUILD: f64 = 1.5;
/// Of a row that a join looks for among those.
const PROBE: f64 = 0.5;
/// Of a row that comes out of a join.
const OUT: f64 = 0.5;

/// Bytes of a row of which nobody knows how long it is.
const UNKNOWN_BYTES: f64 = 64.0;

/// What is expected of the parts of a group.
#[derive(Debug)]
pub(super) struct Costs {
    leaves: Vec<Leaf>,
    equalities: Vec<[End; 2]>,
    /// By two leaves: the share of all pairs of rows that match; 1 where nothing must be equal.
    shares: Vec<Vec<f64>>,
}

/// What is expected of a leaf.
#[derive(Debug, Clone, Copy)]
struct Leaf {
    looked_at: f64,
    rows: f64,
    row_bytes: f64,
}

/// One side of an equality.
#[derive(Debug, Clone, Copy)]
struct End {
    leaf: usize,
    /// How many values it has.
    distinct: f64,
    /// What becomes of the other side's values, if they are known before.
    by: Option<ByValues>,
}

/// Values of a column of a leaf that are known before it is read.
#[derive(Debug, Clone, Copy)]
struct Told {
    by: ByValues,
    values: f64,
    /// Of its rows.
    share: f64,
}

/// What is told of the leaves by joins that are built before they are read.
#[derive(Debug, Clone, Default)]
struct Context(Vec<(usize, Told)>);

/// What a part of the joins is expected to take and to bring.
#[derive(Debug, Clone, Copy)]
struct Estimate {
    cost: f64,
    rows: f64,
}

impl Costs {
    /// What statistics tell of `group`; `None` if they don't tell enough.
    pub(super) fn of(group: &Group) -> Result<Option<Self>> {
        let mut leaves = Vec::new();
        let mut found: Vec<[OfColumn; 2]> = vec![[(None, None); 2]; group.equalities.len()];
        for (at, leaf) in group.leaves.iter().enumerate() {
            let sides = group.equalities.iter().enumerate().flat_map(|(equality, it)| {
                it.sides.iter().enumerate().map(move |(side, it)| (equality, side, it))
            });
            let sides: Vec<_> = sides.filter(|(_, _, side)| side.leaf == at).collect();
            let exprs = sides.iter().map(|(_, _, side)| leaf.own(&side.expr));
            let Some((known, columns)) = of_leaf(leaf, exprs.collect::<Result<_>>()?)? else {
                return Ok(None);
            };
            leaves.push(known);
            for ((equality, side, _), column) in sides.into_iter().zip(columns) {
                if let Some(of_side) = found.get_mut(equality).and_then(|it| it.get_mut(side)) {
                    *of_side = column;
                }
            }
        }
        // Of two columns at least one has been counted.
        if found.iter().any(|[(one, _), (other, _)]| one.or(*other).is_none()) {
            return Ok(None);
        }
        let end = |side: &Side, (distinct, by): OfColumn| {
            // The other has a value in each row, for all that is known.
            let rows = || leaves.get(side.leaf).map_or(1.0, |leaf: &Leaf| leaf.rows);
            End { leaf: side.leaf, distinct: distinct.unwrap_or_else(rows).max(1.0), by }
        };
        let both = group.equalities.iter().zip(found);
        let equalities: Vec<[End; 2]> = both
            .map(|(Equality { sides: [one, other] }, [left, right])| {
                [end(one, left), end(other, right)]
            })
            .collect();
        let shares = shares(leaves.len(), &equalities);
        Ok(Some(Self { leaves, equalities, shares }))
    }

    /// How many leaves there are.
    pub(super) fn len(&self) -> usize {
        self.leaves.len()
    }

    /// Whether something of `leaf` must be equal to something of one of `leaves`.
    pub(super) fn are_connected(&self, leaves: Leaves, leaf: usize) -> bool {
        self.equalities.iter().any(|[one, other]| {
            (one.leaf == leaf && leaves.has(other.leaf))
                || (other.leaf == leaf && leaves.has(one.leaf))
        })
    }

    /// What it takes to join in the order of `tree`.
    pub(super) fn of_tree(&self, tree: &Tree) -> f64 {
        self.estimate(tree, &Context::default()).cost
    }

    fn estimate(&self, tree: &Tree, context: &Context) -> Estimate {
        let (left, right) = match tree {
            Tree::Leaf(leaf) => return self.estimate_leaf(*leaf, context),
            Tree::Join(left, right) => (left, right),
        };
        // As DataFusion chooses: by bytes, of which what is told in between changes nothing.
        let is_left_built = self.bytes(left.leaves()) <= self.bytes(right.leaves());
        let (built, probed) = if is_left_built { (left, right) } else { (right, left) };
        let build = self.estimate(built, context);
        let mut told = context.clone();
        for (from, to) in self.between(built.leaves(), probed.leaves()) {
            let Some(by) = to.by else { continue };
            let values = build.rows.min(from.distinct);
            told.0.push((to.leaf, Told { by, values, share: (values / to.distinct).min(1.0) }));
        }
        let probe = self.estimate(probed, &told);
        let leaves = tree.leaves();
        let rows = self.rows(leaves) * self.told_share(leaves, context);
        let join = build.rows * BUILD + probe.rows * PROBE + rows * OUT;
        Estimate { cost: build.cost + probe.cost + join, rows }
    }

    fn estimate_leaf(&self, leaf: usize, context: &Context) -> Estimate {
        let Some(known) = self.leaves.get(leaf) else { return Estimate { cost: 0.0, rows: 0.0 } };
        let (mut looked_at, mut rows, mut starts) = (known.looked_at, known.rows, 0.0);
        for (_, told) in context.0.iter().filter(|(of, _)| *of == leaf) {
            match told.by {
                ByValues::Keys(most) if told.values <= as_f64(most) => {
                    looked_at *= told.share;
                    rows *= told.share;
                    starts += told.values * as_f64(ROWS_PER_RANGE) * LOOK;
                }
                ByValues::Index if told.lookup(looked_at) < looked_at * LOOK => {
                    starts += told.lookup(looked_at);
                    looked_at = 0.0;
                    rows *= told.share;
                }
                ByValues::List(most) if told.values <= as_f64(most) => rows *= told.share,
                _ => {}
            }
        }
        Estimate { cost: starts + looked_at * LOOK + rows * SEND, rows }
    }

    /// The share of the rows of `leaves` that what is told of them leaves.
    fn told_share(&self, leaves: Leaves, context: &Context) -> f64 {
        let of = |leaf: usize| {
            let rows = self.leaves.get(leaf).map_or(0.0, |known| known.rows);
            if rows > 0.0 { self.estimate_leaf(leaf, context).rows / rows } else { 1.0 }
        };
        leaves.iter().map(of).product()
    }

    /// The sides of equalities between two sets of leaves.
    fn between(&self, one: Leaves, other: Leaves) -> impl Iterator<Item = (End, End)> {
        self.equalities.iter().filter_map(move |[left, right]| {
            if one.has(left.leaf) && other.has(right.leaf) {
                return Some((*left, *right));
            }
            (one.has(right.leaf) && other.has(left.leaf)).then_some((*right, *left))
        })
    }

    /// Rows of the join of `leaves`.
    fn rows(&self, leaves: Leaves) -> f64 {
        let mut rows = 1.0;
        for leaf in leaves.iter() {
            rows *= self.leaves.get(leaf).map_or(1.0, |known| known.rows);
            let shares = self.shares.get(leaf).into_iter().flatten().enumerate();
            let before = shares.filter(|(other, _)| *other < leaf && leaves.has(*other));
            rows *= before.map(|(_, share)| share).product::<f64>();
        }
        rows
    }

    fn bytes(&self, leaves: Leaves) -> f64 {
        let row = leaves.iter().filter_map(|leaf| self.leaves.get(leaf));
        self.rows(leaves) * row.map(|known| known.row_bytes).sum::<f64>()
    }
}

impl Told {
    /// What it takes to find the rows by an index.
    fn lookup(&self, rows: f64) -> f64 {
        (self.values * as_f64(ROWS_PER_RANGE) + rows * self.share * LOOKUP) * LOOK
    }
}

impl Joined {
    /// `expr`, over the group's columns, over its own.
    fn own(&self, expr: &Physical) -> Result<Physical> {
        let schema = self.plan.schema();
        renumbered(expr, |column| {
            let place = column.index().checked_sub(self.columns.start)?;
            Some(Column::new(schema.fields().get(place)?.name(), place))
        })
    }
}

/// What a leaf's column has: how many values, if that is known, and what becomes of values that are told.
type OfColumn = (Option<f64>, Option<ByValues>);

/// What is known of a leaf and of `exprs` over its columns; `None` if its rows are not.
fn of_leaf(leaf: &Joined, exprs: Vec<Physical>) -> Result<Option<(Leaf, Vec<OfColumn>)>> {
    if let Some(below) = Below::find(&leaf.plan, exprs.clone())? {
        let Some(expected) = below.scan.expected() else { return Ok(None) };
        let mut columns = Vec::new();
        for expr in &below.exprs {
            let Some(column) = expr.downcast_ref::<Column>() else {
                columns.push((None, None));
                continue;
            };
            let known = below.scan.known_column(column.index());
            let distinct = known.and_then(|known| known.distinct).map(as_f64);
            columns.push((distinct, below.scan.by_values(column.index())?));
        }
        let known = Leaf {
            looked_at: as_f64(expected.looked_at),
            rows: as_f64(expected.rows),
            row_bytes: expected.row_bytes,
        };
        return Ok(Some((known, columns)));
    }
    // What is made of tables in another way is made once, in any order.
    let statistics =
        StatisticsContext::new().compute(leaf.plan.as_ref(), &StatisticsArgs::new())?;
    let Some(rows) = statistics.num_rows.get_value().map(|rows| as_f64(*rows)) else {
        return Ok(None);
    };
    let bytes = statistics.total_byte_size.get_value().map(|bytes| as_f64(*bytes) / rows.max(1.0));
    let columns = exprs.iter().map(|expr| {
        let column = expr.downcast_ref::<Column>().map(Column::index);
        let known = column.and_then(|column| statistics.column_statistics.get(column));
        let distinct = known.and_then(|known| known.distinct_count.get_value());
        (distinct.map(|distinct| as_f64(*distinct)), None)
    });
    let row_bytes = bytes.unwrap_or(UNKNOWN_BYTES);
    Ok(Some((Leaf { looked_at: 0.0, rows, row_bytes }, columns.collect())))
}

/// The share of pairs of rows that match, by their leaves.
fn shares(leaves: usize, equalities: &[[End; 2]]) -> Vec<Vec<f64>> {
    let share = |one: usize, other: usize| {
        let is_between = |[left, right]: &&[End; 2]| {
            (left.leaf, right.leaf) == (one, other) || (left.leaf, right.leaf) == (other, one)
        };
        let all = equalities.iter().filter(is_between);
        let all = all.map(|[left, right]| 1.0 / left.distinct.max(right.distinct));
        combined(all.collect()).unwrap_or(1.0)
    };
    (0..leaves).map(|one| (0..leaves).map(|other| share(one, other)).collect()).collect()
}

/// A number for estimates.
#[expect(clippy::cast_precision_loss, reason = "an estimate needs no more than 53 bits")]
fn as_f64(number: impl TryInto<u64>) -> f64 {
    number.try_into().unwrap_or(u64::MAX) as f64
}

#[cfg(test)]
pub(super) mod testing {
    use super::*;

    /// A side of an equality: the leaf, how many values it has, and what becomes of those of the other side.
    pub(crate) type Stated = (usize, f64, Option<ByValues>);

    /// Leaves of so many rows to look at and to send, and equalities.
    pub(crate) fn costs(leaves: &[(f64, f64)], equalities: &[[Stated; 2]]) -> Costs {
        let leaf = |(looked_at, rows): &(f64, f64)| Leaf {
            looked_at: *looked_at,
            rows: *rows,
            row_bytes: 30.0,
        };
        let end = |(leaf, distinct, by): Stated| End { leaf, distinct, by };
        let equalities: Vec<[End; 2]> =
            equalities.iter().map(|[one, other]| [end(*one), end(*other)]).collect();
        let shares = shares(leaves.len(), &equalities);
        Costs { leaves: leaves.iter().map(leaf).collect(), equalities, shares }
    }
}

#[cfg(test)]
mod tests {
    use super::testing::costs;
    use super::*;

    const KEYS: Option<ByValues> = Some(ByValues::Keys(10_000));

    fn chain(order: &[usize]) -> Tree {
        let leaves = order.iter().map(|leaf| Tree::Leaf(*leaf));
        leaves.reduce(Tree::with).unwrap()
    }

    #[test]
    fn keys_that_are_told_spare_rows_and_others_do_not() {
        let leaves = [(100.0, 10.0), (50_000.0, 50_000.0)];
        let of =
            |by| costs(&leaves, &[[(0, 10.0, None), (1, 50_000.0, by)]]).of_tree(&chain(&[0, 1]));
        let (keys, index) = (of(KEYS), of(Some(ByValues::Index)));
        let (list, nothing) = (of(Some(ByValues::List(10))), of(None));
        assert!(keys < index && index < list && list < nothing, "{keys} {index} {list} {nothing}");
        // Too many values: all is read.
        for by in [ByValues::List(9), ByValues::Keys(9)] {
            assert_eq!(of(Some(by)).to_bits(), nothing.to_bits());
        }
    }

    #[test]
    fn several_equalities_of_two_tables_are_no_square() {
        let leaves = [(100.0, 100.0), (10_000.0, 10_000.0)];
        let equality = [(0, 100.0, None), (1, 100.0, None)];
        let [one, two] = [1, 2].map(|count| costs(&leaves, &vec![equality; count]));
        let both = Leaves::one(0).and(Leaves::one(1));
        let (one, two) = (one.rows(both), two.rows(both));
        assert!((one - 10_000.0).abs() < 0.1, "{one}");
        assert!((two - 1_000.0).abs() < 0.1, "{two}");
    }

    #[test]
    fn what_is_told_reaches_tables_below_other_joins() {
        // The last table is built first, and tells of keys of the first.
        let costs = |by| {
            let leaves = [(50_000.0, 50_000.0), (20_000.0, 20_000.0), (5.0, 5.0)];
            let equalities =
                [[(0, 20_000.0, None), (1, 20_000.0, None)], [(0, 50_000.0, by), (2, 5.0, None)]];
            costs(&leaves, &equalities).of_tree(&chain(&[0, 1, 2]))
        };
        assert!(costs(KEYS) * 2.0 < costs(None));
    }
}
