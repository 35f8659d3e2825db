//! Dates that no calendar has: `0000-00-00`, `2024-00-10`, `2024-02-31`. They are ordinary values to a
//! store and `NULL` here.

use datafusion::physical_expr::expressions::Column;
use tifusion_codec::time::{CoreTime, TimeKind};
use tifusion_proto::tipb::Expr;

use super::{Lowering, Outcome, Physical};
use crate::pushdown::capability::Kind;
use crate::pushdown::literal;
use crate::pushdown::refusal::{Reason, Refusal};
use crate::pushdown::ty::{IntRange, Ty, Typed};

/// A factor, a mask and a bound: a year of up to five digits is a leap year if its product's masked bits are no more than the bound
/// (F. Hueffner, "A leap year check in three instructions", 2025).
const LEAP_YEARS: [u32; 3] = [1_073_750_999, 3_221_352_463, 126_976];

/// More than a month has days.
const DAYS: u32 = 32;

/// More than the number of a month and a day.
const LEAP: u32 = 512;

/// The numbers of months and days that no calendar has, in years of either kind.
fn absent_days() -> impl Iterator<Item = i32> {
    let of_year = |(year, first): (u16, u32)| {
        absent_in(year).map(move |it| first + u32::from(it.month) * DAYS + u32::from(it.day))
    };
    let numbers = [(1999, 0), (2000, LEAP)].into_iter().flat_map(of_year);
    numbers.filter_map(|number| i32::try_from(number).ok())
}

/// The dates of a year that no calendar has.
pub(in crate::pushdown) fn absent_in(year: u16) -> impl Iterator<Item = CoreTime> {
    let dates = (0..=12).flat_map(|month| (0..=31).map(move |day| (month, day)));
    let dates = dates.map(move |(month, day)| CoreTime {
        year,
        month,
        day,
        kind: TimeKind::Date,
        ..CoreTime::default()
    });
    dates.filter(|date| date.to_days().is_err())
}

impl Lowering<'_> {
    /// `raw`, or `NULL` where the calendar does not have it.
    pub(super) fn on_the_calendar(&self, raw: Typed, expr: &Physical) -> Outcome {
        let exists = self.exists(&raw, expr)?;
        let ty = raw.ty;
        self.call(("CASE", ty.kind()), vec![exists, raw.expr], ty, expr)
    }

    /// What holds for the rows in which the calendar has `arg`, if that is a column of dates: all of them. `absent` are the only
    /// dates that no calendar has of which it may be one, if that is known and it has no time of day.
    pub(in crate::pushdown) fn is_on_the_calendar(
        &self,
        arg: &Physical,
        absent: Option<Vec<CoreTime>>,
    ) -> Outcome<Option<Vec<Expr>>> {
        let Some(column) = arg.downcast_ref::<Column>() else { return Ok(None) };
        let date = self.raw_column(column, arg)?;
        match absent {
            Some(absent) if date.ty == Ty::Date => self.is_none_of(date, absent, arg).map(Some),
            _ if date.ty.is_calendar() => self.existence(&date, arg).map(Some),
            _ => Ok(None),
        }
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
        // One number of month, day and kind of year, and those that are none: in few steps, as the stores take them for every row.
        let day = part("date_part('day')", 31)?;
        let leap = self.is_leap(part("date_part('year')", 9999)?, expr)?;
        let month = self.times(month()?, DAYS, expr)?;
        let of_leap_years = self.times(Typed { expr: leap, ty: Ty::TRUTH }, LEAP, expr)?;
        let number = self.plus(month, day, expr)?;
        let number = self.plus(number, of_leap_years, expr)?;
        let mut members = vec![number.expr];
        members.extend(absent_days().map(|number| self.build().small(number).expr));
        let is_absent = self.call(("IN", Kind::Int), members, Ty::TRUTH, expr)?;
        Ok(vec![self.not(is_absent, expr)?.expr])
    }

    fn is_none_of(
        &self,
        date: Typed,
        absent: Vec<CoreTime>,
        expr: &Physical,
    ) -> Outcome<Vec<Expr>> {
        if absent.is_empty() {
            return Ok(Vec::new());
        }
        let mut members = vec![date.expr];
        members.extend(absent.into_iter().map(|date| literal::date(self.build(), date).expr));
        let is_absent = self.call(("IN", date.ty.kind()), members, Ty::TRUTH, expr)?;
        Ok(vec![self.not(is_absent, expr)?.expr])
    }

    fn month(&self, date: &Typed, expr: &Physical) -> Outcome {
        let ty = Ty::Int(IntRange::signed(0, 12));
        self.call(("date_part('month')", date.ty.kind()), vec![date.expr.clone()], ty, expr)
    }

    /// In two operations and a comparison: [`LEAP_YEARS`].
    fn is_leap(&self, year: Typed, expr: &Physical) -> Outcome<Expr> {
        let [factor, mask, bound] = LEAP_YEARS;
        let product = self.times(year, factor, expr)?;
        let bits = Ty::Int(IntRange::signed(0, mask.into()));
        let children = vec![product.expr, self.small(mask, expr)?.expr];
        let masked = self.call(("&", Kind::Int), children, bits, expr)?;
        let children = vec![masked.expr, self.small(bound, expr)?.expr];
        Ok(self.call(("<=", Kind::Int), children, Ty::TRUTH, expr)?.expr)
    }

    /// Of what is never negative, and far from the end of 64 bits.
    fn times(&self, left: Typed, factor: u32, expr: &Physical) -> Outcome {
        let high = match left.ty {
            Ty::Int(range) => range.high,
            _ => return Err(Refusal::new(expr.as_ref(), Reason::Unknown)),
        };
        let ty = Ty::Int(IntRange::signed(0, high * i128::from(factor)));
        let children = vec![left.expr, self.small(factor, expr)?.expr];
        self.call(("*", Kind::Int), children, ty, expr)
    }

    /// The same.
    fn plus(&self, left: Typed, right: Typed, expr: &Physical) -> Outcome {
        let (Ty::Int(a), Ty::Int(b)) = (left.ty, right.ty) else {
            return Err(Refusal::new(expr.as_ref(), Reason::Unknown));
        };
        let ty = Ty::Int(IntRange::signed(0, a.high + b.high));
        self.call(("+", Kind::Int), vec![left.expr, right.expr], ty, expr)
    }

    fn small(&self, value: u32, expr: &Physical) -> Outcome {
        let constant = self.build().int(value.into());
        constant.ok_or_else(|| Refusal::new(expr.as_ref(), Reason::Unknown))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn years_of_four_digits_are_leap_years_as_the_calendar_says() {
        let [factor, mask, bound] = LEAP_YEARS.map(u64::from);
        for year in 0..=9999_u16 {
            let date =
                CoreTime { year, month: 2, day: 29, kind: TimeKind::Date, ..CoreTime::default() };
            let told = (u64::from(year) * factor) & mask <= bound;
            assert_eq!(told, date.to_days().is_ok(), "{year}");
        }
    }

    #[test]
    fn every_number_of_a_month_and_a_day_is_told() {
        let absent: Vec<_> = absent_days().collect();
        assert_eq!(absent.len(), 51 + 50);
        assert!(absent.iter().all(|number| (0..1024).contains(number)));
        // January 1st, March 31st, February 29th of either kind of year.
        let number = |leap: i32, month: i32, day: i32| leap * 512 + month * 32 + day;
        for present in [number(0, 1, 1), number(1, 3, 31), number(1, 2, 29)] {
            assert!(!absent.contains(&present), "{present}");
        }
        for one in [number(0, 2, 29), number(1, 2, 30), number(0, 0, 7), number(1, 7, 0)] {
            assert!(absent.contains(&one), "{one}");
        }
    }
}
