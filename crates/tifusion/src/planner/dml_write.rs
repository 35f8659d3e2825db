//! Writes that DataFusion's own planner made: those of frames, and of statements given to the session itself.

use datafusion::logical_expr::{DmlStatement, Expr, LogicalPlan, WriteOp};

use crate::table::TidbTable;

/// Whether a write can't be done right from what is left of it in the plan.
///
/// `DELETE` and `UPDATE` may have lost a part of their filter by then, and an `INSERT` that leaves a column
/// out has a `NULL` there, which is another value where the column has a default.
pub(super) fn is_refused(dml: &DmlStatement, table: &TidbTable) -> bool {
    match (&dml.op, &*dml.input) {
        (WriteOp::Insert(_), LogicalPlan::Projection(made)) => {
            made.schema.fields().iter().zip(&made.expr).any(|(field, expr)| {
                let column = table.info().find_column(field.name());
                let has_default = column
                    .is_some_and(|column| column.default.is_some() || column.default_bit.is_some());
                has_default && is_null(expr)
            })
        }
        (WriteOp::Insert(_), _) => false,
        _ => true,
    }
}

fn is_null(expr: &Expr) -> bool {
    match expr {
        Expr::Alias(alias) => is_null(&alias.expr),
        Expr::Cast(cast) => is_null(&cast.expr),
        Expr::Literal(value, _) => value.is_null(),
        _ => false,
    }
}
