//! The filters that a scan's stores evaluate, and how `EXPLAIN` shows them.

use std::fmt::{self, Display as _};

use datafusion::arrow::datatypes::Schema;
use datafusion::physical_expr::PhysicalSortExpr;
use tifusion_proto::tipb::{ByItem, Expr};

use super::reduction::Reduction;
use crate::pushdown::Exactness;
use crate::pushdown::filter::Filters;
use crate::pushdown::lower::{Grouping, Lowering, Physical};
use crate::pushdown::partial::PartialAggregate;
use crate::pushdown::refusal::Refusal;
use crate::pushdown::scope::Scope;

/// What a scan's stores evaluate, and over what more can be lowered.
#[derive(Debug, Clone)]
pub(crate) struct Pushdown {
    scope: Scope,
    filters: Filters,
}

impl Pushdown {
    /// Over no columns: nothing more can be lowered.
    pub(crate) fn none() -> Self {
        Self { scope: Scope::none(), filters: Filters::default() }
    }

    /// Decides on `filters` over `schema`, whose columns the scan of `scope` reads.
    pub(crate) fn new(scope: Scope, filters: &[Physical], schema: &Schema) -> Self {
        let filters = Filters::new(filters, &scope, schema);
        Self { scope, filters }
    }

    /// Decides on one more filter over the scan's output.
    pub(crate) fn add(&mut self, filter: &Physical, schema: &Schema) -> Exactness {
        self.filters.add(filter, &self.scope, schema)
    }

    /// What the stores can evaluate of `filters`, over `schema`: every row that passes those passes it.
    pub(crate) fn lowered(&self, filters: &[Physical], schema: &Schema) -> Vec<Expr> {
        Filters::new(filters, &self.scope, schema).conditions
    }

    /// Has the stores evaluate `filters` exactly, which stay evaluated here else.
    ///
    /// # Errors
    /// Why the stores can't; then nothing has changed.
    pub(crate) fn claim(&mut self, filters: &[Physical], schema: &Schema) -> Result<(), Refusal> {
        self.filters.claim(filters, &self.scope, schema)
    }

    /// What the stores make of groups of the scan's rows.
    ///
    /// # Errors
    /// Why they make nothing of them.
    pub(crate) fn aggregate(
        &self,
        grouping: Grouping<'_>,
        schema: &Schema,
    ) -> Result<PartialAggregate, Refusal> {
        PartialAggregate::of(grouping, &self.scope, schema)
    }

    /// An order of the scan's rows, and how it is shown.
    ///
    /// # Errors
    /// Why the stores don't know it.
    pub(crate) fn order(
        &self,
        keys: &[PhysicalSortExpr],
        schema: &Schema,
    ) -> Result<(Vec<ByItem>, String), Refusal> {
        Lowering::new(&self.scope, schema).order(keys)
    }

    /// Notes one more thing that the stores don't do.
    pub(crate) fn refuse(&mut self, refusal: Refusal) {
        if !self.filters.refused.contains(&refusal) {
            self.filters.refused.push(refusal);
        }
    }

    /// What a row must pass.
    pub(crate) fn conditions(&self) -> &[Expr] {
        &self.filters.conditions
    }

    /// Whether every filter it was made with is evaluated exactly.
    pub(crate) fn is_exact(&self) -> bool {
        self.filters.superset.is_empty() && self.filters.refused.is_empty()
    }

    /// One line, each part behind a comma; what becomes of the rows that pass is in it.
    pub(crate) fn fmt(
        &self,
        reduction: Option<&Reduction>,
        f: &mut fmt::Formatter<'_>,
    ) -> fmt::Result {
        let Filters { exact, superset, refused, .. } = &self.filters;
        for (name, filters) in [("pushed", exact), ("superset", superset)] {
            if !filters.is_empty() {
                write!(f, ", {name}=[{}]", filters.join(", "))?;
            }
        }
        if let Some(reduction) = reduction {
            reduction.fmt(f)?;
        }
        if !refused.is_empty() {
            let refused: Vec<String> = refused.iter().map(ToString::to_string).collect();
            write!(f, ", not pushed: [{}]", refused.join("; "))?;
        }
        Ok(())
    }

    /// A line for each part.
    pub(crate) fn fmt_tree(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Filters { exact, superset, .. } = &self.filters;
        for (name, filters) in [("pushed", exact), ("superset", superset)] {
            if !filters.is_empty() {
                writeln!(f, "{name}={}", filters.join(", "))?;
            }
        }
        Ok(())
    }
}
