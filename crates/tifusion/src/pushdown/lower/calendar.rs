//! Dates that no calendar has: `0000-00-00`, `2024-00-10`, `2024-02-31`. They are ordinary values to a
//! store and `NULL` here.

use datafusion::physical_expr::expressions::Column;
use tifusion_proto::tipb::Expr;

use super::{Lowering, Outcome, Physical};
use crate::pushdown::capability::Kind;
use crate::pushdown::ty::{IntRange, Ty, Typed};

impl Lowering<'_> {
    /// `raw`, or `NULL` where the calendar does not have it.
    pub(super) fn on_the_calendar(&self, raw: Typed, expr: &Physical) -> Outcome {
        let exists = self.exists(&raw, expr)?;
        let ty = raw.ty;
        self.call(("CASE", ty.kind()), vec![exists, raw.expr], ty, expr)
    }

    /// What holds for the rows in which the calendar has `arg`, if that is a column of dates: all of them.
    pub(in crate::pushdown) fn is_on_the_calendar(&self, arg: &Physical) -> Outcome<Vec<Expr>> {
        let Some(column) = arg.downcast_ref::<Column>() else { return Ok(Vec::new()) };
        let date = self.raw_column(column, arg)?;
        if date.ty.is_calendar() { self.existence(&date, arg) } else { Ok(Vec::new()) }
    }

    /// Whether the calendar has `date`.
    fn exists(&self, date: &Typed, expr: &Physical) -> Outcome<Expr> {
        self.all_of(self.existence(date, expr)?, expr)
    }

    /// What holds of a `date` that the calendar has.
    fn existence(&self, date: &Typed, expr: &Physical) -> Outcome<Vec<Expr>> {
        let part = |name: &str, high: i128| {
            let ty = Ty::Int(IntRange::signed(0, high));
            self.call((name, date.ty.kind()), vec![date.expr.clone()], ty, expr)
        };
        let compare = |left: Typed, symbol: &str, right: i32| {
            let right = self.build().small(right);
            let children = vec![left.expr, right.expr];
            Ok(self.call((symbol, Kind::Int), children, Ty::TRUTH, expr)?.expr)
        };
        let month = || self.month(date, expr);
        let has_month = compare(month()?, ">", 0)?;
        // A TIMESTAMP is a point in time, or zero.
        if date.ty == Ty::Timestamp {
            return Ok(vec![has_month]);
        }
        let day = || part("date_part('day')", 31);
        let has_day = compare(day()?, ">", 0)?;
        let short = compare(day()?, "<=", 28)?;
        let not_february = compare(month()?, "!=", 2)?;
        let is_thirty = compare(day()?, "<=", 30)?;
        let of_thirty = [4, 6, 9, 11].map(|month| self.build().small(month).expr);
        let mut members = vec![month()?.expr];
        members.extend(of_thirty);
        let is_of_thirty = self.call(("IN", Kind::Int), members, Ty::TRUTH, expr)?;
        let is_of_more = self.not(is_of_thirty, expr)?.expr;
        let in_month = self.any_of(vec![is_thirty, is_of_more], expr)?;
        let elsewhere = self.all_of(vec![not_february, in_month], expr)?;
        let leap = self.is_leap(part("date_part('year')", 9999)?, expr)?;
        let is_february = compare(month()?, "=", 2)?;
        let is_its_last = compare(day()?, "=", 29)?;
        let in_february = self.all_of(vec![is_february, is_its_last, leap], expr)?;
        let fits = self.any_of(vec![short, elsewhere, in_february], expr)?;
        Ok(vec![has_month, has_day, fits])
    }

    fn month(&self, date: &Typed, expr: &Physical) -> Outcome {
        let ty = Ty::Int(IntRange::signed(0, 12));
        self.call(("date_part('month')", date.ty.kind()), vec![date.expr.clone()], ty, expr)
    }

    fn is_leap(&self, year: Typed, expr: &Physical) -> Outcome<Expr> {
        let rest = |divisor: i32, symbol: &str| -> Outcome<Expr> {
            let children = vec![year.expr.clone(), self.build().small(divisor).expr];
            let ty = Ty::Int(IntRange::signed(0, i128::from(divisor) - 1));
            let rest = self.call(("%", Kind::Int), children, ty, expr)?;
            let children = vec![rest.expr, self.build().small(0).expr];
            Ok(self.call((symbol, Kind::Int), children, Ty::TRUTH, expr)?.expr)
        };
        let usual = self.any_of(vec![rest(100, "!=")?, rest(400, "=")?], expr)?;
        self.all_of(vec![rest(4, "=")?, usual], expr)
    }

    pub(in crate::pushdown) fn all_of(&self, sides: Vec<Expr>, expr: &Physical) -> Outcome<Expr> {
        self.joined("AND", sides, expr)
    }

    pub(in crate::pushdown) fn any_of(&self, sides: Vec<Expr>, expr: &Physical) -> Outcome<Expr> {
        self.joined("OR", sides, expr)
    }

    /// One side alone is itself.
    fn joined(&self, name: &str, sides: Vec<Expr>, expr: &Physical) -> Outcome<Expr> {
        let signature = self.row(name, Kind::Int, expr)?;
        let tree = self.build().tree(signature, sides);
        tree.ok_or_else(|| self.said(name, &Kind::Int, expr))
    }
}
