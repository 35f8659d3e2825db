//! Key ranges and their algebra: pure.

use std::cmp::Ordering;
use std::collections::VecDeque;

use bytes::Bytes;
use tifusion_proto::coprocessor;

use crate::error::{ClientError, ErrorKind, Result};

/// Raw keys from `start` up to but not including `end`; an empty `end` is unbounded.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct KeyRange {
    /// First key.
    pub start: Bytes,
    /// Key after the last.
    pub end: Bytes,
}

impl KeyRange {
    /// The range `start..end`.
    pub fn new(start: impl Into<Bytes>, end: impl Into<Bytes>) -> Self {
        Self { start: start.into(), end: end.into() }
    }

    /// As requests carry it.
    #[must_use]
    pub fn to_proto(&self) -> coprocessor::KeyRange {
        coprocessor::KeyRange { start: self.start.to_vec(), end: self.end.to_vec() }
    }

    fn is_empty(&self) -> bool {
        !self.end.is_empty() && self.start >= self.end
    }
}

impl From<coprocessor::KeyRange> for KeyRange {
    fn from(range: coprocessor::KeyRange) -> Self {
        Self::new(range.start, range.end)
    }
}

/// Orders two ends; the empty one comes last.
#[must_use]
pub(super) fn cmp_ends(one: &[u8], other: &[u8]) -> Ordering {
    (one.is_empty(), one).cmp(&(other.is_empty(), other))
}

/// Checks what TiKV takes for granted: ranges not empty, ascending, and disjoint.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] that names the first range out of place.
pub(super) fn check_sorted(ranges: &[KeyRange]) -> Result<()> {
    let wrong = |index: usize, what: &str, key: &[u8]| {
        let message = format!("key range {index} {what}; ranges must be sorted and disjoint");
        Err(ClientError::new(ErrorKind::InvalidInput, message).with_key(key))
    };
    let mut last: Option<&KeyRange> = None;
    for (index, range) in ranges.iter().enumerate() {
        if range.is_empty() {
            return wrong(index, "is empty", &range.start);
        }
        if last.is_some_and(|last| last.end.is_empty() || last.end > range.start) {
            return wrong(index, "begins before the one before it ends", &range.start);
        }
        last = Some(range);
    }
    Ok(())
}

/// Takes what lies below `end` off the front of sorted ranges, cutting the one that holds it.
pub(super) fn take_below(ranges: &mut VecDeque<KeyRange>, end: &Bytes) -> Vec<KeyRange> {
    let mut taken = Vec::new();
    while let Some(range) = ranges.front_mut() {
        if !end.is_empty() && range.start >= *end {
            break;
        }
        if cmp_ends(&range.end, end) == Ordering::Greater {
            taken.push(KeyRange { start: range.start.clone(), end: end.clone() });
            range.start = end.clone();
            break;
        }
        taken.extend(ranges.pop_front());
    }
    taken
}

/// Takes what lies at or above `start` off the back of sorted ranges, cutting the one that holds it;
/// still in ascending order.
pub(super) fn take_from(ranges: &mut VecDeque<KeyRange>, start: &Bytes) -> Vec<KeyRange> {
    let mut taken = VecDeque::new();
    while let Some(range) = ranges.back_mut() {
        if !range.end.is_empty() && range.end <= *start {
            break;
        }
        if range.start < *start {
            taken.push_front(KeyRange { start: start.clone(), end: range.end.clone() });
            range.end = start.clone();
            break;
        }
        if let Some(range) = ranges.pop_back() {
            taken.push_front(range);
        }
    }
    taken.into()
}

/// What is left of `ranges` after an answer that has covered them up to `done` (its `range`):
/// everything behind it in the direction of the scan.
///
/// # Errors
/// [`ErrorKind::Protocol`] when the answer covered nothing: asking again would not end.
pub(super) fn remaining(ranges: &[KeyRange], done: &KeyRange, desc: bool) -> Result<Vec<KeyRange>> {
    let mut queue: VecDeque<KeyRange> = ranges.iter().cloned().collect();
    let left = if desc {
        take_below_key(&mut queue, &done.start)
    } else {
        drop(take_below(&mut queue, &done.end));
        queue.into()
    };
    if left == ranges {
        return Err(ClientError::new(
            ErrorKind::Protocol,
            "the store's page covers none of the ranges asked for",
        )
        .with_key(if desc { &done.start } else { &done.end }));
    }
    Ok(left)
}

/// As [`take_below`], for a start key: the empty one has nothing below it.
fn take_below_key(ranges: &mut VecDeque<KeyRange>, key: &Bytes) -> Vec<KeyRange> {
    if key.is_empty() { Vec::new() } else { take_below(ranges, key) }
}

/// Two halves of `ranges`: of the list, or of the keys of a single range. `None` when it cannot be
/// divided.
#[must_use]
pub(super) fn halves(ranges: &[KeyRange]) -> Option<(Vec<KeyRange>, Vec<KeyRange>)> {
    match ranges {
        [] => None,
        [range] => {
            let middle = middle(&range.start, &range.end)?;
            let left = KeyRange { start: range.start.clone(), end: middle.clone() };
            let right = KeyRange { start: middle, end: range.end.clone() };
            Some((vec![left], vec![right]))
        }
        _ => {
            let (left, right) = ranges.split_at_checked(ranges.len() / 2)?;
            Some((left.to_vec(), right.to_vec()))
        }
    }
}

/// A key strictly between two others, about in the middle of the eight bytes behind what they share.
fn middle(start: &[u8], end: &[u8]) -> Option<Bytes> {
    let shared = start.iter().zip(end).take_while(|(a, b)| a == b).count();
    let low = eight_bytes(start, shared);
    let high = if end.is_empty() { u64::MAX } else { eight_bytes(end, shared) };
    let middle = low + high.checked_sub(low)? / 2;
    if middle == low {
        return None;
    }
    let mut key = start.get(..shared)?.to_vec();
    key.extend_from_slice(&middle.to_be_bytes());
    Some(key.into())
}

/// Eight bytes of `key` from `from` on, filled up with zeros.
fn eight_bytes(key: &[u8], from: usize) -> u64 {
    let mut bytes = [0; 8];
    for (byte, found) in bytes.iter_mut().zip(key.iter().skip(from)) {
        *byte = *found;
    }
    u64::from_be_bytes(bytes)
}

#[cfg(test)]
pub(super) mod tests;
