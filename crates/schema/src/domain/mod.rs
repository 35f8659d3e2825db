//! Which values of a column a filter leaves: a [`Domain`], intervals of [`Value`]s and whether `NULL` is
//! among them.
//!
//! Values are in the order in which Arrow, and so DataFusion, compares them. What becomes of that
//! order in keys, where text has sort keys and prefixes, is [`crate::key_range`]'s affair.

mod interval;
mod value;

pub use interval::Interval;
pub use value::{Value, datum, number_range};

use interval::{low_touches, widest};

/// The values of a column that may be in a row; the others are not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Domain {
    null: bool,
    /// Ascending, disjoint, none touching the next.
    intervals: Vec<Interval>,
}

impl Domain {
    /// All values, and `NULL`.
    #[must_use]
    pub fn all() -> Self {
        Self { null: true, intervals: vec![Interval::all()] }
    }

    /// All values but `NULL`.
    #[must_use]
    pub fn not_null() -> Self {
        Self { null: false, intervals: vec![Interval::all()] }
    }

    /// Only `NULL`.
    #[must_use]
    pub fn only_null() -> Self {
        Self { null: true, intervals: Vec::new() }
    }

    /// Nothing at all.
    #[must_use]
    pub fn none() -> Self {
        Self { null: false, intervals: Vec::new() }
    }

    /// The values of some intervals, in whatever order.
    #[must_use]
    pub fn of(intervals: impl IntoIterator<Item = Interval>) -> Self {
        let mut all: Vec<Interval> = intervals.into_iter().collect();
        all.sort_by(Interval::cmp_low);
        let mut merged: Vec<Interval> = Vec::with_capacity(all.len());
        for next in all {
            match merged.last_mut() {
                Some(last) if low_touches(&next, last) => *last = widest(last, next),
                _ => merged.push(next),
            }
        }
        Self { null: false, intervals: merged }
    }

    /// One value.
    #[must_use]
    pub fn point(value: Value) -> Self {
        Self::of([Interval::point(value)])
    }

    /// The same with `NULL`.
    #[must_use]
    pub fn with_null(self) -> Self {
        Self { null: true, ..self }
    }

    /// Whether `NULL` may be in a row.
    #[must_use]
    pub fn has_null(&self) -> bool {
        self.null
    }

    /// The values besides `NULL`: ascending, disjoint, none touching the next.
    #[must_use]
    pub fn intervals(&self) -> &[Interval] {
        &self.intervals
    }

    /// Whether no row has a value of it.
    #[must_use]
    pub fn is_none(&self) -> bool {
        !self.null && self.intervals.is_empty()
    }

    /// Whether it excludes nothing.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.null && self.intervals.iter().any(Interval::is_all)
    }

    /// What both leave.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Self {
        let mut intervals = Vec::new();
        let (mut left, mut right) = (self.intervals.iter(), other.intervals.iter());
        let (mut a, mut b) = (left.next(), right.next());
        while let (Some(one), Some(two)) = (a, b) {
            intervals.extend(one.intersect(two));
            if one.cmp_high(two).is_lt() {
                a = left.next();
            } else {
                b = right.next();
            }
        }
        Self { null: self.null && other.null, intervals }
    }

    /// What one of the two leaves.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let both = self.intervals.iter().chain(&other.intervals).cloned();
        Self { null: self.null || other.null, ..Self::of(both) }
    }

    /// All values that are in no interval, without `NULL`.
    #[must_use]
    pub fn other_values(&self) -> Self {
        let mut intervals = Vec::with_capacity(self.intervals.len() + 1);
        let mut rest = Some(Interval::all());
        for interval in &self.intervals {
            let Some(open) = rest else { break };
            intervals.extend(interval.below().and_then(|below| open.intersect(&below)));
            rest = interval.above();
        }
        intervals.extend(rest);
        Self { null: false, intervals }
    }
}

#[cfg(test)]
mod tests;
