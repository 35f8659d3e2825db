//! An order of joins.

use std::fmt;
use std::sync::Arc;

/// Leaves of a group, one bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub(super) struct Leaves(u32);

impl Leaves {
    /// This one.
    pub(super) fn one(leaf: usize) -> Self {
        Self(u32::try_from(leaf).ok().and_then(|leaf| 1_u32.checked_shl(leaf)).unwrap_or(0))
    }

    /// Those of both.
    pub(super) fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether it is among them.
    pub(super) fn has(self, leaf: usize) -> bool {
        self.0 & Self::one(leaf).0 != 0
    }

    /// Whether all of them are in `other`.
    pub(super) fn are_in(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// Their numbers.
    pub(super) fn iter(self) -> impl Iterator<Item = usize> {
        (0..32).filter(move |leaf| self.has(*leaf))
    }
}

/// Which leaves are joined with which first.
#[derive(Clone)]
pub(super) enum Tree {
    Leaf(usize),
    Join(Arc<Self>, Arc<Self>),
}

impl Tree {
    /// This joined with `other`.
    pub(super) fn with(self, other: Self) -> Self {
        Self::Join(Arc::new(self), Arc::new(other))
    }

    /// The leaves in it.
    pub(super) fn leaves(&self) -> Leaves {
        match self {
            Self::Leaf(leaf) => Leaves::one(*leaf),
            Self::Join(left, right) => left.leaves().and(right.leaves()),
        }
    }
}

impl fmt::Debug for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Leaf(leaf) => write!(f, "{leaf}"),
            Self::Join(left, right) => write!(f, "({left:?} {right:?})"),
        }
    }
}
