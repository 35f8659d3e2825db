//! The first rows in an order.

use std::cmp::Ordering;
use std::collections::HashMap;

use tifusion_proto::tipb::FieldType;

use super::executor::{Batch, Executor, MAX_BATCH, Progress, Work};
use crate::cop::context::EvalContext;
use crate::cop::error::{CopError, EvalError};
use crate::cop::expr::Expression;
use crate::cop::order::Order;
use crate::cop::value::{Row, Value};

/// One expression to order by.
#[derive(Debug, Clone)]
pub(crate) struct SortKey {
    expression: Expression,
    order: Order,
    descending: bool,
}

impl SortKey {
    /// A key over rows of `schema`.
    ///
    /// # Errors
    /// [`CopError::Other`] when the values have no order.
    pub(crate) fn new(
        expression: Expression,
        descending: bool,
        schema: &[FieldType],
    ) -> Result<Self, CopError> {
        let order = Order::of(&expression.field_type(schema))?;
        Ok(Self { expression, order, descending })
    }
}

/// A row and what it is ordered by.
struct Ranked {
    keys: Vec<Value>,
    row: Row,
}

/// The first `limit` rows of all, or of each partition.
pub(crate) struct TopN {
    child: Box<dyn Executor>,
    partition_by: Vec<SortKey>,
    order_by: Vec<SortKey>,
    limit: usize,
    done: bool,
    /// The first rows of each partition so far, in the order of the first one's arrival; sorted.
    partitions: Vec<Vec<Ranked>>,
    known: HashMap<Vec<u8>, usize>,
}

impl TopN {
    /// The first `limit` rows of `child` in an order; of each partition if there are some to be.
    pub(crate) fn new(
        child: Box<dyn Executor>,
        partition_by: Vec<SortKey>,
        order_by: Vec<SortKey>,
        limit: usize,
    ) -> Self {
        Self {
            child,
            partition_by,
            order_by,
            limit,
            done: false,
            partitions: Vec::new(),
            known: HashMap::new(),
        }
    }

    /// With pages, rows of more pages than one can't be held: TiKV passes them on as they are.
    fn passes_on(&self, page: Option<usize>) -> bool {
        let held =
            if self.partition_by.is_empty() { self.limit } else { self.limit.saturating_mul(2) };
        page.is_some_and(|page| held > page)
    }

    fn add(&mut self, row: Row, ctx: &mut EvalContext) -> Result<(), EvalError> {
        let mut group = Vec::new();
        for key in &self.partition_by {
            key.order.group_key(&mut group, &key.expression.eval(&row, ctx)?)?;
        }
        let keys: Result<Vec<_>, _> =
            self.order_by.iter().map(|key| key.expression.eval(&row, ctx)).collect();
        let ranked = Ranked { keys: keys?, row };
        let next = self.partitions.len();
        let at = *self.known.entry(group).or_insert(next);
        if at == next {
            self.partitions.push(Vec::new());
        }
        let Some(rows) = self.partitions.get_mut(at) else { return Ok(()) };
        let order_by = &self.order_by;
        if rows.len() >= self.limit
            && let Some(last) = rows.last()
            && compare(order_by, &ranked, last)?.is_ge()
        {
            return Ok(());
        }
        // Behind the rows that are equal, so that the first to come stays first.
        let (mut from, mut to) = (0, rows.len());
        while from < to {
            let middle = from.midpoint(to);
            let Some(other) = rows.get(middle) else { break };
            if compare(order_by, &ranked, other)?.is_lt() {
                to = middle;
            } else {
                from = middle + 1;
            }
        }
        rows.insert(from, ranked);
        rows.truncate(self.limit);
        Ok(())
    }
}

fn compare(order_by: &[SortKey], left: &Ranked, right: &Ranked) -> Result<Ordering, EvalError> {
    for (key, (left, right)) in order_by.iter().zip(left.keys.iter().zip(&right.keys)) {
        let ordering = key.order.compare(left, right)?;
        if ordering.is_ne() {
            return Ok(if key.descending { ordering.reverse() } else { ordering });
        }
    }
    Ok(Ordering::Equal)
}

impl Executor for TopN {
    fn schema(&self) -> &[FieldType] {
        self.child.schema()
    }

    fn next_batch(&mut self, rows: usize, work: &mut Work<'_>) -> Result<Batch, CopError> {
        if self.limit == 0 || self.done {
            return Ok(Batch { rows: Vec::new(), progress: Progress::Drained });
        }
        if self.passes_on(work.page) {
            return self.child.next_batch(rows, work);
        }
        let batch = self.child.next_batch(MAX_BATCH, work)?;
        for row in batch.rows {
            self.add(row, &mut work.eval)?;
        }
        if !batch.progress.stops() {
            return Ok(Batch { rows: Vec::new(), progress: Progress::Remain });
        }
        self.done = true;
        let partitions = std::mem::take(&mut self.partitions);
        let rows = partitions.into_iter().flatten().map(|ranked| ranked.row).collect();
        Ok(Batch { rows, progress: Progress::Drained })
    }

    fn child(&mut self) -> Option<&mut (dyn Executor + 'static)> {
        Some(self.child.as_mut())
    }
}
