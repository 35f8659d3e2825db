//! A write in a logical plan.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, LazyLock};

use datafusion::common::{DFSchema, DFSchemaRef, Result, ToDFSchema as _, internal_err};
use datafusion::logical_expr::{Expr, Extension, LogicalPlan, UserDefinedLogicalNodeCore};

use super::command::WriteKind;
use super::commit_exec;
use super::options::WriteOptions;
use super::target::WrittenTable;

static SCHEMA: LazyLock<DFSchemaRef> = LazyLock::new(|| {
    let schema = Arc::clone(&commit_exec::SCHEMA).to_dfschema();
    Arc::new(schema.unwrap_or_else(|_| DFSchema::empty()))
});

/// Writes the rows of its input to a table of TiDB, and counts the rows of the table that it changed.
#[derive(Debug, Clone)]
pub(crate) struct TidbWrite {
    pub(crate) table: Arc<WrittenTable>,
    pub(crate) kind: WriteKind,
    pub(crate) options: WriteOptions,
    pub(crate) input: LogicalPlan,
}

impl TidbWrite {
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

impl PartialEq for TidbWrite {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.table, &other.table)
            && self.kind == other.kind
            && self.options == other.options
            && self.input == other.input
    }
}

impl Eq for TidbWrite {}

impl Hash for TidbWrite {
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
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        &SCHEMA
    }

    fn expressions(&self) -> Vec<Expr> {
        Vec::new()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TidbWrite: {} {}", self.kind, self.table.label())
    }

    fn with_exprs_and_inputs(
        &self,
        _exprs: Vec<Expr>,
        mut inputs: Vec<LogicalPlan>,
    ) -> Result<Self> {
        match (inputs.pop(), inputs.is_empty()) {
            (Some(input), true) => Ok(Self { input, ..self.clone() }),
            _ => internal_err!("a write has one input"),
        }
    }

    /// All of the input's columns are needed, whatever is needed of the count.
    fn necessary_children_exprs(&self, _output_columns: &[usize]) -> Option<Vec<Vec<usize>>> {
        Some(vec![(0..self.input.schema().fields().len()).collect()])
    }

    fn supports_limit_pushdown(&self) -> bool {
        false
    }
}
