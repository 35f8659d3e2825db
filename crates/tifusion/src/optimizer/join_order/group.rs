//! Inner joins one above another, as tables and what must be equal.

use std::ops::Range;
use std::sync::Arc;

use datafusion::common::{JoinSide, JoinType, NullEquality, Result, internal_datafusion_err};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_plan::ExecutionPlan as _;
use datafusion::physical_plan::joins::{HashJoinExec, PartitionMode};
use datafusion::physical_plan::projection::ProjectionExec;

use super::tree::{Leaves, Tree};
use crate::optimizer::Plan;
use crate::optimizer::below::renumbered;
use crate::pushdown::lower::Physical;

/// Inner joins whose order is free. Its columns are those of all leaves, one after another, by their numbers.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) leaves: Vec<Leaf>,
    /// What must be equal, over the group's columns.
    pub(super) equalities: Vec<Equality>,
    /// What must be true besides, over the group's columns.
    pub(super) filters: Vec<Condition>,
    /// The numbers of the columns that come out.
    pub(super) output: Vec<usize>,
    /// The statement's order.
    pub(super) stated: Tree,
    /// How the joins are done.
    pub(super) mode: PartitionMode,
}

/// What is joined.
#[derive(Debug)]
pub(super) struct Leaf {
    pub(super) plan: Plan,
    /// The numbers of its columns.
    pub(super) columns: Range<usize>,
}

/// Something of one leaf equals something of another.
#[derive(Debug)]
pub(super) struct Equality {
    pub(super) sides: [Side; 2],
}

/// Something of a leaf, over the group's columns.
#[derive(Debug)]
pub(super) struct Side {
    pub(super) leaf: usize,
    pub(super) expr: Physical,
}

/// Something that must be true.
#[derive(Debug)]
pub(super) struct Condition {
    pub(super) expr: Physical,
    /// Whose columns it needs.
    pub(super) leaves: Leaves,
}

impl Group {
    /// The joins that begin at `plan`; `None` if it is none, or none whose order is free.
    pub(super) fn of(plan: &Plan) -> Result<Option<Self>> {
        let Some(join) = first_join(plan) else { return Ok(None) };
        let mut gathered = Gathered::default();
        let (stated, output) = gathered.add(plan)?;
        let Gathered { leaves, equal, filters } = gathered;
        let mut group = Self {
            leaves,
            equalities: Vec::new(),
            filters: Vec::new(),
            output,
            stated,
            mode: *join.partition_mode(),
        };
        for sides in equal {
            let [Some(one), Some(other)] = sides.map(|expr| group.side(expr)) else {
                return Ok(None);
            };
            if one.leaf == other.leaf {
                return Ok(None);
            }
            group.equalities.push(Equality { sides: [one, other] });
        }
        for expr in filters {
            let leaves = group.leaves_of(&expr);
            group.filters.push(Condition { expr, leaves });
        }
        Ok(Some(group))
    }

    /// `expr`, if it is of one leaf.
    fn side(&self, expr: Physical) -> Option<Side> {
        let leaves = self.leaves_of(&expr);
        let mut all = leaves.iter();
        let leaf = all.next()?;
        all.next().is_none().then_some(Side { leaf, expr })
    }

    /// The leaves whose columns are in `expr`.
    fn leaves_of(&self, expr: &Physical) -> Leaves {
        let columns = collect_columns(expr);
        let leaf = |column: &Column| self.leaf_of(column.index());
        columns
            .iter()
            .filter_map(leaf)
            .fold(Leaves::default(), |all, leaf| all.and(Leaves::one(leaf)))
    }

    fn leaf_of(&self, column: usize) -> Option<usize> {
        self.leaves.iter().position(|leaf| leaf.columns.contains(&column))
    }
}

/// The uppermost join of a group, below projections of columns; `None` for what is joined.
pub(super) fn first_join(plan: &Plan) -> Option<&HashJoinExec> {
    if let Some(projection) = plan.downcast_ref::<ProjectionExec>() {
        let is_of_columns = projection.expr().iter().all(|output| output.expr.is::<Column>());
        return is_of_columns.then(|| first_join(projection.input())).flatten();
    }
    // An equality of nulls is another one, and so many rows of a join depend on its order.
    let is_free = |join: &&HashJoinExec| {
        *join.join_type() == JoinType::Inner
            && join.null_equality() == NullEquality::NullEqualsNothing
            && join.fetch().is_none()
    };
    plan.downcast_ref::<HashJoinExec>().filter(is_free)
}

/// What has been found of a group so far, over the group's columns.
#[derive(Debug, Default)]
struct Gathered {
    leaves: Vec<Leaf>,
    equal: Vec<[Physical; 2]>,
    filters: Vec<Physical>,
}

impl Gathered {
    /// Takes `plan` apart; gives the numbers of its output's columns.
    fn add(&mut self, plan: &Plan) -> Result<(Tree, Vec<usize>)> {
        if first_join(plan).is_none() {
            return Ok(self.add_leaf(plan));
        }
        if let Some(projection) = plan.downcast_ref::<ProjectionExec>() {
            let (tree, columns) = self.add(projection.input())?;
            let places = projection
                .expr()
                .iter()
                .filter_map(|output| output.expr.downcast_ref::<Column>().map(Column::index));
            return Ok((tree, chosen(places, &columns)?));
        }
        let Some(join) = plan.downcast_ref::<HashJoinExec>() else {
            return Ok(self.add_leaf(plan));
        };
        let (left, left_columns) = self.add(join.left())?;
        let (right, right_columns) = self.add(join.right())?;
        for (one, other) in join.on() {
            self.equal.push([
                renumbered(one, |column| moved(column, &left_columns, column.index()))?,
                renumbered(other, |column| moved(column, &right_columns, column.index()))?,
            ]);
        }
        if let Some(filter) = join.filter() {
            let expr = renumbered(filter.expression(), |column| {
                let of = filter.column_indices().get(column.index())?;
                match of.side {
                    JoinSide::Left => moved(column, &left_columns, of.index),
                    JoinSide::Right => moved(column, &right_columns, of.index),
                    JoinSide::None => None,
                }
            })?;
            self.filters.push(expr);
        }
        let columns = [left_columns, right_columns].concat();
        let columns = match join.projection.as_ref() {
            Some(places) => chosen(places.iter().copied(), &columns)?,
            None => columns,
        };
        Ok((left.with(right), columns))
    }

    fn add_leaf(&mut self, plan: &Plan) -> (Tree, Vec<usize>) {
        let first = self.leaves.last().map_or(0, |leaf| leaf.columns.end);
        let columns = first..first + plan.schema().fields().len();
        self.leaves.push(Leaf { plan: Arc::clone(plan), columns: columns.clone() });
        (Tree::Leaf(self.leaves.len() - 1), columns.collect())
    }
}

fn chosen(places: impl Iterator<Item = usize>, columns: &[usize]) -> Result<Vec<usize>> {
    let column = |place: usize| columns.get(place).copied().ok_or_else(|| no_column(place));
    places.map(column).collect()
}

/// The column of a group at `place` of `columns`, under its old name.
fn moved(column: &Column, columns: &[usize], place: usize) -> Option<Column> {
    Some(Column::new(column.name(), *columns.get(place)?))
}

fn no_column(place: usize) -> datafusion::common::DataFusionError {
    internal_datafusion_err!("no column {place} in a join")
}
