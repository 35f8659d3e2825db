//! Whole numbers of any size in words of nine digits, the most significant first.

/// What a word counts to.
pub(super) const BASE: u64 = 1_000_000_000;

/// A whole number without a sign.
pub(super) type Limbs = Vec<u64>;

fn at(limbs: &[u64], index: usize) -> u64 {
    limbs.get(index).copied().unwrap_or(0)
}

fn set(limbs: &mut [u64], index: usize, value: u64) {
    if let Some(limb) = limbs.get_mut(index) {
        *limb = value;
    }
}

/// Drops zeros at the front.
pub(super) fn trim(mut limbs: Limbs) -> Limbs {
    let zeros = limbs.iter().take_while(|limb| **limb == 0).count();
    limbs.drain(..zeros);
    limbs
}

/// Which of two trimmed numbers is greater.
pub(super) fn compare(left: &[u64], right: &[u64]) -> std::cmp::Ordering {
    left.len().cmp(&right.len()).then_with(|| left.cmp(right))
}

/// The sum.
pub(super) fn add(left: &[u64], right: &[u64]) -> Limbs {
    let len = left.len().max(right.len()) + 1;
    let mut carry = 0;
    let mut sum: Limbs = (0..len)
        .map(|from_end| {
            let part = |limbs: &[u64]| {
                limbs.len().checked_sub(from_end + 1).map_or(0, |index| at(limbs, index))
            };
            let total = part(left) + part(right) + carry;
            carry = total / BASE;
            total % BASE
        })
        .collect();
    sum.reverse();
    trim(sum)
}

/// The difference; `left` is not less than `right`.
pub(super) fn subtract(left: &[u64], right: &[u64]) -> Limbs {
    let mut borrow = 0;
    let mut difference: Limbs = (0..left.len())
        .map(|from_end| {
            let part = |limbs: &[u64]| {
                limbs.len().checked_sub(from_end + 1).map_or(0, |index| at(limbs, index))
            };
            let total = part(left) + BASE - part(right) - borrow;
            borrow = u64::from(total < BASE);
            total % BASE
        })
        .collect();
    difference.reverse();
    trim(difference)
}

/// The product.
pub(super) fn multiply(left: &[u64], right: &[u64]) -> Limbs {
    let mut product = vec![0; left.len() + right.len()];
    for (i, a) in left.iter().enumerate().rev() {
        let mut carry = 0;
        for (j, b) in right.iter().enumerate().rev() {
            let total = at(&product, i + j + 1) + a * b + carry;
            set(&mut product, i + j + 1, total % BASE);
            carry = total / BASE;
        }
        set(&mut product, i, carry);
    }
    trim(product)
}

/// The whole quotient and the remainder; `None` when `right` is zero.
pub(super) fn divide(left: &[u64], right: &[u64]) -> Option<(Limbs, Limbs)> {
    let right = trim(right.to_vec());
    let top = *right.first()?;
    if right.len() == 1 {
        let mut rest = 0;
        let quotient = left
            .iter()
            .map(|limb| {
                let part = rest * BASE + limb;
                rest = part % top;
                part / top
            })
            .collect();
        return Some((trim(quotient), trim(vec![rest])));
    }
    // Knuth's algorithm D, with limbs in falling order.
    let factor = BASE / (top + 1);
    let divisor = trim(multiply(&right, &[factor]));
    let mut rest = multiply(left, &[factor]);
    let width = divisor.len();
    let lead = (left.len() + 1).max(width).saturating_sub(rest.len());
    rest.splice(0..0, std::iter::repeat_n(0, lead));
    let mut quotient = vec![0];
    for start in 0..rest.len().saturating_sub(width) {
        let digit = guess(&rest, &divisor, start);
        quotient.push(take_multiple(&mut rest, &divisor, start, digit));
    }
    let (rest, _) = divide(&trim(rest), &[factor])?;
    Some((trim(quotient), rest))
}

/// A digit of the quotient, at most one too large.
fn guess(rest: &[u64], divisor: &[u64], start: usize) -> u64 {
    let (first, second) = (at(divisor, 0), at(divisor, 1));
    let head = at(rest, start) * BASE + at(rest, start + 1);
    let (mut digit, mut left) = (head / first, head % first);
    while digit >= BASE || digit * second > left * BASE + at(rest, start + 2) {
        digit -= 1;
        left += first;
        if left >= BASE {
            break;
        }
    }
    digit
}

/// Takes `digit` times the divisor off the part of `rest` at `start`; one time less if that is too
/// much. Returns the digit that it was.
fn take_multiple(rest: &mut [u64], divisor: &[u64], start: usize, digit: u64) -> u64 {
    let (mut carry, mut borrow) = (0, 0);
    for index in (0..divisor.len()).rev() {
        let product = at(divisor, index) * digit + carry;
        carry = product / BASE;
        let total = at(rest, start + index + 1) + BASE - product % BASE - borrow;
        borrow = u64::from(total < BASE);
        set(rest, start + index + 1, total % BASE);
    }
    let head = at(rest, start);
    if head >= carry + borrow {
        set(rest, start, head - carry - borrow);
        return digit;
    }
    let mut carry = 0;
    for index in (0..divisor.len()).rev() {
        let total = at(rest, start + index + 1) + at(divisor, index) + carry;
        carry = total / BASE;
        set(rest, start + index + 1, total % BASE);
    }
    set(rest, start, 0);
    digit - 1
}
