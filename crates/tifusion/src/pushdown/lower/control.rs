//! `AND`, `OR`, `CASE` and `coalesce`.

use datafusion::logical_expr::Operator;
use datafusion::physical_expr::expressions::CaseExpr;

use super::{Lowering, Outcome, Physical, operands};
use crate::pushdown::capability::Kind;
use crate::pushdown::refusal::{Reason, Refusal};
use crate::pushdown::ty::{Ty, Typed};

impl Lowering<'_> {
    /// A chain of `AND`s or `OR`s.
    pub(super) fn logic(&self, operator: Operator, expr: &Physical) -> Outcome {
        let signature =
            self.row(if operator == Operator::And { "AND" } else { "OR" }, Kind::Int, expr)?;
        let mut sides = Vec::new();
        for side in operands(expr, operator) {
            sides.push(self.value(&side)?.expr);
        }
        let tree = self.build().tree(signature, sides);
        let expr = tree.ok_or_else(|| Refusal::new(expr.as_ref(), Reason::Unknown))?;
        Ok(Typed { expr, ty: Ty::TRUTH })
    }

    pub(super) fn case(&self, case: &CaseExpr, expr: &Physical) -> Outcome {
        let refuse = |reason| Refusal::new(expr.as_ref(), reason);
        let base = case.expr().map(|base| self.value(base)).transpose()?;
        let mut children = Vec::new();
        let mut ty: Option<Ty> = None;
        let mut merge = |value: &Typed| -> Option<Ty> {
            ty = match ty {
                None => Some(value.ty),
                Some(ty) => Some(ty.union(value.ty)?),
            };
            ty
        };
        for (when, then) in case.when_then_expr() {
            let when = self.value(when)?;
            let condition = match &base {
                None => when,
                Some(base) => self.equal(base, when, expr)?,
            };
            let then = self.value(then)?;
            merge(&then).ok_or_else(|| refuse(Reason::Unknown))?;
            children.extend([condition.expr, then.expr]);
        }
        if let Some(otherwise) = case.else_expr() {
            let otherwise = self.value(otherwise)?;
            merge(&otherwise).ok_or_else(|| refuse(Reason::Unknown))?;
            children.push(otherwise.expr);
        }
        let ty = ty.ok_or_else(|| refuse(Reason::Unknown))?;
        self.call(("CASE", ty.kind()), children, ty, expr)
    }

    /// `base = when` of a `CASE base WHEN when`.
    fn equal(&self, base: &Typed, when: Typed, expr: &Physical) -> Outcome {
        let kind = base.ty.kind();
        if kind != when.ty.kind() || kind == Kind::Real {
            return Err(Refusal::new(expr.as_ref(), Reason::Unknown));
        }
        let signature = self.row("=", kind, expr)?;
        let children = vec![base.expr.clone(), when.expr];
        Ok(match kind {
            Kind::Text | Kind::Bytes => {
                self.build().text_condition(signature, children, &Ty::Bytes)
            }
            _ => self.build().call(signature, children, Ty::TRUTH),
        })
    }

    pub(super) fn coalesce(&self, args: &[Physical], expr: &Physical) -> Outcome {
        let refuse = || Refusal::new(expr.as_ref(), Reason::Unknown);
        let mut children = Vec::new();
        let mut ty: Option<Ty> = None;
        for arg in args {
            let arg = self.value(arg)?;
            ty = Some(match ty {
                None => arg.ty,
                Some(ty) => ty.union(arg.ty).ok_or_else(refuse)?,
            });
            children.push(arg.expr);
        }
        let ty = ty.ok_or_else(refuse)?;
        self.call(("coalesce", ty.kind()), children, ty, expr)
    }
}
