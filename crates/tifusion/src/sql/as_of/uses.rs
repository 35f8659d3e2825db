//! Which tables of a statement have a time to be read at, and which have none.

use std::ops::ControlFlow;

use datafusion::sql::parser::{CopyToSource, Statement as DfStatement};
use datafusion::sql::sqlparser::ast::{
    Expr, ObjectName, ObjectNamePart, Query, TableFactor, TableVersion, Visit, Visitor,
};

use crate::error::{Error, Result};

/// The tables of a statement.
#[derive(Debug, Default)]
pub(super) struct Uses {
    /// Those with a time.
    pub(super) with: Vec<(ObjectName, Expr)>,
    /// The others.
    pub(super) without: Vec<ObjectName>,
}

impl Uses {
    /// Those of `statement`; common table expressions are none.
    ///
    /// # Errors
    /// Where a time is given to what is no table, or in a way that TiDB does not have.
    pub(super) fn of(statement: &DfStatement) -> Result<Self> {
        let mut visitor = UsesVisitor::default();
        let flow = match statement {
            DfStatement::Statement(statement) => statement.visit(&mut visitor),
            DfStatement::CopyTo(copy) => match &copy.source {
                CopyToSource::Query(query) => query.visit(&mut visitor),
                CopyToSource::Relation(_) => ControlFlow::Continue(()),
            },
            DfStatement::Explain(explain) => return Self::of(&explain.statement),
            DfStatement::CreateExternalTable(_) | DfStatement::Reset(_) => {
                ControlFlow::Continue(())
            }
        };
        match flow {
            ControlFlow::Continue(()) => Ok(visitor.uses),
            ControlFlow::Break(error) => Err(error),
        }
    }
}

#[derive(Debug, Default)]
struct UsesVisitor {
    uses: Uses,
    /// Names of common table expressions in scope.
    ctes: Vec<String>,
    /// Queries that were looked at before their turn, by address.
    seen: Vec<*const Query>,
    /// How many of these the walk is in.
    skipping: usize,
}

impl UsesVisitor {
    fn is_cte(&self, name: &ObjectName) -> bool {
        let [ObjectNamePart::Identifier(name)] = name.0.as_slice() else { return false };
        self.ctes.iter().any(|cte| cte.eq_ignore_ascii_case(&name.value))
    }

    fn add(&mut self, name: &ObjectName, version: Option<&TableVersion>) -> Result<()> {
        let time = match version {
            None => None,
            Some(TableVersion::TimestampAsOf(time) | TableVersion::ForSystemTimeAsOf(time)) => {
                Some(time.clone())
            }
            Some(other) => {
                return Err(Error::unsupported(format!(
                    "{name} {other}: write {name} AS OF TIMESTAMP …"
                )));
            }
        };
        match (time, self.is_cte(name)) {
            (Some(_), true) => Err(Error::invalid(format!(
                "{name} is a common table expression: AS OF TIMESTAMP stands behind the tables in it"
            ))),
            (None, true) => Ok(()),
            (Some(time), false) => {
                self.uses.with.push((name.clone(), time));
                Ok(())
            }
            (None, false) => {
                self.uses.without.push(name.clone());
                Ok(())
            }
        }
    }
}

impl Visitor for UsesVisitor {
    type Break = Error;

    /// A common table expression does not see its own name, unless it is recursive: its query is
    /// looked at before that is in scope.
    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Error> {
        if self.skipping > 0 || self.seen.contains(&std::ptr::from_ref(query)) {
            self.skipping += 1;
            return ControlFlow::Continue(());
        }
        for cte in query.with.iter().flat_map(|with| &with.cte_tables) {
            let is_recursive = query.with.as_ref().is_some_and(|with| with.recursive);
            if is_recursive {
                self.ctes.push(cte.alias.name.value.clone());
            }
            cte.query.visit(self)?;
            self.seen.push(std::ptr::from_ref(&*cte.query));
            if !is_recursive {
                self.ctes.push(cte.alias.name.value.clone());
            }
        }
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &Query) -> ControlFlow<Error> {
        if self.skipping > 0 {
            self.skipping -= 1;
            return ControlFlow::Continue(());
        }
        let own = query.with.as_ref().map_or(0, |with| with.cte_tables.len());
        self.ctes.truncate(self.ctes.len().saturating_sub(own));
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<Error> {
        let TableFactor::Table { name, version, args, .. } = factor else {
            return ControlFlow::Continue(());
        };
        if self.skipping > 0 || (args.is_some() && version.is_none()) {
            return ControlFlow::Continue(());
        }
        match self.add(name, version.as_ref()) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(error),
        }
    }
}
