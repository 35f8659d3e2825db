//! A write in a logical plan.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, LazyLock};

use datafusion::common::{DFSchema, DFSchemaRef, Result, ToDFSchema as _, internal_err};
use datafusion::logical_expr::{Expr, Extension, LogicalPlan, UserDefinedLogicalNodeCore};
use datafusion::physical_plan::ExecutionPlan;

use super::command::WriteKind;
use super::commit_exec;
use super::options::WriteOptions;
use super::order;
use super::target::WrittenTable;

static SCHEMA: LazyLock<DFSchemaRef> = LazyLock::new(|| {
    let schema = Arc::clone(&commit_exec::SCHEMA).to_dfschema();
    Arc::new(schema.unwrap_or_else(|_| DFSchema::empty()))
});

/// Writes the rows of its inputs to tables of TiDB in one transaction, and counts the rows of each that it changed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct TidbWrite {
    writes: Vec<TableWrite>,
}

/// What is written to one table, once in a transaction.
#[derive(Debug, Clone)]
pub(crate) struct TableWrite {
    pub(crate) table: Arc<WrittenTable>,
    pub(crate) kind: WriteKind,
    pub(crate) options: WriteOptions,
    pub(crate) input: LogicalPlan,
}

impl TableWrite {
    /// The plan that does this alone.
    pub(crate) fn into_plan(self) -> LogicalPlan {
        TidbWrite::new(vec![self]).into_plan()
    }
}

impl TidbWrite {
    /// Writes to several tables, each another one.
    pub(crate) fn new(writes: Vec<TableWrite>) -> Self {
        Self { writes }
    }

    /// What is written to each table.
    pub(crate) fn writes(&self) -> &[TableWrite] {
        &self.writes
    }

    /// What is done, in a word: that of the first table.
    pub(crate) fn word(&self) -> &'static str {
        self.writes.first().map_or("insert", |write| write.kind.word())
    }

    /// The plan that does so.
    pub(crate) fn into_plan(self) -> LogicalPlan {
        LogicalPlan::Extension(Extension { node: Arc::new(self) })
    }

    /// The write in a plan's node, if it is one.
    pub(crate) fn of(plan: &LogicalPlan) -> Option<&Self> {
        match plan {
            LogicalPlan::Extension(Extension { node }) => node.as_any().downcast_ref(),
            _ => None,
        }
    }
}

/// What is written to one table, once its rows are planned.
#[derive(Debug)]
pub(crate) struct PlannedWrite {
    pub(crate) table: Arc<WrittenTable>,
    pub(crate) kind: WriteKind,
    pub(crate) options: WriteOptions,
    pub(crate) input: Arc<dyn ExecutionPlan>,
    /// Whether its rows are made of the table's own, where `input` does not tell as it is run by others.
    pub(crate) reads_itself: bool,
}

impl PlannedWrite {
    /// The write whose rows are those of `input`.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) when the order of the rows would count, and nobody could see it.
    pub(crate) fn new(write: &TableWrite, input: Arc<dyn ExecutionPlan>) -> Result<Self> {
        let TableWrite { table, kind, options, .. } = write;
        order::check(&write.input, kind, options, table)?;
        let (table, kind, options) = (Arc::clone(table), kind.clone(), options.clone());
        Ok(Self { table, kind, options, input, reads_itself: false })
    }
}

impl PartialEq for TableWrite {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.table, &other.table)
            && self.kind == other.kind
            && self.options == other.options
            && self.input == other.input
    }
}

impl Eq for TableWrite {}

impl Hash for TableWrite {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.table).hash(state);
        self.kind.hash(state);
        self.input.hash(state);
    }
}

impl PartialOrd for TidbWrite {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        (self == other).then_some(Ordering::Equal)
    }
}

impl UserDefinedLogicalNodeCore for TidbWrite {
    fn name(&self) -> &'static str {
        "TidbWrite"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        self.writes.iter().map(|write| &write.input).collect()
    }

    fn schema(&self) -> &DFSchemaRef {
        &SCHEMA
    }

    fn expressions(&self) -> Vec<Expr> {
        Vec::new()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TidbWrite:")?;
        self.writes.iter().try_for_each(|it| write!(f, " {} {}", it.kind, it.table.label()))
    }

    fn with_exprs_and_inputs(&self, _exprs: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<Self> {
        if inputs.len() != self.writes.len() {
            return internal_err!("a write has one input for each of its tables");
        }
        let writes = self.writes.iter().zip(inputs);
        let writes = writes.map(|(write, input)| TableWrite { input, ..write.clone() });
        Ok(Self { writes: writes.collect() })
    }

    /// All of the inputs' columns are needed, whatever is needed of the count.
    fn necessary_children_exprs(&self, _output_columns: &[usize]) -> Option<Vec<Vec<usize>>> {
        let all = |write: &TableWrite| (0..write.input.schema().fields().len()).collect();
        Some(self.writes.iter().map(all).collect())
    }

    fn supports_limit_pushdown(&self) -> bool {
        false
    }
}
