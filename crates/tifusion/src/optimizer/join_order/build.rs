//! Joins in an order.

use std::sync::Arc;

use arrow::datatypes::{FieldRef, Schema, SchemaRef};
use datafusion::common::{JoinSide, JoinType, Result, internal_datafusion_err, internal_err};
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::expressions::{BinaryExpr, Column};
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_plan::joins::utils::{ColumnIndex, JoinFilter};
use datafusion::physical_plan::joins::{HashJoinExecBuilder, PartitionMode};
use datafusion::physical_plan::projection::ProjectionExec;

use super::group::{Condition, Equality, Group, Leaf};
use super::tree::{Leaves, Tree};
use crate::optimizer::Plan;
use crate::optimizer::below::renumbered;
use crate::pushdown::lower::Physical;

/// `group` in the order of `tree`, with the columns of `schema`.
pub(super) fn plan(group: Group, tree: &Tree, schema: &SchemaRef) -> Result<Plan> {
    let Group { leaves, equalities, filters, output, mode, .. } = group;
    let mut builder = Builder { leaves, equalities, filters, output, mode };
    let Part { plan, columns, .. } = builder.part(tree)?;
    if !builder.equalities.is_empty() || !builder.filters.is_empty() {
        return internal_err!("an order of joins leaves conditions out");
    }
    if plan.schema().fields() == schema.fields() && columns == builder.output {
        return Ok(plan);
    }
    let names = schema.fields().iter().map(|field| field.name().clone());
    let output = builder
        .output
        .iter()
        .zip(names)
        .map(|(column, name)| Ok((column_at(&plan, place(&columns, *column)?)?, name)));
    let output = output.collect::<Result<Vec<(Physical, String)>>>()?;
    Ok(Arc::new(ProjectionExec::try_new(output, plan)?))
}

/// What is joined so far.
struct Part {
    plan: Plan,
    /// The group's numbers of its columns.
    columns: Vec<usize>,
    leaves: Leaves,
}

struct Builder {
    leaves: Vec<Leaf>,
    /// Those that have not been used yet.
    equalities: Vec<Equality>,
    filters: Vec<Condition>,
    output: Vec<usize>,
    mode: PartitionMode,
}

impl Builder {
    fn part(&mut self, tree: &Tree) -> Result<Part> {
        match tree {
            Tree::Leaf(leaf) => {
                let Some(found) = self.leaves.get(*leaf) else {
                    return internal_err!("no leaf {leaf} in a join");
                };
                let columns = found.columns.clone().collect();
                let plan = Arc::clone(&found.plan);
                Ok(Part { plan, columns, leaves: Leaves::one(*leaf) })
            }
            Tree::Join(left, right) => {
                let (left, right) = (self.part(left)?, self.part(right)?);
                self.join(left, right)
            }
        }
    }

    fn join(&mut self, left: Part, right: Part) -> Result<Part> {
        let leaves = left.leaves.and(right.leaves);
        let mut on = Vec::new();
        let mut unused = Vec::new();
        for equality in std::mem::take(&mut self.equalities) {
            let [one, other] = &equality.sides;
            let pair = match (left.leaves.has(one.leaf), right.leaves.has(other.leaf)) {
                (true, true) => Some((one, other)),
                _ if left.leaves.has(other.leaf) && right.leaves.has(one.leaf) => {
                    Some((other, one))
                }
                _ => None,
            };
            match pair {
                Some((ours, theirs)) => {
                    on.push((left.over(&ours.expr)?, right.over(&theirs.expr)?))
                }
                None => unused.push(equality),
            }
        }
        self.equalities = unused;
        let filters = std::mem::take(&mut self.filters);
        let (complete, open): (Vec<_>, Vec<_>) =
            filters.into_iter().partition(|filter| filter.leaves.are_in(leaves));
        self.filters = open;
        let filter = join_filter(&complete, &left, &right)?;
        let columns = [left.columns.as_slice(), &right.columns].concat();
        let join = HashJoinExecBuilder::new(left.plan, right.plan, on, JoinType::Inner)
            .with_partition_mode(self.mode)
            .with_filter(filter)
            .build_exec()?;
        self.pruned(Part { plan: join, columns, leaves })
    }

    /// `part` without the columns that nobody needs any more.
    fn pruned(&self, part: Part) -> Result<Part> {
        let equal = self.equalities.iter().flat_map(|equality| &equality.sides);
        let exprs = equal.map(|side| &side.expr).chain(self.filters.iter().map(|it| &it.expr));
        let needed: Vec<usize> = exprs
            .flat_map(|expr| collect_columns(expr).into_iter().map(|column| column.index()))
            .chain(self.output.iter().copied())
            .collect();
        let is_kept = |(_, column): &(usize, &usize)| needed.contains(column);
        let kept = part.columns.iter().enumerate().filter(is_kept);
        let kept: Vec<(usize, usize)> = kept.map(|(place, column)| (place, *column)).collect();
        if kept.len() == part.columns.len() {
            return Ok(part);
        }
        let schema = part.plan.schema();
        let exprs = kept.iter().map(|(place, _)| {
            Ok((column_at(&part.plan, *place)?, schema.field(*place).name().clone()))
        });
        let exprs = exprs.collect::<Result<Vec<_>>>()?;
        let columns = kept.into_iter().map(|(_, column)| column).collect();
        Ok(Part { plan: Arc::new(ProjectionExec::try_new(exprs, part.plan)?), columns, ..part })
    }
}

impl Part {
    /// `expr`, over the group's columns, over these.
    fn over(&self, expr: &Physical) -> Result<Physical> {
        let schema = self.plan.schema();
        renumbered(expr, |column| {
            let place = self.columns.iter().position(|it| *it == column.index())?;
            Some(Column::new(schema.fields().get(place)?.name(), place))
        })
    }
}

/// All of `conditions`, of two sides.
fn join_filter(conditions: &[Condition], left: &Part, right: &Part) -> Result<Option<JoinFilter>> {
    let all = conditions.iter().map(|condition| Arc::clone(&condition.expr));
    let Some(all) = all.reduce(|one, other| Arc::new(BinaryExpr::new(one, Operator::And, other)))
    else {
        return Ok(None);
    };
    let mut needed: Vec<usize> = collect_columns(&all).iter().map(Column::index).collect();
    needed.sort_unstable();
    let (mut indices, mut fields) = (Vec::new(), Vec::<FieldRef>::new());
    for column in &needed {
        let of = |part: &Part, side| {
            let index = part.columns.iter().position(|it| it == column)?;
            Some((ColumnIndex { index, side }, Arc::clone(part.plan.schema().fields().get(index)?)))
        };
        let found = of(left, JoinSide::Left).or_else(|| of(right, JoinSide::Right));
        let (index, field) = found
            .ok_or_else(|| internal_datafusion_err!("no column {column} for a join's filter"))?;
        indices.push(index);
        fields.push(field);
    }
    let expr = renumbered(&all, |column| {
        let place = needed.iter().position(|it| *it == column.index())?;
        Some(Column::new(fields.get(place)?.name(), place))
    })?;
    Ok(Some(JoinFilter::new(expr, indices, Arc::new(Schema::new(fields)))))
}

fn place(columns: &[usize], column: usize) -> Result<usize> {
    let place = columns.iter().position(|it| *it == column);
    place.ok_or_else(|| internal_datafusion_err!("no column {column} in joins"))
}

fn column_at(plan: &Plan, place: usize) -> Result<Physical> {
    let schema = plan.schema();
    let field = schema.fields().get(place);
    let field = field.ok_or_else(|| internal_datafusion_err!("no column {place} in a join"))?;
    Ok(Arc::new(Column::new(field.name(), place)))
}
