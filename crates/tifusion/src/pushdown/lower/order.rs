//! What rows are ordered by.

use datafusion::physical_expr::PhysicalSortExpr;
use datafusion::physical_expr::expressions::Literal;
use tifusion_proto::tipb::{ByItem, Expr};

use super::{Lowering, Outcome};
use crate::pushdown::build::is_too_large;
use crate::pushdown::refusal::{NO_SQL, Reason, Refusal, Sql};

impl Lowering<'_> {
    /// The keys of an order, and how `EXPLAIN` shows them. To a store `NULL` is less than everything: elsewhere whether there is a
    /// value is a key of its own.
    ///
    /// # Errors
    /// Why the stores don't know this order.
    pub(crate) fn order(&self, keys: &[PhysicalSortExpr]) -> Outcome<(Vec<ByItem>, String)> {
        let mut items = Vec::with_capacity(keys.len());
        let mut shown = Vec::with_capacity(keys.len());
        for key in keys.iter().filter(|key| !key.expr.is::<Literal>()) {
            let typed = self.value(&key.expr)?;
            self.executor("ORDER BY", &typed, &key.expr)?;
            let desc = key.options.descending;
            let direction = if desc { "DESC" } else { "ASC" };
            let nulls = if key.options.nulls_first { "FIRST" } else { "LAST" };
            shown.push(format!("{} {direction} NULLS {nulls}", Sql(key.expr.as_ref())));
            let item =
                |expr: Expr| ByItem { expr: Some(expr), desc: Some(desc), ..ByItem::default() };
            if key.options.nulls_first == desc && key.expr.nullable(self.schema).unwrap_or(true) {
                items.push(item(self.is_null(&key.expr, &key.expr)?.expr));
            }
            let expr = self.by_bytes(typed, &key.expr)?.expr;
            if is_too_large(&expr) {
                return Err(Refusal::new(key.expr.as_ref(), Reason::TooLarge));
            }
            items.push(item(expr));
            let sql = self.scope.sql.as_ref();
            if sql.is_some_and(|sql| items.iter().any(|item| sql.order_key(item).is_none())) {
                return Err(Refusal::new(key.expr.as_ref(), NO_SQL));
            }
        }
        match keys.first() {
            // Any rows will do then, which the stores need no order for.
            Some(key) if items.is_empty() => {
                let why = "an order by constants is none";
                Err(Refusal::new(key.expr.as_ref(), Reason::Special(why)))
            }
            _ => Ok((items, shown.join(", "))),
        }
    }
}
