//! The order of rows of which the last one with a key counts.

use datafusion::common::Column;
use datafusion::logical_expr::{Expr, LogicalPlan};

use super::command::{OnDuplicate, WriteKind};
use super::options::WriteOptions;
use super::target::WrittenTable;
use crate::config::WriteMode;
use crate::error::{Error, Result};

/// Refuses rows of which the last or first one with a key is to be written, and whose order is one of columns that are not
/// among them: DataFusion takes an order that nobody can see for one that nobody needs.
///
/// # Errors
/// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) with the way out.
pub(super) fn check(
    input: &LogicalPlan,
    kind: &WriteKind,
    options: &WriteOptions,
    table: &WrittenTable,
) -> Result<()> {
    let skips = matches!(kind, WriteKind::Insert { on_duplicate: OnDuplicate::Skip, .. });
    let by_sql = options.mode == Some(WriteMode::Sql)
        && matches!(kind, WriteKind::Insert { on_duplicate: OnDuplicate::Replace, .. });
    if (options.deduplicate || skips || by_sql) && matches!(seen(input), Order::Unseen) {
        return Err(Error::unsupported(format!(
            "the rows for {} are sorted by what is not written, so which of two with one key comes first nobody \
             could say: sort them by columns of the table, or keep one row for each key beforehand (row_number())",
            table.label()
        )));
    }
    Ok(())
}

/// The order of a plan's rows.
enum Order {
    /// None that somebody asked for.
    None,
    /// By these expressions over its columns.
    Seen(Vec<Expr>),
    /// By something else.
    Unseen,
}

/// What is left of a sort's keys among the plan's columns.
fn seen(plan: &LogicalPlan) -> Order {
    match plan {
        LogicalPlan::Sort(sort) => {
            Order::Seen(sort.expr.iter().map(|sort| sort.expr.clone()).collect())
        }
        LogicalPlan::Limit(limit) => seen(&limit.input),
        LogicalPlan::Projection(projection) => through(seen(&projection.input), |key| {
            let same = |expr: &Expr| expr.clone().unalias() == *key;
            let place = projection.expr.iter().position(same)?;
            let (qualifier, field) = projection.schema.qualified_field(place);
            Some(Expr::Column(Column::from((qualifier, field))))
        }),
        LogicalPlan::SubqueryAlias(alias) => through(seen(&alias.input), |key| {
            let Expr::Column(column) = key else { return None };
            let place = alias.input.schema().maybe_index_of_column(column)?;
            let (qualifier, field) = alias.schema.qualified_field(place);
            Some(Expr::Column(Column::from((qualifier, field))))
        }),
        _ => Order::None,
    }
}

fn through(order: Order, above: impl Fn(&Expr) -> Option<Expr>) -> Order {
    match order {
        Order::Seen(keys) => match keys.iter().map(above).collect() {
            Some(keys) => Order::Seen(keys),
            None => Order::Unseen,
        },
        other => other,
    }
}
