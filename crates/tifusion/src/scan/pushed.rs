//! The filters that a scan's stores evaluate, and how `EXPLAIN` shows them.

use std::fmt;

use datafusion::arrow::datatypes::Schema;
use tifusion_proto::tipb::Expr;

use crate::pushdown::Exactness;
use crate::pushdown::filter::Filters;
use crate::pushdown::lower::Physical;
use crate::pushdown::scope::Scope;

/// What a scan's stores evaluate, and over what more can be lowered.
#[derive(Debug, Clone)]
pub(crate) struct Pushdown {
    scope: Scope,
    filters: Filters,
}

impl Pushdown {
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

    /// What a row must pass.
    pub(crate) fn conditions(&self) -> &[Expr] {
        &self.filters.conditions
    }

    /// Whether every filter it was made with is evaluated exactly.
    pub(crate) fn is_exact(&self) -> bool {
        self.filters.superset.is_empty() && self.filters.refused.is_empty()
    }

    /// One line, each part behind a comma.
    pub(crate) fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Filters { exact, superset, refused, .. } = &self.filters;
        for (name, filters) in [("pushed", exact), ("superset", superset)] {
            if !filters.is_empty() {
                write!(f, ", {name}=[{}]", filters.join(", "))?;
            }
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
