//! Intervals of values.

use std::cmp::Ordering;
use std::fmt;
use std::ops::Bound;

use super::Value;

/// Values between two bounds. It is never empty as far as the bounds tell, and a bound that is a number
/// is part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interval {
    low: Bound<Value>,
    high: Bound<Value>,
}

impl Interval {
    /// The values between two bounds, `None` if there are none.
    #[must_use]
    pub fn new(low: Bound<Value>, high: Bound<Value>) -> Option<Self> {
        let low = match low {
            Bound::Excluded(Value::Number(n)) => Bound::Included(Value::Number(n.checked_add(1)?)),
            low => low,
        };
        let high = match high {
            Bound::Excluded(Value::Number(n)) => Bound::Included(Value::Number(n.checked_sub(1)?)),
            high => high,
        };
        let is_empty = match (&low, &high) {
            (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
            (Bound::Included(low), Bound::Included(high)) => low > high,
            (
                Bound::Included(low) | Bound::Excluded(low),
                Bound::Included(high) | Bound::Excluded(high),
            ) => low >= high,
        };
        (!is_empty).then_some(Self { low, high })
    }

    /// All values.
    #[must_use]
    pub fn all() -> Self {
        Self { low: Bound::Unbounded, high: Bound::Unbounded }
    }

    /// One value.
    #[must_use]
    pub fn point(value: Value) -> Self {
        Self { low: Bound::Included(value.clone()), high: Bound::Included(value) }
    }

    /// Its lower bound.
    #[must_use]
    pub fn low(&self) -> &Bound<Value> {
        &self.low
    }

    /// Its upper bound.
    #[must_use]
    pub fn high(&self) -> &Bound<Value> {
        &self.high
    }

    /// Its only value, if it has one.
    #[must_use]
    pub fn as_point(&self) -> Option<&Value> {
        match (&self.low, &self.high) {
            (Bound::Included(low), Bound::Included(high)) if low == high => Some(low),
            _ => None,
        }
    }

    /// Whether it has no bound.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.low == Bound::Unbounded && self.high == Bound::Unbounded
    }

    /// The values that are in both, `None` if there are none.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Option<Self> {
        let low = if self.cmp_low(other).is_ge() { &self.low } else { &other.low };
        let high = if self.cmp_high(other).is_le() { &self.high } else { &other.high };
        Self::new(low.clone(), high.clone())
    }

    /// The values below it.
    pub(super) fn below(&self) -> Option<Self> {
        Self::new(Bound::Unbounded, opposite(&self.low)?)
    }

    /// The values above it.
    pub(super) fn above(&self) -> Option<Self> {
        Self::new(opposite(&self.high)?, Bound::Unbounded)
    }

    /// Which of the two begins first.
    pub(super) fn cmp_low(&self, other: &Self) -> Ordering {
        cmp_bounds(&self.low, &other.low, Ordering::Less)
    }

    /// Which of the two ends first.
    pub(super) fn cmp_high(&self, other: &Self) -> Ordering {
        cmp_bounds(&self.high, &other.high, Ordering::Greater)
    }
}

/// Orders two lower bounds (`side` is less) or two upper ones (`side` is greater): no bound is on the
/// outer side of all, and an included value on the outer side of the excluded one.
fn cmp_bounds(one: &Bound<Value>, other: &Bound<Value>, side: Ordering) -> Ordering {
    match (one, other) {
        (Bound::Unbounded, Bound::Unbounded) => Ordering::Equal,
        (Bound::Unbounded, _) => side,
        (_, Bound::Unbounded) => side.reverse(),
        (Bound::Included(a), Bound::Excluded(b)) => a.cmp(b).then(side),
        (Bound::Excluded(a), Bound::Included(b)) => a.cmp(b).then(side.reverse()),
        (Bound::Included(a), Bound::Included(b)) | (Bound::Excluded(a), Bound::Excluded(b)) => {
            a.cmp(b)
        }
    }
}

/// The bound of what lies on the other side.
fn opposite(bound: &Bound<Value>) -> Option<Bound<Value>> {
    match bound {
        Bound::Unbounded => None,
        Bound::Included(value) => Some(Bound::Excluded(value.clone())),
        Bound::Excluded(value) => Some(Bound::Included(value.clone())),
    }
}

/// Whether `next`, which begins no earlier than `last`, leaves no value between the two.
pub(super) fn low_touches(next: &Interval, last: &Interval) -> bool {
    match (&next.low, &last.high) {
        (Bound::Unbounded, _) | (_, Bound::Unbounded) => true,
        (Bound::Included(Value::Number(low)), Bound::Included(Value::Number(high))) => {
            *low <= high.saturating_add(1)
        }
        (Bound::Excluded(low), Bound::Excluded(high)) => low < high,
        (
            Bound::Included(low) | Bound::Excluded(low),
            Bound::Included(high) | Bound::Excluded(high),
        ) => low <= high,
    }
}

/// `last`, and `next` that touches it, as one.
pub(super) fn widest(last: &Interval, next: Interval) -> Interval {
    let high = if last.cmp_high(&next).is_ge() { last.high.clone() } else { next.high };
    Interval { low: last.low.clone(), high }
}

impl fmt::Display for Interval {
    /// As mathematics has it: `[1,5]`, `(-inf,"x")`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, |value, f| value.fmt(f))
    }
}

impl Interval {
    /// Writes the interval with its values as `value` writes them.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write<W: fmt::Write>(
        &self,
        out: &mut W,
        value: impl Fn(&Value, &mut W) -> fmt::Result,
    ) -> fmt::Result {
        match &self.low {
            Bound::Unbounded => out.write_str("(-inf")?,
            Bound::Included(low) => {
                out.write_str("[")?;
                value(low, out)?;
            }
            Bound::Excluded(low) => {
                out.write_str("(")?;
                value(low, out)?;
            }
        }
        out.write_str(",")?;
        match &self.high {
            Bound::Unbounded => out.write_str("+inf)"),
            Bound::Included(high) => {
                value(high, out)?;
                out.write_str("]")
            }
            Bound::Excluded(high) => {
                value(high, out)?;
                out.write_str(")")
            }
        }
    }
}
