//! Groups rows and aggregates them.

use std::collections::HashMap;

use tifusion_proto::tipb::{Aggregation, FieldType};

use super::aggregate::{Aggregate, State};
use super::executor::{Batch, Executor, MAX_BATCH, Progress, Work};
use crate::cop::context::EvalContext;
use crate::cop::error::{CopError, EvalError};
use crate::cop::expr::Expression;
use crate::cop::order::Order;
use crate::cop::value::{Row, Value};

/// One expression to group by.
#[derive(Debug, Clone)]
struct GroupKey {
    expression: Expression,
    order: Order,
}

/// A group: the values it is grouped by, as its first row had them, and its states.
#[derive(Debug)]
struct Group {
    values: Row,
    states: Vec<State>,
}

/// The groups so far, in the order of their first rows.
pub(crate) struct Aggregator {
    child: Box<dyn Executor>,
    keys: Vec<GroupKey>,
    functions: Vec<Aggregate>,
    /// The functions' partial results, then what is grouped by.
    schema: Vec<FieldType>,
    /// Rows of one group come one after the other.
    is_streamed: bool,
    known: HashMap<Vec<u8>, usize>,
    groups: Vec<Group>,
    /// The group of the last row, when they are streamed.
    current: Option<Vec<u8>>,
    /// Groups that still fit the page.
    page_left: Option<usize>,
    done: bool,
}

impl Aggregator {
    /// An aggregation over `child`.
    ///
    /// # Errors
    /// [`CopError::Other`] for what this cluster doesn't aggregate, by name.
    pub(crate) fn new(
        child: Box<dyn Executor>,
        plan: &Aggregation,
        is_streamed: bool,
        page: Option<usize>,
        eval: &EvalContext,
    ) -> Result<Self, CopError> {
        let mut schema = Vec::new();
        let mut functions = Vec::new();
        for expr in &plan.agg_func {
            let (function, columns) = Aggregate::build(expr, child.schema(), eval)?;
            functions.push(function);
            schema.extend(columns);
        }
        let mut keys = Vec::new();
        for expression in Expression::build_all(&plan.group_by, child.schema().len(), eval)? {
            let field_type = expression.field_type(child.schema());
            keys.push(GroupKey { order: Order::of(&field_type)?, expression });
            schema.push(field_type);
        }
        Ok(Self {
            is_streamed: is_streamed && !keys.is_empty(),
            child,
            keys,
            functions,
            schema,
            known: HashMap::new(),
            groups: Vec::new(),
            current: None,
            page_left: page,
            done: false,
        })
    }

    fn add(&mut self, row: &Row, ctx: &mut EvalContext) -> Result<(), EvalError> {
        let mut key = Vec::new();
        let mut values = Vec::with_capacity(self.keys.len());
        for part in &self.keys {
            let value = part.expression.eval(row, ctx)?;
            part.order.group_key(&mut key, &value)?;
            values.push(value);
        }
        let at = self.group_of(key, values);
        let Some(group) = self.groups.get_mut(at) else { return Ok(()) };
        for (function, state) in self.functions.iter().zip(&mut group.states) {
            function.add(state, row, ctx)?;
        }
        Ok(())
    }

    /// The number of the row's group, a new one if there was none.
    fn group_of(&mut self, key: Vec<u8>, values: Row) -> usize {
        let last = self.groups.len();
        let at = if self.is_streamed {
            if self.current.as_ref() == Some(&key) { last.saturating_sub(1) } else { last }
        } else {
            self.known.get(&key).copied().unwrap_or(last)
        };
        if at == last {
            let states = self.functions.iter().map(Aggregate::start).collect();
            self.groups.push(Group { values, states });
            if self.is_streamed {
                self.current = Some(key);
            } else {
                self.known.insert(key, at);
            }
        }
        at
    }

    /// The rows of the first `count` groups, which are done.
    fn take(&mut self, count: usize) -> Result<Vec<Row>, EvalError> {
        let mut rows = Vec::with_capacity(count);
        for group in self.groups.drain(..count) {
            let mut row: Vec<Value> = Vec::with_capacity(self.schema.len());
            for (function, state) in self.functions.iter().zip(&group.states) {
                function.finish(state, &mut row)?;
            }
            row.extend(group.values);
            rows.push(row);
        }
        Ok(rows)
    }
}

impl Executor for Aggregator {
    fn schema(&self) -> &[FieldType] {
        &self.schema
    }

    fn next_batch(&mut self, _rows: usize, work: &mut Work<'_>) -> Result<Batch, CopError> {
        if self.done {
            return Ok(Batch { rows: Vec::new(), progress: Progress::Drained });
        }
        let batch = self.child.next_batch(MAX_BATCH, work)?;
        for row in &batch.rows {
            self.add(row, &mut work.eval)?;
        }
        let mut progress = batch.progress;
        let has_done_groups = self.is_streamed && self.groups.len() > 1;
        if let Some(left) = self.page_left {
            // As many groups as rows fit the page: what they lack, later pages give as groups again.
            if self.groups.len() >= left {
                progress = Progress::PageFull;
            } else if has_done_groups {
                self.page_left = Some(left + 1 - self.groups.len());
            }
        }
        let count = match progress {
            Progress::Remain if has_done_groups => self.groups.len() - 1,
            Progress::Remain => 0,
            Progress::Drained | Progress::PageFull => {
                self.done = true;
                self.groups.len()
            }
        };
        Ok(Batch { rows: self.take(count)?, progress })
    }

    fn child(&mut self) -> Option<&mut (dyn Executor + 'static)> {
        Some(self.child.as_mut())
    }
}
