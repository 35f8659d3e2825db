//! Products of decimals with more digits than DataFusion computes with, and how it is known that none has.

use std::cmp::Reverse;

use tifusion_proto::tipb::ExprType;

use crate::pushdown::build::size;
use crate::pushdown::ty::{Ty, Typed};

/// A product that the store has of every row, and that DataFusion might have failed to compute.
#[derive(Debug, Clone)]
pub(super) struct Product {
    /// The product.
    pub(super) value: Typed,
    /// The scale that it has here.
    pub(super) scale: i8,
    /// What is multiplied.
    pub(super) factors: [Typed; 2],
}

/// A factor of a product: as long as its absolute value is small, the product has no more than 128 bits.
#[derive(Debug, Clone)]
pub(super) struct BoundedFactor {
    /// The factor.
    pub(super) factor: Typed,
    /// Its scale.
    pub(super) scale: i8,
    /// Its largest absolute value, in units of the scale.
    pub(super) most: i128,
}

/// Values that are ordinary for a factor have as many digits before the point.
const ORDINARY_DIGITS: u8 = 3;

impl Product {
    /// The factor that is the least work to look at in the place of the product; `None` where none may have ordinary
    /// values whatever the other is.
    pub(super) fn bounded_factor(&self) -> Option<BoundedFactor> {
        let [left, right] = &self.factors;
        let candidates = [(left, right), (right, left)];
        let bounded = candidates.into_iter().filter_map(|(factor, other)| {
            let Ty::Decimal { scale, .. } = factor.ty else { return None };
            // A constant is not small in one row and large in another.
            if factor.expr.children.is_empty() && factor.expr.tp() != ExprType::ColumnRef {
                return None;
            }
            let most = self.most_of(factor.ty, other.ty)?;
            let ordinary = 10_i128.checked_pow(u32::from(scale + ORDINARY_DIGITS))?;
            let scale = i8::try_from(scale).ok()?;
            (most >= ordinary).then(|| BoundedFactor { factor: factor.clone(), scale, most })
        });
        // Of two that are as much work, the one that may be the larger.
        bounded.min_by_key(|bounded| {
            let digits = bounded.most.ilog10().saturating_sub(bounded.scale.unsigned_abs().into());
            (size(&bounded.factor.expr).0, Reverse(digits))
        })
    }

    /// How large a factor may be, in its own units, if the other one has all digits of its type.
    fn most_of(&self, factor: Ty, other: Ty) -> Option<i128> {
        let (Ty::Decimal { scale: s, .. }, Ty::Decimal { precision: q, scale: t }) =
            (factor, other)
        else {
            return None;
        };
        // The product of what is below 10^q units of the other's and of a unit of this one has 10^q of theirs, of
        // which each is 10^(scale - s - t) units of the product here.
        let more = i16::from(self.scale) - i16::from(s) - i16::from(t);
        let zeros = u32::try_from(i16::from(q) + more.max(0)).ok()?;
        Some(i128::MAX / 10_i128.checked_pow(zeros)?)
    }
}
