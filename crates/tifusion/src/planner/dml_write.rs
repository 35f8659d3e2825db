//! Writes that DataFusion's own planner made: those of frames, and of statements given to the session itself.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{TreeNode as _, TreeNodeRecursion};
use datafusion::datasource::source_as_provider;
use datafusion::execution::SessionStateBuilder;
use datafusion::logical_expr::{DmlStatement, Expr, LogicalPlan, Projection, WriteOp};
use datafusion::optimizer::AnalyzerRule;

use crate::error::Error;
use crate::table::TidbTable;

/// Puts the rule into a session.
pub(crate) fn register(builder: &mut SessionStateBuilder) {
    builder.analyzer().get_or_insert_default().rules.insert(0, Arc::new(DmlWrites));
}

/// Refuses writes that can't be done right from what DataFusion's planner leaves of them, before it is
/// rewritten any further: filters that it may have lost, columns that are left out and so `NULL`, values that it
/// casts by rules of its own.
#[derive(Debug)]
struct DmlWrites;

impl AnalyzerRule for DmlWrites {
    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        plan.apply(|node| {
            if let LogicalPlan::Dml(dml) = node
                && let Ok(provider) = source_as_provider(&dml.target)
                && let Some(table) = provider.downcast_ref::<TidbTable>()
            {
                check(dml, table)?;
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
        Ok(plan)
    }

    fn name(&self) -> &'static str {
        "tidb_dml_writes"
    }
}

/// # Errors
/// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported), with where the write goes instead.
pub(super) fn check(dml: &DmlStatement, table: &TidbTable) -> Result<(), Error> {
    let name = table.label();
    match (&dml.op, &*dml.input) {
        (WriteOp::Insert(_), LogicalPlan::Projection(made)) if leaves_out(made, table) => {
            Err(Error::unsupported(format!(
                "in this way of writing to {name} a column that is left out can't be told from NULL: give the \
                 statement to TidbContext::sql, or the frame to TidbContext::table_writer"
            )))
        }
        (WriteOp::Insert(_), LogicalPlan::Projection(made)) if casts(made) => {
            Err(Error::unsupported(format!(
                "in this way of writing to {name} values are cast by DataFusion's rules: give the statement to \
                 TidbContext::sql, or the frame to TidbContext::table_writer, which cast as TiDB does"
            )))
        }
        (WriteOp::Insert(_), _) => Ok(()),
        _ => Err(Error::unsupported(format!(
            "in this way of writing to {name} a part of the filter may be lost: give the statement to \
             TidbContext::sql"
        ))),
    }
}

/// Whether a column with a default is `NULL` in all rows.
fn leaves_out(made: &Projection, table: &TidbTable) -> bool {
    made.schema.fields().iter().zip(&made.expr).any(|(field, expr)| {
        let column = table.info().find_column(field.name());
        let has_default =
            column.is_some_and(|column| column.default.is_some() || column.default_bit.is_some());
        has_default && is_null(expr)
    })
}

fn is_null(expr: &Expr) -> bool {
    match expr {
        Expr::Alias(alias) => is_null(&alias.expr),
        Expr::Cast(cast) => is_null(&cast.expr),
        Expr::Literal(value, _) => value.is_null(),
        _ => false,
    }
}

/// Whether values are cast to the table's types: those of `VALUES` where they stand.
fn casts(made: &Projection) -> bool {
    let in_values = match &*made.input {
        LogicalPlan::Values(values) => values.values.iter().flatten().any(is_cast),
        _ => false,
    };
    in_values || made.expr.iter().any(is_cast)
}

/// Whether a value is cast on its way out, but for a `NULL`, which is one in any type.
fn is_cast(expr: &Expr) -> bool {
    match expr {
        Expr::Alias(alias) => is_cast(&alias.expr),
        Expr::Cast(_) | Expr::TryCast(_) => !is_null(expr),
        _ => false,
    }
}
