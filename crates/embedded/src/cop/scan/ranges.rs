//! Reads the pairs of a request's ranges one after the other, and remembers how far it got.

use std::ops::Range;

use tifusion_codec::key::prefix_next;
use tifusion_proto::coprocessor::KeyRange;

use crate::cop::error::CopError;
use crate::mvcc::Rows;

/// One range to read.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    /// One key that is there or not.
    Point(Vec<u8>),
    /// All keys from the first on, before the second.
    Interval(Vec<u8>, Vec<u8>),
}

/// A key and its value.
pub(crate) type Pair = (Vec<u8>, Vec<u8>);

/// The ranges of a request, as far as its region has them, while they are read.
#[derive(Debug)]
pub(crate) struct RangeScanner {
    pieces: Vec<Piece>,
    /// Which piece is being read.
    at: usize,
    /// What is left of it; `None` before it is begun.
    left: Option<Range<Vec<u8>>>,
    descending: bool,
    /// Pairs read from each range that was begun.
    pub(crate) counts: Vec<i64>,
    /// Bytes of the keys and values that were read.
    pub(crate) bytes: u64,
    region: Range<Vec<u8>>,
    /// Where this page began, in the direction of the scan.
    begun: Option<Vec<u8>>,
    /// Up to where it read.
    reached: Vec<u8>,
}

impl RangeScanner {
    /// A scanner of the ranges, from the last one's end backwards when `descending`. Ranges of one key
    /// are looked up rather than scanned where `accept_points`.
    ///
    /// # Errors
    /// [`CopError::Other`] for ranges that aren't a table's, or that are empty.
    pub(crate) fn new(
        ranges: &[KeyRange],
        region: Range<Vec<u8>>,
        descending: bool,
        accept_points: bool,
    ) -> Result<Self, CopError> {
        for range in ranges {
            check_range(range)?;
        }
        let mut pieces: Vec<Piece> = ranges
            .iter()
            .map(|range| {
                if accept_points && prefix_next(&range.start) == range.end {
                    Piece::Point(range.start.clone())
                } else {
                    Piece::Interval(range.start.clone(), range.end.clone())
                }
            })
            .collect();
        if descending {
            pieces.reverse();
        }
        Ok(Self {
            pieces,
            at: 0,
            left: None,
            descending,
            counts: Vec::new(),
            bytes: 0,
            region,
            begun: None,
            reached: Vec::new(),
        })
    }

    /// At most `limit` pairs; fewer when the ranges are read out.
    ///
    /// # Errors
    /// [`CopError`] when a key can't be read.
    pub(crate) fn next(
        &mut self,
        rows: &mut dyn Rows,
        limit: usize,
    ) -> Result<Vec<Pair>, CopError> {
        let mut pairs = Vec::new();
        while pairs.len() < limit {
            let Some(piece) = self.pieces.get(self.at).cloned() else { break };
            if self.left.is_none() {
                self.begin(&piece);
            }
            let found = match piece {
                Piece::Point(key) => {
                    self.finish_piece();
                    rows.get(&key)?.map(|value| (key, value)).into_iter().collect()
                }
                Piece::Interval(..) => self.scan(rows, limit - pairs.len())?,
            };
            if let Some(count) = self.counts.last_mut() {
                *count += i64::try_from(found.len()).unwrap_or(i64::MAX);
            }
            pairs.extend(found);
        }
        for (key, value) in &pairs {
            self.bytes += u64::try_from(key.len() + value.len()).unwrap_or(u64::MAX);
        }
        self.mark(pairs.last(), pairs.len() < limit);
        Ok(pairs)
    }

    /// The range read since the last call, with the gaps between ranges: what a page covers.
    pub(crate) fn take_scanned(&mut self) -> KeyRange {
        let begun = self.begun.replace(self.reached.clone()).unwrap_or_default();
        let reached = self.reached.clone();
        let (start, end) = if self.descending { (reached, begun) } else { (begun, reached) };
        KeyRange { start, end }
    }

    fn begin(&mut self, piece: &Piece) {
        self.counts.push(0);
        let (start, end) = match piece {
            Piece::Point(key) => (key.clone(), [key.as_slice(), &[0]].concat()),
            Piece::Interval(start, end) => (start.clone(), end.clone()),
        };
        if self.begun.is_none() {
            self.begun = Some(if self.descending { end.clone() } else { start.clone() });
        }
        let start = start.max(self.region.start.clone());
        let end = if self.region.end.is_empty() { end } else { end.min(self.region.end.clone()) };
        self.left = Some(start..end);
    }

    fn scan(&mut self, rows: &mut dyn Rows, limit: usize) -> Result<Vec<Pair>, CopError> {
        let Some(left) = self.left.as_mut() else { return Ok(Vec::new()) };
        let found = if left.start < left.end {
            rows.scan(left.start.as_slice()..left.end.as_slice(), limit, self.descending)?
        } else {
            Vec::new()
        };
        if found.len() < limit {
            self.finish_piece();
        } else if let Some((key, _)) = found.last() {
            if self.descending {
                left.end.clone_from(key);
            } else {
                left.start = [key.as_slice(), &[0]].concat();
            }
        }
        Ok(found)
    }

    fn finish_piece(&mut self) {
        self.at += 1;
        self.left = None;
    }

    /// Remembers how far the scan is: past the last pair, or at the end of everything.
    fn mark(&mut self, last: Option<&Pair>, drained: bool) {
        if drained {
            let end = match self.pieces.last() {
                Some(Piece::Point(key)) if self.descending => key.clone(),
                Some(Piece::Point(key)) => [key.as_slice(), &[0]].concat(),
                Some(Piece::Interval(start, _)) if self.descending => start.clone(),
                Some(Piece::Interval(_, end)) => end.clone(),
                None => return,
            };
            self.reached = end;
        } else if let Some((key, _)) = last {
            self.reached.clone_from(key);
            if !self.descending {
                self.reached.push(0);
            }
        }
    }
}

fn check_range(range: &KeyRange) -> Result<(), CopError> {
    for key in [&range.start, &range.end] {
        // An id of eight bytes follows.
        if key.first() != Some(&b't') || key.len() < 9 {
            return Err(CopError::plan(format!(
                "invalid data type: record key or index key expected, but got {}",
                tifusion_codec::key::display_key(key)
            )));
        }
    }
    if range.start >= range.end {
        return Err(CopError::plan(format!(
            "invalid range, its start should be smaller than its end, but got [{}, {})",
            tifusion_codec::key::display_key(&range.start),
            tifusion_codec::key::display_key(&range.end)
        )));
    }
    Ok(())
}
