//! Comparisons, `IN`, `IS NULL` and `LIKE`.

use datafusion::logical_expr::Operator;
use datafusion::physical_expr::expressions::{BinaryExpr, Column, InListExpr, LikeExpr};

use super::{Lowering, Outcome, Physical, constant};
use crate::pushdown::capability::Kind;
use crate::pushdown::literal::lower as literal;
use crate::pushdown::refusal::{Reason, Refusal};
use crate::pushdown::ty::{RealRange, Ty, Typed};

/// What happens to columns of dates, which may hold what no calendar has: `NULL` here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::pushdown) enum Dates {
    /// They are checked, so that the value is exact.
    Checked,
    /// Columns compared as they are go unchecked: the condition keeps some rows too many.
    Raw,
}

/// A comparison.
#[derive(Debug)]
pub(in crate::pushdown) struct Compared {
    pub(in crate::pushdown) typed: Typed,
    /// Whether the condition holds for the same rows; else it does for more.
    pub(in crate::pushdown) exact: bool,
    pub(super) kind: Kind,
}

/// How floats that may be zeros of either sign compare, as a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Zeros {
    /// As here.
    Same,
    /// With rows too many.
    More,
    /// With rows missing.
    Less,
}

impl Lowering<'_> {
    /// A comparison of two values.
    pub(in crate::pushdown) fn compare(
        &self,
        binary: &BinaryExpr,
        expr: &Physical,
        dates: Dates,
    ) -> Outcome<Compared> {
        let refuse = |reason| Refusal::new(expr.as_ref(), reason);
        let operator = *binary.op();
        let symbol = match operator {
            Operator::Eq => "=",
            Operator::NotEq => "!=",
            Operator::Lt => "<",
            Operator::LtEq => "<=",
            Operator::Gt => ">",
            Operator::GtEq => ">=",
            Operator::IsDistinctFrom | Operator::IsNotDistinctFrom => "IS DISTINCT FROM",
            Operator::RegexMatch
            | Operator::RegexNotMatch
            | Operator::RegexIMatch
            | Operator::RegexNotIMatch => return Err(self.said("~", &Kind::Text, expr)),
            _ => return Err(refuse(Reason::Unknown)),
        };
        let (left, left_raw) = self.operand(binary.left(), dates)?;
        let (right, right_raw) = self.operand(binary.right(), dates)?;
        let kind = common_kind(&left.ty, &right.ty).ok_or_else(|| refuse(Reason::Unknown))?;
        let signature = self.row(symbol, kind, expr)?;
        let zeros = match (left.ty, right.ty) {
            (Ty::Real(a), Ty::Real(b)) => zeros(operator, a, b),
            _ => Zeros::Same,
        };
        if zeros == Zeros::Less {
            return Err(self.said(symbol, &kind, expr));
        }
        let children = vec![left.expr, right.expr];
        let typed = match kind {
            Kind::Text | Kind::Bytes => {
                self.build().text_condition(signature, children, &Ty::Bytes)
            }
            _ => self.build().call(signature, children, Ty::TRUTH),
        };
        let typed = match operator {
            Operator::IsDistinctFrom => self.not(typed, expr)?,
            _ => typed,
        };
        // What no calendar has is not equal to a constant, as `NULL` is not.
        let is_one = operator == Operator::Eq
            && (constant(binary.left()).is_some() || constant(binary.right()).is_some());
        let exact = zeros == Zeros::Same && (is_one || !left_raw && !right_raw);
        Ok(Compared { typed, exact, kind })
    }

    /// An operand, and whether it is a column of dates that was not checked.
    fn operand(&self, expr: &Physical, dates: Dates) -> Outcome<(Typed, bool)> {
        if dates == Dates::Raw
            && let Some(column) = expr.downcast_ref::<Column>()
        {
            let raw = self.raw_column(column, expr)?;
            let is_date = raw.ty.is_calendar();
            return Ok((raw, is_date));
        }
        Ok((self.value(expr)?, false))
    }

    /// `IN` and `NOT IN` over constants.
    pub(in crate::pushdown) fn in_list(
        &self,
        list: &InListExpr,
        expr: &Physical,
        dates: Dates,
    ) -> Outcome {
        let refuse = |reason| Refusal::new(expr.as_ref(), reason);
        let (needle, _) = self.operand(list.expr(), dates)?;
        let kind = needle.ty.kind();
        let signature = self.row("IN", kind, expr)?;
        let mut children = vec![needle.expr];
        for item in list.list() {
            let Some(value) = constant(item) else {
                return Err(refuse(Reason::Special("a list of other things than constants")));
            };
            let item = literal(self.build(), value).map_err(|why| refuse(Reason::Special(why)))?;
            if common_kind(&needle.ty, &item.ty).is_none() {
                return Err(refuse(Reason::Unknown));
            }
            if let (Ty::Real(a), Ty::Real(b)) = (needle.ty, item.ty)
                && zeros(Operator::IsDistinctFrom, a, b) != Zeros::Same
            {
                return Err(self.said("IN", &kind, expr));
            }
            children.push(item.expr);
        }
        if children.len() < 2 {
            return Err(refuse(Reason::Special("an empty list")));
        }
        let found = match kind {
            Kind::Text | Kind::Bytes => {
                self.build().text_condition(signature, children, &Ty::Bytes)
            }
            _ => self.build().call(signature, children, Ty::TRUTH),
        };
        if list.negated() { self.not(found, expr) } else { Ok(found) }
    }

    pub(super) fn is_null(&self, arg: &Physical, expr: &Physical) -> Outcome {
        let arg = self.value(arg)?;
        self.is_null_of(arg, expr)
    }

    fn is_null_of(&self, arg: Typed, expr: &Physical) -> Outcome {
        self.call(("IS NULL", arg.ty.kind()), vec![arg.expr], Ty::TRUTH, expr)
    }

    /// That a column is not `NULL`: of a column of dates not even what no calendar has.
    pub(in crate::pushdown) fn is_not_null_raw(
        &self,
        arg: &Physical,
        expr: &Physical,
    ) -> Outcome<(Typed, bool)> {
        let (arg, is_raw) = self.operand(arg, Dates::Raw)?;
        let is_null = self.is_null_of(arg, expr)?;
        Ok((self.not(is_null, expr)?, is_raw))
    }

    pub(super) fn like(&self, like: &LikeExpr, expr: &Physical) -> Outcome {
        if like.case_insensitive() {
            return Err(self.said("ILIKE", &Kind::Text, expr));
        }
        let signature = self.row("LIKE", Kind::Text, expr)?;
        let pattern = constant(like.pattern()).and_then(|value| value.try_as_str().flatten());
        // A backslash before other characters than wildcards means something else to each side.
        if pattern.is_none_or(|pattern| pattern.contains('\\')) {
            return Err(self.said("LIKE", &Kind::Text, expr));
        }
        let (text, pattern) = (self.value(like.expr())?, self.value(like.pattern())?);
        if text.ty != Ty::Text {
            return Err(Refusal::new(expr.as_ref(), Reason::Unknown));
        }
        let escape = self.build().small(i32::from(b'\\'));
        let children = vec![text.expr, pattern.expr, escape.expr];
        let matched = self.build().text_condition(signature, children, &Ty::Text);
        if like.negated() { self.not(matched, expr) } else { Ok(matched) }
    }
}

/// The kind in which two values are compared; `None` if the store has none.
fn common_kind(left: &Ty, right: &Ty) -> Option<Kind> {
    match (left.kind(), right.kind()) {
        (a, b) if a == b => Some(a),
        (Kind::Date, Kind::DateTime) | (Kind::DateTime, Kind::Date) => Some(Kind::DateTime),
        _ => None,
    }
}

/// What comparing floats in a store gives, compared to DataFusion, which orders `-0.0` before `0.0`.
fn zeros(operator: Operator, left: RealRange, right: RealRange) -> Zeros {
    let left_less = left.negative_zero && right.zero;
    let right_less = left.zero && right.negative_zero;
    // Where they meet the store says "equal"; DataFusion says "less" or "greater".
    match operator {
        _ if !left_less && !right_less => Zeros::Same,
        Operator::Eq | Operator::IsNotDistinctFrom => Zeros::More,
        Operator::LtEq if right_less => Zeros::More,
        Operator::GtEq if left_less => Zeros::More,
        Operator::LtEq | Operator::GtEq => Zeros::Same,
        Operator::Lt if left_less => Zeros::Less,
        Operator::Gt if right_less => Zeros::Less,
        Operator::Lt | Operator::Gt => Zeros::Same,
        _ => Zeros::Less,
    }
}
