//! Ids handed out together.

use super::error::RowIdError;

/// Greatest value of both of a [`Stride`]'s numbers.
const MOST_STRIDE: u64 = 65_535;

/// The session's `auto_increment_increment` and `auto_increment_offset`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stride {
    increment: u64,
    offset: u64,
}

impl Default for Stride {
    /// One after another, as sessions have it unless they say otherwise.
    fn default() -> Self {
        Self { increment: 1, offset: 1 }
    }
}

impl Stride {
    /// Ids `offset`, `offset + increment` and so on.
    ///
    /// # Errors
    /// [`RowIdError::Stride`] unless both are 1 to 65535.
    pub fn new(increment: u64, offset: u64) -> Result<Self, RowIdError> {
        let is_known = |value: u64| (1..=MOST_STRIDE).contains(&value);
        if is_known(increment) && is_known(offset) {
            Ok(Self { increment, offset })
        } else {
            Err(RowIdError::Stride { increment, offset })
        }
    }

    pub(super) fn increment(self) -> i128 {
        self.increment.into()
    }

    /// The first id behind `last`; as TiDB, which looks at the offset only where it steps.
    pub(super) fn first_behind(self, last: i128) -> i128 {
        let (increment, offset) = (i128::from(self.increment), i128::from(self.offset));
        // An offset further on is where the ids begin.
        let last = last.max(offset - 1);
        if increment == 1 {
            return last + 1;
        }
        (last + increment - offset).div_euclid(increment) * increment + offset
    }
}

/// Ids taken from an allocator: `count` of them, each `increment` behind the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batch {
    pub(super) first: u64,
    pub(super) increment: u64,
    pub(super) count: u64,
}

impl Batch {
    pub(super) fn new(first: u64, stride: Stride, count: u64) -> Self {
        Self { first, increment: stride.increment, count }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.count
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

impl Iterator for Batch {
    type Item = i64;

    /// The next id; that of an unsigned column as the same bits.
    fn next(&mut self) -> Option<i64> {
        self.count = self.count.checked_sub(1)?;
        let id = self.first;
        // The last one of all is within an i64 or u64; what would follow is not asked for.
        self.first = id.wrapping_add(self.increment);
        Some(id.cast_signed())
    }
}
